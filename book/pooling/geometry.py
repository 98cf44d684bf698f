"""Geometry: the arguments of a pooling, and where its windows lie."""

import contextlib
import functools
import operator
from typing import NamedTuple

import numpy as np

LARGEST = 2**31 - 1  # far beyond what memory holds along an axis


def whole(value, name, least):
    """Return `value` as an int, or say why it cannot be one."""
    number = None
    if not isinstance(value, (bool, np.bool_)):
        with contextlib.suppress(TypeError):
            number = operator.index(value)
    if number is None:
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    if number > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST}, got {number}")
    return number


def flag(value, name):
    """Return `value` as a bool; text or a list would all be true."""
    kinds = bool, np.bool_, int, np.integer
    if isinstance(value, kinds) and value in (0, 1):
        return bool(value)
    raise TypeError(f"{name} must be True or False, got {value!r}")


def is_list(value):
    """Tell whether a value is a list, a tuple or an array with an axis."""
    return isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.ndim > 0
    )


def pair(value, name, least):
    """Return an int or a pair of ints as a pair: (rows, columns)."""
    parts = tuple(value) if is_list(value) else (value, value)
    if len(parts) != 2:
        raise ValueError(
            f"{name} must be an int or a pair of ints, got {value!r}"
        )
    return tuple(whole(part, name, least) for part in parts)


def check_axes(shape, name):
    """Refuse a shape that is not (N, C, H, W), and say how to get there."""
    if len(shape) != 4:
        missing = {2: "[None, None]", 3: "[None]"}.get(len(shape))
        way = f"; for one image, give {name}{missing}" if missing else ""
        raise ValueError(
            f"{name} must have 4 axes (N, C, H, W), got shape "
            f"{tuple(shape)}{way}"
        )


