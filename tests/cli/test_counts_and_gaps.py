"""`npvae train` and `npvae evaluate` on counts and on tables with gaps."""

import numpy as np
import pytest

import npvae
from npvae.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(gaps=True):
    rng = np.random.default_rng(0)
    x = rng.poisson(np.exp(1 + 0.5 * rng.standard_normal((120, 9)))).astype("f4")
    if gaps:
        x[rng.random(x.shape) < 0.1] = np.nan
    np.save("table.npy", x)
    return ["--dataset", "table.npy", "--epochs", "1", "--hidden", "8", "--out", "r", "--quiet"]


def test_a_table_of_counts_with_gaps_is_trained_drawn_resumed_and_measured(capsys):
    options = ["--likelihood", "negative_binomial", "--offset", "row", "--missing", "mask"]
    assert main(["train", *table(), *options]) == 0
    vae = npvae.load("r")
    assert (vae.config["missing"], vae.config["offset"]) == ("mask", "row")
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet", "--no-figures"]) == 0
    assert main(["evaluate", "r", "--samples", "10"]) == 0
    assert "imputation error" in capsys.readouterr().out


def test_gaps_that_were_not_announced_are_an_error_that_names_the_row(capsys):
    assert main(["train", *table(), "--likelihood", "poisson"]) == 2
    assert "table.npy: row " in capsys.readouterr().err


def test_an_offset_without_counts_is_refused(capsys):
    assert main(["train", *table(gaps=False), "--likelihood", "gaussian_scalar", "--offset", "row"]) == 2
    assert "--offset has no effect with --likelihood gaussian_scalar" in capsys.readouterr().err


def test_grey_levels_of_digits_can_be_counted():
    assert main(["train", "--epochs", "1", "--likelihood", "poisson", "--hidden", "8", "--out", "r", "--quiet"]) == 0
    mean = npvae.load("r").sample(50, np.random.default_rng(0)).mean()
    assert mean > 1, "counts go up to 16, grey levels to 1"
