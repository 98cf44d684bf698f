"""A student's feedback page, safe to open: what nbgrader makes, many times."""

import functools
import re
from copy import deepcopy

import nbformat
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import DataTypeFilter, Highlight2HTML
from nbgrader.utils import is_grade, is_solution, is_task

from grading import report

MOST_SHOWN = 50_000  # characters of a cell


class Exporter(HTMLExporter):
    """Writes HTML as its base class does, which then reads it once more."""

    def from_notebook_node(self, nb, resources):
        """Return the page and its resources."""
        return TemplateExporter.from_notebook_node(
            self, nb, self._init_resources(resources)
        )


class Pages:
    """Writes feedback pages.

    Parameters
    ----------
    settings : traitlets.config.Config
        Of nbgrader's feedback pages.
    hidden : bool
        Show hidden tests.
    """

    def __init__(self, settings, hidden):
        self.exporter, self.hidden = Exporter(config=settings), hidden
        # The cells of a class are mostly the same.
        once = functools.lru_cache(4096)
        markdown = once(lambda text: self.exporter.markdown2html({}, text))
        colours = once(Highlight2HTML())

        @pass_context
        def with_pictures(context, text):
            """Make a cell's text HTML, with its own pictures."""
            if context.get("cell", {}).get("attachments"):
                return self.exporter.markdown2html(context, text)
            return markdown(text)

        add = self.exporter.register_filter
        add("markdown2html", with_pictures)
        add("highlight_code", lambda text, metadata: colours(text))
        add("filter_data_type", DataTypeFilter())

    def write(self, path, graded, row, result):
        """Write the page of a graded notebook.

        Parameters
        ----------
        path, graded : Path
            Of the page, and of the notebook.
        row : Row
        result : Result
        """
        notebook = nbformat.v4.reads(graded.read_text("utf-8"))
        totals = add_points(notebook, row, result)
        add_notes(notebook, row, self.hidden)
        resources = {
            "metadata": {"name": row.assignment},
            "nbgrader": totals,
        }
        page, _ = self.exporter.from_notebook_node(notebook, resources)
        report.write(path, inert_page(page))


def add_points(notebook, row, result):
    """Put points and comments into a notebook's cells; return the totals.

    What nbgrader's GetGrades does, without the gradebook.
    """
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if is_grade(cell):
            marks.score, marks.points = result.grades[marks.grade_id]
        if is_solution(cell) or is_task(cell):
            marks.comment = result.comments[marks.grade_id]
    return {
        "notebook": row.assignment,
        "assignment": row.assignment,
        "student": row.student,
        "score": result.score,
        "max_score": result.max_score,
        "late_penalty": result.late,
    }


def add_notes(notebook, row, hidden):
    """Tell on a page what was repaired, and hide what shall be hidden."""
    for cell in notebook.cells:
        if len(cell.source) > MOST_SHOWN:
            cell.source = (
                f"{cell.source[:MOST_SHOWN]}\n… cut here, to be shown"
            )
        if cell.cell_type == "code" and not hidden:
            hide_tests(cell)
    notes = [row.reason] if row.reason else []
    notes += row.repairs
    if notes:
        notes = (escape_tags(report.plain(note)) for note in notes)
        items = "\n".join(f"- {note}" for note in notes)
        text = f"**{row.status}**\n\n{items}"
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(text))


def inert(notebook):
    """Return a copy of a notebook, in which no HTML is alive."""
    notebook = deepcopy(notebook)
    for k, cell in enumerate(notebook.cells):
        if cell.cell_type == "raw":
            text = "```\n" + cell.source.replace("```", "'''") + "\n```"
            notebook.cells[k] = cell = nbformat.v4.new_markdown_cell(
                text, id=cell.id, metadata=cell.metadata
            )
        handed_out = cell.metadata.get("place") is not None
        if cell.cell_type == "markdown" and not (
            handed_out and not is_solution(cell) and not is_task(cell)
        ):
            cell.source = escape_tags(cell.source)
            shown = set(re.findall(r"attachment:([^\s)\"']+)", cell.source))
            if not shown <= set(cell.get("attachments", ())):
                # Pages cannot be made of a cell whose picture is missing.
                cell.source = cell.source.replace("attachment:", "picture ")
    return notebook


def escape_tags(text):
    """Make HTML in a markdown text visible in place of alive."""
    text = text.replace("<", "&lt;")
    # A link may lead to a page, and nowhere else.
    return re.sub(r"(?i)(javascript|vbscript|data)\s*(:|&)", r"\1 \2", text)


def hide_tests(cell):
    """Take the hidden tests out of a cell, and what they said."""
    pattern = r"^ *### BEGIN HIDDEN TESTS.*?^ *### END HIDDEN TESTS *$\n?"
    cell.source = re.sub(
        pattern, "# and hidden tests\n", cell.source, flags=re.M | re.S
    )
    for output in cell.outputs:
        if cell.metadata.get("hidden") and output.output_type == "error":
            output.ename = "HiddenTest"
            output.evalue = "a hidden test fails"
            output.traceback = [
                "A hidden test, with other data, fails: the function is not "
                "right for all inputs."
            ]


def inert_page(page):
    """Take scripts out of a page, and forbid what is left to run."""
    page = re.sub(r"(?is)<script\b.*?</script\s*>", "", page)
    page = re.sub(
        r"(?i)</?(script|iframe|object|embed|link)\b[^>]*>", "", page
    )
    page = re.sub(r"(?i)<img (?![^>]*\balt=)", '<img alt="a picture" ', page)
    policy = (
        '<meta http-equiv="Content-Security-Policy" '
        f'content="{report.POLICY}">'
    )
    return re.sub(r"(?i)(<head[^>]*>)", rf"\1{policy}", page, count=1)
