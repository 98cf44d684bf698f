"""A learner's ways in: the zip, a notebook alone, a copy of one's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import lab
from pooling import check
from tests.conftest import ROOT
from tests.test_one_home import validate
from tools.finish_site import ZIP, write_wheel, write_zip
from tools.refresh import HELP, LESSONS, SOLUTIONS, VERSION, how_to_get

NAMES = [path.stem for path in LESSONS]
SAYS = "import pooling.check; print(pooling.check.__file__)"


# -- the zip ------------------------------------------------------------------


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    """Make what the site offers to a learner, in an empty folder."""
    folder = tmp_path_factory.mktemp("my downloads")
    write_zip(folder / ZIP)
    write_wheel(folder)
    return folder


@pytest.fixture(scope="module")
def unpacked(offered):
    shutil.unpack_archive(offered / ZIP, offered)
    return offered / "pooling-book"


@pytest.fixture(scope="module")
def shell(unpacked):
    """Return a function that types into a terminal in the folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    more = {"PATH": path, "PIP_QUIET": "1", "PIP_NO_COMPILE": "1"}

    def type_in(line):
        done = subprocess.run(
            line,
            shell=True,
            cwd=unpacked,
            env=os.environ | more,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return type_in


@pytest.fixture(scope="module")
def first_steps(unpacked):
    """List what the README tells a learner to type."""
    readme = (unpacked / "README.md").read_text()
    lines = re.findall(r"^    (.*)$", readme, re.M)
    linux, windows = [*lines[:2], lines[4]], [*lines[2:4], lines[5]]
    turned = [line.replace(".venv/bin/", r".venv\Scripts\ ") for line in linux]
    assert [line.replace("\\ ", "\\") for line in turned] == [
        windows[0].replace("py ", "python3 "),
        *windows[1:],
    ]
    return linux


@pytest.fixture(scope="module")
def kernel(shell, first_steps, tmp_path_factory):
    """Make an environment with numpy and a kernel, and nothing else."""
    shell(first_steps[0])
    python = ".venv/bin/python"
    shell(f"{python} -m pip install -c constraints.txt numpy ipykernel")
    place = tmp_path_factory.mktemp("kernel")
    shell(f"{python} -m ipykernel install --prefix {place} --name learner")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(place / "share" / "jupyter"))
        yield "learner"


def read(path):
    """Return the cells of a notebook."""
    return nbformat.read(path, as_version=4).cells


def run(cells, kernel, folder):
    """Run cells in a folder; return them with their outputs."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=1800, kernel_name=kernel, resources=place
    ).execute()
    return notebook.cells


def begun(path):
    """Return a notebook's first code cell."""
    return next(cell for cell in read(path) if cell.cell_type == "code")


def test_a_notebook_alone_says_what_to_do(kernel, offered, tmp_path):
    """First of all here: nothing but numpy is installed yet."""
    pages = [ROOT / "book", *(ROOT / "book" / "exercises").iterdir()]
    first = [begun(path) for page in pages for path in page.glob("*.ipynb")]
    assert len(first) == 2 * len(NAMES)
    for number, cell in enumerate(first):
        cell.update(id=f"first-{number}", outputs=[])
        cell.metadata["tags"] = ["raises-exception"]
    for cell in run(first, kernel, tmp_path):
        [error] = cell.outputs
        assert error.ename == "ModuleNotFoundError"
        assert re.search("named '(pooling|sklearn)'", error.evalue)
        said = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(error.traceback))
        assert "Take the # away from %pip, and run this again." in said
        assert "#%pip install scikit-learn" in said


def test_a_notebook_alone_runs_after_that(
    kernel, offered, unpacked, tmp_path, monkeypatch
):
    """With the zip beside it, and from a site's address: here a folder."""
    pins = (unpacked / "constraints.txt").read_text()
    pins = re.sub("^setuptools.*\n", "", pins, flags=re.M)
    (tmp_path / "pins.txt").write_text(pins)  # the package names its own
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "pins.txt"))
    monkeypatch.setenv("PIP_NO_COMPILE", "1")
    shutil.copy(offered / ZIP, tmp_path)
    source = begun(
        ROOT / "book" / "exercises" / NAMES[-1] / f"{NAMES[-1]}.ipynb"
    )
    for lines in how_to_get(""), how_to_get(offered.as_uri()):
        ready = HELP.sub(lines, source.source).replace("#%pip", "%pip")
        assert "\n%pip" in ready
        cells = [nbformat.v4.new_code_cell(text) for text in (ready, SAYS)]
        [said] = run(cells, kernel, tmp_path)[-1].outputs
        assert "site-packages" in said.text


@pytest.fixture(scope="module")
def installed(kernel, shell, first_steps):
    """Install what the zip requires, and begin to work."""
    shell(first_steps[1])
    shell(f"{first_steps[2]} --version")  # lays out the copy; opens nothing
    return kernel


def mark(cell):
    """Return what nbgrader has marked a cell with."""
    return cell.metadata.get("nbgrader", {})


def first_exercise(name, work):
    """Return an exercise up to its first check; then answered, and again."""
    cells = read(work / "exercises" / name / f"{name}.ipynb")
    [solution] = [path for path in SOLUTIONS if path.stem == name]
    checks = [
        k
        for k, cell in enumerate(cells)
        if cell.cell_type == "code" and mark(cell).get("grade")
    ]
    cells = cells[: checks[0] + 1]
    answered = [c for c in read(solution)[: len(cells)] if mark(c)]
    for number, cell in enumerate(answered):
        cell.id = f"answered-{number}"
    return cells, cells + answered


