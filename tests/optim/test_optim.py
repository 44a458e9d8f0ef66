"""Optimisers against the recurrences of their pages, and against what must hold whatever the formula."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npvae.models import Params
from npvae.ops import LAWS
from npvae.optim import OPTIMIZERS, SGD, Adagrad, Adam
from npvae.pages import evaluate


def params_of(values, dtype="float64"):
    return Params({"p": (len(values),)}, np.array(values, dtype))


LAWS_BY_NAME = {law.name: law for law in LAWS}


def by_the_page(name, starts, gradients, settings):
    """The parameters after these gradients by the recurrence on the optimiser's page, its state starting at 0."""
    law = LAWS_BY_NAME[name]
    named = {key: value for key, value in settings.items() if key != "betas"}
    named |= dict(zip(("beta1", "beta2"), settings.get("betas", ()), strict=False))
    state = {key: np.zeros(len(starts)) for key in {"m", "v", "G"} & set(law.args)} | {"p": np.array(starts)}
    for t, g in enumerate(gradients, start=1):
        count = {"t": t} if "t" in law.args else {}
        found = evaluate(law, {**state, "g": g, **named, **count})
        state = {key: found[key] for key in state}
    return state["p"]


SETTINGS = {
    "sgd": {"lr": 0.1, "momentum": 0.7},
    "adagrad": {"lr": 0.2, "eps": 1e-10},
    "adam": {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-8},
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@given(
    starts=st.lists(st.floats(-10, 10), min_size=1, max_size=3),
    steps=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_steps_are_those_of_the_paper(name, backend, starts, steps, seed):
    gradients = np.random.default_rng(seed).standard_normal((steps, len(starts)))
    params = params_of(starts)
    optimizer = OPTIMIZERS[name](params, **SETTINGS[name], backend=backend)
    for g in gradients:
        optimizer.step(params_of(g))
    truth = by_the_page(name, starts, gradients, SETTINGS[name])
    np.testing.assert_allclose(params.flat, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_adams_first_step_is_lr_whatever_the_size_of_the_gradient(scale):
    params = params_of([0.0, 0.0])
    Adam(params, lr=0.01, eps=1e-12).step(params_of([scale, -3 * scale]))
    np.testing.assert_allclose(params.flat, [-0.01, 0.01], rtol=1e-6)


def test_adagrad_walks_like_the_root_of_time_under_a_constant_gradient():
    params = params_of([0.0])
    optimizer = Adagrad(params, lr=1.0)
    for _ in range(100):
        optimizer.step(params_of([5.0]))
    assert params.flat[0] == pytest.approx(-sum(1 / math.sqrt(t) for t in range(1, 101)))


def test_momentum_multiplies_the_final_speed():
    params = params_of([0.0])
    optimizer = SGD(params, lr=0.01, momentum=0.9)
    for _ in range(500):
        before = params.flat[0]
        optimizer.step(params_of([1.0]))
    assert before - params.flat[0] == pytest.approx(0.01 / (1 - 0.9))


@pytest.mark.parametrize(("name", "lr"), [("sgd", 0.05), ("adagrad", 0.5), ("adam", 0.05)])
def test_every_optimiser_finds_the_bottom_of_a_bowl(name, lr):
    params = params_of([3.0, -2.0])
    optimizer = OPTIMIZERS[name](params, lr=lr)
    for _ in range(2000):
        optimizer.step(params_of(params.flat * [1.0, 4.0]))
    assert np.abs(params.flat).max() < 1e-3


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_change_in_place_and_gradients_do_not(name):
    params, grads = params_of([1.0, 2.0], "float32"), params_of([0.5, -0.5], "float32")
    flat, view, kept = params.flat, params["p"], grads.flat.copy()
    OPTIMIZERS[name](params).step(grads)
    assert params.flat is flat
    assert params.flat.dtype == np.float32
    assert (view != [1.0, 2.0]).all()
    np.testing.assert_array_equal(grads.flat, kept)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: Adam(p, lr=0), "Adam: lr is 0, expected a finite number above 0"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), "Adam: betas are (0.9, 1.0), expected 0 <= beta < 1"),
        (lambda p: Adagrad(p, eps=-1), "Adagrad: eps is -1, expected"),
        (lambda p: SGD(p, momentum=1.0), "SGD: momentum is 1.0, expected 0 <= momentum < 1"),
        (lambda p: SGD(p, lr=float("inf")), "SGD: lr is inf"),
        (lambda p: Adam(p).step(p.flat), "Adam: gradients are a ndarray, expected Params: what model.backward gives"),
        (lambda p: Adam(p).step(params_of([1.0])), "Adam: gradients are 1 numbers of float64, parameters 2 of float64"),
        (lambda p: SGD(p).step(params_of([1.0, 1.0], "float32")), "gradients are 2 numbers of float32"),
        (lambda p: Adagrad(p).step(params_of([1.0, 1.0], "float32")), "Adagrad: gradients are 2 numbers of float32"),
    ],
)
def test_settings_and_gradients_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(params_of([1.0, 2.0]))
