"""Submissions graded per minute, here and by plain nbgrader: a ratio.

Both grade the same class of right and wrong answers, one after the other, on
the same machine. Starting up counts.
"""

import argparse
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
    """Run a command; return the seconds it took."""
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        print(done.stdout[-2000:], done.stderr[-2000:])
        raise SystemExit(f"{words[0]} failed")
    return time.monotonic() - began


def here(folder, count):
    """Grade a class with this project; feedback pages are written, too."""
    lay_out(folder, count)
    return run("grading", "--course", folder, "--assignment", CHAPTER)


def nbgrader(folder, count):
    """Grade a class with plain nbgrader."""
    lay_out(folder, count)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    place = folder / "source" / CHAPTER
    place.mkdir(parents=True)
    source = ROOT / "solutions" / CHAPTER / f"{CHAPTER}.ipynb"
    nbformat.write(
        nbformat.read(source, as_version=4), place / f"{CHAPTER}.ipynb"
    )
    run("nbgrader", "generate_assignment", CHAPTER, cwd=folder)
    return run("nbgrader", "autograde", CHAPTER, cwd=folder)


def nbgrader_with_pages(folder, count):
    """Grade a class with plain nbgrader, and write its feedback pages."""
    seconds = nbgrader(folder, count)
    return seconds + run("nbgrader", "generate_feedback", CHAPTER, cwd=folder)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=60)
    parser.add_argument("--plain", type=int, default=16)
    args = parser.parse_args()
    rates = {}
    for name, grade, count in [
        ("this project, half the class", here, args.students // 2),
        ("this project", here, args.students),
        ("nbgrader autograde", nbgrader, args.plain),
        ("the same with feedback pages", nbgrader_with_pages, args.plain),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            seconds = grade(Path(folder).resolve(), count)
        rates[name] = 60 * count / seconds
        print(
            f"{name:30} {count:4} submissions {seconds:6.1f} s "
            f"{rates[name]:6.0f} per minute",
            flush=True,
        )
    for name in list(rates)[2:]:
        ratio = rates["this project"] / rates[name]
        print(f"this project, with pages: {ratio:.1f} times {name}")


if __name__ == "__main__":
    main()
