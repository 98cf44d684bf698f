"""The variants against their definitions, a peer, and everything odd."""

import functools
import itertools
import math
import re
import tracemalloc

import numpy as np
import oracles
import pytest
from conftest import ROOT
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_pooling import (
    BAD_ARRAYS,
    FLOATS,
    GEOMETRY_ERRORS,
    INF,
    INTEGERS,
    LAYOUTS,
    NAN,
    arguments,
    batches,
    geometries,
    image,
    laid_out,
    onnx_pool,
)

import pooling
from pooling.lessons import variants as chapter5
from pooling.lessons.im2col import numerical_gradient

pytestmark = pytest.mark.filterwarnings("error")

WINDOW = np.array([0.0, 1, 3, 4])  # the lesson's, and D2L's
POWERS = [1, 2, 3.5, INF]


def float_dtype(dtype):
    """Return the dtype of an average: floats keep theirs."""
    dtype = np.dtype(dtype)
    return dtype if dtype.kind == "f" else np.dtype(float)


# -- the p-norm of each window, from its definition ---------------------------


def norm(values, p):
    """Return the p-norm of a list of numbers, scaled by its largest."""
    sizes = [abs(float(v)) for v in values]
    if any(map(math.isnan, sizes)):
        return NAN
    top = max(sizes)
    if top in (0, INF) or p == INF:
        return top
    return top * math.fsum((s / top) ** p for s in sizes) ** (1 / p)


@settings(max_examples=300)
@given(
    st.data(), geometries(), st.sampled_from(LAYOUTS), st.sampled_from(POWERS)
)
def test_norm_is_that_of_the_definition(data, lines, layout, p):
    x = laid_out(data.draw(batches(lines, FLOATS + INTEGERS)), layout)
    before = x.copy()
    args, names = arguments(lines)
    given_x = x.tolist() if layout == "list" and x.size else x
    y = pooling.lp_pool2d(given_x, p, *args, **names)
    with np.errstate(over="ignore"):  # the front door's care
        lesson = chapter5.lp_pool2d_strided(np.array(given_x), p, *args,
                                            **names)  # fmt: skip
    assert lesson.dtype == y.dtype
    eps = 1.01 * float(np.finfo(y.dtype).eps) + 1e-14
    np.testing.assert_allclose(lesson.astype(float), y.astype(float), eps)
    windows = [image for image, _ in oracles.shares(*lines, False)]
    expected = np.empty(y.shape)
    for n, c, plane in oracles.planes_of(x):
        expected[n, c].flat = [
            norm([plane[i][j] for i, j in image], p) for image in windows
        ]
    dtype = float_dtype(x.dtype)
    rtol = 0.51 * float(np.finfo(dtype).eps) + 1e-14  # rounded once
    np.testing.assert_allclose(y.astype(float), expected, rtol=rtol)
    if given_x is x:
        assert y.dtype == dtype
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(y, x)


@pytest.mark.parametrize(
    "p, expected",
    [(1, 7), (2, 5), (3.5, (3**3.5 + 4**3.5) ** (2 / 7)), (INF, 4)],
)
def test_norm_of_three_and_four(p, expected):
    for x in (image([[3.0, -4.0]]), image([[-3, 4]], "i1")):
        y = pooling.lp_pool2d(x, p, (1, 2))
        np.testing.assert_allclose(y, image([[expected]]), rtol=1e-14)


def test_norms_meet_other_poolings():
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 8))
    args = ((2, 3), (3, 2), ((1, 0), (0, 2)))
    names = {"dilation": (2, 1), "ceil_mode": True}
    mean = pooling.avg_pool2d(abs(x), (2, 3), 1)
    np.testing.assert_allclose(pooling.lp_pool2d(x, 1, (2, 3), 1), mean * 6)
    np.testing.assert_array_equal(
        pooling.lp_pool2d(x, INF, *args, **names),
        pooling.max_pool2d(abs(x), *args, **names),
    )
    # The more power, the less do small values add; never below the maximum.
    norms = [
        pooling.lp_pool2d(x, p, *args, **names) for p in (1, 1.5, 2, 9, INF)
    ]
    for larger, smaller in itertools.pairwise(norms):
        assert (larger >= smaller * (1 - 1e-14)).all()


