"""Checks of the exercises of chapter 5, variants."""

import numpy as np

from pooling import max_pool2d
from pooling.check.im2col import gradient, output_shape, strides
from pooling.check.ladder import (
    Case,
    Suspect,
    distinct,
    gradient_picture,
    grid,
    judge,
    window_picture,
)
from pooling.geometry import pair
from pooling.lessons.strides import window_view
from pooling.lessons.variants import adaptive_bins, depthwise_conv2d


def cells_of(x, window, stride=None):
    """Return the cells of each window in a row: (N, C, OH, OW, PH * PW)."""
    view = window_view(x, window, stride)
    return view.reshape(*view.shape[:4], -1)


def with_other_stride(function, change, at=-1):
    """Return the function with `change(window, stride)` for its stride.

    `at` is the place of the stride among the arguments; the window stands
    before it.
    """

    def answer(*args):
        args = list(args)
        args[at] = change(*strides(args[at - 1], args[at]))
        return function(*args)

    return answer


def stride_suspects(function, hint):
    """Suspect the two mistakes with strides; the last argument is one."""
    return [
        Suspect(
            with_other_stride(function, lambda window, stride: window),
            "the stride is ignored: window (i, j) starts at row i * SH, "
            "column j * SW.",
            hint,
        ),
        Suspect(
            with_other_stride(function, lambda window, stride: stride[::-1]),
            "the strides are swapped: window (i, j) starts at row i * SH, "
            "column j * SW.",
            hint,
        ),
    ]


# 5.1 -----------------------------------------------------------------------


def positive(v):
    """Return what a ReLU lets through."""
    return np.where(v > 0, v, 0)


def larger(a, b, signed=True):
    """Return the larger by ReLUs; without `signed`, b loses its sign."""
    return positive(a - b) + positive(b) - (positive(-b) if signed else 0)


def in_pairs(x, first, second):
    """Join pairs across with `first`, the results down with `second`."""
    across = first(x[..., ::2], x[..., 1::2])
    return second(across[:, :, ::2], across[:, :, 1::2])


def max_from_relu(candidate, part=None):
    """Check exercise 5.1: a maximum from ReLUs."""

    def case(says, x):
        return Case(says, (x,), max_pool2d(x, 2), window_picture(x, 2))

    parts = {
        "positive": [
            case("no value is negative",
                 distinct((2, 3, 4, 6), 1, below=144)),
            case("fractions, 6 x 2 cells",
                 distinct((3, 2, 6, 2), 2, below=72) / 4),
        ],
        "negative": [
            case("both signs", distinct((2, 3, 4, 8), 3, below=96)),
            case("all values negative", distinct((1, 2, 6, 4), 4)),
        ],
    }  # fmt: skip

    def unsigned(a, b):
        return larger(a, b, signed=False)

    def one_stage(a, b, c, d):
        return a + positive(b - a) + positive(c - a) + positive(d - a)

    def joined(x):
        quarters = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return one_stage(*quarters)

    suspects = [
        Suspect(
            lambda x: in_pairs(x, larger, lambda a, b: a),
            "only the upper row of each window counts: a second stage joins "
            "the two rows.",
            2,
        ),
        Suspect(
            lambda x: in_pairs(x, lambda a, b: a, larger),
            "only the left column of each window counts: another stage joins "
            "the two columns.",
            2,
        ),
        Suspect(
            lambda x: in_pairs(x, larger, np.add),
            "the maxima of two pairs are added; the second stage takes the "
            "larger of them, as the first did.",
            2,
        ),
        Suspect(
            joined,
            "one stage for all four cells adds up every rise over the first "
            "cell. Two cells at a time: first pairs, then pairs of those.",
            2,
        ),
        Suspect(
            lambda x: positive(max_pool2d(x, 2)),
            "negative maxima have become 0: the last ReLU cuts them off. Who "
            "carries a negative b?",
            1,
        ),
        Suspect(
            lambda x: in_pairs(x, unsigned, unsigned),
            "a negative b is lost: ReLU(b) is 0 for it. b is "
            "ReLU(b) - ReLU(-b).",
            1,
        ),
        *(
            Suspect(
                lambda x, stages=stages: in_pairs(x, *stages),
                "a negative b is lost in one of the two stages: b is "
                "ReLU(b) - ReLU(-b) in both.",
                1,
            )
            for stages in ((larger, unsigned), (unsigned, larger))
        ),
        Suspect(
            lambda x: -max_pool2d(-x, 2),
            "these are the minima: has a - b become b - a, or + become -?",
            1,
        ),
    ]
    judge("max_from_relu", candidate, part, parts, suspects)


