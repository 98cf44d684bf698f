"""Checks of the exercises of chapter 1, windows."""

import numpy as np

import pooling
from pooling.check.ladder import (
    Case,
    Suspect,
    distinct,
    grid,
    judge,
    window_picture,
)
from pooling.geometry import pair, pooling_axes

OUTPUT = ("N", "C", "OH", "OW")
IMAGE = np.array([[-1, 3, 0, -2], [2, -4, -3, -5], [5, 1, -6, -7]])


def reduced(reduce, x, window, stride=None, padding=0, fill=None):
    """Apply `reduce` to each window; padded cells hold `fill`, or None."""
    axes = pooling_axes((1, 1, *x.shape[-2:]), window, stride, padding)
    rows, columns = (axis.positions() for axis in axes)
    y = np.empty((*x.shape[:-2], len(rows), len(columns)), x.dtype)
    for *lead, i, j in np.ndindex(y.shape):
        plane = x[tuple(lead)]
        cells = [
            plane[r, k]
            if 0 <= r < len(plane) and 0 <= k < len(plane[0])
            else fill
            for r in rows[i]
            for k in columns[j]
        ]
        y[*lead, i, j] = reduce([cell for cell in cells if cell is not None])
    return y


def pool_by_hand(candidate, part=None):
    """Check the three small poolings done by hand."""
    tasks = {
        "maximum": (pooling.max_pool2d, 1),
        "average": (pooling.avg_pool2d, 1),
        "stride": (pooling.max_pool2d, 2),
    }
    right = [
        function(IMAGE[None, None], 2, stride)[0, 0]
        for function, stride in tasks.values()
    ]
    parts = {}
    for k, (key, (_, stride)) in enumerate(tasks.items()):
        alone = [None, None, None]  # the other two are not compared
        alone[k] = right[k]
        says = "the maximum, stride 2" if key == "stride" else f"the {key}"
        picture = window_picture(IMAGE, 2, stride)
        parts[key] = [Case(says, (), tuple(alone), picture)]

    def three(function, *options):
        return lambda: tuple(
            reduced(function, IMAGE.astype(float), 2, stride, *options)
            for stride in (1, 1, 2)
        )

    def largest(cells):
        return max(cells, key=abs)

    suspects = [
        Suspect(
            three(lambda cells: max([0, *cells])),
            "no value is below 0; a window of negative numbers has a "
            "negative maximum",
            2,
        ),
        Suspect(
            three(largest),
            "the number farthest from 0, not the largest; -6 is less than 1",
            2,
        ),
        Suspect(
            three(lambda cells: max(map(abs, cells))),
            "the signs are lost",
            2,
        ),
        Suspect(three(sum), "these are sums; divide by the 4 cells", 2),
        Suspect(
            three(lambda cells: int(sum(cells) / 4)),
            "some averages are not whole numbers; keep what is behind the "
            "point",
            2,
        ),
        Suspect(three(np.mean), "this is the average", 1),
        Suspect(three(max), "this is the maximum", 1),
        Suspect(
            lambda: (None, None, right[0]),
            "the window still moves by 1; with stride 2 it moves by 2",
            3,
        ),
        Suspect(
            lambda: (None, None, reduced(max, IMAGE, 2, (1, 2))),
            "the window moves by 2 across but by 1 down; stride 2 means both",
            3,
        ),
        Suspect(
            lambda: (None, None, reduced(max, IMAGE, 2, 2, ((0, 1), (0, 0)))),
            "a third row is too little for a second window of 2 rows: floor "
            "drops it",
            3,
        ),
    ]
    judge("pool_by_hand", candidate, part, parts, suspects, ("OH", "OW"))


