"""A broken line: marked in the ledger, judged by four checks, compared with its twin, and undone to the last bit."""

import json

import pytest

from npvae.study.contents import contents
from npvae.study.page import page_of

DATA = contents()
CHECKS = ("differences", "twice", "kl", "sums")
TEXTS = {line["id"]: line["text"] for line in DATA["lines"]}
WITHOUT = """(line, tag) => {
    const copy = line.cloneNode(true);
    for (const each of copy.querySelectorAll(tag)) each.remove();
    return copy.textContent;
}"""
PARAMETERS = "Object.values(study.ui.run.params).map((array) => [...array])"


def test_each_break_is_marked_and_judged_as_its_table_says_and_undone_to_the_last_bit(opened, train, verdicts):
    with opened() as page:
        train(page, 3)
        right = page.evaluate(PARAMETERS)
        for each in DATA["breaks"]:
            page.locator(f"#breaks input[value={each['id']}]").check()
            train(page, 3)
            assert verdicts(page) == {check: each["verdicts"][check] for check in CHECKS}, each["id"]
            marked = page.locator(".line:has(.changed)").evaluate_all("all => all.map((line) => line.dataset.line)")
            assert set(marked) == {edit["line"] for edit in each["edits"]}
            for edit in each["edits"]:
                line = page.locator(f"#line-{edit['line']} .equation")
                assert line.evaluate(WITHOUT, "ins").endswith(f" = {TEXTS[edit['line']]}")
                assert line.evaluate(WITHOUT, "del").endswith(f" = {edit['text']}")
                assert line.locator("del, ins").count() > 0
                assert line.evaluate(
                    "e => !e.querySelector('del') || getComputedStyle(e.querySelector('del')).textDecorationLine"
                ) in (True, "line-through")
            assert page.locator("[data-curve=twin]").is_visible()
            assert page.evaluate("study.ui.twin.history.length") == 3
            assert f"break={each['id']}" in page.evaluate("study.ui.link()")
            assert page.locator(f"label:has([value={each['id']}]) + #break-story").inner_text()
        page.locator("#breaks input[value='']").check()
        train(page, 3)
        assert page.evaluate(PARAMETERS) == right
        assert page.locator("[data-curve=twin]").is_hidden()


def test_the_table_of_all_breaks_shows_that_no_check_sees_all_and_none_escapes(opened):
    with opened() as page:
        page.get_by_text("Which check sees which mistake?").click()
        rows = page.locator(".all-breaks tbody tr").all()
        seen = [[text == "✗sees it" for text in row.locator("td").all_text_contents()] for row in rows]
        assert len(seen) == 13
        assert all(any(row) for row in seen)
        assert not any(all(column) for column in zip(*seen, strict=True))


def test_a_half_deleted_on_an_op_page_shows_as_a_red_check(opened, tmp_path, verdicts):
    data = json.loads(json.dumps(DATA))
    line = next(each for each in data["lines"] if each["id"] == "dlogvar_z")
    broken = next(each for each in data["breaks"] if each["id"] == "std-half-backward")["edits"][0]
    line["text"], line["tree"] = broken["text"], broken["tree"]
    data["breaks"] = [each for each in data["breaks"] if all(edit["line"] != "dlogvar_z" for edit in each["edits"])]
    file = tmp_path / "broken.html"
    file.write_text(page_of(data), encoding="utf-8")
    with opened(file=file) as page:
        assert page.locator("#line-dlogvar_z .equation").text_content() == "dlogvar_z[n, l] = dstd[n, l] * std[n, l]"
        assert verdicts(page)["differences"] == "differs"
        assert "dlogvar_z" in page.locator("[data-check=differences]").inner_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dz[n, l] * eps[n, l]", "Right: all four checks agree."),
        ("dz[n, l]", "Not yet: by differences, dstd is not the slope"),
        ("dz[n] * eps[n, l]", "“dz” has 2 indices, here 1."),
        ("fetch(1)", "“fetch” is not a function of the language"),
        ("<img src=x onerror=alert(1)>", "Expected a number or a name"),
    ],
)
def test_a_typed_line_is_judged_and_never_executed(opened, text, says):
    with opened() as page:
        page.locator("#turn-line").select_option("dstd")
        page.evaluate("study.ui.refresh()")
        assert "covered" in page.locator("#line-dstd .equation").inner_text()
        assert "eps" not in page.locator("#line-dstd").inner_text()
        page.locator("#turn-text").fill(text)
        page.get_by_role("button", name="Judge it").click()
        page.evaluate("study.ui.refresh()")
        assert page.locator("#turn-says").inner_text().startswith(says)
        page.get_by_role("button", name="Uncover").click()
        page.evaluate("study.ui.refresh()")
        assert page.locator("#line-dstd .equation").text_content() == "dstd[n, l] = dz[n, l] * eps[n, l]"
