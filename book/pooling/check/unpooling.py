"""Tables of the exercises of chapter 4, unpooling."""

import numpy as np

from pooling import max_pool2d, max_unpool2d, output_size
from pooling.check import families
from pooling.check.families import but, then, turned
from pooling.check.im2col import fractions, output_shape, strides
from pooling.check.table import (
    SEVERAL,
    Check,
    NotHere,
    describe,
    gradient_picture,
    grid,
)
from pooling.lessons.strides import pool_images
from pooling.ties import max_gradient_loops


def written(
    y, rows, columns, shape, fill=0, dtype=None, add=False, planes=1
):  # fmt: skip
    """Write each y (..., OH, OW) to its row and column, or add it.

    With `planes=0` all of them go to the first plane.
    """
    x = np.full(shape, fill, dtype or y.dtype)
    at = *(planes * np.indices(y.shape)[:-2]), rows, columns
    try:
        if add:
            np.add.at(x, at, y)
        else:
            x[at] = y
    except IndexError as outside:
        raise NotHere from outside
    return x


def in_window(k, PH, PW):
    """Return row and column of place k of a window."""
    return np.divmod(k, PW)


def by_height(k, PH, PW):
    """Divide by the wrong side."""
    return np.divmod(k, PH)


def in_plane(k, window, stride, split=in_window):
    """Turn places in the window into rows and columns of the plane."""
    window, (SH, SW) = strides(window, stride)
    i, j = np.indices(k.shape)[2:]
    a, b = split(k, *window)
    return SH * i + a, SW * j + b


def sources(y, sends, verb):
    """Return a function that lists the windows that send to a cell.

    `sends(window, cell)` tells whether window (..., i, j) sends to a cell.
    """

    def draw(place):
        *lead, row, column = place
        found = [
            f"[{i}, {j}] with {y[*lead, i, j]:g}"
            for i, j in np.ndindex(y.shape[-2:])
            if sends((*lead, i, j), (row, column))
        ]
        return f"windows that {verb} this cell: " + (
            ", ".join(found) or "none"
        )

    return draw


def winners_of(y, rows, columns):
    """Return a function that lists the windows that won a cell."""
    return sources(
        y, lambda at, cell: (rows[at], columns[at]) == cell, "won"
    )


BY_HEIGHT = ("divided by the height: a row of the window has PW cells, so "
             "place k is cell (k // PW, k % PW)")  # fmt: skip
FIRST_PLANE = ("all planes were written into the first one: a place counts in "
               "its own plane")  # fmt: skip
BATCH_WIDE = ("these count through all planes; each plane counts its cells "
              "from 0")  # fmt: skip
FROM_1 = "these count from 1; places count from 0"


def batch_wide(places, cells):
    """Count through all planes, each of so many cells."""
    N, C = places.shape[:2]
    return places + cells * np.arange(N * C).reshape(N, C, 1, 1)


# 4.1
HAND_Y = np.array([[8, 8], [9, 11]])
HAND_PLACES = np.array([[6, 6], [12, 15]])
HAND_DOUT = np.array([[1, 2], [5, 7]])


def by_hand(places=HAND_PLACES, dout=HAND_DOUT, add_y=False, add_dout=True):
    """Return y, unpooled, and the gradient."""
    at = *np.divmod(places, 4), (4, 4)
    return written(HAND_Y, *at, add=add_y), written(dout, *at, add=add_dout)


def first_kept():
    """Keep the first of two gradients for a cell."""
    _, dx = by_hand(HAND_PLACES[:, ::-1], HAND_DOUT[:, ::-1], add_dout=False)
    return by_hand()[0], dx


unpool_by_hand = Check(
    by_hand, axes="HW",
    cases=[
        ("unpooled", "`x`, the unpooled y"),
        ("gradient", "`dx`, the gradient"),
    ],
    results={"unpooled": 0, "gradient": 1},
    draw={
        "unpooled": lambda: winners_of(HAND_Y, *np.divmod(HAND_PLACES, 4)),
        "gradient": lambda: winners_of(HAND_DOUT, *np.divmod(HAND_PLACES, 4)),
    },
    mistakes=[
        ("added", "the two 8s are added; both windows say that the cell holds "
         "8, and unpooling writes it once more", 2,
         lambda: by_hand(add_y=True)),
        ("overwrites", "only the gradient that came last is left; the loss "
         "feels the cell through both windows, so gradients add", 2,
         lambda: by_hand(add_dout=False)),
        ("first-kept", "only the gradient that came first is left; the loss "
         "feels the cell through both windows, so gradients add", 2,
         first_kept),
        ("y-for-dout", "these are sums of y; the gradient sends the numbers "
         "of dout", None, lambda: by_hand(dout=HAND_Y)),
        ("x-again", "this is x once more; the gradient sends the numbers of "
         "dout", None, lambda: by_hand(dout=HAND_Y, add_dout=False)),
        ("down-first", "the cells are counted down the columns; indices count "
         "row by row, from left to right", 1,
         lambda: tuple(plane.T for plane in by_hand())),
        ("from-1", "the cells are counted from 1; indices count from 0", 1,
         lambda: by_hand(HAND_PLACES - 1)),
        *families.order(by_hand),
    ],
)  # fmt: skip


