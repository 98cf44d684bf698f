"""Settings and fixtures that several files of tests share."""

import re
import subprocess
import sys
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


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Build the site as `make book` does, into a folder of its own."""
    out = tmp_path_factory.mktemp("site")
    recipe = (ROOT / "Makefile").read_text()
    options = re.search(r"jupyter-book build \. (.*)", recipe)[1].split()
    build = subprocess.run(
        [
            Path(sys.executable).with_name("jupyter-book"),
            *("build", ROOT, "--path-output", out, *options),
        ],
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout[-3000:] + build.stderr[-3000:]
    return out / "_build" / "html"
