# Exported from book/06_fast.ipynb: edit that and `make refresh`.
"""Fast: pooling at the speed of memory."""

import numpy as np

from pooling.geometry import lowest, pad_planes, pooling_axes, tap_slices


def max_pool2d_cells(x, window, stride=None, padding=0):
    """Max-pool x (N, C, H, W), one slice for each cell of the window."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    x = pad_planes(x, rows, columns, lowest(x.dtype))
    y = x[tap_slices(rows, columns, 0, 0)]
    for a, b in np.ndindex(rows.window, columns.window):
        y = np.maximum(y, x[tap_slices(rows, columns, a, b)])
    return y


def max_pool2d_rows_columns(x, window, stride=None, padding=0):
    """Max-pool x (N, C, H, W) along its rows, then along its columns."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    sides = (0, 0), (columns.before, columns.after)
    x = max_pool2d_cells(x, (1, columns.window), (1, columns.stride), sides)
    sides = (rows.before, rows.after), (0, 0)
    return max_pool2d_cells(x, (rows.window, 1), (rows.stride, 1), sides)


def frame_of(rows, columns):
    """Return a padded plane's height and pitch, and the cells before it."""
    height = rows.size + max(rows.before, rows.after)
    pitch = columns.size + max(columns.before, columns.after)
    return height, pitch, rows.before * pitch + columns.before


def widen_max(flat, window, step):
    """Take the maximum of `window` cells, `step` apart, from each on."""
    width = 1
    while width < window:
        shift = min(width, window - width)  # halves may overlap
        flat = np.maximum(flat[: -shift * step], flat[shift * step :])
        width += shift
    return flat


def widen_sum(flat, window, step):
    """Add `window` cells, `step` apart, from each on."""
    total, width = flat, 1
    for digit in f"{window:b}"[1:]:
        total = total[: -width * step] + total[width * step :]
        width *= 2
        if digit == "1":
            single = flat[width * step :]
            total = total[: single.size] + single
            width += 1
    return total


ROOM = 2**16  # cells of a tile: 256 KB of float32, part of a core's cache


def cut_tiles(x, rows, columns, fill, room):
    """Yield (slice of planes, these planes padded, as one vector)."""
    height, pitch, head = frame_of(rows, columns)
    planes = x.reshape(-1, rows.size, columns.size)
    many = max(1, min(len(planes), room // (height * pitch)))
    padded = np.full(head + many * height * pitch, fill, x.dtype)
    for first in range(0, len(planes), many):
        some = planes[first : first + many]
        flat = padded[: head + len(some) * height * pitch]
        inside = flat[head:].reshape(-1, height, pitch)
        inside[:, : rows.size, : columns.size] = some
        yield slice(first, first + len(some)), flat


def first_cells(flat, count, rows, columns):
    """View the first cell of each window of `count` planes."""
    height, pitch, _ = frame_of(rows, columns)
    steps = height * pitch, rows.stride * pitch, columns.stride
    return np.ndarray(
        (count, rows.out, columns.out), flat.dtype, flat,
        strides=[flat.itemsize * step for step in steps],
    )


def pool_tiled(x, rows, columns, fill, widen, room=ROOM):
    """Widen each tile along its rows and down; read the first cells."""
    pitch = frame_of(rows, columns)[1]
    y = np.empty((*x.shape[:2], rows.out, columns.out), x.dtype)
    planes = y.reshape(-1, rows.out, columns.out)
    for some, flat in cut_tiles(x, rows, columns, fill, room):
        wide = widen(widen(flat, columns.window, 1), rows.window, pitch)
        planes[some] = first_cells(wide, len(planes[some]), rows, columns)
    return y


def max_pool2d_tiled(x, window, stride=None, padding=0, room=ROOM):
    """Max-pool x (N, C, H, W) by doubling, tile after tile."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    return pool_tiled(x, rows, columns, lowest(x.dtype), widen_max, room)


def avg_pool2d_tiled(x, window, stride=None, padding=0):
    """Average-pool x (N, C, H, W) by doubling; padding counts."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    x = x.astype(np.result_type(x, 1.0), copy=False)  # no integers
    sums = pool_tiled(x, rows, columns, 0, widen_sum)
    sums /= rows.window * columns.window
    return sums


def widen_both(top, far, window, step, distance):
    """Widen maxima and the distances of the winners, as one does alone."""
    width = 1
    while width < window:
        shift = min(width, window - width)
        here, there = top[: -shift * step], top[shift * step :]
        near = far[: here.size]
        away = far[shift * step :] + far.dtype.type(shift * distance)
        far = near ^ ((near ^ away) * (there > here))
        top = np.maximum(here, there)
        width += shift
    return top, far


def max_pool2d_tiled_indices(x, window, stride=None, padding=0):
    """Max-pool x, without NaN, each window with a number above the lowest."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    pitch, W = frame_of(rows, columns)[1], columns.size
    y = np.empty((*x.shape[:2], rows.out, columns.out), x.dtype)
    indices = np.empty(y.shape, np.int64)
    small = np.min_scalar_type((rows.window - 1) * W + columns.window - 1)
    tops, fars = (a.reshape(-1, *y.shape[2:]) for a in (y, indices))
    for some, flat in cut_tiles(x, rows, columns, lowest(x.dtype), ROOM):
        far = np.zeros(flat.size, small)
        top, far = widen_both(flat, far, columns.window, 1, 1)
        top, far = widen_both(top, far, rows.window, pitch, W)
        tops[some] = first_cells(top, len(tops[some]), rows, columns)
        fars[some] = first_cells(far, len(tops[some]), rows, columns)
    i, j = (a.stride * np.arange(a.out) - a.before for a in (rows, columns))
    return y, indices + W * i[:, None] + j


def scatter(values, indices, input_shape, add=True):
    """Add each value at its index of its plane, or only put it there."""
    N, C, H, W = input_shape
    x = np.zeros(N * C * H * W, values.dtype)
    planes = H * W * np.arange(N * C).reshape(N, C, 1, 1)  # where they begin
    places = (planes + indices).ravel()
    if add:
        np.add.at(x, places, values.ravel())
    else:
        x[places] = values.ravel()
    return x.reshape(input_shape)
