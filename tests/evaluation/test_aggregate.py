"""The rate taken apart: against Gaussians, where every part has a closed form, and against the rate itself."""

import numpy as np
import pytest
from scipy import stats

from npvae.evaluation import aggregate_posterior, kl_per_latent


def gaussian_codes(C, variance, side=70):
    """mu whose distribution is N(0, C) up to the quantiles of a side x side grid, and a constant logvar."""
    q = stats.norm.ppf((np.arange(side) + 0.5) / side)
    q /= q.std()
    grid = np.stack(np.meshgrid(q, q), axis=-1).reshape(-1, 2)
    mu = grid @ np.linalg.cholesky(C).T
    return mu, np.full(mu.shape, np.log(variance))


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("variance", [0.5, 0.1])
def test_a_gaussian_aggregate(correlation, variance):
    """N(0, C) codes with noise d: q(z) = N(0, C + d I), so MI, TC and the KL of a latent are logs of determinants."""
    C = np.array([[1.0, correlation], [correlation, 1.0]]) * 0.8
    mu, logvar = gaussian_codes(C, variance)
    total = C + variance * np.eye(2)
    found = aggregate_posterior(mu, logvar, np.random.default_rng(0), draws=4000)
    information = 0.5 * np.log(np.linalg.det(total) / variance**2)
    correlated = -0.5 * np.log(np.linalg.det(total) / np.diag(total).prod())
    assert abs(found.mutual_information - information) < 4 * found.mutual_information_error + 0.01
    assert abs(found.total_correlation - correlated) < 4 * found.total_correlation_error + 0.01
    np.testing.assert_allclose(found.kl_per_latent, 0.5 * (np.diag(total) - 1 - np.log(np.diag(total))), atol=0.02)
    assert 0 < found.mutual_information_error < 0.05


def test_the_parts_add_up_to_the_rate():
    rng = np.random.default_rng(1)
    mu, logvar = rng.normal(0, 1.2, (300, 4)), rng.normal(-2, 1, (300, 4))
    found = [aggregate_posterior(mu, logvar, rng, draws=3000) for _ in range(5)]
    rates = [each.mutual_information + each.total_correlation + each.kl_per_latent.sum() for each in found]
    rate = kl_per_latent(mu, logvar).sum(axis=1).mean()
    assert abs(np.mean(rates) - rate) < 5 * np.std(rates) / np.sqrt(5) + 1e-3


def test_codes_far_apart_tell_which_sample_it_is_and_no_more():
    mu = np.arange(8)[:, np.newaxis] * 100.0
    found = aggregate_posterior(mu, np.zeros((8, 1)), np.random.default_rng(0))
    assert found.mutual_information == pytest.approx(np.log(8), abs=1e-9)
    assert found.ceiling == pytest.approx(np.log(8))
    assert found.total_correlation == pytest.approx(0, abs=1e-9)


def test_equal_posteriors_say_nothing():
    rng = np.random.default_rng(0)
    found = aggregate_posterior(np.full((50, 3), 0.4), np.full((50, 3), -1.0), rng)
    assert found.mutual_information == pytest.approx(0, abs=1e-12)
    assert found.total_correlation == pytest.approx(0, abs=1e-12)


def test_a_latent_held_twice_is_a_total_correlation():
    """Two latents that say the same one of 8 things: TC = log 8, and the information is log 8 once."""
    mu = np.repeat(np.arange(8)[:, np.newaxis] * 50.0, 2, axis=1)
    found = aggregate_posterior(mu, np.zeros((8, 2)), np.random.default_rng(0))
    assert found.total_correlation == pytest.approx(np.log(8), abs=1e-9)
    assert found.mutual_information == pytest.approx(np.log(8), abs=1e-9)


def test_the_stated_errors_bound_the_scatter_and_are_near_it():
    rng = np.random.default_rng(1)
    mu, logvar = rng.standard_normal((200, 2)) @ np.array([[1, 0.9], [0, 0.4]]), np.full((200, 2), -1.0)
    runs = [aggregate_posterior(mu, logvar, rng, draws=100) for _ in range(300)]
    for name in ("mutual_information", "total_correlation"):
        scatter = np.std([getattr(run, name) for run in runs])
        assert 0.9 * scatter < np.mean([getattr(run, f"{name}_error") for run in runs]) < 2 * scatter


def test_the_result_does_not_depend_on_the_block(monkeypatch):
    mu = np.random.default_rng(0).standard_normal((90, 3))
    whole = aggregate_posterior(mu, np.zeros((90, 3)), np.random.default_rng(0), draws=200)
    monkeypatch.setattr("npvae.evaluation.aggregate._BLOCK", 90 * 7)
    in_parts = aggregate_posterior(mu, np.zeros((90, 3)), np.random.default_rng(0), draws=200)
    assert in_parts.mutual_information == pytest.approx(whole.mutual_information, rel=1e-12)
    np.testing.assert_allclose(in_parts.kl_per_latent, whole.kl_per_latent, rtol=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"mu has shape \(4, 2\), logvar \(4, 3\)"):
        aggregate_posterior(np.zeros((4, 2)), np.zeros((4, 3)), np.random.default_rng(0))
