"""Grade a class: read course/submitted, write scores, reasons and feedback."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from grading import report
from grading.memory import Memory
from grading.report import GRADED, NOT_GRADED, WAITS

ROOT = Path(__file__).resolve().parent.parent
HELP = """\
Put what your students handed in at
  course/submitted/<student>/<assignment>/<assignment>.ipynb
and run this. Without any submission it shows itself on a sample class.

It writes
  course/grades.csv     one line for each student and assignment
  course/feedback/      a page for each student and assignment
  course/gradebook.db   nbgrader's gradebook (its formgrader reads it)
  course/grading.log    what nbgrader said

Run it again whenever something changed: only that is graded anew. The exit
status is 0 if every submission is graded, 1 if some need a person, 2 if
grading could not begin.
"""


def main(argv=None):
    """Read the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m grading",
        description=__doc__,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    only = {"nargs": "+", "metavar": "NAME", "default": []}
    parser.add_argument("--assignment", help="only these assignments", **only)
    parser.add_argument("--student", help="only these students", **only)
    parser.add_argument(
        "--again", action="store_true", help="grade what has not changed, too"
    )
    parser.add_argument(
        "--course",
        type=Path,
        default=ROOT / "course",
        help="folder of the class (default: course)",
    )
    parser.add_argument(
        "--timeout",
        type=int,
        metavar="SECONDS",
        help="for one cell (default: as in nbgrader_config.py)",
    )
    args = parser.parse_args(argv)
    try:
        return grade(args)
    except OSError as error:
        print(f"grading stopped: {error}")
        return 2
    except KeyboardInterrupt:
        print("\nstopped; run again to go on from here")
        return 130


def grade(args):
    """Grade what is new or changed, and report on all; return the status."""
    folder = args.course.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with quiet(folder / "grading.log"):
        # Not at the top: it takes seconds, and `--help` should not.
        from sqlalchemy.exc import SQLAlchemyError

        from grading.course import Course
        from grading.run import CannotGrade, Run

        memory = Memory(folder / "graded.json")
        course = Course(folder, args.timeout)
        run = Run(course, memory, args.student, args.assignment, args.again)
        try:
            run.start()
            run.grade()
            rows = run.rows()
            shown = [row for row in rows if run.asks_for(*row[:2])]
            run.write_feedback(shown)
        except CannotGrade as error:
            print(f"cannot grade: {error}")
            return 2
        except SQLAlchemyError as error:
            place = report.short(folder / "gradebook.db")
            print(f"grading stopped at {place}: {error.args[0]}")
            return 2
    report.write_csv(folder / "grades.csv", rows)
    print(f"\n{report.table(shown)}\n")
    counts = [
        (sum(row.status == status for row in shown), words)
        for status, words in [
            (GRADED, "graded"),
            (WAITS, "graded but for answers that wait for a person"),
            (NOT_GRADED, "not graded, see the reasons"),
        ]
    ]
    print("; ".join(f"{n} {words}" for n, words in counts if n))
    here = report.short(folder)
    print(f"written: {here}/grades.csv, {here}/feedback/")
    return 0 if counts[0][0] == sum(n for n, _ in counts) else 1


@contextlib.contextmanager
def quiet(log):
    """Send what nbgrader and kernels write to stderr to a file."""
    with log.open("a", encoding="utf-8") as file:
        screen = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)


if __name__ == "__main__":
    sys.exit(main())
