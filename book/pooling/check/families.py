"""Mistakes that many exercises share, each made from what is right.

A family returns rows for a table, `*families.stride(right, hint=2)`; `hint` is
the number of the hint that helps, `without` leaves rows out by their keys.
"""

import inspect

import numpy as np

from pooling.check.table import NotHere
from pooling.geometry import is_list, pooling_axes


def but(right, **changes):
    """Return `right`, called with some arguments changed.

    A change is a value, or a function of arguments, called by their names, of
    which any other name means the one that is changed: but(right, stride=1),
    but(right, H=lambda W: W, W=lambda H: H), but(right, stride=turned).
    """
    signature = inspect.signature(right)

    def answer(*args):
        bound = signature.bind(*args)
        bound.apply_defaults()
        old = dict(bound.arguments)
        for name, change in changes.items():
            if callable(change):
                wanted = inspect.signature(change).parameters
                change = change(**{k: old.get(k, old[name]) for k in wanted})
            bound.arguments[name] = change
        try:
            return right(*bound.args, **bound.kwargs)
        except (ValueError, OverflowError) as refused:  # no window fits
            raise NotHere from refused

    return answer


def then(right, change):
    """Return `right` and then a change of its result."""
    return lambda *args: change(right(*args))


def turned(value):
    """Return an int as it is, and a pair the other way round."""
    return tuple(value)[::-1] if is_list(value) else value


def scaled(value, factor):
    """Multiply an int or nested pairs of ints."""
    if is_list(value):
        return tuple(scaled(part, factor) for part in value)
    return value * factor


def before_alone(padding):
    """Return the padding before, and none after."""
    sides = padding if is_list(padding) else (padding, padding)
    return tuple((p if not is_list(p) else p[0], 0) for p in sides)


def square(value):
    """Return the first of a pair for both."""
    return (value[0],) * 2 if is_list(value) else value


def chosen(right, rows, hint, without):
    """Return the rows that can be made of `right`, but those left out.

    Each row is (key, says, changed arguments or change of the result).
    """
    unknown = {*without} - {key for key, *_ in rows}
    if unknown:
        raise ValueError(f"without must be keys of the family, got {unknown}")
    return [
        (key, says, hint,
         then(right, how) if callable(how) else but(right, **how))
        for key, says, how in rows
        if key not in without
    ]  # fmt: skip


def stride(right, hint=None, without=()):
    """List what goes wrong with the argument `stride`."""
    return chosen(right, [
        ("stride-is-window", "the stride is not used: these windows stand "
         "side by side", {"stride": None}),
        ("stride-is-1", "the windows move by 1 here; they move by the stride, "
         "and without one by the window", {"stride": 1}),
        ("stride-turned", "the two strides are swapped: (rows, columns)",
         {"stride": turned}),
        ("stride-square", "the stride of the rows moves along the columns, "
         "too", {"stride": square}),
    ], hint, without)  # fmt: skip


def window(right, hint=None, without=()):
    """List what goes wrong with the argument `window`."""
    return chosen(right, [
        ("window-turned", "the window's height and width are swapped: it is "
         "(PH, PW)", {"window": turned}),
        ("window-square", "the window is PH wide here; its width is PW",
         {"window": square}),
    ], hint, without)  # fmt: skip


def padding(right, hint=None, without=()):
    """List what goes wrong with the argument `padding`."""
    return chosen(right, [
        ("padding-ignored", "the padding is not used", {"padding": 0}),
        ("padding-before-alone", "the padding is added once, but there is one "
         "on each side", {"padding": before_alone}),
        ("padding-doubled", "the padding is doubled twice: it is that of each "
         "side already", {"padding": lambda padding: scaled(padding, 2)}),
        ("padding-turned", "the two paddings are swapped: (rows, columns)",
         {"padding": turned}),
    ], hint, without)  # fmt: skip


def fills(right, values, hint=None, without=()):
    """List what padded cells should not hold: the argument `fill`.

    values: key -> (what to say, the fill or a function of the arguments).
    """
    rows = [(k, says, {"fill": fill}) for k, (says, fill) in values.items()]
    return chosen(right, rows, hint, without)


