"""What a grading run tells: a table, a CSV file, pages with reasons."""

import csv
import html
import os
from typing import NamedTuple

GRADED = "graded"
WAITS = "graded; waits for manual grading"
NOT_GRADED = "not graded"
NOTHING = "nothing handed in"

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<body style="font-family: sans-serif; max-width: 40em; margin: 2em auto">
<h1>{title}</h1>
<p>{text}.</p>
</body>
</html>
"""


class Row(NamedTuple):
    """One line of the table: a student and an assignment."""

    student: str
    assignment: str
    score: float | None
    max_score: float | None
    status: str
    reason: str = ""

    def what(self):
        """Say in one text what became of it."""
        if self.status == NOT_GRADED:
            return self.reason
        return f"{self.status}: {self.reason}" if self.reason else self.status

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
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def write_csv(path, rows):
    """Write the grades, for a spreadsheet or a learning platform."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["student", "assignment", "score", "max_score", "status", "reason"]
        )
        for row in rows:
            writer.writerow(
                [
                    harmless(plain(row.student)),
                    harmless(plain(row.assignment)),
                    points(row.score),
                    points(row.max_score),
                    row.status,
                    harmless(plain(row.reason)),
                ]
            )


def write_page(path, row, text):
    """Write a feedback page of one sentence."""
    title = html.escape(plain(f"{row.assignment} · {row.student}"))
    text = html.escape(plain(text[0].upper() + text[1:]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(title=title, text=text), encoding="utf-8")


def short(path):
    """Write a path as seen from here."""
    return plain(os.path.relpath(path))
