"""Tables of the exercises of chapter 5, variants."""

import numpy as np

from pooling import avg_pool2d, max_pool2d
from pooling.check import families
from pooling.check.families import but, then, turned
from pooling.check.im2col import fractions, output_shape, strides
from pooling.check.table import Check, gradient_picture, grid, windows_of
from pooling.lessons.strides import window_view
from pooling.lessons.variants import adaptive_bins, depthwise_conv2d


def cells_of(x, window, stride=None, down=False):
    """Return the cells of each window in a row: (N, C, OH, OW, PH * PW)."""
    view = window_view(x, window, stride)
    view = view.swapaxes(-1, -2) if down else view
    return view.reshape(*view.shape[:4], -1)


def spread(dout, x, window, stride, share, add=True):
    """Send dout times the shares (N, C, OH, OW, PH * PW) to the cells."""
    dx = np.zeros(x.shape)
    (PH, PW), (SH, SW) = strides(window, stride)
    for i, j in np.ndindex(dout.shape[2:]):
        part = dout[:, :, i, j, None] * share[:, :, i, j]
        cut = dx[:, :, i * SH : i * SH + PH, j * SW : j * SW + PW]
        cut[:] = part.reshape(cut.shape) + (cut if add else 0)
    return dx


# 5.1
def largest_of_four(x):
    """Return the maximum of each 2 x 2 window."""
    return max_pool2d(x, 2)


def even_images(draw):
    """Make calls of max_from_relu."""
    N, C, OH, OW = draw.sizes(1, 5, 2, 3)
    x = draw.numbers((N, C, 2 * OH, 2 * OW))
    high = draw.numbers((3, 2, 2 * OW, 2 * OH), below=3000)
    yield "positive", "no number is negative", x + x.size
    yield "positive", "fractions, an image higher than wide", high / 8
    yield "negative", "both signs", x + x.size // 2
    yield "negative", "all numbers negative", x
    yield "negative", "large numbers", x * 1e10


def positive(v):
    """Return what a ReLU lets through."""
    return np.where(v > 0, v, 0)


def larger(a, b):
    """Return the larger of two numbers."""
    return np.where(a > b, a, b)


def rise(a, b):
    """Return how much larger a is than b, if it is."""
    return positive(a - b)


def over_relu(a, b):
    """Return the larger; b has lost its sign in a ReLU."""
    return rise(a, b) + positive(b)


def in_pairs(first, second):
    """Join pairs across with `first`, the results down with `second`."""

    def answer(x):
        across = first(x[..., ::2], x[..., 1::2])
        return second(across[:, :, ::2], across[:, :, 1::2])

    return answer


def one_stage(x):
    """Add every rise over the first cell."""
    a, *others = (x[:, :, i::2, j::2] for i, j in np.ndindex(2, 2))
    return a + sum(positive(b - a) for b in others)


max_from_relu = Check(
    largest_of_four, even_images, axes=("N", "C", "H/2", "W/2"),
    draw=lambda x: windows_of(x, 2),
    mistakes=[
        *((key, says, hint, in_pairs(*stages)) for key, says, hint, stages in [
            ("upper-row", "only the upper row of each window counts: a second "
             "stage joins the two rows", 2, (larger, lambda a, b: a)),
            ("left-column", "only the left column of each window counts: "
             "another stage joins the columns", 2, (lambda a, b: a, larger)),
            ("maxima-added", "the maxima of two pairs are added; the second "
             "stage takes the larger of them, too", 2, (larger, np.add)),
            ("rise-alone", "this is how much larger a is than b; b itself is "
             "still to be added", 1, (rise, rise)),
            ("rise-on-a", "the rise from b to a belongs on b, not on a", 1,
             (lambda a, b: a + rise(a, b),) * 2),
            ("sign-lost", "a negative b is lost: ReLU(b) is 0 for it. b is "
             "ReLU(b) - ReLU(-b)", 1, (over_relu, over_relu)),
            ("sign-lost-of-a", "a negative a is lost: ReLU(a) is 0 for it. a "
             "is ReLU(a) - ReLU(-a)", 1,
             (lambda a, b: over_relu(b, a),) * 2),
            ("sign-lost-down", "a negative b is lost in the second stage: b "
             "is ReLU(b) - ReLU(-b) in both", 1, (larger, over_relu)),
            ("sign-turned", "b has lost its sign: it is ReLU(b) - ReLU(-b), "
             "and not +", 1, (lambda a, b: rise(a, b) + abs(b),) * 2),
        ]),
        ("one-stage", "one stage for all four cells adds up every rise over "
         "the first. First join pairs, then pairs of those", 2, one_stage),
        ("negative-is-0", "negative maxima have become 0: the last ReLU cuts "
         "them off. Who carries a negative b?", 1,
         then(largest_of_four, positive)),
        ("minimum", "these are the minima: has a - b become b - a, or + "
         "become -?", 1, lambda x: -max_pool2d(-x, 2)),
        ("average", "this is the average", 1, lambda x: avg_pool2d(x, 2)),
        ("stride-is-1", "these are the windows of stride 1; here they stand "
         "side by side", 2, lambda x: max_pool2d(x, 2, 1)),
    ],
)  # fmt: skip


