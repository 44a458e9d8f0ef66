"""Objectives against what must hold between them, pathwise and so exactly, and the estimators by statistics."""

import re

import numpy as np
import pytest
from scipy import special, stats

from npvae.models import TwoLayerVAE

K = 50


def many(build, objective, samples=K, seed=0, **settings):
    model, x, _ = build("vae", objective=objective, samples=samples, activation="tanh", **settings)
    model.beta = 1.0
    eps = np.random.default_rng(seed).standard_normal((samples, len(x), 2))
    return model, x, eps


def test_log_weights_are_those_of_the_densities(build):
    model, x, eps = many(build, "iwae", samples=6)
    mu, logvar = model.encode(x)
    z = mu + np.exp(logvar / 2) * eps
    p = 1 / (1 + np.exp(-np.stack([model.decoder_output(zk) for zk in z])))
    truth = (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=2)
    truth += stats.norm.logpdf(z).sum(axis=2) - stats.norm.logpdf(z, mu, np.exp(logvar / 2)).sum(axis=2)
    np.testing.assert_allclose(model.log_weights(x, eps), truth, rtol=1e-10)
    _, trace = model.forward(x, eps)
    np.testing.assert_allclose(trace.log_w, truth, rtol=1e-10)
    np.testing.assert_allclose(trace.nll + trace.kl, -truth.mean(axis=0), rtol=1e-10)


def test_on_one_set_of_samples_the_bounds_are_ordered(build):
    """log mean of 50 >= mean of ten log means of 5 >= mean of 50 single ones; the power mean falls with alpha."""
    model, x, eps = many(build, "iwae")
    log_w = model.log_weights(x, eps)  # (50, N)
    of_50 = special.logsumexp(log_w, axis=0) - np.log(50)
    of_5 = (special.logsumexp(log_w.reshape(10, 5, -1), axis=1) - np.log(5)).mean(axis=0)
    assert (of_50 >= of_5).all()
    assert (of_5 >= log_w.mean(axis=0)).all()
    assert model.forward(x, eps)[0] == pytest.approx(-of_50.mean(), rel=1e-12)
    groups = [model.forward(x, group)[0] for group in eps.reshape(10, 5, *eps.shape[1:])]
    assert np.mean(groups) == pytest.approx(-of_5.mean(), rel=1e-12)

    model.objective = "renyi"
    losses = []
    for alpha in (-50.0, -2.0, 0.0, 0.5, 1.0, 2.0, 50.0):
        model.alpha = alpha
        losses.append(model.forward(x, eps)[0])
    assert (np.diff(losses) > 0).all(), "a larger alpha is a lower bound, so a higher loss"
    assert losses[2] == pytest.approx(-of_50.mean(), rel=1e-12)
    model.objective = "elbo_mc"
    assert losses[4] == pytest.approx(model.forward(x, eps)[0], rel=1e-12)


def test_vr_max_is_the_limit_of_renyi(build):
    model, x, eps = many(build, "vr_max", samples=7)
    at_limit, grads = model.forward(x, eps)[0], model.backward(model.forward(x, eps)[1]).flat
    model.objective, model.alpha = "renyi", -1e7
    loss, trace = model.forward(x, eps)
    assert at_limit == pytest.approx(loss, abs=1e-5)
    np.testing.assert_allclose(grads, model.backward(trace).flat, atol=1e-8)
    assert at_limit == -trace.log_w.max(axis=0).mean()


def test_one_sample_of_every_bound_is_the_same_elbo(build):
    losses = []
    for objective in ("elbo_mc", "iwae", "renyi", "vr_max", "dreg", "score"):
        model, x, eps = many(build, objective, samples=1)
        losses.append(model.forward(x, eps[0])[0])
    np.testing.assert_allclose(losses, losses[0], rtol=1e-13)


def test_the_monte_carlo_kl_is_right_on_average(build):
    """Its mean over a three-node quadrature per latent is the analytic KL, and the losses agree."""
    analytic, x, _ = build("vae", activation="tanh")
    sampled, _, _ = build("vae", objective="elbo_mc", activation="tanh")
    e, w = np.polynomial.hermite_e.hermegauss(3)
    w = w / w.sum()
    kl, mean_loss, mean_analytic = 0.0, 0.0, 0.0
    for i in range(3):
        for j in range(3):
            eps = np.tile([e[i], e[j]], (len(x), 1))
            loss, trace = sampled.forward(x, eps)
            kl = kl + w[i] * w[j] * trace.kl
            mean_loss += w[i] * w[j] * loss
            mean_analytic += w[i] * w[j] * analytic.forward(x, eps)[0]
    np.testing.assert_allclose(kl, analytic.forward(x, eps)[1].kl, rtol=1e-10)
    assert mean_loss == pytest.approx(mean_analytic, rel=1e-12)


