"""The judge's side: runs the tests, and no line of a student's code.

It gets a submission's cells as texts, sends them to the student's side, and
calls the functions there as if they were here: arrays go out, and arrays,
numbers or an exception's name and text come back.
"""

import ast
import builtins
import contextlib
import gc
import io
import signal
import socket
import traceback
import warnings

from grading.walls import limit_process
from grading.wire import BUSY, Line, Packer, Patience, Refused, memory

HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
MOST_TEXT = 50_000
# What a line can raise when the other side is gone, or says strange things.
LOST = (EOFError, OSError, TimeoutError, Refused, ValueError, TypeError)
LOST_COPY = ["LostCopy", "an earlier test has ended what answers"]
MOST_STARTS = 10  # fresh runners, each time a notebook is run


class Gone(Exception):
    """The student's function ended Python, or did not end at all."""


class OutOfTime(str):
    """Why a call was given up: it took too long."""


class RemoteObject:
    """Stands for an object on the student's side."""

    def __init__(self, calls, number, text):
        self._calls, self._number, self._text = calls, number, text

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._calls.ask("attribute", self._number, name)

    def __repr__(self):
        return self._text


class RemoteFunction(RemoteObject):
    """Stands for something that can be called on the student's side."""

    def __call__(self, *args, **kwargs):
        return self._calls.call(self._number, args, kwargs)


class Calls:
    """The calls of one test, answered by a copy of the student's runner.

    Parameters
    ----------
    line : Line
    """

    def __init__(self, line):
        self.line = line
        self.patience = None  # with all calls of the test
        self.over = ""  # why no more calls are answered
        self.apply = True  # what a function does to its inputs, here too

    def remote(self, number, name, text, can_call):
        """Return what stands for an object of the student's side."""
        kind = RemoteFunction if can_call else RemoteObject
        name = name if name.isidentifier() else "object"
        return type(name, (kind,), {})(self, number, text)

    def call(self, number, args, kwargs):
        """Call a function there; apply what it did to its inputs here."""
        packer = Packer(self.refuse, growing=True)
        args = [packer.pack(a) for a in args]
        kwargs = {k: packer.pack(v) for k, v in kwargs.items()}
        return self.ask("call", number, args, kwargs, packer=packer)

    def refuse(self, value):
        raise Refused(f"{type(value).__name__} cannot be passed to an answer")

    def ask(self, *question, packer=None):
        """Send a question; return the value, or raise what was raised."""
        if self.over:
            raise Gone(self.over)
        arrays = packer.arrays if packer else []
        try:
            self.line.send(question, packer.blobs if packer else ())
            answer, blobs = self.line.receive(self.patience)
        except TimeoutError:
            self.over = OutOfTime(
                "no answer when the time of this test was up"
            )
            raise Gone(self.over) from None
        except (EOFError, OSError):
            self.over = "Python ended while your function ran"
            raise Gone(self.over) from None
        except Refused as error:
            self.over = str(error)
            raise Gone(self.over) from None
        reader = Packer(None, self.remote)
        reader.arrays = arrays
        try:
            if answer == ["absent"]:
                raise NameError(f"name '{question[1]}' is not defined")
            kind, *rest, printed, changed = answer
            for number, blob in changed if self.apply else ():
                flat = memory(arrays[number])
                flat[:] = memoryview(blobs[blob])
            if printed:
                print(str(printed)[:MOST_TEXT], end="")
            if kind == "value":
                return reader.unpack(rest[0], blobs)
        except (ValueError, TypeError, IndexError) as error:
            raise Refused(f"a strange answer ({error})"[:200]) from None
        raise remote_error(*rest)


def remote_error(name, kinds, text, place):
    """Return an exception that tells what was raised on the other side."""
    base = Exception
    for kind in kinds:
        found = getattr(builtins, str(kind), None)
        if isinstance(found, type) and issubclass(found, Exception):
            base = found
            break
    name = name if str(name).isidentifier() else "Error"
    kind = type(name, (base,), {"__str__": lambda self: self.text})
    try:
        error = kind(text)
    except TypeError:  # one that wants more arguments
        error = type(name, (Exception,), dict(kind.__dict__))(text)
    error.text, error.place = str(text)[:2000], str(place)[:500]
    return error


