"""The numbers that this book was born from, one row for each.

The values come from printed outputs, worked problems and counterexamples of
five older tutorials; torch and hand calculation agree with them. Each row says
what it proves.
"""

import numpy as np
import pytest

import pooling
from pooling.lessons import im2col as chapter2
from pooling.lessons import windows as chapter1
from pooling.ties import max_gradient_loops

pytestmark = pytest.mark.filterwarnings("error")

# -- the images ---------------------------------------------------------------


def image(rows):
    """Return one plane as a batch: (1, 1, H, W)."""
    return np.array(rows)[None, None]


X3 = np.arange(9.0).reshape(1, 1, 3, 3)
X4 = np.arange(16.0).reshape(1, 1, 4, 4)
A = X3 + 1  # 1 to 9

# The worked problem: PH = PW = 2, stride 1, padding 0, with ties on purpose.
P1 = image([[2, 8, 3], [8, 1, 5], [4, 5, 5]])
P1_DOUT = image([[1.0, 2], [3, 4]])
P1_TRACE = image([[1.0, 10], [100, 1000]])

# Its larger version: N = C = 2.
P2 = np.array([
    [[[9, 8, 4, 0], [0, 8, 3, 2], [1, 8, 9, 6], [0, 4, 6, 4]],
     [[4, 7, 8, 9], [5, 6, 5, 2], [6, 2, 8, 2], [0, 5, 5, 0]]],
    [[[3, 0, 8, 1], [0, 2, 6, 4], [9, 0, 0, 5], [5, 9, 6, 3]],
     [[4, 6, 9, 0], [0, 0, 9, 5], [2, 9, 7, 1], [8, 2, 7, 8]]],
])  # fmt: skip
P2_DOUT = np.arange(1.0, 37).reshape(2, 2, 3, 3)

# Two edges in an image of 6 rows: ones, with columns 2 to 5 at zero.
EDGES = np.tile([1.0, 1, 0, 0, 0, 0, 1, 1], (6, 1))

RANDOM6 = np.random.RandomState(100).randint(0, 20, (1, 1, 6, 6))

# -- what the rows compute ----------------------------------------------------


def max_pool(x, *args, **names):
    return pooling.max_pool2d(x, *args, **names)


def places(x, *args):
    return pooling.max_pool2d(x, *args, return_indices=True)[1]


def max_gradient(x, dout, *args):
    indices = places(x, *args)
    return pooling.max_pool2d_backward(dout, indices, x.shape)


def zero_padded(x, window, stride, sides):
    """Pool after padding with zeros: the mistake, not the book's way."""
    return max_pool(np.pad(x, ((0, 0), (0, 0), *sides)), window, stride)


def edge_map(shift=0):
    """Correlate the moved image with [1, -1]: +1 where ones end, else -1."""
    moved = np.roll(EDGES, shift, axis=1)
    return image(moved[:, :-1] - moved[:, 1:])


def edge_row(shift, stride):
    """Pool the edge map 2 x 2; all rows of the result are the same one."""
    y = max_pool(edge_map(shift), 2, stride)[0, 0]
    assert (y == y[0]).all()
    return y[0]


def blurred(x):
    """Take the maximum densely, blur with [1, 2, 1] / 4, keep every second."""
    dense = np.maximum(x, np.roll(x, -1))
    dense = (np.roll(dense, 1) + 2 * dense + np.roll(dense, -1)) / 4
    return dense[::2]


def line(x):
    """Pool a row of numbers, window and stride 2."""
    return max_pool(np.array(x, float)[None, None, None], (1, 2))[0, 0, 0]


def im2col_winners(x, *args):
    """Return the winner of each column, in the order of the columns."""
    _, winners = chapter2.MaxPool(*args, return_index=True)(x)
    return winners.transpose(2, 3, 0, 1).ravel()


def gradient_columns(x, dout, *args):
    """Build the matrix that col2im turns into dx."""
    winners = im2col_winners(x, *args)
    cols = np.zeros((args[0] ** 2, dout.size))
    cols[winners, np.arange(dout.size)] = dout.transpose(2, 3, 0, 1).ravel()
    return cols


def ties_rule(x, dout, rule):
    return max_gradient_loops(x, dout, 2, 1, 0, rule)


