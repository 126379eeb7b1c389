"""The built site in a real browser: no errors, nothing foreign, pictures and formulas to be seen, usable by everybody.

Debian's Chromium does it, headless, driven by Playwright; axe-core looks at contrast and structure.  Skipped with a
reason where one of them is missing; `make docs-check` installs the two packages.
"""

import functools
import http.server
import re
import shutil
import threading
from pathlib import Path

import pytest
from site_build import site  # noqa: F401 (a fixture)

playwright_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: make docs-check does it"
)
axe_api = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-core is not installed: make docs-check does it"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.xdist_group("site"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine (Debian: apt install chromium)"),
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SEEN = """() => ({
    pictures: [...document.images].filter(i => !(i.complete && i.naturalWidth > 0)).map(i => i.src),
    flat: [...document.querySelectorAll('math')].filter(m => m.checkVisibility() && m.getBoundingClientRect().width < 3)
        .map(m => m.textContent),
    undescribed: [...document.images].filter(i => !i.alt).map(i => i.src),
})"""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
LEFT = "net::ERR_ABORTED"  # the next page was opened while an icon of this one was on its way
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture(scope="module")
def address(site):  # noqa: F811
    """Where the site is served."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def names(site, with_sources=False):  # noqa: F811
    """Return the pages of the site, those with the text of the package only where they are asked for."""
    found = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    return [
        name for name in found if not name.startswith("_static") and (with_sources or not name.startswith("_modules"))
    ]


def test_every_page_opens_without_errors(site, address, page):  # noqa: F811
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url) if request.failure != LEFT else None)
    page.on(
        "request", lambda request: None if request.url.startswith((address, "data:")) else wrong.append(request.url)
    )
    page.on("response", lambda answer: wrong.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    complaints = {}
    for name in names(site):
        wrong.clear()
        page.goto(f"{address}/{name}")
        found = {key: value for key, value in page.evaluate(SEEN).items() if value}
        if wrong or found:
            complaints[name] = (list(wrong), found)
    assert complaints == {}


def test_no_page_is_wider_than_a_phone(site, address, page):  # noqa: F811
    page.set_viewport_size(PHONE)
    wide = {}
    for name in names(site):
        page.goto(f"{address}/{name}")
        if (pixels := page.evaluate(TOO_WIDE)) > 0:
            wide[name] = pixels
    assert wide == {}


def test_formulas_and_pictures_are_seen(address, page):
    page.goto(f"{address}/chapters/01_gradients.html")
    formula = page.locator("math[display=block]").first
    assert formula.is_visible() and formula.bounding_box()["height"] > 20
    assert page.locator(".cell_output svg, .cell_output img").first.is_visible()


def test_navigation_on_a_phone(address, page):
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/index.html")
    link = page.locator(".sidebar-tree a", has_text="Glossary")
    assert not in_view(link)
    page.locator(".nav-overlay-icon").click()
    page.wait_for_timeout(600)  # it slides in
    assert in_view(link)
    link.click()
    page.wait_for_url("**/glossary.html")
    assert page.locator("h1").inner_text().startswith("Glossary")


def in_view(locator):
    """Whether something lies in the window, at least in part."""
    box, window = locator.bounding_box(), locator.page.viewport_size
    return box is not None and box["x"] + box["width"] > 1 and box["x"] < window["width"]


def test_navigation_by_keyboard(address, page):
    page.goto(f"{address}/index.html")
    seen = tabbed(page, until="Glossary")
    assert "Skip to content" in seen[:2] and seen[-1] == "Glossary"
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html")


def test_navigation_on_a_phone_by_keyboard(address, page):
    """The navigation opens, and what it hides while it is closed is not in the way."""
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/index.html")
    before = tabbed(page, until="__navigation")
    assert before[-1] == "__navigation"
    page.keyboard.press("Space")
    page.wait_for_timeout(600)
    assert in_view(page.locator(".sidebar-tree a", has_text="Glossary"))
    assert "Glossary" in tabbed(page, until="Glossary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html")
    assert "Glossary" not in tabbed(page, until="Glossary", most=30)  # the drawer is closed again


def tabbed(page, until, most=60):
    """Press the tabulator until something has the focus, and return the names of all that had it."""
    seen = []
    while len(seen) < most and until not in seen[-1:]:
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.id || document.activeElement.innerText.trim()"))
    return seen


def test_a_solution_opens_by_keyboard(address, page):
    page.goto(f"{address}/chapters/01_gradients.html")
    details = page.locator("details", has_text="Hide the solution").first
    summary, solution = details.locator("summary"), details.locator("pre")
    assert not solution.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    assert solution.is_visible() and "nudged" in solution.inner_text()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_contrast_and_structure(site, address, browser, colours):  # noqa: F811
    """Every page by light; in the dark the reference, whose pages are made alike, by its first ones."""
    context = browser.new_context(viewport=DESKTOP, color_scheme=colours)
    page, axe, faults = context.new_page(), axe_api.Axe(), {}
    for name in names(site):
        if colours == "dark" and re.match("reference/minigen[./]", name):
            continue
        page.goto(f"{address}/{name}")
        found = axe.run(page, options=RULES).response["violations"]
        if found:
            faults[name] = [(fault["id"], fault["nodes"][0]["html"][:150], len(fault["nodes"])) for fault in found]
    context.close()
    assert faults == {}


def test_faults_would_be_seen(browser, tmp_path):
    """Grey on grey, a picture that is not there, a page that is too wide."""
    (tmp_path / "bad.html").write_text(
        '<html lang="en"><title>x</title><main style="background:#999;color:#888;width:2000px">pale'
        '<img src="no.png"></main>'
    )
    page = browser.new_page(viewport=PHONE)
    page.goto(Path(tmp_path / "bad.html").as_uri())
    faults = {fault["id"] for fault in axe_api.Axe().run(page).response["violations"]}
    assert {"color-contrast", "image-alt"} <= faults
    assert page.evaluate(SEEN)["pictures"] and page.evaluate(TOO_WIDE) > 0
    page.close()
