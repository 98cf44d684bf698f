# Exported from book/04_unpooling.ipynb: edit that and `make refresh`.
"""Unpooling: the way back up."""

import numpy as np

from pooling.geometry import (
    mean_dtype,
    pad_planes,
    pair,
    pooling_axes,
    tap_slices,
    window_counts,
)
from pooling.lessons.strides import from_planes, to_planes


def max_unpool2d_mask(y, mask, output_shape, stride):
    """Put each y (N, C, OH, OW) where its window's mask is true."""
    SH, SW = pair(stride, "stride", 1)
    n, c, i, j, a, b = np.nonzero(mask)  # image, channel, window, cell
    x = np.zeros(output_shape, y.dtype)
    x[n, c, SH * i + a, SW * j + b] = y[n, c, i, j]
    return x


def unpool_images(images, mask, output_shape, stride):
    """Undo `pool_images` with its mask: channels last, as there."""
    ndim = images.ndim
    shape = to_planes(np.empty(output_shape), ndim).shape
    x = max_unpool2d_mask(
        to_planes(images, ndim), to_planes(mask, ndim), shape, stride
    )
    return from_planes(x, ndim)


def batch_indices(indices, input_shape):
    """Turn places in a plane into places in the whole batch, flat."""
    N, C, H, W = input_shape
    first = H * W * np.arange(N * C).reshape(N, C, 1, 1)  # of each plane
    return (first + indices).ravel()


def max_unpool2d_indices(y, indices, output_shape):
    """Put each y (N, C, OH, OW) at its index of its plane; zeros elsewhere."""
    x = np.zeros(output_shape, y.dtype)
    x.reshape(-1)[batch_indices(indices, output_shape)] = y.ravel()
    return x


def avg_unpool2d(
    y, output_shape, window, stride=None, padding=0, *, dilation=1,
    ceil_mode=False, count_include_pad=True,
):
    """Share each y (N, C, OH, OW) evenly among the cells of its window."""
    rows, columns = pooling_axes(
        output_shape, window, stride, padding, dilation, ceil_mode
    )
    share = y / window_counts(rows, columns, count_include_pad)
    zeros = np.zeros(output_shape, np.result_type(y, float))
    padded = pad_planes(zeros, rows, columns, 0)
    for a, b in np.ndindex(rows.window, columns.window):
        padded[tap_slices(rows, columns, a, b)] += share
    top, left = rows.before, columns.before
    bottom, right = top + rows.size, left + columns.size
    x = padded[:, :, top:bottom, left:right]
    return x.astype(mean_dtype(y.dtype))
