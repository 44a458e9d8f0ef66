"""What is seen at first sight, the ledger line by line, and the lens on its numbers."""

import math
import random
import re

import pytest

EIGHT_CLICKS = ["da1[0, 3]", "dh1[0, 3]", "dhead[0, 0]", "dmu[0, 0]", "dmu_kl[0, 0]", "dkl[0]", "kl[0]", "loss"]
LINES = 37


def shown_text(page, selector):
    return [" ".join(text.split()) for text in page.locator(selector).all_inner_texts()]


def test_at_first_sight_there_are_a_digit_all_lines_with_numbers_a_plane_and_four_words(opened, verdicts):
    with opened() as page:
        assert page.locator("#ledger-table .line").count() == LINES
        assert page.locator("#ledger-table .line.waiting").count() == 0
        assert "–" not in shown_text(page, "#ledger-table .value.number")
        assert verdicts(page) == dict.fromkeys(("differences", "twice", "kl", "sums"), "agrees")
        assert page.get_by_role("img", name="The digit in hand: 7").is_visible()
        drawn = "id => new Set(document.querySelector(id).getContext('2d').getImageData(0, 0, 200, 200).data).size"
        assert page.evaluate(drawn, "#plane canvas") > 10
        assert page.evaluate(drawn, "#manifold canvas") > 10


def test_each_equation_stands_letter_for_letter(opened):
    with opened() as page:
        page.get_by_role("button", name="Open all").click()
        lines = page.evaluate("study.ui.shownLines.map((line) => `${study.leftOf(line)} = ${line.text}`)")
        assert sorted(page.locator("#ledger-table .equation").all_text_contents()) == sorted(lines)


@pytest.mark.parametrize("entry", ["z[0, 1]", "std[0, 0]", "dlogvar_z[0, 1]", "dlogits[0, 20]", "dmu[0, 0]", "dkl[0]"])
def test_a_calculator_gives_the_same_from_the_numbers_shown(opened, look, entry):
    with opened("#trained=1&beta=0.7") as page:
        look(page, entry)
        shown = "element => element.querySelector('.is')?.textContent ?? element.textContent"
        parts = page.locator("#lens .pieces > *").evaluate_all(f"all => all.map({shown})")
        text = "".join(part if re.search("[^−0-9.e]", part) else f"({part})" for part in parts)
        formula = text.removeprefix("= ").replace("−", "-")
        result = page.locator("#lens .lens-head strong").inner_text().partition(" = ")[2].replace("−", "-")
        found = eval(formula, {"exp": math.exp, "N": 1})  # four digits of each number are shown
        assert found == pytest.approx(float(result), rel=2e-3)


def test_eight_clicks_lead_from_a_weight_to_the_loss_and_back_the_same_way(opened):
    with opened("#lens=dW1[20, 3]") as page:
        before = []
        for entry in EIGHT_CLICKS:
            before.append(page.locator("#lens .lens-head strong").inner_text())
            link = page.locator("#lens .entry").filter(has=page.get_by_text(entry, exact=True))
            link.first.click()
            page.evaluate("study.ui.refresh()")
            assert page.locator("#lens .lens-head strong").inner_text().startswith(f"{entry} = ")
        for text in reversed(before):
            page.get_by_role("button", name="Back", exact=True).click()
            page.evaluate("study.ui.refresh()")
            assert page.locator("#lens .lens-head strong").inner_text() == text
        assert page.get_by_role("button", name="Back", exact=True).is_disabled()


def test_the_difference_quotient_agrees_within_its_bound_before_and_after_training(opened, train, look):
    def ten(page, rng):
        for _ in range(10):
            name = rng.choice(["dW1", "dh1", "dlogvar", "dstd", "dz", "dW4", "dlogits", "db2", "W3", "dmu_kl"])
            shape = page.evaluate(f"study.ui.pass.shape('{name}')")
            look(page, f"{name}[{', '.join(str(rng.randrange(size)) for size in shape)}]")
            assert page.locator("#lens .slope .verdict").inner_text() == "✓ agrees"

    with opened() as page:
        rng = random.Random(0)
        ten(page, rng)
        train(page, 60)
        ten(page, rng)


def test_of_four_digits_a_bias_gradient_is_the_sum_of_four_shown_terms(opened, look):
    with opened("#n=4") as page:
        look(page, "db3[0]")
        terms = page.evaluate("study.explain(study.ui.pass, study.readEntry('db3[0]')).sum.terms.map((t) => t.value)")
        assert page.locator("#lens .terms tbody tr").count() == len(terms) == 4
        total = page.evaluate("study.ui.pass.value('db3', [0])")
        assert abs(sum(terms) - total) <= 1e-15


def test_a_gradient_that_was_not_computed_is_a_dash_until_its_line_has_run(opened):
    with opened() as page:

        def dashes():
            return page.evaluate(
                "[...document.querySelectorAll('#ledger-table .line')].filter((line) => "
                "[...line.querySelectorAll('.value')].every((v) => /not computed$/.test("
                "v.getAttribute('aria-valuetext') ?? v.getAttribute('aria-label')))).length"
            )

        for done in range(1, LINES + 1):
            page.get_by_role("button", name="One line").click()
            assert dashes() == LINES - done
        assert page.locator("#ledger-place").inner_text().startswith("line 37 of 37")
        page.get_by_role("button", name="One line").click()
        assert dashes() == 0
        assert page.locator("#ledger-place").is_hidden()


def test_every_number_can_be_opened_and_says_where_it_comes_from(opened):
    with opened("#n=4") as page:
        names = page.evaluate("[...study.ui.shownLines.map((line) => line.id), 'W1', 'b1', 'W4', 'x', 'eps', 'beta']")
        for name in names:
            page.evaluate(
                "name => (study.ui.openLens({name, at: study.ui.pass.shape(name).map(() => 0)}, {detail: 1}),"
                "study.ui.refresh())",
                name,
            )
            head = page.locator("#lens .lens-head").inner_text()
            assert re.match(rf"{name}(\[0(, 0)?\])? = \S+\s+\w", head), head
            made_of = page.locator("#lens .pieces").count()
            assert (made_of > 0) == (page.evaluate(f"study.kindOf('{name}')") == "line")
