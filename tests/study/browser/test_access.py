"""Keyboard alone, a screen reader's view, two languages, small windows, paper, and no request to anywhere."""

import re

import pytest

ENGLISH = re.compile(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}")
IN_ORDER = ".top, .station, .lens, .checks { position: static !important }"  # what floats covers targets by chance
IS_SEEN = """element => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const seen = (y) => element.contains(document.elementFromPoint((left + right) / 2, y));
    return seen(top + 2) && (seen(bottom - 2) || bottom - top > innerHeight / 3);
}"""
AWAY = dict.fromkeys(range(1, 10), ()) | {8: ("[data-eps='0']",), 9: ("[data-eps='0']",)}  # scrolled to the plane
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="session")
def axe():
    """The script of axe-core, which comes with axe-playwright-python."""
    package = pytest.importorskip("axe_playwright_python.base", reason="pip install npvae[browser]")
    return package.AXE_FILE_PATH.read_text(encoding="utf-8")


def everything_open(page):
    page.evaluate(
        "study.ui.foldAll(['encoder', 'reparameterisation', 'decoder', 'loss']), study.ui.coverLine('dstd'),"
        "study.ui.openLens({name: 'dz', at: [0, 1]}, {detail: 1}), study.ui.refresh()"
    )
    page.locator("details").evaluate_all("all => all.forEach((each) => (each.open = true))")
    page.locator("#draw-own").dispatch_event("click")
    page.locator("[data-check=kl]").dispatch_event("click")
    page.evaluate("study.ui.refresh()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_axe_finds_nothing_at_levels_a_and_aa(opened, axe, lang, scheme):
    with opened(f"#lang={lang}&break=no-noise&station=5", color_scheme=scheme) as page:
        everything_open(page)
        page.add_style_tag(content=IN_ORDER)
        page.evaluate(axe)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = page.evaluate("tags => axe.run({runOnly: tags})", tags)["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


def test_everything_can_be_done_with_the_keyboard_and_focus_is_seen(opened, verdicts):
    with opened() as page:
        press = page.keyboard.press

        def tab_to(selector):
            for _ in range(80):
                press("Tab")
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                    return
            raise AssertionError(f"Tab does not come to {selector}")

        tab_to("#train")
        press("Enter")
        page.wait_for_function("study.ui.run.step > 3")
        press("Enter")
        assert page.evaluate("study.ui.training") is False
        tab_to("#digit [aria-label='Next digit']")
        press("Enter")
        assert page.evaluate("study.ui.state.digit") == 8
        tab_to("[data-eps='0']")
        press("ArrowRight")
        tab_to("#ledger-table .value")
        for _ in range(60):
            if page.evaluate("document.activeElement.dataset.name") == "dz":
                break
            press("ArrowDown")
        press("ArrowRight")
        press("Enter")
        assert page.locator("#lens .lens-head strong").inner_text().startswith("dz[0, 1]")
        tab_to("#lens .terms .entry")
        press("Enter")
        assert page.locator("#lens .lens-head strong").inner_text().startswith("da2[0, ")
        press("Backspace")
        assert page.locator("#lens .lens-head strong").inner_text().startswith("dz[0, 1]")
        tab_to("#breaks input")
        press("ArrowDown")
        page.wait_for_function("!study.ui.busy() && study.ui.found.twice.verdict === 'differs'")
        page.evaluate("study.ui.refresh()")
        assert verdicts(page)["twice"] == "differs"
        press("Shift+Tab")
        page.locator("#language").focus()
        press("Enter")
        assert page.evaluate("document.documentElement.lang") == "ko"
        press("?")
        assert page.get_by_role("dialog").is_visible()
        page.get_by_role("checkbox").press("Space")
        press("Escape")
        before = page.evaluate("study.ui.run.step")
        page.locator("#ledger").focus()
        press("s")
        assert page.evaluate("study.ui.run.step") == before, "single keys were switched off"


def test_a_digit_can_be_drawn_with_keys(opened):
    with opened() as page:
        page.locator("#draw-own").click()
        page.locator("[data-pixel='0']").focus()
        for key in ("ArrowRight", "ArrowDown", "Space", "Space"):
            page.keyboard.press(key)
        page.evaluate("study.ui.refresh()")
        assert page.evaluate("[study.ui.pass.value('x', [0, 9]), study.ui.pass.value('x', [0, 0])]") == [1, 0]
        assert page.locator("[data-pixel='9']").get_attribute("aria-label") == "row 1, column 1: 100 %"


def test_each_line_reads_its_name_shape_and_values(opened):
    with opened() as page:
        page.get_by_role("button", name="Open all").click()
        page.evaluate("study.ui.refresh()")
        table = page.get_by_role("table", name="Ledger")
        assert table.get_by_role("rowheader", name="std", exact=True).count() == 1
        said = page.evaluate("study.ui.number(study.ui.pass.value('dlogvar', [0, 1]))")
        assert table.get_by_role("button", name=f"dlogvar, row 0, latent 1: {said}", exact=True).count() == 1
        strip = table.get_by_role("slider", name="dW1 (64 × 16)")
        assert strip.get_attribute("aria-valuetext").startswith("dW1, pixel 0, hidden unit 0: ")


def test_in_korean_no_english_sentence_is_left_and_the_state_stays(opened, train):
    with opened("#digit=11&lens=dstd[0, 1]") as page:
        train(page, 5)
        number = page.locator("#lens .lens-head strong").inner_text()
        page.get_by_role("button", name="한국어").click()
        page.evaluate("study.ui.refresh()")
        assert page.locator("#lens .lens-head strong").inner_text() == number
        assert page.evaluate("[study.ui.state.digit, study.ui.run.step]") == [11, 5]
        everything_open(page)
        page.evaluate("study.ui.openHelp()")
        texts = page.evaluate(
            "[...document.querySelectorAll('body *')].filter((e) => !e.closest('script, .equation, .code, .pieces'))"
            ".flatMap((e) => [e.getAttribute('aria-label'), e.title, e.getAttribute('aria-valuetext'),"
            "...[...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data)]).filter(Boolean)"
        )
        korean = re.compile("[가-힣]")
        assert [text for text in texts if ENGLISH.search(text) and not korean.search(text)] == []


def test_a_korean_browser_opens_it_in_korean(opened):
    with opened(locale="ko-KR") as page:
        assert page.evaluate("document.documentElement.lang") == "ko"


def test_a_link_opens_the_same_view_in_another_window(opened, train):
    with opened("#lang=ko&digit=30&break=kl-half-both&n=4&lens=dmu[2, 1]&eps=1.5,-0.25") as page:
        train(page, 12)
        link = page.evaluate("study.ui.link()")
        numbers = page.locator("#ledger-table .value.number").all_inner_texts()
    with opened(link) as page:
        page.wait_for_function("study.ui.run.step === 12")
        page.evaluate("study.ui.refresh()")
        assert page.locator("#ledger-table .value.number").all_inner_texts() == numbers
        assert page.evaluate("study.ui.link()") == link


def test_a_wrong_address_is_told_and_nothing_of_it_runs(opened):
    with opened("#digit=7&break=<img src=x onerror=alert(1)>&foo=1") as page:
        assert "cannot be" in page.locator("#address-says").inner_text()
        assert page.locator("img").count() == 0


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("width", [1280, 640, 390])
def test_no_window_scrolls_to_the_side(opened, width, lang):
    with opened(f"#lang={lang}&n=4&L=8&station=3&break=bias-mean", width=width) as page:
        everything_open(page)
        assert page.evaluate(WIDTH) <= width


def test_it_prints_on_three_pages_at_most(opened):
    with opened("#digit=11&n=4&break=bias-mean&lang=ko") as page:
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf())) <= 3
        assert page.locator(".source").get_attribute("data-address") == f"study.html{page.evaluate('study.ui.link()')}"
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        heights = page.locator("#ledger-table .equation").evaluate_all("all => all.map((e) => e.offsetHeight)")
        assert len(heights) == 37
        assert min(heights) > 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("#ledger-table .folded").count() > 0


def test_the_path_goes_through_nine_stations(opened):
    with opened() as page:
        page.get_by_role("button", name="Begin", exact=True).click()
        for station in range(1, 10):
            page.evaluate("study.ui.refresh()")
            assert page.locator(".station summary").inner_text().startswith(f"{station}. ")
            page.get_by_role("button", name="Show me").click()
            if station == 8:
                page.evaluate("study.ui.setTraining(false)")
            page.evaluate("study.ui.refresh()")
            pointed = page.locator(".pointed")
            assert pointed.count() == 1
            assert pointed.evaluate(IS_SEEN), f"at station {station} something covers what it points at"
            for control in ("#beta", "#one-line", "#train", "#checks", "[data-eps='0']", "#curves > canvas"):
                assert page.locator(control).evaluate(IS_SEEN) or control in AWAY[station], (station, control)
            page.locator(".station [data-focus=next]").click()
        page.evaluate("study.ui.refresh()")
        assert page.locator(".path.going").count() == 0


def test_the_policy_refuses_every_request(opened):
    with opened(refused="violates the following Content Security Policy") as page:
        told = page.evaluate("fetch('data:text/plain,hello').then(() => 'loaded', () => 'refused')")
        assert told == "refused"
