"""The polynomials in the loops against float64, over their whole domains, in units of the last place."""

import numpy as np
import pytest

from npvae.kernels import polynomials
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.polynomials64 import exp_and_expm1, log

exp, expm1, log1p = polynomials.exp, polynomials.expm1, polynomials.log1p


@kernel(AS_WRITTEN)
def all_three(x, e, exp_x, expm1_x, log1p_e):
    for i in range(x.size):
        exp_x[i] = exp(x[i])
        expm1_x[i] = expm1(x[i])
        log1p_e[i] = log1p(e[i])


def computed(x, e):
    results = [np.empty_like(x) for _ in range(3)]
    all_three(x, e, *results)
    return results


def ulps(found, exact):
    return np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float32)))


def test_float32_errors_in_ulp_over_the_whole_domain():
    from numba import config

    n = 2_000 if config.DISABLE_JIT else 1_000_000
    x = -np.concatenate([np.geomspace(1e-38, 87.3, n), np.linspace(0, 87.3, n)]).astype(np.float32)
    e = np.concatenate([np.geomspace(1.2e-38, 1, n), np.linspace(0, 1, n)]).astype(np.float32)
    exp_x, expm1_x, log1p_e = computed(x, e)
    assert ulps(exp_x, np.exp(x.astype(np.float64))) < 1.1
    assert ulps(expm1_x, np.expm1(x.astype(np.float64))) < 1.1
    assert ulps(log1p_e, np.log1p(e.astype(np.float64))) < 1.5


def test_float64_is_the_c_library():
    x, e = -np.geomspace(1e-300, 700, 1001), np.linspace(0, 1, 1001)
    exp_x, expm1_x, log1p_e = computed(x, e)
    np.testing.assert_allclose(exp_x, np.exp(x), rtol=4e-16)
    np.testing.assert_allclose(expm1_x, np.expm1(x), rtol=4e-16)
    np.testing.assert_allclose(log1p_e, np.log1p(e), rtol=4e-16)


def test_exp_gives_the_least_normal_float32_and_no_denormal_ones():
    """Arithmetic on those is slow."""
    x = np.array([polynomials.EXP_MIN, np.nextafter(polynomials.EXP_MIN, np.float32(-100)), -87.5, -88, -100], "f4")
    exp_x, expm1_x, _ = computed(x, np.zeros_like(x))
    tiny = np.finfo(np.float32).tiny
    assert tiny <= exp_x[0] < 1.01 * tiny
    np.testing.assert_array_equal(exp_x[1:], 0)
    np.testing.assert_array_equal(expm1_x, -1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ends_of_the_domain_and_nan(dtype):
    x = np.array([0.0, -0.0, -87.34, -1e4, -np.inf, np.nan], dtype)
    e = np.array([0.0, 1.0, 0.5, 0.0, 0.0, np.nan], dtype)
    exp_x, expm1_x, log1p_e = computed(x, e)
    tiny = np.finfo(np.float32).tiny  # what is smaller may become 0
    np.testing.assert_allclose(exp_x, np.exp(x.astype(np.float64)), rtol=2e-7, atol=tiny)
    np.testing.assert_allclose(expm1_x, np.expm1(x.astype(np.float64)), rtol=2e-7)
    np.testing.assert_allclose(log1p_e, np.log1p(e.astype(np.float64)), rtol=2e-7)


def test_the_ones_of_float64_in_ulp_over_the_whole_domain():
    from numba import config

    n = 1_000 if config.DISABLE_JIT else 200_000
    x = -np.concatenate([np.geomspace(1e-300, 708.3, n), np.linspace(0, 708.3, n)])
    y = np.concatenate([np.geomspace(2.3e-308, 1.7e308, n), np.linspace(0.4, 2.5, n)])
    exp_x, expm1_x, log_y = all_of_float64(x, y)
    for found, exact in ((exp_x, np.exp(x)), (expm1_x, np.expm1(x)), (log_y, np.log(y))):
        assert np.max(np.abs(found - exact) / np.spacing(np.abs(exact))) <= 2


def test_the_ones_of_float64_at_the_ends():
    exp_x, expm1_x, log_y = all_of_float64(np.array([-0.0, -709, -np.inf, np.nan]), np.array([1, np.inf, np.nan, 2]))
    np.testing.assert_array_equal(exp_x, [1, 0, 0, np.nan])
    np.testing.assert_array_equal(expm1_x, [0, -1, -1, np.nan])
    np.testing.assert_array_equal(log_y, [0, np.inf, np.nan, np.log(2)])


@kernel(AS_WRITTEN)
def one_after_the_other(x, y, exp_x, expm1_x, log_y):
    for i in range(x.size):
        exp_x[i], expm1_x[i] = exp_and_expm1(x[i])
        log_y[i] = log(y[i])


def all_of_float64(x, y):
    results = [np.empty_like(x) for _ in range(3)]
    one_after_the_other(x, y, *results)
    return results
