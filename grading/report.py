"""What a grading run tells: a table, a CSV file, a report."""

import csv
import html
import io
import os
from typing import NamedTuple

GRADED = "graded"
REPAIRED = "graded after repairs"
PARTLY = "graded in part"
NOT_GRADED = "not gradable"
NOTHING = "nothing handed in"
DONE = (GRADED, REPAIRED, PARTLY)

# Nothing on a page may run or load anything.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "font-src data:; form-action 'none'; base-uri 'none'"
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font-family: sans-serif; max-width: {width}; margin: 2em auto;
padding: 0 1em }}
table {{ border-collapse: collapse }}
td, th {{ border-bottom: 1px solid gray; padding: .3em .8em; text-align: left;
vertical-align: top }}
.n {{ text-align: right }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


class CannotGrade(Exception):
    """Grading cannot go on; its text says why."""


class Row(NamedTuple):
    """One line of the table: a student and an assignment."""

    student: str
    assignment: str
    score: float | None
    max_score: float | None
    status: str
    reason: str = ""  # why there is no score, or no full one
    repairs: tuple = ()
    waiting: int = 0  # answers that wait for a person
    seen: tuple = ()  # what the instructor should look at
    submission: str = ""  # which content the score belongs to
    seconds: float | None = None

    def needs_person(self):
        """Tell whether somebody has something to do."""
        return bool(
            self.waiting
            or self.seen
            or self.status not in (GRADED, REPAIRED, NOTHING)
        )

    def what(self):
        """Say in one text what became of it."""
        if self.status == NOT_GRADED:
            return self.reason
        more = [self.reason] if self.reason else []
        more += list(self.repairs)
        if self.waiting:
            s = "s" * (self.waiting > 1)
            more.append(f"{self.waiting} answer{s} to be read")
        more += [f"look at it: {text}" for text in self.seen]
        return f"{self.status}: {'; '.join(more)}" if more else self.status

    def cells(self):
        """Return the line's texts."""
        return [
            plain(self.student),
            plain(self.assignment),
            points(self.score),
            points(self.max_score),
            plain(self.what()),
        ]


def points(number):
    """Write points without needless digits; nothing for None."""
    return "" if number is None else f"{number:.10g}"


def plain(text):
    """Replace what could steer a terminal or break a line."""
    return "".join(c if c.isprintable() else "?" for c in text)


def table(rows):
    """Align the rows under their headings."""
    lines = [["student", "assignment", "score", "of", "what"]]
    lines += [row.cells() for row in rows]
    widths = [max(len(line[k]) for line in lines) for k in range(4)]
    return "\n".join(
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  "
        f"{d:>{widths[3]}}  {e}"
        for a, b, c, d, e in lines
    )


def harmless(text):
    """Keep a spreadsheet from reading a text as a formula."""
    text = plain(text)
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@|%") else text


def write(path, text):
    """Write a file so that it is whole at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8", "replace")
    new.replace(path)


def write_csv(path, rows):
    """Write the grades, for a spreadsheet or a learning platform."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(
        "student assignment score max_score status reason repairs waiting "
        "look_at submission".split()
    )
    for row in rows:
        writer.writerow(
            [
                harmless(row.student),
                harmless(row.assignment),
                points(row.score),
                points(row.max_score),
                row.status,
                harmless(row.reason),
                harmless("; ".join(row.repairs)),
                row.waiting,
                harmless("; ".join(row.seen)),
                row.submission,
            ]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("w", newline="", encoding="utf-8") as out:
        out.write(file.getvalue())
    new.replace(path)


def fill(title, body, width="40em"):
    """Return a page; `body` is HTML."""
    title = html.escape(plain(title))
    return PAGE.format(policy=POLICY, title=title, body=body, width=width)


def write_page(path, row):
    """Write a feedback page of one sentence."""
    text = row.what()
    text = html.escape(plain(text[:1].upper() + text[1:]))
    title = f"{row.assignment} · {row.student}"
    write(path, fill(title, f"<p>{text}.</p>"))


def write_report(path, rows):
    """Write the instructor's report: all that is known, line by line."""
    heads = "student|assignment|score|of|seconds|what|submission".split("|")
    lines = ["<tr>" + "".join(f"<th>{h}</th>" for h in heads) + "</tr>"]
    for row in rows:
        student, assignment, score, most, what = map(html.escape, row.cells())
        took = "" if row.seconds is None else f"{row.seconds:.1f}"
        lines.append(
            f"<tr><td>{student}</td><td>{assignment}</td>"
            f'<td class="n">{score}</td><td class="n">{most}</td>'
            f'<td class="n">{took}</td><td>{what}</td>'
            f"<td><code>{html.escape(row.submission)}</code></td></tr>"
        )
    table = "\n".join(lines)
    body = f"<p>{summary(rows)}.</p>\n<table>\n{table}\n</table>"
    write(path, fill("Grading report", body, "none"))


def summary(rows):
    """Count the rows of each kind, in words."""
    kinds = (GRADED, REPAIRED, PARTLY, NOT_GRADED, NOTHING)
    counts = [(sum(r.status == kind for r in rows), kind) for kind in kinds]
    counts.append((sum(bool(r.waiting) for r in rows), "to be read"))
    return "; ".join(f"{n} {kind}" for n, kind in counts if n)


def short(path):
    """Write a path as seen from here."""
    return plain(os.path.relpath(path))
