"""The bench, and lesson 6, whose numbers it stores."""

import json
from unittest import mock

import numpy as np
import oracles
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_pooling import arguments

import pooling
from pooling.geometry import pooling_axes
from pooling.lessons import fast
from tools import bench

pytestmark = pytest.mark.filterwarnings("error")

# -- the bench ----------------------------------------------------------------


STORED = json.loads((bench.ROOT / "book" / "bench.json").read_text())


class Silent:
    """A progress bar that shows nothing."""

    def update(self):
        """Do nothing."""


def test_the_bench_races_and_refuses_what_computes_something_else():
    load = bench.Workload((2, 2, 8, 8), 2, 2, 0)
    for task in bench.TASKS:
        with mock.patch.object(bench, "LEAST", 1e-5):
            names = list(bench.PEERS)
            runs = bench.line_up(task, load, names)
            ratios = bench.ratios(bench.least_times(runs, 1, Silent()))
        assert {"copy", "im2col (2)"} <= set(ratios)
        assert all(ratio > 0 for ratio in ratios.values())
    with pytest.raises(SystemExit, match="cheat computes another max"):
        bench.check("cheat", "max", np.ones(3), np.zeros(3))


def test_goals_are_told_and_bind_the_machine_that_stored_them():
    layers = {
        task: {name: {"torch": 99.0} for name in bench.LAYERS}
        for task in bench.TASKS
    }
    window = {"window": [3, 31], "book": [1.0, 1.6]}
    assert bench.missed(layers, window) == []
    layers["average"] = layers["average"] | {"k7 s1": {"torch": 11.9}}
    window["book"][1] = 1.61
    found = bench.missed(layers, window)
    assert found == ["average, k7 s1: 11.9 of 12", "k31 / k3: 1.61 of 1.6"]
    layers["average"]["k7 s1"] = {}  # torch is not installed
    assert len(bench.missed(layers, window)) == 1


def test_odd_data_is_timed():
    few = {
        name: load._replace(shape=(2, 3, 8, 9))
        for name, load in bench.ODD.items()
    }
    with mock.patch.multiple(bench, LEAST=1e-6, ODD=few):
        found = bench.odd_data(1, Silent())
    assert list(found) == [*few, "first call"]
    assert set(found["NaN"]) == {*bench.TASKS, "norm"}
    assert found["first call"]["max"] > 0
    last = bench.make_data(few["small, last"])
    assert all(array.strides[1] == array.itemsize for array in last.values())
    assert bench.make_data(few["int8"])["x"].dtype == np.int8
    assert np.isnan(bench.make_data(few["NaN"])["x"]).any()
    assert set(bench.machine()) >= {"processor", "cores", "SIMD"}


def test_the_stored_bench_is_whole():
    assert set(STORED["layers"]) == set(bench.TASKS)
    for rows in STORED["layers"].values():
        assert list(rows) == list(bench.LAYERS)
    layers = STORED["layers"]
    real = [name for name in bench.LAYERS if "toy" not in name]
    for peer in ("loops (1)", "im2col (2)", "view (3)", "slices", "torch"):
        assert all(layers["max"][name][peer] > 1 for name in real)
    sizes = dict(zip(STORED["size"]["size"], range(99), strict=False))
    for name in ("slices", "torch"):
        for size in (56, 112, 224, 448):
            k = sizes[size]
            assert STORED["size"]["book"][k] < STORED["size"][name][k]
        assert STORED["window"][name][-1] > 10 * STORED["window"][name][0]


# -- the lesson's own functions, and what it says of the stored run -----------


@st.composite
def plain_arguments(draw):
    """Draw window, stride and padding, and a shape that they fit."""
    lines = [
        oracles.Line(
            size=draw(st.integers(1, 12)),
            window=(window := draw(st.integers(1, 9))),
            stride=draw(st.integers(1, 4)),
            before=draw(st.integers(0, min(window - 1, 5))),
            after=draw(st.integers(0, min(window - 1, 5))),
            dilation=1,
            ceil_mode=False,
        )
        for _ in "HW"
    ]
    assume(all(line.legal for line in lines))
    shape = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return (*shape, *(line.size for line in lines)), arguments(lines)[0]


@settings(max_examples=400)
@given(plain_arguments(), st.sampled_from(["f2", "f4", "f8", "i1", "i4"]),
       st.sampled_from([1, 100, 500, fast.ROOM]), st.integers(0, 2**32))
def test_the_lesson_pools_as_the_front_door(drawn, dtype, room, seed):
    shape, args = drawn
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, shape).astype(dtype)
    y, indices = pooling.max_pool2d(x, *args, return_indices=True)
    with mock.patch.object(fast, "ROOM", room):
        both = fast.max_pool2d_tiled_indices(x, *args)
    for found in (
        fast.max_pool2d_cells(x, *args),
        fast.max_pool2d_rows_columns(x, *args),
        fast.max_pool2d_tiled(x, *args, room=room),
        both[0],
    ):
        np.testing.assert_array_equal(found, y, strict=True)
    np.testing.assert_array_equal(both[1], indices, strict=True)
    means = pooling.avg_pool2d(x, *args)
    found = fast.avg_pool2d_tiled(x, *args)
    assert found.dtype == means.dtype
    np.testing.assert_allclose(found, means, rtol=2e-3 if dtype == "f2" else
                               1e-6, atol=1e-6)  # fmt: skip
    if x.dtype.kind == "f":
        dout = rng.integers(-9, 9, y.shape).astype(dtype)
        dx = pooling.max_pool2d_backward(dout, indices, shape)
        found = fast.scatter(dout, indices, shape)
        np.testing.assert_array_equal(found, dx, strict=True)
        x[rng.random(shape) < 0.1] = np.nan  # maxima pass it on
        y = pooling.max_pool2d(x, *args)
        found = fast.max_pool2d_tiled(x, *args, room=room)
        np.testing.assert_array_equal(found, y)
    up = pooling.max_unpool2d(y, indices, shape)
    found = fast.scatter(y, indices, shape, add=False)
    np.testing.assert_array_equal(found, up, strict=True)