def gradients(model, x, draws, seed):
    rng = np.random.default_rng(seed)
    return np.stack([model.backward(model.forward(x, model.draw_eps(len(x), rng))[1]).flat for _ in range(draws)])


def encoder_part(model):
    sizes = [view.size for view in model.params.values()]
    names = [name for name, size in zip(model.params, sizes, strict=True) for _ in range(size)]
    return np.array([name.startswith("encoder") for name in names])


@pytest.mark.parametrize(
    ("estimator", "exact"), [("dreg", "iwae"), ("score", "elbo_mc"), ("score_baseline", "elbo_mc")]
)
def test_an_estimator_agrees_with_the_exact_gradient_on_average(build, estimator, exact):
    """Difference of the means over independent draws, in standard errors, entry by entry.

    With m entries the largest of m standard normal numbers exceeds the bound sqrt(2 log(2 m / delta)) with a
    probability of at most delta = 1e-6 (Gaussian tail and union bound).
    """
    draws = 4000 if estimator == "dreg" else 8000
    a, x, _ = build("vae", objective=estimator, samples=4, activation="tanh", hidden=(3,))
    b, _, _ = build("vae", objective=exact, samples=4, activation="tanh", hidden=(3,))
    one, two = gradients(a, x, draws, 1), gradients(b, x, draws, 2)
    error = np.sqrt((one.var(axis=0) + two.var(axis=0)) / draws)
    bound = np.sqrt(2 * np.log(2 * one.shape[1] / 1e-6))
    deviation = np.abs(one.mean(axis=0) - two.mean(axis=0)) / error
    assert deviation.max() < bound
    encoder = encoder_part(a)
    variances = one[:, encoder].var(axis=0).sum(), two[:, encoder].var(axis=0).sum()
    if estimator == "dreg":
        assert variances[0] < variances[1]
    if estimator == "score":
        assert variances[0] > 3 * variances[1]


def test_a_biased_estimator_would_be_seen(build):
    """The same statistics see a gradient that is 10 % too large."""
    a, x, _ = build("vae", objective="dreg", samples=4, activation="tanh", hidden=(3,))
    b, _, _ = build("vae", objective="iwae", samples=4, activation="tanh", hidden=(3,))
    one, two = 1.1 * gradients(a, x, 4000, 1), gradients(b, x, 4000, 2)
    error = np.sqrt((one.var(axis=0) + two.var(axis=0)) / 4000)
    assert (np.abs(one.mean(axis=0) - two.mean(axis=0)) / error).max() > np.sqrt(2 * np.log(2 * one.shape[1] / 1e-6))


def test_the_baseline_takes_variance_away(build):
    plain, x, _ = build("vae", objective="score", samples=4, activation="tanh", hidden=(3,))
    based, _, _ = build("vae", objective="score_baseline", samples=4, activation="tanh", hidden=(3,))
    encoder = encoder_part(plain)
    variances = [gradients(m, x, 1000, 3)[:, encoder].var(axis=0).sum() for m in (plain, based)]
    assert variances[1] < variances[0] / 3


def test_the_decoders_gradient_of_an_estimator_is_exact(build):
    for estimator, exact in (("dreg", "iwae"), ("score", "elbo_mc")):
        a, x, eps = build("vae", objective=estimator, samples=4)
        b, _, _ = build("vae", objective=exact, samples=4)
        one, two = (m.backward(m.forward(x, eps)[1]) for m in (a, b))
        for name in one:
            if name.startswith("decoder"):
                np.testing.assert_allclose(one[name], two[name], rtol=1e-12)
        assert any(np.abs(one[name] - two[name]).max() > 1e-3 for name in one if name.startswith("encoder"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "gan"}, "objective 'gan' is unknown, choose one of elbo, free_bits, capacity,"),
        ({"objective": "score_baseline", "samples": 1}, "samples is 1, score_baseline needs at least 2"),
        ({"samples": 0}, "samples is 0, expected at least 1"),
        ({"alpha": float("-inf")}, "the limit at -inf is the objective vr_max"),
        ({"free_bits": -1.0}, "free_bits is -1.0, expected a finite number of at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(build, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build("vae", **settings)


def test_two_layers_know_only_the_objectives_that_they_have():
    with pytest.raises(ValueError, match="'dreg' is not one for two layers, choose one of elbo_mc, iwae"):
        TwoLayerVAE(5, objective="dreg")
