"""The study page in a real browser: Chromium, driven by Playwright, with the network recorded and every message heard.

NPVAE_BROWSER names the browser; without it one is looked for on the path, and the tests skip where there is none. A
browser that is named is required: then nothing skips.
"""

import os
import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_collection_modifyitems(items):
    """One worker of pytest-xdist runs them all under --dist loadgroup: each browser takes a second to start."""
    for item in items:
        if "study/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("browser"))


def _missing(reason):
    if os.environ.get("NPVAE_BROWSER"):
        pytest.fail(f"NPVAE_BROWSER asks for these tests, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser(hang):
    """A browser without a window; no longer than a module, because Playwright holds the thread's event loop."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed: pip install npvae[browser]")
    path = os.environ.get("NPVAE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        _missing(f"there is no browser on the path ({', '.join(NAMES)}), and NPVAE_BROWSER names none")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, timeout=hang * 1000)
        yield started
        started.close()


@pytest.fixture(scope="session")
def study_file(tmp_path_factory):
    """The page as `npvae study` writes it."""
    from npvae.study.page import write

    return write(tmp_path_factory.mktemp("study") / "study.html")


@pytest.fixture
def opened(browser, study_file, hang):
    """Opens the page in a window of its own, with an address, a width, a language.

    Nothing moves smoothly, so that no test waits for it. At the end the page must have asked the network for nothing,
    and said nothing to the console but what is `refused`.
    """

    @contextmanager
    def window(address="", file=study_file, width=1280, height=800, locale="en-US", refused="", **settings):
        settings = {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce", **settings}
        context = browser.new_context(locale=locale, **settings)
        context.set_default_timeout(hang * 1000)
        asked, said = [], []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(file.as_uri() + address)
        page.evaluate("study.ui.refresh()")
        yield page
        assert [text for text in said if not (refused and (refused in text or "Fetch API" in text))] == []
        assert {url.partition("#")[0] for url in asked} == {file.as_uri()}
        context.close()

    return window


@pytest.fixture
def train():
    """Trains the page to this step without drawing, then draws once."""

    def run(page, step):
        page.evaluate(f"while (study.ui.run.step < {step} && !study.ui.run.diverged) study.ui.oneStep()")
        page.evaluate("study.ui.checksAreOld(), study.ui.refresh()")

    return run


@pytest.fixture
def look():
    """Opens the lens on an entry such as "dz[0, 1]", as a pointer does."""

    def run(page, entry):
        page.evaluate("text => (study.ui.openLens(study.readEntry(text), {detail: 1}), study.ui.refresh())", entry)

    return run


@pytest.fixture
def verdicts():
    """The words of the four checks: {"differences": "agrees", ...}."""

    def run(page):
        chips = page.query_selector_all("[data-check]")
        return {chip.get_attribute("data-check"): chip.get_attribute("data-verdict") for chip in chips}

    return run
