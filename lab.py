"""Open your copy of the lessons and exercises in JupyterLab.

    python lab.py

The copy lies in work/ and is yours. Where the book has a newer version of a
notebook, it takes the place of a copy in which you changed no cell. What you
changed stays as it is, and the new version lies beside it, as NAME.new.ipynb.
To begin a notebook anew, rename or delete your copy and run this again.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BOOK = ROOT / "book"
WORK = ROOT / "work"
PATTERNS = ("[0-9]*.ipynb", "*.json", "exercises/*/*.ipynb")


def content(path):
    """Return a digest of a file; of a notebook's cells without outputs."""
    data = path.read_bytes()
    if path.suffix == ".ipynb":
        try:
            cells = [
                [
                    cell["cell_type"],
                    "".join(cell["source"]),
                    cell.get("attachments"),
                ]
                for cell in json.loads(data)["cells"]
            ]
            data = json.dumps(cells, sort_keys=True).encode()
        except (ValueError, KeyError, TypeError):  # then each byte counts
            pass
    return hashlib.sha256(data).hexdigest()


def beside(copy, known):
    """Return a place beside a copy that holds nothing of yours."""
    number, place = 1, copy
    while place.exists() and content(place) not in known:
        new = f".new{number}" if number > 1 else ".new"
        place = copy.with_name(copy.stem + new + copy.suffix)
        number += 1
    return place


def update(book=BOOK, work=WORK):
    """Bring a working copy up to date; overwrite nothing that was changed.

    Returns
    -------
    list of Path
        What was written.
    list of str
        A line for each new version that lies beside a changed copy.
    """
    work.mkdir(exist_ok=True)
    memory = work / ".handed-out"  # digests of all that was written here
    known = set(memory.read_text().split()) if memory.exists() else set()
    written, kept = [], []
    for source in sorted(path for p in PATTERNS for path in book.glob(p)):
        copy = work / source.relative_to(book)
        new = content(source)
        mine = content(copy) if copy.exists() else None
        if mine == new or (mine and mine not in known and new in known):
            place = None  # it is up to date, or was told of the new version
        elif mine is None or mine in known:
            place = copy
        else:
            place = beside(copy, known)
            kept.append(
                f"You changed {copy.relative_to(work.parent)}: it stays. "
                f"The new version is beside it, {place.name}."
            )
        if place:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            written.append(place)
        known.add(new)
    memory.write_text("\n".join(sorted(known)) + "\n")
    return written, kept


def main(options):
    """Update the copy, tell JupyterLab to trust what is new, and open it."""
    written, kept = update()
    print(f"Your copy of the notebooks is {WORK}")
    print(*kept, sep="\n", end="\n" if kept else "")
    jupyter = [sys.executable, "-m", "jupyter"]
    notebooks = [path for path in written if path.suffix == ".ipynb"]
    if notebooks:  # or it hides their pictures
        trust = [*jupyter, "trust", *notebooks]
        subprocess.run(trust, stdout=subprocess.DEVNULL, check=True)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options = ["--allow-root", *options]
    lab = [*jupyter, "lab", f"--notebook-dir={WORK}", *options]
    try:
        return subprocess.call(lab)
    except KeyboardInterrupt:  # the way to end it
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
