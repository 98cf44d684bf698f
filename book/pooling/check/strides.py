"""Tables of the exercises of chapter 3, strides."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pooling import output_size
from pooling.check import families
from pooling.check.families import axes_of, but, reduced, then, turned
from pooling.check.table import Check, NotHere, is_array, same, windows_of
from pooling.geometry import pair
from pooling.lessons.strides import pool_images, window_view


def roomy(content):
    """Return the numbers as a part of a larger piece of memory, all of 99s.

    A walk that leaves the array ends there and not in a crash.
    """
    size = content.size
    memory = np.full(17 * size, 99, content.dtype)
    memory[8 * size : 9 * size] = content.ravel()
    return memory[8 * size : 9 * size].reshape(content.shape)


# 3.1
WAYS = {
    "turned": ["one step down", "one step to the right"],
    "flipped": ["one step down", "one step to the right"],
    "windows": ["the step to the window below",
                "the step to the window on the right",
                "the step to the next row of the window",
                "the step to the next column of the window"],
    "starts": ["where turned[4, 1] starts", "where flipped[2, 1] starts",
               "where windows[2, 1, 0, 2] starts"],
}  # fmt: skip


def in_memory(**wrong):
    """Return strides and starts as the exercise asks, or nearly so."""
    a = np.arange(24, dtype=np.int16).reshape(4, 6)
    views = a.T, a[::-1, ::3], window_view(a, (2, 3), stride=(1, 2))
    cells = views[0][4, 1], views[1][2, 1], views[2][2, 1, 0, 2]
    right = [view.strides for view in views]
    right.append([a.itemsize * int(cell) for cell in cells])
    named = dict(zip(WAYS, right, strict=True)) | wrong
    return tuple(map(np.array, named.values()))


def here(part, key, says, hint, *numbers):
    """Return a row: one of the four results is wrong."""
    return key, says, hint, lambda: in_memory(**{part: numbers})


where_in_memory = Check(
    in_memory, axes="",
    cases=[(part, f"`{part}`, number {k} of your four results")
           for k, part in enumerate(WAYS, 1)],
    results={part: k for k, part in enumerate(WAYS)},
    draw={part: lambda ways=ways: lambda place: f"this is {ways[place[0]]}"
          for part, ways in WAYS.items()},
    mistakes=[
        ("cells-for-bytes", "this counts cells; strides and starts are bytes, "
         "and an int16 has 2", 1,
         then(in_memory, lambda right: tuple(v // 2 for v in right))),
        ("8-bytes", "this counts 8 bytes for a cell; an int16 has 2", 1,
         then(in_memory, lambda right: tuple(v * 4 for v in right))),
        here("turned", "not-transposed", "these are the strides of a itself; "
             "in `a.T`, which way does one step down go in a?", 2, 12, 2),
        here("turned", "rows-of-4", "a row of `a.T` has 4 cells, but nothing "
             "has moved in memory: the steps are those of a", 2, 8, 2),
        here("flipped", "rows-forwards", "the rows are reversed: one step "
             "down is one row back in memory", 2, 12, 6),
        here("flipped", "every-column", "only every third column is kept: one "
             "step to the right skips two cells", 2, -12, 2),
        here("flipped", "columns-backwards", "the rows alone are reversed; "
             "one step to the right goes on in memory", 2, -12, -6),
        here("windows", "stride-ignored", "the stride is ignored: the next "
             "window on the right starts 2 cells further", 3, 12, 2, 12, 2),
        here("windows", "side-by-side", "these windows lie side by side; they "
             "move by 1 down and by 2 to the right", 3, 24, 6, 12, 2),
        here("windows", "pairs-swapped", "the pairs are swapped: the first "
             "two strides move the window, the last two move inside it", 3,
             12, 2, 12, 4),
        here("windows", "stride-turned", "the stride is (rows, columns): 1 "
             "down, 2 to the right", 3, 24, 2, 12, 2),
        here("windows", "stride-inside", "the stride moves the window; inside "
             "it, the next column is the next cell", 3, 12, 4, 12, 4),
        here("starts", "start-at-0", "`flipped` does not start at byte 0 but "
             "in the last row of a", 2, 20, -18, 32),
        here("starts", "starts-in-a", "`turned[4, 1]` is in row 4 of the "
             "transpose, that is column 4 of a", 2, 52, 18, 32),
        here("starts", "window-unmoved", "`windows[2, 1]` starts in row 2 and "
             "column 2 of a: 1 down and 2 to the right at each step", 2,
             20, 18, 30),
    ],
)  # fmt: skip


# 3.2
def six(shape, itemsize, window, stride, dilation):
    """Return the strides of all windows of a batch."""
    batch = np.empty(shape, f"V{itemsize}")
    return window_view(batch, window, stride, dilation).strides


def batches(draw):
    """Make calls of window_strides."""

    def case(part, says, sizes, *rest):
        return part, says, draw.sizes(*sizes), *rest

    one = 1, 1
    yield case("neighbours", "8 bytes", (2, 3, 4, 5), 8, (2, 3), one, one)
    yield case("neighbours", "2 bytes", (3, 2, 7, 4), 2, (3, 2), one, one)
    yield case("stride", "8 bytes", (3, 2, 9, 8), 8, (2, 1), (3, 2), one)
    yield case("stride", "4 bytes", (2, 3, 4, 6), 4, (2, 3), (1, 2), one)
    yield case("dilation", "4 bytes, stride 1", (2, 3, 8, 9), 4, (2, 4), one,
               (3, 2))  # fmt: skip
    yield case("dilation", "1 byte, and a stride", (1, 3, 12, 11), 1, (2, 3),
               (2, 4), (3, 1))  # fmt: skip


def both_everywhere(first):
    """Let stride and dilation multiply two strides, from `first` on."""

    def answer(shape, itemsize, window, stride, dilation):
        right = list(six(shape, itemsize, window, stride, dilation))
        other = stride if first == 4 else dilation
        right[first : first + 2] = np.multiply(right[first:][:2], other)
        return tuple(map(int, right))

    return answer


window_strides = Check(
    six, batches,
    mistakes=[
        ("cells-for-bytes", "this counts cells; a stride is bytes: times "
         "itemsize", 1, but(six, itemsize=1)),
        ("8-bytes", "this counts 8 bytes for each cell: use itemsize", 1,
         but(six, itemsize=8)),
        ("pairs-swapped", "the pairs are swapped: the stride moves the window "
         "(OH, OW), and the dilation moves inside it (PH, PW)", 2,
         then(six, lambda s: (*s[:2], *s[4:], *s[2:4]))),
        ("rows-and-columns-turned", "rows and columns are swapped: OH before "
         "OW, PH before PW", 2,
         then(six, lambda s: (*s[:2], *s[3:1:-1], *s[:3:-1]))),
        ("dilation-ignored", "the dilation is ignored: inside a window the "
         "next cell is DH rows down, DW cells to the right", 2,
         but(six, dilation=1)),
        ("stride-inside", "the stride multiplies inside the window, too; "
         "there only the dilation does", 2, both_everywhere(4)),
        ("dilation-outside", "the dilation multiplies from window to window, "
         "too; there only the stride does", 2, both_everywhere(2)),
        ("copy", "these are the strides of a copy of the windows, whose cells "
         "lie one after the other; the view leads through the batch", 3,
         lambda shape, itemsize, *rest: window_view(
             np.empty(shape, f"V{itemsize}"), *rest).copy().strides),
        ("pairs-turned", "stride and dilation are (rows, columns): the first "
         "number moves down", 2, but(six, stride=turned, dilation=turned)),
        ("dilation-turned", "the two dilations are swapped: (rows, columns)",
         2, but(six, dilation=turned)),
        *families.stride(six, hint=2, without={"stride-turned"}),
        ("sizes-turned", "H and W are swapped: a row holds W cells", 3,
         but(six, shape=lambda shape: (*shape[:2], *shape[:1:-1]))),
        ("images-and-channels-turned", "N and C are swapped: an image holds C "
         "planes", 3, but(six, shape=lambda shape: (*shape[1::-1],
                                                    *shape[2:]))),
    ],
)  # fmt: skip


# 3.3
class OfViews(Check):
    """A check that also looks if one can write to the view."""

    def problem(self, case, got, changed=False):
        """Return a key and lines on what is wrong; "", [] if nothing is."""
        key, lines = super().problem(case, got, changed)
        # A result that shares no memory is judged by its strides alone.
        if (
            not key and case.part == "view" and got[0].flags.writeable
            and np.shares_memory(got[0], case.args[0])
        ):  # fmt: skip
            return "writeable", ["  the numbers and the strides are right"]
        return key, lines


def diagonals(x, length, steps=None, writeable=False):
    """View all diagonal runs, or those with other steps."""
    down, right = x.strides
    starts = (size - length + 1 for size in x.shape)
    view = as_strided(x, (*starts, length), steps or (down, right, down +
                      right), writeable=writeable)  # fmt: skip
    return view, view.strides


def runs(draw):
    """Make calls of diagonal_windows."""
    image = roomy(draw.numbers(draw.sizes(5, 7)))
    small = roomy(draw.numbers(draw.sizes(6, 4)).astype(np.int16))
    large = roomy(draw.numbers(draw.sizes(13, 16), below=50).astype(np.int16))
    square = roomy(draw.numbers((4, 4)))
    yield "values", "8-byte floats", image, 3
    yield "values", "2-byte integers", small, 2
    yield "values", "every second row, third column", large[::2, ::3], 3
    yield "values", "an image upside down", large[::-1], 4
    yield "values", "a transposed image", image.T, 2
    yield "values", "one run to the right", small[:, 1:4], 3
    yield "values", "a single run", square, 4
    yield "values", "runs of a single cell", square[1:3], 1
    yield "view", "8-byte floats", image, 3
    yield "view", "2-byte integers", large, 4
    yield "view", "every second row from below", large[::-2, ::3], 3


def copied(x, length):
    """Return the runs of today's image as a copy."""
    copy = diagonals(x, length)[0].copy()
    return copy, copy.strides


