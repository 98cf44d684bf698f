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


UNPOOLING = [
    # 4.1
    WrongAnswer(
        "unpool_by_hand",
        "equal values added",
        "[0, 0, 8, 0], [0, 0, 0, 0], [9, 0, 0, 11]",
        "[0, 0, 16, 0], [0, 0, 0, 0], [9, 0, 0, 11]",
        "unpooling writes it once more",
    ),
    WrongAnswer(
        "unpool_by_hand",
        "the later gradient only",
        "[0, 0, 3, 0]",
        "[0, 0, 2, 0]",
        "so gradients add",
    ),
    WrongAnswer(
        "unpool_by_hand",
        "counted down the columns",
        "return x, dx",
        "return x.T, dx.T",
        "indices count row by row",
    ),
    WrongAnswer(
        "unpool_by_hand",
        "counted from 1",
        "return x, dx",
        "return np.roll(x, -1), np.roll(dx, -1)",
        "indices count from 0",
    ),
    # 4.2
    WrongAnswer(
        "unpool_local",
        "divided by the height",
        "np.divmod(winners, PW)",
        "np.divmod(winners, PH)",
        "divided by the height",
    ),
    WrongAnswer(
        "unpool_local",
        "the remainder by the height",
        "np.divmod(winners, PW)",
        "winners // PW, winners % PH",
        "the remainder is by the height",
    ),
    WrongAnswer(
        "unpool_local",
        "the stride ignored",
        '(PH, PW) if stride is None else pair(stride, "stride", 1)',
        "(PH, PW)",
        "the stride is ignored",
    ),
    WrongAnswer(
        "unpool_local",
        "without a stride, a stride of 1",
        "(PH, PW) if stride is None",
        "(1, 1) if stride is None",
        "without a stride it is a window after it",
    ),
    WrongAnswer(
        "unpool_local",
        "taken for places in the plane",
        "(y, places,",
        "(y, winners,",
        "taken for places in the plane",
    ),
    # 4.3
    WrongAnswer(
        "mask_to_indices",
        "the last of the marked cells",
        "    a, b = np.divmod(mask.reshape(*windows, PH * PW).argmax(axis=-1)"
        ", PW)",
        "    flat = mask.reshape(*windows, PH * PW)[..., ::-1]\n"
        "    a, b = np.divmod(PH * PW - 1 - flat.argmax(axis=-1), PW)",
        "the last marked cell",
    ),
    WrongAnswer(
        "mask_to_indices",
        "all marked cells",
        None,
        '''
def mask_to_indices(mask, stride, W):
    SH, SW = pair(stride, "stride", 1)
    n, c, i, j, a, b = np.nonzero(mask)
    return ((SH * i + a) * W + SW * j + b).reshape(mask.shape[:4])
''',
        "cannot reshape array",
    ),
    WrongAnswer(
        "mask_to_indices",
        "divided by the height",
        "argmax(axis=-1), PW)",
        "argmax(axis=-1), PH)",
        "divided by the height",
    ),
    WrongAnswer(
        "mask_to_indices",
        "places in the window",
        "return (SH * i + a) * W + SW * j + b",
        "return a * PW + b",
        "these are places in the window",
    ),
    WrongAnswer(
        "mask_to_indices",
        "strides swapped",
        "SH, SW = pair",
        "SW, SH = pair",
        "the strides are swapped",
    ),
    # 4.4
    WrongAnswer(
        "showing_sums",
        "no ties",
        "np.ones((2, 2)), np.ones((1, 1))",
        "np.arange(4.0).reshape(2, 2), np.ones((1, 1))",
        "When does a mask mark several?",
    ),
    WrongAnswer(
        "showing_sums",
        "the largest number in a corner",
        "x = np.arange(9.0)",
        "return -np.eye(3), np.ones((2, 2))\n    x = np.arange(9.0)",
        "tied cells gain more than overlap loses",
    ),
    WrongAnswer(
        "showing_sums",
        "a gradient of 0",
        "return x, np.ones((2, 2))",
        "return x, np.zeros((2, 2))",
        "larger than 0",
    ),
    WrongAnswer(
        "showing_sums",
        "dout of the shape of x",
        "return x, np.ones((2, 2))",
        "return x, np.ones((3, 3))",
        "the shape of the output, (2, 2)",
    ),
    WrongAnswer(
        "mended_unpool_backward",
        "not mended",
        None,
        '''
def mended_unpool_backward(x, dout, f, stride):
    return broken_unpool_backward(x, dout, f, stride)
''',
        "every tied cell of a window gets",
    ),
    WrongAnswer(
        "mended_unpool_backward",
        "= where windows overlap",
        "np.add.at(dx, (rows, columns), dout)",
        "dx[rows, columns] = dout",
        "has the last gradient only",
    ),
    WrongAnswer(
        "mended_unpool_backward",
        "+= on a list of places",
        "np.add.at(dx, (rows, columns), dout)",
        "dx[rows, columns] += dout",
        "`+=` writes each place once",
    ),
    WrongAnswer(
        "mended_unpool_backward",
        "all tied cells",
        None,
        '''
def mended_unpool_backward(x, dout, f, stride):
    _, mask = pool_images(x, f, stride, return_mask=True)
    dx = np.zeros(x.shape)
    for i, j, a, b in np.argwhere(mask):
        dx[stride * i + a, stride * j + b] += dout[i, j]
    return dx
''',
        "only the first one should",
    ),
    WrongAnswer(
        "mended_unpool_backward",
        "a gradient of the dtype of x",
        "dx = np.zeros(x.shape)\n    np.add.at(dx, (rows, columns), dout)",
        "dx = np.zeros_like(x)\n"
        "    for r, k, d in zip(rows.flat, columns.flat, dout.flat):\n"
        "        dx[r, k] += d",
        "dtype must be like float64",
    ),
    # 4.5
    WrongAnswer(
        "showing_average",
        "windows of one cell",
        "2, (4, 4)",
        "1, (2, 2)",
        "a window of one cell",
    ),
    WrongAnswer(
        "showing_average",
        "a sum of 0",
        "[[4.0, 8.0], [12.0, 16.0]]",
        "[[4.0, -4.0], [1.0, -1.0]]",
        "a sum of 0 stays 0",
    ),
    WrongAnswer(
        "showing_average",
        "windows that do not fit",
        "2, (4, 4)",
        "3, (4, 4)",
        "let the windows fit",
    ),
    WrongAnswer(
        "avg_unpool_mended",
        "repeated, not shared",
        "y[i, j] / cut.size",
        "y[i, j]",
        "each value is repeated, not shared",
    ),
    WrongAnswer(
        "avg_unpool_mended",
        "divided by f",
        "/ cut.size",
        "/ f",
        "a window has f * f cells",
    ),
    WrongAnswer(
        "avg_unpool_mended",
        "= instead of +=",
        "cut += y[i, j] / cut.size",
        "cut[:] = y[i, j] / cut.size",
        "shares add",
    ),
    WrongAnswer(
        "avg_unpool_mended",
        "partial windows share too little",
        "/ cut.size",
        "/ f**2",
        "a partial window has fewer",
    ),
    WrongAnswer(
        "avg_unpool_mended",
        "the stride ignored",
        "stride * i, stride * j",
        "f * i, f * j",
        "the stride is ignored",
    ),
    # 4.6
    WrongAnswer(
        "unpool_with",
        "the fill ignored",
        "np.full(output_shape, fill, y.dtype)",
        "np.zeros(output_shape, y.dtype)",
        "the fill is not used",
    ),
    WrongAnswer(
        "unpool_with",
        "the dtype of the fill",
        "fill, y.dtype)",
        "fill)",
        "give it the dtype of y",
    ),
    WrongAnswer(
        "unpool_with",
        "every 0 filled",
        None,
        '''
def unpool_with(y, indices, output_shape, fill):
    x = pooling.max_unpool2d(y, indices, output_shape)
    x[x == 0] = fill
    return x
''',
        "maxima that are 0 as well",
    ),
    WrongAnswer(
        "unpool_with",
        "all planes in the first",
        "[batch_indices(indices, output_shape)] = y.ravel()",
        "[indices] = y",
        "an index counts in its own plane",
    ),
    # 4.7
    WrongAnswer(
        "encoder_decoder",
        "twice the size at each step",
        None,
        '''
def encoder_decoder(x, depth):
    small, levels = x, []
    for _ in range(depth):
        small, indices = pooling.max_pool2d(small, 2, return_indices=True)
        levels.append(indices)
    for indices in reversed(levels):
        N, C, OH, OW = small.shape
        small = pooling.max_unpool2d(small, indices, (N, C, 2 * OH, 2 * OW))
    return small, None
''',
        "the shape before it has to be kept",
    ),
    WrongAnswer(
        "encoder_decoder",
        "one step up",
        None,
        '''
def encoder_decoder(x, depth):
    small = x
    for _ in range(depth):
        shape = small.shape
        small, indices = pooling.max_pool2d(small, 2, return_indices=True)
    return pooling.max_unpool2d(small, indices, shape), indices
''',
        "one step up, whatever the depth",
    ),
    WrongAnswer(
        "encoder_decoder",
        "the indices of the last level",
        "x.shape), places",
        "x.shape), indices",
        "the indices of the last level",
    ),
    WrongAnswer(
        "encoder_decoder",
        "copies",
        "    return pooling.max_unpool2d(small, places, x.shape), places",
        "    up = small.repeat(2**depth, axis=2).repeat(2**depth, axis=3)\n"
        "    return up, places",
        "copied into its whole window",
    ),
    WrongAnswer(
        "encoder_decoder",
        "places in the order of the plane",
        "x.shape), places",
        "x.shape), np.sort(places.reshape(N, C, -1)).reshape(places.shape)",
        "belongs to the survivor at the same",
    ),
]

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
