"""Each check is right about references, stubs and the mistakes of learners.

The exercises are read from the solutions notebooks. A reference must pass, the
stub that a student gets must be "not attempted", and each named wrong answer
must fail with the message that was written for it.
"""

import ast
import contextlib
import io
import re
from typing import NamedTuple

import nbformat
import numpy as np
import pytest

import pooling
from pooling import check
from pooling.check.table import NotAttempted
from pooling.check.windows import IMAGE, pool2d_broken
from tools.refresh import LESSONS, ROOT, SOLUTIONS, exported_source, release

HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*)### END HIDDEN TESTS", re.S)
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*)### END SOLUTION", re.S)
HINT = re.compile(
    r"<details><summary>Hint (\d) · [^<]+</summary>\n\n(.+?)\n\n</details>",
    re.S,
)
TITLE = re.compile(r"## Exercise (\d+)\.(\d+) · \S.*")
HEADER = re.compile(
    r"\*Difficulty [123] of 3 · \d+ minutes · (\d+) points · "
    r"needs: [^·]+ · checked: [^·]+\*"
)


class Exercise(NamedTuple):
    """One exercise: the cells from its title to the next."""

    chapter: str
    title: str
    cells: list

    @property
    def text(self):
        """Its markdown, without the answer that a person grades."""
        return "\n".join(
            cell.source
            for cell in self.cells
            if cell.cell_type == "markdown" and not role(cell, "solution")
        )

    @property
    def functions(self):
        """Name -> the cell of the reference solution."""
        return {
            cell.metadata.nbgrader.grade_id: cell
            for cell in self.cells
            if cell.cell_type == "code" and role(cell, "solution")
        }

    def tests(self, name):
        """Return the check cells of a function."""
        return [
            cell
            for cell in self.cells
            if role(cell, "grade")
            and cell.metadata.nbgrader.grade_id.split("-")[0] == name
        ]


def role(cell, key):
    """Return an entry of a cell's nbgrader metadata, or None."""
    return cell.metadata.get("nbgrader", {}).get(key)


def exercises_of(notebook, chapter):
    """Cut a notebook at the titles of its exercises."""
    found = []
    for cell in notebook.cells:
        first = cell.source.split("\n")[0]
        if cell.cell_type == "markdown" and first.startswith("## "):
            found.append(Exercise(chapter, first, []))
        if found:
            found[-1].cells.append(cell)
    return found


NOTEBOOKS = {p.stem: nbformat.read(p, as_version=4) for p in SOLUTIONS}
EXERCISES = [
    exercise
    for chapter, notebook in NOTEBOOKS.items()
    for exercise in exercises_of(notebook, chapter)
]
HOME = {name: e for e in EXERCISES for name in e.functions}

each_exercise = pytest.mark.parametrize(
    "exercise", EXERCISES, ids=[e.title.split(" · ")[0] for e in EXERCISES]
)
each_function = pytest.mark.parametrize("name", HOME)


def quietly(function, *args):
    """Call a function; return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        function(*args)
    return printed.getvalue()


def run(source, namespace):
    """Run the text of a cell; return what it prints."""
    return quietly(exec, compile(source, "<cell>", "exec"), namespace)


def passes(source, namespace):
    """Tell whether a check cell, or its hidden tests alone, gives points."""
    try:
        run(source, dict(namespace))
    except Exception:
        return False
    return True


@pytest.fixture(scope="module")
def references():
    """Run each solutions notebook; return chapter -> its names."""
    names = {chapter: {} for chapter in NOTEBOOKS}
    for chapter, notebook in NOTEBOOKS.items():
        for cell in notebook.cells:
            if cell.cell_type == "code" and not role(cell, "grade"):
                run(cell.source, names[chapter])
    return names


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Release each solutions notebook; return chapter -> what students get."""
    folder = tmp_path_factory.mktemp("released")
    for chapter in NOTEBOOKS:
        release(chapter, folder)
    return {
        chapter: nbformat.read(
            folder / chapter / f"{chapter}.ipynb", as_version=4
        )
        for chapter in NOTEBOOKS
    }


# What the checks say --------------------------------------------------------


@each_function
def test_reference_passes(name, references):
    names = references[HOME[name].chapter]
    for cell in HOME[name].tests(name):
        assert run(cell.source, dict(names)).startswith(f"✓ {name}")