# 4.2
def local(
    y, winners, shape, window, stride=None, split=in_window, **how
):  # fmt: skip
    """Put each y at its place in its window."""
    at = in_plane(winners, window, stride, split)
    return written(y, *at, shape, **how)


def memories(draw):
    """Make calls of unpool_local."""

    def case(part, says, x, window, stride=None):
        y, places = max_pool2d(x, window, stride, return_indices=True)
        row, column = np.divmod(places, x.shape[3])
        top, left = in_plane(0 * places, window, stride)
        _, PW = strides(window, stride)[0]
        winners = (row - top) * PW + column - left
        return part, says, y, winners, x.shape, window, stride

    def image(*sizes):
        return draw.numbers(draw.sizes(*sizes), below=60) / 4

    nine = np.array([[[[1.0, 2, 3, 9], [4, 5, 6, 7]]]]) * draw.pick(1, 2, 3)
    whole = draw.numbers(draw.sizes(3, 2, 5, 6)).astype("i2")
    yield case("tiles", "2 x 2", image(2, 3, 4, 6), 2)
    yield case("tiles", "3 x 3, cells left over", image(1, 2, 7, 8), 3)
    yield case("tiles", "y holds whole numbers, int16", whole, 2)
    yield case("rectangles", "2 x 3", image(3, 2, 5, 7), (2, 3))
    yield case("rectangles", "3 x 2", image(2, 3, 7, 4), (3, 2))
    gaps = draw.numbers((1, 2, *draw.pick((6, 9), (7, 10), (7, 13))), 50)
    yield case("overlap", "2 x 2, stride (3, 4), so that gaps are left", gaps,
               2, (3, 4))  # fmt: skip
    yield case("overlap", "two windows 2 x 3, stride 1", nine, (2, 3), 1)
    yield case("overlap", "3 x 2, stride (2, 1)", image(2, 3, 8, 5), (3, 2),
               (2, 1))  # fmt: skip


def rows_of_h(y, winners, shape, *options):
    """Lay the rows of a plane in a line as if they had H cells."""
    row, column = in_plane(winners, *options)
    at = np.divmod(row * shape[2] + column, shape[3])
    return written(y, *at, shape)


