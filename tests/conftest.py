"""Settings and fixtures that several files of tests share."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every machine and every day, however slow it is.
settings.register_profile(
    "book",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("book")

SITE = ("tests/test_site.py", "tests/test_browser.py")  # built once for both
SPREAD = ("tests/test_one_home.py", "tests/test_grading_course.py")  # slow
FIRST = ("tests/test_learner.py", "tests/test_grading_odd.py", *SITE)  # long


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no core waits at the end."""
    items.sort(key=lambda item: item.nodeid.split("::")[0] not in FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run a file's tests on one core, as they share what they set up."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            if file in SPREAD:
                return nodeid
            return "site" if file in SITE else file

    return Scheduler(config, log)


# -- what a machine may lack --------------------------------------------------


def postgres():
    """Return the folder of PostgreSQL's programs, or None."""
    found = [shutil.which("initdb")]
    if shutil.which("pg_ctlcluster"):  # Debian's, which finds the others
        found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found[-1]).parent if found[-1] else None


def mounts():
    """Tell whether this user may mount a disk."""
    if os.getuid():
        return False
    words = ["unshare", "--mount", "mount", "-t", "tmpfs", "disk", "/tmp"]
    return not subprocess.run(words, capture_output=True).returncode


def chromium():
    """Return the browser's place, or None."""
    from tools import pdf  # not at the top: the package's tests do without

    return pdf.CHROMIUM


# What some tests need -> (is it here?, what brings it).
NEEDS = {
    "chromium": (chromium, "apt install chromium"),
    "npm": (lambda: shutil.which("npm"), "apt install npm"),
    "PostgreSQL": (postgres, "apt install postgresql"),
    "a root that may mount disks": (mounts, "sudo make test"),
}


@functools.cache
def lacking(name):
    """Say what brings something that a test needs; "" where it is here."""
    if name == "walls":
        from grading import walls  # not at the top: it needs Unix

        try:
            walls.trial()
            return ""
        except walls.NoWalls as error:
            return str(error)
    is_here, remedy = NEEDS[name]
    return "" if is_here() else remedy


def needs(name):
    """Skip the test that calls this, where the machine lacks something."""
    if lacking(name):
        pytest.skip(f"{name}: {lacking(name)}")


def program(place, text):
    """Write a shell script to a place."""
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)


def refusing_bwrap(folder):
    """Put a bwrap into a folder that says what it says in Docker."""
    said = (
        "bwrap: No permissions to create new namespace, likely because the "
        "kernel does not allow non-privileged user namespaces."
    )
    program(
        folder / "bwrap", f"echo --disable-userns; echo '{said}' >&2; exit 1"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where CI is set, a test that is skipped has failed."""
    report = yield
    if os.environ.get("CI") and report.skipped:
        report.outcome, report.longrepr = "failed", report.longrepr[2]
    return report


def pytest_terminal_summary(terminalreporter):
    """Say in words what was skipped, and what brings it back."""
    skipped = terminalreporter.stats.get("skipped", [])
    whys = Counter(report.longrepr[2] for report in skipped)
    if whys:
        terminalreporter.section("skipped: what is needed, and how to get it")
    for why, count in sorted(whys.items()):
        why = why.removeprefix("Skipped: ")
        terminalreporter.line(f"{count} skipped, for want of {why}")


@pytest.fixture(scope="session")
def as_stored(tmp_path_factory):
    """Return the book's settings, but with the outputs that are stored.

    `make book` executes every lesson; test_one_home executes it, too, and
    compares. A page from stored outputs is the same, in a fifth of the time.
    """
    import yaml  # not at the top: the package's tests do without

    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert settings["execute"]["execute_notebooks"] == "force"
    settings["execute"]["execute_notebooks"] = "off"
    extensions = settings["sphinx"]["local_extensions"]
    for name, folder in extensions.items():
        extensions[name] = str(ROOT / folder)
    file = tmp_path_factory.mktemp("settings") / "_config.yml"
    file.write_text(yaml.safe_dump(settings))
    return file


@pytest.fixture(scope="session")
def site(tmp_path_factory, as_stored):
    """Build the site as `make book` does, into a folder of its own."""
    out = tmp_path_factory.mktemp("site")
    recipe = (ROOT / "Makefile").read_text()
    options = re.search(r"jupyter-book build \. (.*)", recipe)[1].split()
    build = subprocess.run(
        [
            Path(sys.executable).with_name("jupyter-book"),
            *("build", ROOT, "--path-output", out, "--config", as_stored),
            *options,
        ],
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout[-3000:] + build.stderr[-3000:]
    return out / "_build" / "html"
