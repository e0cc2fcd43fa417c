"""A real Chromium for tests of pages."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium():
    """Start a browser, or skip the test loudly where there is none."""
    if CHROMIUM is None:
        pytest.skip("NOT TESTED: no Chromium is installed")
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="NOT TESTED: playwright"
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser, path, *, scheme="light", wide=True, scripts=True):
    """Open a page from its file; nothing it asks the network for is granted."""
    context = browser.new_context(
        viewport={"width": 1280 if wide else 390, "height": 900},
        color_scheme=scheme,
        java_script_enabled=scripts,
        offline=True,
    )
    page = context.new_page()
    page.asked = []
    page.said = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("dialog", lambda dialog: page.said.append(f"dialog {dialog.message}"))
    page.goto(Path(path).as_uri())
    yield page
    context.close()


def find_violations(page):
    """Return what axe-core finds wrong with a page."""
    axe = pytest.importorskip("axe_playwright_python", reason="NOT TESTED: axe-core")
    source = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    # Evaluated by the browser's own tools, which a page's policy does not forbid.
    page.evaluate(source)
    found = page.evaluate("axe.run(document)")
    assert found["passes"], "axe looked at nothing"
    return [
        (wrong["id"], [node["html"][:150] for node in wrong["nodes"][:3]])
        for wrong in found["violations"]
    ]
