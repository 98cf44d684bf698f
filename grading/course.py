"""A class in its folder: what nbgrader is asked to do, and what it knows."""

import contextlib
import io
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.utils import (
    compute_checksum,
    determine_grade,
    is_grade,
    is_solution,
    is_task,
)
from traitlets.config.loader import PyFileConfigLoader
from traitlets.log import get_logger

from grading import report
from grading.intake import Assignment

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

    def __init__(self, folder, db_url=None):
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
        own = f"sqlite:///{folder / 'gradebook.db'}"
        config.CourseDirectory.db_url = db_url or own
        self.config = config
        self.book = None
        self.db_url = config.CourseDirectory.db_url

    @contextlib.contextmanager
    def gradebook(self):
        """Open the gradebook, for a with statement."""
        if self.book is None:  # opening it takes long: once
            course_id = self.config.CourseDirectory.course_id
            self.book = Gradebook(self.db_url, course_id)
        try:
            yield self.book
        finally:
            self.book.db.remove()

    def seconds(self, cell=None):
        """Return the seconds for one cell, and for all of a notebook."""
        settings = self.config.Limits
        return cell or settings.seconds, settings.seconds_in_all

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

    def register(self, assignment):
        """Put an assignment's cells and points into the gradebook."""
        return self.convert(GenerateAssignment, assignment)

    def assignment(self, name, key):
        """Return an Assignment, ready to be judged."""
        source = SOURCE / name / f"{name}.ipynb"
        return Assignment(
            name,
            nbformat.read(source, as_version=4),
            nbformat.read(self.released(name), as_version=4),
            key,
        )

    def save(self, student, assignment, notebook, timestamp=None):
        """Save an executed notebook and its points; return the Result.

        nbgrader's SaveAutoGrades and AssignLatePenalties in one transaction:
        either all of it is in the gradebook, or nothing.
        """
        path = self.graded(student, assignment)
        path.parent.mkdir(parents=True, exist_ok=True)
        report.write(path, nbformat.writes(report.inert(notebook)))
        with self.gradebook() as book:
            book.update_or_create_student(student)
            submission = book.update_or_create_submission(
                assignment, student, timestamp=timestamp
            )
            [saved] = [n for n in submission.notebooks if n.name == assignment]
            grades = {grade.name: grade for grade in saved.grades}
            comments = {comment.name: comment for comment in saved.comments}
            for cell in notebook.cells:
                name = cell.metadata.get("nbgrader", {}).get("grade_id")
                if is_grade(cell):
                    grade = grades[name]
                    grade.auto_score, _ = determine_grade(cell)
                    by_hand = grade.manual_score is not None
                    grade.needs_manual_grade = (
                        by_hand or grade.auto_score is None
                    )
                if is_solution(cell) or is_task(cell):
                    checksum = cell.metadata.nbgrader.get("checksum")
                    same = checksum == compute_checksum(cell)
                    comments[name].auto_comment = (
                        "No response." if same and not is_task(cell) else None
                    )
            book.db.flush()
            saved.late_submission_penalty = self.penalty(submission, saved)
            book.db.commit()
            book.db.refresh(submission)
            return result(submission)

    def penalty(self, submission, saved):
        """Return what nbgrader's plugin takes off for late work, or None."""
        late = submission.total_seconds_late
        if late <= 0:
            return None
        plugin = LateSubmissionPlugin(config=self.config)
        taken = plugin.late_submission_penalty(
            submission.student_id, saved.score, late
        )
        return taken and min(max(taken, 0), saved.score)

    def graded_notebook(self, student, assignment):
        """Return a graded notebook with points and comments in its cells.

        What nbgrader's GetGrades does, in the gradebook that is open.
        """
        notebook = nbformat.read(self.graded(student, assignment), 4)
        with self.gradebook() as book:
            saved = book.find_submission_notebook(
                assignment, assignment, student
            )
            grades = {grade.name: grade for grade in saved.grades}
            comments = {comment.name: comment for comment in saved.comments}
            for cell in notebook.cells:
                marks = cell.metadata.get("nbgrader", {})
                if is_grade(cell):
                    grade = grades[marks.grade_id]
                    marks.score, marks.points = grade.score, grade.max_score
                if is_solution(cell) or is_task(cell):
                    marks.comment = comments[marks.grade_id].comment
            late = saved.late_submission_penalty or 0
            totals = {
                "notebook": assignment,
                "assignment": assignment,
                "student": student,
                "score": saved.score - late,
                "max_score": saved.max_score,
                "late_penalty": late,
            }
        resources = {"metadata": {"name": assignment}, "nbgrader": totals}
        return notebook, resources

    def pages(self):
        """Return the settings of nbgrader's feedback pages."""
        directory = CourseDirectory(config=self.config)
        return GenerateFeedback(coursedir=directory, config=self.config).config

    def convert(self, converter, assignment, student="*"):
        """Start one of nbgrader's converters; return (done, log)."""
        directory = CourseDirectory(config=self.config)
        directory.assignment_id = assignment
        directory.student_id = student
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
