"""One-pass Adam and Adagrad equal the reference, keep NaN, and leave no denormal numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from npvae import ops
from npvae.kernels import optimizers

compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="as plain Python it takes a minute")
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    size=st.sampled_from([1, 2, 15, 16, 17, 63, 1000, 50_000, 140_001]),
    scale=st.sampled_from([1e-20, 1e-10, 1e-3, 1.0, 1e4]),
    betas=st.sampled_from([(0.9, 0.999), (0.0, 0.99), (0.5, 0.0)]),
    seed=st.integers(0, 2**31),
)
def test_adam_equals_the_reference_over_several_steps(dtype, size, scale, betas, seed):
    if config.DISABLE_JIT:
        size = min(size, 100)
    rng, lr = np.random.default_rng(seed), 1e-3
    p = rng.standard_normal(size).astype(dtype)
    kernel, reference = ([p.copy(), np.zeros_like(p), np.zeros_like(p)] for _ in range(2))
    reach = np.abs(p)  # with beta2 = 0 a gradient of 0 makes a huge step: what is rounded is its size, not where p ends
    for t in range(1, 4):
        g = (scale * rng.standard_normal(size)).astype(dtype)
        g[rng.random(size) < 0.2] = 0
        for update, (p, m, v) in ((optimizers.adam_update, kernel), (ops.adam_update, reference)):
            update(p, g, m, v, t, lr, betas, 1e-8)
        reach = np.maximum(reach, np.abs(reference[0]))
    assert (np.abs(kernel[0] - reference[0]) <= EPS[dtype] * (8 * reach + 64 * lr)).all()
    np.testing.assert_allclose(kernel[1], reference[1], rtol=8 * EPS[dtype], atol=4 * EPS[dtype] * scale)
    np.testing.assert_allclose(kernel[2], reference[2], rtol=8 * EPS[dtype], atol=1e-33)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    size=st.sampled_from([1, 15, 16, 17, 1000]), scale=st.sampled_from([1e-20, 1e-3, 1e4]), seed=st.integers(0, 2**31)
)
def test_adagrad_equals_the_reference_over_several_steps(dtype, size, scale, seed):
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(size).astype(dtype)
    kernel, reference = ([p.copy(), np.zeros_like(p)] for _ in range(2))
    for _ in range(3):
        g = (scale * rng.standard_normal(size)).astype(dtype)
        for update, (p, G) in ((optimizers.adagrad_update, kernel), (ops.adagrad_update, reference)):
            update(p, g, G, 1e-2, 1e-10)
    np.testing.assert_allclose(kernel[0], reference[0], rtol=8 * EPS[dtype], atol=1e-2 * 64 * EPS[dtype])
    np.testing.assert_allclose(kernel[1], reference[1], rtol=8 * EPS[dtype], atol=1e-33)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(poison):
    for size in (7, 140_000 if not config.DISABLE_JIT else 7):
        p, g, m, v = np.zeros((4, size), np.float32)
        g[5] = poison
        with np.errstate(invalid="ignore"):
            optimizers.adam_update(p, g, m, v, 1, 1e-3, (0.9, 0.999), 1e-8)
        assert np.isnan(p[5])
        assert np.isfinite(np.delete(p, 5)).all()


def test_a_tiny_epsilon_is_the_reference():
    """With eps below LEAST_EPS a gradient of 1e-20 still moves its parameter by lr."""
    p, m, v = np.zeros((3, 1))
    optimizers.adam_update(p, np.array([1e-20]), m, v, 1, 1e-3, (0.9, 0.999), 1e-30)
    np.testing.assert_allclose(p, -1e-3, rtol=1e-6)


@pytest.mark.parametrize("size", [7, pytest.param(140_000, marks=compiled)])
def test_no_moment_is_denormal_after_a_step(size):
    """Arithmetic on such numbers takes up to a hundred cycles each."""
    p, g, m, v = np.ones((4, size), np.float32)
    g *= np.float32(1e-41)
    m *= np.float32(1e-40)
    v *= np.float32(1e-41)
    optimizers.adam_update(p, g, m, v, 1, 1e-3, (0.9, 0.999), 1e-8)
    for moment in (m, v):
        assert (np.abs(moment[moment != 0]) >= np.finfo(np.float32).tiny).all()
