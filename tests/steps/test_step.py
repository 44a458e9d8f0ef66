"""A Step chooses once how a step is computed, says which way and why, and takes any batch up to its size."""

import copy
import pickle

import numpy as np
import pytest

import npvae
from npvae import ops
from npvae.models import MODELS, OBJECTIVES
from npvae.models.small import small
from npvae.steps import Step


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_step_of_any_model_is_that_of_the_model(kind, backend):
    model, x, eps = small(kind, np.random.default_rng(0), backend=backend, dtype="float64")
    step = Step(model, 4)
    loss, trace = step.forward(x, eps)
    wanted_loss, wanted = model.forward(x, eps)
    assert loss == wanted_loss
    np.testing.assert_array_equal(step.backward(trace).flat, model.backward(wanted).flat)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_beta_and_capacity_are_read_at_every_step(objective):
    model, x, _ = small("vae", np.random.default_rng(0), objective=objective, samples=3, dtype="float64")
    eps, step = model.draw_eps(4, np.random.default_rng(1)), Step(model, 4)
    for scale in (1.0, 0.25):
        model.beta, model.capacity = 2 * scale, 3 * scale
        loss, trace = step.forward(x, eps)
        wanted_loss, wanted = model.forward(x, eps)
        assert loss == wanted_loss
        np.testing.assert_array_equal(step.backward(trace).flat, model.backward(wanted).flat)


def test_a_larger_batch_is_refused_and_a_smaller_one_is_not():
    model, x, eps = small("vae", np.random.default_rng(0))
    step = Step(model, 3)
    step.forward(x[:1], eps[:1])
    with pytest.raises(ValueError, match="a batch of 4 is too large for a Step of 3: make one of its size"):
        step.forward(x, eps)
    with pytest.raises(ValueError, match="batch_size is 0"):
        Step(model, 0)


def test_what_has_no_length_is_refused_by_the_model():
    with pytest.raises(ValueError, match=r"x has shape \(\), expected \(N, D\)"):
        Step(npvae.VAE(5), 3).forward(np.array(1, np.float32), None)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("settings", [{}, {"dtype": "float64"}, {"backend": "numpy"}])
def test_a_copy_is_a_step_of_the_model_that_was_copied_with_it(settings, copied):
    model = npvae.VAE(5, (4,), 2, **settings)
    x, eps = np.ones((3, 5), model.dtype), np.ones((3, 2), model.dtype)
    step = Step(model, 3)
    _, trace = step.forward(x, eps)
    twin_model, twin = copied((model, step))
    twin_model.params.flat[:] = 0
    loss, twin_trace = twin.forward(x, eps)
    assert loss == pytest.approx(5 * np.log(2))
    wanted = model.backward(model.forward(x, eps)[1]).flat
    np.testing.assert_allclose(step.backward(trace).flat, wanted, rtol=1e-4, atol=1e-6)
    assert not np.shares_memory(trace.output, twin_trace.output)


def test_a_copy_alone_computes_into_buffers_of_its_own():
    step = Step(npvae.VAE(5, (4,), 2), 3)
    x, eps = np.ones((3, 5), np.float32), np.ones((3, 2), np.float32)
    _, trace = step.forward(x, eps)
    _, other = copy.copy(step).forward(x, eps)
    assert not np.shares_memory(trace.output, other.output)


def test_ops_that_were_given_to_a_model_are_those_that_compute():
    model = npvae.VAE(5, (4,), 2)
    model.ops = ops
    step = Step(model, 3)
    assert "every array new: the model has been given ops of its own" in str(step)
    _, trace = step.forward(np.ones((3, 5), np.float32), np.ones((3, 2), np.float32))
    assert trace.ops is ops


def test_it_says_which_way_and_why():
    assert str(Step(npvae.VAE(5, backend="numpy"), 3)).endswith("every array new: the backend is numpy")
    assert str(Step(npvae.VAE(5, dtype="float64"), 3)).endswith("buffers: the model computes in float64")
    assert str(Step(npvae.Autoencoder(5), 3)).endswith("buffers: Autoencoder has lines of its own")


@pytest.mark.parametrize("settings", [{}, {"dtype": "float64"}, {"backend": "numpy"}])
def test_a_copied_trace_keeps_its_numbers_while_training_goes_on(settings):
    model = npvae.VAE(5, (4,), 2, **settings)
    x, eps = np.ones((3, 5), model.dtype), np.ones((3, 2), model.dtype)
    step = Step(model, 3)
    _, trace = step.forward(x, eps)
    kept, wanted = copy.deepcopy(trace), trace.output.copy()
    step.forward(0 * x, eps)
    np.testing.assert_array_equal(kept.output, wanted)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_copied_trace_of_a_model_has_a_backward_like_any_other(kind, backend):
    model, x, eps = small(kind, np.random.default_rng(0), backend=backend)
    _, trace = model.forward(x, eps)
    wanted, kept = model.backward(trace).flat, copy.deepcopy(trace)
    model.params.flat[:] += 1
    np.testing.assert_array_equal(model.backward(kept).flat, wanted)
