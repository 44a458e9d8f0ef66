"""The convolutional estimator: images go in, and images come out."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6", reason="scikit-learn is not installed: it is in the extra sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from npvae.sklearn import ConvVAE


@pytest.mark.parametrize("likelihood", ["gaussian_scalar", "bernoulli"])
def test_images_go_in_and_come_out(likelihood):
    rng = np.random.default_rng(0)
    bright = rng.random(60)
    x = np.zeros((60, 7, 6, 3))
    x[:, 1:4] = bright[:, None, None, None]
    vae = ConvVAE(2, channels=(3, 4), hidden=(8,), epochs=20, likelihood=likelihood, lr=0.01, random_state=0).fit(x)
    codes = vae.transform(x)
    assert codes.shape == (60, 2)
    assert vae.inverse_transform(codes).shape == x.shape
    assert vae.sample(3).shape == (3, 7, 6, 3)
    assert vae.score_samples(x).shape == (60,)
    assert vae.history_[-1]["loss"] < vae.history_[0]["loss"]
    twin = clone(vae)
    for _ in range(20):
        twin.partial_fit(x)
    np.testing.assert_array_equal(twin.model_.params.flat, vae.model_.params.flat)
    again = pickle.loads(pickle.dumps(vae))
    np.testing.assert_array_equal(again.transform(x), codes)
    assert ConvVAE(channels=(3,), epochs=1, backend="numpy").fit(x[..., 0]).sample().shape == (1, 7, 6, 1)
    with pytest.raises(ValueError, match=r"images of shape \(6, 7, 3\), expected \(7, 6, 3\)"):
        vae.transform(x.transpose(0, 2, 1, 3))
    with pytest.raises(ValueError, match=r"expected images \(N, H, W, C\)"):
        vae.fit(x.reshape(60, -1))
    with pytest.raises(NotFittedError):
        ConvVAE().transform(x)
