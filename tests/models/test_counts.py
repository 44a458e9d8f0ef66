"""Models of counts: against quadrature, the row's own size, draws with the moments that the likelihood promises."""

import numpy as np
import pytest
from scipy import integrate, stats

from npvae.evaluation.quadrature import log_marginal
from npvae.models import VAE, LinearVAE
from npvae.models.small import small

COUNTS = ("poisson", "negative_binomial", "negative_binomial_decoder")


def test_a_linear_poisson_model_with_one_latent_has_the_likelihood_that_quadrature_says():
    """p(x) = integral of N(z; 0, 1) prod(Poisson(x_d; exp(w_d z + m_d))), by scipy alone."""
    model = LinearVAE(3, 1, likelihood="poisson", dtype="float64", backend="numpy", seed=1)
    w, m = np.array([0.7, -0.4, 0.2]), np.array([0.5, 1.0, -1.0])
    model.params["decoder.W"][...], model.params["decoder.b"][...] = w, m
    x = np.array([[0.0, 2, 1], [3, 1, 0], [7, 0, 2]])
    wanted = [
        integrate.quad(lambda z, row=row: stats.norm.pdf(z) * stats.poisson.pmf(row, np.exp(w * z + m)).prod(), -9, 9)[
            0
        ]
        for row in x
    ]
    np.testing.assert_allclose(log_marginal(model, x).log_p, np.log(wanted), rtol=1e-7)
    eps = np.random.default_rng(0).standard_normal((20_000, 3, 1))
    log_w = model.log_weights(x, eps)
    np.testing.assert_allclose(np.log(np.exp(log_w).mean(axis=0)), np.log(wanted), atol=0.05)


@pytest.mark.parametrize("likelihood", COUNTS)
def test_draws_have_the_mean_and_the_variance_of_the_likelihood(likelihood):
    rng = np.random.default_rng(0)
    model, _, _ = small("vae", rng, likelihood=likelihood, data_dim=2)
    row = np.array([[1.0, -0.5, 0.3, 1.2]])[:, : 2 * model.likelihood.outputs_per_pixel]
    output = np.repeat(row, 200_000, axis=0)
    draws = model.likelihood.sample(model.ops, output, model.params, rng)
    mu = model.likelihood.mean(model.ops, row)[0]
    variance = mu.copy()
    if likelihood != "poisson":
        r = np.exp(row[0, 2:] if likelihood.endswith("decoder") else model.params["likelihood.log_r"])
        variance = mu + mu**2 / r
    np.testing.assert_allclose(draws.mean(axis=0), mu, rtol=0.02)
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.05)


@pytest.mark.parametrize("likelihood", COUNTS)
def test_with_an_offset_rates_are_relative_to_the_mean_count_of_the_row(likelihood):
    rng = np.random.default_rng(1)
    model, x, eps = small("vae", rng, likelihood=likelihood, offset="row", missing="ignore")
    x[:, 0] += 1
    _, trace = model.forward(x, eps)
    sizes = x.mean(axis=1)
    plain = VAE(**model.config | {"offset": "none", "missing": "error"})
    plain.params.flat[:] = model.params.flat
    shifted = trace.output.copy()
    shifted[:, :6] += np.log(sizes)[:, None]
    nll, _ = plain.likelihood.forward(plain.ops, shifted, x, plain.params)
    np.testing.assert_allclose(trace.nll, nll, rtol=1e-12)
    np.testing.assert_allclose(model.encoder_view(x), np.log1p(x / sizes[:, None]))
    relative = model.decode(model.encode(x)[0])
    np.testing.assert_allclose(model.reconstruct(x), relative * sizes[:, None], rtol=1e-12)
    gap = x.copy()
    gap[:, 1] = np.nan  # the size is that of what is seen
    np.testing.assert_allclose(model.likelihood.inner.log_size(gap)[:, 0], np.log(np.delete(x, 1, axis=1).mean(axis=1)))


def test_a_row_of_zeros_has_a_size():
    model, x, eps = small("vae", np.random.default_rng(0), likelihood="poisson", offset="row")
    x[0] = 0
    loss, trace = model.forward(x, eps)
    assert np.isfinite(loss)
    assert np.isfinite(model.backward(trace).flat).all()


def test_numbers_that_are_no_counts_are_refused():
    model = VAE(3, likelihood="poisson")
    with pytest.raises(ValueError, match=r"poisson needs counts 0, 1, 2 ..., found 0.5 at \(1, 2\)"):
        model.likelihood.check(np.array([[0, 1.0, 2], [3, 0, 0.5]]))
    with pytest.raises(ValueError, match=r"poisson needs data in \[0, inf\], found \[-1, 2\]"):
        model.likelihood.check(np.array([[0, -1.0, 2]]))