class Work:
    """What the warm process does for judges: learn assignments, and fork."""

    def __init__(self):
        import numpy  # noqa: F401  (slow, so before any fork)

        import pooling.check  # noqa: F401

        self.known = {}

    def prepare(self, key, cells):
        """Run an assignment's own cells once; keep what each defines."""
        names = {"__name__": "__main__", "__builtins__": builtins}
        made = []
        with contextlib.redirect_stdout(io.StringIO()):
            for source in cells:
                before = dict(names)
                if source is not None:
                    with contextlib.suppress(Exception):
                        exec(compile(source, "<cell>", "exec"), names)
                made.append(
                    {
                        name: value
                        for name, value in names.items()
                        if name not in before or before[name] is not value
                    }
                )
        self.known[key] = names, made
        gc.collect()
        gc.freeze()  # forks share what they need not look through

    def begin(self, line, processes):
        """Judge one submission and send what became of it."""
        job, blobs = line.receive(60)
        student = Line(line.receive_end())
        signal.alarm(int(BUSY * job["seconds_in_all"]))
        limit_process()
        try:
            names, made = self.known[job["key"]]
            result = Judge(job, blobs, student, names, made).judge()
        except Exception:
            result = {"failed": traceback.format_exc()[-2000:]}
        line.send(result)


