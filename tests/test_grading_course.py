"""A class's grades survive what happens: kills, clusters, other databases."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from grading.bench import lay_out
from tests.test_grading import BY_HAND, CHAPTER, ROOT, Grading

COUNT = 8
OPTIONS = ("--assignment", CHAPTER)


def scores(grading):
    """Return {student: score} of the CSV file."""
    return {student: row["score"] for (student, _), row in grading.rows.items()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Grade a class without any trouble."""
    folder = tmp_path_factory.mktemp("reference")
    lay_out(folder, COUNT)
    return scores(Grading(folder, *OPTIONS))


def start(folder):
    """Start grading, in the background."""
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
        below = warm_processes(process.pid)
        process.send_signal(signal.SIGKILL)
        seen += process.stdout.readlines()
        process.wait()
        said += [line.split(" … ")[0].split()[1] for line in seen if "…" in line]
        for _ in range(100):
            left = [p for p in below if Path(f"/proc/{p}/exe").exists()]
            if not any(os.path.exists(f"/proc/{p}/exe") for p in left):
                break
            time.sleep(0.1)
        assert not left
    done = Grading(tmp_path, *OPTIONS)
    assert scores(done) == reference
    said += [
        line.split(" … ")[0].split()[1]
        for line in done.said.splitlines()
        if " … " in line
    ]
    assert sorted(set(said)) == sorted(reference)
    assert len(said) == len(set(said))  # nothing graded twice
    again = Grading(tmp_path, *OPTIONS)
    assert f"{COUNT} of {COUNT} unchanged" in again.said


def test_points_by_hand_survive_a_kill_and_a_new_file(tmp_path):
    lay_out(tmp_path, 1)
    Grading(tmp_path, *OPTIONS)
    [by_hand] = BY_HAND
    where = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(where, "pooling") as book:
        grade = book.find_grade(by_hand, CHAPTER, CHAPTER, "s00000")
        grade.manual_score, grade.needs_manual_grade = 2, False
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
    assert float(row["score"]) == 35
    assert row["waiting"] == "1"  # to be confirmed


def test_a_full_disk_stops_with_words(tmp_path, monkeypatch):
    lay_out(tmp_path, 2)
    (tmp_path / "graded.jsonl").mkdir()  # no file can be written there
    done = Grading(tmp_path, *OPTIONS)
    assert done.status == 2
    assert "grading stopped" in done.said
    (tmp_path / "graded.jsonl").rmdir()
    assert Grading(tmp_path, *OPTIONS).status in (0, 1)


def test_a_cluster_that_loses_a_worker(tmp_path, reference):
    distributed = pytest.importorskip("distributed")
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


def postgres():
    """Return the folder of PostgreSQL's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture
def database(tmp_path):
    """Start a PostgreSQL server of Debian's package; return its address."""
    if not postgres():
        if os.environ.get("CI"):
            pytest.fail("CI must install postgresql")
        pytest.skip("PostgreSQL is missing: apt install postgresql")
    place = Path(f"/tmp/pg{os.getpid()}")  # a short path, for its socket
    place.mkdir()
    words = []
    if os.getuid() == 0:  # it does not run as root
        shutil.chown(place, "postgres", "postgres")
        words = ["setpriv", "--reuid=postgres", "--regid=postgres"]
        words += ["--clear-groups"]
    options = {"cwd": "/", "check": True, "stdout": subprocess.DEVNULL}
    programs = postgres()
    data = place / "data"
    subprocess.run(
        [*words, programs / "initdb", "-D", data, "-U", "class", "-A", "trust"],
        **options,
    )
    server = [*words, programs / "pg_ctl", "-D", data, "-w", "-l"]
    server += [place / "log"]
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
    assert scores(done) == reference, done.said
    assert not (tmp_path / "gradebook.db").exists()
    with Gradebook(database, "pooling") as book:
        assert len(book.students) == COUNT
    again = Grading(tmp_path, *OPTIONS, "--db", database)
    assert f"{COUNT} of {COUNT} unchanged" in again.said