def output_size(
    size, window, stride, padding=0, dilation=1, ceil_mode=False
):
    """Count the windows that fit along one axis.

    Parameters
    ----------
    size, window, stride, dilation : int
        Cells of the axis, cells of a window, cells from one window to the
        next, cells from one cell of a window to the next; all at least 1.
    padding : int or (int, int)
        Cells added before and after, fewer than a window spans.
    ceil_mode : bool
        Round up: keep a partial window that starts inside the image or the
        padding before it.

    Returns
    -------
    int
        OH or OW, at least 1.

    Raises
    ------
    TypeError
        An argument is not a whole number.
    ValueError
        An argument is out of its range, or no window fits.

    Notes
    -----
    Built in chapter 1. Floor, ceil and the extra rule are those of torch.
    """
    size = whole(size, "size", 1)
    window = whole(window, "window", 1)
    stride = whole(stride, "stride", 1)
    before, after = pair(padding, "padding", 0)
    dilation = whole(dilation, "dilation", 1)
    ceil_mode = flag(ceil_mode, "ceil_mode")
    extent = dilation * (window - 1) + 1
    if max(before, after) >= extent:
        raise ValueError(
            f"padding must be smaller than the window on each side, got "
            f"{(before, after)} for a window that spans {extent}"
        )
    room = size + before + after - extent
    if ceil_mode:
        out = -(-room // stride) + 1
        # The last window starts inside the image or the leading padding.
        if (out - 1) * stride >= size + before:
            out -= 1
    else:
        out = room // stride + 1
    if out < 1:
        raise ValueError(
            f"window must fit in the padded input, got a window that spans "
            f"{extent} for size {size} with padding {(before, after)}"
        )
    return out


def lowest(dtype):
    """Return what never wins a maximum: -inf, or the least integer."""
    if np.issubdtype(dtype, np.floating):
        return -np.inf
    return np.iinfo(dtype).min


def pad_planes(x, rows, columns, value):
    """Frame each plane of x (N, C, H, W) with `value`, overhang included."""
    N, C, H, W = x.shape
    top, left = rows.before, columns.before
    height = top + H + rows.after + rows.overhang
    width = left + W + columns.after + columns.overhang
    padded = np.full((N, C, height, width), value, x.dtype)
    padded[:, :, top : top + H, left : left + W] = x
    return padded


class Axis(NamedTuple):
    """One axis of a pooling: all that is needed to place its windows."""

    size: int  # H or W
    window: int  # PH or PW
    stride: int
    before: int  # declared padding, top or left
    after: int  # declared padding, bottom or right
    dilation: int
    out: int  # OH or OW

    @property
    def reach(self):
        """Cells from a window's first to its last."""
        return self.dilation * (self.window - 1) + 1

    @property
    def overhang(self):
        """Cells that the last window of ceil mode reaches past the padding."""
        stop = (self.out - 1) * self.stride + self.reach
        return max(0, stop - self.before - self.size - self.after)

    def starts(self):
        """Where windows start in the unpadded axis; below 0 = padding."""
        return self.stride * np.arange(self.out) - self.before

    def positions(self):
        """(out, window) positions in the unpadded axis; outside = padding."""
        cells = self.dilation * np.arange(self.window)
        return self.starts()[:, None] + cells

    def within(self, low, high):
        """Number the cells of each window in low .. high - 1: (from, to).

        By arithmetic: a table of windows times cells may be thousands of
        times as large as the image.
        """
        starts, d = self.starts(), self.dilation
        first = np.maximum(0, -((starts - low) // d))  # rounded up
        stop = np.minimum(self.window, -((starts - high) // d))
        return first, stop

    def counted(self, count_include_pad):
        """Return the range of cells that an average divides by."""
        if count_include_pad:  # declared padding counts, overhang never
            return -self.before, self.size + self.after
        return 0, self.size

    def is_full(self, count_include_pad=True):
        """Tell whether every cell of every window counts."""
        low, high = self.counted(count_include_pad)
        last = (self.out - 1) * self.stride - self.before
        return low <= -self.before and last + self.reach <= high

    def misses_the_image(self):
        """Tell whether a window has all its cells in the padding.

        Only one that starts before the image can, and only if its cells are
        further apart than the image is long.
        """
        if self.dilation <= self.size:
            return False
        several = min(self.out, -(-self.before // self.stride))
        # As windows step on, their first cell inside steps through the image
        # and out of it, or begins again: twice the image tells.
        several = min(several, 2 * self.size)
        starts = self.stride * np.arange(several) - self.before
        return bool((starts % self.dilation >= self.size).any())


@functools.lru_cache(maxsize=256)  # a network asks the same again and again
def place_windows(sizes, window, stride, padding, dilation, ceil_mode):
    """Make the axes of a pooling from pairs: (rows, columns)."""
    axes = []
    for name, size, p, s, (before, after), d in zip(
        "HW", sizes, window, stride, padding, dilation, strict=True
    ):
        try:
            out = output_size(size, p, s, (before, after), d, ceil_mode)
        except ValueError as error:
            raise ValueError(f"axis {name}: {error}") from None
        axis = Axis(size, p, s, before, after, d, out)
        if axis.misses_the_image():
            raise ValueError(
                f"axis {name}: padding must leave a cell of the image in each "
                f"window, got {(before, after)} with dilation {d}"
            )
        axes.append(axis)
    return tuple(axes)


def same_padding(size, window, stride, dilation):
    """Return (before, after) for ceil(size / stride) windows."""
    reach = dilation * (window - 1) + 1
    total = max(0, (-(-size // stride) - 1) * stride + reach - size)
    return total // 2, total - total // 2


def pooling_axes(
    input_shape, window, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """Turn the arguments of a pooling into two axes: (rows, columns)."""
    check_axes(input_shape, "x")
    window = pair(window, "window", 1)
    stride = window if stride is None else pair(stride, "stride", 1)
    dilation = pair(dilation, "dilation", 1)
    ceil_mode = flag(ceil_mode, "ceil_mode")
    sizes = tuple(input_shape[2:])
    if isinstance(padding, str) and padding.lower() == "same":
        same = tuple(map(same_padding, sizes, window, stride, dilation))
        raise ValueError(
            f"padding must be given in numbers, got {padding!r}: here it is "
            f"padding={same}"
        )
    if is_list(padding) and any(map(is_list, padding)):
        if len(padding) != 2:
            raise ValueError(
                f"padding must be an int, (rows, columns) or ((top, bottom), "
                f"(left, right)), got {padding!r}"
            )
        padding = [pair(sides, "padding", 0) for sides in padding]
    else:
        padding = [(p, p) for p in pair(padding, "padding", 0)]
    return place_windows(
        sizes, window, stride, tuple(padding), dilation, ceil_mode
    )


def cell_counts(axis, count_include_pad=True):
    """Count the cells that each window along an axis averages over."""
    first, stop = axis.within(*axis.counted(count_include_pad))
    return stop - first


def window_counts(rows, columns, count_include_pad=True):
    """Count the cells that each window averages over: (OH, OW)."""
    down, across = (
        cell_counts(axis, count_include_pad) for axis in (rows, columns)
    )
    return np.outer(down, across)


def mean_dtype(dtype):
    """Return the dtype of an average: floats keep theirs, ints get float64."""
    return dtype if np.issubdtype(dtype, np.floating) else np.dtype(float)


def cut_window(padded, rows, columns, i, j):
    """Cut the window of output cell (i, j) out of each padded plane."""
    cuts = []
    for axis, k in ((rows, i), (columns, j)):
        start = k * axis.stride
        stop = start + axis.dilation * axis.window
        cuts.append(slice(start, stop, axis.dilation))
    return padded[:, :, cuts[0], cuts[1]]


def tap_slices(rows, columns, a, b):
    """Slice what cell (a, b) of every window sees of the padded plane."""
    slices = []
    for axis, k in ((rows, a), (columns, b)):
        start = k * axis.dilation
        stop = start + (axis.out - 1) * axis.stride + 1
        slices.append(slice(start, stop, axis.stride))
    return slice(None), slice(None), *slices
