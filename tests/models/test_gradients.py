"""Whole models through their flat parameter vector: a dropped or doubled path cannot hide."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from npvae.gradcheck import check_model, taylor_test
from npvae.models import LIKELIHOODS, MODELS, OBJECTIVES
from npvae.ops import ACTIVATIONS

EXACT = [objective for objective, row in OBJECTIVES.items() if not row.is_estimator]
CASES = [(kind, {}) for kind in MODELS]
CASES += [(kind, {"likelihood": name}) for kind in ("vae", "autoencoder") for name in LIKELIHOODS]
CASES += [("vae", {"likelihood": f"gaussian_{of}", "logvar_floor": -1.0}) for of in ("scalar", "pixel", "decoder")]
CASES += [("vae", {"activation": activation}) for activation in ACTIVATIONS]
CASES += [
    (kind, {"objective": name, "samples": 3}) for kind in ("vae", "conditional_vae", "linear_vae") for name in EXACT
]
CASES += [("two_layer_vae", {"objective": name, "samples": 3}) for name in ("elbo_mc", "iwae", "renyi", "vr_max")]
CASES += [("vae", {"objective": "free_bits", "free_bits": bits}) for bits in (0.0, 0.05, 5.0)]
CASES += [("vae", {"objective": "capacity", "capacity": nats}) for nats in (0.0, 50.0)]
CASES += [("vae", {"objective": "renyi", "samples": 3, "alpha": alpha}) for alpha in (0.0, 1.0, -2.0, 3.0)]
CASES += [("denoising_autoencoder", {"corruption": "gaussian"})]
IDS = ["-".join([kind, *map(str, settings.values())]) for kind, settings in CASES]


@pytest.mark.parametrize(("kind", "settings"), CASES, ids=IDS)
def test_every_gradient_of_the_model(build, kind, settings):
    model, x, eps = build(kind, **settings)
    report = check_model(model, x, eps)
    assert report, report


@pytest.mark.parametrize(("kind", "settings"), [case for case in CASES if case[0] != "vae" or "objective" in case[1]])
def test_taylor_remainder_of_every_model_and_objective(build, kind, settings):
    assert order(*build(kind, **{"activation": "tanh", **settings})) > 1.9


@given(
    kind=st.sampled_from(list(MODELS)),
    likelihood=st.sampled_from(list(LIKELIHOODS)),
    hidden=st.lists(st.integers(1, 6), max_size=3),
    seed=st.integers(0, 2**32 - 1),
    samples=st.sampled_from([1, 3]),
)
@example(kind="conditional_vae", likelihood="continuous_bernoulli", hidden=[2, 2, 4], seed=1050, samples=1)
def test_taylor_remainder_is_of_order_two(build, kind, likelihood, hidden, seed, samples):
    takes = [each.name for each in fields(MODELS[kind].Settings)]
    settings = {"samples": samples} if "samples" in takes else {}
    model, x, eps = build(kind, likelihood, "tanh", hidden, seed, **settings)
    assert order(model, x, eps, seed) > 1.9


def test_the_order_of_a_gradient_that_is_slightly_wrong_is_one(build):
    for seed in range(30):
        assert order(*build("vae", "bernoulli", "tanh", [4, 3], seed), seed, times=1.01) < 1.5


def order(model, x, eps, seed=0, times=1.0):
    """Order of the Taylor remainder of the loss along a random direction: 2, or 1 if the gradient is wrong.

    It is what most steps show, or the shortest: where the second derivative is small along the direction, longer steps
    show the third one too, and where all of it is small, the shortest shows rounding.
    """
    _, trace = model.forward(x, eps)
    gradient = times * model.backward(trace).flat
    start = model.params.flat.copy()

    def loss(theta):
        model.params.flat[:] = theta
        return model.forward(x, eps)[0]

    found = taylor_test(loss, gradient, start, seed=seed, first_step=2.0**-9)
    return max(np.median(found), found[-1])


def test_a_dropped_path_is_seen(build):
    """The KL's path to logvar left out, as in a backward that forgets to add it."""
    model, x, eps = build("vae", activation="tanh")
    ops = model.ops

    class Dropped:
        def __getattr__(self, name):
            return getattr(ops, name)

        def gaussian_kl_backward(self, dkl, cache):
            dmu, dlogvar = ops.gaussian_kl_backward(dkl, cache)
            return dmu, 0 * dlogvar

    model.ops = Dropped()
    assert not check_model(model, x, eps)