def input_sizes(candidate, part=None):
    """Check the smallest and the largest size for a number of windows."""

    def case(out, *geometry):
        def windows(size):
            try:
                return pooling.output_size(size, *geometry)
            except ValueError:
                return 0  # not one window fits

        sizes = [
            size
            for size in range(1, (out + 1) * geometry[1] + geometry[0])
            if windows(size) == out
        ]

        def rule(got):
            for k, word in enumerate(("smallest", "largest")):
                want = (sizes[0], sizes[-1])[k]
                if got[k] == want:
                    continue
                lines = [f"  the {word} size is not {got[k]}:"]
                if windows(int(got[k])) != out:
                    has = windows(int(got[k])) if got[k] > 0 else 0
                    return [*lines, f"  {got[k]} cells have {has} windows"]
                other = got[k] - 1 if k == 0 else got[k] + 1
                return [*lines, f"  {other} cells have {out} windows as well"]
            return []

        says = f"out {out}, window {geometry[0]}, stride {geometry[1]}"
        if geometry[2:]:
            says += f", padding {geometry[2]}"
        return Case(says, (out, *geometry), (sizes[0], sizes[-1]), rule=rule)

    parts = {
        "plain": [case(2, 3, 4), case(4, 3, 2), case(5, 2, 1), case(1, 5, 3)],
        "padding": [case(4, 5, 3, 1), case(3, 5, 4, 2), case(1, 7, 5, 3)],
    }

    def sizes(start):
        """Turn a formula for the smallest size into both sizes."""

        def answer(out, window, stride, padding=0):
            first = start(out, window, stride, padding)
            return first, first + stride - 1

        return answer

    def smallest(out, window, stride, padding=0):
        return (out - 1) * stride + window - 2 * padding

    suspects = [
        Suspect(
            lambda *args: (smallest(*args),) * 2,
            "some sizes leave a remainder that floor drops; they count too",
            1,
        ),
        Suspect(
            lambda *args: (smallest(*args), smallest(*args) + args[2]),
            "the largest is one too large: with a whole stride more, one more "
            "window fits",
            2,
        ),
        Suspect(
            lambda *args: sizes(smallest)(*args)[::-1],
            "the two are in the wrong order: smallest first",
        ),
        Suspect(
            sizes(
                lambda out, window, stride, p: out * stride + window - 2 * p
            ),
            "`out` windows have only `out - 1` steps between them",
            2,
        ),
        Suspect(
            sizes(
                lambda out, window, stride, p: smallest(out, window, stride)
            ),
            "the padding is left out",
            3,
        ),
        Suspect(
            sizes(
                lambda out, window, stride, p: (
                    smallest(out, window, stride) - p
                )
            ),
            "the padding is taken off once, but there is one on each side",
            3,
        ),
        Suspect(
            sizes(
                lambda out, window, stride, p: (
                    smallest(out, window, stride) + 2 * p
                )
            ),
            "the padding is added; it makes room, so a smaller image is "
            "enough",
            3,
        ),
    ]
    judge("input_sizes", candidate, part, parts, suspects)


