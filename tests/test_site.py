"""The site builds without a warning, and nothing on it leads nowhere."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pages(site):
    return {
        path: BeautifulSoup(path.read_text(), "html.parser")
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


def test_every_page_of_the_contents_is_there(site):
    contents = (ROOT / "_toc.yml").read_text()
    files = re.findall(r"(?:root|file): (\S+)", contents)
    assert len(files) >= 8
    for file in files:
        assert (site / f"{file}.html").is_file(), file


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


def test_no_secret_reaches_the_site(site, pages):
    begin = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)")
    secrets = set()
    for path in (ROOT / "solutions").rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            hidden = cell.source.partition("### BEGIN HIDDEN TESTS")[2]
            rubric = cell.source.partition("### BEGIN MARK SCHEME")[2]
            secrets |= {
                line.strip()
                for line in (hidden + rubric).splitlines()
                if "assert" in line or line.startswith("- ")
            }
    assert len(secrets) > 100
    texts = {path: page.get_text() for path, page in pages.items()}
    for path in site.rglob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        texts[path] = "\n".join(cell.source for cell in cells)
        assert not begin.search(texts[path]), path
    assert len(texts) > len(pages)
    for path, text in texts.items():
        seen = [secret for secret in secrets if secret in text]
        assert not seen, f"{path}: {seen}"


def test_readme_names_what_ci_runs():
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    (make \w+) ", readme, re.M)
    assert commands == ["make book", "make test"]
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in ci if line.startswith("make ")] == commands


def test_readme_without_make_is_what_make_does():
    recipe = (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin")
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    (\.venv/bin/.*?)(?:  +#.*)?$", readme, re.M)
    assert len(commands) == 8
    for command in commands:
        if "pip install" not in command:
            assert command in recipe, command