def to_the_left(x, length):
    """View the runs that go down and to the left."""
    view = diagonals(x[:, ::-1], length)[0][:, ::-1]
    return view, view.strides


def run_picture(x, length):
    """Return a function that shows the run of a place."""

    def draw(place):
        i, j, k = place
        run = " ".join(f"{x[i + n, j + n]:g}" for n in range(length))
        return f"run [{i}, {j}] is {run}; this is its number {k}"

    return draw


diagonal_windows = OfViews(
    diagonals, runs, axes="ijk", results={"values": 0}, draw=run_picture,
    mistakes=[
        ("copy", "these are the strides of a copy, whose numbers lie one "
         "after the other; asked is a view of x", 2, copied),
        ("copied-first", "these are the strides of a copy of x; asked is a "
         "view of x itself, whatever its layout", 2,
         lambda x, length: diagonals(x.copy(), length)),
        ("writeable", "one can write to the view, and each write would change "
         "several runs: as_strided without writeable=False", 3,
         but(diagonals, writeable=True)),
        ("to-the-right", "the runs go to the right; a diagonal goes one down "
         "and one to the right at once", 2,
         but(diagonals, steps=lambda x: (*x.strides, x.strides[1]))),
        ("downwards", "the runs go down; a diagonal goes one down and one to "
         "the right at once", 2,
         but(diagonals, steps=lambda x: (*x.strides, x.strides[0]))),
        ("to-the-left", "the runs go down and to the left; asked is down and "
         "to the right", 1, to_the_left),
        *((key, says, 3, but(diagonals, steps=steps)) for key, says, steps in (
            ("8-bytes", "the steps are counted in 8 bytes; x.strides knows "
             "the bytes", lambda x: (8 * x.shape[1], 8, 8 * x.shape[1] + 8)),
            ("cells-for-bytes", "the steps are counted in cells; strides are "
             "bytes, as in x.strides",
             lambda x: (x.shape[1], 1, x.shape[1] + 1)),
            ("strides-from-shape", "the strides are counted from W and "
             "itemsize, as if x had no gaps; take x.strides",
             lambda x: (x.shape[1] * x.itemsize, x.itemsize,
                        (x.shape[1] + 1) * x.itemsize)),
            ("diagonal-from-shape", "a diagonal step is counted from W and "
             "itemsize; it is the sum of the two x.strides",
             lambda x: (*x.strides, (x.shape[1] + 1) * x.itemsize)),
            ("rows-and-columns-turned", "the steps along i and j are swapped: "
             "down along i, to the right along j",
             lambda x: (*x.strides[::-1], sum(x.strides))),
        )),
        ("run-first", "the run is the first axis here; it comes last", 1,
         then(diagonals, lambda y: (np.moveaxis(y[0], -1, 0), y[1]))),
        ("run-missing", "the last runs are missing: size - length + 1 of them "
         "fit", 1, then(diagonals, lambda y: (y[0][:-1, :-1], y[1]))),
        ("squeezed", "an axis of length 1 is gone; np.squeeze removes all of "
         "them", None, then(diagonals, lambda y: (y[0].squeeze(), y[1]))),
    ],
)  # fmt: skip


