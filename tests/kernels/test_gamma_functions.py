"""The gamma functions of the loops of counts against mpmath, and the loop that needs most of their digits."""

import mpmath
import numpy as np

from npvae import kernels
from npvae.kernels.gamma_functions import log_factorial_rest, rests
from npvae.kernels.jit import AS_WRITTEN, kernel

UNIT = 2.0**-52
POINTS = np.concatenate(
    [np.geomspace(1e-8, 1e8, 400), np.linspace(0.01, 12, 400), np.nextafter([8.0, 8.0], [0.0, 9.0])]
)


@kernel(AS_WRITTEN)
def rests_of(x: np.ndarray) -> np.ndarray:
    """Both numbers of `rests` and `log_factorial_rest`, for x (M,)."""
    found = np.empty((3, x.size))
    for i in range(x.size):
        found[0, i], found[1, i] = rests(x[i])
        found[2, i] = log_factorial_rest(x[i])
    return found


def exact_rests(x):
    with mpmath.workdps(60):
        x = mpmath.mpf(float(x))
        far = x * (mpmath.log(x) - 1)
        rest, slope = mpmath.loggamma(x) - far, mpmath.digamma(x) - mpmath.log(x)
        return float(rest), float(slope), float(mpmath.loggamma(x + 1) - far)


def test_what_stirling_leaves_is_within_some_units_of_mpmath():
    """A unit is that of 1 or of the value; the slope is used times r, so that r times it is what counts."""
    wanted = np.array([exact_rests(x) for x in POINTS]).T
    times = np.array([np.ones_like(POINTS), np.minimum(POINTS, 8), np.ones_like(POINTS)])
    units = times * np.abs(rests_of(POINTS) - wanted) / (UNIT * np.maximum(1, np.abs(wanted)))
    np.testing.assert_array_less(units.max(axis=1), [14, 14, 14])


def exact_negative_binomial(log_mean, log_r, x):
    with mpmath.workdps(60):
        mean, r, x = mpmath.exp(log_mean), mpmath.exp(log_r), mpmath.mpf(x)
        log_p, log_q = -mpmath.log(1 + mean / r), -mpmath.log(1 + r / mean)
        log_choose = mpmath.loggamma(r + x) - mpmath.loggamma(r) - mpmath.loggamma(x + 1)
        digammas = mpmath.digamma(r + x) - mpmath.digamma(r)
        return [float(-log_choose - r * log_p - x * log_q), float(r * (-log_p + (x - mean) / (r + mean) - digammas))]


def test_counts_near_0_and_r_near_1_cost_what_mpmath_says():
    """There the gamma functions are ten times as large as what is left of them."""
    rng = np.random.default_rng(0)
    log_mean, log_r = 0.01 * rng.standard_normal((2, 500, 1))
    x = np.abs(0.01 * rng.standard_normal((500, 1)))
    wanted = np.array([exact_negative_binomial(*map(float, row)) for row in np.hstack([log_mean, log_r, x])])
    nll, cache = kernels.negative_binomial_nll_forward(log_mean, log_r, x)
    dlog_r = kernels.negative_binomial_nll_backward(np.ones(500), cache)[1][:, 0]
    np.testing.assert_array_less(np.abs(np.stack([nll, dlog_r], axis=1) - wanted).max(axis=0), [14 * UNIT, 8 * UNIT])
