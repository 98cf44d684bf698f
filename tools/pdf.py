"""Print the built site to one PDF: _build/pooling-book.pdf.

    python -m tools.pdf

Chromium prints each page in the order of the contents; pypdf binds them, links
them with each other and writes the table of contents.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, NameObject

from tools.finish_site import ROOT

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


def pages():
    """List the pages of the book in order: (part or None, file)."""
    contents = (ROOT / "_toc.yml").read_text()
    part, found = None, []
    for key, value in re.findall(r"(root|caption|file): (.*)", contents):
        if key == "caption":
            part = value.strip('"')
        else:
            found.append((part, SITE / f"{value}.html"))
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


def main():
    """Print, bind, and say where it is."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is needed; on Debian: apt install chromium")
    book, parts, starts = PdfWriter(), {None: None}, {}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as tmp:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(color_scheme="light")
        for number, (part, file) in enumerate(pages(), 1):
            print(f"[{number}/{len(pages())}] {file.stem}", flush=True)
            page.goto(file.as_uri())
            page.wait_for_load_state("networkidle")
            page.evaluate("window.MathJax?.startup?.promise")
            page.add_style_tag(content=STYLE)
            page.evaluate(
                "document.querySelectorAll('details').forEach(d => d.open = 1)"
            )
            printed = Path(tmp, f"{number}.pdf")
            page.pdf(
                path=printed,
                prefer_css_page_size=True,
                print_background=True,
                scale=0.8,
            )
            first = starts[file.as_uri()] = len(book.pages)
            book.append(printed, import_outline=False)
            if part not in parts:
                parts[part] = book.add_outline_item(
                    title=part, page_number=first
                )
            title = page.title().split(" — ")[0]
            book.add_outline_item(
                title=title, page_number=first, parent=parts[part]
            )
        browser.close()
    link_inside(book, starts)
    book.add_metadata({"/Title": "Pooling layers in numpy"})
    book.write(PDF)
    print(f"{len(book.pages)} pages: {PDF}")


if __name__ == "__main__":
    main()
