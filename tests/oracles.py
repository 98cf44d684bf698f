"""Pooling from its definition: one Python step per cell, no numpy tricks.

Written from the conventions of the book, without a line of the package, so
that the two can be held against each other.
"""

import cmath
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
    scale = abs(right).max() or 1
    return not np.allclose(mended_backward(x, kept, 2) / scale, right / scale)


def mended_backward(x, dout, window):
    return max_backward(x, dout, window)


def kink_distance(x, window, stride=None):
    gaps = []
    for _, cells in windows_from(x, window, stride):
        *_, second, first = sorted(cells)
        gaps.append(first - second)
    return min(gaps) / 2

# -- chapter 3 ----------------------------------------------------------------


def where_in_memory():
    """Number the bytes of a, each cell by its first, and follow one step."""
    first = {(r, k): 2 * (6 * r + k) for r in range(4) for k in range(6)}
    turned = first[0, 1] - first[0, 0], first[1, 0] - first[0, 0]
    flipped = first[2, 0] - first[3, 0], first[3, 3] - first[3, 0]
    steps = (1, 0), (0, 2), (1, 0), (0, 1)
    windows = [first[step] - first[0, 0] for step in steps]
    starts = first[1, 4], first[3 - 2, 3 * 1], first[2 + 0, 2 * 1 + 2]
    return tuple(map(np.array, (turned, flipped, windows, starts)))


def window_strides(shape, itemsize, window, stride, dilation):
    cells = np.arange(math.prod(shape)).reshape(shape)
    (SH, SW), (DH, DW) = stride, dilation
    starts = [cells[0].size, cells[0, 1, 0, 0]]
    steps = (SH, 0), (0, SW), (DH, 0), (0, DW)
    starts += [cells[0, 0][step] for step in steps]
    return tuple(itemsize * int(start) for start in starts)


def diagonal_windows(x, length):
    """Copy cell by cell; the strides are sums of those of x."""
    down, right = x.strides
    H, W = x.shape
    runs = [[[x[i + k, j + k] for k in range(length)]
             for j in range(W - length + 1)]
            for i in range(H - length + 1)]  # fmt: skip
    return np.array(runs, x.dtype), (down, right, down + right)


def windows_along(x, axis, length, stride):
    starts = range(0, x.shape[axis] - length + 1, stride)
    y = np.empty(
        (*x.shape[:axis], len(starts), *x.shape[axis + 1 :], length), x.dtype
    )
    for place in np.ndindex(y.shape):
        cell = list(place[:-1])
        cell[axis] = starts[cell[axis]] + place[-1]
        y[place] = x[tuple(cell)]
    return y


def partial_windows(x, f, stride, pad):
    """List rows of windows, each the list of its cells in the image."""
    starts = [
        [k for k in range(0, size, stride)
         if k + f <= size or (pad and (k == 0 or k - stride + f < size))]
        for size in x.shape
    ]  # fmt: skip
    return [[x[r : r + f, k : k + f].ravel().tolist() for k in starts[1]]
            for r in starts[0]]  # fmt: skip


def inputs_that_show(images):
    """Pool the first as published and as it should be; count the second."""
    if not isinstance(images, tuple) or len(images) != 2:
        return False
    for x in images:
        if not isinstance(x, np.ndarray) or x.ndim != 2 or not x.size:
            return False
        if not np.isfinite(x).all():
            return False
    if not all(size % 2 for size in images[0].shape):
        return False  # there the shape is wrong, too
    rows = partial_windows(images[0], 2, 2, True)
    windows = [cells for row in rows for cells in row]
    truth = [max(cells) for cells in windows]
    seen = [max(list(map(int, cells)) + [0] * (4 - len(cells)))
            for cells in windows]  # fmt: skip
    return truth != seen and not all(size % 2 for size in images[1].shape)


def pool_mended(x, f, stride, pad, method):
    take = max if method == "max" else lambda v: sum(v) / len(v)
    windows = partial_windows(x, f, stride, pad)
    return np.array([[take(cells) for cells in row] for row in windows])