def min_pool2d(candidate, part=None):
    """Check minimum pooling."""

    def case(says, x, *options, exact=False):
        return Case(
            says,
            (x, *options),
            reduced(min, x, *options),
            window_picture(x, *options),
            exact=exact,
        )

    x = distinct((2, 3, 5, 8), below=300)
    turned = distinct((3, 2, 7, 4), seed=1).transpose(1, 0, 3, 2)
    signed = np.arange(-128, 126, 2).astype("i1")[:120].reshape(1, 2, 6, 10)
    whole = np.arange(1, 41, dtype="u1").reshape(2, 1, 4, 5)
    parts = {
        "values": [
            case("a window 2 x 3, stride (2, 1)", x, (2, 3), (2, 1)),
            case("no stride given, so it is the window", x, (2, 3)),
            case("a transposed view, negative numbers", turned, (1, 2), 1),
        ],
        "padding": [
            case("padding 1, all numbers positive", x, (2, 3), (2, 1), 1),
            case("padding (0, 1), all negative", -x, (3, 2), 2, (0, 1)),
            case(
                "padding at the top and the right alone",
                x,
                3,
                (1, 2),
                ((2, 0), (0, 1)),
            ),
        ],
        "integers": [
            case("int8 with a -128", signed, (2, 3), (2, 1), exact=True),
            case("uint8 with a 0", whole - 1, 2, (2, 1), exact=True),
            case("uint8 with padding 1", whole, 2, (2, 1), 1, exact=True),
        ],
    }

    def swapped(value):
        return pair(value, "", 0)[::-1]

    suspects = [
        Suspect(
            lambda *args: -pooling.max_pool2d(-args[0], *args[1:]),
            "`-x` wraps around: int8 has no 128, and uint8 has no negative "
            "numbers",
            2,
        ),
        Suspect(
            lambda x, *args: x.max() - pooling.max_pool2d(x.max() - x, *args),
            "a difference can be too large for int8, and then it wraps around",
            2,
        ),
        Suspect(
            pooling.max_pool2d,
            "this is the maximum",
            1,
        ),
        Suspect(
            lambda *args: -pooling.max_pool2d(*args),
            "only one of the two minus signs is there: x must be turned "
            "before it is pooled",
            1,
        ),
        Suspect(
            lambda *args: pooling.max_pool2d(-args[0], *args[1:]),
            "only one of the two minus signs is there: what was turned must "
            "be turned back",
            1,
        ),
        Suspect(
            lambda *args: reduced(min, *args, fill=0),
            "the padded cells hold 0, and 0 wins wherever all numbers are "
            "positive",
            3,
        ),
        Suspect(
            lambda *args: reduced(min, *args, fill=-np.inf),
            "the padded cells hold -inf, which never wins a maximum but "
            "always wins a minimum",
            3,
        ),
        Suspect(
            lambda x, window, stride, padding: reduced(min, x, window, stride),
            "the padding is not used",
            3,
        ),
        Suspect(
            lambda x, window, stride=None, padding=0: reduced(
                min, x, window, None, padding
            ),
            "the stride is not used",
        ),
        Suspect(
            lambda x, window, stride=None, padding=0: reduced(
                min, x, window, 1 if stride is None else stride, padding
            ),
            "without a stride the windows must not overlap: it is the window, "
            "not 1",
        ),
        Suspect(
            lambda x, window, *args: reduced(min, x, swapped(window), *args),
            "the window's height and width are swapped",
        ),
        Suspect(
            lambda x, window, stride, *args: reduced(
                min, x, window, swapped(stride), *args
            ),
            "the two strides are swapped",
        ),
    ]
    judge("min_pool2d", candidate, part, parts, suspects, OUTPUT)


def convolve(x, weights, stride):
    """Convolve x (N, C, H, W) with weights (O, C, PH, PW): (N, O, OH, OW)."""
    rows, columns = (
        axis.positions()
        for axis in pooling_axes(x.shape, weights.shape[2:], stride)
    )
    return sum(
        np.einsum(
            "oc,nchw->nohw",
            weights[:, :, a, b],
            x[:, :, rows[:, a]][..., columns[:, b]],
        )
        for a, b in np.ndindex(weights.shape[2:])
    )