def tie_counts(x):
    """Count, for 2 x 2 windows of stride 1, the cells at the maximum."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), (2, 3))
    return (windows == windows.max((4, 5), keepdims=True)).sum((4, 5))


def measured(x, dout):
    return chapter2.numerical_gradient(lambda x: max_pool(x, 2, 1), x, dout)


def depthwise(x, window, sides=((0, 0), (0, 0))):
    """Convolve each channel with the constant kernel 1 / (p q)."""
    x = np.pad(x, ((0, 0), (0, 0), *sides))
    views = np.lib.stride_tricks.sliding_window_view(x, window, (2, 3))
    return np.einsum(
        "nchwab,ab->nchw", views, np.full(window, 1 / np.prod(window))
    )


def relu_maximum(a, b):
    """Write max(a, b) with ReLU only."""

    def relu(v):
        return np.maximum(v, 0)

    return relu(a - b) + relu(b) - relu(-b)


def relu_pooling(x):
    """Pool 2 x 2 in two stages: pairs across, then pairs down."""
    across = relu_maximum(x[..., 0::2], x[..., 1::2])
    return relu_maximum(across[:, :, 0::2], across[:, :, 1::2])


def layer_pass(x, dout, *args, **names):
    """Send a batch through a layer and its gradient back."""
    layer = chapter2.MaxPool(*args, **names)
    return layer.forward(x), layer.backward(dout)


def two_batches_in_flight():
    """Two forward passes, then two backward passes, without a mix-up."""
    first, second = image([[9, 1], [1, 1]]), image([[1, 1], [1, 9]])
    winners = [places(x, 2) for x in (first, second)]
    return np.concatenate(
        [
            pooling.max_pool2d_backward(image([[1.0]]), w, first.shape)
            for w in winners
        ]
    )


def batch(*shape):
    return np.arange(float(np.prod(shape))).reshape(shape)


# -- the rows -----------------------------------------------------------------

ROWS = {
    # A window by hand, and the outputs that the chapter on pooling prints.
    "maximum of the first window": (
        lambda: max_pool(X3, 2, 1)[0, 0, 0, 0], max(0, 1, 3, 4)),
    "maximum of the second window": (
        lambda: max_pool(X3, 2, 1)[0, 0, 0, 1], max(1, 2, 4, 5)),
    "maximum of the third window": (
        lambda: max_pool(X3, 2, 1)[0, 0, 1, 0], max(3, 4, 6, 7)),
    "maximum of the fourth window": (
        lambda: max_pool(X3, 2, 1)[0, 0, 1, 1], max(4, 5, 7, 8)),
    "maximum of 0 to 8": (
        lambda: chapter1.pool2d(X3[0, 0], (2, 2)), [[4, 5], [7, 8]]),
    "average of 0 to 8": (
        lambda: chapter1.pool2d(X3[0, 0], (2, 2), "avg"), [[2, 3], [5, 6]]),
    "maximum of 0 to 8 through the front door": (
        lambda: max_pool(X3, 2, 1), image([[4, 5], [7, 8]])),
    "average of 0 to 8 through the front door": (
        lambda: pooling.avg_pool2d(X3, 2, 1), image([[2, 3], [5, 6]])),
    "the default stride is the window": (
        lambda: max_pool(X4, 3), image([[10]])),
    "padding 1, stride 2": (
        lambda: max_pool(X4, 3, 2, 1), image([[5, 7], [13, 15]])),
    "a rectangle with padding (1, 2), which torch refuses": (
        lambda: max_pool(X4, (2, 3), (2, 3), (1, 2)),
        image([[0, 3], [8, 11], [12, 15]])),
    "a rectangle with padding (0, 1)": (
        lambda: max_pool(X4, (2, 3), (2, 3), (0, 1)),
        image([[5, 7], [13, 15]])),
    "two channels are not added": (
        lambda: max_pool(np.concatenate([X4, X4 + 1], axis=1), 3, 2, 1),
        [[[[5, 7], [13, 15]], [[6, 8], [14, 16]]]]),
    "channels stay as many as they are": (
        lambda: max_pool(batch(2, 5, 4, 4), 2).shape, (2, 5, 2, 2)),
    "average with counted padding": (
        lambda: pooling.avg_pool2d(X4, 3, 2, 1),
        image([[10 / 9, 24 / 9], [34 / 6, 10]])),
    "average without counted padding": (
        lambda: pooling.avg_pool2d(X4, 3, 2, 1, count_include_pad=False),
        image([[2.5, 4], [8.5, 10]])),

    # Why padding is minus infinity.
    "zeros in the padding win over negatives": (
        lambda: zero_padded(-X4, (2, 3), (2, 3), ((1, 1), (2, 2))),
        image([[0, 0], [0, -5], [0, 0]])),
    "minus infinity leaves the negatives alone": (
        lambda: max_pool(-X4, (2, 3), (2, 3), (1, 2)),
        image([[0, -1], [-4, -5], [-12, -13]])),
    "zeros win over numbers near -100": (
        lambda: zero_padded(X4 - 100, 3, 2, ((1, 1), (1, 1))),
        image([[0, 0], [0, -85]])),
    "numbers near -100, rightly": (
        lambda: max_pool(X4 - 100, 3, 2, 1),
        image([[-95, -93], [-87, -85]])),

    # Edges that move.
    "the edge map": (
        lambda: edge_map()[0, 0, 0], [0, 1, 0, 0, 0, -1, 0]),
    "stride 1 keeps the rising edge and loses the falling one": (
        lambda: edge_row(0, 1), [1, 1, 0, 0, 0, 0]),
    "stride 1, image moved right by 1": (
        lambda: edge_row(1, 1), [0, 1, 1, 0, 0, 0]),
    "stride 1, image moved left by 1": (
        lambda: edge_row(-1, 1), [1, 0, 0, 0, 0, 0]),
    "stride 1, image moved right by 2": (
        lambda: edge_row(2, 1), [0, 0, 1, 1, 0, 0]),
    "stride 2": (lambda: edge_row(0, 2), [1, 0, 0]),
    "stride 2, moved right by 1: the answer changes": (
        lambda: edge_row(1, 2), [0, 1, 0]),
    "stride 2, moved left by 1: it does not": (
        lambda: edge_row(-1, 2), [1, 0, 0]),
    "aliasing of a row": (
        lambda: line([0, 0, 1, 1, 0, 0, 1, 1]), [0, 1, 0, 1]),
    "aliasing of the row moved by 1": (
        lambda: line([0, 1, 1, 0, 0, 1, 1, 0]), [1, 1, 1, 1]),
    "a blur before subsampling": (
        lambda: blurred(np.array([0, 0, 1, 1, 0, 0, 1, 1.0])),
        [0.5, 1, 0.5, 1]),
    "a blur before subsampling, moved by 1": (
        lambda: blurred(np.array([0, 1, 1, 0, 0, 1, 1, 0.0])),
        [0.75, 0.75, 0.75, 0.75]),

    # The questions at the end of that chapter.
    "average pooling is a convolution with a constant kernel": (
        lambda: pooling.avg_pool2d(batch(2, 3, 5, 6), (2, 3), 1),
        lambda: depthwise(batch(2, 3, 5, 6), (2, 3))),
    "average pooling with padding is a padded convolution": (
        lambda: pooling.avg_pool2d(batch(2, 3, 5, 6), (2, 3), 1, (1, 2)),
        lambda: depthwise(
            batch(2, 3, 5, 6), (2, 3), ((1, 1), (2, 2)))),
    "size of 112 after 3, stride 2, padding 1": (
        lambda: pooling.output_size(112, 3, 2, 1), 56),
    "comparisons of that layer with 64 channels": (
        lambda: 64 * pooling.output_size(112, 3, 2, 1) ** 2 * (3 * 3 - 1),
        1_605_632),
    "size if the padding were the window": (
        lambda: pooling.output_size(112 + 3 + 3, 3, 2), 58),
    "comparisons if the padding were the window": (
        lambda: 64 * pooling.output_size(118, 3, 2) ** 2 * 8, 1_722_368),
    "size with padding p - 1 is size + p - 1 at stride 1": (
        lambda: pooling.output_size(10, 4, 1, 3), 13),
    "rows then columns is the same maximum": (
        lambda: max_pool(max_pool(P2, (1, 2), 1), (2, 1), 1),
        lambda: max_pool(P2, 2, 1)),
    "minimum pooling is maximum pooling upside down": (
        lambda: -max_pool(-P2[:1, :1], 2, 1),
        image([[0, 3, 0], [0, 3, 2], [0, 4, 4]])),
    "maximum pooling is not linear": (
        lambda: [line([1, -1]), line([-1, 1])], [[1], [1]]),
    "maximum pooling from ReLU": (
        lambda: relu_pooling(P2 - 4), lambda: max_pool(P2 - 4, 2)),
    "the mean and the maximum of a window": (
        lambda: [pooling.avg_pool2d(image([[0, 1], [3, 4]]), 2).item(),
                 max_pool(image([[0, 1], [3, 4]]), 2).item()], [2, 4]),

    # Images as columns.
    "columns of 0 to 15": (
        lambda: chapter2.im2col(X4, 2),
        [[0, 2, 8, 10], [1, 3, 9, 11], [4, 6, 12, 14], [5, 7, 13, 15]]),
    "the last cell of each window wins in 0 to 15": (
        lambda: im2col_winners(X4, 2), [3, 3, 3, 3]),
    "maximum of 0 to 15 by columns": (
        lambda: chapter2.MaxPool(2)(X4),
        image([[5, 7], [13, 15]])),
    "shape of the columns of a batch": (
        lambda: chapter2.im2col(batch(2, 2, 4, 4), 2).shape, (4, 16)),
    "one winner for each column of a batch": (
        lambda: im2col_winners(batch(2, 2, 4, 4), 2).shape, (16,)),

    # A layer class that remembers, on 1 to 9.
    "maximum of 1 to 9": (
        lambda: chapter2.MaxPool(2, 1)(A), image([[5, 6], [8, 9]])),
    "places in the window of 1 to 9": (
        lambda: chapter2.MaxPool(2, 1, return_index=True)(A)[1],
        image([[3, 3], [3, 3]])),
    "places in the plane of 1 to 9": (
        lambda: places(A, 2, 1), image([[4, 5], [7, 8]])),
    "gradient of 1 to 9": (
        lambda: layer_pass(A, P1_DOUT, 2, 1)[1],
        image([[0, 0, 0], [0, 1, 2], [0, 3, 4]])),
    "gradient of 1 to 9 through the front door": (
        lambda: max_gradient(A, P1_DOUT, 2, 1),
        image([[0, 0, 0], [0, 1, 2], [0, 3, 4]])),

    # A random image, window and stride 3.
    "the random image": (
        lambda: RANDOM6,
        image([[8, 3, 7, 15, 16, 10], [2, 2, 2, 14, 2, 17],
               [16, 15, 4, 11, 16, 9], [2, 12, 4, 1, 13, 19],
               [4, 4, 3, 7, 17, 15], [1, 14, 7, 16, 2, 9]])),
    "maximum of the random image": (
        lambda: max_pool(RANDOM6, 3), image([[16, 17], [14, 19]])),
    "places in the random image": (
        lambda: places(RANDOM6, 3), image([[12, 11], [31, 23]])),
    "average of the random image": (
        lambda: pooling.avg_pool2d(RANDOM6, 3) * 9,
        image([[59, 110], [51, 99]])),

    # The worked problem and five rules for ties.
    "worked problem: output": (
        lambda: max_pool(P1, 2, 1), image([[8, 8], [8, 5]])),
    "worked problem: ties in each window": (
        lambda: tie_counts(P1), image([[2, 1], [1, 3]])),
    "worked problem: columns": (
        lambda: chapter2.im2col(P1, 2, 1),
        [[2, 8, 8, 1], [8, 3, 1, 5], [8, 1, 4, 5], [1, 5, 5, 5]]),
    "worked problem: winners": (
        lambda: im2col_winners(P1, 2, 1), [1, 0, 0, 1]),
    "worked problem: places in the plane": (
        lambda: places(P1, 2, 1), image([[1, 1], [3, 5]])),
    "worked problem: gradient": (
        lambda: max_gradient(P1, P1_DOUT, 2, 1),
        image([[0, 3, 0], [3, 0, 4], [0, 0, 0]])),
    "worked problem: gradient by the layer": (
        lambda: layer_pass(P1, P1_DOUT, 2, 1)[1],
        image([[0, 3, 0], [3, 0, 4], [0, 0, 0]])),
    "worked problem: columns of the gradient": (
        lambda: gradient_columns(P1, P1_DOUT, 2, 1),
        [[0, 2, 3, 0], [1, 0, 0, 4], [0, 0, 0, 0], [0, 0, 0, 0]]),
    "worked problem: those columns, added back": (
        lambda: chapter2.col2im(
            gradient_columns(P1, P1_DOUT, 2, 1), P1.shape, 2, 1),
        image([[0, 3, 0], [3, 0, 4], [0, 0, 0]])),
    "worked problem: first of the ties": (
        lambda: ties_rule(P1, P1_DOUT, "first"),
        image([[0, 3, 0], [3, 0, 4], [0, 0, 0]])),
    "worked problem: last of the ties": (
        lambda: ties_rule(P1, P1_DOUT, "last"),
        image([[0, 2, 0], [4, 0, 0], [0, 0, 4]])),
    "worked problem: equal split": (
        lambda: ties_rule(P1, P1_DOUT, "split"),
        image([[0, 2.5, 0], [3.5, 0, 4 / 3], [0, 4 / 3, 4 / 3]])),
    "worked problem: all ties in full": (
        lambda: ties_rule(P1, P1_DOUT, "all"),
        image([[0, 3, 0], [4, 0, 4], [0, 4, 4]])),
    "worked problem: all ties, overwritten": (
        lambda: ties_rule(P1, P1_DOUT, "overwrite"),
        image([[0, 2, 0], [3, 0, 4], [0, 4, 4]])),
    "worked problem: what each rule hands out in all": (
        lambda: [ties_rule(P1, P1_DOUT, rule).sum() for rule in
                 ("first", "last", "split", "all", "overwrite")],
        [10, 10, 10, 19, 17]),
    "worked problem, traceable: gradient": (
        lambda: max_gradient(P1, P1_TRACE, 2, 1),
        image([[0, 11, 0], [100, 0, 1000], [0, 0, 0]])),
    "worked problem, traceable: sums of the rules": (
        lambda: [ties_rule(P1, P1_TRACE, rule).sum() for rule in
                 ("first", "all", "overwrite")],
        [1111, 3112, 3110]),
    "worked problem: average": (
        lambda: pooling.avg_pool2d(P1, 2, 1),
        image([[4.75, 4.25], [4.5, 4]])),
    "worked problem: gradient of the average": (
        lambda: pooling.avg_pool2d_backward(P1_DOUT, P1.shape, 2, 1),
        image([[0.25, 0.75, 0.5], [1, 2.5, 1.5], [0.75, 1.75, 1]])),
    "worked problem: central differences halve at ties": (
        lambda: measured(P1, P1_DOUT),
        image([[0, 2.5, 0], [3.5, 0, 2], [0, 2, 2]])),
    "worked problem: those halves do not add up to dout": (
        lambda: measured(P1, P1_DOUT).sum(), 12),
    "columns of 3 x 3 windows 2 x 2 are symmetric, so hide a transpose": (
        lambda: chapter2.im2col(P1, 2, 1),
        lambda: chapter2.im2col(P1, 2, 1).T),

    # The larger version.
    "larger problem: its numbers are random ones": (
        lambda: np.random.RandomState(21).randint(0, 10, (2, 2, 4, 4)), P2),
    "larger problem: output": (
        lambda: max_pool(P2, 2, 1),
        [[[[9, 8, 4], [8, 9, 9], [8, 9, 9]],
          [[7, 8, 9], [6, 8, 8], [6, 8, 8]]],
         [[[3, 8, 8], [9, 6, 6], [9, 9, 6]],
          [[6, 9, 9], [9, 9, 9], [9, 9, 8]]]]),
    "larger problem: places": (
        lambda: places(P2, 2, 1),
        [[[[0, 1, 2], [5, 10, 10], [9, 10, 10]],
          [[1, 2, 3], [5, 10, 10], [8, 10, 10]]],
         [[[0, 2, 2], [8, 6, 6], [8, 13, 14]],
          [[1, 2, 2], [9, 6, 6], [9, 9, 15]]]]),
    "larger problem: windows with ties": (
        lambda: np.argwhere(tie_counts(P2) > 1),
        [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 1, 0], [1, 0, 2, 0],
         [1, 1, 0, 1], [1, 1, 0, 2], [1, 1, 1, 1]]),
    "larger problem: gradient": (
        lambda: max_gradient(P2, P2_DOUT, 2, 1),
        [[[[1, 2, 3, 0], [0, 4, 0, 0], [0, 7, 28, 0], [0, 0, 0, 0]],
          [[0, 10, 11, 12], [0, 13, 0, 0], [16, 0, 64, 0], [0, 0, 0, 0]]],
         [[[19, 0, 41, 0], [0, 0, 47, 0], [47, 0, 0, 0], [0, 26, 27, 0]],
          [[0, 28, 59, 0], [0, 0, 65, 0], [0, 100, 0, 0], [0, 0, 0, 36]]]]),
    "larger problem: gradient by the layer": (
        lambda: layer_pass(P2, P2_DOUT, 2, 1)[1],
        lambda: max_gradient(P2, P2_DOUT, 2, 1)),
    "larger problem: what each rule hands out in all": (
        lambda: [ties_rule(P2, P2_DOUT, rule).sum() for rule in
                 ("first", "last", "split", "all", "overwrite")],
        [666, 666, 666, 801, 410]),

    # Mistakes of the older layers, and what is right.
    "gradients of an integer image are not cut to integers": (
        lambda: max_gradient(image([[1, 2], [3, 4]]), image([[0.7]]), 2),
        image([[0, 0], [0, 0.7]])),
    "gradients of an integer image through the layer": (
        lambda: layer_pass(image([[1, 2], [3, 4]]), image([[0.7]]), 2)[1],
        image([[0, 0], [0, 0.7]])),
    "rectangles 2 x 3, stride 2, fit in 4 x 5": (
        lambda: max_pool(batch(1, 1, 4, 5), (2, 3), 2),
        image([[7, 9], [17, 19]])),
    "rectangles 3 x 2, stride 2, fit in 5 x 4": (
        lambda: max_pool(batch(1, 1, 5, 4), (3, 2), 2),
        image([[9, 11], [17, 19]])),
    "sizes that do not divide are rounded down": (
        lambda: max_pool(batch(1, 1, 5, 5), 2), image([[6, 8], [16, 18]])),
    "two batches may be in flight at once": (
        two_batches_in_flight, [[[[1, 0], [0, 0]]], [[[0, 0], [0, 1]]]]),
    "the first of the ties wins": (
        lambda: max_gradient(image([[5, 5], [5, 1]]), image([[1.0]]), 2),
        image([[1, 0], [0, 0]])),
    "a NaN is the result and the winner": (
        lambda: [max_pool(image([[1, np.nan], [2, 3]]), 2).item(),
                 places(image([[1, np.nan], [2, 3]]), 2).item()],
        [np.nan, 1]),
    "maxima of a batch come back in the right order": (
        lambda: max_pool(batch(2, 3, 4, 4), 2)[0, 0], [[5, 7], [13, 15]]),
    "the trap: a reshape without the transpose": (
        lambda: chapter2.im2col(batch(2, 3, 4, 4), 2).max(axis=0)
        .reshape(2, 3, 2, 2)[0, 0], [[5, 21], [37, 53]]),
    "gradients of overlapping windows add": (
        lambda: max_gradient(
            image([[0, 0, 0], [0, 9, 0], [0, 0, 0]]), P1_DOUT, 2, 1),
        image([[0, 0, 0], [0, 10, 0], [0, 0, 0]])),
}  # fmt: skip


@pytest.mark.parametrize("compute, expected", ROWS.values(), ids=ROWS.keys())
def test_number(compute, expected):
    if callable(expected):
        expected = expected()
    # Whole numbers and halves are exact; only thirds and ninths round.
    np.testing.assert_allclose(compute(), expected, rtol=1e-9, atol=1e-9)


def test_padding_as_wide_as_the_window_is_refused():
    """With it, some windows would hold padding only."""
    with pytest.raises(ValueError, match="padding must be smaller"):
        pooling.output_size(112, 3, 2, 3)
