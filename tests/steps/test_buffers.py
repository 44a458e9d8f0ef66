"""A step over reused buffers gives the numbers of fresh arrays, and nothing is reused without one."""

import gc
import weakref

import numpy as np
import pytest

import npvae
from npvae.models import LIKELIHOODS
from npvae.steps import Step
from npvae.steps.buffers import OverBuffers, aligned_empty

X = np.random.default_rng(0).random((7, 12))


def vae_and_eps(dtype="float64", **settings):
    vae = npvae.VAE(12, (9, 8), 3, dtype=dtype, **settings)
    return vae, X.astype(dtype), vae.draw_eps(len(X), np.random.default_rng(1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_same_numbers_over_buffers_and_without(likelihood, dtype):
    vae, x, eps = vae_and_eps(dtype, likelihood=likelihood, levels=3)
    way = OverBuffers(vae)
    for rows in (7, 3, 7):
        loss, trace = way.forward(x[:rows], eps[:rows])
        wanted_loss, wanted = vae.forward(x[:rows], eps[:rows])
        assert loss == wanted_loss
        np.testing.assert_array_equal(way.backward(trace).flat, vae.backward(wanted).flat)
        np.testing.assert_array_equal(trace.output, wanted.output)


def test_backward_twice_on_one_trace_gives_the_same_in_the_same_buffers(monkeypatch):
    vae, x, eps = vae_and_eps()
    way = OverBuffers(vae)
    _, trace = way.forward(x, eps)
    first = way.backward(trace).flat.copy()
    monkeypatch.setattr("npvae.steps.buffers.aligned_empty", lambda *_: pytest.fail("a new buffer"))
    np.testing.assert_array_equal(way.backward(trace).flat, first)
    assert way.forward(x, eps)[0] > 0


def test_buffers_and_gradients_are_those_of_the_step_before():
    vae, x, eps = vae_and_eps()
    step = Step(vae, 7)
    _, first = step.forward(x, eps)
    first_grads = step.backward(first)
    _, second = step.forward(x, eps)
    assert np.shares_memory(first.output, second.output)
    assert step.backward(second) is first_grads


def test_the_trace_of_an_earlier_forward_is_refused():
    """Its buffers hold the numbers of the later one."""
    vae, x, eps = vae_and_eps()
    step = Step(vae, 7)
    _, earlier = step.forward(x, eps)
    step.forward(x, eps)
    with pytest.raises(ValueError, match="an earlier forward, whose buffers the next has written over"):
        step.backward(earlier)


def test_without_a_step_every_array_is_new():
    vae, x, eps = vae_and_eps()
    _, first = vae.forward(x, eps)
    _, second = vae.forward(x, eps)
    assert not np.shares_memory(first.output, second.output)
    assert not np.shares_memory(vae.backward(first).flat, vae.backward(second).flat)


def test_products_write_gradients_into_their_place():
    """No copy: the gradient of a weight that backward assigns is the place itself."""
    vae, x, _ = vae_and_eps()
    way = OverBuffers(vae)
    W = vae.params["encoder.0.W"]
    _, cache = way.ops.layer_forward(x, W, vae.params["encoder.0.b"])
    _, dW, db = way.ops.layer_backward(np.ones((7, 9), np.float32), cache)
    assert dW is way.grads["encoder.0.W"]
    assert db is way.grads["encoder.0.b"]
    stranger = np.ones((12, 9), np.float32)
    _, cache = way.ops.layer_forward(x, stranger, np.zeros(9, np.float32))
    _, dW, _ = way.ops.layer_backward(np.ones((7, 9), np.float32), cache)
    assert not np.shares_memory(dW, way.grads.flat)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (5, 7)])
def test_buffers_begin_on_a_cache_line(shape):
    for dtype in (np.float32, np.float64):
        array = aligned_empty(shape, np.dtype(dtype))
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.size == 0 or array.ctypes.data % 64 == 0
    assert OverBuffers(npvae.VAE(3)).grads.flat.ctypes.data % 64 == 0


def test_buffers_keep_the_parameters_that_they_know_by_their_identity():
    """Another array could take the identity of one that is gone."""
    vae = npvae.VAE(3)
    alive, way = weakref.ref(vae.params), OverBuffers(vae)
    vae.params = None
    gc.collect()
    assert alive() is not None
    assert way.place(alive()["encoder.0.W"]) is way.grads["encoder.0.W"]
