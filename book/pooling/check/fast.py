"""Checks of the exercises of chapter 6, fast."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pooling.check.ladder import (
    SEVERAL,
    Case,
    Suspect,
    describe,
    distinct,
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


def box_sums(candidate, part=None):
    """Check exercise 6.4: sums of neighbours, whatever stands elsewhere."""

    def exact(x, window):
        wide = sliding_window_view(x.astype(np.longdouble), window)
        return wide.sum(axis=-1).astype(x.dtype)

    def case(says, x, window):
        return Case(says, (x, window), exact(x, window),
                    run_of_cells(x, window), exact=True)  # fmt: skip

    def at(x, **cells):
        x = x.copy()
        for place, value in cells.items():
            x[int(place[1:])] = value
        return x

    some = distinct((23,), 4, below=12)
    parts = {
        "values": [
            case("11 of 23 cells", some, 11),
            case("a window of one cell", some, 1),
            case("all cells at once, 4-byte floats",
                 some[:13].astype("f4"), 13),
            case("a window of 8", some, 8),
        ],
        "infinities": [
            case("one cell is infinite", at(some, p5=np.inf), 3),
            case("infinite and minus infinite, far apart",
                 at(some, p2=np.inf, p15=-np.inf), 6),
        ],
        "rounding": [
            case("one very large cell, 4-byte floats",
                 at(some.astype("f4"), p4=3e30), 5),
            case("4100 cells of 0.1, 4-byte floats",
                 np.full(4110, 0.1, "f4"), 4100),
        ],
    }  # fmt: skip

    def prefixes(x, window, dtype=None):
        total = np.cumsum(x, dtype=dtype)
        total = np.concatenate([np.zeros(1, total.dtype), total])
        return (total[window:] - total[:-window]).astype(x.dtype)

    def overlapping(x, window):
        weights = spread_counts(least_shifts(window), add_moved)
        return sliding_window_view(x, window) @ weights.astype(x.dtype)

    def one_by_one(x, window):
        out = len(x) - window + 1
        total = x[:out].copy()
        for k in range(1, window):
            total += x[k : k + out]
        return total

    def by_digits(x, window, at):
        """Add the single cells in the wrong place, `at(width)`."""
        total = np.zeros(len(x), x.dtype)
        width = 0
        for digit in f"{window:b}":
            moved = np.pad(total, (0, width))[width:]
            total, width = total + moved, 2 * width
            if digit == "1":
                single = x[at(width) if width else 0 :]
                total = total + np.pad(single, (0, len(x) - len(single)))
                width += 1
        return total[: len(x) - window + 1]

    def running(x, window):
        """Move one window along: add the new cell, take the old one off."""
        moved = np.concatenate([x[:window].sum(keepdims=True),
                                x[window:] - x[:-window]])  # fmt: skip
        return np.cumsum(moved, dtype=x.dtype)

    suspects = [
        Suspect(
            one_by_one,
            "one cell after the other is added, and each addition rounds a "
            "little. With doubling there are a few additions only.",
            2,
        ),
        *(
            Suspect(
                lambda x, window, way=way: way(x, window),
                "a running total carries what it has met along for ever: an "
                "infinity, or the roundings of large numbers. A sum of a "
                "window must not touch other cells.",
                1,
            )
            for way in (
                prefixes,
                running,
                lambda x, window: prefixes(x, window, float),
            )
        ),
        Suspect(
            overlapping,
            "these passes overlap, as those of a maximum may; a sum then "
            "counts some cells twice.",
            2,
        ),
        *(
            Suspect(
                lambda x, window, at=at: by_digits(x, window, at),
                "where the digit is 1, the cell that follows is added; here "
                "it is one that is in the sum already, or one too far.",
                2,
            )
            for at in (
                lambda width: 0,
                lambda width: 1,
                lambda width: width - 1,
                lambda width: width + 1,
            )
        ),
        Suspect(
            lambda x, window: exact(x, window) / window,
            "these are averages; asked are sums.",
        ),
        Suspect(
            lambda x, window: exact(x, 1 << (window.bit_length() - 1))[
                : len(x) - window + 1
            ],
            "only the largest power of 2 in the window is summed; the other "
            "binary digits add cells, too.",
            2,
        ),
        Suspect(
            lambda x, window: np.nan_to_num(
                exact(np.where(np.isfinite(x), x, 0), window)
            ),
            "infinite cells are left out; a sum with one of them is infinite.",
            1,
        ),
    ]
    judge("box_sums", candidate, part, parts, suspects, ["its length"])


# 6.5 -----------------------------------------------------------------------


def min_pool2d_two_passes(candidate, part=None):
    """Check exercise 6.5: minimum of each row's runs, then down."""

    def right(x, window, function=np.min, rows_of=None):
        PH, PW = window
        across = function(window_view(x, (1, PW), 1), axis=(-2, -1))
        source = across if rows_of is None else rows_of(x, across)
        down = function(window_view(source, (PH, 1), 1), axis=(-2, -1))
        return across, down

    def case(says, x, window, k):
        expected = tuple(want if n == k else None
                         for n, want in enumerate(right(x, window)))
        draw = window_picture(x, ((1, window[1]), window)[k], 1)
        return Case(says, (x, window), expected, draw)

    some = distinct((2, 3, 5, 6), 6, below=90)
    positive = distinct((1, 2, 7, 4), 7, below=70)
    images = [
        ("2 x 3 windows", some, (2, 3)),
        ("3 x 2 windows, no negative value", positive, (3, 2)),
        ("4 x 1 windows of whole numbers, 4-byte",
         some.astype("i4"), (4, 1)),
        ("one window for the whole plane", positive[:, :, :4], (4, 4)),
    ]  # fmt: skip
    parts = {
        "across": [case(f"across: {says}", x, window, 0)
                   for says, x, window in images],
        "down": [case(f"both passes: {says}", x, window, 1)
                 for says, x, window in images],
    }  # fmt: skip

    def from_x(x, across):
        return x[..., : across.shape[-1]]

    suspects = [
        Suspect(
            lambda x, window: right(x, window, np.max),
            "these are maxima.",
        ),
        Suspect(
            lambda x, window: right(x, window, rows_of=from_x),
            "the second pass goes over x again; it must go over what the "
            "first one made.",
            2,
        ),
        Suspect(
            lambda x, window: tuple(np.minimum(r, 0)
                                    for r in right(x, window)),
            "zeros take part: start with the first cell of each run, not "
            "with zeros.",
            1,
        ),
        Suspect(
            lambda x, window: (right(x, window)[0],) * 2,
            "the second result is the first one again: the columns are "
            "still to do.",
            2,
        ),
        Suspect(
            lambda x, window: right(x, window[::-1]),
            "window is (rows, columns): a run across is PW cells long.",
            1,
        ),
        Suspect(
            lambda x, window: (
                right(x, (1, window[0]))[0],
                right(x, window[::-1])[1],
            ),
            "window is (rows, columns): a run across is PW cells long.",
            1,
        ),
        Suspect(
            lambda x, window: (
                from_x(right(x, (1, window[1] - 1))[0], right(x, window)[0]),
                None,
            ),
            "the last cell of each run is missing.",
            1,
        ),
        Suspect(
            lambda x, window: (
                np.minimum(x[..., : x.shape[3] - window[1] + 1],
                           x[..., window[1] - 1 :]),
                None,
            ),
            "only the first and the last cell of a run are compared; those "
            "between count, too.",
            1,
        ),
    ]  # fmt: skip
    suspects = mistakes(right, suspects)
    judge("min_pool2d_two_passes", candidate, part, parts, suspects)


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