def test_norms_of_huge_and_tiny_values():
    for size in (1e308, 1e200, 1e-200, 1e-308):
        x = image([[0.75 * size, size], [0, 0]])
        y = pooling.lp_pool2d(x, 2, 2)
        np.testing.assert_allclose(y.item() / size, 1.25, rtol=1e-14)
        assert pooling.lp_pool2d(x, 1000, 2).item() == size
    assert pooling.lp_pool2d(image([[1e308, 1e308]]), 1, (1, 2)) == INF
    assert pooling.lp_pool2d(image([[6e4, 6e4]], "f2"), 2, (1, 2)) == INF
    assert pooling.lp_pool2d(image([[3e4, 0]], "f2"), 2, (1, 2)) == 3e4
    low = image([[-(2**63), 0]], "i8")
    assert pooling.lp_pool2d(low, 3, (1, 2)) == 2.0**63
    assert pooling.lp_pool2d(image([[-128, 0]], "i1"), 3, (1, 2)) == 128
    zero = np.zeros((1, 1, 2, 2))
    for p in POWERS:
        assert pooling.lp_pool2d(zero, p, 2).item() == 0


@settings(max_examples=100)
@given(
    st.sampled_from([1, 1.5, 2, 3, 7, 100, 1000, INF]), st.integers(0, 999),
    st.sampled_from([(2, 1, 0), (3, 2, 1), (5, 1, 2)]), st.booleans(),
)  # fmt: skip
def test_norms_of_values_that_differ_by_400_powers_of_ten(
    p, seed, args, dark
):
    """Each window by its own measure, whatever its neighbours hold."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 2, 8, 9))
    x *= 10.0 ** rng.integers(-200, 201, (2, 2, 8, 9)) if dark else 1e200
    x[rng.random(x.shape) < 0.4] = 0
    y = pooling.lp_pool2d(x, p, *args)
    window, stride, pad = args
    lines = [
        oracles.Line(size, window, stride, pad, pad, 1, False)
        for size in x.shape[2:]
    ]
    windows = [cells for cells, _ in oracles.shares(*lines, False)]
    for n, c, plane in oracles.planes_of(x):
        expected = [norm([plane[i][j] for i, j in w], p) for w in windows]
        np.testing.assert_allclose(y[n, c].ravel(), expected, rtol=2e-14)


def test_norms_need_no_copy_of_every_window():
    x = np.random.default_rng(0).standard_normal((4, 8, 100, 100), np.float32)
    for p in (*POWERS, 1000):
        tracemalloc.start()
        y = pooling.lp_pool2d(x, p, 17, 1, 8)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - y.nbytes < 4e6


def test_norms_follow_nan_and_infinity():
    for p in POWERS:
        x = image([[-INF, 1, NAN, INF, NAN]])
        y = pooling.lp_pool2d(x, p, (1, 2), 1)
        np.testing.assert_array_equal(y, image([[INF, NAN, NAN, NAN]]))


@pytest.mark.parametrize(
    "p", [3, np.int8(3), np.uint64(3), 3.0, *map(np.dtype("f2").type, [3]),
          np.float32(3), np.longdouble(3)],
)  # fmt: skip
def test_every_kind_of_number_serves_as_a_power(p):
    x = image([[1.0, 2, 3, 4]])
    y = pooling.lp_pool2d(x, p, (1, 4))
    np.testing.assert_allclose(y.item(), 100 ** (1 / 3), rtol=1e-15)


def test_a_huge_power_is_no_infinite_one():
    x = np.full((1, 1, 2, 2), 3.0)
    y = pooling.lp_pool2d(x, 1e9, 2)
    np.testing.assert_allclose(y.item(), 3 * 4**1e-9, rtol=1e-15)
    assert pooling.lp_pool2d(x, 10**400, 2).item() == 3


# -- adaptive and global pooling, from the definition -------------------------


def bins(size, out):
    """List the cells of each bin: those that share a piece of the axis."""
    return [
        [r for r in range(size) if k * size - out < r * out < (k + 1) * size]
        for k in range(out)
    ]


def binned(x, output_size, take):
    """Apply `take` to the numbers of each bin of each plane."""
    down, across = (
        bins(*sizes) for sizes in zip(x.shape[2:], output_size, strict=True)
    )
    y = np.empty((*x.shape[:2], *output_size), object)
    for n, c, plane in oracles.planes_of(x):
        for i, rows in enumerate(down):
            for j, columns in enumerate(across):
                y[n, c, i, j] = take([plane[r][k] for r in rows
                                      for k in columns])  # fmt: skip
    return y


def largest(values):
    """Return the maximum; a NaN wins over all."""
    return next((v for v in values if v != v), max(values))


def mean(values):
    """Return the average of the numbers."""
    return float(oracles.exact_sum(values)) / len(values)


@settings(max_examples=250)
@given(
    st.data(), geometries(), st.sampled_from(LAYOUTS),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)  # fmt: skip
def test_adaptive_pooling_is_that_of_the_definition(
    data, lines, layout, output_size
):
    x = laid_out(data.draw(batches(lines, FLOATS + INTEGERS)), layout)
    before = x.copy()
    given_x = x.tolist() if layout == "list" and x.size else x
    y = pooling.adaptive_max_pool2d(given_x, output_size)
    z = pooling.adaptive_avg_pool2d(given_x, output_size)
    if given_x is x:
        assert y.dtype == x.dtype
        assert z.dtype == float_dtype(x.dtype)
    expected = binned(x, output_size, largest).astype(x.dtype)
    np.testing.assert_array_equal(y, expected)
    expected = binned(x, output_size, mean).astype(float)
    top = max(map(abs, x[np.isfinite(x)].ravel().tolist()), default=0)
    eps = max(float(np.finfo(z.dtype).eps), 2e-16)
    np.testing.assert_allclose(
        z.astype(float), expected, rtol=eps, atol=float(top) * 4e-15
    )
    np.testing.assert_array_equal(x, before)
    for result in (y, z):
        assert not np.shares_memory(result, x)
        assert result.flags.writeable


# (size, out), starts, stops by torch's rule: floor(kH/O), ceil((k + 1)H/O)
BINS = [
    ((7, 3), [0, 2, 4], [3, 5, 7]),
    ((5, 3), [0, 1, 3], [2, 4, 5]),
    ((6, 4), [0, 1, 3, 4], [2, 3, 5, 6]),
    ((10, 4), [0, 2, 5, 7], [3, 5, 8, 10]),
    ((8, 4), [0, 2, 4, 6], [2, 4, 6, 8]),
    ((3, 5), [0, 0, 1, 1, 2], [1, 2, 2, 3, 3]),
    ((1, 4), [0, 0, 0, 0], [1, 1, 1, 1]),
    ((9, 1), [0], [9]),
]


@pytest.mark.parametrize("sizes, starts, stops", BINS, ids=repr)
def test_bins_are_those_of_torch(sizes, starts, stops):
    found = [a.tolist() for a in chapter5.adaptive_bins(*sizes)]
    assert found == [starts, stops]
    # A bin sees where it lies: the largest of 0, 1, 2, ... is its last cell.
    x = np.arange(sizes[0]).reshape(1, 1, 1, -1)
    y = pooling.adaptive_max_pool2d(x, (1, sizes[1])).ravel() + 1
    assert y.tolist() == stops
    y = -pooling.adaptive_max_pool2d(-x, (1, sizes[1])).ravel()
    assert y.tolist() == starts


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12, 16, 31])
def test_bins_cover_the_axis_and_are_nearly_equal(size):
    for out in range(1, 2 * size + 2):
        starts, stops = chapter5.adaptive_bins(size, out)
        cells = [list(range(a, b)) for a, b in zip(starts, stops, strict=True)]
        assert cells == bins(size, out)
        assert set().union(*cells) == set(range(size))
        lengths = (stops - starts).tolist()
        assert min(lengths) >= 1
        assert max(lengths) - min(lengths) <= 1
        shared = stops[:-1] - starts[1:]
        assert set(shared.tolist()) <= {0, 1}
        if size % out == 0:
            assert lengths == [size // out] * out
            assert not shared.any()
    large = chapter5.adaptive_bins(2**31 - 1, 10**5)
    assert large[1][-1] == 2**31 - 1


def test_adaptive_is_ordinary_where_the_size_divides():
    x = np.random.default_rng(1).normal(size=(2, 3, 6, 8))
    np.testing.assert_array_equal(
        pooling.adaptive_max_pool2d(x, (3, 2)), pooling.max_pool2d(x, (2, 4))
    )
    np.testing.assert_allclose(
        pooling.adaptive_avg_pool2d(x, (3, 2)), pooling.avg_pool2d(x, (2, 4))
    )
    for pool in (pooling.adaptive_max_pool2d, pooling.adaptive_avg_pool2d):
        np.testing.assert_array_equal(pool(x, (6, 8)), x)
        for short in (2, (2, 2), [2, 2], np.array([2, 2]), np.int8(2)):
            assert pool(x, short).shape == (2, 3, 2, 2)
        assert pool(x, (1, 3)).shape == (2, 3, 1, 3)
    medians = chapter5.adaptive_pool2d(x, (2, 3), np.median)
    assert medians[1, 2, 1, 1] == np.median(x[1, 2, 3:, 2:6])


@settings(max_examples=60)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS))
def test_global_is_adaptive_with_one_bin(data, lines, layout):
    x = laid_out(data.draw(batches(lines, FLOATS + INTEGERS)), layout)
    for name in ("max", "avg"):
        y = getattr(pooling, f"global_{name}_pool2d")(x)
        adaptive = getattr(pooling, f"adaptive_{name}_pool2d")
        assert y.shape == (*x.shape[:2], 1, 1)
        np.testing.assert_array_equal(adaptive(x, 1), y, strict=True)
        np.testing.assert_array_equal(adaptive(x, (1, 1)), y, strict=True)
        assert y.dtype == (x.dtype if name == "max" else float_dtype(x.dtype))
    whole = pooling.max_pool2d(x, x.shape[2:])
    np.testing.assert_array_equal(pooling.global_max_pool2d(x), whole)


def test_averages_of_planes_at_their_limits():
    for dtype in ("f2", "f4"):
        for value in (np.finfo(dtype).max, 0.1):
            x = np.full((1, 1, 300, 300), value, dtype)
            assert pooling.global_avg_pool2d(x) == x[0, 0, 0, 0]
    for dtype in INTEGERS:
        info = np.iinfo(dtype)
        x = np.full((1, 1, 3, 5), info.max, dtype)
        assert pooling.global_avg_pool2d(x) == float(info.max)
        assert pooling.global_max_pool2d(x) == info.max
    mixed = image([[INF, -INF]])
    assert np.isnan(pooling.global_avg_pool2d(mixed))
    assert pooling.global_max_pool2d(mixed) == INF
    x = image([[1.0, NAN], [2.0, INF]])
    np.testing.assert_array_equal(
        pooling.adaptive_max_pool2d(x, 2), x, strict=True
    )


@pytest.mark.parametrize("N, C", [(0, 3), (2, 0), (0, 0)])
def test_empty_batches(N, C):
    x = np.zeros((N, C, 4, 5), "f4")
    calls = {
        (1, 1): [pooling.global_max_pool2d, pooling.global_avg_pool2d],
        (2, 3): [
            functools.partial(pool, output_size=(2, 3))
            for pool in (
                pooling.adaptive_max_pool2d, pooling.adaptive_avg_pool2d,
            )
        ],
        (3, 6): [
            functools.partial(
                pooling.lp_pool2d, p=p, window=2, stride=(2, 1), padding=1
            )
            for p in POWERS
        ],
    }  # fmt: skip
    for size, pools in calls.items():
        for pool in pools:
            y = pool(x)
            assert (y.shape, y.dtype) == ((N, C, *size), np.float32)


# -- onnxruntime, a peer ------------------------------------------------------


def test_onnxruntime_gives_the_same():
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")

    rng = np.random.default_rng(5)
    ran = 0
    for _ in range(120):
        N, C, H, W = *rng.integers(1, 4, 2), *rng.integers(1, 9, 2)
        x = rng.normal(size=(N, C, H, W)).astype("f4")
        for kind, pool in (
            ("GlobalMaxPool", pooling.global_max_pool2d),
            ("GlobalAveragePool", pooling.global_avg_pool2d),
        ):
            (theirs,) = onnx_pool(onnxruntime, kind, x, 1)
            np.testing.assert_allclose(theirs, pool(x), rtol=2e-5, atol=1e-6)
        windows = rng.integers(1, 4, 2)
        lines = [
            oracles.Line(
                int(size), int(p), int(rng.integers(1, 4)),
                *rng.integers(0, p, 2).tolist(), int(rng.integers(1, 3)),
                False,
            )
            for size, p in zip((H, W), windows, strict=True)
        ]  # fmt: skip
        ceil_mode = bool(rng.integers(2))
        lines = [line._replace(ceil_mode=ceil_mode) for line in lines]
        if not all(line.legal for line in lines):
            continue
        args, names = arguments(lines)
        for p in (1, 2, 3):  # whole powers and float32 are all it knows
            theirs = onnx_pool(
                onnxruntime, "LpPool", x, 1, p=p, kernel_shape=args[0],
                strides=args[1], dilations=names["dilation"],
                pads=[a.before for a in lines] + [a.after for a in lines],
                ceil_mode=int(ceil_mode),
            )  # fmt: skip
            if theirs is None:
                continue
            ran += 1
            y = pooling.lp_pool2d(x, p, *args, **names)
            np.testing.assert_allclose(theirs[0], y, rtol=1e-5, atol=1e-6)
    assert ran > 150, ran


# -- bad arguments: the exception and its words -------------------------------

X = np.arange(32.0).reshape(1, 2, 4, 4)


@pytest.mark.parametrize(
    "p, error, words",
    [
        (0.5, ValueError, r"p must be at least 1, got 0\.5"),
        (0, ValueError, "p must be at least 1, got 0"),
        (-2, ValueError, "p must be at least 1, got -2"),
        (-INF, ValueError, "p must be at least 1, got -inf"),
        (NAN, ValueError, "p must be at least 1, got nan"),
        ("2", TypeError, "p must be a number, got '2'"),
        (True, TypeError, "p must be a number, got True"),
        (np.True_, TypeError, "p must be a number, got .*True"),
        (None, TypeError, "p must be a number, got None"),
        (2j, TypeError, "p must be a number, got 2j"),
        ([2], TypeError, r"p must be a number, got \[2\]"),
        (np.array([2]), TypeError, r"p must be a number, got array\(\[2\]\)"),
    ],
    ids=repr,
)
def test_bad_powers_are_refused_with_words(p, error, words):
    with pytest.raises(error, match=words):
        pooling.lp_pool2d(X, p, 2)


@pytest.mark.parametrize(
    "output_size, error, words",
    [
        (0, ValueError, "output_size must be at least 1, got 0"),
        ((2, -1), ValueError, "output_size must be at least 1, got -1"),
        (2**31, ValueError, "output_size must be at most .* got 2147483648"),
        (2.5, TypeError, r"output_size must be a whole number, got 2\.5"),
        ((2, 2.0), TypeError, r"output_size must be a whole .* got 2\.0"),
        ("2", TypeError, "output_size must be a whole number, got '2'"),
        (True, TypeError, "output_size must be a whole number, got True"),
        (None, TypeError, "output_size must be a whole number, got None"),
        ((2, None), TypeError, "output_size must be a whole .* got None"),
        ({1, 2}, TypeError, "output_size must be a whole number, got {1, 2"),
        ((1, 2, 3), ValueError, r"output_size must be .* \(1, 2, 3\)"),
        ((2,), ValueError, r"output_size must be an int or .* \(2,\)"),
        ([], ValueError, r"output_size must be an int or .* \[\]"),
    ],
    ids=repr,
)
def test_bad_output_sizes_are_refused_with_words(output_size, error, words):
    for pool in (pooling.adaptive_max_pool2d, pooling.adaptive_avg_pool2d):
        with pytest.raises(error, match=words):
            pool(X, output_size)


@pytest.mark.parametrize("array, error, words", BAD_ARRAYS, ids=repr)
def test_bad_arrays_are_refused_with_words(array, error, words):
    for call in (
        pooling.global_max_pool2d,
        pooling.global_avg_pool2d,
        functools.partial(pooling.adaptive_max_pool2d, output_size=2),
        functools.partial(pooling.adaptive_avg_pool2d, output_size=2),
        functools.partial(pooling.lp_pool2d, p=2, window=2),
    ):
        with pytest.raises(error, match=words.format("x")):
            call(array)


@pytest.mark.parametrize("values, error, words", GEOMETRY_ERRORS, ids=repr)
def test_bad_geometry_is_refused_with_words(values, error, words):
    window, stride, padding, dilation = values
    with pytest.raises(error, match=words):
        pooling.lp_pool2d(X, 2, window, stride, padding, dilation=dilation)
    with pytest.raises(TypeError, match="positional"):
        pooling.lp_pool2d(X, 2, 2, 2, 0, 1)


@pytest.mark.parametrize("shape", [(1, 2, 0, 4), (1, 2, 4, 0), (0, 0, 0, 0)])
def test_planes_without_a_cell_are_refused(shape):
    x = np.zeros(shape)
    for call in (
        pooling.global_max_pool2d,
        pooling.global_avg_pool2d,
        functools.partial(pooling.adaptive_avg_pool2d, output_size=1),
        functools.partial(pooling.adaptive_max_pool2d, output_size=1),
    ):
        with pytest.raises(ValueError, match=r"x must have at least .* got"):
            call(x)
    with pytest.raises(ValueError, match=r"axis [HW]: size must be at least"):
        pooling.lp_pool2d(x, 2, 1)


# -- an average is a convolution, a maximum is not ----------------------------


@settings(max_examples=60)
@given(st.data(), geometries())
def test_depthwise_convolution_from_its_definition(data, lines):
    rows, columns = (
        line._replace(dilation=1, ceil_mode=False) for line in lines
    )
    assume(rows.legal and columns.legal)
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    x = rng.normal(size=(2, 3, rows.size, columns.size))
    weights = rng.normal(size=(3, rows.window, columns.window))
    (_, *args), _ = arguments((rows, columns))
    y = chapter5.depthwise_conv2d(x, weights, *args)
    for i, down in enumerate(rows.windows()):
        for j, across in enumerate(columns.windows()):
            total = np.zeros((2, 3))
            for a, r in enumerate(down):
                for b, k in enumerate(across):
                    if rows.in_image(r) and columns.in_image(k):
                        total += x[:, :, r, k] * weights[:, a, b]
            np.testing.assert_allclose(y[:, :, i, j], total, atol=1e-12)
    constant = np.full(weights.shape, 1 / weights[0].size)
    np.testing.assert_allclose(
        chapter5.depthwise_conv2d(x, constant, *args),
        pooling.avg_pool2d(x, weights.shape[1:], *args),
        atol=1e-12,
    )


def test_the_maximum_is_not_linear_nor_affine():
    def maximum(*values):
        return pooling.max_pool2d(image([values]), (1, 2)).item()

    assert maximum(1.0, -1.0) == maximum(-1.0, 1.0) == 1
    # Weights and a bias b give f(v) + f(-v) = 2 b = 2 f(0).
    assert maximum(1.0, -1.0) + maximum(-1.0, 1.0) != 2 * maximum(0.0, 0.0)


def relu(v):
    return np.maximum(v, 0)


def test_maximum_from_relus_is_close_but_not_exact():
    a, b = np.random.default_rng(7).normal(size=(2, 100_000))
    for first, second in ((a, b), (a.astype("f4"), b.astype("f4"))):
        short = relu(first - second) + second
        long = relu(first - second) + relu(second) - relu(-second)
        right = np.maximum(first, second)
        step = 4 * np.finfo(first.dtype).eps
        for made in (short, long):
            np.testing.assert_allclose(made, right, atol=5 * step)
            assert (made != right).any()
    assert not np.allclose(short, right)  # float32: relative errors are large


def test_minimum_is_the_maximum_in_a_mirror():
    x = np.random.default_rng(8).permutation(120).reshape(2, 3, 4, 5)
    lowest = pooling.adaptive_max_pool2d(-x, (2, 1))
    assert -lowest[1, 2, 1, 0] == x[1, 2, 2:].min()
    for dtype in INTEGERS:
        info = np.iinfo(dtype)
        edge = image([[info.min, info.max]], dtype)
        assert ~pooling.max_pool2d(~edge, (1, 2)) == info.min


# -- three means between average and maximum ----------------------------------

MEANS = [chapter5.power_mean, chapter5.softmax_mean, chapter5.log_mean_exp]
each_mean = pytest.mark.parametrize("mean", MEANS)
values_of_windows = st.lists(
    st.floats(-100, 100, allow_subnormal=False), min_size=1, max_size=9
).map(np.array)


@each_mean
@settings(max_examples=100)
@given(v=values_of_windows, knob=st.floats(1, 50))
def test_means_lie_between_minimum_and_maximum(mean, v, knob):
    if mean is chapter5.power_mean:
        v = abs(v)
    y = mean(v, knob)
    tiny = 1e-12 * max(1, abs(v).max())
    assert v.min() - tiny <= y <= v.max() + tiny
    assert np.isclose(mean(v[::-1], knob), y)
    # More of the knob is more, and a constant is its own mean.
    assert mean(v, knob * 1.5) >= y - tiny
    assert np.isclose(mean(np.full(4, v[0]), knob), v[0])
    if mean is chapter5.power_mean:
        np.testing.assert_allclose(mean(3 * v, knob), 3 * y, atol=1e-9)
    else:
        np.testing.assert_allclose(mean(v + 7, knob), y + 7, atol=1e-9)


@settings(max_examples=60)
@given(values_of_windows)
def test_means_meet_average_and_maximum_in_their_limits(v):
    average, top = v.mean(), v.max()
    close = functools.partial(np.testing.assert_allclose, atol=1e-9)
    close(chapter5.softmax_mean(v, 0), average)
    close(chapter5.softmax_mean(v, 1e-14), average)
    for beta in (1e-14, 1e-17):
        close(chapter5.log_mean_exp(v, beta), average)
    close(chapter5.power_mean(v, 1), abs(v).mean())
    close(chapter5.power_mean(v, INF), abs(v).max())
    apart = np.round(v)  # values a unit apart
    for far in (chapter5.softmax_mean, chapter5.log_mean_exp):
        np.testing.assert_allclose(far(apart, 1e3), apart.max(), atol=3e-3)
    sizes = abs(v)
    np.testing.assert_allclose(
        chapter5.power_mean(v, 1e6), sizes.max(), rtol=1e-5
    )
    assert chapter5.log_mean_exp(v, 2) <= top + 1e-9


@each_mean
def test_means_work_along_the_last_axis(mean):
    v = np.random.default_rng(3).uniform(0, 5, (2, 3, 4, 5, 6))
    y = mean(v, 1.5)
    assert y.shape == v.shape[:-1]
    for place in np.ndindex(y.shape):
        assert np.isclose(y[place], mean(v[place], 1.5))
    before = v.copy()
    mean(v, 2)
    np.testing.assert_array_equal(v, before)
    assert mean(v[:0], 2).shape == (0, 3, 4, 5)


@each_mean
def test_means_do_not_overflow(mean):
    for level in (1e3, 1e5):
        y = mean(np.array([level, level + 1]), 1)
        assert level < y < level + 1
    y = mean(np.array([1.7e308, 1.7e308]), 1)
    assert np.isclose(y / 1.7e308, 1)
    y = mean(np.array([-1000.0, -3000.0]), 1)
    expected = {
        chapter5.power_mean: 2000,
        chapter5.softmax_mean: -1000,
        chapter5.log_mean_exp: -1000 - np.log(2),
    }
    assert np.isclose(y, expected[mean])
    assert np.isclose(
        chapter5.power_mean(np.array([1e200, 2e200]), 10) / 1e200,
        ((1 + 2**10) / 2) ** 0.1,
    )


def test_a_negative_beta_leads_to_the_minimum():
    v = np.array([0.0, 1000.0, 3000.0])
    assert chapter5.softmax_mean(v, -1) == 0
    y = chapter5.log_mean_exp(v, -1)
    assert np.isclose(y, np.log(3))
    for mean in (chapter5.softmax_mean, chapter5.log_mean_exp):
        mirrored = -mean(-WINDOW, 2)
        assert np.isclose(mean(WINDOW, -2), mirrored)


@each_mean
@pytest.mark.parametrize("dtype", INTEGERS)
def test_means_of_integers_do_not_wrap(mean, dtype):
    for values in ([0, 1, 3, 4], [100, 120, 127]):
        v = np.array(values, dtype)
        assert np.isclose(mean(v, 1), mean(v.astype(float), 1))
    low = np.iinfo(dtype).min
    v = np.array([low, 1], dtype)
    expected = mean(v.astype(float), 3)
    assert np.isclose(mean(v, 3), expected)


# -- what flows back ----------------------------------------------------------


def slopes(mean, v, knob):
    """Measure the gradient of a mean by central differences."""

    def pool(x):
        return mean(x, knob)

    return numerical_gradient(pool, v.copy(), np.ones(()))


def softmax(v, beta):
    """Return the weights of the softmax mean."""
    weights = [math.exp(beta * (u - max(v))) for u in v]
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize("beta", [0.1, 0.5, 1, 2, 5])
def test_gradients_are_what_the_lesson_says(beta):
    rng = np.random.default_rng(4)
    for v in (WINDOW, rng.normal(size=7), 1000 + rng.normal(size=5)):
        w = softmax(v, beta)
        found = slopes(chapter5.log_mean_exp, v, beta)
        np.testing.assert_allclose(found, w, atol=1e-6)
        assert np.isclose(w.sum(), 1)
        found = slopes(chapter5.softmax_mean, v, beta)
        expected = w * (1 + beta * (v - w @ v))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.isclose(expected.sum(), 1)
    p = 1 + beta
    v = rng.normal(size=6)
    top = chapter5.power_mean(v, p)
    expected = np.sign(v) * (abs(v) / top) ** (p - 1) / v.size
    found = slopes(chapter5.power_mean, v, p)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_negative_weights_of_the_softmax_mean():
    for beta, expected in (
        (0.5, [-0.04, 0, 0.3, 0.74]),
        (2, [0, -0.01, -0.09, 1.1]),
    ):
        found = slopes(chapter5.softmax_mean, WINDOW, beta)
        np.testing.assert_allclose(found, expected, atol=0.0051)
        assert found[0] < 0
        assert found.sum() == pytest.approx(1)
    raised = np.array([1.0, 1, 3, 4])
    before = chapter5.softmax_mean(WINDOW, 2)
    assert chapter5.softmax_mean(raised, 2) < before
    assert (slopes(chapter5.log_mean_exp, WINDOW, 2) > 0).all()


# -- the numbers that this chapter was born from ------------------------------


def test_4_2_softmax_of_the_d2l_window():
    for beta, expected, digits in (
        (0, 2, 12), (0.1, 2.2483, 4), (1, 3.5888, 4), (10, 3.99995, 5),
    ):  # fmt: skip
        y = chapter5.softmax_mean(WINDOW, beta)
        assert round(float(y), digits) == expected
    y = float(chapter5.log_mean_exp(WINDOW, 1))
    assert round(y, 4) == 2.9756
    assert round(y + math.log(4), 4) == 4.3618
    assert np.isclose(y + math.log(4), math.log(np.exp(WINDOW).sum()))


def test_4_1_aliasing():
    stripes = np.array([0.0, 0, 1, 1, 0, 0, 1, 1])
    blur = np.array([[[1, 2, 1]]]) / 4

    def pooled(signal, blurred):
        if not blurred:
            return pooling.max_pool2d(image([signal]), (1, 2)).ravel().tolist()
        ring = np.concatenate([signal, signal[:1]])
        dense = pooling.max_pool2d(image([ring]), (1, 2), 1)
        ring = np.concatenate([dense[..., -1:], dense, dense[..., :1]], -1)
        y = chapter5.depthwise_conv2d(ring, blur, stride=(1, 2))
        return y.ravel().tolist()

    moved = np.roll(stripes, -1)
    assert pooled(stripes, False) == [0, 1, 0, 1]
    assert pooled(moved, False) == [1, 1, 1, 1]
    assert pooled(stripes, True) == [0.5, 1, 0.5, 1]
    assert pooled(moved, True) == [0.75] * 4


def test_receptive_fields_are_measured():
    """Nudge each input cell; see which outputs move."""
    sizes = 60
    nudged = np.eye(sizes).reshape(sizes, 1, 1, sizes)
    conv = functools.partial(
        chapter5.depthwise_conv2d, weights=np.ones((1, 1, 3))
    )
    pool = functools.partial(pooling.avg_pool2d, window=(1, 2))
    found = []
    for layer in (conv, pool, conv, pool, conv):
        nudged = layer(nudged)
        first, second = (nudged[:, 0, 0, k].nonzero()[0] for k in (0, 1))
        found.append((first.size, int(second[0] - first[0])))
    assert found == [(3, 1), (4, 2), (8, 2), (10, 4), (18, 4)]
    nbformat = pytest.importorskip("nbformat")
    lesson = nbformat.read(ROOT / "book/05_variants.ipynb", as_version=4)
    said = [
        re.findall(r"sees +(\d+) cells, one step is (\d+)", output.text)
        for cell in lesson.cells
        for output in cell.get("outputs", [])
        if "one step is" in output.get("text", "")
    ]
    assert [tuple(map(int, row)) for row in said[0]] == found
    three = conv(conv(conv(np.eye(sizes).reshape(sizes, 1, 1, sizes))))
    assert three[:, 0, 0, 0].nonzero()[0].size == 7


# -- the numbers in the exercises ---------------------------------------------


def test_numbers_in_the_exercises():
    path = ROOT / "solutions/05_variants/05_variants.ipynb"
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    names, text, number = {}, {}, ""
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not marks.get("grade"):
            exec(compile(cell.source, "<cell>", "exec"), names)
        elif cell.cell_type == "markdown":
            number = cell.source[:15].partition("5.")[2][:1] or number
            text[number] = text.get(number, "") + cell.source

    def said(number, *claims):
        for claim in claims:
            assert claim in text[number], claim

    def first(name, *args):
        return names[name](*args)[0, 0]

    x = image([[-3.0, -1, 4, 0], [-2, -8, 7, 2]])
    assert first("max_from_relu", x).tolist() == [[-1, 7]]
    said("1", "x = [[-3, -1,  4,  0],      result = [[-1, 7]]")
    square = WINDOW.reshape(1, 1, 2, 2)
    for beta, digits in ((0, 1), (1, 6), (10, 6)):
        y = first("softmax_pool2d", square, beta, 2).item()
        assert re.search(rf"beta {beta}: +{y:.{digits}g}\b", text["2"])
    dout = np.full((1, 1, 1, 1), 100.0)
    dx = first("softmax_pool2d_backward", dout, square, 1, 2)
    (a, b), (c, d) = dx
    said("3", f"[[{a:.2f}, {b:.2f}]", f"[{c:.2f}, {d:.2f}]]")
    assert dx.sum() == pytest.approx(100)
    bright = np.zeros((1, 1, 4, 4))
    bright[0, 0, 1, 1] = 16
    assert first("blur_pool2d", bright).tolist() == [[4, 2], [2, 1]]
    said("4", "result = [[4, 2],\n     [0, 16, 0, 0],                [2, 1]]")
    assert np.pad([1, 2, 3], 1, mode="reflect").tolist() == [2, 1, 2, 3, 2]
    dx = first("adaptive_avg_backward", image([[2.0, 4, 8]]), (1, 1, 1, 4))
    assert dx.tolist() == [[1, 3, 6, 4]]
    said("5", "dout = [[2, 4, 8]]      dx = [[1, 3, 6, 4]]")
    sees = names["receptive_field"]
    assert sees([(3, 1, 1), (2, 2, 1), (3, 1, 1)]) == (8, 2)
    assert sees([(3, 1, 2)]) == (5, 1)
    said("6", "(3, 1, 1)]` | 8, 2 |", "`[(3, 1, 2)]` | 5, 1 |")
    x = image([[0.0, 1, 0, 0], [3, 4, 0, 0]])
    chances = first("stochastic_chances", x, 2)[0].tolist()
    assert chances == [[0, 0.125, 0.375, 0.5], [0.25] * 4]
    said("7", "[0, 0.125, 0.375, 0.5]", "[0.25, 0.25, 0.25, 0.25]")
    x = np.ones((1, 1, 2, 6))
    x[0, 0, 0, 1], x[0, 0, 1, 4] = 9, -7
    assert pooling.max_pool2d(x, 2).ravel().tolist() == [9, 1, 1]
    assert pooling.avg_pool2d(x, 2).ravel().tolist() == [3, 1, -1]
    y = [chapter5.softmax_mean(WINDOW, beta) for beta in (0.1, 10)]
    said("9", f"{y[0]:.3f}, almost the", f"{y[1]:.5f}, almost the")
