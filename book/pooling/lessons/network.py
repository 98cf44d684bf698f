# Exported from book/07_network.ipynb: edit that and `make refresh`.
"""A network: pooling at work."""

import numpy as np

from pooling.engine import avg_pool2d_flat, avg_pool2d_flat_backward
from pooling.geometry import pad_planes, pair, pooling_axes, tap_slices
from pooling.lessons.im2col import col2im, im2col, numerical_gradient


def join_channels(cols, N, C):
    """Make one matrix for each image: (T, M*N*C) to (N, C*T, M).

    T counts the cells of a window, M its positions. A column of the result
    is a window of all channels.
    """
    T = len(cols)
    cols = cols.reshape(T, -1, N, C).transpose(2, 3, 0, 1)
    return cols.reshape(N, C * T, -1)


def split_channels(joined, C):
    """Undo `join_channels`: (N, C*T, M) to (T, M*N*C)."""
    N, rows, M = joined.shape
    T = rows // C
    return joined.reshape(N, C, T, M).transpose(2, 3, 0, 1).reshape(T, -1)


class Conv2D:
    """Convolve x (N, C, H, W) with FN filters, stride 1: (N, FN, OH, OW)."""

    def __init__(self, C, FN, window, padding, rng):
        FH, FW = pair(window, "window", 1)
        spread = np.sqrt(2 / (C * FH * FW))  # keeps the scale through a ReLU
        self.window, self.padding = (FH, FW), padding
        self.params = {
            "weights": spread * rng.normal(size=(FN, C, FH, FW)),
            "bias": np.zeros(FN),
        }
        self.grads = {}

    def forward(self, x):
        N, C = x.shape[:2]
        p = self.padding
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        cols = join_channels(im2col(x, self.window, 1), N, C)
        self.memory = x.shape, cols
        weights, bias = self.params["weights"], self.params["bias"]
        y = weights.reshape(len(weights), -1) @ cols + bias[:, None]
        return y.reshape(N, len(weights), -1, x.shape[3] - self.window[1] + 1)

    def backward(self, dout):
        padded_shape, cols = self.memory
        weights = self.params["weights"]
        flat = dout.reshape(*dout.shape[:2], -1)  # (N, FN, OH*OW)
        dweights = (flat @ cols.transpose(0, 2, 1)).sum(axis=0)
        self.grads["weights"] = dweights.reshape(weights.shape)
        self.grads["bias"] = flat.sum(axis=(0, 2))
        dcols = weights.reshape(len(weights), -1).T @ flat
        dcols = split_channels(dcols, padded_shape[1])
        dx = col2im(dcols, padded_shape, self.window, 1)
        (H, W), p = dx.shape[2:], self.padding
        return dx[:, :, p : H - p, p : W - p]


class ReLU:
    """Set what is negative to 0."""

    def forward(self, x):
        self.positive = x > 0
        return np.maximum(x, 0)

    def backward(self, dout):
        return dout * self.positive


class Dense:
    """Flatten x to (N, D) and multiply with weights: scores (N, K)."""

    def __init__(self, D, K, rng):
        self.params = {
            "weights": np.sqrt(1 / D) * rng.normal(size=(D, K)),
            "bias": np.zeros(K),
        }
        self.grads = {}

    def forward(self, x):
        self.input_shape, self.flat = x.shape, x.reshape(len(x), -1)
        return self.flat @ self.params["weights"] + self.params["bias"]

    def backward(self, dout):
        self.grads["weights"] = self.flat.T @ dout
        self.grads["bias"] = dout.sum(axis=0)
        dflat = dout @ self.params["weights"].T
        return dflat.reshape(self.input_shape)