class Judge:
    """Judges one submission."""

    def __init__(self, job, blobs, student, names, made):
        self.cells, self.job, self.blobs = job["cells"], job, blobs
        self.student, self.names, self.made = student, names, made
        self.outputs = {}  # number of a cell -> its outputs
        self.tests = {}  # number of a test -> its outcome
        self.notes = []  # what went wrong while running
        self.starts = 0
        self.spent = 0.0  # seconds that were lost to cells that did not end
        self.ended = {}  # number of a cell -> how it ended Python

    def judge(self):
        """Run all cells and tests; return outputs and outcomes."""
        everything = list(range(len(self.cells)))
        self.run(everything, everything, show=True, share=True)
        own = [k for k in everything if self.cells[k].get("own")]
        changed = [
            c for c in self.cells if "given" in c and c["run"] != c["given"]
        ]
        if own and self.failed() and self.runner:
            # A helper may stand below: judge with all cells run.
            self.run([], self.failed(), fresh=False, how="below")
        if (own or changed) and self.failed():
            # A scratch cell may have got in the way: judge without them.
            self.run(
                [k for k in everything if k not in own],
                self.failed(),
                how="without",
            )
        tried = self.failed(but="NotAttempted")
        lost = [k for k in tried if self.tests[k]["error"] == LOST_COPY]
        if tried and (own or changed or lost or len(self.answers()) > 1):
            # One answer may have spoiled another: each on its own.
            self.run([], tried, how="alone")
        return {
            "outputs": self.outputs,
            "tests": self.tests,
            "notes": self.notes,
        }

    def failed(self, but=""):
        """Return the numbers of the failed tests that may yet pass."""
        return [
            k
            for k, test in self.tests.items()
            if test["error"] and test["error"][0] not in ("OutOfTime", but)
        ]

    def answers(self):
        """Return the numbers of the cells with answers."""
        return [k for k, cell in enumerate(self.cells) if cell.get("answers")]

    def run(self, cells, tests, show=False, fresh=True, how="", share=False):
        """Run cells in the student's world, and tests in this one.

        Parameters
        ----------
        cells, tests : list of int
            Which of them.
        show : bool
            Keep the outputs of the cells.
        fresh : bool
            Start a fresh runner.
        how : str
            "": as the notebook stands; "below": with all cells run before;
            "without": the scratch cells; "alone": each answer on its own.
        share : bool
            Tests between which no cell runs are answered by one copy.
        """
        if fresh:
            self.starts = 0
            self.start()
        copies, done, copy = {}, [], None
        for number, cell in enumerate(self.cells):
            if how == "without" and "given" in cell:
                cell["run"] = cell["given"]
            if number in cells and cell.get("run"):
                outputs = self.run_cell(number, done)
                done.append(number)
                copy = None
                if show:
                    self.outputs[number] = outputs
            if number in tests and "test" in cell:
                if not (share and copy):
                    copy = self.copy(cell, how == "alone")
                copies[number] = copy
        # The tests come last: no cell can tell what they asked.
        shared = self.names
        shared.clear()
        shared.update(__name__="__main__", __builtins__=builtins)
        answers = set()
        for number, cell in enumerate(self.cells):
            if "made" in cell:
                shared.update(self.made[cell["made"]])
                answers -= set(self.made[cell["made"]])
            answers |= set(cell.get("answers", ()))
            if number in copies:
                old = self.tests.get(number)
                new = self.test(cell, answers, shared, *copies[number])
                if not old or old["error"] == LOST_COPY or not new["error"]:
                    lost = old and old["error"] == LOST_COPY
                    new["how"] = "" if lost else how
                    self.tests[number] = new
        for calls, _ in copies.values():
            calls.line.close()

    # ---- the student's cells ----

    def start(self):
        """Start a fresh runner."""
        here, there = socket.socketpair()
        self.starts += 1
        self.runner = None
        if self.starts > MOST_STARTS:
            return
        try:
            self.student.send(["start"])
            self.student.send_end(there)
            (_, self.pid), _ = self.student.receive(30)
            self.runner = Line(here)
            if self.blobs:
                self.runner.send(["files", self.job["files"]], self.blobs)
                self.runner.receive(30)
        except (EOFError, OSError, TimeoutError, Refused):
            self.runner = None
        finally:
            there.close()

    def patience(self, most):
        """Return how long something may take now."""
        left = self.job["seconds_in_all"] - self.spent
        seconds = 0.5
        if left > 0:
            seconds = min(most, max(1, left))
        elif left > -self.job["seconds_in_all"]:
            seconds = 1
        return Patience(seconds, self.use)

    def use(self):
        """Return how long the student's processes have waited, and run."""
        try:
            self.student.send(["use"])
            (_, waited, ran), _ = self.student.receive(30)
            return float(waited), float(ran)
        except (EOFError, OSError, TimeoutError, Refused, ValueError):
            return 0, 0

    def run_cell(self, number, before):
        """Run a cell; when it ends Python, start afresh; return outputs."""
        if not self.runner:
            return [error("NotRun", "not run: too many cells ended Python")]
        source = self.cells[number]["run"]
        most = self.job["seconds"]
        if (
            self.cells[number].get("own")
            and self.spent > 3 * (self.job["seconds_in_all"])
        ):
            return [error("NotRun", "not run: other cells took too long")]
        patience = self.patience(most)
        try:
            self.runner.send(["run", source])
            message, _ = self.runner.receive(patience)
            if patience.spent() > 1:  # slow cells share their time
                self.spent += patience.spent()
            return outputs_in(message)
        except TimeoutError:
            why = "did not end when its time was up"
            self.spent += patience.spent()
            with contextlib.suppress(
                TimeoutError, EOFError, Refused, OSError, ValueError
            ):
                self.student.send(["stop", self.pid])
                message, _ = self.runner.receive(Patience(2, self.use))
                self.note(number, why)
                return outputs_in(message)
            self.kill(self.pid)
        except (EOFError, OSError):
            why = self.why() or "ended Python"
        except Refused as refused:
            why = str(refused)
            self.kill(self.pid)
        self.note(number, why)
        self.again([*before, number], number)
        return [error("Ended", f"this cell {why}")]

    def again(self, numbers, culprit):
        """Bring a fresh runner to where the last one was."""
        if culprit in self.ended:
            self.ended[culprit] = "nothing of it"
        else:
            self.ended[culprit] = "its definitions"
        self.start()
        for number in numbers:
            source = self.cells[number]["run"]
            if number in self.ended:
                if self.ended[number] == "nothing of it":
                    continue
                source = definitions(source)
            if not self.runner:
                return
            try:
                self.runner.send(["run", source])
                self.runner.receive(self.patience(self.job["seconds"]))
            except (TimeoutError, EOFError, OSError, Refused):
                self.kill(self.pid)
                self.spent += 1
                self.again(numbers, number)
                return

    def kill(self, pid):
        """End a process of the student's world."""
        with contextlib.suppress(OSError):
            self.student.send(["kill", pid])

    def why(self):
        """Return why the student's world was emptied; "" if it was not."""
        try:
            self.student.send(["why"])
            (_, why), _ = self.student.receive(5)
            return f"took {why}" if why else ""
        except (EOFError, OSError, TimeoutError, Refused, ValueError):
            return ""

    def note(self, number, why):
        """Keep what a cell did."""
        name = self.cells[number].get("name") or "a cell of your own"
        text = f"{name} {why}"
        if text not in self.notes:
            self.notes.append(text)

    # ---- the tests ----

    def copy(self, cell, alone):
        """Let the runner fork: the copy will answer the calls of a test.

        Returns
        -------
        Calls
            Nobody answers them if there is no runner.
        int or None
            The copy's number.
        """
        first = []
        if alone:
            first = [c["given"] for c in self.cells if "given" in c]
            first += [
                self.cells[k]["run"]
                for k in self.answers()
                if set(self.cells[k]["answers"]) & set(cell["uses"])
            ]
        here, there = socket.socketpair()
        calls, pid = Calls(Line(here)), None
        try:
            self.runner.send(["fork", first])
            self.runner.send_end(there)
            (_, pid), _ = self.runner.receive(Patience(10, self.use))
        except (AttributeError, *LOST):
            calls.over = "Python had ended"
        there.close()
        return calls, pid

    def text_of(self, name):
        """Return the text of the cell that defines an answer."""
        texts = [self.cells[k]["run"] for k in self.answers()
                 if name in self.cells[k]["answers"]]  # fmt: skip
        # Somebody who defined it anew elsewhere is not judged by the text.
        anew = [c for c in self.cells if f"def {name}(" in c.get("run", "")]
        return texts[0] if len(texts) == len(anew) == 1 else ""

    def test(self, cell, answers, shared, calls, pid):
        """Run one test; return its outputs and its error.

        Parameters
        ----------
        cell : dict
        answers : set of str
            Names that mean what the student defined.
        shared : dict
            What all names mean in this test.
        calls : Calls
        pid : int or None
            Of the process that answers the calls.
        """
        out = io.StringIO()
        outcome = {"error": None, "hidden": False, "value": None, "text": ""}
        if calls.over and pid:
            return {**outcome, "error": LOST_COPY}
        calls.patience = self.patience(self.job["seconds"])
        for name in (n for n in cell["uses"] if n in answers):
            shared.pop(name, None)
            try:
                shared[name] = calls.ask("get", name)
                if isinstance(shared[name], RemoteObject):
                    shared[name]._text = self.text_of(name)
            except NameError:
                pass
            except Exception as problem:
                outcome["error"] = [type(problem).__name__, str(problem)]
        for source, hidden in cell["test"] if not outcome["error"] else ():
            calls.apply = not hidden
            try:
                with (
                    contextlib.redirect_stdout(
                        io.StringIO() if hidden else out
                    ),
                    contextlib.redirect_stderr(io.StringIO()),
                    warnings.catch_warnings(),
                ):
                    warnings.simplefilter("ignore")
                    outcome["value"] = evaluate(source, shared)
            except Exception as problem:
                outcome["error"] = in_words(problem, source)
                outcome["hidden"] = hidden
                break
        if calls.over:
            self.spent += calls.patience.spent()
            if pid:
                self.kill(pid)
            if isinstance(calls.over, OutOfTime):
                outcome["error"] = ["OutOfTime", str(calls.over)]
            reason = self.why() or calls.over
            text = f"{cell['name']}: {reason}"
            if text not in self.notes:
                self.notes.append(text)
        outcome["text"] = out.getvalue()[:MOST_TEXT]
        return outcome


