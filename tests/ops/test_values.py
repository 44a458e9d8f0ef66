"""Truths about each forward that do not reuse its formula.

A gradient check cannot see a wrong forward: `z = mu + exp(logvar) * eps` beside a KL that means variance has perfect
gradients. What stands here comes from other places: identities, known points, SciPy's densities, and quadrature through
the sampler itself.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid

from npvae import ops

reals = st.floats(-30, 30)
X = np.linspace(-30, 30, 603).reshape(3, -1)


def f(name, *args, **params):
    return getattr(ops, f"{name}_forward")(*map(np.asarray, args), **params)[0]


def hermite(nodes):
    """Nodes and weights with sum(w * g(e)) = E[g(eps)], exact for polynomials of degree 2 * nodes - 1."""
    e, w = np.polynomial.hermite_e.hermegauss(nodes)
    return e, w / np.sqrt(2 * np.pi)


# activations


def test_relu_splits_a_number_into_its_two_signs():
    np.testing.assert_array_equal(f("relu", X) - f("relu", -X), X)
    np.testing.assert_array_equal(f("relu", X) + f("relu", -X), np.abs(X))
    assert np.isnan(f("relu", np.array([np.nan])))


@pytest.mark.parametrize("alpha", [0.01, 0.3])
def test_leaky_relu_meets_relu_and_keeps_its_slope(alpha):
    y = f("leaky_relu", X, alpha=alpha)
    np.testing.assert_allclose(y, f("relu", X) - alpha * f("relu", -X), atol=1e-15)


def test_elu_is_continuous_and_tends_to_minus_alpha():
    assert f("elu", np.array([0.0]), alpha=0.3) == 0
    np.testing.assert_allclose(f("elu", np.array([-1e-9, 1e-9])), [-1e-9, 1e-9])
    np.testing.assert_allclose(f("elu", np.array([-1e4, -50.0]), alpha=0.3), -0.3)
    np.testing.assert_allclose(f("elu", np.log(np.array([0.25]))), -0.75)


@pytest.mark.parametrize(
    ("name", "params", "slope"), [("relu", {}, 0), ("leaky_relu", {}, 0.01), ("elu", {"alpha": 0.3}, 0.3)]
)
def test_the_subgradient_at_a_kink_is_the_one_on_the_page(name, params, slope):
    """Gradient checks take any slope between the two sides."""
    _, cache = getattr(ops, f"{name}_forward")(np.array([0.0, -0.0, 5e-324]), **params)
    np.testing.assert_array_equal(getattr(ops, f"{name}_backward")(np.ones(3), cache), [slope, slope, 1])


def test_sigmoid_is_a_probability_and_its_complement():
    np.testing.assert_allclose(f("sigmoid", X) + f("sigmoid", -X), 1, rtol=1e-15)
    np.testing.assert_allclose(f("sigmoid", np.log([3.0, 1.0, 1 / 3])), [0.75, 0.5, 0.25])


@given(a=reals, b=reals)
def test_tanh_adds_like_a_velocity(a, b):
    u, v, w = (float(f("tanh", np.array([t]))[0]) for t in (a, b, a + b))
    assert w * (1 + u * v) == pytest.approx(u + v, abs=1e-12)


def test_softplus_is_the_integral_of_sigmoid_and_splits_like_relu():
    np.testing.assert_allclose(f("softplus", X) - f("softplus", -X), X, atol=1e-12)
    assert f("softplus", np.array([0.0])) == pytest.approx(np.log(2))
    t = np.linspace(-40, 5, 200_001)
    assert trapezoid(f("sigmoid", t), t) == pytest.approx(float(f("softplus", np.array([5.0]))[0]), abs=1e-6)


def test_silu_splits_like_relu_and_has_its_known_minimum():
    np.testing.assert_allclose(f("silu", X) - f("silu", -X), X, atol=1e-12)
    t = np.linspace(-3, 0, 300_001)
    y = f("silu", t)
    assert t[y.argmin()] == pytest.approx(-1.278464542761074, abs=1e-5)  # -1 - W(1 / e)
    assert y.min() == pytest.approx(-0.2784645427610738)  # -W(1 / e)


# dense maps


def test_dense_is_affine_and_composes():
    rng = np.random.default_rng(0)
    x, A, B, b, c = (rng.standard_normal(s) for s in ((4, 3), (3, 5), (5, 2), 5, 2))
    np.testing.assert_array_equal(f("dense", x, np.eye(3), np.zeros(3)), x)
    np.testing.assert_array_equal(f("dense", 0 * x, A, b), np.broadcast_to(b, (4, 5)))
    twice = f("dense", f("dense", x, A, b), B, c)
    np.testing.assert_allclose(twice, f("dense", x, A @ B, b @ B + c))


@pytest.mark.parametrize("activation", ops.ACTIVATIONS)
def test_layer_is_dense_then_activation(activation):
    x = np.array([[1.0, -2.0]])
    y = f("layer", x, np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([0.5, -0.25]), activation=activation)
    np.testing.assert_array_equal(y, f(activation, np.array([[1.5, -3.25]])))


def test_a_first_layer_may_leave_dx_out():
    x, W, b = np.ones((2, 3)), np.ones((3, 4)), np.zeros(4)
    for name in ("dense", "layer"):
        y, cache = getattr(ops, f"{name}_forward")(x, W, b)
        dx, dW, db = getattr(ops, f"{name}_backward")(np.ones_like(y), cache, needs_dx=False)
        _, dW_full, db_full = getattr(ops, f"{name}_backward")(np.ones_like(y), cache)
        assert dx is None
        np.testing.assert_array_equal(dW, dW_full)
        np.testing.assert_array_equal(db, db_full)


# the latent step


@given(mu=st.floats(-5, 5), logvar=st.floats(-12, 12))
def test_samples_have_the_mean_and_variance_that_were_asked_for(mu, logvar):
    """Two-node quadrature over eps is exact for mean and variance: a std that is a variance fails here."""
    e, w = hermite(2)
    std = f("std_from_logvar", np.full((2, 1), logvar))
    z = f("reparameterize", np.full((2, 1), mu), std, e[:, None])[:, 0]
    assert w @ z == pytest.approx(mu, abs=1e-9 * np.exp(logvar / 2) + 1e-12)
    assert w @ (z - mu) ** 2 == pytest.approx(np.exp(logvar), rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
def test_sampler_and_kl_agree(seed):
    """E[log q(z) - log p(z)] over the sampler's own z by three-node quadrature, exact here, is the KL."""
    rng = np.random.default_rng(seed)
    mu, logvar = 2 * rng.standard_normal((2, 4, 3))
    std = f("std_from_logvar", logvar)
    e, w = hermite(3)
    zs = [f("reparameterize", mu, std, np.full_like(mu, node)) for node in e]
    by_latent = sum(
        weight * (stats.norm.logpdf(z, mu, np.sqrt(np.exp(logvar))) - stats.norm.logpdf(z))
        for weight, z in zip(w, zs, strict=True)
    )
    np.testing.assert_allclose(f("gaussian_kl", mu, logvar), by_latent.sum(axis=1), rtol=1e-9, atol=1e-10)


