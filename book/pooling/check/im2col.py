"""Tables of the exercises of chapter 2, images as columns."""

import numpy as np

from pooling import max_pool2d, output_size
from pooling.check import families
from pooling.check.families import axes_of, but, reduced, then
from pooling.check.table import (
    Check,
    Draw,
    NotHere,
    describe,
    gradient_picture,
    same,
    windows_of,
)
from pooling.geometry import pair, pooling_axes
from pooling.lessons.im2col import MaxPool, col2im, im2col
from pooling.ties import max_gradient_loops


def gradient(shape, seed=0):
    """Return distinct gradients with fractions, so that truncation shows."""
    return fractions(Draw(seed), shape)


def fractions(draw, shape):
    """Return distinct gradients with fractions, none of them 0."""
    return draw.numbers(shape, below=int(np.prod(shape)) // 2) * 0.75 + 0.125


def output_shape(x, window, stride=None, padding=0):
    """Return (N, C, OH, OW)."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    return *x.shape[:2], rows.out, columns.out


def strides(window, stride):
    """Return window and stride as two pairs."""
    window = pair(window, "window", 1)
    return window, window if stride is None else pair(stride, "stride", 1)


# 2.1
WORKED_X = np.array([[3, 7, 2, 5], [7, 1, 5, 5], [0, 7, 4, 6]])
WORKED_DOUT = np.array([[1, 2, 3], [4, 5, 6]])
X4, DOUT4 = WORKED_X[None, None], WORKED_DOUT[None, None]


def worked(cols=None, out=None, indices=None, dx=None, ties="first"):
    """Return the four results, some of them changed by a function."""
    y, places = max_pool2d(X4, 2, 1, return_indices=True)
    back = max_gradient_loops(X4, DOUT4, 2, 1, ties=ties)
    if ties != "split":
        back = back.astype(int)
    right = im2col(X4, 2, 1), y[0, 0], places[0, 0], back[0, 0]
    changes = cols, out, indices, dx
    return tuple(
        change(array) if change else array
        for array, change in zip(right, changes, strict=True)
    )


def last_winners(indices):
    """Return the plane indices of the last maximum of each window."""
    last = im2col(X4, 2, 1)[::-1].argmax(axis=0).reshape(2, 3)
    a, b = np.divmod(3 - last, 2)
    i, j = np.indices((2, 3))
    return (i + a) * 4 + j + b


def in_window(indices):
    """Return places in the window from places in the plane."""
    i, j = np.indices((2, 3))
    return (indices // 4 - i) * 2 + indices % 4 - j


def written_once(dx):
    """Return dx with `=` in place of `+=`."""
    once = np.zeros(12, int)
    once[worked()[2].ravel()] = WORKED_DOUT.ravel()
    return once.reshape(3, 4)


def worked_column(place):
    """Draw the window behind a number of cols."""
    (a, b), (i, j) = divmod(place[0], 2), divmod(place[1], 3)
    return (
        f"row {place[0]} is cell [{a}, {b}] of each window, column "
        f"{place[1]} is window [{i}, {j}];\n"
        f"{windows_of(WORKED_X, 2, 1)((i, j))}"
    )


ACROSS_FIRST = np.arange(6).reshape(2, 3).T.ravel()

worked_problem = Check(
    worked, axes="",
    cases=[
        ("columns", "`cols`, the first of your four results"),
        ("output", "`out`, the second of your four results"),
        ("winners", "`indices`, the third of your four results"),
        ("dx", "`dx`, the last of your four results"),
    ],
    results={"columns": 0, "output": 1, "winners": 2, "dx": 3},
    draw={
        "columns": lambda: worked_column,
        "output": lambda: windows_of(WORKED_X, 2, 1),
        "winners": lambda: windows_of(WORKED_X, 2, 1),
        "dx": lambda: lambda place: gradient_picture(X4, DOUT4, 2, 1)(
            (0, 0, *place)),
    },
    mistakes=[
        ("windows-in-rows", "each window is a row here; im2col lays each in a "
         "column", 1, lambda: worked(cols=np.transpose)),
        ("down-first", "the windows are taken down the columns of the image; "
         "they come left to right, then the next row", 1,
         lambda: worked(cols=lambda cols: cols[:, ACROSS_FIRST])),
        ("cells-down-first", "the cells of each window are read down its "
         "columns; they are read left to right, then the next row", 1,
         lambda: worked(cols=lambda cols: cols[[0, 2, 1, 3]])),
        ("stride-is-window", "these are the windows of stride 2; here the "
         "stride is 1, so there are 2 x 3 windows", 1,
         lambda: worked(lambda cols: cols[:, [0, 2]],
                        lambda out: out[:1, ::2])),
        ("minimum", "this is the minimum of each window", 1,
         lambda: worked(out=lambda out: im2col(X4, 2, 1).min(axis=0)
                        .reshape(2, 3))),
        ("places-in-the-window", "these are the places in the window, 0 to 3; "
         "asked are the places in the plane, row * 4 + column", 2,
         lambda: worked(indices=in_window)),
        ("ties-last-places", "at ties you chose the last maximum; the first "
         "one wins, row by row", 2, lambda: worked(indices=last_winners)),
        ("rows-of-3", "each row was counted as 3 cells, the height; a row is "
         "as long as the width, 4", 2,
         lambda: worked(indices=lambda k: k // 4 * 3 + k % 4)),
        ("from-1", "these count from 1; indices count from 0", 2,
         lambda: worked(indices=lambda k: k + 1)),
        *((f"ties-{rule}", says, 3, lambda rule=rule: worked(ties=rule))
          for rule, says in {
              "last": "at ties the last maximum got the gradient; the first "
                      "one wins, row by row",
              "all": "every tied cell got the whole gradient; one cell per "
                     "window gets it, so that dx sums to 21 like dout",
              "split": "tied cells share the gradient; here the first one "
                       "gets it all",
              "overwrite": "every tied cell got the gradient, and where "
                           "windows overlap a later one has replaced it",
          }.items()),
        ("overwrites", "a cell that wins two windows has the gradient of one "
         "only: where windows overlap, gradients add", 3,
         lambda: worked(dx=written_once)),
    ],
)  # fmt: skip


# 2.2
LETTERS = "ncijab"  # image, channel, position, cell of the window


def columns(
    x, window, stride=None, padding=0, fill=0, order="ijnc", cells="ab",
    change=lambda axis: axis,
):  # fmt: skip
    """Lay windows in columns, which come in this order of the letters."""
    rows, across = map(change, axes_of(x.shape, window, stride, padding))
    i, j = rows.positions(), across.positions()
    inside = ((i >= 0) & (i < rows.size))[:, None, :, None] & (
        (j >= 0) & (j < across.size)
    )[:, None]
    taken = x[:, :, i.clip(0, rows.size - 1)[:, None, :, None],
              j.clip(0, across.size - 1)[:, None]]  # fmt: skip
    taken = np.where(inside, taken, fill).astype(x.dtype)
    taken = taken.transpose([LETTERS.index(k) for k in cells + order])
    return taken.reshape(np.prod(taken.shape[: len(cells)]), -1)


def padded_images(draw):
    """Make calls of im2col_padded."""
    one = draw.numbers((1, 1, *draw.sizes(4, 7)))
    many = draw.numbers(draw.sizes(2, 3, 5, 8), below=100)
    none = (0, 0)
    yield "image", "2 x 3, stride 1", one, (2, 3), (1, 1), none, 0
    yield "image", "2 x 3, stride (2, 1)", one, (2, 3), (2, 1), none, 0
    yield "batch", "2 x 3, stride (1, 2)", many, (2, 3), (1, 2), none, 0
    yield ("batch", "whole numbers, side by side", many.astype(int), (3, 2),
           (3, 2), none, 0)  # fmt: skip
    yield ("padding", "padding (1, 2), fill -inf", many, (3, 5), (2, 1),
           (1, 2), -np.inf)  # fmt: skip
    yield ("padding", "padding (0, 1), fill -128, int8",
           draw.rng.integers(-99, 99, draw.sizes(3, 2, 6, 4)).astype("i1"),
           (4, 3), (1, 2), (0, 1), -128)  # fmt: skip
    yield ("padding", "padding (2, 1), fill 0.5", many, (5, 3), (1, 3),
           (2, 1), 0.5)  # fmt: skip


def column_picture(x, window, stride, padding, *_):
    """Return a function that says which cell of which window a place is."""
    N, C, OH, OW = output_shape(x, window, stride, padding)

    def draw(place):
        i, j, n, c = map(int, np.unravel_index(place[1], (OH, OW, N, C)))
        a, b = divmod(place[0], window[1])
        cut = windows_of(x, window, stride, padding)((n, c, i, j))
        return (
            f"cell [{a}, {b}] of window [{i}, {j}], image {n}, channel {c}; "
            f"{cut}"
        )

    return draw


IN_ORDER = {
    "not-transposed": ("ncij", "within a row, the numbers of a tap come in "
                       "the order N, C, OH, OW: transpose before you lay them "
                       "in a line; position first"),
    "images-and-channels-turned": ("ijcn", "images and channels are swapped: "
                                   "at each position, all channels of image "
                                   "0, then those of image 1"),
    "down-first": ("jinc", "the windows are taken down the image; they come "
                   "left to right, then the next row"),
}  # fmt: skip
CELLS_DOWN = ("cells-down-first", "the cells of a window are read down its "
              "columns; row a * PW + b belongs to cell (a, b)")  # fmt: skip

def unpadded(axis):
    """Count the windows as if there were no padding."""
    return axis._replace(out=output_size(axis.size, axis.window, axis.stride))


def one_by_one(axis):
    """Keep the number of windows, and move them by one cell."""
    return axis._replace(stride=1)


NO_STEP = ("slice-without-step", "as many windows as asked, but they move by "
           "1: the slice of a tap goes in steps of the stride, "
           "`a : a + SH * OH : SH`")  # fmt: skip

im2col_padded = Check(
    columns, padded_images, axes="", draw=column_picture,
    exact=("image", "batch", "padding"),
    own_hand=("im2col", "sliding_window_view", "as_strided"),
    mistakes=[
        ("windows-in-rows", "each window is a row here; it should be a "
         "column", 1, then(columns, np.transpose)),
        (*CELLS_DOWN, 1, but(columns, cells="ba")),
        *((key, says, 2, but(columns, order=order))
          for key, (order, says) in IN_ORDER.items()),
        ("channels-in-one-column", "the channels of a window are in one "
         "column, as for a convolution; pooling has a column for each", 2,
         but(columns, order="ijn", cells="cab")),
        *families.fills(columns, {
            "padded-with-0": ("the padded cells hold 0; they should hold "
                              "`fill`", 0),
            "padded-with-min": ("the padded cells hold the minimum of x; they "
                                "should hold `fill`", lambda x: x.min()),
        }, hint=3),
        ("counted-without-padding", "OH and OW are counted in x here: count "
         "them in the padded array", 3, but(columns, change=lambda: unpadded)),
        *families.padding(columns, hint=3),
        (*NO_STEP, 1, but(columns, change=lambda: one_by_one)),
        *families.stride(columns, hint=1),
        *families.window(columns, hint=1),
    ],
)  # fmt: skip


# 2.3
def added(
    cols, shape, window, stride=None, padding=0, order="ijnc", cells="ab",
    add="all", change=lambda axis: axis, cut=lambda dx, top, left, H, W: (
        dx[:, :, top : top + H, left : left + W]),
):  # fmt: skip
    """Add columns up to an image; `add` says what is added, not written."""
    rows, across = map(change, axes_of(shape, window, stride, padding))
    N, C, H, W = shape
    sizes = dict(zip(LETTERS, (N, C, rows.out, across.out, rows.window,
                               across.window), strict=True))  # fmt: skip
    cols = cols.reshape([sizes[k] for k in cells + order])
    cols = cols.transpose([(cells + order).index(k) for k in LETTERS])
    dx = np.zeros((N, C, H + 2 * rows.before, W + 2 * across.before))
    steps = [(i, j, a, b) for i, j, a, b in np.ndindex(cols.shape[2:])]
    if add == "taps":  # `=` in a loop over the taps
        steps.sort(key=lambda step: step[2:])
    for i, j, a, b in steps:
        at = (..., i * rows.stride + a, j * across.stride + b)
        dx[at] = cols[:, :, i, j, a, b] + (dx[at] if add == "all" else 0)
    return cut(dx, rows.before, across.before, H, W)


def column_gradients(draw):
    """Make calls of col2im_padded."""

    def case(part, says, shape, *options, dtype=float):
        cols = fractions(draw, columns(np.zeros(shape), *options).shape)
        return part, says, cols.astype(dtype), shape, *options

    none = (0, 0)
    one, many = (1, 1, *draw.sizes(4, 7)), draw.sizes(2, 3, 5, 8)
    yield case("image", "windows side by side", one, (2, 3), (2, 3), none)
    yield case("image", "windows that overlap", one, (2, 3), (1, 1), none)
    yield case("image", "whole numbers in cols", one, (2, 3), (1, 2), none,
               dtype=int)  # fmt: skip
    yield case("batch", "side by side", many, (3, 2), (3, 2), none)
    yield case("batch", "stride (1, 2)", many, (2, 3), (1, 2), none)
    yield case("padding", "padding (1, 2)", many, (3, 5), (2, 1), (1, 2))
    yield case("padding", "padding (0, 1)", draw.sizes(3, 2, 6, 4), (4, 3),
               (1, 2), (0, 1))  # fmt: skip


def source_picture(cols, shape, window, stride, padding):
    """Return a function that lists the columns that a cell came from."""
    rows, across = pooling_axes(shape, window, stride, padding)

    def draw(place):
        n, c, r, k = place
        found = []
        for i, j in np.ndindex(rows.out, across.out):
            for a, b in np.ndindex(rows.window, across.window):
                at = rows.positions()[i][a], across.positions()[j][b]
                if at == (r, k):
                    column = ((i * across.out + j) * shape[0] + n) * shape[1]
                    value = cols[a * across.window + b, column + c]
                    found.append(f"[{i}, {j}] with {value:g}")
        return "windows that hold this cell: " + ", ".join(found[:6])

    return draw


def empty_cut(dx, top, left, H, W):
    """Cut off a frame as [p:-p], which is nothing where p is 0."""
    return dx[:, :, top:-top, left:-left]


OVERWRITES = ("where windows overlap, a later gradient has replaced an "
              "earlier one: gradients add")  # fmt: skip
LEFT_ON = ("frame-left-on", "this is the gradient of the padded image: cut "
           "the frame off")  # fmt: skip
EMPTY = ("empty-slice", "`[p:-p]` is empty where p is 0: cut from p to p + H "
         "and from q to q + W")  # fmt: skip

col2im_padded = Check(
    added, column_gradients, draw=source_picture,
    own_hand=("col2im",),
    mistakes=[
        ("overwrites", OVERWRITES, 1, but(added, add="none")),
        ("overwrites-tap-by-tap", "a later tap has replaced an earlier one: "
         "each slice is added, `+=`", 1, but(added, add="taps")),
        (*NO_STEP, 1, but(added, change=lambda: one_by_one)),
        (*CELLS_DOWN, 1, but(added, cells="ba")),
        *((key, says, 2, but(added, order=order)) for key, order, says in [
            ("not-transposed", "ncij", "the columns come in the order OH, OW, "
             "N, C: reshape to that first, then transpose"),
            ("images-and-channels-turned", "ijcn", "images and channels are "
             "swapped: the columns come in the order OH, OW, N, C"),
            ("down-first", "jinc", "the columns are taken down the image; "
             "they come left to right, then the next row"),
        ]),
        (*LEFT_ON, 3, but(added, cut=lambda: lambda dx, *_: dx)),
        ("frame-cut-behind", "the frame is cut off behind alone: the image "
         "starts at row and column `padding` of the padded one", 3,
         but(added, cut=lambda: lambda dx, t, left, H, W: dx[:, :, :H, :W])),
        (*EMPTY, 3, but(added, cut=lambda: empty_cut)),
        *families.dtype(added),
    ],
)  # fmt: skip


# 2.4
def route(
    x, dout, window, stride=None, padding=0, *, fill=None, ties="first",
    add=True, side=1, crop=True, dtype=float,
):  # fmt: skip
    """Route each gradient to the first maximum, with mistakes on request.

    Padded cells hold `fill`, and never win without one; `side=0` divides by
    PH where PW is due.
    """
    if ties != "first":
        return max_gradient_loops(x, dout, window, stride, padding, ties)
    rows, across = axes_of(x.shape, window, stride, padding)
    (top, left), (H, W) = (rows.before, across.before), x.shape[2:]
    frame = (0, 0), (0, 0), (top, top), (left, left)
    padded = np.pad(x.astype(float), frame, constant_values=fill or 0)
    real = np.pad(np.ones(x.shape, bool), frame) | (fill is not None)
    dx = np.zeros(padded.shape, dtype)
    for n, c, i, j in np.ndindex(dout.shape):
        r, k = i * rows.stride, j * across.stride
        cut = n, c, slice(r, r + rows.window), slice(k, k + across.window)
        best = padded[cut][real[cut]].max()
        place = np.flatnonzero(real[cut] & (padded[cut] == best))[0]
        a, b = divmod(place, (rows.window, across.window)[side])
        at = n, c, r + a, k + b
        dx[at] = dout[n, c, i, j] + (dx[at] if add else 0)
    return dx[:, :, top : top + H, left : left + W] if crop else dx


def with_dout(draw):
    """Return a function that makes a row: x, a dout that fits, options."""

    def case(part, says, x, window, stride=None, padding=0):
        dout = fractions(draw, output_shape(x, window, stride, padding))
        return part, says, x, dout, window, stride, padding

    return case


def images_and_gradients(draw):
    """Make calls of max_backward."""
    case = with_dout(draw)
    x = draw.numbers(draw.sizes(2, 3, 7, 8))
    view = draw.numbers(draw.sizes(3, 2, 8, 5)).swapaxes(2, 3)
    yield case("values", "windows 3 x 2 side by side", x, (3, 2))
    yield case("values", "stride (2, 3), gaps between windows", x, (1, 2),
               (2, 3))  # fmt: skip
    yield case("values", "whole numbers in x, fractions in dout",
               x.astype(int), (2, 3))  # fmt: skip
    yield case("values", "x is a transposed view", view, (2, 3))
    peak = np.zeros((1, 1, 3, 3))
    peak[0, 0, 1, 1] = draw.pick(9, 5, 7)
    yield case("overlap", "the middle wins all four windows", peak, 2, 1)
    yield case("overlap", "windows 3 x 2, stride (2, 1)", x, (3, 2), (2, 1))
    yield case("ties", "side by side", draw.ties(draw.sizes(2, 3, 6, 9)),
               (2, 3))  # fmt: skip
    yield case("ties", "windows that overlap",
               draw.ties(draw.sizes(2, 3, 5, 7)), (2, 3), 1)  # fmt: skip
    yield case("padding", "all numbers negative, padding 1", x, (2, 3), 2, 1)
    yield case("padding", "numbers below -9999", x * 99, (3, 2), 2, (1, 0))
    yield case("padding", "large numbers", x * 1e10, (3, 2), (2, 1), (1, 0))
    low = np.full(draw.sizes(1, 2, 3, 4), -np.inf)
    yield case("padding", "all numbers are -inf", low, 2, 2, 1)


def by_height(x, dout, window, stride=None, padding=0):
    """Divide a place in the window by PH."""
    if pair(window, "window", 1)[0] == pair(window, "window", 1)[1]:
        raise NotHere
    try:
        return route(x, dout, window, stride, padding, side=0)
    except IndexError as outside:
        raise NotHere from outside


max_backward = Check(
    route, images_and_gradients, draw=gradient_picture,
    own_hand=("im2col", "col2im", "max_gradient_loops"),
    mistakes=[
        ("fractions-cut", "the fractions are cut off: np.zeros_like(x) is an "
         "array of whole numbers when x is one. Gradients are floats", 2,
         but(route, dtype=lambda x: x.dtype)),
        ("overwrites", OVERWRITES + " (`dx[index] += d` with an index array "
         "keeps one of them)", 2, but(route, add=False)),
        *families.ties(route, hint=2, without={"ties-overwrite"}),
        *families.fills(route, {
            "padded-with-0": ("the padding is 0, and a 0 wins over negative "
                              "values: the gradient then leaves the image", 0),
            "padded-with--9999": ("the padding is -9999, and x holds smaller "
                                  "numbers", -9999),
            "padded-with--1e9": ("the padding is -1e9, and x holds smaller "
                                 "numbers", -1e9),
            "padded-with--inf": ("-inf in x ties with the padding, whose cell "
                                 "comes first: only cells of x may win",
                                 -np.inf),
        }, hint=2),
        ("divided-by-height", "height and width are swapped: a window is PW "
         "cells wide, so its place k is row k // PW, column k % PW", 2,
         by_height),
        ("frame-left-on", "this is the gradient of the padded x: cut the "
         "frame off before you return it", 2, but(route, crop=False)),
        *families.stride(route, hint=1, without={"stride-turned"}),
    ],
)  # fmt: skip


# 2.5
def second_largest(
    x, window, stride=None, take=lambda cells: sorted(cells)[-2]
):
    """Return the second largest value of each window."""
    return reduced(take, x, window, stride)


def masked(cells):
    """Mask all that are the largest with -inf."""
    return max(-np.inf if cell == max(cells) else cell for cell in cells)


def along_taps(x, window, stride=None):
    """Sort the rows of the columns, not the columns."""
    N, C, OH, OW = output_shape(x, window, stride)
    second = np.sort(columns(x, window, stride), axis=1)[-2]
    return second.reshape(OH, OW, N, C).transpose(2, 3, 0, 1)


def images(draw):
    """Make calls of second_max_pool2d."""
    x = draw.numbers(draw.sizes(2, 3, 5, 7), below=9)
    whole = draw.numbers(draw.sizes(3, 2, 6, 4)).astype(int)
    few = draw.ties(draw.sizes(2, 3, 4, 5))
    yield "values", "windows 2 x 3 side by side", x, (2, 3)
    yield "values", "windows 3 x 2, stride (1, 2)", x, (3, 2), (1, 2)
    yield "values", "whole numbers", whole, (3, 2), 1
    yield "ties", "the largest value stands twice in some windows", few, 2, 1


second_max_pool2d = Check(
    second_largest, images, draw=windows_of, axes=("N", "C", "OH", "OW"),
    mistakes=[
        ("largest", "this is the largest value of each window, not the "
         "second", 1, but(second_largest, take=lambda: max)),
        ("second-smallest", "this is the second smallest value: np.sort puts "
         "the largest last", 1,
         but(second_largest, take=lambda: lambda cells: sorted(cells)[1])),
        ("equals-once", "equal values count once here; ties count twice, so a "
         "window 4 1 4 2 has 4 as its second largest", 2,
         but(second_largest, take=lambda: lambda cells: sorted(
             {min(cells), *cells})[-2 if len({*cells}) > 1 else -1])),
        ("masked", "the largest value was masked wherever it stands, and a "
         "window of equal values has nothing left: mask one place, or sort",
         2, but(second_largest, take=lambda: masked)),
        ("sorted-along-rows", "each row was sorted, and a row is a tap of all "
         "windows; a window is a column: axis=0", 1, along_taps),
        *families.stride(second_largest),
        *families.window(second_largest),
        *families.axes(second_largest, np.max, hint=3),
    ],
)  # fmt: skip


# 2.6
def in_rows(x, window, stride=None, order="nijc", cells="ab"):
    """Lay windows in rows, which come in this order of the letters."""
    return columns(x, window, stride, order=order, cells=cells).T


def row_cases(draw):
    """Make calls of im2row."""
    one = draw.numbers((1, 1, *draw.sizes(3, 4)))
    two = draw.numbers((1, 1, *draw.sizes(4, 9)))
    yield "single", "3 x 4, 2 x 2 windows of stride 1", one, 2, 1
    yield "single", "2 x 3 windows side by side", two, (2, 3)
    batch = draw.numbers(draw.sizes(2, 3, 4, 6))
    yield "batch", "two images of three channels", batch, 2
    yield "batch", "windows overlap", batch, (2, 3), (1, 2)


def row_picture(x, window, stride=None):
    """Return a function that says which window a row is."""
    N, C, OH, OW = output_shape(x, window, stride)

    def draw(place):
        n, i, j, c = map(int, np.unravel_index(place[0], (N, OH, OW, C)))
        cut = windows_of(x, window, stride)((n, c, i, j))
        return f"row {place[0]}: n = {n}, i = {i}, j = {j}, c = {c}; {cut}"

    return draw


im2row = Check(
    in_rows, row_cases, axes="", draw=row_picture,
    mistakes=[
        ("reshaped", "a reshape from columns to rows does not turn the "
         "matrix: it cuts the same sequence of numbers elsewhere. Transpose "
         "first", 1, lambda x, *o: columns(x, *o).reshape(
             columns(x, *o).shape[::-1])),
        ("columns", "this is im2col's matrix, each window in a column; here "
         "each is a row", 1, columns),
        *((key, f"each row is right, but the rows come in the order {names}; "
           "asked is n, i, j, c: the channel changes fastest", 2,
           but(in_rows, order=names.replace(", ", "")))
          for key, names in [
              ("order-of-im2col", "i, j, n, c"),
              ("channel-before-position", "n, c, i, j"),
              ("down-first", "n, j, i, c"),
              ("images-and-channels-turned", "c, i, j, n"),
          ]),
        ("channels-in-one-row", "all channels of a window are in one row; "
         "each channel has a row of its own", 2,
         but(in_rows, order="nij", cells="cab")),
        *families.stride(in_rows, hint=3),
    ],
)  # fmt: skip


# 2.7
def local(
    indices, input_shape, window, stride=None, by=1, times=1,
    start=lambda i, j, SH, SW: (i * SH, j * SW),
):  # fmt: skip
    """Turn places in the plane into places in the window."""
    window, (SH, SW) = strides(window, stride)
    row, column = np.divmod(indices, input_shape[2:][by])
    i, j = np.indices(indices.shape)[2:]
    top, left = start(i, j, SH, SW)
    return (row - top) * window[times] + column - left


def plane_cases(draw):
    """Make calls of local_indices."""

    def case(part, says, shape, window, stride=None):
        x = draw.numbers(shape)
        _, indices = max_pool2d(x, window, stride, return_indices=True)
        return part, says, indices, shape, window, stride

    more = 2 * draw.pick(0, 1, 2)
    yield case("tiles", "a square plane", (1, 1, 4 + more, 4 + more), 2)
    yield case("tiles", "a plane that is wider than high",
               draw.sizes(2, 3, 4, 7), 2)  # fmt: skip
    yield case("rectangles", "2 x 3", draw.sizes(2, 3, 5, 9), (2, 3))
    yield case("rectangles", "3 x 2", draw.sizes(2, 3, 6, 5), (3, 2))
    yield case("overlap", "2 x 3 windows of stride 1",
               draw.sizes(1, 2, 4, 7), (2, 3), 1)  # fmt: skip
    yield case("overlap", "3 x 4, stride (2, 1)", draw.sizes(2, 3, 7, 8),
               (3, 4), (2, 1))  # fmt: skip


def plane_picture(indices, input_shape, window, stride=None):
    """Return a function that draws a window of plane indices."""
    _, (SH, SW) = strides(window, stride)
    H, W = input_shape[2:]
    plane = np.arange(H * W).reshape(H, W)

    def draw(place):
        i, j = place[2:]
        cut = str(windows_of(plane, window, stride)((i, j)))
        return (
            f"plane index {indices[place]}; window [{i}, {j}] starts at row "
            f"{i * SH}, column {j * SW};\n"
            + cut.replace("its window:", "the plane indices in it:")
        )

    return draw


def remainders(indices, input_shape, window, stride=None):
    """Take the remainder by PH and PW."""
    (PH, PW), _ = strides(window, stride)
    row, column = np.divmod(indices, input_shape[3])
    return row % PH * PW + column % PW


local_indices = Check(
    local, plane_cases, draw=plane_picture, axes=("N", "C", "OH", "OW"),
    integers=True,
    mistakes=[
        ("by-height", "divided by the height: a row of the plane has W "
         "cells, so the row of index k is k // W", 1, but(local, by=0)),
        ("times-height", "times PH: a row of the window has PW cells, so "
         "the place of cell (a, b) is a * PW + b", 1, but(local, times=0)),
        ("remainders", "the remainder by PH and PW is the place in the window "
         "only where the stride is the window; subtract each window's start",
         2, remainders),
        ("stride-turned", "the strides are swapped: window (i, j) starts at "
         "row i * SH, column j * SW", 2, but(
             local, start=lambda: lambda i, j, SH, SW: (i * SW, j * SH))),
        ("starts-at-i-j", "window (i, j) starts at row i * SH, column j * SW, "
         "not at (i, j)", 2, but(
             local, start=lambda: lambda i, j, SH, SW: (i, j))),
        ("stride-ignored", "the stride is not used: window (i, j) starts at "
         "row i * SH, column j * SW, not at i * PH, j * PW", 2,
         but(local, stride=None)),
        ("i-and-j-turned", "i and j are swapped: i counts down, "
         "np.arange(OH)[:, None], and j across, np.arange(OW)", 3, but(
             local, start=lambda: lambda i, j, SH, SW: (j * SH, i * SW))),
        ("row-alone", "this is the row in the plane; asked is one number per "
         "window, a * PW + b", 1,
         lambda indices, shape, *o: indices // shape[3]),
        ("from-1", "these count from 1; places count from 0", 1,
         then(local, lambda k: k + 1)),
    ],
)  # fmt: skip


# 2.8
def shared(
    dout, input_shape, window, stride=None, padding=0, share=lambda cells: 1,
    lay=lambda dout: dout.transpose(2, 3, 0, 1),
    spread=lambda flat, cells: np.broadcast_to(flat, (cells, flat.size)),
    **add,
):  # fmt: skip
    """Give each cell of a window `share` of its gradient."""
    PH, PW = pair(window, "window", 1)
    flat = lay(dout).ravel() * share(PH * PW)
    cols = spread(flat, PH * PW)
    return added(cols, input_shape, window, stride, padding, **add)


def summed(dout, input_shape, window, stride):
    """Return the gradient of sum pooling."""
    return shared(dout, input_shape, window, stride)


def sum_cases(draw):
    """Make calls of sum_pool_backward."""

    def case(part, says, shape, window, stride):
        dout = fractions(draw, output_shape(np.empty(shape), window, stride))
        return part, says, dout, shape, window, stride

    one, many = (1, 1, *draw.sizes(4, 6)), draw.sizes(2, 3, 7, 5)
    yield case("tiles", "one image, 2 x 3", one, (2, 3), (2, 3))
    yield case("tiles", "two images of three channels", many, (3, 2), (3, 2))
    yield case("overlap", "2 x 2 windows of stride 1", one, 2, 1)
    yield case("overlap", "3 x 2, stride (2, 1)", many, (3, 2), (2, 1))


def sum_picture(dout, input_shape, window, stride, padding=0):
    """Return a function that lists the windows of a cell."""
    PH, PW = pair(window, "window", 1)
    cols = dout.transpose(2, 3, 0, 1).ravel()
    cols = np.broadcast_to(cols, (PH * PW, cols.size))
    return source_picture(cols, input_shape, window, stride, padding)


REPEATED = ("each gradient was repeated along a row; all cells of a window "
            "stand in one column, so each row is the same")  # fmt: skip
UNTURNED = ("dout was flattened as it lies, (N, C, OH, OW); the columns come "
            "in the order OH, OW, N, C: transpose first")  # fmt: skip


def along_rows(flat, cells):
    """Repeat each gradient along a row."""
    return np.repeat(flat, cells).reshape(cells, flat.size)


sum_pool_backward = Check(
    summed, sum_cases, draw=sum_picture,
    mistakes=[
        ("divided", "divided by PH * PW: that is the gradient of the average. "
         "In a sum every cell counts in full", 1,
         lambda *args: shared(*args, share=lambda cells: 1 / cells)),
        ("not-transposed", UNTURNED, 2,
         lambda *args: shared(*args, lay=lambda dout: dout)),
        ("repeated-along-rows", REPEATED, 2,
         lambda *args: shared(*args, spread=along_rows)),
        ("overwrites", "where windows overlap, a later gradient has replaced "
         "an earlier one; each cell gets the sum. col2im adds for you", 2,
         lambda *args: shared(*args, add="none")),
        *families.dtype(summed),
    ],
)  # fmt: skip


# 2.9
def averaged(
    x, dout, window, stride, padding, pool=np.sum, fill=0,
    count=lambda PH, PW: PH * PW, real=False, change=None, back=None,
):  # fmt: skip
    """Average forward and back: y and dx, each with mistakes on request."""
    cells = count(*window)
    if real:  # divide by the cells in the image alone
        cells = columns(np.ones((1, 1, *x.shape[2:])), window, stride, padding)
        cells = cells.sum(axis=0).reshape(
            output_shape(x[:1, :1], window, stride, padding)
        )
    N, C, OH, OW = output_shape(x, window, stride, padding)
    cols = columns(x.astype(float), window, stride, padding, fill)
    y = pool(cols, axis=0).reshape(OH, OW, N, C).transpose(2, 3, 0, 1) / cells
    back = {"share": lambda k: 1, **(back or {})}
    dx = shared(dout / cells, x.shape, window, stride, padding, **back)
    return change(y) if change else y, dx


def layer_cases(draw):
    """Make calls of avg_pool_layer."""
    case, none = with_dout(draw), (0, 0)
    x = draw.numbers(draw.sizes(2, 3, 5, 8), below=50)
    yield case("forward", "side by side", x, (2, 3), (2, 3), none)
    yield case("forward", "windows that overlap", x, (3, 2), (1, 2), none)
    yield case("forward", "whole numbers", x.astype(int), (2, 3), (2, 1), none)
    yield case("backward", "side by side", x, (2, 3), (2, 3), none)
    yield case("backward", "windows that overlap", x, (3, 2), (1, 2), none)
    yield case("padding", "padding (1, 2)", x, (3, 5), (2, 1), (1, 2))
    yield case("padding", "padding (0, 1)", x, (2, 3), (1, 2), (0, 1))


avg_pool_layer = Check(
    averaged, layer_cases, own_hand=(),
    results={"forward": 0, "backward": 1},
    draw={
        "forward": lambda x, dout, *o: windows_of(x, *o),
        "backward": lambda x, dout, *o: sum_picture(dout, x.shape, *o),
    },
    mistakes=[
        ("sum-for-average", "these are sums: divide by the PH * PW cells of a "
         "window", 1, lambda *a: (averaged(*a)[0] * np.prod(a[2]),
                                  averaged(*a)[1])),
        ("maximum-for-average", "this is the maximum of each window", 1,
         lambda *a: (averaged(*a, pool=np.max, count=lambda *_: 1)[0],
                     averaged(*a)[1])),
        ("divided-by-width-squared", "a window has PH * PW cells", 1,
         but(averaged, count=lambda: lambda PH, PW: PW**2)),
        ("average-cut", "the fractions are cut off: averages of whole numbers "
         "are no whole numbers", 1, but(averaged, change=lambda: np.trunc)),
        ("not-transposed", "a forgotten transpose: the averages come in the "
         "order OH, OW, N, C. Reshape to that first, then transpose", 1,
         but(averaged, change=lambda: lambda y: y.transpose(2, 3, 0, 1)
             .reshape(y.shape))),
        ("average-floored", "`//` drops the fractions: divide with `/`", 1,
         but(averaged, change=lambda: np.floor)),
        ("share-floored", "`//` drops the fractions of the shares: divide "
         "with `/`", 2, but(averaged, back={
             "lay": lambda dout: np.floor(dout).transpose(2, 3, 0, 1)})),
        ("share-not-divided", "each cell got the whole gradient of its "
         "window; its share is the gradient over PH * PW", 2,
         lambda *a: (averaged(*a)[0], averaged(*a)[1] * np.prod(a[2]))),
        ("dout-not-transposed", UNTURNED, 2,
         but(averaged, back={"lay": lambda dout: dout})),
        ("repeated-along-rows", REPEATED, 2,
         but(averaged, back={"spread": along_rows})),
        ("overwrites", OVERWRITES, 2, but(averaged, back={"add": "none"})),
        ("padding-not-counted", "only the cells of the image are counted; "
         "here padded cells count, too, as zeros", 3,
         but(averaged, real=True)),
        (*LEFT_ON, 3, but(averaged, back={"cut": lambda dx, *_: dx})),
        (*EMPTY, 3, but(averaged, back={"cut": empty_cut})),
        ("padded-with--inf", "the padding is -inf; for an average it is 0", 3,
         but(averaged, fill=-np.inf)),
    ],
)  # fmt: skip


# 2.10
class BrokenMaxPool:
    """Max pooling with stride = window. One line of it is wrong."""

    def __init__(self, window):
        self.window = window

    def forward(self, x):
        self.shape = N, C, H, W = x.shape
        PH, PW = pair(self.window, "window", 1)
        OH, OW = output_size(H, PH, PH), output_size(W, PW, PW)
        self.cols = im2col(x, self.window)
        self.winners = self.cols.argmax(axis=0)
        y = self.cols[self.winners, np.arange(self.winners.size)]
        return y.reshape(OH, OW, N, C).transpose(2, 3, 0, 1)

    def backward(self, dout):
        flat = dout.transpose(2, 3, 0, 1).ravel()
        dcols = np.zeros_like(self.cols)
        dcols[self.winners, np.arange(flat.size)] = flat
        return col2im(dcols, self.shape, self.window)


def broken(x, dout, window):
    """Run BrokenMaxPool forward and backward."""
    layer = BrokenMaxPool(window)
    layer.forward(x)
    return layer.backward(dout)


def mended(x, dout, window):
    """Return the gradient that BrokenMaxPool should give."""
    layer = MaxPool(window)
    layer.forward(x)
    return layer.backward(dout)


def wrong_case(got):
    """Say why (x, dout) does not show the bug; [] if it does."""
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return ["form", f"  must return x and dout, got {describe(got)}"]
    for array, symbol in zip(got, ("x", "dout"), strict=True):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            return ["form", f"  {symbol} must be an array of numbers, got "
                    f"{describe(array)}"]  # fmt: skip
        if array.ndim != 4:
            return ["axes-missing",
                    f"  {symbol} must have 4 axes, got shape {array.shape}"]
    x, dout = got
    try:
        shape = output_shape(x, 2)
    except ValueError as error:
        return ["form", f"  x does not fit 2 x 2 windows: {error}"]
    if dout.shape != shape:
        return ["form", f"  dout must have the shape of the output, {shape}, "
                f"got {dout.shape}"]  # fmt: skip
    right = mended(x, dout, 2)
    if not np.isfinite(right).all():
        return ["form", "  use finite numbers: with inf or NaN any layer "
                "looks odd"]  # fmt: skip
    scale = np.abs(right).max() or 1  # small gradients are cut off, too
    with np.errstate(all="ignore"):
        if not same(broken(x, dout, 2) / scale, right / scale):
            return []
    return [
        "floats-in-x" if x.dtype.kind == "f" else "whole-numbers-in-dout",
        "  on this case the layer gives the right gradient, so the bug stays "
        "hidden",
        f"  your x has dtype {x.dtype}, your dout {dout.dtype}",
    ]


SHOWING = np.array([[[[1, 2], [3, 4]]]])

showing_case = Check(
    lambda: (SHOWING, np.full((1, 1, 1, 1), 0.7)),
    [("shows", "BrokenMaxPool(2) on your x and dout")],
    rule=wrong_case,
    mistakes=[
        ("floats-in-x", "Likely cause: the values, ties and overlaps are not "
         "the point; which kind of x leads np.zeros_like astray?", 2,
         lambda: (SHOWING * 1.0, np.full((1, 1, 1, 1), 0.7))),
        ("whole-numbers-in-dout", "Likely cause: you are near; whole numbers "
         "survive in dout. Which gradients would not?", 2,
         lambda: (SHOWING, np.full((1, 1, 1, 1), 7.0))),
        ("axes-missing", "Likely cause: N and C are missing; an image alone "
         "is array[None, None]", None,
         lambda: (SHOWING[0, 0], np.array([[0.7]]))),
    ],
)  # fmt: skip


def bug_cases(draw):
    """Make calls of mended_backward."""

    def case(part, says, x, window):
        dout = fractions(draw, output_shape(x, window)) * 1.001
        return part, says, x, dout, window

    shape = draw.sizes(2, 3, 4, 7)
    many = draw.numbers(draw.sizes(2, 3, 7, 4))
    yield case("integers", "x holds whole numbers",
               draw.numbers((1, 1, 4, 6)).astype(int), 2)  # fmt: skip
    yield case("integers", "x holds bytes",
               draw.rng.integers(0, 256, shape).astype("u1"),
               (2, 3))  # fmt: skip
    yield case("floats", "x holds floats", many, (3, 2))
    yield case("floats", "x has ties", draw.ties(shape, 2), (2, 3))


def through(dtype):
    """Send the gradients through an array of another dtype."""
    return lambda x, dout, window: mended(x, dout.astype(dtype), window)


mended_backward = Check(
    mended, bug_cases, draw=gradient_picture,
    mistakes=[
        ("fractions-cut", "the fractions are still cut off: the gradient goes "
         "through an array of whole numbers; a float result at the end comes "
         "too late", 3, broken),
        ("fractions-rounded", "the gradients are rounded; they should stay as "
         "they are", 3, lambda x, dout, window: mended(
             x, np.round(dout), window)),
        ("through-float16", "the gradients lose digits: float16 holds three "
         "or four of them", 3, through("f2")),
        ("not-transposed", "a transpose went missing: the columns come in the "
         "order OH, OW, N, C", 3, lambda x, dout, window: mended(
             x, dout.reshape(*dout.shape[2:], *dout.shape[:2])
             .transpose(2, 3, 0, 1), window)),
        ("ties-last", "the last of the tied cells won; the first one does, "
         "row by row", 3, lambda x, dout, window: max_gradient_loops(
             x, dout, window, ties="last")),
        ("ties-all", "every tied cell got the whole gradient; the first one "
         "gets it", 3, lambda x, dout, window: max_gradient_loops(
             x, dout, window, ties="all")),
    ],
)  # fmt: skip


# 2.11
def gaps(x, window, stride=None, take=lambda v: v[-1] - v[-2]):
    """Return a number for the sorted cells of each window."""
    return reduced(lambda cells: take(sorted(cells)), x.astype(float), window,
                   stride)  # fmt: skip


def distance(x, window, stride=None):
    """Return half of the smallest gap between first and second place."""
    return float(gaps(x, window, stride).min()) / 2


def races(draw):
    """Make calls of kink_distance."""
    # Squares lie further apart the larger they are.
    spread = draw.rng.permutation(144).reshape(2, 3, 4, 6) ** 2 / 8
    x = draw.rng.permutation(120).reshape(2, 3, 4, 5) ** 2 / 8 - 400
    tied = spread.copy()
    tied[1, 2, :2, :3] = [[4, 9000, 1], [2, 9000, 3]]
    tied += draw.pick(0, 7, 11)
    below = np.array([[[[5.0, 2.0, 9.0], [2.0, 2.0, 2.0]]]])
    below[0, 0, 0] += draw.pick(0, 1.5, 2.5, 4)
    apart = np.array([[[[9.0, 4.0, 9.0, 1.0]]]]) + draw.pick(0, 1.5, 2.5, 4)
    signed = np.array([[[[100, -100, 0, 1]]]]) + draw.pick(0, 3, 5, 9)
    # Side by side the closest race is 7 against 3; with stride 1, 4 against 3.
    steep = np.array([[[[7.0, -5.0, -9.0, 9.0], [-1.0, 3.0, 4.0, -8.0]]]])
    steep *= draw.pick(1, 2, 3, 5)
    yield "values", "2 x 3 windows side by side", spread, (2, 3)
    yield "values", "2 x 2 windows of stride 1", steep, 2, 1
    yield "values", "3 x 2 windows of stride (1, 2)", x, (3, 2), (1, 2)
    yield "ties", "one window has its largest value twice", tied, (2, 3)
    yield "ties", "equal values in two windows do not matter", apart, (1, 2)
    yield "ties", "ties below the winner do not matter", below, 2, 1
    yield ("integers", "whole numbers",
           draw.numbers((1, 2, 4, 6)).astype(int), (2, 3))  # fmt: skip
    yield ("integers", "int8, far apart", signed.astype("i1"), (1, 2),
           2)  # fmt: skip


def kink(change=lambda gap: gap.min() / 2, **take):
    """Return kink_distance with other gaps, or another use of them."""
    return lambda *args: float(change(gaps(*args, **take)))


def wrapped(x, window, stride=None):
    """Subtract in the dtype of x."""
    ordered = np.sort(im2col(x, window, stride), axis=0)
    return float((ordered[-1] - ordered[-2]).min() / 2)


kink_distance = Check(
    distance, races,
    mistakes=[
        ("whole-gap", "this is the gap itself. Both cells may move by a step, "
         "one up and one down: they meet after half the gap", 1,
         kink(np.min)),
        ("half-cut", "// cuts the fraction off: divide by 2 with /", None,
         kink(lambda gap: gap.min() // 2)),
        ("widest-gap", "this is the widest gap; one close race is enough to "
         "spoil a check, so the smallest counts", 2,
         kink(lambda gap: gap.max() / 2)),
        ("mean-gap", "this is the mean of the gaps; one close race is enough "
         "to spoil a check, so the smallest counts", 2,
         kink(lambda gap: gap.mean() / 2)),
        ("equals-once", "equal values are counted once here. A tie is a gap "
         "of 0: the second place of 7 7 1 2 is 7", 2,
         kink(take=lambda v: v[-1] - max(
             [a for a in v if a < v[-1]], default=-np.inf))),
        ("across-windows", "this compares all values of x; only the first two "
         "places of the same window race against each other", 2,
         lambda x, *_: float(np.diff(np.sort(x.astype(float), None)).min())
         / 2),
        ("any-neighbours", "this is the smallest gap between any two "
         "neighbours in a window; only the first and the second place matter",
         2, kink(take=lambda v: min(np.diff(v)))),
        ("largest-minus-smallest", "this is the largest minus the smallest "
         "value of a window; the second largest is the rival", 2,
         kink(take=lambda v: v[-1] - v[0])),
        ("difference-wraps", "a difference can be too large for int8, and "
         "then it wraps around: subtract floats", 3, wrapped),
        ("stride-ignored", "the stride is ignored: these are windows side by "
         "side", 3, lambda x, window, stride=None: distance(x, window)),
    ],
)  # fmt: skip
