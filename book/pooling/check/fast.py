"""Tables of the exercises of chapter 6, fast."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pooling.check import families
from pooling.check.families import axes_of, but, then
from pooling.check.table import (
    SEVERAL,
    Check,
    Draw,
    NotHere,
    describe,
    windows_of,
)
from pooling.geometry import output_size, pair
from pooling.lessons.strides import window_view

MOST_STEPS = 1000  # of a plan, or passes: no right answer needs as many


def is_whole(value):
    """Tell whether a value is a whole number; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def powers(cells):
    """Return the powers of 2 below a number of cells."""
    return [1 << n for n in range((cells - 1).bit_length())]


def least_shifts(window):
    """Return the shifts of the fewest passes that see so many cells."""
    return [min(width, window - width) for width in powers(window)]


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


def key_of(rows, got, *args):
    """Return the key of the mistake that gives just this, or ""."""
    return next((key for key, *_, how in rows if how(*args) == got), "")


# 6.1
def traffic(
    shape, itemsize, window, stride, one=1, read=1, written=1, again=False,
    ways=1, count=None,
):  # fmt: skip
    """Count comparisons, bytes that must move and bytes of the columns."""
    N, C, H, W = shape
    rows, columns = axes_of((H, W), window, stride, 0, count)
    windows, taps = N * C * rows.out * columns.out, window[0] * window[1]
    cells = windows * taps if again else read * N * C * H * W
    return (
        windows * (taps - one),
        (cells + written * windows) * itemsize,
        ways * windows * taps * itemsize,
    )


def all_of_im2col(*args):
    """Add what is read and written anyway to writing and reading columns."""
    comparisons, once, columns = traffic(*args)
    return comparisons, once, once + 2 * columns


def batches(draw):
    """Make calls of pooling_traffic."""
    for part in ("comparisons", "once", "columns"):
        for says, shape, itemsize, window, stride in (
            ("rectangles and a remainder", (4, 5, 13, 11), 2, (3, 2), (2, 5)),
            ("windows side by side", (2, 3, 6, 10), 4, (3, 3), (3, 3)),
            ("a tiny batch", (1, 2, 3, 5), 8, (2, 2), (1, 1)),
        ):
            shape = draw.sizes(*shape)
            yield part, f"`{part}`: {says}", shape, itemsize, window, stride


pooling_traffic = Check(
    traffic, batches,
    results={"comparisons": 0, "once": 1, "columns": 2},
    mistakes=[
        ("first-cell-compared", "the first cell of a window is compared with "
         "nothing: one comparison less than cells", 1, but(traffic, one=0)),
        ("images-ignored", "the images of the batch count, too", 1,
         but(traffic, shape=lambda shape: (1, *shape[1:]))),
        ("channels-ignored", "the channels count, too", 1,
         but(traffic, shape=lambda shape: (shape[0], 1, *shape[2:]))),
        *families.stride(traffic, hint=1),
        *families.window(traffic, without={"window-turned"}),
        *families.count(traffic, hint=1),
        ("maxima-not-written", "the maxima are written to memory, too", 2,
         but(traffic, written=0)),
        ("cells-not-read", "the batch is read from memory, too, each cell "
         "once", 2, but(traffic, read=0)),
        ("cells-written", "each cell of the batch is read once, and only the "
         "maxima are written", 2, but(traffic, read=2)),
        ("read-again", "cells that several windows share are counted again "
         "for each; the batch is read once", 2, but(traffic, again=True)),
        ("cells-for-bytes", "this counts cells; asked are bytes: times "
         "itemsize", 2, but(traffic, itemsize=1)),
        ("8-bytes", "this counts 8 bytes for each cell: use itemsize", 2,
         but(traffic, itemsize=8)),
        ("columns-twice", "this is what it takes to write the columns and to "
         "read them; asked is the size of the array", 3,
         but(traffic, ways=2)),
        ("all-of-im2col", "this is all that im2col moves; asked is the "
         "array's size", 3, all_of_im2col),
    ],
)  # fmt: skip


# 6.2
def by_digits(window):
    """Go the way of a sum, without overlap."""
    shifts, width = [], 1
    for digit in f"{window:b}"[1:]:
        shifts.append(width)
        width *= 2
        if digit == "1":
            shifts.append(1)
            width += 1
    return shifts


