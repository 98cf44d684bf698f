"""One grading run over a class: who is graded, by whom, and what is kept."""

import contextlib
import gc
import hashlib
import os
import re
import signal
import sys
import threading
import time
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from importlib.metadata import version
from itertools import islice
from multiprocessing import get_context, parent_process

from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from grading import intake, report, sample_class
from grading.course import ROOT, SOURCE
from grading.executor import check_walls
from grading.intake import Problem, fingerprint
from grading.outcome import executed, job_of
from grading.pages import Pages
from grading.report import (
    GRADED,
    NOT_GRADED,
    NOTHING,
    PARTLY,
    REPAIRED,
    CannotGrade,
    Row,
)

# What honest answers do not need. It costs no points; a person has a look.
SUSPICIOUS = {
    "reaches into the checks": r"pooling\.check\.\w|from pooling\.check import"
    r"|import pooling\.check|check\.(?:windows|table|im2col)\b",
    "names the solutions": r"solutions/|gradebook|### BEGIN HIDDEN",
    "uses the network": r"\b(?:socket|urllib|requests|http\.client)\b",
    "starts processes": r"\b(?:subprocess|multiprocessing|os\.system|fork)\b",
    "ends Python": r"\bos\._exit\b|\bos\.kill\b",
    "reaches into Python": r"\bctypes\b|\bsettrace\b|\bsetprofile\b"
    r"|gc\.get_objects|sys\._getframe|__subclasses__|f_globals|f_locals",
    "reaches into IPython": r"input_transformers|ast_transformers|run_code\b"
    r"|\.events\.register|displayhook",
    "reads the environment": r"\bos\.(?:environ|getenv)\b",
    "tries to steer the page": r"(?i)<script|javascript:|\bonerror\s*=",
}


VERSION = version("pooling")  # of the book
PAGE_SECONDS = 60  # for one page
SECONDS = 0.5  # between two times that what is graded is saved


