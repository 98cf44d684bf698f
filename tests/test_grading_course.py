"""A class's grades survive what happens: kills, clusters, other databases."""

import contextlib
import csv
import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import dask
import distributed
import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import default as exchange
from nbgrader.utils import parse_utc
from playwright.sync_api import expect

from grading import lms
from grading.bench import lay_out
from grading.course import Course
from grading.report import GRADED
from grading.sample_class import filled, reference_answers
from tests.conftest import ROOT, needs, postgres
from tests.test_browser import PATIENCE, browser, visit  # noqa: F401
from tests.test_grading import BY_HAND, CHAPTER, SOURCE, Grading

COUNT = 8
OPTIONS = ("--assignment", CHAPTER)


def scores(grading):
    """Return {student: score} of the CSV file."""
    return {
        student: row["score"] for (student, _), row in grading.rows.items()
    }


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Grade a class without any trouble."""
    folder = tmp_path_factory.mktemp("reference")
    lay_out(folder, COUNT)
    return scores(Grading(folder, *OPTIONS))


def start(folder):
    """Start grading, in the background."""
    needs("walls")
    return subprocess.Popen(
        [sys.executable, "-m", "grading", "--course", folder, *OPTIONS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def warm_processes(pid):
    """Return the processes that grading has started, and theirs."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, new = set(), {pid}
    while new:
        new = {p for p, parent in parents.items() if parent in new} - found
        found |= new
    return found


def kill(process):
    """Kill grading, with all that it started; return what it still said."""
    below = warm_processes(process.pid)
    process.kill()
    for _ in range(6000):
        # A process that has ended but is not yet buried has no such link.
        left = [p for p in below if os.path.exists(f"/proc/{p}/exe")]
        if not left:
            break
        time.sleep(0.1)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
    said = process.stdout.readlines()
    process.wait()
    return said


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments(tmp_path, reference, seed):
    lay_out(tmp_path, COUNT)
    chance = random.Random(seed)
    said = []
    for _ in range(3):
        process = start(tmp_path)
        lines = chance.randrange(1, 5)  # of results, then a little longer
        seen = []
        for line in process.stdout:
            seen.append(line)
            if sum(" … " in text for text in seen) >= lines:
                break
        time.sleep(chance.random() / 5)
        seen += kill(process)
        said += [
            line.split(" … ")[0].split()[1] for line in seen if "…" in line
        ]
    done = Grading(tmp_path, *OPTIONS)
    assert scores(done) == reference
    said += [
        line.split(" … ")[0].split()[1]
        for line in done.said.splitlines()
        if " … " in line
    ]
    # A kill may fall between a result and its line, but not before it.
    assert set(said) <= set(reference)
    assert len(said) == len(set(said))  # nothing graded twice
    again = Grading(tmp_path, *OPTIONS)
    assert f"{COUNT} of {COUNT} unchanged" in again.said


def test_killed_while_pages_are_written(tmp_path):
    lay_out(tmp_path, COUNT)
    process = start(tmp_path)
    for line in process.stdout:  # pages are written when points are saved
        if line.startswith(f"[{COUNT}/"):
            break
    kill(process)
    done = Grading(tmp_path, *OPTIONS)
    assert f"{COUNT} of {COUNT} unchanged" in done.said
    pages = tmp_path.glob(f"feedback/*/{CHAPTER}/{CHAPTER}.html")
    assert len(list(pages)) == COUNT


