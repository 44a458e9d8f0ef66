"""The site in a browser: no page fetches anything, none scrolls sideways, in both themes and widths; search finds.

`NPVAE_SITE` names a site that is built already, as in `.ci/run`; otherwise it is built here.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from making import links
from making.sources import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PAGES = ("index", "tour", "glossary", "guides/gradients", "ops/index", "ops/gaussian_kl", "ops/leaky_relu",
         "lessons/index", "lessons/reparameterisation", "reference/gradcheck", "benchmarks/speed", "study",
         "ko/index", "ko/tour", "ko/lessons/one_digit", "ko/study")  # fmt: skip
pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site."""
    if found := os.environ.get("NPVAE_SITE"):
        return Path(found)
    for module in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: it is in the extra docs")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "docs" / "build.py", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def browser():
    """A browser that is installed here."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("NPVAE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("there is no Chromium or Chrome on the path")
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=found)


def test_every_link_leads_somewhere(site):
    assert links.dead(site) == []


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#c">c</a><img src="https://d/e.png">')
    assert [line.split(": ")[1] for line in links.dead(tmp_path)] == ["b.html", "#c", "https://d/e.png"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_and_fetch_nothing(site, browser, width, theme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page, outside, errors = context.new_page(), [], []
    page.on("request", lambda request: outside.append(request.url) if request.url.startswith("http") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, name
        assert page.evaluate("document.documentElement.lang") == ("ko" if name.startswith("ko/") else "en")
    assert outside == errors == []
    context.close()


def test_search_finds_an_op(site, browser):
    page = browser.new_page()
    page.goto((site / "search.html").as_uri() + "?q=reparameterize")
    page.wait_for_selector("ul.search li a")
    assert any("ops/reparameterize" in link.get_attribute("href") for link in page.query_selector_all("ul.search li a"))


@pytest.mark.parametrize(("name", "button"), [("study", "One step"), ("ko/study", "한 스텝")])
def test_the_study_page_runs_where_its_document_shows_it(site, browser, name, button):
    page = browser.new_page()
    page.goto((site / f"{name}.html").as_uri())
    frame = page.frame_locator("iframe.study")
    assert frame.locator("html").get_attribute("lang") == page.get_attribute("html", "lang")
    frame.get_by_role("button", name=button, exact=True).click()
    frame.get_by_text(re.compile(r"^(step|스텝) 1\b")).first.wait_for()
    page.close()
