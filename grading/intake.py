"""What was handed in: found, read, and repaired on a copy.

A repair is made where its meaning is plain, and each is told to the instructor
and the student. Where it is not plain, a submission has a problem in words.
"""

import ast
import base64
import hashlib
import io
import json
import lzma
import re
import stat
import zipfile
import zlib
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise

import nbformat
from nbgrader.utils import is_grade, is_solution, is_task, parse_utc

MOST = 64 << 20  # bytes of a notebook; of all files beside it, too
MOST_FILES = 200
MOST_CELLS = 5000
MOST_CODE = 2 << 20  # characters
NOISE = {".ipynb_checkpoints", "__pycache__", ".DS_Store", "__MACOSX", ".git"}


class Problem(Exception):
    """A submission cannot be graded; the text says why and what to do."""


@dataclass
class Submission:
    """One submission: a student's folder for an assignment, read."""

    student: str
    assignment: str
    notebook: object = None
    files: dict = field(default_factory=dict)  # name -> bytes, beside it
    repairs: list = field(default_factory=list)
    timestamp: object = None
    version: str = ""  # of the book that the notebook was handed out with


def found(folder):
    """Return (student, assignment) for all that lies in a folder.

    A file where a folder should be counts too: it gets its reason later. The
    assignment is "" where there is none.
    """
    pairs = []
    for student in visible(folder):
        if student.name.startswith(".") and not student.is_dir():
            continue
        inside = [] if student.is_symlink() else visible(student)
        pairs += [(student.name, path.name) for path in inside]
        if not inside:
            pairs.append((student.name, ""))
    return pairs


def visible(folder):
    """Return what lies in a folder, but for editors' own files."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:  # no folder, or one that may not be read
        return []
    return [p for p in inside if p.name not in NOISE]


def fingerprint(*folders):
    """Return a hash of the names and contents of all files in folders."""
    total = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = ascii(path.relative_to(folder).as_posix())
            try:
                info = path.lstat()
                kind = info.st_mode
                if NOISE & set(path.parts) or stat.S_ISDIR(kind):
                    continue
                if info.st_size > MOST:  # which is not graded anyway
                    text = f"{info.st_size} {info.st_mtime_ns}"
                elif stat.S_ISREG(kind):
                    with path.open("rb") as file:
                        digest = hashlib.file_digest(file, "sha256")
                    text = digest.hexdigest()
                else:
                    text = "no file"
            except OSError:
                text = "unreadable"
            total.update(f"{name} {text}\n".encode())
    return total.hexdigest()


def read(folder, assignment, known):
    """Read what a student handed in for an assignment.

    Parameters
    ----------
    folder : Path
        Of the student and the assignment.
    assignment : str
        Its name, and that of the notebook.
    known : dict of str to Assignment
        All assignments, to tell one from another.

    Returns
    -------
    Submission

    Raises
    ------
    Problem
    """
    submission = Submission(folder.parent.name, assignment)
    files = collect(folder, submission.repairs)
    stamp = files.pop("timestamp.txt", None)
    if stamp is not None:
        try:
            text = decode(stamp, [])
            submission.timestamp = parse_utc(text.strip())
        except (ValueError, OverflowError, Problem):
            submission.repairs.append(
                "timestamp.txt holds no date such as 2030-01-31 12:00:00 "
                "UTC: taken as in time"
            )
    name, notebook = choose(files, assignment, known, submission.repairs)
    submission.version = notebook.metadata.get("version", "")
    code = sum(len(c.source) for c in notebook.cells if c.cell_type == "code")
    if code > MOST_CODE:
        raise Problem(
            f"found more than {MOST_CODE >> 20} million characters of code: "
            f"ask for it without the data that was pasted in"
        )
    files.pop(name, None)
    leave_out_pip(notebook, submission.repairs)
    submission.files = {
        name: data
        for name, data in files.items()
        if not name.lower().endswith((".ipynb", ".zip"))
    }
    submission.notebook = align(notebook, known[assignment], submission)
    return submission


def leave_out_pip(notebook, repairs):
    """Make comments of lines that install: here is no network to do it."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, times = re.subn(
                r"^(?=[%!] ?(python3? -m )?pip3? install\b)",
                "#",
                cell.source,
                flags=re.M,
            )
            if times:
                repairs.append("left out pip: what the book needs is here")


