"""Every model, objective, likelihood and schedule from the command line."""

import numpy as np
import pytest
from PIL import Image

import npvae
from npvae.cli import main
from npvae.models import LIKELIHOODS, MODELS, OBJECTIVES
from npvae.models.small import kinds_that_take

BARE = ["train", "--epochs", "1", "--batch-size", "500", "--quiet", "--no-figures", "--out", "r"]
QUICK = [*BARE, "--hidden", "8"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", [*kinds_that_take("rows"), *kinds_that_take("images")])
def test_every_model(kind):
    assert main([*(BARE if kind == "linear_vae" else QUICK), "--model", kind]) == 0
    assert type(npvae.load("r")) is MODELS[kind]
    assert main(["encode", "r"]) == 0
    assert main(["reconstruct", "r"]) == 0
    assert main(["sample", "r", "-n", "5"]) == 0


def test_colour_pictures_of_an_odd_size_go_through_every_command(tmp_path, capsys):
    (tmp_path / "tiles").mkdir()
    for k, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (14, 9, 6, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(tmp_path / "tiles" / f"{k:02}.png")
    options = ["--model", "conv_vae", "--channels", "2,3", "--hidden", "4", "--latent", "2", "--batch-size", "4"]
    assert main(["train", "--dataset", "tiles", *options, "--epochs", "1", "--quiet", "--out", "r"]) == 0
    vae = npvae.load("r")
    assert (vae.image_shape, vae.channels) == ((9, 6, 3), (2, 3))
    assert main(["train", "--resume", "r", "--epochs", "2", "--quiet"]) == 0
    assert {"learning_curves.png", "reconstructions.png"} <= {path.name for path in tmp_path.glob("r/figures/*")}
    for command in (["encode"], ["reconstruct"], ["sample", "-n", "3"], ["evaluate", "--samples", "3"]):
        assert main([command[0], "r", *command[1:]]) == 0, capsys.readouterr().err
    assert main(["train", "--dataset", "digits", *options, "--quiet", "--channels", "2,3,4,5"]) == 2
    assert "the nearest is" in capsys.readouterr().err


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(objective):
    own = {"renyi": ["--alpha", "0.2"], "free_bits": ["--free-bits", "0.1"], "capacity": ["--capacity", "3"]}
    options = ["--samples", "3", "--beta", "0.5", "--beta-schedule", "linear:2", *own.get(objective, [])]
    assert main([*QUICK, "--objective", objective, *options]) == 0
    vae = npvae.load("r")
    assert vae.config["objective"] == objective
    for option, value in zip(own.get(objective, [])[::2], own.get(objective, [])[1::2], strict=True):
        assert vae.config[option[2:].replace("-", "_")] == float(value)
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
            "autoencoder has no use for it: leave it out",
        ),
        ("--amount 0.5", "--amount is of denoising_autoencoder; vae has no use for it: leave it out"),
        ("--latent2 5", "--latent2 is of two_layer_vae; vae has no use for it"),
        (
            "--free-bits 2",
            "--free-bits has no effect with --objective elbo: add --objective free_bits, or leave it out",
        ),
        ("--alpha 2", "--alpha has no effect with --objective elbo: add --objective renyi, or leave it out"),
        ("--objective renyi --alpha 2", "--alpha has no effect on one draw per input: add --samples 2 or more"),
        ("--model iwae --capacity 2", "--capacity has no effect with --objective iwae: add --objective capacity"),
        ("--logvar 0", "--logvar has no effect with --likelihood bernoulli: add --likelihood gaussian_fixed or"),
        ("--likelihood gaussian_decoder --logvar -3", "--logvar has no effect with --likelihood gaussian_decoder"),
        ("--model linear_vae", "; linear_vae has no use for it: leave it out"),
        ("--model linear_vae --activation relu", "linear_vae has no use for it: leave it out"),
        ("--model autoencoder --beta-schedule linear:3", "--beta-schedule is of vae"),
        ("--seed -1", "argument --seed: '-1' is no seed, give a whole number of at least 0"),
        ("--seed 1.5", "argument --seed: '1.5' is no seed, give a whole number of at least 0"),
        ("--model denoising_autoencoder --corruption salt", "corruption 'salt' is unknown"),
        ("--model two_layer_vae --objective dreg", "'dreg' is not one for two layers"),
    ],
)
def test_what_does_not_go_together_is_refused(capsys, options, message):
    try:
        code = main([*QUICK, *options.split()])
    except SystemExit as exit_of_argparse:
        code = exit_of_argparse.code
    assert code == 2
    assert message in capsys.readouterr().err


VALUES = {
    "--hidden": "5",
    "--activation": "tanh",
    "--logvar": "-1",
    "--objective": "capacity",
    "--samples": "3",
    "--beta": "0.5",
    "--beta-schedule": "linear:2",
    "--alpha": "0.2",
    "--free-bits": "0.1",
    "--capacity": "3",
    "--hidden2": "7,6",
    "--latent2": "3",
    "--corruption": "gaussian",
    "--amount": "0.2",
}
WITH_WHAT = {
    "--logvar": ["--likelihood", "gaussian_fixed"],
    "--alpha": ["--objective", "renyi", "--samples", "3"],
    "--free-bits": ["--objective", "free_bits"],
    "--capacity": ["--objective", "capacity"],
}


@pytest.mark.parametrize("kind", kinds_that_take("rows"))
@pytest.mark.parametrize("option", VALUES)
def test_an_option_changes_the_losses_or_is_refused(option, kind):
    """Two trainings, with and without it. None is taken in silence and does nothing."""
    options = ["train", "--epochs", "1", "--batch-size", "500", "--quiet", "--no-figures", "--model", kind]
    options += [] if kind == "linear_vae" or option == "--hidden" else ["--hidden", "8"]
    with_what = WITH_WHAT.get(option, [])
    if main([*options, *with_what, option, VALUES[option], "--out", "with"]) == 0:
        assert main([*options, *with_what, "--out", "without"]) == 0
        losses = [npvae.load(run).history[0]["train_loss"] for run in ("with", "without")]
        assert losses[0] != losses[1]


@pytest.mark.parametrize("likelihood", ["categorical", "discretized_logistic"])
def test_grey_levels_are_not_guessed_from_floats(capsys, likelihood):
    np.save("x.npy", np.full((20, 4), 0.123, dtype=np.float32))
    assert main([*QUICK, "--dataset", "x.npy", "--likelihood", likelihood]) == 2
    message = f"--likelihood {likelihood} counts grey levels; x.npy holds float32, for instance 0.123: store the"
    assert message in capsys.readouterr().err
    np.save("x.npy", np.full((20, 4), 51 / 255, dtype=np.float32))  # which is one
    assert main([*QUICK, "--dataset", "x.npy", "--likelihood", likelihood]) == 0


def test_labels_that_count_no_classes_are_refused(capsys):
    x, labels = np.zeros((50, 4), dtype=np.uint8), np.arange(50) * 1000
    np.savez("x.npz", x=x, y=labels)
    options = [*QUICK, "--dataset", "x.npz", "--model", "conditional_vae"]
    assert main(options) == 2
    said = capsys.readouterr().err
    assert "would be 44001 classes: number them from 0 on without gaps" in said or "would be 49001 classes" in said
    np.savez("x.npz", x=x, y=np.unique(labels, return_inverse=True)[1])  # the mend that it names
    assert main(options) == 0
