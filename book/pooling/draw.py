"""Arrays as pictures: cells, windows and arrows, in light and in dark.

    draw.row(Panel(x, "x", frames=[(0, 0, 2, 2)]), "max", Panel(y, "y"),
             alt="A 3 x 3 array x ...")

A picture is SVG with a transparent ground. Cells are pale with dark numbers,
and all that stands beside them is of a middle tone, so that it reads on white
and on black. `alt` says in words what the picture shows. `playground` makes
pooling that one can touch.
"""

import html
import io
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pooling.geometry import pair
from pooling.ties import share_ties

INK = "#16202c"  # numbers in cells
TONE = "#80868f"  # what stands on the page: titles, arrows, padding
PLAIN = "#dbe4ee"
# Marked cells; the last colour is a dark cell of a picture.
FILLS = ("#f6bd4b", "#8fd0b4", "#eaa5b8", "#b3aef0", "#5b6472")
FRAMES = ("#d1560f", "#1f78c8", "#12906a", "#a247b5")  # window outlines
DASHES = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)))  # of curves
CELL = 0.40  # inches
# In cells, and sums of powers of two: Python 3.12 adds up floats in another
# way than 3.11, and pictures must not depend on it.
ARROW = 1.125
GAP = 0.375
TITLE = 0.875
LETTER = 0.28125  # of a title


@dataclass
class Panel:
    """One array in a picture.

    `frames` are windows (row, column, height, width), each in a colour of its
    own, or in that of a fifth number; `marks` maps cells (row, column) to the
    number of a colour, or lists them; `pad` counts the rows and columns that
    are padding: ((top, bottom), (left, right)).
    """

    array: np.ndarray
    title: str = ""
    frames: list = field(default_factory=list)
    marks: dict | list = field(default_factory=dict)
    pad: tuple = ((0, 0), (0, 0))
    row_names: list = field(default_factory=list)

    def __post_init__(self):
        self.array = np.asarray(self.array)
        if self.array.ndim == 1:
            self.array = self.array[None]
        if self.array.ndim != 2:
            raise ValueError(
                f"array must have 1 or 2 axes to be drawn, got shape "
                f"{self.array.shape}"
            )
        if not isinstance(self.marks, dict):
            self.marks = dict.fromkeys(self.marks, 0)

    @property
    def margin(self):
        """Width of the row names, in cells."""
        longest = max((len(str(name)) for name in self.row_names), default=0)
        return LETTER * longest


class Picture:
    """An SVG that Jupyter shows; its text form is what it shows in words."""

    def __init__(self, svg, alt):
        self.svg, self.alt = svg, alt

    def _repr_svg_(self):
        return self.svg

    def __repr__(self):
        return self.alt


def row(*parts, alt):
    """Draw panels side by side; a text between two becomes an arrow.

    One that begins with "<" points to the left.
    """
    return rows(parts, alt=alt)


def rows(*lines, alt):
    """Draw one row of panels and arrows under the other.

    Keep a row below 14 cells, or it gets too small on a phone.
    """
    heights = [
        TITLE + max(p.array.shape[0] for p in line if isinstance(p, Panel))
        for line in lines
    ]
    widths = [sum(map(room, line)) for line in lines]
    figure, axes = canvas(max(widths) + GAP, sum(heights))
    top = 0
    for line, height in zip(lines, heights, strict=True):
        x = GAP / 2
        for part in line:
            space = room(part) - GAP
            if isinstance(part, Panel):
                columns = part.array.shape[1]
                start = x + part.margin
                start += (space - part.margin - columns) / 2
                panel(axes, part, start, height, top)
            else:
                middle = top + TITLE - 0.1 + (height - TITLE) / 2
                arrow(axes, x, x + space, middle, part)
            x += room(part)
        top += height
    return picture(figure, alt)


