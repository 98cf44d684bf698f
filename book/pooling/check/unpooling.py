"""Checks of the exercises of chapter 4, unpooling."""

import numpy as np

from pooling import (
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_unpool2d,
)
from pooling.check.im2col import output_shape, strides
from pooling.check.ladder import (
    Case,
    Suspect,
    describe,
    distinct,
    gradient_picture,
    grid,
    judge,
)
from pooling.lessons.im2col import MaxPool
from pooling.lessons.strides import max_mask, pool_images, window_view
from pooling.ties import max_gradient_loops


def amounts(shape, seed=0):
    """Return distinct fractions, all larger than 0: no sum hides a loss."""
    return distinct(shape, seed, below=int(np.prod(shape)) + 1) * 1.75


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


def winners_of(y, indices, W):
    """Return a function that lists the windows that won a cell."""

    def sends(window, cell):
        return divmod(indices[window], W) == cell

    return sources(y, sends, "won")


def placed(y, rows, columns, shape, fill=0.0, add=False):
    """Write each y (N, C, OH, OW) to its row and column, one by one."""
    x = np.full(shape, fill)
    for place in np.ndindex(y.shape):
        cell = *place[:2], rows[place], columns[place]
        x[cell] = y[place] + (x[cell] if add else 0)
    return x


# 4.1 -----------------------------------------------------------------------

HAND_Y = np.array([[8, 8], [9, 11]])
HAND_INDICES = np.array([[6, 6], [12, 15]])
HAND_DOUT = np.array([[1, 2], [5, 7]])


def unpool_by_hand(candidate, part=None):
    """Check exercise 4.1: unpooling and gradient by hand."""

    def plane(values, add, indices=HAND_INDICES, turned=False):
        rows, columns = np.divmod(indices, 4)[:: -1 if turned else 1]
        return placed(
            values[None, None], rows[None, None], columns[None, None],
            (1, 1, 4, 4), 0, add,
        )[0, 0]  # fmt: skip

    def draw(place):
        k = place[0] * 4 + place[1]
        windows = np.argwhere(HAND_INDICES == k).tolist()
        return f"this is cell {k} of the plane; windows that won it: " + (
            ", ".join(map(str, windows)) or "none"
        )

    right = plane(HAND_Y, False), plane(HAND_DOUT, True)
    parts = {
        "unpooled": [Case("`x`, the unpooled y", (), (right[0], None), draw)],
        "gradient": [
            Case("`dx`, the gradient", (), (None, right[1]), draw)
        ],
    }
    mistakes = [
        (
            (plane(HAND_Y, True), None),
            "the two 8s are added; both windows say that the cell holds 8, "
            "and unpooling writes it once more.",
            2,
        ),
        (
            (None, plane(HAND_DOUT, False)),
            "only the gradient that came last is left; the loss feels the "
            "cell through both windows, so gradients add.",
            2,
        ),
        (
            (None, plane(HAND_DOUT[:, ::-1], False, HAND_INDICES[:, ::-1])),
            "only the gradient that came first is left; the loss feels the "
            "cell through both windows, so gradients add.",
            2,
        ),
        (
            (None, plane(HAND_Y, True)),
            "these are sums of y; the gradient sends the numbers of dout.",
            None,
        ),
        *(
            (
                (
                    plane(HAND_Y, False, *options),
                    plane(HAND_DOUT, True, *options),
                ),
                says,
                1,
            )
            for options, says in (
                (
                    (HAND_INDICES, True),
                    "the cells are counted down the columns; indices count "
                    "row by row, from left to right.",
                ),
                (
                    (HAND_INDICES - 1,),
                    "the cells are counted from 1; indices count from 0.",
                ),
            )
        ),
    ]
    suspects = [
        Suspect(lambda answer=answer: answer, says, hint)
        for answer, says, hint in mistakes
    ]
    judge("unpool_by_hand", candidate, part, parts, suspects, axes="HW")


# 4.2 -----------------------------------------------------------------------