def test_points_by_hand_survive_a_kill_and_a_new_file(tmp_path):
    lay_out(tmp_path, 1)
    Grading(tmp_path, *OPTIONS)
    [by_hand] = BY_HAND
    where = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(where, "pooling") as book:
        grade = book.find_grade(by_hand, CHAPTER, CHAPTER, "s00000")
        grade.manual_score, grade.needs_manual_grade = 2, False
        grade.extra_credit = 1
        book.db.commit()
    path = tmp_path / "submitted" / "s00000" / CHAPTER / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    nbformat.write(notebook, path)
    stamp = path.stat().st_mtime - 1000  # older than before: content counts
    os.utime(path, (stamp, stamp))
    process = start(tmp_path)
    process.stdout.readline()
    process.kill()
    process.stdout.close()
    process.wait()
    done = Grading(tmp_path, *OPTIONS)
    row = done.row("s00000")
    assert float(row["score"]) == 45 + 2 + 1
    assert row["waiting"] == "1"  # to be confirmed


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder that is a disk of its own, of 16 MB."""
    needs("a root that may mount disks")
    words = ["mount", "-t", "tmpfs", "-o", "size=16m", "disk", tmp_path]
    subprocess.run(words, check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


@pytest.mark.parametrize("room", [0, 300, 500, 900])
def test_a_full_disk_costs_nothing(small_disk, reference, room):
    lay_out(small_disk, COUNT)
    filler = small_disk / "filler"
    with filler.open("wb", 0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - 1024 * room)
    full = Grading(small_disk, *OPTIONS)
    assert full.status in (1, 2)
    assert "No space left" in full.said or "disk is full" in full.said
    assert "Traceback" not in full.said + full.noise
    filler.unlink()
    done = Grading(small_disk, *OPTIONS)
    assert scores(done) == reference
    assert done.status == 1  # answers wait to be read
    pages = small_disk.glob(f"feedback/*/{CHAPTER}/{CHAPTER}.html")
    assert len(list(pages)) == COUNT


def test_a_cluster_that_loses_a_worker(tmp_path, reference, monkeypatch):
    # Here, and in the processes that this one starts.
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "600s")
    dask.config.refresh()
    lay_out(tmp_path, COUNT)
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
    ) as cluster:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "grading", "--course", tmp_path),
                *(*OPTIONS, "--scheduler", cluster.scheduler_address),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            if " … " in line:
                break
        victim = next(iter(cluster.workers.values()))
        os.kill(victim.pid, signal.SIGKILL)
        said = process.stdout.read()
        process.wait()
    assert process.returncode in (0, 1), said
    assert scores(Grading(tmp_path, *OPTIONS)) == reference


@pytest.fixture
def database(tmp_path):
    """Start a PostgreSQL server of Debian's package; return its address."""
    needs("PostgreSQL")
    place = Path(f"/tmp/pg{os.getpid()}")  # a short path, for its socket
    place.mkdir()
    words = []
    if os.getuid() == 0:  # it does not run as root
        shutil.chown(place, "postgres", "postgres")
        words = ["setpriv", "--reuid=postgres", "--regid=postgres"]
        words += ["--clear-groups"]
    options = {"cwd": "/", "check": True}
    options |= dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    programs = postgres()
    data = place / "data"
    subprocess.run(
        [
            *words,
            programs / "initdb",
            "-D",
            data,
            "-U",
            "class",
            "-A",
            "trust",
        ],
        **options,
    )
    server = [*words, programs / "pg_ctl", "-D", data, "-w", "-t", "600"]
    server += ["-l", place / "log"]
    subprocess.run(
        [*server, "-o", f"-k {place} -c listen_addresses=''", "start"],
        **options,
    )
    try:
        yield f"postgresql://class@/postgres?host={place}"
    finally:
        subprocess.run([*server, "-m", "immediate", "stop"], **options)
        shutil.rmtree(place)


def test_a_gradebook_in_postgresql(tmp_path, reference, database):
    lay_out(tmp_path, COUNT)
    done = Grading(tmp_path, *OPTIONS, "--db", database)
    assert scores(done) == reference, done.said + done.noise
    assert not (tmp_path / "gradebook.db").exists()
    with Gradebook(database, "pooling") as book:
        assert len(book.students) == COUNT
    again = Grading(tmp_path, *OPTIONS, "--db", database)
    assert f"{COUNT} of {COUNT} unchanged" in again.said


DOWNLOADS = {
    "moodle": {
        "Ada Lovelace_1234_assignsubmission_file_/01_windows.ipynb": "s00000",
        "Ben Li_99_assignsubmission_file_01_windows.ipynb": "s00001",
    },
    "canvas": {
        "lovelaceada_1234_55_01_windows.ipynb": "s00002",
        "lovelaceada_1234_56_01_windows-1.ipynb": "s00000",
        "liben_LATE_99_57_01_windows.ipynb": "s00001",
    },
}


@pytest.mark.parametrize("platform", DOWNLOADS)
def test_from_a_download_to_the_platform(tmp_path, reference, platform):
    lay_out(tmp_path / "made", 3)
    download = tmp_path / "download.zip"
    with zipfile.ZipFile(download, "w") as archive:
        for name, model in DOWNLOADS[platform].items():
            path = tmp_path / "made" / "submitted" / model / CHAPTER
            archive.write(path / f"{CHAPTER}.ipynb", name)
    course = tmp_path / "course"
    words = ["--course", str(course)]
    assert lms.main([*words, "collect", CHAPTER, str(download)]) == 0
    done = Grading(course, *OPTIONS)
    assert len(done.rows) == 2
    assert lms.main([*words, "export", platform]) == 0
    text = (course / f"{platform}_{CHAPTER}.csv").read_text("utf-8")
    lines = list(csv.DictReader(io.StringIO(text)))
    numbers = ["Participant 1234", "Participant 99"]
    column, score = "Identifier", "Grade"
    if platform == "canvas":
        numbers, column, score = ["1234", "99"], "ID", CHAPTER
    points = {line[column]: line[score] for line in lines}
    assert points == {
        numbers[0]: reference["s00000"],
        numbers[1]: reference["s00001"],
    }