def photos(*lines, alt):
    """Draw rows of grey pictures, each a pair (title, array (H, W))."""
    high = max(image.max() for line in lines for _, image in line)
    wide, tall = 3.2, 3.2 * lines[0][0][1].shape[0] / lines[0][0][1].shape[1]
    width = max(map(len, lines)) * (wide + GAP)
    figure, axes = canvas(width + GAP, len(lines) * (tall + TITLE))
    for i, line in enumerate(lines):
        for j, (title, image) in enumerate(line):
            x, y = GAP + j * (wide + GAP), i * (tall + TITLE) + TITLE
            axes.text(x, y - 0.2, title, color=TONE, size=12, weight="bold")
            axes.imshow(
                image, cmap="gray", vmin=0, vmax=high, aspect="auto",
                extent=(x, x + wide, y + tall, y), interpolation="none",
                clip_on=False,
            )
            axes.add_patch(
                Rectangle(
                    (x, y), wide, tall, fill=False, edgecolor=TONE,
                    linewidth=0.8, clip_on=False,
                )
            )
    axes.set(xlim=(0, width + GAP), ylim=(len(lines) * (tall + TITLE), 0))
    return picture(figure, alt)


def curves(*panels, alt, log=False):
    """Draw line plots, one below the other, names at the lines' ends.

    A panel is (title, x values, {name: y values}, name of the x axis). `log`
    counts in doublings on both axes.
    """
    figure = Figure(figsize=(5, 3.1 * len(panels)), layout="constrained")
    colors = (*FRAMES, TONE)
    for k, (title, x, lines, name) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, k + 1)
        for n, y in enumerate(lines.values()):
            color, dash = colors[n % len(colors)], DASHES[n % len(DASHES)]
            axes.plot(x, y, color=color, linestyle=dash, linewidth=2.2)
        axes.set_title(title, color=TONE, size=11, weight="bold", loc="left")
        axes.set_xlabel(name, color=TONE)
        axes.tick_params(colors=TONE)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(TONE)
        if log:
            axes.set_xscale("log", base=2)
            axes.set_yscale("log", base=2)
            axes.set_xticks(x if len(x) < 8 else x[::2])
            axes.xaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_major_formatter("{x:g}")
        elif len(x) < 8:
            axes.set_xticks(x)
        # Names in the order of the ends, from below, none upon another.
        scale = np.log2 if log else float
        low, high = map(scale, axes.get_ylim())
        ends = [(scale(y[-1]) - low) / (high - low) for y in lines.values()]
        height = -0.09
        for n in sorted(range(len(ends)), key=ends.__getitem__):
            height = max(ends[n], height + 0.09)
            axes.annotate(
                list(lines)[n], (1.02, height), xycoords="axes fraction",
                color=colors[n % len(colors)], size=10, weight="bold",
                va="center",
            )
    return picture(figure, alt)


def room(part):
    """Return the width of a panel or an arrow, in cells."""
    if isinstance(part, Panel):
        # A title needs its room, however narrow the array.
        wide = max(part.array.shape[1], LETTER * len(part.title))
        return part.margin + wide + GAP
    letters = len(part.removeprefix("<"))
    return max(ARROW, LETTER * letters + 0.1875) + GAP


def canvas(width, height):
    """Return a figure and its axes, measured in cells from the top left.

    What is drawn on them is not clipped, which keeps the SVG short.
    """
    figure = Figure(figsize=(width * CELL, height * CELL))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def panel(axes, part, x, height, top=0):
    """Draw one array with its left edge at x, in the middle of the height."""
    rows, columns = part.array.shape
    y = top + TITLE - 0.1 + (height - TITLE - rows) / 2
    axes.text(
        x + columns / 2, y - 0.25, part.title, color=TONE, size=11,
        weight="bold", ha="center", va="baseline",
    )
    (above, below), (left, right) = part.pad
    for i, j in np.ndindex(rows, columns):
        padded = (
            i < above or i >= rows - below or j < left or j >= columns - right
        )
        mark = part.marks.get((i, j))
        fill = PLAIN if mark is None else FILLS[mark]
        axes.add_patch(
            Rectangle(
                (x + j + 0.04, y + i + 0.04), 0.92, 0.92,
                facecolor="none" if padded else fill,
                edgecolor=TONE if padded else "none",
                linestyle=(0, (2, 2)), linewidth=0.8, clip_on=False,
            )
        )
        text = label(part.array[i, j])
        axes.text(
            x + j + 0.5, y + i + 0.52, text,
            color=TONE if padded else INK,
            size=11 if len(text) < 4 else 44 / (len(text) + 1),
            weight="bold" if mark is not None else "normal",
            ha="center", va="center",
        )
    crossed = any(overlap(*two) for two in combinations(part.frames, 2))
    for k, (i, j, h, w, *colour) in enumerate(part.frames):
        # Frames that share an edge both show; windows that tile look alike.
        inset = 0.07 * (k % 3) if crossed else 0.05 * (len(part.frames) > 1)
        axes.add_patch(
            Rectangle(
                (x + j + inset, y + i + inset), w - 2 * inset, h - 2 * inset,
                fill=False, linewidth=2.4,
                edgecolor=FRAMES[(*colour, k)[0] % len(FRAMES)],
                joinstyle="round", clip_on=False,
            )
        )
    for i, name in enumerate(part.row_names):
        axes.text(
            x - 0.2, y + i + 0.52, str(name), color=TONE, size=10,
            ha="right", va="center",
        )


