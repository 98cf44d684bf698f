"""Each thing has one home, and what is stored is what the code gives.

Rules over the syntax trees of notebooks and modules, over stored outputs, and
over what tools/refresh.py makes from them.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tools.finish_site import ZIP
from tools.refresh import (
    HELP,
    LESSONS,
    ROOT,
    SOLUTIONS,
    VERSION,
    begin,
    exported_source,
    how_to_get,
    module_of,
    release,
)

BOOK = ROOT / "book"
PACKAGE = BOOK / "pooling"
EXERCISES = sorted((BOOK / "exercises").rglob("*.ipynb"))
MODULES = {lesson: module_of(lesson) for lesson in LESSONS}
NOTEBOOKS = {
    path: nbformat.read(path, as_version=4) for path in LESSONS + SOLUTIONS
}


def short(path):
    """Return a path as one sees it in the project."""
    return str(path.relative_to(ROOT))


each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=short)
each_solution = pytest.mark.parametrize("solution", SOLUTIONS, ids=short)
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=short)


def code_cells(path, tag=None):
    """List the code cells of a notebook: with a tag, or all."""
    return [
        cell
        for cell in NOTEBOOKS[path].cells
        if cell.cell_type == "code"
        and (tag is None or tag in cell.metadata.get("tags", []))
    ]


def parse(cell):
    """Return the syntax tree of a cell; magics become calls."""
    return ast.parse(TransformerManager().transform_cell(cell.source))


def scripts(*rooms):
    """List the Python files of some rooms of the house."""
    return [
        path
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if not any(part.startswith((".", "_build")) for part in path.parts)
    ]


def definitions(tree):
    """List the names that a module or cell defines at its top."""
    names = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = getattr(node, "targets", None) or [node.target]
            names += [t.id for t in targets if isinstance(t, ast.Name)]
    return names


def exports(lesson):
    """List the names that a lesson exports."""
    return [
        name
        for cell in code_cells(lesson, "export")
        for name in definitions(parse(cell))
    ]


def imports(tree):
    """List the modules that a tree imports, with names taken from them."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            found += [f"{prefix}.{alias.name}" for alias in node.names]
    return found


# -- the lessons are the home of the functions they teach ---------------------


def test_there_are_lessons_and_exercises():
    assert LESSONS
    assert SOLUTIONS
    assert {p.stem for p in EXERCISES} == {p.stem for p in SOLUTIONS}


def test_one_notebook_one_module():
    assert len(set(MODULES.values())) == len(LESSONS)
    numbers = [lesson.stem.split("_")[0] for lesson in LESSONS]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"\d\d", number) for number in numbers)
    exported = {
        path
        for path in PACKAGE.rglob("*.py")
        if path.read_text().startswith("# Exported from ")
    }
    assert exported == set(MODULES.values())


@each_lesson
def test_exported_module_is_what_the_lesson_says(lesson):
    assert code_cells(lesson, "export"), "a lesson exports something"
    assert module_of(lesson).read_text() == exported_source(lesson), (
        "stale: `make refresh`"
    )


def test_a_name_is_exported_once_in_the_whole_book():
    home = {}
    for lesson in LESSONS:
        for name in exports(lesson):
            assert name not in home, f"{name}: {home[name]}, {lesson.name}"
            home[name] = lesson.name
    for path in PACKAGE.glob("*.py"):
        twice = set(definitions(ast.parse(path.read_text()))) & set(home)
        assert not twice, f"{path.name} defines {twice} again"


@each_lesson
def test_a_lesson_does_not_define_an_export_again(lesson):
    """Not its own, and not that of a lesson before it."""
    before = LESSONS[: LESSONS.index(lesson) + 1]
    home = {name for path in before for name in exports(path)}
    for cell in code_cells(lesson):
        if "export" not in cell.metadata.get("tags", []):
            functions = [
                node.name
                for node in parse(cell).body
                if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            ]
            assert not home & set(functions)


@each_lesson
def test_exported_cells_hold_definitions_only(lesson):
    """Imports, functions, classes and constants: importing does nothing."""
    for cell in code_cells(lesson, "export"):
        for node in parse(cell).body:
            if isinstance(node, ast.Assign):
                names = [getattr(t, "id", "") for t in node.targets]
                assert all(map(str.isupper, names)), ast.unparse(node)
                calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
                assert not calls, ast.unparse(node)
            else:
                allowed = (
                    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef,
                )  # fmt: skip
                assert isinstance(node, allowed), ast.unparse(node)


