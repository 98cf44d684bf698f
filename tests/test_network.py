"""A network in numpy: right gradients, real training, true sentences."""

import re

import nbformat
import numpy as np
import pytest
from sklearn.datasets import load_digits
from test_one_home import BOOK, stored_text

import pooling
from pooling.lessons.im2col import MaxPool, im2col, numerical_gradient
from pooling.lessons.network import (
    SGD,
    AvgPool2D,
    Blur2D,
    Conv2D,
    Dense,
    Network,
    ReLU,
    Stride2D,
    accuracy,
    cross_entropy,
    digit_network,
    gradient_errors,
    join_channels,
    occlusion_map,
    progress,
    shift_accuracy,
    shift_images,
    softmax,
    split_channels,
    train,
)

pytestmark = pytest.mark.filterwarnings("error")

POOLINGS = {
    "max": lambda: MaxPool(2),
    "average": lambda: AvgPool2D(2),
    "stride only": Stride2D,
    "blur": Blur2D,
    "max, blur": lambda: Network(MaxPool(2, stride=1), Blur2D()),
}


def rng():
    return np.random.default_rng(0)


def spaced(shape):
    """Return numbers far from each other and from 0, in random order."""
    size = np.prod(shape)
    return (rng().permutation(size).reshape(shape) - size / 2 + 0.25) / 10


