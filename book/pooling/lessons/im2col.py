# Exported from book/02_im2col.ipynb: edit that and `make refresh`.
"""Columns: im2col pooling, forward and backward."""

import numpy as np

from pooling.geometry import output_size


def sizes(shape, window, stride=None):
    """Return PH, PW, SH, SW, OH, OW; without a stride, it is the window."""
    PH, PW = np.broadcast_to(window, 2)
    SH, SW = np.broadcast_to(window if stride is None else stride, 2)
    OH, OW = output_size(shape[2], PH, SH), output_size(shape[3], PW, SW)
    return PH, PW, SH, SW, OH, OW


def im2col(x, window, stride=None):
    """Lay each window of each channel in a column: (PH*PW, OH*OW*N*C)."""
    PH, PW, SH, SW, OH, OW = sizes(x.shape, window, stride)
    taps = []
    for a, b in np.ndindex(PH, PW):
        tap = x[:, :, a : a + SH * OH : SH, b : b + SW * OW : SW]
        taps.append(tap.transpose(2, 3, 0, 1).ravel())
    return np.array(taps)


def col2im(cols, shape, window, stride=None):
    """Add each column to where im2col took it from: (N, C, H, W)."""
    N, C = shape[:2]
    PH, PW, SH, SW, OH, OW = sizes(shape, window, stride)
    dx = np.zeros(shape)
    for k, (a, b) in enumerate(np.ndindex(PH, PW)):
        tap = cols[k].reshape(OH, OW, N, C).transpose(2, 3, 0, 1)
        dx[:, :, a : a + SH * OH : SH, b : b + SW * OW : SW] += tap
    return dx


class MaxPool:
    """A max-pooling layer: forward remembers the winners for backward."""

    def __init__(self, window, stride=None, return_index=False):
        self.options = window, stride
        self.return_index = return_index

    def forward(self, x):
        N, C = x.shape[:2]
        *_, OH, OW = sizes(x.shape, *self.options)  # the last two
        cols = im2col(x, *self.options)
        winners = cols.argmax(axis=0)
        self.memory = x.shape, cols.shape, winners
        maxima = cols[winners, np.arange(winners.size)]
        y = maxima.reshape(OH, OW, N, C).transpose(2, 3, 0, 1)
        winners = winners.reshape(OH, OW, N, C).transpose(2, 3, 0, 1)
        return (y, winners) if self.return_index else y

    __call__ = forward

    def backward(self, dout):
        shape, cols_shape, winners = self.memory
        dcols = np.zeros(cols_shape)
        flat = dout.transpose(2, 3, 0, 1).ravel()  # in the columns' order
        dcols[winners, np.arange(flat.size)] = flat
        return col2im(dcols, shape, *self.options)


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
