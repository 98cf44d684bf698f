"""A class is graded: right scores, worded reasons, and nothing gets lost."""

import contextlib
import csv
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import Future

import nbformat
import numpy as np
import pytest
from nbgrader.api import Gradebook
from sqlalchemy import text

from grading import intake, report, walls, wire
from grading.bench import lay_out
from grading.course import INDEXED
from grading.executor import Executor
from grading.report import GRADED, NOT_GRADED, NOTHING, PARTLY, REPAIRED
from grading.run import Run
from grading.sample_class import STUDENTS, TROUBLE
from pooling import check
from tests.conftest import ROOT, needs

CHAPTER = "01_windows"
SOURCE = ROOT / "solutions" / CHAPTER / f"{CHAPTER}.ipynb"
FIRST = [s for s in STUDENTS if CHAPTER in s.wrong]
WHOLE = [s.name for s in FIRST if s.shape == "notebook"]
BROKEN = {s.name: s.shape for s in FIRST if s.shape != "notebook"}


class Grading:
    """What one run of `python -m grading` said and wrote."""

    def __init__(self, course, *options):
        if "--unsafe" not in options:
            needs("walls")
        done = subprocess.run(
            [sys.executable, "-m", "grading", "--course", course, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.status, self.said = done.returncode, done.stdout
        self.noise = done.stderr
        grades = course / "grades.csv"
        self.csv = grades.read_text("utf-8") if grades.exists() else ""
        lines = csv.DictReader(io.StringIO(self.csv))
        self.rows = {(r["student"], r["assignment"]): r for r in lines}

    def row(self, student, assignment=CHAPTER):
        """Return a line of the CSV file."""
        return self.rows[student, assignment]

    def score(self, student):
        """Return a score in the CSV file."""
        return float(self.row(student)["score"])


def handed_in(course, student):
    """Return the path of a student's notebook."""
    return course / "submitted" / student / CHAPTER / f"{CHAPTER}.ipynb"


def page(course, student):
    """Return the text of a student's feedback."""
    place = course / "feedback" / student / CHAPTER
    return (place / f"{CHAPTER}.html").read_text("utf-8")


def marks(cell):
    """Return what nbgrader knows of a cell."""
    return cell.metadata.get("nbgrader", {})


SOURCE_CELLS = nbformat.read(SOURCE, as_version=4).cells
POINTS = {
    marks(cell).grade_id: marks(cell).points
    for cell in SOURCE_CELLS
    if marks(cell).get("grade")
}
BY_HAND = {
    marks(cell).grade_id
    for cell in SOURCE_CELLS
    if marks(cell).get("grade") and marks(cell).get("solution")
}


def failing(path):
    """Run a notebook here, without nbgrader; return the checks that fail.

    A cell has two seconds of the processor, however busy it is.
    """
    checks = {
        marks(cell).grade_id: cell.source
        for cell in SOURCE_CELLS
        if marks(cell).get("grade") and cell.cell_type == "code"
    }
    names, failed = {"check": check}, []  # imported before the alarm

    def too_slow(*_):
        raise TimeoutError

    signal.signal(signal.SIGPROF, too_slow)
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        name = marks(cell).get("grade_id")
        signal.setitimer(signal.ITIMER_PROF, 2)
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                exec(checks.get(name, cell.source), names)
        except Exception:
            failed += [name] if name in checks else []
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return failed


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return the folder of a class."""
    return tmp_path_factory.mktemp("class")


@pytest.fixture(scope="module")
def first(course):
    """Grade the sample class."""
    return Grading(course, "--assignment", CHAPTER, "--timeout", "2")


@pytest.fixture(scope="module")
def failed(course, first):
    """Return the checks that fail, for each student with a notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: failing(handed_in(course, name)) for name in WHOLE}


@pytest.fixture(scope="module")
def second(course, first):
    """Grade it once more: nothing has changed."""
    return Grading(course, "--assignment", CHAPTER, "--timeout", "2")


@pytest.fixture(scope="module")
def third(course, failed, second):
    """Grade it after a few things have happened."""
    gradebook = f"sqlite:///{course / 'gradebook.db'}"
    shutil.copy(handed_in(course, "perfect"), handed_in(course, "half_done"))
    handed_in(course, "raises").write_text('{"cells": [')
    for other in (course / "submitted").glob("*/02_im2col"):
        shutil.rmtree(other)
    (course / "submitted" / "=1+1" / CHAPTER).mkdir(parents=True)
    (course / "submitted" / "untouched" / "1_windows").mkdir()
    (course / "submitted" / "all.zip").write_bytes(b"")
    with Gradebook(gradebook, "pooling") as book:
        book.add_student("on_holiday")
        [by_hand] = BY_HAND
        grade = book.find_grade(by_hand, CHAPTER, CHAPTER, "perfect")
        grade.manual_score, grade.needs_manual_grade = 3, False
        comment = book.find_comment(by_hand, CHAPTER, CHAPTER, "perfect")
        comment.manual_comment = "half a point for the picture"
        book.db.commit()
    return Grading(course, "--timeout", "2")


def test_every_student_has_a_line(course, first):
    folders = {path.name for path in (course / "submitted").iterdir()}
    assert len(FIRST) >= 9
    assert {s.name for s in STUDENTS} == folders
    assert {s for s, a in first.rows if a == CHAPTER} == folders
    for student in FIRST:
        assert f"] {student.name} {CHAPTER} … " in first.said
    assert first.status == 1  # some need a person
    assert first.noise == ""


@pytest.mark.parametrize("student", WHOLE)
def test_score(first, failed, student):
    lost = [*failed[student], *BY_HAND]
    row = first.row(student)
    everything = sum(POINTS.values())
    assert float(row["max_score"]) == everything
    assert float(row["score"]) == everything - sum(POINTS[k] for k in lost)
    answered = student not in ("untouched", "half_done")
    looped = student == "endless_loop"
    assert row["status"] == (PARTLY if looped else GRADED)
    assert ("same_padding" in row["reason"]) == looped
    assert row["waiting"] == ("1" if answered else "0")


@pytest.mark.parametrize("student", [s for s in FIRST if s.name in WHOLE])
def test_points_are_lost_where_the_mistake_is(failed, student):
    lost = {name.split("-")[0] for name in failed[student.name]}
    exercises = {name.split("-")[0] for name in set(POINTS) - BY_HAND}
    if student.part == 1:
        wrong = student.wrong[CHAPTER].items()
        assert lost == {name for name, what in wrong if what != "talks"}
    elif student.part == 0:
        assert lost == exercises
    else:
        assert 0 < len(lost) < len(exercises)


def test_all_and_nothing(first):
    by_machine = sum(p for name, p in POINTS.items() if name not in BY_HAND)
    assert first.score("perfect") == by_machine
    assert first.score("talkative") == by_machine
    assert first.score("untouched") == 0
    assert 0 < first.score("half_done") < by_machine


def test_nothing_in_the_folder(course, first):
    row = first.row("empty_folder")
    assert (row["score"], row["status"]) == ("", NOT_GRADED)
    assert f"the folder is empty, expected {CHAPTER}.ipynb" in row["reason"]
    assert row["reason"] in first.said
    assert row["reason"][1:] in page(course, "empty_folder")  # there: large


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ("other_editor", "restored marks that another editor had removed"),
        ("renamed_file", f"took my answers.ipynb for {CHAPTER}.ipynb"),
    ],
)
def test_repaired(course, first, student, words):
    row = first.row(student)
    assert first.score(student) == first.score("perfect")
    assert row["status"] == REPAIRED
    assert words in row["repairs"]
    assert words in first.said
    assert words in page(course, student)


