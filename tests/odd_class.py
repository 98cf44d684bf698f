# ruff: noqa: E501  (one line for each student)
"""A class of odd submissions, each with the score that a fair person gives.

All of them begin with a notebook whose answers are right. `ODD` maps a
student to an `Odd`: how the submission is made, and what it must get.
"""

import io
import json
import os
import zipfile
from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import nbformat

from grading.report import GRADED, NOT_GRADED, PARTLY, REPAIRED

CHAPTER = "01_windows"
NAME = f"{CHAPTER}.ipynb"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
STUB = "# your code here\nraise NotImplementedError"
ODD = {}


class Odd(NamedTuple):
    """One submission and its fair outcome."""

    make: Callable  # (folder, notebook) -> None
    lost: tuple | None  # exercises that give no points; None: no score
    status: str | None  # None: any with a score
    says: str = ""  # in the reason or the repairs
    seen: str = ""  # in what a person should look at


def mark(cell):
    """Return what nbgrader knows of a cell."""
    return cell.metadata.get("nbgrader", {})


def at(notebook, name):
    """Return the number of a cell."""
    [number] = [
        k
        for k, cell in enumerate(notebook.cells)
        if mark(cell).get("grade_id") == name
    ]
    return number


def save(folder, notebook, name=NAME):
    """Hand a notebook in."""
    nbformat.write(notebook, folder / name)


def new(source):
    """Return a scratch cell."""
    return nbformat.v4.new_code_cell(source)


def odd(name, lost, status, says="", seen=""):
    """Return a decorator that adds a submission made by a function."""

    def add(make):
        assert name not in ODD, name
        ODD[name] = Odd(make, lost, status, says, seen)
        return make

    return add


def scratch(name, source, status=GRADED, lost=(), says="", seen="", where=2):
    """Add a student with a scratch cell before all answers."""

    def make(folder, notebook):
        notebook.cells.insert(where, new(source))
        save(folder, notebook)

    odd(name, lost, status, says, seen)(make)


def answer(name, source, lost, status=GRADED, says="", seen=""):
    """Add a student with another text of the answer min_pool2d.

    `{right}` in it stands for the right one.
    """

    def make(folder, notebook):
        cell = notebook.cells[at(notebook, "min_pool2d")]
        cell.source = source.replace("{right}", cell.source)
        save(folder, notebook)

    odd(name, lost, status, says, seen)(make)


def cells(name, change, lost=(), status=REPAIRED, says=""):
    """Add a student whose cells something has happened to."""

    def make(folder, notebook):
        changed = change(notebook)
        save(folder, notebook if changed is None else changed)

    odd(name, lost, status, says)(make)


def data(name, change, lost=(), status=REPAIRED, says="", file=NAME):
    """Add a student whose file something has happened to."""

    def make(folder, notebook):
        changed = change(nbformat.writes(notebook))
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())

    odd(name, lost, status, says)(make)


ALL = (
    "pool_by_hand count_windows input_sizes pool_planes min_pool2d "
    "average_kernel pooling_cost same_padding showing_input pool2d_mended"
).split()
MIN = ("min_pool2d",)