def collect(folder, repairs):
    """Return {name: bytes} of all regular files in a folder, and of zips."""
    files, total = {}, 0
    for path in sorted(folder.rglob("*")):
        if NOISE & set(path.parts[len(folder.parts) :]):
            continue
        name = path.relative_to(folder).as_posix()
        try:
            info = path.lstat()
            if stat.S_ISDIR(info.st_mode):
                continue
            if stat.S_ISLNK(info.st_mode):
                repairs.append(f"{name} is a link and was not followed")
                continue
            if not stat.S_ISREG(info.st_mode):
                repairs.append(f"{name} is no file and was left out")
                continue
            if path.name.startswith("._"):
                continue
            total += info.st_size
            if total > MOST or len(files) >= MOST_FILES:
                raise Problem(
                    f"found more than {MOST_FILES} files or {MOST >> 20} MB, "
                    f"expected one notebook: ask for the notebook alone"
                )
            files[name] = path.read_bytes()
        except OSError as error:
            raise Problem(
                f"{name} cannot be read ({error.strerror}): mend its rights"
            ) from None
    zips = [n for n in files if n.lower().endswith(".zip")]
    if zips and not any(n.lower().endswith(".ipynb") for n in files):
        for name in zips:
            files |= unzip(name, files.pop(name), repairs)
    return files


def unzip(name, data, repairs, depth=1):
    """Return {name: bytes} of the files in a zip."""
    files = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir()]
            size = sum(e.file_size for e in entries)
            if size > MOST or len(entries) > MOST_FILES:
                raise Problem(
                    f"{name} holds more than {MOST_FILES} files or "
                    f"{MOST >> 20} MB: ask for the notebook alone"
                )
            for entry in entries:
                parts = entry.filename.replace("\\", "/").split("/")
                if NOISE & set(parts) or parts[-1].startswith("._"):
                    continue
                inner = "/".join(p for p in parts if p not in ("", ".", ".."))
                with archive.open(entry) as file:
                    files[inner] = file.read(MOST)
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
        *(RuntimeError, OSError, ValueError, EOFError),
    ):
        raise Problem(
            f"found {name}, which cannot be opened, expected a notebook: ask "
            f"for it again"
        ) from None
    repairs.append(f"unpacked {name}")
    inner = [n for n in files if n.lower().endswith(".zip")]
    if depth and not any(n.lower().endswith(".ipynb") for n in files):
        for name in inner:
            files |= unzip(name, files.pop(name), repairs, depth - 1)
    return files


def choose(files, assignment, known, repairs):
    """Return the name and content of the notebook among the files."""
    expected = f"{assignment}.ipynb"
    read, problems = {}, {}  # name -> (notebook, repairs), or a Problem
    for name in files:
        if name.lower().endswith(".ipynb"):
            noted = []
            try:
                read[name] = parse(name, files[name], noted), noted
            except Problem as problem:
                problems[name] = problem
    fitting = [n for n in read if fits(read[n][0], known[assignment])]
    answered = [
        n for n in fitting if not untouched(read[n][0], known[assignment])
    ]
    if expected in files and (expected in answered or not answered):
        if expected in problems:
            raise problems[expected]
        others = [name for name in (*read, *problems) if name != expected]
        if others:
            repairs.append(
                f"{some(others)} was not looked at: {expected} was"
            )
        repairs += read[expected][1]
        return expected, read[expected][0]
    if expected in problems:
        repairs.append(f"{problems[expected]}")
    elif expected in read:
        repairs.append(f"{expected} is not answered")
    if not read:
        if problems:
            raise next(iter(problems.values()))
        return choose_other(files, expected, repairs)
    rivals = answered or fitting or list(read)
    texts = {
        json.dumps([c.source for c in read[name][0].cells]) for name in rivals
    }
    if len(texts) > 1:
        raise Problem(
            f"found {some(rivals)}, expected {expected}: if one of them is "
            f"the answer, rename it"
        )
    name = min(rivals, key=lambda n: (n.count("/"), n))
    repairs += [f"took {name} for {expected}", *read[name][1]]
    return name, read[name][0]