@each_lesson
def test_lessons_import_from_the_package_and_earlier_lessons(lesson):
    position = LESSONS.index(lesson)
    modules = [f"pooling.lessons.{MODULES[p].stem}" for p in LESSONS]
    earlier = {*modules[:position], "pooling.geometry", "pooling.engine"}
    later = set(modules[position:])
    for cell in code_cells(lesson, "export"):
        for name in imports(parse(cell)):
            known = name.split(".")[0] in sys.stdlib_module_names | {"numpy"}
            assert known or name.rpartition(".")[0] in earlier, name
    for cell in code_cells(lesson):
        for name in imports(parse(cell)):
            assert not any(f"{name}.".startswith(f"{m}.") for m in later), name


def test_every_export_is_named_by_a_test():
    named = set()
    for path in scripts("tests"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name):
                named.add(node.id)
            elif isinstance(node, ast.Attribute):
                named.add(node.attr)
    for lesson in LESSONS:
        missing = set(exports(lesson)) - named
        assert not missing, f"{lesson.name}: no test names {missing}"


# -- no function is written twice ---------------------------------------------


class Renamed(ast.NodeTransformer):
    """Number the names that a function binds, so that copies look alike."""

    def __init__(self, function):
        bound = [
            node.arg if isinstance(node, ast.arg) else node.id
            for node in ast.walk(function)
            if isinstance(node, ast.arg)
            or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        ]
        self.names = {
            name: f"v{k}" for k, name in enumerate(dict.fromkeys(bound))
        }

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def body_of(function):
    """Return a function's body in normal form; None if it is trivial."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if len(body) == 0 or (len(body) == 1 and len(ast.unparse(body)) < 100):
        return None
    # A copy of the tree: renaming must not touch what others look at.
    copy = ast.parse(ast.unparse(function)).body[0]
    renamed = Renamed(copy).visit(copy)
    kept = renamed.body[-len(body) :]
    return "\n".join(map(ast.dump, kept))


def functions():
    """Yield (place, function) for each function in the house."""
    trees = []
    for path in scripts("book", "solutions", "grading", "tools", "tests"):
        if path not in MODULES.values():  # the lessons stand for these
            trees.append((short(path), ast.parse(path.read_text())))
    for path in NOTEBOOKS:
        for cell in code_cells(path):
            # A check cell stands alone: the one before it may have failed.
            if not cell.metadata.get("nbgrader", {}).get("grade"):
                trees.append((f"{short(path)} [{cell.id}]", parse(cell)))
    for place, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{place}: {node.name}", node


def test_no_two_functions_have_the_same_body():
    homes, twice = {}, []
    for place, function in functions():
        body = body_of(function)
        if body is not None:
            twice += [f"{homes[body]} = {place}"] if body in homes else []
            homes[body] = place
    assert len(homes) > 100
    assert not twice, "\n".join(twice)


def test_copies_are_recognised_under_other_names():
    def normal(source):
        return body_of(ast.parse(source).body[0])

    first = 'def f(x, n):\n    """Add."""\n    y = x + n\n    return y'
    other = "def total(a, step=1):\n    out = a + step\n    return out"
    wrong = "def total(a, step=1):\n    out = a - step\n    return out"
    assert normal(first) == normal(other) != normal(wrong)
    assert normal("def f(x):\n    return x") is None


# -- the rooms of the house ---------------------------------------------------


def test_the_package_imports_no_lesson():
    """Lessons build on the front door, never the other way round."""
    for name in ("__init__", "geometry", "engine", "ties", "draw"):
        tree = ast.parse((BOOK / "pooling" / f"{name}.py").read_text())
        for module in imports(tree):
            assert not module.startswith(("pooling.lessons", "pooling.check"))


# They run with numpy, pytest and hypothesis alone, on any numpy.
OF_THE_PACKAGE = (
    "conftest", "columns", "oracles", "test_fast", "test_pooling",
    "test_seeds", "test_unpooling", "test_variants",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_THE_PACKAGE)
def test_tests_of_the_package_need_little(name):
    tree = ast.parse((ROOT / "tests" / f"{name}.py").read_text())
    allowed = {"numpy", "pytest", "hypothesis", "pooling", *OF_THE_PACKAGE}
    tree.body = [
        node for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]  # fmt: skip
    needed = {module.split(".")[0] for module in imports(tree)}
    assert needed <= allowed | sys.stdlib_module_names, name


def test_arrows_between_the_rooms_run_one_way():
    """Readers, solutions and grading never import tests or tools."""
    trees = [
        (short(path), ast.parse(path.read_text()))
        for path in scripts("book", "solutions", "grading")
    ]
    trees += [
        (short(path), parse(cell))
        for path in NOTEBOOKS
        for cell in code_cells(path)
    ]
    for place, tree in trees:
        rooms = {name.split(".")[0] for name in imports(tree)}
        assert not rooms & {"tests", "tools"}, place
        if place.startswith("book/"):
            assert not rooms & {"solutions", "grading"}, place
        if place.startswith("solutions/"):
            assert "grading" not in rooms, place


def test_the_package_needs_numpy_and_matplotlib_only():
    allowed = sys.stdlib_module_names | {
        "numpy", "matplotlib", "pooling", "IPython",
    }  # fmt: skip
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in imports(ast.parse(path.read_text())):
            assert name.split(".")[0] in allowed, f"{path.name}: {name}"


# -- what notebooks store -----------------------------------------------------

NOISE = {
    "a duration": r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s|sec|seconds|minutes)\b",
    "a time of day": r"\b\d{1,2}:\d{2}(:\d{2})?\b",
    "a date": r"\b20\d\d-\d\d-\d\d\b",
    "an address in memory": r"\b0x[0-9a-f]{6,}\b",
    "a path of some machine": r"(/(home|root|Users|tmp|work)/|[A-Z]:\\)",
    "a temporary cell": r"ipykernel_\d+|ipython-input",
}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def is_picture(output):
    return any(kind.startswith("image/") for kind in output.get("data", {}))


def stored_text(cell):
    """Yield what a reader sees below a cell as text."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield COLOURS.sub("", "\n".join(output.traceback))
        elif not is_picture(output):
            yield output.data.get("text/plain", "")