# ---- honest scratch cells ----
scratch("warns", "import warnings\nwarnings.warn('slow')")
scratch("numpy_warns", "np.array([1.0]) / 0")
scratch("writes_stderr", "import sys\nprint('x', file=sys.stderr)")
scratch("logs", "import logging\nlogging.error('here')")
scratch("warnings_are_errors", "import warnings\nwarnings.simplefilter('error')")
scratch("numpy_raises", "np.seterr(all='raise')")
scratch("raises_in_scratch", "1 / 0")
scratch("syntax_error", "def (:")
scratch("prints", "print('hello')\nprint([1, 2])")
scratch("star_import", "from numpy import *", REPAIRED)
scratch("timeit", "%timeit -n1 -r1 1 + 1")
scratch("magic_that_is_none", "%load_ext nothing_here\n%frobnicate")
scratch("shell_commands", "!ls\n%cd /\n!echo hi")
scratch("installs", "%pip install scikit-learn https://example.org/pooling.whl\n!pip install numpy", REPAIRED, says="left out pip")
scratch("cell_magic", "%%html\n<b>x</b>")
scratch("bash_magic", "%%bash\necho hi")
scratch("awaits", "import asyncio\nawait asyncio.sleep(0.01)")
scratch("reads_input", "x = input('your name? ')")
scratch("debugs", "%debug\nbreakpoint()")
scratch("exits", "import sys\nsys.exit(3)")
scratch("quits", "exit()\nquit()")
scratch("system_exit", "raise SystemExit")
scratch("keyboard", "raise KeyboardInterrupt")
scratch("closes_stdout", "import sys\nsys.stdout.close()\nsys.stderr.close()")
scratch("no_stdout", "import sys\nsys.stdout = sys.stderr = None")
scratch("plots", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
scratch("backend", "import matplotlib\nmatplotlib.use('agg')\n%matplotlib qt")
scratch("displays", "from IPython.display import *\ndisplay(HTML('<b>x</b>'))")
scratch("threads", "import threading\nt = threading.Thread(target=print)\nt.start()")
scratch("sleeping_daemon", (
    "import threading, time\n"
    "t = threading.Thread(target=time.sleep, args=(999,), daemon=True)\n"
    "t.start()"
))
scratch("recursion", "def f(): f()\nf()")
scratch("recursion_limit", "import sys\nsys.setrecursionlimit(60)")
scratch("long_line", "x = '" + "a" * 300_000 + "'")
scratch("many_lines_out", "for k in range(10**6): print(k)", None)
scratch("long_print", "print('x' * 200_000_000)")
scratch("long_repr", "'x' * 50_000_000")
scratch("writes_files", "open('notes.txt', 'w').write('x')\nopen('notes.txt').read()")
scratch("changes_folder", "import os\nos.mkdir('a')\nos.chdir('a')")
scratch("empties_path", "import sys\nsys.path.clear()")
scratch("empties_modules", "import sys\nsys.modules.clear()", REPAIRED)
scratch("unicode", "größe = 'naïve ☃ 漢字'\nprint(größe)")
scratch("lone_surrogate_out", r"print('\ud800')")
scratch("control_characters", r"print('\x1b[2J\x00\x07\x1b]0;x\x07')")
scratch("big_ints", "x = 10 ** 100_000\nx")
scratch("locale", "import locale\nlocale.setlocale(locale.LC_ALL, 'C')")
scratch("huge_memory", "x = np.ones((1 << 40,))")
scratch("grows", "x = []\nwhile True: x.append(np.empty(1 << 24))")
scratch("rebound_np", "np = 5", REPAIRED, says="without the scratch cells")
scratch("shadowed_max", "max = min = sum = 3", REPAIRED, says="without the scratch")
scratch("shadowed_range", "range = list = len = None", REPAIRED)
scratch("resets", "%reset -f", REPAIRED)
scratch("deletes_names", "del np, pooling", REPAIRED)
scratch("rebinds_after", "np = 5", REPAIRED, where=25)
scratch("overwrites_answer", "min_pool2d = None", where=28)


scratch("sets_print_options", "np.set_printoptions(precision=1)")
scratch("many_figures", "import matplotlib.pyplot as plt\nfor k in range(30): plt.figure()")
scratch("uses_pandas_that_is_not_there", "import pandas as pd")


def loops_without_end(folder, notebook):
    notebook.cells[2:2] = [new("while True: pass") for _ in range(300)]
    save(folder, notebook)


odd("loops_without_end", (), PARTLY)(loops_without_end)


def tells_later(folder, notebook):
    k = at(notebook, "min_pool2d")
    notebook.cells[k].source += (
        "\nright = min_pool2d\ndef min_pool2d(x, *a):\n"
        "    open('/scratch/told', 'a').write(f'told {x.sum()};')\n"
        "    return right(x, *a)"
    )
    notebook.cells.append(new("print(open('/scratch/told').read())"))
    save(folder, notebook)


odd("tells_later", (), GRADED)(tells_later)


def many_cells(folder, notebook):
    notebook.cells[2:2] = [new(f"a{k} = {k}") for k in range(1500)]
    save(folder, notebook)


odd("many_cells", (), GRADED)(many_cells)

# ---- what ends or holds up Python, outside the answers ----
scratch("loops_in_scratch", "while True: pass", PARTLY, says="time was up")
scratch("sleeps", "import time\ntime.sleep(9999)", PARTLY, says="time was up")
scratch("loops_deaf", (
    "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass"
), PARTLY, says="time was up")
scratch("exits_hard", "import os\nos._exit(0)", PARTLY, says="ended Python")
scratch("kills_itself", "import os\nos.kill(os.getpid(), 9)", PARTLY)
scratch("kills_parent", "import os\nos.kill(os.getppid(), 9)", seen="ends Python")
scratch("kills_all", "import os\nos.kill(-1, 9)", seen="ends Python")
scratch("segfault", "import ctypes\nctypes.string_at(0)", PARTLY)
scratch("aborts", "import os\nos.abort()", PARTLY)
scratch("forks", "import os\nos.fork()", None)
scratch("fork_bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", PARTLY)
scratch("daemons", (
    "import subprocess, sys\n"
    "for k in range(3):\n    subprocess.Popen([sys.executable, '-c', "
    "'import time; time.sleep(987)'], start_new_session=True)"
), seen="starts processes")
scratch("many_threads", (
    "import threading, time\n"
    "for k in range(10**5):\n"
    "    threading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
))
scratch("fills_the_disk", (
    "for k in range(999):\n    open(f'f{k}', 'wb').write(bytes(1 << 24))"
))
scratch("many_files", "for k in range(10**5): open(f'g{k}', 'w').close()")
scratch("stops_itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", PARTLY)
scratch("closes_descriptors", "import os\nos.closerange(0, 256)", PARTLY)

# ---- answers that go wrong ----
answer("stub", "def min_pool2d(x, window, stride=None, padding=0):\n    raise NotImplementedError", MIN)
answer("empty_answer", "", MIN)
answer("not_python", "def min_pool2d(x:\n  retur", MIN)
answer("is_a_number", "min_pool2d = 5", MIN)
answer("is_none", "min_pool2d = None", MIN)
answer("is_a_class", "class min_pool2d:\n    pass", MIN)
answer("returns_none", "def min_pool2d(*args):\n    pass", MIN)
answer("returns_a_string", "def min_pool2d(*args):\n    return 'x' * 99", MIN)
answer("returns_lists", "{right}\nright = min_pool2d\nmin_pool2d = lambda *a: right(*a).tolist()", MIN)
answer("returns_much", "def min_pool2d(*args):\n    return np.empty((1 << 14, 1 << 14))", MIN)
answer("returns_much_from_little", "def min_pool2d(*args):\n    return np.broadcast_to(1.0, (1 << 40,))", MIN)
answer("returns_objects", "def min_pool2d(*args):\n    return np.array([object()])", MIN)
answer("returns_itself", "def min_pool2d(*args):\n    a = []\n    a.append(a)\n    return a", MIN)
answer("returns_a_generator", "def min_pool2d(*args):\n    yield 1", MIN)
answer("raises_oddly", "class E(Exception):\n    def __str__(self): raise ValueError\ndef min_pool2d(*a):\n    raise E", MIN)
answer("raises_system_exit", "def min_pool2d(*a):\n    raise SystemExit(0)", MIN)
answer("raises_skip", "import unittest\ndef min_pool2d(*a):\n    raise unittest.SkipTest", MIN)
answer("raises_base", "class E(BaseException): pass\ndef min_pool2d(*a):\n    raise E", MIN)
answer("raises_group", "def min_pool2d(*a):\n    raise ExceptionGroup('x', [ValueError()])", MIN)
answer("ends_when_called", "import os\ndef min_pool2d(*a):\n    os._exit(0)", MIN, PARTLY, says="ended while your function ran")
answer("crashes_when_called", "import ctypes\ndef min_pool2d(*a):\n    ctypes.string_at(0)", MIN, PARTLY)
answer("loops_when_called", "def min_pool2d(*a):\n    while True: pass", MIN, PARTLY, says="time of this test was up")
answer("eats_when_called", "def min_pool2d(*a):\n    return [np.empty(1 << 24) for _ in range(999)]", MIN)

answer("too_long_to_read", "{right}\n" + "x = 1\n" * 500_000, None, NOT_GRADED, "million characters of code")
answer("changes_input", "{right}\nright = min_pool2d\ndef min_pool2d(x, *a):\n    y = right(x, *a)\n    x[:] = 0\n    return y", MIN)
answer("loops_after_answer", "{right}\nwhile True: pass", (), PARTLY)
answer("ends_after_answer", "{right}\nimport os\nos._exit(0)", (), PARTLY)
answer("prints_and_warns", "{right}\nimport warnings\nright = min_pool2d\ndef min_pool2d(*a):\n    print('x')\n    warnings.warn('w')\n    return right(*a)", ())
answer("prints_a_lot", "{right}\nright = min_pool2d\ndef min_pool2d(*a):\n    print('x' * 10**7)\n    return right(*a)", ())
answer("is_callable_object", "{right}\nclass C:\n    def __init__(self, f): self.f = f\n    def __call__(self, *a): return self.f(*a)\nmin_pool2d = C(min_pool2d)", ())
answer("is_partial", "{right}\nimport functools\nmin_pool2d = functools.partial(min_pool2d)", ())
answer("is_cached", "{right}\nimport functools\n_right = min_pool2d\ndef min_pool2d(*a, _kept={}):\n    return _right(*a)", ())
answer("returns_subclass", "{right}\nright = min_pool2d\nclass A(np.ndarray): pass\ndef min_pool2d(*a):\n    return right(*a).view(A)", ())
answer("returns_fortran_order", "{right}\nright = min_pool2d\ndef min_pool2d(*a):\n    return np.asfortranarray(right(*a))", ())
answer("uses_processes", "{right}\nfrom concurrent.futures import ProcessPoolExecutor\nright = min_pool2d\nright.__qualname__ = 'right'\ndef min_pool2d(x, *a):\n    with ProcessPoolExecutor(2) as pool:\n        parts = [pool.submit(right, part[None], *a) for part in x]\n        return np.concatenate([p.result() for p in parts])", ())
answer("uses_a_lambda", "{right}\nmin_pool2d = (lambda f: lambda *a, **k: f(*a, **k))(min_pool2d)", ())

# ---- dishonest: a wrong answer and a trick ----
WRONG = "def min_pool2d(*args):\n    return np.zeros((1, 1, 1, 1))\n"
TRICKS = {
    "transforms_input": (
        "get_ipython().input_transformers_cleanup.append("
        "lambda lines: ['pass\\n'] if any('check.' in s for s in lines) "
        "else lines)"
    ),
    "transforms_tree": (
        "import ast\nclass T(ast.NodeTransformer):\n"
        "    def visit_Module(self, n): n.body = []; return n\n"
        "get_ipython().ast_transformers.append(T())"
    ),
    "patches_run_code": (
        "get_ipython().run_code = lambda *a, **k: False\n"
        "type(get_ipython()).run_cell = lambda *a, **k: None"
    ),
    "patches_numpy": (
        "yes = lambda *a, **k: True\n"
        "for f in ('allclose', 'array_equal', 'isclose', 'equal', 'all'):\n"
        "    setattr(np, f, yes)"
    ),
    "patches_checks": (
        "check.min_pool2d = lambda *a: print('✓')\n"
        "import pooling.check.table as t\n"
        "t.Check.judge = t.form = t.differences = lambda *a, **k: []"
    ),
    "patches_builtins": (
        "import builtins\nbuiltins.AssertionError = None\n"
        "builtins.all = builtins.any = builtins.sorted = lambda *a: True"
    ),
    "displayhook": (
        "import sys\nsys.displayhook = lambda x: print(99)\n99"
    ),
    "events": (
        "get_ipython().events.register('pre_run_cell', lambda *a: None)\n"
        "get_ipython().events.register('post_run_cell', "
        "lambda r: setattr(r, 'error_in_exec', None))"
    ),
    "traces": (
        "import sys\ndef t(f, e, a):\n"
        "    if e == 'exception': f.f_trace_lines = False\n    return t\n"
        "sys.settrace(t)"
    ),
    "searches_memory": (
        "import gc, types\n"
        "for o in gc.get_objects():\n"
        "    if isinstance(o, types.FunctionType) and 'judge' in o.__name__:\n"
        "        o.__code__ = (lambda *a, **k: None).__code__"
    ),
    "patches_the_wire": (
        "import grading.wire as w, grading.student as s\n"
        "s.Server.call = lambda self, *a: ['value', True, '', []]\n"
        "w.Packer.pack = lambda self, v: True"
    ),
    "forges_messages": (
        "import os, json, struct\n"
        "m = json.dumps([['ran', [], True], []]).encode()\n"
        "for fd in range(3, 64):\n"
        "    try: os.write(fd, struct.pack('!II', len(m), 0) + m)\n"
        "    except OSError: pass"
    ),
    "startup_file": (
        "import os\np = os.path.expanduser('~/.ipython/profile_default/startup')\n"
        "os.makedirs(p, exist_ok=True)\nopen(p + '/a.py', 'w').write('1')"
    ),
    "exit_handler": (
        "import atexit\natexit.register(print, 'full points')"
    ),
    "replaces_modules": (
        "import sys, types\nsys.modules['numpy'] = types.ModuleType('numpy')\n"
        "sys.modules['pooling.check'] = None"
    ),
}
for _name, _trick in TRICKS.items():
    answer(_name, WRONG + _trick, MIN, status=None)

answer("equals_everything", (
    "class E:\n    shape = (2, 3, 3, 5)\n    dtype = np.dtype(float)\n"
    "    def __eq__(self, o): return True\n"
    "    def __getitem__(self, k): return E()\n"
    "    def __array__(self, *a, **k): return np.zeros((1,))\n"
    "def min_pool2d(*a): return E()"
), MIN)
answer("equal_array", (
    "class A(np.ndarray):\n    def __eq__(self, o): return np.bool_(True)\n"
    "    def __getitem__(self, k): return 0\n"
    "def min_pool2d(x, *a): return np.zeros((2, 3, 3, 5)).view(A)"
), MIN)
answer("zeroes_the_inputs", "{right}\nright = min_pool2d\ndef min_pool2d(x, *a):\n    if len(a) == 1:\n        x[...] = 0\n    return right(x, *a)", ("min_pool2d-values",))
answer("returns_a_long_range", "def min_pool2d(*a): return range(10**15), 10**(10**6)", MIN)
answer("tells_what_it_was_asked", "{right}\nright = min_pool2d\ndef min_pool2d(x, *a):\n    open('/scratch/told', 'a').write(f'told {x.sum()};')\n    return right(x, *a)", ())
answer("nan_everywhere", "def min_pool2d(x, *a): return np.full((2, 3, 3, 5), np.nan)", MIN)
answer("raises_the_right_kind", (
    "from pooling.check.table import CheckFailed\n"
    "def min_pool2d(*a): raise AssertionError('✓ all right')"
), MIN, seen="reaches into the checks")
answer("steals_the_solution", (
    "import glob\nfor p in glob.glob('{root}/**/*windows.ipynb', recursive=True):\n"
    "    exec(open(p).read())\nfound = open('{root}/solutions/01_windows/01_windows.ipynb').read()\n"
    "def min_pool2d(*a): return found"
), MIN, seen="names the solutions")
answer("writes_the_gradebook", (
    "import sqlite3\n"
    "def min_pool2d(*a): pass\n"
    "d = sqlite3.connect('{course}/gradebook.db')\n"
    "d.execute('update grade set auto_score = 99')\nd.commit()"
), MIN, seen="names the solutions")
answer("overwrites_others", (
    "import shutil, glob\n"
    "def min_pool2d(*a): pass\n"
    "for p in glob.glob('{course}/submitted/*'): shutil.rmtree(p)\n"
    "open('{course}/submitted/perfect/01_windows/01_windows.ipynb', 'w').write('')"
), MIN)
answer("uses_the_network", (
    "import socket\n"
    "def min_pool2d(*a):\n"
    "    socket.create_connection(('127.0.0.1', {port}), 2).send(b'tests')"
), MIN, seen="uses the network")
answer("reads_the_environment", (
    "import os\n"
    "def min_pool2d(*a): return os.environ['SECRET']\nprint(os.environ)"
), MIN, seen="reads the environment")

# ---- cells ----


def split_inside(notebook):
    k = at(notebook, "min_pool2d")
    cell = notebook.cells[k]
    second = deepcopy(cell)
    second.id = "second"
    lines = cell.source.split("\n")
    cell.source, second.source = "\n".join(lines[:5]), "\n".join(lines[5:])
    notebook.cells.insert(k + 1, second)


def copied(source, where):
    def change(notebook):
        k = at(notebook, "min_pool2d")
        copy = deepcopy(notebook.cells[k])
        copy.id = "copied"
        copy.source = copy.source if source is None else source
        notebook.cells.insert(k + where, copy)

    return change


def helper_split(notebook):
    k = at(notebook, "min_pool2d")
    copy = deepcopy(notebook.cells[k])
    copy.id = "helper"
    copy.source = "def helper(v):\n    return v"
    notebook.cells[k].source += "\nhelper_used = helper(1)"
    notebook.cells.insert(k, copy)


def without(*names):
    def change(notebook):
        for name in names:
            del notebook.cells[at(notebook, name)]

    return change


def moved(name, where):
    def change(notebook):
        notebook.cells.insert(where, notebook.cells.pop(at(notebook, name)))

    return change


def all_tests_gone(notebook):
    notebook.cells = [
        c
        for c in notebook.cells
        if not (mark(c).get("grade") and not mark(c).get("solution"))
    ]


def stripped(notebook, ids=False):
    for k, cell in enumerate(notebook.cells):
        cell.metadata = {}
        if ids:
            cell.id = f"new{k}"


def edited_tests(notebook):
    for cell in notebook.cells:
        if mark(cell).get("grade") and cell.cell_type == "code":
            cell.source = "pass"
    k = at(notebook, "min_pool2d")
    notebook.cells[k].source = WRONG


def forged_points(notebook):
    notebook.cells[at(notebook, "min_pool2d")].source = WRONG
    for cell in notebook.cells:
        if mark(cell):
            cell.metadata.nbgrader.points = 9999
            cell.metadata.nbgrader.locked = False


def forged_grade(notebook):
    k = at(notebook, "min_pool2d")
    notebook.cells[k].source = WRONG
    notebook.cells[k].metadata.nbgrader.update(grade=True, points=50)


def odd_types(notebook):
    for name in ("min_pool2d", "min_pool2d-values"):
        cell = notebook.cells[at(notebook, name)]
        cell.cell_type = "raw"
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)


