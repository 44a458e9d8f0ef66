"""`npvae audit-loss` as a user meets it."""

import json

import pytest

from npvae.cli import main

SIZES = ["-D", "784", "-L", "20", "-N", "128"]


def test_a_mean_squared_error_with_a_small_weight(capsys):
    options = "--likelihood squared_error --no-half --pixels mean --kl-weight 0.00025 --loss 0.031"
    assert main(["audit-loss", *options.split(), *SIZES]) == 0
    out = capsys.readouterr().out
    assert "the ELBO (beta = 1) of a Gaussian with variance 0.098" in out
    assert "-ELBO = loss * 4000 - 190.085" in out
    assert "a printed loss of 0.031 is -66.085" in out
    assert "likelihood='gaussian_fixed', logvar=-2.32279" in out


def test_json_carries_the_same(capsys):
    assert main(["audit-loss", "--pixels", "mean", "--loss", "0.2", "--json", *SIZES]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["beta"] == pytest.approx(784)
    assert data["nats"] == pytest.approx(156.8)


def test_every_option_reaches_the_library(capsys):
    options = "--likelihood gaussian_fixed --variance 0.25 --latents mean --batch sum --kl-batch mean"
    options += " --kl-weight 3 --reconstruction-weight 2 --json"
    assert main(["audit-loss", *options.split(), *SIZES]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["beta"] == pytest.approx(3 / 20 / 128 / 2)
    assert data["variance"] == pytest.approx(0.25 * data["beta"])


def test_what_a_user_can_mend_is_one_message(capsys):
    assert main(["audit-loss", *SIZES, "--kl-weight", "-1"]) == 2
    assert "npvae: error: kl_weight is -1.0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit-loss", "--pixels", "median", *SIZES])
    assert "invalid choice: 'median'" in capsys.readouterr().err