def lost_axis(images):
    if not isinstance(images, np.ndarray) or images.ndim not in (2, 3):
        return False
    h, w, *channels = images.shape
    return h >= 3 and w >= 3 and 1 in (h // 3, w // 3, *channels)


def contrast_mended(images, f):
    h, w, *channels = images.shape
    y = np.empty((h // f, w // f, *channels))
    for i, j, *k in np.ndindex(y.shape):
        rows, columns = slice(f * i, f * i + f), slice(f * j, f * j + f)
        cells = sorted(images[(rows, columns, *k)].ravel().tolist())
        y[(i, j, *k)] = cells[-1] - cells[0]
    return y if images.dtype.kind == "f" else y.astype(int)


def mask_bytes(N, C, H, W, window, stride):
    (PH, PW), (SH, SW) = sides(window), sides(stride)
    windows = 0
    for _ in range(0, H - PH + 1, SH):
        windows += N * C * len(range(0, W - PW + 1, SW))
    entries = windows * PH * PW
    return 8 * entries, entries, 8 * windows


# -- chapter 4 ----------------------------------------------------------------


def unpool_by_hand():
    x, dx = np.zeros((4, 4), int), np.zeros((4, 4), int)
    for k, value, gradient in ((6, 8, 1), (6, 8, 2), (12, 9, 5), (15, 11, 7)):
        x[k // 4, k % 4] = value
        dx[k // 4, k % 4] += gradient
    return x, dx


def unpool_local(y, winners, output_shape, window, stride=None):
    x = np.zeros(output_shape, y.dtype)
    for place, cells in positions(output_shape, window, stride):
        x[*place[:2], *cells[winners[place]]] = y[place]
    return x


def mask_to_indices(mask, stride, W):
    SH, SW = sides(stride)
    places = np.full(mask.shape[:4], -1)
    for n, c, i, j, a, b in np.argwhere(mask).tolist():  # in this order
        if places[n, c, i, j] < 0:
            places[n, c, i, j] = (SH * i + a) * W + SW * j + b
    return places


def showing_sums(answer, stride):
    """Each marked cell holds the gradient of its last window."""
    x, dout = map(np.asarray, answer)
    dx, windows = {}, list(positions((1, 1, *x.shape), 2, stride))
    if dout.shape != tuple(1 + k for k in windows[-1][0][2:]):
        return False
    for (*_, i, j), cells in windows:
        for cell in cells:
            if x[cell] == max(x[other] for other in cells):
                dx[cell] = float(dout[i, j])
    gain = math.fsum(dx.values()) - math.fsum(dout.flat)
    return bool((dout > 0).all()) and (gain > 0 if stride == 2 else gain < 0)


def mended_unpool_backward(x, dout, f, stride):
    return max_backward(x[None, None], dout[None, None], f, stride)[0, 0]


def showing_average(answer):
    """Each cell of a window holds the whole value of y."""
    y, f, (h, w) = answer
    if y.shape[0] * f > h or y.shape[1] * f > w:
        return False
    return math.fsum([*y.flat] * f * f) != math.fsum(y.flat)


def avg_unpool_mended(y, f, output_shape, stride):
    x = np.zeros(output_shape)
    h, w = output_shape
    for i, j in np.ndindex(y.shape):
        cells = [
            (r, k)
            for r in range(stride * i, min(stride * i + f, h))
            for k in range(stride * j, min(stride * j + f, w))
        ]
        for cell in cells:
            x[cell] += y[i, j] / len(cells)
    return x


def unpool_with(y, indices, output_shape, fill):
    N, C, H, W = output_shape
    x = [[[[fill] * W for _ in range(H)] for _ in range(C)] for _ in range(N)]
    for n, c, i, j in np.ndindex(y.shape):
        k = int(indices[n, c, i, j])
        x[n][c][k // W][k % W] = y[n, c, i, j].item()
    return np.array(x, y.dtype)


def encoder_decoder(x, depth):
    W, shape = x.shape[3], x.shape
    homes = {place: place for place in np.ndindex(shape)}
    for _ in range(depth):
        above, homes = homes, {}
        for place, cells in positions(shape, 2):
            four = [above[*place[:2], *cell] for cell in cells]
            homes[place] = max(four, key=x.__getitem__)
        shape = tuple(1 + last for last in max(homes))
    up, places = np.zeros(x.shape), np.zeros(shape, int)
    for place, (n, c, row, column) in homes.items():
        up[n, c, row, column] = x[n, c, row, column]
        places[place] = row * W + column
    return up, places

# -- chapter 5 ----------------------------------------------------------------


def max_from_relu(x):
    found = windows_from(x, 2)
    return gathered(((p, sorted(four)[-1]) for p, four in found), float)


def soft_mean(values, beta, top):
    """Average with weights exp(beta * v), those of `top` being 1."""
    weights = [cmath.exp(beta * (v - top)) for v in values]
    total = sum(w * v for w, v in zip(weights, values, strict=True))
    return total / sum(weights)


def softmax_pool2d(x, beta, window, stride=None):
    found = windows_from(x, window, stride)
    return gathered(((p, soft_mean(cells, beta, max(cells)).real)
                     for p, cells in found), float)  # fmt: skip


def softmax_pool2d_backward(dout, x, beta, window, stride=None):
    """Move each cell a step off the real line: that is its exact slope."""
    dx = np.zeros(x.shape)
    for place, cells in positions(x.shape, window, stride):
        values = [x[*place[:2], *cell].item() for cell in cells]
        for k, cell in enumerate(cells):
            moved = [*values[:k], values[k] + 1e-30j, *values[k + 1 :]]
            slope = soft_mean(moved, beta, max(values)).imag / 1e-30
            dx[*place[:2], *cell] += slope * dout[place]
    return dx


def blur_pool2d(x, stride=2):
    H, W = x.shape[2:]
    found = {}
    for n, c in np.ndindex(x.shape[:2]):
        for i, r in enumerate(range(0, H, stride)):
            for j, k in enumerate(range(0, W, stride)):
                total = 0
                for a, b in [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]:
                    row, column = abs(r + a), abs(k + b)
                    row = min(row, 2 * (H - 1) - row)
                    column = min(column, 2 * (W - 1) - column)
                    weight = (2 - abs(a)) * (2 - abs(b))
                    total += weight * x[n, c, row, column].item()
                found[n, c, i, j] = total / 16
    return gathered(found, float)


def adaptive_avg_backward(dout, input_shape):
    """Cell r is in bin k if they share a piece of the axis."""
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dout.shape):
        rows, columns = (
            [r for r in range(size) if k * size - out < r * out
             and r * out < (k + 1) * size]
            for k, size, out in zip((i, j), input_shape[2:], dout.shape[2:],
                                    strict=True)
        )  # fmt: skip
        for cell in [(r, k) for r in rows for k in columns]:
            dx[n, c, *cell] += dout[n, c, i, j] / len(rows) / len(columns)
    return dx


def receptive_field(layers):
    """List the cells of the input that two neighbours look at."""
    sees = [{0}, {1}]
    for k, s, d in np.asarray(layers).tolist()[::-1]:
        sees = [{p * s + d * a for p in cells for a in range(k)}
                for cells in sees]  # fmt: skip
    return len(range(min(sees[0]), max(sees[0]) + 1)), min(sees[1]) - min(
        sees[0]
    )


def stochastic_chances(x, window, stride=None):
    found = {}
    for place, cells in windows_from(x, window, stride):
        for k, cell in enumerate(cells):
            found[*place, k] = cell / sum(cells) if any(cells) else (
                1 / len(cells))  # fmt: skip
    return gathered(found, float)

# -- chapter 6 ----------------------------------------------------------------


def pooling_traffic(shape, itemsize, window, stride):
    comparisons = moved = copied = 0
    moved += np.zeros(shape).size * itemsize
    for _, cells in positions(shape, window, stride):
        comparisons += len(cells) - 1
        moved += itemsize
        copied += len(cells) * itemsize
    return comparisons, moved, copied


def doubling_shifts(shifts, window):
    fewest = 0
    while 2**fewest < window:
        fewest += 1
    seen = {0}
    for shift in shifts:
        seen |= {cell + shift for cell in seen}
    return (len(shifts) <= fewest and all(shift >= 1 for shift in shifts)
            and seen == set(range(window)))  # fmt: skip


def times_added(shifts):
    reached = [0]  # each pass goes on from a cell itself, and from its copy
    for shift in shifts:
        reached += [cell + shift for cell in reached]
    return np.array([reached.count(p) for p in range(max(reached) + 1)])


def cut_rows(size, window, stride, most):
    left = list(range(0, size - window + 1, stride))
    windows, rows, done = [], [], 0
    while left:
        band = [row for row in left if row + window <= left[0] + most]
        windows.append([done, done + len(band)])
        rows.append([band[0], band[-1] + window])
        done, left = done + len(band), left[len(band) :]
    return np.array(windows), np.array(rows)


def first_places(shape, window, stride):
    cells = np.arange(np.prod(shape)).reshape(1, *shape)
    found = windows_from(cells, window, stride)
    return gathered(((p, seen[0]) for p, seen in found), int)[0]


def faster_plan(plan, window, pitch):
    """Ask for the fewest steps: few enough for both parts."""
    H = window[0] + 4
    x = np.random.default_rng(66).permutation(H * pitch)
    vectors = [x]
    for left, right, shift in plan:
        if min(left, right, shift) < 0:
            return False
        moved = vectors[right][shift:]
        n = min(len(vectors[left]), len(moved))
        vectors.append(np.maximum(vectors[left][:n], moved[:n]))
    fewest = 0
    for cells in window:
        while cells > 1:
            cells, fewest = (cells + 1) // 2, fewest + 1
    plane = x.reshape(1, 1, H, pitch)
    return len(plan) <= fewest and all(
        i * pitch + j < len(vectors[-1])
        and vectors[-1][i * pitch + j] == max(cells)
        for (*_, i, j), cells in windows_from(plane, window, 1)
    )


def max_and_distance(x, window):
    places = range(len(x) - window + 1)
    cells = [x[p : p + window].tolist() for p in places]
    best = [max(run) for run in cells]
    far = [run.index(most) for run, most in zip(cells, best, strict=True)]
    return np.array(best, x.dtype), np.array(far, np.uint8)


def gradient_from_distances(dout, distance, input_shape, stride):
    dx = np.zeros(input_shape, dout.dtype)
    (SH, SW), W = stride, input_shape[3]
    for n, c, i, j in np.ndindex(dout.shape):
        down, right = divmod(j * SW + int(distance[n, c, i, j]), W)
        dx[n, c, i * SH + down, right] += dout[n, c, i, j]
    return dx

# -- chapter 7 ----------------------------------------------------------------


def count_parameters(C, H, W, filters, classes, pool):
    F1, F2 = filters
    arrays = [(F1, C, 3, 3), (F1,), (F2, F1, 3, 3), (F2,)]
    convolutions = sum(np.zeros(shape).size for shape in arrays)
    cells = [list(range(size)) for size in (H, W)]
    for _ in range(2):  # a pooled axis keeps the starts of its windows
        cells = [axis[: len(axis) - pool + 1 : pool] for axis in cells]
    rows, columns = map(len, cells)
    dense = np.zeros((F2, rows, columns, classes)).size
    return convolutions, dense + np.zeros(classes).size


def mixed_forward(x, share, window, stride=None):
    found = windows_from(x, window, stride)
    return gathered(
        ((p, share * sorted(cells)[-1] + (1 - share) * sum(cells) / len(cells))
         for p, cells in found), float)  # fmt: skip


def mixed_backward(dout, x, share, window, stride=None):
    dx = np.zeros(x.shape)
    for place, cells in positions(x.shape, window, stride):
        plane = x[place[:2]].tolist()
        # `max` takes the first of equal ones.
        best = max(cells, key=lambda cell: plane[cell[0]][cell[1]])
        dx[*place[:2], *best] += share * dout[place]
        for cell in cells:
            dx[*place[:2], *cell] += (1 - share) * dout[place] / len(cells)
    return dx


def same_answer(scores, moved):
    kept = 0
    for n in range(len(scores)):
        rows = [list(one[n]) for one in (scores, *moved)]
        kept += len({row.index(max(row)) for row in rows}) == 1
    return kept / len(scores)


def switch_shares(indices, input_shape, window):
    places = local_indices(indices, input_shape, window).ravel().tolist()
    PH, PW = sides(window)
    counts = [places.count(place) for place in range(PH * PW)]
    return np.reshape(counts, (PH, PW)) / len(places)
