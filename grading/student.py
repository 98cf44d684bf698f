"""The student's side: runs the cells of a submission, behind the walls.

`Work` is the first process of a submission's small world. It runs no code of
the student; it starts a runner, which does, and ends what takes too much. For
each test the runner forks: the copy answers the calls of the judge, and
whatever it does to itself, the runner has not changed.
"""

import ast
import contextlib
import gc
import importlib
import io
import os
import select
import signal
import warnings

import matplotlib.pyplot  # noqa: F401  (imported here, so that it is warm)
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import pooling.check
import pooling.draw  # noqa: F401
from grading.walls import LIMITS, limit_process
from grading.wire import Line, Packer, Refused, memory
from pooling.check.table import where

MOST_TEXT = 50_000  # characters that a cell may print
MOST_OUTPUTS = 50


class Text(io.StringIO):
    """A stream that keeps the beginning of what is written."""

    room = MOST_TEXT

    def write(self, text):
        if self.room > 0:
            super().write(text[: self.room])
            if len(text) > self.room:
                super().write(f"\n… cut after {MOST_TEXT} characters\n")
            self.room -= len(text)
        return len(text)

    def close(self):
        pass

    def fileno(self):
        raise io.UnsupportedOperation("no file")


class Shell(InteractiveShell):
    """IPython that keeps a cell's error in place of printing it."""

    def enable_gui(self, gui=None):
        pass

    def _showtraceback(self, etype, evalue, stb):
        self.outputs.append(
            {
                "output_type": "error",
                "ename": str(getattr(etype, "__name__", etype)),
                "evalue": str(evalue),
                "traceback": list(stb),
            }
        )


class Publisher(DisplayPublisher):
    """Keeps what a cell displays."""

    def publish(self, data, metadata=None, **kwargs):
        self.shell.outputs.append(
            {"output_type": "display_data", "data": dict(data)}
        )

    def clear_output(self, wait=False):
        pass


class Results(DisplayHook):
    """Keeps a cell's result."""

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.outputs.append(
            {"output_type": "execute_result", "data": dict(format_dict)}
        )

    def finish_displayhook(self):
        pass


class Work:
    """What the warm process does for students."""

    def __init__(self):
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        config.InteractiveShell.autoindent = False
        config.InteractiveShell.xmode = "Plain"  # the others take seconds
        self.shell = Shell.instance(
            config=config,
            display_pub_class=Publisher,
            displayhook_class=Results,
            user_ns={},
        )
        self.shell.display_pub.shell = self.shell
        self.shell.outputs = []
        with contextlib.redirect_stdout(io.StringIO()):
            self.shell.run_cell("1 / 0")  # warms it
        self.shell.run_line_magic("matplotlib", "inline")
        self.shell.reset(new_session=True)
        gc.collect()
        gc.freeze()

    def prepare(self, key, cells):
        """Import what an assignment's own cells import."""
        for source in filter(None, cells):
            try:
                tree = ast.parse(source)
            except SyntaxError:  # a magic
                continue
            for node in ast.walk(tree):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module]
                for name in names:
                    with contextlib.suppress(ImportError):
                        importlib.import_module(name)
        gc.collect()
        gc.freeze()

    def begin(self, line, processes):
        """Watch over a submission until the judge has gone."""
        why = ""
        runners = []
        while True:
            ready, _, _ = select.select([line.end], [], [], 0.05)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if processes:
                why = too_much(*processes()) or why
            if not ready:
                continue
            try:
                (verb, *rest), _ = line.receive(60)
            except EOFError:
                break  # and with this process all others of its world end
            if verb == "start":
                end = line.receive_end()
                pid = os.fork()
                if not pid:
                    line.close()
                    if processes:
                        os.close(processes.proc)
                    self.become_runner(end)
                end.close()
                runners.append(pid)
                line.send(["started", pid])
            elif verb == "use":
                line.send(["use", *(processes.use() if processes else (0, 0))])
            elif verb == "why":
                line.send(["why", why])
                why = ""
            else:
                number = {"stop": signal.SIGINT}.get(verb, signal.SIGKILL)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rest[0], number)
        for pid in runners:  # without walls, nothing else ends them
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def become_runner(self, end):
        """Run cells, as the judge says; never return."""
        try:
            limit_process()
            Runner(self.shell, Line(end)).run()
        finally:
            os._exit(0)


def too_much(count, size):
    """End all processes but this one if they are too many, or too large."""
    if count > LIMITS["processes"]:
        why = f"more than {LIMITS['processes']} processes"
    elif size > 2 * LIMITS["memory"]:
        why = f"more than {2 * LIMITS['memory'] >> 20} MB of memory"
    else:
        return ""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    return why