def windows_per_cell(candidate, part=None):
    """Check exercise 6.8: how many windows see each cell of an axis."""

    def starts(size, window, stride):
        return np.arange(0, size - window + 1, stride)

    def right(size, window, stride):
        seen = starts(size, window, stride)[:, None] + np.arange(window)
        return np.bincount(seen.ravel(), minlength=size)

    def case(size, window, stride):
        def draw(place):
            begin = starts(size, window, stride)
            has = (begin <= place[0]) & (place[0] < begin + window)
            found = begin[has].tolist()
            return (
                f"the windows that see cell {place[0]} start at {found}"
                if found
                else f"no window sees cell {place[0]}"
            )

        args = size, window, stride
        says = f"{size} cells, windows of {window}, stride {stride}"
        return Case(says, args, right(*args), draw)

    parts = {
        "apart": [
            case(9, 3, 3),
            case(8, 2, 3),
            case(11, 3, 3),
            case(10, 1, 4),
        ],
        "overlap": [
            case(8, 3, 1),
            case(12, 4, 2),
            case(12, 3, 2),
            case(17, 7, 3),
            case(6, 6, 2),
        ],
    }

    def by_edges(size, window, stride, low=True, high=True):
        cells = np.arange(size)
        last, first = cells // stride, -((window - 1 - cells) // stride)
        if high:
            last = np.minimum(last, (size - window) // stride)
        if low:
            first = np.maximum(first, 0)
        return np.maximum(last - first + 1, 0)

    suspects = [
        Suspect(
            lambda *args: by_edges(*args, low=False),
            "at the left edge windows are counted that start before cell 0.",
            2,
        ),
        Suspect(
            lambda *args: by_edges(*args, high=False),
            "at the right edge windows are counted that do not fit any more.",
            2,
        ),
        Suspect(
            lambda *args: by_edges(*args, low=False, high=False),
            "at the edges windows are counted that are not there: they start "
            "before cell 0, or do not fit any more.",
            2,
        ),
        Suspect(
            lambda size, window, stride: np.pad(
                right(size - 1, window, stride), (0, 1)
            ),
            "the last window is missing: one that ends with the last cell "
            "fits.",
            2,
        ),
        Suspect(
            lambda size, window, stride: np.full(size, -(-window // stride)),
            "not every cell is seen by as many windows: think of the edges, "
            "and of the place of a cell between two starts.",
            1,
        ),
        Suspect(
            lambda size, window, stride: np.full(size, window // stride),
            "not every cell is seen by as many windows: think of the edges, "
            "and of the place of a cell between two starts.",
            1,
        ),
        Suspect(
            lambda size, window, stride: right(size, window, 1),
            "the stride is ignored: windows start at 0, stride, 2 * stride "
            "and so on.",
            1,
        ),
        Suspect(
            lambda *args: (right(*args) > 0).astype(int),
            "this tells whether a cell is seen at all; how many windows see "
            "it?",
            1,
        ),
        Suspect(
            lambda size, window, stride: right(size, 1, stride),
            "this counts the windows that start at a cell; a window sees "
            "`window` cells.",
            1,
        ),
        Suspect(
            lambda size, window, stride: right(size, window, stride) / window,
            "this is the gradient of an average; asked is the number of "
            "windows.",
        ),
    ]
    judge("windows_per_cell", candidate, part, parts, suspects, ["its length"])