unpool_local = Check(
    local, memories, exact={"tiles", "rectangles", "overlap"},
    draw=lambda y, winners, shape, *o: winners_of(y, *in_plane(winners, *o)),
    mistakes=[
        ("by-height", BY_HEIGHT, 1,
         but(local, split=lambda: by_height)),
        ("remainder-by-height", "the remainder is by the height: a row of the "
         "window has PW cells, so place k is cell (k // PW, k % PW)", 1,
         but(local, split=lambda: lambda k, PH, PW: (k // PW, k % PH))),
        ("places-in-the-plane", "these places are taken for places in the "
         "plane; they count in the window, and each window starts elsewhere",
         2, lambda y, winners, shape, *_: max_unpool2d(y, winners, shape)),
        ("first-plane", FIRST_PLANE, None,
         lambda *args: local(*args, planes=0)),
        ("added", "where two windows have the same maximum, it is added; "
         "unpooling assigns", 2, lambda *args: local(*args, add=True)),
        ("dtype-float64", "np.zeros makes an array of floats; the result has "
         "the dtype of y", 3, then(local, lambda x: x.astype(float))),
        ("rows-of-h", "a row of the plane was counted as H cells; it is W "
         "cells wide", None, rows_of_h),
        ("from-1", "the places are taken to count from 1; they count from 0",
         1, but(local, winners=lambda winners: winners - 1)),
        ("stride-turned", "the two strides are swapped: (rows, columns)", 2,
         but(local, stride=lambda window, stride: turned(
             window if stride is None else stride))),
        *families.dtype(local, without={"fractions-rounded"}),
        *families.stride(local, hint=2, without={"stride-turned"}),
    ],
)  # fmt: skip


# 4.3
def first_marked(
    mask, stride, W, pick=lambda marks: marks.argmax(-1), split=in_window,
    place=lambda row, column, W: row * W + column,
):  # fmt: skip
    """Return the place in the plane of each window's first marked cell."""
    *windows, PH, PW = mask.shape
    k = pick(mask.reshape(*windows, PH * PW))
    return place(*in_plane(k, (PH, PW), stride, split), W)


def masks(draw):
    """Make calls of mask_to_indices."""

    def case(part, says, sizes, window, stride, marks=1):
        windows, more = draw.sizes(*sizes), draw.pick(1, 2, 3)
        order = draw.rng.random((*windows, np.prod(window))).argsort(-1)
        mask = (order < marks).reshape(*windows, *window)
        W = (windows[3] - 1) * stride[1] + window[1] + more
        return part, says, mask, stride, W

    yield case("tiles", "2 x 2", (2, 3, 4, 5), (2, 2), (2, 2))
    yield case("tiles", "2 x 3", (3, 2, 4, 5), (2, 3), (2, 3))
    yield case("tiles", "3 x 2", (2, 3, 5, 4), (3, 2), (3, 2))
    yield case("overlap", "2 x 3, stride (1, 2)", (1, 2, 3, 4), (2, 3), (1, 2))
    yield case("overlap", "3 x 2, stride (2, 1)", (2, 3, 5, 4), (3, 2), (2, 1))
    yield case("ties", "two cells marked", (1, 2, 3, 4), (2, 3), (2, 3), 2)
    yield case("ties", "all cells marked", (2, 3, 4, 5), (3, 2), (1, 2), 6)


def last(marks):
    """Return the last marked cell of each window."""
    return marks.shape[-1] - 1 - marks[..., ::-1].argmax(-1)


def all_added(mask, stride, W):
    """Add up the places of all marked cells."""
    marks = mask.reshape(*mask.shape[:4], -1)
    return sum(
        marks[..., k]
        * first_marked(mask, stride, W, lambda m, k=k: np.full(m.shape[:4], k))
        for k in range(marks.shape[-1])
    )


def batch_wide_marks(mask, stride, W):
    """Count the cells of all planes."""
    top, _ = in_plane(np.zeros(mask.shape[:4], int), mask.shape[4:], stride)
    H = top.max() + mask.shape[4]
    return batch_wide(first_marked(mask, stride, W), H * W)


def mask_picture(mask, stride, W):
    """Return a function that draws the mask of a window."""
    return lambda place: "the mask of this window:\n" + grid(
        [[f"{cell:d}" for cell in row] for row in mask[place]]
    )


mask_to_indices = Check(
    first_marked, masks, axes=("N", "C", "OH", "OW"), draw=mask_picture,
    mistakes=[
        ("last-marked", "this is the last marked cell of each window; the "
         "first one, row by row, is the winner", 1,
         but(first_marked, pick=lambda: last)),
        ("all-added", "the places of several marked cells are added up; asked "
         "is the first one", 1, all_added),
        ("by-height", BY_HEIGHT, 2,
         but(first_marked, split=lambda: by_height)),
        ("places-in-the-window", "these are places in the window, 0 to PH * "
         "PW - 1; asked are places in the plane, row * W + column", 2,
         lambda mask, *_: mask.reshape(*mask.shape[:4], -1).argmax(-1)),
        ("rows-of-ow", "a row was counted as OW cells; the plane is W cells "
         "wide", 2, but(first_marked, W=lambda mask: mask.shape[3])),
        ("column-first", "this is column * W + row; asked is row * W + "
         "column", 2, but(first_marked, place=lambda: (
             lambda row, column, W: column * W + row))),
        ("batch-wide", BATCH_WIDE, 2, batch_wide_marks),
        ("from-1", FROM_1, 2,
         then(first_marked, lambda places: places + 1)),
        *families.stride(first_marked, hint=2),
    ],
)  # fmt: skip


# 4.4
def broken_unpool_backward(x, dout, f, stride):
    """Send dout (OH, OW) back through the max pooling of x (h, w)."""
    _, mask = pool_images(x, f, stride, return_mask=True)
    i, j, a, b = np.nonzero(mask)
    dx = np.zeros(x.shape)
    dx[stride * i + a, stride * j + b] = dout[i, j]
    return dx


def bad_plane(value, symbol):
    """Say why this is no plane of finite numbers; [] if it is one."""
    if not isinstance(value, np.ndarray):
        return ["form", f"  {symbol} must be an array, got {describe(value)}"]
    if value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        return ["form", f"  {symbol} must hold ordinary numbers, no NaN and "
                "no inf"]  # fmt: skip
    if value.ndim != 2:
        return ["form", f"  {symbol} must be one plane, with 2 axes, got "
                f"shape {value.shape}"]  # fmt: skip
    return []


def wrong_sums(got, stride):
    """Say why (x, dout) does not show the bug; [] if it does."""
    if not isinstance(got, SEVERAL) or len(got) != 2:
        return ["form", f"  must return x and dout, got {describe(got)}"]
    x, dout = got
    bad = bad_plane(x, "x") or bad_plane(dout, "dout")
    if bad:
        return bad
    try:
        shape = output_shape(x[None, None], 2, stride)[2:]
    except ValueError as error:
        return ["form", f"  x does not fit 2 x 2 windows: {error}"]
    if dout.shape != shape:
        return ["shape-of-dout", f"  dout must have shape {shape} for an x of "
                f"shape {x.shape}, got {dout.shape}"]  # fmt: skip
    if not (dout > 0).all():
        return ["not-above-0",
                f"  the smallest number of dout is {dout.min():g}"]
    total = broken_unpool_backward(x, dout, 2, stride).sum()
    sent = dout.astype(float).sum()
    gain = 0 if np.isclose(total, sent, 1e-9, 0) else total - sent
    sums = f"  dx sums to {total:g}, dout to {sent:g}: nothing is "
    if stride == 2:
        return [] if gain > 0 else ["one-mark-each", sums + "gained"]
    if gain < 0:
        return []
    return ["ties-gain" if gain else "no-cell-twice", sums + "lost"]


EQUAL = np.ones((2, 2)), np.ones((1, 1))
PEAK = np.array([[0.0, 1, 2], [3, 99, 5], [6, 7, 8]])


def either(ties=EQUAL, x=PEAK, dout=np.ones((2, 2))):  # noqa: B008
    """Return a function that answers for stride 2 and for stride 1."""
    return lambda stride: ties if stride == 2 else (x, dout)


showing_sums = Check(
    either(), rule=wrong_sums,
    cases=[
        ("ties", "stride 2: the sum of dx must be too large", 2),
        ("overlap", "stride 1: the sum of dx must be too small", 1),
    ],
    mistakes=[
        ("one-mark-each", "Likely cause: each window marks one cell only. "
         "When does a mask mark several?", 1,
         either((PEAK[:2, :2], np.ones((1, 1))))),
        ("no-cell-twice", "Likely cause: no cell wins two windows. Where must "
         "it stand, and how large must it be?", 1,
         either(x=np.array([[9.0, 1, 8], [2, 0, 3], [7, 4, 6]]))),
        ("ties-gain", "Likely cause: tied cells gain more than overlap loses; "
         "use numbers that are all different", 1, either(x=-np.eye(3))),
        ("not-above-0", "every number of dout must be larger than 0, so that "
         "losses and gains cannot cancel", None,
         either(dout=np.zeros((2, 2)))),
        ("shape-of-dout", "dout has one number for each window", None,
         either(dout=np.ones((3, 3)))),
    ],
)  # fmt: skip


def routed(x, dout, f, stride, ties="first"):
    """Return the gradient of max pooling one image."""
    x, dout = x[None, None], dout[None, None]
    return max_gradient_loops(x, dout, f, stride, ties=ties)[0, 0]


def assigned(x, dout, f, stride, send=lambda y, dout: dout):
    """Unpool gradients, which is no backward pass."""
    x, dout = x[None, None], dout[None, None]
    y, indices = max_pool2d(x, f, stride, return_indices=True)
    return max_unpool2d(send(y, dout), indices, x.shape)[0, 0].astype(float)


def gradients(draw):
    """Make calls of mended_unpool_backward."""

    def case(part, says, x, f, stride):
        dout = fractions(draw, output_shape(x[None, None], f, stride)[2:])
        return part, says, x, dout * 1.001, f, stride

    few = draw.ties(draw.sizes(6, 7)) - 2
    flat = np.full(draw.sizes(4, 6), -5.0)
    yield case("ties", "all cells are equal, side by side", flat, 2, 2)
    yield case("ties", "whole numbers, many ties", few.astype(int), 2, 2)
    yield case("ties", "an image of bytes", (few + 2).astype("u1"), 3,
               3)  # fmt: skip
    yield case("overlap", "2 x 2, stride 1", draw.numbers(draw.sizes(3, 4)),
               2, 1)  # fmt: skip
    yield case("overlap", "3 x 3, stride 2", draw.numbers(draw.sizes(9, 7)),
               3, 2)  # fmt: skip
    yield case("both", "ties, and 2 x 2, stride 1", few[:4], 2, 1)
    yield case("both", "ties, and 3 x 3, stride 2", few, 3, 2)


def gradient_of_plane(x, dout, f, stride):
    """Return a function that lists the windows that hold a cell."""
    picture = gradient_picture(x[None, None], dout[None, None], f, stride)
    return lambda place: picture((0, 0, *place))


mended_unpool_backward = Check(
    routed, gradients, axes="HW", draw=gradient_of_plane,
    mistakes=[
        ("unpooled", "a cell that won several windows has the last gradient "
         "only: that is unpooling. On a list of places `+=` writes each once, "
         "like `=`", 3, assigned),
        ("y-for-dout", "these are the maxima of x, unpooled; the gradient "
         "sends the numbers of dout", None,
         but(assigned, send=lambda: lambda y, dout: y)),
        ("fractions-cut", "the fractions are cut off: dx has to hold floats, "
         "whatever x holds", None,
         lambda x, *o: routed(x, *o).astype(x.dtype)),
        ("start-at-0", "the search for the maximum starts at 0, and no cell "
         "of a window without a positive number beats that", 3,
         lambda x, dout, f, stride: routed(
             x, dout * (pool_images(x, f, stride) > 0), f, stride)),
        ("minimum", "the gradients went to the smallest cells", 3,
         lambda x, *o: routed(-x.astype(float), *o)),
        *families.ties(routed, hint=2, without={"ties-overwrite"}),
    ],
)  # fmt: skip


# 4.5
def broken_avg_unpool(y, f, output_shape):
    """Divide each y (OH, OW) evenly among the cells of its window."""
    x = np.zeros(output_shape)
    OH, OW = y.shape
    x[: f * OH, : f * OW] = y.repeat(f, axis=0).repeat(f, axis=1)
    return x


def wrong_average(got):
    """Say why (y, f, shape) does not show the bug; [] if it does."""
    if not isinstance(got, SEVERAL) or len(got) != 3:
        return ["form",
                f"  must return y, f and the shape, got {describe(got)}"]
    y, f, shape = got
    bad = bad_plane(y, "y")
    if bad:
        return bad
    if not isinstance(f, (int, np.integer)) or f < 1:
        return ["form", f"  f must be a whole number from 1, got {f!r}"]
    try:
        x = broken_avg_unpool(y, f, shape)
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
        return ["does-not-fit", f"  broken_avg_unpool raised {raised}"]
    y = y.astype(float)
    if not np.isclose(x.sum(), y.sum(), 1e-9, 1e-9 * abs(y).sum()):
        return []
    return ["one-cell" if f == 1 else "sum-of-0",
            f"  y sums to {y.sum():g}, and so does what comes out"]


TILES = np.array([[4.0, 8.0], [12.0, 16.0]])

showing_average = Check(
    lambda: (TILES, 2, (4, 4)), rule=wrong_average,
    cases=[("shows", "the sum of your y")],
    mistakes=[
        ("one-cell", "Likely cause: a window of one cell has nothing to share",
         1, lambda: (TILES, 1, (2, 2))),
        ("sum-of-0", "Likely cause: a sum of 0 stays 0, times anything", 1,
         lambda: (TILES - TILES.mean(), 2, (4, 4))),
        ("does-not-fit", "an error is not the point; let the windows fit",
         None, lambda: (TILES, 3, (4, 4))),
    ],
)  # fmt: skip


def shared(
    y, f, output_shape, stride, count=lambda f, cells: cells, add=True,
    divide=np.divide, dtype=float,
):  # fmt: skip
    """Share each y among the cells of its window."""
    x = np.zeros(output_shape, dtype)
    for i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        cut = x[top : top + f, left : left + f]
        if cut.size:
            share = divide(y[i, j], count(f, cut.size))
            cut[:] = share + (cut if add else 0)
    return x


def mean_of_shares(y, *options):
    """Divide what overlaps by the number of windows."""
    windows = shared(np.ones(y.shape), *options, lambda f, cells: 1)
    return shared(y, *options) / np.maximum(windows, 1)


def whole_alone(y, f, shape, stride):
    """Leave out the windows that reach beyond the image."""
    OH, OW = (output_size(size, f, stride) for size in shape)
    return shared(y[:OH, :OW], f, shape, stride)


def averages(draw):
    """Make calls of avg_unpool_mended."""

    def case(part, says, f, shape, stride, partial=False, dtype=float):
        out = [output_size(size, f, stride, ceil_mode=partial)
               for size in shape]  # fmt: skip
        y = fractions(draw, out)
        y = y if dtype is float else (y * 8).astype(dtype)
        return part, says, y, f, shape, stride

    odd = draw.pick((5, 7), (7, 9), (9, 5))
    yield case("tiles", "2 x 2", 2, draw.sizes(4, 6), 2)
    yield case("tiles", "3 x 3", 3, draw.sizes(9, 6), 3)
    yield case("tiles", "y holds whole numbers", 2, draw.sizes(4, 6), 2,
               dtype=int)  # fmt: skip
    yield case("overlap", "2 x 2, stride 1", 2, draw.sizes(3, 4), 1)
    yield case("overlap", "3 x 3, stride 2", 3, draw.sizes(7, 9), 2)
    yield case("remainder", "cells left over, in no window", 2, odd, 2)
    yield case("remainder", "2 x 2, stride 3, so that gaps are left", 2,
               draw.sizes(5, 9), 3)  # fmt: skip
    yield case("remainder", "partial windows", 2, odd, 2, True)
    yield case("remainder", "partial windows that overlap", 3,
               draw.pick((6, 8), (8, 10), (10, 6)), 2, True)  # fmt: skip


def holders(y, f, output_shape, stride):
    """Return a function that lists the windows that hold a cell."""
    return sources(y, lambda window, cell: all(
        0 <= k - i * stride < f for i, k in zip(window, cell, strict=True)
    ), "hold")  # fmt: skip


avg_unpool_mended = Check(
    shared, averages, axes="HW", draw=holders,
    own_hand=("avg_unpool2d",),
    mistakes=[
        ("repeated", "each value is repeated, not shared: the cells of a "
         "window together get it once", 1,
         but(shared, count=lambda: lambda f, cells: 1)),
        ("divided-by-f", "divided by f; a window has f * f cells", 1,
         but(shared, count=lambda: lambda f, cells: f)),
        ("floored", "// cuts the fraction off: divide with /", None,
         but(shared, divide=lambda: np.floor_divide)),
        ("fractions-cut", "the fractions are cut off: the shares go into an "
         "array of the dtype of y", None,
         but(shared, dtype=lambda y: y.dtype)),
        ("overwrites", "where windows overlap, a later share has replaced an "
         "earlier one: shares add", 2, but(shared, add=False)),
        ("shares-averaged", "where windows overlap, the shares are averaged; "
         "shares add", 2, mean_of_shares),
        ("partial-counts-whole", "a partial window has fewer than f * f "
         "cells, and its value is shared among those: nothing gets lost over "
         "the edge", 3, but(shared, count=lambda: lambda f, cells: f * f)),
        ("partial-left-out", "the partial windows at the bottom and the right "
         "are left out; they share their values, too", 3, whole_alone),
        ("stride-is-window", "the stride is not used: window (i, j) starts at "
         "row i * stride, column j * stride", 2,
         but(shared, stride=lambda f: f)),
    ],
)  # fmt: skip


# 4.6
def filled(y, indices, output_shape, fill, own=True, planes=1):
    """Unpool y; other cells hold `fill`."""
    dtype = y.dtype if own else np.asarray(fill).dtype
    at = np.divmod(indices, output_shape[3])
    return written(y, *at, output_shape, fill, dtype, planes=planes)


def with_fill(draw):
    """Make calls of unpool_with."""

    def case(part, says, x, fill, window, stride=None):
        y, indices = max_pool2d(x, window, stride, return_indices=True)
        return part, says, y, indices, x.shape, fill

    # No maximum is 0, but where that is the point.
    signed = draw.numbers(draw.sizes(2, 3, 5, 7), below=60) / 4 + 1 / 8
    view = draw.numbers(draw.sizes(3, 2, 7, 4), 99).swapaxes(0, 1) + 1 / 4
    zeros = 0 - draw.ties(draw.sizes(2, 3, 4, 6), 4)
    whole = draw.rng.integers(-64, 64, draw.sizes(2, 3, 5, 4)) * 2 + 1
    large = draw.numbers(draw.sizes(1, 2, 6, 4)).astype(int) + 2**62
    low = draw.numbers(draw.sizes(2, 3, 6, 8))
    yield case("values", "2 x 3, filled with -9", signed, -9, (2, 3))
    yield case("values", "3 x 2, stride (2, 1), filled with 0.5", view, 0.5,
               (3, 2), (2, 1))  # fmt: skip
    yield case("values", "float32", signed.astype("f4"), -7.25, 2)
    yield case("zeros", "some maxima are 0, filled with 7", zeros, 7, 2)
    yield case("integers", "int8, filled with its least number",
               whole.astype("i1"), -128, 2)  # fmt: skip
    yield case("integers", "int64, near 2**62", large, -(2**62) - 1, 3, 1)
    yield case("law", "all negative, filled with -inf", low, -np.inf, (2, 3))
    yield case("law", "both signs, windows overlap, filled with -inf", view,
               -np.inf, (3, 2), (2, 1))  # fmt: skip


def known_by(known):
    """Return an answer that fills the cells that seem empty."""

    def answer(y, indices, shape, fill):
        up = max_unpool2d(y, indices, shape)
        return np.where(known(up), up, fill).astype(y.dtype)

    return answer


def multiplied(y, indices, shape, fill):
    """Multiply the fill by 0 where a maximum stands."""
    up, known = (max_unpool2d(v, indices, shape) for v in (y, y * 0 + 1))
    return (up + fill * (1 - known)).astype(y.dtype)


unpool_with = Check(
    filled, with_fill, exact={"values", "zeros", "integers", "law"},
    draw=lambda y, indices, shape, fill: winners_of(
        y, *np.divmod(indices, shape[3])),
    mistakes=[
        ("fill-ignored", "the fill is not used: empty cells hold 0", 1,
         but(filled, fill=0)),
        ("nothing-written", "every cell holds the fill: `flatten()` makes a "
         "copy, and what is written to it is lost; `reshape(-1)` is a view", 3,
         lambda y, indices, shape, fill: np.full(shape, fill, y.dtype)),
        ("zeros-filled", "every 0 has become the fill, maxima that are 0 as "
         "well. A 0 does not say that a cell is empty", 2,
         known_by(lambda up: up != 0)),
        ("signs-filled", "maxima that are not larger than 0 have become the "
         "fill. The sign does not say that a cell is empty", 2,
         known_by(lambda up: up > 0)),
        ("first-plane", FIRST_PLANE, 3, but(filled, planes=0)),
        ("dtype-of-fill", "np.full makes an array of the dtype of the fill, "
         "so a fill of -9 cuts fractions off; give it the dtype of y", 2,
         but(filled, own=False)),
        ("dtype-float64", "the result is an array of float64; give it the "
         "dtype of y", 2, then(filled, lambda x: x.astype(float))),
        ("through-floats", "large whole numbers lose their last digits when "
         "they become floats", 2, lambda y, *o: filled(
             y.astype(float), *o).astype(y.dtype)),
        ("fill-added", "the fill was added to every cell, to the maxima as "
         "well", 1, lambda *args: (
             max_unpool2d(*args[:3]) + args[3]).astype(args[0].dtype)),
        ("0-times-inf", "0 times inf is NaN: put the fill where it belongs, "
         "instead of multiplying it", 2, multiplied),
        ("from-1", "the indices are taken to count from 1; they count from 0",
         1, then(filled, lambda x: np.roll(x, -1))),
    ],
)  # fmt: skip


# 4.7
def levels(x, depth):
    """Return what comes out below, and (indices, shape) of each level."""
    found = []
    for _ in range(depth):
        y, indices = max_pool2d(x, 2, return_indices=True)
        found.append((indices, x.shape))
        x = y
    return x, found


def traced(x, depth, width=lambda indices, shape: shape[3]):
    """Follow each survivor up through all levels; return its place."""
    small, found = levels(x, depth)
    n, c, row, column = np.indices(small.shape)
    for indices, shape in reversed(found):
        if row.max() >= indices.shape[2]:  # led astray by a wrong width
            raise NotHere
        row, column = np.divmod(
            indices[n, c, row, column], width(indices, shape)
        )
    return row * x.shape[3] + column


def home(x, depth):
    """Return the survivors, at home, and their places."""
    small, places = levels(x, depth)[0], traced(x, depth)
    return max_unpool2d(small, places, x.shape), places


def trips(draw):
    """Make calls of encoder_decoder."""
    sizes = *draw.sizes(2, 3), *draw.pick((8, 16), (16, 8), (24, 16))
    signed = draw.numbers(sizes, below=200) + 1 / 2
    odd = (2, 3, *draw.pick((7, 9), (9, 7), (9, 13)))
    odd = draw.numbers(odd, below=99) + 1 / 2
    low = draw.numbers((1, 2, *draw.pick((11, 13), (13, 15), (15, 11))))
    few = draw.ties(draw.sizes(2, 3, 8, 11)).swapaxes(0, 1)
    yield "one", "depth 1", signed, 1
    yield "deep", "depth 2", signed, 2
    yield "deep", "depth 3", signed, 3
    yield "odd", "an odd height, depth 1", odd[..., 1:], 1
    yield "odd", "depth 2", odd, 2
    yield "odd", "all negative, depth 3", low, 3
    yield "places", "the places, depth 1", signed, 1
    yield "places", "the places, depth 3", signed, 3
    yield "places", "the places, odd sizes, depth 2", odd, 2
    yield "places", "the places, equal numbers, depth 2", few, 2
    yield "places", "the places, the image is 0 all over", 0 * low, 3


def going_up(change):
    """Return an answer with another image."""
    return lambda x, depth: (change(x, depth), traced(x, depth))


def standing(change):
    """Return an answer with other places."""

    def answer(x, depth):
        up, places = home(x, depth)
        return up, change(places, x, depth)

    return answer


def doubled(x, depth):
    """Go back to twice the size each time."""
    small, found = levels(x, depth)
    for indices, _ in reversed(found):
        N, C, OH, OW = small.shape
        try:
            small = max_unpool2d(small, indices, (N, C, 2 * OH, 2 * OW))
        except ValueError as outside:
            raise NotHere from outside
    return small


def one_pooling(x, depth):
    """Pool once, with large windows."""
    y, places = max_pool2d(x, 2**depth, return_indices=True)
    return max_unpool2d(y, places, x.shape), places


def corners(places, x, depth):
    """Return the first cells of the large windows."""
    i, j = np.indices(places.shape)[2:]
    return 2**depth * (i * x.shape[3] + j)


def ordered(places, x, depth):
    """Sort the places of each plane."""
    return np.sort(places.reshape(*x.shape[:2], -1)).reshape(places.shape)


def searched(places, x, depth):
    """Look for the first equal number in the plane."""
    small, _ = levels(x, depth)
    flat = x.reshape(*x.shape[:2], 1, 1, -1)
    return (flat == small[..., None]).argmax(-1)


encoder_decoder = Check(
    home, trips,
    results={"one": 0, "deep": 0, "odd": 0, "places": 1},
    mistakes=[
        ("one-step", "this is one step up, whatever the depth", 1, going_up(
            lambda *o: max_unpool2d(levels(*o)[0], *levels(*o)[1][-1]))),
        ("doubled", "each step up doubles the size. Pooling rounds down, so "
         "the shape before it has to be kept", 2, going_up(doubled)),
        ("copies", "each value is copied into its whole window; only its own "
         "place holds it", 1, going_up(lambda x, depth: (
             levels(x, depth)[0].repeat(2**depth, 2).repeat(2**depth, 3)))),
        ("last-level", "these are the indices of the last level; they count "
         "in its plane, and each of its cells came from somewhere in the "
         "level above", 3, standing(lambda _, *o: levels(*o)[1][-1][0])),
        ("corners", "these are the top left cells of the large windows; asked "
         "is where in them the survivor stands", 3, standing(corners)),
        ("ordered", "these are the places in the order of the plane; each one "
         "belongs to the survivor at the same [i, j]", 3, standing(ordered)),
        ("twice-the-width", "a row of a level was counted as twice the one "
         "below; with odd sizes it is one cell longer", 2,
         standing(lambda _, *o: traced(
             *o, width=lambda indices, _: 2 * indices.shape[3]))),
        ("one-pooling", "of equal numbers, one pooling with large windows "
         "finds another than pooling step by step", 3, one_pooling),
        ("searched", "these are the first cells of the plane that hold the "
         "number; of equal ones, another may have survived", 3,
         standing(searched)),
        ("batch-wide", BATCH_WIDE, 3, standing(
            lambda places, x, depth: batch_wide(places, x[0, 0].size))),
        ("from-1", FROM_1, 3, standing(lambda places, *_: places + 1)),
        ("level-missing", "one pooling is missing: it is pooled `depth` "
         "times", 1, but(home, depth=lambda depth: depth - 1)),
        *families.order(home),
    ],
)  # fmt: skip
