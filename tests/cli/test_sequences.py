"""The command line with lines of text: every command on a run of sequences, and what is refused."""

import json

import numpy as np
import pytest

import npvae
from npvae.cli import main

NAMES = ["ann", "bo", "cy", "dee", "ed", "flo", "gus", "hal", "ida", "jo", "kay", "lou", "mia", "ned", "oz"] * 2
SMALL = ["--hidden-dim", "5", "--embedding-dim", "3", "--dataset", "names.txt", "--quiet"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NPVAE_DATA", raising=False)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")


@pytest.fixture
def run():
    """The folder of a VAE of two latents, trained for an epoch."""
    options = ["--model", "sequence_vae", "--latent", "2", "--word-dropout", "0.2", "--epochs", "1", "--no-figures"]
    assert main(["train", *SMALL, *options, "--out", "r"]) == 0
    return "r"


def test_every_command_on_a_run_of_sequences(run, capsys, tmp_path):
    config = json.loads((tmp_path / run / "config.json").read_text())
    assert config["model_settings"]["alphabet"] == "".join(sorted(set("".join(NAMES))))
    assert (config["model_settings"]["latent_dim"], config["model_settings"]["max_length"]) == (2, 3)
    assert main(["train", "--resume", run, "--epochs", "2", "--quiet"]) == 0
    assert sorted(p.name for p in (tmp_path / run / "figures").iterdir()) == ["learning_curves.png", "lines.png"]
    assert main(["sample", run, "-n", "7", "--temperature", "0.8", "--max-length", "5"]) == 0
    assert len((tmp_path / run / "samples.txt").read_text().splitlines()) == 7
    assert main(["sample", run, "--greedy", "-n", "2", "--out", "g.txt"]) == 0
    assert main(["reconstruct", run, "-n", "2"]) == 0
    pairs = (tmp_path / run / "reconstructions.txt").read_text().splitlines()
    assert [pair.count("\t") for pair in pairs] == [1, 1]
    assert main(["encode", run, "--part", "all"]) == 0
    codes = np.load(tmp_path / run / "codes.npz")
    assert codes["mu"].shape == codes["logvar"].shape == (30, 2)
    np.testing.assert_array_equal(codes["rows"], np.arange(30))
    assert main(["encode", run, "--out", "test.npz"]) == 0
    rows = np.load("test.npz")["rows"]  # the held-out lines, and where they stand in the file
    np.testing.assert_allclose(np.load("test.npz")["mu"], codes["mu"][rows], rtol=1e-5, atol=1e-6)
    assert main(["evaluate", run, "--samples", "5", "--json", "e.json"]) == 0
    names = [measure["name"].strip() for measure in json.loads((tmp_path / "e.json").read_text())["measures"]]
    assert names[:2] == ["-ELBO", "-ELBO per letter"]
    assert {"-log p(x)", "-log p(x) per letter", "active units"} <= set(names)
    assert f"sequences of {tmp_path / 'names.txt'}, test" in capsys.readouterr().out


def test_a_language_model_is_the_baseline(capsys):
    assert main(["train", *SMALL, "--model", "language_model", "--epochs", "1", "--out", "lm"]) == 0
    assert main(["sample", "lm", "-n", "3"]) == 0
    assert main(["evaluate", "lm"]) == 0
    assert "exact" in capsys.readouterr().out
    assert main(["encode", "lm"]) == 2
    assert "a language model has no code" in capsys.readouterr().err
    assert isinstance(npvae.load("lm"), npvae.LanguageModel)


def test_letters_that_the_run_does_not_know_are_told(run, capsys, tmp_path):
    (tmp_path / "other.txt").write_text("ann\nzoë\n")
    for command in ("encode", "reconstruct", "evaluate"):
        assert main([command, run, "--dataset", "other.txt"]) == 2
        assert "other.txt: line 2 holds 'ë', which is not in the alphabet" in capsys.readouterr().err
    (tmp_path / "long.txt").write_text("annanna\n")
    assert main(["encode", run, "--dataset", "long.txt"]) == 2
    assert "a line has 7 letters, the model reads at most 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--greedy", "--temperature", "2"], "--temperature has no effect with --greedy"),
        (["--temperature", "0"], "temperature is 0.0, expected a number above 0"),
        (["--max-length", "0"], "max_length is 0, expected a whole number"),
        (["--out", "s.png"], "--out s.png ends in '.png', expected .txt"),
    ],
)
def test_bad_options_of_sample(run, options, message, capsys):
    assert main(["sample", run, *options]) == 2
    assert message in capsys.readouterr().err


def test_options_of_letters_are_refused_for_images(capsys):
    assert (
        main(
            ["train", "--epochs", "1", "--batch-size", "500", "--hidden", "4", "--out", "v", "--quiet", "--no-figures"]
        )
        == 0
    )
    for option in (["--greedy"], ["--temperature", "2"], ["--max-length", "3"]):
        assert main(["sample", "v", *option]) == 2
        assert f"{option[0]} is for models of sequences" in capsys.readouterr().err
