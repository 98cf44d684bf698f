"""The package against its definition, a peer, and everything odd."""

import doctest
import importlib
import itertools
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import columns as by_columns
import numpy as np
import oracles
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import pooling
from pooling import geometry
from pooling.lessons import im2col as chapter2
from pooling.lessons import windows as chapter1
from pooling.lessons.unpooling import batch_indices
from pooling.ties import max_gradient_loops, share_ties

pytestmark = pytest.mark.filterwarnings("error")

FLOATS = ["f2", "f4", "f8", "g", ">f2", ">f4", ">f8"]
INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i2", ">u4"]
LAYOUTS = [
    "C", "Fortran", "transposed", "reversed", "every second", "broadcast",
    "read-only", "list",
]  # fmt: skip
NAN, INF = np.nan, np.inf


def image(rows, dtype=float):
    """Return one plane as a batch: (1, 1, H, W)."""
    return np.array(rows, dtype)[None, None]


# -- drawing poolings, arrays and layouts -----------------------------------


@st.composite
def geometries(draw, legal=True):
    """Draw an axis pair and the arguments that mean it."""
    lines = []
    for _ in "HW":
        window = draw(st.integers(1, 4))
        dilation = draw(st.sampled_from([1, 1, 2, 3]))
        span = dilation * (window - 1) + 1
        most = min(span - 1, 4) if legal else 4
        pads = st.integers(0, most)
        line = oracles.Line(
            size=draw(st.integers(1, 8)),
            window=window,
            stride=draw(st.integers(1, 4)),
            before=draw(pads),
            after=draw(pads),
            dilation=dilation,
            ceil_mode=False,
        )
        lines.append(line)
    ceil_mode = draw(st.booleans())
    lines = [line._replace(ceil_mode=ceil_mode) for line in lines]
    if legal:
        assume(all(line.legal for line in lines))
    return tuple(lines)


def arguments(lines):
    """Return what the package is called with: positional and by name."""
    rows, columns = lines
    window = (rows.window, columns.window)
    stride = (rows.stride, columns.stride)
    padding = ((rows.before, rows.after), (columns.before, columns.after))
    dilation = (rows.dilation, columns.dilation)
    names = {"dilation": dilation, "ceil_mode": rows.ceil_mode}
    return (window, stride, padding), names


