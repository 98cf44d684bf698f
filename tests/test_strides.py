"""Windows without a copy: three ways to pool agree, and views are views."""

import numpy as np
import oracles
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from test_checks import HOME, run
from test_pooling import (
    LAYOUTS,
    NAN,
    arguments,
    batches,
    geometries,
    laid_out,
)

import pooling
from pooling import geometry
from pooling.check.strides import contrast_published, pool_published
from pooling.lessons.strides import (
    avg_pool2d_strided,
    checked_window_view,
    from_planes,
    in_image,
    max_index,
    max_mask,
    max_pool2d_strided,
    padded_window_view,
    pool_images,
    to_planes,
    window_view,
)

pytestmark = pytest.mark.filterwarnings("error")

DTYPES = ["f2", "f4", "f8", "g", "i1", "u1", "i2", "u4", "i8", "u8"]


# -- three ways to pool -------------------------------------------------------


@settings(max_examples=1000)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS))
def test_maximum_by_views_is_that_of_the_front_door(data, lines, layout):
    x = laid_out(data.draw(batches(lines, DTYPES)), layout)
    before = x.copy()
    args, names = arguments(lines)
    y = max_pool2d_strided(x, *args, **names)
    expected = pooling.max_pool2d(x, *args, **names)
    np.testing.assert_array_equal(y, expected, strict=True)
    np.testing.assert_array_equal(x, before)
    assert y.flags.writeable
    assert not np.shares_memory(y, x)


@settings(max_examples=1000)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS), st.booleans())
def test_average_by_views_is_that_of_the_front_door(
    data, lines, layout, counted
):
    x = laid_out(data.draw(batches(lines, DTYPES)), layout)
    before = x.copy()
    args, names = arguments(lines)
    names["count_include_pad"] = counted
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN
        y = avg_pool2d_strided(x, *args, **names)
        expected = pooling.avg_pool2d(x, *args, **names)
    eps = float(np.finfo(y.dtype).eps)
    finite = [abs(float(v)) for v in x[np.isfinite(x)].flat]
    np.testing.assert_allclose(  # they add in another order
        y.astype(float),
        expected.astype(float),
        rtol=max(eps, 1e-15),
        atol=1e-15 * max(finite, default=0),
    )
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(x, before)


@settings(max_examples=300)
@given(st.data(), geometries())
def test_maximum_is_that_of_the_definition(data, lines):
    x = data.draw(batches(lines, DTYPES))
    args, names = arguments(lines)
    expected, _ = oracles.max_pool(x, *lines)
    y = max_pool2d_strided(x, *args, **names)
    np.testing.assert_array_equal(y, expected, strict=True)


@settings(max_examples=200)
@given(geometries(legal=False))
def test_exactly_the_legal_geometries_are_accepted(lines):
    args, names = arguments(lines)
    x = np.ones((1, 1, lines[0].size, lines[1].size))
    for pool in (max_pool2d_strided, avg_pool2d_strided):
        if all(line.legal for line in lines):
            sizes = tuple(len(line.windows()) for line in lines)
            assert pool(x, *args, **names).shape[2:] == sizes
        else:
            with pytest.raises(ValueError, match=r"axis [HW]: (pad|win)"):
                pool(x, *args, **names)


# -- views --------------------------------------------------------------------


def cells_of(x, rows, columns):
    """Copy the cells of all windows one by one: (..., OH, OW, PH, PW)."""
    return np.stack(
        [np.stack([x[..., r, :][..., :, k] for k in columns.windows()], -3)
         for r in rows.windows()], -4,
    )  # fmt: skip


@settings(max_examples=500)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS))
def test_views_hold_the_cells_of_each_window(data, lines, layout):
    lines = [line._replace(before=0, after=0, ceil_mode=False)
             for line in lines]  # fmt: skip
    assume(all(line.legal for line in lines))
    x = laid_out(data.draw(batches(lines, ["f4", "i2", "u1", "g"])), layout)
    x = data.draw(st.sampled_from([x, *x[:1], *(p for n in x for p in n)]))
    (window, stride, _), names = arguments(lines)
    steps = (window, stride, names["dilation"])
    view, checked = window_view(x, *steps), checked_window_view(x, *steps)
    assert view.strides == checked.strides
    assert view.dtype == checked.dtype == x.dtype
    np.testing.assert_array_equal(view, checked, strict=True)
    np.testing.assert_array_equal(view, cells_of(x, *lines), strict=True)
    for some in (view, checked):
        assert some.shape[:-4] == x.shape[:-2]
        assert np.may_share_memory(some, x) or not x.size
        assert not some.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            some[...] = 0


