"""Submissions graded per minute, here and by others: a ratio.

All grade the same class of right and wrong answers, one after the other, on
the same machine; starting up counts. This project and otter-grader use all
cores, nbgrader one submission at a time, as it does. otter-grader gets the
same tests; what it needs containers for (`otter grade`) is left out: it runs
students' code as it is, like nbgrader. Without it (`pip install -r
requirements-bench.txt`) it is not measured.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from grading.sample_class import (
    STUDENTS,
    answers_of,
    filled,
    reference_answers,
)

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = "01_windows"
NOT_HERE = ("raises", "endless_loop", "talkative")  # nbgrader is slow at these

CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "bench"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.Execute.timeout = 30
"""

OTTER_TEST = """
OK_FORMAT = False
from otter.test_files import test_case

name, points = {name!r}, {points!r}

@test_case()
def test_it(env):
    exec({source!r}, dict(env))
"""
OTTER = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from otter.api import grade_submission
with ProcessPoolExecutor() as pool:
    grade = partial(grade_submission, ag_path="autograder.zip", quiet=True)
    for results in pool.map(grade, sys.argv[1:]):
        print(results.total)
"""


def lay_out(folder, count):
    """Hand in for a class of `count` students, none of whom misbehaves."""
    source = ROOT / "solutions" / CHAPTER / f"{CHAPTER}.ipynb"
    released = ROOT / "book" / "exercises" / CHAPTER / f"{CHAPTER}.ipynb"
    answers = reference_answers(nbformat.read(source, as_version=4))
    models = [
        student
        for student in STUDENTS
        if CHAPTER in student.wrong
        and student.shape == "notebook"
        and student.name not in NOT_HERE
    ]
    for number in range(count):
        student = models[number % len(models)]
        notebook = filled(released, answers_of(student, CHAPTER, answers))
        place = folder / "submitted" / f"s{number:05}" / CHAPTER
        place.mkdir(parents=True)
        nbformat.write(notebook, place / f"{CHAPTER}.ipynb")


def run(*words, cwd=ROOT):
    """Run Python with these words; return the seconds it took."""
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        print(done.stdout[-2000:], done.stderr[-2000:])
        raise SystemExit(f"{words[:2]} failed")
    return time.monotonic() - began


def here(folder):
    """Yield seconds of this project; feedback pages are written, too."""
    words = ("--course", folder, "--assignment", CHAPTER)
    yield "this project, with pages", run("-m", "grading", *words)


def source():
    """Return the notebook with the solutions."""
    path = ROOT / "solutions" / CHAPTER / f"{CHAPTER}.ipynb"
    return nbformat.read(path, as_version=4)


def nbgrader(folder):
    """Yield seconds of plain nbgrader."""
    (folder / "nbgrader_config.py").write_text(CONFIG)
    place = folder / "source" / CHAPTER
    place.mkdir(parents=True)
    nbformat.write(source(), place / f"{CHAPTER}.ipynb")
    run("-m", "nbgrader", "generate_assignment", CHAPTER, cwd=folder)
    seconds = run("-m", "nbgrader", "autograde", CHAPTER, cwd=folder)
    yield "nbgrader autograde", seconds
    more = run("-m", "nbgrader", "generate_feedback", CHAPTER, cwd=folder)
    yield "nbgrader, with pages", seconds + more


def otter(folder):
    """Yield seconds of otter-grader with the same tests."""
    tests = folder / "tests"
    tests.mkdir()
    for cell in source().cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("grade") and not marks.get("solution"):
            name = marks["grade_id"].replace("-", "_")
            text = OTTER_TEST.format(
                name=name, points=marks["points"], source=cell.source
            )
            (tests / f"{name}.py").write_text(text)
    run("-m", "otter", "generate", "--no-requirements", cwd=folder)
    made = sorted(folder.glob("submitted/*/*/*.ipynb"))
    yield "otter-grader", run("-c", OTTER, *made, cwd=folder)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument(
        "--growth", action="store_true", help="only this project, 3 sizes"
    )
    args = parser.parse_args()
    plan = [(nbgrader, args.students), (here, args.students)]
    if importlib.util.find_spec("otter"):
        plan.insert(1, (otter, args.students))
    if args.growth:
        plan = [(here, args.students * times) for times in (1, 3, 10)]
    rates = {}
    for grade, count in plan:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            lay_out(folder, count)
            for name, seconds in grade(folder):
                rates[name] = 60 * count / seconds
                print(
                    f"{name:25} {count:5} submissions {seconds:7.1f} s "
                    f"{rates[name]:6.0f} per minute",
                    flush=True,
                )
    ours = rates.pop("this project, with pages")
    for name, rate in rates.items():
        print(f"this project, with pages: {ours / rate:.1f} times {name}")


if __name__ == "__main__":
    main()