def test_a_download_cannot_climb(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../ada_1_2_../../x.ipynb", "{}")
        archive.writestr("/etc/ben_1_2_x.ipynb", "{}")
    submitted = tmp_path / "in" / "submitted"
    lms.collect(tmp_path / "a.zip", submitted, CHAPTER)
    made = [p for p in tmp_path.rglob("*.ipynb") if p.is_file()]
    assert len(made) == 2
    assert all(p.is_relative_to(submitted) for p in made)
    assert all(".." not in p.parts for p in made)


def test_late_work_loses_points_as_the_course_says(tmp_path):
    lay_out(tmp_path, 1)
    place = tmp_path / "submitted" / "s00000" / CHAPTER
    (place / "timestamp.txt").write_text("2030-02-02 12:00:00 UTC")
    course = Course(tmp_path)
    course.register(CHAPTER)
    with course.gradebook() as book:
        book.update_or_create_assignment(
            CHAPTER, duedate="2030-02-01 12:00:00 UTC"
        )
    assert scores(Grading(tmp_path, *OPTIONS))["s00000"] == "45"
    course.config.LateSubmissionPlugin.penalty_method = "zero"
    path = course.graded("s00000", CHAPTER)
    notebook = nbformat.read(path, as_version=4)
    stamp = parse_utc("2030-02-02 12:00:00 UTC")
    [result] = course.save({("s00000", CHAPTER): (notebook, stamp)}).values()
    assert (result.score, result.max_score) == (0, 49)


SERVER_CONFIG = """
c = get_config()
load_subconfig({main!r})
c.CourseDirectory.root = {root!r}
for name in ("source", "release", "submitted", "autograded", "feedback"):
    c.CourseDirectory[name + "_directory"] = name
c.CourseDirectory.db_url = "sqlite:///" + {root!r} + "/gradebook.db"
"""


@pytest.fixture
def formgrader(tmp_path):
    """Grade a class of one and open nbgrader's formgrader; return its URL."""
    lay_out(tmp_path, 1)
    assert scores(Grading(tmp_path, *OPTIONS)) == {"s00000": "45"}
    (tmp_path / "nbgrader_config.py").write_text(
        SERVER_CONFIG.format(
            main=str(ROOT / "nbgrader_config.py"), root=str(tmp_path)
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["-m", "jupyter_server", "--no-browser", "--allow-root"]
    words += [f"--port={port}", "--IdentityProvider.token=t"]
    server = subprocess.Popen(
        [sys.executable, *words, f"--ServerApp.root_dir={tmp_path}"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while server.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/formgrader"
    finally:
        server.terminate()
        server.wait()


def test_points_typed_into_the_formgrader_count(
    tmp_path, formgrader, browser  # noqa: F811
):
    [by_hand] = BY_HAND
    token = {"Authorization": "token t"}
    context = visit(browser, extra_http_headers=token)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    page.goto(f"{formgrader}/gradebook/{CHAPTER}/{CHAPTER}")
    page.click("a:has-text('Submission #1')")
    machine = page.locator("#min_pool2d-values")  # shown where nobody typed
    expect(machine).to_have_attribute("placeholder", "2")
    page.fill(f"#{by_hand}", "3")
    page.fill(f"#{by_hand}-comment", "half a point for the picture")
    with page.expect_response(lambda r: "/api/comment" in r.url):
        page.locator(f"#{by_hand}-comment").blur()
    page.reload()  # what was typed is in the gradebook
    expect(page.locator(f"#{by_hand}")).to_have_value("3")
    context.close()
    done = Grading(tmp_path, *OPTIONS)
    assert scores(done) == {"s00000": "48"}
    assert done.row("s00000")["waiting"] == "0"
    [path] = tmp_path.glob("feedback/*/*/*.html")
    assert "half a point for the picture" in path.read_text("utf-8")


def test_through_nbgraders_exchange(tmp_path, monkeypatch):
    course = Course(tmp_path / "course")
    course.folder.mkdir()
    course.register(CHAPTER)  # which releases it, too
    config = course.config
    config.Exchange.root = str(tmp_path / "exchange")
    config.Exchange.cache = str(tmp_path / "cache")
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    (tmp_path / "home").mkdir()

    def step(kind):
        directory = CourseDirectory(config=config)
        directory.assignment_id = CHAPTER
        kind(
            coursedir=directory,
            authenticator=Authenticator(config=config),
            config=config,
        ).start()

    step(exchange.ExchangeReleaseAssignment)
    monkeypatch.chdir(tmp_path / "home")  # the student's
    step(exchange.ExchangeFetchAssignment)
    path = tmp_path / "home" / CHAPTER / f"{CHAPTER}.ipynb"
    answers = reference_answers(nbformat.read(SOURCE, as_version=4))
    nbformat.write(filled(path, answers), path)
    step(exchange.ExchangeSubmit)
    monkeypatch.chdir(ROOT)
    step(exchange.ExchangeCollect)
    [row] = Grading(course.folder, *OPTIONS).rows.values()
    assert (row["score"], row["status"]) == ("45", GRADED)
    with course.gradebook() as book:
        [handed_in] = book.assignment_submissions(CHAPTER)
        assert handed_in.timestamp is not None
