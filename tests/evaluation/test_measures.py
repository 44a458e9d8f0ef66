"""The table of measures: each is the function's own, all that apply are there, and nothing else."""

import numpy as np
import pytest

import npvae
from npvae.data.shapes import make_shapes
from npvae.evaluation import active_units, measures
from npvae.evaluation.measures import Measure
from npvae.models import IWAE, ConditionalVAE, LinearVAE, TwoLayerVAE, with_labels

FOR_EVERY_VAE = ["-ELBO", "  distortion", "  rate", "-log p(x)"]
OF_CODES = ["active units", "I(x; z)", "total correlation", "KL of q(z_l) from the prior"]

OF_ONE_DECODER = ["continuity", "movement of the decoding"]


@pytest.fixture(scope="module")
def digits():
    train, test = npvae.load_dataset("digits")
    return train.numpy(), test.numpy()


def table(model, *data, **settings):
    return {measure.name: measure for measure in measures(model, *data, samples=50, **settings)}


def test_a_vae_is_measured_by_all(digits):
    train, test = digits
    model = npvae.VAE(64, (8,), 3, backend="numpy")
    found = table(model, test, train)
    moves = ["KL of each latent", *OF_CODES, "continuity", "movement of the decoding", "completeness"]
    assert list(found) == FOR_EVERY_VAE + moves
    assert found["-ELBO"].value == pytest.approx(found["  distortion"].value + found["  rate"].value)
    assert found["-ELBO"].note == "cross-entropy on grey values: not a likelihood"
    assert sum(found["KL of each latent"].value) == pytest.approx(found["  rate"].value)
    note = found["-log p(x)"].note.split()
    assert note[:2] == ["50", "samples,"]
    assert 7 < float(note[2]) <= 50, "effective samples of a model whose posterior is nearly the prior"
    assert found["active units"].value == active_units(model.encode(test)[0]).sum()
    assert 0 <= found["completeness"].value <= 1
    assert "completeness" not in table(model, test)


def test_the_same_seed_gives_the_same_table(digits):
    model = npvae.VAE(64, (8,), 3, backend="numpy")
    tables = [[str(measure) for measure in measures(model, *digits, samples=20, seed=seed)] for seed in (1, 1, 2)]
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize(
    ("kind", "settings", "missing"),
    [
        (IWAE, {}, []),
        (LinearVAE, {}, []),
        (TwoLayerVAE, {"hidden2": (5,), "latent_dim2": 2}, ["KL of each latent", *OF_ONE_DECODER]),
        (ConditionalVAE, {"classes": 10}, OF_ONE_DECODER),
    ],
)
def test_every_model_is_measured_by_what_applies(digits, kind, settings, missing):
    train, test = digits
    if kind is ConditionalVAE:
        train, test = (with_labels(part, np.arange(len(part)) % 10, 10) for part in digits)
    sizes = (64, 3) if kind is LinearVAE else (64, (8,), 3)
    found = table(kind(*sizes, backend="numpy", **settings), test, train)
    everything = ["KL of each latent", *OF_CODES, "continuity", "movement of the decoding", "completeness"]
    assert list(found) == FOR_EVERY_VAE + [name for name in everything if name not in missing]


def test_an_autoencoder_has_a_reconstruction_and_a_space(digits):
    model = npvae.Autoencoder(64, (8,), 3, likelihood="squared_error", backend="numpy")
    found = table(model, digits[1], digits[0])
    assert list(found) == ["reconstruction loss", "continuity", "movement of the decoding", "completeness"]
    loss, _ = model.forward(digits[1])
    assert found["reconstruction loss"].value == pytest.approx(loss, rel=1e-6)
    assert found["reconstruction loss"].note == "half the squared distance: not a likelihood"


def test_known_factors_bring_the_three_scores():
    shapes = make_shapes(400)
    found = table(npvae.VAE(256, (8,), 3, backend="numpy"), shapes.x, factors=shapes.factors, categorical=(0,))
    for name in ("mutual information gap", "SAP", "beta-VAE score"):
        assert 0 <= found[name].value < 0.6
    assert found["beta-VAE score"].note == "chance 0.20"


def test_binary_data_and_normalised_likelihoods_need_no_note(digits):
    binary = (digits[1] > 0.5).astype(np.float32)
    assert table(npvae.VAE(64, (8,), 2, backend="numpy"), binary)["-ELBO"].note == ""
    assert table(npvae.VAE(64, (8,), 2, likelihood="gaussian_scalar", backend="numpy"), digits[1])["-ELBO"].note == ""


def test_a_line_of_the_table():
    assert str(Measure("rate", 1.5, "nats", 0.25, "why")) == f"{'rate':<28}1.500 ± 0.250 nats   why"
    assert str(Measure("kl", -0.0004, "nats")) == f"{'kl':<28}0.000 nats"
    assert str(Measure("shares", [0.5, 12.0], "")) == f"{'shares':<28}0.5 12"