def test_the_zip_is_small_and_always_the_same(offered, tmp_path, monkeypatch):
    assert (offered / ZIP).stat().st_size < 1_000_000
    write_zip(tmp_path / ZIP)
    write_wheel(tmp_path)
    for path in offered.glob("pooling-*.*"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    write_zip(tmp_path / ZIP)
    shutil.unpack_archive(tmp_path / ZIP, tmp_path)
    listing = subprocess.check_output(
        [sys.executable, "-m", "zipfile", "-l", tmp_path / ZIP], text=True
    )
    assert listing.count(" 2001-09-09 01:46:40 ") > 30


def test_the_zip_asks_for_what_a_learner_needs(unpacked):
    needs = (unpacked / "requirements.txt").read_text().splitlines()
    ours = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in needs if line not in ours] == ["-e ."]
    names = [re.split("==", n)[0] for n in needs if "==" in n]
    assert names == [
        *("numpy", "matplotlib", "scikit-learn"),
        *("jupyterlab", "ipykernel"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_prints_what_is_stored(name, installed, unpacked):
    """Run it as a learner does, from the zip alone."""
    lesson = unpacked / "work" / f"{name}.ipynb"
    validate(lesson, "--nbval-kernel-name", installed)


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_of_the_zip_can_be_done(name, installed, unpacked):
    work = unpacked / "work"
    asked, cells = first_exercise(name, work)
    cells = run(cells, installed, work / "exercises" / name)
    [stub] = cells[len(asked) - 1].outputs
    assert stub.text.endswith(": not attempted yet\n")
    [right] = cells[-1].outputs
    assert right.text.startswith("✓ ")


def test_the_zip_runs_its_own_package(installed, shell, unpacked):
    where = shell(f'.venv/bin/python -c "{SAYS}"')
    assert Path(where.strip()).is_relative_to(unpacked)


# -- a copy of one's own ------------------------------------------------------


def write(folder, text, outputs=(), name="1.ipynb"):
    """Write a notebook of one cell."""
    cell = nbformat.v4.new_code_cell(text, outputs=list(outputs), id="a")
    folder.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / name)


def texts(folder):
    """Return what the notebooks of a folder say."""
    return {path.name: read(path)[0].source for path in folder.glob("*.ipynb")}


def test_an_update_brings_what_is_new(tmp_path):
    book, work = tmp_path / "book", tmp_path / "work"
    write(book, "one")
    exercise = book / "exercises" / "2" / "2.ipynb"
    exercise.parent.mkdir(parents=True)
    shutil.copy(book / "1.ipynb", exercise)
    (book / "bench.json").write_text("1")
    written, kept = lab.update(book, work)
    assert {str(path.relative_to(work)) for path in written} == {
        *("1.ipynb", "bench.json", "exercises/2/2.ipynb")
    }
    assert not kept
    assert lab.update(book, work) == ([], [])
    said = nbformat.v4.new_output("stream", name="stdout", text="1")
    write(work, "one", [said])  # it was run; nothing was written
    assert lab.update(book, work) == ([], [])
    write(book, "two")
    (book / "bench.json").write_text("2")
    written, kept = lab.update(book, work)
    assert {path.name for path in written} == {"1.ipynb", "bench.json"}
    assert not kept and texts(work) == {"1.ipynb": "two"}
    (work / "1.ipynb").unlink()
    assert lab.update(book, work) == ([work / "1.ipynb"], [])  # begun anew


def test_an_update_overwrites_nothing_that_was_changed(tmp_path):
    book, work = tmp_path / "book", tmp_path / "work"
    write(book, "one")
    lab.update(book, work)
    write(work, "mine")
    assert lab.update(book, work) == ([], [])
    write(book, "two")
    for _ in range(2):
        written, kept = lab.update(book, work)
        if written:
            assert written == [work / "1.new.ipynb"]
            assert kept == [
                "You changed work/1.ipynb: it stays. The new version is "
                "beside it, 1.new.ipynb."
            ]
        assert texts(work) == {"1.ipynb": "mine", "1.new.ipynb": "two"}
    assert not written and not kept
    write(book, "three")  # nobody changed the second version
    assert lab.update(book, work)[0] == [work / "1.new.ipynb"]
    write(work, "mine, too", name="1.new.ipynb")
    write(book, "four")
    assert lab.update(book, work)[0] == [work / "1.new2.ipynb"]
    (work / ".handed-out").unlink()  # then all is somebody's
    write(book, "five")
    lab.update(book, work)
    assert texts(work) == {
        "1.ipynb": "mine",
        "1.new.ipynb": "mine, too",
        "1.new2.ipynb": "four",
        "1.new3.ipynb": "five",
    }


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"cells": [3]}'])
def test_an_update_leaves_a_broken_copy_alone(tmp_path, broken):
    book, work = tmp_path / "book", tmp_path / "work"
    write(book, "one")
    lab.update(book, work)
    (work / "1.ipynb").write_text(broken)
    write(book, "two")
    assert lab.update(book, work)[0] == [work / "1.new.ipynb"]
    assert (work / "1.ipynb").read_text() == broken


def test_clean_leaves_what_people_made(tmp_path):
    for name in ("work", "course", "_build"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    makefile = ROOT / "Makefile"
    subprocess.run(
        ["make", "-sf", makefile, "clean"], cwd=tmp_path, check=True
    )
    assert {path.name for path in tmp_path.iterdir()} == {"work", "course"}
    assert (tmp_path / "work" / "file").exists()


def test_a_check_says_if_versions_differ(capsys):
    check.made_for(VERSION)
    assert not capsys.readouterr().out
    check.made_for("0.0.1")
    [line] = capsys.readouterr().out.splitlines()
    assert "notebook 0.0.1" in line and f"pooling {VERSION}" in line
    assert len(line) <= 75
