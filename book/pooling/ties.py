"""Ties: who gets the gradient where several cells of a window are largest."""

import numpy as np

from pooling.geometry import (
    cut_window,
    lowest,
    mean_dtype,
    pad_planes,
    pooling_axes,
)


def share_ties(tied, ties):
    """Split one unit of gradient among the tied cells (N, C, PH, PW)."""
    N, C, PH, PW = tied.shape
    flat = tied.reshape(N, C, PH * PW)
    if ties == "first":  # numpy's argmax, torch, TensorFlow
        flat = flat & (flat.cumsum(axis=2) == 1)
    elif ties == "last":
        flat = flat & (flat[..., ::-1].cumsum(axis=2)[..., ::-1] == 1)
    elif ties == "split":  # torch.amax
        flat = flat / flat.sum(axis=2, keepdims=True)
    elif ties not in ("all", "overwrite"):
        raise ValueError(
            f"ties must be 'first', 'last', 'split', 'all' or 'overwrite', "
            f"got {ties!r}"
        )
    return flat.reshape(tied.shape)


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
