"""What tests of the estimator share: points on a curved sheet, a small estimator, and two that are fitted."""

import numpy as np
import pytest

N, D, L = 40, 6, 2


def _data(seed=0, n=N, dtype=np.float64):
    """Points near a curved sheet in D dimensions, off the origin."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, L))
    x = np.tanh(z @ rng.standard_normal((L, D))) + 0.1 * rng.standard_normal((n, D)) + 3
    return x.astype(dtype)


def _small(**settings):
    from npvae.sklearn import VAE  # tests skip where scikit-learn is not installed

    return VAE(**{"latent_dim": L, "hidden": (8,), "epochs": 3, "backend": "numpy", "random_state": 0} | settings)


@pytest.fixture(scope="session")
def data():
    return _data


@pytest.fixture(scope="session")
def small():
    return _small


@pytest.fixture(scope="session")
def fitted():
    """By dtype of the data; nobody fits them again."""
    return {dtype: _small().fit(_data(dtype=dtype)) for dtype in (np.float32, np.float64)}