@each_notebook
def test_stored_as_executed_top_to_bottom(notebook):
    cells = code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "run `make refresh`"
    for cell in cells:
        failed = [o for o in cell.outputs if o.output_type == "error"]
        meant = "raises-exception" in cell.metadata.get("tags", [])
        assert bool(failed) == meant, cell.source
    metadata = NOTEBOOKS[notebook].metadata
    assert metadata.kernelspec.name == "python3"
    assert metadata.language_info == {"name": "python"}
    assert metadata.pooling == {"version": VERSION}
    assert set(metadata) == {"kernelspec", "language_info", "pooling"}
    ids = [cell.id for cell in NOTEBOOKS[notebook].cells]
    assert len(set(ids)) == len(ids)


@each_notebook
def test_a_notebook_says_how_to_get_the_package(notebook):
    """In its first code cell; and an exercise which version it goes with."""
    source = code_cells(notebook)[0].source
    assert source == begin(source), "run `make refresh`"
    assert source.count("# No module named 'pooling'?") == 1
    calls = source.count(f'\ncheck.made_for("{VERSION}")')
    assert calls == (notebook in SOLUTIONS)


@pytest.mark.parametrize("address", ["", "https://example.org/book/"])
def test_how_to_get_the_package_is_short(address):
    *says, command = how_to_get(address, "10.10.10").splitlines()
    assert len(says) <= 2 and max(map(len, says)) <= 79
    what = f"{address}pooling-10.10.10-py3-none-any.whl" if address else ZIP
    assert command == f"#%pip install scikit-learn {what}"


@each_notebook
def test_stored_outputs_hold_no_times_and_no_machines(notebook):
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata
        for text in stored_text(cell):
            for what, pattern in NOISE.items():
                found = re.search(pattern, text)
                assert not found, f"{what}: {found[0]!r} below {cell.source}"


@each_notebook
def test_lines_fit_a_narrow_column(notebook):
    for cell in code_cells(notebook):
        for line in cell.source.splitlines():
            assert len(line) <= 79 or line.startswith("#%pip "), line
        for text in stored_text(cell):
            for line in text.splitlines():
                assert len(line) <= 75, line


@each_lesson
def test_pictures_say_in_words_what_they_show(lesson):
    for cell in code_cells(lesson):
        if any(map(is_picture, cell.outputs)):
            image = cell.metadata.get("mystnb", {}).get("image", {})
            alt = image.get("alt", "")
            assert len(alt) >= 30, f"no alternative text: {cell.source}"
            assert not re.search(r"\.(png|svg|jpe?g)\b", alt), alt
            assert " " in alt.strip()


