"""Settings and fixtures that several files of tests share."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
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


@pytest.fixture(scope="session")
def as_stored(tmp_path_factory):
    """Return the book's settings, but with the outputs that are stored.

    `make book` executes every lesson; test_one_home executes it, too, and
    compares. A page from stored outputs is the same, in a fifth of the time.
    """
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