# 5.2 and 5.3 ---------------------------------------------------------------


def softmax_weights(x, beta, window, stride=None, shift=None):
    """Return cells and weights of each window: (N, C, OH, OW, PH * PW)."""
    v = cells_of(x, window, stride)
    top = v.max(axis=-1, keepdims=True) if shift is None else shift(x)
    weights = np.exp(beta * (v - top))
    return v, weights / weights.sum(axis=-1, keepdims=True)


def softmax_answer(x, beta, window, stride=None, shift=None):
    """Return the softmax mean of each window."""
    v, weights = softmax_weights(x, beta, window, stride, shift)
    return (weights * v).sum(axis=-1)


def softmax_pool2d(candidate, part=None):
    """Check exercise 5.2: softmax pooling."""

    def case(says, x, beta, window, stride=None):
        args = x, beta, window, stride
        draw = window_picture(x, window, stride)
        return Case(says, args, softmax_answer(*args), draw)

    small = distinct((2, 3, 5, 7), 1, below=105) / 32
    level = np.zeros((1, 2, 2, 6))
    level[..., 2:4], level[..., 4:] = -1000, 1000
    parts = {
        "values": [
            case("beta 1, 2 x 3 windows, cells left over", small, 1, (2, 3)),
            case("beta 0: the average", small, 0, (3, 2)),
            case("beta 0.5, 3 x 2 windows of stride (2, 1)",
                 small, 0.5, (3, 2), (2, 1)),
            case("beta 4, x is a transposed view",
                 small.transpose(0, 1, 3, 2), 4, 2),
        ],
        "large": [
            case("values around 1000", small + 1000, 1, 2),
            case("values around -1000", small - 1000, 1, (2, 3), 1),
            case("windows around 0, -1000 and 1000, side by side",
                 level + distinct((1, 2, 2, 6), 2) / 8, 1, 2),
        ],
    }  # fmt: skip

    def not_divided(x, beta, window, stride, sum_of=None):
        v = cells_of(x, window, stride)
        weights = np.exp(beta * (v - v.max(axis=-1, keepdims=True)))
        return (weights * v).sum(axis=-1) / (weights.sum() if sum_of else 1)

    def product_mean(*args):
        v, weights = softmax_weights(*args)
        return (weights * v).mean(axis=-1)

    def log_mean(x, beta, window, stride):
        v = cells_of(x, window, stride)
        return np.log(np.exp(beta * v).mean(axis=-1)) / beta

    suspects = [
        Suspect(
            lambda *args: softmax_answer(*args, shift=lambda x: 0),
            "exp of a large number is infinity, exp of a very negative one 0: "
            "then inf / inf or 0 / 0 is NaN. Shift the values first.",
            2,
        ),
        Suspect(
            lambda *args: softmax_answer(*args, shift=np.max),
            "the values are shifted by the maximum of all x; a window far "
            "below it has weights of 0 only. Take each window's own maximum.",
            2,
        ),
        Suspect(
            lambda x, beta, *rest: softmax_answer(x, 1, *rest),
            "beta is not used; the weights are exp(beta * v).",
            1,
        ),
        Suspect(
            not_divided,
            "the weights of a window do not sum to 1: divide them by their "
            "sum.",
            1,
        ),
        Suspect(
            lambda *args: not_divided(*args, sum_of="all"),
            "the weights are divided by the sum over all windows; those of "
            "*each* window sum to 1.",
            1,
        ),
        Suspect(
            product_mean,
            "the weights sum to 1 and their products are averaged as well: "
            "that divides twice.",
            1,
        ),
        Suspect(
            log_mean,
            "this is the log-mean-exp, another member of the family; here "
            "the values themselves are averaged, with weights.",
            1,
        ),
        *stride_suspects(softmax_answer, 3),
    ]
    judge("softmax_pool2d", candidate, part, parts, suspects)


