"""Everything that the five texts teach is taught here, and where.

One row for each function, concept, formula, example, printed output, exercise
and claim of the texts, numbered by text: 0 Riley Learning, 1 deepnotes,
2 tinyml, 3 numbersmithy, 4 Dive into Deep Learning. A row names a chapter and
words, code or output that must stand there.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).resolve().parent.parent / "book"
WINDOWS, COLUMNS, STRIDES, UNPOOLING, VARIANTS = (
    f"{name}.ipynb"
    for name in (
        *("01_windows", "02_im2col", "03_strides", "04_unpooling"),
        "05_variants",
    )
)
FAST = "06_fast.ipynb"
EXERCISES = "exercises/01_windows/01_windows.ipynb"
QUESTIONS = "exercises/05_variants/05_variants.ipynb"

ROWS = [
    # -- 0 Riley Learning -----------------------------------------------------
    ("0.1", "pooling makes feature maps smaller",
     WINDOWS, "so that the map shrinks"),
    ("0.2", "fewer parameters, less computation",
     WINDOWS, "28 x 28 -> 250890 parameters 14 x 14 -> 62730 parameters"),
    ("0.3", "it summarises a region of a feature map",
     WINDOWS, "summarises each small region of a feature map by one number"),
    ("0.4", "downsampling, with some invariance",
     WINDOWS, "ignores a shift if each winner stays in its window and no"),
    ("0.5", "maximum and average are kinds of pooling",
     WINDOWS, "keeps one number from each position: the largest, or the"),
    ("0.6", "max pooling, the most common",
     WINDOWS, "It is the most common kind."),
    ("0.7", "average pooling",
     WINDOWS, "**Average pooling** keeps the mean of the window."),
    ("0.8", "built like a convolution, from im2col",
     COLUMNS, "so both can start from the same columns"),
    ("0.9", "letters of convolution",
     COLUMNS, "| filters | FN | none |"),
    ("0.10", "letters of pooling",
     COLUMNS, "| window | FH, FW | PH, PW |"),
    ("0.11", "one bias for each filter; stride; FN = 2C",
     COLUMNS, "twice C is a habit, not a rule"),
    ("0.12", "channel by channel, no parameter, stride = window",
     COLUMNS, "| mostly less than the window | mostly equal to it |"),
    ("0.13", "forward with im2col, backward with col2im",
     COLUMNS, "gradients in the rows of the winners, then `col2im`"),
    ("0.14", "channels as images, then argmax",
     COLUMNS, r"$(N, C, H, W)$ becomes $(N \cdot C, 1, H, W)$"),
    ("0.15", "zeros, gradients at the winners, col2im",
     COLUMNS, "write each gradient in the row of the winner"),
    ("0.16", "the worked problem",
     COLUMNS, "[[0. 3. 0.] [3. 0. 4.] [0. 0. 0.]]"),
    ("0.17", "pictures that are lost",
     "errata.md", "set its problem in pictures"),

    # -- 1 deepnotes ----------------------------------------------------------
    ("1.1", "width and height shrink, the depth does not",
     WINDOWS, "The number of channels stays what it is."),
    ("1.2", "sizes from F and S",
     WINDOWS, "Some books write $W_2 = (W_1 - F)/S + 1$"),
    ("1.3", "a fixed function, nothing to learn",
     WINDOWS, "nothing in it is learned"),
    ("1.4", "padding is uncommon",
     WINDOWS, "It is uncommon with 2 × 2 windows."),
    ("1.5", "the forward pass in lines",
     COLUMNS, "maxima = cols[winners, np.arange(winners.size)]"),
    ("1.6", "no gradient but for the winner",
     COLUMNS, "the output does not move, and the gradient is 0"),
    ("1.7", "the backward pass in lines",
     COLUMNS, "dcols[winners, np.arange(4)] = dout.ravel()"),
    ("1.8", "a layer class; sizes that do not divide",
     COLUMNS, "rounds down where a size does not divide"),
    ("1.9", "its forward",
     COLUMNS, "self.memory = x.shape, cols.shape, winners"),
    ("1.10", "its backward",
     COLUMNS, "shape, cols_shape, winners = self.memory"),
    ("1.11", "im2col and col2im",
     COLUMNS, "def im2col("),
    ("1.11", "im2col and col2im",
     COLUMNS, "def col2im("),
    ("1.12", "columns of 0 to 15",
     COLUMNS, "[[ 0 2 8 10] [ 1 3 9 11] [ 4 6 12 14] [ 5 7 13 15]]"),
    ("1.12", "maxima and winners of 0 to 15",
     COLUMNS, "[[ 5 7] [13 15]] [[3 3] [3 3]]"),

    # -- 2 tinyml -------------------------------------------------------------
    ("2.1", "many kinds, of which the maximum is used most",
     VARIANTS, "Maximum and average are two ways to turn a window into a"),
    ("2.2", "a small window, of which the largest value stays",
     WINDOWS, "**Max pooling** keeps the largest value in the window."),
    ("2.3", "nine numbers, 2 x 2",
     COLUMNS, "[5 6 8 9]] [[5 6] [8 9]]"),
    ("2.4", "a formula for max pooling",
     COLUMNS, r"y_{ij} = \max_{0 \le a < PH,\; 0 \le b < PW}"),
    ("2.5", "its derivative",
     COLUMNS, r"\sum_{(i, j)\,:\, \text{cell } (h, w) \text{ wins"),
    ("2.6", "the layer with return_index",
     COLUMNS, "def __init__(self, window, stride=None, return_index=False):"),
    ("2.7", "indices in the window and in the plane",
     COLUMNS, "[[3 3] [3 3]] [[4 5] [7 8]]"),
    ("2.8", "backward of the nine numbers; the layer is called",
     COLUMNS, "[[0. 0. 0.] [0. 1. 2.] [0. 3. 4.]]"),
    ("2.8", "backward of the nine numbers; the layer is called",
     COLUMNS, "__call__ = forward"),

    # -- 3 numbersmithy -------------------------------------------------------
    ("3.1", "grey dilation and moving average",
     STRIDES, "*grey dilation* or a maximum filter"),
    ("3.2", "sizes, rounded down",
     WINDOWS, r"\lfloor \frac{\text{size} - \text{window}}{\text{stride}}"),
    ("3.3", "padding is rare, channels are independent",
     WINDOWS, "as many channels come out as went in"),
    ("3.4", "pooling of single images",
     STRIDES, 'images, f, stride=None, method="max", pad=False, '
     "return_mask=False"),
    ("3.5", "the strided view of one image",
     STRIDES, "(2, 3, 2, 2) (16, 4, 16, 4) shares memory: True"),
    ("3.6", "the mask of the maxima",
     STRIDES, "it marks *all* of several equal maxima"),
    ("3.7", "the random image and its maxima",
     STRIDES, "[ 1 14 7 16 2 9]] [[16 17] [14 19]] (2, 2, 3, 3)"),
    ("3.7", "the random image and its mask",
     STRIDES, "[1 0 0]] [[0 0 0] [0 0 1] [0 0 0]]"),
    ("3.8", "pooling of batches",
     STRIDES, "one for single images and one for batches, both with channels"),
    ("3.9", "the strided view of a batch",
     STRIDES, "view: (2, 3, 2, 2, 2, 3) (240, 80, 40, 8, 20, 4)"),
    ("3.10", "convolution by einsum and tensordot",
     STRIDES, "np.tensordot(view, weights, axes=([1, 4, 5], [1, 2, 3]))"),
    ("3.11", "unpooling, the inverse of pooling?",
     UNPOOLING, "right *places*, not to the right image"),
    ("3.12", "values go to the maxima, averages are divided",
     UNPOOLING, "the value divided by the number of cells"),
    ("3.13", "from a mask to places",
     UNPOOLING, "(2, 0), (1, 5), (5, 1) and (3, 5)"),
    ("3.14", "max unpooling of single images",
     UNPOOLING, "def unpool_images("),
    ("3.15", "the random image, unpooled",
     UNPOOLING, "[[ 0 0 0 0 0 0] [ 0 0 0 0 0 17] [16 0 0 0 0 0]"),
    ("3.16", "max unpooling of batches",
     UNPOOLING, "(4, 2, 3, 3) -> (4, 6, 9, 3)"),
    ("3.17", "average unpooling",
     UNPOOLING, "[[1. 1. 2. 2.] [1. 1. 2. 2.] [3. 3. 4. 4.]"),
    ("3.18", "the summary",
     UNPOOLING, "Max unpooling writes each value at the place of its maximum"),
    ("3.19", "why vectorized code is faster",
     STRIDES, "why such code is called *vectorized*, and why it speeds up"),
    ("3.20", "its figures, drawn anew",
     STRIDES, "A 6 by 6 image of whole numbers in four windows of 3 by 3."),
    ("3.20", "its figures, drawn anew",
     UNPOOLING, "Below: the unpooled"),

    # -- 4 Dive into Deep Learning --------------------------------------------
    ("4.1", "a lower resolution, an answer for any size",
     WINDOWS, "a stride above 1 lowers the resolution"),
    ("4.1", "a lower resolution, an answer for any size",
     VARIANTS, "gives (N, C, 1, 1) from any size"),
    ("4.2", "a shift by one pixel to the right",
     WINDOWS, "everything moves one cell to the right"),
    ("4.2", "a shift by one pixel to the right",
     "errata.md", "the content has moved *left*"),
    ("4.3", "two purposes",
     WINDOWS, "the first of two reasons to pool"),
    ("4.4", "the window slides",
     WINDOWS, "slides from left to right, then from top to bottom"),
    ("4.5", "four maxima by hand, and the figure",
     WINDOWS, r"\max(0, 1, 3, 4) = 4"),
    ("4.6", "p x q pooling",
     WINDOWS, "is called a PH × PW pooling layer"),
    ("4.7", "the edge that moves by one",
     WINDOWS, "**the −1 has gone**"),
    ("4.8", "pool2d",
     WINDOWS, "def pool2d("),
    ("4.9", "its outputs",
     WINDOWS, "[[4. 5.] [7. 8.]] [[2. 3.] [5. 6.]]"),
    ("4.10", "padding and stride",
     WINDOWS, "For a convolution the new cells hold 0"),
    ("4.11", "the numbers 0 to 15",
     WINDOWS, "[[[[ 0. 1. 2. 3.] [ 4. 5. 6. 7.]"),
    ("4.12", "a window of 3", WINDOWS, "[[[[10.]]]]"),
    ("4.13", "padding 1, stride 2", WINDOWS, "[[[[ 5. 7.] [13. 15.]]]]"),
    ("4.14", "window (2, 3), padding (1, 2)",
     WINDOWS, "[[[[ 0. 3.] [ 8. 11.] [12. 15.]]]]"),
    ("4.15", "channels are not added",
     WINDOWS, "Pooling does not: each channel is pooled on its own"),
    ("4.16", "two channels",
     WINDOWS, "(1, 2, 4, 4) [[[[ 5. 7.] [13. 15.]] [[ 6. 8.] [14. 16.]]]]"),
    ("4.17", "nothing to initialise",
     WINDOWS, "nothing has to be initialised"),
    ("4.18", "the summary",
     WINDOWS, "keeps its maximum or its mean. It has nothing to learn."),
    ("4.19", "average pooling as a convolution",
     VARIANTS, "A **depthwise** convolution has one filter for each channel"),
    ("4.19", "the cost of pooling",
     EXERCISES, '"What is the computational cost of the pooling layer?"'),
    ("4.19", "the cost of pooling",
     FAST, "asks for the computational cost of a pooling layer"),
    ("4.19", "why maximum and average differ",
     QUESTIONS, "Why do you expect maximum pooling and average pooling to"),
    ("4.19", "a minimum layer",
     EXERCISES, '"Do we need a separate minimum pooling layer?"'),
    ("4.19", "between average and maximum",
     VARIANTS, "Why are these not more popular?"),
    ("4.20", "one name for two things",
     "errata.md", "then a layer whose stride is its window"),
]  # fmt: skip

LAST = {"0": 17, "1": 12, "2": 8, "3": 20, "4": 20}  # of each text


@cache
def text_of(name):
    """Return all that stands on a page, with single spaces between words."""
    path = BOOK / name
    if path.suffix == ".md":
        return " ".join(path.read_text().split())
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        parts.append(cell.source)
        for output in cell.get("outputs", []):
            printed = output.get("data", {}).get("text/plain", "")
            parts.append(output.get("text", printed))
    return " ".join(" ".join(parts).split())


def test_every_row_of_the_texts_has_a_place():
    rows = {f"{text}.{k + 1}" for text, last in LAST.items()
            for k in range(last)}  # fmt: skip
    assert {row for row, *_ in ROWS} == rows


@pytest.mark.parametrize(
    "chapter, words",
    [row[2:] for row in ROWS],
    ids=[f"{row}: {what}" for row, what, *_ in ROWS],
)
def test_it_is_taught_there(chapter, words):
    assert words in text_of(chapter)


# -- the glossary -------------------------------------------------------------

TERMS = re.findall(
    r"^(\S.*)\n  (.+)$", (BOOK / "glossary.md").read_text(), re.M
)


def test_the_glossary_has_the_words_of_the_book():
    terms = [term for term, _ in TERMS]
    assert len(terms) >= 35
    assert terms == sorted(terms, key=str.lower)
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("term, sentence", TERMS, ids=[t for t, _ in TERMS])
def test_a_term_is_used_where_the_glossary_says(term, sentence):
    chapters = re.findall(r"\]\((\w+\.ipynb)\)", sentence)
    assert chapters
    stem = term.split()[0][:10].lower()  # equivarian-ce, equivarian-t
    for chapter in chapters:
        assert stem in text_of(chapter).lower()
