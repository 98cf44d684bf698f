"""A class in its folder: what nbgrader is asked to do, and what it knows."""

import contextlib
import io
import logging
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader import api
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.utils import (
    compute_checksum,
    determine_grade,
    is_grade,
    is_solution,
    is_task,
)
from sqlalchemy import select, text
from traitlets.config.loader import PyFileConfigLoader
from traitlets.log import get_logger

from grading import pages, report
from grading.intake import Assignment

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "solutions"
# nbgrader looks rows up by these, which have no index: then each submission
# takes the longer the more there are.
INDEXED = {
    "submitted_assignment": "student_id",
    "submitted_notebook": "assignment_id",
    "grade": "notebook_id",
    "comment": "notebook_id",
}


class Result(NamedTuple):
    """What the gradebook knows of one submission."""

    score: float
    max_score: float
    waiting: list  # names of the cells that wait for a person
    grades: dict  # name of a cell -> (points, points to be had)
    comments: dict  # name of a cell -> text or None
    late: float  # points that are taken off for late work


class Course:
    """A class's folder, graded with nbgrader's settings of this project."""

    def __init__(self, folder, db_url=None):
        self.folder = folder
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
            for table, column in INDEXED.items():
                name = f"{table}_{column}"
                self.book.db.execute(
                    text(
                        f"CREATE INDEX IF NOT EXISTS {name} "
                        f"ON {table} ({column})"
                    )
                )
            self.book.db.commit()
        try:
            yield self.book
        finally:
            self.book.db.remove()

    def seconds(self, cell=None):
        """Return the seconds for one cell, and for all of a notebook."""
        settings = self.config.Limits
        cell = cell or settings.seconds
        return cell, cell * settings.seconds_in_all / settings.seconds

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

    def save(self, graded):
        """Save executed notebooks and their points; return the Results.

        nbgrader's SaveAutoGrades and AssignLatePenalties in one transaction:
        either all of it is in the gradebook, or nothing.

        Parameters
        ----------
        graded : dict
            (student, assignment) -> (notebook, time of handing in or None).

        Returns
        -------
        dict
            (student, assignment) -> Result.
        """
        with self.gradebook() as book:
            session = book.db()
            # nbgrader commits after each step of its own; here that is one.
            commit, session.commit = session.commit, session.flush
            for pair, (notebook, timestamp) in graded.items():
                report.write(self.graded(*pair), as_text(notebook))
                self.save_points(book, *pair, notebook, timestamp)
            commit()
        return self.results(graded)

    def save_points(self, book, student, assignment, notebook, timestamp):
        """Put the points of one submission into the gradebook."""
        book.update_or_create_student(student)
        submission = book.update_or_create_submission(
            assignment, student, timestamp=timestamp
        )
        [saved] = [n for n in submission.notebooks if n.name == assignment]
        grades = {grade.cell.name: grade for grade in saved.grades}
        comments = {note.cell.name: note for note in saved.comments}
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if is_grade(cell):
                grade = grades[name]
                grade.auto_score, _ = determine_grade(cell)
                by_hand = grade.manual_score is not None
                grade.needs_manual_grade = by_hand or grade.auto_score is None
            if is_solution(cell) or is_task(cell):
                checksum = cell.metadata.nbgrader.get("checksum")
                same = checksum == compute_checksum(cell)
                comments[name].auto_comment = (
                    "No response." if same and not is_task(cell) else None
                )
        if submission.total_seconds_late > 0:
            book.db.flush()
            saved.late_submission_penalty = self.penalty(submission, saved)
        elif saved.late_submission_penalty:
            saved.late_submission_penalty = None

    def penalty(self, submission, saved):
        """Return what nbgrader's plugin takes off for late work, or None."""
        plugin = LateSubmissionPlugin(config=self.config)
        taken = plugin.late_submission_penalty(
            submission.student_id, saved.score, submission.total_seconds_late
        )
        return taken and min(max(taken, 0), saved.score)

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
        with self.gradebook() as book:
            return list(book.db.scalars(select(api.Student.id)))

    def points(self):
        """Return {assignment: points to be had}."""
        with self.gradebook() as book:
            return {a.name: a.max_score for a in book.assignments}

    def results(self, pairs=None):
        """Return {(student, assignment): Result}, of these or of all."""
        with self.gradebook() as book:
            only = ()
            if pairs is not None:
                students = {student for student, _ in pairs}
                only = (api.SubmittedAssignment.student_id.in_(students),)
            most = {
                cell.id: cell.max_score or 0
                for kind in (api.GradeCell, api.TaskCell)
                for cell in book.db.scalars(select(kind))
            }

            def rows(*columns, of=None):
                """Select columns of what belongs to the submissions."""
                found = (
                    select(
                        api.SubmittedAssignment.student_id,
                        api.Assignment.name,
                        *columns,
                    )
                    .select_from(api.SubmittedAssignment)
                    .join(api.Assignment)
                    .join(
                        api.SubmittedNotebook,
                        api.SubmittedNotebook.assignment_id
                        == api.SubmittedAssignment.id,
                    )
                    .where(*only)
                )
                if of:
                    found = found.join(
                        of, of.notebook_id == api.SubmittedNotebook.id
                    ).join(api.BaseCell, api.BaseCell.id == of.cell_id)
                for student, assignment, *values in book.db.execute(found):
                    yield (student, assignment), values

            results = {
                pair: Result(0, 0, [], {}, {}, late or 0)
                for pair, [late] in rows(
                    api.SubmittedNotebook.late_submission_penalty
                )
            }
            for pair, [cell, name, score, waits] in rows(
                api.BaseCell.id,
                api.BaseCell.name,
                api.Grade.score,
                api.Grade.needs_manual_grade,
                of=api.Grade,
            ):
                results[pair].grades[name] = score, most[cell]
                if waits:
                    results[pair].waiting.append(name)
            for pair, [name, comment] in rows(
                api.BaseCell.name, api.Comment.comment, of=api.Comment
            ):
                results[pair].comments[name] = comment
        return {
            pair: result._replace(
                score=sum(s for s, _ in result.grades.values()) - result.late,
                max_score=sum(m for _, m in result.grades.values()),
                waiting=sorted(result.waiting),
                grades=dict(sorted(result.grades.items())),
                comments=dict(sorted(result.comments.items())),
            )
            for pair, result in results.items()
            if pairs is None or pair in pairs
        }


def version():
    """Return the version of nbgrader's gradebook.

    nbgrader starts a process to ask for it, which takes seconds.
    """
    from alembic.config import Config as Migrations
    from alembic.script import ScriptDirectory

    migrations = Migrations()
    migrations.set_main_option("script_location", ALEMBIC_DIR)
    return ScriptDirectory.from_config(migrations).get_current_head()


api.get_alembic_version = version


def as_text(notebook):
    """Return a graded notebook's text, in which no HTML is alive."""
    return nbformat.v4.writes_json(pages.inert(notebook))
