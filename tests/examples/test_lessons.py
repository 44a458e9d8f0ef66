"""Every lesson runs, draws its picture, and what it claims is so: in quick form here, in full with `-m deep`."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOT_LESSONS = {"vae_unrolled", "check_my_layer", "check_torch_function"}  # with tests of their own


def autoencoder_and_vae(n, quick):
    for latents in (2, 16):
        ae, vae = n["autoencoder", latents], n["vae", latents]
        assert ae["nll"] < vae["nll"] - 1
        assert ae["kl"] == 0 < vae["kl"]
        assert vae["continuity"] < 0.6 * ae["continuity"]
        assert vae["worst"] < 0.7 * ae["worst"]
    assert n["autoencoder", 16]["completeness"] < 0.2
    assert n["vae", 16]["completeness"] > (0.25 if quick else 0.6)
    assert n["real digits"] > 0.85


def between_codes(n, quick):
    assert n["test shapes"] < 0.1
    assert max(n["half-way, vae"], n["half-way, autoencoder"]) < 0.7 * n["half-way, pixels"]
    assert min(n["half-way, vae"], n["half-way, autoencoder"]) > 5 * n["test shapes"]
    assert n["prior, vae"] < 0.6 * n["prior, autoencoder"]
    assert n["encoder kept"]
    assert n["decoder difference"] > 0.5
    assert abs(n["new decoder"] - n["old decoder"]) < (3 if quick else 0.5)
    assert n["before"] > 4 * n["new decoder"]


LESSONS = {claim.__name__: claim for claim in (autoencoder_and_vae, between_codes)}


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, quick, folder, printed):
    numbers = load(name).main(quick, folder)
    LESSONS[name](numbers, quick)
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


def test_every_example_has_its_claim_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} - NOT_LESSONS == set(LESSONS)
