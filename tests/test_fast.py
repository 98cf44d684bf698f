"""The engine against the plain functions, and its bounds."""

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import columns as im2col
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pooling import (
    FLOATS,
    INTEGERS,
    LAYOUTS,
    arguments,
    batches,
    geometries,
    laid_out,
)

import pooling
from pooling import engine, geometry
from pooling.geometry import Axis, pooling_axes
from pooling.lessons import unpooling

pytestmark = pytest.mark.filterwarnings("error")

# Down to tiles of one window each, and up to one tile for all.
ROOMS = st.sampled_from([100, 1000, 5000, engine.SCRATCH])


def in_room(room):
    """Let the functions work in tiles of another size."""
    vars(engine.Scratch.own).clear()
    return mock.patch.object(engine, "SCRATCH", room)


class Counted(np.ndarray):
    """An array that counts how many results of ufuncs it makes."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        """Count, and compute as usual."""
        Counted.made += 1
        inputs = [np.asarray(i) for i in inputs]
        out = tuple(np.asarray(o) for o in out)
        return getattr(ufunc, method)(*inputs, out=out, **options).view(
            Counted
        )


def counted(function, values, *args):
    """Call a doubling function; return its result and the passes it took."""
    Counted.made = 0
    spare = [np.empty(len(values)).view(Counted) for _ in range(2)]
    flat = np.array(values, float).view(Counted)
    result, _ = function(flat, *args, spare)
    return np.asarray(result), Counted.made


# -- doubling -----------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("window", [*range(1, 34), 63, 64, 65])
def test_doubling_takes_as_few_passes_as_promised(window, step):
    values = np.random.default_rng(window).integers(-9, 9, 400).astype(float)
    n = len(values) - step * (window - 1)
    cuts = [values[i : i + step * window : step] for i in range(n)]
    cuts = np.array(cuts)
    top, passes = counted(engine.double_max, values, window, step)
    np.testing.assert_array_equal(top, cuts.max(axis=1))
    assert passes == int(np.ceil(np.log2(window)))
    total, passes = counted(engine.double_sum, values, window, step)
    np.testing.assert_array_equal(total, cuts.sum(axis=1))
    digits = f"{window:b}"
    assert passes == len(digits) + digits.count("1") - 2
    n = min(n, 300)
    types = [np.empty(400) for _ in range(2)], [
        np.empty(400, np.uint8) for _ in range(2)
    ]
    spare = (*types, np.empty(400, bool))
    both = engine.double_both(values, None, window, step, 1, spare, False)
    np.testing.assert_array_equal(both[0], cuts.max(axis=1))
    if window > 1:
        np.testing.assert_array_equal(both[1], cuts.argmax(axis=1))


@pytest.mark.parametrize("windows", [(1, 1), (2, 1), (1, 3), (2, 2), (3, 2),
                                     (1, 4), (4, 1), (3, 7), (13, 5), (8, 8)])
def test_sums_in_a_chain_need_so_many_vectors_and_no_fewer(windows):
    flat = np.arange(200.0)
    need = engine.spare_vectors(*windows)

    def chain(vectors):
        total, spare = flat, vectors
        for window, step in zip(windows, (1, 14), strict=True):
            total, spare = engine.double_sum(total, window, step, spare)
        return total

    total = chain([np.empty(200) for _ in range(need)])
    across, down = windows
    taps = [a + 14 * b for a in range(across) for b in range(down)]
    expected = [sum(p + t for t in taps) for p in range(len(total))]
    np.testing.assert_array_equal(total, expected)
    np.testing.assert_array_equal(flat, np.arange(200.0))
    if need:
        with pytest.raises(IndexError):
            chain([np.empty(200) for _ in range(need - 1)])


# -- tiles --------------------------------------------------------------------


@settings(max_examples=200)
@given(st.data(), geometries(), ROOMS, st.sampled_from(LAYOUTS[:6]))
def test_tiles_hold_every_window_once(data, lines, room, layout):
    x = laid_out(data.draw(batches(lines, ["f4", "i2", "f8"])), layout)
    args, names = arguments(lines)
    rows, columns = map(engine.fit, pooling_axes(x.shape, *args, **names))
    with in_room(room):
        seen = np.zeros((x.shape[0] * x.shape[1], rows.out, columns.out), int)
        first = np.empty(seen.shape)
        for tile in engine.tiles(x, rows, columns, x.dtype, 7, [x.dtype]):
            assert isinstance(tile, engine.Tile)
            seen[tile.place] += 1
            assert isinstance(tile.layout, engine.Layout)
            flat = tile.flats[0]
            assert tile.spare[0].size >= flat.size - 1  # any pass cuts one
            tile.read(flat, first[tile.place])
    assert (seen == 1).all()
    # The first cells of windows, or what pads them.
    i, j = (axis.positions()[:, 0] for axis in (rows, columns))
    outside = (i < 0)[:, None] | (j < 0)
    planes = x.reshape(-1, *x.shape[2:])
    expected = planes[:, i.clip(0)][:, :, j.clip(0)]
    expected = np.where(outside, 7, expected)
    np.testing.assert_array_equal(first, expected)


def test_a_tile_is_the_image_itself_where_it_can_be():
    x = np.arange(2 * 3 * 8 * 8, dtype="f4").reshape(2, 3, 8, 8)
    rows, columns = pooling_axes(x.shape, 2)
    (tile,) = engine.tiles(x, rows, columns, x.dtype, 0)
    assert np.shares_memory(tile.flats[0], x)
    for other in (x[..., ::-1], x.astype(">f4"), x.astype("f8")):
        for tile in engine.tiles(other, rows, columns, x.dtype, 0):
            assert not np.shares_memory(tile.flats[0], other)


def test_small_images_of_any_layout_are_copied_many_at_a_time():
    x = np.arange(4000 * 3 * 8, dtype="f4").reshape(4000, 2, 4, 3)
    last = x.transpose(0, 3, 1, 2)
    for images in x, last, x[:, ::2]:
        found = list(engine.plane_batches(images))
        assert len(found) == 1
        np.testing.assert_array_equal(
            np.concatenate(found), images.reshape(-1, *images.shape[2:])
        )
    with in_room(2 * 10 * last[0].nbytes):
        assert len(list(engine.plane_batches(last))) == 400
    with in_room(100):  # large images, one by one, as they are
        for planes in engine.plane_batches(last):
            assert np.shares_memory(planes, x)


def test_a_tile_in_the_image_has_a_cell_more_where_there_is_one():
    """So that the pair of the last odd column is whole."""
    x = np.arange(4 * 6 * 8, dtype="f4").reshape(1, 4, 6, 8)
    rows, columns = pooling_axes(x.shape, 2)
    parts = [33] * 4 + [17] * 3 + [16]  # four rows of each plane, then two
    for room, sizes in (48, [49, 49, 49, 48]), (40, parts):
        with in_room(8 * room):
            tiles = engine.tiles(x, rows, columns, x.dtype, 0, [x.dtype] * 2)
            assert [tile.flats[0].size for tile in tiles] == sizes
            double = mock.Mock(wraps=engine.double_max)
            with mock.patch.multiple(engine, SMALL=0, double_max=double):
                y = engine.max_pool2d_flat(x, 2)
            np.testing.assert_array_equal(y, x[..., 1::2, 1::2])
            assert double.call_count == len(sizes)  # for the rows alone


def test_chunks_of_planes_come_in_order():
    x = np.arange(2 * 3 * 4.0).reshape(2, 3, 2, 2)
    for other in x, x.transpose(1, 0, 2, 3):
        flat = other.reshape(6, 2, 2)
        for many in (1, 2, 4, 9):
            seen = []
            for q, planes in engine.plane_chunks(other, many):
                np.testing.assert_array_equal(planes, flat[q])
                assert 0 < len(planes) <= many
                seen += range(6)[q]
            assert seen == list(range(6))


def test_rows_are_sorted_by_phase_where_a_tile_is_copied():
    x = np.arange(7 * 4, dtype="f4").reshape(1, 1, 7, 4)
    rows, columns = pooling_axes(x.shape, (3, 1), (2, 1), ((1, 1), (0, 0)))
    (tile,) = engine.tiles(x, rows, columns, x.dtype, -1, [x.dtype] * 3)
    even, odd = (vector.reshape(-1, 4)[:, 0] for vector in tile.flats)
    assert even[:5].tolist() == [-1, 4, 12, 20, -1]
    assert odd[:4].tolist() == [0, 8, 16, 24]
    for ufunc, double, tops in [
        (np.maximum, engine.double_max, [4, 12, 20, 24]),
        (np.add, engine.double_sum, [3, 24, 48, 43]),
    ]:
        flat, _ = tile.down(ufunc, double)
        assert tile.layout.starts(flat, 1)[0, :, 0].tolist() == tops
    # Rows that no window sees are not copied.
    rows, columns = pooling_axes(x.shape, 1, 3)
    (tile,) = engine.tiles(x[..., ::-1], rows, columns, x.dtype, -1)
    assert len(tile.flats) == 1
    found = tile.layout.starts(*tile.flats, 1)[0, :, 0]
    assert found.tolist() == [3, 15, 27]


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("room", [800, 5000, engine.SCRATCH])
def test_rows_where_no_window_begins_drop_out(room, dilation):
    x = np.random.default_rng(0).standard_normal((2, 3, 30, 20), np.float32)
    x[0, 0, 15, 10] = np.nan
    with in_room(room), mock.patch.object(
        engine.Tile, "down_to_starts", autospec=True,
        side_effect=engine.Tile.down_to_starts,
    ) as dropped:  # fmt: skip
        y = engine.max_pool2d_flat(x, (11, 6), 1, dilation=dilation)
        assert dropped.called
        expected, _ = im2col.max_pool2d_im2col(
            x, (11, 6), 1, dilation=dilation
        )
        np.testing.assert_array_equal(y, expected)
        if room < 10_000:
            return
        dropped.reset_mock()
        for stride, padding in ((2, 1), 0), (1, 1):  # far apart; a copy
            engine.max_pool2d_flat(x, (11, 6), stride, padding)
        engine.max_pool2d_flat(x, (11, 1), 1)  # no passes to save
        assert not dropped.called


def test_vectors_begin_where_a_page_does():
    vars(engine.Scratch.own).clear()
    for size in (100, 1001, 10 * engine.SCRATCH):
        for vector in engine.Scratch.vectors(size, np.float32, np.uint8):
            assert vector.ctypes.data % 4096 == 0


def test_a_gradient_of_stride_1_is_a_sum_of_neighbours():
    axis = Axis(8, 3, 1, 2, 0, 2, 6)
    assert engine.mirrored(axis) == Axis(6, 3, 1, 2, 4, 2, 8)
    assert engine.mirrored(engine.mirrored(axis)) == axis


def test_parts_and_runs_of_an_axis():
    axis = Axis(10, 3, 2, 1, 1, 1, 5)
    assert [(r.start, r.stop) for r in engine.runs(axis, 5)] == [
        (0, 2), (2, 4), (4, 5),
    ]  # fmt: skip
    cells, some = engine.part(axis, slice(0, 2))
    assert (cells.start, cells.stop) == (0, 4)
    assert some == Axis(4, 3, 2, 1, 0, 1, 2)
    cells, some = engine.part(axis, slice(4, 5))
    assert (cells.start, cells.stop) == (7, 10)
    assert some == Axis(3, 3, 2, 0, 0, 1, 1)
    assert [(s.start, s.stop) for s in engine.spans(7, 3)] == [
        (0, 3), (3, 6), (6, 7),
    ]  # fmt: skip


def test_each_thread_has_memory_of_its_own():
    addresses = {}
    barrier = threading.Barrier(2)

    def ask(name):
        (vector,) = engine.Scratch.vectors(3000, np.float32)
        barrier.wait()  # both hold theirs
        addresses[name] = vector.ctypes.data
        again = engine.Scratch.vectors(400, np.uint8, np.float64)
        assert again[0].ctypes.data == addresses[name]
        assert [len(v) for v in again] == [400, 400]
        assert not np.shares_memory(*again)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, "ab"))
    assert addresses["a"] != addresses["b"]


def test_a_very_large_block_is_not_kept():
    (vector,) = engine.Scratch.vectors(10 * engine.SCRATCH, np.uint8)
    assert vector.size == 10 * engine.SCRATCH
    engine.Scratch.vectors(100, np.uint8)
    assert engine.Scratch.own.block.size <= 2 * engine.SCRATCH


def test_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    jobs = [
        (rng.standard_normal((2, 8, 60 + k, 50), np.float32), 2 + k % 4)
        for k in range(12)
    ]

    def work(job):
        x, k = job
        y, indices = pooling.max_pool2d(x, k, 2, 1, return_indices=True)
        return (
            y, indices, pooling.avg_pool2d(x, k, 1),
            pooling.max_pool2d_backward(y, indices, x.shape),
            pooling.avg_pool2d_backward(y, x.shape, k, 2, 1),
        )  # fmt: skip

    alone = [work(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        for found, expected in zip(
            pool.map(work, jobs * 5), alone * 5, strict=True
        ):
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)


# -- against the plain versions -----------------------------------------------


@settings(max_examples=800)
@given(st.data(), geometries(), ROOMS, st.sampled_from(LAYOUTS[:7]),
       st.booleans())
def test_maxima_are_those_of_im2col(data, lines, room, layout, cuts):
    x = laid_out(data.draw(batches(lines, FLOATS + INTEGERS)), layout)
    args, names = arguments(lines)
    y, winners = im2col.max_pool2d_im2col(x, *args, **names)
    indices = im2col.plane_indices(winners, x.shape, *args, **names)
    with in_room(room), by_cuts(cuts):
        with mock.patch.object(engine, "SMALL", 0):
            alone = engine.max_pool2d_flat(x, *args, **names)
        both = engine.max_pool2d_flat_indices(x, *args, **names)
    small = engine.max_pool2d_flat(x, *args, **names)
    assert small.dtype == x.dtype
    for found in (alone, both[0], small):
        np.testing.assert_array_equal(found, y, strict=True)
    np.testing.assert_array_equal(both[1], indices, strict=True)
    slices = engine.max_pool2d_slices(x, *args, **names)
    np.testing.assert_array_equal(slices, y)


def sums_by(matrices):
    """Let averages of all sizes take matrices, or none."""
    return mock.patch.object(engine, "few_products", lambda *axes: matrices)


def by_cuts(cuts):
    """Let all go window by window, or nothing."""
    return mock.patch.object(engine, "mostly_padding", lambda *axes: cuts)


@settings(max_examples=600)
@given(st.data(), geometries(), ROOMS, *[st.booleans()] * 3)
def test_averages_are_those_of_im2col(
    data, lines, room, count, matrices, cuts
):
    x = data.draw(batches(lines, ["f2", "f4", "f8", ">f4", "g", "i4", "u1"]))
    args, names = arguments(lines)
    names["count_include_pad"] = count
    with (
        np.errstate(invalid="ignore", over="ignore"),
        in_room(room),
        sums_by(matrices),
        by_cuts(cuts),
    ):
        plain = im2col.avg_pool2d_im2col(x, *args, **names)
        found = engine.avg_pool2d_flat(x, *args, **names)
    assert found.dtype == plain.dtype
    eps = max(float(np.finfo(plain.dtype).eps), 2e-16)
    high = max(map(abs, x[np.isfinite(x)].ravel().tolist()), default=0)
    np.testing.assert_allclose(
        found.astype(float), plain.astype(float), rtol=2 * eps,
        atol=16 * 2.3e-16 * float(high),
    )  # fmt: skip


@settings(max_examples=400)
@given(st.data(), geometries(), ROOMS, *[st.booleans()] * 3)
def test_gradients_are_those_of_im2col(
    data, lines, room, count, matrices, cuts
):
    x = data.draw(batches(lines, ["f4"]))
    args, names = arguments(lines)
    y, winners = im2col.max_pool2d_im2col(x, *args, **names)
    indices = im2col.plane_indices(winners, x.shape, *args, **names)
    dtype = data.draw(st.sampled_from(["f2", "f4", "f8", ">f4", "i4", "g"]))
    dout = (np.arange(y.size).reshape(y.shape) % 31 - 9).astype(dtype)
    if data.draw(st.booleans()):
        dout = np.asfortranarray(dout)
    with in_room(room), sums_by(matrices), by_cuts(cuts):
        added = engine.scatter_add_flat(dout, indices, x.shape)
        put = engine.scatter_assign_flat(y, indices, x.shape)
        names["count_include_pad"] = count
        shared = engine.avg_pool2d_flat_backward(dout, x.shape, *args, **names)
    np.testing.assert_array_equal(
        added, im2col.scatter_add(dout, indices, x.shape), strict=True
    )
    np.testing.assert_array_equal(
        put, unpooling.max_unpool2d_indices(y, indices, x.shape), strict=True
    )
    plain = im2col.avg_pool2d_im2col_backward(dout, x.shape, *args, **names)
    assert shared.dtype == plain.dtype
    eps = max(float(np.finfo(plain.dtype).eps), 2e-16)
    np.testing.assert_allclose(
        shared.astype(float), plain.astype(float), rtol=0, atol=400 * eps
    )


@pytest.mark.parametrize("shape, args", [
    ((3, 40, 60, 60), (3, 2, 1)),
    ((1, 3, 400, 700), (5, 1, 2)),  # planes larger than a tile
    ((2, 40, 61, 59), ((7, 4), (2, 3), ((3, 0), (1, 2)))),
    ((2, 3, 60, 50), (35, 2, 5)),  # seventeen groups of rows, and a row
])
def test_large_arrays_are_those_of_im2col(shape, args):
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    y, winners = im2col.max_pool2d_im2col(x, *args)
    found, indices = pooling.max_pool2d(x, *args, return_indices=True)
    np.testing.assert_array_equal(pooling.max_pool2d(x, *args), y)
    np.testing.assert_array_equal(found, y)
    np.testing.assert_array_equal(
        indices, im2col.plane_indices(winners, shape, *args)
    )
    np.testing.assert_allclose(
        pooling.avg_pool2d(x, *args), im2col.avg_pool2d_im2col(x, *args),
        atol=1e-6,
    )  # fmt: skip
    np.testing.assert_allclose(
        pooling.avg_pool2d_backward(y, shape, *args),
        im2col.avg_pool2d_im2col_backward(y, shape, *args),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        pooling.max_pool2d_backward(y, indices, shape),
        im2col.scatter_add(y, indices, shape),
        rtol=1e-4,
    )


@settings(max_examples=200)
@given(st.data(), st.tuples(*[st.integers(1, 6)] * 4), ROOMS,
       st.sampled_from(LAYOUTS[:7]))
def test_windows_around_each_cell_are_those_of_im2col(
    data, shape, room, layout
):
    dtype = data.draw(st.sampled_from(FLOATS + INTEGERS))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.integers(0, 9, shape).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(shape) < 0.1] = data.draw(
            st.sampled_from([np.nan, np.inf, -np.inf])
        )
    x = laid_out(x, layout)
    plain = im2col.max_pool2d_im2col(x, 3, 1, 1)[0]
    with in_room(room):
        y = engine.max_pool2d_flat(x, 3, 1, 1)
    np.testing.assert_array_equal(y, plain, strict=True)


def test_pairs_end_where_a_line_does():
    cells = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
    pairs, out = np.empty(16, int), np.empty(12, int)
    engine.three_neighbours(cells, 1, 3, -1, pairs[:13], out)
    assert out.tolist() == [3, 4, 4, 5, 9, 9, 6, 6, 6, 5, 8, 8]
    engine.three_neighbours(cells, 3, 2, -1, pairs[:15], out)
    assert out.tolist() == [3, 5, 9, 3, 5, 9, 3, 6, 8, 3, 6, 8]


def test_only_windows_of_3_around_each_cell_take_their_own_way():
    three = [
        (5, 3, 1, 1), (2, 3, 1, 1), (1, 3, 1, 1), (5, 3, 2, 1),
        (5, 3, 1, (1, 0)), (5, 5, 1, 2),
    ]  # fmt: skip
    found = []
    for size, window, stride, padding in three:
        pads = padding if isinstance(padding, tuple) else (padding, padding)
        rows, _ = pooling_axes((1, 1, size, size), window, stride, [pads] * 2)
        found.append(engine.is_three(rows))
    assert found == [True, True, False, False, False, False]
    x = np.zeros((1, 3, 30, 30), "f4")
    for room, used in (2 * 4 * 900, True), (2 * 4 * 900 - 1, False):
        with in_room(room), mock.patch.object(
            engine, "max_pool2d_threes", wraps=engine.max_pool2d_threes
        ) as threes:
            engine.max_pool2d_flat(x, 3, 1, 1)
            assert threes.called is used


def test_the_short_way_of_small_inputs_gives_the_same():
    for width in (1, engine.SMALL // 8 - 1, engine.SMALL // 8):
        x = np.random.default_rng(width).standard_normal((2, 2, 2, width))
        for window in ((2, 1), (1, 1), (2, 2)):
            if window[1] <= width:
                y = pooling.max_pool2d(x, window, 1)
                plain = im2col.max_pool2d_im2col(x, window, 1)[0]
                np.testing.assert_array_equal(y, plain)


def test_the_first_nan_wins_in_any_tile():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 32, 40, 40))
    x[rng.random(x.shape) < 0.02] = np.nan
    for dtype in ("f8", "f4", "f2"):
        found = pooling.max_pool2d(
            x.astype(dtype), 5, 2, 2, return_indices=True
        )
        y, winners = im2col.max_pool2d_im2col(x.astype(dtype), 5, 2, 2)
        np.testing.assert_array_equal(found[0], y)
        indices = im2col.plane_indices(winners, x.shape, 5, 2, 2)
        np.testing.assert_array_equal(found[1], indices)


# -- numbers ------------------------------------------------------------------


def test_all_halves_sort_as_integers_and_come_back():
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    keys = np.empty(halves.shape, np.int16)
    engine.put_halves(keys, halves)
    numbers = ~np.isnan(halves)
    order = np.argsort(keys[numbers], kind="stable")
    assert (np.diff(halves[numbers][order].astype(float)) >= 0).all()
    assert (np.diff(keys[numbers][order]) > 0).sum() == 2**16 - 2 * 1023 - 2
    assert set(keys[~numbers].tolist()) == {0x7E00}
    back = engine.order_halves(keys).view(np.float16)
    np.testing.assert_array_equal(back, halves)
    native, work, low, _ = engine.max_setup(np.dtype(">f2"))
    assert (native, work, low) == (np.float16, np.int16, -(2**15))
    y = np.array([1.0, 2.0])
    assert engine.in_byte_order(y, np.dtype(">f8")).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("k", [2, 3, 7, 13, 31])
def test_float32_averages_are_as_exact_as_the_lesson_says(k):
    x = np.random.default_rng(k).standard_normal((1, 2, 64, 64), np.float32)
    x += 1000 * (k % 2)
    y = pooling.avg_pool2d(x, k, 1).astype(float)
    exact = oracles_mean(x.astype(float), k)
    size = oracles_mean(abs(x.astype(float)), k)
    adds = 2 * (len(f"{k:b}") + f"{k:b}".count("1") - 2)
    assert (abs(y - exact) <= (adds + 1) * 2.0**-24 * size).all()


def oracles_mean(x, k):
    """Average by a view, in float64."""
    view = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    return view.mean(axis=(-2, -1))


@pytest.mark.parametrize("window, divide", [
    (1, (np.multiply, 1)),
    (2, (np.multiply, 0.25)),
    (3, (np.divide, 9)),
    ((2, 4), (np.multiply, 0.125)),
    ((4, 3), (np.divide, 12)),
])
def test_a_power_of_two_is_divided_by_multiplying(window, divide):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 2, 9, 9), np.float32)
    x[0, 0] *= np.finfo("f4").smallest_normal  # half of these are subnormal
    axes = pooling_axes(x.shape, window, 1)
    every = engine.divisors(*axes, True, x.dtype)(slice(None), slice(None))
    assert every == divide
    cells = np.float32(np.prod(np.broadcast_to(window, 2)))
    sums = im2col.avg_pool2d_im2col(x, window, 1) * cells
    ufunc, count = every
    np.testing.assert_array_equal(ufunc(sums, count), sums / cells)


def test_sums_that_overflow_are_done_again_in_float64():
    top = float(np.finfo("f4").max)
    x = np.full((1, 2, 20, 20), top, "f4")
    x[0, 1] = 1
    y = pooling.avg_pool2d(x, 3, 2)
    assert (y[0, 0] == np.float32(top)).all()
    assert (y[0, 1] == 1).all()
    assert pooling.global_avg_pool2d(x)[0, 0] == np.float32(top)
    dx = pooling.avg_pool2d_backward(x, (1, 2, 22, 22), 3, 1)
    assert dx[0, 0, 5, 5] == np.float32(top) and dx[0, 1, 5, 5] == 1
    axes = pooling_axes(x.shape, 3, 2)
    means, sums = np.empty((2, 9, 9), "f4"), engine.sum_up
    for array, dtypes in (x, "fd"), (x / 9, "f"), (x * np.inf, "f"):
        with mock.patch.object(engine, "sum_up", side_effect=sums) as calls:
            engine.fill_means(means, array, axes, True)
        assert "".join(c.args[-1].char for c in calls.mock_calls) == dtypes


def test_matrices_say_which_window_sees_which_cell():
    for axis in (Axis(13, 13, 1, 6, 6, 1, 13), Axis(5, 3, 2, 2, 0, 2, 2)):
        matrix = engine.window_matrix(axis, np.dtype("f4"))
        places = axis.positions()[..., None]
        sees = (places == np.arange(axis.size)).any(axis=1)
        np.testing.assert_array_equal(matrix, sees.astype("f4"), strict=True)


@pytest.mark.parametrize("size, args, few", [
    (13, (13, 1, 6), True),
    (16, (5, 1, 2), True),
    (64, (64,), True),
    (7, (5, 1, 2), True),
    (6, (5, 1, 2), False),  # too few cells for a product's call
    (65, (65,), False),
    (13, (4, 1, 2), False),  # few passes
    (18, (5, 1, 2), False),  # too many products
    (112, (7,), False),
])
def test_small_planes_are_summed_by_matrices(size, args, few):
    x = np.random.default_rng(0).standard_normal((3, 90, size, size), "f4")
    axes = pooling_axes(x.shape, *args)
    assert engine.few_products(*axes) is few
    matmul, used = np.matmul, []

    def counting(*args, **names):
        used.append(args)
        return matmul(*args, **names)

    with mock.patch.object(np, "matmul", counting):
        y = pooling.avg_pool2d(x, *args)
    assert bool(used) is few
    plain = im2col.avg_pool2d_im2col(x.astype(float), *args)
    size_of = im2col.avg_pool2d_im2col(abs(x).astype(float), *args)
    bound = sum(axis.size for axis in axes) * 2.0**-24
    assert (abs(y - plain) <= bound * size_of).all()


def test_what_spoils_a_product_is_summed_by_doubling():
    x = np.ones((2, 3, 13, 13), "f4")
    top = float(np.finfo("f4").max)
    means = np.empty((6, 13, 13), "f4")
    for value, whole in (1, True), (top, False), (np.inf, False), (
        np.nan, False,
    ):
        x[1, 2, 12, 0] = x[1, 2, 12, 1] = value
        axes, f4 = pooling_axes(x.shape, 13, 1, 6), np.dtype("f4")
        divisor = engine.divisors(*axes, True, f4)
        found = engine.multiply_up(means, x, *axes, divisor, f4)
        assert found is whole
        y = pooling.avg_pool2d(x, 13, 1, 6)
        with np.errstate(over="ignore"):
            plain = im2col.avg_pool2d_im2col(x, 13, 1, 6)
        np.testing.assert_allclose(y, plain, rtol=1e-6)
        assert np.isfinite(y[1, 2, :6]).all()
    high = np.full((1, 2, 13, 13), top, "f4")  # infinite sums, and no NaN
    assert (pooling.avg_pool2d(high, 13) == np.float32(top)).all()


# -- memory -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "u1"])
@pytest.mark.parametrize("shape, args", [
    ((8, 64, 56, 56), (3, 2, 1)),
    ((32, 64, 56, 56), (2,)),
    ((1, 1, 2000, 1500), (7, 1, 3)),
    ((32, 512, 13, 13), (13, 1, 6)),
    ((32, 192, 28, 28), (3, 1, 1)),
])
def test_scratch_memory_does_not_grow_with_the_batch(shape, args, dtype):
    x = np.ones(shape, dtype)
    y, indices = pooling.max_pool2d(x, *args, return_indices=True)
    dout = y.astype("f4")
    for function in (
        lambda: pooling.max_pool2d(x, *args),
        lambda: pooling.max_pool2d(x, *args, return_indices=True),
        lambda: pooling.avg_pool2d(x, *args),
        lambda: pooling.max_pool2d_backward(dout, indices, shape),
        lambda: pooling.avg_pool2d_backward(dout, shape, *args),
        lambda: pooling.max_unpool2d(y, indices, shape),
    ):
        vars(engine.Scratch.own).clear()
        tracemalloc.start()
        result = function()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        arrays = result if isinstance(result, tuple) else (result,)
        assert peak - sum(a.nbytes for a in arrays) < 2.5e6


FAR = 10**6  # a setting that nobody needs; yet it must not explode


@pytest.mark.parametrize("shape, window, stride, padding, names", [
    ((1, 1, 1, 19200), (1, 1921), 1, (0, 960), {}),
    ((1, 1, 19200, 1), (1921, 1), 1, (960, 0), {}),
    ((1, 1, 1, 48000), (1, 4800), None, 0, {}),
    ((1, 1, 48000, 1), (9600, 1), (4800, 1), 0, {}),
    ((1, 1, 1, 48000), (1, 2400), (1, 4801), 0, {"dilation": (1, 3)}),
    ((1, 1, 4, 4), 5000, None, 0, {"ceil_mode": True}),
    ((1, 1, 4, 4), 2**31 - 1, None, 0, {"ceil_mode": True}),
    ((1, 1, 4, 4), 2, 2**31 - 1, 1, {}),
    ((1, 1, 1, 1), FAR + 1, FAR, FAR, {}),
    ((1, 1, 10, 10), 2, FAR, FAR, {"dilation": FAR}),
    ((2, 3, 5, 4), 31, 40, 30, {}),
])  # fmt: skip
def test_setting_up_costs_little_for_any_window(
    shape, window, stride, padding, names
):
    """No table of windows times cells, no plane that is mostly padding."""
    x = np.random.default_rng(0).permutation(np.prod(shape, dtype=int))
    x = x.reshape(shape) + 1.0
    args = window, stride, padding
    rows, columns = pooling_axes(shape, *args, **names)
    geometry.place_windows.cache_clear()
    y, indices = pooling.max_pool2d(x, *args, **names, return_indices=True)
    calls = {
        "maximum": lambda: pooling.max_pool2d(x, *args, **names),
        "average": lambda: pooling.avg_pool2d(
            x, *args, **names, count_include_pad=False
        ),
        "norm": lambda: pooling.lp_pool2d(x, 2, *args, **names),
        "gradient": lambda: pooling.avg_pool2d_backward(
            np.ones(y.shape), shape, *args, **names, count_include_pad=False
        ),
    }  # fmt: skip
    found = {}
    for name, call in calls.items():
        vars(engine.Scratch.own).clear()
        tracemalloc.start()
        found[name] = call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - found[name].nbytes < 2.5e6, name
    gradient = np.zeros(shape)
    expected = {name: np.empty(y.shape) for name in list(found)[:3]}
    lines = [[], []]
    for line, axis in zip(lines, (rows, columns), strict=True):
        for start in axis.starts().tolist():
            far = np.arange(axis.size) - start
            seen = (far >= 0) & (far < axis.reach) & (far % axis.dilation == 0)
            first, last = np.flatnonzero(seen)[[0, -1]].tolist()
            line.append(slice(first, last + 1, axis.dilation))
    for i, j in np.ndindex(y.shape[2:]):
        cells = (..., lines[0][i], lines[1][j])
        cut = x[cells]
        expected["maximum"][..., i, j] = cut.max(axis=(-2, -1))
        expected["average"][..., i, j] = cut.mean(axis=(-2, -1))
        expected["norm"][..., i, j] = np.sqrt((cut**2).sum(axis=(-2, -1)))
        gradient[cells] += 1 / cut[0, 0].size
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)
    np.testing.assert_allclose(found["gradient"], gradient, rtol=1e-9)
    np.testing.assert_array_equal(y, found["maximum"])
    planes = x.reshape(-1, rows.size * columns.size)
    at = np.take_along_axis(planes, indices.reshape(len(planes), -1), 1)
    np.testing.assert_array_equal(at.reshape(y.shape), y)


def test_what_is_remembered_is_small():
    shape = (1, 1, 1, 10**6)
    x = np.zeros(shape, "f4")
    tracemalloc.start()
    for k in range(3, 9):
        pooling.avg_pool2d(x, (1, k), 1, (0, 1), count_include_pad=False)
        pooling.max_pool2d(x, (1, k), 1, (0, 1))
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    vars(engine.Scratch.own).clear()
    assert kept < 2.5e6


def test_any_layout_is_pooled_without_a_copy_of_all_of_it():
    x = np.ones((4, 64, 112, 112), "f4")[..., ::2, ::2]
    last = np.ones((4, 56, 56, 64), "f4").transpose(0, 3, 1, 2)
    for image in (x, last):
        tracemalloc.start()
        y = pooling.max_pool2d(image, 3, 2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - y.nbytes < 2.5e6


# -- the parts of the way back ------------------------------------------------


@settings(max_examples=200)
@given(geometries(), st.data())
def test_every_cell_finds_the_windows_that_see_it(lines, data):
    args, names = arguments(lines)
    shape = (1, 1, lines[0].size, lines[1].size)
    for axis in pooling_axes(shape, *args, **names):
        start = data.draw(st.integers(0, axis.size - 1))
        cells = slice(start, data.draw(st.integers(start + 1, axis.size)))
        windows, some = engine.seen_from(axis, cells)
        seen = axis.positions()
        for cell in range(cells.start, cells.stop):
            sees = np.flatnonzero((seen == cell).any(axis=1))
            assert set(sees) <= set(range(windows.start, windows.stop))
        # Spread ones: how many windows see each cell of the part.
        fan = engine.fan_out(some)
        assert isinstance(fan, engine.Fan)
        flat = np.zeros(fan.lead + fan.pitch)
        flat[fan.lead : fan.lead + some.out] = 1
        vectors = [np.empty(some.stride * flat.size) for _ in range(4)]
        wider, _ = engine.spread(flat, fan, some.stride, vectors)
        first = some.before % some.stride
        found = wider[first : first + some.size]
        expected = [(seen == c).sum() for c in range(axis.size)][cells]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("room", [100, engine.SCRATCH])
def test_an_index_outside_its_plane_is_refused_in_any_chunk(room):
    values = np.ones((3, 4, 5, 5), "f4")
    for dtype, wrong in (("i8", -1), ("i8", 36), ("u8", 2**63), ("i2", -7)):
        indices = np.zeros(values.shape, dtype)
        indices[2, 3, 4, 4] = wrong
        for function in (engine.scatter_add_flat, engine.scatter_assign_flat):
            with (
                in_room(room),
                pytest.raises(
                    ValueError, match=f"0 to 35 for 6 x 6, got {wrong}$"
                ),
            ):
                function(values, indices, (3, 4, 6, 6))
    none = values[:, :, :0]
    x = engine.scatter_assign_flat(none, none.astype(int), (3, 4, 6, 6))
    np.testing.assert_array_equal(x, np.zeros((3, 4, 6, 6)))
    out = np.ones((3, 4, 6, 6))
    with in_room(room):
        for cells, place, value in engine.scatter_chunks(
            values, indices * 0, out
        ):
            np.add.at(cells, place, value)
    expected = np.zeros(out.shape)
    expected[..., 0, 0] = 25
    np.testing.assert_array_equal(out, expected)


def test_global_pooling_reduces_planes():
    x = np.random.default_rng(0).standard_normal((3, 4, 7, 5), np.float32)
    for layout in LAYOUTS[:6]:
        other = laid_out(x, layout)
        np.testing.assert_array_equal(
            pooling.global_max_pool2d(other),
            other.max(axis=(2, 3), keepdims=True),
        )
        np.testing.assert_allclose(
            pooling.global_avg_pool2d(other),
            other.mean(axis=(2, 3), keepdims=True, dtype=float),
            atol=1e-6,
        )
    x[0, 0, 3, 3] = np.nan
    assert np.isnan(pooling.global_max_pool2d(x)[0, 0])
    assert np.isnan(pooling.global_avg_pool2d(x)[0, 0])


def test_pairs_are_read_by_a_narrowing_cast_or_not_at_all():
    x = np.arange(64, dtype="f4").reshape(1, 1, 8, 8)
    rows, columns = pooling_axes(x.shape, 1, 2)
    for pairs in (engine.PAIRS, {}):
        with mock.patch.object(engine, "PAIRS", pairs):
            y = engine.max_pool2d_flat(x, 1, 2)
        np.testing.assert_array_equal(y, x[..., ::2, ::2])
    (tile,) = engine.tiles(x, rows, columns, x.dtype, 0)
    out = np.empty((1, 4, 4), "f4")
    tile.read(*tile.flats, out)
    np.testing.assert_array_equal(out, x[0, :, ::2, ::2])
    # The last pair would reach over the image's end: a plain copy.
    odd = x[..., :7, :7].copy()
    (tile,) = engine.tiles(odd, *pooling_axes(odd.shape, 1, 2), odd.dtype, 0)
    with pytest.raises(ValueError, match="buffer"):
        tile.layout.starts(*tile.flats, 1, np.uint64)
    y = engine.max_pool2d_flat(odd, 1, 2)
    np.testing.assert_array_equal(y, odd[..., ::2, ::2])
