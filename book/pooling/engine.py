"""Engine: pooling at the speed of memory."""

import dataclasses
import functools
import itertools
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
    pooling_axes,
    tap_slices,
)


def max_pool2d_slices(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) with one slice for each cell of the window."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    padded = pad_planes(x, rows, columns, lowest(x.dtype))
    cells = np.ndindex(rows.window, columns.window)
    y = padded[tap_slices(rows, columns, *next(cells))].copy()
    for a, b in cells:
        np.maximum(y, padded[tap_slices(rows, columns, a, b)], out=y)
    return y


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


SCRATCH = 2**20  # bytes to write on: what a core's second cache may hold


def spans(size, length):
    """Cut a range into spans."""
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))


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


def runs(axis, room):
    """Cut the windows of an axis into runs that see at most `room` cells."""
    return spans(axis.out, max(1, (room - axis.reach) // axis.stride + 1))


@dataclasses.dataclass(frozen=True)
class Layout:
    """How rows of some planes lie in vectors, padding between them."""

    rows: Axis
    columns: Axis
    phases: int  # rows are sorted by their number modulo this
    pitch: int  # from a row to the next
    height: int  # rows that a plane takes

    def size(self, planes):
        """Return the cells of a vector that holds so many planes."""
        lines = planes * self.height + self.rows.before
        return self.columns.before + lines * self.pitch

    def inside(self, vector, planes):
        """View the rows of a vector without the padding at their sides."""
        first = self.columns.before
        cells = vector[first : first + planes * self.height * self.pitch]
        cells = cells.reshape(planes, self.height, self.pitch)
        return cells[:, :, : self.columns.size]

    def copies(self, vectors, planes):
        """Pair views into vectors, one for each phase, with image rows."""
        pairs = []
        for phase, vector in enumerate(vectors):
            above = phase - self.rows.before  # its first row in the image
            start = max(0, -(above // self.phases))  # those in the padding
            first = above + self.phases * start
            count = len(range(first, self.rows.size, self.phases))
            inside = self.inside(vector, planes)[:, start : start + count]
            lines = slice(first, None, self.phases)
            if inside.size:
                pairs.append((inside, lines))
        return pairs

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
    first: Layout
    last: Layout  # for the passes across: the same, or other rows, padding


def pitch_of(axis):
    """Return the cells of a line: neighbours share the padding between."""
    return axis.size + max(axis.before, axis.after)


def cell_by_cell(size):
    """Return an axis with a window for each cell."""
    return Axis(size, 1, 1, 0, 0, 1, size)


@functools.lru_cache(maxsize=64)
def cut_blocks(rows, columns, room, as_it_lies=False, phases=1, two=False):
    """Cut a plane into blocks whose vectors have `room`, whole if it fits.

    `as_it_lies` asks for vectors that are a part of the image's memory,
    `two` for another layout across, of the rows in which a window begins.
    """
    tall, wide = (
        axis.before + axis.size + axis.after + axis.overhang
        for axis in (rows, columns)
    )
    tall = -(-tall // phases)
    if tall * wide > room:  # neighbours share cells: keep blocks large
        reach = -(-rows.reach // phases)
        room = max(room, 4 * reach * columns.reach)
        wide = min(wide, room // min(tall, 2 * reach))
        tall = room // wide
    blocks = []
    for j in runs(columns, wide):
        for i in runs(rows, tall * phases):
            up, r = part(rows, i)
            across, c = part(columns, j)
            pitch, bare, height = pitch_of(c), c.size, pitch_of(r)
            if as_it_lies and c.out == columns.out:
                across, pitch = slice(None), columns.size
                bare = pitch
                if r.out == rows.out:
                    up, height = slice(None), rows.size
            if phases > 1:
                height = r.out - 1 + -(-r.reach // phases)
            first = last = Layout(r, c, phases, pitch, height)
            if two:
                last = Layout(cell_by_cell(r.out), c, 1, pitch, r.out)
                every = cell_by_cell(c.size)
                first = Layout(r, every, phases, bare, height)
            blocks.append(Block((i, j), (up, across), first, last))
    return tuple(blocks)


PAGE = 4096  # bytes; a multiple of a cache line's 64


class Scratch:
    """Memory to write on, used again and again; each thread has its own."""

    own = threading.local()

    @classmethod
    def vectors(cls, size, *dtypes):
        """Return a vector of each dtype."""
        lengths = [
            -(-size * np.dtype(t).itemsize // PAGE) * PAGE for t in dtypes
        ]
        block = getattr(cls.own, "block", None)
        if block is None or block.size < sum(lengths):
            block = np.empty(sum(lengths) + PAGE, np.uint8)
            block = block[-block.ctypes.data % PAGE :][: sum(lengths)]
            if block.size <= 2 * SCRATCH:  # a larger one is not kept
                cls.own.block = block
        found = []
        for length, dtype in zip(lengths, dtypes, strict=True):
            found.append(block[:length].view(dtype)[:size])
            block = block[length:]
        return found


def plane_batches(x):
    """View x (N, C, H, W) as few arrays (planes, H, W); copy nothing."""
    try:
        return [x.reshape(-1, *x.shape[2:], copy=False)]
    except ValueError:  # the planes do not follow at one distance
        return list(x)


def plane_chunks(x, many):
    """Walk over the planes of x, `many` at a time: their places, and they."""
    start = 0
    for planes in plane_batches(x):
        for q in spans(len(planes), many):
            yield slice(start + q.start, start + q.stop), planes[q]
        start += len(planes)


PAIRS = {  # by a cell's bytes: integers as long as it, and as a pair of it
    1: (np.uint8, np.uint16),
    2: (np.uint16, np.uint32),
    4: (np.uint32, np.uint64),
}


class Tile(NamedTuple):
    """A block of some planes as vectors, and where its windows go."""

    place: tuple  # slices of the output: planes, rows, columns
    planes: int
    phases: list  # a vector for each phase of the rows
    spare: list  # vectors of their size
    block: Block
    wide: np.ndarray | None  # for the rows that get their padding late

    def down(self, ufunc, double):
        """Reduce the windows' rows; return a vector and the free ones."""
        (flat, *others), spare = self.phases, self.spare
        layout, last = self.block.first, self.block.last
        rows, step = layout.rows, layout.rows.dilation * layout.pitch
        if layout is not last and self.wide is None:  # drop rows at the end
            half = -(-rows.window // 2)
            flat, (free, used) = double(flat, half, step, spare)
            there = flat[(rows.window - half) * step :]
            ufunc(
                layout.starts(flat, self.planes),
                layout.starts(there, self.planes),
                out=last.inside(free, self.planes),
            )
            return free[: last.size(self.planes)], [used, free]
        if layout.phases == 1:
            return double(flat, rows.window, step, spare)
        whole, rest = divmod(rows.window, layout.phases)
        first, *spare = spare
        for other in others:  # one row of each phase: a group
            flat = ufunc(flat, other, out=first[: flat.size])
        if whole:
            if ufunc is np.maximum:  # else the group is needed to the end
                spare.append(first)
            flat, spare = double(flat, whole, step, spare)
            for other in self.phases[:rest]:
                other = other[whole * step :]
                flat = ufunc(
                    flat[: other.size], other, out=flat[: other.size]
                )
        return flat, spare

    def widen(self, flat):
        """Put padding between the rows, if they have none yet."""
        if self.wide is None:
            return flat
        first, last = self.block.first, self.block.last
        wide = self.wide[: last.size(self.planes)]
        lines = first.starts(flat, self.planes)
        np.copyto(last.inside(wide, self.planes), lines)
        return wide

    def starts(self, flat):
        """View the first cell of each window: (planes, OH, OW)."""
        return self.block.last.starts(flat, self.planes)

    def read(self, flat, out):
        """Copy the first cell of each window to `out`."""
        layout = self.block.last
        if (
            layout.columns.stride == 2
            and flat.itemsize in PAIRS
            and out.dtype == flat.dtype
            and sys.byteorder == "little"
        ):
            cell, pair = PAIRS[flat.itemsize]
            try:
                pairs = layout.starts(flat, self.planes, pair)
            except ValueError:  # the image ends in the middle of a pair
                pass
            else:
                np.copyto(out.view(cell), pairs, casting="unsafe")
                return
        np.copyto(out, self.starts(flat))

    def across(self, ufunc, double, flat, spare, out):
        """Reduce the windows' columns; write what comes out to `out`."""
        flat, columns = self.widen(flat), self.block.last.columns
        if columns.window == columns.stride == 2 and columns.dilation == 1:
            even = spare[0][: out.size].reshape(out.shape)
            self.read(flat, even)
            self.read(flat[1:], out)  # the odd columns
            ufunc(even, out, out=out)
        else:
            flat, _ = double(flat, columns.window, columns.dilation, spare)
            self.read(flat, out)


def tiles(
    x, rows, columns, dtype, fill, spare=(), put=np.copyto, one=False,
    drop=False,
):
    """Walk over x (N, C, H, W) in tiles that stay in the cache.

    Cells are of `dtype`, padding is `fill`, `spare` are dtypes of vectors to
    write on; `put(out, x)` copies where x cannot be used as it lies. `one`
    asks for one vector with all padding in place, `drop` for `Tile.down` to
    drop the rows in which no window begins, where that pays.
    """
    start = 0
    right = columns.after + columns.overhang
    padding = rows.before, rows.after, rows.overhang, columns.before, right
    for planes in plane_batches(x):
        as_it_lies = (
            not any(padding)
            and planes.flags.c_contiguous
            and planes.dtype == dtype
        )
        H, W = planes.shape[1:]
        line = planes.reshape(-1) if as_it_lies else None
        phases = 1
        if rows.dilation == 1 and not (as_it_lies or one):
            phases = rows.stride
        late = 4 * max(columns.before, right) > columns.size and not one
        many = min(phases, rows.window) + late
        passes, lost = columns.window.bit_length(), rows.size - rows.out
        fewer = drop and as_it_lies and rows.stride == 1
        fewer = fewer and passes * lost > rows.out
        types = [*([] if as_it_lies else [dtype] * many), *spare]
        room = SCRATCH // sum(np.dtype(t).itemsize for t in types or [dtype])
        for block in cut_blocks(
            rows, columns, room, as_it_lies, phases, late or fewer
        ):
            lies = block.cells[1] == slice(None)
            layouts = block.first, block.last
            q = min(
                (room - layout.size(0)) // (layout.size(1) - layout.size(0))
                for layout in layouts
            )
            q = max(1, min(q, len(planes)))
            if lies and block.cells[0] != slice(None):
                q = 1
            size = max(layout.size(q) for layout in layouts)
            own = [] if lies else [dtype] * many
            vectors = Scratch.vectors(size, *own, *spare)
            padded, free = vectors[: len(own)], vectors[len(own) :]
            for vector in padded:
                vector[:] = fill
            wide = padded.pop() if late else None
            copies = block.first.copies(padded, q)
            for first in range(0, len(planes), q):
                n = min(q, len(planes) - first)
                length = block.first.size(n)
                if lies:  # and one cell more, if there is one
                    begin = (first * H + (block.cells[0].start or 0)) * W
                    flats = [line[begin : begin + length + 1]]
                else:
                    some = planes[first : first + n, *block.cells]
                    for inside, lines in copies:
                        put(inside[:n], some[:, lines])
                    flats = [vector[:length] for vector in padded]
                place = slice(start + first, start + first + n)
                yield Tile(
                    (place, *block.windows), n, flats, free, block, wide
                )
        start += len(planes)


def order_halves(bits):
    """Turn float16's bits (as int16) into integers that sort alike, or back.

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

    To `tops` (N * C, H, W), which has the dtype to work in.
    """
    H, W = x.shape[2:]
    for q, planes in plane_chunks(x, many):
        flat, out = planes.reshape(-1), tops[q].reshape(-1)
        n = flat.size
        pairs, down = Scratch.vectors(n + W, tops.dtype, tops.dtype)
        three_neighbours(flat, W, H, low, pairs, down[:n])
        three_neighbours(down[:n], 1, W, low, pairs[: n + 1], out)


SMALL = 4096  # elements; below, two calls more cost as much as the work


def max_pool2d_flat(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) by doubling over flat tiles."""
    options = (window, stride, padding, dilation, ceil_mode)
    rows, columns = pooling_axes(x.shape, *options)
    if x.size < SMALL and rows.window * columns.window <= 4:
        return max_pool2d_slices(
            x, *options[:3], dilation=dilation, ceil_mode=ceil_mode
        )
    native, work, low, put = max_setup(x.dtype)
    y = np.empty((*x.shape[:2], rows.out, columns.out), native)
    tops = y.view(work).reshape(-1, rows.out, columns.out)
    many = SCRATCH // (2 * work.itemsize * rows.size * columns.size)
    if many and work == native and is_three(rows) and is_three(columns):
        max_pool2d_threes(tops, x, low, many)
        return in_byte_order(y, x.dtype)
    for tile in tiles(x, rows, columns, work, low, [work] * 2, put, drop=True):
        top = tops[tile.place]
        flat, spare = tile.down(np.maximum, double_max)
        tile.across(np.maximum, double_max, flat, spare, top)
        if work != native:
            top[...] = order_halves(top)
    return in_byte_order(y, x.dtype)


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
        else:  # here ^ ((here ^ there) * wins): one of the two
            np.add(places[shift * step :], far, out=place)
            place ^= places[:n]
            place *= wins
            place ^= places[:n]
        values, places, width = top, place, width + shift
        some_values, some_places = some_values[::-1], some_places[::-1]
    return values, places, (some_values, some_places, won)


def window_starts(axis):
    """Return where windows start, and their first cells inside the image."""
    starts = axis.stride * np.arange(axis.out) - axis.before
    outside = -(np.minimum(starts, 0) // axis.dilation)  # cells in padding
    return starts, starts + outside * axis.dilation


def max_pool2d_flat_indices(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) by doubling; return y and plane indices."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    native, work, low, put = max_setup(x.dtype)
    y = np.empty((*x.shape[:2], rows.out, columns.out), native)
    indices = np.empty(y.shape, np.int64)
    tops = y.view(work).reshape(-1, rows.out, columns.out)
    places = indices.reshape(tops.shape)
    W = columns.size
    farthest = (rows.reach - 1) * W + columns.reach - 1
    small = np.min_scalar_type(farthest)
    (down, down_inside), (right, right_inside) = map(
        window_starts, (rows, columns)
    )
    spare = [work, work, small, small, bool]
    for tile in tiles(x, rows, columns, work, low, spare, put, True):
        _, i, j = tile.place
        top, place = tops[tile.place], places[tile.place]
        for with_nan in (False, True):
            spare = tile.spare[:2], tile.spare[2:4], tile.spare[4]
            flat, far, spare = double_both(
                *tile.phases, None, columns.window, columns.dilation,
                columns.dilation, spare, with_nan,
            )
            flat, far, spare = double_both(
                flat, far, rows.window, rows.dilation * tile.block.first.pitch,
                rows.dilation * W, spare, with_nan,
            )
            tile.read(flat, top)
            if work.kind != "f" or not np.isnan(top.max()):
                break  # else once more, now with an eye on NaN
        np.copyto(place, 0 if far is None else tile.starts(far))
        place += W * down[i, None] + right[j]
        layout = tile.block.first
        if layout.rows.before or layout.columns.before:
            lost = top == low  # where all cells equal the padding
            if lost.any():
                first = down_inside[i, None] * W + right_inside[j]
                np.copyto(place, first, where=lost)
        if work != native:
            top[...] = order_halves(top)
    return in_byte_order(y, x.dtype), indices


def scatter_chunks(values, indices, out):
    """Walk over values and where they go in out (N, C, H, W).

    Yields some planes of it, zeros at first, places in these planes, and
    values, all flat.
    """
    N, C, H, W = out.shape
    if values.size == 0:
        out[...] = 0
        return
    if values.flags.c_contiguous and indices.flags.c_contiguous:
        pairs = [(values.reshape(N * C, -1), indices.reshape(N * C, -1))]
    else:  # image by image
        pairs = (
            (value.reshape(C, -1), index.reshape(C, -1))
            for value, index in zip(values, indices, strict=True)
        )
    start, room = 0, SCRATCH // 32  # bytes that a value's work takes
    for value, index in pairs:
        many = max(1, room // value.shape[1])
        planes_of = out.reshape(N * C, H * W)[start : start + len(value)]
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
                    planes[...] = 0  # only now: it stays in the cache
                yield planes.reshape(-1), place, value[chunk].ravel()
        start += len(value)


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


def divisors(rows, columns, count_include_pad, dtype):
    """Return a function of two slices: what divides the sums of windows.

    A ufunc and its second operand.
    """
    down, across = (
        cell_counts(axis, count_include_pad) for axis in (rows, columns)
    )
    if np.ptp(down) == 0 and np.ptp(across) == 0:  # the same for all
        count = int(down[0] * across[0])
        if count.bit_count() == 1:  # a power of two: exact, and faster
            return lambda i, j: (np.multiply, dtype.type(1 / count))
        return lambda i, j: (np.divide, dtype.type(count))
    return lambda i, j: (
        np.divide, np.outer(down[i], across[j]).astype(dtype)
    )


def sum_up(means, x, rows, columns, count_include_pad, work):
    """Write the mean of each window, its sum taken in the dtype `work`."""
    divisor = divisors(rows, columns, count_include_pad, work)
    need = spare_vectors(rows.window, columns.window)
    if rows.stride > 1:  # groups of rows first, then these
        groups = rows.window // rows.stride
        need = max(need, 1 + spare_vectors(groups, columns.window))
    spare = [work] * need
    for tile in tiles(x, rows, columns, work, 0, spare):
        mean, (divide, count) = means[tile.place], divisor(*tile.place[1:])
        flat, spare = tile.down(np.add, double_sum)
        if mean.dtype == work and columns.stride == 2:
            tile.across(np.add, double_sum, flat, spare, mean)
            divide(mean, count, out=mean)
        else:
            flat, _ = double_sum(
                tile.widen(flat), columns.window, columns.dilation, spare
            )
            cells = tile.starts(flat)
            divide(cells, count, out=mean, casting="same_kind")


@functools.lru_cache(maxsize=64)
def window_matrix(axis, dtype):
    """Return a matrix (windows, cells): 1 where a window sees a cell."""
    size = axis.before + axis.size + axis.after + axis.overhang
    matrix = np.zeros((axis.out, size), dtype)
    np.put_along_axis(matrix, axis.before + axis.positions(), 1, axis=1)
    return matrix[:, axis.before : axis.before + axis.size].copy()


def few_products(rows, columns):
    """Tell whether `multiply_up` takes less time than `sum_up`."""
    products = columns.out * (1 + rows.out / columns.size)  # for a cell
    return (
        products <= 32
        and 49 <= rows.size * columns.size <= 4096
        and rows.window * columns.window >= 25
    )


def multiply_up(means, x, rows, columns, count_include_pad, work):
    """Write means as `sum_up` does, by matrices; tell if all are finite."""
    divisor = divisors(rows, columns, count_include_pad, work)
    divide, count = divisor(slice(None), slice(None))
    down = window_matrix(rows, work)
    across = window_matrix(columns, work).T.copy()
    line = max(columns.size, columns.out)
    many = max(1, SCRATCH // (4 * work.itemsize * rows.size * line))
    for q, planes in plane_chunks(x, many):
        some, mean = np.ascontiguousarray(planes, work), means[q]
        shape = len(some), rows.size, columns.out
        (half,) = Scratch.vectors(np.prod(shape), work)
        half = half.reshape(shape)
        out = mean if mean.dtype == work else None
        with np.errstate(invalid="ignore", over="ignore"):
            np.matmul(some, across, out=half)
            sums = np.matmul(down, half, out=out)
        if not np.isfinite(sums).all():
            return False
        divide(sums, count, out=mean, casting="same_kind")
    return True


def fill_means(means, x, rows, columns, count_include_pad):
    """Write the mean of each window, in float32 where it is wide enough."""
    options = (means, x, rows, columns, count_include_pad)
    work = np.result_type(means.dtype, np.float32)
    if few_products(rows, columns) and multiply_up(*options, work):
        return
    try:
        with np.errstate(over="raise" if work == np.float32 else None):
            sum_up(*options, work)
    except FloatingPointError:  # a sum has gone over
        sum_up(*options, np.dtype(float))


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
    fill_means(means, x, rows, columns, count_include_pad)
    return in_byte_order(y, dtype)


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
    offsets = [
        [(a * d - p) // s for a in range(axis.window) if (a * d - p) % s == 0]
        for p in range(s)
    ]
    used = list(itertools.chain(*offsets))
    first, last = axis.before // s, (axis.before + axis.size - 1) // s
    lead = max(0, max(used) - first)
    behind = max(0, last - min(used) - (axis.out - 1))
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
    if all(
        axis.stride == 1
        and (cell_counts(axis, count_include_pad) == axis.window).all()
        for axis in axes
    ):  # the same sums as forward
        means = dx.reshape(-1, *input_shape[2:])
        fill_means(means, dout, *map(mirrored, axes), True)
        return in_byte_order(dx, dtype)
    divisor = divisors(*axes, count_include_pad, work)
    SH, SW = (axis.stride for axis in axes)
    size = work.itemsize
    room = SCRATCH // (size * 5 * SW)  # for gradients; all else is wider
    tall, wide = (min(axis.size, max(64, 2 * axis.reach)) for axis in axes)
    if (tall // SH + 2) * (wide // SW + 2) < room:
        wide = min(axes[1].size, room // (tall // SH + 2) * SW)
        tall = min(axes[0].size, room // (wide // SW + 2) * SH)
    start = 0
    for planes in plane_batches(dout):
        for up, across in itertools.product(
            spans(axes[0].size, tall), spans(axes[1].size, wide)
        ):
            i, rows = seen_from(axes[0], up)
            j, columns = seen_from(axes[1], across)
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
            for q in range(0, len(planes), many):
                some = planes[q : q + many, i, j]
                divide(
                    some, count, out=image[: len(some)], casting="same_kind"
                )
                flat = padded[: lead + len(some) * plane]
                wider, spare = spread(flat, right, SW, vectors)
                slots = dx.reshape(-1, *input_shape[2:])
                slots = slots[start + q : start + q + len(some), up, across]
                for phase, (windows, step, first) in enumerate(down.phases):
                    t = -(-(rows.before - phase) // SH)
                    out = slots[:, SH * t + phase - rows.before :: SH]
                    if not windows:
                        out[...] = 0
                    elif out.size:
                        pitch = right.pitch * SW
                        total, _ = double_sum(
                            wider, windows, step * pitch, spare
                        )
                        offset = (first + t - down.first) * pitch
                        offset += columns.before % SW
                        strides = plane * SW * size, pitch * size, size
                        cells = np.ndarray(
                            out.shape, work, total, offset * size, strides
                        )
                        np.copyto(out, cells, casting="same_kind")
        start += len(planes)
    return in_byte_order(dx, dtype)


def global_pool2d_flat(x, ufunc):
    """Reduce each plane of x, which must be contiguous, to one number."""
    N, C, H, W = x.shape
    starts = np.arange(0, x.size, H * W)
    y = ufunc.reduceat(x.reshape(-1), starts).reshape(N, C, 1, 1)
    return y.astype(x.dtype, copy=False)  # in its byte order