def test_the_lesson_carries_distances_beyond_a_byte():
    x = np.random.default_rng(0).integers(0, 99, (2, 3, 30, 40)).astype("f4")
    expected = pooling.max_pool2d(x, 13, 2, 1, return_indices=True)
    for found, right in zip(
        fast.max_pool2d_tiled_indices(x, 13, 2, 1), expected, strict=True
    ):
        np.testing.assert_array_equal(found, right, strict=True)


@pytest.mark.parametrize("window", [*range(1, 34), 63, 64, 65])
@pytest.mark.parametrize("step", [1, 3])
def test_the_lesson_widens_in_as_few_passes_as_it_says(window, step):
    values = np.random.default_rng(window).integers(-9, 9, 200 + step * 65)
    values = values.astype(float)
    cuts = np.array([values[k : k + step * window : step] for k in range(99)])
    with mock.patch.object(fast, "np", mock.Mock(wraps=np)) as numpy:
        top = fast.widen_max(values, window, step)[:99]
        assert numpy.maximum.call_count == int(np.ceil(np.log2(window)))
    np.testing.assert_array_equal(top, cuts.max(axis=1))
    total = fast.widen_sum(values, window, step)
    np.testing.assert_array_equal(total[:99], cuts.sum(axis=1))
    assert total.size == values.size - step * (window - 1)
    far = np.zeros(values.size, np.uint8)
    top, far = fast.widen_both(values, far, window, step, 1)
    np.testing.assert_array_equal(top[:99], cuts.max(axis=1))
    np.testing.assert_array_equal(far[:99], cuts.argmax(axis=1))


def test_the_lesson_cuts_tiles_that_keep_to_their_room():
    x = np.arange(160.0).reshape(2, 4, 4, 5)
    axes = pooling_axes(x.shape, 3, 1, 1)
    height, pitch, head = fast.frame_of(*axes)
    assert (height, pitch, head) == (5, 6, 7)
    planes = []
    for some, flat in fast.cut_tiles(x, *axes, -np.inf, room=100):
        inside = flat[head:].reshape(-1, height, pitch)
        assert len(inside) == some.stop - some.start
        assert flat.size <= 100
        assert np.isneginf(flat[:head]).all()
        assert np.isneginf(inside[:, 4:]).all()
        assert np.isneginf(inside[:, :, 5:]).all()
        planes.append(inside[:, :4, :5].copy())
        first = fast.first_cells(flat, len(inside), *axes)
        assert np.shares_memory(first, flat)
    assert list(map(len, planes)) == [3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(planes), x.reshape(8, 4, 5))
    with pytest.raises(ValueError, match="buffer"):  # it never leaves it
        fast.first_cells(flat[:20], 2, *axes)
    y = fast.pool_tiled(x, *axes, -np.inf, fast.widen_max, room=100)
    np.testing.assert_array_equal(y, pooling.max_pool2d(x, 3, 1, 1))


def test_the_stored_run_says_what_the_lesson_says():
    """Orders that hold in any honest run; the lesson prints the numbers."""
    real = [name for name in bench.LAYERS if "toy" not in name]
    layers = STORED["layers"]["max"]
    for name in real:
        assert 1 < layers[name]["im2col (2)"] < layers[name]["view (3)"]
    steps = STORED["steps"]
    for name in (
        "maximum of every second cell",
        "2 x 2 windows, stride 2, by slices",
        "maximum of 31 cells, one after the other",
        "copy of every second cell",
        "choosing by np.where",
        "add.at with a tuple",
        "add.at, float64 into float32",
    ):
        assert steps[name] > 1.5, name
    assert steps["sum of 31 cells, by running sums"] > 1
    assert list(steps["lesson"]) == list(steps["package"]) == real
    for name, ratios in steps["lesson"].items():
        assert ratios["slices"] > 2
        assert ratios["one vector"] > 1.3
        assert 1.5 < ratios["max, indices"] < 10
        if bench.LAYERS[name].window >= 7:  # "large windows gain much"
            assert ratios["slices"] > 2 * ratios["rows/columns"]
    for ratios in steps["package"].values():  # "close to the package's"
        assert max(ratios["max"], ratios["max, indices"]) < 2.5
    assert steps["package"]["SPP k13 s1 p6"]["average"] > 1.5
    assert steps["package"]["Inception k3 s1 p1"]["max"] > 1.1
    assert steps["further"]["planes of 1024 x 1024"] > 1.3
    assert steps["further"]["float16"] > 3
    for name in real:  # "with small windows at stride 2 … about our time"
        if bench.LAYERS[name].stride == 2:
            assert layers[name]["torch, last"] < 1.25
    ours = [layers[name]["torch"] for name in real]
    assert sum(ratio > 1 for ratio in ours) > len(real) / 2  # "most layers"
