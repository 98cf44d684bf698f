"""Engine: pooling at the speed of memory.

A maximum of nine numbers is cheap; fetching them is not. numpy computes as
fast as memory allows where a call runs over one long vector, and many times
slower over short rows or over every second cell. So all functions here lay
planes out as one vector, row after row. The cell on the right of each cell is
then the same vector, begun one cell later; the cell below begins a row later.
A few calls on whole vectors pool at *every* cell; what stands where a window
begins is read out at the end, the rest, rubbish where lines meet included, is
never looked at.

- A *tile* is so much of it as stays in a core's own cache while pass after
  pass goes over it: some planes, or a block of a large one.
- *Doubling*: windows of 2 cells, of them 4, 8, ... The last step to 7 lets two
  windows of 4 overlap: harmless for a maximum. In a sum the overlap would
  count twice, so sums follow the binary digits of the window.
- First down, then across: a pass down joins whole rows.
- Padding lies between the lines and is written once: what pads the right of a
  row pads the left of the next, what pads below a plane pads above the next.

Chapter 6 builds this in small steps; here is what it takes for all shapes.
"""

import dataclasses
import functools
import math
import sys
import threading
from typing import NamedTuple

import numpy as np

from pooling.geometry import (
    Axis,
    cell_counts,
    lowest,
    mean_dtype,
    pad_planes,
    pair,
    pooling_axes,
    tap_slices,
)

SCRATCH = 2**20  # bytes to write on: what a core's second cache may hold
PAGE = 4096  # bytes
SMALL = 4096  # elements; below, two calls more cost as much as the work


# -- parts of an axis ---------------------------------------------------------


