"""A learner's ways in: the zip, a notebook alone, a copy of one's own."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT
from tools.finish_site import ZIP, write_wheel, write_zip
from tools.refresh import LESSONS, SOLUTIONS

NAMES = [path.stem for path in LESSONS]


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


def run(cells, kernel, folder):
    """Run cells in a folder; return them with their outputs."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=600, kernel_name=kernel, resources=place
    ).execute()
    return notebook.cells


@pytest.fixture(scope="module")
def installed(kernel, shell, first_steps):
    """Install what the zip requires, and begin to work."""
    shell(first_steps[1])
    shell(f"{first_steps[2]} --version")  # lays out the copy; opens nothing
    return kernel


def read(path):
    """Return the cells of a notebook."""
    return nbformat.read(path, as_version=4).cells


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
    cells[-1].metadata["tags"] = ["raises-exception"]
    answered = [c for c in read(solution)[: len(cells)] if mark(c)]
    for number, cell in enumerate(answered):
        cell.id = f"answered-{number}"
    return cells, cells + answered


@pytest.fixture(scope="module")
def runs(installed, unpacked):
    """Run all, two at a time, while the tests wait in turn."""
    work = unpacked / "work"
    pool = ThreadPoolExecutor(2)
    began = {}
    for name in NAMES:
        lesson = read(work / f"{name}.ipynb")
        began[name] = pool.submit(run, lesson, installed, work)
        folder = work / "exercises" / name
        _, cells = first_exercise(name, work)
        began["first", name] = pool.submit(run, cells, installed, folder)
    yield began
    pool.shutdown(cancel_futures=True)


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
def test_a_lesson_of_the_zip_runs(name, runs):
    runs[name].result()


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_of_the_zip_can_be_done(name, runs, unpacked):
    asked, _ = first_exercise(name, unpacked / "work")
    cells = runs["first", name].result()
    [stub] = cells[len(asked) - 1].outputs
    assert stub.evalue.endswith(": not attempted yet")
    [right] = cells[-1].outputs
    assert right.text.startswith("✓ ")


def test_the_zip_runs_its_own_package(runs, shell, unpacked):
    say = "import pooling.check as check; print(check.__file__)"
    where = shell(f'.venv/bin/python -c "{say}"')
    assert Path(where.strip()).is_relative_to(unpacked)
