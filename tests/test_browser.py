"""What a reader meets, in a real browser: Debian's chromium.

Every page, light, dark and at the width of a phone: nothing from outside,
nothing missing, nothing that keeps people out. And the playground, against
`pooling`. A machine without chromium skips all this; CI may not.
"""

import functools
import gzip
import http.server
import os
import shutil
import threading
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

import pooling
from pooling.im2col import im2col, max_gradient_loops
from pooling.unpooling import avg_unpool2d
from tests.conftest import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PLAYGROUND = ROOT / "book" / "pooling" / "playground.js"
SETTINGS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
    },
}


@pytest.fixture(scope="module")
def browser():
    """Start the one browser of these tests."""
    if CHROMIUM is None:
        reason = "no chromium: on Debian, apt install chromium"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--no-first-run"),
            ],
        )
        yield browser
        browser.close()


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
    page.on("requestfailed", lambda request: troubles.append(request.url))

    def look(response):
        loaded.append(response)
        if response.status >= 400:
            troubles.append(f"{response.status} {response.url}")

    page.on("response", look)
    return troubles, loaded


# -- the playground -----------------------------------------------------------


@pytest.fixture
def stage(browser):
    """Open an empty page that knows the playground."""
    page = browser.new_page()
    page.set_content("<!doctype html><title>Stage</title>")
    page.add_script_tag(path=PLAYGROUND)
    yield page
    page.close()


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
        "ties": str(rng.choice(["first", "last", "split", "all"])),
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
    found["cols"] = im2col(x, *options, **ceil, fill=fill).T
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
    case = {"x": [[1.0, 2.0], [3.0, 4.0]], "window": [2, 2], "stride": [1, 1],
            "padding": [0, 0], "mode": "max", "ceil": False, **change}  # fmt: skip
    (answer,) = stage.evaluate(POOL, [case])
    with pytest.raises((TypeError, ValueError)) as refusal:
        pooling.max_pool2d(
            np.array(case["x"])[None, None],
            *(case["window"], case["stride"], case["padding"]),
        )
    assert answer == str(refusal.value)


def test_playground_is_small():
    assert PLAYGROUND.stat().st_size < 15 * 1024


# -- every page ---------------------------------------------------------------


def addresses(site):
    """List the pages of the site, as paths."""
    return [
        str(path.relative_to(site))
        for path in sorted(site.rglob("*.html"))
        if not path.is_relative_to(site / "_static")
        and not path.is_relative_to(site / "lite")
    ]


def settle(page):
    """Wait until maths is set and nothing is loading."""
    page.wait_for_load_state("networkidle")
    page.evaluate("window.MathJax?.startup?.promise")


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


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_page_for_everyone(browser, site, home, setting):
    """No request leaves, nothing fails, nothing is cut, axe finds nothing."""
    wrong, names = [], addresses(site)
    assert len(names) > 15
    for name in names:
        context = browser.new_context(**SETTINGS[setting])
        page = context.new_page()
        troubles, loaded = watch(page)
        page.goto(f"{home}/{name}")
        settle(page)
        wrong += [f"{name}: {trouble}" for trouble in troubles]
        wrong += [
            f"{name} asks for {response.url}"
            for response in loaded
            if not response.url.startswith((home, "data:"))
        ]
        most = 850 if page.locator(".math").count() else 450
        size = weight(site, home, loaded)
        if size > most:
            wrong.append(f"{name} weighs {size:.0f} KB, {most} is the most")
        over = page.evaluate(
            "document.documentElement.scrollWidth - innerWidth"
        )
        if over > 0:
            wrong.append(f"{name} is {over} pixels wider than the window")
        for violation in Axe().run(page).response["violations"]:
            places = [node["target"] for node in violation["nodes"]]
            wrong.append(f"{name}: {violation['id']} at {places[:3]}")
        context.close()
    assert not wrong, "\n".join(wrong)
