# Exported from book/02_im2col.ipynb: edit that and `make refresh`.
"""Columns: im2col pooling, forward and backward."""

import numpy as np

from pooling.geometry import (
    lowest,
    mean_dtype,
    pad_planes,
    pair,
    pooling_axes,
    tap_slices,
    window_counts,
)
from pooling.lessons.windows import cut_window


def im2col(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False, fill=0
):
    """Lay each window of each channel in a column: (PH*PW, OH*OW*N*C)."""
    N, C = x.shape[:2]
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    padded = pad_planes(x, rows, columns, fill)
    cols = np.empty(
        (rows.window, columns.window, rows.out, columns.out, N, C), x.dtype
    )
    for a, b in np.ndindex(rows.window, columns.window):
        tap = padded[tap_slices(rows, columns, a, b)]  # (N, C, OH, OW)
        cols[a, b] = tap.transpose(2, 3, 0, 1)
    return cols.reshape(rows.window * columns.window, -1)


def find_winners(cols, inside):
    """Pick the first maximum of each column; padding never wins a tie.

    `inside` (PH*PW, OH*OW) tells which cells lie in the image.
    """
    cols = cols.reshape(*inside.shape, -1)  # (PH*PW, OH*OW, N*C)
    winners = cols.argmax(axis=0)
    spot = np.arange(inside.shape[1])[:, None]
    # Where all real cells equal the fill, the first real cell wins.
    first_inside = inside.argmax(axis=0)[:, None]
    winners = np.where(inside[winners, spot], winners, first_inside)
    return winners.ravel()


