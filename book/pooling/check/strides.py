"""Checks of the exercises of chapter 3, strides."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from pooling import output_size
from pooling.check.ladder import (
    Case,
    Suspect,
    describe,
    distinct,
    judge,
    same,
    values,
    window_picture,
)
from pooling.geometry import pair
from pooling.lessons.strides import (
    max_index,
    max_mask,
    pool_images,
    window_view,
)


def roomy(content):
    """Return the numbers as a part of a larger piece of memory, all of 99s.

    A walk that leaves the array ends there and not in a crash.
    """
    size = content.size
    memory = np.full(17 * size, 99, content.dtype)
    memory[8 * size : 9 * size] = content.ravel()
    return memory[8 * size : 9 * size].reshape(content.shape)


def blamed(mistakes):
    """Turn (answer, says, hint) into suspects for a function without args."""
    return [
        Suspect(lambda answer=answer: answer, says, hint)
        for answer, says, hint in mistakes
    ]


# 3.1 -----------------------------------------------------------------------


def where_in_memory(candidate, part=None):
    """Check exercise 3.1: strides and starts by hand."""
    a = np.arange(24, dtype=np.int16).reshape(4, 6)
    turned, flipped = a.T, a[::-1, ::3]
    windows = window_view(a, (2, 3), stride=(1, 2))
    picked = [turned[4, 1], flipped[2, 1], windows[2, 1, 0, 2]]
    right = [np.array(v.strides) for v in (turned, flipped, windows)]
    right.append(np.array([2 * int(cell) for cell in picked]))
    axes = (
        ["down", "to the right"],
        ["down", "to the right"],
        ["to the window below", "to the window on the right",
         "to the next row of the window", "to the next column of the window"],
    )
    elements = ["turned[4, 1]", "flipped[2, 1]", "windows[2, 1, 0, 2]"]
    names = ["turned", "flipped", "windows", "starts"]

    def case(k):
        def draw(place):
            if k == 3:
                return f"this is where {elements[place[0]]} starts"
            return f"this is one step {axes[k][place[0]]} in `{names[k]}`"

        expected = tuple(want if n == k else None
                         for n, want in enumerate(right))
        says = f"`{names[k]}`, number {k + 1} of your four results"
        return Case(says, (), expected, draw)

    def wrong(k, answer):
        return tuple(np.array(answer) if n == k else None for n in range(4))

    cells = tuple(want // 2 for want in right)
    mistakes = [
        (cells, "this counts cells; strides and starts are bytes, and an "
         "int16 has 2.", 1),
        (tuple(want * 4 for want in right),
         "this counts 8 bytes for a cell; an int16 has 2.", 1),
        (wrong(0, [12, 2]), "these are the strides of a itself; in `a.T`, "
         "which way does one step down go in a?", 2),
        (wrong(1, [12, 6]), "the rows are reversed: one step down is one row "
         "back in memory.", 2),
        (wrong(1, [-12, 2]), "only every third column is kept: one step to "
         "the right skips two cells.", 2),
        (wrong(2, [12, 2, 12, 2]), "the stride is ignored: the next window "
         "on the right starts 2 cells further.", 3),
        (wrong(2, [24, 6, 12, 2]), "these windows lie side by side; they "
         "move by 1 down and by 2 to the right.", 3),
        (wrong(2, [12, 2, 12, 4]), "the pairs are swapped: the first two "
         "strides move the window, the last two move inside it.", 3),
        (wrong(2, [24, 2, 12, 2]), "the stride is (rows, columns): 1 down, "
         "2 to the right.", 3),
        (wrong(3, [20, -18, 32]), "`flipped` does not start at byte 0 but "
         "in the last row of a.", 2),
        (wrong(3, [52, 18, 32]), "`turned[4, 1]` is in row 4 of the "
         "transpose, that is column 4 of a.", 2),
    ]
    parts = {name: [case(k)] for k, name in enumerate(names)}
    judge("where_in_memory", candidate, part, parts, blamed(mistakes), axes="")


# 3.2 -----------------------------------------------------------------------


def window_strides(candidate, part=None):
    """Check exercise 3.2: the six strides of all windows of a batch."""
    one = 1, 1

    def case(says, shape, dtype, window, stride=one, dilation=one):
        view = window_view(np.empty(shape, dtype), window, stride, dilation)
        args = (shape, view.itemsize, window, stride, dilation)
        return Case(f"{says} (N, C, OH, OW, PH, PW)", args, view.strides)

    parts = {
        "neighbours": [
            case("2 x 3 windows of stride 1, 8-byte floats",
                 (2, 3, 4, 5), "f8", (2, 3)),
            case("3 x 2 windows of stride 1, 2-byte integers",
                 (3, 2, 7, 4), "i2", (3, 2)),
        ],
        "stride": [
            case("stride (1, 2), 4-byte floats",
                 (2, 3, 4, 5), "f4", (2, 3), (1, 2)),
            case("stride (3, 2)", (3, 2, 9, 8), "f8", (2, 1), (3, 2)),
        ],
        "dilation": [
            case("dilation (3, 2), stride 1",
                 (2, 3, 8, 9), "f4", (3, 2), one, (3, 2)),
            case("dilation (3, 1), stride (2, 4), bytes",
                 (1, 3, 9, 8), "u1", (2, 3), (2, 4), (3, 1)),
        ],
    }

    def six(shape, itemsize, window, stride, dilation):
        _, C, H, W = shape
        (SH, SW), (DH, DW) = stride, dilation
        down = W * itemsize
        inner = DH * down, DW * itemsize
        return C * H * down, H * down, SH * down, SW * itemsize, *inner

    def turned(pair):
        return pair[::-1]

    def changed(change):
        return lambda *args: tuple(change(*six(*args)))

    suspects = [
        Suspect(
            lambda shape, size, *rest: six(shape, 1, *rest),
            "this counts cells; a stride is bytes: times itemsize.",
            1,
        ),
        Suspect(
            lambda shape, size, *rest: six(shape, 8, *rest),
            "this counts 8 bytes for each cell: use itemsize.",
            1,
        ),
        Suspect(
            changed(lambda n, c, oh, ow, ph, pw: (n, c, ph, pw, oh, ow)),
            "the pairs are swapped: the stride moves the window (OH, OW), "
            "and the dilation moves inside it (PH, PW).",
            2,
        ),
        Suspect(
            changed(lambda n, c, oh, ow, ph, pw: (n, c, ow, oh, pw, ph)),
            "rows and columns are swapped: OH before OW, PH before PW.",
            2,
        ),
        Suspect(
            lambda shape, size, window, stride, dilation: six(
                shape, size, window, stride, (1, 1)
            ),
            "the dilation is ignored: inside a window the next cell is DH "
            "rows down, DW cells to the right.",
            2,
        ),
        Suspect(
            lambda shape, size, window, stride, dilation: six(
                shape, size, window, (1, 1), dilation
            ),
            "the stride is ignored: the next window is SH rows down, SW "
            "cells to the right.",
            2,
        ),
        Suspect(
            lambda shape, size, window, stride, dilation: six(
                shape, size, window, stride,
                np.multiply(stride, dilation).tolist(),
            ),
            "the stride multiplies inside the window, too; there only the "
            "dilation does.",
            2,
        ),
        Suspect(
            lambda shape, size, window, stride, dilation: six(
                shape, size, window, turned(stride), turned(dilation)
            ),
            "stride and dilation are (rows, columns): the first number moves "
            "down.",
            2,
        ),
        Suspect(
            lambda shape, size, window, stride, dilation: six(
                shape, size, window, window, dilation
            ),
            "the window moves by its own size here; it moves by the stride.",
            2,
        ),
        Suspect(
            lambda shape, size, *rest: six(
                (*shape[:2], shape[3], shape[2]), size, *rest
            ),
            "H and W are swapped: a row holds W cells.",
            3,
        ),
    ]
    judge("window_strides", candidate, part, parts, suspects)


# 3.3 -----------------------------------------------------------------------


def diagonal_windows(candidate, part=None):
    """Check exercise 3.3: all diagonal runs of an image, without a copy."""

    def runs(x, length, down=1, right=1, back=0):
        H, W = x.shape
        i, j, k = np.indices((H - length + 1, W - length + 1, length))
        return x[i + down * k, j + right * k + back * (length - 1)]

    def walk(x, length, strides):
        shape = runs(x, length).shape
        return as_strided(x, shape, strides, writeable=False), strides

    def case(says, x, length, view=False):
        down, right = x.strides
        expected = runs(x, length), (down, right, down + right)
        if not view:
            expected = expected[0], None

        def draw(place):
            i, j, k = place
            run = " ".join(f"{v:g}" for v in runs(x, length)[i, j])
            return f"run [{i}, {j}] is {run}; this is its number {k}"

        def rule(got):
            lines = values(case._replace(expected=(expected[0], None)), got)
            if not lines and tuple(got[1]) != expected[1]:
                return [
                    f"  the numbers are right, but the strides must be "
                    f"{expected[1]}, got {tuple(got[1])}"
                ]
            # Where the check gets a copy of the view, it cannot tell.
            shared = np.shares_memory(got[0], x)
            if not lines and shared and got[0].flags.writeable:
                return [
                    "  the view is right, but one can write to it, and each "
                    "write would change several runs",
                    "  Likely cause: as_strided without writeable=False.",
                ]
            return lines

        case = Case(says, (x, length), expected, draw, rule if view else None)
        return case

    grey = roomy(distinct((9, 10), 3, below=50).astype(np.int16))
    parts = {
        "values": [
            case("runs of 3 in a 4 x 5 image", roomy(distinct((4, 5), 1)), 3),
            case("runs of 2 in a 5 x 4 image of 2-byte integers",
                 roomy(distinct((5, 4), 2).astype(np.int16)), 2),
            case("every second row and third column of a larger image",
                 grey[::2, ::3], 3),
            case("an image upside down", grey[::-1], 4),
        ],
        "view": [
            case("the strides for 8-byte floats, 4 x 5",
                 roomy(distinct((4, 5), 1)), 3, view=True),
            case("the strides for 2-byte integers, 9 x 10",
                 grey, 4, view=True),
        ],
    }
    suspects = [
        Suspect(
            lambda x, length: (
                runs(x, length), runs(x, length).copy().strides
            ),
            "these are the strides of a copy, whose numbers lie one after "
            "the other; asked is a view of x.",
            2,
        ),
        Suspect(
            lambda x, length: (
                runs(x, length, 0, 1), (*x.strides, x.strides[1])
            ),
            "the runs go to the right; a diagonal goes one down and one to "
            "the right at once.",
            2,
        ),
        Suspect(
            lambda x, length: (
                runs(x, length, 1, 0), (*x.strides, x.strides[0])
            ),
            "the runs go down; a diagonal goes one down and one to the right "
            "at once.",
            2,
        ),
        Suspect(
            lambda x, length: (runs(x, length, 1, -1, back=1), None),
            "the runs go down and to the left; asked is down and to the "
            "right.",
            1,
        ),
        Suspect(
            lambda x, length: walk(
                x, length, (8 * x.shape[1], 8, 8 * x.shape[1] + 8)
            ),
            "the steps are counted in 8 bytes; x.strides knows the bytes.",
            3,
        ),
        Suspect(
            lambda x, length: walk(x, length, (x.shape[1], 1, x.shape[1] + 1)),
            "the steps are counted in cells; strides are bytes, as in "
            "x.strides.",
            3,
        ),
        Suspect(
            lambda x, length: walk(
                x, length,
                (x.shape[1] * x.itemsize, x.itemsize,
                 (x.shape[1] + 1) * x.itemsize),
            ),
            "the strides are counted from W and itemsize, as if x had no "
            "gaps; take x.strides.",
            3,
        ),
        Suspect(
            lambda x, length: (np.moveaxis(runs(x, length), -1, 0), None),
            "the run is the first axis here; it comes last.",
            1,
        ),
    ]
    judge("diagonal_windows", candidate, part, parts, suspects, axes="ijk")


# 3.4 -----------------------------------------------------------------------


def windows_along(candidate, part=None):
    """Check exercise 3.4: all windows along one axis."""

    def right(x, axis, length, stride):
        every = sliding_window_view(x, length, axis)
        return np.moveaxis(np.moveaxis(every, axis, 0)[::stride], 0, axis)

    def case(says, x, axis, length, stride):
        def draw(place):
            cell = list(place[:-1])
            cell[axis] = cell[axis] * stride + place[-1]
            return f"this is x{cell}, number {place[-1]} of its window"

        expected = right(x, axis, length, stride).copy()
        return Case(says, (x, axis, length, stride), expected, draw)

    block = roomy(distinct((4, 5, 6), 1))
    small = roomy(distinct((6, 7, 8), 2, below=200).astype(np.int16))
    parts = {
        "values": [
            case("a row of 9 numbers, windows of 4, stride 2",
                 roomy(distinct((9,), 3)), 0, 4, 2),
            case("a 4 x 5 x 6 block, axis 2, windows of 3, stride 3",
                 block, 2, 3, 3),
            case("the block, axis 0, windows of 2, stride 1", block, 0, 2, 1),
            case("the block, axis 1, windows of 2, stride 3", block, 1, 2, 3),
        ],
        "layouts": [
            case("2-byte integers, axis 1, windows of 3, stride 2",
                 small, 1, 3, 2),
            case("a transposed image, axis 0, windows of 2, stride 2",
                 block[0].T, 0, 2, 2),
            case("every second row of an image, axis 1, windows of 4",
                 small[0, ::2], 1, 4, 3),
            case("channels moved to the front, rows reversed, axis 2",
                 np.moveaxis(small, -1, 0)[:, ::-1], 2, 2, 3),
        ],
    }

    def walked(x, axis, length, stride, strides, last=None):
        strides, cell = list(strides), strides[axis]
        strides[axis] *= stride
        shape = right(x, axis, length, stride).shape
        strides.append(cell if last is None else last)
        return as_strided(x, shape, strides, writeable=False)

    suspects = [
        Suspect(
            lambda x, axis, length, stride: sliding_window_view(
                x, length, axis
            ),
            "the stride is ignored: these are the windows of stride 1.",
            2,
        ),
        Suspect(
            lambda x, axis, length, stride: as_strided(
                x, right(x, axis, length, stride).shape,
                (*x.strides, x.strides[axis]), writeable=False,
            ),
            "as many windows as there should be, but each starts one cell "
            "after the last; it should be `stride` cells.",
            2,
        ),
        Suspect(
            lambda x, axis, length, stride: walked(
                x, axis, length, stride, x.strides, stride * x.strides[axis]
            ),
            "the stride multiplies inside the window, too; there the step is "
            "one cell.",
            2,
        ),
        Suspect(
            lambda *args: np.moveaxis(right(*args), -1, args[1] + 1),
            "the cells of a window stand right behind `axis`; they come last.",
            1,
        ),
        Suspect(
            lambda x, axis, *rest: right(x, x.ndim - 1, *rest),
            "these are windows along the last axis, whatever `axis` is.",
            1,
        ),
        Suspect(
            lambda x, axis, *rest: right(x, 0, *rest),
            "these are windows along the first axis, whatever `axis` is.",
            1,
        ),
        *(
            Suspect(
                lambda x, axis, length, stride, out=out: walked(
                    x, axis, length, stride,
                    [x.itemsize if out and k == axis else step
                     for k, step in enumerate(x.strides)], x.itemsize,
                ),
                "the step is one element of memory; along `axis` it is "
                "x.strides[axis].",
                2,
            )
            for out in (False, True)
        ),
        Suspect(
            lambda x, *rest: walked(x, *rest, np.empty(x.shape).strides),
            "the strides are counted in 8 bytes; take x.strides.",
            3,
        ),
        Suspect(
            lambda x, *rest: walked(
                x, *rest, np.empty(x.shape, x.dtype).strides
            ),
            "the strides are counted from the shape, as if x lay in memory "
            "row by row and without gaps; take x.strides.",
            3,
        ),
    ]
    judge("windows_along", candidate, part, parts, suspects, axes="")


# 3.5 -----------------------------------------------------------------------


def pool_published(x, f, stride=None, pad=False, method="max"):
    """Pool an image (H, W) with f x f windows. Some lines are wrong."""
    if stride is None:
        stride = f
    if pad:  # keep partial windows at the bottom and on the right
        H, W = x.shape
        OH, OW = H // stride + 1, W // stride + 1
        size = (OH - 1) * stride + f, (OW - 1) * stride + f
        padded = np.full(size, 0)
        padded[:H, :W] = x
        x = padded
    view = window_view(x, f, stride)
    if method == "max":
        return view.max(axis=(2, 3))
    return view.mean(axis=(2, 3))


def not_showing(which):
    """Return a rule: the lines that say why the two arrays do not show it."""

    def rule(got):
        x = got[which]
        if x.dtype.kind not in "fiu":
            return [f"  must hold numbers, got dtype {x.dtype}"]
        if x.ndim != 2 or not x.size:
            return [f"  must be an image (H, W), got shape {x.shape}"]
        if not np.isfinite(x).all():
            return ["  use finite numbers: with inf or NaN any result is odd"]
        right = pool_images(x, 2, pad=True)
        with np.errstate(all="ignore"):
            broken = pool_published(x, 2, pad=True)
        seen = f"  it gives shape {broken.shape} for your {x.shape}"
        if which == 1:
            if broken.shape != right.shape:
                return []
            return [seen + ", as it should", "  Hint 2 says more."]
        if broken.shape != right.shape:
            return [
                seen + f" in place of {right.shape}: that is the other fault;"
                " take sizes for which the shape is right",
                "  Hint 2 says more.",
            ]
        if not same(broken, right):
            return []
        lines = ["  it finds every maximum of this image"]
        if (x < 0).any():
            lines.append("  your negative numbers have a larger one beside "
                         "them, or no padding in their window")
        return [*lines, "  Hint 1 says more."]

    return rule


def inputs_that_show(candidate, part=None):
    """Check exercise 3.5: two images that show what is wrong."""

    def one(which):
        def rule(got):
            if not isinstance(got, (tuple, list)) or len(got) != 2:
                return [f"  must return two arrays, got {describe(got)}"]
            if got[which] is None:
                return ["  this one is None: still to do?"]
            if not isinstance(got[which], np.ndarray):
                return [f"  must be an array, got {describe(got[which])}"]
            return not_showing(which)(got)

        says = ("values", "shape")[which]
        return [Case(f"pool_published(x, 2, pad=True) on image {which + 1}, "
                     f"which should show wrong {says}", (), rule=rule)]

    parts = {"values": one(0), "shape": one(1)}
    judge("inputs_that_show", candidate, part, parts)


def pool_mended(candidate, part=None):
    """Check exercise 3.5: pooling with partial windows, without the faults."""

    def cases(says, x, f, stride, pad=True):
        padding = (f - 1) * pad  # room for the dots of the picture
        draw = window_picture(x, f, stride, ((0, padding), (0, padding)))
        return [
            Case(f"{says}, {method}", (x, f, stride, pad, method),
                 pool_images(x, f, stride, method, pad), draw)
            for method in ("max", "mean")
        ]

    whole = distinct((5, 7), 1)
    parts = {
        "negatives": [
            *cases("a 5 x 7 image of negative numbers", whole, 2, 2),
            *cases("5 x 8 with overlapping windows",
                   distinct((5, 8), 7), 4, 3),
        ],
        "fractions": cases("fractions, some negative",
                           distinct((3, 5), 2, below=6) / 8, 2, 2),
        "shape": [
            *cases("a size that divides, 4 x 6", distinct((4, 6), 3), 2, 2),
            *cases("windows of 3, stride 2, on 5 x 9",
                   distinct((5, 9), 4), 3, 2),
            *cases("whole numbers and no padding, 5 x 7",
                   whole.astype(int), 2, 2, pad=False),
        ],
        "gaps": [
            *cases("windows of 1, stride 3, on 8 x 8",
                   distinct((8, 8), 5), 1, 3),
            *cases("windows of 2, stride 3, on 6 x 7",
                   distinct((6, 7), 6), 2, 3),
        ],
    }

    def too_many(size, f, stride):
        return size // stride + 1

    def rounded_up(size, f, stride):
        return -(-(size - f) // stride) + 1

    def floored(size, f, stride):
        return (size - f) // stride + 1

    def ceiling(size, f, stride):
        return output_size(size, f, stride, ceil_mode=True)

    def variant(fill, outs=ceiling, counts="image"):
        """Pool rightly, but for what is said."""

        def answer(x, f, stride, pad, method):
            outs_here = outs if pad else floored
            shape = [outs_here(size, f, stride) for size in x.shape]
            longest = max(x.shape) + f + 2 * stride
            padded = np.full((longest, longest), fill, float)
            inside = np.zeros(padded.shape)
            corner = tuple(map(slice, x.shape))
            padded[corner], inside[corner] = x, 1
            here = slice(shape[0]), slice(shape[1])
            view = window_view(padded, f, stride)[here]
            if method == "max":
                return view.max(axis=(2, 3))
            if counts == "all":
                return view.mean(axis=(2, 3))
            part = window_view(inside, f, stride)[here]
            return (view * part).sum(axis=(2, 3)) / part.sum(axis=(2, 3))

        return answer

    low = -np.inf
    suspects = [
        Suspect(
            lambda *args: variant(0)(*args) if args[-1] == "max" else None,
            "the padding is still 0, and 0 wins over negative numbers.",
            1,
        ),
        Suspect(
            variant(0, counts="all"),
            "the padded zeros count in the mean; divide by the cells of the "
            "image that lie in the window.",
            3,
        ),
        Suspect(
            pool_published,
            "this is what pool_published gives; it is not mended yet.",
            1,
        ),
        Suspect(
            variant(low, counts="all"),
            "a mean over -inf is -inf; a padded cell must not count.",
            3,
        ),
        Suspect(
            lambda *args: np.trunc(variant(low)(np.trunc(args[0]), *args[1:])),
            "the fractions are cut off: an array made by np.full(size, 0) "
            "holds whole numbers. Give it the dtype of the image.",
            1,
        ),
        *(
            Suspect(
                variant(fill, too_many, counts=counts),
                "too many windows: x // y + 1 is not x / y rounded up, and "
                "windows that overlap need fewer.",
                3,
            )
            for fill in (low, np.nan, 0)
            for counts in ("image", "all")
        ),
        *(
            Suspect(
                variant(fill, rounded_up, counts=counts),
                "the last window lies behind the image: the stride is larger "
                "than the window here. It must start inside.",
                3,
            )
            for fill in (low, np.nan, 0)
            for counts in ("image", "all")
        ),
        Suspect(
            variant(low, floored),
            "the partial windows are gone: with pad they are kept.",
            3,
        ),
    ]
    judge("pool_mended", candidate, part, parts, suspects, axes=("OH", "OW"))


# 3.6 -----------------------------------------------------------------------


def contrast_published(images, f):
    """Return max - min of f x f windows: (h, w) or (h, w, c)."""
    h, w = images.shape[:2]
    planes = images.reshape(h, w, -1)  # (h, w) is one channel
    view = window_view(np.moveaxis(planes, -1, 0), f)
    spread = view.max(axis=(-2, -1)) - view.min(axis=(-2, -1))
    return np.squeeze(np.moveaxis(spread, 0, -1))


def contrast(images, f):
    """Return what contrast_published should return."""
    return pool_images(images, f) + pool_images(-images, f)


def lost_axis(candidate, part=None):
    """Check exercise 3.6: an image that loses an axis."""

    def rule(images):
        if not isinstance(images, np.ndarray):
            return [f"  must be an array, got {describe(images)}"]
        if images.dtype.kind not in "fiu":
            return [f"  must hold numbers, got dtype {images.dtype}"]
        if images.ndim not in (2, 3):
            return [f"  must be (h, w) or (h, w, c), got shape {images.shape}"]
        if 0 in images.shape or min(images.shape[:2]) < 3:
            return ["  a 3 x 3 window does not fit in it, or it is empty: "
                    f"shape {images.shape}"]
        blank = np.zeros(images.shape)
        shape = contrast_published(blank, 3).shape
        if shape != contrast(blank, 3).shape:
            return []
        return [
            f"  it gives shape {shape} for your {images.shape}, as it should",
            "  Likely cause: no axis of the right result has length 1.",
            "  Hint 1 says more.",
        ]

    says = "contrast_published(images, 3) on your images"
    judge("lost_axis", candidate, part, {"shows": [Case(says, (), rule=rule)]})


def contrast_mended(candidate, part=None):
    """Check exercise 3.6: local contrast that keeps its axes."""

    def case(says, images, f):
        return Case(says, (images, f), contrast(images, f))

    parts = {
        "images": [
            case("an image 4 x 6", distinct((4, 6), 1), 2),
            case("an image 3 x 7, one row of windows",
                 distinct((3, 7), 2), 3),
            case("an image 3 x 3, a single window", distinct((3, 3), 3), 3),
        ],
        "channels": [
            case("an image 4 x 6 of 3 channels", distinct((4, 6, 3), 4), 2),
            case("5 x 2 of 3 channels, one column of windows",
                 distinct((5, 2, 3), 6), 2),
            case("whole numbers, 6 x 6 of one channel",
                 distinct((6, 6, 1), 5).astype(int), 3),
        ],
    }

    def all_channels(images, f):
        y = pool_images(images, f) + pool_images(-images, f)
        return y.max(axis=-1) if images.ndim == 3 else y

    suspects = [
        Suspect(
            lambda images, f: np.squeeze(contrast(images, f), axis=-1),
            "the last axis is removed whenever its length is 1, also when it "
            "is a channel that was given.",
            2,
        ),
        Suspect(
            contrast_published,
            "every axis of length 1 is gone, also one that is a real row, "
            "column or channel.",
            1,
        ),
        Suspect(
            lambda images, f: contrast(images, f).reshape(
                *contrast(images, f).shape[:2], -1
            ),
            "nothing is removed now; an image (h, w) without channels should "
            "come back without channels.",
            2,
        ),
        Suspect(
            lambda images, f: contrast(images, f)[..., 0],
            "the first channel alone is kept; only an image (h, w) has one "
            "to give away.",
            2,
        ),
        Suspect(
            all_channels,
            "the channels are pooled, too; each keeps its own contrast.",
            3,
        ),
        Suspect(
            pool_images,
            "this is the maximum alone; subtract the minimum.",
            3,
        ),
    ]
    axes = ("OH", "OW", "C")
    judge("contrast_mended", candidate, part, parts, suspects, axes)


# 3.7 -----------------------------------------------------------------------


def mask_bytes(candidate, part=None):
    """Check exercise 3.7: the memory of masks and indices."""

    def right(N, C, H, W, window, stride):
        plane = np.broadcast_to(False, (H, W))
        one = window_view(plane, window, stride)
        mask = max_mask(one[:1, :1])
        each = one[..., 0, 0].size * N * C
        index = max_index(one[:1, :1])
        return (
            each * mask.size * 8,
            each * mask.nbytes,
            each * index.nbytes,
        )

    def case(says, *args):
        says += " (mask of int64, mask of bools, indices)"
        return Case(says, args, right(*args))

    parts = {
        "plane": [
            case("one plane 64 x 64", 1, 1, 64, 64, 3, 1),
            case("one plane 7 x 10, windows side by side",
                 1, 1, 7, 10, (2, 3), (2, 3)),
        ],
        "batch": [
            case("a batch (2, 3, 9, 8)", 2, 3, 9, 8, (3, 2), (2, 1)),
            case("a batch (32, 64, 112, 112)", 32, 64, 112, 112, 3, 2),
        ],
    }

    def variant(windows, bytes_of=(8, 1, 8), cells=(1, 1, 0), times=True):
        def answer(N, C, H, W, window, stride):
            PH, PW = pair(window, "window", 1)
            outs = windows((H, W), (PH, PW), pair(stride, "stride", 1))
            planes = N * C if times else 1
            return tuple(
                planes * int(np.prod(outs)) * size * (PH * PW) ** power
                for size, power in zip(bytes_of, cells, strict=True)
            )

        return answer

    def fit(sizes, window, stride):
        return [output_size(*axis)
                for axis in zip(sizes, window, stride, strict=True)]

    suspects = [
        Suspect(
            variant(fit, times=False),
            "this is one plane; there are N * C of them.",
            1,
        ),
        Suspect(
            variant(fit, (1, 1, 1)),
            "an int64 has 8 bytes, and a bool has 1.",
            1,
        ),
        Suspect(
            variant(fit, (8, 0.125, 8)),
            "a bool of numpy is a whole byte, not a bit.",
            1,
        ),
        Suspect(
            variant(fit, (8, 8, 8)),
            "a bool has 1 byte, not 8.",
            1,
        ),
        Suspect(
            variant(fit, cells=(0, 0, 0)),
            "a mask has an entry for each cell of each window, PH * PW times "
            "as many as an index.",
            2,
        ),
        Suspect(
            variant(fit, cells=(1, 1, 1)),
            "an index is one number for a whole window.",
            2,
        ),
        Suspect(
            variant(lambda sizes, window, stride: sizes, cells=(0, 0, 0)),
            "this counts the cells of the image; count the windows.",
            2,
        ),
        Suspect(
            variant(lambda sizes, window, stride: sizes),
            "this takes as many windows as the image has cells; how many fit?",
            2,
        ),
        Suspect(
            variant(lambda sizes, window, stride: fit(sizes, window, (1, 1))),
            "the stride is ignored: these are the windows of stride 1.",
            2,
        ),
        Suspect(
            variant(lambda sizes, window, stride: fit(sizes, window, window)),
            "these are windows side by side; they move by the stride.",
            2,
        ),
    ]
    judge("mask_bytes", candidate, part, parts, suspects)
