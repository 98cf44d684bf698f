# Exported from book/05_variants.ipynb: edit that and `make refresh`.
"""Variants: between maximum and average, and beyond."""

import numpy as np

from pooling.geometry import mean_dtype, pair, pooling_axes
from pooling.lessons.strides import padded_window_view


def depthwise_conv2d(x, weights, stride=1, padding=0):
    """Convolve each channel of x (N, C, H, W) with weights (C, FH, FW)."""
    rows, columns = pooling_axes(x.shape, weights.shape[1:], stride, padding)
    view = padded_window_view(x, rows, columns, 0)
    return np.einsum("ncijab,cab->ncij", view, weights)


def power_mean(values, p):
    """Average |values| over the last axis by powers: p = 1 to infinity."""
    values = np.abs(values + 0.0)  # small integers would wrap
    size = values.max(axis=-1, keepdims=True)
    if p == np.inf:
        return size[..., 0]
    usual = (size > 0) & (size < np.inf)
    scale = np.where(usual, size, 1)  # so that no power overflows
    mean = ((values / scale) ** p).mean(axis=-1)
    return scale[..., 0] * mean ** (1 / p)


def softmax_mean(values, beta):
    """Average the last axis with weights exp(beta * value)."""
    values = values + 0.0
    scores = beta * values
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))  # at most 1
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights * values).sum(axis=-1)


def log_mean_exp(values, beta):
    """Average exp(beta * value) over the last axis, and take it back."""
    scores = beta * (values + 0.0)
    top = scores.max(axis=-1, keepdims=True)
    # expm1 and log1p keep their digits where beta is small.
    rest = np.expm1(scores - top).mean(axis=-1)
    return (top[..., 0] + np.log1p(rest)) / beta


def adaptive_bins(size, out):
    """Divide an axis into `out` bins of nearly equal length: (starts, stops).

    Bins may overlap by a cell; none is empty.
    """
    k = np.arange(out)
    return k * size // out, -(-(k + 1) * size // out)


def adaptive_pool2d(x, output_size, pool):
    """Apply `pool` (np.max, np.mean) to each bin of x (N, C, H, W)."""
    OH, OW = pair(output_size, "output_size", 1)
    down, across = (
        list(zip(*adaptive_bins(size, out), strict=True))
        for size, out in ((x.shape[2], OH), (x.shape[3], OW))
    )
    lines = [
        [pool(x[:, :, a:b, c:d], axis=(2, 3)) for c, d in across]
        for a, b in down
    ]
    return np.stack([np.stack(line, axis=-1) for line in lines], axis=-2)


def lp_pool2d_strided(
    x, p, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Take the p-norm of each window of x (N, C, H, W)."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    dtype = mean_dtype(x.dtype)
    wide = x.astype(np.result_type(dtype, float))
    view = padded_window_view(wide, rows, columns, 0)  # adds nothing to a sum
    size = rows.window * columns.window
    norm = power_mean(view.reshape(*view.shape[:4], size), p)
    return (norm * size ** (1 / p)).astype(dtype)