# 5.2
CELLS = (-2, -1)  # the axes of a window


def top_of(view):
    """Return the maximum of each window."""
    return view.max(CELLS, keepdims=True)


def sum_of(weights):
    """Return the sum of each window."""
    return weights.sum(CELLS, keepdims=True)


def softmax_weights(
    view, beta, shift=lambda view, beta: beta * top_of(view), total=sum_of
):
    """Return exp(beta * value) of each window, divided by `total`."""
    weights = np.exp(beta * view - shift(view, beta))
    return weights / total(weights)


def softened(x, beta, window, stride=None, pool=np.sum, **how):
    """Return the softmax mean of each window."""
    view = window_view(x, window, stride)
    return pool(softmax_weights(view, beta, **how) * view, CELLS)


def far_apart(draw, levels):
    """Return an image with columns near these levels, some cells high."""
    return np.array(levels) + draw.numbers((1, 2, 4, len(levels))) / 8


APART = [0, 0, -1000, -1000, 1000, 1000]


def soft_cases(draw):
    """Make calls of softmax_pool2d."""
    x = draw.numbers(draw.sizes(2, 3, 7, 13), below=270) / 64
    view = draw.numbers(draw.sizes(3, 2, 7, 5)).swapaxes(2, 3) / 32
    yield "values", "beta 2, cells left over", x, 2, (2, 3)
    yield "values", "beta 0: the average", x, 0, (3, 2)
    yield "values", "beta 0.5, stride (2, 1)", x, 0.5, (3, 5), (2, 1)
    yield "values", "beta 4, x is a transposed view", view, 4, 2
    yield "large", "values around 1000", x + 1000, 1, 2
    yield "large", "values around -1000", x - 1000, 0.25, (2, 3), 1
    yield ("large", "windows around 0, -1000 and 1000, side by side",
           far_apart(draw, APART), 1, 2)  # fmt: skip
    yield ("large", "1000 and -1000 in one window",
           far_apart(draw, APART[2:]), 2, (2, 3), 1)  # fmt: skip


def soft(function, **how):
    """Return a softmax answer with mistakes."""
    return lambda *args: function(*args, **how)


def shifts(function, hint):
    """List what goes wrong with the shift before `np.exp`."""
    return [(key, says, hint, soft(function, shift=shift))
            for key, says, shift in [
        ("unshifted", "exp of a large number is infinity, exp of a very "
         "negative one 0: then inf / inf or 0 / 0 is NaN. Shift the values "
         "first", lambda view, beta: 0),
        ("shifted-by-all", "the values are shifted by the maximum of all x; a "
         "window far below it has weights of 0. Take each window's own",
         lambda view, beta: beta * np.max(view)),
        ("shifted-too-little", "less than the maximum is subtracted, so an "
         "exponent can be large. Take each window's maximum",
         lambda view, beta: beta * view.min(CELLS, keepdims=True)),
        ("shift-not-scaled", "beta is missing in the shift: it is "
         "exp(beta * (v - top))", lambda view, beta: top_of(view)),
        ("shifted-by-rows", "each row of a window has a shift of its own; "
         "all cells need the same: axis=(-2, -1)",
         lambda view, beta: beta * view.max(-1, keepdims=True)),
    ]]  # fmt: skip


