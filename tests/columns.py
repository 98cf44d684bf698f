"""Pooling by windows laid out side by side: quick enough for large arrays.

Beside `oracles`, which take a Python step for each cell. Only the places of
the windows come from the package.
"""

import numpy as np

from pooling.geometry import lowest, mean_dtype, pooling_axes, window_counts


def lay_out(x, *args, **names):
    """Return cells (N, C, OH, OW, T), and inside and places (OH, OW, T).

    T counts the cells of a window, `inside` tells which lie in the image,
    and `places` are row * W + column.
    """
    rows, columns = pooling_axes(x.shape, *args, **names)
    H, W = x.shape[2:]
    i = rows.positions()[:, None, :, None]
    j = columns.positions()[None, :, None, :]
    inside = (i >= 0) & (i < H) & (j >= 0) & (j < W)
    cells = x[:, :, i.clip(0, H - 1), j.clip(0, W - 1)]
    T = rows.window * columns.window
    return (
        cells.reshape(*cells.shape[:4], T),
        inside.reshape(rows.out, columns.out, T),
        (i * W + j).reshape(rows.out, columns.out, T),
    )


def pick(array, winners):
    """Take the winner's entry of each window."""
    array = np.broadcast_to(array, (*winners.shape, array.shape[-1]))
    return np.take_along_axis(array, winners[..., None], axis=-1)[..., 0]


def max_pool2d_im2col(x, *args, **names):
    """Return y and the winner's place in its window, 0 .. PH*PW-1."""
    cells, inside, _ = lay_out(x, *args, **names)
    cells = np.where(inside, cells, lowest(x.dtype)).astype(x.dtype)
    winners = cells.argmax(axis=-1)
    # Where all real cells equal the padding, the first real cell wins.
    real = pick(inside, winners)
    winners = np.where(real, winners, inside.argmax(axis=-1))
    return pick(cells, winners), winners


def plane_indices(winners, input_shape, *args, **names):
    """Turn places in a window into places in the plane."""
    x = np.broadcast_to(np.int8(0), input_shape)
    return pick(lay_out(x, *args, **names)[2], winners)


def avg_pool2d_im2col(x, *args, count_include_pad=True, **names):
    """Return the mean of each window."""
    cells, inside, _ = lay_out(x, *args, **names)
    dtype = mean_dtype(x.dtype)
    wide = np.result_type(dtype, float)
    total = np.where(inside, cells, 0).sum(axis=-1, dtype=wide)
    axes = pooling_axes(x.shape, *args, **names)
    return (total / window_counts(*axes, count_include_pad)).astype(dtype)


def avg_pool2d_im2col_backward(
    dout, input_shape, *args, count_include_pad=True, **names
):
    """Give each cell of a window an equal share of its gradient."""
    x = np.broadcast_to(np.int8(0), input_shape)
    _, inside, places = lay_out(x, *args, **names)
    axes = pooling_axes(input_shape, *args, **names)
    share = dout.astype(float) / window_counts(*axes, count_include_pad)
    spread = np.broadcast_to(share[..., None], (*dout.shape, places.shape[-1]))
    values = spread[:, :, inside]  # (N, C, cells in the image)
    dx = add_up(values, places[inside], input_shape)
    return dx.astype(mean_dtype(dout.dtype))


def scatter_add(values, indices, input_shape):
    """Add each value at its place in its plane; start from zeros."""
    return add_up(values, indices, input_shape).astype(
        mean_dtype(values.dtype)
    )


def add_up(values, places, input_shape):
    """Add values (N, C, ...) at their places, plane by plane, in float64."""
    N, C, H, W = input_shape
    places = np.broadcast_to(places, values.shape)
    planes = [
        np.bincount(
            places[n, c].ravel(), values[n, c].ravel().astype(float), H * W
        )
        for n, c in np.ndindex(N, C)
    ]
    return np.reshape(planes, input_shape)
