"""Pooling layers in numpy: the front door of the book's package.

The functions here check their arguments and call the engine. A bad argument
is a TypeError or a ValueError that names it, its value and the rule.

Conventions. Arrays are (N, C, H, W): images, channels, rows, columns. `window`
and `stride` are an int or (rows, columns); `stride=None` means the window.
`padding` is an int, (rows, columns) or ((top, bottom), (left, right)) and is
smaller than the window on each side. A padded cell never wins a maximum. The
first maximum of a window, row by row, is its winner; a NaN wins over all.
"""

import numpy as np

from pooling.engine import (
    adaptive_pool2d_bins,
    avg_pool2d_flat,
    avg_pool2d_flat_backward,
    global_max_pool2d_flat,
    lp_pool2d_flat,
    max_pool2d_flat,
    max_pool2d_flat_indices,
    scatter_add_flat,
    scatter_assign_flat,
)
from pooling.geometry import (
    check_axes,
    flag,
    is_list,
    output_size,
    pooling_axes,
    whole,
)

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "avg_pool2d_backward",
    "global_avg_pool2d",
    "global_max_pool2d",
    "lp_pool2d",
    "max_pool2d",
    "max_pool2d_backward",
    "max_unpool2d",
    "output_size",
]


# Infinities follow IEEE arithmetic (inf - inf is NaN) without a warning.
_quiet = np.errstate(invalid="ignore", over="ignore")


def _holds_mask(value, depth=5):
    """Tell whether a masked array is in lists, where numpy would lose it."""
    if depth and isinstance(value, (list, tuple)):
        return any(_holds_mask(part, depth - 1) for part in value)
    return np.ma.isMaskedArray(value)


def _planes(value, name, shape=None):
    """Return `value` as an array (N, C, rows, columns) of real numbers."""
    if _holds_mask(value):
        raise TypeError(
            f"{name} must be a plain array: the mask of a masked array would "
            f"be lost"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: {error}") from None
    if array.dtype.kind not in "fiu":
        numbers, way = "floats or integers", f"try {name}.astype(np.uint8)"
        if name == "indices":
            numbers, way = "integers", "places, as max_pool2d returns them"
        way = f"; {way}" if array.dtype == bool else ""
        raise TypeError(
            f"{name} must hold {numbers}, got dtype {array.dtype}{way}"
        )
    check_axes(array.shape, name)
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(
            f"{name} must have shape {tuple(shape)}, got {array.shape}"
        )
    return array


def _full_planes(x):
    """Return x as planes that have at least one cell each."""
    x = _planes(x, "x")
    if 0 in x.shape[2:]:
        raise ValueError(
            f"x must have at least one row and one column, got shape {x.shape}"
        )
    return x


def _shape(value, name):
    """Return `value` as a shape (N, C, H, W)."""
    if not is_list(value) or len(value) != 4:
        raise ValueError(
            f"{name} must be (N, C, H, W), four whole numbers, got {value!r}"
        )
    return tuple(whole(size, f"each size in {name}", 0) for size in value)


def _indices(indices, values, name, shape, shape_name):
    """Return `indices` as an array of integers, one for each value."""
    indices = _planes(indices, "indices", values.shape)
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"indices must hold integers, got dtype {indices.dtype}"
        )
    N, C = shape[:2]
    if values.shape[:2] != (N, C):
        raise ValueError(
            f"{name} must have N, C = {N}, {C} as {shape_name} {shape}, got "
            f"shape {values.shape}"
        )
    return indices


