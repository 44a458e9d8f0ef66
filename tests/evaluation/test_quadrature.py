"""log p(x) by a grid, the gap to the ELBO by two ways, and importance sampling against both."""

import re

import numpy as np
import pytest
from scipy import stats

import npvae
from npvae.evaluation import (
    Grid,
    elbo_by_quadrature,
    log_marginal,
    log_p_by_importance,
    log_p_on,
    posterior_gap,
    posterior_on,
    probabilistic_pca,
    set_to_ppca,
)
from npvae.models import LinearVAE


@pytest.fixture(scope="module")
def trained():
    """A VAE of two latents trained on digits, smooth so that quadrature converges fast; and 20 test digits."""
    train, test = npvae.load_dataset("digits")
    settings = {"activation": "tanh", "dtype": "float64", "seed": 1, "backend": "numpy"}
    vae = npvae.VAE(64, (32,), 2, **settings)
    npvae.train(vae, train.numpy().astype(float), epochs=25, batch_size=64, lr=3e-3, progress=False)
    return vae, test[:20].astype(float)


@pytest.mark.parametrize("q", [1, 2])
def test_the_grid_finds_the_known_log_p_of_a_linear_model(q):
    x = npvae.load_dataset("digits")[1].numpy().astype(float)[:100, 20:30]
    model, solution = LinearVAE(10, q, dtype="float64", backend="numpy"), probabilistic_pca(x, q)
    set_to_ppca(model, solution)
    truth = stats.multivariate_normal(solution.mean, solution.W.T @ solution.W + solution.s2 * np.eye(10)).logpdf(x)
    found = log_marginal(model, x)
    np.testing.assert_allclose(found.log_p, truth, atol=1e-6)
    assert found.change <= 1e-6
    np.testing.assert_allclose(posterior_gap(model, x[:5], found.grid), 0, atol=1e-6)


def test_log_p_less_the_elbo_is_the_gap_between_the_posteriors(trained):
    """The sides by different ways: forward with Gauss-Hermite noise and analytic KL, against densities on a grid."""
    vae, x = trained
    marginal = log_marginal(vae, x)
    assert marginal.change <= 1e-6, "the grid has converged"
    elbo = elbo_by_quadrature(vae, x, nodes=24)
    np.testing.assert_allclose(elbo, elbo_by_quadrature(vae, x, nodes=32), atol=1e-5)
    gap = posterior_gap(vae, x, marginal.grid)
    np.testing.assert_allclose(marginal.log_p - elbo, gap, atol=1e-3)
    assert (gap > 0).all()
    assert gap.mean() > 0.05, "a trained VAE has a gap worth measuring"
    total = posterior_on(vae, x[:3], marginal.grid).sum(axis=1) * np.exp(marginal.grid.log_cell)
    np.testing.assert_allclose(total, 1)


def test_a_grid_that_is_too_coarse_does_not_pass_for_the_truth(trained):
    vae, x = trained
    coarse = log_p_on(vae, x, Grid.make(2, 2.0))
    assert np.abs(coarse - log_marginal(vae, x).log_p).max() > 0.05
    with pytest.raises(ArithmeticError, match=r"still changes at a spacing of .*: raise most_points"):
        log_marginal(vae, x, spacing=2.0, most_points=100)


def test_three_latents_are_sent_to_importance_sampling():
    with pytest.raises(ValueError, match=re.escape("the model has 3 latents; a grid is for 1 or 2")):
        log_marginal(npvae.VAE(4, (3,), 3, backend="numpy"), np.ones((1, 4), np.float32))


def test_importance_sampling_agrees_with_the_grid_within_its_own_error(trained):
    vae, x = trained
    truth = log_marginal(vae, x).log_p
    estimate = log_p_by_importance(vae, x, np.random.default_rng(0), samples=5000, rows=3000)
    deviation = (estimate.log_p - truth) / estimate.standard_error
    assert np.abs(deviation).max() < 4
    assert (estimate.effective_samples > 10).all()
    assert (estimate.effective_samples <= 5000 * (1 + 1e-9)).all()
    assert re.match(r"-log p\(x\) = [\d.]+ ± [\d.]+ nats, median effective samples \d+", str(estimate))


def test_the_standard_error_covers_what_it_says(trained):
    """Over 200 repeats the truth lies within two standard errors about 95 % of the time (binomial bound for 1e-6)."""
    vae, x = trained
    x = x[:4]
    truth = log_marginal(vae, x).log_p
    rng = np.random.default_rng(1)
    runs = [log_p_by_importance(vae, x, rng, samples=2000) for _ in range(200)]
    inside = np.mean([np.abs(run.log_p - truth) < 2 * run.standard_error for run in runs])
    assert inside > stats.binom.ppf(1e-6, 200, 0.9) / 200
    spread = np.std([run.log_p for run in runs], axis=0)
    stated = np.mean([run.standard_error for run in runs], axis=0)
    np.testing.assert_allclose(stated, spread, rtol=0.3)


def test_the_estimate_does_not_depend_on_how_many_rows_are_decoded_at_a_time(trained):
    vae, x = trained
    a = log_p_by_importance(vae, x[:1], np.random.default_rng(3), samples=600, rows=600)
    b = log_p_by_importance(vae, x[:1], np.random.default_rng(3), samples=600, rows=7)
    assert a.log_p == pytest.approx(b.log_p, rel=1e-12)
    assert a.standard_error == pytest.approx(b.standard_error, rel=1e-9)


@pytest.mark.parametrize(("images", "samples", "rows"), [(20, 50, 200), (3, 1000, 64), (7, 5, 3), (1, 1, 1000)])
def test_no_more_rows_are_decoded_at_a_time_than_allowed_and_none_is_left_out(trained, images, samples, rows):
    vae, x = trained
    seen = []

    class Watched:
        def __getattr__(self, name):
            return getattr(vae, name)

        def log_weights(self, x, eps):
            seen.append(eps.shape[:2])
            return vae.log_weights(x, eps)

    log_p_by_importance(Watched(), x[:images], np.random.default_rng(0), samples=samples, rows=rows)
    assert max(K * n for K, n in seen) <= rows
    assert sum(K * n for K, n in seen) == images * samples
