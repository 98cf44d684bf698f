"""Keep the book in step with itself: export, execute, release.

    python -m tools.refresh            everything
    python -m tools.refresh 02_im2col  only these notebooks

The lessons are the home of the functions they teach: cells tagged `export` go
to the module of the same name in `pooling.lessons`. Lessons and solutions are
executed in place, in the order of the book. The student's exercises are
released from the solutions.
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbgrader.apps import NbGraderAPI
from traitlets.config.loader import PyFileConfigLoader

from tools.finish_site import SCRIPT, ZIP

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*/[0-9]*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = PROJECT["version"]
# How a notebook that is alone gets the package; which version it goes with.
HELP = re.compile(r"# No module named 'pooling'\?(.*\n)+?# ?%pip .*\n")
MADE_FOR = re.compile(r"\ncheck\.made_for\(.*\)")


def module_of(lesson):
    """Return the module of a lesson: 01_windows -> lessons/windows.py."""
    name = lesson.stem.split("_", 1)[1]
    return ROOT / "book" / "pooling" / "lessons" / f"{name}.py"


def exported_source(lesson):
    """Return the text of a lesson's module: its cells tagged `export`."""
    notebook = nbformat.read(lesson, as_version=4)
    cells = [
        cell.source
        for cell in notebook.cells
        if "export" in cell.metadata.get("tags", [])
    ]
    imports, bodies = [], []
    for source in cells:
        lines = source.splitlines()
        ends = [
            node.end_lineno
            for node in ast.parse(source).body
            if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        top = max(ends, default=0)  # imports come first in a cell
        imports += lines[:top]
        bodies.append("\n".join(lines[top:]).strip("\n"))
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    head = (
        f"# Exported from book/{lesson.name}: edit that and `make refresh`.\n"
        f'"""{title}."""\n'
    )
    return head + "\n".join(
        ["", *imports, *(f"\n\n{body}" for body in bodies if body), ""]
    )


def export(lesson):
    """Write a lesson's module; leave the file alone if nothing changed."""
    source = exported_source(lesson)
    module = module_of(lesson)
    if not module.exists() or module.read_text() != source:
        module.write_text(source)


def how_to_get(address, version=VERSION):
    """Say how a notebook that is alone gets the package.

    It stands above the first import that needs it, so that the error that the
    import raises without it shows these lines, too.
    """
    first = "Take the # away from %pip, and run this again."
    what = f"{address.rstrip('/')}/pooling-{version}-py3-none-any.whl"
    if not address:
        first = (
            f"Put {ZIP} from the book's site beside\n# this notebook. {first}"
        )
        what = ZIP
    return (
        f"# No module named 'pooling'? {first}\n"
        f"#%pip install scikit-learn {what}\n"
    )


def begin(source):
    """Return a notebook's first code cell with what each begins with."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    lines = how_to_get(config["sphinx"]["config"]["ogp_site_url"])
    source = MADE_FOR.sub("", HELP.sub("", source))
    needs = re.search(r"^(from|import) (pooling|sklearn)\b", source, re.M)
    before, after = source[: needs.start()], source[needs.start() :]
    gap = "" if before.endswith("\n\n") or not before else "\n"
    source = f"{before}{gap}{lines}{after}"
    if re.search(r"^from pooling import check$", source, re.M):
        source += f'\ncheck.made_for("{VERSION}")'
    return source


def execute(path):
    """Run a notebook top to bottom and store its outputs, without noise."""
    notebook = nbformat.read(path, as_version=4)
    first = next(c for c in notebook.cells if c.cell_type == "code")
    first.source = begin(first.source)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
        "pooling": {"version": VERSION},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "hide-input" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}  # in the lab
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/svg+xml" in data:  # a picture says what it shows
                about = cell.metadata.setdefault("mystnb", {})
                about["image"] = {"alt": data["text/plain"]}
            if "text/html" in data:  # the playground's has one home
                page = SCRIPT.sub("<script></script>", data["text/html"])
                data["text/html"] = page
    nbformat.write(notebook, path)


def release(assignment, release_directory=None):
    """Make a student's notebook from a solutions notebook."""
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    if release_directory is not None:
        config.CourseDirectory.release_directory = str(release_directory)
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    result = NbGraderAPI(config=config).generate_assignment(
        assignment, force=True
    )
    if not result["success"]:
        raise RuntimeError(f"release of {assignment} failed:\n{result['log']}")
    folder = config.CourseDirectory.release_directory
    name = Path(assignment, f"{assignment}.ipynb")
    show_given(ROOT / "solutions" / name, ROOT / folder / name)


def show_given(solution, exercise):
    """Give the cells that an exercise gives the outputs that they have."""
    source, released = (
        nbformat.read(path, as_version=4) for path in (solution, exercise)
    )
    for ours, theirs in zip(source.cells, released.cells, strict=True):
        if ours.cell_type == "code" and "nbgrader" not in ours.metadata:
            theirs.outputs = ours.outputs
    nbformat.write(released, exercise)


def main(names):
    """Refresh the named notebooks, or all."""
    lessons = [p for p in LESSONS if not names or p.stem in names]
    solutions = [p for p in SOLUTIONS if not names or p.stem in names]
    for lesson in lessons:
        export(lesson)
    todo = lessons + solutions
    for number, path in enumerate(todo, 1):
        print(f"[{number}/{len(todo)}] {path.relative_to(ROOT)}", flush=True)
        execute(path)
    for solution in solutions:
        release(solution.stem)
    print("modules, outputs and exercises are in step")


if __name__ == "__main__":
    main(sys.argv[1:])
