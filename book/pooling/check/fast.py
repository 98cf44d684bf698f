"""Checks of the exercises of chapter 6, fast."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pooling.check.ladder import (
    SEVERAL,
    Case,
    Suspect,
    describe,
    distinct,
    gradient_picture,
    judge,
    same,
    window_picture,
)
from pooling.geometry import pooling_axes
from pooling.lessons.strides import window_view

MOST_STEPS = 1000  # of a plan, or passes: no right answer needs as many


def is_whole(value):
    """Tell whether a value is a whole number; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def powers(cells):
    """Return the powers of 2 below a number of cells."""
    return [1 << n for n in range((cells - 1).bit_length())]


def least_shifts(cells):
    """Return the shifts of the fewest passes that see so many cells."""
    return [min(width, cells - width) for width in powers(cells)]


def least_steps(window):
    """Return how many steps doubling needs, rows and columns together."""
    return sum(len(least_shifts(cells)) for cells in window)


def places(mask):
    """List the cells whose bits are set in a whole number."""
    return [p for p, bit in enumerate(reversed(f"{mask:b}")) if bit == "1"]


def spans(mask):
    """Say which cells a whole number stands for: 0 to 3, 8."""
    runs = []
    for p in places(mask):
        if runs and runs[-1][1] == p - 1:
            runs[-1][1] = p
        else:
            runs.append([p, p])
    return ", ".join(f"{a} to {b}" if a < b else f"{a}" for a, b in runs)


def run_of_cells(x, window):
    """Return a function that shows the cells of a window of a vector."""

    def draw(place):
        cells = x[place[0] : place[0] + window]
        shown = " ".join(f"{v:g}" for v in cells[:12])
        return f"its window: {shown}{' …' if window > 12 else ''}"

    return draw


def mistakes(right, suspects):
    """Return the suspects, each only where it differs from what is right.

    A result of the wrong dtype has the right values, and so have some
    mistakes in some cases; they are not to blame for the dtype.
    """

    def differing(answer):
        def told(*args):
            given = answer(*args)
            if same(given, right(*args)):
                raise ValueError("no mistake here")
            return given

        return told

    return [Suspect(differing(s.answer), s.says, s.hint) for s in suspects]


# 6.1 -----------------------------------------------------------------------


def pooling_traffic(candidate, part=None):
    """Check exercise 6.1: comparisons and bytes."""
    names = ["comparisons", "once", "columns"]
    sizes = [
        ("a tiny batch of 8-byte floats", (1, 2, 3, 5), 8, (2, 2), (1, 1)),
        ("windows side by side, 4-byte floats",
         (2, 3, 6, 9), 4, (3, 3), (3, 3)),
        ("rectangles and a remainder, bytes",
         (4, 5, 11, 8), 1, (3, 2), (2, 5)),
    ]  # fmt: skip

    def traffic(shape, itemsize, window, stride, one=1, images=True,
                read=1, written=1):  # fmt: skip
        N, C, H, W = shape
        rows, columns = pooling_axes(shape, window, stride)
        windows = (N if images else 1) * C * rows.out * columns.out
        taps = window[0] * window[1]
        cells = (N if images else 1) * C * H * W
        return (
            windows * (taps - one),
            (read * cells + written * windows) * itemsize,
            windows * taps * itemsize,
        )

    def case(k, says, *args):
        right = traffic(*args)
        expected = tuple(want if n == k else None
                         for n, want in enumerate(right))  # fmt: skip
        return Case(f"`{names[k]}`: {says}", args, expected)

    parts = {
        name: [case(k, *size) for size in sizes]
        for k, name in enumerate(names)
    }
    suspects = [
        Suspect(lambda *args, how=how: traffic(*args, **how), says, hint)
        for how, says, hint in (
            ({"one": 0},
             "the first cell of a window is compared with nothing: one "
             "comparison less than cells.", 1),
            ({"images": False}, "the images of the batch count, too.", 1),
            ({"written": 0},
             "the maxima are written to memory, too.", 2),
            ({"read": 0},
             "the batch is read from memory, too, each cell once.", 2),
            ({"read": 2},
             "each cell of the batch is read once here, and only the maxima "
             "are written.", 2),
        )
    ]  # fmt: skip

    def without_windows(shape, itemsize, window, stride):
        return traffic(shape, itemsize, window, window)

    def both_ways(*args):
        comparisons, once, columns = traffic(*args)
        return comparisons, once, 2 * columns

    def read_again(*args):
        comparisons, _, columns = traffic(*args)
        return comparisons, columns + traffic(*args, read=0)[1], columns

    suspects += [
        Suspect(
            lambda shape, itemsize, *rest: traffic(shape, 1, *rest),
            "this counts cells; asked are bytes: times itemsize.",
            2,
        ),
        Suspect(
            lambda shape, itemsize, *rest: traffic(shape, 8, *rest),
            "this counts 8 bytes for each cell: use itemsize.",
            2,
        ),
        Suspect(
            without_windows,
            "the number of windows is wrong: the stride moves a window, not "
            "its size.",
            1,
        ),
        Suspect(
            lambda shape, itemsize, window, stride: traffic(
                shape, itemsize, window, (1, 1)
            ),
            "the number of windows is wrong: the stride is ignored.",
            1,
        ),
        Suspect(
            read_again,
            "cells that several windows share are counted again for each; "
            "the batch is read once.",
            2,
        ),
        Suspect(
            both_ways,
            "this is what it takes to write the columns and to read them; "
            "asked is the size of the array.",
            3,
        ),
    ]
    suspects = mistakes(traffic, suspects)
    judge("pooling_traffic", candidate, part, parts, suspects)