def average_kernel(candidate, part=None):
    """Check the weights with which a convolution averages."""

    def case(channels, window):
        PH, PW = window
        x = distinct((2, channels, 3 * PH, 2 * PW), below=100)
        # Each weight is what pooling makes of a single 1 at its place.
        ones = np.eye(channels * PH * PW).reshape(-1, channels, PH, PW)
        weights = pooling.avg_pool2d(ones, window).T.reshape(
            channels, channels, PH, PW
        )
        right = pooling.avg_pool2d(x, window)

        def rule(got):
            y = convolve(x, got, window)
            wrong = np.argwhere(~np.isclose(y, right))
            if not len(wrong):
                return []
            place = tuple(map(int, wrong[0]))
            o = place[1]
            return [
                f"  weights of shape {got.shape}, as it must be",
                f"  but convolving an image with them, output {list(place)}",
                f"    must be {right[place]:.6g}, the average, and is "
                f"{y[place]:.6g}",
                f"    there, channel {o} of the image holds:",
                *(
                    f"    {line}"
                    for line in window_picture(x, window)(place).splitlines()[
                        1:
                    ]
                ),
                *look(got, o),
            ]

        def look(got, o):
            lines = []
            for c in range(channels):
                cells = [[f"{v:.3g}" for v in row] for row in got[o, c]]
                lines += [
                    f"    your weights [{o}, {c}], for what channel {c} gives "
                    f"to output {o}:",
                    *(f"    {line}" for line in grid(cells).splitlines()),
                ]
            return lines

        return Case(
            f"channels {channels}, window {window}",
            (channels, window),
            weights,
            rule=rule,
        )

    parts = {
        "one": [case(1, (2, 2)), case(1, (2, 3))],
        "several": [case(2, (2, 2)), case(4, (3, 2))],
    }

    def filled(value):
        return lambda C, window: np.full((C, C, *window), value(C, *window))

    def diagonal(value):
        return lambda C, window: (
            np.eye(C)[:, :, None, None] * np.full(window, value(C, *window))
        )

    suspects = [
        Suspect(
            filled(lambda C, PH, PW: 1 / (PH * PW)),
            "every output adds up all channels; each should look at its own "
            "channel alone",
            2,
        ),
        Suspect(
            filled(lambda C, PH, PW: 1 / (C * PH * PW)),
            "every output averages over all channels; each should look at its "
            "own channel alone",
            2,
        ),
        Suspect(
            diagonal(lambda C, PH, PW: 1 / (C * PH * PW)),
            "divided by the number of channels too; a window has PH * PW "
            "cells",
            1,
        ),
        Suspect(
            diagonal(lambda C, PH, PW: 1.0),
            "with weights of 1 the convolution adds; an average divides too",
            1,
        ),
        *(
            Suspect(diagonal(value), "a window has PH * PW cells", 1)
            for value in (
                lambda C, PH, PW: 1 / (PH + PW),
                lambda C, PH, PW: 1 / PH**2,
                lambda C, PH, PW: 1 / PW**2,
                lambda C, PH, PW: 1 / PH,
                lambda C, PH, PW: 1 / PW,
            )
        ),
        Suspect(
            lambda C, window: np.full((C, *window), 1 / np.prod(window)),
            "there is one plane of weights for each pair of an output and an "
            "input channel",
            2,
        ),
        Suspect(
            lambda C, window: np.full((C, 1, *window), 1 / np.prod(window)),
            "these are the weights of a depthwise convolution; an ordinary "
            "one has weights for each pair of channels",
            2,
        ),
    ]
    judge("average_kernel", candidate, part, parts, suspects, axes="OCHW")


