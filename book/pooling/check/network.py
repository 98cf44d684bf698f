"""Tables of the exercises of chapter 7, a network."""

import numpy as np

from pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_unpool2d,
)
from pooling.check import families
from pooling.check.families import but, then
from pooling.check.im2col import fractions, output_shape, strides
from pooling.check.table import Check, NotHere, gradient_picture, windows_of
from pooling.geometry import pair
from pooling.ties import share_ties


# 7.1
def parameters(
    C, H, W, filters, classes, pool, bias=1, fan=None, places=(1, 1), times=2,
    maps=None, one=1, cells=lambda size, pool: size // pool,
):  # fmt: skip
    """Count as the exercise asks; fan: maps that the second one looks at."""
    F1, F2 = filters
    fan = F1 if fan is None else fan
    first, second = F1 * (9 * C + bias), F2 * (9 * fan + bias)
    for _ in range(times):
        H, W = cells(H, pool), cells(W, pool)
    dense = ((maps or F2) * H * W + one) * classes
    return first * places[0] + second * places[1], dense


def networks(draw):
    """Make calls of count_parameters; `left` cells do not fill a window."""

    def case(part, says, sizes, pool, left=(0, 0)):
        C, *cells, F1, F2, classes = draw.sizes(*sizes)
        H, W = (pool**2 * k + more for k, more in zip(cells, left, strict=1))
        return part, says, C, H, W, (F1, F2), classes, pool

    plain, wide, lesson = (  # the lesson's network with seed 0
        ("no pooling", (3, 8, 20, 5, 4, 7), 1),
        ("pooling by 3", (2, 3, 4, 7, 5, 6), 3),
        ("pooling by 2", (1, 3, 3, 8, 16, 10), 2),
    )
    yield case("convolutions", *plain)
    yield case("convolutions", *lesson)
    yield case("dense", *wide)
    yield case("dense", *plain)
    yield case("dense", *lesson)
    yield case("odd", "cells left over", (1, 2, 3, 4, 5, 6), 2, (3, 1))
    yield case("odd", "cells left over", (2, 1, 3, 4, 5, 6), 3, (8, 4))