def max_pool2d_im2col(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Max-pool x; return y and the winner's place in its window, 0 .. PH*PW-1.

    Both are (N, C, OH, OW).
    """
    N, C, H, W = x.shape
    options = (window, stride, padding)
    extra = {"dilation": dilation, "ceil_mode": ceil_mode}
    rows, columns = pooling_axes(x.shape, *options, **extra)
    cols = im2col(x, *options, **extra, fill=lowest(x.dtype))
    image = np.ones((1, 1, H, W), bool)
    winners = find_winners(cols, im2col(image, *options, **extra))
    y = cols[winners, np.arange(winners.size)]
    order = (rows.out, columns.out, N, C)  # the order of the columns
    y = y.reshape(order).transpose(2, 3, 0, 1)
    return y, winners.reshape(order).transpose(2, 3, 0, 1)


def col2im(
    cols, input_shape, window, stride=None, padding=0, *, dilation=1,
    ceil_mode=False,
):
    """Add each column back to where im2col took it from: (N, C, H, W)."""
    N, C, H, W = input_shape
    rows, columns = pooling_axes(
        input_shape, window, stride, padding, dilation, ceil_mode
    )
    cols = cols.reshape(
        rows.window, columns.window, rows.out, columns.out, N, C
    )
    zeros = np.zeros(input_shape, cols.dtype)
    padded = pad_planes(zeros, rows, columns, 0)
    for a, b in np.ndindex(rows.window, columns.window):
        tap = cols[a, b].transpose(2, 3, 0, 1)
        padded[tap_slices(rows, columns, a, b)] += tap
    top, left = rows.before, columns.before
    return padded[:, :, top : top + H, left : left + W]


def max_pool2d_im2col_backward(
    dout, winners, input_shape, window, stride=None, padding=0, *, dilation=1,
    ceil_mode=False,
):
    """Send each gradient to the winner of its window; overlaps add."""
    PH, PW = pair(window, "window", 1)
    flat = dout.transpose(2, 3, 0, 1).ravel()
    dcols = np.zeros((PH * PW, flat.size), np.result_type(dout, float))
    dcols[winners.transpose(2, 3, 0, 1).ravel(), np.arange(flat.size)] = flat
    dx = col2im(
        dcols, input_shape, window, stride, padding, dilation=dilation,
        ceil_mode=ceil_mode,
    )
    return dx.astype(mean_dtype(dout.dtype))


class MaxPool2D:
    """A max-pooling layer: forward remembers the winners for backward.

    `return_index=True` makes forward return (y, winners), the place of each
    maximum in its window, 0 .. PH*PW-1.
    """

    def __init__(self, window, stride=None, padding=0, return_index=False):
        self.options = (window, stride, padding)
        self.return_index = return_index
        self.memory = None

    def forward(self, x):
        y, winners = max_pool2d_im2col(x, *self.options)
        self.memory = x.shape, winners
        return (y, winners) if self.return_index else y

    __call__ = forward

    def backward(self, dout):
        if self.memory is None:
            raise RuntimeError("backward needs a forward pass before it")
        input_shape, winners = self.memory
        return max_pool2d_im2col_backward(
            dout, winners, input_shape, *self.options
        )


def share_ties(tied, ties):
    """Split one unit of gradient among the tied cells (N, C, PH, PW)."""
    N, C, PH, PW = tied.shape
    flat = tied.reshape(N, C, PH * PW)
    if ties == "first":  # numpy's argmax, torch, TensorFlow
        share = flat & (flat.cumsum(axis=2) == 1)
    elif ties == "last":
        share = flat & (flat[..., ::-1].cumsum(axis=2)[..., ::-1] == 1)
    elif ties == "split":  # torch.amax
        share = flat / flat.sum(axis=2, keepdims=True)
    elif ties in ("all", "overwrite"):
        share = flat
    else:
        raise ValueError(
            f"ties must be 'first', 'last', 'split', 'all' or 'overwrite', "
            f"got {ties!r}"
        )
    return share.reshape(tied.shape)


def max_gradient_loops(
    x, dout, window, stride=None, padding=0, ties="first"
):
    """Compute dx of max pooling, window by window, under a rule for ties.

    x holds no NaN. "overwrite" is the "all" rule with `=` in place of `+=`,
    a mistake.
    """
    rows, columns = pooling_axes(x.shape, window, stride, padding)
    padded = pad_planes(x, rows, columns, lowest(x.dtype))
    image = pad_planes(np.ones(x.shape, bool), rows, columns, False)
    dpadded = np.zeros(padded.shape, mean_dtype(dout.dtype))
    for i, j in np.ndindex(rows.out, columns.out):
        cut = cut_window(padded, rows, columns, i, j)
        tied = cut == cut.max(axis=(2, 3), keepdims=True)
        tied &= cut_window(image, rows, columns, i, j)
        gradient = dout[:, :, i : i + 1, j : j + 1]
        into = cut_window(dpadded, rows, columns, i, j)  # a view of dpadded
        if ties == "overwrite":
            np.copyto(into, gradient, where=tied)
        else:
            into += share_ties(tied, ties) * gradient
    top, left = rows.before, columns.before
    return dpadded[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def plane_indices(
    winners, input_shape, window, stride=None, padding=0, *, dilation=1,
    ceil_mode=False,
):
    """Turn places in a window into places in the plane: row * W + column."""
    rows, columns = pooling_axes(
        input_shape, window, stride, padding, dilation, ceil_mode
    )
    a, b = np.divmod(winners, columns.window)
    i = rows.positions()[np.arange(rows.out)[:, None], a]
    j = columns.positions()[np.arange(columns.out), b]
    return i * columns.size + j


def batch_indices(indices, input_shape):
    """Turn places in a plane into places in the whole batch, flat."""
    N, C, H, W = input_shape
    first = H * W * np.arange(N * C).reshape(N, C, 1, 1)  # of each plane
    return (first + indices).ravel()


def scatter_add(values, indices, input_shape):
    """Add each value at its place in its plane; start from zeros."""
    dx = np.zeros(input_shape, np.result_type(values, float))
    places = batch_indices(indices, input_shape)
    np.add.at(dx.reshape(-1), places, values.ravel())
    return dx.astype(mean_dtype(values.dtype))


def avg_pool2d_im2col(
    x, window, stride=None, padding=0, *, dilation=1, ceil_mode=False,
    count_include_pad=True,
):
    """Average-pool x (N, C, H, W) as the mean of each column."""
    N, C = x.shape[:2]
    rows, columns = pooling_axes(
        x.shape, window, stride, padding, dilation, ceil_mode
    )
    cols = im2col(
        x, window, stride, padding, dilation=dilation, ceil_mode=ceil_mode
    )
    dtype = mean_dtype(x.dtype)
    total = cols.sum(axis=0, dtype=np.result_type(dtype, float))
    total = total.reshape(rows.out, columns.out, N, C).transpose(2, 3, 0, 1)
    y = total / window_counts(rows, columns, count_include_pad)
    return y.astype(dtype)


def avg_pool2d_im2col_backward(
    dout, input_shape, window, stride=None, padding=0, *, dilation=1,
    ceil_mode=False, count_include_pad=True,
):
    """Give each cell of a window an equal share of its gradient."""
    rows, columns = pooling_axes(
        input_shape, window, stride, padding, dilation, ceil_mode
    )
    counts = window_counts(rows, columns, count_include_pad)
    share = dout.astype(np.result_type(dout, float)) / counts
    share = share.transpose(2, 3, 0, 1).ravel()
    dcols = np.broadcast_to(
        share, (rows.window * columns.window, share.size)
    )
    dx = col2im(
        dcols, input_shape, window, stride, padding, dilation=dilation,
        ceil_mode=ceil_mode,
    )
    return dx.astype(mean_dtype(dout.dtype))


def numerical_gradient(f, x, dout, step=1e-4):
    """Measure d(sum(f(x) * dout)) / dx by central differences."""
    x = x.astype(float)  # a copy: the caller's x stays as it is
    dx = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        middle = x[place]
        x[place] = middle + step
        above = (f(x) * dout).sum()
        x[place] = middle - step
        below = (f(x) * dout).sum()
        x[place] = middle
        dx[place] = (above - below) / (2 * step)
    return dx