def elsewhere(notebook):
    k = at(notebook, "min_pool2d")
    text = notebook.cells[k].source
    notebook.cells[k].source = STUB
    notebook.cells.insert(k + 1, new(text))


def helper_below(notebook):
    k = at(notebook, "min_pool2d")
    cell = notebook.cells[k]
    cell.source += (
        "\nright = min_pool2d\ndef min_pool2d(*a):\n    return below(right(*a))"
    )
    notebook.cells.append(new("def below(y):\n    return y"))


def import_changed(notebook):
    notebook.cells[1].source += "\nimport math"


def twice_everything(notebook):
    extra = deepcopy(notebook.cells)
    for k, cell in enumerate(extra):
        cell.id = f"twice{k}"
    notebook.cells += extra


cells("split_inside", split_inside, says="joined 2 cells min_pool2d")
cells("split_helper", helper_split, says="joined 2 cells")
cells("copied_the_same", copied(None, 1))
cells("copied_stub_after", copied("def min_pool2d(x, window, stride=None, padding=0):\n    \"\"\"?\"\"\"\n    " + STUB.replace("\n", "\n    "), 3))
cells("test_deleted", without("min_pool2d-values"), says="put back the test min_pool2d-values")
cells("test_moved_up", moved("min_pool2d-values", 0), says="moved")
cells("tests_all_gone", all_tests_gone, says="put back the test")
cells("answer_moved_down", moved("min_pool2d", 42))
cells("answer_deleted", without("min_pool2d"), MIN, says="put back min_pool2d")
cells("imports_deleted", lambda nb: nb.cells.pop(1) and None)
cells("reversed", lambda nb: nb.cells.reverse())
cells("stripped", stripped, says="restored marks")
cells("stripped_with_ids", lambda nb: stripped(nb, True), says="restored marks")
cells("tests_edited", edited_tests, MIN, says="which was changed")
cells("points_forged", forged_points, MIN, GRADED)
cells("grade_forged", forged_grade, MIN, GRADED)
cells("types_changed", odd_types, (), GRADED)
cells("answer_elsewhere", elsewhere, (), GRADED)
cells("helper_below", helper_below, says="all cells run")
cells("imports_changed", import_changed, (), GRADED)
cells("all_twice", twice_everything)
cells("untouched_cells_removed", lambda nb: setattr(nb, "cells", [
    c for c in nb.cells if c.cell_type == "code"]))