class Run:
    """Grade what is new or changed among what was asked for.

    Parameters
    ----------
    course : Course
    memory : Memory
        What was graded before; kept up to date.
    executor : Executor or Cluster
    screen : file
        For progress bars, if it is a terminal.
    args : argparse.Namespace
        student, assignment, again, timeout, jobs, unsafe, scheduler.
    """

    def __init__(self, course, memory, executor, screen, args):
        self.course, self.memory, self.args = course, memory, args
        self.executor = executor
        self.jobs = args.jobs or executor.size()
        self.screen = next(
            (file for file in (sys.stdout, screen) if file.isatty()), None
        )
        self.submitted = course.folder / "submitted"
        self.known = sorted(
            path.stem
            for path in SOURCE.glob("*/*.ipynb")
            if path.stem == path.parent.name
        )
        # What each is graded with: its source, the package and the judge.
        with_all = fingerprint(ROOT / "book" / "pooling", ROOT / "grading")
        self.tests = {
            name: hashlib.sha256(
                f"{fingerprint(SOURCE / name)} {with_all}".encode()
            ).hexdigest()
            for name in self.known
        }
        self.assignments = {}
        self.pages = {}  # being written -> whose, and what it shows
        self.writers = None
        self.missing = 0  # pages that could not be written

    def start(self):
        """Find what was handed in, and register its assignments."""
        self.handed_in = intake.found(self.submitted)
        if not self.handed_in and not self.course.students():
            self.lay_out_sample()
        self.refuse_unknown_names()
        for assignment in sorted({a for _, a in self.to_grade()}):
            self.register(assignment)
        self.results = self.course.results()
        self.points = self.course.points()
        # Forked here, while there are no threads.
        self.writers = ProcessPoolExecutor(
            min(self.jobs, os.cpu_count() or 1),
            get_context("fork"),
            begin_writer,
            (self.course.pages(), self.args.show_hidden),
        )
        self.writers.submit(int)

    def lay_out_sample(self):
        """Hand in for a made-up class."""
        place = report.short(self.submitted)
        print(f"Nothing was handed in at {place}: here is a sample class.")
        for assignment in sample_class.ASSIGNMENTS:
            if assignment in self.known:
                self.register(assignment)
                sample_class.lay_out(
                    self.submitted,
                    assignment,
                    SOURCE / assignment / f"{assignment}.ipynb",
                    self.course.released(assignment),
                )
        for student in sample_class.STUDENTS:
            print(f"  {student.name:<16}  {student.comment}")
        print()
        self.handed_in = intake.found(self.submitted)

    def refuse_unknown_names(self):
        """Stop where a name that was asked for does not exist."""
        students = {student for student, _ in self.handed_in}
        assignments = {assignment for _, assignment in self.handed_in}
        for kind, asked, there in [
            (
                "student",
                self.args.student,
                students | set(self.course.students()),
            ),
            (
                "assignment",
                self.args.assignment,
                assignments | set(self.known),
            ),
        ]:
            for name in asked:
                if name not in there:
                    raise CannotGrade(
                        f"no {kind} is called {name}; there are "
                        f"{', '.join(sorted(there - {''}))}"
                    )

    def asks_for(self, student, assignment):
        """Tell whether a submission was asked for."""
        students, assignments = self.args.student, self.args.assignment
        return (not students or student in students) and (
            not assignments or assignment in assignments
        )

    def to_grade(self):
        """Return the submissions that were asked for and can be graded."""
        return [
            (student, assignment)
            for student, assignment in self.handed_in
            if self.asks_for(student, assignment)
            and not self.misplaced(student, assignment)
        ]

    def misplaced(self, student, assignment):
        """Say what is wrong with a submission's place; "" if nothing."""
        path = self.submitted / student / assignment
        known = intake.some(self.known)
        try:
            student.encode()
            assignment.encode()
        except UnicodeError:
            return "the folder's name is no text: rename it"
        if len(student) > 128:
            return "the folder's name has more than 128 letters: shorten it"
        if (self.submitted / student).is_symlink() or path.is_symlink():
            return "found a link, expected a folder: put the files there"
        if path.exists() and not assignment:
            found = "an empty folder" if path.is_dir() else "a file"
            return f"found {found}, expected <student>/<assignment>/"
        if path.exists() and not path.is_dir():
            return (
                f"found a file, expected a folder of the name of an "
                f"assignment: put it into the right one ({known})"
            )
        if assignment not in self.known:
            return (
                f"there is no assignment {assignment}, expected one of "
                f"{known}: rename the folder"
            )
        return ""

    def register(self, assignment):
        """Put an assignment into the gradebook, if it is new or changed."""
        if (
            self.memory.tests(assignment) != self.tests[assignment]
            or assignment not in self.course.points()
            or not self.course.released(assignment).exists()
        ):
            done, log = self.course.register(assignment)
            if not done and "there are submissions associated" in log:
                place = report.short(self.course.folder / "gradebook.db")
                raise CannotGrade(
                    f"solutions/{assignment} has got or lost cells since this "
                    f"class was first graded. Move {place} away and grade "
                    f"again; points given by hand stay in the old file"
                )
            if not done:
                raise CannotGrade(
                    f"solutions/{assignment} cannot be registered: "
                    f"{last_error(log)}"
                )
            self.memory.add({("tests", assignment): self.tests[assignment]})
        self.assignments[assignment] = self.course.assignment(
            assignment, self.tests[assignment]
        )

    def content(self, student, assignment):
        """Return the fingerprint of a submission and its tests."""
        here = fingerprint(self.submitted / student / assignment)
        return f"{here} {self.tests[assignment]}"

    def unchanged(self, student, assignment):
        """Tell whether a submission's outcome is known and still true."""
        entry = self.memory.get(student, assignment)
        if entry.get("content") != self.content(student, assignment):
            return False
        return entry["status"] == NOT_GRADED or (
            (student, assignment) in self.results
            and self.course.graded(student, assignment).exists()
        )

    def grade(self):
        """Grade what was asked for and is new or changed, many at once."""
        todo = self.to_grade()
        changed = [
            pair
            for pair in todo
            if self.args.again or not self.unchanged(*pair)
        ]
        if len(changed) < len(todo):
            same = len(todo) - len(changed)
            print(f"{same} of {len(todo)} unchanged since they were graded")
        if not changed:
            return
        if self.args.scheduler:
            print(f"{self.jobs} at once on {self.args.scheduler}")
        if self.args.unsafe:
            print("UNSAFE: students' code runs with all your rights")
        else:
            check_walls(self.executor, ROOT)
            print(
                "contained by bubblewrap: no network, no files but its "
                "own scratch, limits on time, memory and processes",
                flush=True,
            )
        gc.collect()
        gc.freeze()  # what is imported need not be looked through again
        pool = ThreadPoolExecutor(self.jobs)
        try:
            with self.bar("grading", len(changed)) as bar:
                for number, said in enumerate(
                    self.grade_all(changed, pool), start=1
                ):
                    tqdm.write(f"[{number}/{len(changed)}] {said}", sys.stdout)
                    sys.stdout.flush()
                    bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def bar(self, what, count):
        """Return a progress bar, which is quiet where there is no terminal."""
        return tqdm(
            desc=what,
            total=count,
            file=self.screen,
            disable=not self.screen,
            leave=False,
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt}, {remaining} left",
        )

    def grade_all(self, changed, pool):
        """Execute many at once, and save; yield a line about each."""
        waiting = iter(changed)
        running, ready, saved = set(), [], 0
        while True:
            for pair in islice(waiting, self.jobs + 1 - len(running)):
                running.add(pool.submit(self.execute, *pair))
            if not running:
                return
            done, running = wait(running, SECONDS, FIRST_COMPLETED)
            ready += [future.result() for future in done]
            if not running or time.monotonic() - saved > SECONDS:
                yield from self.save(ready)
                ready, saved = [], time.monotonic()

    def execute(self, student, assignment):
        """Read, repair, run and judge one submission.

        Returns
        -------
        tuple
            student, assignment, entry for the memory, executed notebook or
            None, time of handing in or None.
        """
        began = time.monotonic()
        entry = {"content": self.content(student, assignment)}
        notebook = stamp = None
        folder = self.submitted / student / assignment
        try:
            submission = intake.read(folder, assignment, self.assignments)
            stamp = submission.timestamp
            entry["version"] = submission.version
            job = job_of(
                submission,
                self.assignments[assignment],
                *self.course.seconds(self.args.timeout),
            )
            blobs = list(submission.files.values())
            for _ in range(2):  # if grading itself fails, try once more
                result = self.executor.run(job, blobs)
                if "failed" not in result:
                    break
            else:
                entry["content"] = "to be graded again"
                raise Problem(
                    "grading itself failed, which is not the student's fault "
                    f"(run it again): {last_error(result['failed'])}"
                )
            notebook = executed(submission.notebook, result)
            repairs = submission.repairs + told(result, job)
            entry["repairs"] = [r[:300] for r in dict.fromkeys(repairs)]
            entry["seen"] = suspicious(job)
            notes = result["notes"]
            entry["problem"] = "; ".join(notes[:5]) + (
                f" and {len(notes) - 5} more" if len(notes) > 5 else ""
            )
            entry["status"] = (
                PARTLY if notes else REPAIRED if entry["repairs"] else GRADED
            )
        except Problem as problem:
            notebook = None
            entry.update(status=NOT_GRADED, problem=str(problem))
        except Exception as error:  # whatever it is, this one does not vanish
            notebook = None
            entry.update(
                status=NOT_GRADED,
                problem=f"reading it failed: {type(error).__name__}: {error}"[
                    :300
                ],
            )
        entry["seconds"] = round(time.monotonic() - began, 2)
        return student, assignment, entry, notebook, stamp

    def save(self, outcomes):
        """Save outcomes in the gradebook, then in the memory.

        Yields
        ------
        str
            A line about each.
        """
        graded = {
            (student, assignment): (notebook, stamp)
            for student, assignment, _, notebook, stamp in outcomes
            if notebook is not None
        }
        entries = {(s, a): entry for s, a, entry, *_ in outcomes}
        try:
            results = self.course.save(graded)
        except (SQLAlchemyError, OSError):
            raise
        except Exception as error:  # one of them holds up the others
            if len(outcomes) > 1:
                for outcome in outcomes:
                    yield from self.save([outcome])
                return
            results = {}
            [entry] = entries.values()
            entry.update(
                content="to be graded again",
                status=NOT_GRADED,
                problem=f"saving it failed: {type(error).__name__}: {error}"[
                    :300
                ],
            )
        for pair in entries.keys() - results.keys():
            before = self.memory.get(*pair).get("before")
            if pair in self.results:
                before = before or score_of(self.results[pair])
            if before:
                entries[pair]["before"] = before
            self.course.forget(*pair)
        self.memory.put(entries)
        self.results.update(results)
        self.pages_written([page for page in self.pages if page.done()])
        for pair, entry in entries.items():
            if pair in results:
                said = score_of(results[pair])
                if entry["status"] != GRADED:
                    said += f", {entry['status']}"
                self.begin_page(self.row(*pair))
            else:
                said = f"{NOT_GRADED}: {report.plain(entry['problem'])}"
            yield f"{report.plain(' '.join(pair))} … {said}"

    def rows(self):
        """Return a row for each submission, and for each that is missing."""
        due = {a for _, a in self.handed_in if a in self.known}
        students = {s for s, a in self.handed_in if a in self.known}
        everything = set(self.handed_in) | {
            (student, assignment)
            for student in students | set(self.course.students())
            for assignment in due or self.known
        }
        everything = sorted(everything, key=lambda pair: pair[::-1])
        return [self.row(*pair) for pair in everything]

    def row(self, student, assignment):
        """Return the row of a student and an assignment."""
        result = self.results.get((student, assignment))
        entry = self.memory.get(student, assignment)
        folder = self.submitted / student / assignment
        most = self.points.get(assignment)
        row = Row(student, assignment, None, most, NOT_GRADED)
        row = row._replace(
            submission=entry.get("content", "")[:12],
            seconds=entry.get("seconds"),
        )
        repairs = tuple(entry.get("repairs", ()))
        if entry.get("version", "") not in ("", VERSION):
            other = f"of version {entry['version']} of the book, here is"
            repairs = (*repairs, f"{other} {VERSION}")
        if (student, assignment) not in self.handed_in:
            if not result or entry.get("status") in (None, NOT_GRADED):
                return row._replace(status=NOTHING)
            gone = f"{report.short(folder)} is gone, this is its last score"
            repairs = (*repairs, gone)
        elif misplaced := self.misplaced(student, assignment):
            return row._replace(reason=misplaced)
        elif entry.get("status") == NOT_GRADED:
            before = entry.get("before")
            had = f" (the file before this one had {before})" if before else ""
            return row._replace(reason=entry["problem"] + had)
        elif not self.unchanged(student, assignment):
            asked = self.asks_for(student, assignment)
            return row._replace(
                reason="it changed while it was graded: run this again"
                if asked
                else "new or changed, and not asked for in this run"
            )
        return row._replace(
            score=result.score,
            max_score=result.max_score,
            status=entry["status"],
            reason=entry["problem"],
            repairs=repairs,
            waiting=len(result.waiting),
            seen=tuple(entry["seen"]),
        )

    def begin_page(self, row):
        """Let a page be written, if its score or reason changed."""
        pair = row.student, row.assignment
        place = self.course.place("feedback", *pair)
        page = place / f"{row.assignment or 'submission'}.html"
        if row.status not in report.DONE:
            with contextlib.suppress(OSError, UnicodeError):
                report.write_page(page, row)  # but for a name like no folder
            return
        entry, result = self.memory.get(*pair), self.results[pair]
        shown = f"{entry['content']} {result} {self.args.show_hidden}"
        shown = hashlib.sha256(shown.encode()).hexdigest()
        begun = [what for what in self.pages.values() if what[0] == pair]
        if not begun and (entry.get("page") != shown or not page.exists()):
            graded = self.course.graded(*pair)
            try:
                done = self.writers.submit(
                    write_page, page, graded, row, result
                )
            except BrokenExecutor as error:
                done = Future()
                done.set_exception(error)
            self.pages[done] = pair, shown

    def pages_written(self, done):
        """Remember which pages are there."""
        entries = {}
        for page in done:
            pair, shown = self.pages.pop(page)
            if page.exception() is None:
                entries[pair] = {**self.memory.get(*pair), "page": shown}
            else:
                name = report.plain(" ".join(pair))
                print(f"no page for {name}: {page.exception()}")
                self.missing += 1
        self.memory.put(entries, lasting=False)

    def write_feedback(self, rows):
        """Write the pages that are not yet there, or no longer right."""
        for row in rows:
            self.begin_page(row)
        if self.pages:
            print(f"writing {len(self.pages)} feedback pages", flush=True)
        with self.bar("pages", len(self.pages)) as bar:
            for page in as_completed(list(self.pages)):
                self.pages_written([page])
                bar.update()

    def close(self):
        """End the processes that write pages."""
        if self.writers:
            self.writers.shutdown(cancel_futures=True)