def validate(notebook, *kernel):
    """Run nbval, strictly: every output of every cell, pictures too.

    All has half an hour: no busy machine comes close to that.
    """
    done = subprocess.run(
        [
            # Relative: pytest takes brackets in a path for parameters.
            *(sys.executable, "-m", "pytest", notebook.name, "--nbval"),
            *kernel,
            *("--nbval-cell-timeout", "1800"),
            *("--nbval-kernel-startup-timeout", "1800"),
            *("--nbval-sanitize-with", ROOT / "tests" / "scripts.cfg"),
            *("-p", "no:cacheprovider", "-p", "no:xdist", "--color=no"),
        ],
        cwd=notebook.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    cells = nbformat.read(notebook, as_version=4).cells
    count = sum(cell.cell_type == "code" for cell in cells)
    assert f"{count} passed" in done.stdout


@each_solution
def test_stored_outputs_are_what_the_code_prints(solution):
    """Those of the lessons: tests/test_learner.py, in a learner's place."""
    validate(solution, "--nbval-current-env")


# -- what a lesson asks of its reader -----------------------------------------

# Of lessons that are done: words, lines of code, lines of the longest cell.
LIMITS = {
    "01_windows": (3200, 170, 25),
    "02_im2col": (3200, 170, 25),
    "06_fast": (3200, 230, 25),
}
DRAWS = {"curves", "photos", "playground", "row", "rows"}


def names_read(cells):
    """Collect the names that cells read."""
    return {
        node.id
        for cell in cells
        for node in ast.walk(parse(cell))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def names_made(cells):
    """Collect the names that cells make, parameters included."""
    found = set()
    for cell in cells:
        found |= set(definitions(parse(cell)))
        for node in ast.walk(parse(cell)):
            if isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(
                node.ctx, ast.Store
            ):
                found.add(node.id)
    return found


def open_cells(lesson):
    """List the code that a reader meets: all but what only draws.

    A folded cell only draws if it makes a picture, and no open cell reads a
    name that it alone makes.
    """
    cells = code_cells(lesson)
    folded = code_cells(lesson, "hide-input")
    seen = [cell for cell in cells if cell not in folded]
    needed = names_read(seen) - names_made(seen)
    return seen + [
        cell
        for cell in folded
        if not names_read([cell]) & DRAWS or names_made([cell]) & needed
    ]


@each_lesson
def test_a_lesson_asks_no_more_than_agreed(lesson):
    """See what it asks: `pytest -rP -k asks_no_more`."""
    words = sum(
        bool(re.search(r"\w", token))
        for cell in NOTEBOOKS[lesson].cells
        if cell.cell_type == "markdown"
        for token in cell.source.split()
    )
    lengths = [
        sum(map(bool, map(str.strip, HELP.sub("", cell.source).splitlines())))
        for cell in open_cells(lesson)
    ]
    pictures = sum(
        any(map(is_picture, cell.outputs)) for cell in code_cells(lesson)
    )
    asked = words, sum(lengths), max(lengths)
    print("{}: {} words, {} lines of code, {} in the longest cell,".format(
        lesson.stem, *asked), pictures, "figures")  # fmt: skip
    for found, limit in zip(asked, LIMITS.get(lesson.stem, ()), strict=False):
        assert found <= limit


# -- what a student gets ------------------------------------------------------


def without_ids(path):
    """Return a notebook's text with the cells numbered in order."""
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(notebook.cells):
        cell.id = str(number)
    return nbformat.writes(notebook)


@each_solution
def test_released_exercise_is_what_the_solution_gives(solution, tmp_path):
    release(solution.stem, tmp_path)
    name = Path(solution.stem, solution.name)
    made = without_ids(tmp_path / name)
    assert without_ids(BOOK / "exercises" / name) == made, "`make refresh`"


@pytest.mark.parametrize("exercise", EXERCISES, ids=short)
def test_exercises_hold_no_answers(exercise):
    text = exercise.read_text()
    for mark in ("BEGIN SOLUTION", "HIDDEN TESTS", "MARK SCHEME"):
        assert mark not in text


def given_cells(notebook):
    """List the code cells that an exercise gives and does not ask for."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata
    ]


@pytest.mark.parametrize("exercise", EXERCISES, ids=short)
def test_given_cells_show_what_they_print(exercise):
    """A reader of the site sees the code in which to spot the bug."""
    for cell in given_cells(nbformat.read(exercise, as_version=4)):
        assert bool(cell.outputs) == ("print(" in cell.source), cell.source


@each_solution
def test_given_cells_give_no_answer_away(solution):
    """Their outputs are released: all they use, they make themselves."""
    given = given_cells(NOTEBOOKS[solution])
    asked = {
        name
        for cell in code_cells(solution)
        if cell not in given
        for name in definitions(parse(cell))
    }
    assert len(asked) > 4
    for cell in given:
        nodes = list(ast.walk(parse(cell)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        made = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        assert not ({n.id for n in names} - made) & asked


@each_solution
def test_an_exercise_asks_for_what_no_lesson_gives(solution):
    taught = {name for lesson in LESSONS for name in exports(lesson)}
    for cell in code_cells(solution):
        asked = definitions(parse(cell))
        assert not taught & set(asked)
