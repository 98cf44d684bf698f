"""Unpooling against its definition, a peer, and everything odd."""

import math
import re

import numpy as np
import oracles
import pytest
from conftest import ROOT
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_pooling import (
    FLOATS,
    INTEGERS,
    LAYOUTS,
    NAN,
    arguments,
    batches,
    geometries,
    image,
    laid_out,
)

import pooling
from pooling.lessons import unpooling as chapter4
from pooling.lessons.strides import pool_images

pytestmark = pytest.mark.filterwarnings("error")


# -- the definition, one Python step per value --------------------------------


def unpooled(y, indices, output_shape):
    """Write each value to its place; later windows write over earlier."""
    x = np.zeros(output_shape, y.dtype)
    W = output_shape[3]
    for place in np.ndindex(y.shape):
        k = int(indices[place])
        x[(*place[:2], k // W, k % W)] = y[place]
    return x


def pooled(x, lines):
    """Pool x with the package; return y, indices and the arguments."""
    args, names = arguments(lines)
    y, indices = pooling.max_pool2d(x, *args, **names, return_indices=True)
    return y, indices, (args, names)


@st.composite
def scattered(draw, dtypes):
    """Draw y, indices that may repeat, and the shape to unpool to."""
    N, C = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    H, W = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    shape = (N, C, draw(st.integers(0, 4)), draw(st.integers(0, 4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y = rng.integers(-9, 9, shape).astype(draw(st.sampled_from(dtypes)))
    return y, rng.integers(0, H * W, shape), (N, C, H, W)


@settings(max_examples=200)
@given(scattered(FLOATS + INTEGERS), st.sampled_from(LAYOUTS))
def test_front_door_is_the_definition(drawn, layout):
    y, indices, shape = drawn
    y, indices = laid_out(y, layout), laid_out(indices, layout)
    kept = y.copy(), indices.copy()
    given_y = y.tolist() if layout == "list" and y.size else y
    x = pooling.max_unpool2d(given_y, indices, shape)
    np.testing.assert_array_equal(x, unpooled(y, indices, shape))
    if given_y is y:
        assert x.dtype == y.dtype
        lesson = chapter4.max_unpool2d_indices(y, indices, shape)
        np.testing.assert_array_equal(lesson, x, strict=True)
    for array, before in zip((y, indices), kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert x.flags.writeable
    assert not np.shares_memory(x, y)


@settings(max_examples=150)
@given(st.data(), geometries())
def test_pool_unpool_pool_is_pool_unless_something_is_negative(data, lines):
    x = data.draw(batches(lines, ["f4", "f8", "u1", "i4"]))
    x = np.maximum(np.where(np.isnan(x), 3, x), 0).astype(x.dtype)
    y, indices, (args, names) = pooled(x, lines)
    up = pooling.max_unpool2d(y, indices, x.shape)
    again = pooling.max_pool2d(up, *args, **names)
    np.testing.assert_array_equal(again, y, strict=True)
    # What went up is where it was; all the rest is 0.
    stayed = up != 0
    np.testing.assert_array_equal(up[stayed], x[stayed])


def test_the_law_fails_for_negative_values():
    x = image([[-1.0, -2.0], [-3.0, -4.0]])
    y, indices = pooling.max_pool2d(x, 2, return_indices=True)
    up = pooling.max_unpool2d(y, indices, x.shape)
    assert y.item() == -1
    assert pooling.max_pool2d(up, 2).item() == 0


def test_the_last_of_several_values_stays():
    y = image([[1.0, 2.0], [3.0, 4.0]])
    indices = image([[5, 5], [0, 5]], int)
    up = pooling.max_unpool2d(y, indices, (1, 1, 2, 3))
    assert up.ravel().tolist() == [3, 0, 0, 0, 0, 4]
    assert "the last value stays" in pooling.max_unpool2d.__doc__
    # Last in the order of the array, however it lies in memory.
    turned = pooling.max_unpool2d(
        np.asfortranarray(y), np.asfortranarray(indices), (1, 1, 2, 3)
    )
    np.testing.assert_array_equal(turned, up)


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf, -0.0])
def test_odd_values_return_to_their_places(value):
    up = pooling.max_unpool2d(image([[value]]), [[[[2]]]], (1, 1, 2, 2))
    np.testing.assert_array_equal(up[0, 0], [[0, 0], [value, 0]])
    assert math.copysign(1, up[0, 0, 1, 0]) == math.copysign(1, value)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_serves_as_indices(dtype):
    indices = np.array([[[[3, 0]]]], dtype)
    up = pooling.max_unpool2d(image([[1.0, 2.0]]), indices, (1, 1, 2, 2))
    assert up.ravel().tolist() == [2, 0, 0, 1]


# -- onnxruntime, a peer ------------------------------------------------------


def onnx_unpool(onnxruntime, y, indices, shape, window, stride):
    """Run one node of MaxUnpool; its indices count in the whole tensor."""
    from onnx import TensorProto, helper

    planes = np.arange(shape[0] * shape[1]).reshape(*shape[:2], 1, 1)
    feeds = {
        "y": y,
        "indices": indices + planes * shape[2] * shape[3],
        "shape": np.array(shape, np.int64),
    }
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in feeds.items()
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    node = helper.make_node(
        "MaxUnpool", list(feeds), ["x"], kernel_shape=window, strides=stride
    )
    model = helper.make_model(
        helper.make_graph([node], "unpool", inputs, [x]),
        opset_imports=[helper.make_opsetid("", 22)],
        ir_version=10,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)[0]


def test_onnxruntime_gives_the_same():
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")

    rng = np.random.default_rng(4)
    for _ in range(150):
        shape = *rng.integers(1, 4, 2), *rng.integers(3, 9, 2)
        shape = tuple(map(int, shape))
        window, stride = rng.integers(1, 4, (2, 2)).tolist()
        x = rng.permutation(math.prod(shape)).reshape(shape)
        x = (x - 20).astype("f4")
        y, indices = pooling.max_pool2d(
            x, window, stride, return_indices=True
        )
        np.testing.assert_array_equal(
            pooling.max_unpool2d(y, indices, shape),
            onnx_unpool(onnxruntime, y, indices, shape, window, stride),
            strict=True,
        )


# -- masks, and images with channels last -------------------------------------


@settings(max_examples=100)
@given(st.data(), geometries())
def test_masks_and_indices_agree_where_nothing_is_tied(data, lines):
    rows, columns = (
        line._replace(before=0, after=0, dilation=1, ceil_mode=False)
        for line in lines
    )
    assume(rows.legal and columns.legal)
    N, C = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x = rng.permutation(N * C * rows.size * columns.size) - 30.0
    x = x.reshape(N, C, rows.size, columns.size)
    y, indices, (args, _) = pooled(x, (rows, columns))
    mask = np.zeros((*y.shape, rows.window, columns.window), bool)
    W = columns.size
    for place in np.ndindex(y.shape):
        row, column = divmod(int(indices[place]), W)
        i, j = place[2:]
        mask[(*place, row - i * rows.stride, column - j * columns.stride)] = 1
    for marks in (mask, mask.astype(int), mask.astype(np.uint8)):
        np.testing.assert_array_equal(
            chapter4.max_unpool2d_mask(y, marks, x.shape, args[1]),
            pooling.max_unpool2d(y, indices, x.shape),
            strict=True,
        )


@pytest.mark.parametrize("f, stride", [(2, 2), (3, 1), (2, 1), (3, 2), (1, 3)])
@pytest.mark.parametrize("shape", [(7, 8), (7, 8, 3), (2, 7, 8, 3)])
def test_images_go_down_and_up(shape, f, stride):
    rng = np.random.default_rng(len(shape))
    images = rng.permutation(math.prod(shape)).reshape(shape) - 50
    small, mask = pool_images(images, f, stride, return_mask=True)
    large = chapter4.unpool_images(small, mask, shape, stride)
    assert large.shape == shape
    assert large.dtype == images.dtype
    # (h, w) -> (1, h, w, 1), (h, w, c) -> (1, h, w, c) -> (N, C, H, W)
    batch = images.reshape((-1, *shape[-3:])[-4:]) if len(shape) > 2 else (
        images[None, ..., None]
    )
    x = np.moveaxis(batch, -1, 1)
    y, indices = pooling.max_pool2d(x, f, stride, return_indices=True)
    want = pooling.max_unpool2d(y, indices, x.shape)
    np.testing.assert_array_equal(
        large, np.moveaxis(want, 1, -1).reshape(shape)
    )


def test_padded_images_go_down_and_up():
    """B10: no maximum is found in the padding."""
    images = -np.arange(1, 10).reshape(3, 3)
    small, mask = pool_images(images, 2, pad=True, return_mask=True)
    large = chapter4.unpool_images(small, mask, (3, 3), 2)
    assert large.tolist() == [[-1, 0, -3], [0, 0, 0], [-7, 0, -9]]


# -- averages -----------------------------------------------------------------


@settings(max_examples=150)
@given(
    st.data(), geometries(), st.booleans(),
    st.sampled_from(["f2", "f4", "f8", ">f4", "g", "i1", "i8", "u1"]),
)  # fmt: skip
def test_average_unpooling_is_the_backward_pass_and_the_adjoint(
    data, lines, counted, dtype
):
    (rows, columns), (args, names) = lines, arguments(lines)
    names["count_include_pad"] = counted
    shape = (
        data.draw(st.integers(0, 3)),
        data.draw(st.integers(0, 3)),
        rows.size,
        columns.size,
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    out = (*shape[:2], len(rows.windows()), len(columns.windows()))
    y = rng.integers(0, 100, out).astype(dtype)
    up = chapter4.avg_unpool2d(y, shape, *args, **names)
    backward = pooling.avg_pool2d_backward(y, shape, *args, **names)
    assert up.shape == shape
    assert up.dtype == backward.dtype
    close = {"rtol": 1e-2 if dtype == "f2" else 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(up, backward, **close)
    want = oracles.avg_pool_backward(y, *lines, counted)
    np.testing.assert_allclose(up, want, **close)
    x = rng.normal(size=shape)
    down = pooling.avg_pool2d(x, *args, **names)
    up = chapter4.avg_unpool2d(y.astype(float), shape, *args, **names)
    assert np.isclose((down * y).sum(), (x * up).sum())
    if not any(line.before or line.after for line in lines):
        assert np.isclose(up.sum(), y.sum(dtype=float))


def test_average_unpooling_in_float16_does_not_stall():
    y = np.ones((1, 1, 65, 65), np.float16)
    up = chapter4.avg_unpool2d(y, (1, 1, 128, 128), 64, stride=1)
    assert up.dtype == np.float16
    assert up[0, 0, 64, 64] == 1


def test_the_adjoint_is_not_the_inverse():
    y = image([[4.0, 8.0], [12.0, 16.0]])
    up = chapter4.avg_unpool2d(y, (1, 1, 4, 4), 2)
    np.testing.assert_array_equal(pooling.avg_pool2d(up, 2), y / 4)


# -- the numbers that this chapter was born from ------------------------------

RANDOM6 = np.random.RandomState(100).randint(0, 20, [6, 6])
NINE = image([[0.0, 0, 0], [0, 9, 0], [0, 0, 0]])
COUNT = image([[1.0, 2], [3, 4]])


def test_3_13_to_3_16_maxima_return_to_their_places():
    want = np.zeros((6, 6))
    places = {(2, 0): 16, (1, 5): 17, (5, 1): 14, (3, 5): 19}
    for place, value in places.items():
        want[place] = value
    small, mask = pool_images(RANDOM6, 3, return_mask=True)
    large = chapter4.unpool_images(small, mask, (6, 6), stride=3)
    np.testing.assert_array_equal(large, want)
    batch = np.stack([RANDOM6, 19 - RANDOM6])[..., None]
    small, mask = pool_images(batch, 3, return_mask=True)
    assert mask.ndim == 6
    large = chapter4.unpool_images(small, mask, batch.shape, stride=3)
    np.testing.assert_array_equal(large[0, ..., 0], want)
    x = RANDOM6[None, None]
    y, indices = pooling.max_pool2d(x, 3, return_indices=True)
    assert indices[0, 0].tolist() == [[12, 11], [31, 23]]
    up = pooling.max_unpool2d(y, indices, x.shape)
    np.testing.assert_array_equal(up[0, 0], want)


def test_3_11_unpooling_is_a_partial_inverse():
    x = RANDOM6[None, None]
    y, indices = pooling.max_pool2d(x, 3, return_indices=True)
    up = pooling.max_unpool2d(y, indices, x.shape)
    assert (up != x).sum() == 32 - (x == 0).sum()
    np.testing.assert_array_equal(pooling.max_pool2d(up, 3), y)


def test_3_12_errors_go_to_the_maxima_or_are_divided():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    _, indices = pooling.max_pool2d(x, 2, return_indices=True)
    up = pooling.max_unpool2d(COUNT, indices, x.shape)[0, 0]
    assert np.argwhere(up).tolist() == [[1, 1], [1, 3], [3, 1], [3, 3]]
    assert up.sum() == 10
    shares = chapter4.avg_unpool2d(COUNT, x.shape, 2)[0, 0]
    assert shares[0].tolist() == [0.25, 0.25, 0.5, 0.5]
    assert shares.sum() == 10


def test_3_18_channels_are_independent():
    rng = np.random.default_rng(318)
    images = rng.permutation(6 * 8 * 3).reshape(6, 8, 3)
    small, mask = pool_images(images, 2, return_mask=True)
    large = chapter4.unpool_images(small, mask, images.shape, 2)
    for c in range(3):
        small, mask = pool_images(images[..., c], 2, return_mask=True)
        alone = chapter4.unpool_images(small, mask, (6, 8), 2)
        np.testing.assert_array_equal(large[..., c], alone)


def test_4_3_reference_answers():
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    y, indices = pooling.max_pool2d(x, 2, 1, return_indices=True)
    up = pooling.max_unpool2d(y, indices, x.shape)
    assert up[0, 0].tolist() == [[0, 0, 0], [0, 5, 6], [0, 8, 9]]


def test_t2_places_in_rectangular_windows():
    x = image([[1, 2, 3, 9], [4, 5, 6, 7]])
    y, indices = pooling.max_pool2d(x, (2, 3), 1, return_indices=True)
    up = pooling.max_unpool2d(y, indices, x.shape)
    assert up[0, 0].tolist() == [[0, 0, 0, 9], [0, 0, 6, 0]]


def test_b5_ties_get_one_gradient():
    x = image(np.tile([[5, 5], [5, 1]], (2, 2)))
    _, indices = pooling.max_pool2d(x, 2, return_indices=True)
    dx = pooling.max_pool2d_backward(COUNT, indices, x.shape)
    assert dx.sum() == 10
    assert pooling.max_unpool2d(COUNT, indices, x.shape).sum() == 10
    # The mask marks all: the lesson shows it as a mistake.
    _, mask = pool_images(x[0, 0], 2, return_mask=True)
    up = chapter4.unpool_images(COUNT[0, 0], mask, (4, 4), 2)
    assert up.sum() == 30


def test_b7_unpooling_assigns_and_the_gradient_adds():
    y, indices = pooling.max_pool2d(NINE, 2, 1, return_indices=True)
    up = pooling.max_unpool2d(y, indices, NINE.shape)
    np.testing.assert_array_equal(up, NINE)
    assert pooling.max_unpool2d(COUNT, indices, NINE.shape).sum() == 4
    dx = pooling.max_pool2d_backward(COUNT, indices, NINE.shape)
    assert dx[0, 0, 1, 1] == dx.sum() == 10


def test_b8_averages_are_divided():
    y = image([[4.0, 8], [12, 16]])
    up = chapter4.avg_unpool2d(y, (1, 1, 4, 4), 2)
    assert up.sum() == 40
    want = np.array([[1, 2], [3, 4]]).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(up[0, 0], want)


def test_b9_averages_with_stride_and_with_partial_windows():
    ones = np.ones((1, 1, 3, 3))
    up = chapter4.avg_unpool2d(ones, (1, 1, 5, 5), 2, ceil_mode=True)
    assert up[0, 0, -1].tolist() == [0.5, 0.5, 0.5, 0.5, 1]
    assert up.sum() == 9
    up = chapter4.avg_unpool2d(ones, (1, 1, 4, 4), 2, stride=1)
    assert up[0, 0, 1].tolist() == [0.5, 1, 1, 0.5]
    assert up.sum() == 9
    left = chapter4.avg_unpool2d(ones[..., :2, :2], (1, 1, 5, 5), 2)
    assert (left[0, 0, -1] == 0).all()  # 3.17: the remainder gets nothing
    assert left.sum() == 4


# -- bad arguments: the exception and its words -------------------------------

Y = np.ones((1, 2, 2, 2))
I = np.zeros((1, 2, 2, 2), int)  # noqa: E741
SHAPE = (1, 2, 4, 5)


@pytest.mark.parametrize(
    "args, error, words",
    [
        ((Y, I - 1, SHAPE), ValueError, "indices .* 0 to 19 .* got -1"),
        ((Y, I + 20, SHAPE), ValueError, "in the plane, .* 4 x 5, got 20"),
        ((Y, I + 0.0, SHAPE), TypeError, "indices must hold integers, got"),
        ((Y, I > 0, SHAPE), TypeError, "indices must hold .* dtype bool"),
        ((Y, I[..., :1], SHAPE), ValueError,
         r"indices must have shape \(1, 2, 2, 2\), got \(1, 2, 2, 1\)"),
        ((Y, I.reshape(2, 1, 2, 2), SHAPE), ValueError,
         r"indices must have shape \(1, 2, 2, 2\), got \(2, 1, 2, 2\)"),
        ((Y[0], I[0], SHAPE), ValueError, "y must have 4 axes"),
        ((Y > 0, I, SHAPE), TypeError, "y must hold floats or integers"),
        ((Y * 1j, I, SHAPE), TypeError, "y must hold .* complex128"),
        (([[["a"]]], I, SHAPE), TypeError, "y must hold"),
        ((np.ma.masked_array(Y), I, SHAPE), TypeError, "mask .* be lost"),
        ((Y, I, (2, 1, 4, 5)), ValueError,
         r"y must have N, C = 2, 1 as output_shape \(2, 1, 4, 5\), got"),
        ((Y, I, (4, 5)), ValueError, r"output_shape .* got \(4, 5\)"),
        ((Y, I, 20), ValueError, "output_shape must be .* got 20"),
        ((Y, I, None), ValueError, "output_shape must be .* got None"),
        ((Y, I, "1245"), ValueError, "output_shape must be .* got '1245'"),
        ((Y, I, {1, 2, 4, 5}), ValueError, "output_shape must be"),
        ((Y, I, (1, 2, 4.0, 5)), TypeError, "output_shape .* got 4.0"),
        ((Y, I, (1, 2, True, 5)), TypeError, "output_shape .* got True"),
        ((Y, I, (1, 2, -4, 5)), ValueError, "output_shape .* got -4"),
        ((Y, I, (1, 2, 4, 2**63)), ValueError, "output_shape .* at most"),
        ((Y, I, (1, 2, 0, 5)), ValueError, "in the plane, .* for 0 x 5"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_with_words(args, error, words):
    with pytest.raises(error, match=words):
        pooling.max_unpool2d(*args)


def test_legal_forms_of_the_shape():
    for shape in ([1, 2, 4, 5], np.array(SHAPE), tuple(map(np.int8, SHAPE))):
        assert pooling.max_unpool2d(Y, I, shape).shape == SHAPE


# -- the numbers in the exercises ---------------------------------------------


def test_numbers_in_the_exercises():
    path = ROOT / "solutions/04_unpooling/04_unpooling.ipynb"
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    names, text, number = {}, {}, ""
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not marks.get("grade"):
            exec(compile(cell.source, "<cell>", "exec"), names)
        elif cell.cell_type == "markdown" and not marks:
            number = cell.source[:15].partition("4.")[2][:1] or number
            text[number] = text.get(number, "") + cell.source

    def said(number, *claims):
        for claim in claims:
            assert claim in text[number], claim

    x = np.arange(1, 17).reshape(4, 4) % 8
    x[1, 2], x[3, 0], x[3, 3] = 8, 9, 11
    y, indices = pooling.max_pool2d(image(x), 3, 1, return_indices=True)
    assert y[0, 0].tolist() == [[8, 8], [9, 11]]
    assert indices[0, 0].tolist() == [[6, 6], [12, 15]]
    said("1", "y = [[8,  8]      indices = [[ 6,  6]", "[12, 15]]")
    up = names["unpool_local"](
        image([[6, 9]]), image([[5, 2]], int), (1, 1, 2, 4), (2, 3), 1
    )
    assert up[0, 0].tolist() == [[0, 0, 0, 9], [0, 0, 6, 0]]
    said("2", "y = [[6, 9]]      winners = [[5, 2]]", "[0, 0, 6, 0]]")
    mask = np.array([[[0, 0], [1, 0]], [[0, 1], [1, 0]]])[None, None, None]
    assert names["mask_to_indices"](mask, 1, 3).tolist() == [[[[3, 2]]]]
    said("3", "result = [[3, 2]]")
    shares = names["avg_unpool_mended"](np.array([[8, 6]]), 2, (2, 3), 2)
    assert shares.tolist() == [[2, 2, 3], [2, 2, 3]]
    said("5", "y = [[8, 6]]      result = [[2, 2, 3]")
    y = COUNT[0, 0]
    x = names["broken_avg_unpool"](y, 2, (4, 4))
    np.testing.assert_array_equal(pool_images(x, 2, method="mean"), y)
    up = names["unpool_with"](
        image([[-1, 0]]), image([[4, 2]], int), (1, 1, 2, 3), -9
    )
    assert up[0, 0].tolist() == [[-9, -9, 0], [-9, -1, -9]]
    said("6", "result = [[-9, -9,  0]\n          [-9, -1, -9]]")
    (block,) = re.findall(r"```\n(x = .*?)```", text["7"], re.S)
    rows = [re.findall(r"\d+", line)[:5] for line in block.split("\n")[:4]]
    x = image(np.array(rows, int))
    assert x.shape == (1, 1, 4, 5)
    once = pooling.max_pool2d(x, 2)
    assert once[0, 0].tolist() == [[60, 80], [90, 45]]
    up, places = names["encoder_decoder"](x, 2)
    assert places.tolist() == [[[[11]]]]
    assert np.argwhere(up[0, 0]).tolist() == [[2, 1]]
    said("7", "pooled once = [[60, 80]", "places = [[11]]", "row 2, column 1")
    (answer,) = (
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id")
        == "assign_or_add"
    )
    printed = notebook.cells[notebook.cells.index(answer) - 1].outputs
    table = "".join(output.text for output in printed)
    rows = [list(map(int, row.split())) for row in table.split("\n")[1:5]]
    assert [row[3] for row in rows[2:]] == [344, 536]
    assert [row[5] for row in rows] == [1, 1, 4, 9]
    assert rows[2][2] == 529
    assert "(344 of 529, 536 of 2116)" in answer.source
    assert 2116 - 536 == 1580
    assert "2116 − 536 = 1580" in answer.source
