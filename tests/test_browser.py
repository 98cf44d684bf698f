"""What a reader meets, in a real browser: Debian's chromium.

Every page, light, dark and at the width of a phone: nothing from outside,
nothing missing, nothing that keeps people out. And the playground, against
`pooling`. A machine without chromium skips all this.

Nothing here waits for a time: each step waits for what it needs, and a busy
machine may take long over it.
"""

import functools
import gzip
import http.server
import re
import shutil
import threading
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

import pooling
from pooling.draw import playground
from pooling.lessons.unpooling import avg_unpool2d
from pooling.ties import max_gradient_loops
from tests.columns import lay_out
from tests.conftest import ROOT, needs
from tests.test_one_home import LESSONS, exports
from tools import lite, pdf

PLAYGROUND = ROOT / "book" / "pooling" / "playground.js"
PATIENCE = 600_000  # milliseconds, for a step on a starved machine
PHONE = {"width": 390, "height": 844}
PAGES = [
    *re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text()),
    *("404", "genindex", "search"),
]


@pytest.fixture(scope="module")
def browser():
    """Start the one browser of these tests."""
    needs("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=pdf.CHROMIUM,
            timeout=PATIENCE,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--no-first-run"),
            ],
        )
        yield browser
        browser.close()


def visit(browser, **options):
    """Come as somebody does who was never here; return the context."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture
def page(browser):
    """Open a page."""
    context = visit(browser, color_scheme="light")
    yield context.new_page()
    context.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Keep the tests' output short."""


def serve(folder):
    """Serve a folder on a free port; return the server."""
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def home(site):
    """Serve the site; return its address."""
    server = serve(site)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def watch(page):
    """List what goes wrong on a page, and all that it loads."""
    troubles, loaded = [], []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda message: message.type in ("error", "warning")
        and troubles.append(message.text),
    )
    page.on(
        "requestfailed",
        lambda request: request.failure == "net::ERR_ABORTED"  # we went on
        or troubles.append(request.url),
    )

    def look(response):
        loaded.append(response)
        if response.status >= 400:
            troubles.append(f"{response.status} {response.url}")

    page.on("response", look)
    return troubles, loaded


# -- the playground -----------------------------------------------------------


def put(page, cell):
    """Show the output of a notebook's cell, as a notebook does."""
    page.evaluate(
        """html => {
          document.body.innerHTML = html;
          const script = document.createElement("script");
          script.text = document.querySelector("body script").text;
          document.body.append(script);
        }""",
        cell._repr_html_(),
    )


@pytest.fixture
def stage(page):
    """Open an empty page that knows the playground."""
    page.set_content("<!doctype html><title>Stage</title>")
    page.add_script_tag(path=PLAYGROUND)
    return page


POOL = """cases => {
  const { pool } = customElements.get("pool-playground");
  return cases.map(s => {
    try {
      const { OH, OW, windows, dx, up } = pool(s);
      return { OH, OW, dx, up, y: windows.map(w => w.y),
        cols: windows.map(w => w.cells.map(c => c.v)),
        at: windows.map(w => w.winner && w.winner.r * s.x[0].length
          + w.winner.c) };
    } catch (error) { return error.message; }
  });
}"""


def random_case(rng):
    """Draw the settings of a playground, some of them impossible."""
    H, W = rng.integers(1, 7, 2)
    x = rng.integers(-2, 3, (H, W)) + rng.choice([0.0, 0.5], (H, W))
    if rng.random() < 0.1:
        x[rng.integers(H), rng.integers(W)] = np.nan
    if rng.random() < 0.1:
        x[rng.integers(H), rng.integers(W)] = rng.choice([-np.inf, np.inf])
    return {
        "x": x.tolist(),
        "window": rng.integers(0 if rng.random() < 0.05 else 1, 5, 2).tolist(),
        "stride": rng.integers(0 if rng.random() < 0.05 else 1, 4, 2).tolist(),
        "padding": rng.integers(
            -1 if rng.random() < 0.05 else 0, 3, 2
        ).tolist(),
        "mode": str(rng.choice(["max", "max", "avg", "avg-image"])),
        "ceil": bool(rng.integers(2)),
        "ties": str(
            rng.choice(["first", "last", "split", "all", "overwrite"])
        ),
    }