def unpool_local(candidate, part=None):
    """Check exercise 4.2: unpooling from places in the window."""

    def case(says, x, window, stride=None):
        y, winners = MaxPool(window, stride, return_index=True)(x)
        _, indices = max_pool2d(x, window, stride, return_indices=True)
        expected = max_unpool2d(y, indices, x.shape)
        draw = winners_of(y, indices, x.shape[3])
        return Case(says, (y, winners, x.shape, window, stride), expected,
                    draw)  # fmt: skip

    nine = np.array([[[[1, 2, 3, 9], [4, 5, 6, 7]]]])
    parts = {
        "tiles": [
            case("2 x 2 windows side by side",
                 distinct((2, 3, 4, 6), 1, below=60), 2),
            case("3 x 3 windows, a row and two columns left over",
                 distinct((1, 2, 7, 8), 2, below=60), 3),
        ],
        "rectangles": [
            case("2 x 3 windows side by side",
                 distinct((3, 2, 5, 7), 3, below=60), (2, 3)),
            case("3 x 2 windows side by side",
                 distinct((2, 3, 7, 4), 4, below=60), (3, 2)),
        ],
        "overlap": [
            case("2 x 2 windows of stride (3, 4), so that gaps are left",
                 distinct((1, 2, 6, 9), 6, below=60), 2, (3, 4)),
            case("one row of two 2 x 3 windows, stride 1", nine, (2, 3), 1),
            case("3 x 2 windows of stride (2, 1)",
                 distinct((2, 3, 8, 5), 5, below=60), (3, 2), (2, 1)),
        ],
    }  # fmt: skip

    def local(split, start=lambda SH, SW, PH, PW: (SH, SW), add=False):
        def answer(y, winners, shape, window, stride=None):
            window, stride = strides(window, stride)
            i, j = np.indices(y.shape)[2:]
            down, right = start(*stride, *window)
            a, b = split(winners, *window)
            return placed(y, down * i + a, right * j + b, shape, add=add)

        return answer

    def split(k, PH, PW):
        return np.divmod(k, PW)

    def in_plane(y, winners, shape, window, stride=None):
        return max_unpool2d(y, winners, shape)

    suspects = [
        Suspect(
            local(lambda k, PH, PW: np.divmod(k, PH)),
            "divided by the height: a row of the window has PW cells, so "
            "place k is cell (k // PW, k % PW).",
            1,
        ),
        Suspect(
            local(lambda k, PH, PW: (k // PW, k % PH)),
            "the remainder is by the height: a row of the window has PW "
            "cells, so place k is cell (k // PW, k % PW).",
            1,
        ),
        Suspect(
            in_plane,
            "these places are taken for places in the plane; they count in "
            "the window, and each window starts somewhere else.",
            2,
        ),
        Suspect(
            local(split, lambda SH, SW, PH, PW: (PH, PW)),
            "the stride is ignored: window (i, j) starts at row i * SH, "
            "column j * SW.",
            2,
        ),
        Suspect(
            local(split, lambda SH, SW, PH, PW: (1, 1)),
            "each window starts one cell after the last; it is a stride "
            "after it, and without a stride it is a window after it.",
            2,
        ),
        Suspect(
            local(split, lambda SH, SW, PH, PW: (SW, SH)),
            "the strides are swapped: window (i, j) starts at row i * SH, "
            "column j * SW.",
            2,
        ),
        Suspect(
            local(split, add=True),
            "where two windows have the same maximum, it is added; "
            "unpooling assigns.",
            2,
        ),
    ]
    judge("unpool_local", candidate, part, parts, suspects)


# 4.3 -----------------------------------------------------------------------


def mask_to_indices(candidate, part=None):
    """Check exercise 4.3: from a mask to indices in the plane."""

    def case(says, x, window, stride):
        mask = max_mask(window_view(x, window, stride))
        _, indices = max_pool2d(x, window, stride, return_indices=True)

        def draw(place):
            cells = [[f"{cell:d}" for cell in row] for row in mask[place]]
            return "the mask of this window:\n" + grid(cells)

        return Case(says, (mask, stride, x.shape[3]), indices, draw)

    few = np.random.default_rng(4).integers(0, 3, (2, 3, 5, 7))
    parts = {
        "tiles": [
            case("2 x 2 windows side by side",
                 distinct((2, 3, 4, 6), 1), 2, 2),
            case("2 x 3 windows side by side, a column left over",
                 distinct((3, 2, 4, 7), 2), (2, 3), (2, 3)),
            case("3 x 2 windows side by side",
                 distinct((2, 3, 6, 8), 3), (3, 2), (3, 2)),
        ],
        "overlap": [
            case("2 x 3 windows of stride 1",
                 distinct((1, 2, 3, 5), 5), (2, 3), 1),
            case("3 x 2 windows of stride (2, 1)",
                 distinct((2, 3, 7, 5), 6), (3, 2), (2, 1)),
        ],
        "ties": [
            case("all cells of the image are equal",
                 np.ones((1, 2, 4, 6)), 2, 2),
            case("many ties, overlapping windows", few, (2, 3), (1, 2)),
        ],
    }  # fmt: skip

    def wrong(width=lambda PH, PW: PW, last=False, swap=False, whole=False,
              length=lambda W, OW: W, step=None):  # fmt: skip
        def answer(mask, stride, W):
            OW, PH, PW = mask.shape[3:]
            _, (SH, SW) = strides((PH, PW), stride if step is None else step)
            flat = mask.reshape(*mask.shape[:4], PH * PW)
            k = flat.argmax(-1)
            if last:
                k = PH * PW - 1 - flat[..., ::-1].argmax(-1)
            a, b = np.divmod(k, width(PH, PW))
            i, j = np.indices(k.shape)[2:]
            if swap:
                SH, SW = SW, SH
            if whole:
                SH, SW = PH, PW
            return (SH * i + a) * length(W, OW) + SW * j + b

        return answer

    suspects = [
        Suspect(
            wrong(last=True),
            "this is the last marked cell of each window; the first one, "
            "row by row, is the winner.",
            1,
        ),
        Suspect(
            wrong(width=lambda PH, PW: PH),
            "divided by the height: a row of the window has PW cells, so "
            "place k is cell (k // PW, k % PW).",
            2,
        ),
        Suspect(
            lambda mask, *_: mask.reshape(*mask.shape[:4], -1).argmax(-1),
            "these are places in the window, 0 to PH * PW - 1; asked are "
            "places in the plane, row * W + column.",
            2,
        ),
        Suspect(
            wrong(length=lambda W, OW: OW),
            "a row was counted as OW cells; the plane is W cells wide.",
            2,
        ),
        Suspect(
            wrong(whole=True),
            "the stride is ignored: window (i, j) starts at row i * SH, "
            "column j * SW.",
            2,
        ),
        Suspect(
            wrong(swap=True),
            "the strides are swapped: window (i, j) starts at row i * SH, "
            "column j * SW.",
            2,
        ),
        Suspect(
            wrong(step=1),
            "each window starts one cell after the last: the stride is left "
            "out.",
            2,
        ),
    ]
    judge("mask_to_indices", candidate, part, parts, suspects)


# 4.4 -----------------------------------------------------------------------


def broken_unpool_backward(x, dout, f, stride):
    """Send dout (OH, OW) back through the max pooling of x (h, w)."""
    _, mask = pool_images(x, f, stride, return_mask=True)
    i, j, a, b = np.nonzero(mask)
    dx = np.zeros(x.shape)
    dx[stride * i + a, stride * j + b] = dout[i, j]
    return dx


def bad_plane(value, symbol):
    """Return the lines that say why this is no plane of finite numbers."""
    if not isinstance(value, np.ndarray):
        return [f"  {symbol} must be an array, got {describe(value)}"]
    if value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        return [f"  {symbol} must hold ordinary numbers, no NaN and no inf"]
    if value.ndim != 2:
        return [
            f"  {symbol} must be one plane, with 2 axes, got shape "
            f"{value.shape}"
        ]
    return []


def showing_sums(candidate, part=None):
    """Check exercise 4.4: inputs that show both bugs."""

    def rule(stride):
        def judged(got):
            if not isinstance(got, (tuple, list)) or len(got) != 2:
                return [f"  must return x and dout, got {describe(got)}"]
            x, dout = got
            lines = bad_plane(x, "x") or bad_plane(dout, "dout")
            if lines:
                return lines
            try:
                shape = output_shape(x[None, None], 2, stride)[2:]
            except ValueError as error:
                return [f"  x does not fit 2 x 2 windows: {error}"]
            if dout.shape != shape:
                return [
                    f"  dout must have the shape of the output, {shape}, for "
                    f"an x of shape {x.shape}; got {dout.shape}"
                ]
            if not (dout > 0).all():
                return [
                    "  every number of dout must be larger than 0, so that "
                    "losses and gains cannot cancel"
                ]
            total = broken_unpool_backward(x, dout, 2, stride).sum()
            sums = f"dx sums to {total:g}, dout to {dout.sum():g}"
            if stride == 2 and not total > dout.sum():
                return [
                    f"  {sums}: nothing is gained",
                    "  Likely cause: each window marks one cell only. When "
                    "does a mask mark several?",
                    "  Hint 1 says more.",
                ]
            if stride == 1 and not total < dout.sum():
                more = (
                    "no cell wins two windows. Where must it stand, and how "
                    "large must it be?"
                    if total == dout.sum()
                    else "tied cells gain more than overlap loses; use "
                    "numbers that are all different."
                )
                return [
                    f"  {sums}: nothing is lost",
                    f"  Likely cause: {more}",
                    "  Hint 1 says more.",
                ]
            return []

        return judged

    parts = {
        key: [Case(says, (stride,), rule=rule(stride))]
        for key, stride, says in (
            ("ties", 2, "stride 2: the sum of dx must be too large"),
            ("overlap", 1, "stride 1: the sum of dx must be too small"),
        )
    }
    judge("showing_sums", candidate, part, parts)


def mended_unpool_backward(candidate, part=None):
    """Check exercise 4.4: the gradient without the bugs."""

    def plane(function):
        """Make a function of planes from one of batches."""

        def answer(x, dout, f, stride):
            return function(x[None, None], dout[None, None], f, stride)[0, 0]

        return answer

    def assigned(x, dout, f, stride):
        _, indices = max_pool2d(x, f, stride, return_indices=True)
        return max_unpool2d(dout, indices, x.shape)

    def right(x, dout, f, stride):
        _, indices = max_pool2d(x, f, stride, return_indices=True)
        return max_pool2d_backward(dout, indices, x.shape)

    def ruled(ties):
        return plane(
            lambda *args: max_gradient_loops(*args, ties=ties)
        )

    def case(says, x, f, stride):
        dout = amounts(output_shape(x[None, None], f, stride)[2:], 3)
        picture = gradient_picture(
            x[None, None], dout[None, None], f, stride
        )
        return Case(
            says,
            (x, dout, f, stride),
            plane(right)(x, dout, f, stride),
            lambda place: picture((0, 0, *place)),
        )

    few = np.random.default_rng(5).integers(0, 3, (6, 7))
    parts = {
        "ties": [
            case("all cells equal, 2 x 2 windows side by side",
                 np.full((4, 6), -5.0), 2, 2),
            case("whole numbers, many ties, cells left over", few, 2, 2),
            case("an image of bytes", few.astype(np.uint8), 3, 3),
        ],
        "overlap": [
            case("all numbers different, 2 x 2 windows of stride 1",
                 distinct((3, 4), 6), 2, 1),
            case("3 x 3 windows of stride 2", distinct((9, 7), 7), 3, 2),
        ],
        "both": [
            case("ties, and 2 x 2 windows of stride 1", few[:4], 2, 1),
            case("ties, and 3 x 3 windows of stride 2", few, 3, 2),
        ],
    }  # fmt: skip
    suspects = [
        Suspect(
            ruled("all"),
            "every tied cell of a window gets the whole gradient; only the "
            "first one should.",
            2,
        ),
        Suspect(
            plane(assigned),
            "a cell that won several windows has the last gradient only. "
            "On a list of places `+=` writes each place once, like `=`.",
            3,
        ),
        Suspect(
            broken_unpool_backward,
            "every tied cell gets the gradient, and of several gradients "
            "for one cell the last one is left.",
            2,
        ),
        Suspect(
            ruled("last"),
            "the last of the tied cells got the gradient; the first one, "
            "row by row, is the winner.",
            2,
        ),
        Suspect(
            ruled("split"),
            "tied cells share the gradient; here the first one gets it all.",
            2,
        ),
        Suspect(
            lambda x, *rest: plane(right)(x, *rest).astype(x.dtype),
            "the fractions are cut off: dx has to hold floats, whatever x "
            "holds.",
        ),
    ]
    judge("mended_unpool_backward", candidate, part, parts, suspects, "HW")


# 4.5 -----------------------------------------------------------------------


def broken_avg_unpool(y, f, output_shape):
    """Divide each y (OH, OW) evenly among the cells of its window."""
    x = np.zeros(output_shape)
    OH, OW = y.shape
    x[: f * OH, : f * OW] = y.repeat(f, axis=0).repeat(f, axis=1)
    return x


def showing_average(candidate, part=None):
    """Check exercise 4.5: an input that shows the bug."""

    def rule(got):
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            return [f"  must return y, f and the shape, got {describe(got)}"]
        y, f, shape = got
        lines = bad_plane(y, "y")
        if lines:
            return lines
        try:
            x = broken_avg_unpool(y, f, shape)
        except Exception as error:
            return [
                f"  broken_avg_unpool raised {type(error).__name__}: {error}",
                "  an error is not the point; let the windows fit",
            ]
        if not np.isclose(x.sum(), y.sum()):
            return []
        lines = [f"  y sums to {y.sum():g}, and so does what comes out"]
        if np.size(y) and f == 1:
            lines.append(
                "  Likely cause: a window of one cell has nothing to share."
            )
        elif np.isclose(y.sum(), 0):
            lines.append("  Likely cause: a sum of 0 stays 0, times anything.")
        return [*lines, "  Hint 1 says more."]

    parts = {"shows": [Case("the sum of your y", (), rule=rule)]}
    judge("showing_average", candidate, part, parts)


def avg_unpool_mended(candidate, part=None):
    """Check exercise 4.5: average unpooling that shares."""

    def case(says, f, shape, stride, partial=False):
        full = (1, 1, *shape)
        out = pool_images(np.empty(shape), f, stride, "mean", partial).shape
        y = amounts(out, f + stride)
        expected = avg_pool2d_backward(
            y[None, None], full, f, stride, ceil_mode=partial
        )[0, 0]

        def sends(window, cell):
            return all(
                0 <= k - i * stride < f
                for i, k in zip(window, cell, strict=True)
            )

        draw = sources(y, sends, "hold")
        return Case(says, (y, f, shape, stride), expected, draw)

    parts = {
        "tiles": [
            case("2 x 2 windows side by side", 2, (4, 6), 2),
            case("3 x 3 windows side by side", 3, (9, 6), 3),
        ],
        "overlap": [
            case("2 x 2 windows of stride 1", 2, (3, 4), 1),
            case("3 x 3 windows of stride 2", 3, (7, 9), 2),
        ],
        "remainder": [
            case("cells left over, which no window has seen", 2, (5, 7), 2),
            case("2 x 2 windows of stride 3, so that gaps are left",
                 2, (5, 9), 3),
            case("partial windows at the bottom and the right",
                 2, (5, 7), 2, True),
            case("partial windows that overlap", 3, (6, 8), 2, True),
        ],
    }  # fmt: skip

    def shared(
        y, f, shape, stride, count=None, add=True, divide=np.divide
    ):
        x = np.zeros(shape)
        for i, j in np.ndindex(y.shape):
            top, left = i * stride, j * stride
            cut = x[top : top + f, left : left + f]
            share = divide(y[i, j], cut.size if count is None else count)
            cut[:] = share + (cut if add else 0)
        return x

    suspects = [
        Suspect(
            lambda *args: shared(*args, count=1),
            "each value is repeated, not shared: the cells of a window "
            "together get it once.",
            1,
        ),
        Suspect(
            lambda y, f, *rest: shared(y, f, *rest, count=f),
            "divided by f; a window has f * f cells.",
            1,
        ),
        Suspect(
            lambda *args: shared(*args, divide=np.floor_divide),
            "// cuts the fraction off: divide with /.",
        ),
        Suspect(
            lambda *args: shared(*args, add=False),
            "where windows overlap, a later share has replaced an earlier "
            "one: shares add.",
            2,
        ),
        Suspect(
            lambda y, f, *rest: shared(y, f, *rest, count=f * f),
            "a partial window has fewer than f * f cells, and its value is "
            "shared among those: nothing may get lost over the edge.",
            3,
        ),
        Suspect(
            lambda y, f, *rest: shared(y, f, *rest, count=f * f, add=False),
            "where windows overlap, a later share has replaced an earlier "
            "one (shares add); and a partial window has fewer than f * f "
            "cells.",
            2,
        ),
        Suspect(
            lambda y, f, shape, stride: shared(y, f, shape, f),
            "the stride is ignored: window (i, j) starts at row i * stride, "
            "column j * stride.",
            2,
        ),
    ]
    judge("avg_unpool_mended", candidate, part, parts, suspects, "HW")


# 4.6 -----------------------------------------------------------------------


def unpool_with(candidate, part=None):
    """Check exercise 4.6: unpooling with another number than 0."""

    def right(y, indices, shape, fill):
        known = max_unpool2d(np.ones(y.shape), indices, shape) > 0
        up = max_unpool2d(y, indices, shape)
        return np.where(known, up, fill).astype(y.dtype)

    def case(says, x, fill, window, stride=None, law=False):
        y, indices = max_pool2d(x, window, stride, return_indices=True)
        args = (y, indices, x.shape, fill)

        def rule(got):
            again = max_pool2d(got, window, stride)
            wrong = np.argwhere(again != y).tolist()
            if not wrong:
                return []
            place = tuple(wrong[0])
            return [
                f"  pooled again, {len(wrong)} of {y.size} windows have "
                f"another maximum, the first at {list(place)}:",
                f"    it was {y[place]:g}, now it is {again[place]:g}",
            ]

        return Case(
            says,
            args,
            right(*args),
            winners_of(y, indices, x.shape[3]),
            rule if law else None,
            x.dtype.kind in "iu",
        )

    rng = np.random.default_rng(46)
    bytes_ = rng.integers(-128, 128, (2, 3, 5, 4)).astype(np.int8)
    parts = {
        "values": [
            case("2 x 3 windows, filled with -1",
                 distinct((2, 3, 5, 7), 1, below=105) / 4, -1, (2, 3)),
            case("3 x 2 windows of stride (2, 1), filled with 0.5",
                 distinct((1, 2, 7, 4), 2, below=60), 0.5, (3, 2), (2, 1)),
        ],
        "zeros": [
            case("some maxima are 0, filled with 7",
                 rng.integers(-3, 1, (2, 3, 4, 6)).astype(float), 7, 2),
        ],
        "integers": [
            case("int8, filled with its least number", bytes_, -128, 2),
            case("int64, filled with -1",
                 distinct((1, 2, 6, 4), 3, below=30).astype(int), -1, 3, 1),
        ],
        "law": [
            case("all values negative, filled with -inf",
                 distinct((2, 3, 6, 8), 4), -np.inf, (2, 3), None, True),
            case("overlapping windows, both signs, filled with -inf",
                 distinct((2, 3, 7, 5), 5, below=90), -np.inf,
                 (3, 2), (2, 1), True),
        ],
    }  # fmt: skip

    def first_plane(y, indices, shape, fill):
        x = np.full(shape, fill, y.dtype)
        x.reshape(-1)[indices] = y
        return x

    def by_zeros(y, indices, shape, fill):
        up = max_unpool2d(y, indices, shape)
        return np.where(up == 0, fill, up)

    def by_sign(y, indices, shape, fill):
        up = max_unpool2d(y, indices, shape)
        return np.where(up > 0, up, fill)

    suspects = [
        Suspect(
            lambda *args: max_unpool2d(*args[:3]),
            "the fill is not used: empty cells hold 0.",
            1,
        ),
        Suspect(
            by_zeros,
            "every 0 has become the fill, maxima that are 0 as well. A 0 "
            "does not say that a cell is empty.",
            2,
        ),
        Suspect(
            by_sign,
            "maxima that are not larger than 0 have become the fill. The "
            "sign does not say that a cell is empty.",
            2,
        ),
        Suspect(
            first_plane,
            "all planes were written into the first one: an index counts in "
            "its own plane.",
            3,
        ),
        Suspect(
            lambda y, indices, shape, fill: np.trunc(
                right(y, indices, shape, fill)
            ).astype(int),
            "np.full with a fill of -1 makes an array of whole numbers; "
            "give it the dtype of y.",
            2,
        ),
        Suspect(
            lambda y, indices, shape, fill: (
                max_unpool2d(y, indices, shape) + fill
            ),
            "the fill was added to every cell, to the maxima as well.",
            1,
        ),
    ]
    judge("unpool_with", candidate, part, parts, suspects)


# 4.7 -----------------------------------------------------------------------


def encoder_decoder(candidate, part=None):
    """Check exercise 4.7: all the way down, and back up."""

    def levels(x, depth):
        """Return what comes out below, and (indices, shape) of each level."""
        found = []
        for _ in range(depth):
            y, indices = max_pool2d(x, 2, return_indices=True)
            found.append((indices, x.shape))
            x = y
        return x, found

    def composed(found, width=lambda shape, indices: shape[3]):
        """Follow each survivor up through all levels: its row and column."""
        rows, columns = np.indices(found[-1][0].shape)[2:]
        n, c = np.indices(rows.shape)[:2]
        for indices, shape in reversed(found):
            rows, columns = np.divmod(
                indices[n, c, rows, columns], width(shape, indices)
            )
        return rows, columns

    def right(x, depth):
        small, found = levels(x, depth)
        rows, columns = composed(found)
        places = rows * x.shape[3] + columns
        return max_unpool2d(small, places, x.shape), places

    def case(says, x, depth, alone):
        both = right(x, depth)
        expected = [None, None]
        expected[alone] = both[alone]
        return Case(says, (x, depth), tuple(expected))

    signed = distinct((2, 3, 8, 16), 1, below=200)
    odd = distinct((2, 3, 7, 9), 2, below=99)
    low = distinct((1, 2, 11, 13), 3)
    parts = {
        "one": [case("depth 1", signed, 1, 0)],
        "deep": [
            case("depth 2", signed, 2, 0),
            case("depth 3", signed, 3, 0),
        ],
        "odd": [
            case("7 x 8 cells, depth 1", odd[..., :8], 1, 0),
            case("7 x 9 cells, depth 2", odd, 2, 0),
            case("11 x 13 cells, all negative, depth 3", low, 3, 0),
        ],
        "places": [
            case("the places, depth 1", signed, 1, 1),
            case("the places, depth 3", signed, 3, 1),
            case("the places, 7 x 9 cells, depth 2", odd, 2, 1),
            case("the places, the image is 0 all over",
                 np.zeros((1, 2, 9, 11)), 3, 1),
        ],
    }  # fmt: skip

    def doubled(x, depth):
        """Go back to twice the size each time."""
        small, found = levels(x, depth)
        for indices, _ in reversed(found):
            N, C, OH, OW = small.shape
            small = max_unpool2d(small, indices, (N, C, 2 * OH, 2 * OW))
        return small, None

    def copies(x, depth):
        small, _ = levels(x, depth)
        return small.repeat(2**depth, axis=2).repeat(2**depth, axis=3), None

    def one_step(x, depth):
        small, found = levels(x, depth)
        up = max_unpool2d(small, *found[-1])
        return up, found[-1][0]

    def corners(x, depth):
        small, _ = levels(x, depth)
        i, j = np.indices(small.shape)[2:]
        return None, 2**depth * (i * x.shape[3] + j)

    def sorted_places(x, depth):
        up, places = right(x, depth)
        n_c = (*x.shape[:2], -1)
        return up, np.sort(places.reshape(n_c)).reshape(places.shape)

    def wrong_width(x, depth):
        _, found = levels(x, depth)
        rows, columns = composed(found, lambda shape, y: 2 * y.shape[3])
        return None, rows * x.shape[3] + columns

    suspects = [
        Suspect(
            lambda x, depth: (None, one_step(x, depth)[1]),
            "these are the indices of the last level; they count in the "
            "plane of that level, and each of its cells came from somewhere "
            "in the level above.",
            3,
        ),
        Suspect(
            lambda x, depth: (one_step(x, depth)[0], None),
            "this is one step up, whatever the depth.",
            1,
        ),
        Suspect(
            doubled,
            "each step up doubles the size. Pooling rounds down, so the "
            "shape before it has to be kept.",
            2,
        ),
        Suspect(
            copies,
            "each value is copied into its whole window; only its own place "
            "holds it.",
            1,
        ),
        Suspect(
            corners,
            "these are the top left cells of the large windows; asked is "
            "where in them the survivor stands.",
            3,
        ),
        Suspect(
            sorted_places,
            "these are the places in the order of the plane; each one "
            "belongs to the survivor at the same [i, j].",
            3,
        ),
        Suspect(
            wrong_width,
            "a row of a level was counted as twice the one below; with odd "
            "sizes it is one cell longer.",
            2,
        ),
    ]
    judge("encoder_decoder", candidate, part, parts, suspects)
