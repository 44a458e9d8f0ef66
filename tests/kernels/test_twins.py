"""When a twin computes: always for arrays of one float dtype, and never with the reference behind the caller's back."""

import numpy as np
import pytest

from npvae import kernels, ops, optim
from npvae.kernels import optimizers
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.updates import sum_of_squares
from npvae.kernels.workspace import aligned_empty

N, D, O = 6, 5, 4
CASES = {
    "dense": [(N, D), (D, O), (O,)],
    "layer": [(N, D), (D, O), (O,)],
    "bernoulli_nll": [(N, D), (N, D)],
    "squared_error": [(N, D), (N, D)],
    "gaussian_nll": [(N, D), (N, D), (N, D)],
    "gaussian_nll of pixels": [(N, D), (D,), (N, D)],
    "gaussian_nll of a number": [(N, D), (), (N, D)],
    "gaussian_kl": [(N, D), (N, D)],
}


def refuse(*_):
    raise AssertionError("the reference was called")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_floats_of_one_dtype_are_not_left_to_the_reference(monkeypatch, case, dtype):
    name = case.partition(" ")[0]
    for direction in ("forward", "backward"):
        monkeypatch.setattr(ops, f"{name}_{direction}", refuse)
    arrays = [np.full(shape, 0.5, dtype) for shape in CASES[case]]
    y, cache = getattr(kernels, f"{name}_forward")(*arrays)
    getattr(kernels, f"{name}_backward")(np.ones_like(y), cache)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimisers_are_not_left_to_the_reference(monkeypatch, dtype):
    monkeypatch.setattr(optim, "adam_update", refuse)
    monkeypatch.setattr(optim, "adagrad_update", refuse)
    p, g, m, v = np.ones((4, 3), dtype)
    optimizers.adam_update(p, g, m, v, 1, 1e-3, (0.9, 0.999), 1e-10)
    optimizers.adagrad_update(p, g, v, 1e-2, 1e-10)
    for eps, buffers in ((1e-11, (p, g, m, v)), (1e-8, (p, g.astype(np.float16), m, v))):
        with pytest.raises(AssertionError, match="the reference"):
            optimizers.adam_update(*buffers, 1, 1e-3, (0.9, 0.999), eps)
        with pytest.raises(AssertionError, match="the reference"):
            optimizers.adagrad_update(*buffers[:2], v, 1e-2, eps)


def test_dtypes_that_a_twin_takes():
    f4, f8, f2, swapped = (np.zeros(2, dtype) for dtype in ("f4", "f8", "f2", ">f4"))
    assert one_float_dtype(f4)
    assert one_float_dtype(f8, f8, f8)
    assert not one_float_dtype(f2, f2)
    assert not one_float_dtype(swapped, swapped)
    assert not one_float_dtype(f4, f4, f8)
    assert not one_float_dtype(f8, f4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 9000])
def test_the_sum_of_squares_is_that_of_all_entries(size, dtype):
    g = aligned_empty((size,), np.dtype(dtype))
    g[:] = np.random.default_rng(0).standard_normal(size)
    wanted = (g.astype(np.float64) ** 2).sum()
    np.testing.assert_allclose(sum_of_squares(g), wanted, rtol=1e-5 if dtype == np.float32 else 1e-13)
    for poison in (np.nan, np.inf):
        if size:
            g[-1] = poison
            assert not np.isfinite(sum_of_squares(g))


def test_blocks_of_squares_add_up_in_float64():
    """2**24 + 1 is 2**24 in float32."""
    g = np.zeros(3 * 4096, np.float32)
    g[0], g[4096], g[8192] = 4096, 1, 1
    assert sum_of_squares(g) == 2**24 + 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ops.ACTIVATIONS)
def test_at_a_kink_the_subgradient_is_that_of_the_page(activation, dtype):
    b = np.array([0.0, 1e-30, -1e-30], dtype)
    x, W = np.zeros((1, 2), dtype), np.ones((2, 3), dtype)
    (y, cache), (wanted, reference_cache) = (room.layer_forward(x, W, b, activation) for room in (kernels, ops))
    np.testing.assert_allclose(y, wanted, rtol=1e-6)
    found, wanted = kernels.layer_backward(np.ones_like(y), cache), ops.layer_backward(np.ones_like(y), reference_cache)
    np.testing.assert_allclose(found[2], wanted[2], rtol=1e-6)