def log_mean(x, beta, window, stride=None):
    """Return the log-mean-exp of each window."""
    view = window_view(x, window, stride)
    return np.log(np.exp(beta * view).mean(CELLS)) / beta


softmax_pool2d = Check(
    softened, soft_cases, axes=("N", "C", "OH", "OW"),
    draw=lambda x, beta, *o: windows_of(x, *o),
    mistakes=[
        *((f"beta-{key}", says, 1, but(softened, beta=beta))
          for key, says, beta in [
            ("ignored", "beta is not used: the weights are exp(beta * v)", 1),
            ("turned", "this is exp(-beta * v): the small values weigh most",
             lambda beta: -beta),
            ("divides", "the exponent is v / beta; it should be beta * v",
             lambda beta: 1 / beta if beta else np.inf),
            ("is-0", "this is the plain average, as if beta were 0", 0),
          ]),
        *shifts(softened, 2),
        ("nan-to-0", "NaN has become 0; shift the values, and none comes up",
         2, then(soft(softened, shift=lambda *_: 0), np.nan_to_num)),
        ("shift-kept", "the shifted values are averaged; shift the exponent "
         "alone", 2, lambda x, b, *o: softened(x, b, *o) - max_pool2d(x, *o)),
        *((f"divided-{key}", says, 1, soft(softened, **how))
          for key, says, how in [
            ("not", "the weights of a window do not sum to 1: divide them by "
             "their sum", {"total": lambda w: 1}),
            ("by-all", "divided by the sum over all windows; the weights of "
             "*each* window sum to 1", {"total": np.sum}),
            ("by-rows", "each row sums to 1; the window should: axis=(-2, -1)",
             {"total": lambda w: w.sum(-1, keepdims=True)}),
            ("twice", "divided twice: the weights sum to 1, and a mean "
             "divides again", {"pool": np.mean}),
          ]),
        ("log-mean-exp", "this is the log-mean-exp, another member of the "
         "family; here the values themselves are averaged", 1, log_mean),
        ("maximum", "this is the maximum of each window", 1,
         lambda x, beta, *o: max_pool2d(x, *o)),
        *families.stride(softened, hint=3),
        *families.window(softened),
    ],
)  # fmt: skip


# 5.3
def share_of(weights, v, y, beta):
    """Return how much each cell of a window moves the softmax mean."""
    return weights * (1 + beta * (v - y))


def softened_back(
    dout, x, beta, window, stride=None, share=share_of, add=True, at=None,
    **how,
):  # fmt: skip
    """Return the gradient of `softened`; `at` is another stride."""
    view = window_view(x, window, stride)
    weights = softmax_weights(view, beta, **how)
    shares = share(weights, view, sum_of(weights * view), beta)
    flat = shares.reshape(*view.shape[:4], -1)
    return spread(dout, x, window, stride if at is None else at, flat, add)


def soft_gradients(draw):
    """Make calls of softmax_pool2d_backward."""

    def case(part, says, x, beta, window, stride=None):
        dout = fractions(draw, output_shape(x, window, stride))
        return part, says, dout, x, beta, window, stride

    x = draw.numbers(draw.sizes(2, 3, 7, 13), below=270) / 64
    yield case("values", "beta 2, cells left over", x, 2, (2, 3))
    yield case("values", "beta 0: equal shares", x, 0, (3, 2))
    yield case("values", "beta 0.5, gaps between windows", x, 0.5, (2, 1),
               (3, 4))  # fmt: skip
    yield case("overlap", "stride 1", x, 1, 2, 1)
    yield case("overlap", "beta 2, stride (2, 1)", x, 2, (3, 4), (2, 1))
    yield case("large", "values around 1000", x + 1000, 1, 2)
    yield case("large", "values around -1000, overlapping", x - 1000, 0.25,
               (2, 3), (1, 2))  # fmt: skip
    yield case("large", "windows around 0, -1000 and 1000, side by side",
               far_apart(draw, APART), 1, 2)  # fmt: skip
    yield case("large", "1000 and -1000 in one window",
               far_apart(draw, APART[2:]), 2, (2, 3), 1)  # fmt: skip


