"""Every lesson runs, draws its picture, and what it claims is so: in quick form here, in full with `-m deep`."""

import importlib.util
from pathlib import Path

import lesson_claims
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LESSONS = (  # in reading order
    "reparameterisation",
    "one_digit",
    "two_kl_divergences",
    "autoencoder_and_vae",
    "between_codes",
    "likelihood_by_sampling",
    "elbo_identity",
    "linear_vae",
    "why_log_variance",
    "without_one_term",
    "beta",
    "which_likelihood",
    "counts_and_gaps",
    "posterior_collapse",
    "why_the_decoder_stops_listening",
    "convolution",
    "jamo_arithmetic",
    "hue_and_orientation",
    "edges_as_nearness",
    "bug_museum",
)


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, quick, folder, printed):
    numbers = load(name).main(quick, folder)
    getattr(lesson_claims, name)(numbers, quick)
    pictures = list(folder.iterdir())
    assert pictures
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 150_000
    assert len(printed.readouterr().out.splitlines()) >= 4


@pytest.mark.parametrize("name", LESSONS)
def test_the_claim_holds_in_quick_form(name, tmp_path, capsys):
    run(name, True, tmp_path / "pictures", capsys)


@pytest.mark.deep
@pytest.mark.parametrize("name", LESSONS)
def test_the_claim_holds_in_full(name, tmp_path, capsys):
    run(name, False, tmp_path / "pictures", capsys)


def test_the_readme_shows_every_lesson_in_reading_order():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    places = [text.index(f"]({name}.py)") for name in LESSONS]
    assert places == sorted(places)
    for name in LESSONS:
        assert f"](pictures/{name}.png)" in text
        assert (EXAMPLES / "pictures" / f"{name}.png").stat().st_size < 150_000
    for script in EXAMPLES.glob("*.py"):
        assert f"({script.name})" in text


def test_the_readme_has_the_table_that_the_museum_prints():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    museum = load("bug_museum")
    table = museum.as_table({name: museum.inspect(name) for name in museum.EXHIBITS})
    assert table in text


def test_every_lesson_has_its_claim_here():
    lessons = {path.stem for path in EXAMPLES.glob("*.py") if 'folder="pictures"' in path.read_text(encoding="utf-8")}
    assert lessons == set(LESSONS)