# 6.2 -----------------------------------------------------------------------


def faults_of_shifts(got, window):
    """Say what is wrong with the form of a list of shifts; [] if nothing."""
    if not isinstance(got, SEVERAL):
        return [f"  must be a list of whole numbers, got {describe(got)}"]
    if len(got) > MOST_STEPS:
        return [f"  {len(got)} passes: no window here needs as many"]
    for number, shift in enumerate(got, 1):
        if not is_whole(shift):
            return [
                f"  shift {number} must be a whole number, got "
                f"{describe(shift)}"
            ]
        if window == 1:
            return ["  a window of one cell needs no pass: an empty list"]
        if shift < 1:
            return [f"  shift {number} is {shift}; a shift is 1 or more"]
        if shift >= window:
            return [
                f"  shift {number} is {shift}, but a window of {window} "
                f"cells ends with cell {window - 1}"
            ]
    return []


def doubling_shifts(candidate, part=None):
    """Check exercise 6.2: the fewest passes that see a whole window."""

    def rule_of(window):
        def rule(got):
            if isinstance(got, np.ndarray) and got.ndim == 1:
                got = got.tolist()
            lines = faults_of_shifts(got, window)
            if lines:
                return lines
            lines = [f"  your shifts are {[int(s) for s in got]}"]
            seen = 1
            for number, shift in enumerate(got, 1):
                seen |= seen << int(shift)
                if number <= 6:
                    lines.append(
                        f"    pass {number}, shift {shift}: cells "
                        f"{spans(seen)}"
                    )
            missed = ((1 << window) - 1) & ~seen
            if missed:
                more = f"  never seen: {spans(missed)}"
                return [*lines, f"{more} of cells 0 to {window - 1}"]
            if seen >> window:
                return [
                    *lines,
                    f"  beyond the window of {window} cells, whose last is "
                    f"cell {window - 1}",
                ]
            least = len(least_shifts(window))
            if len(got) > least:
                return [
                    *lines,
                    f"  right, but in {len(got)} passes; {least} are enough",
                ]
            return []

        return rule

    def case(window):
        says = f"a window of {window} cell{'s' if window > 1 else ''}"
        return Case(says, (window,), rule=rule_of(window))

    parts = {
        "powers": [case(window) for window in (2, 8, 1, 64)],
        "any": [case(window) for window in (11, 3, 5, 7, 13, 33, 100)],
    }

    def digits(window):
        shifts, width = [], 1
        for digit in f"{window:b}"[1:]:
            shifts.append(width)
            width *= 2
            if digit == "1":
                shifts.append(1)
                width += 1
        return shifts

    suspects = [
        Suspect(
            lambda window: [1] * (window - 1),
            "each pass adds one cell; a pass can add as many as are there "
            "already.",
            1,
        ),
        Suspect(
            lambda window: list(range(1, window)),
            "these are the shifts of the plane itself; a pass moves what the "
            "pass before it has made.",
            1,
        ),
        Suspect(
            powers,
            "the last pass doubles, too, and goes too far; it may overlap "
            "with what is there.",
            2,
        ),
        Suspect(
            lambda window: powers(window)[:-1],
            "it stops too early: one more pass, which overlaps.",
            2,
        ),
        Suspect(
            lambda window: [*powers(window)[:-1], window - 1],
            "the last shift is that of the last cell; but what moves is "
            "several cells wide.",
            2,
        ),
        Suspect(
            digits,
            "this is the way of a sum, without overlap; a maximum may "
            "overlap, and needs fewer passes.",
            2,
        ),
        Suspect(
            lambda window: [*np.cumsum([1, *least_shifts(window)])[1:]],
            "these are the widths after each pass; a shift is how far the "
            "copy moves.",
            1,
        ),
    ]
    suspects = mistakes(least_shifts, suspects)
    judge("doubling_shifts", candidate, part, parts, suspects)