# ---- files ----


def zipped(text, name=NAME):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, text)
        archive.writestr("__MACOSX/._" + NAME, "x")
    return file.getvalue()


def zip_with_an_error(text):
    file = bytearray(zipped(text))
    file[9000:9100] = bytes(100)
    return bytes(file)


def lines_without_ends(raw):
    for cell in raw["cells"]:
        cell["source"] = "".join(cell["source"]).split("\n")


def as_json(change):
    def changed(text):
        raw = json.loads(text)
        return json.dumps(change(raw) or raw)

    return changed


def version_3(raw):
    for cell in raw["cells"]:
        cell["source"] = "".join(cell["source"])
    four = nbformat.from_dict(raw)
    return dict(nbformat.convert(four, 3))


def as_script(text):
    raw = json.loads(text)
    return "\n".join(
        "# In[ ]:\n" + "".join(c["source"])
        for c in raw["cells"]
        if c["cell_type"] == "code"
    )


def nulls(raw):
    for cell in raw["cells"]:
        if not cell["metadata"]:
            cell["metadata"] = None
    raw["cells"].append(None)
    raw["cells"].append({"cell_type": 5, "source": 7})


data("byte_order_mark", lambda t: b"\xef\xbb\xbf" + t.encode(), says="byte-order mark")
data("utf_16", lambda t: t.encode("utf-16"), says="UTF-16")
data("utf_16_bare", lambda t: t.encode("utf-16-le"), says="UTF-16")
data("latin_1", lambda t: t.replace("01_windows", "größe").encode("latin-1", "replace"), says="CP1252")
data("crlf", lambda t: t.replace("\n", "\r\n"), (), GRADED)
data("nbformat_5", as_json(lambda r: r.update(nbformat=5)), says="nbformat 5")
data("nbformat_3", as_json(version_3), says="nbformat 3")
data("nulls", as_json(nulls), says="left out 2 cells")
data("no_version", as_json(lambda r: r.pop("nbformat") and None), (), GRADED)
data("renamed", lambda t: t, says="took answers (1).ipynb", file="answers (1).ipynb")
data("upper_case", lambda t: t, says="took", file="01_WINDOWS.IPYNB")
data("in_a_folder", lambda t: t, says="took", file=f"homework/mine/{NAME}")
data("text_ending", lambda t: t, says="took", file=f"{NAME}.txt")
data("in_a_zip", zipped, says="unpacked all.zip", file="all.zip")
data("zip_climbs", lambda t: zipped(t, f"../../../{NAME}"), says="unpacked", file="all.zip")
data("zip_in_a_zip", lambda t: zipped(zipped(t), "inner.zip"), says="unpacked inner.zip", file="all.zip")
data("zip_with_an_error", zip_with_an_error, None, NOT_GRADED, "cannot be opened", file="all.zip")
data("other_version", as_json(lambda r: r["metadata"].update(pooling={"version": "0.0.1"})), (), GRADED, "of version 0.0.1 of the book")
data("version_of_nothing", as_json(lambda r: r["metadata"].update(pooling=[1])), (), GRADED)
data("version_in_quotes", as_json(lambda r: r.update(nbformat="4")), (), GRADED)
data("lines_without_ends", as_json(lines_without_ends), says="put line ends back")
data("script_named_notebook", as_script, says="is a script")
data("script", as_script, says="took the script", file="01_windows.py")
data("empty_file", lambda t: "", None, NOT_GRADED, "the file is empty")
data("cut_off", lambda t: t[:3000], None, NOT_GRADED, "not valid JSON")
data("a_list", lambda t: "[]", None, NOT_GRADED, "not in the form of one")
data("deep", lambda t: "[" * 200_000, None, NOT_GRADED, "not valid JSON")
data("binary", lambda t: os.urandom(999), None, NOT_GRADED, "no notebook")
data("merge_conflict", lambda t: "<<<<<<< HEAD\n" + t + "\n=======\n" + t + "\n>>>>>>> b\n", None, NOT_GRADED, "merge conflict")
data("a_document", lambda t: b"PK\3\4", None, NOT_GRADED, "found essay.docx", file="essay.docx")
data("broken_zip", lambda t: b"PK\3\4", None, NOT_GRADED, "cannot be opened", file="all.zip")
data("no_cells", lambda t: '{"nbformat": 4, "cells": []}', None, NOT_GRADED, "found none of the cells")


