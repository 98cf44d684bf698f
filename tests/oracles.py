"""Pooling from its definition: one Python step per cell, no numpy tricks.

Written from the conventions of the book, without a line of the package, so
that the two can be held against each other.
"""

import math
from typing import NamedTuple

import numpy as np


class Line(NamedTuple):
    """One axis of a pooling."""

    size: int
    window: int
    stride: int
    before: int
    after: int
    dilation: int
    ceil_mode: bool

    @property
    def legal(self):
        """Tell whether padding < window, and each window meets the image."""
        span = self.dilation * (self.window - 1) + 1
        windows = self.windows()
        return (
            max(self.before, self.after) < span
            and bool(windows)
            and all(any(map(self.in_image, cells)) for cells in windows)
        )

    def windows(self):
        """Walk along the axis; list the cells of each window."""
        windows = []
        start = -self.before
        while True:
            cells = [start + k * self.dilation for k in range(self.window)]
            end = self.size + self.after
            if self.ceil_mode:  # is there a cell left that nobody covered?
                keep = cells[-1] - self.stride + 1 < end and start < self.size
            else:
                keep = cells[-1] < end
            if not keep:
                return windows
            windows.append(cells)
            start += self.stride

    def in_image(self, cell):
        return 0 <= cell < self.size

    def in_padded(self, cell):
        return -self.before <= cell < self.size + self.after


def is_nan(value):
    return value != value


def max_plane(plane, rows, columns):
    """Pool one plane (a list of lists); return (values, flat indices)."""
    values, indices = [], []
    for window_rows in rows.windows():
        for window_columns in columns.windows():
            best = place = None
            for i in filter(rows.in_image, window_rows):
                for j in filter(columns.in_image, window_columns):
                    value = plane[i][j]
                    if (
                        place is None
                        or (is_nan(value) and not is_nan(best))
                        or value > best
                    ):
                        best, place = value, i * columns.size + j
            values.append(best)
            indices.append(place)
    return values, indices


def shares(rows, columns, count_include_pad):
    """List, per window, its cells in the image and what it divides by."""
    found = []
    for window_rows in rows.windows():
        for window_columns in columns.windows():
            cells = [(i, j) for i in window_rows for j in window_columns]
            image = [
                (i, j)
                for i, j in cells
                if rows.in_image(i) and columns.in_image(j)
            ]
            counted = [
                (i, j)
                for i, j in cells
                if rows.in_padded(i) and columns.in_padded(j)
            ]
            count = len(counted if count_include_pad else image)
            found.append((image, count))
    return found


def exact_sum(values):
    """Add without rounding in between; infinities and NaN as IEEE says."""
    if all(isinstance(v, int) for v in values):
        return sum(values)
    if all(map(math.isfinite, values)):
        return math.fsum(values)
    return sum(map(float, values))


def planes_of(x):
    """Walk through the planes of x as lists of lists of Python numbers."""
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            yield n, c, x[n, c].tolist()


def max_pool(x, rows, columns):
    """Return (y, indices) of a batch."""
    shape = (*x.shape[:2], len(rows.windows()), len(columns.windows()))
    y, indices = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    for n, c, plane in planes_of(x):
        values, places = max_plane(plane, rows, columns)
        y[n, c].flat = values
        indices[n, c].flat = places
    return y, indices


