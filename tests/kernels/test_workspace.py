"""A workspace gives the same numbers as fresh arrays, reuses its buffers, and nothing is reused without one."""

import gc
import weakref

import numpy as np
import pytest

import npvae
from npvae.kernels.workspace import Workspace, aligned_empty
from npvae.models import LIKELIHOODS

X = np.random.default_rng(0).random((7, 12))


def vae_and_eps(dtype="float64", **settings):  # in which no step is compiled as a whole
    vae = npvae.VAE(12, (9, 8), 3, dtype=dtype, **settings)
    return vae, X.astype(dtype), vae.draw_eps(len(X), np.random.default_rng(1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_same_numbers_with_a_workspace_and_without(likelihood, dtype, monkeypatch):
    monkeypatch.setattr("npvae.kernels.workspace.covers", lambda model: False)  # see test_small_vae
    try:
        vae, x, eps = vae_and_eps(dtype, likelihood=likelihood)
        vae.forward(x, eps)
    except (TypeError, ValueError):
        pytest.skip("a likelihood of labels or of settings of its own")
    workspace = vae.workspace()
    for rows in (7, 3, 7):
        loss, trace = vae.forward(x[:rows], eps[:rows], workspace)
        wanted_loss, wanted = vae.forward(x[:rows], eps[:rows])
        assert loss == wanted_loss
        np.testing.assert_array_equal(vae.backward(trace).flat, vae.backward(wanted).flat)
        np.testing.assert_array_equal(trace.output, wanted.output)


def test_backward_twice_on_one_trace_gives_the_same_in_the_same_buffers(monkeypatch):
    vae, x, eps = vae_and_eps()
    _, trace = vae.forward(x, eps, vae.workspace())
    first = vae.backward(trace).flat.copy()
    monkeypatch.setattr("npvae.kernels.workspace.aligned_empty", lambda *_: pytest.fail("a new buffer"))
    np.testing.assert_array_equal(vae.backward(trace).flat, first)
    assert vae.forward(x, eps, trace.workspace)[0] > 0


def test_buffers_and_gradients_are_those_of_the_step_before():
    vae, x, eps = vae_and_eps()
    workspace = vae.workspace()
    _, first = vae.forward(x, eps, workspace)
    first_grads = vae.backward(first)
    _, second = vae.forward(x, eps, workspace)
    assert np.shares_memory(first.output, second.output)
    assert vae.backward(second) is first_grads
    assert first_grads is workspace.grads


def test_without_a_workspace_every_array_is_new():
    vae, x, eps = vae_and_eps()
    _, first = vae.forward(x, eps)
    _, second = vae.forward(x, eps)
    assert not np.shares_memory(first.output, second.output)
    assert not np.shares_memory(vae.backward(first).flat, vae.backward(second).flat)


def test_products_write_gradients_into_their_place():
    """No copy: the gradient of a weight that backward assigns is the place itself."""
    vae, x, _ = vae_and_eps()
    workspace = vae.workspace()
    W = vae.params["encoder.0.W"]
    _, cache = workspace.ops.layer_forward(x, W, vae.params["encoder.0.b"])
    _, dW, db = workspace.ops.layer_backward(np.ones((7, 9), np.float32), cache)
    assert dW is workspace.grads["encoder.0.W"]
    assert db is workspace.grads["encoder.0.b"]
    stranger = np.ones((12, 9), np.float32)
    _, cache = workspace.ops.layer_forward(x, stranger, np.zeros(9, np.float32))
    _, dW, _ = workspace.ops.layer_backward(np.ones((7, 9), np.float32), cache)
    assert not np.shares_memory(dW, workspace.grads.flat)


def test_the_backend_of_pages_has_no_workspace():
    assert npvae.VAE(3, backend="numpy").workspace() is None


@pytest.mark.parametrize("shape", [(), (0,), (3,), (5, 7)])
def test_buffers_begin_on_a_cache_line(shape):
    for dtype in (np.float32, np.float64):
        array = aligned_empty(shape, np.dtype(dtype))
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.size == 0 or array.ctypes.data % 64 == 0
    assert Workspace(npvae.VAE(3).params).grads.flat.ctypes.data % 64 == 0


def test_a_workspace_keeps_the_parameters_that_it_knows_by_their_identity():
    """Another array could take the identity of one that is gone."""
    params = npvae.VAE(3).params
    alive, workspace = weakref.ref(params), Workspace(params)
    del params
    gc.collect()
    assert alive() is not None
    assert workspace.place(alive()["encoder.0.W"]) is workspace.grads["encoder.0.W"]