def softmax_share(x, beta, window, stride=None, shift=None):
    """Return how much each cell of a window moves the softmax mean."""
    v, weights = softmax_weights(x, beta, window, stride, shift)
    y = (weights * v).sum(axis=-1, keepdims=True)
    return weights * (1 + beta * (v - y))


def spread(dout, x, window, stride, share, add=True):
    """Send dout times the shares (N, C, OH, OW, PH * PW) to the cells."""
    dx = np.zeros(x.shape)
    (PH, PW), (SH, SW) = strides(window, stride)
    for i, j in np.ndindex(dout.shape[2:]):
        part = dout[:, :, i, j, None] * share[:, :, i, j]
        cut = dx[:, :, i * SH : i * SH + PH, j * SW : j * SW + PW]
        cut[:] = part.reshape(cut.shape) + (cut if add else 0)
    return dx


def softmax_pool2d_backward(candidate, part=None):
    """Check exercise 5.3: the gradient of softmax pooling."""

    def answer(share=softmax_share, add=True):
        def function(dout, x, beta, window, stride=None):
            shares = share(x, beta, window, stride)
            return spread(dout, x, window, stride, shares, add)

        return function

    right = answer()

    def case(says, x, beta, window, stride=None):
        dout = gradient(output_shape(x, window, stride), 6)
        args = dout, x, beta, window, stride
        draw = gradient_picture(x, dout, window, stride)
        return Case(says, args, right(*args), draw)

    small = distinct((2, 3, 5, 7), 3, below=105) / 32
    parts = {
        "values": [
            case("beta 1, 2 x 3 windows, cells left over", small, 1, (2, 3)),
            case("beta 0: equal shares", small, 0, (3, 2)),
            case("beta 0.5, 2 x 1 windows of stride (3, 2)",
                 small, 0.5, (2, 1), (3, 2)),
        ],
        "overlap": [
            case("beta 1, 2 x 2 windows of stride 1", small, 1, 2, 1),
            case("beta 2, 3 x 2 windows of stride (2, 1)",
                 small, 2, (3, 2), (2, 1)),
        ],
        "large": [
            case("values around 1000", small + 1000, 1, 2),
            case("values around -1000, overlapping",
                 small - 1000, 1, (2, 3), (1, 2)),
        ],
    }  # fmt: skip

    def formula(term):
        def share(x, beta, window, stride):
            v, weights = softmax_weights(x, beta, window, stride)
            y = (weights * v).sum(axis=-1, keepdims=True)
            return weights * term(v, y, beta)

        return share

    def equal(x, beta, window, stride):
        cells = cells_of(x, window, stride)
        return np.full(cells.shape, 1 / cells.shape[-1])

    suspects = [
        Suspect(
            answer(lambda *args: softmax_share(*args, shift=lambda x: 0)),
            "exp of a large number is infinity, exp of a very negative one 0: "
            "then inf / inf or 0 / 0 is NaN. Shift the values first.",
            3,
        ),
        Suspect(
            answer(add=False),
            "where windows overlap, a later gradient has replaced an earlier "
            "one: gradients add, so `+=` and not `=`.",
            2,
        ),
        *(
            Suspect(answer(formula(term)), says, 1)
            for term, says in (
                (
                    lambda v, y, beta: 1,
                    "each cell gets its weight, as if the weights were fixed; "
                    "they change with the cell too. (This is the gradient of "
                    "the log-mean-exp.)",
                ),
                (
                    lambda v, y, beta: 1 + (v - y),
                    "beta is missing: the share is w * (1 + beta * (v - y)).",
                ),
                (
                    lambda v, y, beta: beta * (v - y),
                    "the 1 is missing: the value counts as well, not only "
                    "what it does to the weights.",
                ),
                (
                    lambda v, y, beta: 1 + beta * (y - v),
                    "the sign is turned: a cell above y gets more than its "
                    "weight, so v - y and not y - v.",
                ),
                (
                    lambda v, y, beta: 1 + beta * v,
                    "y is missing: a larger value takes weight from the "
                    "others, so v - y and not v.",
                ),
            )
        ),
        Suspect(
            lambda dout, *rest: right(np.ones(dout.shape), *rest),
            "dout is not used: a window's shares are multiplied with its "
            "gradient.",
            2,
        ),
        Suspect(
            answer(equal),
            "each cell gets an equal share, which is average pooling.",
            1,
        ),
        *stride_suspects(right, 2),
    ]
    judge("softmax_pool2d_backward", candidate, part, parts, suspects)


