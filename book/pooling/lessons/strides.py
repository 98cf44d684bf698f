# Exported from book/03_strides.ipynb: edit that and `make refresh`.
"""Strides: all windows, without a copy."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from pooling.geometry import (
    lowest,
    mean_dtype,
    output_size,
    pad_planes,
    pair,
    pooling_axes,
    window_counts,
)


def window_view(x, window, stride=None, dilation=1):
    """View all windows of x (..., H, W): (..., OH, OW, PH, PW).

    Nothing is copied, and the view is read-only.
    """
    PH, PW = pair(window, "window", 1)
    SH, SW = (PH, PW) if stride is None else pair(stride, "stride", 1)
    DH, DW = pair(dilation, "dilation", 1)
    *outer, H, W = x.shape
    *outer_strides, down, right = x.strides  # bytes from cell to cell
    OH = output_size(H, PH, SH, dilation=DH)
    OW = output_size(W, PW, SW, dilation=DW)
    return as_strided(
        x,
        shape=(*outer, OH, OW, PH, PW),
        strides=(
            *outer_strides,
            SH * down,  # the next window below
            SW * right,  # the next window on the right
            DH * down,  # the next row of the window
            DW * right,  # the next column of the window
        ),
        writeable=False,
    )


def checked_window_view(x, window, stride=None, dilation=1):
    """View all windows of x (..., H, W) as `window_view`, by slices."""
    PH, PW = pair(window, "window", 1)
    SH, SW = (PH, PW) if stride is None else pair(stride, "stride", 1)
    DH, DW = pair(dilation, "dilation", 1)
    spans = (DH * (PH - 1) + 1, DW * (PW - 1) + 1)
    every = sliding_window_view(x, spans, axis=(-2, -1))
    return every[..., ::SH, ::SW, ::DH, ::DW]


def padded_window_view(x, rows, columns, value):
    """View all windows of x (N, C, H, W), padded only where it must be."""
    sides = [
        axis.before + axis.after + axis.overhang for axis in (rows, columns)
    ]
    padded = pad_planes(x, rows, columns, value) if any(sides) else x
    return window_view(
        padded,
        (rows.window, columns.window),
        (rows.stride, columns.stride),
        (rows.dilation, columns.dilation),
    )


def max_pool2d_strided(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) over a view of its windows."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    view = padded_window_view(x, rows, columns, lowest(x.dtype))
    return view.max(axis=(-2, -1))


def avg_pool2d_strided(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False,
    count_include_pad=True,
):
    """Average-pool x (N, C, H, W) over a view of its windows."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    view = padded_window_view(x, rows, columns, 0)
    dtype = mean_dtype(x.dtype)
    total = view.sum(axis=(-2, -1), dtype=np.result_type(dtype, float))
    counts = window_counts(rows, columns, count_include_pad)
    return (total / counts).astype(dtype)


def max_mask(view):
    """Mark every maximum of each window: bools, shaped like the view."""
    top = view.max(axis=(-2, -1), keepdims=True)
    return (view == top) | (view != view)  # a NaN equals nothing, not even it


def in_image(rows, columns):
    """Mark the windows' cells that lie in the image: (OH, OW, PH, PW)."""
    down, across = (
        (axis.positions() >= 0) & (axis.positions() < axis.size)
        for axis in (rows, columns)
    )
    return down[:, None, :, None] & across[None, :, None, :]


def max_index(view):
    """Return the place of each window's first maximum, 0 .. PH*PW-1."""
    *outer, PH, PW = view.shape
    return view.reshape(*outer, PH * PW).argmax(axis=-1)  # copies the view


def to_planes(images, ndim):
    """View images (h, w), (h, w, c) or (m, h, w, c) as (N, C, ...).

    `ndim` is 2, 3 or 4: the axes of the images. A mask has two axes more.
    """
    if ndim == 2:
        return images[None, None]
    if ndim == 3:
        return np.moveaxis(images, -1, 0)[None]
    if ndim == 4:
        return np.moveaxis(images, -1, 1)
    raise ValueError(
        f"images must be (h, w), (h, w, c) or (m, h, w, c), got shape "
        f"{images.shape}"
    )


def from_planes(planes, ndim):
    """View planes (N, C, ...) as images with channels last again."""
    if ndim == 2:
        return planes[0, 0]
    if ndim == 3:
        return np.moveaxis(planes[0], 0, -1)
    return np.moveaxis(planes, 1, -1)


def pool_images(
    images, f, stride=None, method="max", pad=False, return_mask=False
):
    """Pool images with channels last, (h, w), (h, w, c) or (m, h, w, c).

    `pad` keeps partial windows at the bottom and the right. `return_mask`
    adds where the maxima are: (..., OH, OW, f, f[, c]).
    """
    if method not in ("max", "mean"):
        raise ValueError(f"method must be 'max' or 'mean', got {method!r}")
    if return_mask and method != "max":
        raise ValueError("return_mask needs method 'max': a mean has no place")
    images = np.asarray(images)
    x = to_planes(images, images.ndim)
    if method == "mean":
        y = avg_pool2d_strided(x, f, stride, ceil_mode=pad)
        return from_planes(y, images.ndim)
    rows, columns = pooling_axes(x.shape, f, stride, ceil_mode=pad)
    view = padded_window_view(x, rows, columns, lowest(x.dtype))
    y = from_planes(view.max(axis=(-2, -1)), images.ndim)
    if not return_mask:
        return y
    mask = max_mask(view) & in_image(rows, columns)
    return y, from_planes(mask, images.ndim)
