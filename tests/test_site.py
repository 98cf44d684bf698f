"""The site builds without a warning, and nothing on it leads nowhere."""

import io
import re
import struct
import zipfile
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree
from myst_nb.core import render
from sphinx.errors import ExtensionError

import pooling
from pooling.draw import playground
from tests.conftest import ROOT
from tools import finish_site, solutions
from tools.finish_site import join_streams, slim
from tools.refresh import LESSONS, SOLUTIONS


@pytest.fixture(scope="module")
def pages(site):
    return {
        path: BeautifulSoup(path.read_text(), "html.parser")
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


def test_a_theme_without_what_is_mended_stops_the_build(tmp_path):
    (tmp_path / "_static" / "mathjax").mkdir(parents=True)
    (tmp_path / "page.html").write_text('<ol role="doc-biblioentry">')
    builder = SimpleNamespace(name="html")
    app = SimpleNamespace(builder=builder, outdir=tmp_path)
    with pytest.raises(ExtensionError, match=r"fontawesome") as stop:
        slim(app, None)
    assert "doc-biblioentry" not in str(stop.value)  # that one fits


def test_a_line_that_is_printed_in_pieces_stays_a_line():
    pieces = [
        nbformat.v4.new_output("stream", name=name, text=text)
        for name, text in [
            *(("stdout", "  1"), ("stdout", " 2\n"), ("stderr", "no\n")),
            *(("stdout", "  3"), ("stdout", "\n")),
        ]
    ]
    for _ in range(2):  # the pieces stay what they are
        joined = join_streams(pieces)
        assert [output.text for output in joined] == ["  1 2\n  3\n", "no\n"]
    finish_site.setup(SimpleNamespace(connect=lambda *_, **__: None))
    assert render.coalesce_streams is join_streams


def test_the_playgrounds_of_a_page_bring_no_script():
    """In notebooks they do, though not as these are stored."""
    cell = playground([[1, 2], [3, 4]], 2)._repr_html_()
    start, script = cell.split("<script>")
    assert "customElements.define" in script
    other = "<script>of another output</script>"
    page = publish_doctree("")
    page += [nodes.raw("", text, format="html") for text in (cell, other)] * 2
    finish_site.load_playground_once(None, page, "page")
    assert [node.astext() for node in page] == [start, other] * 2


def test_every_page_of_the_contents_is_there(site):
    contents = (ROOT / "_toc.yml").read_text()
    files = re.findall(r"(?:root|file): (\S+)", contents)
    assert len(files) >= 8
    for file in files:
        assert (site / f"{file}.html").is_file(), file


def test_the_contents_number_the_chapters(pages, site):
    contents = pages[site / "book" / "intro.html"].select_one(".bd-docs-nav")
    for number, lesson in enumerate(LESSONS, 1):
        link = contents.select_one(f"a[href='{lesson.stem}.html']")
        assert link.get_text().strip().startswith(f"{number} "), lesson.name


def test_links_lead_somewhere(pages):
    dead, seen = [], 0
    for path, page in pages.items():
        for tag in page.find_all(["a", "img", "link", "script"]):
            address = tag.get("href") or tag.get("src") or ""
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or not address:
                continue
            seen += 1
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            if not target.is_file():
                dead.append(f"{path.name}: {address}")
            elif parts.fragment and target in pages:
                name = unquote(parts.fragment)
                if not pages[target].find(id=name):
                    dead.append(f"{path.name}: {address}")
    assert seen > 100
    assert not dead, "\n".join(dead)


def test_the_package_is_described_whole(pages, site):
    page = pages[site / "book" / "api.html"]
    described = [tag["id"] for tag in page.select("dt[id^='pooling.']")]
    assert sorted(described) == [f"pooling.{n}" for n in pooling.__all__]
    assert described[0] == "pooling.max_pool2d"


def test_pictures_say_what_they_show(pages):
    pictures = [
        (path.name, tag.get("alt", ""))
        for path, page in pages.items()
        for tag in page.select("main img")
    ]
    assert len(pictures) >= 7
    for page, alt in pictures:
        assert len(alt) > 30 and "/" not in alt, f"{page}: {alt!r}"


def test_maths_comes_from_the_site(pages, site):
    scripts = [
        tag["src"]
        for page in pages.values()
        for tag in page.find_all("script", src=re.compile("mathjax"))
    ]
    assert scripts
    assert not [s for s in scripts if urlsplit(s).netloc]


def texts(name, data):
    """Yield (place, text) for a file as a reader can take it apart."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from texts(f"{name}: {member}", archive.read(member))
    elif name.endswith(".html"):
        yield name, BeautifulSoup(data, "html.parser").get_text()
    elif name.endswith(".ipynb"):
        cells = nbformat.reads(data.decode(), as_version=4).cells
        yield name, "\n".join(cell.source for cell in cells)
    else:
        yield name, data.decode(errors="ignore")


HIDDEN = re.compile(
    r"### BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)\n(.*?)### END", re.S
)


@pytest.fixture(scope="module")
def secrets():
    """Collect what no student may see: answers, hidden tests, rubrics."""
    public = [
        text
        for pattern in ("*.ipynb", "pooling/**/*.py", "*.md")
        for path in (ROOT / "book").glob(pattern)
        for _, text in texts(path.name, path.read_bytes())
    ]
    secret = []
    for path in SOLUTIONS:
        for cell in nbformat.read(path, as_version=4).cells:
            public.append(HIDDEN.sub("", cell.source))
            for _, part in HIDDEN.findall(cell.source):
                secret += map(str.strip, part.splitlines())
    public = "\n".join(public)
    found = {line for line in secret if len(line) > 30 and line not in public}
    assert len(found) > 300
    return found


def test_no_secret_is_in_the_students_edition(site, secrets):
    """Nor in anything else that `make book` leaves in _build."""
    seen = 0
    for path in site.parent.rglob("*"):
        if path.is_file() and path.suffix not in (".woff", ".woff2", ".png"):
            for place, text in texts(str(path), path.read_bytes()):
                seen += 1
                found = [secret for secret in secrets if secret in text]
                assert not found, f"{place}: {found}"
                assert not HIDDEN.search(text), place
    assert seen > 200


def test_the_instructors_edition_shows_the_solutions(
    site, as_stored, tmp_path
):
    with pytest.raises(SystemExit) as end:
        solutions.main(tmp_path / "edition", "--config", as_stored)
    assert not end.value.code
    book = tmp_path / "edition" / "html" / "book"
    first = BeautifulSoup((book / "intro.html").read_text(), "html.parser")
    contents = first.select_one(".bd-sidebar-primary")
    assert contents.find(string="Solutions: for instructors")
    links = {tag.get("href") for tag in contents.select("a")}
    for solution in SOLUTIONS:
        place = f"solutions/{solution.stem}/{solution.stem}.html"
        assert place in links
        page = BeautifulSoup((book / place).read_text(), "html.parser")
        shown = page.select_one("main").get_text()
        outputs = 0
        for cell in nbformat.read(solution, as_version=4).cells:
            if cell.cell_type == "code":
                assert cell.source.strip() in shown
                for output in cell.outputs:
                    outputs += 1
                    assert output.text.strip() in shown
        assert outputs > 10
    assert not list((site / "book").rglob("*solution*"))  # the students'


def test_every_notebook_can_be_downloaded_on_its_page(site, pages):
    notebooks = [
        *(ROOT / "book").glob("*.ipynb"),
        *(ROOT / "book" / "exercises").rglob("*.ipynb"),
    ]
    assert len(notebooks) > 10
    for notebook in notebooks:
        name = notebook.relative_to(ROOT)
        page = pages[site / name.with_suffix(".html")]
        links = [tag["href"] for tag in page.select("a[href$='.ipynb']")]
        copies = [(site / name).parent / link for link in links]
        found = [copy for copy in copies if "_sources" in copy.parts]
        assert found, name
        assert found[0].read_bytes() == notebook.read_bytes()


def test_every_page_has_a_preview_and_an_icon(pages, site):
    for path, page in pages.items():
        if path.is_relative_to(site / "book"):
            assert page.select_one("link[rel=icon]"), path
            for name in ("title", "description", "site_name", "image:alt"):
                tag = page.select_one(f"meta[property='og:{name}']")
                assert tag and tag["content"], f"{path.name}: no og:{name}"
            picture = page.select_one("meta[property='og:image']")["content"]
            data = (site / picture).read_bytes()  # from the site's root
            assert data.startswith(b"\x89PNG") and len(data) < 60_000
            assert struct.unpack(">II", data[16:24]) == (1200, 630)
    assert pages[site / "index.html"].select_one("link[rel=icon]")


def test_the_site_offers_the_zip_and_the_wheel(pages, site):
    page = pages[site / "book" / "intro.html"]
    assert page.select_one(f"a[href='../{finish_site.ZIP}']")
    (wheel,) = site.glob("*.whl")
    with (
        zipfile.ZipFile(wheel) as packed,
        zipfile.ZipFile(site / finish_site.ZIP) as archive,
    ):
        names = packed.namelist()
        assert {"pooling/__init__.py", "pooling/playground.js"} < set(names)
        for name in names:
            if name.startswith("pooling/"):
                ours = archive.read(f"pooling-book/book/{name}")
                assert packed.read(name) == ours


def test_readme_names_what_ci_runs():
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    (make \w+) ", readme, re.M)
    assert commands == ["make book", "make test"]
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in ci if line.startswith("make ")] == commands
    workflow = (ROOT / ".github" / "workflows" / "book.yml").read_text()
    assert re.findall(r"- run: (make .*)", workflow) == commands


def test_readme_without_make_is_what_make_does():
    recipe = (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin")
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    (\.venv/bin/.*?)(?:  +#.*)?$", readme, re.M)
    assert len(commands) == 9
    for command in commands:
        if "pip install" not in command:
            assert command in recipe, command
