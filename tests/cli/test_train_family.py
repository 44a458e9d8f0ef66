"""Every model, objective, likelihood and schedule from the command line."""

import pytest

import npvae
from npvae.cli import main
from npvae.models import LIKELIHOODS, MODELS, OBJECTIVES

QUICK = ["train", "--epochs", "1", "--batch-size", "500", "--hidden", "8", "--quiet", "--no-figures", "--out", "r"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", MODELS)
def test_every_model(kind):
    assert main([*QUICK, "--model", kind]) == 0
    assert type(npvae.load("r")) is MODELS[kind]
    assert main(["encode", "r"]) == 0
    assert main(["reconstruct", "r"]) == 0
    assert main(["sample", "r", "-n", "5"]) == 0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(objective):
    options = ["--samples", "3", "--alpha", "0.2", "--free-bits", "0.1", "--capacity", "3"]
    options += ["--beta", "0.5", "--beta-schedule", "linear:2"]
    assert main([*QUICK, "--objective", objective, *options]) == 0
    vae = npvae.load("r")
    assert vae.config["objective"] == objective
    assert vae.config["samples"] == 3
    assert vae.beta == 0.5


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_learns_the_grey_levels_of_the_data(likelihood):
    assert main([*QUICK, "--likelihood", likelihood]) == 0
    vae = npvae.load("r")
    assert vae.config["likelihood"] == likelihood
    assert vae.config["levels"] == 17
    assert vae.config["logvar_floor"] == pytest.approx(-8.03, abs=0.01)  # log((1 / 16)**2 / 12)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("--model two_layer_vae --hidden2 7,6 --latent2 3", {"hidden2": [7, 6], "latent_dim2": 3}),
        ("--model denoising_autoencoder --corruption gaussian --amount 0.2", {"corruption": "gaussian", "amount": 0.2}),
        ("--model iwae", {"objective": "iwae", "samples": 5}),
    ],
)
def test_what_belongs_to_one_model_reaches_it(options, settings):
    assert main([*QUICK, *options.split()]) == 0
    assert npvae.load("r").config.items() >= settings.items()


def test_the_help_shows_no_empty_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    assert "(default: digits)" in out
    assert "(default: None)" not in out
    assert "(default: False)" not in out


def test_a_conditional_run_has_its_own_picture_and_resumes():
    options = [option for option in QUICK if option != "--no-figures"]
    assert main([*options, "--model", "conditional_vae"]) == 0
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet"]) == 0
    assert len(npvae.load("r").history) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--objective gan", "objective 'gan' is unknown"),
        ("--objective score_baseline", "samples is 1, score_baseline needs at least 2"),
        ("--beta-schedule warm", "beta_schedule is 'warm', expected constant, linear:E or cyclical:E"),
        (
            "--model autoencoder --beta 2",
            "two_layer_vae; autoencoder has no use for it: leave it out",
        ),
        ("--amount 0.5", "--amount is of denoising_autoencoder; vae has no use for it: leave it out"),
        ("--latent2 5", "--latent2 is of two_layer_vae; vae has no use for it"),
        ("--model denoising_autoencoder --corruption salt", "corruption 'salt' is unknown"),
        ("--model two_layer_vae --objective dreg", "'dreg' is not one for two layers"),
    ],
)
def test_what_does_not_go_together_is_refused(capsys, options, message):
    assert main([*QUICK, *options.split()]) == 2
    assert message in capsys.readouterr().err
