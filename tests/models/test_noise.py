"""Noise of a wrong shape, dtype or kind is refused, by forward and by reconstruct."""

import numpy as np
import pytest

from npvae.models import MODELS
from npvae.models.small import small


@pytest.mark.parametrize("kind", ["vae", "conditional_vae", "two_layer_vae", "linear_vae"])
def test_reconstruct_takes_one_draw_of_noise_per_input_and_refuses_another(build, kind):
    model, x, _ = build(kind)
    rng = np.random.default_rng(0)
    eps = rng.standard_normal((len(x), model.latent_dim))
    mu, logvar = model.encode(x)
    np.testing.assert_allclose(model.reconstruct(x, eps), model.decode_beside(mu + np.exp(logvar / 2) * eps, x))
    for wrong in (eps[:, :1], eps[:1], eps[np.newaxis], eps.astype(np.float32), eps.tolist()):
        with pytest.raises(ValueError, match="eps") as caught:
            model.reconstruct(x, wrong)
        assert "(K, N, L)" not in str(caught.value)


@pytest.mark.parametrize("corruption", ["masking", "gaussian"])
@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda eps: eps.astype(np.float32), r"float32 of shape \(4, 6\)"),
        (lambda eps: eps[:1], r"float64 of shape \(1, 6\)"),
        (lambda eps: eps.tolist(), "a list"),
    ],
)
def test_noise_of_a_denoising_autoencoder_is_refused_unless_it_is_like_x(corruption, wrong, found):
    model, x, eps = small("denoising_autoencoder", np.random.default_rng(0), corruption=corruption)
    with pytest.raises(ValueError, match=rf"eps is {found}, expected float64 of shape \(4, 6\), that of x"):
        model.forward(x, wrong(eps))


@pytest.mark.parametrize(
    "kind", [kind for kind, model in MODELS.items() if model.has_posterior and model.takes != "graph"]
)
@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda eps: eps[:1], "eps has shape"),
        (lambda eps: eps.astype(np.float32), "eps is float32, the model computes in float64"),
        (lambda eps: eps.tolist(), "eps is a list"),
        (lambda eps: np.stack([eps, eps]), "eps has shape"),
    ],
    ids=["one row", "dtype", "list", "several draws"],
)
def test_reconstruct_refuses_noise_of_any_other_kind(kind, wrong, found):
    model, x, _ = small(kind, np.random.default_rng(0))
    with pytest.raises(ValueError, match=found):
        model.reconstruct(x, wrong(np.ones((len(x), model.latent_dim))))
    if "list" in found:
        with pytest.raises(ValueError, match=found):
            model.forward(x, wrong(np.ones((len(x), model.latent_dim))))
