"""A Sphinx extension: what Jupyter Book leaves undone on the site.

Pages load little and nothing from outside, and have names for everything.
What is left out or mended, and why, stands at each line; what a page asks for
is there afterwards, and tests/test_browser.py looks. Beside the pages goes a
zip with all that a learner needs.
"""

import re
import shutil
import zipfile
from pathlib import Path

from docutils import nodes

ROOT = Path(__file__).resolve().parent.parent
ZIP = "pooling-book.zip"
MENDS = [
    # Draws icons that the fonts draw already: 1.5 MB of script on each page.
    (r"\s*<script[^>]*/fontawesome\.js[^>]*></script>", ""),
    # What opens a part of the contents has no name.
    (
        r'<summary>(?=<span class="toctree-toggle")',
        '<summary aria-label="Exercises">',
    ),
    # The book's name stands in no landmark.
    (
        r'<div class="sidebar-primary-items__start',
        '<div role="navigation" aria-label="Book" '
        'class="sidebar-primary-items__start',
    ),
    # Roles that are deprecated, or a list without items.
    (r' role="doc-biblioentry"', ""),
    (r' role="list"(?= class="citation-list")', ""),
]
# Each notebook output brings the playground's script; a page loads it once.
SCRIPT = re.compile(r"<script>.*</script>", re.S)
# Of MathJax a page loads this, its fonts, and what its maths asks for.
MATHS = {"tex-chtml.js", "output", "input"}
UNUSED = [
    "scripts/fontawesome.js*",
    "**/*.map",
    "vendor/fontawesome/webfonts/*.ttf",  # for browsers without woff2
    "sphinx-thebe.*",
]


def load_playground_once(app, doctree, docname):
    """Drop the scripts that come with the playgrounds of a page."""
    for node in list(doctree.findall(nodes.raw)):
        if "<pool-playground" in node.astext():
            text = SCRIPT.sub("", node.astext())
            node.replace_self(nodes.raw("", text, format="html"))


def leave_out(app, pagename, templatename, context, doctree):
    """Drop scripts of a button that nobody sees; maths where there is none."""
    unused = "thebe"
    if 'class="math' not in context.get("body", ""):
        unused += "|mathjax"
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context[kind]
            if not re.search(
                unused,
                f"{file.filename} {file.attributes.get('body')}",
                re.IGNORECASE,
            )
        ]


def slim(app, error):
    """Remove files that no page loads."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern, instead in MENDS:
            text = re.sub(pattern, instead, text)
        page.write_text(text, encoding="utf-8")
    static = out / "_static"
    for pattern in UNUSED:
        for path in static.glob(pattern):
            path.unlink()
    for path in (static / "mathjax").iterdir():
        if path.name not in MATHS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


START = """# Pooling layers in numpy: lessons, exercises and package

You need Python 3.11, 3.12 or 3.13. In this folder, once:

    python -m venv .venv
    .venv/bin/python -m pip install -r requirements.txt -e .

(On Windows, write `.venv\\Scripts\\python` for `.venv/bin/python`.) Then

    .venv/bin/python -m jupyter lab --notebook-dir=book

opens the notebooks: `01_windows.ipynb` comes first.
"""


def requirements(*headings):
    """Return the parts of requirements.txt below some of its headings."""
    parts = (ROOT / "requirements.txt").read_text().split("\n\n")
    titles = tuple(f"# {heading}\n" for heading in headings)
    return "\n\n".join(part for part in parts if part.startswith(titles))


def write_zip(path):
    """Pack the lessons, the students' exercises, the package and its needs."""
    needs = requirements("the subject", "the notebooks")
    files = {
        "README.md": START,
        "requirements.txt": f"-c constraints.txt\n{needs}\n",
    }
    for name in ("constraints.txt", "pyproject.toml", "LICENSE"):
        files[name] = (ROOT / name).read_text(encoding="utf-8")
    for pattern in (
        "book/*.ipynb",
        "book/exercises/*/*.ipynb",
        "book/pooling/**/*.py",
        "book/pooling/*.js",
    ):
        for file in sorted(ROOT.glob(pattern)):
            name = file.relative_to(ROOT).as_posix()
            files[name] = file.read_text(encoding="utf-8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():  # without times: the same bytes
            archive.writestr(zipfile.ZipInfo(f"pooling-book/{name}"), text)


def take_away(app, error):
    """Put the zip beside the pages."""
    if not error and app.builder.name == "html":
        write_zip(Path(app.outdir) / ZIP)


def setup(app):
    """Connect to Sphinx."""
    app.connect("doctree-resolved", load_playground_once)
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", slim, priority=900)
    app.connect("build-finished", take_away)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
