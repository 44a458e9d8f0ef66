"""Schedules of the KL term: known values, what they are applied to, and that training follows them."""

import numpy as np
import pytest

import npvae
from npvae.models import MODELS, VAE
from npvae.training.schedules import read_schedule, set_fraction


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("constant", {0: 1, 0.5: 1, 100: 1}),
        ("linear:4", {0: 0, 1: 0.25, 3: 0.75, 4: 1, 9: 1}),
        ("cyclical:2", {0: 0, 0.5: 0.5, 1: 1, 1.5: 1, 2: 0, 2.5: 0.5, 3.5: 1}),
    ],
)
def test_a_schedule_is_a_function_of_the_position(text, values):
    fraction_at = read_schedule(text)
    assert {epochs: fraction_at(epochs) for epochs in values} == values


@pytest.mark.parametrize(
    "text", ["", "linear", "linear:0", "linear:-1", "linear:nan", "linear:inf", "cyclic:3", "constant:2"]
)
def test_a_schedule_that_cannot_be_read_says_how_they_are_written(text):
    with pytest.raises(ValueError, match="expected constant, linear:E or cyclical:E with E > 0 epochs"):
        read_schedule(text)


def test_what_is_scheduled_is_beta_or_the_capacity():
    vae = VAE(4, (3,), 2, beta=2.0, backend="numpy")
    set_fraction(vae, 0.25)
    assert vae.beta == 0.5
    vae = VAE(4, (3,), 2, beta=2.0, objective="capacity", capacity=8.0, backend="numpy")
    set_fraction(vae, 0.25)
    assert (vae.beta, vae.capacity) == (2.0, 2.0)
    set_fraction(MODELS["autoencoder"](4, backend="numpy"), 0.25)


def test_training_follows_the_schedule_and_reports_at_the_whole(monkeypatch):
    seen = []
    forward = VAE.forward

    def watched(self, x, eps=None, ops=None):
        seen.append((len(x), self.beta))
        return forward(self, x, eps, ops)

    monkeypatch.setattr(VAE, "forward", watched)
    x = np.random.default_rng(0).random((40, 6), dtype=np.float32)
    vae = VAE(6, (5,), 2, beta=4.0, backend="numpy")
    npvae.train(vae, x, x, epochs=3, batch_size=10, beta_schedule="linear:2", progress=False)
    training = [beta for rows, beta in seen if rows == 10]
    assert training == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.0, 4.0, 4.0]
    assert {beta for rows, beta in seen if rows == 40} == {4.0}
    assert vae.beta == 4.0
