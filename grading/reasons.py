"""Why a submission has no score: what was found, expected, and to be done."""

import json
import re
from collections import Counter

import nbformat
from nbgrader.utils import parse_utc


def check_cells(notebook):
    """Return the names of the cells of a notebook that give points."""
    marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return [mark.get("grade_id") for mark in marks if mark.get("grade")]


def problem(folder, assignment, expected):
    """Say why nbgrader cannot grade a folder; "" if it can.

    Parameters
    ----------
    folder : Path
        What the student handed in.
    assignment : str
        Its name, and that of the notebook.
    expected : list of str
        Names of the check cells.
    """
    path = folder / f"{assignment}.ipynb"
    student = folder.parent.name
    if student != student.strip() or set("*?[]") & set(student):
        return (
            f"found the folder '{student}', expected a name without * ? [ ] "
            f"and without a space at its ends: rename it"
        )
    if not path.is_file():
        return no_notebook(folder, path.name)
    stamp = folder / "timestamp.txt"
    try:
        parse_utc(stamp.read_text("utf-8").strip() if stamp.exists() else None)
    except ValueError:
        return (
            f"found a {stamp.name} that is no date, expected one such as "
            f"2030-01-31 12:00:00 UTC: mend or remove it"
        )
    try:
        notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
        cells = Counter(
            cell.metadata.get("nbgrader", {}).get("grade_id")
            for cell in notebook.cells
        )
    except Exception as error:
        return (
            f"found a {path.name} that is no notebook ({flaw(path, error)}), "
            f"expected a Jupyter notebook: ask for it again"
        )
    if not set(expected) & set(cells):
        return (
            f"found none of the marks by which nbgrader knows its cells in "
            f"{path.name}, expected {len(expected)} (saved by another "
            f"editor?): copy the answers into a fresh exercise notebook"
        )
    twice = [name for name, count in cells.items() if name and count > 1]
    if twice:
        return (
            f"found more than one cell marked {some(twice)} in {path.name}, "
            f"expected one of each (split or copied?): join them, or remove "
            f"the copy"
        )
    return ""


def missing(path, expected):
    """Say which cells that give points a notebook has lost; "" if none."""
    found = check_cells(nbformat.read(path, as_version=4))
    lost = [name for name in expected if name not in found]
    return f"missing from the notebook: {', '.join(lost)}" if lost else ""


def no_notebook(folder, name):
    """Say what there is in place of the notebook."""
    files = [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and ".ipynb_checkpoints" not in path.parts
    ]
    notebooks = [f for f in files if f.lower().endswith(".ipynb")]
    if not files:
        return f"the folder is empty, expected {name}: ask for the notebook"
    if not notebooks:
        return f"found {some(files)}, expected {name}: ask for the notebook"
    do = "rename" if (folder / notebooks[0]).parent == folder else "move"
    return (
        f"found {some(notebooks)}, expected {name}: if that is the answer, "
        f"{do} it"
    )


def some(names):
    """Join names; no more than three."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def flaw(path, error):
    """Say in words why a file cannot be read as a notebook."""
    if isinstance(error, OSError):
        return f"it cannot be read, {error.strerror}"
    data = path.read_bytes()
    if not data.strip():
        return "the file is empty"
    if isinstance(error, UnicodeDecodeError) or data[:3] == b"\xef\xbb\xbf":
        return "its text is not plain UTF-8"
    try:
        json.loads(data)
    except (ValueError, RecursionError) as wrong:
        line = getattr(wrong, "lineno", 1)
        return f"not valid JSON, line {line}"
    return "valid JSON, but not in the form of a notebook of version 4"


def misplaced(path, assignment, known):
    """Say what is wrong with the place of a submission; "" if nothing."""
    if path.exists() and not assignment:
        found = "an empty folder" if path.is_dir() else "a file"
        return f"found {found}, expected <student>/<assignment>/"
    if path.exists() and not path.is_dir():
        return (
            f"found a file, expected a folder of the name of an assignment: "
            f"put it into the right one ({some(known)})"
        )
    if assignment not in known:
        return (
            f"there is no assignment {assignment}, expected one of "
            f"{some(known)}: rename the folder"
        )
    return ""


def last_error(log):
    """Return the last error that a log names."""
    errors = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", log, re.MULTILINE)
    named = [e for e in errors if not e.startswith("NbGraderException")]
    return (named or errors or ["no error named"])[-1][:150]


def run_failed(log):
    """Say why nbgrader gave up, from what it logged."""
    last = last_error(log)
    if "DeadKernelError" in last:
        return (
            "the run failed: Python ended while a cell ran (out of memory, a "
            "crash, or a call that ends it). Run the notebook by hand"
        )
    if "CellTimeoutError" in last:
        return (
            "the run failed: a cell did not stop when its time was up. Run "
            "the notebook by hand"
        )
    return f"the run failed: {last}. The file grading.log says more"