def expected(case, dout):
    """Compute with `pooling` what the playground should."""
    x = np.array(case["x"])[None, None]
    options = (case["window"], case["stride"], case["padding"])
    ceil = {"ceil_mode": case["ceil"]}
    found = {"at": None}
    if case["mode"] == "max":
        y, indices = pooling.max_pool2d(
            x, *options, **ceil, return_indices=True
        )
        found["at"] = indices[0, 0]
        found["up"] = pooling.max_unpool2d(y, indices, x.shape)
        if case["ties"] == "first":
            found["dx"] = pooling.max_pool2d_backward(dout, indices, x.shape)
        elif not case["ceil"] and np.isfinite(x).all():
            found["dx"] = max_gradient_loops(x, dout, *options, case["ties"])
    else:
        more = ceil | {"count_include_pad": case["mode"] == "avg"}
        y = pooling.avg_pool2d(x, *options, **more)
        found["up"] = avg_unpool2d(y, x.shape, *options, **more)
        found["dx"] = pooling.avg_pool2d_backward(
            dout, x.shape, *options, **more
        )
    fill = -np.inf if case["mode"] == "max" else 0
    cells, inside, _ = lay_out(x, *options, **ceil)
    found["cols"] = np.where(inside, cells, fill).reshape(y.size, -1)
    return found | {"y": y[0, 0]}


def test_playground_computes_what_pooling_does(stage):
    rng = np.random.default_rng(7)
    cases = [random_case(rng) for _ in range(900)]
    for case in cases:  # as many gradients as there may be outputs
        case["dout"] = rng.integers(-9, 10, (12, 12)).astype(float).tolist()
    answers = stage.evaluate(POOL, cases)
    computed, gradients, refused = 0, 0, 0
    for case, answer in zip(cases, answers, strict=True):
        settings = {k: v for k, v in case.items() if k != "dout"}
        try:
            shape = pooling.max_pool2d(
                np.array(case["x"])[None, None],
                *(case["window"], case["stride"], case["padding"]),
                ceil_mode=case["ceil"],
            ).shape[2:]
        except ValueError as error:
            refused += 1
            assert answer == str(error), settings
            continue
        assert not isinstance(answer, str), (settings, answer)
        computed += 1
        dout = np.array(case["dout"])[None, None, : shape[0], : shape[1]]
        for name, value in expected(case, dout).items():
            if value is not None:
                gradients += name == "dx"
                got = np.array(answer[name], dtype=float)
                value = np.asarray(value, dtype=float)
                np.testing.assert_allclose(
                    got.reshape(value.shape), value, 1e-12, 1e-12,
                    err_msg=f"{name} of {settings}",
                )  # fmt: skip
    assert computed > 300
    assert gradients > 200
    assert refused > 50


@pytest.mark.parametrize(
    "change",
    [
        {"window": [1.5, 1]},
        {"window": ["", 1]},
        {"stride": [1, "two"]},
        {"padding": [-1, 0]},
        {"window": [1, 1], "stride": [0, 1]},
    ],
)
def test_playground_refuses_in_the_words_of_pooling(stage, change):
    case = {
        **{"x": [[1.0, 2.0], [3.0, 4.0]], "window": [2, 2], "stride": [1, 1]},
        **{"padding": [0, 0], "mode": "max", "ceil": False},
        **change,
    }
    (answer,) = stage.evaluate(POOL, [case])
    with pytest.raises((TypeError, ValueError)) as refusal:
        pooling.max_pool2d(
            np.array(case["x"])[None, None],
            *(case["window"], case["stride"], case["padding"]),
        )
    assert answer == str(refusal.value)