# 3.4
def along(x, axis, length, stride, strides=None, hop=None, cell=None,
          out=None):  # fmt: skip
    """View all windows along an axis, or as many with other strides."""
    shape, strides = list(x.shape), list(strides or x.strides)
    step = strides[axis]
    shape[axis] = out or output_size(shape[axis], length, stride)
    strides[axis] = hop or stride * step
    return as_strided(x, (*shape, length), (*strides, cell or step),
                      writeable=False)  # fmt: skip


def axes(draw):
    """Make calls of windows_along."""
    block = roomy(draw.numbers(draw.sizes(4, 5, 7)))
    small = roomy(draw.numbers(draw.sizes(6, 7, 9), 200).astype(np.int16))
    row = roomy(draw.numbers(draw.sizes(9, 4)))[:, 0]
    yield "values", "a row of numbers", roomy(row.copy()), 0, 4, 2
    yield "values", "three axes, the last of them", block, 2, 3, 4
    yield "values", "three axes, the first of them", block, 0, 2, 1
    yield "values", "three axes, that in the middle", block, 1, 2, 3
    yield "values", "a single window", block, 0, block.shape[0], 2
    yield "layouts", "2-byte integers", small, 1, 3, 2
    yield "layouts", "a transposed image", block[0].T, 0, 3, 2
    yield "layouts", "every second row of an image", small[0, ::2], 1, 4, 3
    yield ("layouts", "axes in another order, one reversed",
           np.moveaxis(small, -1, 0)[:, ::-1], 2, 2, 3)  # fmt: skip