class Runner:
    """Runs a submission's cells in one IPython."""

    def __init__(self, shell, line):
        self.shell, self.line = shell, line
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self):
        """Do what the judge says until it hangs up."""
        while True:
            try:
                (verb, *rest), blobs = self.line.receive()
            except EOFError:
                return
            if verb == "files":
                self.write_files(rest[0], blobs)
                self.line.send(["done"])
            elif verb == "run":
                self.line.send(["ran", *self.run_cell(*rest)])
            elif verb == "fork":
                end = self.line.receive_end()
                pid = os.fork()
                if not pid:
                    self.line.close()
                    try:
                        for source in rest[0]:
                            self.run_cell(source)
                        Server(self.shell.user_ns, Line(end)).run()
                    finally:
                        os._exit(0)
                end.close()
                self.line.send(["forked", pid])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def write_files(self, names, blobs):
        """Write what else was handed in beside the notebook."""
        for name, data in zip(names, blobs, strict=True):
            path = os.path.join(os.getcwd(), name)
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(data)

    def run_cell(self, source):
        """Run a cell; return its outputs and whether it ran to its end."""
        out, err = Text(), Text()
        before = self.shell.outputs = []
        signal.signal(signal.SIGINT, signal.default_int_handler)
        right = False
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                right = self.shell.run_cell(source, store_history=True).success
        except BaseException as error:
            before.append(
                {
                    "output_type": "error",
                    "ename": type(error).__name__,
                    "evalue": str(error)[:MOST_TEXT],
                    "traceback": [],
                }
            )
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        texts = [
            {"output_type": "stream", "name": name, "text": text.getvalue()}
            for name, text in (("stdout", out), ("stderr", err))
            if text.getvalue()
        ]
        found = [plain_output(output) for output in before[:MOST_OUTPUTS]]
        return texts + found, bool(right)


def plain_output(output):
    """Cut an output down to text and pictures of a bearable size."""
    if output["output_type"] == "error":
        return {
            **output,
            "evalue": output["evalue"][:MOST_TEXT],
            "traceback": [s[:5000] for s in output["traceback"][:50]],
        }
    data = output["data"]
    kept = {}
    if isinstance(data.get("text/plain"), str):
        kept["text/plain"] = data["text/plain"][:MOST_TEXT]
    picture = data.get("image/png")
    if isinstance(picture, str) and len(picture) < 4 * 1024 * 1024:
        kept["image/png"] = picture
    return {"output_type": output["output_type"], "data": kept}


class Server:
    """Answers the calls of one test, in a copy of the runner."""

    def __init__(self, names, line):
        self.names, self.line = names, line
        self.objects = []

    def keep(self, value):
        """Keep an object that the judge may call."""
        self.objects.append(value)
        return len(self.objects) - 1

    def run(self):
        """Answer until the judge hangs up."""
        warnings.simplefilter("ignore")
        while True:
            try:
                (verb, *rest), blobs = self.line.receive()
            except EOFError:
                return
            packer = Packer(self.keep)
            try:
                answer = getattr(self, verb)(packer, blobs, *rest)
            except Refused as error:
                packer.blobs = []
                answer = ["raised", "TypeError", ["TypeError"], str(error), ""]
                answer += ["", []]
            try:
                self.line.send(answer, packer.blobs)
            except Refused as error:
                answer = ["raised", "ValueError", ["ValueError"], str(error)]
                self.line.send([*answer, "", "", []])

    def get(self, packer, blobs, name):
        """Return what a name means."""
        if name not in self.names:
            return ["absent"]
        return ["value", packer.pack(self.names[name]), "", []]

    def attribute(self, packer, blobs, number, name):
        """Return an attribute of an object."""
        value = getattr(self.objects[number], name, None)
        return ["value", packer.pack(value), "", []]

    def call(self, packer, blobs, number, args, kwargs):
        """Call an object; tell what came out and which inputs changed."""
        unpacker = Packer(self.keep, growing=True)
        args = [unpacker.unpack(form, blobs) for form in args]
        kwargs = {k: unpacker.unpack(v, blobs) for k, v in kwargs.items()}
        packer.arrays = unpacker.arrays
        kept = [memory(a).tobytes() for a in packer.arrays]
        out = Text()
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                value = self.objects[number](*args, **kwargs)
            answer = ["value", packer.pack(value)]
        except Refused:
            raise
        except BaseException as error:
            packer.blobs = []
            answer = ["raised", *described(error)]
        changed = []
        for k, (array, before) in enumerate(
            zip(packer.arrays, kept, strict=True)
        ):
            now = memory(array).tobytes()
            if now != before:
                changed.append([k, packer.blob(now)])
        return [*answer, out.getvalue(), changed]


def described(error):
    """Return an exception's name, kinds, text and place in the cell."""
    try:
        text = str(error)[:2000]
    except Exception:
        text = ""
    try:
        place = where(error)[:500]
    except Exception:
        place = ""
    kinds = [t.__name__ for t in type(error).__mro__[:20]]
    return [type(error).__name__[:60], kinds, text, place]
