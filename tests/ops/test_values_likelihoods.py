"""Truths about the further likelihoods and bounds that do not reuse their formulas: total mass, known moments."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from npvae import ops
from npvae.ops.continuous_bernoulli_nll import SERIES


@given(logit=st.floats(-30, 30))
def test_the_continuous_bernoulli_is_a_density_with_the_stated_mean(logit):
    def density(x):
        return float(np.exp(-ops.continuous_bernoulli_nll_forward(np.array([[logit]]), np.array([[x]]))[0][0]))

    total, _ = integrate.quad(density, 0, 1)
    mean, _ = integrate.quad(lambda x: x * density(x), 0, 1)
    assert total == pytest.approx(1, abs=1e-9)
    assert float(ops.continuous_bernoulli_mean(np.array(logit))) == pytest.approx(mean, abs=1e-9)


def test_the_continuous_bernoulli_near_one_half_is_the_uniform_density_to_first_order():
    """Where the naive formula is 0 / 0: -log p = a (1/2 - x) + a**2 / 24 to third order."""
    for a in (0.0, 1e-300, 1e-12, -1e-8, 1e-5, -1e-3):
        nll, cache = ops.continuous_bernoulli_nll_forward(np.array([[a]]), np.array([[0.2]]))
        assert nll[0] == pytest.approx(a * 0.3 + a * a / 24, abs=1e-14)
        slope = ops.continuous_bernoulli_nll_backward(np.ones(1), cache)
        assert slope[0, 0] == pytest.approx(0.3 + a / 12, abs=2e-12)


def test_the_series_of_the_mean_meets_its_closed_form():
    a = np.array([0.5 - 1e-12, 0.5, -0.5 + 1e-12, -0.5])
    np.testing.assert_allclose(np.diff(ops.continuous_bernoulli_mean(a))[[0, 2]], 0, atol=1e-13)


def test_the_series_of_the_mean_has_the_coefficients_of_the_cotangent():
    """B[n] / n! for n = 2, 4, ..., with Bernoulli's numbers from their recurrence, in exact fractions."""
    B = [Fraction(1)]
    for n in range(1, 13):
        B.append(-sum(math.comb(n + 1, k) * B[k] for k in range(n)) / Fraction(n + 1))
    assert SERIES[::-1] == tuple(float(B[n] / math.factorial(n)) for n in range(2, 13, 2))


@pytest.mark.parametrize("levels", [2, 17, 256])
@given(mean=st.floats(-1, 2), log_scale=st.floats(-7, 3))
def test_the_probabilities_of_all_grey_levels_add_to_one(levels, mean, log_scale):
    x = np.linspace(0, 1, levels)[:, None]
    nll, _ = ops.discretized_logistic_nll_forward(np.full_like(x, mean), np.full_like(x, log_scale), x, levels=levels)
    assert np.exp(-nll).sum() == pytest.approx(1, rel=1e-9)


def test_a_grey_level_has_the_mass_of_scipys_logistic_between_the_half_ways():
    x = np.array([[3 / 255]])
    nll, _ = ops.discretized_logistic_nll_forward(np.array([[0.02]]), np.array([[-4.0]]), x)
    logistic = stats.logistic(0.02, np.exp(-4.0))
    assert np.exp(-nll[0]) == pytest.approx(logistic.cdf(3.5 / 255) - logistic.cdf(2.5 / 255), rel=1e-10)


def test_categorical_is_scipys_log_softmax_and_adds_to_one():
    rng = np.random.default_rng(0)
    logits, labels = 5 * rng.standard_normal((4, 3, 6)), rng.integers(0, 6, (4, 3))
    truth = -np.take_along_axis(special.log_softmax(logits, axis=2), labels[..., None], axis=2).sum(axis=(1, 2))
    np.testing.assert_allclose(ops.categorical_nll_forward(logits, labels)[0], truth)
    every = [ops.categorical_nll_forward(logits[:1, :1], np.array([[c]]))[0][0] for c in range(6)]
    assert np.exp(np.negative(every)).sum() == pytest.approx(1)