SHIFTS = [
    ("one-cell-each", "each pass adds one cell; a pass can add as many as are "
     "there already", 1, lambda window: [1] * (window - 1)),
    ("shifts-of-the-plane", "these are the shifts of the plane itself; a pass "
     "moves what the pass before it has made", 1,
     lambda window: [*range(1, window)]),
    ("too-far", "the last pass doubles, too, and goes too far; it may overlap "
     "with what is there", 2, powers),
    ("too-early", "it stops too early: one more pass, which overlaps", 2,
     lambda window: powers(window)[:-1]),
    ("last-cell", "the last shift is that of the last cell; but what moves is "
     "several cells wide", 2,
     lambda window: [*powers(window)[:-1], window - 1]),
    ("no-overlap", "this is the way of a sum, without overlap; a maximum may "
     "overlap, and needs fewer passes", 2, by_digits),
    ("widths", "these are the widths after each pass; a shift is how far the "
     "copy moves", 1,
     lambda window: np.cumsum([1, *least_shifts(window)])[1:].tolist()),
]  # fmt: skip


def form_of_shifts(got, window):
    """Say what is wrong with the form of a list of shifts; "" if nothing."""
    if not isinstance(got, SEVERAL):
        return f"must be a list of whole numbers, got {describe(got)}"
    if len(got) > MOST_STEPS:
        return f"{len(got)} passes: no window here needs as many"
    for number, shift in enumerate(got, 1):
        if not is_whole(shift):
            return (f"shift {number} must be a whole number, got "
                    f"{describe(shift)}")  # fmt: skip
        if window == 1:
            return "a window of one cell needs no pass: an empty list"
        if shift < 1:
            return f"shift {number} is {shift}; a shift is 1 or more"
        if shift >= window:
            return (f"shift {number} is {shift}, but a window of {window} "
                    f"cells ends with cell {window - 1}")  # fmt: skip
    return ""


def passes(got, window):
    """Follow the passes and look at which cells are seen."""
    got = got.tolist() if isinstance(got, np.ndarray) else got
    lines = form_of_shifts(got, window)
    whole = isinstance(got, SEVERAL) and all(map(is_whole, got))
    known = whole and key_of(SHIFTS, [*got], window)
    if lines:
        return [known or "form", f"  {lines}"]
    lines, seen = [f"  your shifts are {[int(s) for s in got]}"], 1
    for number, shift in enumerate(got, 1):
        seen |= seen << int(shift)
        if number <= 5:
            lines.append(f"    pass {number}, shift {shift}: {spans(seen)}")
    missed = ((1 << window) - 1) & ~seen
    least = len(least_shifts(window))
    if missed:
        lines.append(f"  never seen: {spans(missed)} of 0 to {window - 1}")
    elif seen >> window:
        lines.append(f"  beyond the window, whose last cell is {window - 1}")
    elif len(got) > least:
        lines.append(f"  right, but in {len(got)} passes; {least} are enough")
    else:
        return []
    return [known or "passes", *lines]


def row_windows(draw):
    """Make calls of doubling_shifts."""
    for sizes in ((8, 16, 4), (2, 2, 4), (64, 32, 128), (1, 1, 1)):
        yield "powers", "a power of 2", draw.pick(*sizes)
    for size in (11, 3, 5, 7, 13, 33, 100):
        yield "any", "any number of cells", *draw.sizes(size)


doubling_shifts = Check(least_shifts, row_windows, SHIFTS, rule=passes)


# 6.3
def added_up(shifts, step):
    """Count by one step for each shift: (counts, shift) -> counts."""
    counts = np.ones(1, int)
    for shift in shifts:
        counts = step(counts, shift)
    return counts


def moved_too(counts, shift):
    """Return the counts plus the same, moved."""
    return np.pad(counts, (0, shift)) + np.pad(counts, (shift, 0))


def sums(shifts):
    """Count how often each cell is added."""
    return added_up(shifts, moved_too)


def own_cell(counts, shift):
    """Add one cell instead of the whole vector."""
    counts = np.pad(counts, (0, shift))
    counts[shift] += 1
    return counts


def in_place(counts, shift):
    """Read counts that this pass has changed already."""
    counts = np.pad(counts, (0, shift))
    for p in range(len(counts) - shift):
        counts[p + shift] += counts[p]
    return counts


