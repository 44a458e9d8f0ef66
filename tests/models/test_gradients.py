"""Whole models through their flat parameter vector: a dropped or doubled path cannot hide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.gradcheck import check_model, taylor_test
from npvae.models import LIKELIHOODS, MODELS
from npvae.ops import ACTIVATIONS

CASES = [(kind, likelihood, "silu") for kind in MODELS for likelihood in LIKELIHOODS]
CASES += [("vae", "bernoulli", activation) for activation in ACTIVATIONS]


def build(kind, likelihood, activation, hidden=(6, 5), seed=0, samples=None):
    """A small model away from its start (zero biases hide mistakes), with data and noise."""
    rng = np.random.default_rng(seed)
    extra = {"beta": 0.7} if kind == "vae" else {}
    model = MODELS[kind](7, hidden, 2, activation, likelihood, logvar=-0.3, dtype="float64", backend="numpy", **extra)
    model.params.flat[:] += 0.2 * rng.standard_normal(model.params.flat.size)
    eps = None
    if kind == "vae":
        eps = rng.standard_normal((4, 2) if samples is None else (samples, 4, 2))
    return model, rng.random((4, 7)), eps


@pytest.mark.parametrize(("kind", "likelihood", "activation"), CASES)
def test_every_gradient_of_the_model(kind, likelihood, activation):
    model, x, eps = build(kind, likelihood, activation)
    report = check_model(model, x, eps)
    assert report, report


@given(
    kind=st.sampled_from(list(MODELS)),
    likelihood=st.sampled_from(LIKELIHOODS),
    hidden=st.lists(st.integers(1, 6), max_size=3),
    seed=st.integers(0, 2**32 - 1),
    samples=st.sampled_from([None, 1, 3]),
)
def test_taylor_remainder_is_of_order_two(kind, likelihood, hidden, seed, samples):
    model, x, eps = build(kind, likelihood, "tanh", hidden, seed, samples)
    _, trace = model.forward(x, eps)
    gradient = model.backward(trace).flat
    start = model.params.flat.copy()

    def loss(theta):
        model.params.flat[:] = theta
        return model.forward(x, eps)[0]

    orders = taylor_test(loss, gradient, start, seed=seed, first_step=2.0**-8)
    assert np.median(orders) > 1.9, orders


def test_a_dropped_path_is_seen():
    """The KL's path to logvar left out, as in a backward that forgets to add it."""
    model, x, eps = build("vae", "bernoulli", "tanh")
    whole = model.ops.gaussian_kl_backward

    class Dropped:
        def __getattr__(self, name):
            return getattr(ops, name)

        def gaussian_kl_backward(self, dkl, cache):
            dmu, dlogvar = whole(dkl, cache)
            return dmu, 0 * dlogvar

    ops, model.ops = model.ops, Dropped()
    assert not check_model(model, x, eps)
