"""Every erratum on the page is run: what the text does, and what is right.

`@erratum` marks the function that runs the erratum of the same title. It gets
the values that stand between backticks on the page, in their order, and has to
compute the results among them from the others.
"""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import pooling
from pooling.check.strides import pool_published
from pooling.check.unpooling import broken_avg_unpool
from pooling.geometry import pooling_axes
from pooling.lessons.im2col import MaxPool, col2im, im2col, numerical_gradient
from pooling.lessons.strides import max_mask, pool_images, window_view
from pooling.lessons.unpooling import (
    avg_unpool2d,
    max_unpool2d_indices,
    unpool_images,
)
from pooling.lessons.windows import pool2d
from pooling.ties import max_gradient_loops

BOOK = Path(__file__).resolve().parent.parent / "book"
PAGE = (BOOK / "errata.md").read_text()
ERRATA = re.findall(r"^\*\*(\d+)\. (.+?)\.\*\* (.+)$", PAGE, re.M)


def name_of(title):
    """Turn a title into the name of a function."""
    return re.sub(r"\W+", "_", title).strip("_").lower()


def values(text):
    """Read the numbers, lists and words between backticks, in order."""
    found = []
    for code in re.findall(r"`(?:dout = )?([^`]+)`", text):
        try:
            found.append(ast.literal_eval(code.replace("nan", "None")))
        except (ValueError, SyntaxError):
            pass  # code that is no value
    return found


CHECKS = {}


def erratum(function):
    """Mark a function that runs an erratum."""
    CHECKS[function.__name__] = function
    return function


def same(computed, printed):
    """Compare with the page: the shape, and numbers to four digits."""
    printed = np.array(printed, float)  # None becomes NaN
    assert np.shape(computed) == printed.shape
    np.testing.assert_allclose(computed, printed, rtol=0, atol=6e-5)


def planes(image):
    """Return a printed image as a batch: (1, 1, H, W)."""
    array = np.array(image)
    array = array.astype(float) if array.dtype == object else array  # NaN
    return array[None, None]


def max_pool(image, *args):
    return pooling.max_pool2d(planes(image), *args)[0, 0]


def max_gradient(image, dout, *args):
    x = planes(image)
    _, indices = pooling.max_pool2d(x, *args, return_indices=True)
    return pooling.max_pool2d_backward(planes(dout), indices, x.shape)[0, 0]


