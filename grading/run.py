"""One grading run over a class."""

import hashlib

from grading import reasons, report, sample_class
from grading.course import ROOT, SOURCE
from grading.memory import fingerprint
from grading.report import GRADED, NOT_GRADED, NOTHING, WAITS, Row


class CannotGrade(Exception):
    """Grading cannot go on; its text says why."""


class Run:
    """Grade what is new or changed among what was asked for.

    Parameters
    ----------
    course : Course
    memory : Memory
        What was graded before; kept up to date.
    students, assignments : list of str
        What was asked for; all where empty.
    again : bool
        Grade what has not changed, too.
    """

    def __init__(self, course, memory, students, assignments, again=False):
        self.course = course
        self.memory = memory
        self.students = students
        self.assignments = assignments
        self.again = again
        self.submitted = course.folder / "submitted"
        self.known = sorted(
            path.stem
            for path in SOURCE.glob("*/*.ipynb")
            if path.stem == path.parent.name
        )
        # What each is graded with: its source and the package.
        self.tests = {
            name: fingerprint(SOURCE / name, ROOT / "book" / "pooling")
            for name in self.known
        }

    def start(self):
        """Find what was handed in, and register its assignments."""
        self.handed_in = submissions(self.submitted)
        if not self.handed_in and not self.course.students():
            self.lay_out_sample()
        self.refuse_unknown_names()
        for assignment in {a for _, a in self.to_grade()}:
            self.register(assignment)

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
        self.handed_in = submissions(self.submitted)

    def refuse_unknown_names(self):
        """Stop where a name that was asked for does not exist."""
        students = {student for student, _ in self.handed_in}
        assignments = {assignment for _, assignment in self.handed_in}
        for kind, asked, there in [
            ("student", self.students, students | set(self.course.students())),
            ("assignment", self.assignments, assignments | set(self.known)),
        ]:
            for name in asked:
                if name not in there:
                    raise CannotGrade(
                        f"no {kind} is called {name}; there are "
                        f"{', '.join(sorted(there - {''}))}"
                    )

    def asks_for(self, student, assignment):
        """Tell whether a submission was asked for."""
        return (not self.students or student in self.students) and (
            not self.assignments or assignment in self.assignments
        )

    def to_grade(self):
        """Return the submissions that were asked for and can be graded."""
        return [
            (student, assignment)
            for student, assignment in self.handed_in
            if self.asks_for(student, assignment)
            and assignment in self.known
            and (self.submitted / student / assignment).is_dir()
        ]

    def register(self, assignment):
        """Put an assignment into the gradebook, if it is new or changed."""
        if (
            self.memory.tests.get(assignment) == self.tests[assignment]
            and assignment in self.course.points()
            and self.course.released(assignment).exists()
        ):
            return
        done, log = self.course.register(assignment)
        if not done and "there are submissions associated" in log:
            place = report.short(self.course.folder / "gradebook.db")
            raise CannotGrade(
                f"solutions/{assignment} has got or lost cells since this "
                f"class was first graded. Move {place} away and grade again; "
                f"points given by hand stay in the old file"
            )
        if not done:
            raise CannotGrade(
                f"solutions/{assignment} cannot be registered: "
                f"{reasons.last_error(log)}"
            )
        self.memory.tests[assignment] = self.tests[assignment]
        self.memory.save()

    def content(self, student, assignment):
        """Return the fingerprint of a submission and its tests."""
        here = fingerprint(self.submitted / student / assignment)
        return f"{here} {self.tests[assignment]}"

    def unchanged(self, student, assignment, results):
        """Tell whether a submission's outcome is known and still true."""
        entry = self.memory.get(student, assignment)
        if entry.get("content") != self.content(student, assignment):
            return False
        return bool(entry["problem"]) or (
            (student, assignment) in results
            and self.course.graded(student, assignment).exists()
        )

    def grade(self):
        """Grade what was asked for and is new or changed, one by one."""
        todo = self.to_grade()
        results = self.course.results()
        changed = [
            pair
            for pair in todo
            if self.again or not self.unchanged(*pair, results)
        ]
        if len(changed) < len(todo):
            same = len(todo) - len(changed)
            print(f"{same} of {len(todo)} unchanged since they were graded")
        for number, (student, assignment) in enumerate(changed, 1):
            name = report.plain(f"{student} {assignment}")
            print(f"[{number}/{len(changed)}] {name} … ", end="", flush=True)
            print(self.grade_one(student, assignment, results), flush=True)

    def grade_one(self, student, assignment, results):
        """Grade one submission; return its score or the reason, in words."""
        old = self.memory.get(student, assignment)
        before = old.get("before", "")
        if (student, assignment) in results and old and not old["problem"]:
            before = self.score(results[student, assignment])
        self.memory.drop(student, assignment)  # in case this is interrupted
        self.course.forget(student, assignment)
        content = self.content(student, assignment)
        expected = self.course.check_cells(assignment)
        folder = self.submitted / student / assignment
        problem = reasons.problem(folder, assignment, expected)
        note = ""
        if not problem:
            done, log = self.course.autograde(student, assignment)
            if done:
                graded = self.course.graded(student, assignment)
                note = reasons.missing(graded, expected)
            else:
                problem = reasons.run_failed(log)
                self.course.forget(student, assignment)
        entry = {"content": content, "problem": problem, "note": note}
        if problem and before:
            entry["before"] = before
        self.memory.put(student, assignment, entry)
        if problem:
            return f"no score: {report.plain(problem)}"
        return self.score(self.course.result(student, assignment))

    def score(self, result):
        """Write a score in words."""
        return (
            f"{report.points(result.score)} of "
            f"{report.points(result.max_score)}"
        )

    def rows(self):
        """Return a row for each submission, and for each that is missing."""
        self.results = self.course.results()
        self.points = self.course.points()
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

        def no_score(reason, status=NOT_GRADED):
            points = self.points.get(assignment)
            return Row(student, assignment, None, points, status, reason)

        misplaced = reasons.misplaced(folder, assignment, self.known)
        if (student, assignment) not in self.handed_in:
            if not result or not entry or entry["problem"]:
                return no_score("", NOTHING)
            note = f"{report.short(folder)} is gone, this is its last score"
        elif misplaced:
            return no_score(misplaced)
        elif not self.unchanged(student, assignment, self.results):
            return no_score("new or changed, and not asked for in this run")
        elif entry["problem"]:
            before = entry.get("before")
            had = f" (the file before this one had {before})" if before else ""
            return no_score(entry["problem"] + had)
        else:
            note = entry["note"]
        status = WAITS if result.waiting else GRADED
        waiting = len(result.waiting)
        words = [f"{waiting} answer{'s' * (waiting > 1)}"] if waiting else []
        words += [note] if note else []
        return Row(
            student,
            assignment,
            result.score,
            result.max_score,
            status,
            ", ".join(words),
        )

    def write_feedback(self, rows):
        """Write the pages whose score or reason changed."""
        for row in rows:
            place = self.course.place("feedback", row.student, row.assignment)
            page = place / f"{row.assignment or 'submission'}.html"
            if row.status not in (GRADED, WAITS):
                report.write_page(page, row, row.what())
            elif self.course.graded(row.student, row.assignment).exists():
                self.write_graded_page(row, page)

    def write_graded_page(self, row, page):
        """Let nbgrader write a page, unless it is up to date."""
        pair = row.student, row.assignment
        entry = self.memory.get(*pair)
        shown = f"{entry['content']} {self.results[pair].shown}"
        shown = hashlib.sha256(shown.encode()).hexdigest()
        if entry.get("page") == shown and page.exists():
            return
        done, log = self.course.write_feedback(*pair)
        if done:
            self.memory.put(*pair, {**entry, "page": shown})
        else:
            score = self.score(self.results[pair])
            why = f"{score}. nbgrader failed: {reasons.last_error(log)}"
            report.write_page(page, row, why)


def submissions(folder):
    """Return (student, assignment) for all that lies in a folder.

    A file where a folder should be counts too: it gets its reason later. The
    assignment is "" where there is none.
    """
    found = []
    for student in visible(folder):
        inside = visible(student)
        found += [(student.name, path.name) for path in inside]
        if not inside:
            found.append((student.name, ""))
    return found


def visible(folder):
    """Return what lies in a folder, but for hidden files."""
    try:
        inside = list(folder.iterdir())
    except OSError:  # no folder, or one that may not be read
        return []
    return sorted(p for p in inside if not p.name.startswith("."))
