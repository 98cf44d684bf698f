"""A Sphinx extension: pages load little, nothing from outside, for everyone.

What is left out or mended, and why, stands at each line. Everything that a
page names is there afterwards; tests/test_browser.py looks.
"""

import re
import shutil
from pathlib import Path

from docutils import nodes

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


def setup(app):
    """Connect to Sphinx."""
    app.connect("doctree-resolved", load_playground_once)
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", slim, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