# 5.4 -----------------------------------------------------------------------

LINE = np.array([1, 2, 1]) / 4
BLUR = np.outer(LINE, LINE)


def blurred(x, stride=2, weights=BLUR, mode="reflect", early=False):
    """Blur with 3 x 3 weights and keep every stride-th row and column."""
    if early:
        x, stride = x[:, :, ::stride, ::stride], 1
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode=mode)
    every = np.broadcast_to(weights, (x.shape[1], 3, 3))
    return depthwise_conv2d(padded, every, stride)


def blur_pool2d(candidate, part=None):
    """Check exercise 5.4: blur, then subsample."""

    def case(says, x, stride):
        def draw(place):
            *plane, i, j = place
            padded = np.pad(x[tuple(plane)], 1, mode="reflect")
            top, left = i * stride, j * stride
            cut = padded[top : top + 3, left : left + 3]
            cells = [[f"{v:g}" for v in row] for row in cut]
            return "its 3 x 3 cells, reflected at the edge:\n" + grid(cells)

        return Case(says, (x, stride), blurred(x, stride), draw)

    inner = np.zeros((1, 2, 7, 9))
    inner[:, :, 2:5, 2:7] = distinct((1, 2, 3, 5), 1, below=45)
    parts = {
        "inside": [
            case("zeros around the values, stride 2", inner, 2),
            case("zeros around the values, stride 3", inner, 3),
        ],
        "border": [
            case("all cells 1", np.ones((2, 1, 4, 6)), 2),
            case("stride 2, an odd size", distinct((2, 3, 7, 4), 2), 2),
            case("stride 3", distinct((1, 2, 5, 8), 3), 3),
        ],
        "stride": [
            case("stride 1: a blur alone", distinct((3, 2, 4, 5), 4), 1),
            case("stripes, one cell wide",
                 np.tile([0.0, 1.0], (1, 1, 6, 4)), 2),
        ],
    }  # fmt: skip
    row = np.zeros((3, 3))
    row[1] = LINE
    mistakes = [
        (
            {"early": True},
            "every second cell is taken first and then blurred: what was "
            "between them is lost. Blur first, then subsample.",
            1,
        ),
        (
            {"mode": "constant"},
            "the padding is 0, which darkens the border: an image of ones "
            "must stay one. Reflect the image instead.",
            2,
        ),
        (
            {"mode": "edge"},
            "the padding repeats the edge; reflect means that the edge is the "
            "mirror: the cell beyond it is the one before it.",
            2,
        ),
        (
            {"mode": "wrap"},
            "the padding comes from the other side of the image; it should "
            "reflect at the edge.",
            2,
        ),
        (
            {"weights": BLUR * 16},
            "the weights sum to 16, so the output is 16 times too bright.",
            1,
        ),
        (
            {"weights": BLUR * 4},
            "the weights sum to 4: 1, 2, 1 is divided by 4 in both "
            "directions, that is by 16.",
            1,
        ),
        (
            {"weights": BLUR * 16 / 9},
            "divided by 9, the number of cells; the weights sum to 16.",
            1,
        ),
        (
            {"weights": np.full((3, 3), 1 / 9)},
            "all weights are equal; the cells in the middle weigh more.",
            1,
        ),
        (
            {"weights": row},
            "blurred across only; columns need it as much as rows.",
            1,
        ),
        (
            {"weights": row.T},
            "blurred down only; rows need it as much as columns.",
            1,
        ),
    ]
    suspects = [
        Suspect(
            lambda x, stride, options=options: blurred(x, stride, **options),
            says,
            hint,
        )
        for options, says, hint in mistakes
    ]
    suspects += [
        Suspect(
            lambda x, stride: blurred(x),
            "the stride is always 2; use the argument.",
        ),
        Suspect(
            lambda x, stride: blurred(x.sum(1, keepdims=True), stride)
            + np.zeros((1, x.shape[1], 1, 1)),
            "the channels are added up; each is blurred for itself.",
            3,
        ),
    ]
    judge("blur_pool2d", candidate, part, parts, suspects)


