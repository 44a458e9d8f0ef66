"""Training in the page: it learns, it repeats itself to the last digit, and it says what beta and a mistake do."""

import pytest

from npvae.study.contents import contents
from npvae.study.page import page_of

HISTORY = "study.ui.run.history.map((each) => each.loss)"
PICTURES = "['#plane canvas', '#manifold canvas'].map((id) => document.querySelector(id).toDataURL())"


def test_the_button_trains_and_the_plane_and_the_manifold_move(opened):
    with opened() as page:
        before = page.evaluate(PICTURES)
        page.get_by_role("button", name="▶ Train").click()
        page.wait_for_function("study.ui.run.step > 20")
        page.get_by_role("button", name="Pause").click()
        page.evaluate("study.ui.refresh()")
        assert not set(before) & set(page.evaluate(PICTURES))
        step = page.evaluate("study.ui.run.step")
        assert page.locator("#readout").inner_text().startswith(f"step {step} ")


def test_after_500_steps_the_true_loss_is_below_26_and_a_half_nats(opened, train):
    with opened() as page:
        train(page, 500)
        assert page.evaluate("study.ui.truth.at(-1).step") == 500
        assert page.evaluate("study.ui.truth.at(-1).loss") < 26.5


def test_a_page_made_of_a_run_opens_on_its_weights_and_says_so(opened, tmp_path):
    data = contents()
    file = tmp_path / "run.html"
    file.write_text(page_of({**data, "trained": {**data["trained"], "run": "mine", "beta": 2.5}}), encoding="utf-8")
    with opened(file=file) as page:
        assert page.evaluate("[study.ui.run.trained, study.ui.run.beta]") == [True, 2.5]
        assert page.locator("#readout").inner_text() == "trained weights, step 0"
        assert page.get_by_role("button", name="Weights of mine").is_visible()
    with opened("#digit=3", file=file) as page:
        assert page.evaluate("study.ui.run.trained") is False


def test_rewound_it_gives_the_same_losses_digit_for_digit_and_another_seed_gives_others(opened, train):
    with opened() as page:
        train(page, 30)
        first = page.evaluate(HISTORY)
        page.get_by_role("button", name="Rewind").click()
        assert page.evaluate("study.ui.run.step") == 0
        train(page, 30)
        assert page.evaluate(HISTORY) == first
        page.get_by_label("seed").fill("2")
        page.get_by_label("seed").press("Enter")
        page.evaluate("study.ui.rewind()")
        train(page, 30)
        assert not set(page.evaluate(HISTORY)) & set(first)


def test_a_change_of_settings_replays_the_run_to_the_same_step(opened, train):
    with opened() as page:
        train(page, 20)
        page.locator("#hidden").select_option("8")
        page.wait_for_function("study.ui.run.step === 20 && study.ui.run.H === 8")
        page.locator("#hidden").select_option("16")
        page.wait_for_function("study.ui.run.step === 20 && study.ui.run.H === 16")
        assert page.evaluate("study.ui.run.params.W1[5]") == page.evaluate(
            "(() => { const run = study.createRun({}); while (run.step < 20) run.trainStep();"
            "return run.params.W1[5]; })()"
        )


def test_beta_moves_std_and_the_sentence_beside_it_is_right(opened, train):
    found = {}
    with opened() as page:
        for beta, words in ((0, "goes towards 0"), (1, "between 0 and 1"), (4, "goes towards 1")):
            page.evaluate("beta => (study.ui.rewind(), study.ui.change({beta}))", beta)
            train(page, 250)
            found[beta] = page.evaluate("study.ui.meanStd()")
            says = page.locator("#beta-says").inner_text()
            assert words in says
            assert says.endswith(f"{page.evaluate('study.ui.number(study.ui.meanStd(), 3)')}.")
    assert found[0] < 0.2 < found[1] < 0.8 < found[4]


@pytest.mark.parametrize("H", [8, 16, 32])
def test_every_size_works_and_plane_and_manifold_say_which_axes(opened, H):
    with opened(f"#H={H}") as page:
        for L in (1, 2, 3, 8):
            page.locator("#latents").select_option(str(L))
            page.evaluate("study.ui.refresh()")
            assert page.evaluate("[study.ui.run.L, study.ui.run.H]") == [L, H]
            assert page.locator("#plane-says").inner_text().startswith("z0 = ")
            assert "z0" in page.locator("#manifold-says").inner_text()
            assert page.locator("#plane select").count() == (2 if L > 2 else 0)
            assert page.locator("[data-eps]").count() == L
        page.get_by_label("Latent upwards").select_option("5")
        page.evaluate("study.ui.refresh()")
        assert "z5" in page.locator("#plane-says").inner_text()
        assert "z5" in page.locator("#manifold-says").inner_text()


def test_a_place_of_the_manifold_puts_its_z_into_the_ledger(opened, train):
    with opened() as page:
        train(page, 20)
        page.locator("#manifold-pad").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        page.evaluate("study.ui.refresh()")
        z = page.evaluate("[...study.ui.pass.array('z')]")
        said = page.locator("#manifold-pad").get_attribute("aria-valuetext").replace("−", "-")
        wanted = [float(part.split("=")[1]) for part in said.split(",")]
        assert z == pytest.approx(wanted, abs=2e-3)


def test_a_run_that_diverges_is_told_in_words_and_can_be_rewound(opened, train, verdicts, look):
    with opened("#break=kl-sign-both&lr=0.1") as page:
        train(page, 3000)
        assert page.evaluate("study.ui.run.diverged")
        assert "This run has diverged" in page.locator("#readout").inner_text()
        assert "This run has diverged" in page.locator("#break-story").inner_text()
        assert verdicts(page)["differences"] == "cannot_tell"
        assert page.locator("[data-check=differences] .verdict").inner_text() == "? cannot tell"
        look(page, "dmu[0, 0]")
        assert page.locator("#lens .slope .verdict").inner_text() == "? cannot tell"
        step = page.evaluate("study.ui.run.step")
        page.get_by_role("button", name="One step").click()
        assert page.evaluate("study.ui.run.step") == step
        page.get_by_role("button", name="Rewind").click()
        page.evaluate("study.ui.refresh()")
        assert page.locator("#readout").inner_text() == "step 0"
        assert verdicts(page)["differences"] == "agrees"


def test_while_it_trains_the_status_is_spoken_every_five_seconds_at_most(opened):
    with opened() as page:
        page.evaluate(
            "window.told = 0; new MutationObserver(() => window.told++).observe("
            "document.getElementById('spoken'), {childList: true, characterData: true, subtree: true})"
        )
        page.evaluate("window.from = performance.now(); study.ui.setTraining(true)")
        page.wait_for_function("study.ui.speed.frames > 12")
        told, seconds = page.evaluate("[window.told, (performance.now() - window.from) / 1000]")
        assert told <= 1 + seconds / 5
        assert page.evaluate("document.getElementById('spoken').getAttribute('role')") == "status"