def choose_other(files, expected, repairs):
    """Return a notebook that has another ending, or is a script."""
    if not files:
        raise Problem(
            f"the folder is empty, expected {expected}: ask for the notebook"
        )
    names = [
        n for n in files if files[n].lstrip(b"\xef\xbb\xbf \n")[:1] == b"{"
    ]
    if len(names) == 1:
        notebook = parse(names[0], files[names[0]], repairs)
        repairs.append(f"took {names[0]} for {expected}")
        return names[0], notebook
    scripts = [n for n in files if n.lower().endswith(".py")]
    if len(scripts) == 1 and len(files) == 1:
        [name] = scripts
        repairs.append(f"took the script {name} for {expected}")
        return name, script(decode(files[name], repairs))
    raise Problem(
        f"found {some(list(files))}, expected {expected}: ask for the notebook"
    )


def script(text):
    """Return the notebook of a script, cut where its cells began."""
    parts = re.split(r"^# (?:%%.*|In\[[\d ]*\]:)\n", text, flags=re.M)
    cells = [nbformat.v4.new_code_cell(p.strip("\n")) for p in parts]
    return nbformat.v4.new_notebook(cells=cells)


def untouched(notebook, assignment):
    """Tell whether a notebook has all answers as they were handed out."""
    texts = {cell.source.strip() for cell in notebook.cells}
    return texts >= {
        cell.source.strip()
        for cell in assignment.released.cells
        if is_solution(cell) or is_task(cell)
    }


def fits(notebook, assignment):
    """Tell whether a notebook has answers to an assignment."""
    ids = {mark(cell).get("grade_id") for cell in notebook.cells}
    if ids & set(assignment.ids):
        return True
    text = "\n".join(c.source for c in notebook.cells)
    return any(defines(name, text) for name in assignment.answers)


def some(names):
    """Join names; no more than three."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def decode(data, repairs):
    """Return the text of bytes in any of the usual encodings."""
    if data[:3] == b"\xef\xbb\xbf":
        repairs.append("removed a byte-order mark")
        data = data[3:]
    codes = ["utf-8", "cp1252", "latin-1"]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        codes = ["utf-16" if data[:1] in b"\xff\xfe" else "utf-16-le"]
        if data[:1] == b"\0":
            codes = ["utf-16-be"]
    for code in codes:
        try:
            text = data.decode(code)
        except UnicodeError:
            continue
        if code != "utf-8":
            repairs.append(f"read as {code.upper()}")
        return text
    raise Problem("its text is in no known encoding: ask for it again")


def parse(name, data, repairs):
    """Return the notebook of a file's bytes, in version 4."""
    ask = "expected a Jupyter notebook: ask for it again"
    if not data.strip(b" \r\n\t\0"):
        raise Problem(f"found {name}, and the file is empty, {ask}")
    try:
        text = decode(data, repairs)
    except Problem as problem:
        raise Problem(f"found {name}: {problem}") from None
    if re.search(r"^(<{7}|>{7})( |$)", text, re.M) and "\n=======" in text:
        raise Problem(
            f"found {name} with a merge conflict inside (lines that begin "
            f"with <<<<<<<), {ask}, merged"
        )
    try:
        raw = json.loads(text.strip("\0 \r\n\t"))
    except (ValueError, RecursionError) as error:
        if len(text) < MOST_CODE and bound(text, imports=False):
            repairs.append(f"{name} is a script: read as one")
            return script(text)
        line = getattr(error, "lineno", 1)
        raise Problem(
            f"found {name} that is no notebook (not valid JSON, line {line}), "
            f"{ask}"
        ) from None
    try:
        return upgrade(raw, repairs)
    except Problem:
        raise
    except Exception:
        raise Problem(
            f"found {name} that is no notebook (valid JSON, but not in the "
            f"form of one), {ask}"
        ) from None


