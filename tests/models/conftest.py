"""Small models of every kind, away from their start (zero biases hide mistakes), with data and noise that fit."""

import numpy as np
import pytest

from npvae.models import MODELS
from npvae.models.small import small

D, N = 7, 4


def build(kind, likelihood="bernoulli", activation="silu", hidden=(6, 5), seed=0, dtype="float64", **settings):
    """(model, x, eps) ready for forward."""
    if MODELS[kind].takes != "rows":
        settings = {"dtype": dtype, **settings}
        return small(kind, np.random.default_rng(seed), n=N, spread=0.2, **settings)
    settings = {"data_dim": D, "likelihood": likelihood, "logvar": -0.3, "dtype": dtype, **settings}
    if kind != "linear_vae":
        settings |= {"hidden": hidden, "activation": activation}
    if MODELS[kind].takes == "images":
        settings |= {"image_shape": (5, 3, 1), "channels": (3,)}
        del settings["data_dim"]
    if MODELS[kind].has_posterior:
        settings = {"beta": 0.7} | settings
    return small(kind, np.random.default_rng(seed), n=N, spread=0.2, **settings)


@pytest.fixture(name="build", scope="session")
def _build():
    return build