def begin_writer(settings, hidden):
    """Get ready to write pages in this process."""
    global pages
    pages = Pages(settings, hidden)
    signal.signal(signal.SIGALRM, too_long)
    gc.freeze()
    end_with_parent()


def too_long(*_):
    raise TimeoutError(f"it took more than {PAGE_SECONDS} s")


def write_page(*what):
    """Write a page in this process; give up after a while."""
    signal.alarm(PAGE_SECONDS)
    pages.write(*what)
    signal.alarm(0)


def end_with_parent():
    """Let this process end when its parent does, even if that is killed."""

    def watch():
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def told(result, job):
    """Say which tests count in another order than the notebook's."""
    names = {"below": [], "without": [], "alone": []}
    for number, test in result["tests"].items():
        if test.get("how") in names and not test["error"]:
            names[test["how"]].append(job["cells"][int(number)]["name"])
    said = []
    if names["below"]:
        said.append(
            f"judged with all cells run: {intake.some(names['below'])}"
        )
    if names["without"]:
        said.append(
            f"judged without the scratch cells, which got in the way: "
            f"{intake.some(names['without'])}"
        )
    if names["alone"]:
        said.append(
            f"judged each on its own, since another cell got in the way: "
            f"{intake.some(names['alone'])}"
        )
    return said


def suspicious(job):
    """Name what a person should look at in a student's code."""
    given = {
        line
        for cell in job["cells"]
        for line in cell.get("given", "").splitlines()
    }
    text = "\n".join(
        line
        for cell in job["cells"]
        if "test" not in cell
        for line in cell.get("run", "").splitlines()
        if line not in given
    )
    return [what for what, rule in SUSPICIOUS.items() if re.search(rule, text)]


def score_of(result):
    """Write a score in words."""
    return (
        f"{report.points(result.score)} of {report.points(result.max_score)}"
    )


def last_error(log):
    """Return the last error that a log names."""
    errors = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", log, re.MULTILINE)
    named = [e for e in errors if not e.startswith("NbGraderException")]
    return (named or errors or [log.strip()[-150:]])[-1][:150]
