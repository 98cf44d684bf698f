"""Checks of the exercises of chapter 2, images as columns."""

import numpy as np

from pooling import (
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    output_size,
)
from pooling.check.ladder import (
    Case,
    Suspect,
    describe,
    distinct,
    gradient_picture,
    judge,
    same,
    window_picture,
)
from pooling.geometry import pad_planes, pair, pooling_axes
from pooling.lessons.im2col import MaxPool, col2im, im2col
from pooling.lessons.windows import cut_window
from pooling.ties import max_gradient_loops


def gradient(shape, seed=0):
    """Return distinct gradients in quarters, so that truncation shows."""
    size = int(np.prod(shape))
    return distinct(shape, seed, below=size // 2) / 4 + 0.25


def output_shape(x, window, stride=None, padding=0):
    """Return (N, C, OH, OW)."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    return *x.shape[:2], rows.out, columns.out


def strides(window, stride):
    """Return window and stride as two pairs."""
    window = pair(window, "window", 1)
    return window, window if stride is None else pair(stride, "stride", 1)


def by_windows(x, window, stride=None, padding=0, fill=-np.inf, take=np.max):
    """Apply `take` to the cells of each window, one window at a time."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    padded = pad_planes(x.astype(float), rows, columns, fill)
    y = np.empty(output_shape(x, window, stride, padding))
    for n, c, i, j in np.ndindex(y.shape):
        cut = cut_window(padded, rows, columns, i, j)
        y[n, c, i, j] = take(cut[n, c].ravel())
    return y


# 2.1 -----------------------------------------------------------------------

WORKED_X = np.array([[3, 7, 2, 5], [7, 1, 5, 5], [0, 7, 4, 6]])
WORKED_DOUT = np.array([[1, 2, 3], [4, 5, 6]])


def worked_results(ties="first"):
    """Return cols, out, indices and dx of the worked problem."""
    x, dout = WORKED_X[None, None], WORKED_DOUT[None, None]
    y, indices = max_pool2d(x, 2, 1, return_indices=True)
    dx = max_gradient_loops(x, dout, 2, 1, ties=ties)
    return im2col(x, 2, 1), y[0, 0], indices[0, 0], dx[0, 0]


def worked_last_winners():
    """Return plane indices of the last maximum of each window."""
    last = by_windows(
        WORKED_X[None, None], 2, 1, take=lambda v: 3 - v[::-1].argmax()
    )
    a, b = np.divmod(last[0, 0].astype(int), 2)
    i, j = np.indices(WORKED_DOUT.shape)
    return (i + a) * WORKED_X.shape[1] + j + b


def worked_picture(which):
    """Return a function that draws the windows behind a wrong number."""
    window_of = window_picture(WORKED_X, 2, 1)

    def draw(place):
        row, column = place
        if which == "dx":
            x, dout = WORKED_X[None, None], WORKED_DOUT[None, None]
            return gradient_picture(x, dout, 2, 1)((0, 0, row, column))
        if which == "columns":
            a, b = divmod(row, 2)
            place = divmod(column, 3)
            return (
                f"row {row} is cell [{a}, {b}] of each window, column "
                f"{column} is window {list(place)};\n{window_of(place)}"
            )
        return window_of(place)

    return draw


def worked_problem(candidate, part=None):
    """Check exercise 2.1: one small problem by hand."""
    right = cols, out, indices, dx = worked_results()
    dx = dx.astype(int)
    parts = {
        key: [
            Case(
                f"`{symbol}`, number {k + 1} of your four results",
                (),
                tuple(
                    want.astype(int) if n == k else None
                    for n, want in enumerate(right)
                ),
                worked_picture(key),
            )
        ]
        for k, (key, symbol) in enumerate(
            [
                ("columns", "cols"),
                ("output", "out"),
                ("winners", "indices"),
                ("dx", "dx"),
            ]
        )
    }
    row, column = np.divmod(indices, 4)
    local = 2 * (row - [[0], [1]]) + column - [0, 1, 2]
    down_first = np.arange(6).reshape(2, 3).T.ravel()
    mistakes = [
        (
            (cols.T, None, None, None),
            "each window is a row here; im2col lays each in a column.",
            1,
        ),
        (
            (cols[:, down_first], None, None, None),
            "the windows are taken down the columns of the image; they come "
            "left to right, then the next row.",
            1,
        ),
        (
            (cols[[0, 2, 1, 3]], None, None, None),
            "the cells of each window are read down its columns; they are "
            "read left to right, then the next row.",
            1,
        ),
        (
            (cols[:, [0, 2]], out[:1, ::2], indices[:1, ::2], None),
            "these are the windows of stride 2; here the stride is 1, so "
            "there are 2 x 3 windows.",
            1,
        ),
        (
            (None, out.ravel(), indices.ravel(), dx.ravel()),
            "the numbers are right but lie in one row; give them the shape "
            "of the plane.",
            None,
        ),
        (
            (None, None, local, None),
            "these are the places in the window, 0 to 3; asked are the "
            "places in the plane, row * 4 + column.",
            2,
        ),
        (
            (None, None, worked_last_winners(), None),
            "at ties you chose the last maximum; the first one wins, row by "
            "row.",
            2,
        ),
        (
            (None, None, row * 3 + column, None),
            "each row was counted as 3 cells, the height; a row is as long "
            "as the width, 4.",
            2,
        ),
        (
            (None, None, indices + 1, None),
            "these count from 1; indices count from 0.",
            2,
        ),
        (
            worked_results("last"),
            "at ties the last maximum got the gradient; the first one wins, "
            "row by row.",
            3,
        ),
        (
            worked_results("all"),
            "every tied cell got the whole gradient; one cell per window "
            "gets it, so that dx sums to 21 like dout.",
            3,
        ),
        (
            worked_results("split"),
            "tied cells share the gradient; here the first one gets it all.",
            3,
        ),
        (
            worked_results("overwrite"),
            "every tied cell got the gradient, and where windows overlap the "
            "later one has replaced the earlier.",
            3,
        ),
        (
            (None, None, None, worked_overwritten()),
            "a cell that wins two windows has the gradient of one only: "
            "where windows overlap, gradients add.",
            3,
        ),
    ]
    suspects = [
        Suspect(lambda answer=answer: answer, says, hint)
        for answer, says, hint in mistakes
    ]
    judge("worked_problem", candidate, part, parts, suspects, axes="")


def worked_overwritten():
    """Return dx of the worked problem with `=` in place of `+=`."""
    dx = np.zeros(WORKED_X.size, int)
    dx[worked_results()[2].ravel()] = WORKED_DOUT.ravel()
    return dx.reshape(WORKED_X.shape)


# 2.2 -----------------------------------------------------------------------


def route(
    x, dout, window, stride=None, padding=0, *,
    fill=-np.inf, add=True, side=1, crop=True,
):
    """Route each gradient to the first maximum, with mistakes on request.

    `add=False` overwrites; `side=0` divides by PH where PW is due.
    """
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    padded = pad_planes(x.astype(float), rows, columns, fill)
    dpadded = np.zeros(padded.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        top, left = i * rows.stride, j * columns.stride
        cut = padded[
            n, c, top : top + rows.window, left : left + columns.window
        ]
        a, b = divmod(cut.argmax(), (rows.window, columns.window)[side])
        before = dpadded[n, c, top + a, left + b] if add else 0
        dpadded[n, c, top + a, left + b] = before + dout[n, c, i, j]
    if not crop:
        return dpadded
    top, left = rows.before, columns.before
    return dpadded[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def max_backward(candidate, part=None):
    """Check exercise 2.2: the gradient of max pooling by loops."""

    def case(says, x, window, stride=None, padding=0, dout=None):
        options = (window, stride, padding)
        _, indices = max_pool2d(x, *options, return_indices=True)
        if dout is None:
            dout = gradient(indices.shape, seed=5)
        expected = max_pool2d_backward(dout, indices, x.shape)
        draw = gradient_picture(x, dout, *options)
        return Case(says, (x, dout, *options), expected, draw)

    peak = np.zeros((1, 1, 3, 3))
    peak[0, 0, 1, 1] = 9
    tied = np.array([[5.0, 5.0], [5.0, 1.0]]).reshape(1, 1, 2, 2)
    few = np.random.default_rng(3).integers(0, 3, (2, 3, 4, 5))
    parts = {
        "values": [
            case("2 x 3 windows side by side, cells left over at the edges",
                 distinct((2, 3, 7, 8), 1), (2, 3)),
            case("stride (3, 2) for 2 x 1 windows, so that gaps are left",
                 distinct((1, 2, 8, 7), 2), (2, 1), (3, 2)),
            case("whole numbers in x, fractions in dout",
                 distinct((2, 1, 4, 6), 3).astype(int), 2),
            case("x is a transposed view",
                 distinct((1, 2, 6, 4), 4).transpose(0, 1, 3, 2), (2, 3)),
        ],
        "overlap": [
            case("2 x 2 windows of stride 1, all four won by the 9 in the "
                 "middle", peak, 2, 1,
                 dout=np.array([[[[1.0, 2.0], [3.0, 4.0]]]])),
            case("3 x 2 windows of stride (2, 1)",
                 distinct((2, 3, 7, 6), 6), (3, 2), (2, 1)),
        ],
        "ties": [
            case("one window with three 5s", tied, 2,
                 dout=np.array([[[[0.75]]]])),
            case("many ties, overlapping windows", few, (2, 3), 1),
        ],
        "padding": [
            case("padding 1, all values negative",
                 distinct((1, 1, 5, 8), 7), 2, 3, 1),
            case("padding (1, 0): above and below only",
                 distinct((2, 3, 5, 6), 8), (3, 2), (2, 1), (1, 0)),
        ],
    }
    suspects = [
        Suspect(
            lambda x, *rest: route(x, *rest).astype(x.dtype),
            "the fractions are cut off: np.zeros_like(x) is an array of "
            "whole numbers when x is one. Gradients are floats.",
        ),
        Suspect(
            lambda *args: route(*args, add=False),
            "where windows overlap, a later gradient has replaced an earlier "
            "one: gradients add, so `+=` and not `=`.",
            2,
        ),
        Suspect(
            lambda *args: max_gradient_loops(*args, ties="all"),
            "every tied cell got the whole gradient. One cell per window "
            "wins: the first maximum, row by row.",
            2,
        ),
        Suspect(
            lambda *args: max_gradient_loops(*args, ties="overwrite"),
            "every tied cell got the gradient, and a later window has "
            "replaced an earlier one: one winner per window, and `+=`.",
            2,
        ),
        Suspect(
            lambda *args: max_gradient_loops(*args, ties="last"),
            "the last of the tied cells won; the first one does, row by "
            "row. A `>=` in the search, where `>` is due?",
            2,
        ),
        Suspect(
            lambda *args: max_gradient_loops(*args, ties="split"),
            "tied cells share the gradient here; the exercise asks for the "
            "first to get it all.",
        ),
        Suspect(
            lambda *args: route(*args, fill=0),
            "the padding is 0, and a 0 wins over negative values: the "
            "gradient then leaves the image. Pad with -np.inf.",
            2,
        ),
        Suspect(
            lambda *args: route(*args, fill=0, add=False),
            "the padding is 0, and a 0 wins over negative values (pad with "
            "-np.inf); besides, gradients must add: `+=`.",
            2,
        ),
        Suspect(
            lambda *args: route(*args, side=0),
            "height and width are swapped: a window is PW cells wide, so its "
            "place k is row k // PW, column k % PW.",
            2,
        ),
        Suspect(
            lambda x, dout, window, stride, padding: route(
                x, dout, window, window, padding
            ),
            "the stride is ignored: window (i, j) starts at row i * SH, "
            "column j * SW.",
            1,
        ),
        Suspect(
            lambda x, dout, window, stride, padding: route(
                x, dout, window, strides(window, stride)[1][::-1], padding
            ),
            "the strides are swapped: window (i, j) starts at row i * SH, "
            "column j * SW.",
            1,
        ),
        Suspect(
            lambda x, dout, window, stride, padding: route(
                x, dout, window, stride
            ),
            "the padding is ignored: the first window starts in the frame, "
            "above and to the left of the image.",
            2,
        ),
        Suspect(
            lambda *args: route(*args, crop=False),
            "this is the gradient of the padded x: cut the frame off before "
            "you return it.",
            2,
        ),
    ]
    judge("max_backward", candidate, part, parts, suspects)


# 2.3 -----------------------------------------------------------------------


def second(values):
    """Return the second largest value."""
    return np.sort(values)[-2]


def second_max_pool2d(candidate, part=None):
    """Check exercise 2.3: the second largest value of each window."""

    def case(says, x, window, stride=None, padding=0):
        options = (window, stride, padding)
        expected = by_windows(x, *options, take=second)
        draw = window_picture(x, *options)
        return Case(says, (x, *options), expected, draw)

    few = np.array([[4.0, 1.0, 3.0], [4.0, 2.0, 3.0], [0.0, 2.0, 1.0]])
    parts = {
        "values": [
            case("2 x 3 windows side by side",
                 distinct((2, 3, 4, 6), 1), (2, 3)),
            case("2 x 2 windows of stride (2, 1)",
                 distinct((2, 3, 5, 4), 2), 2, (2, 1)),
            case("whole numbers",
                 distinct((3, 2, 4, 5), 3).astype(int), (3, 2), 1),
        ],
        "ties": [
            case("the largest value stands twice in some windows",
                 few.reshape(1, 1, 3, 3), 2, 1),
            case("all values equal", np.full((1, 2, 3, 4), -1.5), (2, 3), 1),
        ],
        "padding": [
            case("padding 1, all values negative",
                 distinct((2, 3, 4, 5), 4), 3, 2, 1),
            case("padding 1 for 2 x 2 windows: one cell in each corner",
                 distinct((1, 2, 4, 6), 5), 2, 2, 1),
            case("whole numbers with padding (0, 1)",
                 distinct((2, 1, 4, 5), 6).astype(int), (2, 3), 2, (0, 1)),
        ],
    }

    def untransposed(*args):
        y = by_windows(*args, take=second)
        return y.transpose(2, 3, 0, 1).reshape(y.shape)

    suspects = [
        Suspect(
            lambda *args: by_windows(*args, fill=0, take=second),
            "the padding is 0: im2col fills with 0 unless told otherwise, "
            "and 0 is larger than a negative value. Pass `fill`.",
            2,
        ),
        Suspect(
            untransposed,
            "a forgotten transpose: the columns come in the order OH, OW, N, "
            "C. Reshape to that first, then transpose(2, 3, 0, 1).",
            3,
        ),
        Suspect(
            max_pool2d,
            "this is the largest value of each window, not the second.",
            1,
        ),
        Suspect(
            lambda *args: by_windows(
                *args, take=lambda v: np.max(v, where=v < v.max(),
                                             initial=-np.inf)
            ),
            "equal values count once here; ties count twice, so a window "
            "4 1 4 2 has 4 as its second largest.",
            2,
        ),
        Suspect(
            lambda *args: by_windows(
                *args, take=lambda v: np.sort(v)[1]
            ),
            "this is the second smallest value: np.sort puts the largest "
            "last.",
            1,
        ),
    ]
    judge("second_max_pool2d", candidate, part, parts, suspects)


# 2.4 -----------------------------------------------------------------------


def reorder(x, window, stride, order):
    """Lay each window in a row; rows in the order of the axes named."""
    shape = dict(zip("ncij", output_shape(x, window, stride), strict=True))
    cols = im2col(x, window, stride)
    cells = cols.T.reshape(*(shape[axis] for axis in "ijnc"), -1)
    axes = ["ijnc".index(axis) for axis in order]
    return cells.transpose(*axes, 4).reshape(-1, cols.shape[0])


def im2row(candidate, part=None):
    """Check exercise 2.4: each window in a row."""

    def case(says, x, window, stride=None):
        N, C, OH, OW = output_shape(x, window, stride)
        picture = window_picture(x, window, stride)

        def draw(place):
            n, i, j, c = np.unravel_index(place[0], (N, OH, OW, C))
            return (
                f"row {place[0]} is n = {n}, i = {i}, j = {j}, c = {c}; "
                + picture((n, c, i, j))
            )

        expected = reorder(x, window, stride, "nijc")
        return Case(says, (x, window, stride), expected, draw)

    parts = {
        "single": [
            case("one image of one channel, 3 x 4, 2 x 2 windows of stride 1",
                 distinct((1, 1, 3, 4), 1), 2, 1),
            case("one image of one channel, 2 x 3 windows side by side",
                 distinct((1, 1, 4, 9), 2), (2, 3)),
        ],
        "batch": [
            case("two images of three channels",
                 distinct((2, 3, 4, 6), 3), 2),
            case("three images of two channels, windows overlap",
                 distinct((3, 2, 5, 7), 4), (2, 3), (1, 2)),
        ],
    }

    def unturned(x, window, stride):
        cols = im2col(x, window, stride)
        return cols.reshape(cols.shape[::-1])

    suspects = [
        Suspect(
            unturned,
            "a reshape from columns to rows does not turn the matrix: it "
            "cuts the same sequence of numbers elsewhere. Transpose first.",
            1,
        ),
        Suspect(
            lambda *args: im2col(*args),
            "this is im2col's matrix, each window in a column; here each is "
            "a row.",
            1,
        ),
        Suspect(
            lambda *args: reorder(*args, "ijnc"),
            "each row is right, but the rows come in the order i, j, n, c of "
            "im2col; asked is n, i, j, c.",
            2,
        ),
        Suspect(
            lambda *args: reorder(*args, "ncij"),
            "each row is right, but the rows come in the order n, c, i, j; "
            "asked is n, i, j, c: the channel changes fastest.",
            2,
        ),
        Suspect(
            lambda *args: reorder(*args, "njic"),
            "each row is right, but j runs before i: go along each row of "
            "windows first.",
            2,
        ),
        Suspect(
            lambda *args: reorder(*args, "cijn"),
            "each row is right, but the rows come in the order c, i, j, n: "
            "images and channels are swapped.",
            2,
        ),
    ]
    judge("im2row", candidate, part, parts, suspects, axes="")


# 2.5 -----------------------------------------------------------------------


def local_indices(candidate, part=None):
    """Check exercise 2.5: from places in the plane to places in windows."""

    def case(says, x, window, stride=None):
        _, winners = MaxPool(window, stride, return_index=True)(x)
        _, indices = max_pool2d(x, window, stride, return_indices=True)
        H, W = x.shape[2:]
        _, (SH, SW) = strides(window, stride)

        def draw(place):
            i, j = place[2:]
            k = indices[place]
            return (
                f"plane index {k} of a plane with {H} rows and {W} columns; "
                f"window [{i}, {j}] starts at row {i * SH}, column {j * SW}:"
                "\n" + window_picture(np.arange(H * W).reshape(1, 1, H, W),
                                      window, stride)((0, 0, i, j))
                .replace("its window:", "the plane indices in it:")
            )

        args = (indices, x.shape, window, stride)
        return Case(says, args, winners, draw)

    parts = {
        "tiles": [
            case("2 x 2 windows side by side in a square plane",
                 distinct((1, 1, 4, 4), 1), 2),
            case("2 x 2 windows side by side in a plane 4 x 6",
                 distinct((2, 3, 4, 6), 2), 2),
        ],
        "rectangles": [
            case("2 x 3 windows side by side",
                 distinct((2, 3, 4, 9), 3), (2, 3)),
            case("3 x 2 windows side by side",
                 distinct((2, 3, 9, 8), 4), (3, 2)),
        ],
        "overlap": [
            case("2 x 3 windows of stride 1",
                 distinct((1, 2, 3, 5), 5), (2, 3), 1),
            case("3 x 2 windows of stride (2, 1)",
                 distinct((2, 3, 7, 5), 6), (3, 2), (2, 1)),
        ],
    }

    def local(by=1, times=1, swap=False, modulo=False):
        def answer(indices, shape, window, stride):
            window, (SH, SW) = strides(window, stride)
            row, column = np.divmod(indices, shape[2:][by])
            i, j = np.indices(indices.shape)[2:]
            if modulo:
                row, column = row % window[0], column % window[1]
            elif swap:
                row, column = row - i * SW, column - j * SH
            else:
                row, column = row - i * SH, column - j * SW
            return row * window[times] + column

        return answer

    suspects = [
        Suspect(
            local(by=0),
            "divided by the height: a row of the plane has W cells, so the "
            "row of index k is k // W.",
            1,
        ),
        Suspect(
            local(times=0),
            "multiplied by PH: a row of the window has PW cells, so the "
            "place of cell (a, b) is a * PW + b.",
            1,
        ),
        Suspect(
            local(modulo=True),
            "the remainder by PH and PW is the place in the window only "
            "where the stride is the window; subtract each window's start.",
            2,
        ),
        Suspect(
            local(swap=True),
            "the strides are swapped: window (i, j) starts at row i * SH, "
            "column j * SW.",
            2,
        ),
        Suspect(
            lambda indices, shape, window, stride: np.stack(
                np.divmod(indices, shape[3])
            )[0],
            "this is the row in the plane; asked is one number per window, "
            "a * PW + b.",
            1,
        ),
    ]
    judge("local_indices", candidate, part, parts, suspects)


# 2.6 -----------------------------------------------------------------------


def sum_pool_backward(candidate, part=None):
    """Check exercise 2.6: the gradient of sum pooling."""

    def right(dout, shape, window, stride):
        PH, PW = pair(window, "window", 1)
        return avg_pool2d_backward(dout, shape, window, stride) * PH * PW

    def case(says, shape, window, stride):
        dout = gradient(output_shape(np.empty(shape), window, stride), 2)
        rows, columns = pooling_axes(shape, window, stride)

        def draw(place):
            n, c, r, k = place
            found = [
                f"[{i}, {j}] with {dout[n, c, i, j]:g}"
                for i, j in np.ndindex(rows.out, columns.out)
                if r in rows.positions()[i] and k in columns.positions()[j]
            ]
            return "windows that hold this cell, and their gradients: " + (
                ", ".join(found) or "none"
            )

        expected = right(dout, shape, window, stride)
        return Case(says, (dout, shape, window, stride), expected, draw)

    parts = {
        "tiles": [
            case("one image of one channel, 2 x 3 windows side by side",
                 (1, 1, 4, 6), (2, 3), (2, 3)),
            case("two images of three channels, cells left over",
                 (2, 3, 5, 7), (2, 3), (2, 3)),
        ],
        "overlap": [
            case("2 x 2 windows of stride 1", (1, 1, 3, 4), 2, 1),
            case("3 x 2 windows of stride (2, 1)",
                 (2, 3, 7, 5), (3, 2), (2, 1)),
        ],
    }

    def columns_of(dout, shape, window, flat):
        PH, PW = pair(window, "window", 1)
        return np.broadcast_to(flat, (PH * PW, flat.size))

    def unturned(dout, shape, window, stride):
        flat = dout.ravel()
        dcols = columns_of(dout, shape, window, flat)
        return col2im(dcols, shape, window, stride)

    def repeated(dout, shape, window, stride):
        flat = dout.transpose(2, 3, 0, 1).ravel()
        dcols = columns_of(dout, shape, window, flat)
        dcols = np.repeat(flat, len(dcols)).reshape(dcols.shape)
        return col2im(dcols, shape, window, stride)

    def assigned(dout, shape, window, stride):
        rows, columns = pooling_axes(shape, window, stride)
        dx = np.zeros(shape)
        for i, j in np.ndindex(rows.out, columns.out):
            into = cut_window(dx, rows, columns, i, j)
            into[:] = dout[:, :, i : i + 1, j : j + 1]
        return dx

    suspects = [
        Suspect(
            avg_pool2d_backward,
            "divided by PH * PW: that is the gradient of the average. In a "
            "sum every cell counts in full.",
            1,
        ),
        Suspect(
            unturned,
            "dout was flattened as it lies, (N, C, OH, OW); the columns come "
            "in the order OH, OW, N, C: transpose(2, 3, 0, 1) first.",
            2,
        ),
        Suspect(
            repeated,
            "each gradient was repeated along a row; all cells of a window "
            "stand in one column, so each row is the same.",
            2,
        ),
        Suspect(
            assigned,
            "where windows overlap, a later gradient has replaced an earlier "
            "one; each cell gets the sum. col2im adds for you.",
            2,
        ),
    ]
    judge("sum_pool_backward", candidate, part, parts, suspects)


# 2.7 -----------------------------------------------------------------------


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


def broken_backward(x, dout, window):
    """Run BrokenMaxPool forward and backward."""
    layer = BrokenMaxPool(window)
    layer.forward(x)
    return layer.backward(dout)


def mended(x, dout, window):
    """Return the gradient that BrokenMaxPool should give."""
    _, indices = max_pool2d(x, window, return_indices=True)
    return max_pool2d_backward(dout, indices, x.shape)


def showing_case(candidate, part=None):
    """Check exercise 2.7: an input that shows the bug of BrokenMaxPool."""
    says = "BrokenMaxPool(2) on your x and dout"
    parts = {"shows": [Case(says, (), rule=not_showing)]}
    judge("showing_case", candidate, part, parts)


def not_showing(got):
    """Return the lines that say why (x, dout) does not show the bug."""
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return [f"  must return x and dout, got {describe(got)}"]
    for array, symbol in zip(got, ("x", "dout"), strict=True):
        if not isinstance(array, np.ndarray):
            return [f"  {symbol} must be an array, got {describe(array)}"]
        if array.dtype.kind not in "fiu":
            return [
                f"  {symbol} must hold numbers, got dtype {array.dtype}"
            ]
        if array.ndim != 4:
            return [
                f"  {symbol} must have 4 axes, got shape {array.shape}",
                "  Likely cause: N and C are missing; an image alone is "
                "array[None, None].",
            ]
    x, dout = got
    try:
        shape = max_pool2d(x, 2).shape
    except ValueError as error:
        return [f"  x does not fit 2 x 2 windows: {error}"]
    if dout.shape != shape:
        return [
            f"  dout must have the shape of the output, {shape}, for an x "
            f"of shape {x.shape}; got {dout.shape}"
        ]
    right = mended(x, dout, 2)
    if not np.isfinite(right).all():
        return ["  use finite numbers: with inf or NaN any layer looks odd"]
    with np.errstate(all="ignore"):
        broken = broken_backward(x, dout, 2)
    if not same(broken, right):
        return []
    lines = [
        "  on this case the layer gives the right gradient, so the bug stays "
        "hidden",
        f"  your x has dtype {x.dtype}, your dout {dout.dtype}",
    ]
    if x.dtype.kind == "f":
        return [
            *lines,
            "  Likely cause: the values, ties and overlaps are not the "
            "point; which kind of x leads np.zeros_like astray?",
            "  Hint 2 says more.",
        ]
    return [
        *lines,
        "  Likely cause: you are near; whole numbers survive in dout. Which "
        "gradients would not?",
        "  Hint 2 says more.",
    ]


def mended_backward(candidate, part=None):
    """Check exercise 2.7: the gradient without the bug."""

    def case(says, x, window):
        dout = gradient(output_shape(x, window), 4)
        draw = gradient_picture(x, dout, window)
        return Case(says, (x, dout, window), mended(x, dout, window), draw)

    parts = {
        "integers": [
            case("x holds whole numbers",
                 distinct((1, 1, 4, 6), 1).astype(int), 2),
            case("x holds bytes, two images of three channels",
                 distinct((2, 3, 4, 7), 2, below=200).astype(np.uint8),
                 (2, 3)),
        ],
        "floats": [
            case("x holds floats", distinct((2, 3, 7, 4), 3), (3, 2)),
            case("x has ties", np.zeros((1, 2, 2, 6)), (2, 3)),
        ],
    }

    def unturned(x, dout, window):
        flat = dout.ravel()
        winners = im2col(x, window).argmax(axis=0)
        dcols = np.zeros((int(np.prod(pair(window, "window", 1))), flat.size))
        dcols[winners, np.arange(flat.size)] = flat
        return col2im(dcols, x.shape, window)

    suspects = [
        Suspect(
            broken_backward,
            "the fractions are still cut off: the gradient goes through an "
            "array of whole numbers. A float result at the end comes too "
            "late; the buffer that dout is written to must hold floats.",
            3,
        ),
        Suspect(
            lambda x, dout, window: mended(x, np.round(dout), window),
            "the gradients are rounded; they should stay as they are.",
            3,
        ),
        Suspect(
            unturned,
            "a transpose went missing: the columns come in the order OH, OW, "
            "N, C.",
            3,
        ),
    ]
    judge("mended_backward", candidate, part, parts, suspects)


# 2.8 -----------------------------------------------------------------------


def gaps(x, window, stride=None, take=lambda v: v[-1] - v[-2]):
    """Return a number for the sorted cells of each window."""
    return by_windows(x, window, stride, take=lambda v: take(np.sort(v)))


def kink_distance(candidate, part=None):
    """Check exercise 2.8: how far a gradient check may step."""

    def case(says, x, window, stride=None):
        gap = gaps(x, window, stride)
        n, c, i, j = np.unravel_index(gap.argmin(), gap.shape)
        top = max_pool2d(x, window, stride)[n, c, i, j]
        says += (
            f"; the closest race is in window [{i}, {j}] of image {n}, "
            f"channel {c}: {top:g} against {top - gap.min():g}"
        )
        return Case(says, (x, window, stride), float(gap.min()) / 2)

    rng = np.random.default_rng(8)
    # Squares lie further apart the larger they are.
    spread = rng.permutation(144).reshape(2, 3, 4, 6) ** 2 / 8
    # Side by side the closest race is 7 against 3; with stride 1, 4 against 3.
    steep = np.array([[[[7.0, -5.0, -9.0, 9.0], [-1.0, 3.0, 4.0, -8.0]]]])
    tied = spread.copy()
    tied[1, 2, :2, :3] = [[4, 900, 1], [2, 900, 3]]
    parts = {
        "values": [
            case("2 x 3 windows side by side", spread, (2, 3)),
            case("2 x 2 windows of stride 1, some values negative",
                 steep, 2, 1),
        ],
        "ties": [
            case("one window has its largest value twice", tied, (2, 3)),
            case("ties below the winner do not matter",
                 np.array([[[[5.0, 2.0, 9.0], [2.0, 2.0, 2.0]]]]), 2, 1),
        ],
        "integers": [
            case("whole numbers",
                 distinct((1, 2, 4, 4), 7).astype(int), 2),
        ],
    }

    def second_distinct(v):
        return v[-1] - np.max(v, where=v < v[-1], initial=-np.inf)

    def smallest_everywhere(x, *_):
        return np.diff(np.sort(x, axis=None)).min() / 2

    suspects = [
        Suspect(
            lambda *args: gaps(*args).min(),
            "this is the gap itself. Both cells may move by a step, one up "
            "and one down: they meet after half the gap.",
            1,
        ),
        Suspect(
            lambda *args: gaps(*args).min() // 2,
            "// cuts the fraction off: divide by 2 with /.",
        ),
        Suspect(
            lambda *args: gaps(*args).max() / 2,
            "this is the widest gap; one close race is enough to spoil a "
            "check, so the smallest counts.",
            2,
        ),
        Suspect(
            lambda *args: gaps(*args).mean() / 2,
            "this is the mean of the gaps; one close race is enough to spoil "
            "a check, so the smallest counts.",
            2,
        ),
        Suspect(
            lambda *args: gaps(*args, take=second_distinct).min() / 2,
            "equal values are counted once here. A tie is a gap of 0: the "
            "second place of 7 7 1 2 is 7.",
            2,
        ),
        Suspect(
            smallest_everywhere,
            "this compares all values of x; only the first two places of the "
            "same window race against each other.",
            2,
        ),
        Suspect(
            lambda *args: gaps(
                *args, take=lambda v: np.diff(v).min()
            ).min() / 2,
            "this is the smallest gap between any two neighbours in a "
            "window; only the first and the second place matter.",
            2,
        ),
        Suspect(
            lambda *args: gaps(*args, take=lambda v: v[-1] - v[0]).min() / 2,
            "this is the largest minus the smallest value of a window; the "
            "second largest is the rival.",
            2,
        ),
        Suspect(
            lambda x, window, stride: gaps(x, window).min() / 2,
            "the stride is ignored: these are windows side by side.",
            3,
        ),
    ]
    judge("kink_distance", candidate, part, parts, suspects)