softmax_pool2d_backward = Check(
    softened_back, soft_gradients,
    draw=lambda dout, x, beta, *o: gradient_picture(x, dout, *o),
    mistakes=[
        *shifts(softened_back, 3),
        ("overwrites", "where windows overlap, a later gradient has replaced "
         "an earlier one: gradients add, so `+=` and not `=`", 2,
         but(softened_back, add=False)),
        *((key, says, 1, soft(softened_back, share=share))
          for key, says, share in [
            ("weights-alone", "each cell gets its weight, as if that were "
             "fixed; it changes with the cell, too",
             lambda w, v, y, beta: w),
            ("beta-missing", "beta is missing: the share is "
             "w * (1 + beta * (v - y))",
             lambda w, v, y, beta: w * (1 + v - y)),
            ("1-missing", "the 1 is missing: the value counts as well, not "
             "only what it does to the weights",
             lambda w, v, y, beta: w * beta * (v - y)),
            ("w-for-1-alone", "w is a factor of all that follows: "
             "w * (1 + beta * (v - y))",
             lambda w, v, y, beta: w + beta * (v - y)),
            ("w-without-1", "w is a factor of the 1, too: "
             "w * (1 + beta * (v - y))",
             lambda w, v, y, beta: 1 + w * beta * (v - y)),
            ("sign-turned", "the sign is turned: a cell above y gets more "
             "than its weight, so v - y and not y - v",
             lambda w, v, y, beta: w * (1 + beta * (y - v))),
            ("y-missing", "y is missing: a larger value takes weight from the "
             "others, so v - y and not v",
             lambda w, v, y, beta: w * (1 + beta * v)),
            ("average", "each cell gets an equal share, which is average "
             "pooling", lambda w, v, y, beta: w * 0 + 1 / v[0, 0, 0, 0].size),
            ("maximum", "the largest cell gets all, which is maximum pooling",
             lambda w, v, y, beta: 1.0 * (v == top_of(v))),
          ]),
        ("dout-ignored", "dout is not used: a window's shares are multiplied "
         "with its gradient", 2,
         but(softened_back, dout=lambda dout: np.ones(dout.shape))),
        *((key, "window (i, j) starts at row i * SH, column j * SW: " + says,
           2, but(softened_back, at=at)) for key, says, at in [
            ("stride-is-window", "not at i * PH", lambda window: window),
            ("starts-at-i-j", "not at i", 1),
            ("stride-turned", "not at i * SW", lambda stride: turned(stride)),
        ]),
    ],
)  # fmt: skip


# 5.4
LINE = np.array([1, 2, 1]) / 4
BLUR = np.outer(LINE, LINE)
MIDDLE = np.outer([0, 1, 0], LINE)


def blurred(
    x, stride=2, weights=BLUR, mode="reflect", first=0, early=False, behind=1
):
    """Blur with 3 x 3 weights and keep every stride-th row and column."""
    if early:
        x, stride = x[:, :, ::stride, ::stride], 1
    x = np.pad(x, ((0, 0), (0, 0), (1, behind), (1, behind)), mode=mode)
    every = np.broadcast_to(weights, (x.shape[1], 3, 3))
    y = depthwise_conv2d(x, every)
    return y[:, :, first::stride, first::stride]