def test_the_window_is_the_stride_if_none_is_given():
    x = np.arange(60).reshape(3, 4, 5)
    for make in (window_view, checked_window_view):
        view = make(x, (2, 3))
        assert view.shape == (3, 2, 1, 2, 3)
        assert view.strides == (160, 80, 24, 40, 8)


@pytest.mark.parametrize("make", [window_view, checked_window_view])
@pytest.mark.parametrize(
    "window, stride, dilation",
    [(4, 1, 1), ((2, 6), 1, 1), (2, 1, 3), (0, 1, 1), (2, 0, 1), (2, 1, 0)],
)
def test_views_stay_inside_the_image(make, window, stride, dilation):
    with pytest.raises(ValueError, match=r"window|stride|dilation"):
        make(np.zeros((3, 5)), window, stride, dilation)


@pytest.mark.parametrize("window", [True, 2.0, "2"])
def test_views_need_whole_numbers(window):
    for make in (window_view, checked_window_view):
        with pytest.raises(TypeError, match="window must be a whole number"):
            make(np.zeros((3, 5)), window)


@settings(max_examples=200)
@given(st.data(), geometries())
def test_only_a_padded_image_is_copied(data, lines):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.normal(size=(2, 3, lines[0].size, lines[1].size))
    args, names = arguments(lines)
    rows, columns = geometry.pooling_axes(x.shape, *args, **names)
    view = padded_window_view(x, rows, columns, -7)
    needed = [a.before + a.after + a.overhang for a in (rows, columns)]
    assert np.shares_memory(view, x) == (not any(needed))
    assert view.shape[2:] == (
        rows.out, columns.out, rows.window, columns.window
    )  # fmt: skip
    far = 99  # the cells around the image, and more
    framed = np.pad(x, ((0, 0), (0, 0), (far, far), (far, far)),
                    constant_values=-7)  # fmt: skip
    r = rows.positions()[:, None, :, None] + far
    c = columns.positions()[None, :, None, :] + far
    np.testing.assert_array_equal(view, framed[:, :, r, c])
    # A normal number is never -7.
    np.testing.assert_array_equal(in_image(rows, columns), view[0, 0] != -7)


# -- where the maxima are -----------------------------------------------------


@settings(max_examples=300)
@given(st.data(), geometries(), st.sampled_from(LAYOUTS))
def test_mask_marks_all_maxima_and_index_the_first(data, lines, layout):
    lines = [line._replace(before=0, after=0, ceil_mode=False)
             for line in lines]  # fmt: skip
    assume(all(line.legal for line in lines))
    x = laid_out(data.draw(batches(lines, DTYPES)), layout)
    (window, stride, padding), names = arguments(lines)
    view = window_view(x, window, stride, names["dilation"])
    mask, index = max_mask(view), max_index(view)
    assert (mask.shape, mask.dtype) == (view.shape, bool)
    assert (index.shape, index.dtype) == (view.shape[:4], np.int64)
    for place in np.ndindex(index.shape):
        cells = view[place].ravel().tolist()
        nans = [oracles.is_nan(cell) for cell in cells]
        marks = nans if any(nans) else [c == max(cells) for c in cells]
        assert mask[place].ravel().tolist() == marks
        assert index[place] == marks.index(True)
    _, indices = pooling.max_pool2d(
        x, window, stride, padding, dilation=names["dilation"],
        return_indices=True,
    )  # fmt: skip
    a, b = np.divmod(index, window[1])
    i, j = np.indices(index.shape[2:])
    r = i * lines[0].stride + a * lines[0].dilation
    c = j * lines[1].stride + b * lines[1].dilation
    np.testing.assert_array_equal(r * lines[1].size + c, indices)


# -- images with channels last ------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(4, 5), (4, 5, 3), (2, 4, 5, 3), (0, 4, 5, 3)]
)
def test_planes_are_views_and_come_back(shape):
    images = np.arange(np.prod(shape)).reshape(shape)
    planes = to_planes(images, images.ndim)
    assert planes.ndim == 4
    assert planes.shape[2:] == (4, 5)
    assert np.shares_memory(planes, images) or not images.size
    again = from_planes(planes, images.ndim)
    np.testing.assert_array_equal(again, images, strict=True)
    assert np.shares_memory(again, images) or not images.size