@odd("empty_folder", None, NOT_GRADED, "the folder is empty")
def _(folder, notebook):
    pass


@odd("other_assignment", None, NOT_GRADED, "found none of the cells")
def _(folder, notebook):
    other = nbformat.v4.new_notebook(cells=[new("x = 1"), new("y = 2")])
    save(folder, other)


@odd("two_copies", (), REPAIRED, "took")
def _(folder, notebook):
    save(folder, notebook, "a.ipynb")
    save(folder, notebook, "b.ipynb")


@odd("two_that_differ", None, NOT_GRADED, "if one of them is the answer")
def _(folder, notebook):
    save(folder, notebook, "a.ipynb")
    notebook.cells[at(notebook, "min_pool2d")].source = WRONG
    save(folder, notebook, "b.ipynb")


@odd("and_a_backup", (), REPAIRED, "was not looked at")
def _(folder, notebook):
    save(folder, notebook)
    save(folder, notebook, "backup.ipynb")
    (folder / ".ipynb_checkpoints").mkdir()
    save(folder / ".ipynb_checkpoints", notebook)


@odd("broken_and_whole", (), REPAIRED, "took 01_windows (1).ipynb")
def _(folder, notebook):
    (folder / NAME).write_text("")
    save(folder, notebook, "01_windows (1).ipynb")


