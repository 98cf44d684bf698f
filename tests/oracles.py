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
