"""The loops of the likelihoods of counts: value and slopes in one pass.

Most counts in most tables are 0, and what 0 costs is short: it is computed for a whole row as vectors, whatever stands
there. The entries that are not 0 follow one by one, in float64, by the formulas on the pages.
"""

import numpy as np
from numba.extending import register_jitable

from npvae.kernels.gamma_functions import lgamma, lgamma_rest, log1pmx, rests
from npvae.kernels.jit import AS_WRITTEN, SUMS, kernel
from npvae.kernels.polynomials import exp, log1p
from npvae.ops import gamma_functions as reference

KNOWN = 1024  # counts below it are looked up: most are, and they depend on the data alone
_COUNTS = np.maximum(np.arange(KNOWN), 1.0)
LOGS = np.log(_COUNTS)
LEAST_NLLS = reference.lgamma_rest(_COUNTS) + LOGS  # of a Poisson, by its count


@kernel(SUMS)
def poisson_values(log_rate: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """nll (N,) and residual = exp(log_rate) - x (N, D)."""
    zero, one = log_rate.dtype.type(0), log_rate.dtype.type(1)
    for n in range(log_rate.shape[0]):
        an, xn, rn = log_rate[n], x[n], residual[n]
        total = zero
        for d in range(an.size):
            e = exp(-abs(an[d]))
            rate = one / e if an[d] > zero else e
            rn[d] = rate
            total += rate if xn[d] == zero else zero
        rest = np.float64(total)
        for d in range(an.size):
            if xn[d] != zero:
                value, slope = _poisson_of_some(np.float64(an[d]), np.float64(xn[d]))
                rest += value
                rn[d] = slope
        nll[n] = rest


@register_jitable(fastmath=AS_WRITTEN)
def _of_count(x: float) -> tuple[float, float]:
    """log(x) and the nll of the count x at rate x, for x > 0."""
    if 0 < x < KNOWN and x == np.floor(x):
        return LOGS[int(x)], LEAST_NLLS[int(x)]
    log_x = np.log(x)
    return log_x, lgamma_rest(x) + log_x


@register_jitable(fastmath=AS_WRITTEN)
def _poisson_of_some(a: float, x: float) -> tuple[float, float]:
    log_x, least = _of_count(x)
    u = a - log_x
    z = np.expm1(u)
    off = z - u if z < -0.5 else -log1pmx(z)
    return least + x * off, x * z


@kernel(SUMS)
def binomial_values(
    logits: np.ndarray, x: np.ndarray, log_c: np.ndarray, nll: np.ndarray, residual: np.ndarray
) -> None:
    """nll (N,) and residual = trials * sigmoid(logits) - x (N, D); log_c has the log coefficient of every count."""
    zero, one = logits.dtype.type(0), logits.dtype.type(1)
    trials = log_c.size - 1
    times = logits.dtype.type(trials)
    for n in range(logits.shape[0]):
        an, xn, rn = logits[n], x[n], residual[n]
        total = zero
        for d in range(an.size):
            a = an[d]
            e = exp(-abs(a))
            total += times * (zero if a <= zero else a) - xn[d] * a + times * log1p(e)
            larger = one / (one + e)
            rn[d] = times * (larger if a >= zero else e * larger) - xn[d]
        rest = 0.0
        for d in range(an.size):
            k = np.float64(xn[d])
            if k >= 0 and k <= trials and k == np.floor(k):
                rest += log_c[int(k)]
            else:
                rest += lgamma(trials + 1.0) - lgamma(k + 1) - lgamma(trials - k + 1)
        nll[n] = total - rest


@kernel(SUMS)
def negative_binomial_values(
    log_mean: np.ndarray,
    log_r: np.ndarray,
    x: np.ndarray,
    nll: np.ndarray,
    dlog_mean: np.ndarray,
    dlog_r: np.ndarray,
    shared: bool,
) -> None:
    """nll (N,) and its slopes (N, D) in log_mean and log_r; log_r has N rows, or if shared 1 that serves all."""
    zero, one, small = log_mean.dtype.type(0), log_mean.dtype.type(1), log_mean.dtype.type(1 / 32)
    D = log_mean.shape[1]
    r_of = np.exp(log_r)
    known = np.empty((3, D if shared else 0))  # what takes r alone: once for all samples
    for d in range(known.shape[1]):
        known[0, d] = np.exp(np.float64(log_r[0, d]))
        known[1, d], known[2, d] = rests(known[0, d])
    for n in range(log_mean.shape[0]):
        row = 0 if shared else n
        mn, ln, rn, xn, jn, sn = log_mean[n], log_r[row], r_of[row], x[n], dlog_mean[n], dlog_r[n]
        total = zero
        for d in range(D):
            a = mn[d] - ln[d]
            e = exp(-abs(a))
            larger = one / (one + e)
            q = larger if a > zero else e * larger
            minus_log_p = (zero if a <= zero else a) + log1p(e)
            jn[d] = rn[d] * q
            series = q * q * _rest_of_log(q, one)  # -log(1 - q) - q where it would lose digits
            sn[d] = rn[d] * (series if q < small else minus_log_p - q)
            total += rn[d] * minus_log_p if xn[d] == zero else zero
        rest = np.float64(total)
        for d in range(D):
            if xn[d] != zero:
                r = known[0, d] if shared else np.exp(np.float64(ln[d]))
                rest_r, slope_r = (known[1, d], known[2, d]) if shared else rests(r)
                value, j, s = _negative_binomial_of_some(np.float64(mn[d]), np.float64(ln[d]), r, np.float64(xn[d]))
                rest += value + rest_r
                jn[d], sn[d] = j, r * (s + slope_r)
        nll[n] = rest


@register_jitable(fastmath=AS_WRITTEN)
def _rest_of_log(q: float, one: float) -> float:
    """(-log(1 - q) - q) / q**2 = 1/2 + q / 3 + q**2 / 4 ... for 0 <= q <= 1/32, right to 2e-13; one has q's dtype."""
    y = one / np.float32(9)
    for k in range(8, 1, -1):
        y = y * q + one / np.float32(k)
    return y


@register_jitable(fastmath=AS_WRITTEN)
def _negative_binomial_of_some(log_mean: float, log_r: float, r: float, x: float) -> tuple[float, float, float]:
    """The nll less lgamma_rest(r), its slope in log_mean, and 1 / r of that in log_r less digamma_rest(r)."""
    a = log_mean - log_r
    log_x, least = _of_count(x)
    u = log_mean - log_x
    e = np.exp(-abs(a))
    p, q = (e / (1 + e), 1 / (1 + e)) if a > 0 else (1 / (1 + e), e / (1 + e))
    t = -np.expm1(-abs(u))
    j = r * q * t if u > 0 else -x * p * t
    z_r, z_x = -j / r, j / x
    h_r = -log1pmx(z_r) if z_r >= -0.5 else z_r - (np.log1p(z_x) - u)
    h_x = -log1pmx(z_x) if z_x >= -0.5 else z_x - (np.log1p(z_r) + u)
    rest, slope = rests(r + x)
    return r * h_r + x * h_x - rest + least, j, h_r - slope