count_parameters = Check(
    parameters, networks,
    results={"convolutions": 0, "dense": 1, "odd": 1},
    mistakes=[
        *families.order(parameters),
        ("filters-without-bias", "the bias of each filter is missing: F1 and "
         "F2 of them", 1, but(parameters, bias=0)),
        ("second-sees-image", "the filters of the second convolution look at "
         "the F1 maps that the first one makes, not at the C channels of the "
         "image", 1, but(parameters, fan=lambda C: C)),
        ("second-sees-one-map", "a filter of the second convolution has 9 "
         "weights for *each* of the F1 maps that come in", 1,
         but(parameters, fan=1)),
        ("channels-ignored", "a filter of the first convolution has 9 weights "
         "for *each* of the C channels", 1, but(parameters, C=1)),
        ("places-counted", "a convolution uses the same filters at every "
         "place: the size of the image does not matter", 1,
         but(parameters, places=lambda H, W, pool: (
             H * W, (H // pool) * (W // pool)))),
        ("classes-without-bias", "the bias of each class is missing", 2,
         but(parameters, one=0)),
        ("one-bias-for-all", "each class has a bias of its own", 2,
         lambda *a: (parameters(*a)[0], parameters(*a, one=0)[1] + 1)),
        *((f"pooled-{times}-times", "there are two poolings on the way to the "
           "dense layer", 2, but(parameters, times=times))
          for times in (0, 1)),
        ("pooled-by-2", "the poolings are by `pool`, not by 2", 2,
         but(parameters, pool=2)),
        ("first-maps", "the dense layer sees the F2 maps of the second "
         "convolution", 2, but(parameters, maps=lambda filters: filters[0])),
        ("one-map", "the dense layer sees each cell of *each* of the F2 maps",
         2, but(parameters, maps=1)),
        ("convolutions-shrink", "with padding 1, a convolution keeps height "
         "and width", 2, but(parameters, cells=lambda: lambda size, pool: (
             (size - 2) // pool))),
        ("area-divided", "the whole area is divided; each axis loses its own "
         "left over cells, so divide height and width each by itself", 2,
         but(parameters, H=lambda H, W, pool: H * W // pool**4, W=1,
             times=0)),
        ("rounded-up", "rounded up; a window that does not fit any more is "
         "left out", 2, but(parameters, cells=lambda: lambda size, pool: (
             -(-size // pool)))),
    ],
)  # fmt: skip


# 7.2
def mixture(x, share, window, stride=None, most=None, even=None, pool=None):
    """Return most * maximum + even * average: the shares, unless given."""
    most, even = weights(share, most, even)
    mean = (pool or avg_pool2d)(x, window, stride)
    return most * max_pool2d(x, window, stride) + even * mean


def weights(share, most, even):
    """Return the share of the maximum and that of the average."""
    return share if most is None else most, 1 - share if even is None else even


def mixture_gradient(
    dout, x, share, window, stride=None, most=None, even=None, ties="first",
    add=True, dtype=float, divide=True,
):  # fmt: skip
    """Send both parts of dout back, window by window."""
    (PH, PW), (SH, SW) = strides(window, stride)
    most, even = weights(share, most, even)
    dx = np.zeros(x.shape, dtype)
    for i, j in np.ndindex(dout.shape[2:]):
        rows, columns = (slice(k, k + P) for k, P in ((i * SH, PH),
                                                      (j * SW, PW)))
        cut = x[:, :, rows, columns]
        if cut.shape[2:] != (PH, PW):  # behind the image
            raise NotHere
        won = share_ties(cut == cut.max(axis=(2, 3), keepdims=True), ties)
        part = most * won + even / (PH * PW if divide else 1)
        part = part * dout[:, :, i : i + 1, j : j + 1]
        old = dx[:, :, rows, columns] if add else 0
        dx[:, :, rows, columns] = part + old
    return dx


def unpooled(dout, x, share, window, stride=None):
    """Take unpooling for the gradient of the maximum."""
    _, indices = max_pool2d(x, window, stride, return_indices=True)
    mean = avg_pool2d_backward((1 - share) * dout, x.shape, window, stride)
    return max_unpool2d(share * dout, indices, x.shape) + mean


def shares(right):
    """List what goes wrong with the two shares."""
    return [
        (key, says, hint, but(right, **changes))
        for key, says, hint, changes in (
            ("shares-turned", "the shares are swapped: `share` goes to the "
             "maximum", 2, {"share": lambda share: 1 - share}),
            ("half-of-each", "half of each, whatever the share is", 2,
             {"share": 0.5}),
            ("share-for-both", "both get `share`; together the two have to "
             "be 1", 1, {"even": lambda share: share}),
            ("both-whole", "both parts are taken whole; each gets its share",
             1, {"most": 1, "even": 1}),
            ("average-whole", "the average is taken whole; only 1 - share of "
             "it is due", 1, {"even": 1}),
            ("maximum-whole", "the maximum is taken whole; only `share` of it "
             "is due", 1, {"most": 1}),
            ("average-missing", "the average's part is missing: it is a sum "
             "of two", 1, {"even": 0}),
            ("maximum-missing", "the maximum's part is missing: it is a sum "
             "of two", 1, {"most": 0}),
            ("maximum-alone", "this is the maximum's alone, and all of it", 1,
             {"most": 1, "even": 0}),
            ("average-alone", "this is the average's alone, and all of it", 1,
             {"most": 0, "even": 1}),
        )
    ]  # fmt: skip


def mixtures(draw):
    """Make calls of mixed_forward."""
    x = draw.numbers(draw.sizes(2, 3, 5, 7), below=40)
    view = draw.numbers(draw.sizes(3, 2, 8, 5), below=99).swapaxes(2, 3)
    low, high = draw.pick(0.25, 0.3, 0.4), draw.pick(0.75, 0.7, 0.65)
    yield "values", f"share {low}, cells left over", x, low, (2, 3)
    yield "values", "share 1", x, 1, (3, 2)
    yield "values", "share 0", x, 0, (3, 2)
    yield ("values", f"share {high}, whole numbers, x is a transposed view",
           view.astype(int), high, (2, 3))  # fmt: skip
    yield "overlap", f"share {high}, 3 x 2, stride (2, 1)", x, high, (
        3, 2), (2, 1)  # fmt: skip
    yield "overlap", f"share {low}, 2 x 2, stride 1", x, low, 2, 1


def together(x, share, *options):
    """Take the cells of all channels for one window."""
    most = max_pool2d(x, *options).max(axis=1)
    mean = avg_pool2d(x, *options).mean(axis=1)
    y = share * most + (1 - share) * mean
    return np.stack([y] * x.shape[1], axis=1)


mixed_forward = Check(
    mixture, mixtures, axes=("N", "C", "OH", "OW"),
    draw=lambda x, share, *options: windows_of(x, *options),
    mistakes=[
        *shares(mixture),
        ("dtype-of-x", "the fractions are cut off: the result is an array of "
         "whole numbers when x is one", None,
         lambda x, *o: mixture(x, *o).astype(x.dtype)),
        ("average-floored", "the averages are cut: `//`, or an array of whole "
         "numbers", None, but(mixture, pool=lambda: then(
             avg_pool2d, np.floor))),
        *families.stride(mixture, hint=2),
        *families.window(mixture),
        *families.axes(mixture, without={"channels-together"}),
        ("channels-together", "the channels are taken together; each is "
         "pooled on its own", None, together),
    ],
)  # fmt: skip


def mixed_gradients(draw):
    """Make calls of mixed_backward."""

    def case(part, says, x, share, window, stride=None, dtype=float):
        dout = fractions(draw, output_shape(x, window, stride))
        return part, says, dout.astype(dtype), x, share, window, stride

    x = draw.numbers(draw.sizes(2, 3, 5, 7), below=40)
    low, high = draw.pick(0.25, 0.3, 0.4), draw.pick(0.75, 0.7, 0.65)
    yield case("gradient", f"share {low}, cells left over", x, low, (2, 3))
    yield case("gradient", "share 1", x, 1, (3, 2))
    yield case("gradient", "share 0", x, 0, (3, 2))
    yield case("gradient", f"share {high}, x holds whole numbers",
               x.astype(int), high, (2, 3))  # fmt: skip
    yield case("gradient", f"share {high}, dout holds whole numbers",
               x, high, (3, 2), None, int)  # fmt: skip
    yield case("overlap", f"share {low}, 1 x 2, gaps between windows", x, low,
               (1, 2), (2, 3))  # fmt: skip
    yield case("overlap", f"share {low}, 2 x 2, stride 1", x, low, 2, 1)
    yield case("overlap", f"share {high}, 3 x 2, stride (2, 1)", x, high,
               (3, 2), (2, 1))  # fmt: skip
    yield case("ties", "all cells are 0", np.zeros(draw.sizes(1, 2, 4, 7)),
               high, (2, 3))  # fmt: skip
    yield case("ties", "many ties, windows that overlap",
               draw.ties(draw.sizes(2, 3, 4, 6)), low, (2, 3),
               (2, 1))  # fmt: skip


mixed_backward = Check(
    mixture_gradient, mixed_gradients,
    draw=lambda dout, x, share, *o: gradient_picture(x, dout, *o),
    mistakes=[
        *shares(mixture_gradient),
        ("average-not-divided", "the average's part is not divided: each cell "
         "of a window gets one PH * PW-th of it", 2,
         but(mixture_gradient, divide=False)),
        ("overwrites", "where windows overlap, a later gradient has replaced "
         "an earlier one: gradients add, so `+=` and not `=`", 2,
         but(mixture_gradient, add=False)),
        ("unpooled", "the maximum's part comes from unpooling, which assigns; "
         "where a cell wins in several windows, gradients add", 2, unpooled),
        *((f"dtype-of-{name}", "the fractions are cut off: dx is made in the "
           f"dtype of {name}. Gradients are floats", None,
           but(mixture_gradient, dtype=dtype_of))
          for name, dtype_of in {"x": lambda x: x.dtype,
                                 "dout": lambda dout: dout.dtype}.items()),
        *families.ties(mixture_gradient, 2, without={"ties-overwrite"}),
        *families.stride(mixture_gradient, 2, without={"stride-turned"}),
    ],
)  # fmt: skip


# 7.3
def agreeing(scores, moved, count=lambda agree: agree.all(axis=0).mean(),
             classes=(-1, -1)):  # fmt: skip
    """Compare the answers of copies and images; count gets (S, N)."""
    first, second = classes
    agree = moved.argmax(axis=second) == scores.argmax(axis=first)
    return float(count(agree))


def seen_again(draw):
    """Make calls of same_answer."""

    def case(part, S, N, K):
        answers = draw.rng.integers(0, K, N)
        change = draw.rng.integers(1, K, (S, N))
        change[draw.rng.random((S, N)) < 0.8] = 0
        change[:, :4] = 0
        change[:, 0] = 1  # the copies agree, wrongly
        change[-1, 1] = change[0, 2] = 1  # one copy alone disagrees
        scores, moved = (
            draw.rng.normal(-9, 1, (*a.shape, K)) + 5 * np.eye(K)[a]
            for a in (answers, (answers + change) % K)
        )
        moved[:, 3] = scores[3]  # to compare scores shows
        scores[0] += 3  # argmax over the images shows
        copies = "1 copy" if S == 1 else f"{S} copies"
        return part, f"{copies} of {N} images, {K} classes", scores, moved

    yield case("one", 1, *draw.sizes(9, 6))
    yield case("one", 1, *draw.sizes(40, 10))
    yield case("several", *draw.sizes(4, 23, 3))
    yield case("several", *draw.sizes(2, 7, 5))
    yield case("several", *draw.sizes(8, 60, 10))


same_answer = Check(
    agreeing, seen_again,
    mistakes=[
        *((key, says, hint, lambda *a, how=how: agreeing(*a, how))
          for key, says, hint, how in (
            ("pairs", "this is the share of agreeing pairs; an image counts "
             "only if *all* of its copies agree", 2, np.mean),
            ("any", "one agreeing copy is enough here; all of them have to "
             "agree", 2, lambda agree: agree.any(axis=0).mean()),
            ("most", "here most of the copies are enough; all of them have to "
             "agree", 2, lambda agree: (agree.mean(axis=0) > 0.5).mean()),
            ("copies-counted", "here all images of a copy have to agree; "
             "asked is the share of images for which all copies do", 2,
             lambda agree: agree.all(axis=1).mean()),
            ("last-copy", "only the last copy is looked at", 2,
             lambda agree: agree[-1].mean()),
            ("first-copy", "only the first copy is looked at", 2,
             lambda agree: agree[0].mean()),
            ("number", "this is the number of images; the share is asked", 2,
             lambda agree: agree.all(axis=0).sum()),
            ("changed", "this is the share of images whose answer changes", 2,
             lambda agree: 1 - agree.all(axis=0).mean()),
            ("percent", "this is in percent; a share is a number from 0 to 1",
             None, lambda agree: 100 * agree.all(axis=0).mean()),
          )),
        ("scores-compared", "the scores are compared; an answer is the class "
         "with the highest one", 1,
         lambda scores, moved: (moved == scores).all(axis=(0, 2)).mean()),
        ("lowest-score", "an answer is the class with the highest score, not "
         "with the lowest", 1,
         lambda scores, moved: agreeing(-scores, -moved)),
        ("copies-alone", "the copies are compared with one another only; the "
         "image itself counts as well", 2,
         lambda scores, moved: agreeing(moved[0], moved)),
        *((f"over-{what}", "argmax runs over the images; an answer is the "
           "class with the highest score, the last axis", 1,
           but(agreeing, classes=classes))
          for what, classes in {"images": (0, 1), "axis-0": (0, 0)}.items()),
    ],
)  # fmt: skip


# 7.4
def won(
    indices, input_shape, window, width=None, whole=None,
    place=lambda rows, columns, PH, PW: (rows % PH, columns % PW),
):  # fmt: skip
    """Return the share of each place; a row of x is `width` cells wide."""
    PH, PW = pair(window, "window", 1)
    lines = np.divmod(indices, width or input_shape[3])
    rows, columns = place(*lines, PH, PW)
    counts = [
        [np.sum((rows == a) & (columns == b)) for b in range(PW)]
        for a in range(PH)
    ]
    return np.array(counts) / (whole or indices.size)


def switches(draw):
    """Make calls of switch_shares."""

    def case(part, says, x, window):
        _, indices = max_pool2d(x, window, return_indices=True)
        return part, says, indices, x.shape, window

    def numbers(*sizes):
        return draw.numbers(draw.sizes(*sizes))

    ramp = np.cumsum(np.ones(draw.sizes(2, 3, 7, 11)), axis=3)
    yield case("squares", "cells left over", numbers(2, 3, 6, 9), 2)
    yield case("squares", "all are 0", np.zeros(draw.sizes(1, 2, 4, 6)), 2)
    yield case("squares", "3 x 3 windows", numbers(3, 2, 7, 11), 3)
    yield case("rectangles", "2 x 3 windows", numbers(2, 3, 5, 10), (2, 3))
    yield case("rectangles", "3 x 2 windows", numbers(3, 2, 7, 9), (3, 2))
    yield case("rectangles", "the right side wins", ramp, (2, 3))


def counted(indices, input_shape, window):
    """Return a function that counts the maxima of a place."""
    found = won(indices, input_shape, window, whole=1)

    def draw(place):
        a, b = place
        return (f"{found[place]:g} of {indices.size} maxima stand in row {a}, "
                f"column {b} of their window")  # fmt: skip

    return draw


switch_shares = Check(
    won, switches, axes=("PH", "PW"), draw=counted,
    mistakes=[
        *((f"width-is-{key}", says, 1, but(won, width=width))
          for key, says, width in (
            ("height", "each row was counted as H cells, the height; a row of "
             "the input has W cells", lambda input_shape: input_shape[2]),
            ("output", "each row was counted as OW cells; indices count in "
             "the *input* plane, whose rows have W cells",
             lambda indices: indices.shape[3]),
            ("kept", "each row was counted as OW * PW cells; those left over "
             "at its end count, too: it has W cells",
             lambda indices, window: indices.shape[3] * pair(
                 window, "window", 1)[1]),
            ("window", "the cells of a window do not follow one another in "
             "the plane: take the index apart into row and column first",
             lambda window: pair(window, "window", 1)[1]),
          )),
        *((key, says, 2, lambda *a, how=how: won(*a, place=how))
          for key, says, how in (
            ("sides-turned", "the sides of the window are swapped: rows "
             "repeat every PH, columns every PW",
             lambda rows, columns, PH, PW: (rows % PW, columns % PH)),
            ("by-height", "place (a, b) was counted as a * PH + b; a row of "
             "the window has PW cells",
             lambda rows, columns, PH, PW: np.divmod(
                 rows % PH * PH + columns % PW, PW)),
            ("which-window", "division tells which window it is; the place in "
             "the window is the remainder",
             lambda rows, columns, PH, PW: (rows // PH, columns // PW)),
          )),
        ("column-of-plane", "this is the rest of the index itself; take its "
         "column first, the rest of a row of W cells", 1,
         lambda indices, shape, window: won(
             indices, shape, window, place=lambda rows, columns, PH, PW: (
                 rows % PH, (rows * shape[3] + columns) % PW))),
        ("numbers", "these are numbers of maxima; divide by how many there "
         "are", 3, but(won, whole=1)),
        ("percent", "these are in percent; a share is a number from 0 to 1",
         None, but(won, whole=lambda indices: indices.size / 100)),
        ("divided-by-plane", "divided by the windows of one plane; there are "
         "N * C planes", 3,
         but(won, whole=lambda indices: indices[0, 0].size)),
        ("divided-by-cells", "divided by the cells of x; there is one maximum "
         "for each window", 3,
         but(won, whole=lambda input_shape: np.prod(input_shape))),
        ("first-plane", "only the first plane was looked at; there are N * C",
         3, but(won, indices=lambda indices: indices[:1, :1])),
        ("result-turned", "rows and columns of the result are swapped: it is "
         "(PH, PW)", 3, then(won, np.transpose)),
    ],
)  # fmt: skip
