"""Small models of every kind, away from their start (zero biases hide mistakes), with data and noise that fit."""

import numpy as np
import pytest

from npvae.models import MODELS, with_labels

D, N = 7, 4


def build(kind, likelihood="bernoulli", activation="silu", hidden=(6, 5), seed=0, dtype="float64", **settings):
    """(model, x, eps) ready for forward."""
    rng = np.random.default_rng(seed)
    settings = {"logvar": -0.3, "levels": 5, "dtype": dtype, "backend": "numpy", **settings}
    if kind == "linear_vae":
        model = MODELS[kind](D, 2, likelihood, 0.7, **settings)
    elif kind in ("autoencoder", "denoising_autoencoder"):
        model = MODELS[kind](D, hidden, 2, activation, likelihood, **settings)
    else:
        extra = {"conditional_vae": {"classes": 3}, "two_layer_vae": {"hidden2": (4,), "latent_dim2": 2}}.get(kind, {})
        model = MODELS[kind](D, hidden, 2, activation, likelihood, 0.7, **extra, **settings)
    model.params.flat[:] += (0.2 * rng.standard_normal(model.params.flat.size)).astype(dtype)
    x = (rng.integers(0, 5, (N, D)) / 4).astype(dtype)
    if kind == "conditional_vae":
        x = with_labels(x, rng.integers(0, 3, N), 3)
    return model, x, model.draw_eps(N, rng)


@pytest.fixture(name="build", scope="session")
def _build():
    return build
