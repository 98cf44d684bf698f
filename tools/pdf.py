"""Print the built site to one PDF: _build/pooling-book.pdf.

    python -m tools.pdf

Chromium prints each page in the order of the contents; pypdf binds them, links
them with each other and writes the table of contents.
"""

import io
import re
import shutil
import sys

from playwright.sync_api import sync_playwright
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, NameObject

from tools.finish_site import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SITE = ROOT / "_build" / "html"
PDF = ROOT / "_build" / "pooling-book.pdf"
STYLE = """
@page { size: A4; margin: 16mm; }
* { print-color-adjust: exact; }
pre, div { break-inside: auto !important; }
h1, h2, h3 { break-after: avoid; }
img, tr, blockquote, pool-playground { break-inside: avoid; }
.bd-article pre { white-space: pre-wrap; }
#jb-print-toc, details.hide, .prev-next-area, .bd-sidebar-secondary,
.bd-header-article, footer, .copybtn { display: none !important; }
"""


def pages(site):
    """List the pages of the book in order: (part or None, file)."""
    contents = (ROOT / "_toc.yml").read_text()
    part, found = None, []
    for key, value in re.findall(r"(root|caption|file): (.*)", contents):
        if key == "caption":
            part = value.strip('"')
        else:
            found.append((part, site / f"{value}.html"))
    return found


def link_inside(book, starts):
    """Turn links from page to page of the site into links within the book."""
    for page in book.pages:
        kept = ArrayObject()
        for link in page.get("/Annots", []):
            target = link.get_object().get("/A", {}).get("/URI", "")
            start = starts.get(target.partition("#")[0])
            if start is not None:
                place = ArrayObject(
                    [book.pages[start].indirect_reference, NameObject("/Fit")]
                )
                link.get_object()[NameObject("/Dest")] = place
                del link.get_object()["/A"]
            if not target.startswith("file:") or start is not None:
                kept.append(link)
        page[NameObject("/Annots")] = kept


def bind(browser, site, target):
    """Print the pages of a built site; bind them in one file."""
    book, parts, starts = PdfWriter(), {None: None}, {}
    page = browser.new_page(color_scheme="light")
    page.set_default_timeout(0)  # a busy machine takes its time
    for part, file in pages(site):
        page.goto(file.as_uri())
        page.evaluate("window.MathJax?.startup?.promise")
        page.add_style_tag(content=STYLE)
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = 1)"
        )
        printed = page.pdf(
            prefer_css_page_size=True, print_background=True, scale=0.8
        )
        first = starts[file.as_uri()] = len(book.pages)
        book.append(io.BytesIO(printed), import_outline=False)
        if part not in parts:
            parts[part] = book.add_outline_item(title=part, page_number=first)
        title = page.title().split(" — ")[0]
        book.add_outline_item(
            title=title, page_number=first, parent=parts[part]
        )
        print(f"{len(book.pages):4} pages, with {title}", flush=True)
    page.close()
    link_inside(book, starts)
    book.add_metadata({"/Title": "Pooling layers in numpy"})
    book.write(target)


def main():
    """Print the book with Debian's chromium."""
    if CHROMIUM is None:
        sys.exit("chromium is needed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        bind(browser, SITE, PDF)
        browser.close()
    print(PDF.relative_to(ROOT))


if __name__ == "__main__":
    main()
