"""Between a learning platform and the class: its downloads in, grades out.

`python -m grading.lms collect 01_windows download.zip` lays a bulk download
of Moodle or Canvas out in course/submitted. `python -m grading.lms export
moodle` (or `canvas`) writes a file that the platform imports.
"""

import argparse
import csv
import io
import re
import sys
import zipfile
from pathlib import Path

from grading.report import harmless

ROOT = Path(__file__).resolve().parent.parent
# How the platforms name the files of a bulk download.
MOODLE = re.compile(
    r"(?P<name>[^/]+?)_(?P<id>\d+)_assignsubmission_file(_?/|_)(?P<file>.+)"
)
CANVAS = re.compile(
    r"(?P<name>[^_/]+)_(LATE_)?(?P<id>\d+)_(?P<number>\d+)_(?P<file>[^/]+)"
)
MOST = 256 << 20  # bytes of a file


def owner(path):
    """Return whose a file of a download is, and its own name.

    Returns
    -------
    tuple of str
        Student, name of the file; the student has the platform's number at
        its end, so that grades find the way back.
    """
    found = MOODLE.fullmatch(path) or CANVAS.fullmatch(path)
    if found:
        return f"{found['name']}_{found['id']}", found["file"]
    first, _, rest = path.partition("/")
    if rest:  # a folder for each student
        return first, rest
    stem = re.split(r"[_.]", first)[0]
    return stem, first


def collect(download, submitted, assignment):
    """Lay a bulk download out as nbgrader expects it.

    Parameters
    ----------
    download : Path
        A zip file or a folder.
    submitted : Path
        Such as course/submitted.
    assignment : str

    Returns
    -------
    list of str
        The students, sorted.
    """
    students = set()
    for path, data in contents(download):
        student, name = owner(path)
        student = re.sub(r"[/\\\0]", "_", student).strip(". ") or "nobody"
        parts = [p for p in re.split(r"[/\\]", name) if p.strip(". ")]
        # Canvas numbers what was handed in again: the last one is at the end.
        parts[-1:] = [re.sub(r"-\d+(?=\.\w+$)", "", parts[-1])]
        place = submitted / student / assignment / "/".join(parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        students.add(student)
    return sorted(students)


def contents(download):
    """Yield (path, bytes) of the files of a zip or a folder, by number."""

    def order(path):
        number = re.search(r"-(\d+)\.\w+$", path)
        return path[: number.start()] if number else path, (
            int(number[1]) if number else 0
        )

    if download.is_dir():
        names = [
            path.relative_to(download).as_posix()
            for path in download.rglob("*")
            if path.is_file() and not path.is_symlink()
        ]
        for name in sorted(names, key=order):
            yield name, (download / name).read_bytes()
        return
    with zipfile.ZipFile(download) as archive:
        names = [e.filename for e in archive.infolist() if not e.is_dir()]
        for name in sorted(names, key=order):
            if archive.getinfo(name).file_size > MOST:
                raise ValueError(
                    f"{name} has more than {MOST >> 20} MB: unpack by hand"
                )
            if "__MACOSX" not in name:
                yield name, archive.read(name)


def export(grades, platform):
    """Return the text of a CSV file for a platform.

    Parameters
    ----------
    grades : Path
        Such as course/grades.csv.
    platform : str
        moodle or canvas.

    Returns
    -------
    dict of str to str
        Text of the file for each assignment. Who has no score is left out.
    """
    with grades.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["score"] != ""]
    texts = {}
    for assignment in sorted({row["assignment"] for row in rows}):
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        heads = {
            "moodle": ["Identifier", "Full name", "Grade", "Maximum grade"],
            "canvas": ["Student", "ID", "Section", assignment],
        }[platform]
        writer.writerow(heads)
        for row in rows:
            if row["assignment"] != assignment:
                continue
            name, _, number = row["student"].rpartition("_")
            if not number.isdigit():
                name, number = row["student"], row["student"]
            name = harmless(name.removeprefix("'"))
            if platform == "moodle":
                who = f"Participant {number}" if name != number else number
                line = [who, name, row["score"], row["max_score"]]
            else:
                line = [name, number, "", row["score"]]
            writer.writerow(line)
        texts[assignment] = file.getvalue()
    return texts


def main(argv=None):
    """Read the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m grading.lms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--course", type=Path, default=ROOT / "course")
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("collect")
    step.add_argument("assignment")
    step.add_argument("download", type=Path, help="a zip file or a folder")
    step = steps.add_parser("export")
    step.add_argument("platform", choices=["moodle", "canvas"])
    args = parser.parse_args(argv)
    try:
        if args.step == "collect":
            students = collect(
                args.download, args.course / "submitted", args.assignment
            )
            print(f"{len(students)} students: {', '.join(students)}")
        else:
            texts = export(args.course / "grades.csv", args.platform)
            for assignment, text in texts.items():
                path = args.course / f"{args.platform}_{assignment}.csv"
                path.write_text(text, "utf-8")
                print(f"written: {path}")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"cannot {args.step}: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
