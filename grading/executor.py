"""An executor: turns a repaired notebook into outputs and test results.

It holds two warm processes behind walls, one for students' code and one for
judging it. It needs no gradebook and no file of the course, so it runs on any
machine that has this project.
"""

import contextlib
import os
import secrets
import socket
import tempfile
import threading
from pathlib import Path

from grading.walls import NoWalls, Warm, trial
from grading.wire import BUSY, Line, Refused

# What the canary tries; each must fail. It is given a file's path, a port and
# a name of the environment that hold a secret.
CANARY = """
import ctypes, glob, os, socket, subprocess, sys
reached = []
def tries(what):
    def run(function):
        try:
            if function():
                reached.append(what)
        except BaseException:
            pass
    return run
@tries("a file of the class")
def _():
    return open({path!r}).read()
@tries("the network")
def _():
    socket.create_connection(("127.0.0.1", {port}), 2)
    return True
@tries("the environment")
def _():
    return any("canary" in v for v in os.environ.values())
@tries("another process")
def _():
    return [p for p in os.listdir("/proc") if p.isdigit()]
@tries("its parent")
def _():
    me = os.getppid()
    os.kill(me, 9)
    return me != 1 and os.getppid() != me
@tries("solutions")
def _():
    return os.path.exists({solutions!r})
@tries("a place to write")
def _():
    for place in ("/", "/tmp", "/dev", "/usr", {book!r}, {root!r}):
        try:
            open(place + "/canary", "w").close()
            return True
        except OSError:
            pass
@tries("mounts")
def _():
    return ctypes.CDLL(None).mount(b"s", b"/scratch", b"tmpfs", 0, b"") == 0
@tries("new rights")
def _():
    return ctypes.CDLL(None).unshare(0x10000000) == 0
@tries("what another submission wrote")
def _():
    return os.listdir("/scratch") + os.listdir("/dev/shm")
for place in ("/scratch", "/dev/shm"):
    open(place + "/left", "w").close()
answer = lambda: tuple(reached)
"""


class Executor:
    """Runs and judges submissions; safe to use from several threads.

    Parameters
    ----------
    walls : bool
        False: students' code runs with all your rights.
    """

    def __init__(self, walls=True):
        self.walls = walls
        self.lock = threading.Lock()
        self.warm = ()
        self.closed = False

    def size(self):
        """Return how many submissions can run at once."""
        return os.cpu_count() or 1

    def begin(self):
        """Let the warm processes start; `ready` waits for them."""
        if not self.warm:
            roles = "student", "judge"
            self.warm = [Warm(role, self.walls) for role in roles]

    def ready(self):
        """Return the warm processes, which may have to be started anew."""
        with self.lock:
            if self.closed:
                raise EOFError("grading has been stopped")
            self.begin()
            for one in self.warm:
                one.ready()
            return self.warm

    def run(self, job, blobs=()):
        """Run and judge one submission.

        Parameters
        ----------
        job : dict
            As made by `job_of`.
        blobs : sequence of bytes
            The files beside the notebook.

        Returns
        -------
        dict
            outputs, tests and notes; or failed, if grading itself did.
        """
        student = judge = None
        try:
            student, judge = self.ready()
            for one in (student, judge):
                one.prepare(job["key"], job["prepared"])
            with contextlib.closing(Line(judge.fork())) as line:
                with contextlib.closing(student.fork()) as end:
                    line.send(job, blobs)
                    line.send_end(end)
                result, _ = line.receive(BUSY * job["seconds_in_all"] + 90)
            return result
        except (EOFError, OSError, TimeoutError, Refused) as error:
            ended = [w for w in (student, judge) if w and w.ended()]
            if ended:
                self.stop()  # the next one starts them anew
            return {"failed": f"the judge gave up: {error!r}"}

    def stop(self):
        """End the warm processes."""
        with self.lock:
            for one in self.warm:
                one.stop()
            self.warm = ()

    def close(self):
        """Stop, for good."""
        self.closed = True
        self.stop()

    def check(self, root):
        """Send a canary behind the walls; say what it could reach.

        Returns
        -------
        list of str
            Empty if the walls hold.
        """
        secret = secrets.token_hex()
        os.environ["CANARY"] = f"canary {secret}"
        found = []
        with (
            tempfile.NamedTemporaryFile("w", suffix=".canary") as file,
            socket.create_server(("127.0.0.1", 0)) as server,
        ):
            file.write(secret)
            file.flush()
            source = CANARY.format(
                path=file.name,
                port=server.getsockname()[1],
                solutions=str(root / "solutions"),
                book=str(root / "book"),
                root=str(root),
            )
            right = f"assert answer() == {tuple(found)!r}, answer()"
            job = {
                "key": "canary",
                "prepared": [],
                "files": [],
                "seconds": 20,
                "seconds_in_all": 30,
                "cells": [
                    {"run": source, "answers": ["answer"], "name": "canary"},
                    {
                        "test": [[right, False]],
                        "uses": ["answer"],
                        "name": "canary",
                    },
                ],
            }
            for _ in range(2):  # the second looks for what the first left
                result = self.run(job)
                error = result.get("tests", {}).get("1", {}).get("error")
                if "tests" not in result or error:
                    found.append(error[1] if error else result["failed"])
        del os.environ["CANARY"]
        if found and self.walls:
            trial()  # perhaps there are none; it says what to do
        return found


class Cluster:
    """Executors on the workers of a Dask cluster.

    A worker that is lost costs nothing: Dask gives its submissions to others.

    Parameters
    ----------
    address : str
        Of the scheduler, such as tcp://host:8786.
    walls : bool
        As for Executor.
    """

    def __init__(self, address, walls=True):
        from distributed import Client  # only where it is asked for

        self.walls = walls
        self.client = Client(address, set_as_default=False)

    def begin(self):
        """Do nothing; the workers begin with their first submission."""

    def size(self):
        """Return how many submissions can run at once."""
        return max(1, sum(self.client.nthreads().values()))

    def run(self, job, blobs=()):
        """Run and judge one submission somewhere."""
        try:
            future = self.client.submit(
                run_on_worker, self.walls, job, blobs, pure=False
            )
            return future.result()
        except Exception as error:
            return {"failed": f"the cluster gave up: {error!r}"}

    def check(self, root):
        """Send a canary on each worker; say what they could reach."""
        found = self.client.run(check_on_worker, self.walls, str(root))
        return [
            f"{what} ({host})" for host, all_ in found.items() for what in all_
        ]

    def close(self):
        """Let the cluster go; it stays for others."""
        self.client.run(stop_on_worker)
        self.client.close()


ON_WORKER = {}  # walls -> Executor, in each worker
START = threading.Lock()


def worker_executor(walls):
    """Return this worker's executor."""
    with START:
        if walls not in ON_WORKER:
            ON_WORKER[walls] = Executor(walls)
        return ON_WORKER[walls]


def run_on_worker(walls, job, blobs):
    """Run and judge one submission here."""
    return worker_executor(walls).run(job, blobs)


def check_on_worker(walls, root):
    """Send a canary here."""
    return worker_executor(walls).check(Path(root))


def stop_on_worker():
    """End the warm processes of this worker."""
    while ON_WORKER:
        ON_WORKER.popitem()[1].close()


def check_walls(executor, root):
    """Refuse to go on if what is behind the walls gets out."""
    reached = executor.check(Path(root))
    if reached:
        raise NoWalls(f"the walls leak: {'; '.join(reached)}"[:500])