def overlap(first, second):
    """Tell whether two windows share a cell."""
    return all(
        max(first[k], second[k])
        < min(first[k] + first[k + 2], second[k] + second[k + 2])
        for k in (0, 1)
    )


def label(value):
    """Write a cell's value shortly."""
    if isinstance(value, str):
        return value
    if value == -np.inf:
        return "−∞"
    if value == np.inf:
        return "∞"
    return f"{float(value):.4g}".replace("-", "−")


def arrow(axes, left, right, y, text):
    """Draw an arrow with a word above it; with "<" before it, leftwards."""
    style = "<|-" if text.startswith("<") else "-|>"
    axes.annotate(
        "", (right, y), (left, y),
        arrowprops={"arrowstyle": style, "color": TONE, "linewidth": 1.6},
    )
    axes.text(
        (left + right) / 2, y - 0.2, text.removeprefix("<"), color=TONE,
        size=10, ha="center", va="baseline",
    )


def picture(figure, alt):
    """Turn a matplotlib figure into a `Picture`; the same bytes every time."""
    stream = io.StringIO()
    style = {"svg.hashsalt": "pooling", "svg.fonttype": "path"}
    with matplotlib.rc_context(style):
        figure.savefig(
            stream, format="svg", transparent=True,
            metadata={"Date": None, "Creator": None},
        )
    return Picture(stream.getvalue(), alt)


class Playground:
    """Pooling to touch: an element of the page with its script."""

    def __init__(self, attributes):
        self.attributes = attributes

    def _repr_html_(self):
        words = " ".join(
            f'{name}="{html.escape(value)}"'
            for name, value in self.attributes.items()
        )
        source = Path(__file__).with_name("playground.js")
        return (
            f"<pool-playground {words}>Run this cell to play."
            f"</pool-playground>\n"
            f"<script>\n{source.read_text(encoding='utf-8')}</script>"
        )

    def __repr__(self):
        return "A playground: it needs a notebook or a page with scripts."


def playground(
    x, window=2, stride=None, padding=0, *, mode="max", ceil_mode=False,
    count_include_pad=True, ties="first", show=None,
):
    """Put the plane x on the table: change it, pool it, send gradients back.

    The arguments are what it starts with. `mode` is "max" or "avg", `ties` a
    rule of `share_ties`, `show` lists what is open: "columns", "backward".
    Without it, nothing of these is shown or spoken of.
    """
    x = np.asarray(x)
    if x.ndim != 2:
        raise ValueError(f"x must have 2 axes, got shape {x.shape}")
    if mode not in ("max", "avg"):
        raise ValueError(f"mode must be 'max' or 'avg', got {mode!r}")
    share_ties(np.ones((1, 1, 1, 1), dtype=bool), ties)  # refuses other rules
    if mode == "avg" and not count_include_pad:
        mode = "avg-image"
    stride = window if stride is None else stride
    least = {"window": 1, "stride": 1, "padding": 0}
    pairs = {
        name: pair(value, name, least[name])
        for name, value in zip(least, (window, stride, padding), strict=True)
    }
    attributes = {
        "x": "; ".join(" ".join(map(str, line)) for line in x.tolist()),
        **{name: " ".join(map(str, both)) for name, both in pairs.items()},
        "mode": mode,
        "ties": ties,
    }
    if show is not None:
        attributes["open"] = " ".join(show)
    if ceil_mode:
        attributes["ceil"] = "ceil"
    return Playground(attributes)