# 6.3 -----------------------------------------------------------------------


def spread_counts(shifts, step):
    """Count by one step for each shift: (counts, shift) -> counts."""
    counts = np.ones(1, int)
    for shift in shifts:
        counts = step(counts, shift)
    return counts


def add_moved(counts, shift):
    """Return the counts plus the same, moved."""
    return np.pad(counts, (0, shift)) + np.pad(counts, (shift, 0))


def times_added(candidate, part=None):
    """Check exercise 6.3: how often a sum counts each cell."""

    def case(says, *shifts):
        shifts = list(shifts)
        before = spread_counts(shifts[:-1], add_moved)

        def draw(place):
            room = " " * 2 * shifts[-1]
            own = " ".join(map(str, before))
            return (
                f"the counts before the last pass, and moved by {shifts[-1]}:"
                f"\n  {own}\n  {room}{own}"
            )

        expected = spread_counts(shifts, add_moved)
        draw = draw if shifts else None
        args = (shifts.copy(),)  # the learner's, who may empty it
        return Case(f"{says}: {shifts}", args, expected, draw)

    parts = {
        "apart": [
            case("no pass at all"),
            case("one pass", 1),
            case("doubling", 1, 2, 4),
            case("a gap", 3),
        ],
        "overlap": [
            case("a window of 3", 1, 1),
            case("a window of 11", 1, 2, 4, 3),
            case("one cell more each time", 1, 1, 1, 1),
            case("overlap early, then none", 1, 1, 3, 2, 8),
        ],
    }

    def seen(counts, shift):
        return np.minimum(add_moved(counts, shift), 1)

    def own_cell(counts, shift):
        counts = np.pad(counts, (0, shift))
        counts[shift] += 1
        return counts

    def once_more(counts, shift):
        """Count an overlap as one cell more, whatever the counts are."""
        there = np.pad(counts, (0, shift))
        moved = np.pad(np.ones_like(counts), (shift, 0))
        return there + moved

    def in_place(counts, shift):
        counts = [*np.pad(counts, (0, shift)).tolist()]
        for p in range(len(counts) - shift):
            counts[p + shift] += counts[p]
        return np.array(counts)

    suspects = [
        Suspect(lambda shifts, how=how: spread_counts(shifts, how), says, hint)
        for how, says, hint in (
            (seen, "this tells which cells are seen; a maximum asks no "
             "more, but a sum counts some of them twice.", 1),
            (own_cell, "each pass adds one cell here; it adds the whole "
             "vector before it, moved.", 1),
            (once_more, "the copy that moves brings its own counts with it, "
             "and they may be larger than 1.", 2),
            (in_place, "while a pass runs, it reads counts that it has "
             "changed already: add to a new array.", 3),
        )
    ]  # fmt: skip
    judge("times_added", candidate, part, parts, suspects, ["its length"])


# 6.4 -----------------------------------------------------------------------