def cell_picture(x, axis, length, stride):
    """Return a function that says which cell of x a place shows."""

    def draw(place):
        cell = list(place[:-1])
        cell[axis] = cell[axis] * stride + place[-1]
        return f"this is x{cell}, number {place[-1]} of its window"

    return draw


windows_along = Check(
    along, axes, axes="", draw=cell_picture,
    mistakes=[
        ("stride-is-1", "the stride is ignored: these are the windows of "
         "stride 1", 2, but(along, stride=1)),
        ("stride-is-length", "these windows stand side by side; they move by "
         "the stride", 2, but(along, stride=lambda length: length)),
        ("stride-in-shape-alone", "as many windows as there should be, but "
         "each starts one cell after the last; it should be `stride` cells",
         2, but(along, hop=lambda x, axis: x.strides[axis])),
        ("stride-inside", "the stride multiplies inside the window, too; "
         "there the step is one cell", 2,
         but(along, cell=lambda x, axis, stride: stride * x.strides[axis])),
        ("stride-in-bytes", "from window to window it is `stride` bytes here; "
         "a step along `axis` has x.strides[axis] of them", 2,
         but(along, hop=lambda stride: stride)),
        ("stride-along-first", "the stride is applied to the first axis, "
         "whatever `axis` is", 1, lambda x, axis, length, stride: (
             along(x, axis, length, 1)[::stride])),
        ("window-first", "the cells of a window come first here; they come "
         "last", 1, then(along, lambda y: np.moveaxis(y, -1, 0))),
        ("window-behind-axis", "the cells of a window stand right behind "
         "`axis`; they come last", 1,
         lambda *args: np.moveaxis(along(*args), -1, args[1] + 1)),
        ("axis-last", "these are windows along the last axis, whatever `axis` "
         "is", 1, but(along, axis=lambda x: x.ndim - 1)),
        ("axis-first", "these are windows along the first axis, whatever "
         "`axis` is", 1, but(along, axis=0)),
        *((key, "the step is one element of memory; along `axis` it is "
           "x.strides[axis]", 2, but(along, cell=lambda x: x.itemsize, **more))
          for key, more in {
              "itemsize-inside": {},
              "itemsize": {"hop": lambda x, stride: stride * x.itemsize},
          }.items()),
        ("8-bytes", "the strides are counted in 8 bytes; take x.strides", 3,
         but(along, strides=lambda x: np.empty(x.shape).strides)),
        ("strides-from-shape", "the strides are counted from the shape, as if "
         "x lay in memory row by row and without gaps; take x.strides", 3,
         but(along, strides=lambda x: np.empty(x.shape, x.dtype).strides)),
        ("count-over-stride", "this counts size // stride windows; the last "
         "one starts where a whole window is left", 2,
         but(along, out=lambda x, axis, stride: x.shape[axis] // stride)),
        ("window-missing", "the last window along `axis` is missing", 2,
         lambda *args: np.delete(along(*args), -1, args[1])),
        ("squeezed", "an axis of length 1 is gone; np.squeeze removes all of "
         "them", 1, then(along, np.squeeze)),
    ],
)  # fmt: skip


# 3.5
def pool_published(x, f, stride=None, pad=False, method="max"):
    """Pool an image (H, W) with f x f windows. Some lines are wrong."""
    if stride is None:
        stride = f
    if pad:  # keep partial windows at the bottom and on the right
        H, W = x.shape
        OH, OW = H // stride + 1, W // stride + 1
        size = (OH - 1) * stride + f, (OW - 1) * stride + f
        padded = np.full(size, 0)
        padded[:H, :W] = x
        x = padded
    view = window_view(x, f, stride)
    if method == "max":
        return view.max(axis=(2, 3))
    return view.mean(axis=(2, 3))


def looked_at(which, shows):
    """Return a rule that looks at one of the two images."""

    def rule(got):
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return ["not-two"]
        x = got[which]
        if x is None:
            return ["not-done", "  this one is None: still to do?"]
        if not is_array(x) or x.ndim != 2 or not x.size:
            return ["not-an-image"]
        if x.dtype.kind not in "fiu" or not np.isfinite(x).all():
            return ["no-numbers"]
        right = pool_images(x, 2, pad=True)
        with np.errstate(all="ignore"):
            broken = pool_published(x, 2, pad=True)
        found = f"  it gives shape {broken.shape} for your {x.shape}"
        return shows(x, right, broken, found)

    return rule


def wrong_value(x, right, broken, found):
    """Tell why an image does not show a wrong value alone."""
    if broken.shape != right.shape:
        return ["other-fault", f"{found} in place of {right.shape}"]
    if not same(broken, right):
        return []
    return ["larger-beside" if (x < 0).any() else "no-negative",
            "  it finds every maximum of this image"]  # fmt: skip


def wrong_shape(x, right, broken, found):
    """Tell why an image does not show a wrong shape."""
    return [] if broken.shape != right.shape else ["shape-right", found]


def two(value=-np.ones((3, 3)), shape=np.ones((4, 4))):  # noqa: B008
    """Return two images that show it, or nearly so."""
    return value, shape


inputs_that_show = Check(
    two, axes="HW", results={"values": 0, "shape": 1},
    cases=[
        ("values", "wrong values on image 1, with pad=True"),
        ("shape", "a wrong shape on image 2, with pad=True"),
    ],
    rule={"values": looked_at(0, wrong_value),
          "shape": looked_at(1, wrong_shape)},
    mistakes=[
        ("not-two", "it must return two images", None, lambda: two()[:1]),
        ("not-an-image", "it must be an image: an array with 2 axes (H, W)",
         None, lambda: two([[-1]])),
        ("no-numbers", "it must hold ordinary numbers, no NaN and no inf",
         None, lambda: two(np.full((3, 3), np.nan))),
        ("other-fault", "that is the other fault; take sizes for which the "
         "shape is right", 2, lambda: two(-np.ones((4, 4)))),
        ("larger-beside", "your negative numbers have a larger one beside "
         "them, or no padding in their window", 1,
         lambda: two(np.array([[-1, -2, 3], [-4, -5, 6], [7, 8, 9]]))),
        ("no-negative", "what would the padded cells do to other numbers?", 1,
         lambda: two(np.arange(9).reshape(3, 3))),
        ("shape-right", "that is the right shape; try other sizes", 2,
         lambda: two(shape=np.ones((5, 3)))),
    ],
)  # fmt: skip


def ceiling(size, f, stride):
    """Count the windows that ceil_mode keeps."""
    return output_size(size, f, stride, ceil_mode=True)


def partial(x, f, stride, pad, method, fill=None, fill_of_means=None,
            count=ceiling, of_none=(-np.inf, np.nan)):  # fmt: skip
    """Pool an image; padded cells do not count, or hold what is said.

    of_none : maximum and mean of a window that holds no cell of the image.
    """
    take, fill, none = {
        "max": (lambda v: max(v, key=lambda v: (v != v, v)), fill, of_none[0]),
        "mean": (lambda v: sum(v) / len(v), fill_of_means, of_none[1]),
    }[method]
    if method == "mean" or fill is not None or count is not ceiling:
        x = x.astype(float)
    return reduced(
        lambda cells: take(cells) if cells else none, x, f, stride, 0, fill,
        pad and (lambda axis: count(axis.size, f, stride)),
    )  # fmt: skip


def partials(draw):
    """Make calls of pool_mended."""

    def both(part, says, x, f, stride, pad=True, methods=("max", "mean")):
        for method in methods:
            yield part, f"{says}, {method}", x, f, stride, pad, method

    def image(H, W, step=2, **more):  # a larger one leaves the same over
        more_rows, more_columns = draw.pick((0, 0), (0, 2), (1, 0), (1, 2))
        return draw.numbers((H + step * more_rows, W + step * more_columns),
                            **more)  # fmt: skip

    x = image(5, 7)
    yield from both("negatives", "negative numbers", x, 2, 2)
    yield from both("negatives", "windows that overlap", image(5, 8, 3), 4, 3)
    yield from both("negatives", "large numbers", x * 1e10, 2, 2)
    yield from both("fractions", "fractions", image(3, 5, below=2) / 4, 2, 2,
                    methods=("mean", "max"))  # fmt: skip
    yield from both("shape", "more columns than windows need", image(5, 9),
                    3, 2)  # fmt: skip
    yield from both("shape", "a size that divides", image(4, 6), 2, 2)
    yield from both("shape", "one row of windows", image(5, 8)[:3], 3, 2)
    yield from both("shape", "a single window", image(5, 8)[:4, :4], 4, 3)
    whole = image(5, 8, 3).astype(int)
    yield from both("shape", "whole numbers", whole, 4, 3)
    yield from both("shape", "no padding", whole, 4, 3, pad=False)
    yield from both("gaps", "gaps between windows of 1", image(8, 9, 3), 1, 3)
    yield from both("gaps", "gaps between windows of 2",
                    image(6, 7, 3) / 4, 2, 3, methods=("mean", "max"))


def unmended(x, *args):
    """Pool as published, but where only the padded zeros show."""
    y = but(pool_published)(x, *args)
    if y.shape == partial(x, *args).shape and not (x % 1).any():
        raise NotHere
    return y


def behind(size, f, stride):
    """Count the windows that reach the end, wherever they start."""
    return -(-(size - f) // stride) + 1


pool_mended = Check(
    partial, partials, axes=("OH", "OW"),
    draw=lambda x, f, stride, pad, method: windows_of(
        x, f, stride, ((0, (f - 1) * pad),) * 2),
    mistakes=[
        *families.fills(partial, {
            "padded-with-0": ("the padding is still 0, and 0 wins over "
                              "negative numbers", 0),
            "padded-with-nan": ("a maximum with a NaN is NaN; np.nanmax "
                                "passes it over", np.nan),
            **{f"padded-with-{fill:g}": (
                f"the padding holds {fill:g}, and the image smaller numbers",
                fill) for fill in (-100, -999, -9999, -1e6, -1e9)},
        }, hint=1),
        ("start-at-0", "no maximum is below 0 here; one of negative numbers "
         "is", 1, lambda *args: np.maximum(partial(*args), 0)
         if args[-1] == "max" else partial(*args)),
        ("published", "this is what pool_published gives; it is not mended "
         "yet", 1, unmended),
        *((f"mean-with-{key}", "the padded cells count in the mean; divide by "
           "the cells of the image that lie in the window", 3,
           but(partial, fill_of_means=fill))
          for key, fill in {
              **{f"{fill:g}": fill
                 for fill in (0, -np.inf, np.nan, -999, -9999, -1e9)},
              "min": lambda x: x.min(),
          }.items()),
        ("nan-in-ints", "the frame has the dtype of an image of whole "
         "numbers, which holds no NaN; make it one of floats", 3,
         lambda x, *args: partial(x, *args, fill_of_means=-(2.0**63))
         if x.dtype.kind == "i" else partial(x, *args)),
        ("cells-cut", "the cells of the image lose their fractions in an "
         "array of whole numbers; make one of floats", 1,
         but(partial, x=lambda x: np.trunc(x))),
        ("means-cut", "the means of whole numbers are fractions; an array "
         "with the dtype of such an image cuts them off", 1,
         lambda x, *args: partial(x, *args).astype(x.dtype)),
        *families.dtype(partial, hint=1),
        ("results-floored", "the means are rounded down, as `//` does", None,
         then(partial, np.floor)),
        ("too-many-windows", "too many windows: x // y + 1 is not x / y "
         "rounded up, and windows that overlap need fewer", 2,
         but(partial, count=lambda: lambda size, f, stride: (
             size // stride + 1))),
        *((f"behind-the-image-{key}", "the last window lies behind the image: "
           "the stride is larger than the window here. It must start inside",
           3, but(partial, count=lambda: behind, of_none=none))
          for key, none in (("as--inf", (-np.inf, np.nan)),
                            ("as-nan", (np.nan,) * 2), ("as-0", (0, 0)))),
        ("partial-windows-gone", "the partial windows are gone: with pad they "
         "are kept", 3, but(partial, pad=False)),
        ("always-padded", "without pad, windows that do not fit are left out",
         None, but(partial, pad=True)),
        ("squeezed", "an axis of length 1 is gone; np.squeeze removes all of "
         "them", None, then(partial, np.squeeze)),
        ("stride-is-f", "these windows stand side by side; they move by the "
         "stride", None, but(partial, stride=lambda f: f)),
        ("mean-for-maximum", "this is the mean", None,
         but(partial, method="mean")),
        ("maximum-for-mean", "this is the maximum", None,
         but(partial, method="max")),
    ],
)  # fmt: skip


# 3.6
def contrast_published(images, f):
    """Return max - min of f x f windows: (h, w) or (h, w, c)."""
    h, w = images.shape[:2]
    planes = images.reshape(h, w, -1)  # (h, w) is one channel
    view = window_view(np.moveaxis(planes, -1, 0), f)
    spread = view.max(axis=(-2, -1)) - view.min(axis=(-2, -1))
    return np.squeeze(np.moveaxis(spread, 0, -1))


def contrast(images, f):
    """Give contrast_published the shape that it should have."""
    h, w, *channels = images.shape
    return contrast_published(images, f).reshape(h // f, w // f, *channels)


def loses(images):
    """Tell why an array does not lose an axis."""
    if not is_array(images) or images.dtype.kind not in "fiu":
        return ["no-numbers"]
    if images.ndim not in (2, 3):
        return ["no-image", f"  got shape {images.shape}"]
    if 0 in images.shape or min(images.shape[:2]) < 3:
        return ["too-small", f"  got shape {images.shape}"]
    shape = contrast_published(images, 3).shape
    if shape != contrast(images, 3).shape:
        return []
    return ["nothing-lost", f"  it gives shape {shape} for your "
            f"{images.shape}, as it should"]  # fmt: skip


lost_axis = Check(
    lambda: np.zeros((3, 7)), rule=loses,
    cases=[("shows", "contrast_published(images, 3) on your images")],
    mistakes=[
        ("no-numbers", "it must be an array of floats or integers", None,
         lambda: [[0, 0, 0]] * 3),
        ("no-image", "it must be (h, w) or (h, w, c)", None,
         lambda: np.zeros((1, 1, 3, 3))),
        ("too-small", "a 3 x 3 window does not fit in it, or it is empty",
         None, lambda: np.zeros((1, 6))),
        ("nothing-lost", "no axis of the right result has length 1", 1,
         lambda: np.zeros((6, 6, 2))),
    ],
)  # fmt: skip


def pictures(draw):
    """Make calls of contrast_mended."""
    x = draw.numbers((11, 13, 4), below=250)
    wide, high = draw.sizes(7, 5)
    one = x[:6, :wide, :1]
    yield "images", "an image", x[:high, :wide, 0], 2
    yield "images", "one row of windows", x[:3, :wide, 1], 3
    yield "images", "one column of windows", x[:high, :2, 1], 2
    yield "images", "a single window", x[:4, :4, 2], 4
    yield "channels", "several channels", x[:high, :wide, 1:], 2
    yield "channels", "several channels, one row", x[:3, :wide, :2], 3
    yield "channels", "several channels, one column", x[:high, :2], 2
    yield "channels", "one channel, whole numbers", one.astype(int), 3
    yield "channels", "one channel, a single window", one[:4, 3:6], 3


def over_last_axes(images, f):
    """Return the contrast along the last two axes, whatever they are."""
    return np.ptp(window_view(images, f), axis=(-2, -1))


def with_channels(change):
    """Return the contrast, changed where the image has channels."""

    def answer(images, f):
        y = contrast(images, f)
        return change(y) if images.ndim == 3 else y

    return answer


def picture_window(images, f):
    """Return a function that cuts out the window of a place."""
    planes = images if images.ndim == 2 else np.moveaxis(images, -1, 0)
    cut = windows_of(planes, f)
    return lambda place: cut((*place[2:], *place[:2]))


contrast_mended = Check(
    contrast, pictures, axes=("OH", "OW", "C"), draw=picture_window,
    mistakes=[
        ("channel-squeezed", "the last axis is removed whenever its length is "
         "1, also when it is a channel that was given", 2,
         with_channels(lambda y: y[..., 0] if y.shape[-1] == 1 else y)),
        ("squeezed", "every axis of length 1 is gone, also one that is a real "
         "row, column or channel", 1, contrast_published),
        ("channel-added", "nothing is removed now; an image (h, w) without "
         "channels should come back without channels", 2,
         then(contrast, lambda y: y.reshape(*y.shape[:2], -1))),
        ("first-channel", "the first channel alone is kept; only an image "
         "(h, w) has one to give away", 2,
         with_channels(lambda y: y[..., 0])),
        ("channels-first", "the channels come first; they come last, as in "
         "the image", 3,
         with_channels(lambda y: np.moveaxis(y, -1, 0))),
        ("channels-in-window", "`window_view` takes the last two axes, and "
         "these are (w, c): move the channels to the front first", 3,
         but(over_last_axes)),
        ("channels-together", "the channels are pooled, too; each keeps its "
         "own contrast", 3, lambda images, f: (
             contrast(images, f) if images.ndim == 2 else
             pool_images(images, f).max(-1) + pool_images(-images, f).max(-1)
         )),
        ("maximum", "this is the maximum alone; subtract the minimum", None,
         pool_images),
        ("minus-turned", "this is the minimum minus the maximum", None,
         then(contrast, np.negative)),
        ("stride-is-1", "the windows overlap; they stand side by side", None,
         lambda *args: pool_images(*args, 1) + pool_images(-args[0], args[1],
                                                           1)),
        ("partial-windows-kept", "cells that fill no window are left out",
         None, lambda images, f: pool_images(images, f, pad=True)
         + pool_images(-images, f, pad=True)),
    ],
)  # fmt: skip


# 3.7
def memory(N, C, H, W, window, stride, count=None, sizes=(8, 1, 8),
           cells=(1, 1, 0)):  # fmt: skip
    """Count the bytes of two masks and of indices, or nearly so.

    sizes : bytes of an entry; cells : 1 if each cell of a window has one.
    """
    PH, PW = pair(window, "window", 1)
    rows, columns = axes_of((H, W), window, stride, count=count)
    windows = N * C * rows.out * columns.out
    return tuple(int(windows * size * (PH * PW) ** each)
                 for size, each in zip(sizes, cells, strict=True))  # fmt: skip


def masks(draw):
    """Make calls of mask_bytes."""
    yield "plane", "windows that overlap", 1, 1, *draw.sizes(12, 16), 5, 2
    yield ("plane", "windows side by side", 1, 1, *draw.sizes(7, 15), (2, 4),
           (2, 4))  # fmt: skip
    yield "plane", "stride 1", 1, 1, *draw.pick((64, 64), (48, 48)), 3, 1
    yield "batch", "two pairs", *draw.sizes(2, 3, 9, 14), (4, 2), (2, 1)
    yield "batch", "a large batch", *draw.sizes(32, 64, 112, 98), 3, 2


mask_bytes = Check(
    memory, masks,
    mistakes=[
        ("one-plane", "this is one plane; there are N * C of them", 1,
         but(memory, N=1, C=1)),
        ("one-channel", "the channels are left out; each has its mask", 1,
         but(memory, C=1)),
        ("one-image", "this is one image; there are N of them", 1,
         but(memory, N=1)),
        *((key, says, 1, but(memory, sizes=sizes)) for key, says, sizes in (
            ("entries", "an int64 has 8 bytes, and a bool has 1", (1, 1, 1)),
            ("bools-are-bits", "a bool of numpy is a whole byte, not a bit",
             (8, 0.125, 8)),
            ("bools-of-8", "a bool has 1 byte, not 8", (8, 8, 8)),
            ("indices-of-4", "an int64 has 8 bytes, also as an index",
             (8, 1, 4)),
            ("masks-turned", "the mask of int64 comes first, then that of "
             "bools", (1, 8, 8)),
        )),
        ("mask-per-window", "a mask has an entry for each cell of each "
         "window, PH * PW times as many as an index", 2,
         but(memory, cells=(0, 0, 0))),
        ("index-per-cell", "an index is one number for a whole window", 2,
         but(memory, cells=(1, 1, 1))),
        ("cells-of-image", "this counts the cells of the image; count the "
         "windows", 2, but(memory, count=lambda: lambda axis: axis.size,
                           cells=(0, 0, 0))),
        ("window-per-cell", "this takes as many windows as the image has "
         "cells; how many fit?", 2,
         but(memory, count=lambda: lambda axis: axis.size)),
        ("sizes-turned", "H and W are swapped", 2,
         but(memory, H=lambda W: W, W=lambda H: H)),
        *families.order(memory),
        *families.stride(memory, hint=2),
        *families.window(memory, hint=2),
        *families.count(memory, hint=2),
    ],
)  # fmt: skip