def outputs_in(message):
    """Return the outputs in what a runner says, which may be anything."""
    match message:
        case ["ran", [*outputs], _]:
            return [o for o in outputs if isinstance(o, dict)][:100]
    raise Refused("said something strange")


def evaluate(source, names):
    """Run a test; return the value of its last line if that is a number."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    value = None
    if isinstance(last, ast.Expr):
        tree.body.pop()
        exec(compile(tree, "<test>", "exec"), names)
        value = eval(
            compile(ast.Expression(last.value), "<test>", "eval"), names
        )
    else:
        exec(compile(tree, "<test>", "exec"), names)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if number else None


def in_words(problem, source):
    """Return an exception's name and text, with the line of the test."""
    text = str(problem)[:5000]
    if not text and isinstance(problem, AssertionError):
        for frame in traceback.extract_tb(problem.__traceback__):
            if frame.filename == "<test>":
                text = source.splitlines()[frame.lineno - 1].strip()
    return [type(problem).__name__, text]


def error(name, text):
    """Return an error as an output of a cell."""
    return {
        "output_type": "error",
        "ename": name,
        "evalue": text,
        "traceback": [text],
    }


def definitions(source):
    """Return the functions, classes and imports of a cell."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return "\n\n".join(ast.unparse(n) for n in body if isinstance(n, kinds))