def softmax(scores):
    """Turn scores (N, K) into probabilities: each row sums to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(scores, labels):
    """Return the mean of -log(probability of the label), and dscores."""
    probabilities = softmax(scores)
    each = np.arange(len(labels)), labels
    loss = -np.log(probabilities[each]).mean()
    dscores = probabilities
    dscores[each] -= 1
    return loss, dscores / len(labels)


def shift_images(x, down, right):
    """Move what x (N, C, H, W) shows; the cells that come in are 0."""

    def reached(size, shift):
        return slice(max(shift, 0), max(size + shift, 0))

    H, W = x.shape[2:]
    y = np.zeros_like(x)
    y[:, :, reached(H, down), reached(W, right)] = x[
        :, :, reached(H, -down), reached(W, -right)
    ]
    return y


class AvgPool2D:
    """Average pooling as a layer."""

    def __init__(self, window, stride=None, padding=0):
        self.options = (window, stride, padding)

    def forward(self, x):
        self.input_shape = x.shape
        return avg_pool2d_flat(x, *self.options)

    def backward(self, dout):
        return avg_pool2d_flat_backward(
            dout, self.input_shape, *self.options
        )


class Stride2D:
    """Keep every second row and column, whatever they hold."""

    def forward(self, x):
        self.input_shape = x.shape
        return x[:, :, ::2, ::2]

    def backward(self, dout):
        dx = np.zeros(self.input_shape)
        dx[:, :, ::2, ::2] = dout
        return dx


class Blur2D:
    """Blur with 1, 2, 1 down and across, then keep every second cell."""

    weights = np.outer([1, 2, 1], [1, 2, 1]) / 16

    def forward(self, x):
        self.axes = pooling_axes(x.shape, 3, stride=2, padding=1)
        padded = pad_planes(x, *self.axes, 0)
        return sum(
            weight * padded[tap_slices(*self.axes, a, b)]
            for (a, b), weight in np.ndenumerate(self.weights)
        )

    def backward(self, dout):
        rows, columns = self.axes
        zeros = np.zeros((*dout.shape[:2], rows.size, columns.size))
        dpadded = pad_planes(zeros, rows, columns, 0)
        for (a, b), weight in np.ndenumerate(self.weights):
            dpadded[tap_slices(rows, columns, a, b)] += weight * dout
        return dpadded[:, :, 1:-1, 1:-1]


class Network:
    """Layers in a row, each taking what the one before it gives."""

    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def learners(self):
        """List the layers that have parameters."""
        return [layer for layer in self.layers if hasattr(layer, "params")]


def digit_network(pool, seed=0, size=12, filters=(8, 16)):
    """Build two convolutions, each with a pooling, and a dense layer.

    `pool()` makes a layer that halves its input. Images are
    (N, 1, size, size), and each gets 10 scores.
    """
    rng = np.random.default_rng(seed)
    first, second = filters
    return Network(
        Conv2D(1, first, 3, 1, rng), ReLU(), pool(),
        Conv2D(first, second, 3, 1, rng), ReLU(), pool(),
        Dense(second * (size // 4) ** 2, 10, rng),
    )


def gradient_errors(network, x, labels, step=1e-5):
    """Measure every parameter's gradient; return the largest errors."""
    _, dscores = cross_entropy(network.forward(x), labels)
    network.backward(dscores)
    errors = {}
    for number, layer in enumerate(network.learners(), 1):
        for name, values in layer.params.items():

            def loss(changed, layer=layer, name=name):
                layer.params[name] = changed
                return cross_entropy(network.forward(x), labels)[0]

            measured = numerical_gradient(loss, values, 1, step)
            layer.params[name] = values
            error = np.abs(layer.grads[name] - measured).max()
            errors[f"{number} {type(layer).__name__} {name}"] = error
    return errors


class SGD:
    """Gradient descent with momentum."""

    def __init__(self, network, rate, momentum=0.9):
        self.network, self.rate, self.momentum = network, rate, momentum
        self.speeds = [
            {name: np.zeros_like(p) for name, p in layer.params.items()}
            for layer in network.learners()
        ]

    def step(self):
        """Move each parameter, after a backward pass."""
        learners = self.network.learners()
        for layer, speeds in zip(learners, self.speeds, strict=True):
            for name, speed in speeds.items():
                speed *= self.momentum
                speed -= self.rate * layer.grads[name]
                layer.params[name] += speed


def accuracy(network, x, labels):
    """Return the share of images whose highest score is their label's."""
    return (network.forward(x).argmax(axis=1) == labels).mean()


def progress(done, total, width=20):
    """Return a bar that fills up: [#####...............]."""
    full = width * done // total
    return f"[{'#' * full}{'.' * (width - full)}]"


def train(
    network, x, labels, epochs, rate=0.1, momentum=0.9, batch=32, seed=0,
    watch=None,
):
    """Train in shuffled batches; return the mean loss of each epoch.

    The rate falls to 0 in even steps. `watch(done, loss)` is called after
    each epoch.
    """
    rng = np.random.default_rng(seed)
    optimizer = SGD(network, rate, momentum)
    losses = []
    for epoch in range(epochs):
        optimizer.rate = rate * (1 - epoch / epochs)
        order, total = rng.permutation(len(x)), 0.0
        for start in range(0, len(x), batch):
            some = order[start : start + batch]
            scores = network.forward(x[some])
            loss, dscores = cross_entropy(scores, labels[some])
            network.backward(dscores)
            optimizer.step()
            total += loss * len(some)
        losses.append(total / len(x))
        if watch is not None:
            watch(epoch + 1, losses[-1])
    return losses


def shift_accuracy(network, x, labels, distance):
    """Shift x up, down, left and right; return the mean accuracy."""
    ways = (-distance, 0), (distance, 0), (0, -distance), (0, distance)
    return np.mean(
        [accuracy(network, shift_images(x, *way), labels) for way in ways]
    )


def occlusion_map(network, image, label, size=3):
    """Return the label's probability when a square around a cell is erased.

    image is (C, H, W), the map (H, W); size is odd.
    """
    H, W = image.shape[1:]
    half = size // 2
    erased = np.repeat(image[None], H * W, axis=0)  # one image for each cell
    for k, (i, j) in enumerate(np.ndindex(H, W)):
        top, left = max(0, i - half), max(0, j - half)
        erased[k, :, top : i + half + 1, left : j + half + 1] = 0
    return softmax(network.forward(erased))[:, label].reshape(H, W)