def upgrade(raw, repairs):
    """Return a notebook of version 4, from whatever has cells."""
    version = int(raw.get("nbformat", 4))
    if version < 4:
        raw = dict(nbformat.convert(nbformat.from_dict(raw), 4))
        repairs.append(f"converted from nbformat {version}")
    elif version > 4:
        repairs.append(f"read nbformat {version} as 4")
    if not isinstance(raw["cells"], list) or len(raw["cells"]) > MOST_CELLS:
        raise Problem(f"found more than {MOST_CELLS} cells: ask for it again")
    cells, broken, ends = [], 0, 0
    for cell in raw["cells"]:
        try:
            source = cell.get("source", cell.get("input", ""))
            if isinstance(source, list):
                if len(source) > 1 and "\n" not in "".join(source):
                    source = [f"{line}\n" for line in source]
                    ends += 1
                source = "".join(source)
            kind = cell.get("cell_type", "code")
            if not isinstance(source, str):
                raise TypeError
            source = source.replace("\r\n", "\n").replace("\r", "\n")
            source = source.encode("utf-8", "replace").decode()
            marks = cell.get("metadata", {})
            marks = marks.get("nbgrader", {}) if type(marks) is dict else {}
            new = {
                "code": nbformat.v4.new_code_cell,
                "markdown": nbformat.v4.new_markdown_cell,
            }.get(kind, nbformat.v4.new_raw_cell)(source)
            if isinstance(marks, dict) and isinstance(
                marks.get("grade_id"), str
            ):
                new.metadata["nbgrader"] = {"grade_id": marks["grade_id"]}
            if isinstance(cell.get("id"), str):
                new.id = cell["id"]
            if kind == "markdown":
                shown = cell.get("attachments")
                shown = pictures(shown) if isinstance(shown, dict) else {}
                new.source = lift_pictures(source, shown)
                if shown:
                    new.attachments = shown
            cells.append(new)
        except (TypeError, AttributeError):
            broken += 1
    if ends:
        repairs.append("put line ends back")
    if broken:
        repairs.append(f"left out {broken} cells that hold no text")
    found = raw
    for key in ("metadata", "pooling", "version"):
        found = found.get(key) if isinstance(found, dict) else ""
    notebook = nbformat.v4.new_notebook(cells=cells)
    if isinstance(found, str):
        notebook.metadata["version"] = found[:20]
    return notebook


def pictures(attachments):
    """Return what of the attachments of a cell is a picture."""
    kept = {}
    for name, data in attachments.items():
        for kind in ("image/png", "image/jpeg"):
            found = isinstance(data, dict) and picture(data.get(kind))
            if found:
                kept[name] = {kind: found}
    return kept


def lift_pictures(source, attachments):
    """Turn pictures that lie in a text, as in Colab, into attachments."""

    def lift(match):
        kind, data = match.groups()
        found = picture(data)
        if not found:
            return match[0]
        name = f"picture-{len(attachments)}.{kind}"
        attachments[name] = {f"image/{kind}": found}
        return f"(attachment:{name})"

    embedded = r"\(data:image/(png|jpeg);base64,([^)]*)\)"
    return re.sub(embedded, lift, source)


def picture(text):
    """Return a picture's base64 text, or None if it is no picture."""
    try:
        data = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (ValueError, TypeError):
        return None
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return base64.b64encode(data).decode()
    return None


def mark(cell):
    """Return what nbgrader knows of a cell."""
    return cell.metadata.get("nbgrader", {})


def defines(name, source):
    """Tell whether a text defines a name, even if it is not valid Python."""
    name = re.escape(name)
    return bool(
        re.search(
            rf"^(?:(?:async )?def |class )?{name}\b\s*[(=:]", source, re.M
        )
    )


def same_text(a, b):
    """Tell whether two cells say the same, but for blanks at line ends."""

    def lines(text):
        return [line.rstrip() for line in text.strip().split("\n")]

    return lines(a) == lines(b)