def alphabet(dtype):
    """Return few values, so that ties abound, with the extreme ones."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return [-INF, INF, NAN, -3.0, -1.0, 0.5, 2.0, 1000.0]
    info = np.iinfo(dtype)
    return [info.min, info.min + 1, 1, 7, info.max]


@st.composite
def batches(draw, lines, dtypes, finite=False):
    """Draw an array for the axes."""
    dtype = draw(st.sampled_from(dtypes))
    shape = (
        draw(st.integers(0, 3)),
        draw(st.integers(0, 3)),
        lines[0].size,
        lines[1].size,
    )
    letters = [
        v for v in alphabet(dtype) if not finite or np.isfinite(float(v))
    ]
    kind = draw(st.sampled_from(["any", "any", "no extremes", "lowest"]))
    if kind == "no extremes":
        letters = letters[3:] or letters
    elif kind == "lowest":
        letters = letters[:1]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    picks = rng.integers(len(letters), size=shape)
    return np.array(letters, dtype)[picks]


def laid_out(x, layout):
    """Return the same values in another memory layout."""
    if layout == "Fortran":
        return np.asfortranarray(x)
    if layout == "transposed":
        return np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(
            2, 1, 3, 0
        )
    if layout == "reversed":
        return x[::-1, :, ::-1, ::-1].copy()[::-1, :, ::-1, ::-1]
    if layout == "every second":
        wide = np.repeat(np.repeat(x, 2, axis=2), 3, axis=3)
        return wide[:, :, ::2, ::3]
    if layout == "broadcast" and x.shape[0]:
        return np.broadcast_to(x[:1], x.shape)
    if layout == "read-only":
        x = x.copy()
        x.flags.writeable = False
    return x


# -- the front door against the oracle --------------------------------------


@settings(max_examples=300)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS))
def test_maximum_and_its_place_are_those_of_the_definition(
    data, lines, layout
):
    x = data.draw(batches(lines, FLOATS + INTEGERS))
    x = laid_out(x, layout)
    before = x.copy()
    args, names = arguments(lines)
    given_x = x
    if layout == "list" and x.dtype == float and x.size:
        given_x = x.tolist()
    y, indices = pooling.max_pool2d(
        given_x, *args, **names, return_indices=True
    )
    expected, places = oracles.max_pool(x, *lines)
    np.testing.assert_array_equal(y, expected, strict=True)
    np.testing.assert_array_equal(indices, places, strict=True)
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(y, indices)
    alone = pooling.max_pool2d(given_x, *args, **names)
    np.testing.assert_array_equal(alone, y, strict=True)


@settings(max_examples=300)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS), st.booleans())
def test_average_is_that_of_the_definition(data, lines, layout, counted):
    x = data.draw(batches(lines, FLOATS + INTEGERS))
    x = laid_out(x, layout)
    before = x.copy()
    args, names = arguments(lines)
    y = pooling.avg_pool2d(x, *args, **names, count_include_pad=counted)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(float)
    expected = oracles.avg_pool(x, *lines, counted)
    assert y.dtype == dtype
    # One rounding to the dtype; where values cancel, what the sum rounds.
    eps = float(np.finfo(dtype).eps)
    largest = max(map(abs, x[np.isfinite(x)].ravel().tolist()), default=0)
    atol = 16 * 2.3e-16 * float(largest)
    np.testing.assert_allclose(
        y.astype(float), expected, rtol=max(eps, 2e-16), atol=atol
    )
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(y, x)


@settings(max_examples=200)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS))
def test_gradient_of_the_maximum_adds_at_the_winners(data, lines, layout):
    x = data.draw(batches(lines, ["f8", "f4", "i2"]))
    assume(x.size)  # an empty batch has a test of its own
    args, names = arguments(lines)
    _, indices = pooling.max_pool2d(x, *args, **names, return_indices=True)
    dtype = data.draw(st.sampled_from(["f4", "f8", "g", ">f8", "i4", "u1"]))
    dout = 1 + np.arange(indices.size, dtype="i8") % 100
    dout = laid_out(dout.reshape(indices.shape).astype(dtype), layout)
    before, places = dout.copy(), indices.copy()
    dx = pooling.max_pool2d_backward(dout, indices, x.shape)
    expected = oracles.max_pool_backward(dout, indices, x.shape)
    np.testing.assert_array_equal(dx.astype(float), expected)
    assert dx.dtype == (dout.dtype if dout.dtype.kind == "f" else float)
    assert float(dx.sum()) == float(dout.sum())
    np.testing.assert_array_equal(dout, before)
    np.testing.assert_array_equal(indices, places)
    assert not np.shares_memory(dx, dout)


@settings(max_examples=200)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS), st.booleans())
def test_gradient_of_the_average_shares_out(data, lines, layout, counted):
    rows, columns = lines
    N, C = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    shape = (N, C, len(rows.windows()), len(columns.windows()))
    dtype = data.draw(st.sampled_from(["f4", "f8", "g", ">f8", "i4", "u1"]))
    dout = 1 + np.arange(np.prod(shape), dtype="i8") % 100
    dout = laid_out(dout.reshape(shape).astype(dtype), layout)
    before = dout.copy()
    args, names = arguments(lines)
    input_shape = (N, C, rows.size, columns.size)
    dx = pooling.avg_pool2d_backward(
        dout, input_shape, *args, **names, count_include_pad=counted
    )
    expected = oracles.avg_pool_backward(dout, *lines, counted)
    dtype = dout.dtype if dout.dtype.kind == "f" else np.dtype(float)
    assert dx.dtype == dtype
    np.testing.assert_allclose(
        dx.astype(float), expected, rtol=1e-5 if dtype == "f4" else 1e-12
    )
    np.testing.assert_array_equal(dout, before)
    assert not np.shares_memory(dx, dout)


@settings(max_examples=300)
@given(geometries(legal=False))
@example(tuple([oracles.Line(1, 2, 1, 1, 1, 2, False)] * 2))
def test_exactly_the_legal_geometries_are_accepted(lines):
    """All windows meet the image, padding < window; else a ValueError."""
    args, names = arguments(lines)
    x = np.zeros((1, 1, lines[0].size, lines[1].size))
    if all(line.legal for line in lines):
        y = pooling.max_pool2d(x, *args, **names)
        sizes = tuple(len(line.windows()) for line in lines)
        assert y.shape[2:] == sizes
        for line, size in zip(lines, sizes, strict=True):
            pads = (line.before, line.after)
            found = pooling.output_size(
                line.size, line.window, line.stride, pads, line.dilation,
                line.ceil_mode,
            )  # fmt: skip
            assert found == size
            assert type(found) is int
    else:
        for function in (pooling.max_pool2d, pooling.avg_pool2d):
            with pytest.raises(ValueError, match=r"axis [HW]: (pad|win)"):
                function(x, *args, **names)


@settings(max_examples=60)
@given(st.data(), geometries(), st.booleans())
def test_backward_is_the_transpose_of_the_average(data, lines, counted):
    """Check <avg(x), dout> == <x, backward(dout)> with whole numbers."""
    rows, columns = lines
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    x = rng.integers(-9, 9, (2, 3, rows.size, columns.size)).astype(float)
    args, names = arguments(lines)
    names["count_include_pad"] = counted
    y = pooling.avg_pool2d(x, *args, **names)
    dout = rng.integers(-9, 9, y.shape).astype(float)
    dx = pooling.avg_pool2d_backward(dout, x.shape, *args, **names)
    np.testing.assert_allclose((y * dout).sum(), (x * dx).sum(), atol=1e-9)


def test_short_forms_of_the_arguments_mean_the_long_ones():
    x = np.random.default_rng(0).permutation(2 * 3 * 7 * 8)
    x = x.reshape(2, 3, 7, 8)
    long = ((3, 3), (3, 3), ((1, 1), (1, 1)))
    for pool in (pooling.max_pool2d, pooling.avg_pool2d):
        expected = pool(x, *long)
        for short in [
            (3, None, 1),
            (3, 3, (1, 1)),
            ([3, 3], np.array([3, 3]), np.array([[1, 1], [1, 1]])),
            (np.int8(3), np.uint8(3), np.array(1)),
            ((np.uint8(3), 3), None, [[1, 1], [1, 1]]),
        ]:
            np.testing.assert_array_equal(pool(x, *short), expected)
        # (rows, columns), in this order: 3 columns make 8 smaller than 7.
        y = pool(x, (1, 3), (2, 1), ((0, 0), (2, 1)), dilation=(3, 2))
        assert y.shape == (2, 3, 4, 7)
        assert pool(x, (2, 4)).shape == (2, 3, 3, 2)
        assert pool(x, 2, (3, 1), (1, 0)).shape == (2, 3, 3, 7)


# -- numbers at their limits ------------------------------------------------


def test_padding_never_wins_not_even_over_the_lowest_value():
    for dtype in FLOATS + INTEGERS:
        low = geometry.lowest(np.dtype(dtype))
        x = np.full((2, 1, 3, 4), low, dtype)
        y, indices = pooling.max_pool2d(x, 3, 1, 1, return_indices=True)
        np.testing.assert_array_equal(y, x, strict=True)
        expected = [[0, 0, 1, 2], [0, 0, 1, 2], [4, 4, 5, 6]]
        np.testing.assert_array_equal(indices, [[expected], [expected]])


def test_first_maximum_and_first_nan_win_row_by_row():
    x = image([[1, 5, 5], [5, 1, 5], [NAN, 5, NAN]])
    y, indices = pooling.max_pool2d(x, 2, 1, return_indices=True)
    np.testing.assert_array_equal(y, image([[5, 5], [NAN, NAN]]))
    np.testing.assert_array_equal(indices, image([[1, 1], [6, 8]]))
    assert pooling.max_pool2d(x, 3, return_indices=True)[1].item() == 6
    y, indices = pooling.max_pool2d(
        image([[NAN, INF], [NAN, NAN]]), 2, return_indices=True
    )
    assert np.isnan(y.item())
    assert indices.item() == 0
    zeros = image([[-0.0, 0.0]])
    assert pooling.max_pool2d(zeros, (1, 2), return_indices=True)[1] == 0


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [6, 90])
def test_a_maximum_is_the_number_at_its_place_to_the_bit(dtype, size):
    rng = np.random.default_rng(size)
    zeros = np.array([0.0, -0.0, -0.0, -1.0])
    x = rng.choice(zeros, (2, 3, size, size)).astype(dtype)
    x[0, 1] = -1  # no zero at all
    for window, stride, padding in ((1, 2), 1, 0), (3, 2, 1), (2, 2, 0):
        y, indices = pooling.max_pool2d(
            x, window, stride, padding, return_indices=True
        )
        at = np.take_along_axis(
            x.reshape(2, 3, -1), indices.reshape(2, 3, -1), 2
        )
        np.testing.assert_array_equal(at.reshape(y.shape), y)
        np.testing.assert_array_equal(
            np.signbit(at.reshape(y.shape)), np.signbit(y)
        )
    first = image([[0.0, -0.0]], dtype)
    y, _ = pooling.max_pool2d(first, (1, 2), return_indices=True)
    assert not np.signbit(y.item())
    x[0, 1] = [[-np.nan] * size] * size
    y, _ = pooling.max_pool2d(x, 3, 2, 1, return_indices=True)
    assert np.signbit(y[0, 1]).all() == np.signbit(x[0, 1, 0, 0])


def test_largest_integers_are_exact_and_do_not_wrap():
    for dtype in INTEGERS:
        info = np.iinfo(dtype)
        x = np.full((1, 1, 3, 3), info.max, dtype)
        assert (pooling.max_pool2d(x, 3, 2, 1) == info.max).all()
        y = pooling.avg_pool2d(x, 3)
        assert y.item() == float(info.max)
    x = image([[2**62, 2**62 + 1], [2**62 + 1, 2**62]], "i8")
    y, indices = pooling.max_pool2d(x, 2, return_indices=True)
    assert (y.item(), indices.item()) == (2**62 + 1, 1)  # not via floats
    assert pooling.avg_pool2d(image([[200, 250, 255, 255]], "u1"), (1, 4)) == (
        240
    )


def test_float16_averages_do_not_overflow_on_the_way():
    top = float(np.finfo("f2").max)
    x = np.full((1, 1, 4, 4), top, "f2")
    for y in (pooling.avg_pool2d(x, 4), pooling.avg_pool2d(x, 2, 1)):
        assert y.dtype == np.float16
        assert (y == top).all()


def test_infinities_in_averages_follow_ieee_without_a_warning():
    x = image([[INF, 1, -INF], [2, 3, 4]])
    expected = image([[INF, -INF]])
    np.testing.assert_array_equal(pooling.avg_pool2d(x, 2, 1), expected)
    assert np.isnan(pooling.avg_pool2d(x, (1, 3), 1)[0, 0, 0, 0])


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_average_of_a_constant_is_the_constant(dtype):
    x = np.full((2, 3, 700, 700), 0.1, dtype)
    y = pooling.avg_pool2d(x, 700)
    np.testing.assert_allclose(y, x[:, :, :1, :1], rtol=np.finfo(dtype).eps)
    top = np.full((1, 1, 3, 3), np.finfo(dtype).max)
    np.testing.assert_array_equal(
        pooling.avg_pool2d(top, 3), top[:, :, :1, :1]
    )


def test_gradients_in_float16_do_not_stall():
    ones = np.ones((1, 1, 64, 64), "f2")  # in float16, 2048 + 1 is 2048
    dx = pooling.max_pool2d_backward(
        ones, np.zeros(ones.shape, int), (1, 1, 2, 2)
    )
    np.testing.assert_array_equal(dx, image([[4096, 0], [0, 0]], "f2"))
    dx = pooling.avg_pool2d_backward(
        np.ones((1, 1, 65, 65), "f2"), (1, 1, 128, 128), 64, 1
    )
    np.testing.assert_allclose(dx[0, 0, 63:65, 63:65], 1, rtol=1e-3)


def test_gradients_overflow_without_a_warning():
    zeros = np.zeros((1, 1, 2, 2), int)
    big = np.full((1, 1, 2, 2), 6e4, "f2")
    dx = pooling.max_pool2d_backward(big, zeros, (1, 1, 3, 3))
    assert dx[0, 0, 0, 0] == INF
    mixed = image([[INF, -INF], [1, 2]])
    assert np.isnan(
        pooling.max_pool2d_backward(mixed, zeros, (1, 1, 2, 2))
    ).any()
    dx = pooling.avg_pool2d_backward(mixed, (1, 1, 3, 3), 2, 1)
    assert dx[0, 0, 0, 0] == INF
    assert np.isnan(dx[0, 0, 0, 1])


# -- shapes at their limits -------------------------------------------------


@pytest.mark.parametrize("N, C", [(0, 3), (2, 0), (0, 0)])
def test_empty_batches_go_forward_and_backward(N, C):
    x = np.zeros((N, C, 4, 5), "f4")
    y, indices = pooling.max_pool2d(x, 2, 1, 1, return_indices=True)
    assert y.shape == indices.shape == (N, C, 5, 6)
    assert (y.dtype, indices.dtype) == (np.float32, np.int64)
    assert pooling.avg_pool2d(x, 2, 1, 1).shape == (N, C, 5, 6)
    dx = pooling.avg_pool2d_backward(y, x.shape, 2, 1, 1)
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    dx = pooling.max_pool2d_backward(y, indices, x.shape)
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    layer = chapter2.MaxPool(2, 1)
    assert layer.backward(layer.forward(x)).shape == x.shape
    for ties in ("first", "last", "split", "all", "overwrite"):
        dx = max_gradient_loops(x, y, 2, 1, 1, ties)
        assert dx.shape == x.shape


def test_ceil_mode_keeps_one_window_larger_than_the_image():
    x = image([[1.0, 2], [3, 4]])
    np.testing.assert_array_equal(
        pooling.max_pool2d(x, 3, 2, ceil_mode=True), image([[4]])
    )
    np.testing.assert_array_equal(
        pooling.avg_pool2d(x, 3, 2, ceil_mode=True), image([[2.5]])
    )
    with pytest.raises(ValueError, match="axis H: window must fit"):
        pooling.max_pool2d(x, 3, 1, ceil_mode=True)
    # The third window would start in the padding behind the image.
    y = pooling.max_pool2d(np.ones((1, 1, 4, 4)), 2, 2, 1, ceil_mode=True)
    assert y.shape == (1, 1, 3, 3)
    assert pooling.output_size(3, 2, 3, 1, ceil_mode=True) == 2


def test_overhang_never_counts_declared_padding_does():
    x = np.ones((1, 1, 1, 5))
    y = pooling.avg_pool2d(x, (1, 3), (1, 2), (0, 1), ceil_mode=True)
    np.testing.assert_allclose(y, image([[2 / 3, 1, 2 / 3]]))
    y = pooling.avg_pool2d(x, (1, 4), (1, 3), ((0, 0), (0, 1)), ceil_mode=True)
    np.testing.assert_allclose(y, image([[1, 2 / 3]]))  # 1 1 0 and overhang
    y = pooling.avg_pool2d(
        x, (1, 4), (1, 3), ((0, 0), (0, 1)), ceil_mode=True,
        count_include_pad=False,
    )  # fmt: skip
    np.testing.assert_allclose(y, image([[1, 1]]))


def test_results_may_be_written_to_and_do_not_share_memory():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    for window in (1, 2):
        y, indices = pooling.max_pool2d(x, window, return_indices=True)
        results = [
            y,
            indices,
            pooling.avg_pool2d(x, window),
            pooling.max_pool2d_backward(y, indices, x.shape),
            pooling.avg_pool2d_backward(y, x.shape, window),
        ]
        for a, b in itertools.combinations([x, *results], 2):
            assert not np.shares_memory(a, b)
        for result in results:
            result += 1
    np.testing.assert_array_equal(x.ravel(), np.arange(24.0))


def test_threads_do_not_disturb_one_another():
    x = np.random.default_rng(3).random((2, 3, 24, 24))
    y, indices = pooling.max_pool2d(x, 3, 2, 1, return_indices=True)
    dx = pooling.avg_pool2d_backward(y, x.shape, 3, 2, 1)

    def again(_):
        z, places = pooling.max_pool2d(x, 3, 2, 1, return_indices=True)
        same = np.array_equal(y, z) and np.array_equal(indices, places)
        dz = pooling.avg_pool2d_backward(z, x.shape, 3, 2, 1)
        return same and np.array_equal(dx, dz)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(again, range(64)))


def test_a_real_feature_map_takes_seconds_of_a_core_not_minutes():
    x = np.random.default_rng(0).random((64, 64, 56, 56), "f4")
    start = time.process_time()
    y, indices = pooling.max_pool2d(x, 3, 2, 1, return_indices=True)
    pooling.max_pool2d_backward(y, indices, x.shape)
    pooling.avg_pool2d_backward(
        pooling.avg_pool2d(x, 3, 2, 1), x.shape, 3, 2, 1
    )
    assert time.process_time() - start < 20  # about 1 s on a laptop


# -- what the lessons export ------------------------------------------------


def test_pool2d_of_the_first_pages():
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(
        chapter1.pool2d(x, (2, 3)), [[6, 7], [10, 11]]
    )
    np.testing.assert_array_equal(
        chapter1.pool2d(x, (2, 3), "avg"), [[3, 4], [7, 8]]
    )
    with pytest.raises(KeyError, match="Max"):
        chapter1.pool2d(x, (2, 2), "Max")


@settings(max_examples=100)
@given(st.data(), geometries(), st.booleans())
def test_columns_agree_with_the_front_door(data, lines, counted):
    x = data.draw(batches(lines, FLOATS + INTEGERS))
    args, names = arguments(lines)
    y, indices = pooling.max_pool2d(x, *args, **names, return_indices=True)
    columns, winners = by_columns.max_pool2d_im2col(x, *args, **names)
    np.testing.assert_array_equal(columns, y, strict=True)
    places = by_columns.plane_indices(winners, x.shape, *args, **names)
    np.testing.assert_array_equal(places, indices)
    means = pooling.avg_pool2d(x, *args, **names, count_include_pad=counted)
    names["count_include_pad"] = counted
    eps = np.finfo(means.dtype).eps
    largest = max(map(abs, x[np.isfinite(x)].ravel().tolist()), default=0)
    with np.errstate(invalid="ignore"):  # inf - inf: the front door's care
        found = by_columns.avg_pool2d_im2col(x, *args, **names)
    assert found.dtype == means.dtype
    np.testing.assert_allclose(
        found, means, rtol=float(eps), atol=float(largest) * 4e-15
    )


def without_options(lines):
    """Return the axes with nothing but window and stride."""
    plain = {"before": 0, "after": 0, "dilation": 1, "ceil_mode": False}
    lines = [line._replace(**plain) for line in lines]
    assume(all(line.legal for line in lines))
    rows, columns = lines
    args = (rows.window, columns.window), (rows.stride, columns.stride)
    return lines, args


@settings(max_examples=100)
@given(st.data(), geometries())
def test_im2col_lays_out_windows_and_col2im_is_its_transpose(data, lines):
    lines, args = without_options(lines)
    x = data.draw(batches(lines, ["f8", "i4"], finite=True))
    cols = chapter2.im2col(x, *args)
    rows, columns = lines
    N, C = x.shape[:2]
    OH, OW = len(rows.windows()), len(columns.windows())
    assert chapter2.sizes(x.shape, *args) == (*args[0], *args[1], OH, OW)
    assert cols.dtype == x.dtype
    assert cols.shape == (rows.window * columns.window, OH * OW * N * C)
    # Window cell by window cell, as the lesson says: row a * PW + b,
    # column ((i * OW + j) * N + n) * C + c.
    for i, j, n, c in np.ndindex(OH, OW, N, C):
        column = ((i * OW + j) * N + n) * C + c
        expected = [
            x[n, c, h, w]
            for h in rows.windows()[i]
            for w in columns.windows()[j]
        ]
        assert cols[:, column].tolist() == expected
    weights = np.random.default_rng(5).integers(-9, 9, cols.shape)
    back = chapter2.col2im(weights, x.shape, *args)
    assert (back.shape, back.dtype) == (x.shape, float)
    np.testing.assert_allclose(
        (cols.astype(float) * weights).sum(), (x.astype(float) * back).sum(),
        rtol=1e-12,
    )  # fmt: skip


@settings(max_examples=60)
@given(st.data(), geometries())
def test_the_layer_is_the_front_door(data, lines):
    lines, args = without_options(lines)
    x = data.draw(batches(lines, ["f8", "u1"]))
    layer = chapter2.MaxPool(*args, return_index=True)
    y, winners = layer(x)
    expected, indices = pooling.max_pool2d(x, *args, return_indices=True)
    np.testing.assert_array_equal(y, expected, strict=True)
    places = by_columns.plane_indices(winners, x.shape, *args)
    np.testing.assert_array_equal(places, indices)
    dout = 1.0 + np.arange(y.size).reshape(y.shape)
    dx = pooling.max_pool2d_backward(dout, indices, x.shape)
    np.testing.assert_array_equal(layer.backward(dout), dx)
    plain = chapter2.MaxPool(*args)
    np.testing.assert_array_equal(plain.forward(x), y)


@settings(max_examples=60)
@given(st.data(), geometries())
def test_gradient_by_loops_is_the_front_doors(data, lines):
    plain = {"dilation": 1, "ceil_mode": False}
    lines = [line._replace(**plain) for line in lines]
    assume(all(line.legal for line in lines))
    args, _ = arguments(lines)
    x = data.draw(batches(lines, ["f8", "u1"]))
    assume(not np.isnan(x).any())
    y, indices = pooling.max_pool2d(x, *args, return_indices=True)
    dout = 1.0 + np.arange(y.size).reshape(y.shape)
    np.testing.assert_array_equal(
        max_gradient_loops(x, dout, *args),
        pooling.max_pool2d_backward(dout, indices, x.shape),
    )


def test_layer_defaults_to_the_window_as_stride():
    layer = chapter2.MaxPool((2, 3))
    assert layer(np.zeros((1, 2, 4, 9))).shape == (1, 2, 2, 3)
    assert layer.return_index is False


@settings(max_examples=60)
@given(geometries())
def test_axes_place_the_windows(lines):
    args, names = arguments(lines)
    shape = (2, 3, lines[0].size, lines[1].size)
    axes = geometry.pooling_axes(shape, *args, **names)
    for axis, line in zip(axes, lines, strict=True):
        assert isinstance(axis, geometry.Axis)
        assert axis.positions().tolist() == line.windows()
        last = line.windows()[-1][-1]
        assert axis.overhang == max(0, last + 1 - line.size - line.after)
        assert (axis.size, axis.out) == (line.size, len(line.windows()))
    for counted in (True, False):
        counts = geometry.window_counts(*axes, counted)
        expected = [count for _, count in oracles.shares(*lines, counted)]
        assert counts.ravel().tolist() == expected


@settings(max_examples=60)
@given(geometries())
def test_padded_planes_hold_every_window(lines):
    args, names = arguments(lines)
    rows, columns = geometry.pooling_axes(
        (1, 2, lines[0].size, lines[1].size), *args, **names
    )
    x = 1 + np.arange(2 * rows.size * columns.size)
    x = x.reshape(1, 2, rows.size, columns.size)
    padded = geometry.pad_planes(x, rows, columns, -1)
    assert padded.dtype == x.dtype
    high = rows.before + rows.size + rows.after + rows.overhang
    wide = columns.before + columns.size + columns.after + columns.overhang
    assert padded.shape == (1, 2, high, wide)
    assert (padded == -1).sum() == padded.size - x.size
    taps = np.empty(
        (rows.window, columns.window, 1, 2, rows.out, columns.out), int
    )
    for a, b in np.ndindex(rows.window, columns.window):
        taps[a, b] = padded[geometry.tap_slices(rows, columns, a, b)]
    for i, j in np.ndindex(rows.out, columns.out):
        cut = geometry.cut_window(padded, rows, columns, i, j)
        assert np.shares_memory(cut, padded)  # a view: nothing is copied
        np.testing.assert_array_equal(
            cut, taps[..., i, j].transpose(2, 3, 0, 1)
        )
        expected = [
            x[0, 1, h, w]
            if 0 <= h < rows.size and 0 <= w < columns.size
            else -1
            for h in rows.positions()[i]
            for w in columns.positions()[j]
        ]
        assert cut[0, 1].ravel().tolist() == expected


def test_batch_indices_count_through_the_whole_batch():
    shape = (2, 3, 4, 5)
    x = np.random.default_rng(2).permutation(120).reshape(shape)
    y, indices = pooling.max_pool2d(x, 2, 1, return_indices=True)
    places = batch_indices(indices, shape)
    np.testing.assert_array_equal(x.ravel()[places], y.ravel())


@pytest.mark.parametrize(
    "ties, expected",
    [
        ("first", [[0, 1], [0, 0]]),
        ("last", [[0, 0], [0, 1]]),
        ("split", [[0, 1 / 3], [1 / 3, 1 / 3]]),
        ("all", [[0, 1], [1, 1]]),
    ],
)
def test_share_ties(ties, expected):
    tied = image([[0, 1], [1, 1]], bool)
    np.testing.assert_allclose(
        share_ties(tied, ties), image(expected)
    )


def test_share_ties_refuses_a_rule_it_does_not_know():
    with pytest.raises(ValueError, match=r"ties must be .* got 'frist'"):
        share_ties(image([[True]]), "frist")


def test_small_helpers_of_the_lessons():
    assert geometry.whole(np.int8(3), "stride", 1) == 3
    assert type(geometry.whole(np.int8(3), "stride", 1)) is int
    assert geometry.pair(2, "window", 1) == (2, 2)
    assert geometry.pair([2, 3], "window", 1) == (2, 3)
    assert geometry.whole(geometry.LARGEST, "size", 1) == geometry.LARGEST
    for lists in ([], (1, 2), np.array([1])):
        assert geometry.is_list(lists)
    for other in (1, np.array(1), np.int8(1), "12", b"12", {1, 2}, {1: 2}):
        assert not geometry.is_list(other)
    assert geometry.lowest(np.dtype("f4")) == -INF
    assert geometry.lowest(np.dtype("u2")) == 0
    assert geometry.lowest(np.dtype("i2")) == -32768
    assert geometry.mean_dtype(np.dtype("f2")) == np.float16
    assert geometry.mean_dtype(np.dtype("u1")) == np.float64


def test_one_function_behind_both_names():
    assert pooling.output_size is geometry.output_size


# -- gradients against central differences ----------------------------------

GRADIENT_CASES = [
    ((2, 3), (1, 2), ((1, 0), (1, 2)), (1, 1), False),
    ((3, 2), (2, 1), ((0, 2), (0, 1)), (1, 1), True),
    ((2, 2), (1, 1), ((0, 0), (0, 0)), (2, 3), False),
    ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), True),
]


@pytest.mark.parametrize(
    "window, stride, padding, dilation, ceil", GRADIENT_CASES
)
def test_gradients_away_from_ties_are_the_measured_ones(
    window, stride, padding, dilation, ceil
):
    rng = np.random.default_rng(11)
    # Distinct values, a unit apart: no step of the measurement meets a tie.
    x = rng.permutation(2 * 3 * 5 * 6).reshape(2, 3, 5, 6) - 90.0
    kept = x.copy()
    args = (window, stride, padding)
    names = {"dilation": dilation, "ceil_mode": ceil}
    y, indices = pooling.max_pool2d(x, *args, **names, return_indices=True)
    dout = rng.standard_normal(y.shape)

    def maximum(x):
        return pooling.max_pool2d(x, *args, **names)

    measured = chapter2.numerical_gradient(maximum, x, dout)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_allclose(
        pooling.max_pool2d_backward(dout, indices, x.shape),
        measured,
        atol=1e-7,
    )
    for counted in (True, False):

        def average(x, counted=counted):
            return pooling.avg_pool2d(
                x, *args, **names, count_include_pad=counted
            )

        np.testing.assert_allclose(
            pooling.avg_pool2d_backward(
                dout, x.shape, *args, **names, count_include_pad=counted
            ),
            chapter2.numerical_gradient(average, x, dout),
            atol=1e-7,
        )


# -- onnxruntime, a peer that nobody here wrote ------------------------------


def onnx_pool(onnxruntime, kind, x, outputs, **attributes):
    """Run one pooling node; None if onnxruntime does not support it."""
    from onnx import TensorProto, helper

    dtype = helper.np_dtype_to_tensor_dtype(x.dtype)
    results = [
        helper.make_tensor_value_info("y", dtype, None),
        helper.make_tensor_value_info("indices", TensorProto.INT64, None),
    ][:outputs]
    names = [result.name for result in results]
    graph = helper.make_graph(
        [helper.make_node(kind, ["x"], names, **attributes)],
        "pool",
        [helper.make_tensor_value_info("x", dtype, x.shape)],
        results,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        return session.run(None, {"x": x})
    except Exception as error:
        refused = ("NOT_IMPLEMENTED", "INVALID_GRAPH", "INVALID_ARGUMENT")
        if any(word in str(error) for word in refused):
            return None
        raise


def test_onnxruntime_gives_the_same():
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")

    rng = np.random.default_rng(1)
    ran = {"MaxPool": 0, "AveragePool": 0}
    for dtype in ["f4", "f8", "u1", "i1"] * 100:
        shape = tuple(rng.integers(1, 4, 2)) + tuple(rng.integers(1, 9, 2))
        N, C, H, W = map(int, shape)
        window = rng.integers(1, 4, 2)
        pads = [rng.integers(0, p, 2) for p in window]
        lines = [
            oracles.Line(size, int(p), int(s), *map(int, pad), int(d), ceil)
            for size, p, s, pad, d, ceil in zip(
                (H, W), window, rng.integers(1, 4, 2), pads,
                rng.integers(1, 3, 2), [bool(rng.integers(2))] * 2,
                strict=True,
            )
        ]  # fmt: skip
        if not all(line.legal for line in lines):
            continue
        values = rng.permutation(max(256, N * C * H * W))[: N * C * H * W]
        if dtype in ("f4", "f8"):  # else there are ties: first wins there too
            values = values - 200
        x = values.reshape(N, C, H, W).astype(dtype)
        args, names = arguments(lines)
        counted = bool(rng.integers(2))
        attributes = {
            "kernel_shape": args[0],
            "strides": args[1],
            "pads": [p.before for p in lines] + [p.after for p in lines],
            "dilations": names["dilation"],
            "ceil_mode": int(names["ceil_mode"]),
        }
        theirs = onnx_pool(onnxruntime, "MaxPool", x, 2, **attributes)
        if theirs is not None:
            ran["MaxPool"] += 1
            y, indices = pooling.max_pool2d(
                x, *args, **names, return_indices=True
            )
            # Its indices are flat over the whole tensor, ours in the plane.
            planes = np.arange(N * C).reshape(N, C, 1, 1) * H * W
            np.testing.assert_array_equal(theirs[0], y, strict=True)
            np.testing.assert_array_equal(theirs[1], indices + planes)
        theirs = onnx_pool(
            onnxruntime, "AveragePool", x, 1,
            count_include_pad=int(counted), **attributes,
        )  # fmt: skip
        if theirs is not None:
            ran["AveragePool"] += 1
            y = pooling.avg_pool2d(
                x, *args, **names, count_include_pad=counted
            )
            np.testing.assert_allclose(theirs[0], y, rtol=1e-5, atol=1e-5)
    assert ran["MaxPool"] > 250, ran
    assert ran["AveragePool"] > 60, ran  # it averages float32 only


# -- bad arguments: the exception and its words ------------------------------

X = np.arange(32.0).reshape(1, 2, 4, 4)
D = np.ones((1, 2, 2, 2))
I = np.zeros((1, 2, 2, 2), int)  # noqa: E741
SHAPE = (1, 2, 4, 4)
MASKED = np.ma.masked_array(X, mask=X == 31)


class Opaque:
    def __repr__(self):
        return "Opaque()"


GEOMETRY_ERRORS = [
    # window, stride, padding, dilation, exception, words
    ((0, 1, 0, 1), ValueError, "window must be at least 1, got 0"),
    ((-2, 1, 0, 1), ValueError, "window must be at least 1, got -2"),
    (((2, 0), 1, 0, 1), ValueError, "window must be at least 1, got 0"),
    ((2.0, 1, 0, 1), TypeError, "window must be a whole number, got 2.0"),
    ((True, 1, 0, 1), TypeError, "window must be a whole number, got True"),
    ((None, 1, 0, 1), TypeError, "window must be a whole number, got None"),
    ((2j, 1, 0, 1), TypeError, "window must be a whole number, got 2j"),
    ((Opaque(), 1, 0, 1), TypeError, "window must be a .*, got Opaque()"),
    (("2", 1, 0, 1), TypeError, "window must be a whole number, got '2'"),
    (("22", 1, 0, 1), TypeError, "window must be a whole number, got '22'"),
    (((2,), 1, 0, 1), ValueError, r"window must be an int or .* \(2,\)"),
    (((2, 2, 2), 1, 0, 1), ValueError, r"window must be .* \(2, 2, 2\)"),
    (((2, (2,)), 1, 0, 1), TypeError, r"window must be a whole .* \(2,\)"),
    ((np.array([2.0, 2]), 1, 0, 1), TypeError, "window must be a whole"),
    ((np.True_, 1, 0, 1), TypeError, "window must be a whole .*True"),
    ((5, 1, 0, 1), ValueError, "axis H: window must fit .* 5 for size 4"),
    (((2, 7), 1, 0, 1), ValueError, "axis W: window must fit .* 7 for size 4"),
    ((2, 1, 0, 4), ValueError, "axis H: window must fit .* spans 5 for"),
    ((10**30, 1, 0, 1), ValueError, "window must be at most .* got 10+$"),
    ((2, 10**30, 0, 1), ValueError, "stride must be at most .* got 10+$"),
    ((2, 1, 10**30, 1), ValueError, "padding must be at most .* got 10+$"),
    ((2, 1, 0, 2**64), ValueError, "dilation must be at most .* got 18446"),
    (({2, 3}, 1, 0, 1), TypeError, "window must be a whole number, got {2, 3"),
    ((2, {2: 1, 3: 1}, 0, 1), TypeError, "stride must be a whole number"),
    ((2, 1, {0: 1, 1: 0}, 1), TypeError, "padding must be a whole number"),
    ((2, 1, 0, {1, 2}), TypeError, "dilation must be a whole number"),
    ((b"22", 1, 0, 1), TypeError, "window must be a whole number, got b'22'"),
    ((2, 0, 0, 1), ValueError, "stride must be at least 1, got 0"),
    ((2, -1, 0, 1), ValueError, "stride must be at least 1, got -1"),
    ((2, 1.5, 0, 1), TypeError, "stride must be a whole number, got 1.5"),
    ((2, (1, None), 0, 1), TypeError, "stride must be a whole .* None"),
    ((2, "1", 0, 1), TypeError, "stride must be a whole number, got '1'"),
    ((2, (1, 1, 1), 0, 1), ValueError, r"stride must be .* \(1, 1, 1\)"),
    ((2, [], 0, 1), ValueError, r"stride must be an int or .* \[\]"),
    ((2, 1, -1, 1), ValueError, "padding must be at least 0, got -1"),
    ((2, 1, ((0, 0), (0, -1)), 1), ValueError, "padding must be .* got -1"),
    ((2, 1, 1.0, 1), TypeError, "padding must be a whole number, got 1.0"),
    ((2, 1, None, 1), TypeError, "padding must be a whole number, got None"),
    ((2, 1, True, 1), TypeError, "padding must be a whole number, got True"),
    ((2, 1, "1", 1), TypeError, "padding must be a whole number, got '1'"),
    ((2, 1, (1,), 1), ValueError, r"padding must be an int.* \(1,\)"),
    ((2, 1, ((1,), (1,)), 1), ValueError, r"padding must be .* \(1,\)"),
    ((2, 1, ((1, 0, 0), (0, 0)), 1), ValueError, r"padding .* \(1, 0, 0\)"),
    ((2, 1, ((0, 0),) * 3, 1), ValueError, r"padding .* \(\(top, bottom\)"),
    ((2, 1, 2, 1), ValueError, "axis H: padding must be smaller .* spans 2"),
    ((2, 1, (0, 2), 1), ValueError, r"axis W: padding must .* \(2, 2\)"),
    ((2, 1, ((0, 2), (0, 0)), 1), ValueError, r"axis H: padding .* \(0, 2\)"),
    ((2, 1, 0, 0), ValueError, "dilation must be at least 1, got 0"),
    ((2, 1, 0, 1.0), TypeError, "dilation must be a whole number, got 1.0"),
    ((2, 1, 0, None), TypeError, "dilation must be a whole number, got None"),
    ((2, 1, 0, (1, 1, 1)), ValueError, "dilation must be an int or a pair"),
    ((3, 1, "same", 1), ValueError, r"'same': .* padding=\(\(1, 1\), \(1, 1"),
    ((2, 1, "same", 1), ValueError, r"'same': .* padding=\(\(0, 1\), \(0, 1"),
    ((3, 2, "SAME", 1), ValueError, r"'SAME': .* padding=\(\(0, 1\), \(0, 1"),
    (((2, 1), 1, "same", 3), ValueError, r"=\(\(1, 2\), \(0, 0\)\)"),
]  # fmt: skip


@pytest.mark.parametrize("values, error, words", GEOMETRY_ERRORS, ids=repr)
def test_bad_geometry_is_refused_with_words(values, error, words):
    window, stride, padding, dilation = values
    with pytest.raises(error, match=words):
        pooling.max_pool2d(X, window, stride, padding, dilation=dilation)
    with pytest.raises(error, match=words):
        pooling.avg_pool2d(X, window, stride, padding, dilation=dilation)
    with pytest.raises(error, match=words):
        pooling.avg_pool2d_backward(
            D, SHAPE, window, stride, padding, dilation=dilation
        )


OUTPUT_SIZE_ERRORS = [
    ((0, 2, 1), ValueError, "size must be at least 1, got 0"),
    ((5.0, 2, 1), TypeError, "size must be a whole number, got 5.0"),
    (("5", 2, 1), TypeError, "size must be a whole number, got '5'"),
    ((True, 1, 1), TypeError, "size must be a whole number, got True"),
    ((5, (2, 2), 1), TypeError, r"window must be a whole .* \(2, 2\)"),
    ((5, 0, 1), ValueError, "window must be at least 1, got 0"),
    ((5, 2, None), TypeError, "stride must be a whole number, got None"),
    ((5, 2, 0), ValueError, "stride must be at least 1, got 0"),
    ((5, 2, 1, 2), ValueError, "padding must be smaller than the window"),
    ((5, 2, 1, (0, 2)), ValueError, r"padding must be .* \(0, 2\)"),
    ((5, 2, 1, -1), ValueError, "padding must be at least 0, got -1"),
    ((5, 2, 1, (1,)), ValueError, r"padding must be an int or a pair"),
    ((5, 2, 1, 0, 0), ValueError, "dilation must be at least 1, got 0"),
    ((5, 6, 1), ValueError, "window must fit .* spans 6 for size 5"),
    ((5, 3, 1, (0, 1), 3), ValueError, r"window must fit .* \(0, 1\)"),
]


@pytest.mark.parametrize("args, error, words", OUTPUT_SIZE_ERRORS, ids=repr)
def test_output_size_refuses_with_words(args, error, words):
    with pytest.raises(error, match=words):
        pooling.output_size(*args)


BAD_ARRAYS = [
    (np.array(3.0), ValueError, r"{} must have .*4 axes.* shape \(\)"),
    (3.0, ValueError, r"{} must have .*4 axes.* shape \(\)"),
    (X[0], ValueError, r"{} must have .*4 axes.* shape \(2, 4, 4\)"),
    (X[None], ValueError, r"{} must have .*4 axes.* \(1, 1, 2, 4, 4\)"),
    (X.astype(complex), TypeError, "{} must hold .* dtype complex128"),
    (X > 0, TypeError, "{} must hold .* dtype bool"),
    (X.astype(object), TypeError, "{} must hold .* dtype object"),
    (X.astype(str), TypeError, "{} must hold .* dtype <U32"),
    (X.astype("M8[s]"), TypeError, "{} must hold .* dtype datetime64"),
    (X.astype("m8[s]"), TypeError, "{} must hold .* dtype timedelta64"),
    (np.zeros((1, 2, 4, 4), [("a", "f4")]), TypeError, "{} must hold"),
    (None, TypeError, "{} must hold .* dtype object"),
    ("x", TypeError, "{} must hold .* dtype <U1"),
    ([[[[1.0, 2.0], [3.0]]]], ValueError, "{} must"),
    (MASKED, TypeError, "{} .*mask"),
]  # fmt: skip


@pytest.mark.parametrize("array, error, words", BAD_ARRAYS, ids=repr)
def test_bad_arrays_are_refused_with_words(array, error, words):
    in_x, in_dout, in_indices = (
        words.format(name) for name in ("x", "dout", "indices")
    )
    for call, message in [
        (lambda: pooling.max_pool2d(array, 2), in_x),
        (lambda: pooling.avg_pool2d(array, 2), in_x),
        (lambda: pooling.max_pool2d_backward(array, I, SHAPE), in_dout),
        (lambda: pooling.avg_pool2d_backward(array, SHAPE, 2), in_dout),
        (lambda: pooling.max_pool2d_backward(D, array, SHAPE), in_indices),
    ]:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("value", ["no", "", [True], (1,), None, 2, 1.0, X])
def test_flags_are_true_or_false(value):
    def refused(name):
        return pytest.raises(TypeError, match=f"{name} must be True or False")

    for call in (
        pooling.max_pool2d,
        pooling.avg_pool2d,
        lambda x, *args, **names: pooling.lp_pool2d(x, 2, *args, **names),
        lambda x, *args, **names: pooling.avg_pool2d_backward(
            D, SHAPE, *args, **names
        ),
    ):
        with refused("ceil_mode"):
            call(X, 2, ceil_mode=value)
    with refused("count_include_pad"):
        pooling.avg_pool2d(X, 2, count_include_pad=value)
    with refused("count_include_pad"):
        pooling.avg_pool2d_backward(D, SHAPE, 2, count_include_pad=value)
    with refused("return_indices"):
        pooling.max_pool2d(X, 2, return_indices=value)
    with refused("ceil_mode"):
        pooling.output_size(4, 2, 2, ceil_mode=value)


def test_flags_of_numpy_and_0_and_1_serve_too():
    for value in (True, np.True_, 1, np.int8(1)):
        y = pooling.max_pool2d(X[..., :3, :3], 2, ceil_mode=value)
        assert y.shape == (1, 2, 2, 2)


def test_errors_name_the_way():
    for x, way in (X[0, 0], r"x\[None, None\]"), (X[0], r"x\[None\]"):
        for pool in (pooling.max_pool2d, pooling.avg_pool2d):
            with pytest.raises(ValueError, match=f"give {way}$"):
                pool(x, 2)
    with pytest.raises(TypeError, match=r"bool; try x\.astype\(np\.uint8\)"):
        pooling.max_pool2d(X > 3, 2)
    with pytest.raises(TypeError, match=r"indices must hold integers, .*bool"):
        pooling.max_unpool2d(D, I > 0, SHAPE)
    # What "same" is told to be gives the size of the image.
    y = pooling.max_pool2d(X, 2, 1, ((0, 1), (0, 1)))
    assert y.shape == X.shape


def test_masks_are_refused_inside_lists():
    plane = np.ma.masked_array(X[0, 0], mask=X[0, 0] == 3)
    row = [[[[1.0, np.ma.masked]]]]
    for x in ([[plane]], [list(MASKED[0])], ((plane,), (plane,)), row):
        with pytest.raises(TypeError, match="x must be a plain array: the m"):
            pooling.max_pool2d(x, 1)


BAD_SHAPES = [
    (None, "None"),
    (4, "4"),
    ("1244", "'1244'"),
    ((1, 2, 4), r"\(1, 2, 4\)"),
    ((1, 2, 4, 4, 1), r"\(1, 2, 4, 4, 1\)"),
    ((1, 2, 4, -4), "-4"),
    ((1, 2, 4.0, 4), r"4\.0"),
    (np.array([1, 2, 4.0, 4]), r"1\.0"),
    ((1, 2, True, 4), "True"),
    (((1, 2), 2, 4, 4), ""),
]


@pytest.mark.parametrize("shape, value", BAD_SHAPES, ids=repr)
def test_bad_input_shapes_are_refused_with_words(shape, value):
    words = f"input_shape must be .*{value}"
    errors = (TypeError, ValueError)
    with pytest.raises(errors, match=words):
        pooling.max_pool2d_backward(D, I, shape)
    with pytest.raises(errors, match=words):
        pooling.avg_pool2d_backward(D, shape, 2)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (
            lambda: pooling.max_pool2d_backward(D, I - 1, SHAPE),
            ValueError,
            "indices must lie in the plane, 0 to 15 for 4 x 4, got -1",
        ),
        (
            lambda: pooling.max_pool2d_backward(D, I + 16, SHAPE),
            ValueError,
            "indices must lie in the plane, 0 to 15 for 4 x 4, got 16",
        ),
        (
            lambda: pooling.max_pool2d_backward(
                D, I.astype("u8") + np.uint64(2**63), SHAPE
            ),
            ValueError,
            "indices must lie in the plane, .* got 9223372036854775808",
        ),
        (
            lambda: pooling.max_pool2d_backward(D, I.astype(float), SHAPE),
            TypeError,
            "indices must hold integers, got dtype float64",
        ),
        (
            lambda: pooling.max_pool2d_backward(D, I[..., :1], SHAPE),
            ValueError,
            r"indices must have shape \(1, 2, 2, 2\), got \(1, 2, 2, 1\)",
        ),
        (
            lambda: pooling.max_pool2d_backward(D, I, (2, 1, 4, 4)),
            ValueError,
            r"dout must have N, C = 2, 1 .* got shape \(1, 2, 2, 2\)",
        ),
        (
            lambda: pooling.avg_pool2d_backward(D, SHAPE, 3),
            ValueError,
            r"dout must have shape \(1, 2, 1, 1\), got \(1, 2, 2, 2\)",
        ),
        (
            lambda: pooling.avg_pool2d_backward(D, (2, 1, 4, 4), 2),
            ValueError,
            r"dout must have shape \(2, 1, 2, 2\), got \(1, 2, 2, 2\)",
        ),
        (
            lambda: pooling.max_pool2d(np.zeros((1, 1, 0, 4)), 1),
            ValueError,
            "axis H: size must be at least 1, got 0",
        ),
        (
            lambda: pooling.max_pool2d(X[..., :1, :], 2, 1, 1, dilation=2),
            ValueError,
            "axis H: padding must leave a cell of the image in each window",
        ),
        (lambda: pooling.max_pool2d(X, 2, 2, 0, 1), TypeError, "positional"),
        (lambda: pooling.avg_pool2d(X, 2, 2, 0, 1), TypeError, "positional"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_serves_as_indices(dtype):
    indices = np.array([0, 3, 5, 5] * 2, dtype).reshape(D.shape)
    dx = pooling.max_pool2d_backward(D, indices, SHAPE)
    assert dx[0, 0].ravel().tolist()[:6] == [1, 0, 0, 1, 0, 2]
    assert dx[0, 1].ravel().tolist()[:6] == [1, 0, 0, 1, 0, 2]


def test_subclasses_are_plain_arrays_inside():
    class Tagged(np.ndarray):
        pass

    y = pooling.max_pool2d(X.view(Tagged), 2)
    assert type(y) is np.ndarray
    assert type(pooling.avg_pool2d(X.view(Tagged), 2)) is np.ndarray


@pytest.mark.parametrize("module", ["pooling"])
def test_examples_in_docstrings_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0


def test_warnings_are_errors_here():
    with pytest.raises(UserWarning):
        warnings.warn("seen", stacklevel=1)