def counted(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


def zero_padded(image, window, stride, padding):
    """Pool with 0 where nothing should be."""
    down, across = padding
    framed = np.pad(image, ((down, down), (across, across)))
    return max_pool(framed, window, stride)


# -- the page and the tests ---------------------------------------------------


def test_errata_are_numbered_from_one():
    numbers = [int(number) for number, *_ in ERRATA]
    assert numbers == list(range(1, len(ERRATA) + 1))
    assert len(ERRATA) >= 46
    assert len(re.findall(r"^\*\*\d", PAGE, re.M)) == len(ERRATA)


def test_each_erratum_has_a_test_and_each_test_an_erratum():
    assert [name_of(title) for _, title, _ in ERRATA] == list(CHECKS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "title, text", [e[1:] for e in ERRATA], ids=[e[0] for e in ERRATA]
)
def test_example(title, text):
    CHECKS[name_of(title)](*values(text))


@pytest.mark.parametrize("number, title, text", ERRATA)
def test_section_is_there(number, title, text):
    places = re.findall(r"\]\((0\d_\w+\.ipynb)\), section (\d+)", text)
    assert places or "(exercises/" in text
    for lesson, section in places:
        cells = nbformat.read(BOOK / lesson, as_version=4).cells
        assert any(c.source.startswith(f"## {section}. ") for c in cells)


# -- Riley Learning -----------------------------------------------------------


@erratum
def fewer_parameters_to_learn(convolution, dense, pooled):
    assert convolution == 64 * 32 * 3 * 3 + 64
    maps = np.zeros((1, 32, 28, 28))
    for x, printed in [(maps, dense), (pooling.max_pool2d(maps, 2), pooled)]:
        assert printed == x.size * 10 + 10


@erratum
def spatial_invariance(row, pooled, moved, pooled_moved):
    assert moved == np.roll(row, 1).tolist()
    same(max_pool([row], (1, 2)), [pooled])
    same(max_pool([moved], (1, 2)), [pooled_moved])


@erratum
def one_list_of_letters_twice(convolved, shape, pooled):
    x = np.ones(shape)
    view = sliding_window_view(x, (2, 2), (2, 3))
    y = np.einsum("ncijab,fcab->nfij", view, np.ones((5, shape[1], 2, 2)))
    assert y.shape == convolved
    assert pooling.max_pool2d(x, 2, 1).shape == pooled


@erratum
def twice_as_many_filters(channels, *filters):
    for FN in filters:
        y = np.tensordot(np.ones((FN, channels)), np.ones((channels, 4, 4)), 1)
        assert y.shape == (FN, 4, 4)
    assert 2 * channels in filters


@erratum
def the_stride_of_its_problem(window, stride, overlapping, usual):
    assert max_pool(counted(3, 3), window, stride).shape == overlapping
    assert max_pool(counted(3, 3), window).shape == usual


# -- deepnotes ----------------------------------------------------------------


@erratum
def sizes_that_do_not_divide(size, window, stride, broken, right):
    assert (size - window) / stride + 1 == broken
    assert pooling.output_size(size, window, stride) == right


@erratum
def gradients_of_whole_numbers(image, dout, cut, right):
    cols = im2col(planes(image), 2)
    dcols = np.zeros_like(cols)  # the dtype of the image
    dcols[cols.argmax(axis=0), np.arange(cols.shape[1])] = np.ravel(dout)
    same(col2im(dcols, (1, 1, 2, 2), 2)[0, 0], cut)
    same(max_gradient(image, dout, 2), right)


@erratum
def one_layer_two_uses(first, second, dout, mixed_up, right):
    layer = MaxPool(2)
    layer(planes(first))
    layer(planes(second))
    same(layer.backward(planes(dout))[0, 0], mixed_up)
    same(max_gradient(first, dout, 2), right)


@erratum
def padding_is_rare_and_zero(image, zero, right):
    same(zero_padded(image, 3, 2, (1, 1)), zero)
    same(max_pool(image, 3, 2, 1), right)


@erratum
def windows_that_fit_are_refused(right):
    H, W, FH, FW, stride = 4, 5, 2, 3, 2
    assert (H - FH) % stride == 0
    assert (W - FH) % stride != 0  # what it tests: it ends here
    assert (W - FW) % stride == 0
    same(max_pool(counted(H, W), (FH, FW), stride), right)


# -- tinyml -------------------------------------------------------------------


def largest_around(image, i, j, down, across):
    """Tell whether a cell is the largest of its neighbourhood."""
    rows = slice(max(i - down, 0), i + down + 1)
    columns = slice(max(j - across, 0), j + across + 1)
    return image[i, j] >= image[rows, columns].max()


def by_the_formula(image, down, across):
    """Keep a cell that is the largest around, put 0 elsewhere."""
    image = np.array(image)
    kept = [
        largest_around(image, i, j, down, across)
        for i, j in np.ndindex(image.shape)
    ]
    return image * np.reshape(kept, image.shape)


@erratum
def the_formula_is_not_pooling(image, formula, right):
    same(by_the_formula(image, 2, 2), formula)
    same(max_pool(image, 2, 1), right)


@erratum
def a_neighbourhood_too_large(image, largest, right):
    kept = by_the_formula(image, 2, 2)
    assert kept.sum() == kept.max() == largest
    same(max_pool(image, 2), right)


@erratum
def rows_and_columns_are_swapped(image, swapped, in_place):
    PH, PW = 1, 2
    same(by_the_formula(image, PW, PH), swapped)
    same(by_the_formula(image, PH, PW), in_place)


@erratum
def zero_is_a_value(image, formula, right):
    kept = by_the_formula(image, 2, 2)
    same(kept, formula)
    assert max(max(row) for row in image) < kept.max()
    same(max_pool(image, 2), right)


@erratum
def a_gradient_without_a_sum(image, dout, right, one):
    dx = max_gradient(image, dout, 2, 1)
    assert dx[1, 1] == dx.sum() == right
    x, dout = planes(image), planes(dout)
    last = max_gradient_loops(x, dout, 2, 1, ties="overwrite")
    assert last[0, 0, 1, 1] == one


@erratum
def at_least_as_large(image, dout, formula, right):
    tied = by_the_formula(image, 2, 2) != 0
    same(tied * np.ravel(dout), formula)
    same(max_gradient(image, dout, 2), right)


@erratum
def a_stride_that_is_not_named(image, usual, meant):
    same(max_pool(image, 2), usual)
    same(max_pool(image, 2, 1), meant)


@erratum
def indices_of_the_window(image, in_window, in_plane):
    _, winners = MaxPool(2, 1, return_index=True)(planes(image))
    same(winners[0, 0], in_window)
    _, indices = pooling.max_pool2d(planes(image), 2, 1, return_indices=True)
    same(indices[0, 0], in_plane)


@erratum
def unpooling_of_rectangles(image, pooled, wrong, right):
    PH, PW = 2, 3
    x = planes(image)
    y, winners = MaxPool((PH, PW), 1, return_index=True)(x)
    same(y[0, 0], pooled)
    up = np.zeros(x.shape[2:])
    for j, place in enumerate(winners.flat):
        up[place // PW, j + place % PH] = pooled[0][j]
    same(up, wrong)
    _, indices = pooling.max_pool2d(x, (PH, PW), 1, return_indices=True)
    same(max_unpool2d_indices(y, indices, x.shape)[0, 0], right)


# -- numbersmithy -------------------------------------------------------------


def mask_of_published(image, f):
    """Return the padded maxima, and a mask that may leave the image."""
    y = pool_published(image, f, pad=True)
    size = [f * n for n in y.shape]
    framed = np.zeros(size)
    framed[: image.shape[0], : image.shape[1]] = image
    return y, max_mask(window_view(framed, f))


@erratum
def the_padding_is_0(image, wrong, wrong_mean, right, right_mean):
    x = np.array(image)
    same(pool_published(x, 2, pad=True), wrong)
    same(pool_published(x, 2, pad=True, method="mean"), wrong_mean)
    same(pool_images(x, 2, pad=True), right)
    same(pool_images(x, 2, pad=True, method="mean"), right_mean)


@erratum
def the_padding_holds_integers(image, cut, right):
    y = pool_published(np.array(image), 2, pad=True)
    assert y.dtype == int
    same(y, cut)
    same(pool_images(np.array(image), 2, pad=True), right)


@erratum
def a_ceiling_that_is_none(phantom, right, wrong_count, ceil, floor):
    x = counted(4, 4) + 1
    same(pool_published(x, 2, pad=True), phantom)
    same(pool_images(x, 2, pad=True), right)
    wide = pool_published(np.ones((10, 10)), 3, 2, pad=True)
    assert wide.shape == (wrong_count, wrong_count)
    assert pooling.output_size(10, 3, 2, ceil_mode=True) == ceil
    assert pooling.output_size(10, 3, 2) == floor


@erratum
def padding_and_a_large_stride(right):
    with pytest.raises(ValueError, match="broadcast"):
        pool_published(np.ones((8, 8)), 1, 3, pad=True)
    assert pool_images(np.ones((8, 8)), 1, 3, pad=True).shape == right


@erratum
def everyone_wins_a_tie(tile, dout, total, inflated):
    x = np.tile(tile, (2, 2))
    assert np.sum(dout) == total
    _, mask = pool_images(x, 2, return_mask=True)
    assert unpool_images(np.array(dout), mask, x.shape, 2).sum() == inflated
    assert max_gradient(x, dout, 2).sum() == total


@erratum
def axes_that_vanish(*printed):
    for k, shape in enumerate([(3, 3), (3, 6), (6, 6, 1)]):
        squeezed, right = printed[2 * k : 2 * k + 2]
        y = pool_images(np.ones(shape), 3)
        assert np.squeeze(y).shape == squeezed
        assert y.shape == right


@erratum
def overlaps_overwrite(image, dout, last, right):
    x = np.array(image)
    _, mask = pool_images(x, 2, 1, return_mask=True)
    assert unpool_images(np.array(dout), mask, x.shape, 1)[1, 1] == last
    assert max_gradient(image, dout, 2, 1)[1, 1] == right


@erratum
def averages_that_are_not_divided(y, total, inflated, right):
    assert np.sum(y) == total
    assert broken_avg_unpool(np.array(y), 2, (4, 4)).sum() == inflated
    same(avg_unpool2d(planes(y), (1, 1, 4, 4), 2)[0, 0], right)


@erratum
def averages_without_a_stride(right, total):
    ones = np.ones((3, 3))
    for size in (4, 5):
        fit = size // 2  # the windows it counts on
        with pytest.raises(ValueError, match="reshape"):
            ones.reshape(fit, 1, fit, 1)
    first = avg_unpool2d(planes(ones), (1, 1, 4, 4), 2, 1)[0, 0]
    second = avg_unpool2d(planes(ones), (1, 1, 5, 5), 2, ceil_mode=True)
    same(first, right)
    assert first.sum() == second.sum() == total


@erratum
def a_maximum_outside_the_image(image, right):
    x = np.array(image)
    y, mask = mask_of_published(x, 2)
    with pytest.raises(IndexError):
        unpool_images(y, mask, x.shape, 2)
    y, indices = pooling.max_pool2d(
        planes(image), 2, ceil_mode=True, return_indices=True
    )
    same(indices[0, 0], right)


@erratum
def windows_larger_than_the_image(empty):
    f, cells = 3, np.ones((2, 2))
    kept = (len(cells) - f) // f * f + f  # rows and columns
    out = 1 + (kept - f) // f
    view = as_strided(cells[:kept, :kept], (out, out, f, f))
    assert np.nanmax(view, axis=(2, 3)).shape == empty
    with pytest.raises(ValueError, match="negative"):
        as_strided(np.ones((1, 1)), (1 + (1 - f) // 1,) * 2)
    with pytest.raises(ValueError, match="window must fit"):
        pooling.max_pool2d(planes(cells), f)


@erratum
def any_other_word_is_a_mean(method, image, mean, right):
    x = np.array(image)
    same(pool_published(x, 2, method=method), mean)
    with pytest.raises(ValueError, match=method):
        pool_images(x, 2, method=method)
    same(pool_images(x, 2), right)


@erratum
def the_place_of_a_mean(image, mean, marked):
    x = np.array(image)
    assert pool_images(x, 2, method="mean") == mean
    same(x == mean, marked)
    with pytest.raises(ValueError, match="no place"):
        pool_images(x, 2, method="mean", return_mask=True)


@erratum
def nan_disappears(image, hidden, right):
    x = planes(image)
    same(np.nanmax(window_view(x, 2), axis=(-2, -1))[0, 0], hidden)
    same(pool_images(x[0, 0], 2), right)


@erratum
def a_mask_of_large_integers(mask_bytes, index_bytes):
    x = np.ones((1, 1, 64, 64))
    _, mask = pool_images(x[0, 0], 3, 1, return_mask=True)
    _, indices = pooling.max_pool2d(x, 3, 1, return_indices=True)
    assert mask.astype(np.int64).nbytes == mask_bytes
    assert indices.nbytes == index_bytes


@erratum
def the_inverse_of_pooling(image, back):
    x = planes(image)
    y, indices = pooling.max_pool2d(x, 2, 1, return_indices=True)
    same(pooling.max_unpool2d(y, indices, x.shape)[0, 0], back)


# -- Dive into Deep Learning --------------------------------------------------


@erratum
def right_is_left(row, written, right):
    cells = range(len(row))
    assert [row[j + 1] for j in cells[:-1]] == written
    assert [row[j - 1] for j in cells[1:]] == right


@erratum
def the_edge_that_is_lost(row, pooled, twos, moved):
    edges = np.tile(row, (6, 1))
    same(max_pool(edges, 2, 1)[0], pooled)
    same(max_pool(edges, 2, 2)[0], twos)
    same(max_pool(np.roll(edges, 1, axis=1), 2, 2)[0], moved)


@erratum
def an_unknown_mode(mode, zeros):
    y = np.zeros((2, 2))  # and neither branch writes
    assert mode not in ("max", "avg")
    same(y, zeros)
    with pytest.raises(KeyError, match=mode):
        pool2d(counted(3, 3), (2, 2), mode)


@erratum
def padding_as_in_a_convolution(zero, right):
    negative = -counted(4, 4)
    same(zero_padded(negative, (2, 3), (2, 3), (1, 2)), zero)
    same(max_pool(negative, (2, 3), (2, 3), (1, 2)), right)


@erratum
def one_name_two_strides(function, layer):
    same(pool2d(counted(4, 4), (3, 3)), function)
    same(max_pool(counted(4, 4), 3), layer)


@erratum
def one_letter_two_sizes(literal, literal_cost, size, cost):
    assert pooling.output_size(112 + 3 + 3, 3, 2) == literal
    assert pooling.output_size(112, 3, 2, 1) == size
    for out, comparisons in [(literal, literal_cost), (size, cost)]:
        assert 64 * out**2 * (3 * 3 - 1) == comparisons
    with pytest.raises(ValueError, match="padding must be smaller"):
        pooling.output_size(112, 3, 2, 3)


# -- none of them -------------------------------------------------------------


@erratum
def what_happens_at_a_tie(image, first, every):
    x = planes(image)
    for rule, printed in [("first", first), ("all", every)]:
        dx = max_gradient_loops(x, np.ones((1, 1, 1, 1)), 2, 2, 0, rule)
        same(dx[0, 0], printed)
    same(max_gradient(image, [[1]], 2), first)


@erratum
def what_happens_to_nan(image, passed_on, hidden):
    cols = im2col(planes(image), 2)
    same(cols[cols.argmax(axis=0)[0]][None], passed_on)
    same(np.nanmax(cols, axis=0)[None], hidden)
    same(max_pool(image, 2), passed_on)


@erratum
def why_the_transpose_is_there(shape, scrambled, right):
    x = counted(*shape)
    rows, columns = pooling_axes(shape, 2)
    N, C = shape[:2]
    maxima = im2col(x, 2).max(axis=0)
    same(maxima.reshape(N, C, rows.out, columns.out)[0, 0], scrambled)
    same(pooling.max_pool2d(x, 2)[0, 0], right)


@erratum
def whether_padding_counts_in_a_mean(with_padding, without):
    x = planes(counted(4, 4))
    for count, printed in [(True, with_padding), (False, without)]:
        y = pooling.avg_pool2d(x, 3, 2, 1, count_include_pad=count)
        same(y[0, 0], printed)


@erratum
def how_to_check_a_gradient(image, dout, measured, right):
    def pool(x):
        return pooling.max_pool2d(x, 2, 1)

    x = planes(image)
    same(numerical_gradient(pool, x, planes(dout))[0, 0], measured)
    same(max_gradient(image, dout, 2, 1), right)