def test_playground_is_small():
    assert PLAYGROUND.stat().st_size < 15_200


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "avg", "ceil_mode": True, "stride": (1, 2), "show": ()},
        {"mode": "avg", "count_include_pad": False, "padding": (0, 1)},
        {"ties": "overwrite", "window": (1, 3), "show": ["columns"]},
    ],
)
def test_playground_starts_as_it_is_told(stage, options):
    x = np.arange(20.0).reshape(4, 5) - 7.5
    told = {"window": 2, "padding": 0, "mode": "max", "ties": "first"}
    told |= options
    put(stage, playground(x, **told))
    state = stage.evaluate("document.querySelector('pool-playground').s")
    mode = told["mode"]
    if not told.get("count_include_pad", True):
        mode = "avg-image"
    assert state["x"] == x.tolist()
    assert state["mode"] == mode
    assert state["ties"] == told["ties"]
    assert bool(state["ceil"]) == told.get("ceil_mode", False)
    for name in ("window", "stride", "padding"):
        value = told.get(name, told["window"])
        assert state[name] == list(np.broadcast_to(value, 2))
    shown = stage.locator("details[open]")
    assert shown.count() == len(told.get("show", ()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ties": "both"}, "ties must be 'first'"),
        ({"mode": "mean"}, "mode must be 'max' or 'avg', got 'mean'"),
        ({"padding": ((0, 1), (0, 0))}, "padding must be"),
        ({"window": 0}, "window must be"),
    ],
)
def test_playground_refuses_what_it_cannot_show(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        playground(np.eye(3), **options)


def cell(page, table, row, column):
    """Find a cell of the playground's tables."""
    return page.locator(f"#{table} tr:nth-child({row + 1}) td").nth(column)


def numbers(page, table):
    """Read a table of the playground."""
    return page.evaluate(
        """table => [...document.querySelector("pool-playground").shadowRoot
          .querySelectorAll(`#${table} tr`)].map(row => [...row.cells].map(
            cell => cell.querySelector("input")?.value ?? cell.textContent))
        """,
        table,
    )


def point(page, place):
    """Move the mouse onto a cell, as a hand does: in steps."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    page.mouse.move(box["x"] - 9, box["y"] - 9)
    page.mouse.move(box["x"] + 9, box["y"] + 9, steps=3)


def marked(page, table, how):
    """List the cells of a table that are marked as window, winner or tied."""
    return page.evaluate(
        """([table, how]) => [...document.querySelector("pool-playground")
          .shadowRoot.querySelectorAll(`#${table} td`)].flatMap((cell, n) =>
            cell.classList.contains(how) ? [n] : [])""",
        [table, how],
    )


@pytest.fixture
def toy(stage):
    """Put the worked problem on the stage, as a notebook cell would."""
    x = [[2, 8, 3], [8, 1, 5], [4, 5, 5]]
    put(stage, playground(x, 2, stride=1, show=["columns", "backward"]))
    return stage


def test_pointing_shows_window_winner_column_and_offset(toy):
    assert numbers(toy, "y") == [["8", "8"], ["8", "5"]]
    point(toy, cell(toy, "y", 1, 1))
    assert marked(toy, "x", "window") == [4, 5, 7, 8]
    assert marked(toy, "x", "winner") == [5]
    assert marked(toy, "x", "tied") == [7, 8]
    assert marked(toy, "cols", "window") == [3, 7, 11, 15]
    assert marked(toy, "cols", "winner") == [7]
    assert marked(toy, "memory", "winner") == [5]
    said = toy.get_by_role("status").inner_text()
    assert "y[1, 1] = 5 from rows 1 to 2, columns 1 to 2" in said
    assert "row 1 of column 3 of im2col, offset 1 · 3 + 2 = 5" in said
    assert "the first of 3 equal cells" in said


def test_what_later_chapters_teach_can_be_left_out(stage):
    put(stage, playground(np.arange(9).reshape(3, 3), 2, stride=1))
    assert stage.locator("details:visible").count() == 0
    said = stage.get_by_role("status").inner_text()
    assert said.endswith("The maximum is x[1, 1].")


def test_gradients_add_up_by_the_chosen_rule(toy):
    assert numbers(toy, "dx") == [list("030"), list("304"), list("000")]
    point(toy, cell(toy, "y", 0, 1))
    said = toy.get_by_role("status").inner_text()
    assert "2 of dout[0, 1] goes to x[0, 1]; dx[0, 1] = 1 + 2 = 3" in said
    toy.get_by_label("a tie goes to").select_option("split")
    assert numbers(toy, "dx")[0] == ["0", "2.5", "0"]
    cell(toy, "dout", 0, 0).locator("input").fill("10")
    assert numbers(toy, "dx")[0] == ["0", "7", "0"]
    assert numbers(toy, "up") == [list("080"), list("805"), list("000")]


def test_keys_walk_over_the_output(toy):
    cell(toy, "y", 0, 0).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):  # the last: no cell
        toy.keyboard.press(key)
    assert marked(toy, "y", "window") == [3]
    toy.get_by_role("button", name="Back").click()
    assert marked(toy, "y", "window") == [2]
    toy.keyboard.press("Enter")
    assert marked(toy, "y", "window") == [1]


def test_a_pointer_at_rest_does_not_point(toy):
    """The page may move below it, which some browsers call a move."""
    move = {"bubbles": True, "composed": True, "movementX": 0}
    cell(toy, "y", 1, 0).dispatch_event("pointermove", move)
    assert marked(toy, "y", "window") == [0]
    cell(toy, "y", 1, 0).dispatch_event("pointermove", move | {"movementX": 1})
    assert marked(toy, "y", "window") == [2]


def test_touch_chooses_too(browser, home):
    context = visit(browser, viewport=PHONE, has_touch=True)
    page = context.new_page()
    page.goto(f"{home}/book/02_im2col.html")
    cell(page, "y", 1, 0).tap()
    assert marked(page, "y", "window") == [2]
    cell(page, "cols", 0, 1).tap()
    assert marked(page, "y", "window") == [1]
    context.close()


def test_numbers_and_settings_can_be_changed(toy):
    cell(toy, "x", 1, 1).locator("input").fill("−9.5")
    assert numbers(toy, "y") == [["8", "8"], ["8", "5"]]
    cell(toy, "x", 1, 1).locator("input").fill("NaN")
    assert numbers(toy, "y") == [["NaN"] * 2] * 2
    cell(toy, "x", 1, 1).locator("input").fill("1")
    toy.get_by_label("window, columns").fill("3")
    assert numbers(toy, "y") == [["8"], ["8"]]
    toy.get_by_label("padding, columns").fill("1")
    assert numbers(toy, "x")[0] == ["−∞", "2", "8", "3", "−∞"]
    toy.get_by_label("take the").select_option("avg")
    assert numbers(toy, "y")[0][0] == "3.167"  # (2 + 8 + 8 + 1) / 6
    toy.get_by_label("input, rows").fill("4")
    assert len(numbers(toy, "x")) == 4


def test_a_refusal_is_said_and_passes(toy):
    toy.get_by_label("padding, rows").fill("2")
    alert = toy.get_by_role("alert")
    assert "axis H: padding must be smaller" in alert.inner_text()
    toy.get_by_label("padding, rows").fill("0")
    assert alert.is_hidden()
    cell(toy, "x", 0, 0).locator("input").fill("a<b")
    assert alert.inner_text() == "x[0, 0] must be a number, got 'a<b'"
    assert cell(toy, "x", 0, 0).locator("input").input_value() == "a<b"
    toy.get_by_label("window, rows").fill("1000000")
    toy.get_by_label("stride, rows").fill("9000000")
    toy.get_by_label("round").select_option("ceil")  # would be a huge window
    assert not alert.is_hidden()


def test_a_notebook_may_hold_it_twice(toy):
    toy.evaluate("document.body.innerHTML += document.body.innerHTML")
    assert toy.locator("pool-playground #y td").count() == 8


def test_it_plays_in_an_exported_notebook(page):
    html = playground(np.arange(9).reshape(3, 3), 2, 1)._repr_html_()
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    cell = nbformat.v4.new_code_cell("playground(...)", outputs=[output])
    exported, _ = HTMLExporter().from_notebook_node(
        nbformat.v4.new_notebook(cells=[cell])
    )
    page.route("https://**", lambda route: route.abort())  # its own scripts
    page.set_content(exported)
    assert numbers(page, "y") == [["4", "5"], ["7", "8"]]


# -- every page ---------------------------------------------------------------


def settle(page):
    """Wait until maths is set; open what is closed, without fading."""
    page.wait_for_load_state("load")
    page.add_style_tag(content="* { transition: none !important }")
    page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
    page.evaluate(
        """for (const root of [document, ...[...document.querySelectorAll(
          "pool-playground")].map(element => element.shadowRoot)])
            root.querySelectorAll("main details, :host > details").forEach(
              details => { details.open = true; });"""
    )


def weight(site, home, responses):
    """Sum in KB what the responses weigh, text compressed as servers do."""
    total = 0
    for response in responses:
        if response.url.startswith(home) and response.status == 200:
            path = unquote(urlsplit(response.url).path)
            body = (site / path.strip("/")).read_bytes()
            packed = path.endswith((".woff2", ".woff", ".png"))
            total += len(body if packed else gzip.compress(body, 6))
    return total / 1000


# What reaches beyond the window and stands in no box that scrolls.
CUT = """() => [...document.querySelectorAll("main *")].filter(element => {
  const beyond = e => e.getBoundingClientRect().right > innerWidth + 1;
  if (!element.getBoundingClientRect().width || !beyond(element)) return false;
  for (let e = element; e.tagName !== "MAIN"; e = e.parentElement) {
    if (e.classList.contains("bd-sidebar-secondary")) return false; // a drawer
    if (/auto|scroll/.test(getComputedStyle(e).overflowX) && !beyond(e))
      return false;
  }
  return true;
}).map(e => `cut: ${e.tagName} ${e.textContent.trim().slice(0, 40)}`).concat(
  document.documentElement.scrollWidth > innerWidth ? "page too wide" : [])"""


# Words that stand in the same chain of tags, classes and styles have the same
# colours; a page of code has thousands, so each chain is looked at once.
MARK_SAME = """() => {
  const chains = new Map([[null, ""]]), seen = new Set();
  const chain = e => {
    if (!chains.has(e)) chains.set(e, [chain(e.parentElement), e.tagName,
      e.className, e.getAttribute("style"), e.rowIndex % 2].join());
    return chains.get(e);
  };
  for (const e of document.querySelectorAll("body *")) {
    if (e.children.length || e.shadowRoot) continue;
    e.toggleAttribute("data-same", seen.has(chain(e)));
    seen.add(chain(e));
  }
}"""


def axe(page, colours):
    """Ask axe about a page: about its colours, or about all else."""
    rule = "color-contrast"
    if colours:
        where = {"exclude": [["[data-same]"]]}
        what = {"runOnly": [rule]}
    else:
        where = {"include": [["html"]]}
        what = {"rules": {rule: {"enabled": False}}}
    found = page.evaluate(
        "([where, what]) => axe.run(where, what)",
        [where, what | {"resultTypes": ["violations"], "preload": False}],
    )
    return [
        f"{violation['id']} at {[n['target'] for n in violation['nodes'][:3]]}"
        for violation in found["violations"]
    ]


def test_all_pages_are_looked_at(site):
    found = {
        path.relative_to(site).with_suffix("").as_posix()
        for path in site.rglob("*.html")
        if not {"_static", "lite"} & set(path.relative_to(site).parts)
    }
    assert found == {"index", *PAGES}  # the first only sends on


@pytest.mark.parametrize("name", PAGES)
def test_every_page_for_everyone(page, site, home, name):
    """No request leaves, nothing fails, nothing is cut, axe finds nothing."""
    troubles, loaded = watch(page)
    page.goto(f"{home}/{name}.html")
    settle(page)
    most = 850 if page.locator(".math").count() else 450
    size = weight(site, home, loaded)
    wrong = {"light": []}
    if size > most:
        wrong["light"].append(f"weighs {size:.0f} KB, {most} is the most")
    page.evaluate(Axe().axe_script)
    page.evaluate(MARK_SAME)
    wrong["light"] += axe(page, colours=True) + axe(page, colours=False)
    wrong["light"] += page.evaluate(CUT)
    page.emulate_media(color_scheme="dark")
    if name != "404":  # that has no script to follow
        page.locator("html[data-theme=dark]").wait_for()
    wrong["dark"] = axe(page, colours=True)
    page.set_viewport_size(PHONE)
    page.reload()  # the theme looks once at what scrolls
    settle(page)
    page.evaluate(Axe().axe_script)
    wrong["phone"] = axe(page, colours=False) + page.evaluate(CUT)
    wrong["all"] = troubles + [
        f"asks for {response.url}"
        for response in loaded
        if not response.url.startswith((home, "data:"))
    ]
    assert not any(wrong.values()), wrong


def test_pages_work_from_a_folder(page, site):
    troubles, loaded = watch(page)
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/book/intro.html")
    page.get_by_role("link", name="1 Windows").last.click()
    page.wait_for_url("**/01_windows.html")
    settle(page)
    assert page.locator("mjx-container").count() > 5
    assert page.locator("pool-playground #y td").count() == 4
    assert not troubles
    assert all(response.url.startswith("file:") for response in loaded)
    page.goto((site / "search.html").as_uri() + "?q=im2col")
    page.locator("#search-results li").first.wait_for()


def test_the_tab_key_reaches_everything(page, home):
    page.goto(f"{home}/book/01_windows.html")
    settle(page)
    stops = page.evaluate(
        """() => {
          const roots = [document, ...[...document.querySelectorAll("*")]
            .map(e => e.shadowRoot).filter(Boolean)];
          window.missed = new Set(roots.flatMap(root => [...
            root.querySelectorAll(
              "a[href], button, input, select, summary, [tabindex]")]
            .filter(e => e.tabIndex >= 0 && !e.disabled
              && e.checkVisibility({ visibilityProperty: true })
              && !e.closest("mjx-container"))));
          for (const root of roots)
            root.addEventListener("focusin", e => missed.delete(e.target));
          return missed.size;
        }"""
    )
    assert stops > 100
    for _ in range(stops + 150):
        page.keyboard.press("Tab")
    assert not page.evaluate("[...missed].map(e => e.outerHTML.slice(0, 99))")


def test_a_missing_page_shows_the_way_back(page, site, home):
    missing = f"{home}/book/no/such/page.html"
    body = (site / "404.html").read_text()
    page.route(missing, lambda route: route.fulfill(status=404, body=body))
    page.goto(missing)
    page.locator("a[href='/book/intro.html']").wait_for()  # found by a script
    page.get_by_role("link", name="To the first page").click()
    page.wait_for_url(f"{home}/book/intro.html")


def test_the_pdf_holds_the_whole_book(browser, site, tmp_path):
    file = tmp_path / "book.pdf"
    pdf.bind(browser, site, file)
    book = PdfReader(file)
    assert len(book.pages) > 100
    titles = re.findall(r"'/Title': '(.*?)'", str(book.outline))
    contents = (ROOT / "_toc.yml").read_text()
    for part in re.findall(r"caption: (.*)", contents):
        assert part.strip('"') in titles
    for file in re.findall(r"(?:root|file): (\S+)", contents):
        heading = (site / f"{file}.html").read_text().split("<title>")[1]
        assert heading.split(" &#8212;")[0].strip() in titles
    links = [
        link.get_object()
        for page in book.pages
        for link in page.get("/Annots", [])
    ]
    inside = [link for link in links if "/Dest" in link]
    assert len(inside) > 100
    for link in links:
        assert "file:" not in link.get("/A", {}).get("/URI", "")
    text = "".join(page.extract_text() for page in book.pages)
    assert "Unpooling: the way back up" in text
    assert "col2im" in text


# -- a walk through the book --------------------------------------------------


def test_search_finds_every_function(page, home):
    taught = {name for lesson in LESSONS for name in exports(lesson)}
    names = sorted({*pooling.__all__, *taught})
    assert len(names) > 40
    page.goto(f"{home}/search.html")
    missing = page.evaluate(
        """names => names.filter(name =>
          !Search._performSearch(...Search._parseQuery(name)).length)""",
        [*names, "no_such_name"],
    )
    assert missing == ["no_such_name"]


def theme(page):
    """Return the name of a page's theme, and how bright its ground is."""
    return page.evaluate(
        """() => [document.documentElement.dataset.theme, Math.max(
          ...getComputedStyle(document.body).backgroundColor
            .match(/\\d+/g).slice(0, 3))]"""
    )


def test_a_reader_walks_through_the_book(page, home, tmp_path):
    troubles, _ = watch(page)
    page.goto(home)
    page.wait_for_url("**/book/intro.html")
    # search
    page.keyboard.press("Control+k")
    page.keyboard.type("max_unpool2d")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=max_unpool2d")
    page.locator("#search-results li a").first.click()
    page.wait_for_url("**/book/*.html*")
    # in the dark
    page.goto(f"{home}/book/notation.html")
    assert theme(page)[0] == "light"  # what the system asks for
    for _ in range(3):
        if theme(page)[0] != "dark":
            page.get_by_role("button", name="Color mode").first.click()
    page.goto(f"{home}/book/04_unpooling.html")
    name, ground = theme(page)
    assert name == "dark" and ground < 80  # as chosen on another page
    # play
    page.locator("#y td").nth(3).click()
    assert "y[1, 1] = 9" in page.locator("#status").inner_text()
    ground = page.locator("pool-playground").evaluate(
        "e => getComputedStyle(e).backgroundColor"
    )
    assert max(map(int, re.findall(r"\d+", ground)[:3])) < 80
    # download the notebook
    page.get_by_role("button", name="Download this page").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=".ipynb").click()
    download.value.save_as(tmp_path / "04.ipynb")
    lesson = ROOT / "book" / "04_unpooling.ipynb"
    assert (tmp_path / "04.ipynb").read_bytes() == lesson.read_bytes()
    # and all of it
    page.goto(f"{home}/book/intro.html")
    with page.expect_download() as download:
        page.get_by_role("link", name="This zip").click()
    assert download.value.suggested_filename == "pooling-book.zip"
    assert not troubles


