"""Grade a class: read course/submitted, write scores, reasons and feedback."""

import argparse
import contextlib
import os
import sys
import warnings
from pathlib import Path

from grading import report
from grading.memory import Memory

ROOT = Path(__file__).resolve().parent.parent
HELP = """\
Put what your students handed in at
  course/submitted/<student>/<assignment>/<assignment>.ipynb
and run this. Without any submission it shows itself on a sample class.

It writes
  course/grades.csv     one line for each student and assignment
  course/report.html    the same for you, with all that was noticed
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
        help="for one cell, and in proportion for a notebook (default: as in "
        "nbgrader_config.py)",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="at once (default: all cores)"
    )
    parser.add_argument(
        "--db", metavar="URL", help="gradebook, such as postgresql:///class"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run on a Dask cluster, such as tcp://host:8786",
    )
    parser.add_argument(
        "--show-hidden",
        action="store_true",
        help="show hidden tests on the feedback pages",
    )
    parser.add_argument(
        "--unsafe",
        action="store_true",
        help="run students' code without walls, with all your rights",
    )
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore")  # of nbgrader's use of its database
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
    with quiet(folder / "grading.log") as screen:
        # Not at the top: it takes seconds, and `--help` should not.
        from grading.executor import Cluster, Executor
        from grading.walls import NoWalls

        walls = not args.unsafe
        try:
            with contextlib.closing(
                Cluster(args.scheduler, walls)
                if args.scheduler
                else Executor(walls)
            ) as executor:
                with contextlib.suppress(NoWalls):
                    executor.begin()  # while the rest is imported
                rows, shown, missing = graded(folder, executor, screen, args)
        except NoWalls as error:
            print(
                f"cannot grade: students' code cannot be contained here: "
                f"{error}\n--unsafe grades without walls"
            )
            return 2
        except report.CannotGrade as error:
            print(f"cannot grade: {error}")
            return 2
    report.write_csv(folder / "grades.csv", rows)
    report.write_report(folder / "report.html", rows)
    print(f"\n{report.table(shown)}\n")
    print(report.summary(shown))
    here = report.short(folder)
    print(f"written: {here}/grades.csv, {here}/report.html, {here}/feedback/")
    return int(bool(missing) or any(row.needs_person() for row in shown))


def graded(folder, executor, screen, args):
    """Grade; return all rows, those asked for, and how many lack pages."""
    from sqlalchemy.exc import SQLAlchemyError

    from grading.course import Course
    from grading.run import Run

    memory = Memory(folder / "graded.jsonl")
    try:
        with contextlib.closing(
            Run(Course(folder, args.db), memory, executor, screen, args)
        ) as this:
            this.start()
            this.grade()
            rows = this.rows()
            shown = [row for row in rows if this.asks_for(*row[:2])]
            this.write_feedback(shown)
    except SQLAlchemyError as error:
        place = report.short(folder / "gradebook.db")
        raise report.CannotGrade(f"{place}: {error.args[0]}") from None
    return rows, shown, this.missing


@contextlib.contextmanager
def quiet(log):
    """Send what nbgrader writes to stderr to a file; yield the screen."""
    with (
        log.open("a", encoding="utf-8") as file,
        os.fdopen(os.dup(2), "w", encoding="utf-8") as screen,
    ):
        os.dup2(file.fileno(), 2)
        try:
            yield screen
        finally:
            sys.stderr.flush()
            os.dup2(screen.fileno(), 2)


if __name__ == "__main__":
    sys.exit(main())
