"""Time the package against its peers, in one run: `make bench`.

    python -m tools.bench          writes _build/bench.json and bench.svg
    python -m tools.bench --save   writes book/bench.json, for chapter 6

Each function's CPU time is taken on one thread, all functions of a workload
in turn and in shuffled order. A function is called once, and then timed over
as many calls in a row as take LEAST seconds: what it reads and writes has
been in use a moment before. Everything is timed in several laps, so that all
meet the machine's good and bad minutes; the least counts. What is kept are
ratios: how many times as long as the package a peer takes, for one element
of the input. They are those of one machine, which the file names; so are the
goals that were missed, which are printed and stored but fail no test. Peers
that are not installed are left out; all others must first give the package's
result. Slow ones get a part of the batch.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import pooling
from pooling import draw, engine, geometry
from pooling.lessons import fast, im2col, strides

ROOT = Path(__file__).resolve().parent.parent
LEAST = 2e-2  # seconds of a measurement
SLOW = 200_000  # elements that a slow peer gets


class Workload(NamedTuple):
    """A pooling layer as networks have it, and what is odd about its data."""

    shape: tuple
    window: int
    stride: int
    padding: int
    odd: str = ""  # a dtype, "NaN" or "last": channels lie last

    @property
    def options(self):
        return self.window, self.stride, self.padding


LAYERS = {
    "VGG k2 s2": Workload((4, 64, 224, 224), 2, 2, 0),
    "AlexNet k3 s2": Workload((32, 64, 55, 55), 3, 2, 0),
    "ResNet k3 s2 p1": Workload((16, 64, 112, 112), 3, 2, 1),
    "Inception k3 s1 p1": Workload((32, 192, 28, 28), 3, 1, 1),
    "k7 s1": Workload((2, 64, 112, 112), 7, 1, 0),
    "SPP k13 s1 p6": Workload((8, 512, 13, 13), 13, 1, 6),
    "toy k2 s2": Workload((1, 1, 4, 4), 2, 2, 0),
}
WINDOWS = [2, 3, 4, 5, 7, 9, 11, 13, 15, 21, 31]
BY_WINDOW = {
    k: Workload((1, 64, 128, 128), k, 1, 0) for k in WINDOWS
}
# What the package promises beside the usual; its own time is stored, as a
# multiple of a copy's.
ODD = {
    "float16": Workload((8, 64, 56, 56), 3, 2, 1, "f2"),
    "int8": Workload((16, 64, 56, 56), 3, 2, 1, "i1"),
    "float64": Workload((8, 64, 56, 56), 3, 2, 1, "f8"),
    "NaN": Workload((8, 64, 56, 56), 3, 2, 1, "NaN"),
    "planes of 1024": Workload((1, 4, 1024, 1024), 7, 2, 3),
    "channels last": Workload((16, 64, 56, 56), 3, 2, 1, "last"),
    "small, last": Workload((2000, 3, 32, 32), 3, 2, 1, "last"),
}
SIZES = [7, 14, 28, 56, 112, 224, 448]
BY_SIZE = {h: Workload((1, 64, h, h), 3, 2, 1) for h in SIZES}


def installed(name):
    """Import a peer, or return None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch = installed("torch")
ndimage = installed("scipy.ndimage")
measure = installed("skimage.measure")
onnx, onnxruntime = installed("onnx"), installed("onnxruntime")
numba = installed("numba")
if torch:
    torch.set_num_threads(1)


# -- peers: functions of a workload and its data that return what to time -----


def in_torch(task, load, data, last=False):
    """Return torch's function for a task; `last`: channels lie last."""
    f, aten = torch.nn.functional, torch.ops.aten
    how = torch.channels_last if last else torch.contiguous_format
    x, dout = (
        torch.from_numpy(data[name]).contiguous(memory_format=how)
        for name in ("x", "dout")
    )
    indices = torch.from_numpy(data["indices"]).contiguous(memory_format=how)
    k, s, p = ([n, n] for n in load.options)
    return {
        "max": lambda: f.max_pool2d(x, k, s, p),
        "max, indices": lambda: f.max_pool2d(x, k, s, p, return_indices=True),
        "average": lambda: f.avg_pool2d(x, k, s, p),
        "max, backward": lambda: aten.max_pool2d_with_indices_backward(
            dout, x, k, s, p, [1, 1], False, indices
        ),
        "average, backward": lambda: aten.avg_pool2d_backward(
            dout, x, k, s, p, False, True, None
        ),
    }[task]