# 5.5 -----------------------------------------------------------------------


def bin_shares(size, out, stops=None, lengths=None):
    """Return the share of each cell in each bin of an axis: (out, size)."""
    starts, right = adaptive_bins(size, out)
    stops = right if stops is None else stops(size, out)
    cells = np.arange(size)
    inside = (cells >= starts[:, None]) & (cells < stops[:, None])
    count = (right - starts)[:, None] if lengths is None else lengths
    return inside / count


def adaptive_avg_backward(candidate, part=None):
    """Check exercise 5.5: the gradient of adaptive average pooling."""

    def right(dout, shape, **how):
        down, across = (
            bin_shares(size, out, **how)
            for size, out in zip(shape[2:], dout.shape[2:], strict=True)
        )
        return np.einsum("ncij,ih,jw->nchw", dout, down, across)

    def case(says, shape, out):
        dout = gradient((*shape[:2], *out), 5)
        args = dout, shape
        bins = [
            list(zip(*adaptive_bins(*sizes), strict=True))
            for sizes in zip(shape[2:], out, strict=True)
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

        return Case(says, args, right(*args), draw)

    parts = {
        "tiles": [
            case("6 x 8 cells, 3 x 2 bins of equal size",
                 (2, 3, 6, 8), (3, 2)),
            case("one bin for the whole plane", (3, 2, 4, 5), (1, 1)),
        ],
        "overlap": [
            case("4 x 7 cells, 2 x 3 bins", (2, 1, 4, 7), (2, 3)),
            case("5 x 8 cells, 3 x 5 bins of several sizes",
                 (1, 2, 5, 8), (3, 5)),
            case("more bins than cells", (2, 3, 2, 3), (3, 5)),
        ],
    }  # fmt: skip

    def overwritten(dout, shape):
        dx = np.zeros(shape)
        (top, bottom), (left, right_) = (
            adaptive_bins(size, out)
            for size, out in zip(shape[2:], dout.shape[2:], strict=True)
        )
        for i, j in np.ndindex(dout.shape[2:]):
            cut = dx[:, :, top[i] : bottom[i], left[j] : right_[j]]
            cells = (bottom[i] - top[i]) * (right_[j] - left[j])
            cut[:] = dout[:, :, i, j, None, None] / cells
        return dx

    def usual(dout, shape):
        (OH, OW), (H, W) = dout.shape[2:], shape[2:]
        whole = right(dout, shape, lengths=1)
        return whole / ((H // OH) * (W // OW))

    def ideal(dout, shape):
        (OH, OW), (H, W) = dout.shape[2:], shape[2:]
        return right(dout, shape, lengths=1) / (H / OH * (W / OW))

    def lines(dout, shape, axis):
        size, out = shape[2 + axis], dout.shape[2 + axis]
        starts, stops = adaptive_bins(size, out)
        others = (stops - starts).reshape((-1, 1) if axis == 0 else -1)
        return right(dout * others, shape)

    def rounded_down(size, out):
        return (np.arange(out) + 1) * size // out

    def cut_short(dout, shape):
        down, across = (
            bin_shares(size, out, rounded_down, 1)
            for size, out in zip(shape[2:], dout.shape[2:], strict=True)
        )
        down, across = (
            m / np.maximum(m.sum(axis=1, keepdims=True), 1)
            for m in (down, across)
        )
        return np.einsum("ncij,ih,jw->nchw", dout, down, across)

    suspects = [
        Suspect(
            overwritten,
            "where bins overlap, a later share has replaced an earlier one: "
            "gradients add, so `+=` and not `=`.",
            2,
        ),
        Suspect(
            lambda dout, shape: right(dout, shape, lengths=1),
            "each cell gets the whole gradient of its bin; an average divides "
            "by the number of cells.",
            1,
        ),
        *(
            Suspect(
                answer,
                "divided by one number for all bins; each bin has a size of "
                "its own.",
                1,
            )
            for answer in (usual, ideal)
        ),
        *(
            Suspect(
                lambda dout, shape, axis=axis: lines(dout, shape, axis),
                "divided along one axis only; a bin has rows times columns "
                "cells.",
                1,
            )
            for axis in (0, 1)
        ),
        Suspect(
            cut_short,
            "the bins end too early: the end of a bin is rounded up, so "
            "neighbours may share a cell. `adaptive_bins` knows.",
            2,
        ),
        Suspect(
            lambda dout, shape: right(dout, shape)
            * (shape[2] * shape[3])
            / dout[0, 0].size,
            "the size of a bin is H * W; but a bin holds only a part of the "
            "plane.",
            1,
        ),
    ]
    judge("adaptive_avg_backward", candidate, part, parts, suspects)


# 5.6 -----------------------------------------------------------------------


def seen(layers, start=1, grow=lambda k, j, d: (k - 1) * d * j,
         widen=lambda j, s, d: j * s, early=False):  # fmt: skip
    """Return field and jump of a stack of layers, also with mistakes."""
    field, jump = start, 1
    for k, s, d in np.asarray(layers).tolist():
        before, jump = jump, widen(jump, s, d)
        field += grow(k, jump if early else before, d)
    return field, jump


def receptive_field(candidate, part=None):
    """Check exercise 5.6: how far a cell sees."""

    def case(says, *layers):
        array = np.array(layers, int).reshape(-1, 3)
        return Case(f"{says}: {array.tolist()}", (array,), seen(array))

    conv, pool = (3, 1, 1), (2, 2, 1)
    parts = {
        "dense": [
            case("no layer at all"),
            case("one convolution", conv),
            case("three convolutions", conv, conv, conv),
            case("the network of the lesson", conv, pool, conv, pool, conv),
            case("a stride larger than 2", (7, 3, 1), (3, 2, 1), (5, 4, 1)),
        ],
        "dilated": [
            case("one dilated convolution", (3, 1, 4)),
            case("a window of one cell, dilated", conv, (1, 1, 5)),
            case("a dilated stack", conv, (3, 1, 2), (3, 1, 4), (3, 1, 8)),
            case("dilation between poolings", pool, (3, 1, 2), pool,
                 (4, 2, 3), conv),
        ],
    }  # fmt: skip
    suspects = [
        Suspect(lambda layers, how=how: seen(layers, **how), says, hint)
        for how, says, hint in (
            (
                {"grow": lambda k, j, d: (k - 1) * j},
                "the dilation is not used: it moves the cells of a window "
                "apart, so that they span more.",
                2,
            ),
            (
                {"early": True},
                "the jump is multiplied before it is used. The cells of a "
                "window are as far apart as the steps *before* the layer.",
                1,
            ),
            (
                {"grow": lambda k, j, d: (k - 1) * d},
                "the jump is not used: after a stride, one cell more is "
                "several input cells more.",
                1,
            ),
            (
                {"grow": lambda k, j, d: k * d * j},
                "each layer adds one step too many: k cells have k - 1 steps "
                "between them.",
                1,
            ),
            (
                {"grow": lambda k, j, d: (k * d - 1) * j},
                "a dilated window spans (k - 1) * d + 1 cells, not k * d: "
                "the last cell has no gap behind it.",
                2,
            ),
            (
                {"start": 0},
                "it is one too small: without any layer, a cell sees itself.",
                1,
            ),
            (
                {"widen": lambda j, s, d: j + s},
                "strides multiply, they do not add.",
                1,
            ),
            (
                {"widen": lambda j, s, d: s},
                "this is the stride of the last layer alone; jumps multiply "
                "along the layers.",
                1,
            ),
            (
                {"widen": lambda j, s, d: j * s * d},
                "a dilation widens the window, not the step from one window "
                "to the next.",
                2,
            ),
        )
    ]
    suspects += [
        Suspect(
            lambda layers: seen(layers)[::-1],
            "field and jump have changed places: the field comes first.",
        ),
        Suspect(
            lambda layers: seen(layers[::-1]),
            "the layers are taken from the last to the first.",
            3,
        ),
    ]
    judge("receptive_field", candidate, part, parts, suspects)


# 5.7 -----------------------------------------------------------------------


def stochastic_chances(candidate, part=None):
    """Check exercise 5.7: the chance of each cell."""

    def right(x, window, stride=None):
        v = cells_of(x, window, stride)
        total = v.sum(axis=-1, keepdims=True)
        return np.where(total > 0, v, 1) / np.where(
            total > 0, total, v.shape[-1]
        )

    def case(says, x, window, stride=None):
        window_of = window_picture(x, window, stride)
        return Case(
            says,
            (x, window, stride),
            right(x, window, stride),
            lambda place: f"cell {place[4]} of {window_of(place[:4])}",
        )

    some = distinct((2, 3, 5, 7), 1, below=211)
    sparse = np.where(distinct((2, 1, 6, 8), 2, below=20) > 0, 1.5, 0)
    parts = {
        "values": [
            case("2 x 3 windows, cells left over", some, (2, 3)),
            case("3 x 2 windows of stride (2, 1)",
                 some + 10, (3, 2), (2, 1)),
            case("zeros in some cells", positive(some - 130) + 0.25, 2, 1),
        ],
        "zeros": [
            case("one window, all zeros", np.zeros((1, 1, 2, 3)), (2, 3)),
            case("windows of zeros among others", sparse, (2, 3), (1, 2)),
        ],
    }  # fmt: skip

    def plainly(x, window, stride):
        v = cells_of(x, window, stride)
        return v / v.sum(axis=-1, keepdims=True)

    def no_chance(x, window, stride):
        return np.nan_to_num(plainly(x, window, stride))

    def first(x, window, stride):
        chances = plainly(x, window, stride)
        chances[..., 0] = np.nan_to_num(chances[..., 0], nan=1)
        return np.nan_to_num(chances)

    def certain(x, window, stride):
        return np.nan_to_num(plainly(x, window, stride), nan=1)

    def softened(x, window, stride):
        v = cells_of(x, window, stride)
        top = v.max(axis=-1, keepdims=True)
        weights = np.exp(v - top)
        return weights / weights.sum(axis=-1, keepdims=True)

    def by_top(x, window, stride):
        v = cells_of(x, window, stride)
        return v / v.max(axis=-1, keepdims=True)

    def down(x, window, stride):
        turned = right(
            x.transpose(0, 1, 3, 2),
            *(pair(p, "window", 1)[::-1] for p in strides(window, stride)),
        )
        return turned.transpose(0, 1, 3, 2, 4)

    suspects = [
        Suspect(
            plainly,
            "0 / 0 is NaN: a window of zeros needs a rule of its own.",
            2,
        ),
        Suspect(
            no_chance,
            "in a window of zeros nobody has a chance; the chances of a "
            "window must sum to 1. Give all of its cells the same.",
            2,
        ),
        Suspect(
            first,
            "in a window of zeros the first cell always wins; give all of "
            "its cells the same chance.",
            2,
        ),
        Suspect(
            certain,
            "in a window of zeros each cell has a chance of 1; together they "
            "must have 1.",
            2,
        ),
        Suspect(
            softened,
            "these are softmax weights; here a chance is in proportion to "
            "the value itself.",
            1,
        ),
        Suspect(
            by_top,
            "divided by the largest value; the chances of a window sum to 1.",
            1,
        ),
        Suspect(
            lambda x, *rest: cells_of(x, *rest) / x.sum(),
            "divided by the sum of all x; the chances of each *window* sum "
            "to 1.",
            1,
        ),
        Suspect(
            down,
            "the cells of a window are read down its columns; they are read "
            "left to right, then the next row.",
            3,
        ),
        *stride_suspects(right, 3),
    ]
    axes = ["N", "C", "OH", "OW", "the last axis"]
    judge("stochastic_chances", candidate, part, parts, suspects, axes)
