"""A Sphinx extension: what Jupyter Book leaves undone on the site.

Pages load little and nothing from outside, and have names for everything.
What is left out or mended, and why, stands at each line; what a page asks for
is there afterwards, and tests/test_browser.py looks. The build fails if the
theme has nothing that fits a line. Beside the pages go a zip with all that a
learner needs, the package as a wheel, and a picture for previews.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parent.parent
ZIP = "pooling-book.zip"
FIRST = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Pooling layers in numpy</title>
<link rel="icon" href="_static/favicon.svg">
<meta http-equiv="refresh" content="0; url={first}">
<p><a href="{first}">Pooling layers in numpy</a></p>
</html>
"""
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


def join_streams(outputs):
    """Join what a cell printed, which comes in pieces of any length."""
    joined, streams = [], {}
    for output in outputs:
        if output.output_type != "stream":
            joined.append(output)
        elif output.name in streams:
            streams[output.name].text += output.text
        else:
            streams[output.name] = output.copy()
            joined.append(streams[output.name])
    return joined


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
    useless = {pattern for pattern, _ in MENDS}
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern, instead in MENDS:
            text, times = re.subn(pattern, instead, text)
            if times:
                useless.discard(pattern)
        page.write_text(text, encoding="utf-8")
    static = out / "_static"
    for pattern in UNUSED:
        paths = list(static.glob(pattern))
        if not paths:
            useless.add(pattern)
        for path in paths:
            path.unlink()
    if useless:
        raise ExtensionError(f"nothing on the site fits {sorted(useless)}")
    for path in (static / "mathjax").iterdir():
        if path.name not in MATHS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


START = """# Pooling layers in numpy: lessons, exercises and package

You need Python 3.11 or newer. In this folder, once, on Linux and macOS

    python3 -m venv .venv
    .venv/bin/python -m pip install -r requirements.txt

and on Windows

    py -m venv .venv
    .venv\\Scripts\\python -m pip install -r requirements.txt

(On Debian and Ubuntu, `apt install python3-venv` first.) Then, each time,

    .venv/bin/python lab.py

or on Windows

    .venv\\Scripts\\python lab.py

opens your copy of the notebooks in JupyterLab: `01_windows.ipynb` comes first.
The copy lies in `work` and is yours. When there is a new zip, unpack it over
this folder and do both steps again: what you wrote in `work` stays as it is.

JupyterLab hides the pictures of notebooks that it does not trust. `lab.py`
tells it to trust these. Where a picture is missing all the same, run the
notebook's cells, or choose *Trust Notebook* in the command palette (*View*,
*Activate Command Palette*).
"""


def last_change():
    """Return when the book was last changed, in seconds since 1970.

    It dates what the site carries: the same bytes, whenever they are made.
    """
    if "SOURCE_DATE_EPOCH" in os.environ:  # the custom of packagers
        return int(os.environ["SOURCE_DATE_EPOCH"])
    try:
        said = subprocess.check_output(
            ["git", "log", "-1", "--format=%ct"],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        return int(said)
    except (OSError, subprocess.CalledProcessError):  # a copy without git
        return int((ROOT / "pyproject.toml").stat().st_mtime)


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
        "requirements.txt": f"-c constraints.txt\n\n{needs}\n\n-e .\n",
    }
    for pattern in (
        "constraints.txt",
        "pyproject.toml",
        "CHANGELOG.md",
        "LICENSE",
        "lab.py",
        "book/*.ipynb",
        "book/*.json",
        "book/exercises/*/*.ipynb",
        "book/pooling/**/*.py",
        "book/pooling/*.js",
    ):
        for file in sorted(ROOT.glob(pattern)):
            name = file.relative_to(ROOT).as_posix()
            files[name] = file.read_text(encoding="utf-8")
    date = time.gmtime(last_change())[:6]
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"pooling-book/{name}", date)
            entry.external_attr = 0o644 << 16  # for all to read
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)


def write_wheel(folder):
    """Build the package from what is in the zip: for notebooks alone."""
    with tempfile.TemporaryDirectory() as source:
        shutil.unpack_archive(folder / ZIP, source)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "wheel", "--quiet"),
                *("--no-deps", "--no-build-isolation", "--no-index"),
                *("--wheel-dir", folder, Path(source, "pooling-book")),
            ],
            env=os.environ | {"SOURCE_DATE_EPOCH": str(last_change())},
            check=True,
        )


def draw_preview(path):
    """Draw the picture that a message shows with a link, 1200 x 630 pixels."""
    # Not above: tools.refresh imports this file to mend a broken package.
    from pooling.draw import INK, Panel, arrow, canvas, panel

    figure, axes = canvas(12, 6.3)
    title = {"size": 21, "weight": "bold", "ha": "center", "color": INK}
    axes.text(6, 1.15, "Pooling layers in numpy", **title)
    x = [[1, 3, 2, 0], [4, 6, 5, 1], [0, 2, 8, 7], [3, 1, 9, 4]]
    y = [[6, 5], [3, 9]]
    windows = [(0, 0, 2, 2), (0, 2, 2, 2), (2, 0, 2, 2), (2, 2, 2, 2)]
    cells = [(i // 2, j // 2, 1, 1) for i, j, _, _ in windows]
    marks = [(1, 1), (1, 2), (3, 0), (3, 2)]
    panel(axes, Panel(x, "", marks=marks, frames=windows), 1.5, 4.4, 1)
    arrow(axes, 6.3, 8, 3.85, "max")
    panel(axes, Panel(y, "", frames=cells), 8.5, 4.4, 1)
    figure.savefig(path, dpi=250)


def take_away(app, error):
    """Put beside the pages what is no page of the book."""
    if not error and app.builder.name == "html":
        out = Path(app.outdir)
        write_zip(out / ZIP)
        write_wheel(out)
        draw_preview(out / app.config.ogp_image)
        first = FIRST.format(first=f"{app.config.root_doc}.html")
        (out / "index.html").write_text(first, encoding="utf-8")


def setup(app):
    """Connect to Sphinx."""
    from myst_nb.core import render  # slow, and only the site needs it

    if not hasattr(render, "coalesce_streams"):
        raise ExtensionError("myst-nb joins printed pieces elsewhere now")
    render.coalesce_streams = join_streams  # its own ends a line at each piece
    app.connect("doctree-resolved", load_playground_once)
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", slim, priority=900)
    app.connect("build-finished", take_away)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