def last_pass(shifts):
    """Return a function that shows what the last pass adds."""
    before = sums(shifts[:-1])

    def draw(place):
        if not shifts:
            return "without a pass, each cell is added once"
        own = " ".join(map(str, before))
        return (f"the counts before the last pass, and moved by {shifts[-1]}:"
                f"\n  {own}\n  {'  ' * shifts[-1]}{own}")  # fmt: skip

    return draw


def lists_of_shifts(draw):
    """Make calls of times_added."""
    yield "apart", "no pass at all", []
    yield "apart", "one pass", draw.pick([1], [2], [4])
    yield "apart", "doubling", draw.pick([1, 2, 4], [1, 2, 4, 8], [1, 2])
    yield "apart", "a gap", draw.pick([3], [5, 1], [2, 7])
    yield "overlap", "three cells", draw.pick([1, 1], [1, 2, 1], [2, 1, 1])
    yield "overlap", "the last one overlaps", draw.pick(
        [1, 2, 4, 3], [1, 2, 4, 8, 5], [1, 2, 4, 1])  # fmt: skip
    yield "overlap", "one cell more each time", [1] * draw.pick(4, 3, 5)
    yield "overlap", "overlap early, then none", draw.pick(
        [1, 1, 3, 2, 8], [1, 1, 1, 4, 9], [2, 1, 3, 8, 15])  # fmt: skip


times_added = Check(
    sums, lists_of_shifts, axes=["its length"], draw=last_pass,
    mistakes=[
        (key, says, hint, lambda shifts, how=how: added_up(shifts, how))
        for key, says, hint, how in (
            ("seen", "this tells which cells are seen; a maximum asks no "
             "more, but a sum counts some of them twice", 1,
             lambda counts, shift: np.minimum(moved_too(counts, shift), 1)),
            ("own-cell", "each pass adds one cell here; it adds the whole "
             "vector before it, moved", 1, own_cell),
            ("copy-counts-once", "the copy that moves brings its own counts "
             "with it, and they may be larger than 1", 2,
             lambda counts, shift: np.pad(counts, (0, shift)) + np.pad(
                 np.ones_like(counts), (shift, 0))),
            ("in-place", "while a pass runs, it reads counts that it has "
             "changed already: add to a new array", 3, in_place),
        )
    ],
)  # fmt: skip


def places_as_floats(right):
    """Return the row of a table for places that are no whole numbers."""
    return ("places-as-floats", "these are places: use `//`, not `/`", None,
            then(right, lambda found: (
                tuple(part / 1 for part in found)
                if isinstance(found, tuple) else found / 1)))  # fmt: skip


# 6.4
def bands(size, window, stride, most, many=None, end=0, cut=True):
    """Cut rows into bands of `many` windows; the last one is cut, too."""
    out = (size - window) // stride + 1
    many = (most - window) // stride + 1 if many is None else max(many, 1)
    first = np.arange(0, out, many)
    stop = np.minimum(first + many, out) if cut else first + many
    rows = first * stride, (stop - 1) * stride + window + end
    return np.stack([first, stop], axis=1), np.stack(rows, axis=1)


def planes_to_cut(draw):
    """Make calls of cut_rows."""
    for part in ("windows", "rows"):
        for says, *calls in (
            ("rows that no window sees", (34, 5, 2, 18), (24, 5, 2, 12),
             (31, 6, 2, 13)),
            ("all in one band", (9, 3, 1, 12), (8, 3, 2, 11), (11, 4, 1, 13)),
            ("stride 1", (10, 3, 1, 5), (30, 5, 1, 12), (13, 4, 1, 6)),
            ("windows apart", (20, 2, 3, 9), (26, 3, 4, 12), (25, 2, 5, 14)),
            ("one window in a band", (8, 4, 2, 5), (13, 5, 3, 7),
             (11, 4, 3, 6)),
        ):
            yield part, says, *draw.pick(*calls)


def band_rows(size, window, stride, most):
    """Return a function that says what the windows of a band see."""
    windows, _ = bands(size, window, stride, most)

    def draw(place):
        first, last = ((w * stride, w * stride + window - 1)
                       for w in windows[place[0]] - [0, 1])  # fmt: skip
        return (
            f"band {place[0]}: its first window sees rows {first[0]} to "
            f"{first[1]},\nits last one rows {last[0]} to {last[1]}; most is "
            f"{most}"
        )

    return draw


