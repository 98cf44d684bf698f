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


STRIDES = [
    # 3.1
    WrongAnswer(
        "where_in_memory",
        "cells in place of bytes",
        "turned = np.array([2, 12])",
        "turned = np.array([1, 6])",
        "this counts cells",
    ),
    WrongAnswer(
        "where_in_memory",
        "not transposed",
        "turned = np.array([2, 12])",
        "turned = np.array([12, 2])",
        "the strides of a itself",
    ),
    WrongAnswer(
        "where_in_memory",
        "reversed rows step forwards",
        "[-12, 6]",
        "[12, 6]",
        "one row back in memory",
    ),
    WrongAnswer(
        "where_in_memory",
        "the pairs swapped",
        "[12, 4, 12, 2]",
        "[12, 2, 12, 4]",
        "the first two strides move the window",
    ),
    WrongAnswer(
        "where_in_memory",
        "a start at byte 0",
        "[20, 18, 32]",
        "[20, -18, 32]",
        "does not start at byte 0",
    ),
    # 3.2
    WrongAnswer(
        "window_strides",
        "cells in place of bytes",
        "right = itemsize",
        "right = 1",
        "times itemsize",
    ),
    WrongAnswer(
        "window_strides",
        "the pairs swapped",
        "SH * down, SW * right, DH * down, DW * right",
        "DH * down, DW * right, SH * down, SW * right",
        "the pairs are swapped: the stride moves",
    ),
    WrongAnswer(
        "window_strides",
        "the dilation ignored",
        "DH * down, DW * right",
        "down, right",
        "the dilation is ignored",
    ),
    WrongAnswer(
        "window_strides",
        "H and W swapped",
        "_, C, H, W = shape",
        "_, C, W, H = shape",
        "a row holds W cells",
    ),
    WrongAnswer(
        "window_strides",
        "the stride inside the window, too",
        "DH * down, DW * right",
        "SH * DH * down, SW * DW * right",
        "there only the dilation does",
    ),
    # 3.3
    WrongAnswer(
        "diagonal_windows",
        "runs to the right",
        "(*steps, sum(steps))",
        "(*steps, steps[1])",
        "the runs go to the right",
    ),
    WrongAnswer(
        "diagonal_windows",
        "8 bytes by hand",
        "    steps = x.strides",
        "    steps = 8 * W, 8",
        "counted in 8 bytes",
    ),
    WrongAnswer(
        "diagonal_windows",
        "a view that can be written to",
        "writeable=False",
        "writeable=True",
        "without writeable=False",
    ),
    WrongAnswer(
        "diagonal_windows",
        "a copy",
        None,
        '''
def diagonal_windows(x, length):
    H, W = x.shape
    ends = H - length + 1, W - length + 1
    runs = [x[k : k + ends[0], k : k + ends[1]] for k in range(length)]
    view = np.array(np.stack(runs, axis=-1), order="C")
    return view, view.strides
''',
        "these are the strides of a copy",
    ),
    WrongAnswer(
        "diagonal_windows",
        "one run too few",
        "H - length + 1, W - length + 1",
        "H - length, W - length",
        "i is 1, not 2; j is 2, not 3",
    ),
    # 3.4
    WrongAnswer(
        "windows_along",
        "the stride only in the shape",
        "stride * cell",
        "cell",
        "each starts one cell after the last",
    ),
    WrongAnswer(
        "windows_along",
        "the stride inside the window, too",
        "*x.strides[after], cell)",
        "*x.strides[after], stride * cell)",
        "there the step is one cell",
    ),
    WrongAnswer(
        "windows_along",
        "neighbours in memory",
        "cell = x.strides[axis]",
        "cell = x.itemsize",
        "the step is one element of memory",
    ),
    WrongAnswer(
        "windows_along",
        "the last axis, always",
        "    out = ",
        "    axis = x.ndim - 1\n    out = ",
        "along the last axis",
    ),
    WrongAnswer(
        "windows_along",
        "strides from the shape",
        "    cell = x.strides[axis]\n",
        "    old, x = x, as_strided(x, x.shape, np.empty(x.shape).strides)\n"
        "    cell = x.strides[axis]\n",
        "counted in 8 bytes",
    ),
    # 3.5
    WrongAnswer(
        "inputs_that_show",
        "positive whole numbers",
        "np.array([[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]])",
        "np.arange(9).reshape(3, 3)",
        "finds every maximum of this image",
    ),
    WrongAnswer(
        "inputs_that_show",
        "a negative number in the wrong window",
        "np.array([[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]])",
        "np.array([[-1, -2, 3], [-4, -5, 6], [7, 8, 9]])",
        "no padding in their window",
    ),
    WrongAnswer(
        "inputs_that_show",
        "both faults at once",
        "np.array([[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]])",
        "-np.ones((4, 4))",
        "that is the other fault",
    ),
    WrongAnswer(
        "inputs_that_show",
        "a size that does not divide",
        "np.ones((4, 4))",
        "np.ones((5, 3))",
        "as it should",
    ),
    WrongAnswer(
        "pool_mended",
        "x // y + 1",
        "pooling.output_size(size, f, stride, ceil_mode=True)",
        "size // stride + 1",
        "too many windows",
    ),
    WrongAnswer(
        "pool_mended",
        "padded zeros in the mean",
        "    return total / framed(np.ones(x.shape), 0).sum(axis=(2, 3))",
        "    return total / f**2",
        "the padded zeros count in the mean",
    ),
    WrongAnswer(
        "pool_mended",
        "still 0",
        "-np.inf",
        "0",
        "padding is still 0",
    ),
    WrongAnswer(
        "pool_mended",
        "still an array of whole numbers",
        None,
        '''
def pool_mended(x, f, stride, pad, method):
    sizes = [pooling.output_size(n, f, stride, ceil_mode=pad) for n in x.shape]
    cut = [[x[i * stride :, j * stride :][:f, :f].astype(int)
            for j in range(sizes[1])] for i in range(sizes[0])]
    take = np.max if method == "max" else np.mean
    return np.array([[float(take(c)) for c in row] for row in cut])
''',
        "the fractions are cut off",
    ),
    WrongAnswer(
        "pool_mended",
        "a window behind the image",
        "pooling.output_size(size, f, stride, ceil_mode=True)",
        "-(-(size - f) // stride) + 1",
        "It must start inside",
    ),
    # 3.6
    WrongAnswer(
        "lost_axis",
        "lengths above 1",
        "(3, 6)",
        "(6, 6, 2)",
        "no axis of the right result has length 1",
    ),
    WrongAnswer(
        "lost_axis",
        "too small for a window",
        "(3, 6)",
        "(1, 6)",
        "does not fit",
    ),
    WrongAnswer(
        "lost_axis",
        "a batch",
        "(3, 6)",
        "(1, 1, 3, 3)",
        "must be (h, w) or (h, w, c)",
    ),
    WrongAnswer(
        "contrast_mended",
        "still squeezed",
        "    return spread",
        "    return np.squeeze(spread)",
        "every axis of length 1 is gone",
    ),
    WrongAnswer(
        "contrast_mended",
        "the last axis squeezed",
        None,
        '''
def contrast_mended(images, f):
    planes = np.moveaxis(images.reshape(*images.shape[:2], -1), -1, 0)
    view = window_view(planes, f)
    spread = np.moveaxis(np.ptp(view, axis=(-2, -1)), 0, -1)
    return spread.squeeze(axis=-1) if spread.shape[-1] == 1 else spread
''',
        "also when it is a channel that was given",
    ),
    WrongAnswer(
        "contrast_mended",
        "nothing removed",
        None,
        '''
def contrast_mended(images, f):
    planes = np.moveaxis(images.reshape(*images.shape[:2], -1), -1, 0)
    view = window_view(planes, f)
    return np.moveaxis(np.ptp(view, axis=(-2, -1)), 0, -1)
''',
        "should come back without channels",
    ),
    # 3.7
    WrongAnswer(
        "mask_bytes",
        "one plane",
        "windows, cells = N * C, 1",
        "windows, cells = 1, 1",
        "N * C of them",
    ),
    WrongAnswer(
        "mask_bytes",
        "a mask as large as the image",
        None,
        '''
def mask_bytes(N, C, H, W, window, stride):
    cells = N * C * H * W
    return 8 * cells, cells, 8 * cells
''',
        "count the windows",
    ),
    WrongAnswer(
        "mask_bytes",
        "bools of 8 bytes",
        "return 8 * windows * cells, windows * cells,",
        "return 8 * windows * cells, 8 * windows * cells,",
        "a bool has 1 byte",
    ),
    WrongAnswer(
        "mask_bytes",
        "the stride ignored",
        'pair(stride, "stride", 1)',
        "(1, 1)",
        "the stride is ignored",
    ),
]

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