@functools.lru_cache(maxsize=256)
def fit(axis):
    """Drop cells of the windows that lie outside in all of them.

    A window of 5000 on an image of 4 then has 4 cells, and no padding.
    """
    d = axis.dilation
    last = (axis.out - 1) * axis.stride - axis.before  # the last one's start
    skip = max(0, min(-(last // d), axis.before // d))
    stop = min(axis.window, -(-(axis.size + axis.before) // d))
    end = last + (stop - 1) * d + 1
    return axis._replace(
        window=stop - skip,
        stride=axis.stride if axis.out > 1 else 1,
        before=axis.before - skip * d,
        after=max(0, end - axis.size),
    )


def spans(size, length):
    """Cut a range into spans."""
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))


def runs(axis, room):
    """Cut the windows of an axis into runs that see at most `room` cells."""
    return spans(axis.out, max(1, (room - axis.reach) // axis.stride + 1))


def part(axis, windows):
    """Return what some windows of an axis see: the cells, and an axis."""
    first = windows.start * axis.stride - axis.before
    last = (windows.stop - 1) * axis.stride - axis.before + axis.reach
    cells = slice(max(first, 0), min(last, axis.size))
    return cells, axis._replace(
        size=cells.stop - cells.start,
        before=cells.start - first,
        after=last - cells.stop,
        out=windows.stop - windows.start,
    )


@functools.lru_cache(maxsize=256)
def mostly_padding(rows, columns):
    """Tell whether a padded plane would dwarf image and result."""
    down, across = (a.before + a.size + a.after for a in (rows, columns))
    needed = rows.size * columns.size + rows.out * columns.out
    large = down * across > SCRATCH  # no cache would hold one plane
    return down * across > (3 if large else 8) * needed


def cuts(axis):
    """List the cells of each window along an axis, those in the image."""
    first, stop = axis.within(0, axis.size)
    start = axis.starts() + first * axis.dilation
    stop = start + (stop - first - 1) * axis.dilation + 1
    return [
        slice(a, b, axis.dilation)
        for a, b in zip(start.tolist(), stop.tolist(), strict=True)
    ]


# -- memory -------------------------------------------------------------------


class Scratch:
    """Memory to write on, used again and again; each thread has its own.

    New memory costs more than the work on it: the system clears each page.
    Vectors begin at pages, because a pass that writes some bytes further on
    in its page than it reads waits for stores that only seem to overlap.
    """

    own = threading.local()

    @classmethod
    def vectors(cls, size, *dtypes):
        """Return a vector of each dtype."""
        needs = [size * np.dtype(t).itemsize for t in dtypes]
        lengths = [-(-need // PAGE) * PAGE for need in needs]
        block = getattr(cls.own, "block", None)
        if block is None or block.size < sum(lengths):
            block = np.empty(sum(lengths) + PAGE, np.uint8)
            block = block[-block.ctypes.data % PAGE :][: sum(lengths)]
            if block.size <= 2 * SCRATCH:  # a larger one is not kept
                cls.own.block = block
        found = []
        for need, length, dtype in zip(needs, lengths, dtypes, strict=True):
            found.append(block[:need].view(dtype))
            block = block[length:]
        return found


def plane_batches(x):
    """Walk over x (N, C, H, W) as arrays (planes, H, W).

    One view if the planes follow at one distance. Else (channels may lie
    last) image by image; small images are copied, many at a time.
    """
    try:
        yield x.reshape(-1, *x.shape[2:], copy=False)
    except ValueError:
        many = max(1, SCRATCH // 2 // x[0].nbytes)
        for n in spans(len(x), many):
            images = x[n]
            yield images[0] if many == 1 else images.reshape(-1, *x.shape[2:])


def plane_chunks(x, many):
    """Walk over the planes of x, `many` at a time: their places, and they."""
    start = 0
    for planes in plane_batches(x):
        for q in spans(len(planes), many):
            yield slice(start + q.start, start + q.stop), planes[q]
        start += len(planes)


# -- tiles --------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Layout:
    """How rows of some planes lie in a vector, padding between them.

    With a stride of s, copies go to s vectors, row r to vector r % s: passes
    down then meet only rows in which a window begins. `phases` is this s; 1
    if the rows stay together.
    """

    rows: Axis
    columns: Axis
    phases: int
    pitch: int  # from a row to the next
    height: int  # rows that a plane takes

    def size(self, planes):
        """Return the cells of a vector that holds so many planes."""
        above = self.rows.before if self.phases == 1 else 0
        lines = planes * self.height + above
        return self.columns.before + lines * self.pitch

    def copies(self, vectors, planes):
        """Pair views into vectors, one for each phase, with image rows."""
        first = self.columns.before
        last = first + planes * self.height * self.pitch
        for phase, vector in enumerate(vectors):
            above = phase - self.rows.before  # its first row in the image
            start = max(0, -(above // self.phases))  # those in the padding
            row = above + self.phases * start
            count = len(range(row, self.rows.size, self.phases))
            if count:
                lines = vector[first:last].reshape(planes, -1, self.pitch)
                lines = lines[:, start : start + count]
                yield lines[..., : self.columns.size], slice(
                    row, None, self.phases
                )

    @functools.cached_property
    def steps(self):
        """Return the cells from a window to the next: plane, row, column."""
        line = self.rows.stride // self.phases * self.pitch
        return self.height * self.pitch, line, self.columns.stride

    def starts(self, flat, planes, dtype=None):
        """View the first cells of windows: (planes, OH, OW).

        As items of `dtype`, which may be longer than a cell; ValueError if
        the last one reaches over the vector's end.
        """
        plane, line, step = self.steps
        size = flat.itemsize
        return np.ndarray(
            (planes, self.rows.out, self.columns.out),
            dtype or flat.dtype,
            flat,
            0,
            (size * plane, size * line, size * step),
        )


class Block(NamedTuple):
    """Windows of a plane that are worked on together."""

    windows: tuple  # slices of the output: rows, columns
    cells: tuple  # slices of the image: rows, columns
    layout: Layout


@functools.lru_cache(maxsize=1024)  # some hundred bytes each
def make_block(rows, columns, i, j, phases, lies):
    """Lay out the windows i, j; `lies` if it is to be the image's memory."""
    i, j = slice(*i), slice(*j)
    up, r = part(rows, i)
    across, c = part(columns, j)
    pitch, height = (a.size + max(a.before, a.after) for a in (c, r))
    if phases > 1:
        height = r.out - 1 + -(-r.reach // phases)
    if lies and c.out == columns.out:
        across, pitch = slice(None), columns.size
        if r.out == rows.out:
            up, height = slice(None), rows.size
    return Block((i, j), (up, across), Layout(r, c, phases, pitch, height))


def cut_blocks(rows, columns, room, phases, lies):
    """Cut a plane into blocks whose vectors have `room`, whole if it fits."""
    tall, wide = (a.before + a.size + a.after for a in (rows, columns))
    tall = -(-tall // phases)
    if tall * wide > room:
        # Neighbours share the cells of a window less one: large blocks.
        reach = -(-rows.reach // phases)
        room = max(room, 4 * reach * columns.reach)
        wide = min(wide, room // min(tall, 2 * reach))
        tall = room // wide
    for j in runs(columns, wide):
        for i in runs(rows, tall * phases):
            ends = (i.start, i.stop), (j.start, j.stop)
            yield make_block(rows, columns, *ends, phases, lies)


PAIRS = {  # by a cell's bytes: integers as long as it, and as a pair of it
    1: (np.uint8, np.uint16),
    2: (np.uint16, np.uint32),
    4: (np.uint32, np.uint64),
}


@dataclasses.dataclass
class Tile:
    """A block of some planes as vectors, and where its windows go."""

    place: tuple  # slices of the output: planes, rows, columns
    planes: np.ndarray  # of x
    cells: tuple  # slices of these: rows, columns
    flats: list  # a vector for each phase of the rows
    spare: list  # vectors of their size, to write on
    layout: Layout

    def down(self, ufunc, double):
        """Reduce the windows' rows; return a vector and the free ones."""
        (flat, *others), spare, layout = self.flats, self.spare, self.layout
        rows, step = layout.rows, layout.rows.dilation * layout.pitch
        if not others:
            if ufunc is np.maximum and self.rows_to_drop():
                return self.down_to_starts(flat, step, spare)
            return double(flat, rows.window, step, spare)
        whole, rest = divmod(rows.window, layout.phases)
        first, *spare = spare
        for other in others:  # one row of each phase: a group
            flat = ufunc(flat, other, out=first[: flat.size])
        if whole:
            if ufunc is np.maximum:  # else the group is needed to the end
                spare.append(first)
            flat, spare = double(flat, whole, step, spare)
            for other in self.flats[:rest]:
                other = other[whole * step :]
                flat = ufunc(
                    flat[: other.size], other, out=flat[: other.size]
                )
        return flat, spare

    def rows_to_drop(self):
        """Tell whether many rows of each plane have no window."""
        layout = self.layout
        passes = layout.columns.window.bit_length()  # about, across
        lost = layout.height - layout.rows.out
        plain = layout.rows.stride == layout.phases == 1
        plain = plain and not layout.columns.before
        return plain and passes * lost > layout.rows.out

    def down_to_starts(self, flat, step, spare):
        """Play `double_max`; let the last pass write rows that go on, only.

        So the passes across have less to do.
        """
        layout, n = self.layout, len(self.planes)
        window, out = layout.rows.window, layout.rows.out
        half = -(-window // 2)
        flat, (free, used) = double_max(flat, half, step, spare)
        line = flat.itemsize * layout.pitch
        size = n * out * layout.pitch
        shape, steps = (n, out, layout.pitch), (layout.height * line, line)
        top, low = (
            np.ndarray(shape, flat.dtype, vector, 0, (*steps, flat.itemsize))
            for vector in (flat, flat[(window - half) * step :])
        )
        np.maximum(top, low, out=free[:size].reshape(shape))
        end = size + layout.columns.before  # what pads the last row's right
        free[size:end] = self.flats[0][: end - size]
        self.layout = dataclasses.replace(layout, height=out)
        return free[:end], [used, free]

    def read(self, flat, out):
        """Copy the first cell of each window to `out`.

        Every second cell is the lower half of an integer of twice its length:
        numpy narrows integers twice as fast as it copies with a step.
        """
        if (
            self.layout.columns.stride == 2
            and flat.itemsize in PAIRS
            and out.dtype == flat.dtype
            and sys.byteorder == "little"
        ):
            cell, pair = PAIRS[flat.itemsize]
            try:
                pairs = self.layout.starts(flat, len(out), pair)
            except ValueError:  # the image ends in the middle of a pair
                pass
            else:
                np.copyto(out.view(cell), pairs, casting="unsafe")
                return
        np.copyto(out, self.layout.starts(flat, len(out)))

    def across(self, ufunc, double, flat, spare, out):
        """Reduce the windows' columns; write what comes out to `out`."""
        columns = self.layout.columns
        if columns.window == columns.stride == 2 and columns.dilation == 1:
            # No cell is in two windows: even and odd ones, of half the size.
            even = spare[0][: out.size].reshape(out.shape)
            self.read(flat, even)
            self.read(flat[1:], out)
            ufunc(even, out, out=out)
        else:
            flat, _ = double(flat, columns.window, columns.dilation, spare)
            self.read(flat, out)


def tiles(
    x, rows, columns, dtype, fill, spare=(), put=np.copyto, sort=True
):
    """Walk over x (N, C, H, W) in tiles that stay in the cache.

    Cells are of `dtype`, padding is `fill`, `spare` are dtypes of vectors to
    write on. A tile is the image's own memory where that needs no padding;
    else `put(out, x)` copies, with `sort` into a vector for each phase.
    """
    start = 0
    padded = any((rows.before, rows.after, columns.before, columns.after))
    for planes in plane_batches(x):
        H, W = planes.shape[1:]
        lies = (
            not padded
            and planes.flags.c_contiguous
            and planes.dtype == dtype
            and put is np.copyto
        )
        line = planes.reshape(-1) if lies else None
        sort = sort and not lies and rows.dilation == 1 and rows.stride <= 8
        phases = rows.stride if sort else 1
        own = [] if lies else [dtype] * min(phases, rows.window)
        room = sum(np.dtype(t).itemsize for t in [*own, *spare] or [dtype])
        room = SCRATCH // room
        for block in cut_blocks(rows, columns, room, phases, lies):
            layout, (up, across) = block.layout, block.cells
            here = lies and across == slice(None)
            q = (room - layout.size(0)) // (layout.size(1) - layout.size(0))
            q = max(1, min(q, len(planes)))
            if here and up != slice(None):
                q = 1
            own = [] if here else [dtype] * min(phases, rows.window)
            vectors = Scratch.vectors(layout.size(q), *own, *spare)
            copied, free = vectors[: len(own)], vectors[len(own) :]
            for vector in copied:
                vector[:] = fill
            copies = list(layout.copies(copied, q))
            for first in range(0, len(planes), q):
                some = planes[first : first + q]
                size = layout.size(len(some))
                if here:  # and one cell more, for the last pair
                    begin = (first * H + (up.start or 0)) * W
                    flats = [line[begin : begin + size + 1]]
                else:
                    for inside, lines in copies:
                        cells = some[:, up, across][:, lines]
                        put(inside[: len(some)], cells)
                    flats = [vector[:size] for vector in copied]
                place = slice(start + first, start + first + len(some))
                yield Tile(
                    (place, *block.windows), some, block.cells, flats, free,
                    layout,
                )
        start += len(planes)


# -- doubling -----------------------------------------------------------------


def double_max(flat, window, step, spare):
    """Take the maximum of `window` cells, `step` apart, from each cell on.

    Writes to the two vectors `spare`; returns the maxima and both vectors,
    in the order in which to go on.
    """
    width = 1
    while width < window:
        shift = min(width, window - width)  # the last two halves may overlap
        n = flat.size - shift * step
        top = spare[0][:n]
        np.maximum(flat[:n], flat[shift * step :], out=top)
        flat, spare, width = top, spare[::-1], width + shift
    return flat, spare


def double_sum(flat, window, step, spare):
    """Add `window` cells, `step` apart, from each cell on.

    Writes to vectors of the list `spare`; returns the sums and those vectors
    that hold neither them nor `flat`.
    """
    total, width, held = flat, 1, []
    for digit in f"{window:b}"[1:]:
        n = total.size - width * step
        twice = spare[0][:n]
        np.add(total[:n], total[width * step :], out=twice)
        total, width = twice, 2 * width
        spare, held = spare[1:] + held, spare[:1]
        if digit == "1":
            one_more = flat[width * step :]
            total = total[: one_more.size]
            total += one_more
            width += 1
    return total, spare


def spare_vectors(*windows):
    """Count the vectors that `double_sum` needs for a chain of windows."""
    most, kept = 0, 0
    for window in windows:
        most = max(most, kept + min(2, window.bit_length() - 1))
        kept = int(window > 1)  # where the last sums are
    return most


def sum_vectors(rows, columns):
    """Count the vectors that sums down and across need, sorted rows or not."""
    need = spare_vectors(rows.window, columns.window)
    if rows.stride > 1:  # groups of rows first, then these
        groups = rows.window // rows.stride
        need = max(need, 1 + spare_vectors(groups, columns.window))
    return need


# -- maxima -------------------------------------------------------------------


def order_halves(bits):
    """Turn float16's bits (as int16) into integers that sort alike, or back.

    Processors compare integers; float16 goes through software, cell by cell.
    -0.0 becomes 0.
    """
    sign = bits >> 15  # 0 or -1
    return (bits ^ (sign & 0x7FFF)) - sign


def put_halves(out, x):
    """Copy float16 as integers that sort alike; a NaN is above infinity."""
    keys = order_halves(x.astype(np.float16).view(np.int16))
    infinity = 0x7C00
    if keys.max() > infinity or keys.min() < -infinity:
        keys[abs(keys.astype(np.int32)) > infinity] = 0x7E00  # one NaN
    np.copyto(out, keys)


def max_setup(dtype):
    """Return the native dtype, that to work in, its lowest, how to copy."""
    native = np.dtype(dtype.type)
    if native == np.float16:
        return native, np.dtype(np.int16), -(2**15), put_halves
    return native, native, lowest(native), np.copyto


def in_byte_order(y, dtype):
    """Return y, which is native, in the byte order of a dtype."""
    return y if dtype.isnative else y.byteswap(inplace=True).view(dtype)


def max_pool2d_slices(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) with one slice for each cell of the window."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    return max_by_slices(x, rows, columns)


def max_by_slices(x, rows, columns):
    """Max-pool x (N, C, H, W) along two axes, slice by slice."""
    padded = pad_planes(x, rows, columns, lowest(x.dtype))
    cells = np.ndindex(rows.window, columns.window)
    y = padded[tap_slices(rows, columns, *next(cells))].copy()
    for a, b in cells:
        np.maximum(y, padded[tap_slices(rows, columns, a, b)], out=y)
    return y


def is_three(axis):
    """Tell whether each cell of a line has a window: it and its neighbours."""
    return axis.size > 1 and axis == Axis(axis.size, 3, 1, 1, 1, 1, axis.size)


def three_neighbours(flat, step, length, low, pairs, out):
    """Take the maximum of each cell, the one before and the one after.

    They are `step` apart, in lines of `length`. Writes to `out` and to the
    vector `pairs`, which is longer than `flat` by `step`.
    """
    n = flat.size
    np.maximum(flat[:-step], flat[step:], out=pairs[step:n])
    pairs.reshape(-1, step)[::length] = low  # no pair where a line ends
    np.maximum(pairs[:n], pairs[step:], out=out)


def max_pool2d_threes(tops, x, low, many):
    """Write the maxima of windows of 3 around each cell, `many` planes a time.

    To `tops` (N * C, H, W), which has the dtype to work in. These windows are
    common; with pairs that stop at a line's end they need no padding and so
    no copy, neither in nor out.
    """
    H, W = x.shape[2:]
    for q, planes in plane_chunks(x, many):
        flat, out = planes.reshape(-1), tops[q].reshape(-1)
        n = flat.size
        pairs, down = Scratch.vectors(n + W, tops.dtype, tops.dtype)
        three_neighbours(flat, W, H, low, pairs, down[:n])
        three_neighbours(down[:n], 1, W, low, pairs[: n + 1], out)


def max_pool2d_flat(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) by doubling over flat tiles."""
    rows, columns = map(fit, pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    ))  # fmt: skip
    if mostly_padding(rows, columns):
        return max_by_cuts(x, rows, columns)[0]
    if x.size < SMALL and rows.window * columns.window <= 4:
        return max_by_slices(x, rows, columns)
    native, work, low, put = max_setup(x.dtype)
    y = np.empty((*x.shape[:2], rows.out, columns.out), native)
    tops = y.view(work).reshape(-1, rows.out, columns.out)
    many = SCRATCH // (2 * work.itemsize * rows.size * columns.size)
    if many and work == native and is_three(rows) and is_three(columns):
        max_pool2d_threes(tops, x, low, many)
        return in_byte_order(y, x.dtype)
    for tile in tiles(x, rows, columns, work, low, [work] * 2, put):
        top = tops[tile.place]
        flat, spare = tile.down(np.maximum, double_max)
        tile.across(np.maximum, double_max, flat, spare, top)
        if work != native:
            top[...] = order_halves(top)
    return in_byte_order(y, x.dtype)


def max_by_cuts(x, rows, columns):
    """Max-pool window by window, across and then down; return indices too.

    The first of the maxima of the rows is the first row by row.
    """
    N, C, H, W = x.shape
    shape = N * C, rows.out, columns.out
    y, indices = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    places = np.arange(H * W).reshape(1, H, W)
    for q, planes in plane_chunks(x, max(1, SCRATCH // (16 * H * W))):
        both = planes, np.broadcast_to(places, planes.shape)
        for axis, line in (2, columns), (1, rows):
            before, found = (slice(None),) * axis, []
            for cut in cuts(line):
                some = [array[*before, cut] for array in both]
                at = some[0].argmax(axis=axis, keepdims=True)
                found.append([np.take_along_axis(a, at, axis) for a in some])
            both = [
                np.concatenate(parts, axis)
                for parts in zip(*found, strict=True)
            ]
        y[q], indices[q] = both
    shape = N, C, rows.out, columns.out
    return y.reshape(shape), indices.reshape(shape)


def double_both(values, places, window, step, distance, spare, with_nan):
    """Play the rounds of `double_max` and remember where each winner stands.

    `places` count from the first cell (None: all 0), `distance` for each
    `step`. Returns values, places, and `spare` in the order to go on.
    """
    some_values, some_places, won = spare
    width = 1
    while width < window:
        shift = min(width, window - width)
        n = values.size - shift * step
        here, there = values[:n], values[shift * step :]
        wins, top, place = won[:n], some_values[0][:n], some_places[0][:n]
        np.greater(there, here, out=wins)  # equal: the earlier one stays
        if with_nan:
            wins |= np.isnan(there) & ~np.isnan(here)
        np.maximum(here, there, out=top)
        wins = wins.view(np.uint8)  # 0 or 1
        far = place.dtype.type(shift * distance)
        if places is None:
            np.multiply(wins, far, out=place)
        else:  # here ^ ((here ^ there) * wins): one of the two, no branch
            np.add(places[shift * step :], far, out=place)
            place ^= places[:n]
            place *= wins
            place ^= places[:n]
        values, places, width = top, place, width + shift
        some_values, some_places = some_values[::-1], some_places[::-1]
    return values, places, (some_values, some_places, won)


def max_pool2d_flat_indices(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) by doubling; return y and plane indices.

    A short integer travels with each maximum: how far it is from the window's
    first cell. Across first, then down: of equal ones, the first row wins.
    """
    rows, columns = map(fit, pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    ))  # fmt: skip
    if mostly_padding(rows, columns):
        return max_by_cuts(x, rows, columns)
    native, work, low, put = max_setup(x.dtype)
    y = np.empty((*x.shape[:2], rows.out, columns.out), native)
    indices = np.empty(y.shape, np.int64)
    tops = y.view(work).reshape(-1, rows.out, columns.out)
    places = indices.reshape(tops.shape)
    W = columns.size
    farthest = (rows.reach - 1) * W + columns.reach - 1
    small = np.min_scalar_type(farthest)
    down, right = rows.starts()[:, None], columns.starts()
    spare = [work, work, small, small, bool]
    for tile in tiles(x, rows, columns, work, low, spare, put, sort=False):
        _, i, j = tile.place
        top, place = tops[tile.place], places[tile.place]
        for with_nan in (False, True):
            spare = tile.spare[:2], tile.spare[2:4], tile.spare[4]
            flat, far, spare = double_both(
                *tile.flats, None, columns.window, columns.dilation,
                columns.dilation, spare, with_nan,
            )
            flat, far, spare = double_both(
                flat, far, rows.window, rows.dilation * tile.layout.pitch,
                rows.dilation * W, spare, with_nan,
            )
            tile.read(flat, top)
            if work.kind != "f" or not np.isnan(top.max()):
                break  # else once more, now with an eye on NaN
        np.copyto(
            place, 0 if far is None else tile.layout.starts(far, len(top))
        )
        place += W * down[i] + right[j]
        if tile.layout.rows.before or tile.layout.columns.before:
            lost = top == low  # where all cells equal the padding
            if lost.any():
                first = first_inside(rows)[i, None] * W
                first = first + first_inside(columns)[j]
                np.copyto(place, first, where=lost)
        if work != native:
            top[...] = order_halves(top)
        if native.kind == "f":
            alike, number = top == 0, top.view(native)
            if with_nan or (work != native and top.max() > 0x7C00):
                alike |= np.isnan(number)
            if alike.any():
                restore_bits(number, place, tile, alike)
    return in_byte_order(y, x.dtype), indices


def first_inside(axis):
    """Return the first cell of each window that lies in the image."""
    first, _ = axis.within(0, axis.size)
    return axis.starts() + axis.dilation * first


def restore_bits(top, place, tile, alike):
    """Copy from x where numbers look alike: 0.0 and -0.0, kinds of NaN."""
    some = tile.planes[:, *tile.cells]
    if np.isnan(top.max()) or (np.signbit(some) & (some == 0)).any():
        row, column = np.divmod(place[alike], tile.planes.shape[2])
        top[alike] = tile.planes[alike.nonzero()[0], row, column]


# -- the way back of a maximum ------------------------------------------------


def scatter_chunks(values, indices, out):
    """Walk over values and where they go in out (N, C, H, W).

    Yields some planes of it, zeros at first, places in these planes, and
    values, all flat: numpy scatters four times as fast by one index as by
    four. Planes are zeroed just before they are used: they stay in the cache.
    """
    N, C, H, W = out.shape
    if values.size == 0:
        out[...] = 0
        return
    room = SCRATCH // 32  # bytes that a value's work takes
    size = values.shape[2] * values.shape[3]
    arrays = values, indices, out
    parts = [arrays]
    if not (values.flags.c_contiguous and indices.flags.c_contiguous):
        several = max(1, room // (C * size))  # images to copy at a time
        parts = ([a[n] for a in arrays] for n in spans(N, several))
    for value, index, planes_of in parts:
        value, index = value.reshape(-1, size), index.reshape(-1, size)
        planes_of = planes_of.reshape(len(value), H * W)
        many = max(1, room // value.shape[1])
        for some in spans(len(value), many):
            planes = planes_of[some]
            for cells in spans(value.shape[1], room):
                chunk = some, cells
                near = index[chunk].astype(np.int64, copy=False)
                if near.view(np.uint64).max() >= H * W:  # or negative
                    wrong = index[chunk][(near < 0) | (near >= H * W)][0]
                    raise ValueError(
                        f"indices must lie in the plane, 0 to {H * W - 1} for "
                        f"{H} x {W}, got {wrong}"
                    )
                (place,) = Scratch.vectors(near.size, np.int64)
                first = H * W * np.arange(len(near))[:, None]
                np.add(near, first, out=place.reshape(near.shape))
                if cells.start == 0:
                    planes[...] = 0
                yield planes.reshape(-1), place, value[chunk].ravel()


def scatter_add_flat(values, indices, input_shape):
    """Add each value (N, C, OH, OW) at its index of its plane."""
    dtype = mean_dtype(values.dtype)
    native = np.dtype(dtype.type)
    work = np.result_type(native, np.float32)
    dx = np.empty(input_shape, native)
    for cells, place, value in scatter_chunks(values, indices, dx):
        into = cells.astype(work, copy=False)
        np.add.at(into, place, value.astype(work, copy=False))
        if into is not cells:
            cells[...] = into
    return in_byte_order(dx, dtype)


def scatter_assign_flat(values, indices, input_shape):
    """Put each value (N, C, OH, OW) at its index of its plane; else zeros."""
    x = np.empty(input_shape, values.dtype)
    for cells, place, value in scatter_chunks(values, indices, x):
        cells[place] = value
    return x


# -- averages -----------------------------------------------------------------


def divisors(rows, columns, count_include_pad, dtype):
    """Return a function of two slices: what divides the sums of windows.

    A ufunc and its second operand.
    """
    axes = rows, columns
    if all(axis.is_full(count_include_pad) for axis in axes):
        count = rows.window * columns.window
        if count.bit_count() == 1:  # a power of two: exact, and faster
            return lambda i, j: (np.multiply, dtype.type(1 / count))
        return lambda i, j: (np.divide, dtype.type(count))
    down, across = (cell_counts(axis, count_include_pad) for axis in axes)
    return lambda i, j: (
        np.divide, np.outer(down[i], across[j]).astype(dtype)
    )


def sum_up(means, x, rows, columns, divisor, work):
    """Write the mean of each window, its sum taken in the dtype `work`."""
    spare = [work] * sum_vectors(rows, columns)
    for tile in tiles(x, rows, columns, work, 0, spare):
        mean, (divide, count) = means[tile.place], divisor(*tile.place[1:])
        flat, spare = tile.down(np.add, double_sum)
        if mean.dtype == work and columns.stride == 2:
            tile.across(np.add, double_sum, flat, spare, mean)
            divide(mean, count, out=mean)
        else:  # divide while reading
            flat, _ = double_sum(flat, columns.window, columns.dilation, spare)
            cells = tile.layout.starts(flat, len(mean))
            divide(cells, count, out=mean, casting="same_kind")


@functools.lru_cache(maxsize=16)
def window_matrix(axis, dtype):
    """Return a matrix (windows, cells): 1 where a window sees a cell."""
    far = np.arange(axis.size) - axis.starts()[:, None]
    sees = (far >= 0) & (far < axis.reach) & (far % axis.dilation == 0)
    return sees.astype(dtype)


def few_products(rows, columns):
    """Tell whether `multiply_up` takes less time than `sum_up`.

    Small planes, large windows: there most of a padded tile is padding. The
    border was measured, for planes of 5 to 56 cells a side.
    """
    products = columns.out * (1 + rows.out / columns.size)  # for a cell
    return (
        products <= 32
        and 49 <= rows.size * columns.size <= 4096
        and rows.window * columns.window >= 25
    )


def multiply_up(means, x, rows, columns, divisor, work):
    """Write means as `sum_up` does, by matrices; tell if all are finite.

    An infinity or a NaN times 0 is NaN: it would spoil its whole plane.
    """
    divide, count = divisor(slice(None), slice(None))
    down = window_matrix(rows, work)
    across = np.ascontiguousarray(window_matrix(columns, work).T)
    line = max(columns.size, columns.out)
    many = max(1, SCRATCH // (4 * work.itemsize * rows.size * line))
    for q, planes in plane_chunks(x, many):
        some, mean = np.ascontiguousarray(planes, work), means[q]
        shape = len(some), rows.size, columns.out
        (half,) = Scratch.vectors(math.prod(shape), work)
        half = half.reshape(shape)
        out = mean if mean.dtype == work else None
        with np.errstate(invalid="ignore", over="ignore"):
            np.matmul(some, across, out=half)
            sums = np.matmul(down, half, out=out)
        if not np.isfinite(sums).all():
            return False
        divide(sums, count, out=mean, casting="same_kind")
    return True


def reduce_cuts(planes, down, across, reduce, out):
    """Reduce the cells of each cut of (planes, H, W), down and then across."""
    lines = [reduce(planes[:, cut], axis=1) for cut in down]
    lines = np.stack(lines, axis=1)
    for j, cut in enumerate(across):
        out[:, :, j] = reduce(lines[:, :, cut], axis=2)


def sum_by_cuts(means, x, rows, columns, divisor, work):
    """Write means as `sum_up` does, window by window."""
    divide, count = divisor(slice(None), slice(None))
    lines = cuts(rows), cuts(columns)
    add = functools.partial(np.add.reduce, dtype=work)
    many = max(1, SCRATCH // (work.itemsize * rows.size * columns.size))
    for q, planes in plane_chunks(x, many):
        sums = np.empty(means[q].shape, work)
        reduce_cuts(planes, *lines, add, sums)
        divide(sums, count, out=means[q], casting="same_kind")


def fill_means(means, x, axes, count_include_pad):
    """Write the mean of each window, in float32 where it is wide enough."""
    work = np.result_type(means.dtype, np.float32)
    wide = np.result_type(means.dtype, float)
    rows, columns = map(fit, axes)

    def options(dtype):
        divisor = divisors(*axes, count_include_pad, dtype)
        return means, x, rows, columns, divisor, dtype

    if mostly_padding(rows, columns):
        sum_by_cuts(*options(wide))
        return
    if few_products(rows, columns) and multiply_up(*options(work)):
        return
    try:
        with np.errstate(over="raise" if work == np.float32 else None):
            sum_up(*options(work))
    except FloatingPointError:  # a sum has gone over
        sum_up(*options(wide))


def avg_pool2d_flat(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False,
    count_include_pad=True,
):
    """Average-pool x (N, C, H, W) by doubling over flat tiles."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    dtype = mean_dtype(x.dtype)
    native = np.dtype(dtype.type)
    y = np.empty((*x.shape[:2], rows.out, columns.out), native)
    means = y.reshape(-1, rows.out, columns.out)
    fill_means(means, x, (rows, columns), count_include_pad)
    return in_byte_order(y, dtype)


# -- the way back of an average -----------------------------------------------


class Fan(NamedTuple):
    """How the windows along an axis spread what they hold over its cells.

    Cell x of the padded axis is in phase x % stride; with t = x // stride,
    the windows t - o see it, and the offsets o are the same in a phase.
    """

    phases: list  # of (windows, steps between them, the first for t = first)
    first: int  # t of the axis' first cell
    lead: int  # cells to put before the windows, as zeros
    pitch: int  # windows with their zeros, and as many as there are t


@functools.lru_cache(maxsize=256)
def fan_out(axis):
    """Sort the cells of an axis by phase."""
    s, d = axis.stride, axis.dilation
    offsets = [[] for _ in range(s)]
    for a in range(axis.window):
        t, phase = divmod(a * d, s)
        offsets[phase].append(t)
    first, last = axis.before // s, (axis.before + axis.size - 1) // s
    lead = max(0, max(o[-1] for o in offsets if o) - first)
    behind = max(0, last - (axis.out - 1))  # the offset of cell 0 is 0
    pitch = max(axis.out + max(lead, behind), last - first + 1)
    phases = []
    for o in offsets:
        step = o[1] - o[0] if len(o) > 1 else 1
        phases.append((len(o), step, lead + first - o[-1] if o else 0))
    return Fan(phases, first, lead, pitch)


def seen_from(axis, cells):
    """Return the windows that see some cells of an axis, and an axis."""
    s = axis.stride
    first = -(-(cells.start + axis.before - axis.reach + 1) // s)
    first = min(max(first, 0), axis.out - 1)
    stop = (cells.stop - 1 + axis.before) // s + 1
    stop = max(min(stop, axis.out), first + 1)
    return slice(first, stop), axis._replace(
        size=cells.stop - cells.start,
        before=axis.before + cells.start - s * first,
        out=stop - first,
    )


def spread(flat, fan, stride, vectors):
    """Add up along the rows, for all phases; the phases side by side.

    Returns a vector `stride` times as long, and the vectors that are free.
    """
    wider, *spare = vectors
    wider = wider[: stride * flat.size]
    for phase, (windows, step, start) in enumerate(fan.phases):
        out, ready = wider[phase::stride], 0
        if windows:
            total, _ = double_sum(flat, windows, step, spare)
            ready = total.size - start
            out[:ready] = total[start:]
        out[ready:] = 0
    return wider, spare


def mirrored(axis):
    """Turn an axis of stride 1 around: a window for each cell's windows."""
    return axis._replace(
        size=axis.out,
        before=axis.reach - 1 - axis.before,
        after=axis.reach - 1 - axis.after,
        out=axis.size,
    )


def spread_by_cuts(dx, dout, rows, columns, divisor, work):
    """Add each window's share to its cells, window by window."""
    divide, count = divisor(slice(None), slice(None))
    many = max(1, SCRATCH // (work.itemsize * rows.size * columns.size))
    for q, planes in plane_chunks(dout, many):
        shares = divide(planes, count, dtype=work, casting="same_kind")
        for axis, line in (2, columns), (1, rows):
            before = (slice(None),) * axis
            shape = list(shares.shape)
            shape[axis] = line.size
            wide = np.zeros(shape, work)
            for k, cut in enumerate(cuts(line)):
                wide[*before, cut] += shares[*before, slice(k, k + 1)]
            shares = wide
        dx[q] = shares


def avg_pool2d_flat_backward(
    dout, input_shape, window, stride=None, padding=0, *, dilation=1,
    ceil_mode=False, count_include_pad=True,
):
    """Give each cell its shares of the gradients, phase by phase."""
    axes = pooling_axes(
        input_shape, window, stride, padding, dilation, ceil_mode
    )
    dtype = mean_dtype(dout.dtype)
    native = np.dtype(dtype.type)
    work = np.result_type(native, np.float32)
    dx = np.empty(input_shape, native)
    slots = dx.reshape(-1, *input_shape[2:])
    if all(a.stride == 1 and a.is_full(count_include_pad) for a in axes):
        # The same sums as forward.
        fill_means(slots, dout, list(map(mirrored, axes)), True)
        return in_byte_order(dx, dtype)
    divisor = divisors(*axes, count_include_pad, work)
    axes = list(map(fit, axes))
    SH, SW = (axis.stride for axis in axes)
    if mostly_padding(*axes) or max(SH, SW) > 64:  # few windows, many phases
        spread_by_cuts(slots, dout, *axes, divisor, work)
        return in_byte_order(dx, dtype)
    size = work.itemsize
    room = SCRATCH // (size * 5 * SW)  # for gradients; all else is wider
    tall, wide = (min(axis.size, max(64, 2 * axis.reach)) for axis in axes)
    if (tall // SH + 2) * (wide // SW + 2) < room:
        wide = min(axes[1].size, room // (tall // SH + 2) * SW)
        tall = min(axes[0].size, room // (wide // SW + 2) * SH)
    start = 0
    for planes in plane_batches(dout):
        for up in spans(axes[0].size, tall):
            for across in spans(axes[1].size, wide):
                spread_block(
                    slots[start : start + len(planes), up, across], planes,
                    list(map(seen_from, axes, (up, across))),
                    divisor, room, work,
                )
        start += len(planes)
    return in_byte_order(dx, dtype)


def spread_block(slots, planes, parts, divisor, room, work):
    """Write to a block of cells what the windows that see it hold."""
    (i, rows), (j, columns) = parts
    SH, SW, size = rows.stride, columns.stride, work.itemsize
    down, right = fan_out(rows), fan_out(columns)
    plane, lead = down.pitch * right.pitch, down.lead * right.pitch
    lead += right.lead
    many = max(1, min(len(planes), (room - lead) // plane))
    n = lead + many * plane
    padded, *vectors = Scratch.vectors(SW * n, *[work] * 5)
    padded[:n] = 0
    image = padded[lead:n].reshape(many, -1, right.pitch)
    image = image[:, : rows.out, : columns.out]
    divide, count = divisor(i, j)
    for q in spans(len(planes), many):
        some, out = planes[q, i, j], slots[q]
        divide(some, count, out=image[: len(some)], casting="same_kind")
        flat = padded[: lead + len(some) * plane]
        wider, spare = spread(flat, right, SW, vectors)
        for phase, (windows, step, first) in enumerate(down.phases):
            t = -(-(rows.before - phase) // SH)
            cells = out[:, SH * t + phase - rows.before :: SH]
            if not windows:
                cells[...] = 0
            elif cells.size:
                pitch = right.pitch * SW
                total, _ = double_sum(wider, windows, step * pitch, spare)
                offset = (first + t - down.first) * pitch
                offset += columns.before % SW
                strides = plane * SW * size, pitch * size, size
                found = np.ndarray(
                    cells.shape, work, total, offset * size, strides
                )
                np.copyto(cells, found, casting="same_kind")


# -- norms, bins, whole planes ------------------------------------------------


def norm(values, axis, p):
    """Return the p-norm along an axis, scaled: no power overflows."""
    top = values.max(axis=axis, keepdims=True)
    usual = (top > 0) & (top < np.inf)
    if p == np.inf or not usual.any():
        return np.squeeze(top, axis)
    values = values / np.where(usual, top, 1)
    # Powers that vanish beside 1 take processors 20 times as long.
    np.maximum(values, 2.0 ** (-900 / p), out=values)
    total = (values**p).sum(axis=axis, keepdims=True) ** (1 / p)
    return np.squeeze(np.where(usual, top * total, top), axis)


def put_powers(out, x, p):
    """Copy |x| to the power of p."""
    np.abs(x, out=out, dtype=out.dtype, casting="unsafe")
    if p == 2:
        np.multiply(out, out, out=out)
    elif 1 < p < np.inf:
        np.power(out, p, out=out)


def root(sums, p):
    """Take p-th roots; as 1 / p is rounded, a step of Newton's mends them."""
    y = sums ** (1 / p)
    better = y - y * (y**p / sums - 1) / p
    return np.where(np.isfinite(better), better, y)


def norm_by_cuts(norms, planes, down, across, p, work):
    """Write norms window by window, each scaled by its own maximum."""
    many = max(1, SCRATCH // (work.itemsize * planes[0].size))
    for q in spans(len(planes), many):
        sizes = np.abs(planes[q], dtype=work, casting="unsafe")
        reduce = functools.partial(norm, p=p)
        reduce_cuts(sizes, down, across, reduce, norms[q])


def powers_fit(low, high, p, count, work):
    """Tell whether sums of powers of numbers, low to high, stay in range."""
    room = np.finfo(work).maxexp - 64  # digits of the lowest must remain
    low, high = float(np.log2(low)), float(np.log2(high))
    return p * low > -room and p * high + math.log2(count) < room


def norms_are_sure(sums, planes, p, count):
    """Tell whether no power has overflowed, or vanished where it counts."""
    info = np.finfo(sums.dtype)
    usual = (sums > info.tiny * 2.0**64) & (sums < info.max)
    if (usual | np.isnan(sums)).all():
        return True
    sizes = np.abs(planes, dtype=sums.dtype, casting="unsafe")
    sizes = sizes[(sizes > 0) & (sizes < np.inf)]  # else 0 or inf is right
    return sizes.size == 0 or powers_fit(
        sizes.min(), sizes.max(), p, count, sums.dtype
    )


def lp_pool2d_flat(
    x, p, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Take the p-norm of each window: powers, sums by doubling, a root.

    In float64. A tile in which a power could have left its range is done
    again window by window.
    """
    rows, columns = map(fit, pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    ))  # fmt: skip
    dtype = mean_dtype(x.dtype)
    work = np.dtype(np.result_type(dtype, float).type)
    y = np.empty((*x.shape[:2], rows.out, columns.out), dtype)
    norms = y.reshape(-1, rows.out, columns.out)
    if mostly_padding(rows, columns):
        for q, planes in plane_chunks(x, max(1, len(norms))):
            norm_by_cuts(norms[q], planes, cuts(rows), cuts(columns), p, work)
        return y
    ufunc, double, need = np.add, double_sum, sum_vectors(rows, columns)
    if p == np.inf:
        ufunc, double, need = np.maximum, double_max, 2
    count = rows.window * columns.window
    limits = (1, 2.0**64)
    if x.dtype.kind == "f":
        limits = np.finfo(x.dtype).smallest_subnormal, np.finfo(x.dtype).max
    sure = p in (1, np.inf) or powers_fit(*limits, p, count, work)
    put = functools.partial(put_powers, p=p)
    for tile in tiles(x, rows, columns, work, 0, [work] * need, put):
        out = norms[tile.place]
        flat, spare = tile.down(ufunc, double)
        flat, _ = double(flat, columns.window, columns.dilation, spare)
        sums = tile.layout.starts(flat, len(out))
        cells = tile.planes[:, *tile.cells]
        if not sure and not norms_are_sure(sums, cells, p, count):
            axes = tile.layout.rows, tile.layout.columns
            norm_by_cuts(out, cells, *map(cuts, axes), p, work)
        elif p in (1, np.inf):
            out[...] = sums
        elif p == 2:
            np.sqrt(sums, out=out, casting="same_kind")
        else:
            out[...] = root(sums, p)
    return y


def bins(size, out):
    """Cut an axis into bins of nearly equal length, as torch does."""
    return [
        slice(k * size // out, -(-(k + 1) * size // out)) for k in range(out)
    ]


def adaptive_pool2d_bins(x, output_size, mode):
    """Take the maximum or the average of each bin of x (N, C, H, W)."""
    N, C, *sizes = x.shape
    down, across = map(bins, sizes, pair(output_size, "output_size", 1))
    dtype, reduce = x.dtype, np.maximum.reduce
    if mode == "average":  # of averages of rows: bins are rectangles
        dtype = mean_dtype(x.dtype)
        reduce = functools.partial(np.mean, dtype=np.result_type(dtype, float))
    y = np.empty((N, C, len(down), len(across)), dtype)
    found = y.reshape(-1, *y.shape[2:])
    many = max(1, SCRATCH // (8 * math.prod(sizes)))
    for q, planes in plane_chunks(x, many):
        reduce_cuts(planes, down, across, reduce, found[q])
    return y


def global_max_pool2d_flat(x):
    """Take the maximum of each plane of x (N, C, H, W)."""
    N, C, H, W = x.shape
    y = np.empty((N * C, 1), x.dtype)
    for q, planes in plane_chunks(x, max(1, len(y))):
        if planes.flags.c_contiguous:  # one call, however small planes are
            starts = np.arange(0, planes.size, H * W)
            y[q, 0] = np.maximum.reduceat(planes.reshape(-1), starts)
        else:
            y[q, 0] = planes.max(axis=(1, 2))
    return y.reshape(N, C, 1, 1)