def test_categorical_keeps_its_digits_at_huge_logits():
    logits = np.array([[[1e4, 0.0, -1e4]]])
    for label, nll in ((0, 0.0), (1, 1e4), (2, 2e4)):
        assert ops.categorical_nll_forward(logits, np.array([[label]]))[0][0] == nll
    apart = np.array([[[1e4, 0.0]], [[-1e4, -2e4]]])  # each pixel has a largest logit of its own
    np.testing.assert_array_equal(ops.categorical_nll_forward(apart, np.array([[0], [1]]))[0], [0.0, 1e4])


@given(x=st.floats(-50, 20), floor=st.floats(-20, 5))
def test_a_floored_variance_is_the_sum_of_two(x, floor):
    y = float(ops.floored_logvar_forward(np.array(x), floor)[0])
    assert np.exp(y) == pytest.approx(np.exp(x) + np.exp(floor), rel=1e-12)
    assert y >= floor


def test_what_forward_repeats_backward_adds():
    x = np.arange(6.0).reshape(2, 3)
    y, cache = ops.repeat_forward(x, 4)
    assert y.shape == (4, 2, 3)
    assert all((part == x).all() for part in y)
    np.testing.assert_array_equal(ops.repeat_backward(y, cache), 4 * x)


@given(seed=st.integers(0, 2**32 - 1), K=st.integers(1, 7))
def test_bounds_are_power_means(seed, K):
    log_w = 4 * np.random.default_rng(seed).standard_normal((K, 3)) - 100
    lme = special.logsumexp(log_w, axis=0) - np.log(K)
    np.testing.assert_allclose(ops.log_mean_exp_forward(log_w)[0], lme, rtol=1e-13)
    by_alpha = [ops.renyi_bound_forward(log_w, alpha)[0] for alpha in (-30.0, -1.0, 0.0, 0.5, 1.0, 2.0, 30.0)]
    np.testing.assert_allclose(by_alpha[2], lme, rtol=1e-13)
    np.testing.assert_allclose(by_alpha[4], log_w.mean(axis=0), rtol=1e-13)
    assert (np.diff(by_alpha, axis=0) <= 1e-9).all(), "a power mean falls as alpha grows"
    assert (ops.vr_max_forward(log_w)[0] >= by_alpha[0] - 1e-9).all()
    limit = ops.renyi_bound_forward(log_w, -1e6)[0]
    np.testing.assert_allclose(ops.vr_max_forward(log_w)[0], limit, atol=1e-5)


def test_renyi_is_continuous_where_its_formula_is_not():
    log_w = np.random.default_rng(1).standard_normal((5, 3))
    at_one, _ = ops.renyi_bound_forward(log_w, 1.0)
    np.testing.assert_allclose(ops.renyi_bound_forward(log_w, 1 + 1e-7)[0], at_one, atol=1e-6)


def test_free_bits_at_the_allowance_are_free():
    """The subgradient on the page: 0 at kl = lam."""
    for lam, slope in ((0.5, 0.0), (0.5 - 1e-9, 1.0)):
        _, cache = ops.free_bits_forward(np.ones((1, 1)), np.zeros((1, 1)), lam)  # kl is 1/2
        assert ops.free_bits_backward(np.array(1.0), cache)[0] == slope


def test_free_bits_count_only_what_lies_above_the_allowance():
    rng = np.random.default_rng(2)
    mu, logvar = rng.standard_normal((2, 6, 3))
    mu[:, 0], logvar[:, 0] = 0.01, 0.0  # a latent that is hardly used
    per_latent = np.array([ops.gaussian_kl_forward(mu[:, [i]], logvar[:, [i]])[0].mean() for i in range(3)])
    assert per_latent[0] < 0.2 < per_latent[1:].min()
    assert float(ops.free_bits_forward(mu, logvar, 0.0)[0]) == pytest.approx(per_latent.sum())
    assert float(ops.free_bits_forward(mu, logvar, 0.2)[0]) == pytest.approx(0.2 + per_latent[1:].sum())
    dmu, dlogvar = ops.free_bits_backward(np.array(1.0), ops.free_bits_forward(mu, logvar, 0.2)[1])
    assert not dmu[:, 0].any()
    assert not dlogvar[:, 0].any()
    assert dmu[:, 1:].all()