class Assignment:
    """An assignment: what was handed out, and how each cell is judged.

    Parameters
    ----------
    name : str
    source, released : notebook
        With the solutions and hidden tests, and as students get it.
    key : str
        Changes with the tests.
    """

    def __init__(self, name, source, released, key):
        self.name, self.key, self.released = name, key, released
        sources = {
            mark(c)["grade_id"]: c.source
            for c in source.cells
            if mark(c).get("grade_id")
        }
        self.ids = {
            mark(c)["grade_id"]: k
            for k, c in enumerate(released.cells)
            if mark(c).get("grade_id")
        }
        self.answers = []  # names that the solutions define
        self.roles = []  # of each released cell, for the judge
        self.prepared = []  # the assignment's own cells, run once
        tests_end = max(
            [k for k, c in enumerate(released.cells) if is_test(c)], default=-1
        )
        for cell in released.cells:
            if is_solution(cell) and cell.cell_type == "code":
                text = sources.get(mark(cell)["grade_id"], cell.source)
                self.answers += bound(text, imports=False)
        for k, cell in enumerate(released.cells):
            role = {}
            text = sources.get(mark(cell).get("grade_id"), cell.source)
            if cell.cell_type != "code":
                pass
            elif is_test(cell):
                role = {"test": parts(text), "uses": sorted(used(text))}
                role["text"] = text
                if bound(cell.source, imports=True):
                    role["run"] = cell.source
            elif is_solution(cell):
                role["answers"] = bound(text, imports=False)
            elif k > tests_end:
                role["shown"] = cell.source  # nothing depends on it
            else:
                role["given"] = cell.source
                calls = used(cell.source) & set(self.answers)
                if not calls:
                    role["made"] = len(self.prepared)
                    self.prepared.append(cell.source)
            self.roles.append(role)


def is_test(cell):
    """Tell whether a cell is a test that the judge runs."""
    return (
        cell.cell_type == "code"
        and is_grade(cell)
        and not is_solution(cell)
        and not is_task(cell)
    )


def parts(text):
    """Return [[text, hidden or not], …] of a test."""
    found = re.split(
        r"^ *### (?:BEGIN|END) HIDDEN TESTS *$\n?", text, flags=re.M
    )
    return [[t, bool(k % 2)] for k, t in enumerate(found) if t.strip()]