@each_function
def test_check_cells_cover_all_parts(name, references):
    names = references[HOME[name].chapter]

    def cases(text):
        found = re.findall(r": (?:\d+ of |all )?(\d+) cases? right", text)
        return sum(map(int, found))

    every = cases(quietly(getattr(check, name), names[name]))
    seen = [HIDDEN.sub("", c.source) for c in HOME[name].tests(name)]
    parts = [run(source, dict(names)) for source in seen]
    assert every == sum(map(cases, parts)) > 0


@each_function
def test_stub_is_not_attempted(name, references, released):
    chapter = HOME[name].chapter
    names = dict(references[chapter])
    for cell in released[chapter].cells:
        if role(cell, "grade_id") == name:
            assert re.search(
                r"# your code here\n +raise NotImplementedError", cell.source
            )
            run(cell.source, names)
    calm = f"· {name}: not attempted yet"
    assert quietly(getattr(check, name), names[name]) == f"{calm}\n"
    for cell in HOME[name].tests(name):
        with pytest.raises(NotAttempted, match=calm):
            run(cell.source, names)
        assert not passes(HIDDEN.search(cell.source)[1], names)


def test_each_check_belongs_to_an_exercise():
    assert set(check.__all__) - {"last", "show"} == set(HOME)


# What an exercise looks like ------------------------------------------------


@each_exercise
def test_header(exercise):
    first, header, blank = exercise.text.split("\n")[:3]
    number, place = map(int, TITLE.fullmatch(first).groups())
    assert number == int(exercise.chapter.split("_")[0])
    chapter = [e.title for e in EXERCISES if e.chapter == exercise.chapter]
    assert chapter.index(first) == place - 1
    points = sum(role(cell, "points") or 0 for cell in exercise.cells)
    assert int(HEADER.fullmatch(header)[1]) == points > 0
    assert blank == ""


@each_exercise
def test_hints(exercise):
    hints = HINT.findall(exercise.text)
    assert [int(k) for k, _ in hints] == list(range(1, len(hints) + 1))
    assert 1 <= len(hints) <= 3
    assert exercise.text.count("<details>") == len(hints)
    shown = {line.strip() for _, hint in hints for line in hint.split("\n")}
    for cell in exercise.functions.values():
        body = {
            line.strip()
            for line in SOLUTION.search(cell.source)[1].split("\n")
            if line.strip() and not line.strip().startswith("#")
        }
        assert 2 * len(body & shown) <= len(body), "a hint gives it away"


@each_exercise
def test_cells_are_as_nbgrader_needs_them(exercise):
    for cell in exercise.cells:
        marks = cell.metadata.get("nbgrader")
        if marks is None:
            continue
        assert marks.schema_version == 3
        assert not marks.task
        assert marks.locked != marks.solution
        if marks.grade:
            assert marks.points > 0
        if marks.grade and not marks.solution:
            name, _, part = marks.grade_id.partition("-")
            called = f'check.{name}({name}, "{part}")\n'
            assert cell.source.startswith(called + "### BEGIN HIDDEN")
            assert name in exercise.functions
        if cell.cell_type == "code" and marks.solution:
            assert f"def {marks.grade_id}(" in cell.source
            assert SOLUTION.search(cell.source)


@each_exercise
def test_students_do_not_see_answers(exercise, released):
    notebook = released[exercise.chapter]
    text = nbformat.writes(notebook)
    assert "### " not in text.replace("#### ", "")
    for cell in notebook.cells:
        if role(cell, "grade") and role(cell, "solution"):
            assert cell.source == "*Your answer here.*"
        if "nbgrader" in cell.metadata:
            assert not cell.get("outputs")