VARIANTS = [
    # 5.1
    WrongAnswer(
        "max_from_relu",
        "a negative b is lost",
        "relu(a - b) + relu(b) - relu(-b)",
        "relu(a - b) + relu(b)",
        "a negative b is lost: ReLU(b) is 0",
    ),
    WrongAnswer(
        "max_from_relu",
        "one last ReLU",
        "return larger(pairs[..., ::2, :], pairs[..., 1::2, :])",
        "return relu(larger(pairs[..., ::2, :], pairs[..., 1::2, :]))",
        "negative maxima have become 0",
    ),
    WrongAnswer(
        "max_from_relu",
        "only one stage",
        "return larger(pairs[..., ::2, :], pairs[..., 1::2, :])",
        "return pairs",
        "H is 4, not 2",
    ),
    WrongAnswer(
        "max_from_relu",
        "every second row dropped",
        "return larger(pairs[..., ::2, :], pairs[..., 1::2, :])",
        "return pairs[..., ::2, :]",
        "only the upper row of each window",
    ),
    WrongAnswer(
        "max_from_relu",
        "the smaller of two",
        "relu(a - b) + relu(b) - relu(-b)",
        "b - relu(b - a)",
        "these are the minima",
    ),
    # 5.2
    WrongAnswer(
        "softmax_pool2d",
        "exponentials without a shift",
        "beta * (view - top)",
        "beta * view",
        "Shift the values first",
    ),
    WrongAnswer(
        "softmax_pool2d",
        "one shift for all windows",
        "view.max(axis=(-2, -1), keepdims=True)",
        "x.max()",
        "each window's own maximum",
    ),
    WrongAnswer(
        "softmax_pool2d",
        "beta ignored",
        "beta * (view - top)",
        "view - top",
        "beta is not used",
    ),
    WrongAnswer(
        "softmax_pool2d",
        "divided twice",
        "return (weights * view).sum(",
        "return (weights * view).mean(",
        "that divides twice",
    ),
    WrongAnswer(
        "softmax_pool2d",
        "the stride ignored",
        "window_view(x, window, stride)",
        "window_view(x, window)",
        "the stride is ignored",
    ),
    # 5.3
    WrongAnswer(
        "softmax_pool2d_backward",
        "the weights alone",
        " * (1 + beta * (view - y))",
        "",
        "as if the weights were fixed",
    ),
    WrongAnswer(
        "softmax_pool2d_backward",
        "beta left out",
        "1 + beta * (view - y)",
        "1 + view - y",
        "beta is missing",
    ),
    WrongAnswer(
        "softmax_pool2d_backward",
        "the sign turned",
        "(view - y)",
        "(y - view)",
        "the sign is turned",
    ),
    WrongAnswer(
        "softmax_pool2d_backward",
        "= instead of +=",
        "] += shares",
        "] = shares",
        "`+=` and not `=`",
    ),
    WrongAnswer(
        "softmax_pool2d_backward",
        "exponentials without a shift",
        "beta * (view - view.max(axis=cells, keepdims=True))",
        "beta * view",
        "Shift the values first",
    ),
    # 5.4
    WrongAnswer(
        "blur_pool2d",
        "zero padding",
        'mode="reflect"',
        'mode="constant"',
        "which darkens the border",
    ),
    WrongAnswer(
        "blur_pool2d",
        "the edge repeated",
        'mode="reflect"',
        'mode="symmetric"',
        "the padding repeats the edge",
    ),
    WrongAnswer(
        "blur_pool2d",
        "subsampled before the blur",
        "    padded = np.pad(x, sides, mode=\"reflect\")\n"
        "    return depthwise_conv2d(padded, weights, stride)",
        "    x = x[:, :, ::stride, ::stride]\n"
        "    padded = np.pad(x, sides, mode=\"reflect\")\n"
        "    return depthwise_conv2d(padded, weights)",
        "Blur first, then subsample",
    ),
    WrongAnswer(
        "blur_pool2d",
        "weights that sum to 4",
        "/ 16",
        "/ 4",
        "the weights sum to 4",
    ),
    WrongAnswer(
        "blur_pool2d",
        "weights that sum to 16",
        " / 16",
        "",
        "16 times too bright",
    ),
    # 5.5
    WrongAnswer(
        "adaptive_avg_backward",
        "= instead of +=",
        "cut += dout",
        "cut[:] = dout",
        "`+=` and not `=`",
    ),
    WrongAnswer(
        "adaptive_avg_backward",
        "not divided",
        "[:, :, i, j, None, None] / count",
        "[:, :, i, j, None, None]",
        "an average divides",
    ),
    WrongAnswer(
        "adaptive_avg_backward",
        "one size for all bins",
        "cut.shape[2] * cut.shape[3]",
        "(dx.shape[2] // dout.shape[2]) * (dx.shape[3] // dout.shape[3])",
        "each bin has a size of its own",
    ),
    WrongAnswer(
        "adaptive_avg_backward",
        "bins that do not overlap",
        "cut = dx[:, :, tops[i] : bottoms[i], lefts[j] : rights[j]]",
        "down, right = (\n"
        "            (k + 1) * size // out\n"
        "            for k, size, out in zip((i, j), dx.shape[2:], "
        "dout.shape[2:])\n"
        "        )\n"
        "        cut = dx[:, :, tops[i] : down, lefts[j] : right]",
        "the bins end too early",
    ),
    # 5.6
    WrongAnswer(
        "receptive_field",
        "the new jump",
        "        field += (window - 1) * dilation * jump\n"
        "        jump *= stride",
        "        jump *= stride\n"
        "        field += (window - 1) * dilation * jump",
        "the jump is multiplied before it is used",
    ),
    WrongAnswer(
        "receptive_field",
        "dilation ignored",
        "(window - 1) * dilation * jump",
        "(window - 1) * jump",
        "the dilation is not used",
    ),
    WrongAnswer(
        "receptive_field",
        "a dilated window that is too long",
        "(window - 1) * dilation * jump",
        "(window * dilation - 1) * jump",
        "the last cell has no gap behind it",
    ),
    WrongAnswer(
        "receptive_field",
        "the jump ignored",
        "(window - 1) * dilation * jump",
        "(window - 1) * dilation",
        "the jump is not used",
    ),
    WrongAnswer(
        "receptive_field",
        "as many steps as cells",
        "(window - 1)",
        "window",
        "one step too many",
    ),
    # 5.7
    WrongAnswer(
        "stochastic_chances",
        "0 / 0",
        "    chances = np.where(chances.any(axis=-1, keepdims=True), "
        "chances, 1)\n",
        "",
        "0 / 0 is NaN",
    ),
    WrongAnswer(
        "stochastic_chances",
        "no chance for anybody",
        "return chances / chances.sum(axis=-1, keepdims=True)",
        "chances = view.reshape(chances.shape)\n"
        "    total = chances.sum(axis=-1, keepdims=True)\n"
        "    return chances / np.maximum(total, 1e-12)",
        "nobody has a chance",
    ),
    WrongAnswer(
        "stochastic_chances",
        "softmax weights",
        "return chances /",
        "chances = np.exp(chances)\n    return chances /",
        "these are softmax weights",
    ),
    WrongAnswer(
        "stochastic_chances",
        "the share of all x",
        "chances / chances.sum(axis=-1, keepdims=True)",
        "view.reshape(chances.shape) / x.sum()",
        "the chances of each *window* sum",
    ),
    WrongAnswer(
        "stochastic_chances",
        "cells down the columns",
        "view.reshape(*view",
        "view.swapaxes(-1, -2).reshape(*view",
        "read down its columns",
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

# 7.2: a gradient by loops, which two mistakes are made in
MIXED_LOOPS = '''
def mixed_backward(dout, x, share, window, stride=None):
    PH, PW = pair(window, "window", 1)
    SH, SW = (PH, PW) if stride is None else pair(stride, "stride", 1)
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        rows = slice(i * SH, i * SH + PH)
        columns = slice(j * SW, j * SW + PW)
        cut = x[n, c, rows, columns]
        won = WON
        part = share * won + (1 - share) / won.size
        dx[n, c, rows, columns] += part * dout[n, c, i, j]
    return dx
'''

NETWORK = [
    # 7.1
    WrongAnswer(
        "count_parameters",
        "filters without a bias",
        "F1 * (9 * C + 1) + F2 * (9 * F1 + 1)",
        "F1 * 9 * C + F2 * 9 * F1",
        "the bias of each filter is missing",
    ),
    WrongAnswer(
        "count_parameters",
        "the second convolution looks at the image",
        "(9 * F1 + 1)",
        "(9 * C + 1)",
        "look at the F1 maps",
    ),
    WrongAnswer(
        "count_parameters",
        "one pooling",
        "H // pool // pool, W // pool // pool",
        "H // pool, W // pool",
        "there are two poolings",
    ),
    WrongAnswer(
        "count_parameters",
        "the area divided",
        "F2 * rows * columns",
        "F2 * (H * W // pool**4)",
        "the whole area is divided",
    ),
    WrongAnswer(
        "count_parameters",
        "no bias in the dense layer",
        "(F2 * rows * columns + 1)",
        "(F2 * rows * columns)",
        "the bias of each class is missing",
    ),
    # 7.2
    WrongAnswer(
        "mixed_forward",
        "shares swapped",
        "share * largest + (1 - share) * mean",
        "(1 - share) * largest + share * mean",
        "the shares are swapped",
    ),
    WrongAnswer(
        "mixed_forward",
        "the whole average added",
        "(1 - share) * mean",
        "mean",
        "the whole average is added",
    ),
    WrongAnswer(
        "mixed_forward",
        "half of each",
        "share * largest + (1 - share) * mean",
        "(largest + mean) / 2",
        "half of each",
    ),
    WrongAnswer(
        "mixed_forward",
        "no stride",
        "    largest =",
        "    stride = None\n    largest =",
        "the stride is ignored",
    ),
    WrongAnswer(
        "mixed_backward",
        "shares swapped",
        "share * dout, (1 - share) * dout",
        "(1 - share) * dout, share * dout",
        "the shares are swapped",
    ),
    WrongAnswer(
        "mixed_backward",
        "dout not shared",
        "share * dout, (1 - share) * dout",
        "dout, dout",
        "each part gets all of dout",
    ),
    WrongAnswer(
        "mixed_backward",
        "the maximum alone",
        "    dx += pooling.avg_pool2d_backward("
        "dmean, x.shape, window, stride)\n",
        "",
        "the average's part is missing",
    ),
    WrongAnswer(
        "mixed_backward",
        "all tied cells win",
        None,
        MIXED_LOOPS.replace("WON", "cut == cut.max()"),
        "every tied cell gets the share",
    ),
    WrongAnswer(
        "mixed_backward",
        "= instead of +=",
        None,
        MIXED_LOOPS.replace(
            "WON", "np.arange(PH * PW).reshape(PH, PW) == cut.argmax()"
        ).replace("+=", "="),
        "`+=` and not `=`",
    ),
    # 7.3
    WrongAnswer(
        "same_answer",
        "the mean over pairs",
        "agree.all(axis=0).mean()",
        "agree.mean()",
        "the share of agreeing pairs",
    ),
    WrongAnswer(
        "same_answer",
        "any in place of all",
        "agree.all(axis=0)",
        "agree.any(axis=0)",
        "one agreeing copy is enough",
    ),
    WrongAnswer(
        "same_answer",
        "argmax over the images",
        "    answers = scores.argmax(axis=-1)  # (N,)\n"
        "    agree = moved.argmax(axis=-1) == answers",
        "    answers = scores.argmax(axis=0)\n"
        "    agree = moved.argmax(axis=1) == answers",
        "argmax runs over the images",
    ),
    WrongAnswer(
        "same_answer",
        "the share of copies",
        "agree.all(axis=0)",
        "agree.all(axis=1)",
        "all images of a copy",
    ),
    WrongAnswer(
        "same_answer",
        "the image left out",
        "scores.argmax(axis=-1)",
        "moved[0].argmax(axis=-1)",
        "with one another only",
    ),
    # 7.4
    WrongAnswer(
        "switch_shares",
        "divided by the height",
        "input_shape[3]",
        "input_shape[2]",
        "a row of the input has W cells",
    ),
    WrongAnswer(
        "switch_shares",
        "divided by the width of the output",
        "input_shape[3]",
        "indices.shape[3]",
        "counted as OW cells",
    ),
    WrongAnswer(
        "switch_shares",
        "sides of the window swapped",
        "    places = rows",
        "    return np.array([\n"
        "        [np.mean((rows % PW == a) & (columns % PH == b))\n"
        "         for b in range(PW)] for a in range(PH)])\n"
        "    places = rows",
        "rows repeat every PH",
    ),
    WrongAnswer(
        "switch_shares",
        "numbers, not shares",
        " / indices.size",
        " / 1",
        "divide by how many there are",
    ),
    WrongAnswer(
        "switch_shares",
        "the index modulo the window",
        "rows % PH * PW + columns % PW",
        "indices % (PH * PW)",
        "take the index apart",
    ),
]

WRONG_ANSWERS = [
    wrong
    for chapter in list(globals().values())
    if isinstance(chapter, list)
    for wrong in chapter
]