def in_onnxruntime(task, load, data):
    """Return a session's run, on one thread."""
    helper, f4 = onnx.helper, onnx.TensorProto.FLOAT
    extra = {"count_include_pad": 1} if task == "average" else {}
    k, s, p = load.options
    node = helper.make_node(
        "AveragePool" if task == "average" else "MaxPool", ["x"], ["y"],
        kernel_shape=[k, k], strides=[s, s], pads=[p] * 4, **extra,
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "pool",
        [helper.make_tensor_value_info("x", f4, load.shape)],
        [helper.make_tensor_value_info("y", f4, None)],
    )  # fmt: skip
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": data["x"]})


def in_scipy(task, load, data):
    """Return scipy's filter at every cell, read at the windows."""
    k, s, p = load.options
    H, W = load.shape[2:]
    start = k // 2 - p  # of the first window's middle
    stop = [start + n - k + 2 * p + 1 for n in (H, W)]
    cut = (..., slice(start, stop[0], s), slice(start, stop[1], s))
    size = (1, 1, k, k)
    x = data["x"]
    if task == "max":
        return lambda: ndimage.maximum_filter(
            x, size, mode="constant", cval=-np.inf
        )[cut].copy()
    return lambda: ndimage.uniform_filter(x, size, mode="constant")[cut].copy()


def in_skimage(task, load, data):
    """Return scikit-image's block_reduce, for windows that do not overlap."""
    function = np.max if task == "max" else np.mean
    k, x = load.window, data["x"]
    return lambda: measure.block_reduce(x, (1, 1, k, k), function)


def in_loops(task, load, data):
    """Return one Python step for each window, as in chapter 1's exercise."""
    k, s, p = load.options
    x, (OH, OW) = data["x"], data["dout"].shape[2:]
    pick, fill = (np.max, -np.inf) if task == "max" else (np.mean, 0)

    def run():
        padded = np.pad(
            x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=fill
        )
        y = np.empty((*x.shape[:2], OH, OW), x.dtype)
        for i, j in np.ndindex(OH, OW):
            cut = padded[:, :, i * s : i * s + k, j * s : j * s + k]
            y[:, :, i, j] = pick(cut, axis=(2, 3))
        return y

    return run


def in_numba(task, load, data):
    """Return plain loops, compiled."""
    loops = compiled_loops()
    return lambda: loops(data["x"], *load.options)


def compiled_loops():
    """Compile a maximum as one writes it in C."""
    global compiled
    if compiled is None:

        @numba.njit
        def compiled(x, k, s, p):
            N, C, H, W = x.shape
            OH, OW = (H + 2 * p - k) // s + 1, (W + 2 * p - k) // s + 1
            y = np.empty((N, C, OH, OW), x.dtype)
            for n in range(N):
                for c in range(C):
                    for i in range(OH):
                        for j in range(OW):
                            top = -np.inf
                            for a in range(
                                max(0, i * s - p), min(H, i * s - p + k)
                            ):
                                for b in range(
                                    max(0, j * s - p), min(W, j * s - p + k)
                                ):
                                    top = max(top, x[n, c, a, b])
                            y[n, c, i, j] = top
            return y

    return compiled


compiled = None


def of_the_book(task, load, data):
    """Return the front door's function."""
    x, dout, indices = data["x"], data["dout"], data["indices"]
    o = load.options
    return {
        "max": lambda: pooling.max_pool2d(x, *o),
        "max, indices": lambda: pooling.max_pool2d(
            x, *o, return_indices=True
        ),
        "average": lambda: pooling.avg_pool2d(x, *o),
        "max, backward": lambda: pooling.max_pool2d_backward(
            dout, indices, x.shape
        ),
        "average, backward": lambda: pooling.avg_pool2d_backward(
            dout, x.shape, *o
        ),
    }[task]


def earlier(function):
    """Return a peer that calls a function of an earlier chapter on x."""
    return lambda task, load, data: lambda: function(data["x"], *load.options)