def test_the_launch_button_opens_a_kernel(browser, site, tmp_path):
    """Python starts from the site alone, and knows `pooling`.

    numpy is fetched from elsewhere, so here it only has to be asked for.
    """
    needs("npm")
    copy = tmp_path / "html"
    shutil.copytree(site, copy)
    lite.main(copy)
    server = serve(copy)
    home = f"http://127.0.0.1:{server.server_port}"
    context = visit(browser)
    outside = []
    context.on(
        "request",
        lambda request: request.url.startswith((home, "data:", "blob:"))
        or outside.append(request.url),
    )
    context.route(f"{lite.COMPILED}**", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{home}/book/exercises/02_im2col/02_im2col.html")
    page.get_by_role("link", name="Run this page in the browser").click()
    cell = page.locator(".jp-CodeCell").first
    editor, output = cell.locator(".cm-content"), cell.locator(
        ".jp-OutputArea-output"
    )  # fmt: skip

    def run(code, expected):
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.type(code)
        page.keyboard.press("Shift+Enter")
        output.filter(has_text=expected).first.wait_for()

    run("import sys; print(sys.platform, 6 * 7)", "emscripten 42")
    assert not outside
    run("import pooling", "No module named 'numpy'")
    assert any("numpy-" in url for url in outside)
    assert all(url.startswith(lite.COMPILED) for url in outside)
    context.close()
    server.shutdown()