def bodies(tree):
    """Yield the name and the body of each function, without docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            text = "\n".join(ast.dump(statement) for statement in body)
            if len(text) > 200:  # one short line may come twice
                yield node.name, text


def test_no_function_is_typed_twice():
    sources = [p.read_text() for p in (ROOT / "book/pooling").rglob("*.py")]
    for notebook in NOTEBOOKS.values():
        sources += [
            cell.source
            for cell in notebook.cells
            # A check cell stands alone: the one before it may have failed.
            if cell.cell_type == "code" and not role(cell, "grade")
        ]
    seen = {}
    for source in sources:
        for name, body in bodies(ast.parse(source)):
            assert body not in seen, f"{name} is {seen[body]} again"
            seen[body] = name


@each_function
def test_no_lesson_gives_the_function_away(name):
    for lesson in LESSONS:
        source = exported_source(lesson)
        assert not re.search(rf"^(def|class) {name}\b", source, re.M)
    assert not hasattr(pooling, name)


def test_numbers_in_the_exercises_of_chapter_1(references):
    names = references["01_windows"]

    def text(name):
        return HOME[name].text

    def table(name, columns):
        """Read the whole numbers of a table's rows."""
        rows = re.findall(r"^\| [^a-z\n-]+\|$", text(name), re.M)
        numbers = [list(map(int, re.findall(r"\d+", r))) for r in rows]
        return [row for row in numbers if len(row) == columns]

    assert str(IMAGE) in text("pool_by_hand")
    sizes = re.findall(r"\| (?:size|windows) \|(.*)\|", text("input_sizes"))
    sizes, windows = ([int(n) for n in row.split("|")] for row in sizes)
    assert windows == [pooling.output_size(s, 3, 2) for s in sizes]
    found = re.findall(
        r"^\| ([\d |]+) \| (no|yes) \| (\d+) \|$", text("count_windows"), re.M
    )
    assert len(found) == 4
    for row, ceil, out in found:
        sizes = map(int, row.split("|"))
        assert names["count_windows"](*sizes, ceil == "yes") == int(out)
    x = np.array([[-1.0, -2], [-3, -4]])[None, None]
    pair = (2, 2), (2, 2), (1, 1)
    assert names["pool_planes"](x, *pair, "max").tolist() == x.tolist()
    assert (names["pool_planes"](x, *pair, "avg") == x / 4).all()
    assert names["input_sizes"](3, 3, 2) == (7, 8)
    assert "`input_sizes(3, 3, 2)` is `(7, 8)`" in text("input_sizes")
    x = np.array([[5, 3, 8], [4, 1, 9], [0, 7, 6]])[None, None]
    assert names["min_pool2d"](x, 2, 1).tolist() == [[[[1, 1], [0, 1]]]]
    kernel = names["average_kernel"](1, (1, 2)).tolist()
    assert f"weights are `{kernel}`" in text("average_kernel")
    cost = names["pooling_cost"]
    assert cost(1, 2, 3, (2, 2), (1, 1), (0, 0)) == (6, 6, 2)
    comparisons = cost(64, 112, 112, (3, 3), (2, 2), (1, 1))[0]
    assert f"needs\n{comparisons:,} comparisons" in text("pooling_cost")
    rows = table("same_padding", 6)
    assert len(rows) == 3
    for size, window, stride, out, before, after in rows:
        assert names["same_padding"](size, window, stride) == (before, after)
        sides = before, after
        assert pooling.output_size(size, window, stride, sides) == out
    x = np.arange(9.0).reshape(3, 3)
    assert pool2d_broken(x, (2, 2)).tolist() == [[4, 5], [7, 8]]