def cut_rows(candidate, part=None):
    """Check exercise 6.4: bands of rows, cut between windows."""

    def right(size, window, stride, most, many=None, lost=0):
        out = (size - window) // stride + 1
        many = many or (most - window) // stride + 1
        first = np.arange(0, out, many)
        stop = np.minimum(first + many, out)
        rows = first * stride, (stop - 1) * stride + window - lost
        return np.stack([first, stop], axis=1), np.stack(rows, axis=1)

    def case(says, k, *args):
        size, window, stride, most = args
        expected = tuple(want if n == k else None
                         for n, want in enumerate(right(*args)))  # fmt: skip

        def draw(place):
            band = right(*args)[0][place[0]]
            seen = [(w * stride, w * stride + window - 1)
                    for w in (band[0], band[1] - 1)]  # fmt: skip
            return (
                f"band {place[0]}: its first window sees rows {seen[0][0]} to "
                f"{seen[0][1]},\nits last one rows {seen[1][0]} to "
                f"{seen[1][1]}; most is {most}"
            )

        says = (
            f"{says}: {size} rows, windows of {window}, stride {stride}, "
            f"at most {most}"
        )
        return Case(says, args, expected, draw)

    sizes = [
        ("all in one band", 9, 3, 1, 12),
        ("stride 1", 10, 3, 1, 5),
        ("rows that no window sees", 17, 4, 3, 11),
        ("windows apart", 20, 2, 3, 9),
        ("one window in a band", 8, 4, 2, 5),
    ]
    parts = {
        name: [case(says, k, *args) for says, *args in sizes]
        for k, name in enumerate(("windows", "rows"))
    }

    def with_many(many, **options):
        return lambda *args: right(*args, many=max(1, many(*args)), **options)

    def not_cut(size, window, stride, most):
        first = right(size, window, stride, most)[0][:, 0]
        stop = first + (most - window) // stride + 1
        rows = first * stride, (stop - 1) * stride + window
        return np.stack([first, stop], axis=1), np.stack(rows, axis=1)

    def side_by_side(size, window, stride, most):
        windows, _ = right(size, window, stride, most)
        return windows, windows * stride

    def stop_included(*args):
        return tuple(both - [0, 1] for both in right(*args))

    def no_remainder(*args):
        last = args[0]
        windows, rows = right(*args)
        rows[-1, 1] = last
        return windows, rows

    suspects = mistakes(right, [
        Suspect(
            with_many(lambda size, window, stride, most: most // stride),
            "a band of so many windows sees more than `most` rows: the first "
            "window takes `window` rows, each further one `stride` more.",
            2,
        ),
        Suspect(
            with_many(lambda size, window, stride, most: most - window + 1),
            "this is right at stride 1 only: each further window takes "
            "`stride` rows more.",
            2,
        ),
        Suspect(
            with_many(lambda size, window, stride, most:
                      (most - window) // stride),
            "a band takes one window more: the first one is there before any "
            "stride.",
            2,
        ),
        Suspect(
            with_many(lambda size, window, stride, most: most // window),
            "windows may overlap, so more of them fit into a band.",
            1,
        ),
        Suspect(
            with_many(lambda *args: 1),
            "one window in each band: so many rows are read again and again. "
            "Take as many windows as `most` rows allow.",
            1,
        ),
        Suspect(
            not_cut,
            "the last band has windows that are not there any more.",
            3,
        ),
        Suspect(
            side_by_side,
            "the last window of a band reaches further than where the next "
            "band begins: neighbouring bands share rows.",
            1,
        ),
        Suspect(
            with_many(lambda size, window, stride, most:
                      (most - window) // stride + 1, lost=1),
            "the last row of each band is missing: a stop is one more than "
            "the last row.",
            2,
        ),
        Suspect(
            stop_included,
            "a stop is the first number that is *not* in the band, as in a "
            "slice.",
        ),
        Suspect(
            no_remainder,
            "the last band ends with its last window; what is below, no "
            "window sees.",
            2,
        ),
    ])  # fmt: skip
    judge("cut_rows", candidate, part, parts, suspects,
          ["the number of bands", "first and stop"])  # fmt: skip


# 6.5 -----------------------------------------------------------------------


def first_places(candidate, part=None):
    """Check exercise 6.5: where the first cells of the windows lie."""

    def right(shape, window, stride, pitch=None, height=None, steps=None):
        count, H, W = shape
        rows, columns = pooling_axes((1, count, H, W), window, stride)
        down, across = steps or stride
        place = np.arange(count)[:, None, None] * (height or H) * W
        place = place + np.arange(rows.out)[:, None] * down * (pitch or W)
        return place + np.arange(columns.out) * across

    def case(says, *args):
        cells = np.arange(np.prod(args[0])).reshape(args[0])

        def draw(place):
            begin = np.argwhere(cells == right(*args)[place])[0].tolist()
            return f"this window begins in plane {begin[0]} at {begin[1:]}"

        return Case(says, args, right(*args), draw)

    parts = {
        "plane": [
            case("one plane, a stride of (2, 3)", (1, 7, 11), (2, 2), (2, 3)),
            case("stride 1", (1, 6, 5), (3, 2), (1, 1)),
            case("windows of 2 x 2", (1, 3, 4), (2, 2), (1, 1)),
        ],
        "planes": [
            case("three planes", (3, 4, 5), (2, 3), (1, 1)),
            case("four planes and a remainder", (4, 8, 7), (3, 2), (3, 2)),
            case("windows apart", (2, 9, 10), (1, 2), (4, 3)),
        ],
    }

    def in_output(shape, window, stride):
        found = right(shape, window, stride)
        return np.arange(found.size).reshape(found.shape)

    suspects = mistakes(right, [
        Suspect(
            lambda *args: right(*args, steps=(1, 1)),
            "the stride is ignored: windows are `stride` cells apart.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, steps=args[2][::-1]),
            "stride is (rows, columns): SH of it is down.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, steps=args[1]),
            "the stride moves a window, not its size.",
            1,
        ),
        Suspect(
            in_output,
            "these are places in the output; asked is where the windows begin "
            "in the flat planes.",
            1,
        ),
        Suspect(
            lambda shape, window, stride: right(
                shape, window, stride, right(shape, window, stride).shape[2]
            ),
            "one row down is W cells of the plane, not OW.",
            1,
        ),
        Suspect(
            lambda shape, window, stride: right(
                shape, window, stride, height=shape[1] - window[0] + 1
            ),
            "a plane has H rows, and all of them lie in memory, also those "
            "where no window begins.",
            2,
        ),
        Suspect(
            lambda shape, window, stride: right(
                (1, *shape[1:]), window, stride
            ) + np.zeros((shape[0], 1, 1), int),
            "each plane begins where the one before it ends.",
            2,
        ),
        Suspect(
            lambda *args: 8 * right(*args),
            "these are bytes; asked are places, counted in cells.",
        ),
    ])  # fmt: skip
    judge("first_places", candidate, part, parts, suspects,
          ["planes", "OH", "OW"])  # fmt: skip


# 6.6 -----------------------------------------------------------------------


def slow_plan(window, pitch):
    """Return the plan that takes one cell of the window after another."""
    rows, columns = window
    return [
        (n, 0, i * pitch + j)
        for n, (i, j) in enumerate(list(np.ndindex(rows, columns))[1:])
    ]


def run_plan(v, plan):
    """Return the last vector of a plan, and the elements that it touches.

    A step (left, right, shift) reads two vectors and writes one; v is number
    0, and step n makes number n.
    """
    vectors, touched = [v], 0
    for left, right, shift in plan:
        moved = vectors[right][shift:]
        n = min(len(vectors[left]), len(moved))
        vectors.append(np.maximum(vectors[left][:n], moved[:n]))
        touched += 3 * n
    return vectors[-1], touched


def faults_of_plan(plan, size):
    """Say what is wrong with the form of a plan; [] if nothing."""
    if not isinstance(plan, SEVERAL):
        return [
            "  must be a list of steps (left, right, shift), got "
            f"{describe(plan)}"
        ]
    if len(plan) > MOST_STEPS:
        return [f"  a plan of {len(plan)} steps is no fast one"]
    lengths = [size]
    for number, step in enumerate(plan, 1):
        if (
            not isinstance(step, SEVERAL)
            or len(step) != 3
            or not all(map(is_whole, step))
        ):
            return [
                f"  step {number} must be three whole numbers (left, right, "
                f"shift), got {describe(step)}"
            ]
        left, right, shift = step
        title = f"  step {number} is ({left}, {right}, {shift}): "
        for vector in (left, right):
            if not 0 <= vector < number:
                has = f"0 to {number - 1} are" if number > 1 else "only 0 is"
                return [f"{title}no vector {vector} is there; {has}"]
        if shift < 0:
            return [f"{title}a shift is not negative"]
        if shift >= lengths[right]:
            return [
                f"{title}vector {right} has {lengths[right]} cells, so "
                "nothing is left of it"
            ]
        lengths.append(min(lengths[left], lengths[right] - shift))
    return []


def taps_of(plan):
    """Return the shifts at which the last vector looks, as bits."""
    taps = [1]
    for left, right, shift in plan:
        taps.append(taps[left] | taps[right] << shift)
    return taps[-1]


def faster_plan(candidate, part=None):
    """Check exercise 6.6: a plan that touches at most half as much."""

    def sees_others(plan, plane, window):
        """Say which cells are missed or too many, and what that does."""
        W = plane.shape[1]
        taps = {divmod(p, W) for p in places(taps_of(plan))}
        inside = set(np.ndindex(*window))
        lines = [f"  the last of your {len(plan)} steps does not give the "
                 "maxima of the windows"]  # fmt: skip
        missed, extra = sorted(inside - taps), sorted(taps - inside)
        if missed:
            lines.append(
                f"  {len(missed)} of {len(inside)} cells of a window are "
                f"never looked at, the first at {list(missed[0])}"
            )
        if extra:
            row, column = extra[0]
            lines.append(
                f"  it looks outside the window, first at a shift of "
                f"{row * W + column}: {row} down, {column} to the right"
            )
        flat, _ = run_plan(plane.ravel(), plan)
        right = window_view(plane[None, None], window, 1).max(axis=(-2, -1))
        for i, j in np.ndindex(right.shape[2:]):
            if i * W + j < len(flat) and flat[i * W + j] != right[0, 0, i, j]:
                picture = window_picture(plane, window, 1)((i, j))
                return [
                    *lines,
                    f"  window [{i}, {j}]: expected {right[0, 0, i, j]:g}, "
                    f"got {flat[i * W + j]:g}",
                    *(f"    {line}" for line in picture.splitlines()),
                ]
        return lines

    def rule_of(plane, window, least):
        W = plane.shape[1]
        slow = slow_plan(window, W)

        def rule(got):
            if isinstance(got, np.ndarray):
                got = got.tolist()
            lines = faults_of_plan(got, plane.size)
            if lines:
                return lines
            plan = [tuple(map(int, step)) for step in got]
            if taps_of(plan) != taps_of(slow):
                return sees_others(plan, plane, window)
            if least:
                steps = least_steps(window)
                return (
                    [
                        f"  the maxima are right, but in {len(plan)} steps; "
                        f"doubling needs {steps}"
                    ]
                    if len(plan) > steps
                    else []
                )
            touched, most = (run_plan(plane.ravel(), p)[1]
                             for p in (plan, slow))  # fmt: skip
            if 2 * touched > most:
                return [
                    f"  the maxima are right, with {touched:,} elements "
                    f"touched; the slow plan: {most:,}",
                    f"  allowed is at most half of that, {most // 2:,}",
                ]
            return []

        return rule

    def case(H, W, window, least=False):
        PH, PW = window
        says = f"{PH} x {PW} windows on a plane of {H} x {W}"
        rule = rule_of(distinct((H, W), H + W), window, least)
        return Case(says, (window, W), rule=rule)

    sizes = [
        (9, 12, (4, 4)),
        (8, 10, (3, 4)),
        (11, 7, (5, 2)),
        (6, 20, (1, 11)),
        (20, 6, (13, 1)),
        (14, 17, (6, 11)),
    ]
    small = [(8, 9, (2, 2)), (10, 8, (3, 3)), (9, 7, (7, 1))]
    parts = {
        "twice": [case(*size) for size in sizes],
        "least": [case(*size, True) for size in sizes + small],
    }

    def by_axes(window, pitch, shifts=least_shifts, down=None, chained=True):
        """Go across, then down; `shifts` of an axis, chained or from one."""
        plan = []
        axes = [(window[1], 1), (window[0], down or pitch)]
        for cells, step in axes:
            start = len(plan)
            for shift in shifts(cells):
                n = len(plan)
                plan.append((n, n if chained else start, shift * step))
        return plan

    suspects = [
        Suspect(
            slow_plan,
            "this is the slow plan itself: each step takes one cell more. "
            "What if a step looked at the vector that was just made?",
            1,
        ),
        Suspect(
            lambda window, pitch: by_axes(
                window, pitch, lambda cells: range(1, cells), chained=False
            ),
            "rows, then columns: good. But each step still takes one cell "
            "more; double.",
            2,
        ),
        Suspect(
            lambda window, pitch: by_axes(
                window, pitch, lambda cells: [1] * (cells - 1)
            ),
            "rows, then columns: good. But each step still takes one cell "
            "more; double.",
            2,
        ),
        Suspect(
            lambda window, pitch: by_axes(window, pitch, powers),
            "the last step of an axis doubles, too, and goes too far; let it "
            "overlap.",
            3,
        ),
        Suspect(
            lambda window, pitch: by_axes(window, pitch, down=1),
            "one row down is a shift by the pitch, not by 1.",
            2,
        ),
        Suspect(
            lambda window, pitch: by_axes(window, pitch, down=window[1]),
            "one row down is a shift by the pitch of the plane, not by the "
            "width of the window.",
            2,
        ),
        Suspect(
            lambda window, pitch: by_axes(window[::-1], pitch),
            "window is (rows, columns): PH is the number of rows.",
            2,
        ),
        Suspect(
            lambda window, pitch: [
                (n, 0, shift)
                for n, (_, _, shift) in enumerate(by_axes(window, pitch))
            ],
            "each step looks at the plane itself; it must move the vector "
            "that the step before it made.",
            1,
        ),
        Suspect(
            lambda window, pitch: by_axes((1, window[1]), pitch),
            "the columns are still to do: the steps see one row of the "
            "window.",
            2,
        ),
    ]
    suspects = mistakes(by_axes, suspects)
    judge("faster_plan", candidate, part, parts, suspects)


# 6.7 -----------------------------------------------------------------------


def max_and_distance(candidate, part=None):
    """Check exercise 6.7: the maximum, and how far away it stands."""

    def right(x, window, last=False):
        cells = sliding_window_view(x, window)
        far = cells.argmax(axis=-1)
        if last:
            far = window - 1 - cells[:, ::-1].argmax(axis=-1)
        return cells.max(axis=-1), far.astype(np.uint8)

    def case(says, x, window, k=None):
        expected = right(x, window)
        if k is not None:
            expected = tuple(want if n == k else None
                             for n, want in enumerate(expected))  # fmt: skip
        draw = run_of_cells(x, window)
        return Case(says, (x, window), expected, draw, exact=True)

    some = distinct((20,), 8, below=9)
    rising = np.arange(210.0, dtype="f4")
    equal = np.array([2.0, 5, 5, 1, 5, 3, 3, 3, 0, 0, 0, 0, 4, 4])
    mixed = [
        ("11 of 20 cells", some, 11),
        ("2 of 20 cells", some, 2),
        ("a window of one cell", some, 1),
        ("200 cells that rise, 4-byte floats", rising, 200),
    ]
    parts = {
        "values": [case(f"the values: {says}", x, window, 0)
                   for says, x, window in mixed],
        "distance": [case(f"the distances: {says}", x, window, 1)
                     for says, x, window in mixed],
        "ties": [
            case("equal maxima, windows of 5", equal, 5),
            case("equal maxima, windows of 3", equal, 3),
            case("all cells equal", np.zeros(12), 7),
        ],
    }  # fmt: skip

    def played(x, window, carried, better=np.greater):
        """Play the passes, with another rule for what the winner carries."""
        best, code = x, np.zeros(len(x), int)
        for shift in least_shifts(window):
            won = better(best[shift:], best[:-shift])
            code = np.where(won, carried(code, shift), code[:-shift])
            best = np.where(won, best[shift:], best[:-shift])
        return best, code

    def in_x(x, window):
        values, far = right(x, window)
        return values, far + np.arange(len(far))

    suspects = [
        Suspect(
            lambda x, window: right(x, window, last=True),
            "of equal maxima the last one is taken; asked is the first. Does "
            "the later one win with `>=`?",
            1,
        ),
        Suspect(
            lambda x, window: played(
                x, window, lambda code, shift: code[shift:] + shift,
                np.greater_equal,
            ),
            "of equal maxima a later one is taken; asked is the first. Does "
            "it win with `>=`?",
            1,
        ),
        Suspect(
            lambda x, window: played(
                x, window, lambda code, shift: np.full_like(
                    code[shift:], shift
                ),
            ),
            "the winner has come a way already: add the shift to its "
            "distance, do not put it in its place.",
            2,
        ),
        Suspect(
            lambda x, window: played(
                x, window, lambda code, shift: code[:-shift] + shift
            ),
            "the winner from the right brings its own distance with it, "
            "`distance[shift:]`; this is the loser's.",
            2,
        ),
        Suspect(
            lambda x, window: played(
                x, window, lambda code, shift: code[shift:]
            ),
            "the winner from the right stands `shift` cells further away; "
            "add that.",
            2,
        ),
        Suspect(
            lambda x, window: played(
                x, window, lambda code, shift: code[shift:] + 1
            ),
            "this counts how often the right one won; each win is `shift` "
            "cells, not one.",
            2,
        ),
        Suspect(
            in_x,
            "these are places in x; asked is the distance from the first "
            "cell of the window.",
            1,
        ),
        Suspect(
            lambda x, window: right(-x, window),
            "this follows the minimum.",
        ),
    ]  # fmt: skip
    suspects = mistakes(right, suspects)
    judge("max_and_distance", candidate, part, parts, suspects, ["its length"])


# 6.8 -----------------------------------------------------------------------


def gradient_from_distances(candidate, part=None):
    """Check exercise 6.8: gradients back to the winners, from distances."""

    def right(dout, distance, input_shape, stride, add=True, steps=None,
              pitch=None, planes=True, far=1):  # fmt: skip
        N, C, H, W = input_shape
        dx = np.zeros(N * C * H * W, dout.dtype)
        OH, OW = dout.shape[2:]
        down, across = steps or stride
        place = (
            planes * H * W * np.arange(N * C).reshape(N, C, 1, 1)
            + down * (pitch or W) * np.arange(OH)[:, None]
            + across * np.arange(OW)
            + far * distance.astype(int)
        )
        if add:
            np.add.at(dx, place.ravel(), dout.ravel())
        else:
            dx[place.ravel()] = dout.ravel()
        return dx.reshape(input_shape)

    def case(says, shape, window, stride, seed, dtype="f8"):
        x = distinct(shape, seed, below=40).astype(dtype)
        view = window_view(x, window, stride)
        winners = view.reshape(*view.shape[:4], -1).argmax(axis=-1)
        a, b = np.divmod(winners, window[1])
        distance = (a * shape[3] + b).astype(np.uint8)
        dout = distinct(winners.shape, seed + 1, below=30).astype(dtype)
        args = dout, distance, shape, stride
        draw = gradient_picture(x, dout, window, stride)
        return Case(says, args, right(*args), draw, exact=True)

    parts = {
        "apart": [
            case("2 x 2 windows side by side", (1, 1, 4, 6), (2, 2), (2, 2),
                 1),
            case("several planes and a remainder", (2, 3, 5, 7), (2, 3),
                 (2, 3), 2),
            case("windows apart, 4-byte floats", (1, 2, 8, 7), (2, 1),
                 (3, 2), 3, "f4"),
        ],
        "overlap": [
            case("3 x 3 windows, stride 1", (1, 1, 5, 6), (3, 3), (1, 1), 4),
            case("3 x 2 windows, stride (2, 1)", (2, 2, 7, 5), (3, 2),
                 (2, 1), 5),
            case("wide planes", (1, 2, 6, 50), (4, 5), (1, 2), 6),
        ],
    }  # fmt: skip
    suspects = mistakes(right, [
        Suspect(
            lambda *args: right(*args, add=False),
            "a cell that wins twice gets the last gradient alone: with `=` "
            "or `+=` on an array of places each place is written once.",
            3,
        ),
        Suspect(
            lambda *args: right(*args, planes=False),
            "all planes are thrown into the first: each begins H * W places "
            "after the one before it.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, steps=(1, 1)),
            "the stride is ignored: windows are `stride` cells apart.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, steps=args[3][::-1]),
            "stride is (rows, columns): SH of it is down.",
            1,
        ),
        Suspect(
            lambda dout, *rest: right(dout, *rest, pitch=dout.shape[3]),
            "one row down is W cells of the plane, not OW.",
            1,
        ),
        Suspect(
            lambda *args: right(*args, far=0),
            "each gradient lands on the first cell of its window: add the "
            "distance.",
            2,
        ),
    ])  # fmt: skip
    judge("gradient_from_distances", candidate, part, parts, suspects)