def tree_of(text):
    """Return the syntax tree of a cell; empty where it is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.parse("")


def bound(text, imports):
    """Return the names that a cell binds at its top level."""
    names = []
    for node in tree_of(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if imports:
                names += [
                    (a.asname or a.name).split(".")[0] for a in node.names
                ]
        else:
            names += [
                n.id
                for n in ast.walk(node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            ]
    return list(dict.fromkeys(names))


def used(text):
    """Return the names that a cell reads."""
    return {
        n.id
        for n in ast.walk(tree_of(text))
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }


def align(notebook, assignment, submission):
    """Bring a student's cells into the form that was handed out.

    Each cell is recognised by its mark, its text, its id, or the function it
    defines. What was handed out and is missing is put back; what the student
    added stays behind the cell it followed.

    Returns
    -------
    notebook
        Its cells have `metadata.place`: the number of the cell that was
        handed out, or None for the student's own.
    """
    cells, released = notebook.cells, assignment.released.cells
    repairs = submission.repairs
    place = recognise(cells, assignment, repairs)
    if not any(
        k is not None and (is_solution(released[k]) or is_grade(released[k]))
        for k in place
    ):
        raise Problem(
            f"found none of the cells of {assignment.name} in its notebook, "
            f"expected {len(assignment.ids)} (another notebook?): ask for the "
            f"right one"
        )
    chosen = {}  # number of a released cell -> texts of the student's
    extras = {}  # number of a released cell, or -1 -> cells behind it
    last = -1
    for number, (cell, k) in enumerate(zip(cells, place, strict=True)):
        if k is None:
            extras.setdefault(last, []).append(cell)
        elif k not in chosen:
            chosen[k] = [cell]
            last = k
        elif place[number - 1] == k or last == k:
            chosen[k].append(cell)
        else:  # a copy, further on: it runs there, as its author saw it
            extras.setdefault(last, []).append(cell)
            repairs.append(f"kept a second {name_of(released[k])} as scratch")
    order = [k for k in place if k is not None]
    moved = [k for k, n in pairwise(order) if n < k]
    if moved:
        repairs.append("brought moved cells back to their places")
    result = deepcopy(assignment.released)
    result.cells = []

    def own(after):
        for cell in extras.get(after, ()):
            cell.metadata = nbformat.from_dict({"place": None})
            result.cells.append(cell)

    own(-1)
    for k, template in enumerate(released):
        cell = deepcopy(template)
        name = name_of(template)
        mine = chosen.get(k)
        role = assignment.roles[k]
        free = is_solution(template) or is_task(template)
        if "text" in role:
            cell.source = role["text"]
            if not mine:
                repairs.append(f"put back the test {name}")
            elif not any(
                same_text(c.source, template.source) for c in mine
            ) and not any(same_text(c.source, cell.source) for c in mine):
                repairs.append(f"put back the test {name}, which was changed")
        elif free:
            if mine:
                cell.source = joined(mine, template, name, repairs)
                for one in mine:
                    if one.get("attachments") and cell.cell_type == "markdown":
                        cell.setdefault("attachments", {}).update(
                            one.attachments
                        )
            else:
                repairs.append(f"put back {name}, which was missing")
        elif cell.cell_type == "code":
            if mine:
                cell.source = "\n".join(c.source for c in mine)
            else:
                repairs.append("put back a cell that was handed out")
        cell.metadata["place"] = k
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        result.cells.append(cell)
        own(k)
    seen = set()
    for cell in result.cells:
        if not re.fullmatch(r"[\w-]{1,64}", cell.get("id", "")) or (
            cell.id in seen
        ):
            cell.id = hashlib.md5(f"{len(seen)}".encode()).hexdigest()[:8]
        seen.add(cell.id)
    result.nbformat, result.nbformat_minor = 4, 5
    return result


def name_of(cell):
    """Return the name of a released cell, for a message."""
    return mark(cell).get("grade_id", "a cell")


def recognise(cells, assignment, repairs):
    """Return the number of the released cell that each cell is, or None."""
    released = assignment.released.cells
    place = [assignment.ids.get(mark(c).get("grade_id")) for c in cells]
    marked = sum(k is not None for k in place)

    def free():
        taken = set(place)
        return [k for k in range(len(released)) if k not in taken]

    def match(rule):
        for number, cell in enumerate(cells):
            if place[number] is None:
                for k in free():
                    if rule(cell, released[k], k):
                        place[number] = k
                        break

    match(lambda c, r, k: same_text(c.source, r.source) and c.source.strip())
    match(
        lambda c, r, k: (
            c.get("id") == r.get("id")
            and c.cell_type == r.cell_type
            and (is_solution(r) or not mark(r))
        )
    )
    match(
        lambda c, r, k: (
            c.cell_type == "code"
            and any(
                defines(name, c.source)
                for name in assignment.roles[k].get("answers", ())
            )
        )
    )
    for k in free():  # written answers: what stands where one should
        if released[k].cell_type == "markdown" and is_solution(released[k]):
            before = [
                n for n, p in enumerate(place) if p is not None and p < k
            ]
            after = [n for n, p in enumerate(place) if p is not None and p > k]
            start = max(before, default=-1) + 1
            stop = min([n for n in after if n >= start], default=len(cells))
            for number in range(start, stop):
                if cells[number].cell_type == "markdown":
                    place[number] = k
    if marked < len(assignment.ids) and marked < sum(
        k is not None and bool(mark(released[k])) for k in place
    ):
        repairs.append("restored marks that another editor had removed")
    return place


def joined(mine, template, name, repairs):
    """Return the text of an answer that may be in several cells."""
    if len(mine) == 1:
        return mine[0].source
    texts = [c.source for c in mine]
    kept = [t for t in texts if not same_text(t, template.source)]
    kept = list(dict.fromkeys(kept)) or texts[:1]
    repairs.append(f"joined {len(mine)} cells {name}")
    if template.cell_type == "code" and len(kept) > 1:
        whole = "\n".join(kept)
        if not tree_of(whole).body:
            right = [t for t in kept if tree_of(t).body]
            return "\n\n".join(right) if right else whole
        return whole
    return "\n\n".join(kept)