@_quiet
def max_pool2d(
    x,
    window,
    stride=None,
    padding=0,
    *,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Take the maximum of each window of each plane.

    Parameters
    ----------
    x : array of floats or integers, shape (N, C, H, W)
        In any memory layout; it is not written to.
    window : int or (int, int)
        Cells of a window: rows, columns.
    stride : int or (int, int), optional
        Cells from one window to the next; the window if not given.
    padding : int, (int, int) or ((int, int), (int, int))
        Cells added around each plane; they never win.
    dilation : int or (int, int)
        Cells from one cell of a window to the next.
    ceil_mode : bool
        Keep the partial windows at the bottom and the right.
    return_indices : bool
        Return the places of the maxima too.

    Returns
    -------
    y : array, shape (N, C, OH, OW)
        Of the dtype of `x`. Where 0.0 and -0.0 tie, either may come; with
        `return_indices` it is the one at the index.
    indices : array of int64, shape (N, C, OH, OW)
        Only with `return_indices`: row * W + column of each maximum in its
        unpadded plane, the first one row by row; of NaNs the first.

    Notes
    -----
    Built in chapter 6; by loops in chapter 1, by im2col in chapter 2. Beside
    its results it needs some two megabytes, whatever the batch, or a few
    times a plane where a window has more than some ten thousand cells.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> max_pool2d(x, 3, stride=2, padding=1)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    x = _planes(x, "x")
    pool = max_pool2d_flat
    if flag(return_indices, "return_indices"):
        pool = max_pool2d_flat_indices
    return pool(
        x, window, stride, padding, dilation=dilation, ceil_mode=ceil_mode
    )


@_quiet
def max_pool2d_backward(dout, indices, input_shape):
    """Add each gradient at the place of its window's winner.

    Parameters
    ----------
    dout : array of floats or integers, shape (N, C, OH, OW)
        Gradient of the loss by the output of `max_pool2d`.
    indices : array of integers, shape (N, C, OH, OW)
        From `max_pool2d` with `return_indices=True`.
    input_shape : (N, C, H, W)
        Shape of what was pooled.

    Returns
    -------
    dx : array of floats, shape (N, C, H, W)
        Of the dtype of `dout` if that is a float, else float64. Where windows
        overlap, gradients add, in this dtype (float16: in float32).

    Notes
    -----
    Built in chapter 6; by col2im in chapter 2.
    """
    dout = _planes(dout, "dout")
    shape = _shape(input_shape, "input_shape")
    indices = _indices(indices, dout, "dout", shape, "input_shape")
    return scatter_add_flat(dout, indices, shape)


def max_unpool2d(y, indices, output_shape):
    """Put each maximum back at its place; zeros everywhere else.

    Parameters
    ----------
    y : array of floats or integers, shape (N, C, OH, OW)
        What `max_pool2d` returned, or what became of it.
    indices : array of integers, shape (N, C, OH, OW)
        From `max_pool2d` with `return_indices=True`. Where an index occurs
        twice in a plane (windows overlapped), the last value stays.
    output_shape : (N, C, H, W)
        Shape of what was pooled; several shapes pool to the same size.

    Returns
    -------
    x : array, shape (N, C, H, W)
        Of the dtype of `y`.

    Notes
    -----
    Built in chapter 6, from chapter 4. Unpooling assigns; a gradient adds
    (`max_pool2d_backward`).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> y, indices = max_pool2d(x, 2, stride=1, return_indices=True)
    >>> max_unpool2d(y, indices, x.shape)
    array([[[[0., 0., 0.],
             [0., 4., 5.],
             [0., 7., 8.]]]])
    """
    y = _planes(y, "y")
    shape = _shape(output_shape, "output_shape")
    indices = _indices(indices, y, "y", shape, "output_shape")
    return scatter_assign_flat(y, indices, shape)


@_quiet
def avg_pool2d(
    x,
    window,
    stride=None,
    padding=0,
    *,
    dilation=1,
    ceil_mode=False,
    count_include_pad=True,
):
    """Take the average of each window of each plane.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode
        As in `max_pool2d`; padded cells hold 0.
    count_include_pad : bool
        Divide by the cells of the window that lie in the image or in the
        padding (True), or in the image alone (False). What a window of
        `ceil_mode` reaches beyond the padding never counts.

    Returns
    -------
    y : array of floats, shape (N, C, OH, OW)
        Of the dtype of `x` if that is a float, else float64.

    Notes
    -----
    Built in chapter 6; by im2col in chapter 2. float32 is summed in float32,
    by about log2 of the window's cells rounds or, in small planes, by two
    products with matrices, and in float64 if a sum overflows; float16 in
    float32, integers in float64.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d(np.arange(9.0).reshape(1, 1, 3, 3), 2, stride=1)
    array([[[[2., 3.],
             [5., 6.]]]])
    """
    return avg_pool2d_flat(
        _planes(x, "x"),
        window,
        stride,
        padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        count_include_pad=flag(count_include_pad, "count_include_pad"),
    )


@_quiet
def avg_pool2d_backward(
    dout,
    input_shape,
    window,
    stride=None,
    padding=0,
    *,
    dilation=1,
    ceil_mode=False,
    count_include_pad=True,
):
    """Give each cell of a window an equal share of the window's gradient.

    Parameters
    ----------
    dout : array of floats or integers, shape (N, C, OH, OW)
        Gradient of the loss by the output of `avg_pool2d`.
    input_shape : (N, C, H, W)
        Shape of what was pooled.
    window, stride, padding, dilation, ceil_mode, count_include_pad
        As in `avg_pool2d`.

    Returns
    -------
    dx : array of floats, shape (N, C, H, W)
        Of the dtype of `dout` if that is a float, else float64. Where windows
        overlap, shares add.

    Notes
    -----
    Built in chapter 6; by col2im in chapter 2.
    """
    shape = _shape(input_shape, "input_shape")
    geometry = {"dilation": dilation, "ceil_mode": ceil_mode}
    rows, columns = pooling_axes(shape, window, stride, padding, **geometry)
    dout = _planes(dout, "dout", (*shape[:2], rows.out, columns.out))
    return avg_pool2d_flat_backward(
        dout,
        shape,
        window,
        stride,
        padding,
        **geometry,
        count_include_pad=flag(count_include_pad, "count_include_pad"),
    )


def adaptive_max_pool2d(x, output_size):
    """Cut each plane into a grid of bins and take the maximum of each.

    Parameters
    ----------
    x : array of floats or integers, shape (N, C, H, W)
    output_size : int or (int, int)
        OH, OW: bins down and across. Bin k of O on an axis of size H goes
        from floor(k H / O) to ceil((k + 1) H / O), as in torch.

    Returns
    -------
    y : array, shape (N, C, OH, OW)
        Of the dtype of `x`.

    Notes
    -----
    Built in chapter 5.
    """
    return adaptive_pool2d_bins(_full_planes(x), output_size, "max")


@_quiet
def adaptive_avg_pool2d(x, output_size):
    """Cut each plane into a grid of bins and take the average of each.

    Parameters
    ----------
    x, output_size
        As in `adaptive_max_pool2d`.

    Returns
    -------
    y : array of floats, shape (N, C, OH, OW)
        Of the dtype of `x` if that is a float, else float64.

    Notes
    -----
    Built in chapter 5.
    """
    return adaptive_pool2d_bins(_full_planes(x), output_size, "average")


def global_max_pool2d(x):
    """Take the maximum of each plane: (N, C, H, W) to (N, C, 1, 1).

    See `adaptive_max_pool2d` for dtypes and errors. Built in chapters 5 and 6.
    """
    return global_max_pool2d_flat(_full_planes(x))


def global_avg_pool2d(x):
    """Take the average of each plane: (N, C, H, W) to (N, C, 1, 1).

    See `adaptive_avg_pool2d` for dtypes and errors. Built in chapter 5.
    """
    return adaptive_avg_pool2d(x, 1)


@np.errstate(all="ignore")
def lp_pool2d(
    x, p, window, stride=None, padding=0, *, dilation=1, ceil_mode=False
):
    """Take the p-norm of each window: the p-th root of the sum of ``|x|**p``.

    Parameters
    ----------
    x : array of floats or integers, shape (N, C, H, W)
    p : float
        At least 1; 1 sums absolute values, infinity takes their maximum.
    window, stride, padding, dilation, ceil_mode
        As in `max_pool2d`; padded cells hold 0.

    Returns
    -------
    y : array of floats, shape (N, C, OH, OW)
        Of the dtype of `x` if that is a float, else float64.

    Notes
    -----
    Built in chapter 5. For odd p and negative values torch's LPPool2d sums
    the powers with their signs; this is the norm. In `ceil_mode` torch scales
    windows that overhang up, as if they were whole; here nothing is added.
    Powers are summed in float64; where they would over- or underflow, each
    window is scaled by its own largest value, which takes longer.
    """
    x = _planes(x, "x")
    if isinstance(p, (bool, np.bool_)) or not isinstance(
        p, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"p must be a number, got {p!r}")
    if not p >= 1:
        raise ValueError(f"p must be at least 1, got {p}")
    p = float(p) if p < 1e300 else np.inf
    return lp_pool2d_flat(
        x,
        p,
        window,
        stride,
        padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
