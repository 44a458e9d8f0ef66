"""When a twin computes: always for arrays of one float dtype, and never with the reference behind the caller's back."""

from inspect import signature

import numpy as np
import pytest
from numba import config

from npvae import kernels, ops
from npvae.kernels import optimizers
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.team import pools
from npvae.kernels.updates import sum_of_squares
from npvae.steps.buffers import aligned_empty

N, D, O = 6, 5, 4
CASES = {
    "dense": [(N, D), (D, O), (O,)],
    "layer": [(N, D), (D, O), (O,)],
    "bernoulli_nll": [(N, D), (N, D)],
    "binomial_nll": [(N, D), (N, D)],
    "poisson_nll": [(N, D), (N, D)],
    "negative_binomial_nll": [(N, D), (N, D), (N, D)],
    "negative_binomial_nll of features": [(N, D), (D,), (N, D)],
    "squared_error": [(N, D), (N, D)],
    "gaussian_nll": [(N, D), (N, D), (N, D)],
    "gaussian_nll of pixels": [(N, D), (D,), (N, D)],
    "gaussian_nll of a number": [(N, D), (), (N, D)],
    "gaussian_kl": [(N, D), (N, D)],
    "embedding": [np.zeros((N, D), int), (O, D)],
    "gru": [(N, D, O), (N, O), np.arange(N), (O, 3 * O), (O, 3 * O), (3 * O,), (3 * O,)],
    "sparse_matmul": [np.array([0, 2, 3]), np.array([1, 0, 1]), (3,), (2, O)],
    "gcn": [np.array([0, 2, 3]), np.array([1, 0, 1]), (3,), (2, D), (D, O)],
    "inner_product_nll": [np.array([0, 2, 3]), np.array([1, 0, 1]), (2, O)],
    "sampled_inner_product_nll": [np.array([0, 2, 3]), np.array([1, 0, 1]), np.array([0, 1]), (2, O)],
    "masked_categorical_nll": [(N, D, O), np.zeros((N, D), int), np.arange(N)],
}
PARAMETERS = {
    "dense",
    "layer",
    "embedding",
    "gru",
    "sparse_matmul",
    "gcn",
}  # whose gradients have a place in those of a model


def refuse(*_):
    raise AssertionError("the reference was called")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_floats_of_one_dtype_are_not_left_to_the_reference(monkeypatch, case, dtype):
    name = case.partition(" ")[0]
    for direction in ("backward",) if name == "embedding" else ("forward", "backward"):
        monkeypatch.setattr(ops, f"{name}_{direction}", refuse)
    arrays = [half(shape, dtype) for shape in CASES[case]]
    y, cache = getattr(kernels, f"{name}_forward")(*arrays)
    getattr(kernels, f"{name}_backward")(np.ones_like(y), cache)


def half(shape, dtype):
    """An array of this shape; ids and lengths are given as they are."""
    return np.full(shape, 0.5, dtype) if isinstance(shape, tuple) else shape


def arrays_in(cache):
    return [a for part in cache for a in (arrays_in(part) if isinstance(part, tuple) else [part])]


@pytest.mark.parametrize("case", CASES)
def test_what_is_large_comes_from_new_and_place_or_was_handed_in(case):
    """Else reused buffers would not spare the memory."""
    name, made = case.partition(" ")[0], []
    shapes = CASES[case]
    given = [half(shape, np.float32) for shape in shapes]

    def make(shape, dtype):
        made.append(np.empty(shape, dtype))
        return made[-1]

    forward, backward = (getattr(kernels, f"{name}_{direction}") for direction in ("forward", "backward"))
    wheres = {"new": make, "place": lambda parameter: make(parameter.shape, parameter.dtype)}
    told = [{k: w for k, w in wheres.items() if k in signature(f).parameters} for f in (forward, backward)]
    assert ("place" in told[1]) == (name in PARAMETERS)
    y, cache = forward(*given, **told[0])
    gradients = backward(np.ones_like(y), cache, **told[1])
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    for array in (y, *arrays_in(cache), *gradients):
        if isinstance(array, np.ndarray) and array.size > 1 and array.dtype.kind == "f":
            assert any(array is known or array.base is known for known in (*made, *given)) or name == "embedding"


def test_large_images_are_the_teams_with_the_same_result(monkeypatch):
    if not config.DISABLE_JIT:
        monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    rng, done, run = np.random.default_rng(0), [], pools.team.run
    monkeypatch.setattr(pools.team, "run", lambda job, *arguments: (done.append(job), run(job, *arguments)))
    for rows in (9, 10):
        logits, x = rng.standard_normal((rows, 5_000)).astype("f4"), rng.random((rows, 5_000)).astype("f4")
        (nll, cache), (wanted, reference) = (room.bernoulli_nll_forward(logits, x) for room in (kernels, ops))
        np.testing.assert_allclose(nll, wanted, rtol=1e-5)
        dnll = rng.standard_normal(rows).astype("f4")
        gradients = [room.bernoulli_nll_backward(dnll, c) for room, c in ((kernels, cache), (ops, reference))]
        np.testing.assert_allclose(*gradients, rtol=0, atol=1e-6)
    assert len(done) == (0 if config.DISABLE_JIT else 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimisers_are_not_left_to_the_reference(monkeypatch, dtype):
    monkeypatch.setattr(ops, "adam_update", refuse)
    monkeypatch.setattr(ops, "adagrad_update", refuse)
    p, g, m, v = np.ones((4, 3), dtype)
    optimizers.adam_update(p, g, m, v, 1, 1e-3, (0.9, 0.999), 1e-10)
    optimizers.adagrad_update(p, g, v, 1e-2, 1e-10)
    for eps, buffers in ((1e-11, (p, g, m, v)), (1e-8, (p, g.astype(np.float16), m, v))):
        with pytest.raises(AssertionError, match="the reference"):
            optimizers.adam_update(*buffers, 1, 1e-3, (0.9, 0.999), eps)
        with pytest.raises(AssertionError, match="the reference"):
            optimizers.adagrad_update(*buffers[:2], v, 1e-2, eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_least_gradient_that_is_squared_has_the_least_square(dtype):
    least, root = optimizers.least_of(np.dtype(dtype))
    assert least > np.finfo(dtype).tiny
    assert root * root == pytest.approx(least, rel=1e-6, abs=0)


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