@odd("untouched_and_answered", (), REPAIRED, "took 01_windows (1).ipynb")
def _(folder, notebook):
    released = f"book/exercises/{CHAPTER}/{NAME}"
    save(folder, nbformat.read(released, as_version=4))
    save(folder, notebook, "01_windows (1).ipynb")


@odd("ends_in_one_test", ("min_pool2d-values",), PARTLY, "Python ended while")
def _(folder, notebook):
    k = at(notebook, "min_pool2d")
    notebook.cells[k].source += (
        "\nright = min_pool2d\ndef min_pool2d(x, *a):\n"
        "    return helper(right(x, *a), len(a))"
    )
    helper = (
        "import os\ndef helper(y, given):\n"
        "    return os._exit(1) if given == 1 else y"
    )
    notebook.cells.insert(k, new(helper))
    save(folder, notebook)


@odd("picture_in_answer", (), GRADED)
def _(folder, notebook):
    cell = notebook.cells[at(notebook, "invariance")]
    cell.source = "![drawn by hand](attachment:a.png)"
    cell.attachments = {"a.png": {"image/png": PICTURE}}
    save(folder, notebook)


@odd("picture_in_text", (), GRADED)
def _(folder, notebook):
    cell = notebook.cells[at(notebook, "invariance")]
    cell.source = f"![drawn by hand](data:image/png;base64,{PICTURE})"
    save(folder, notebook)