def test_feedback_of_the_graded(course, first):
    assert "this may be slow" in page(course, "talkative")
    assert "✓ min_pool2d" in page(course, "perfect")
    wrong = page(course, "zero_padding")
    assert "the padded cells hold 0" in wrong.replace("\n", " ")


def test_endless_loops_cost_seconds(course, first):
    assert "when the time of this test was up" in page(course, "endless_loop")


def test_second_run_is_quick_and_the_same(first, second):
    assert f"{len(FIRST)} of {len(FIRST)} unchanged" in second.said
    assert "[1/" not in second.said
    assert second.csv == first.csv
    assert second.status == first.status


def test_changed_submission_is_graded_again(course, third):
    graded = re.findall(r"^\[\d+/\d+\] (.*) … ", third.said, re.MULTILINE)
    assert sorted(graded) == [
        f"{name} {CHAPTER}" for name in ("=1+1", "half_done", "raises")
    ]
    assert third.score("half_done") == third.score("talkative")
    assert third.row("half_done")["waiting"] == "1"


def test_broken_resubmission_loses_its_score(course, first, third):
    before = f"{report.points(first.score('raises'))} of "
    row = third.row("raises")
    assert (row["score"], row["status"]) == ("", NOT_GRADED)
    assert "no notebook" in row["reason"]
    assert f"the file before this one had {before}" in row["reason"]
    assert "no notebook" in page(course, "raises")
    assert not (course / "autograded" / "raises" / CHAPTER).exists()
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "pooling") as book:
        submission = book.find_submission(CHAPTER, "raises")
        assert submission.score == 0
        assert submission.needs_manual_grade