@pytest.mark.parametrize("shape", [(), (4,), (1, 2, 3, 4, 5)])
def test_other_shapes_are_no_images(shape):
    with pytest.raises(ValueError, match="images must be"):
        pool_images(np.zeros(shape), 2)


@st.composite
def poolings_of_images(draw):
    """Draw images with channels last, and what pool_images takes."""
    f = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    f = draw(st.sampled_from([f, f[:1] * 2]))
    stride = draw(st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pad = draw(st.booleans())
    lines = tuple(
        oracles.Line(draw(st.integers(1, 8)), size, step, 0, 0, 1, pad)
        for size, step in zip(f, stride or f, strict=True)
    )
    h, w = (line.size for line in lines)
    shape = draw(st.sampled_from(
        [(h, w), (h, w, 1), (h, w, 3), (1, h, w, 2), (2, h, w, 1),
         (0, h, w, 2)]
    ))  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    images = rng.integers(-9, 3, shape)
    if draw(st.booleans()):
        images = np.where(images == 2, NAN, images / 4)
    if draw(st.booleans()):
        images = np.asfortranarray(images)[::-1]
    return images, f[0] if f[0] == f[1] else f, stride, pad, lines


def batched(images):
    """Copy images to (m, h, w, c)."""
    many = images if images.ndim == 4 else images[None]
    return many if images.ndim > 2 else many[..., None]


@settings(max_examples=1000)
@given(poolings_of_images())
def test_images_are_pooled_as_the_definition_says(drawn):
    images, f, stride, pad, lines = drawn
    if not all(line.legal for line in lines):
        for method in ("max", "mean"):
            with pytest.raises(ValueError, match=r"axis [HW]: window must"):
                pool_images(images, f, stride, method, pad)
        return
    sizes = tuple(len(line.windows()) for line in lines)
    rows, columns = lines
    m, c = images.shape[:-3], images.shape[2:][-1:]  # where there are any
    shape = (*m, *sizes, *c)
    top = pool_images(images, f, stride, pad=pad)
    again, mask = pool_images(images, f, stride, pad=pad, return_mask=True)
    mean = pool_images(images, f, stride, "mean", pad)
    np.testing.assert_array_equal(top, again, strict=True)
    assert top.shape == mean.shape == shape
    assert top.dtype == images.dtype
    assert mean.dtype == float
    assert mask.dtype == bool
    cell = (rows.window, columns.window)
    assert mask.shape == (*m, *sizes, *cell, *c)
    mask = mask.reshape(*(m or [1]), *sizes, *cell, *(c or [1]))
    top, mean, many = batched(top), batched(mean), batched(images)
    for n, k in np.ndindex(many.shape[0], many.shape[3]):
        plane = many[n, :, :, k].tolist()
        expected, _ = oracles.max_plane(plane, *lines)
        np.testing.assert_array_equal(top[n, :, :, k].ravel(), expected)
        expected = [
            oracles.exact_sum([plane[i][j] for i, j in cells]) / count
            for cells, count in oracles.shares(*lines, False)
        ]
        np.testing.assert_allclose(mean[n, :, :, k].ravel(), expected)
    for place in np.ndindex(*sizes):
        i, j = (line.windows()[p] for line, p in
                zip(lines, place, strict=True))  # fmt: skip
        for a, b in np.ndindex(*cell):
            marks = mask[:, *place, a, b]
            if rows.in_image(i[a]) and columns.in_image(j[b]):
                here, best = many[:, i[a], j[b]], top[:, *place]
                winner = (here == best) | (np.isnan(here) & np.isnan(best))
                np.testing.assert_array_equal(marks, winner)
            else:
                assert not marks.any(), "a padded cell never wins"


@pytest.mark.parametrize(
    "low", [np.uint8(0), np.int8(-128), np.float64(-np.inf)]
)
def test_padding_is_not_marked_even_where_the_image_is_as_low(low):
    images = np.full((3, 3), low)
    pooled, mask = pool_images(images, 2, pad=True, return_mask=True)
    assert (pooled == low).all()
    inside = [[[[1, 1], [1, 1]], [[1, 0], [1, 0]]],
              [[[1, 1], [0, 0]], [[1, 0], [0, 0]]]]  # fmt: skip
    np.testing.assert_array_equal(mask, inside)


# -- the numbers of the article behind the lesson -----------------------------

SIX = np.random.RandomState(100).randint(0, 20, [6, 6])
NINE = np.arange(1.0, 10).reshape(3, 3)
SIXTEEN = np.arange(1, 17).reshape(4, 4)
FRACTIONS = np.array([[0.9, 0.2, 0.6], [0.1, 1.7, 0.3], [0.4, 0.5, -0.8]])
CUBE = np.random.RandomState(3).permutation(336).reshape(2, 7, 8, 3) - 150


def pooled_with_mask(images, f, **names):
    return pool_images(images, f, return_mask=True, **names)


def marked(i, j):
    """List the cells that the mask of the 6 x 6 example marks."""
    return np.argwhere(pooled_with_mask(SIX, 3)[1][i, j])


def filtered(take, size):
    """Apply `take` to the window around or after each cell of SIX."""
    return [[take(SIX[i : i + size, j : j + size]) for j in range(7 - size)]
            for i in range(7 - size)]  # fmt: skip


def with_channels_last(images, f, stride):
    """View all windows as the article orders them: (m, ho, wo, f, f, c)."""
    return from_planes(window_view(to_planes(images, 4), f, stride), 4)


def convolved():
    """Convolve by a sum and a product over the view, and by plain loops."""
    weights = np.random.default_rng(4).normal(size=(3, 3, 3, 5))
    view = with_channels_last(CUBE, 3, 2)
    loops = np.zeros((*view.shape[:3], 5))
    for m, i, j, z in np.ndindex(loops.shape):
        cut = CUBE[m, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        loops[m, i, j, z] = (cut * weights[..., z]).sum()
    by_dot = np.tensordot(view, weights, axes=([3, 4, 5], [0, 1, 2]))
    return np.einsum("myxfgc,fgcz->myxz", view, weights), by_dot, loops


def refused(*args, **names):
    """Return the error that pool_images raises."""
    with pytest.raises(ValueError) as error:
        pool_images(*args, **names)
    return str(error.value)


def size_with_pad(n, f, s):
    return pool_images(np.zeros((n, n)), f, s, pad=True).shape


def bytes_of_places():
    view = window_view(np.zeros((64, 64)), 3, 1)
    mask = max_mask(view)
    return mask.astype(np.int64).nbytes, mask.nbytes, max_index(view).nbytes


ROWS = {
    # What the article says and prints.
    "3.1 maximum pooling of stride 1 is a maximum filter": (
        lambda: pool_images(SIX, 3, 1), filtered(np.max, 3)),
    "3.1 read at every third cell it has stride 3": (
        lambda: pool_images(SIX, 3, 1)[::3, ::3], pool_images(SIX, 3, 3)),
    "3.1 average pooling of stride 1 is a moving average": (
        lambda: pool_images(SIX, 3, 1, "mean"), filtered(np.mean, 3)),
    "3.2 the size is floor((h - f) / s) + 1, channels stay": (
        lambda: pool_images(CUBE[0], 3, 2).shape,
        ((7 - 3) // 2 + 1, (8 - 3) // 2 + 1, 3)),
    "3.3 channels are pooled one by one": (
        lambda: pool_images(CUBE[0], 3, 2),
        np.stack([pool_images(CUBE[0, :, :, c], 3, 2) for c in range(3)],
                 axis=-1)),
    "3.4 without a stride it is the window": (
        lambda: pool_images(SIX, 3), pool_images(SIX, 3, 3)),
    "3.4 a single image and one with channels": (
        lambda: pool_images(SIX[:, :, None], 3)[..., 0], [[16, 17], [14, 19]]),
    "3.4 the mean": (
        lambda: pool_images(SIX, 3, method="mean") * 9,
        [[59, 110], [51, 99]]),
    "3.5 the view of a single image has four axes": (
        lambda: window_view(SIX, 3, 1).shape, (4, 4, 3, 3)),
    "3.5 the view is read-only": (
        lambda: window_view(SIX, 3, 1).flags.writeable, False),
    "3.6 the mask has the windows' shape, channels last": (
        lambda: pooled_with_mask(CUBE[0], 3)[1].shape, (2, 2, 3, 3, 3)),
    "3.6 each mark is at a maximum, and ties are all marked": (
        lambda: pooled_with_mask(np.array([[5, 5], [5, 1]]), 2)[1],
        [[[[1, 1], [1, 0]]]]),
    "3.7 the image": (
        lambda: SIX,
        [[8, 3, 7, 15, 16, 10], [2, 2, 2, 14, 2, 17], [16, 15, 4, 11, 16, 9],
         [2, 12, 4, 1, 13, 19], [4, 4, 3, 7, 17, 15], [1, 14, 7, 16, 2, 9]]),
    "3.7 its maxima": (lambda: pool_images(SIX, 3), [[16, 17], [14, 19]]),
    "3.7 the shape of their mask": (
        lambda: pooled_with_mask(SIX, 3)[1].shape, (2, 2, 3, 3)),
    "3.7 the mark of the first window": (lambda: marked(0, 0), [[2, 0]]),
    "3.7 the mark of the second window": (lambda: marked(0, 1), [[1, 2]]),
    "3.7 the mark of the third window": (lambda: marked(1, 0), [[2, 1]]),
    "3.7 the mark of the fourth window": (lambda: marked(1, 1), [[0, 2]]),
    "3.8 a batch is its images, one by one": (
        lambda: pool_images(CUBE, 3, 2),
        np.stack([pool_images(one, 3, 2) for one in CUBE])),
    "3.8 the mask of a batch": (
        lambda: pooled_with_mask(CUBE, 3, stride=2)[1],
        np.stack([pooled_with_mask(one, 3, stride=2)[1] for one in CUBE])),
    "3.9 the view of a batch, channels last": (
        lambda: with_channels_last(CUBE, 3, 2).shape, (2, 3, 3, 3, 3, 3)),
    "3.9 the view of a batch copies nothing": (
        lambda: np.shares_memory(with_channels_last(CUBE, 3, 2), CUBE), True),
    "3.10 a convolution is an Einstein sum over the view": (
        lambda: convolved()[0].round(9), convolved()[2].round(9)),
    "3.10 and a tensor product": (
        lambda: convolved()[1].round(9), convolved()[2].round(9)),

    # What its functions get wrong.
    "B1 padding does not win over negative numbers": (
        lambda: pool_images(-NINE, 2, pad=True), [[-1, -3], [-7, -9]]),
    "B1 padding does not pull the mean": (
        lambda: pool_images(-NINE, 2, None, "mean", True),
        [[-3, -4.5], [-7.5, -9]]),
    "B1 the published one lets it": (
        lambda: pool_published(-NINE, 2, pad=True), [[-1, 0], [0, 0]]),
    "B1 the published mean is pulled": (
        lambda: pool_published(-NINE, 2, None, True, "mean"),
        [[-3, -2.25], [-3.75, -2.25]]),
    "B2 fractions survive padding": (
        lambda: pool_images(FRACTIONS, 2, pad=True),
        [[1.7, 0.6], [0.5, -0.8]]),
    "B2 in the published one they do not": (
        lambda: pool_published(FRACTIONS, 2, pad=True), [[1, 0], [0, 0]]),
    "B3 a size that divides gets no padding": (
        lambda: pool_images(SIXTEEN, 2, pad=True), [[6, 8], [14, 16]]),
    "B3 in the published one it does": (
        lambda: pool_published(SIXTEEN, 2, pad=True),
        [[6, 8, 0], [14, 16, 0], [0, 0, 0]]),
    "B3 sizes with padding are rounded up": (
        lambda: [size_with_pad(*of) for of in
                 ((5, 3, 2), (10, 3, 2), (6, 3, 3), (7, 3, 3))],
        [(2, 2), (5, 5), (2, 2), (3, 3)]),
    "B4 a stride larger than the window, with padding": (
        lambda: size_with_pad(8, 1, 3), (3, 3)),
    "B6 a single window stays an image": (
        lambda: pool_images(NINE, 3), [[9]]),
    "B6 a single row of windows stays a row": (
        lambda: pool_images(np.zeros((3, 6)), 3).shape, (1, 2)),
    "B6 a single channel stays a channel": (
        lambda: pool_images(np.zeros((6, 6, 1)), 3).shape, (2, 2, 1)),
    "B6 masks keep their axes": (
        lambda: [pooled_with_mask(np.zeros(shape), 3)[1].shape
                 == (*pooled, 3, 3, *shape[2:]) for shape, pooled in
                 (((3, 3), (1, 1)), ((3, 6), (1, 2)), ((6, 6, 1), (2, 2)))],
        [True] * 3),
    "B6 the published contrast drops them": (
        lambda: [contrast_published(np.zeros(shape), 3).ndim for shape in
                 ((3, 3), (3, 6), (6, 6, 1))], [0, 1, 2]),
    "B11 a window larger than the image": (
        lambda: [refused(np.zeros((n, n)), 3, s)[:27] for n, s in
                 ((2, None), (1, 1))], ["axis H: window must fit in "] * 2),
    "B12 an unknown method": (
        lambda: refused(NINE, 2, method="Max"),
        "method must be 'max' or 'mean', got 'Max'"),
    "B13 a mean has no place": (
        lambda: refused(NINE, 2, method="mean", return_mask=True)[:27],
        "return_mask needs method 'm"),
    "B14 a NaN is passed on": (
        lambda: pool_images(np.array([[NAN, 1], [2, 3]]), 2), [[NAN]]),
    "B14 the mean of a NaN": (
        lambda: pool_images(np.array([[NAN, 1], [2, 3]]), 2, method="mean"),
        [[NAN]]),
    "B14 a NaN has a place": (
        lambda: pooled_with_mask(np.array([[NAN, 1], [2, 3]]), 2)[1],
        [[[[1, 0], [0, 0]]]]),
    "B14 a window of nothing but NaN has places": (
        lambda: pooled_with_mask(np.full((2, 2), NAN), 2)[1],
        np.ones((1, 1, 2, 2))),
    "B15 the memory of masks and of indices": (
        bytes_of_places, (276_768, 34_596, 30_752)),
}  # fmt: skip


@pytest.mark.parametrize("compute, expected", ROWS.values(), ids=ROWS)
def test_row(compute, expected):
    np.testing.assert_array_equal(compute(), expected)


def test_published_one_cannot_skip_cells():
    with pytest.raises(ValueError, match="could not broadcast"):
        pool_published(np.zeros((8, 8)), 1, 3, pad=True)


# -- the numbers in the exercises ---------------------------------------------


@pytest.fixture(scope="module")
def references():
    """Return the reference solutions of the chapter."""
    names = {"np": np, "as_strided": as_strided, "window_view": window_view,
             "pooling": pooling, "pair": geometry.pair}  # fmt: skip
    for exercise in HOME.values():
        if exercise.chapter == "03_strides":
            for cell in exercise.functions.values():
                run(cell.source, names)
    return names


def text(name):
    return " ".join(HOME[name].text.split())


def test_numbers_in_the_exercises(references):
    a = np.arange(24, dtype=np.int16).reshape(4, 6)
    assert f"`np.array({list(a.strides)})`" in text("where_in_memory")
    assert f"`a[1, 3]` starts at byte {2 * a[1, 3]}" in text("where_in_memory")
    six = references["window_strides"](
        (2, 3, 4, 5), 4, (2, 3), (1, 2), (1, 1)
    )
    assert f"| {' | '.join(map(str, six))} |" in text("window_strides")
    view, _ = references["diagonal_windows"](NINE.astype(int), 2)
    assert view.tolist() == [[[1, 5], [2, 6]], [[4, 8], [5, 9]]]
    along = references["windows_along"]
    row = np.array([3, 1, 4, 1, 5, 9])
    assert along(row, 0, 3, 2).tolist() == [[3, 1, 4], [4, 1, 5]]
    shape = along(np.zeros((4, 6, 5)), 1, 3, 2).shape
    assert f"the shape is {shape}" in text("windows_along")
    twice = along(along(SIX, 0, 3, 2), 1, 2, 1)
    assert np.array_equal(twice, window_view(SIX, (3, 2), (2, 1)))
    assert pool_published(NINE, 2, pad=True).tolist() == [[5, 6], [8, 9]]
    mended = references["pool_mended"]
    assert mended(-NINE, 2, 2, True, "max").tolist() == [[-1, -3], [-7, -9]]
    means = [[-3, -4.5], [-7.5, -9]]
    assert mended(-NINE, 2, 2, True, "mean").tolist() == means
    for shape in ((9, 12), (9, 12, 2)):
        right = contrast_published(np.zeros(shape), 3).shape
        assert f"| {shape} | 3 | {right} |" in text("lost_axis")
    images = np.array([[1, 5, 2], [4, 9, 6], [3, 8, 7]])
    for f in (3, 2):
        assert references["contrast_mended"](images, f).tolist() == [[8]]
    three = references["mask_bytes"](1, 1, 64, 64, 3, 1)
    shown = " | ".join(f"{number:,}" for number in three)
    assert f"| {shown} |" in text("mask_bytes")


def test_sliding_windows_are_enough_for_the_exercises():
    """Nobody needs as_strided: the safe function makes the same views."""
    x = np.arange(20).reshape(4, 5)
    square = sliding_window_view(x, (3, 3))
    diagonals = np.diagonal(square, axis1=2, axis2=3)
    assert diagonals.strides == (*x.strides, sum(x.strides))
