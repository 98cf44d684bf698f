"""Wrong answers that learners give, each with what the check must say.

The tests hand each one to its check; the sample class is made of some of them.
A wrong answer is an edit of the reference solution (`old` becomes `new`) or,
without `old`, a solution of its own (`new`).
"""

from typing import NamedTuple


class WrongAnswer(NamedTuple):
    """One wrong answer to one exercise."""

    exercise: str  # name of the function in pooling.check and in the notebook
    mistake: str  # in a few words
    old: str | None  # text of the reference solution that is replaced, once
    new: str
    message: str  # must stand in what the check says


FAST = [
    # 6.1
    WrongAnswer(
        "pooling_traffic",
        "one image only",
        "windows = shape[0] * shape[1] * OH * OW",
        "windows = shape[1] * OH * OW",
        "the images of the batch count, too",
    ),
    WrongAnswer(
        "pooling_traffic",
        "as many comparisons as cells",
        "(taps - 1)",
        "taps",
        "the first cell of a window is compared with nothing",
    ),
    WrongAnswer(
        "pooling_traffic",
        "the maxima are not written",
        "(cells + windows) * itemsize",
        "cells * itemsize",
        "the maxima are written to memory",
    ),
    WrongAnswer(
        "pooling_traffic",
        "the cells of each window are read",
        "(cells + windows) * itemsize",
        "windows * (taps + 1) * itemsize",
        "counted again for each",
    ),
    WrongAnswer(
        "pooling_traffic",
        "cells, not bytes",
        "columns = windows * taps * itemsize",
        "columns = windows * taps",
        "asked are bytes",
    ),
    WrongAnswer(
        "pooling_traffic",
        "the stride ignored",
        "map(pooling.output_size, shape[2:], window, stride)",
        "map(pooling.output_size, shape[2:], window, (1, 1))",
        "the stride is ignored",
    ),
    # 6.2
    WrongAnswer(
        "doubling_shifts",
        "one cell in each pass",
        "min(width, window - width)",
        "1",
        "each pass adds one cell",
    ),
    WrongAnswer(
        "doubling_shifts",
        "doubled to the end",
        "min(width, window - width)",
        "width",
        "the last pass doubles, too",
    ),
    WrongAnswer(
        "doubling_shifts",
        "the last pass forgotten",
        "while width < window:",
        "while 2 * width <= window:",
        "it stops too early",
    ),
    WrongAnswer(
        "doubling_shifts",
        "widths, not shifts",
        "        shifts.append(shift)\n        width += shift",
        "        width += shift\n        shifts.append(width)",
        "these are the widths after each pass",
    ),
    WrongAnswer(
        "doubling_shifts",
        "the way of a sum",
        None,
        '''
def doubling_shifts(window):
    shifts = []
    for digit in f"{window:b}"[1:]:
        shifts.append(sum(shifts) + 1)
        if digit == "1":
            shifts.append(1)
    return shifts
''',
        "this is the way of a sum",
    ),
    # 6.3
    WrongAnswer(
        "times_added",
        "seen or not",
        "counts = there + moved",
        "counts = np.maximum(there, moved)",
        "a sum counts some of them twice",
    ),
    WrongAnswer(
        "times_added",
        "one cell in each pass",
        "moved = np.concatenate([nothing, counts])",
        "moved = np.concatenate([nothing, counts * 0])\n        "
        "moved[shift] = 1",
        "each pass adds one cell here",
    ),
    WrongAnswer(
        "times_added",
        "the copy counts once",
        "moved = np.concatenate([nothing, counts])",
        "moved = np.concatenate([nothing, counts > 0])",
        "brings its own counts with it",
    ),
    WrongAnswer(
        "times_added",
        "in place",
        None,
        '''
def times_added(shifts):
    counts = [1]
    for shift in shifts:
        counts = counts + [0] * shift
        for cell in range(len(counts) - shift):
            counts[cell + shift] += counts[cell]
    return np.array(counts)
''',
        "it reads counts that it has changed already",
    ),
    # 6.4
    WrongAnswer(
        "cut_rows",
        "bands that share nothing",
        "(ends - 1) * stride + window",
        "ends * stride",
        "neighbouring bands share rows",
    ),
    WrongAnswer(
        "cut_rows",
        "rows to the window after the last",
        "(ends - 1) * stride + window",
        "ends * stride + window",
        "these rows end with the window after it",
    ),
    WrongAnswer(
        "cut_rows",
        "one window too many",
        "return np.stack([starts, ends], 1), np.stack([top, bottom], 1)",
        "return np.stack([starts, starts + many], 1), np.stack(\n        "
        "[top, (starts + many - 1) * stride + window], 1)",
        "that are not there any more",
    ),
    WrongAnswer(
        "cut_rows",
        "most over the stride",
        None,
        '''
def cut_rows(size, window, stride, most):
    out, many = (size - window) // stride + 1, most // stride
    start = np.arange(0, out, many)
    stop = np.minimum(start + many, out)
    rows = np.stack([start * stride, stop * stride + window - stride], 1)
    return np.stack([start, stop], 1), rows
''',
        "sees more than `most` rows",
    ),
    WrongAnswer(
        "cut_rows",
        "the last row is lost",
        "(ends - 1) * stride + window",
        "(ends - 1) * stride + window - 1",
        "the last row of each band is missing",
    ),
    WrongAnswer(
        "cut_rows",
        "one window in each band",
        "for rows in (size, most)",
        "for rows in (size, window)",
        "one window in each band",
    ),
    # 6.5
    WrongAnswer(
        "first_places",
        "the stride ignored",
        "i * stride[0] * W + j * stride[1]",
        "i * W + j",
        "the stride is ignored",
    ),
    WrongAnswer(
        "first_places",
        "rows of the output",
        "i * stride[0] * W",
        "i * stride[0] * OW",
        "one row down is W cells of the plane",
    ),
    WrongAnswer(
        "first_places",
        "rows and columns swapped",
        "i * stride[0] * W + j * stride[1]",
        "i * stride[1] * W + j * stride[0]",
        "stride is (rows, columns)",
    ),
    WrongAnswer(
        "first_places",
        "all in the first plane",
        "n * H * W +",
        "n * 0 +",
        "each plane begins where the one before it ends",
    ),
    WrongAnswer(
        "first_places",
        "planes of the output's height",
        "n * H * W",
        "n * (H - window[0] + 1) * W",
        "a plane has H rows",
    ),
    WrongAnswer(
        "first_places",
        "places in the output",
        "n * H * W + i * stride[0] * W + j * stride[1]",
        "(n * OH + i) * OW + j",
        "these are places in the output",
    ),
    # 6.6
    WrongAnswer(
        "faster_plan",
        "the slow plan",
        None,
        '''
def faster_plan(window, pitch):
    return slow_plan(window, pitch)
''',
        "this is the slow plan itself",
    ),
    WrongAnswer(
        "faster_plan",
        "one cell more in each step",
        "more = min(seen, cells - seen)",
        "more = 1",
        "But each step still takes one cell more",
    ),
    WrongAnswer(
        "faster_plan",
        "no pitch",
        "(1, pitch)",
        "(1, 1)",
        "one row down is a shift by the pitch, not by 1",
    ),
    WrongAnswer(
        "faster_plan",
        "the width of the window for the pitch",
        "(1, pitch)",
        "(1, window[1])",
        "not by the width of the window",
    ),
    WrongAnswer(
        "faster_plan",
        "too far",
        "more = min(seen, cells - seen)",
        "more = seen",
        "the last step of an axis doubles, too",
    ),
    WrongAnswer(
        "faster_plan",
        "always from the plane",
        "plan.append((len(plan), len(plan), more * step))",
        "plan.append((len(plan), 0, more * step))",
        "each step looks at the plane itself",
    ),
    WrongAnswer(
        "faster_plan",
        "rows and columns swapped",
        "window[::-1]",
        "window",
        "window is (rows, columns)",
    ),
    WrongAnswer(
        "faster_plan",
        "columns forgotten",
        "zip(window[::-1], (1, pitch), strict=True)",
        "[(window[1], 1)]",
        "the columns are still to do",
    ),
    WrongAnswer(
        "faster_plan",
        "a vector that is not there",
        "(len(plan), len(plan), more * step)",
        "(len(plan) + 1, len(plan) + 1, more * step)",
        "no vector 1 is there; only 0 is",
    ),
    # 6.7
    WrongAnswer(
        "max_and_distance",
        "the last of equal maxima",
        "later > earlier",
        "later >= earlier",
        "of equal maxima the last one is taken",
    ),
    WrongAnswer(
        "max_and_distance",
        "the distance forgotten",
        "distance[shift:] + np.uint8(shift)",
        "np.full(later.shape, shift, np.uint8)",
        "the winner has come a way already",
    ),
    WrongAnswer(
        "max_and_distance",
        "the loser's distance",
        "distance[shift:] + np.uint8(shift)",
        "distance[:-shift] + np.uint8(shift)",
        "this is the loser's",
    ),
    WrongAnswer(
        "max_and_distance",
        "the shift forgotten",
        "distance[shift:] + np.uint8(shift)",
        "distance[shift:]",
        "`shift` cells further away",
    ),
    WrongAnswer(
        "max_and_distance",
        "8 bytes for a distance",
        "return best, distance",
        "return best, distance.astype(np.int64)",
        "dtype must be uint8, got int64",
    ),
    WrongAnswer(
        "max_and_distance",
        "places in x",
        "return best, distance",
        "return best, (np.arange(len(best)) + distance).astype(np.uint8)",
        "these are places in x",
    ),
    WrongAnswer(
        "max_and_distance",
        "bytes with a sign",
        "return best, distance",
        "return best, distance.astype(np.int8)",
        "dtype must be uint8, got int8",
    ),
    # 6.8
    WrongAnswer(
        "gradient_from_distances",
        "gradients lost",
        "np.add.at(dx, places.ravel(), dout.ravel())",
        "dx[places.ravel()] += dout.ravel()",
        "a cell that wins twice gets the last gradient alone",
    ),
    WrongAnswer(
        "gradient_from_distances",
        "all in the first plane",
        "(n * H + i * stride[0])",
        "(0 * n + i * stride[0])",
        "all planes are thrown into the first",
    ),
    WrongAnswer(
        "gradient_from_distances",
        "the stride ignored",
        "(n * H + i * stride[0]) * W + j * stride[1]",
        "(n * H + i) * W + j",
        "the stride is ignored",
    ),
    WrongAnswer(
        "gradient_from_distances",
        "rows of the output",
        "(n * H + i * stride[0]) * W",
        "n * H * W + i * stride[0] * dout.shape[3]",
        "one row down is W cells of the plane",
    ),
    WrongAnswer(
        "gradient_from_distances",
        "a byte in a loop",
        None,
        '''
def gradient_from_distances(dout, distance, input_shape, stride):
    dx = np.zeros(input_shape, dout.dtype)
    for n, c, i, j in np.ndindex(dout.shape):
        place = i * stride[0] * input_shape[3] + j * stride[1]
        place += distance[n, c, i, j]
        dx[n, c].reshape(-1)[place] += dout[n, c, i, j]
    return dx
''',
        "take `int(...)` of a distance",
    ),
    WrongAnswer(
        "gradient_from_distances",
        "the distance forgotten",
        "begin.reshape(dout.shape) + distance",
        "begin.reshape(dout.shape)",
        "lands on the first cell of its window",
    ),
    WrongAnswer(
        "gradient_from_distances",
        "rows and columns swapped",
        "i * stride[0]) * W + j * stride[1]",
        "i * stride[1]) * W + j * stride[0]",
        "stride is (rows, columns)",
    ),
]

WRONG_ANSWERS = [
    wrong
    for chapter in list(globals().values())
    if isinstance(chapter, list)
    for wrong in chapter
]
