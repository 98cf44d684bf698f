"""Checks of the exercises of chapter 7, a network."""

import numpy as np

from pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from pooling.check.im2col import gradient
from pooling.check.ladder import (
    Case,
    Suspect,
    distinct,
    gradient_picture,
    judge,
    window_picture,
)
from pooling.check.variants import cells_of, spread, stride_suspects
from pooling.geometry import pair

# 7.1 -----------------------------------------------------------------------


def count_parameters(candidate, part=None):
    """Check exercise 7.1: parameters, with pooling and without."""

    def right(
        C, H, W, filters, classes, pool, *,
        biases=1, second=lambda C, F1: F1, times=2, last=1, one=1,
        cells=lambda size, pool: size // pool,
    ):  # fmt: skip
        F1, F2 = filters
        fan = second(C, F1)
        convolutions = F1 * (9 * C + biases) + F2 * (9 * fan + biases)
        for _ in range(times):
            H, W = cells(H, pool), cells(W, pool)
        return convolutions, (filters[last] * H * W + one) * classes

    def case(says, which, *args):
        expected = [None, None]
        expected[which] = right(*args)[which]
        return Case(says, args, tuple(expected))

    parts = {
        "convolutions": [
            case("the lesson's network", 0, 1, 12, 12, (8, 16), 10, 2),
            case("three channels, no pooling", 0, 3, 8, 20, (5, 4), 7, 1),
        ],
        "dense": [
            case("no pooling", 1, 3, 8, 20, (5, 4), 7, 1),
            case("the lesson's network", 1, 1, 12, 12, (8, 16), 10, 2),
            case("pooling by 3", 1, 2, 18, 36, (7, 3), 5, 3),
        ],
        "odd": [
            case("cells are left over", 1, 1, 11, 13, (2, 3), 4, 2),
            case("cells are left over, pooling by 3",
                 1, 2, 17, 31, (3, 2), 6, 3),
        ],
    }  # fmt: skip

    def changed(**options):
        def answer(*args):
            found = right(*args, **options)
            assert found != right(*args), "it does not show in this case"
            return found

        return answer

    def by_area(C, H, W, filters, classes, pool):
        return None, (filters[1] * (H * W // pool**4) + 1) * classes

    def by_cells(C, H, W, filters, classes, pool):
        F1, F2 = filters
        places = H * W, (H // pool) * (W // pool)
        return (
            F1 * (9 * C * places[0] + 1) + F2 * (9 * F1 * places[1] + 1),
            None,
        )

    suspects = [
        Suspect(
            changed(biases=0),
            "the bias of each filter is missing: F1 and F2 of them.",
            1,
        ),
        Suspect(
            changed(second=lambda C, F1: C),
            "the filters of the second convolution look at the F1 maps that "
            "the first one makes, not at the C channels of the image.",
            1,
        ),
        Suspect(
            changed(second=lambda C, F1: 1),
            "a filter of the second convolution has 9 weights for *each* of "
            "the F1 maps that come in.",
            1,
        ),
        Suspect(
            by_cells,
            "a convolution uses the same filters at every place: the size "
            "of the image does not matter.",
            1,
        ),
        Suspect(changed(one=0), "the bias of each class is missing.", 2),
        Suspect(
            changed(times=1),
            "there are two poolings on the way to the dense layer.",
            2,
        ),
        Suspect(
            changed(times=0),
            "the dense layer sees what two poolings leave of the image.",
            2,
        ),
        Suspect(
            changed(last=0),
            "the dense layer sees the F2 maps of the second convolution.",
            2,
        ),
        Suspect(
            by_area,
            "the whole area is divided; each axis loses its own left over "
            "cells, so divide height and width each by itself.",
            2,
        ),
        Suspect(
            changed(cells=lambda size, pool: -(-size // pool)),
            "rounded up; a window that does not fit any more is left out.",
            2,
        ),
    ]
    judge("count_parameters", candidate, part, parts, suspects)


# 7.2 -----------------------------------------------------------------------


def mixture(x, share, window, stride=None, rest=lambda share: 1 - share):
    """Return share * maximum + the rest * average."""
    return share * max_pool2d(x, window, stride) + rest(share) * avg_pool2d(
        x, window, stride
    )


def mixed_forward(candidate, part=None):
    """Check exercise 7.2: mixed pooling."""

    def case(says, *args):
        x, _, *options = args
        draw = window_picture(x, *options)
        return Case(says, args, mixture(*args), draw)

    small = distinct((2, 3, 5, 7), 1, below=40)
    parts = {
        "values": [
            case("share 0.25, 2 x 3 windows, cells left over",
                 small, 0.25, (2, 3), None),
            case("share 1", small, 1, (3, 2), None),
            case("share 0", small, 0, (3, 2), None),
            case("share 0.75, whole numbers, x is a transposed view",
                 small.astype(int).transpose(0, 1, 3, 2), 0.75, 2, None),
        ],
        "overlap": [
            case("share 0.75, 3 x 2 windows of stride (2, 1)",
                 small, 0.75, (3, 2), (2, 1)),
            case("share 0.25, 2 x 2 windows of stride 1", small, 0.25, 2, 1),
        ],
    }  # fmt: skip
    suspects = [
        Suspect(
            lambda x, share, *rest: mixture(x, 1 - share, *rest),
            "the shares are swapped: `share` goes to the maximum.",
            2,
        ),
        Suspect(
            lambda *args: mixture(*args, rest=lambda share: 1),
            "the whole average is added; only 1 - share of it is.",
            1,
        ),
        Suspect(
            lambda *args: mixture(*args, rest=lambda share: share),
            "both get `share`; together the two have to be 1.",
            1,
        ),
        Suspect(
            lambda x, share, *rest: mixture(x, 0.5, *rest),
            "half of each, whatever the share is.",
            2,
        ),
        Suspect(
            lambda x, share, *rest: mixture(x, 1, *rest, lambda share: 1),
            "maximum and average are added whole; each gets its share.",
            1,
        ),
        *stride_suspects(mixture, 2),
    ]
    judge("mixed_forward", candidate, part, parts, suspects)


def mixed_backward(candidate, part=None):
    """Check exercise 7.2: the gradient of mixed pooling."""

    def case(says, x, *rest):
        share, *options = rest
        _, indices = max_pool2d(x, *options, return_indices=True)
        dout = gradient(indices.shape, 3)
        expected = max_pool2d_backward(share * dout, indices, x.shape)
        expected += avg_pool2d_backward(
            (1 - share) * dout, x.shape, *options
        )
        draw = gradient_picture(x, dout, *options)
        return Case(says, (dout, x, *rest), expected, draw)

    small = distinct((2, 3, 5, 7), 2, below=40)
    few = np.random.default_rng(7).integers(0, 3, (2, 3, 4, 6))
    parts = {
        "gradient": [
            case("share 0.25, 2 x 3 windows, cells left over",
                 small, 0.25, (2, 3), None),
            case("share 1", small, 1, (3, 2), None),
            case("share 0", small, 0, (3, 2), None),
            case("share 0.75, x holds whole numbers",
                 small.astype(int), 0.75, 2, None),
        ],
        "overlap": [
            case("share 0.25, 2 x 2 windows of stride 1", small, 0.25, 2, 1),
            case("share 0.75, 3 x 2 windows of stride (2, 1)",
                 small, 0.75, (3, 2), (2, 1)),
        ],
        "ties": [
            case("share 0.75, all cells are 0",
                 np.zeros((1, 2, 4, 6)), 0.75, (2, 3), None),
            case("share 0.25, many ties, overlapping windows",
                 few, 0.25, (2, 3), (2, 1)),
        ],
    }  # fmt: skip

    def answer(
        largest=lambda share: share, mean=lambda share: 1 - share,
        ties="first", count=None, add=True,
    ):  # fmt: skip
        """Send the two parts with factors, ties and overlap as asked."""

        def function(dout, x, share, window, stride):
            v = cells_of(x, window, stride)
            cells = np.arange(v.shape[-1])
            won = {
                "first": cells == v.argmax(axis=-1)[..., None],
                "last": cells[::-1] == v[..., ::-1].argmax(-1)[..., None],
                "all": v == v.max(axis=-1, keepdims=True),
            }[ties]
            even = mean(share) / (count or v.shape[-1])
            shares = largest(share) * won + even
            return spread(dout, x, window, stride, shares, add)

        return function

    suspects = [
        Suspect(
            answer(lambda share: 1 - share, lambda share: share),
            "the shares are swapped: `share` goes to the maximum.",
            2,
        ),
        Suspect(
            answer(mean=lambda share: 1),
            "the average gets all of dout; its part is 1 - share.",
            1,
        ),
        Suspect(
            answer(largest=lambda share: 1),
            "the maximum gets all of dout; its part is `share`.",
            1,
        ),
        Suspect(
            answer(lambda share: 1, lambda share: 1),
            "each part gets all of dout; the shares stand in the gradient "
            "as they stand in the result.",
            1,
        ),
        *(
            Suspect(
                answer(largest=factor, mean=lambda share: 0),
                "the average's part is missing: dx is a sum of two.",
                1,
            )
            for factor in (lambda share: share, lambda share: 1)
        ),
        *(
            Suspect(
                answer(largest=lambda share: 0, mean=factor),
                "the maximum's part is missing: dx is a sum of two.",
                1,
            )
            for factor in (lambda share: 1 - share, lambda share: 1)
        ),
        Suspect(
            answer(count=1),
            "the average's part is not divided: each cell of a window gets "
            "one PH * PW-th of it.",
            2,
        ),
        Suspect(
            answer(ties="all"),
            "every tied cell gets the share of the maximum; only the first "
            "one should.",
            2,
        ),
        Suspect(
            answer(ties="last"),
            "the last of the tied cells won; the first one does, row by row.",
            2,
        ),
        Suspect(
            answer(add=False),
            "where windows overlap, a later gradient has replaced an earlier "
            "one: gradients add, so `+=` and not `=`.",
            2,
        ),
        *stride_suspects(answer(), 2),
    ]
    judge("mixed_backward", candidate, part, parts, suspects)


# 7.3 -----------------------------------------------------------------------


def same_answer(candidate, part=None):
    """Check exercise 7.3: the same answer for all copies."""

    def agreement(scores, moved):
        return moved.argmax(axis=-1) == scores.argmax(axis=-1)

    def right(scores, moved):
        return float(agreement(scores, moved).all(axis=0).mean())

    def case(says, S, N, K, seed):
        rng = np.random.default_rng(seed)
        scores = rng.normal(-2, 1, (N, K))
        scores[0, 0] = scores[2, -1] = 4  # argmax over images shows
        moved = scores + rng.normal(0, 0.4, (S, N, K))
        moved[:, 0] = np.roll(scores[0], 1)  # the copies agree, wrongly
        moved[-1, 1] = np.roll(scores[1], 1)  # the last alone disagrees
        args = scores, moved
        return Case(f"{says}, shapes {(N, K)} and {(S, N, K)}", args,
                    right(*args))  # fmt: skip

    parts = {
        "one": [
            case("one copy", 1, 8, 3, 1),
            case("one copy", 1, 40, 10, 2),
        ],
        "several": [
            case("four copies", 4, 20, 3, 3),
            case("two copies", 2, 7, 5, 4),
            case("eight copies", 8, 60, 10, 5),
        ],
    }

    def among_copies(scores, moved):
        return right(moved[0], moved[1:])

    suspects = [
        Suspect(
            lambda *args: agreement(*args).mean(),
            "this is the share of agreeing pairs; an image counts only if "
            "*all* of its copies agree.",
            2,
        ),
        Suspect(
            lambda *args: agreement(*args).any(axis=0).mean(),
            "one agreeing copy is enough here; all of them have to agree.",
            2,
        ),
        Suspect(
            lambda *args: agreement(*args).all(axis=1).mean(),
            "here all images of a copy have to agree; asked is the share of "
            "images for which all copies do.",
            2,
        ),
        Suspect(
            among_copies,
            "the copies are compared with one another only; the image itself "
            "counts as well.",
            2,
        ),
        Suspect(
            lambda *args: agreement(*args)[-1].mean(),
            "only the last copy is looked at.",
            2,
        ),
        *(
            Suspect(
                lambda scores, moved, axis=axis: (
                    (moved.argmax(axis=axis) == scores.argmax(axis=0))
                    .all(axis=0)
                    .mean()
                ),
                "argmax runs over the images; an answer is the class with "
                "the highest score, the last axis.",
                1,
            )
            for axis in (0, 1)
        ),
        Suspect(
            lambda *args: agreement(*args).all(axis=0).sum(),
            "this is the number of images; the share is asked.",
            2,
        ),
        Suspect(
            lambda *args: 1 - right(*args),
            "this is the share of images whose answer changes.",
            2,
        ),
        Suspect(
            lambda *args: 100 * right(*args),
            "this is in percent; a share is a number from 0 to 1.",
        ),
    ]
    judge("same_answer", candidate, part, parts, suspects)


# 7.4 -----------------------------------------------------------------------


def places(indices, input_shape, window, width=None):
    """Return row and column of each maximum in its window.

    `width` is the number of cells that a row is taken to have.
    """
    PH, PW = pair(window, "window", 1)
    i, j = np.indices(indices.shape)[2:]
    start = i * PH * input_shape[3] + j * PW
    if width is None:
        return np.divmod(indices - start, input_shape[3])
    rows, columns = np.divmod(indices, width)
    return rows % PH, columns % PW


def switch_shares(candidate, part=None):
    """Check exercise 7.4: the share of each place in the window."""

    def right(indices, input_shape, window, at=places, whole=True):
        rows, columns = at(indices, input_shape, window)
        shares = np.zeros(pair(window, "window", 1))
        for a, b in np.ndindex(shares.shape):
            shares[a, b] = np.sum((rows == a) & (columns == b))
        return shares / (indices.size if whole is True else whole)

    def case(says, x, window):
        _, indices = max_pool2d(x, window, return_indices=True)
        args = indices, x.shape, window
        a, b = places(*args)

        def draw(place):
            here = np.sum((a == place[0]) & (b == place[1]))
            return (
                f"{here} of {indices.size} maxima stand in row {place[0]}, "
                f"column {place[1]} of their window"
            )

        return Case(says, args, right(*args), draw)

    ramp = np.zeros((2, 3, 6, 9)) + np.arange(9)  # the right side wins
    parts = {
        "squares": [
            case("2 x 2 windows, 5 x 8 cells", distinct((2, 3, 5, 8), 1), 2),
            case("all cells are 0", np.zeros((1, 2, 4, 6)), 2),
            case("3 x 3 windows, 7 x 11 cells",
                 distinct((3, 2, 7, 11), 2), 3),
        ],
        "rectangles": [
            case("2 x 3 windows", distinct((2, 3, 5, 10), 3), (2, 3)),
            case("3 x 2 windows", distinct((3, 2, 7, 9), 4), (3, 2)),
            case("2 x 3 windows, the right side wins", ramp, (2, 3)),
        ],
    }  # fmt: skip

    def by_width(width):
        return lambda *args: right(
            *args, at=lambda *args: places(*args, width=width(*args))
        )

    def crossed(indices, input_shape, window):
        PH, PW = pair(window, "window", 1)
        rows, columns = np.divmod(indices, input_shape[3])
        return rows % PW, columns % PH

    def in_a_row(indices, input_shape, window):
        PH, PW = pair(window, "window", 1)
        return np.divmod(indices % (PH * PW), PW)

    def by_height(indices, input_shape, window):
        PH, PW = pair(window, "window", 1)
        a, b = places(indices, input_shape, window)
        return np.divmod(a * PH + b, PW)

    def window_of(indices, input_shape, window):
        PH, PW = pair(window, "window", 1)
        rows, columns = np.divmod(indices, input_shape[3])
        return np.divmod(rows // PH * PW + columns // PW, PW)

    suspects = [
        Suspect(
            by_width(lambda indices, shape, window: shape[2]),
            "each row was counted as H cells, the height; a row of the input "
            "has W cells.",
            1,
        ),
        Suspect(
            by_width(lambda indices, shape, window: indices.shape[3]),
            "each row was counted as OW cells; indices count in the *input* "
            "plane, whose rows have W cells.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, at=crossed),
            "the sides of the window are swapped: rows repeat every PH, "
            "columns every PW.",
            2,
        ),
        Suspect(
            lambda *args: right(*args, at=in_a_row),
            "the cells of a window do not follow one another in the plane: "
            "take the index apart into row and column first.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, whole=1),
            "these are numbers of maxima; divide by how many there are.",
            3,
        ),
        Suspect(
            lambda indices, *rest: right(
                indices, *rest, whole=indices[0, 0].size
            ),
            "divided by the windows of one plane; there are N * C planes.",
            3,
        ),
        Suspect(
            lambda *args: right(*args).T,
            "rows and columns of the result are swapped: it is (PH, PW).",
            3,
        ),
        Suspect(
            lambda *args: right(*args, at=by_height),
            "place (a, b) was counted as a * PH + b; a row of the window has "
            "PW cells.",
            2,
        ),
        Suspect(
            lambda *args: right(*args, at=window_of),
            "division tells which window it is; the place in the window is "
            "the remainder.",
            2,
        ),
    ]
    judge("switch_shares", candidate, part, parts, suspects, ("PH", "PW"))