def by_columns(task, load, data):
    """Return chapter 2's way: a frame of padding, then columns."""
    x, dout = data["x"], data["dout"]
    (N, C, OH, OW), (H, W) = dout.shape, x.shape[2:]
    k, s, p = load.options
    layer = im2col.MaxPool(k, s, return_index=True)

    def framed(fill):
        frame = (0, 0), (0, 0), (p, p), (p, p)
        return np.pad(x, frame, constant_values=fill)

    def indices():
        y, winners = layer(framed(-np.inf))
        a, b = np.divmod(winners, k)
        i = s * np.arange(OH)[:, None] + a - p
        return y, i * W + s * np.arange(OW) + b - p

    def average():
        y = im2col.im2col(framed(0), k, s).mean(axis=0)
        return y.reshape(OH, OW, N, C).transpose(2, 3, 0, 1)

    def average_back():
        share = dout.transpose(2, 3, 0, 1).ravel() / k**2
        cols = np.broadcast_to(share, (k * k, share.size))
        shape = N, C, H + 2 * p, W + 2 * p
        return im2col.col2im(cols, shape, k, s)

    back = {"max, backward": lambda: layer.backward(dout),
            "average, backward": average_back}  # fmt: skip
    if task in back:
        layer(framed(-np.inf))
        return lambda: back[task]()[:, :, p : p + H, p : p + W]
    return {
        "max": lambda: layer(framed(-np.inf))[0],
        "max, indices": indices,
        "average": average,
    }[task]


# name: (peer, tasks, is it slow?)
TASKS = [
    "max", "max, indices", "average", "max, backward", "average, backward",
]  # fmt: skip
PEERS = {
    "loops (1)": (in_loops, ["max"], True),
    "loops (1) ": (in_loops, ["average"], True),
    "im2col (2)": (by_columns, TASKS, True),
    "view (3)": (earlier(strides.max_pool2d_strided), ["max"], True),
    "view (3) ": (earlier(strides.avg_pool2d_strided), ["average"], True),
    "slices": (earlier(engine.max_pool2d_slices), ["max"], False),
    "rows/columns": (earlier(fast.max_pool2d_rows_columns), ["max"], False),
}
if torch:
    PEERS["torch"] = (in_torch, TASKS, False)
    PEERS["torch, last"] = (
        lambda *a: in_torch(*a, last=True),
        TASKS,
        False,
    )
if onnx and onnxruntime:
    PEERS["onnxruntime"] = (
        in_onnxruntime,
        ["max", "average"],
        False,
    )
if ndimage:
    PEERS["scipy"] = (in_scipy, ["max", "average"], False)
if measure:
    PEERS["scikit-image"] = (in_skimage, ["max", "average"], False)
if numba:
    PEERS["numba loops"] = (in_numba, ["max"], False)


def entrants(task, load, names):
    """List the peers that can do a task with these windows."""
    blocks = load.window == load.stride and load.padding == 0
    blocks = blocks and all(n % load.window == 0 for n in load.shape[2:])
    return [
        name
        for name in names
        if task in PEERS[name][1] and (name != "scikit-image" or blocks)
    ]


# -- measuring ----------------------------------------------------------------