def max_pool_backward(dout, indices, input_shape):
    """Add up, for each cell, the gradients of the windows that it won."""
    dx = np.zeros(input_shape)
    W = input_shape[3]
    for place in np.ndindex(dout.shape):
        n, c = place[:2]
        winner = int(indices[place])
        dx[n, c, winner // W, winner % W] += float(dout[place])
    return dx


def avg_pool(x, rows, columns, count_include_pad=True):
    """Return y, in float64."""
    windows = shares(rows, columns, count_include_pad)
    shape = (*x.shape[:2], len(rows.windows()), len(columns.windows()))
    y = np.empty(shape)
    for n, c, plane in planes_of(x):
        y[n, c].flat = [
            exact_sum([plane[i][j] for i, j in image]) / count
            for image, count in windows
        ]
    return y


def avg_pool_backward(dout, rows, columns, count_include_pad=True):
    """Return dx, in float64."""
    windows = shares(rows, columns, count_include_pad)
    dx = np.zeros((*dout.shape[:2], rows.size, columns.size))
    for n, c, plane in planes_of(dout):
        flat = [value for row in plane for value in row]
        for value, (image, count) in zip(flat, windows, strict=True):
            for i, j in image:
                dx[n, c, i, j] += value / count
    return dx


# What the exercises ask for --------------------------------------------------
#
# One oracle for each exercise, of the same name. Where several answers are
# right, it takes an answer before the arguments and tells if it is right.


def sides(value):
    """Return an int or a pair as (rows, columns)."""
    return (value, value) if isinstance(value, int) else tuple(value)


def windows_from(x, window, stride=None, padding=0):
    """Yield (n, c, i, j) and the cells of that window in the image."""
    (PH, PW), (TH, TW) = sides(window), sides(padding)
    SH, SW = (PH, PW) if stride is None else sides(stride)
    N, C, H, W = x.shape
    for n, c in np.ndindex(N, C):
        for i, top in enumerate(range(-TH, H + TH - PH + 1, SH)):
            for j, left in enumerate(range(-TW, W + TW - PW + 1, SW)):
                cells = []
                for r in range(top, top + PH):
                    for k in range(left, left + PW):
                        if 0 <= r < H and 0 <= k < W:
                            cells.append(x[n, c, r, k].item())
                yield (n, c, i, j), cells


def gathered(found, dtype):
    """Make an array of pairs (place, value)."""
    found = dict(found)
    y = np.empty([1 + last for last in map(max, zip(*found, strict=True))],
                 dtype)  # fmt: skip
    for place, value in found.items():
        y[place] = value
    return y


# -- chapter 1 ----------------------------------------------------------------


def pool_by_hand():
    x = np.array([[-1, 3, 0, -2], [2, -4, -3, -5], [5, 1, -6, -7]])[None, None]
    best = [
        gathered(((p, sorted(cells)[-1]) for p, cells in
                  windows_from(x, 2, stride)), int)[0, 0]
        for stride in (1, 2)
    ]  # fmt: skip
    mean = gathered(
        ((p, sum(cells) / 4) for p, cells in windows_from(x, 2, 1)), float
    )
    return best[0], mean[0, 0], best[1]


def count_windows(size, window, stride, padding, ceil):
    line = Line(size, window, stride, padding, padding, 1, ceil)
    return len(line.windows())


def input_sizes(out, window, stride, padding=0):
    fits = []
    for size in range(1, 200):
        last = size + padding - window
        if len(range(-padding, last + 1, stride)) == out:
            fits.append(size)
    return fits[0], fits[-1]


def pool_planes(x, window, stride, padding, mode):
    cells = window[0] * window[1]
    found = windows_from(x, window, stride, padding)
    return gathered(
        ((p, sorted(seen)[-1] if mode == "max" else sum(seen) / cells)
         for p, seen in found), float)  # fmt: skip


def min_pool2d(x, window, stride=None, padding=0):
    found = windows_from(x, window, stride, padding)
    return gathered(((p, sorted(cells)[0]) for p, cells in found), x.dtype)


def average_kernel(channels, window):
    """Average a single 1 in each place: that is its weight."""
    PH, PW = window
    weights = np.empty((channels, channels, PH, PW))
    for o, c, a, b in np.ndindex(weights.shape):
        image = np.zeros((channels, PH, PW))
        image[c, a, b] = 1
        cells = image[o].ravel().tolist()
        weights[o, c, a, b] = sum(cells) / len(cells)
    return weights


def pooling_cost(C, H, W, window, stride, padding):
    plane = np.zeros((1, 1, H, W), np.int8)  # each of C is like this one
    comparisons = divisions = 0
    for _ in windows_from(plane, window, stride, padding):
        comparisons += C * len(range(1, window[0] * window[1]))
        divisions += C
    return comparisons, comparisons, divisions


def same_padding(size, window, stride):
    wanted = len(range(0, size, stride))
    before = after = 0
    while len(range(-before, size + after - window + 1, stride)) < wanted:
        if after > before:
            before += 1
        else:
            after += 1
    return before, after


def showing_input(image):
    """Look for a window of 2 x 2 that is negative throughout."""
    if not isinstance(image, np.ndarray) or image.ndim != 2:
        return False
    if not np.isfinite(image).all():
        return False
    cells = windows_from(image[None, None], 2, 1)
    return any(sorted(four)[-1] < 0 for _, four in cells)


def pool2d_mended(x, window):
    found = windows_from(x[None, None], window, 1)
    return gathered(((p, sorted(cells)[-1]) for p, cells in found),
                    x.dtype)[0, 0]  # fmt: skip


# -- chapter 2 ----------------------------------------------------------------


def positions(shape, window, stride=None, padding=0):
    """Yield n, c, i, j and the cells (row, column) of each window.

    In the order of im2col, position first; cells may lie in the padding.
    """
    (PH, PW), (TH, TW) = sides(window), sides(padding)
    SH, SW = (PH, PW) if stride is None else sides(stride)
    N, C, H, W = shape
    for i, top in enumerate(range(-TH, H + TH - PH + 1, SH)):
        for j, left in enumerate(range(-TW, W + TW - PW + 1, SW)):
            rows, columns = range(top, top + PH), range(left, left + PW)
            cells = [(r, k) for r in rows for k in columns]
            for n, c in np.ndindex(N, C):
                yield (n, c, i, j), cells


def inside(shape, cells):
    """List the cells that lie in the image."""
    return [(r, k) for r, k in cells
            if 0 <= r < shape[2] and 0 <= k < shape[3]]  # fmt: skip


def worked_problem():
    x = np.array([[3, 7, 2, 5], [7, 1, 5, 5], [0, 7, 4, 6]])[None, None]
    dout = np.arange(1, 7).reshape(1, 1, 2, 3)
    best = []
    for _, cells in positions(x.shape, 2, 1):
        r, k = max(cells, key=lambda cell: x[0, 0, *cell])
        best.append(r * 4 + k)
    indices = np.reshape(best, (2, 3))
    dx = max_backward(x, dout, 2, 1)[0, 0]
    return (im2col_padded(x, (2, 2), (1, 1), (0, 0), 0),
            x.ravel()[indices], indices, dx.astype(int))  # fmt: skip


def im2col_padded(x, window, stride, padding, fill):
    found = []
    for (n, c, *_), cells in positions(x.shape, window, stride, padding):
        real = inside(x.shape, cells)
        found.append([x[n, c, *p] if p in real else fill for p in cells])
    return np.array(found, x.dtype).T


def col2im_padded(cols, shape, window, stride, padding):
    dx = np.zeros(shape)
    windows = positions(shape, window, stride, padding)
    for column, ((n, c, *_), cells) in zip(cols.T, windows, strict=True):
        for value, cell in zip(column, cells, strict=True):
            if cell in inside(shape, cells):
                dx[n, c, *cell] += value
    return dx


def max_backward(x, dout, window, stride=None, padding=0):
    dx = np.zeros(x.shape)
    for place, cells in positions(x.shape, window, stride, padding):
        plane = x[place[:2]]
        best = None
        for cell in inside(x.shape, cells):  # the first of equal ones
            best = cell if best is None or plane[cell] > plane[best] else best
        dx[*place[:2], *best] += dout[place]
    return dx


def second_max_pool2d(x, window, stride=None):
    found = windows_from(x, window, stride)
    return gathered(((p, sorted(cells)[-2]) for p, cells in found), x.dtype)


def im2row(x, window, stride=None):
    found = {
        (n, i, j, c): cells
        for (n, c, i, j), cells in windows_from(x, window, stride)
    }
    return np.array([found[place] for place in sorted(found)], x.dtype)


def local_indices(indices, input_shape, window, stride=None):
    W = input_shape[3]
    return gathered(
        (
            (place, [r * W + k for r, k in cells].index(indices[place]))
            for place, cells in positions(input_shape, window, stride)
        ),
        int,
    )


def sum_pool_backward(dout, input_shape, window, stride):
    dx = np.zeros(input_shape)
    for place, cells in positions(input_shape, window, stride):
        for cell in cells:
            dx[*place[:2], *cell] += dout[place]
    return dx


def avg_pool_layer(x, dout, window, stride, padding):
    y, dx = np.empty(dout.shape), np.zeros(x.shape)
    for place, cells in positions(x.shape, window, stride, padding):
        real = inside(x.shape, cells)
        plane = x[place[:2]]
        y[place] = math.fsum(plane[cell] for cell in real) / len(cells)
        for cell in real:
            dx[*place[:2], *cell] += dout[place] / len(cells)
    return y, dx


def showing_case(answer):
    """Gradients written into the dtype of x must not be what they were."""
    x, dout = map(np.asarray, answer)
    if x.ndim != 4 or dout.ndim != 4:
        return False
    right = mended_backward(x, dout, 2)
    with np.errstate(all="ignore"):
        kept = dout.astype(x.dtype)
    return not np.allclose(mended_backward(x, kept, 2), right)


def mended_backward(x, dout, window):
    return max_backward(x, dout, window)


def kink_distance(x, window, stride=None):
    gaps = []
    for _, cells in windows_from(x, window, stride):
        *_, second, first = sorted(cells)
        gaps.append(first - second)
    return min(gaps) / 2

# -- chapter 3 ----------------------------------------------------------------

# strides

# -- chapter 4 ----------------------------------------------------------------

# unpooling

# -- chapter 5 ----------------------------------------------------------------

# variants

# -- chapter 6 ----------------------------------------------------------------

# fast

# -- chapter 7 ----------------------------------------------------------------

# network