def sharp_images(draw):
    """Make calls of blur_pool2d."""
    inner = draw.numbers(draw.sizes(1, 3, 4, 5), below=30)
    inner = np.pad(inner, ((0, 0), (0, 0), (2, 2), (2, 2)))
    x = draw.numbers(draw.sizes(2, 3, 7, 4), below=40)
    narrow = draw.numbers((*draw.sizes(1, 3, 5), 2))
    stripes = np.tile([0.0, draw.pick(1.0, 2.0, 3.0)], (1, 1, 6, 4))
    yield "inside", "zeros around the values, stride 2", inner, 2
    yield "inside", "zeros around the values, stride 3", inner, 3
    yield "border", "all cells are alike", np.ones_like(x), 2
    yield "border", "stride 2", x, 2
    yield "border", "stride 3, two columns", narrow, 3
    yield "stride", "stride 1: a blur alone", x, 1
    yield "stride", "no stride given, so it is 2", x
    yield "stride", "stripes, one cell wide", stripes, 2
    yield "stride", "whole numbers", x.astype(int), 3
    yield "stride", "a stride larger than the image", narrow, 9


def blur_picture(x, stride=2):
    """Return a function that prints the nine cells of an output place."""

    def draw(place):
        *plane, i, j = place
        padded = np.pad(x[tuple(plane)], 1, mode="reflect")
        top, left = i * stride, j * stride
        cells = [
            [f"{v:g}" for v in row[left : left + 3]]
            for row in padded[top : top + 3]
        ]
        return "its 3 x 3 cells, reflected at the edge:\n" + grid(cells)

    return draw


blur_pool2d = Check(
    blurred, sharp_images, axes=("N", "C", "OH", "OW"), draw=blur_picture,
    mistakes=[
        *((key, says, hint, but(blurred, **how))
          for key, says, hint, how in [
            ("subsampled-first", "cells are dropped first and then blurred: "
             "what was between them is lost. Blur first, then subsample", 1,
             {"early": True}),
            ("padded-with-0", "the padding is 0, which darkens the border: an "
             "image of ones must stay one. Reflect the image", 2,
             {"mode": "constant"}),
            ("edge-repeated", "the padding repeats the edge; here the edge is "
             "the mirror: beyond it stands the cell before it", 2,
             {"mode": "edge"}),
            ("wrapped", "the padding comes from the other side of the image; "
             "it should reflect at the edge", 2, {"mode": "wrap"}),
            ("padded-before-alone", "a row is missing below and a column on "
             "the right: each side reflects one", 2, {"behind": 0}),
            ("sum-16", "the weights sum to 16, so the output is 16 times too "
             "bright", 1, {"weights": BLUR * 16}),
            ("sum-4", "the weights sum to 4: 1, 2, 1 is divided by 4 in both "
             "directions, that is by 16", 1, {"weights": BLUR * 4}),
            ("divided-by-9", "divided by 9, the number of cells; the weights "
             "sum to 16", 1, {"weights": BLUR * 16 / 9}),
            ("equal-weights", "all weights are equal; the cells in the middle "
             "weigh more", 1, {"weights": np.full((3, 3), 1 / 9)}),
            ("across-alone", "blurred across only; columns need it as much as "
             "rows", 1, {"weights": MIDDLE}),
            ("down-alone", "blurred down only; rows need it as much as "
             "columns", 1, {"weights": MIDDLE.T}),
            ("not-blurred", "nothing is blurred: these are cells of x", 1,
             {"weights": np.outer([0, 1, 0], [0, 1, 0])}),
            ("starts-at-1", "the first row and column are kept, and then "
             "every stride-th", None, {"first": 1}),
            ("stride-is-2", "the stride is always 2; use the argument", None,
             {"stride": 2}),
            ("stride-is-1", "this is the whole blurred image: keep every "
             "stride-th row and column", None, {"stride": 1}),
          ]),
        ("channels-together", "the channels are added up; each is blurred for "
         "itself", 3, then(blurred, lambda y: y * 0 + y.sum(1)[:, None])),
        *families.dtype(blurred),
    ],
)  # fmt: skip