def axes(right, across=np.max, hint=None, without=()):
    """List what goes wrong with the axes of a result (N, C, ·, ·).

    across : how one number comes of all channels.
    """
    return chosen(right, [
        ("rows-and-columns-turned", "rows and columns of the result are "
         "swapped", lambda y: y.swapaxes(2, 3)),
        ("images-and-channels-turned", "images and channels are swapped",
         lambda y: y.swapaxes(0, 1)),
        ("not-transposed", "a forgotten transpose: these numbers come in the "
         "order OH, OW, N, C. Reshape to that first, then transpose",
         lambda y: y.transpose(2, 3, 0, 1).reshape(y.shape)),
        ("channels-together", "the channels are taken together; each is "
         "pooled on its own", lambda y: np.broadcast_to(
             across(y, axis=1, keepdims=True), y.shape)),
    ], hint, without)  # fmt: skip


def dtype(right, hint=None, without=()):
    """List what goes wrong with the numbers that an array can hold."""
    return chosen(right, [
        ("fractions-cut", "the fractions are cut off: the numbers go through "
         "an array of whole numbers, or `//`", np.trunc),
        ("fractions-rounded", "the numbers are rounded; they should stay as "
         "they are", np.round),
    ], hint, without)  # fmt: skip


def order(right, hint=None, without=()):
    """List in which other order several results can come."""
    return chosen(right, [
        ("results-turned", "the results come in the wrong order",
         lambda results: results[::-1]),
    ], hint, without)  # fmt: skip


def ties(right, hint=None, without=()):
    """List who else can win among equals: the argument `ties`."""
    return chosen(right, [
        ("ties-all", "every tied cell got the whole gradient. One cell per "
         "window wins: the first maximum, row by row", {"ties": "all"}),
        ("ties-last", "the last of the tied cells won; the first one does, "
         "row by row. A `>=` in the search, where `>` is due?",
         {"ties": "last"}),
        ("ties-split", "tied cells share the gradient here; the exercise asks "
         "for the first to get it all", {"ties": "split"}),
        ("ties-overwrite", "every tied cell got the gradient, and a later "
         "window has replaced an earlier one: one winner per window, and "
         "`+=`", {"ties": "overwrite"}),
    ], hint, without)  # fmt: skip


def count(right, hint=None, without=()):
    """List how many windows one may count: the argument `count`."""
    return chosen(right, [
        ("count-over-stride", "this counts size // stride windows; the last "
         "one starts where a whole window is left",
         {"count": lambda: lambda axis: axis.size // axis.stride}),
        ("count-without-1", "a window is missing at the end: the first one "
         "counts, too: + 1",
         {"count": lambda: lambda axis: max(axis.out - 1, 0)}),
        ("count-rounded-up", "a window that does not fit any more is counted: "
         "floor drops it", {"count": lambda: rounded_up}),
    ], hint, without)  # fmt: skip


def rounded_up(axis):
    """Count the windows that start inside, whether they end there or not."""
    room = axis.before + axis.size + axis.after - axis.window
    return -(-room // axis.stride) + 1


def axes_of(shape, window, stride=None, padding=0, count=None):
    """Return rows and columns of a pooling, with a count of one's own."""
    axes = pooling_axes((1, 1, *shape[-2:]), window, stride, padding)
    return [axis._replace(out=count(axis)) if count else axis for axis in axes]


def reduced(
    reduce, x, window, stride=None, padding=0, fill=None, count=None
):  # fmt: skip
    """Apply `reduce` to each window; padded cells hold `fill`, or None."""
    rows, columns = (
        axis.positions()
        for axis in axes_of(x.shape, window, stride, padding, count)
    )
    y = np.empty((*x.shape[:-2], len(rows), len(columns)), x.dtype)
    for *lead, i, j in np.ndindex(y.shape):
        plane = x[tuple(lead)]
        cells = [
            plane[r, k]
            if 0 <= r < len(plane) and 0 <= k < len(plane[0])
            else fill
            for r in rows[i]
            for k in columns[j]
        ]
        y[*lead, i, j] = reduce([cell for cell in cells if cell is not None])
    return y