def test_points_given_by_hand_count(course, third):
    row = third.row("perfect")
    by_machine = sum(p for name, p in POINTS.items() if name not in BY_HAND)
    assert float(row["score"]) == by_machine + 3
    assert (row["status"], row["waiting"]) == (GRADED, "0")
    assert "half a point for the picture" in page(course, "perfect")


def test_nothing_vanishes(third):
    assert third.row("on_holiday")["status"] == NOTHING
    assert (
        "no assignment 1_windows"
        in third.row("untouched", "1_windows")["reason"]
    )
    assert "found a file" in third.row("all.zip", "")["reason"]
    assert third.row("'=1+1")["status"] == NOT_GRADED
    for student in ("on_holiday", "all.zip", "=1+1"):
        assert f"\n{student}  " in third.said


class AtOnce:
    """A pool whose work is done as soon as it is handed in."""

    def submit(self, function, *args):
        """Do it; return what has come out, as a future."""
        future = Future()
        future.set_result(function(*args))
        return future


@pytest.mark.timeout(60)
def test_nobody_is_left_when_all_that_run_end_at_once():
    run = object.__new__(Run)
    run.jobs = 2
    run.execute = lambda *pair: pair
    run.save = list
    pairs = [(f"s{k}", CHAPTER) for k in range(10)]
    assert sorted(run.grade_all(pairs, AtOnce())) == pairs
    assert list(run.grade_all([], AtOnce())) == []


def test_a_file_without_end_is_not_read(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(100 << 30)
    first = intake.fingerprint(tmp_path)
    with (tmp_path / "huge").open("r+b") as file:
        file.truncate(99 << 30)
    assert intake.fingerprint(tmp_path) != first


def test_unknown_names_are_refused(course, third):
    refused = Grading(course, "--student", "nobody")
    assert refused.status == 2
    assert "no student is called nobody" in refused.said


def test_help_says_where_to_put_things():
    done = subprocess.run(
        [sys.executable, "-m", "grading", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "course/submitted/<student>/<assignment>/" in done.stdout


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t"])
def test_csv_holds_no_formula(tmp_path, sign):
    name = f"{sign}1+1"
    row = report.Row(name, name, None, 3, NOT_GRADED, name)
    report.write_csv(tmp_path / "grades.csv", [row])
    with (tmp_path / "grades.csv").open(newline="") as file:
        [cells] = list(csv.reader(file))[1:]
    assert not any(cell.startswith(tuple("=+-@\t")) for cell in cells)


def test_page_escapes_html(tmp_path):
    row = report.Row("<b>", "a", None, 3, NOT_GRADED, "<script>")
    report.write_page(tmp_path / "a.html", row)
    text = (tmp_path / "a.html").read_text("utf-8")
    assert "<b>" not in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_trouble_is_handed_in():
    used = {
        what
        for s in STUDENTS
        for its in s.wrong.values()
        for what in its.values()
    }
    assert set(TROUBLE) <= used


def crossed(value, arrays=()):
    """Send a value over the wire, with the arguments of a call."""
    there = wire.Packer(None)
    there.arrays = list(arrays)
    form = json.loads(json.dumps(there.pack(value)))
    here = wire.Packer(None)
    here.arrays = list(arrays)
    return here.unpack(form, [memoryview(blob) for blob in there.blobs])


X = np.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize(
    "array",
    [
        X,
        X.T,
        X[::-1, ::2],
        np.asfortranarray(X),
        np.broadcast_to(X[0], (3, 6)),
        X.astype(">f4"),
        X[:0],
        X > 3,
        np.array(-0.0),
        np.array([np.nan, -0.0, np.inf]),
        np.array(["a", "bc"]),
    ],
)
def test_arrays_cross_as_they_are(array):
    got = crossed(array)
    assert (got.dtype, got.shape) == (array.dtype, array.shape)
    assert got.flags.writeable == array.flags.writeable
    assert array.size == 0 or got.strides == array.strides
    assert got.tobytes() == array.tobytes()


def test_views_cross_as_views():
    assert crossed(X, [X]) is X
    turned = X[::-1][1:, 1:3]
    got = crossed(turned, [X])
    assert np.array_equal(got, turned)
    assert np.shares_memory(got, X)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 1, -(10**30), 1.5, -0.0, 1j, "é\ud800", b"x", ...),
        *(np.float32(2), np.bool_(True), np.dtype(">i2"), np.float32, int),
        *((1, [2, {3: 4.5}]), {1, 2}, range(3), slice(1, None)),
    ],
)
def test_values_cross_as_they_are(value):
    got = crossed(value)
    assert type(got) is type(value)
    assert got == value
    assert str(got) == str(value)


