"""Tables of the exercises of chapter 1, windows."""

import numpy as np

from pooling import max_pool2d
from pooling.check import families
from pooling.check.families import axes_of, but, reduced, then
from pooling.check.table import Check, NotHere, windows_of

IMAGE = np.array([[-1, 3, 0, -2], [2, -4, -3, -5], [5, 1, -6, -7]])


# 1.1
def by_hand(largest=max, average=np.mean, **third):
    """Pool IMAGE as the exercise asks, or nearly so."""
    x = IMAGE.astype(float)
    third = {"stride": 2, **third}
    return (
        reduced(largest, x, 2, 1),
        reduced(average, x, 2, 1),
        reduced(largest, x, 2, **third),
    )


def in_ints():
    """Return what by_hand does; maxima of ints are ints."""
    maxima, averages, strided = by_hand()
    return maxima.astype(int), averages, strided.astype(int)


pool_by_hand = Check(
    in_ints, axes=("OH", "OW"),
    cases=[
        ("maximum", "the maximum"),
        ("average", "the average"),
        ("stride", "the maximum, stride 2"),
    ],
    results={"maximum": 0, "average": 1, "stride": 2},
    draw={
        "maximum": lambda: windows_of(IMAGE, 2, 1),
        "average": lambda: windows_of(IMAGE, 2, 1),
        "stride": lambda: windows_of(IMAGE, 2, 2),
    },
    mistakes=[
        ("negative-is-0", "no value is below 0; a window of negative numbers "
         "has a negative maximum", 2,
         lambda: by_hand(lambda cells: max([0, *cells]))),
        ("farthest-from-0", "the number farthest from 0, not the largest; -6 "
         "is less than 1", 2, lambda: by_hand(lambda c: max(c, key=abs))),
        ("signs-lost", "the signs are lost", 2,
         lambda: by_hand(lambda cells: max(map(abs, cells)),
                         lambda cells: np.mean(np.abs(cells)))),
        ("average-for-maximum", "this is the average", 1,
         lambda: by_hand(np.mean)),
        ("minimum-for-maximum", "this is the minimum", 1,
         lambda: by_hand(min)),
        ("maximum-for-average", "this is the maximum", 1,
         lambda: by_hand(average=max)),
        ("sum-for-average", "these are sums; divide by the 4 cells", 2,
         lambda: by_hand(average=sum)),
        ("average-cut", "some averages are not whole numbers; keep what is "
         "behind the point", 2,
         lambda: by_hand(average=lambda cells: int(np.mean(cells)))),
        ("average-floored", "some averages are not whole numbers; `//` "
         "rounds them down", 2,
         lambda: by_hand(average=lambda cells: sum(cells) // 4)),
        ("stride-is-1", "the window still moves by 1; with stride 2 it moves "
         "by 2", 3, lambda: by_hand(stride=1)),
        ("stride-across-alone", "the window moves by 2 across but by 1 down; "
         "stride 2 means both", 3, lambda: by_hand(stride=(1, 2))),
        ("stride-down-alone", "the window moves by 2 down but by 1 across; "
         "stride 2 means both", 3, lambda: by_hand(stride=(2, 1))),
        ("half-window", "a third row is too little for a second window of 2 "
         "rows: floor drops it", 3,
         lambda: by_hand(padding=((0, 1), (0, 0)))),
    ],
)  # fmt: skip


# 1.2
def counted(size, window, stride, padding, ceil, late=None):
    """Count windows; none starts at `late` in the padded row, or behind it."""
    room = size + 2 * padding - window
    out = (-(-room // stride) if ceil else room // stride) + 1
    late = size + padding if late is None else late
    return out - 1 if ceil and (out - 1) * stride >= late else out


def axes_to_count(draw):
    """Make calls of count_windows."""
    yield "floor", "windows that overlap", *draw.sizes(14, 5), 2, 0, False
    yield "floor", "a stride above the window", *draw.sizes(12, 2), 5, 0, False
    yield "floor", "side by side", *draw.pick((9, 3, 3), (12, 4, 4)), 0, False
    yield "floor", "one window", *draw.pick((5, 5, 2), (7, 7, 3)), 0, False
    yield "padding", "stride 1", *draw.pick((8, 5, 1), (10, 4, 1)), 2, False
    yield "padding", "padding 1", *draw.pick((8, 4, 3), (11, 4, 3)), 1, False
    yield "ceil", "nothing left", *draw.pick((9, 5, 2), (11, 5, 2)), 0, True
    yield "ceil", "a remainder", *draw.pick((9, 4, 3), (12, 4, 3)), 0, True
    yield "ceil", "padding 3", *draw.pick((8, 5, 2), (10, 5, 2)), 3, True
    yield "late", "far behind", *draw.pick((10, 2, 4), (13, 2, 5)), 1, True
    yield "late", "just behind", *draw.pick((5, 2, 3), (8, 2, 3)), 1, True
    yield "late", "in the image", *draw.pick((9, 7, 2), (11, 7, 2)), 4, True
    yield "late", "a remainder", *draw.pick((6, 3, 3), (8, 3, 4)), 1, True


def rounded_down(**changes):
    """Make a mistake that is one only where `ceil` is False."""

    def answer(*args):
        if args[-1]:
            raise NotHere
        return but(counted, **changes)(*args)

    return answer


count_windows = Check(
    counted, axes_to_count, own_hand=("output_size",),
    mistakes=[
        ("without-1", "a window is missing: the first one counts, too, before "
         "any step", 1, then(counted, lambda out: out - 1)),
        ("window-left-out", "the last window must end inside, so it starts at "
         "size - window at the latest", 1, rounded_down(window=0)),
        ("one-inside-division", "this is right for stride 1 alone: the 1 for "
         "the first window is added after the division", 1,
         lambda size, window, stride, padding, ceil: (
             size + 2 * padding - window + 1) // stride),
        ("window-for-stride", "a step is as long as the stride, not as the "
         "window", 1, but(counted, stride=lambda window: window)),
        ("always-up", "this rounds up, and `ceil` is False", 1,
         rounded_down(ceil=True, late=999)),
        ("late-in-image", "a window is dropped that sees the image: in the "
         "padded row, the image ends at padding + size", 3,
         but(counted, late=lambda size: size)),
        ("late-kept", "the last window starts behind the image and sees none "
         "of its cells", 3, but(counted, late=999)),
        ("late-by-one", "a window that starts exactly on the first cell "
         "behind the image sees nothing: `>=`, and the image ends at padding "
         "+ size", 3,
         but(counted, late=lambda size, padding: size + padding + 1)),
        ("padding-ignored", "the padding is not used", 2,
         but(counted, padding=0)),
        ("padding-once", "the padding is added once, but there is one on each "
         "side", 2, but(counted, size=lambda size, padding: size - padding)),
        ("padding-doubled", "the padding is doubled twice: it is that of each "
         "side already", 2, but(counted, padding=lambda padding: 2 * padding)),
        ("starts-inside", "not each window that starts inside is kept: one "
         "partial window at most, and only if cells are left over", 2,
         lambda size, window, stride, padding, ceil: len(
             range(-padding, size if ceil else size + padding - window + 1,
                   stride))),
        ("always-down", "this rounds down, and `ceil` is True", 2,
         but(counted, ceil=False)),
        ("one-more", "`a // b + 1` is not the ceiling: it is one too many "
         "where b divides a", 2,
         lambda *args: counted(*args[:4], False) + args[4]),
    ],
)  # fmt: skip


# 1.3
def fitting(out, window, stride, padding=0):
    """Try all sizes; return the smallest and the largest that fit."""
    fits = [
        size
        for size in range(1, (out + 1) * stride + window)
        if (size + 2 * padding - window) // stride + 1 == out
    ]
    return fits[0], fits[-1]


def sizes(draw):
    """Make calls of input_sizes."""
    yield "plain", "a stride above the window", *draw.sizes(2, 3, 4)
    yield "plain", "windows that overlap", *draw.sizes(4, 3, 2, by=2)
    yield "plain", "stride 1", *draw.sizes(5, 2), 1
    yield "plain", "one window", 1, *draw.sizes(5, 3)
    yield "padding", "padding 1", *draw.sizes(4, 5, 3), 1
    yield "padding", "padding 2", *draw.sizes(3, 5, 4), 2
    yield "padding", "one window, padding 3", 1, *draw.sizes(7, 5), 3


def both(start):
    """Turn a formula for the smallest size into an answer."""

    def answer(out, window, stride, padding=0):
        smallest = start(out, window, stride, padding)
        return smallest, smallest + stride - 1

    return answer


input_sizes = Check(
    fitting, sizes,
    mistakes=[
        ("no-remainder", "some sizes leave a remainder that floor drops; they "
         "count too", 1, lambda *args: fitting(*args)[:1] * 2),
        ("largest-one-more", "the largest is one too large: with a whole "
         "stride more, one more window fits", 2,
         lambda *args: (fitting(*args)[0], fitting(*args)[1] + 1)),
        ("last-cell", "these are the places of the last cells, counted from "
         "0; the size is one more", 1,
         lambda *args: tuple(size - 1 for size in fitting(*args))),
        ("steps-are-windows", "`out` windows have only `out - 1` steps "
         "between them", 2,
         both(lambda out, window, stride, p: out * stride + window - 2 * p)),
        ("padding-ignored", "the padding is left out", 3,
         lambda out, window, stride, p=0: fitting(out, window, stride)),
        ("padding-once", "the padding is taken off once, but there is one on "
         "each side", 3, both(lambda out, window, stride, p: (
             (out - 1) * stride + window - p))),
        ("padding-added", "the padding is added; it makes room, so a smaller "
         "image is enough", 3, both(lambda out, window, stride, p: (
             (out - 1) * stride + window + 2 * p))),
        *families.order(fitting),
    ],
)  # fmt: skip


# 1.4
def pooled(x, window, stride, padding, mode, fill=None, zero=0, count=None):
    """Pool each plane; padding holds `fill` or `zero`, None is left out."""
    pick, fill = (max, fill) if mode == "max" else (np.mean, zero)
    return reduced(pick, x, window, stride, padding, fill, count)


def start_at_i(x, window, stride, padding, mode):
    """Count with the stride, and start at (i, j) all the same."""
    OH, OW = pooled(x, window, stride, padding, mode).shape[2:]
    return pooled(x, window, (1, 1), padding, mode)[:, :, :OH, :OW]


def padded_twice(x, window, stride, padding, mode):
    """Pad a copy, and count its windows as if it were not padded yet."""
    sides = ((0, 0), (0, 0), *((p, p) for p in padding))
    fill = -np.inf if mode == "max" else 0
    copy = np.pad(x, sides, constant_values=fill)
    behind = tuple((0, 2 * p) for p in padding)  # a slice ends before
    return pooled(copy, window, stride, behind, mode, zero=None)


def layers(draw):
    """Make calls of pool_planes."""
    none, x = (0, 0), draw.numbers(draw.sizes(2, 3, 8, 13))
    yield "maximum", "overlap", x, (3, 2), (2, 1), none, "max"
    yield "maximum", "a remainder", x, (2, 4), (3, 2), none, "max"
    yield "maximum", "side by side", x, (2, 3), (2, 3), none, "max"
    yield "average", "overlap", x, (3, 2), (2, 1), none, "avg"
    yield "average", "a remainder", x, (2, 4), (3, 2), none, "avg"
    yield "padding", "negative", x, (3, 5), (2, 3), (1, 2), "max"
    yield "padding", "rows alone", x, (4, 3), (1, 2), (2, 0), "max"
    yield "padding", "huge numbers", x * 1e10, (2, 3), (2, 1), (1, 2), "max"
    yield "average-padding", "both", x, (3, 5), (2, 3), (1, 2), "avg"
    yield "average-padding", "rows alone", x, (4, 3), (1, 2), (2, 0), "avg"


pool_planes = Check(
    pooled, layers, axes=("N", "C", "OH", "OW"),
    own_hand=("sliding_window_view", "as_strided", "maximum_filter"),
    draw=lambda x, window, stride, padding, mode: windows_of(
        x, window, stride, padding),
    mistakes=[
        ("start-at-i", "there are as many windows as there should be, but "
         "they start at (i, j), not at (i * SH, j * SW)", 1, start_at_i),
        ("average-for-maximum", "this is the average", None,
         but(pooled, mode="avg")),
        ("first-plane", "all planes hold the result of the first one", 2,
         then(pooled, lambda y: np.broadcast_to(y[:1, :1], y.shape))),
        *((f"one-{key}", "all planes share one number: without `axis=(2, 3)`, "
           f"`{key}` runs over images and channels, too", 2,
           then(pooled, lambda y, one=one: np.broadcast_to(
               one(y, axis=(0, 1), keepdims=True), y.shape)))
          for key, one in (("max", np.max), ("mean", np.mean))),
        ("maximum-for-average", "this is the maximum; `mode` asks for the "
         "average", None, but(pooled, mode="max")),
        ("sum-for-average", "these are sums; divide by the cells of a window",
         None, lambda x, window, *o: pooled(x, window, *o) * (
             window[0] * window[1] if o[-1] == "avg" else 1)),
        *families.fills(pooled, {
            "padded-with-0": ("the padded cells hold 0, and 0 beats every "
                              "negative number", 0),
            **{f"padded-with-{fill:g}": (
                f"the padded cells hold {fill:g}, and x holds smaller "
                "numbers", fill) for fill in (-1, -999, -9999, -1e6, -1e9)},
        }, hint=3),
        ("padding-not-counted", "each window is divided by its cells in the "
         "image; here the padding counts", 3, but(pooled, zero=None)),
        ("average-of--inf", "the padding is -inf for the average, too; there "
         "it is 0", 3, but(pooled, zero=-np.inf)),
        ("size-without-padding", "the last windows are missing: padding adds "
         "to the sizes from which OH and OW are counted", 3,
         but(pooled, count=lambda: lambda axis: (
             axis.size - axis.window) // axis.stride + 1)),
        ("padding-counted-twice", "the padding counts twice: x has become the "
         "padded copy, so its size has the padding in it already", 3,
         but(padded_twice)),
        *families.padding(pooled, hint=3),
        *families.stride(pooled, hint=1),
        *families.window(pooled, hint=1),
        *families.count(pooled, hint=1),
        *families.axes(pooled, hint=2),
        *families.dtype(pooled),
    ],
)  # fmt: skip


# 1.5
def minimum(x, window, stride=None, padding=0, fill=None, count=None):
    """Take the minimum of each window."""
    return reduced(min, x, window, stride, padding, fill, count)


def images(draw):
    """Make calls of min_pool2d."""
    x = draw.numbers(draw.sizes(2, 3, 5, 8), below=700)
    turned = draw.numbers(draw.sizes(3, 2, 7, 4)).transpose(1, 0, 3, 2)
    yield "values", "a window 2 x 3, stride (2, 1)", x, (2, 3), (2, 1)
    yield "values", "no stride given, so it is the window", x, (2, 3)
    yield "values", "a transposed view, negative numbers", turned, (1, 2), 1
    yield "padding", "all numbers positive", x, (2, 3), (2, 1), 1
    yield "padding", "all numbers negative", -x, (3, 2), 2, (0, 1)
    yield "padding", "large numbers", x * 1e10, (3, 5), (1, 2), (1, 2)
    signed = draw.rng.permutation(np.arange(-128, 127, 2)).astype("i1")
    whole = draw.rng.permutation(240).astype("u1")
    large = draw.numbers((1, 2, 4, 3)).astype(int) + 2**60
    yield ("integers", "int8 with a -128", signed[:126].reshape(1, 2, 7, 9),
           (2, 3), (2, 1))  # fmt: skip
    yield ("integers", "uint8 with a 0", whole.reshape(2, 3, 4, 10),
           (2, 3), (1, 2))  # fmt: skip
    yield ("integers", "uint8 above 0, padding",
           (whole + 9).reshape(3, 2, 5, 8), 2, (2, 1), 1)  # fmt: skip
    yield "integers", "int64 near 2**60, padding", large, 2, (1, 2), (1, 0)


ONE_MINUS = "only one of the two minus signs is there: "

min_pool2d = Check(
    minimum, images, draw=windows_of, exact={"integers"},
    axes=("N", "C", "OH", "OW"),
    mistakes=[
        ("minus-wraps", "`-x` wraps around: int8 has no 128, and uint8 has no "
         "negative numbers", 2, lambda x, *o: -max_pool2d(-x, *o)),
        ("difference-wraps", "a difference can be too large for int8, and "
         "then it wraps around", 2,
         lambda x, *o: x.max() - max_pool2d(x.max() - x, *o)),
        ("through-floats", "large whole numbers lose their last digits when "
         "they become floats", 2,
         lambda x, *o: minimum(x.astype(float), *o).astype(x.dtype)),
        ("dtype-float64", "the numbers are right, but they have become "
         "floats", 2, lambda x, *o: minimum(x.astype("f8"), *o)),
        ("maximum", "this is the maximum", 1, max_pool2d),
        ("minus-inside-missing", ONE_MINUS + "x must be turned before it is "
         "pooled", 1, lambda *args: -max_pool2d(*args)),
        ("minus-outside-missing", ONE_MINUS + "what was turned must be turned "
         "back", 1, lambda x, *o: max_pool2d(-x, *o)),
        *families.fills(minimum, {
            "padded-with-0": ("the padded cells hold 0, and 0 wins wherever "
                              "all numbers are positive", 0),
            "padded-with--inf": (
                "the padded cells hold -inf, which never wins a maximum but "
                "always wins a minimum", -np.inf),
            "padded-with-min": ("the padded cells hold the minimum of x, "
                                "which always wins", lambda x: x.min()),
            **{f"padded-with-{fill:g}": (
                f"the padded cells hold {fill:g}, and x holds larger numbers",
                fill) for fill in (127, 255, 999, 9999, 1e6, 1e9)},
        }, hint=3),
        *families.padding(minimum, hint=3),
        *families.stride(minimum),
        *families.window(minimum),
        *families.count(minimum),
        *families.axes(minimum, np.min),
    ],
)  # fmt: skip


# 1.6
def kernel(channels, window, cells=lambda C, PH, PW: PH * PW, planes=np.eye):
    """Return weights of 1 / cells in the planes that are 1."""
    C, (PH, PW) = channels, window
    return np.full((C, C, PH, PW), 1 / cells(C, PH, PW)) * (
        planes(C).reshape(C, C, 1, 1)
    )


def kernels(draw):
    """Make calls of average_kernel."""
    wide, high = draw.pick((2, 3), (4, 7), (2, 5)), draw.pick((4, 3), (5, 2))
    yield "one", "one channel, a wide window", 1, wide
    yield "one", "one channel, a high window", 1, high
    yield "several", "several channels, a wide window", 2, wide
    yield "several", "several channels, a high window", *draw.sizes(5), high


def every(C):
    """Return ones: each channel enters each channel."""
    return np.ones((C, C))


average_kernel = Check(
    kernel, kernels, axes="OCHW",
    mistakes=[
        ("channels-added", "every output adds up all channels; each should "
         "look at its own channel alone", 2,
         lambda *args: kernel(*args, planes=every)),
        ("channels-averaged", "every output averages over all channels; each "
         "should look at its own channel alone", 2,
         lambda *args: kernel(*args, lambda C, a, b: C * a * b, every)),
        ("divided-by-channels", "divided by the number of channels too; a "
         "window has PH * PW cells", 1,
         lambda *args: kernel(*args, lambda C, a, b: C * a * b)),
        ("not-divided", "with weights of 1 the convolution adds; an average "
         "divides too", 1, lambda *args: kernel(*args, lambda *_: 1)),
        *((f"divided-by-{key}", "a window has PH * PW cells", 1,
           lambda *args, cells=cells: kernel(*args, cells))
          for key, cells in {
              "sum": lambda C, PH, PW: PH + PW,
              "height-squared": lambda C, PH, PW: PH**2,
              "width-squared": lambda C, PH, PW: PW**2,
              "height": lambda C, PH, PW: PH,
              "width": lambda C, PH, PW: PW,
          }.items()),
        ("one-plane-each", "there is one plane of weights for each pair of "
         "an output and an input channel", 2,
         lambda C, window: kernel(C, window).sum(axis=1)),
        ("depthwise", "one plane for each channel, as in a depthwise "
         "convolution, is not enough: one for each PAIR (o, c)", 2,
         lambda C, window: kernel(C, window).sum(axis=1, keepdims=True)),
        *families.window(kernel),
    ],
)  # fmt: skip


# 1.7
def cost(C, H, W, window, stride, padding, count=None, cells=None):
    """Count the comparisons, additions and divisions of a pooling."""
    rows, columns = axes_of((H, W), window, stride, padding, count)
    windows = C * rows.out * columns.out
    steps = windows * (cells or (lambda PH, PW: PH * PW - 1))(*window)
    return steps, steps, windows


def in_image(C, H, W, window, stride, padding):
    """Count what the cells of the image cost, and no padded one."""
    axes = axes_of((H, W), window, stride, padding)
    down, across = (
        sum(0 <= cell < axis.size for cell in axis.positions().flat)
        for axis in axes
    )
    windows = cost(C, H, W, window, stride, padding)[2]
    steps = C * down * across - windows
    return steps, steps, windows


def costs(draw):
    """Make calls of pooling_cost."""

    def case(part, says, sizes, *pairs):
        return part, says, *draw.sizes(*sizes), *pairs

    none = (0, 0)
    yield case("plain", "windows that overlap", (2, 7, 9), (5, 3), (4, 1),
               none)  # fmt: skip
    yield case("plain", "side by side", (3, 6, 10), (2, 3), (2, 3), none)
    yield case("plain", "a remainder", (3, 8, 11), (3, 2), (2, 4), none)
    yield case("padding", "two paddings", (2, 12, 8), (3, 5), (2, 1), (1, 2))
    yield case("padding", "rows alone", (5, 9, 10), (3, 2), (1, 2), (1, 0))
    yield case("padding", "the example", (64, 112, 112), (3, 3), (2, 2),
               (1, 1))  # fmt: skip


pooling_cost = Check(
    cost, costs,
    mistakes=[
        ("first-cell-compared", "the first cell of a window is compared with "
         "nothing: one operation less than cells", 1,
         but(cost, cells=lambda: lambda PH, PW: PH * PW)),
        ("one-off-each-side", "a window has PH * PW cells; take one off the "
         "product, not off each side", 1,
         but(cost, cells=lambda: lambda PH, PW: (PH - 1) * (PW - 1))),
        ("cells-alone-divided", "one division per cell; add up the window "
         "first, then divide once", 1,
         lambda *args: (*cost(*args)[:2], sum(cost(*args)[1:]))),
        ("addition-more", "k numbers take k - 1 additions, as many as "
         "comparisons", 1,
         lambda *args: (cost(*args)[0], sum(cost(*args)[1:]), cost(*args)[2])),
        ("channels-ignored", "the channels are left out; each is pooled", 2,
         but(cost, C=1)),
        ("image-cells-alone", "only cells of the image are counted here; "
         "padded cells are counted like all others", None, in_image),
        ("sizes-turned", "H and W are swapped", 2,
         but(cost, H=lambda W: W, W=lambda H: H)),
        *families.padding(cost, hint=3),
        *families.stride(cost, hint=2),
        *families.window(cost, without={"window-turned"}),
        *families.count(cost, hint=2),
    ],
)  # fmt: skip


# 1.8
def halves(cells):
    """Share cells between the two sides; the odd one goes after."""
    return cells // 2, cells - cells // 2


def enough(size, window, stride):
    """Try one padded cell more until ceil(size / stride) windows fit."""
    cells = 0
    while (size + cells - window) // stride + 1 < -(-size // stride):
        cells += 1
    return halves(cells)


def paddings(draw):
    """Make calls of same_padding."""
    for size, window in ((7, 3), (6, 2), (9, 4)):
        yield "stride1", "stride 1", *draw.sizes(size, window), 1
    yield "stride1", "a window of 1", *draw.sizes(5), 1, 1
    yield "strides", "an odd cell", *draw.pick((9, 6, 4), (13, 6, 4))
    yield "strides", "an even number", *draw.pick((9, 5, 3), (16, 6, 4))
    yield "strides", "the size divides", *draw.pick((8, 3, 2), (12, 4, 3))
    yield "strides", "a large stride", *draw.pick((11, 5, 4), (16, 6, 5))
    yield "strides", "a window of 1", *draw.pick((6, 1, 2), (8, 1, 4))
    yield "strides", "gaps between windows", *draw.pick((9, 2, 4), (13, 3, 6))


def halved(out):
    """Return the padding that out(size, stride) windows need."""
    return lambda size, window, stride: halves(
        max((out(size, stride) - 1) * stride + window - size, 0)
    )


same_padding = Check(
    enough, paddings,
    mistakes=[
        ("extra-before", "the extra cell is before; TensorFlow puts it after",
         3, lambda *args: enough(*args)[::-1]),
        ("stride-1-alone", "this is right for stride 1 alone; it leaves out "
         "size and stride", 2,
         lambda size, window, stride: halves(window - 1)),
        ("negative", "when the stride is larger than the window, there may be "
         "more cells than are needed: then the padding is 0", 3,
         lambda size, window, stride: halves(
             (-(-size // stride) - 1) * stride + window - size)),
        ("window-without-stride", "this is right only where the stride "
         "divides the size: how many cells do all windows cover", 2,
         lambda size, window, stride: halves(max(window - stride, 0))),
        ("steps-alone", "the windows cover (out - 1) * stride + window cells, "
         "not out * stride", 2, lambda size, window, stride: halves(
             max(-(-size // stride) * stride - size, 0))),
        ("size-kept", "this keeps the size itself; SAME asks for "
         "ceil(size / stride) windows", 1, halved(lambda size, stride: size)),
        ("rounded-down", "the number of windows was rounded down; it is "
         "rounded up", 1, halved(lambda size, stride: size // stride)),
        ("one-window-more", "`size // stride + 1` is one window too many "
         "where the stride divides the size", 1,
         halved(lambda size, stride: size // stride + 1)),
        ("equal-rounded-down", "the two sides need not be equal: an odd cell "
         "is missing after", 3, lambda *args: enough(*args)[:1] * 2),
        ("equal-rounded-up", "the two sides need not be equal: one cell more "
         "than is needed", 3, lambda *args: enough(*args)[1:] * 2),
        ("all-on-each-side", "each side gets all cells that are missing; "
         "each gets half of them", 3,
         lambda *args: (sum(enough(*args)),) * 2),
        ("all-after", "half of the cells go before the first one", 3,
         lambda *args: (0, sum(enough(*args)))),
    ],
)  # fmt: skip


# 1.9
def pool2d_broken(x, window):
    """Max-pool one image x (H, W) with stride 1, or nearly so."""
    PH, PW = window
    y = np.empty((x.shape[0] - PH + 1, x.shape[1] - PW + 1))
    for i, j in np.ndindex(y.shape):
        best = 0
        for cell in x[i : i + PH, j : j + PW].flat:
            if cell > best:
                best = cell
        y[i, j] = best
    return y


def shows(image):
    """Tell why an image does not show the mistake of pool2d_broken."""
    if not isinstance(image, np.ndarray) or image.ndim != 2:
        return ["not-an-image"]
    if image.dtype.kind not in "fiu" or not np.isfinite(image).all():
        return ["no-numbers"]
    if min(image.shape) < 2:
        return ["too-small", f"  got an image of shape {image.shape}"]
    if (mended(image, (2, 2)) != pool2d_broken(image, (2, 2))).any():
        return []
    found = "  pool2d_broken finds every maximum of this image"
    return ["larger-beside" if (image < 0).any() else "no-negative", found]


def mended(x, window, start=None):
    """Max-pool one image; the running maximum may start somewhere."""
    first = [] if start is None else [start]
    return reduced(lambda cells: max([*first, *cells]), x, window, 1)


showing_input = Check(
    lambda: np.array([[-1.0, -2.0], [-3.0, -4.0]]), rule=shows,
    cases=[("shows", "an image (H, W), window (2, 2)")],
    mistakes=[
        ("not-an-image", "it must be one image: an array with 2 axes (H, W)",
         None, lambda: np.array([-1.0, -2.0])),
        ("no-numbers", "it must hold ordinary numbers, no NaN and no inf",
         None, lambda: np.full((2, 2), np.nan)),
        ("too-small", "a window 2 x 2 must fit", None,
         lambda: -np.ones((1, 5))),
        ("larger-beside", "it holds negative numbers, but beside them, in "
         "each window, a larger one", 1,
         lambda: np.array([[-1.0, 2.0, -3.0], [-5.0, -4.0, 6.0]])),
        ("no-negative", "what would the bug do to a window of other numbers?",
         1, lambda: np.array([[1.0, 2.0], [0.0, 4.0]])),
    ],
)  # fmt: skip


def planes(draw):
    """Make calls of pool2d_mended."""
    x = draw.numbers(draw.sizes(5, 7))
    signs = draw.numbers(draw.sizes(4, 6), below=12)
    yield "negative", "both signs", signs, (2, 3)
    yield "negative", "all numbers negative", x, (3, 2)
    yield "lowest", "numbers below -1e12", x * 1e9 - 1e12, (2, 2)
    x[1, 2:4] = -np.inf
    yield "lowest", "a window of -inf", x, (1, 2)
    yield "lowest", "integers", signs.astype(int) - 50, (2, 4)


pool2d_mended = Check(
    mended, planes, axes=("OH", "OW"),
    draw=lambda x, window: windows_of(x, window, 1),
    mistakes=[
        ("start-at-0", "the running maximum still starts at 0", 1,
         but(mended, start=0)),
        ("start-at-image", "the running maximum starts at the first cell of "
         "the image; it should be the window's", 2,
         but(mended, start=lambda x: x[0, 0])),
        *((f"start-at-{start:g}", f"the running maximum starts at {start:g}; "
           "there are smaller numbers", 2, but(mended, start=start))
          for start in (-1, -10, -99, -100, -128, -999, -1000, -9999, -1e4,
                        -99999, -1e5, -1e6, -1e9, -1e10, -1e12)),
        ("farthest-from-0", "the number farthest from 0 wins, not the "
         "largest", 1, lambda x, window: reduced(
             lambda cells: max(cells, key=abs), x, window, 1)),
        ("signs-lost", "the signs are lost", 1,
         lambda x, window: mended(abs(x), window)),
        ("first-cell", "each result is the first cell of its window", 2,
         lambda x, window: reduced(lambda cells: cells[0], x, window, 1)),
        ("minimum", "this is the minimum", 1,
         lambda x, window: reduced(min, x, window, 1)),
        *families.window(mended),
    ],
)  # fmt: skip