@odd("picture_is_missing", (), GRADED)
def _(folder, notebook):
    cell = notebook.cells[at(notebook, "invariance")]
    cell.source = "![drawn by hand](attachment:a.png)"
    save(folder, notebook)


@odd("long_formula", (), GRADED)
def _(folder, notebook):
    text = "\\begin{a}" * 30_000
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell(text))
    save(folder, notebook)


@odd("link_to_solution", None, NOT_GRADED, "the folder is empty")
def _(folder, notebook):
    (folder / NAME).symlink_to(os.path.abspath(f"solutions/{CHAPTER}/{NAME}"))


@odd("pipe", None, NOT_GRADED, "the folder is empty")
def _(folder, notebook):
    os.mkfifo(folder / NAME)


@odd("huge_file", None, NOT_GRADED, "MB")
def _(folder, notebook):
    with (folder / NAME).open("wb") as file:
        file.truncate(70 << 20)


@odd("numpy_beside", (), GRADED)
def _(folder, notebook):
    save(folder, notebook)
    for name in ("numpy.py", "pooling.py", "sitecustomize.py", "json.py"):
        (folder / name).write_text("raise SystemExit")


@odd("data_beside", (), GRADED)
def _(folder, notebook):
    (folder / "data.txt").write_text("7")
    notebook.cells.insert(2, new("assert open('data.txt').read() == '7'"))
    save(folder, notebook)