@pytest.mark.parametrize(
    "form",
    [
        *(["what"], [], {}, 7, ["int", "zz"], ["int", "1" * 99_999]),
        ["array", 0, 0, "<f8", [9], [8], True],
        ["array", 0, -8, "<f8", [1], [8], True],
        ["array", 0, 0, "<f8", [1 << 40], [0], True],
        ["array", 0, 0, "|O", [1], [8], True],
        ["array", 5, 0, "<f8", [1], [8], True],
        ["view", 0, 999_999, "<f8", [1], [8], True],
        ["range", [0, ["int", "0xfffffffffff"], 1]],
        ["object", 0, "x", "y", True],
    ],
)
def test_what_is_no_plain_data_is_refused(form):
    here = wire.Packer(None)
    here.arrays = [X]
    with pytest.raises(wire.Refused):
        here.unpack(form, [memoryview(bytes(8))])


def test_the_canary_finds_a_leak(monkeypatch):
    needs("walls")
    first, *rest = walls.command()
    hole = ["--ro-bind", tempfile.gettempdir(), tempfile.gettempdir()]
    monkeypatch.setattr(walls, "command", lambda: [first, *hole, *rest])
    executor = Executor()
    try:
        assert "a file of the class" in str(executor.check(ROOT))
    finally:
        executor.close()


def test_time_spent_waiting_for_a_processor_does_not_count():
    """Four loops beside it, on one core: ten seconds for two of work."""
    work = (
        "import time\n"
        "def answer(seconds):\n"
        "    end = time.process_time() + seconds\n"
        "    while time.process_time() < end: pass\n"
        "answer(2)"
    )
    cells = [
        {"run": work, "answers": ["answer"], "name": "work"},
        {"test": [["answer(2)", False]], "uses": ["answer"], "name": "works"},
        {"test": [["answer(9)", False]], "uses": ["answer"], "name": "long"},
    ]
    job = {"key": "work", "prepared": [], "files": [], "cells": cells}
    cores, loops = os.sched_getaffinity(0), []
    executor = Executor()
    try:
        os.sched_setaffinity(0, [min(cores)])
        for _ in range(4):
            words = [sys.executable, "-c", "while True: pass"]
            loops.append(subprocess.Popen(words))
        result = executor.run(job | {"seconds": 4, "seconds_in_all": 40})
    finally:
        executor.close()
        os.sched_setaffinity(0, cores)
        for loop in loops:
            loop.kill()
            loop.wait()
    errors = [test["error"] for test in result["tests"].values()]
    assert errors[0] is None
    assert errors[1][0] == "OutOfTime"
    assert [note.split(":")[0] for note in result["notes"]] == ["long"]


def test_unsafe_says_so(tmp_path):
    lay_out(tmp_path, 1)
    done = Grading(tmp_path, "--assignment", CHAPTER, "--unsafe")
    assert "UNSAFE" in done.said
    assert done.score("s00000") == sum(POINTS.values()) - 4


def test_a_terminal_shows_progress(tmp_path):
    needs("walls")
    lay_out(tmp_path, 2)
    ours, theirs = pty.openpty()
    words = ["--course", tmp_path, "--assignment", CHAPTER]
    done = subprocess.run(
        [sys.executable, "-m", "grading", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "grading |" in shown  # the bar, and nothing of it in the lines:
    assert " 0/2, " in shown
    assert re.findall(r"^\[\d/2\]", done.stdout, re.M) == ["[1/2]", "[2/2]"]
    assert "\r" not in done.stdout


def test_many_submissions_are_looked_up_by_an_index(course, first):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "pooling") as book:
        for table, column in INDEXED.items():
            words = f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column}"
            [row] = book.db.execute(text(f"{words} = 'x'"))
            assert f"USING INDEX {table}_{column}" in row[-1]