def test_numbers_in_the_exercises_of_chapter_6(references):
    names = references["06_fast"]

    def said(name, *claims):
        for claim in claims:
            assert str(claim) in HOME[name].text, claim

    def rows(name):
        """Read a table with two columns of whole numbers."""
        found = re.findall(r"^\| ([^|a-z]+) \| \[(.+)\] \|$",
                           HOME[name].text, re.M)  # fmt: skip
        assert len(found) >= 3
        return [
            [list(map(int, re.findall(r"\d+", part))) for part in row]
            for row in found
        ]

    traffic = names["pooling_traffic"]((8, 64, 112, 112), 4, (3, 3), (2, 2))
    comparisons, once, columns = traffic
    said("pooling_traffic", " | ".join(f"{n:,}" for n in traffic))
    said("pooling_traffic", f"{comparisons / once:.2f} comparisons for each")
    said("pooling_traffic", f"{columns / once:.2f} times as\nlarge")
    widths = np.cumsum([1, *names["doubling_shifts"](11)])[1:]
    assert widths.tolist() == [2, 4, 8, 11]
    said("doubling_shifts", "may be 2, 4,\n8 and 11")
    for number, width in enumerate(widths, 1):
        cells = " ".join(map(str, range(width)))
        said("doubling_shifts", f"pass {number}      {cells}\n")
    for shifts, counts in rows("times_added"):
        assert names["times_added"](shifts).tolist() == counts
    found = names["cut_rows"](10, 3, 1, 5)
    for name, both in zip(("windows", "rows   "), found, strict=True):
        said("cut_rows", f"{name} = {both.tolist()}")
    assert pooling.output_size(10, 3, 1) == 8
    table = re.findall(r"^\| \((\d), (\d)\) \| (.+) \|$",
                       HOME["first_places"].text, re.M)  # fmt: skip
    assert len(table) == 2
    for *stride, places in table:
        stride = tuple(map(int, stride))
        found = names["first_places"]((1, 3, 4), (2, 2), stride)
        assert str(found.tolist()) == places
    x = np.array([[1, 5, 2, 0], [4, 3, 9, 6], [7, 0, 8, 1]], float)[None, None]
    _, indices = pooling.max_pool2d(x, 2, 1, return_indices=True)
    first = names["first_places"]((1, 3, 4), (2, 2), (1, 1))
    distance = (indices - first).astype(np.uint8)
    dout = np.arange(1.0, 7).reshape(1, 1, 2, 3)
    dx = names["gradient_from_distances"](dout, distance, x.shape, (1, 1))
    said("gradient_from_distances",
         f"dx = {dx[0, 0].astype(int).tolist()}")  # fmt: skip
    for array in (x, distance, dout):
        for line in array[0, 0].astype(int).tolist():
            said("gradient_from_distances", line)

    plan = names["slow_plan"]((2, 3), 10)
    assert "".join(str(plan).split()) in "".join(
        HOME["faster_plan"].text.split()
    )
    best, far = names["max_and_distance"](np.array([4, 9, 9, 2, 5, 5]), 3)
    said("max_and_distance", f"maxima    = {best.tolist()}",
         f"distances = {far.tolist()}")  # fmt: skip

    (answer,) = (
        cell.source
        for cell in NOTEBOOKS["06_fast"].cells
        if role(cell, "grade_id") == "hardly_grows"
    )
    answer = " ".join(answer.split())
    for k, stride in ((2, 1), (31, 1), (31, 31)):
        windows = pooling.output_size(64, k, stride) ** 2
        assert f"{windows * (k * k - 1):,}" in answer
    passes = [2 * len(names["doubling_shifts"](k)) for k in (2, 31)]
    assert "passes grow from {} to {}".format(*passes) in answer
    assert f"doubling {passes[1] * 64 * 64:,} times" in answer
    assert pooling.output_size(64, 31, 31) ** 2 == 4


def test_numbers_in_the_rubric_of_chapter_1():
    (answer,) = (
        cell.source
        for cell in NOTEBOOKS["01_windows"].cells
        if role(cell, "grade_id") == "invariance"
    )
    rubric = " ".join(answer.split())
    image = np.ones((6, 8))
    image[:, 2:6] = 0

    def edges(shift, stride=1):
        moved = np.roll(image, shift, axis=1)
        row = moved[:, :-1] - moved[:, 1:]
        y = pooling.max_pool2d(row[None, None], 2, stride)[0, 0, 0]
        return str(y.astype(int).tolist())

    response = (image[0, :-1] - image[0, 1:]).astype(int).tolist()
    for claim in (
        f"response `{response}`",
        f"original `{edges(0)}`, shift +1 `{edges(1)}`, shift −1 "
        f"`{edges(-1)}`, shift +2 `{edges(2)}`",
        f"stride 2 gives `{edges(0, 2)}`, shift +1 `{edges(1, 2)}`, shift "
        f"−1 `{edges(-1, 2)}`",
    ):
        assert claim in rubric
    stripes = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    for shift, pooled in ((0, [0, 1, 0, 1]), (1, [1, 1, 1, 1])):
        y = np.roll(stripes, -shift)[None, None, None]
        y = pooling.max_pool2d(y, (1, 2)).ravel().tolist()
        assert y == pooled
        assert str(pooled) in rubric
