# Exported from book/01_windows.ipynb: edit that and `make refresh`.
"""Windows: pooling by hand."""

import numpy as np

from pooling.geometry import (
    lowest,
    mean_dtype,
    pad_planes,
    pooling_axes,
    window_counts,
)


def pool2d(x, window, mode="max"):
    """Pool one 2-D image with stride 1: slide, cut, take the maximum."""
    if mode not in ("max", "avg"):
        raise ValueError(f"mode must be 'max' or 'avg', got {mode!r}")
    PH, PW = window
    y = np.zeros((x.shape[0] - PH + 1, x.shape[1] - PW + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            cut = x[i : i + PH, j : j + PW]
            y[i, j] = cut.max() if mode == "max" else cut.mean()
    return y


def cut_window(padded, rows, columns, i, j):
    """Cut the window of output cell (i, j) out of each padded plane."""
    cuts = []
    for axis, k in ((rows, i), (columns, j)):
        start = k * axis.stride
        stop = start + axis.dilation * axis.window
        cuts.append(slice(start, stop, axis.dilation))
    return padded[:, :, cuts[0], cuts[1]]


def max_pool2d_loops(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x (N, C, H, W) with one Python step per output cell."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    padded = pad_planes(x, rows, columns, lowest(x.dtype))
    y = np.empty((*x.shape[:2], rows.out, columns.out), x.dtype)
    for i, j in np.ndindex(rows.out, columns.out):
        cut = cut_window(padded, rows, columns, i, j)
        y[:, :, i, j] = cut.max(axis=(2, 3))
    return y


def avg_pool2d_loops(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False,
    count_include_pad=True,
):
    """Average-pool x (N, C, H, W) with one Python step per output cell."""
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    counts = window_counts(rows, columns, count_include_pad)
    dtype = mean_dtype(x.dtype)
    padded = pad_planes(x, rows, columns, 0)
    y = np.empty((*x.shape[:2], rows.out, columns.out), dtype)
    for i, j in np.ndindex(rows.out, columns.out):
        cut = cut_window(padded, rows, columns, i, j)
        total = cut.sum(axis=(2, 3), dtype=np.result_type(dtype, float))
        y[:, :, i, j] = total / counts[i, j]
    return y