def evenly(size, window, stride, most):
    """Return how many windows each of as many equal bands has."""
    out, many = (output_size(rows, window, stride)
                 for rows in (size, most))  # fmt: skip
    return -(-out // -(-out // many))


def side_by_side(*args):
    """Let each band end where the next one begins."""
    windows, _ = bands(*args)
    return windows, windows * args[2]


def to_the_end(*args):
    """Let the last band take all rows that are left."""
    windows, rows = bands(*args)
    rows[-1, 1] = args[0]
    return windows, rows


cut_rows = Check(
    bands, planes_to_cut, axes=["the number of bands", "first and stop"],
    results={"windows": 0, "rows": 1}, draw=band_rows,
    whole={"windows", "rows"},
    mistakes=[
        ("most-over-stride", "a band of so many windows sees more than `most` "
         "rows: the first window takes `window` rows, each further one "
         "`stride` more", 2,
         but(bands, many=lambda most, stride: most // stride)),
        ("stride-is-1", "this is right at stride 1 only: each further window "
         "takes `stride` rows more", 2,
         but(bands, many=lambda most, window: most - window + 1)),
        ("without-1", "a band takes one window more: the first one is there "
         "before any stride", 2, but(bands, many=lambda most, window, stride: (
             (most - window) // stride))),
        ("most-over-window", "windows may overlap, so more of them fit into a "
         "band", 1, but(bands, many=lambda most, window: most // window)),
        ("evenly", "the bands are cut evenly here; each takes as many windows "
         "as `most` rows allow, and the last one what is left", 2,
         lambda *args: bands(*args, many=evenly(*args))),
        ("one-each", "one window in each band: so many rows are read again "
         "and again. Take as many windows as `most` rows allow", 1,
         but(bands, many=1)),
        ("not-cut", "the last band has windows that are not there any more",
         3, but(bands, cut=False)),
        ("side-by-side", "the last window of a band reaches further than "
         "where the next band begins: neighbouring bands share rows", 1,
         side_by_side),
        ("last-row-lost", "the last row of each band is missing: a stop is "
         "one more than the last row", 2, but(bands, end=-1)),
        ("to-next-window", "the last window of a band is number stop - 1; "
         "these rows end with the window after it", 2,
         but(bands, end=lambda stride: stride)),
        ("stop-included", "a stop is the first number that is *not* in the "
         "band, as in a slice", None,
         lambda *args: tuple(both - [0, 1] for both in bands(*args))),
        ("to-the-end", "the last band ends with its last window; what is "
         "below, no window sees", 2, to_the_end),
        *families.order(bands),
        places_as_floats(bands),
    ],
)  # fmt: skip


# 6.5
def first_cells(
    shape, window, stride, pitch=None, height=None, steps=None, item=1
):
    """Return where windows begin in flat planes of `height` x `pitch`."""
    count, H, W = shape
    rows, columns = axes_of((H, W), window, stride)
    down, across = steps or stride
    height = H if height is None else height
    place = np.arange(count)[:, None, None] * height * W
    place = place + np.arange(rows.out)[:, None] * down * (pitch or W)
    return (place + np.arange(columns.out) * across) * item


def flat_planes(draw):
    """Make calls of first_places."""
    yield ("plane", "one plane", (1, *draw.sizes(7, 11)), (4, 1), (2, 3))
    yield ("plane", "stride 1", (1, *draw.sizes(6, 5)), (3, 2), (1, 1))
    yield ("plane", "a high plane", (1, *draw.sizes(9, 4)), (1, 3), (4, 1))
    yield ("planes", "a remainder", draw.sizes(4, 8, 7), (3, 2), (3, 2))
    yield ("planes", "stride 1", draw.sizes(3, 4, 5), (2, 3), (1, 1))
    yield ("planes", "windows apart", draw.sizes(2, 9, 10), (1, 2), (4, 3))


def in_output(*args):
    """Count the places of the output."""
    found = first_cells(*args)
    return np.arange(found.size).reshape(found.shape)


def begin_of(shape, window, stride):
    """Return a function that says where a window begins."""
    cells = np.arange(np.prod(shape)).reshape(shape)
    right = first_cells(shape, window, stride)

    def draw(place):
        plane, *cell = np.argwhere(cells == right[place])[0].tolist()
        return f"this window begins in plane {plane} at {cell}"

    return draw


first_places = Check(
    first_cells, flat_planes, axes=["planes", "OH", "OW"], draw=begin_of,
    whole={"plane", "planes"},
    mistakes=[
        ("stride-is-1", "the stride is ignored: windows are `stride` cells "
         "apart", 1, but(first_cells, steps=(1, 1))),
        ("stride-turned", "stride is (rows, columns): SH of it is down", 1,
         but(first_cells, steps=lambda stride: stride[::-1])),
        ("stride-is-window", "the stride moves a window, not its size", 1,
         but(first_cells, steps=lambda window: window)),
        ("places-of-output", "these are places in the output; asked is where "
         "the windows begin in the flat planes", 1, in_output),
        ("pitch-is-ow", "one row down is W cells of the plane, not OW", 1,
         lambda *a: first_cells(*a, pitch=first_cells(*a).shape[2])),
        ("pitch-is-h", "one row down is W cells of the plane, not H", 1,
         but(first_cells, pitch=lambda shape: shape[1])),
        ("rows-cut", "a plane has H rows, and all of them lie in memory, also "
         "those where no window begins", 2,
         but(first_cells, height=lambda shape, window: (
             shape[1] - window[0] + 1))),
        ("planes-of-oh", "a plane has H rows, not OH", 2,
         lambda *a: first_cells(*a, height=first_cells(*a).shape[1])),
        ("one-plane", "each plane begins where the one before it ends", 2,
         but(first_cells, height=0)),
        ("bytes", "these are bytes; asked are places, counted in cells", None,
         but(first_cells, item=8)),
        ("counted-from-1", "places are counted from 0", None,
         then(first_cells, lambda found: found + 1)),
        ("window-ignored", "the window is ignored: the last ones would stick "
         "out", None, but(first_cells, window=(1, 1))),
        *families.window(first_cells),
        places_as_floats(first_cells),
    ],
)  # fmt: skip


# 6.6
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


def form_of_plan(plan, size):
    """Say what is wrong with the form of a plan; "" if nothing."""
    if not isinstance(plan, SEVERAL):
        what = describe(plan)
        return f"must be a list of steps (left, right, shift), got {what}"
    if len(plan) > MOST_STEPS:
        return f"a plan of {len(plan)} steps is no fast one"
    lengths = [size]
    for number, step in enumerate(plan, 1):
        if (
            not isinstance(step, SEVERAL)
            or len(step) != 3
            or not all(map(is_whole, step))
        ):
            return (f"step {number} must be three whole numbers (left, right, "
                    f"shift), got {describe(step)}")  # fmt: skip
        left, right, shift = step
        title = f"step {number} is ({left}, {right}, {shift}): "
        for vector in (left, right):
            if not 0 <= vector < number:
                has = f"0 to {number - 1} are" if number > 1 else "only 0 is"
                return f"{title}no vector {vector} is there; {has}"
        if shift < 0:
            return f"{title}a shift is not negative"
        if shift >= lengths[right]:
            return (f"{title}vector {right} has {lengths[right]} cells, so "
                    "nothing is left of it")  # fmt: skip
        lengths.append(min(lengths[left], lengths[right] - shift))
    return ""


def taps_of(plan):
    """Return the shifts at which the last vector looks, as bits."""
    taps = [1]
    for left, right, shift in plan:
        taps.append(taps[left] | taps[right] << shift)
    return taps[-1]


def sees_others(plan, plane, window):
    """Say which cells are missed or too many, and what that does."""
    W = plane.shape[1]
    taps = {divmod(p, W) for p in places(taps_of(plan))}
    inside = set(np.ndindex(*window))
    lines = [f"  the last of your {len(plan)} steps does not give the maxima "
             "of the windows"]  # fmt: skip
    missed, extra = sorted(inside - taps), sorted(taps - inside)
    if missed:
        lines.append(f"  {len(missed)} of {len(inside)} cells of a window are "
                     f"never looked at, the first at {list(missed[0])}",
                     )  # fmt: skip
    if extra:
        row, column = extra[0]
        lines.append(f"  it looks outside the window, first at a shift of "
                     f"{row * W + column}: {row} down, {column} to the right",
                     )  # fmt: skip
    flat, _ = run_plan(plane.ravel(), plan)
    right = window_view(plane[None, None], window, 1).max(axis=(-2, -1))[0, 0]
    for i, j in np.ndindex(right.shape):
        if i * W + j < len(flat) and flat[i * W + j] != right[i, j]:
            lines.append(f"  window [{i}, {j}]: expected {right[i, j]:g}, got "
                         f"{flat[i * W + j]:g}")  # fmt: skip
            picture = str(windows_of(plane, window, 1)((i, j)))
            return [*lines, *(f"    {line}" for line in picture.split("\n"))]
    return lines


def plan_rule(least):
    """Return the rule for a plan of least steps, or of half the work."""

    def rule(got, window, pitch):
        got = got.tolist() if isinstance(got, np.ndarray) else got
        plane = Draw(0).numbers((window[0] + 5, pitch))
        wrong = form_of_plan(got, plane.size)
        if wrong:
            known = isinstance(got, SEVERAL) and key_of(
                PLANS, [*got], window, pitch
            )
            return [known or "form", f"  {wrong}"]
        plan = [tuple(map(int, step)) for step in got]
        known = key_of(PLANS, plan, window, pitch)
        slow = slow_plan(window, pitch)
        if taps_of(plan) != taps_of(slow):
            return [known or "taps", *sees_others(plan, plane, window)]
        steps = sum(len(least_shifts(cells)) for cells in window)
        if least and len(plan) > steps:
            return [known or "steps", f"  the maxima are right, but in "
                    f"{len(plan)} steps; doubling needs {steps}"]  # fmt: skip
        touched, most = (run_plan(plane.ravel(), p)[1] for p in (plan, slow))
        if not least and 2 * touched > most:
            return [known or "touched", f"  the maxima are right, with "
                    f"{touched:,} elements touched; the slow plan: {most:,}",
                    f"  allowed is at most half of that, {most // 2:,}",
                    ]  # fmt: skip
        return []

    return rule


def by_axes(window, pitch, shifts=least_shifts, down=None, newest=None):
    """Go across, then down, by `shifts` of an axis.

    Each step moves the newest vector, or the one that `newest` says: of
    (its number, that of the first one of its axis).
    """
    plan = []
    for cells, step in ((window[1], 1), (window[0], down or pitch)):
        start = len(plan)
        for shift in shifts(cells):
            n = len(plan)
            right = newest(n, start) if newest else n
            plan.append((n, right, shift * step))
    return plan


STILL_ONE = ("rows, then columns: good. But each step still takes one cell "
             "more; double")  # fmt: skip
PLANS = [
    ("slow-plan", "this is the slow plan itself: each step takes one cell "
     "more. What if a step looked at the vector that was just made?", 1,
     slow_plan),
    ("one-cell-each", STILL_ONE, 2, lambda window, pitch: by_axes(
        window, pitch, lambda cells: [1] * (cells - 1))),
    ("one-cell-each-of-axis", STILL_ONE, 2, lambda window, pitch: by_axes(
        window, pitch, lambda cells: range(1, cells),
        newest=lambda n, start: start)),
    ("too-far", "the last step of an axis doubles, too, and goes too far; let "
     "it overlap", 3,
     lambda window, pitch: by_axes(window, pitch, powers)),
    ("down-by-1", "one row down is a shift by the pitch, not by 1", 2,
     lambda window, pitch: by_axes(window, pitch, down=1)),
    ("down-by-width", "one row down is a shift by the pitch of the plane, not "
     "by the width of the window", 2,
     lambda window, pitch: by_axes(window, pitch, down=window[1])),
    ("window-turned", "window is (rows, columns): PH is the number of rows", 2,
     lambda window, pitch: by_axes(window[::-1], pitch)),
    ("from-the-plane", "each step looks at the plane itself; it must move the "
     "vector that the step before it made", 1, lambda window, pitch: by_axes(
         window, pitch, newest=lambda n, start: 0)),
    ("columns-missing", "the columns are still to do: the steps see one row "
     "of the window", 2, lambda window, pitch: by_axes(
         (1, window[1]), pitch)),
    ("no-overlap", "this is the way of a sum, without overlap; a maximum may "
     "overlap, and needs fewer steps", 3,
     lambda window, pitch: by_axes(window, pitch, by_digits)),
]  # fmt: skip


def planes_to_plan(draw):
    """Make calls of faster_plan."""
    large = [(3, 4, 10), (4, 4, 12), (5, 2, 7), (1, 11, 20), (13, 1, 6),
             (6, 11, 17)]  # fmt: skip
    small = [(2, 2, 9), (3, 3, 8), (7, 1, 6)]
    for part, says, sizes in (
        ("twice", "at most half of the work", large),
        ("least", "the fewest steps", large + small),
    ):
        for PH, PW, pitch in (draw.sizes(*size) for size in sizes):
            yield part, says, (PH, PW), pitch


faster_plan = Check(
    by_axes, planes_to_plan, PLANS,
    rule={"twice": plan_rule(False), "least": plan_rule(True)},
)  # fmt: skip


# 6.7
def runs(x, window, turn=1, last=False, base=0, dtype=np.uint8):
    """Return the maximum of each run of cells and how far away it stands."""
    cells = sliding_window_view(turn * x, window)
    far = cells.argmax(axis=-1)
    if last:
        far = window - 1 - cells[:, ::-1].argmax(axis=-1)
    values = turn * cells.max(axis=-1)
    return values, (far + base * np.arange(len(far))).astype(dtype)


def played(carried):
    """Play the passes with another rule for what the winner carries."""

    def answer(x, window):
        best, far = x, np.zeros(len(x), np.uint8)
        for shift in least_shifts(window):
            won = best[shift:] > best[:-shift]
            new = carried(far, shift).astype(np.uint8)
            far = np.where(won, new, far[:-shift])
            best = np.where(won, best[shift:], best[:-shift])
        return best, far

    return answer


def vectors(draw):
    """Make calls of max_and_distance."""
    (few, many), one = draw.sizes(20, 210), draw.sizes(11)[0]
    some = draw.numbers(few, below=9)
    whole = draw.rng.permutation(np.arange(0, 256, 5)).astype("u1")
    for part in ("values", "distance"):
        yield part, f"`{part}`: {one} cells", some, one
        yield part, f"`{part}`: 2 cells", some, 2
        yield part, f"`{part}`: one cell", some, 1
        yield (part, f"`{part}`: numbers that rise, 4-byte floats",
               np.arange(many, dtype="f4"), many - 10)  # fmt: skip
        yield part, f"`{part}`: bytes from 0 to 255", whole, 6
        yield part, f"`{part}`: numbers far below 0", some * 1e10, 5
    equal = draw.ties(draw.sizes(14))
    yield "ties", "equal maxima, windows of 5", equal, 5
    yield "ties", "equal maxima, windows of 3", equal, 3
    yield "ties", "all cells equal", np.zeros(draw.sizes(12)), 7


def run_of_cells(x, window):
    """Return a function that shows the cells of a window of a vector."""

    def draw(place):
        cells = x[place[0] : place[0] + window]
        shown = " ".join(f"{v:g}" for v in cells[:12])
        return f"its window: {shown}{' …' if window > 12 else ''}"

    return draw


max_and_distance = Check(
    runs, vectors, axes=["its length"], draw=run_of_cells,
    results={"values": 0, "distance": 1},
    exact={"values", "distance", "ties"},
    mistakes=[
        ("minimum", "this follows the minimum", None, but(runs, turn=-1)),
        ("from-0", "the maxima start at 0, which is more than any number "
         "below 0", None, then(runs, lambda both: (both[0].clip(0), both[1]))),
        ("values-as-float64", "the maxima have the dtype of x", None,
         lambda *a: (runs(*a)[0].astype(float), runs(*a)[1])),
        ("last-of-equals", "of equal maxima the last one is taken; asked is "
         "the first. Does the later one win with `>=`?", 1,
         but(runs, last=True)),
        ("places-in-x", "these are places in x; asked is the distance from "
         "the first cell of the window", 1, but(runs, base=1)),
        *((f"distance-{dtype}", "the distances are right, but a distance is "
           "a np.uint8: one byte, without a sign", 3, but(runs, dtype=dtype))
          for dtype in ("int64", "int8")),
        ("shift-for-distance", "the winner has come a way already: add the "
         "shift to its distance, do not put it in its place", 2,
         played(lambda far, shift: np.full_like(far[shift:], shift))),
        ("distance-of-loser", "the winner from the right brings its own "
         "distance with it, `distance[shift:]`; this is the loser's", 2,
         played(lambda far, shift: far[:-shift] + shift)),
        ("shift-forgotten", "the winner from the right stands `shift` cells "
         "further away; add that", 2,
         played(lambda far, shift: far[shift:])),
        ("wins-counted", "this counts how often the right one won; each win "
         "is `shift` cells, not one", 2,
         played(lambda far, shift: far[shift:] + 1)),
    ],
)  # fmt: skip


# 6.8
def scattered(
    dout, distance, input_shape, stride, add=True, pitch=None, planes=True,
    far=1, wrap=False,
):  # fmt: skip
    """Add each gradient at its winner, in one vector for all planes."""
    N, C, H, W = input_shape
    dx = np.zeros(N * C * H * W, dout.dtype)
    down, across = pair(stride, "stride", 1)
    begin = down * (pitch or W) * np.arange(dout.shape[2])[:, None]
    begin = begin + across * np.arange(dout.shape[3])
    place = begin + far * distance.astype(int)
    if wrap:
        place = place % 256
    place += planes * H * W * np.arange(N * C).reshape(N, C, 1, 1)
    if place.max() >= dx.size or (wrap and begin.max() > 255):
        raise NotHere
    if add:
        np.add.at(dx, place.ravel(), dout.ravel())
    else:
        dx[place.ravel()] = dout.ravel()
    return dx.reshape(input_shape)


def distances(draw):
    """Make calls of gradient_from_distances."""

    def case(part, says, shape, window, stride, dtype="f8"):
        view = window_view(draw.numbers(shape), window, stride)
        winners = view.reshape(*view.shape[:4], -1).argmax(axis=-1)
        a, b = np.divmod(winners, window[1])
        far = (a * shape[3] + b).astype(np.uint8)
        dout = draw.numbers(winners.shape, below=30) + 0.5
        return part, says, dout.astype(dtype), far, shape, stride

    one, some = (1, 1, *draw.sizes(5, 6)), draw.sizes(2, 3, 7, 5)
    wide = 1, 2, *draw.sizes(6, 50)
    yield case("apart", "several planes", draw.sizes(2, 3, 9, 7), (1, 2),
               (2, 3))  # fmt: skip
    yield case("apart", "one plane", one, (2, 2), (2, 2))
    yield case("apart", "4-byte floats", some, (2, 1), (3, 2), "f4")
    yield case("overlap", "one plane, stride 1", one, (3, 3), (1, 1))
    yield case("overlap", "stride (2, 1)", some, (3, 2), (2, 1))
    yield case("overlap", "wide planes", wide, (4, 5), (1, 2))


def landed(dout, distance, input_shape, stride):
    """Return a function that lists the gradients that a cell gets."""
    W, (SH, SW) = input_shape[3], stride

    def draw(place):
        n, c, row, column = place
        lines = ["the gradients that end here:"]
        for i, j in np.ndindex(dout.shape[2:]):
            far = int(distance[n, c, i, j])
            if i * SH * W + j * SW + far == row * W + column:
                lines.append(f"{dout[n, c, i, j]:g} from window [{i}, {j}], "
                             f"distance {far}")  # fmt: skip
        return "\n".join(lines if lines[1:] else ["no gradient ends here"])

    return draw


gradient_from_distances = Check(
    scattered, distances, draw=landed, exact={"apart", "overlap"},
    mistakes=[
        ("overwrites", "a cell that wins twice gets the last gradient alone: "
         "with `=` or `+=` on an array of places each place is written once",
         3, but(scattered, add=False)),
        ("one-plane", "all planes are thrown into the first: each begins "
         "H * W places after the one before it", 1,
         but(scattered, planes=False)),
        *families.stride(scattered, 1, without={"stride-is-window"}),
        ("pitch-is-ow", "one row down is W cells of the plane, not OW", 1,
         but(scattered, pitch=lambda dout: dout.shape[3])),
        ("pitch-is-h", "one row down is W cells of the plane, not H", 1,
         but(scattered, pitch=lambda input_shape: input_shape[2])),
        ("distance-forgotten", "each gradient lands on the first cell of its "
         "window: add the distance", 2, but(scattered, far=0)),
        ("bytes-wrap", "places stay bytes here, and begin again after 255: in "
         "a loop, take `int(...)` of a distance before you add", 2,
         but(scattered, wrap=True)),
        ("dtype-float64", "the numbers are right, but dx has the dtype of "
         "dout", None, lambda dout, *o: scattered(dout.astype(float), *o)),
    ],
)  # fmt: skip