def test_kl_is_zero_at_the_prior_and_positive_elsewhere():
    rng = np.random.default_rng(0)
    assert f("gaussian_kl", np.zeros((1, 3)), np.zeros((1, 3))) == 0
    kl = f("gaussian_kl", 0.1 * rng.standard_normal((100, 2)), 0.1 * rng.standard_normal((100, 2)))
    assert (kl > 0).all()


# densities


@given(seed=st.integers(0, 2**32 - 1))
def test_gaussian_log_density_is_scipys(seed):
    z, mu, logvar = np.random.default_rng(seed).standard_normal((3, 4, 5))
    truth = stats.norm.logpdf(z, mu, np.exp(logvar / 2)).sum(axis=1)
    np.testing.assert_allclose(f("gaussian_log_density", z, mu, logvar), truth, rtol=1e-10, atol=1e-12)


def test_gaussian_densities_integrate_to_one():
    t = np.linspace(-40, 40, 20_001)[:, None]
    mean, logvar = np.full_like(t, 1.5), np.full_like(t, 2.0)
    assert trapezoid(np.exp(f("gaussian_log_density", t, mean, logvar)), t[:, 0]) == pytest.approx(1)
    assert trapezoid(np.exp(-f("gaussian_nll", mean, logvar, t)), t[:, 0]) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(4, 5), (5,), ()])
def test_gaussian_nll_is_scipys_for_a_variance_of_every_shape(shape):
    rng = np.random.default_rng(1)
    mean, x, logvar = rng.standard_normal((4, 5)), rng.standard_normal((4, 5)), rng.standard_normal(shape)
    truth = -stats.norm.logpdf(x, mean, np.exp(logvar / 2)).sum(axis=1)
    np.testing.assert_allclose(f("gaussian_nll", mean, logvar, x), truth)


def test_a_shared_variance_is_best_at_the_mean_squared_residual():
    rng = np.random.default_rng(2)
    mean, x = rng.standard_normal((2, 6, 3))
    for axis in (None, 0):
        logvar = np.asarray(np.log(((x - mean) ** 2).mean(axis=axis)))
        _, cache = ops.gaussian_nll_forward(mean, logvar, x)
        _, dlogvar = ops.gaussian_nll_backward(np.ones(6), cache)
        np.testing.assert_allclose(dlogvar, 0, atol=1e-12)


def test_squared_error_is_a_gaussian_of_variance_one_less_its_constant():
    rng = np.random.default_rng(3)
    x_hat, x = rng.standard_normal((2, 4, 5))
    truth = -stats.norm.logpdf(x, x_hat).sum(axis=1) - 5 / 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(f("squared_error", x_hat, x), truth)


@given(logit=st.floats(-700, 700))
def test_bernoulli_probabilities_add_to_one(logit):
    nll = f("bernoulli_nll", np.full((2, 1), logit), np.array([[0.0], [1.0]]))
    assert np.exp(-nll).sum() == pytest.approx(1, rel=1e-12)


def test_bernoulli_nll_is_scipys_and_adds_over_pixels():
    rng = np.random.default_rng(4)
    logits, x = rng.standard_normal((6, 5)), rng.integers(0, 2, (6, 5)).astype(float)
    truth = -stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-logits))).sum(axis=1)
    np.testing.assert_allclose(f("bernoulli_nll", logits, x), truth)
    np.testing.assert_allclose(f("bernoulli_nll", np.zeros((1, 784)), np.full((1, 784), 0.3)), 784 * np.log(2))


@given(x=st.floats(0.01, 0.99))
def test_the_least_cross_entropy_of_a_grey_pixel_is_its_entropy(x):
    best = f("bernoulli_nll", np.array([[np.log(x / (1 - x))]]), np.array([[x]]))
    assert best[0] == pytest.approx(stats.entropy([x, 1 - x]))