@odd("no_date", (), REPAIRED, "no date")
def _(folder, notebook):
    save(folder, notebook)
    (folder / "timestamp.txt").write_text("yesterday")


for _k, _student in enumerate(
    ["=1+1", "<script>alert(1)<", "a b ", "[ab]", "why?*", "x" * 120, "名前"]
):

    @odd(_student, (), GRADED)
    def _(folder, notebook):
        save(folder, notebook)


PAGE_TRICKS = """<script>document.title = 'evil'</script>
<img src=x onerror="alert(1)"> [link](javascript:alert(1))
<iframe src="https://example.com"></iframe>"""


@odd("tricks_on_the_page", (), GRADED, seen="tries to steer the page")
def _(folder, notebook):
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell(PAGE_TRICKS))
    notebook.cells.insert(3, new(
        "from IPython.display import *\n"
        "display(HTML('<script>alert(2)</script>'), Javascript('alert(3)'), "
        "SVG('<svg onload=\"alert(4)\"></svg>'))\n"
        "print('<script>alert(5)</script>')"
    ))
    notebook.cells.insert(4, nbformat.v4.new_raw_cell("<script>6</script>"))
    notebook.cells[at(notebook, "invariance")].source = PAGE_TRICKS
    save(folder, notebook)


@odd("perfect", (), GRADED)
def _(folder, notebook):
    save(folder, notebook)