@pytest.fixture(scope="module")
def digits():
    """Return the lesson's images: training and test, with labels."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    x = np.zeros((1797, 1, 12, 12))
    x[:, 0, 2:10, 2:10] = data.images[order] / 16
    labels = data.target[order]
    return x[:1297], labels[:1297], x[1297:], labels[1297:]


# -- layers -------------------------------------------------------------------


@pytest.mark.parametrize("C", [1, 2, 3])
def test_channels_join_and_split(C):
    x = spaced((2, C, 5, 6))
    cols = im2col(x, (3, 2), (2, 1))
    joined = join_channels(cols, 2, C)
    N, OH, OW = 2, 2, 5
    assert joined.shape == (N, C * 6, OH * OW)
    for n, i, j in np.ndindex(N, OH, OW):
        window = x[n, :, 2 * i : 2 * i + 3, j : j + 2]
        np.testing.assert_array_equal(
            joined[n, :, i * OW + j], window.ravel()
        )
    np.testing.assert_array_equal(split_channels(joined, C), cols)


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_convolution_is_what_loops_say(padding):
    x = spaced((2, 3, 5, 7))
    layer = Conv2D(3, 4, (2, 3), padding, rng())
    layer.params["bias"] = np.array([1.0, -2, 3, -4])
    y = layer.forward(x)
    padded = np.pad(x, ((0, 0), (0, 0), *((padding, padding),) * 2))
    OH, OW = padded.shape[2] - 1, padded.shape[3] - 2
    assert y.shape == (2, 4, OH, OW)
    for n, f, i, j in np.ndindex(y.shape):
        window = padded[n, :, i : i + 2, j : j + 3]
        expected = (window * layer.params["weights"][f]).sum()
        expected += layer.params["bias"][f]
        assert np.isclose(y[n, f, i, j], expected)


@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(3, 4, (2, 3), 1, rng()),
        Conv2D(3, 2, 3, 2, rng()),
        ReLU(),
        Dense(3 * 6 * 8, 5, rng()),
        *(pool() for pool in POOLINGS.values()),
        AvgPool2D((3, 2), (1, 2), 1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_gradient_by_the_input_is_what_is_measured(layer):
    x = spaced((2, 3, 6, 8))
    before = x.copy()
    y = layer.forward(x)
    dout = rng().normal(size=y.shape)
    dout_before = dout.copy()
    dx = layer.backward(dout)
    measured = numerical_gradient(layer.forward, x, dout)
    np.testing.assert_allclose(dx, measured, atol=1e-6, strict=True)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dout, dout_before)


@pytest.mark.parametrize("size", [(7, 8), (8, 7), (7, 7), (1, 2)])
@pytest.mark.parametrize("kind", ["stride only", "blur"])
def test_halving_takes_odd_sizes(kind, size):
    layer = POOLINGS[kind]()
    x = spaced((2, 3, *size))
    y = layer.forward(x)
    assert y.shape == (2, 3, (size[0] + 1) // 2, (size[1] + 1) // 2)
    dout = rng().normal(size=y.shape)
    measured = numerical_gradient(layer.forward, x, dout)
    np.testing.assert_allclose(layer.backward(dout), measured, atol=1e-6)


def test_every_pooling_halves():
    for pool in POOLINGS.values():
        assert pool().forward(spaced((2, 3, 6, 12))).shape == (2, 3, 3, 6)


def test_blur_is_two_means_of_two():
    x = spaced((2, 3, 8, 6))
    twice = Network(AvgPool2D(2, 1, 1), AvgPool2D(2))
    np.testing.assert_allclose(
        Blur2D().forward(x), twice.forward(x), atol=1e-12
    )


def test_stride_only_after_a_convolution_is_a_convolution_with_stride():
    x = spaced((2, 1, 6, 8))
    layer = Conv2D(1, 1, 3, 1, rng())
    cols = im2col(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), 3, stride=2)
    strided = layer.params["weights"].ravel() @ cols
    y = Stride2D().forward(layer.forward(x))
    expected = strided.reshape(3, 4, 2, 1).transpose(2, 3, 0, 1)
    np.testing.assert_allclose(y, expected)


def test_relu_and_dense_by_hand():
    relu = ReLU()
    y = relu.forward(np.array([-1.0, 0, 2, np.nan]))
    np.testing.assert_array_equal(y, [0, 0, 2, np.nan])
    assert not np.signbit(y).any()
    np.testing.assert_array_equal(relu.backward(np.ones(4)), [0, 0, 1, 0])
    dense = Dense(4, 2, rng())
    dense.params["weights"] = np.arange(8.0).reshape(4, 2)
    dense.params["bias"] = np.array([10.0, 20])
    x = np.array([1.0, 0, 0, 2]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(dense.forward(x), [[22, 35]])


def test_softmax_and_loss():
    scores = np.array([[1.0, 2, 4], [1000, 1000, -1000]])
    p = softmax(scores)
    powers = np.exp([1, 2, 4])
    np.testing.assert_allclose(p[0], powers / powers.sum())
    np.testing.assert_allclose(p[1], [0.5, 0.5, 0])
    labels = np.array([1, 0])
    loss, dscores = cross_entropy(scores, labels)
    np.testing.assert_allclose(loss, -np.log(p[[0, 1], labels]).mean())
    measured = numerical_gradient(
        lambda s: cross_entropy(s, labels)[0], scores, 1.0
    )
    np.testing.assert_allclose(dscores, measured, atol=1e-6)
    np.testing.assert_allclose(dscores.sum(axis=1), 0, atol=1e-15)


# -- the network --------------------------------------------------------------


def away_from_kinks(pool):
    """Return a small network, noisy images and labels."""
    network = digit_network(pool, size=8, filters=(2, 3))
    for layer in network.learners():
        layer.params["bias"] += rng().normal(size=layer.params["bias"].shape)
    return network, rng().normal(size=(3, 1, 8, 8)), np.array([3, 0, 9])


@pytest.mark.parametrize("kind", POOLINGS)
def test_whole_network_has_the_gradients_that_are_measured(kind):
    errors = gradient_errors(*away_from_kinks(POOLINGS[kind]))
    assert list(errors) == [
        "1 Conv2D weights", "1 Conv2D bias", "2 Conv2D weights",
        "2 Conv2D bias", "3 Dense weights", "3 Dense bias",
    ]  # fmt: skip
    assert max(errors.values()) < 1e-7


def test_gradient_check_leaves_the_network_as_it_was():
    network, x, labels = away_from_kinks(POOLINGS["max"])
    scores = network.forward(x)
    params = [p for layer in network.learners() for p in layer.params.values()]
    gradient_errors(network, x, labels)
    np.testing.assert_array_equal(network.forward(x), scores)
    after = [p for layer in network.learners() for p in layer.params.values()]
    assert all(a is b for a, b in zip(params, after, strict=True))


@pytest.mark.parametrize("name", ["weights", "bias"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_gradient_check_finds_each_wrong_gradient(number, name):
    network, x, labels = away_from_kinks(POOLINGS["max"])
    layer = network.learners()[number]
    right = layer.backward

    def wrong(dout):
        dx = right(dout)
        layer.grads[name] = layer.grads[name] * 1.01
        return dx

    layer.backward = wrong
    errors = gradient_errors(network, x, labels)
    bad = [key for key, error in errors.items() if error > 1e-6]
    assert bad == [f"{number + 1} {type(layer).__name__} {name}"]


def test_shapes_and_parameters_are_those_of_the_lesson():
    network = digit_network(POOLINGS["max"])
    sizes = [
        sum(p.size for p in layer.params.values())
        for layer in network.learners()
    ]
    assert sizes == [80, 1168, 1450]
    assert network.forward(np.zeros((4, 1, 12, 12))).shape == (4, 10)


# -- descent and training -----------------------------------------------------


class Slope:
    """One parameter with the gradient 1."""

    def __init__(self):
        self.params, self.grads = {"w": np.zeros(1)}, {"w": np.ones(1)}

    def learners(self):
        return [self]


@pytest.mark.parametrize(
    "momentum, places",
    [(0, [-1, -2, -3, -4]), (0.5, [-1, -2.5, -4.25, -6.125])],
)
def test_momentum_adds_up(momentum, places):
    slope = Slope()
    descent = SGD(slope, rate=0.5, momentum=momentum)
    for place in places:
        descent.step()
        np.testing.assert_allclose(slope.params["w"], [place / 2])
    np.testing.assert_array_equal(slope.grads["w"], [1])


def test_steady_pushes_add_up_to_ten_steps():
    descent = SGD(Slope(), rate=1, momentum=0.9)
    for _ in range(200):
        descent.step()
    np.testing.assert_allclose(descent.speeds[0]["w"], [-10])


def test_training_reads_97_of_100_unseen_digits(digits):
    x, labels, test_x, test_labels = digits
    network = digit_network(POOLINGS["max"], seed=5)  # a seed of its own
    seen = []
    losses = train(network, x, labels, 8, watch=lambda *now: seen.append(now))
    assert accuracy(network, test_x, test_labels) >= 0.97
    assert seen == list(enumerate(losses, 1))
    assert losses[0] > losses[3] > losses[7]


@pytest.mark.parametrize("kind", POOLINGS)
def test_training_repeats_itself(kind, digits):
    x, labels = digits[:2]

    def once(seed):
        network = digit_network(POOLINGS[kind])
        losses = train(network, x[:160], labels[:160], 1, seed=seed)
        return losses, network.forward(x[:5])

    (first, scores), (second, again), (third, _) = map(once, (0, 0, 1))
    assert first == second != third
    np.testing.assert_array_equal(scores, again)


def test_training_sees_every_image_once_in_an_epoch():
    seen = []

    class Spy(Network):
        def forward(self, x):
            seen.extend(x[:, 0, 0, 0])
            return super().forward(x)

    x = np.zeros((70, 1, 12, 12))
    x[:, 0, 0, 0] = np.arange(70)
    network = Spy(Dense(144, 10, rng()))
    labels = np.zeros(70, int)
    loss, _ = cross_entropy(network.layers[0].forward(x), labels)
    losses = train(network, x, labels, 2, rate=1e-12)
    np.testing.assert_allclose(losses, [loss, loss], rtol=1e-6)
    assert sorted(seen[:70]) == sorted(seen[70:]) == list(range(70))
    assert seen[:70] != seen[70:] != list(range(70))


def test_progress_fills_up():
    assert progress(0, 3, 6) == "[......]"
    assert progress(1, 3, 6) == "[##....]"
    assert progress(3, 3, 6) == "[######]"


# -- shifts and occlusion -----------------------------------------------------


@pytest.mark.parametrize("down", [-4, -1, 0, 2, 5])
@pytest.mark.parametrize("right", [-2, 0, 3])
def test_shift_moves_what_is_shown(down, right):
    x = spaced((2, 3, 4, 5))
    y = shift_images(x, down, right)
    for n, c, i, j in np.ndindex(x.shape):
        a, b = i - down, j - right
        inside = 0 <= a < 4 and 0 <= b < 5
        assert y[n, c, i, j] == (x[n, c, a, b] if inside else 0)


def test_shift_accuracy_is_the_mean_of_four_ways():
    class Corner:
        """Answers 1 if the top left cell is not empty."""

        def forward(self, x):
            return np.stack([x[:, 0, 0, 0] == 0, x[:, 0, 0, 0] != 0], axis=1)

    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 0] = 1  # only a shift up brings it to the corner
    label = np.array([1])
    assert accuracy(Corner(), x, label) == 0
    assert shift_accuracy(Corner(), x, label, 0) == 0
    assert shift_accuracy(Corner(), x, label, 1) == 0.25


@pytest.mark.parametrize("size", [1, 3, 5])
def test_occlusion_erases_around_each_cell(size):
    network = Network(Dense(2 * 4 * 5, 3, rng()))
    image = spaced((2, 4, 5))
    before = image.copy()
    y = occlusion_map(network, image, 1, size)
    np.testing.assert_array_equal(image, before)
    assert y.shape == (4, 5)
    for i, j in np.ndindex(4, 5):
        erased = image.copy()
        for a, b in np.ndindex(4, 5):
            if max(abs(a - i), abs(b - j)) <= size // 2:
                erased[:, a, b] = 0
        expected = softmax(network.forward(erased[None]))[0, 1]
        assert np.isclose(y[i, j], expected)


# -- what the lesson says -----------------------------------------------------


@pytest.fixture(scope="module")
def lesson():
    """Return the lesson's stored prints and its prose."""
    notebook = nbformat.read(BOOK / "07_network.ipynb", as_version=4)
    prints = "".join(
        "".join(stored_text(cell))
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
    prose = "\n".join(
        cell.source for cell in notebook.cells if cell.cell_type != "code"
    )
    return prints, prose


def numbers(prints, start):
    """Return the three numbers of each line that begins with `start`."""
    lines = re.findall(rf"^{start} +([\d. ]+)$", prints, re.M)
    return [tuple(map(float, line.split())) for line in lines]


def test_sentences_on_the_five_poolings_are_true(lesson):
    prints, _ = lesson
    table = {kind: numbers(prints, kind)[0] for kind in POOLINGS}
    still, one, two = (
        {kind: row[k] for kind, row in table.items()} for k in range(3)
    )
    assert min(still.values()) > 96
    assert min(still, key=still.get) == "blur"
    for shifted in (one, two):
        assert min(shifted, key=shifted.get) == "stride only"
        assert max(shifted, key=shifted.get) == "max, blur"
    assert one["stride only"] < 50
    assert two["stride only"] < 12
    assert all(a > b > c for a, b, c in table.values())


def test_sentences_on_shifted_training_are_true(lesson):
    prints, _ = lesson
    taught = {}
    for kind in ("stride only", "max", "max, blur"):
        first, taught[kind] = numbers(prints, kind)
        assert taught[kind][1] > first[1]
        assert taught[kind][2] > first[2]
        assert taught[kind][0] - taught[kind][1] < 2.5
    two = {kind: row[2] for kind, row in taught.items()}
    assert two["stride only"] < 100 / 3
    assert 1.8 < two["max"] / two["stride only"] < 2.2
    assert two["max, blur"] > two["max"]


def test_sentences_on_switches_and_momentum_are_true(lesson):
    prints, prose = lesson
    shares = re.findall(r"^moved by \d: +(\d+)% follow$", prints, re.M)
    assert [int(s) for s in shares[::2]] == [100, 100, 100]
    assert all(50 < int(s) < 60 for s in shares[1::2])
    steps = re.search(
        r"needs (\d+) steps to fall below 2, with 0.5 only (\d+). "
        r"With 0.9 it is there after (\d+),",
        prose,
    )
    for momentum, said in zip((0, 0.5, 0.9), steps.groups(), strict=True):
        place, speed, k = np.array([10.0, 1.0]), 0, 0
        steepness = np.array([1, 50])
        while (steepness * place**2).sum() / 2 >= 2:
            speed = momentum * speed - 0.03 * steepness * place
            place, k = place + speed, k + 1
        assert k == int(said)


def test_a_kink_is_what_the_lesson_says(lesson):
    prints, _ = lesson
    assert re.findall(r"^(.*?) +WRONG$", prints, re.M) == [
        "1 Conv2D bias", "2 Conv2D bias",
    ]  # fmt: skip
    assert len(re.findall(r"fine$", prints, re.M)) == 4 + 6 + 5


def test_one_stroke_in_column_three(lesson):
    x = np.zeros((1, 1, 8, 8))
    x[..., 3] = 8
    said = re.search(
        r"Max: ([\d, ]+)\. Average: ([\d, ]+)\. Stride only: nothing but "
        r"zeros\. Blur: ([\d, ]+)\.",
        lesson[1],
    )
    said = [list(map(int, text.split(","))) for text in said.groups()]
    kinds = ("max", "average", "blur")
    for kind, expected in zip(kinds, said, strict=True):
        y = POOLINGS[kind]().forward(x)[0, 0, 2]
        np.testing.assert_array_equal(y, expected)
    assert not Stride2D().forward(x).any()


def test_rates_of_the_lesson_are_chosen_by_training_loss(digits):
    """Average and blur learn better at 0.2 than at 0.1, the others not."""
    x, labels = digits[:2]
    lowest = {}
    for kind, pool in POOLINGS.items():
        losses = {
            rate: train(digit_network(pool), x, labels, 12, rate)[-1]
            for rate in (0.1, 0.2)
        }
        faster = losses[0.2] < losses[0.1]
        assert faster == (kind in ("average", "blur")), kind
        lowest[kind] = min(losses.values())
    assert max(lowest, key=lowest.get) == "blur"


def test_pooling_layers_are_the_front_door(digits):
    x = digits[0][:4]
    np.testing.assert_array_equal(
        MaxPool(2).forward(x), pooling.max_pool2d(x, 2)
    )
    np.testing.assert_array_equal(
        AvgPool2D(3, 2, 1).forward(x), pooling.avg_pool2d(x, 3, 2, 1)
    )
