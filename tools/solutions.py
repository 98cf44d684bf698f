"""Build the instructors' edition: the book with its solutions as a part.

    python -m tools.solutions

It goes to `_solutions/html`, never to `_build`, which students may see.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.refresh import ROOT, SOLUTIONS

OUT = ROOT / "_solutions"


def copy_with_solutions(folder):
    """Copy what the site is built from, with solutions beside exercises."""
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for name in ("book", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    lines = ['  - caption: "Solutions: for instructors"', "    chapters:"]
    for solution in SOLUTIONS:
        # As deep as the exercises, so that links still lead somewhere.
        place = Path("book", "solutions", solution.stem, solution.name)
        (folder / place).parent.mkdir(parents=True)
        shutil.copy(solution, folder / place)
        lines.append(f"      - file: {place.with_suffix('')}")
    with open(folder / "_toc.yml", "a", encoding="utf-8") as contents:
        contents.write("\n".join(lines) + "\n")


def main(out=OUT, *options):
    """Build it with the settings of the students' edition, or others."""
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        copy_with_solutions(Path(folder))
        build = subprocess.run(
            [
                Path(sys.executable).with_name("jupyter-book"),
                *("build", folder, "--path-output", folder),
                *("-n", "-W", "--keep-going", *options),
            ]
        )
        if build.returncode == 0:
            shutil.move(Path(folder, "_build", "html"), out / "html")
    sys.exit(build.returncode)


if __name__ == "__main__":
    main()