def pooling_cost(candidate, part=None):
    """Check the numbers of comparisons, additions and divisions."""

    def count(C, H, W, *options):
        rows, columns = pooling_axes((1, C, H, W), *options)
        cells = C * rows.positions().size * columns.positions().size
        windows = C * rows.out * columns.out
        return cells - windows, cells - windows, windows

    def case(says, *args):
        return Case(says, args, count(*args))

    parts = {
        "plain": [
            case("a tiny image", 1, 3, 3, (2, 2), (1, 1), (0, 0)),
            case(
                "2 channels, windows side by side",
                2,
                6,
                9,
                (2, 3),
                (2, 3),
                (0, 0),
            ),
            case("a remainder", 3, 8, 11, (3, 2), (2, 4), (0, 0)),
        ],
        "padding": [
            case("the example", 64, 112, 112, (3, 3), (2, 2), (1, 1)),
            case(
                "padding of the rows alone", 5, 7, 10, (3, 2), (1, 2), (1, 0)
            ),
            case("two paddings", 4, 9, 6, (5, 3), (3, 1), (2, 1)),
        ],
    }

    def wrong(change):
        """Count after a change of the arguments."""
        return lambda *args: count(*change(*args))

    def each(cells):
        """Count with another number of operations per window."""

        def answer(C, H, W, window, stride, padding):
            windows = count(C, H, W, window, stride, padding)[2]
            n = cells(*window)
            return windows * n, windows * n, windows

        return answer

    suspects = [
        Suspect(
            each(lambda PH, PW: PH * PW),
            "the first cell of a window is compared with nothing: one "
            "operation less than cells",
            1,
        ),
        Suspect(
            each(lambda PH, PW: (PH - 1) * (PW - 1)),
            "a window has PH * PW cells; take one off the product, not off "
            "each side",
            1,
        ),
        Suspect(
            lambda *args: (
                *count(*args)[:2],
                sum(count(*args)[1:]),
            ),
            "one division per cell; add up the window first, then divide once",
            1,
        ),
        Suspect(
            wrong(lambda C, *args: (1, *args)),
            "the channels are left out; each is pooled",
            2,
        ),
        Suspect(
            wrong(lambda *args: (*args[:4], (1, 1), args[5])),
            "the stride is not used",
            2,
        ),
        Suspect(
            wrong(lambda *args: args[:5]),
            "the padding is not used",
            3,
        ),
        Suspect(
            wrong(
                lambda C, H, W, window, stride, padding: (
                    C,
                    H,
                    W,
                    window,
                    stride,
                    [(p, 0) for p in padding],
                )
            ),
            "the padding is added once, but there is one on each side",
            3,
        ),
        Suspect(
            wrong(
                lambda C, H, W, window, stride, padding: (
                    C,
                    H,
                    W,
                    window,
                    stride,
                    [2 * p for p in padding],
                )
            ),
            "the padding is doubled twice; `output_size` adds it on both "
            "sides already",
            3,
        ),
        Suspect(
            wrong(lambda C, H, W, *args: (C, W, H, *args)),
            "H and W are swapped",
            2,
        ),
        Suspect(
            wrong(lambda C, H, W, *args: (C, H, W, *(a[::-1] for a in args))),
            "rows and columns are swapped: each pair is (rows, columns)",
            2,
        ),
    ]
    judge("pooling_cost", candidate, part, parts, suspects)