def make_data(load, seed=0):
    """Draw an image batch, its indices and a gradient, mostly float32."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(load.shape, np.float32)
    if load.odd == "NaN":
        x[rng.random(x.shape) < 0.01] = np.nan
    elif load.odd not in ("", "last"):
        x = (20 * x).astype(load.odd)
    y, indices = pooling.max_pool2d(x, *load.options, return_indices=True)
    dout = rng.standard_normal(y.shape, np.float32)
    data = {"x": x, "dout": dout, "indices": indices}
    if load.odd == "last":
        last = (np.ascontiguousarray(np.moveaxis(a, 1, -1))
                for a in data.values())  # fmt: skip
        data = {n: np.moveaxis(a, -1, 1)
                for n, a in zip(data, last, strict=True)}  # fmt: skip
    return data


def as_arrays(result):
    """Return what a peer gave as a list of numpy arrays."""
    many = isinstance(result, (tuple, list))
    return [np.asarray(r) for r in (result if many else [result])]


def check(name, task, found, expected):
    """Stop if a peer computes something else."""
    for a, b in zip(as_arrays(found), as_arrays(expected), strict=True):
        exact = task.startswith("max") and "backward" not in task
        same = (
            np.array_equal(a, b)
            if exact
            else a.shape == b.shape and np.allclose(a, b, atol=1e-4)
        )
        if not same:
            raise SystemExit(f"{name} computes another {task}: not timed")


def clock(run):
    """Return the CPU seconds of one call in a row of them."""
    run()  # what it needs may have been out of use
    repeats, spent = 1, 0.0
    while True:
        start = time.process_time()
        for _ in range(repeats):
            run()
        spent = time.process_time() - start
        if spent > LEAST:
            return spent / repeats
        repeats *= 4


def line_up(task, load, names):
    """Return {peer: (function, cells)}; all give the package's result."""
    data = make_data(load)
    size = data["x"].size
    copy = np.empty_like(data["x"])
    runs = {
        "book": (of_the_book(task, load, data), size),
        "copy": (lambda: np.copyto(copy, data["x"]), size),
    }
    _, C, H, W = load.shape
    few = load._replace(shape=(1, max(1, min(C, SLOW // (H * W))), H, W))
    part = make_data(few)
    expected = {False: runs["book"][0](), True: None}
    for name in entrants(task, load, names):
        peer, _, slow = PEERS[name]
        if slow and size > SLOW:
            run, cells = peer(task, few, part), part["x"].size
            expected[True] = of_the_book(task, few, part)()
        else:
            slow, run, cells = False, peer(task, load, data), size
        check(name, task, run(), expected[slow])
        runs[name.strip()] = run, cells
    return runs


def least_times(runs, rounds, progress, best=None):
    """Return the least time for one cell of each (function, cells).

    `best` is what an earlier lap has returned; it is lowered.
    """
    best = {} if best is None else best
    for _ in range(rounds):
        for name in random.sample(sorted(runs), len(runs)):
            run, cells = runs[name]
            best[name] = min(best.get(name, np.inf), clock(run) / cells)
            progress.update()
    return best


def ratios(best):
    """Return {peer: how many times as long as the package}."""
    book = best["book"]
    return {n: digits(best[n] / book) for n in best if n != "book"}


def digits(ratio):
    """Round to three digits."""
    return float(f"{ratio:.3g}")


def line_up_all(task, loads, names):
    """Return {(peer, key of a workload): (function, cells)}."""
    return {
        (name, key): run
        for key, load in loads.items()
        for name, run in line_up(task, load, names).items()
    }


def growth(best, keys):
    """Return {peer: times for one cell}, the package's first as the unit."""
    unit = best["book", keys[0]]
    return {
        name: [digits(best[name, key] / unit) for key in keys]
        for name in dict.fromkeys(name for name, _ in best)
    }


def in_the_lesson(load, data):
    """Return chapter 6's functions, and the ways to its maximum."""
    x, dout, indices = data["x"], data["dout"], data["indices"]
    o = load.options
    whole = {
        "max": lambda: fast.max_pool2d_tiled(x, *o),
        "max, indices": lambda: fast.max_pool2d_tiled_indices(x, *o),
        "average": lambda: fast.avg_pool2d_tiled(x, *o),
        "max, backward": lambda: fast.scatter(dout, indices, x.shape),
    }
    ways = {
        "slices": lambda: fast.max_pool2d_cells(x, *o),
        "rows/columns": lambda: fast.max_pool2d_rows_columns(x, *o),
        "one vector": lambda: fast.max_pool2d_tiled(x, *o, room=2**60),
    }
    return whole, ways


STEPS = 43  # pairs that `steps` times


def steps(rounds, progress):
    """Return what each step of chapter 6 saves, and what the package adds."""

    def race(**runs):
        """Return the least times of functions, in one run."""
        runs = {name: (run, 1) for name, run in runs.items()}
        return least_times(runs, rounds, progress)

    def ratio(slow, fast):
        best = race(slow=slow, fast=fast)
        return digits(best["slow"] / best["fast"])

    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 64, 128), np.float32)  # stays in the cache
    flat, pitch = x.ravel(), x.shape[2]
    left, right = (np.ascontiguousarray(x[..., k::2]) for k in (0, 1))
    out = np.empty_like(left)
    rows, columns = geometry.pooling_axes((1, *x.shape), 2)
    wins = rng.random(x.size) < 0.5
    near, away = rng.integers(0, 9, (2, x.size), np.uint8)
    where = rng.permutation(x.size)
    dx = np.zeros(x.size, np.float32)
    cube, places = dx.reshape(x.shape), np.unravel_index(where, x.shape)
    wide = flat.astype(float)

    def on_flat():
        top = fast.widen_max(fast.widen_max(flat, 2, 1), 2, pitch)
        return fast.first_cells(top, len(x), rows, columns).copy()

    def one_by_one():
        top = flat[:-30]
        for shift in range(1, 31):
            top = np.maximum(top, flat[shift : shift - 30 or None])
        return top

    def running():
        total = np.cumsum(flat)
        return total[31:] - total[:-31]

    found = {
        "maximum of every second cell": ratio(
            lambda: np.maximum(x[..., ::2], x[..., 1::2], out=out),
            lambda: np.maximum(left, right, out=out),
        ),
        "2 x 2 windows, stride 2, by slices": ratio(
            lambda: fast.max_pool2d_cells(x[None], 2), on_flat
        ),
        "maximum of 31 cells, one after the other": ratio(
            one_by_one, lambda: fast.widen_max(flat, 31, 1)
        ),
        "sum of 31 cells, by running sums": ratio(
            running, lambda: fast.widen_sum(flat, 31, 1)
        ),
        "copy of every second cell": ratio(
            lambda: np.copyto(out, x[..., ::2]), lambda: np.copyto(out, left)
        ),
        "choosing by np.where": ratio(
            lambda: np.where(wins, away, near),
            lambda: near ^ (near ^ away) * wins,
        ),
        "add.at with a tuple": ratio(
            lambda: np.add.at(cube, places, flat),
            lambda: np.add.at(dx, where, flat),
        ),
        "add.at, float64 into float32": ratio(
            lambda: np.add.at(dx, where, wide),
            lambda: np.add.at(dx, where, flat),
        ),
        "lesson": {},  # of the lesson's maximum
        "package": {},  # of the package's functions
    }
    for name, load in list(LAYERS.items())[:-1]:
        data = make_data(load)
        of_lesson, others = in_the_lesson(load, data)
        of_package = {
            task: of_the_book(task, load, data) for task in TASKS[:4]
        }
        for task, run in of_lesson.items():
            check(f"the lesson's {task}", task, run(), of_package[task]())
        for peer, run in others.items():
            check(peer, "max", run(), of_package["max"]())
        best = race(
            **of_lesson,
            **others,
            **{f"package: {task}": run for task, run in of_package.items()},
        )
        found["lesson"][name] = {
            peer: digits(best[peer] / best["max"])
            for peer in (*others, "max, indices")
        }
        found["package"][name] = {
            task: digits(best[task] / best[f"package: {task}"])
            for task in of_lesson
        }
    found["further"] = {}
    for name, x, window in (
        ("planes of 1024 x 1024", rng.random((4, 1, 1024, 1024), "f4"), 3),
        ("float16", rng.random((8, 64, 56, 56), "f4").astype("f2"), 2),
    ):
        found["further"][name] = ratio(
            partial(fast.max_pool2d_tiled, x, window),
            partial(pooling.max_pool2d, x, window),
        )
    return found


def odd_data(rounds, progress):
    """Return the package's time for odd data, in copies of the input.

    And its norm, and the first call of a geometry as a multiple of the next.
    """
    found = {}
    for name, load in ODD.items():
        data = make_data(load)
        x, copy = data["x"], np.empty_like(data["x"])
        runs = {task: of_the_book(task, load, data) for task in TASKS}
        runs["norm"] = partial(pooling.lp_pool2d, x, 2, *load.options)
        runs["copy"] = partial(np.copyto, copy, x)
        runs = {task: (run, 1) for task, run in runs.items()}
        best = least_times(runs, rounds, progress)
        unit = best.pop("copy")
        found[name] = {task: digits(t / unit) for task, t in best.items()}
    x = np.zeros((1, 1, 32, 32), np.float32)

    def first():
        for remembered in (geometry.place_windows, engine.fit,
                           engine.make_block, engine.fan_out,
                           engine.window_matrix):  # fmt: skip
            remembered.cache_clear()
        pooling.max_pool2d(x, 5, 1, 2)

    runs = {"first": (first, 1),
            "next": (partial(pooling.max_pool2d, x, 5, 1, 2), 1)}  # fmt: skip
    best = least_times(runs, rounds, progress)
    found["first call"] = {"max": digits(best["first"] / best["next"])}
    return found


# torch's time over ours, at least, for VGG, AlexNet, ResNet, Inception, k7
# and k13; for a maximum's gradient torch is ahead.
GOALS = {
    "max": (8, 8, 7, 16, 45, 35),
    "max, indices": (2.5, 2.5, 2.5, 4, 12, 9),
    "average": (3, 2, 2, 5, 12, 15),
    "max, backward": (1 / 2.5, 1 / 2.5, 1 / 2.5, 1 / 3, 1 / 3, 1 / 3),
    "average, backward": (2.5, 1.5, 2, 4, 6, 6),
}


def missed(layers, window):
    """List the goals that a run does not reach; they hold on its machine."""
    found = []
    for task, goals in GOALS.items():
        for name, goal in zip(layers[task], goals, strict=False):
            ratio = layers[task][name].get("torch", np.inf)
            if ratio < goal:
                found.append(f"{task}, {name}: {ratio} of {goal:.3g}")
    book = dict(zip(window["window"], window["book"], strict=True))
    if book[31] > 1.6 * book[3]:
        found.append(f"k31 / k3: {book[31] / book[3]:.3g} of 1.6")
    return found


def machine():
    """Describe where a run was made: ratios differ from one to another."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    names = [n.split(":")[1].strip() for n in lines if "model name" in n]
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "SIMD": found[-1] if found else "baseline",
        "system": platform.system(),
        "python": platform.python_version(),
    }


def table(ratios):
    """Lay ratios out as lines of text."""
    names = sorted({name for row in ratios.values() for name in row})
    lines = [f"{'':22}" + "".join(f"{n[:13]:>14}" for n in names)]
    for load, row in ratios.items():
        cells = (f"{row[n]:14.2f}" if n in row else f"{'':14}" for n in names)
        lines.append(f"{load:22}" + "".join(cells))
    return "\n".join(lines)


def versions():
    """Name what was compared."""
    names = ["numpy", "torch", "onnxruntime", "scipy", "scikit-image", "numba"]
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main():
    """Run everything, print tables, write the ratios and a plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--laps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="in each lap")
    arguments = parser.parse_args()
    laps, rounds = arguments.laps, arguments.rounds
    random.seed(0)
    names = list(PEERS)
    quick = [n for n in names if not PEERS[n][2] and n != "scikit-image"]
    layers = {task: {name: {} for name in LAYERS} for task in TASKS}
    curves = {
        "window": (BY_WINDOW, WINDOWS, {}), "size": (BY_SIZE, SIZES, {}),
    }  # fmt: skip
    races = [(task, load) for task in TASKS for load in LAYERS.values()]
    total = sum(len(entrants(*r, names)) + 2 for r in races)
    more = [*BY_WINDOW.values(), *BY_SIZE.values()]
    total += sum(len(entrants("max", load, quick)) + 2 for load in more)
    total += 7 * len(ODD) + 2
    total = laps * rounds * (total + 2 * STEPS)
    with tqdm(total=total, unit=" timings", file=sys.stderr) as progress:
        for _ in range(laps):
            for task, rows in layers.items():
                for name, best in rows.items():
                    progress.set_description(f"{task}: {name}")
                    runs = line_up(task, LAYERS[name], names)
                    least_times(runs, rounds, progress, best)
            for key, (loads, _, best) in curves.items():
                progress.set_description(f"growth with the {key}")
                runs = line_up_all("max", loads, quick)
                least_times(runs, rounds, progress, best)
        progress.set_description("single steps")
        found = steps(laps * rounds, progress)
        progress.set_description("odd data")
        odd = odd_data(laps * rounds, progress)
    result = {
        "command": "make bench",
        "data": "random normal float32",
        "machine": machine(),
        "versions": versions(),
        "layers": {
            task: {name: ratios(best) for name, best in rows.items()}
            for task, rows in layers.items()
        },
    }
    for task, rows in result["layers"].items():
        print(f"\n{task}: times as long as the book's\n{table(rows)}")
    for key, (_, axis, best) in curves.items():
        result[key] = {key: axis, **growth(best, axis)}
    result["steps"] = found
    result["further"] = odd
    print(f"\ntimes of a copy of the input, the book's own\n{table(odd)}")
    result["missed"] = missed(result["layers"], result["window"])
    print("\nGoals missed:", *result["missed"] or ["none"], sep="\n  ")
    folder = ROOT / ("book" if arguments.save else "_build")
    folder.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1)
    (folder / "bench.json").write_text(text + "\n")
    lines = {n: v for n, v in result["window"].items() if n != "window"}
    picture = draw.curves(
        ("time for one cell, as the window grows", WINDOWS, lines, "window"),
        alt="Growth with the window.",
    )
    target = ROOT / "_build" / "bench.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(picture.svg)
    print(f"\nWritten: {folder / 'bench.json'} and {target}")


if __name__ == "__main__":
    main()
