"""A class in its folder: what nbgrader is asked to do, and what it knows."""

import contextlib
import glob
import io
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader
from traitlets.log import get_logger

from grading import reasons

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "solutions"


class Result(NamedTuple):
    """What the gradebook knows of one submission."""

    score: float
    max_score: float
    waiting: list  # names of the cells that wait for a person
    shown: list  # all that its feedback page shows


class Course:
    """A class's folder, graded with nbgrader's settings of this project."""

    def __init__(self, folder, timeout=None):
        self.folder = folder
        # nbgrader calls `alembic`, which lies beside this Python.
        here = str(Path(sys.executable).parent)
        if here not in os.environ["PATH"].split(os.pathsep):
            os.environ["PATH"] = here + os.pathsep + os.environ["PATH"]
        config = PyFileConfigLoader(
            "nbgrader_config.py", str(ROOT)
        ).load_config()
        # Inside the project a relative path: nbgrader reads an absolute one
        # as a pattern, and the project's own folder may be called anything.
        inside = folder.is_relative_to(ROOT)
        place = folder.relative_to(ROOT) if inside else folder
        for step in ("submitted", "autograded", "feedback", "release"):
            config.CourseDirectory[f"{step}_directory"] = str(place / step)
        config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        if timeout is not None:
            config.RunCells.timeout = timeout
        self.config = config

    def gradebook(self):
        """Open the gradebook, for a with statement."""
        settings = self.config.CourseDirectory
        return Gradebook(settings.db_url, settings.course_id)

    def place(self, step, student, assignment):
        """Return the folder of a submission at one of nbgrader's steps."""
        return self.folder / step / student / assignment

    def released(self, assignment):
        """Return the path of the student's notebook of an assignment."""
        return self.place("release", ".", assignment) / f"{assignment}.ipynb"

    def graded(self, student, assignment):
        """Return the path of a submission's autograded copy."""
        place = self.place("autograded", student, assignment)
        return place / f"{assignment}.ipynb"

    def check_cells(self, assignment):
        """Return the names of the check cells of an assignment."""
        notebook = nbformat.read(self.released(assignment), as_version=4)
        return reasons.check_cells(notebook)

    def register(self, assignment):
        """Put an assignment's cells and points into the gradebook."""
        return self.convert(GenerateAssignment, assignment)

    def autograde(self, student, assignment):
        """Run a submission and save its points; return (done, log)."""
        return self.convert(Autograde, assignment, student)

    def write_feedback(self, student, assignment):
        """Write a graded submission's page; return (done, log)."""
        return self.convert(GenerateFeedback, assignment, student)

    def convert(self, converter, assignment, student="*"):
        """Start one of nbgrader's converters; return (done, log)."""
        directory = CourseDirectory(config=self.config)
        directory.assignment_id = assignment
        directory.student_id = glob.escape(student) if student != "*" else "*"
        app = converter(coursedir=directory, config=self.config, force=True)
        text = io.StringIO()
        handler = logging.StreamHandler(text)
        log = get_logger()
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        try:
            app.start()
            done = True
        except (Exception, SystemExit) as error:
            text.write(f"{type(error).__name__}: {error}\n")
            done = False
        finally:
            log.removeHandler(handler)
            print(text.getvalue(), file=sys.stderr, flush=True)
        return done, text.getvalue()

    def forget(self, student, assignment):
        """Take back what an earlier file of a submission was given.

        Points given by hand stay, and wait to be confirmed.
        """
        shutil.rmtree(
            self.place("autograded", student, assignment), ignore_errors=True
        )
        with self.gradebook() as gradebook:
            gradebook.update_or_create_student(student)
            with contextlib.suppress(MissingEntry):
                submission = gradebook.find_submission(assignment, student)
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        grade.auto_score = None
                        grade.needs_manual_grade = True
                gradebook.db.commit()

    def students(self):
        """Return the names of the students in the gradebook."""
        with self.gradebook() as gradebook:
            return [student.id for student in gradebook.students]

    def points(self):
        """Return {assignment: points to be had}."""
        with self.gradebook() as gradebook:
            return {a.name: a.max_score for a in gradebook.assignments}

    def result(self, student, assignment):
        """Return the Result of one submission."""
        with self.gradebook() as gradebook:
            return result(gradebook.find_submission(assignment, student))

    def results(self):
        """Return {(student, assignment): Result} of the whole gradebook."""
        with self.gradebook() as gradebook:
            return {
                (submission.student.id, assignment.name): result(submission)
                for assignment in gradebook.assignments
                for submission in assignment.submissions
            }


def result(submission):
    """Return the Result of a submission in the gradebook."""
    notebooks = submission.notebooks
    grades = [grade for notebook in notebooks for grade in notebook.grades]
    shown = [(g.name, g.score, g.needs_manual_grade) for g in grades]
    shown += [
        (comment.name, comment.comment)
        for notebook in notebooks
        for comment in notebook.comments
    ]
    penalty = sum(n.late_submission_penalty or 0 for n in notebooks)
    return Result(
        submission.score - penalty,
        submission.max_score,
        sorted(grade.name for grade in grades if grade.needs_manual_grade),
        sorted(shown, key=repr),
    )
