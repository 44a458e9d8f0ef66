"""Truths about the likelihoods of counts that do not reuse their formulas: total mass, moments, limits, other code."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from npvae import ops


def column(value, like):
    return np.full((len(like), 1), value, like.dtype)


def poisson(rate, x):
    return ops.poisson_nll_forward(column(np.log(rate), x), x[:, None])[0]


def negative_binomial(mu, r, x):
    return ops.negative_binomial_nll_forward(column(np.log(mu), x), column(np.log(r), x), x[:, None])[0]


def binomial(logit, x, trials):
    return ops.binomial_nll_forward(column(logit, x), x[:, None], trials=trials)[0]


@given(log_rate=st.floats(-18, 8))
def test_poisson_sums_to_one_and_its_rate_is_mean_and_variance(log_rate):
    rate = np.exp(log_rate)
    x = np.arange(np.ceil(rate + 40 * np.sqrt(rate) + 60))  # beyond it lies less than 1e-40, by Chernoff's bound
    p = np.exp(-poisson(rate, x))
    assert p.sum() == pytest.approx(1, rel=1e-12)
    assert p @ x == pytest.approx(rate, rel=1e-12)
    assert p @ (x - rate) ** 2 == pytest.approx(rate, rel=1e-11)


@given(log_mu=st.floats(-18, 4), log_r=st.floats(-2, 14))
def test_negative_binomial_sums_to_one_with_variance_mu_plus_mu_squared_over_r(log_mu, log_r):
    mu, r = np.exp(log_mu), np.exp(log_r)
    q = mu / (r + mu)
    x = np.arange(20_000.0)
    p = np.exp(-negative_binomial(mu, r, x))
    ratio = q * (r + x[-1]) / (x[-1] + 1)  # of neighbours; from here on it only falls
    assert ratio < 1
    tail = p[-1] * ratio / (1 - ratio)
    assert tail * x[-1] ** 2 < 1e-9
    assert p.sum() == pytest.approx(1, rel=1e-11)
    assert p @ x == pytest.approx(mu, rel=1e-10)
    assert p @ (x - mu) ** 2 == pytest.approx(mu + mu**2 / r, rel=1e-9)


@pytest.mark.parametrize("trials", [1, 16, 255, 5000])
@given(logit=st.floats(-30, 30))
def test_binomial_sums_to_one_with_its_mean_and_variance(trials, logit):
    x, p = np.arange(trials + 1.0), 1 / (1 + np.exp(-logit))
    mass = np.exp(-binomial(logit, x, trials))
    assert mass.sum() == pytest.approx(1, rel=1e-10)
    assert mass @ x == pytest.approx(trials * p, rel=1e-10)
    assert mass @ (x - trials * p) ** 2 == pytest.approx(trials * p * (1 - p), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binomial_of_one_trial_is_bernoulli_to_the_last_digit(dtype):
    rng = np.random.default_rng(0)
    logits = (20 * rng.standard_normal((50, 30))).astype(dtype)
    x, dnll = (rng.random((50, 30)) < 0.5).astype(dtype), rng.standard_normal(50).astype(dtype)
    (nll, cache), (wanted, wanted_cache) = (
        ops.binomial_nll_forward(logits, x, trials=1),
        ops.bernoulli_nll_forward(logits, x),
    )
    np.testing.assert_array_equal(nll, wanted)
    np.testing.assert_array_equal(
        ops.binomial_nll_backward(dnll, cache), ops.bernoulli_nll_backward(dnll, wanted_cache)
    )


def test_negative_binomial_is_poisson_in_the_limit_of_large_r():
    """To first order in 1 / r the two differ by ((x - mu)**2 - x) / (2 r)."""
    x = np.arange(60.0)
    for r in (1e4, 1e6, 1e8):
        found = negative_binomial(20.0, r, x) - poisson(20.0, x)
        np.testing.assert_allclose(r * found, -((x - 20) ** 2 - x) / 2, rtol=0, atol=3e4 / r + 1e-13 * r)


def test_negative_binomial_is_a_poisson_whose_rate_is_drawn_from_a_gamma():
    for mu, r, x in ((3.0, 2.0, 4), (0.5, 0.7, 1), (40.0, 5.0, 20)):
        mixed, _ = integrate.quad(
            lambda rate, x=x, mu=mu, r=r: stats.poisson.pmf(x, rate) * stats.gamma.pdf(rate, r, scale=mu / r), 0, np.inf
        )
        assert np.exp(-negative_binomial(mu, r, np.array([float(x)]))[0]) == pytest.approx(mixed, rel=1e-7)


def test_values_are_scipys():
    x = np.arange(17.0)
    np.testing.assert_allclose(poisson(2.5, x), -stats.poisson.logpmf(x, 2.5), rtol=1e-12)
    np.testing.assert_allclose(negative_binomial(2.5, 0.7, x), -stats.nbinom.logpmf(x, 0.7, 0.7 / 3.2), rtol=1e-12)
    np.testing.assert_allclose(binomial(0.4, x, 16), -stats.binom.logpmf(x, 16, 1 / (1 + np.exp(-0.4))), rtol=1e-12)


def exact_poisson(a, x):
    return mpmath.exp(a) - x * a + mpmath.loggamma(x + 1), mpmath.exp(a) - x


def exact_negative_binomial(a, b, x):
    mu, r = mpmath.exp(a), mpmath.exp(b)
    log_c = mpmath.loggamma(r + x) - mpmath.loggamma(r) - mpmath.loggamma(x + 1)
    nll = (r + x) * mpmath.log1p(mu / r) - x * (a - b) - log_c
    slope = mpmath.log1p(mu / r) + (x - mu) / (r + mu) - mpmath.digamma(r + x) + mpmath.digamma(r)
    return nll, r * (mu - x) / (r + mu), r * slope


RATES = [1e-8, 1e-3, 1.0, 30.0, 1e8]
COUNTS = [0, 1, 2, 30, 99_990_000, 100_000_000, 100_020_000]  # whole in float32 too


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poisson_keeps_its_digits_from_tiny_to_huge_rates(dtype):
    eps = float(np.finfo(dtype).eps)
    a, x = (v.ravel()[:, None] for v in np.meshgrid(np.log(RATES).astype(dtype), np.array(COUNTS, dtype)))
    nll, cache = ops.poisson_nll_forward(a, x)
    slope = ops.poisson_nll_backward(np.ones_like(nll), cache)
    with mpmath.workdps(60):
        exact = [exact_poisson(mpmath.mpf(float(i)), mpmath.mpf(float(k))) for i, k in zip(a.flat, x.flat, strict=True)]
    wanted = np.array(exact, float)
    np.testing.assert_allclose(nll, wanted[:, 0], rtol=64 * 2.0**-52 + eps, atol=1e-9)
    np.testing.assert_allclose(slope[:, 0], wanted[:, 1], rtol=eps, atol=1e-6)  # log(1e8) alone is right to 2e-15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_negative_binomial_keeps_its_digits_from_tiny_to_huge_means_and_dispersions(dtype):
    eps = float(np.finfo(dtype).eps)
    grid = np.meshgrid(np.log(RATES).astype(dtype), np.log([1e-6, 0.1, 1.0, 50.0, 1e6]).astype(dtype), COUNTS)
    a, b, x = (v.ravel()[:, None].astype(dtype) for v in grid)
    nll, cache = ops.negative_binomial_nll_forward(a, b, x)
    slopes = ops.negative_binomial_nll_backward(np.ones_like(nll), cache)
    with mpmath.workdps(60):
        exact = [exact_negative_binomial(*(mpmath.mpf(float(v)) for v in row)) for row in np.hstack([a, b, x])]
    wanted = np.array(exact, float)
    np.testing.assert_allclose(nll, wanted[:, 0], rtol=256 * 2.0**-52 + eps, atol=1e-9)
    np.testing.assert_allclose(slopes[0][:, 0], wanted[:, 1], rtol=256 * 2.0**-52 + eps, atol=1e-6)
    np.testing.assert_allclose(slopes[1][:, 0], wanted[:, 2], rtol=256 * 2.0**-52 + eps, atol=1e-8)


def test_means_beyond_the_range_of_floats_have_finite_values():
    log_mean, log_r, x = (
        np.array([[-1e4, 1e4, -1e4, 1e4]]),
        np.array([[1.0, 1.0, 1.0, 1.0]]),
        np.array([[0, 0, 3.0, 3]]),
    )
    for dtype in (np.float32, np.float64):
        nll, cache = ops.negative_binomial_nll_forward(*(v.astype(dtype) for v in (log_mean, log_r, x)))
        assert np.isfinite(nll).all()
        assert all(np.isfinite(slope).all() for slope in ops.negative_binomial_nll_backward(np.ones_like(nll), cache))


def test_pytorch_gives_the_same_values_and_gradients():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 6, 5))
    x, dnll = rng.poisson(3, (6, 5)).astype(float), rng.standard_normal(6)
    ta, tb = (torch.tensor(v, requires_grad=True) for v in (a, b))
    D = torch.distributions
    cases = {
        "poisson": (D.Poisson(ta.exp()), (a, x), {}),
        "binomial": (D.Binomial(16, logits=ta), (a, x), {"trials": 16}),
        "negative_binomial": (D.NegativeBinomial(tb.exp(), logits=ta - tb), (a, b, x), {}),
    }
    for name, (distribution, inputs, params) in cases.items():
        wanted = -distribution.log_prob(torch.tensor(x)).sum(1)
        gradients = torch.autograd.grad(wanted @ torch.tensor(dnll), [ta, tb][: len(inputs) - 1])
        nll, cache = getattr(ops, f"{name}_nll_forward")(*inputs, **params)
        found = getattr(ops, f"{name}_nll_backward")(dnll, cache)
        np.testing.assert_allclose(nll, wanted.detach().numpy(), rtol=1e-12)
        for slope, gradient in zip(found if isinstance(found, tuple) else (found,), gradients, strict=True):
            np.testing.assert_allclose(slope, gradient.numpy(), rtol=1e-12, atol=1e-12)


def test_what_is_filled_in_has_no_gradient_and_what_is_nan_does_not_spread():
    x, missing = np.array([[1.0, np.nan], [np.nan, 4.0]]), np.array([[False, True], [True, False]])
    y, cache = ops.masked_fill_forward(x, missing, fill=-7.0)
    assert y.tolist() == [[1, -7], [-7, 4]]
    assert ops.masked_fill_backward(np.array([[2.0, np.nan], [np.inf, 3.0]]), cache).tolist() == [[2, 0], [0, 3]]