def same_padding(candidate, part=None):
    """Check the padding that gives ceil(size / stride) windows."""

    def windows(size, window, stride, padding):
        try:
            return pooling.output_size(size, window, stride, padding)
        except ValueError:
            return 0

    def least(size, window, stride):
        out = -(-size // stride)
        return next(
            (cells // 2, cells - cells // 2)
            for cells in range(2 * window)
            if windows(size, window, stride, (cells // 2, cells - cells // 2))
            == out
        )

    def case(*args):
        size, window, stride = args
        out = -(-size // stride)
        want = least(*args)

        def rule(got):
            if tuple(got) == want:
                return []
            got = tuple(map(int, got))
            lines = [f"  expected {want}, got {got}"]
            if min(got) < 0:
                return [*lines, "  a padding cannot be negative"]
            has = windows(*args, got)
            if has != out:
                lines.append(f"  yours gives {has} windows, not {out}")
            elif sum(got) > sum(want):
                lines.append(
                    "  the number of windows is right, but fewer "
                    "cells are enough"
                )
            else:
                lines.append("  the sum is right; an odd cell goes after")
            return lines

        says = f"size {size}, window {window}, stride {stride}"
        return Case(says, args, want, rule=rule)

    parts = {
        "stride1": [
            case(7, 3, 1),
            case(6, 2, 1),
            case(9, 4, 1),
            case(5, 1, 1),
        ],
        "strides": [
            case(5, 2, 2),
            case(7, 3, 2),
            case(8, 3, 2),
            case(11, 5, 4),
            case(6, 1, 2),
            case(10, 2, 4),
        ],
    }

    def total(size, window, stride):
        return (-(-size // stride) - 1) * stride + window - size

    def halves(cells):
        return cells // 2, cells - cells // 2

    suspects = [
        Suspect(
            lambda *args: least(*args)[::-1],
            "the extra cell is before; TensorFlow puts it after",
            3,
        ),
        Suspect(
            lambda size, window, stride: halves(window - 1),
            "this is right for stride 1 alone; it leaves out size and stride",
            2,
        ),
        Suspect(
            lambda *args: halves(total(*args)),
            "when the stride is larger than the window, there may be more "
            "cells than are needed: then the padding is 0",
            3,
        ),
        Suspect(
            lambda size, window, stride: halves(
                max((size - 1) * stride + window - size, 0)
            ),
            "this keeps the size itself; SAME asks for ceil(size / stride) "
            "windows",
            1,
        ),
        Suspect(
            lambda size, window, stride: halves(
                max((size // stride - 1) * stride + window - size, 0)
            ),
            "the number of windows was rounded down; it is rounded up",
            1,
        ),
        Suspect(
            lambda *args: (least(*args)[0],) * 2,
            "the two sides need not be equal",
            3,
        ),
        Suspect(
            lambda size, window, stride: (window // 2, window // 2),
            "the two sides need not be equal",
            3,
        ),
        Suspect(
            lambda size, window, stride: ((window - 1) // 2,) * 2,
            "the two sides need not be equal",
            3,
        ),
    ]
    judge("same_padding", candidate, part, parts, suspects)


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


def showing_input(candidate, part=None):
    """Check an image that shows the mistake of pool2d_broken."""

    def rule(got):
        if not isinstance(got, np.ndarray) or got.ndim != 2:
            return ["  must be one image: an array with 2 axes (H, W)"]
        if got.dtype.kind not in "fiu" or not np.isfinite(got).all():
            return ["  must hold ordinary numbers, no NaN and no inf"]
        if min(got.shape) < 2:
            return [f"  a window 2 x 2 does not fit in shape {got.shape}"]
        right = pooling.max_pool2d(got[None, None], 2, 1)[0, 0]
        if (right != pool2d_broken(got, (2, 2))).any():
            return []
        lines = ["  pool2d_broken finds every maximum of this image"]
        if (got < 0).any():
            lines.append(
                "  it holds negative numbers, but beside them, in each "
                "window, a larger one"
            )
        return [*lines, "  Hint 1 says more."]

    parts = {"shows": [Case("an image (H, W), window (2, 2)", (), rule=rule)]}
    judge("showing_input", candidate, part, parts)


def pool2d_mended(candidate, part=None):
    """Check the mended pooling."""

    def case(says, x, window):
        right = pooling.max_pool2d(x[None, None], window, 1)[0, 0]
        return Case(says, (x, window), right, window_picture(x, window, 1))

    x = distinct((5, 7))
    parts = {
        "negative": [
            case("both signs", distinct((4, 6), below=12), (2, 3)),
            case("all numbers negative", x, (3, 2)),
        ],
        "lowest": [
            case("numbers near -1e12", x * 1e9 - 1e12, (2, 2)),
            case("rows of -inf", np.where(x > -20, x, -np.inf), (1, 2)),
            case("integers", x.astype(int), (2, 2)),
        ],
    }

    def started(best):
        """Max-pool with a running maximum that starts at best(image)."""
        return lambda x, window: reduced(
            lambda cells: max([best(x), *cells]), x, window, 1
        )

    suspects = [
        Suspect(
            pool2d_broken,
            "the running maximum still starts at 0",
            1,
        ),
        Suspect(
            started(lambda x: x[0, 0]),
            "the running maximum starts at the first cell of the image; it "
            "should be the window's",
            2,
        ),
        *(
            Suspect(
                started(lambda x, start=start: start),
                f"the running maximum starts at {start}; there are smaller "
                f"numbers",
                2,
            )
            for start in (-1, -100, -999, -1000, -9999, -1e6, -1e9)
        ),
        Suspect(
            lambda x, window: reduced(lambda c: max(c, key=abs), x, window, 1),
            "the number farthest from 0 wins, not the largest",
            1,
        ),
        Suspect(
            lambda x, window: reduced(max, abs(x), window, 1),
            "the signs are lost",
            1,
        ),
        Suspect(
            lambda x, window: reduced(max, x, window[::-1], 1),
            "the window's height and width are swapped: it is (PH, PW)",
        ),
        Suspect(
            lambda x, window: reduced(lambda c: c[0], x, window, 1),
            "each result is the first cell of its window",
            2,
        ),
    ]
    judge("pool2d_mended", candidate, part, parts, suspects, ("OH", "OW"))