# 5.5
def shared_by_bins(
    dout, input_shape, count=lambda rows, columns, *_: rows * columns,
    bins=adaptive_bins, add=True,
):  # fmt: skip
    """Share each gradient among the cells of its bin."""
    dx, sizes = np.zeros(input_shape), (*input_shape[2:], *dout.shape[2:])
    (top, bottom), (left, right) = map(bins, sizes[:2], sizes[2:])
    for i, j in np.ndindex(dout.shape[2:]):
        cut = dx[:, :, top[i] : bottom[i], left[j] : right[j]]
        cells = np.float64(count(*cut.shape[2:], *sizes))  # 0 in a mistake
        cut[:] = dout[:, :, i, j, None, None] / cells + (cut if add else 0)
    return dx


def bin_cases(draw):
    """Make calls of adaptive_avg_backward."""

    def case(part, says, N, C, cells, bins):
        (H, W), (OH, OW) = cells, bins
        says = f"{H} x {W} cells, {OH} x {OW} bins{says}"
        return part, says, fractions(draw, (N, C, *bins)), (N, C, *cells)

    pick = draw.pick
    yield case("tiles", ", equal", 1, 4,
               *pick(((6, 10), (3, 2)), ((8, 9), (2, 3))))  # fmt: skip
    yield case("tiles", "", 3, 2, pick((4, 5), (6, 7)), (1, 1))
    yield case("overlap", "", 1, 5,
               *pick(((4, 7), (2, 3)), ((9, 8), (3, 5))))  # fmt: skip
    yield case("overlap", ", unequal", 1, 2,
               *pick(((5, 8), (3, 6)), ((7, 11), (4, 3))))  # fmt: skip
    yield case("overlap", ", more than cells", 1, 4,
               *pick(((2, 3), (3, 5)), ((3, 4), (5, 7))))  # fmt: skip


def bins_of_a_cell(dout, input_shape):
    """Return a function that lists the bins that hold a cell."""
    bins = [
        list(zip(*adaptive_bins(*sizes), strict=True))
        for sizes in zip(input_shape[2:], dout.shape[2:], strict=True)
    ]

    def draw(place):
        n, c, row, column = place
        lines = [
            f"rows {a} to {b - 1}, columns {d} to {e - 1}: gradient "
            f"{dout[n, c, i, j]:g} for {(b - a) * (e - d)} cells"
            for i, (a, b) in enumerate(bins[0])
            for j, (d, e) in enumerate(bins[1])
            if a <= row < b and d <= column < e
        ]
        return "\n".join(["bins that hold this cell:", *lines])

    return draw


def bins_by(start, stop):
    """Return a function like adaptive_bins; ends in units of size / out."""

    def bins(size, out):
        k = np.arange(out)
        return start(k, size, out), stop(k, size, out)

    return bins


def up(k, size, out):
    """Return k * size / out, rounded up."""
    return -(-k * size // out)


def down(k, size, out):
    """Return k * size / out, rounded down."""
    return k * size // out


adaptive_avg_backward = Check(
    shared_by_bins, bin_cases, draw=bins_of_a_cell,
    mistakes=[
        ("overwrites", "where bins overlap, a later share has replaced an "
         "earlier one: gradients add, so `+=` and not `=`", 2,
         but(shared_by_bins, add=False)),
        *((f"divided-by-{key}", says, 1, soft(shared_by_bins, count=count))
          for key, says, count in [
            ("1", "each cell gets the whole gradient of its bin; an average "
             "divides by the number of cells", lambda *_: 1),
            *((key, "a bin has rows times columns cells", count)
              for key, count in [
                  ("rows", lambda rows, columns, *_: rows),
                  ("columns", lambda rows, columns, *_: columns),
                  ("rows-and-columns", lambda a, b, *_: a + b)]),
            *((key, "divided by one number for all bins; each bin has a size "
               "of its own", count) for key, count in [
                  ("one-size", lambda a, b, H, W, OH, OW: H / OH * (W / OW)),
                  ("one-size-cut", lambda a, b, H, W, OH, OW: (
                      H // OH * (W // OW)))]),
            ("plane", "the size of a bin is H * W; but a bin holds only a "
             "part of the plane", lambda a, b, H, W, OH, OW: H * W),
          ]),
        *((f"bins-{key}", says + ". `adaptive_bins` knows", 2,
           soft(shared_by_bins, bins=bins)) for key, says, bins in [
            ("end-early", "the end of a bin is rounded up, so neighbours may "
             "share a cell", bins_by(down, lambda k, *o: down(k + 1, *o))),
            ("start-late", "the start of a bin is rounded down, so neighbours "
             "may share a cell", bins_by(up, lambda k, *o: up(k + 1, *o))),
            ("of-one-size", "each bin has size // out cells here; nothing is "
             "left over in adaptive pooling", bins_by(
                 lambda k, size, out: k * (size // out),
                 lambda k, size, out: (k + 1) * (size // out))),
          ]),
        *families.dtype(shared_by_bins),
    ],
)  # fmt: skip


# 5.6
def seen(layers, start=1, grow=lambda k, j, d: (k - 1) * d * j,
         widen=lambda j, s, d: j * s, early=False):  # fmt: skip
    """Return field and jump of a stack of layers, also with mistakes."""
    field, jump = start, 1
    for k, s, d in np.asarray(layers).tolist():
        before, jump = jump, widen(jump, s, d)
        field += grow(k, jump if early else before, d)
    return field, jump


def stacks(draw):
    """Make calls of receptive_field; no window is as large as its dilation."""

    def case(part, says, *layers):
        array = np.array(layers, int).reshape(-1, 3)
        return part, f"{says}: {array.tolist()}" if layers else says, array

    k, d = draw.pick(5, 3, 6), draw.pick(4, 3, 2)
    conv, pool = (k, 1, 1), (3, 2, 1)
    yield case("dense", "no layer at all")
    yield case("dense", "one convolution", conv)
    yield case("dense", "three convolutions", conv, conv, conv)
    yield case("dense", "pooling between them", conv, pool, conv, pool, conv)
    yield case("dense", "larger strides", (6, 3, 1), (k, 2, 1), (2, 2, 1))
    yield case("dilated", "one dilated convolution", (7, 1, d))
    yield case("dilated", "a window of one cell", conv, (1, 1, 5))
    yield case("dilated", "a stack", conv, (k, 1, 2), (k, 1, 4), (k, 1, 8))
    yield case("dilated", "strides, too", pool, (7, 3, 2), pool, (4, 2, d),
               conv)  # fmt: skip


receptive_field = Check(
    seen, stacks,
    mistakes=[
        *((key, says, hint, soft(seen, grow=grow))
          for key, says, hint, grow in [
            ("dilation-ignored", "the dilation is not used: it moves the "
             "cells of a window apart", 2, lambda k, j, d: (k - 1) * j),
            ("jump-ignored", "the jump is not used: after a stride, one cell "
             "is several of the input", 1, lambda k, j, d: (k - 1) * d),
            ("steps-are-cells", "each layer adds a step too many: k cells "
             "have k - 1 between them", 1, lambda k, j, d: k * d * j),
            ("gap-behind", "a dilated window spans (k - 1) * d + 1 cells: the "
             "last has no gap behind it", 2, lambda k, j, d: (k * d - 1) * j),
          ]),
        *((key, says, hint, soft(seen, widen=widen))
          for key, says, hint, widen in [
            ("strides-add", "strides multiply, they do not add", 1,
             lambda j, s, d: j + s),
            ("last-stride", "this is the stride of the last layer alone; "
             "jumps multiply", 1, lambda j, s, d: s),
            ("jump-dilated", "a dilation widens the window, not the step to "
             "the next one", 2, lambda j, s, d: j * s * d),
          ]),
        ("jump-too-early", "the jump is multiplied before it is used; cells "
         "are as far apart as *before* the layer", 1, soft(seen, early=True)),
        ("start-at-0", "it is one too small: without any layer, a cell sees "
         "itself", 1, soft(seen, start=0)),
        ("fields-multiply", "the windows are multiplied; each layer adds its "
         "steps to the field", 1, lambda layers: (
             int(np.prod((layers[:, 0] - 1) * layers[:, 2] + 1)),
             seen(layers)[1])),
        ("layers-turned", "the layers are taken from the last to the first",
         3, lambda layers: seen(layers[::-1])),
        *families.order(seen),
    ],
)  # fmt: skip


# 5.7
def no_zeros(v):
    """Return the cells; in a window of zeros they are ones."""
    return np.where(v.any(-1, keepdims=True), v, 1)


def chances(x, window, stride=None, weigh=no_zeros, by=np.sum, down=False):
    """Return the chance of each cell, in proportion to its weight."""
    weights = weigh(cells_of(x, window, stride, down))
    return weights / by(weights, axis=-1, keepdims=True)


def plainly(x, window, stride=None):
    """Divide by the sum, be it 0 or not."""
    return chances(x, window, stride, weigh=lambda v: v)


def activations(draw):
    """Make calls of stochastic_chances."""
    shape = draw.sizes(2, 3, 7, 13)
    x = draw.numbers(shape, below=np.prod(shape) + 5)
    some = x.copy()
    some[..., draw.pick(1, 0) :: 2] = 0
    sparse = positive(draw.ties(draw.sizes(2, 1, 6, 8), 8) - 5)
    yield "values", "cells left over", x, (2, 3)
    yield "values", "stride (2, 1)", x, (3, 5), (2, 1)
    yield "values", "zeros in each window", some, 2, 1
    yield "zeros", "one window, all zeros", np.zeros((1, 1, 2, 3)), (2, 3)
    yield "zeros", "windows of zeros among others", sparse, (2, 3), (1, 2)


def cell_picture(x, window, stride=None):
    """Return a function that draws the window of a chance."""
    cut = windows_of(x, window, stride)
    return lambda place: f"cell {place[4]} of {cut(place[:4])}"


def first_wins(y):
    """Give the whole chance of a window of zeros to its first cell."""
    y[..., 0] = np.nan_to_num(y[..., 0], nan=1)
    return np.nan_to_num(y)


stochastic_chances = Check(
    chances, activations, axes=["N", "C", "OH", "OW", "the last axis"],
    draw=cell_picture,
    mistakes=[
        *((key, says, 2, then(plainly, change)) for key, says, change in [
            ("nan", "0 / 0 is NaN: a window of zeros needs a rule of its own",
             lambda y: y),
            ("no-chance", "in a window of zeros nobody has a chance; all of "
             "its cells should have the same", np.nan_to_num),
            ("first-wins", "in a window of zeros the first cell always wins; "
             "each should have the same chance", first_wins),
            ("each-certain", "in a window of zeros each cell has 1; together "
             "they must have 1", lambda y: np.nan_to_num(y, nan=1)),
            ("quarters", "1 / 4 is right for four cells; a window has "
             "PH * PW", lambda y: np.nan_to_num(y, nan=1 / 4)),
          ]),
        *((key, says, hint, soft(chances, **how))
          for key, says, hint, how in [
            ("zeros-are-1", "each 0 counts as 1; beside others, it has no "
             "chance", 2, {"weigh": lambda v: np.where(v == 0, 1, v)}),
            ("softmax", "these are softmax weights; here a chance is in "
             "proportion to the value itself", 1,
             {"weigh": lambda v: np.exp(v - v.max(-1, keepdims=True))}),
            ("equal", "each cell has the same chance; it is in proportion to "
             "the value", 1, {"weigh": np.ones_like}),
            ("by-1", "these are the cells themselves: divide them by the sum "
             "of their window", 1, {"by": lambda *_, **__: 1}),
            ("by-maximum", "divided by the largest value; the chances of a "
             "window sum to 1", 1, {"by": np.max}),
            ("cells-down-first", "the cells of a window are read down its "
             "columns; they are read row by row", 3, {"down": True}),
          ]),
        ("by-all", "divided by the sum of all x; the chances of each *window* "
         "sum to 1", 1, lambda x, *o: cells_of(x, *o) / x.sum()),
        *families.stride(chances, hint=3),
        *families.window(chances),
    ],
)  # fmt: skip
