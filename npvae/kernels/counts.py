"""The loops of the likelihoods of counts: value and slopes in one pass.

Most counts in most tables are 0, and what 0 costs is short: it is computed for a whole row as vectors, whatever stands
there. The entries that are not 0 are gathered in a short row and follow in float64, by the formulas on the pages: as
vectors too, because no function in that loop branches or is the C library's.
"""

import numpy as np
from numba.extending import register_jitable

from npvae.kernels.gamma_functions import lgamma, log1pmx, log_factorial_rest, rests
from npvae.kernels.jit import AS_WRITTEN, SUMS, kernel
from npvae.kernels.polynomials import exp, log1p
from npvae.kernels.polynomials64 import exp_and_expm1, log
from npvae.ops import gamma_functions as reference

KNOWN = 1024  # counts below it are looked up: most are, and they depend on the data alone
_COUNTS = np.maximum(np.arange(KNOWN), 1.0)
LOGS = np.log(_COUNTS)
LEAST_NLLS = reference.log_factorial_rest(_COUNTS)  # of a Poisson, by its count

WIDTH = 64  # counts that are gathered at a time, in one array whose columns follow each other
COUNT, LOG, LEAST, MEAN, R, LOG_R, REST_R, SLOPE_R, VALUE, SLOPE, OTHER = range(0, 11 * WIDTH, WIDTH)


@kernel(SUMS)
def poisson_values(log_rate: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """nll (N,) and residual = exp(log_rate) - x (N, D)."""
    zero, one = log_rate.dtype.type(0), log_rate.dtype.type(1)
    some, at = room()
    for n in range(log_rate.shape[0]):
        an, xn, rn = log_rate[n], x[n], residual[n]
        total = zero
        for d in range(an.size):
            e = exp(-abs(an[d]))
            rate = one / e if an[d] > zero else e
            rn[d] = rate
            total += rate if xn[d] == zero else zero
        rest, d = 0.0, 0
        while d < xn.size:
            K, d = gather_counts(xn, d, at, some)
            for i in range(K):
                some[MEAN + i] = an[at[i]]
            for i in range(WIDTH):
                _poisson_of_some(i, some)
            for i in range(K):
                rn[at[i]] = some[SLOPE + i]
                rest += some[VALUE + i]
        nll[n] = total + rest


@register_jitable
def room() -> tuple[np.ndarray, np.ndarray]:
    """Where counts are gathered, harmless numbers until then, and where in a row each stood."""
    return np.ones(11 * WIDTH), np.empty(WIDTH, np.int64)


@register_jitable(fastmath=AS_WRITTEN)
def gather_counts(x: np.ndarray, start: int, at: np.ndarray, some: np.ndarray) -> tuple[int, int]:
    """Gather what is not 0 in the row x (D,) from `start` on: up to WIDTH counts, and what depends on them alone.

    Returns how many they are, and where to go on. What stood in `some` behind them is computed with once more, for
    nothing: a loop of known length over one array is what LLVM makes vectors of.
    """
    K, d = 0, start
    while d < x.size and K < WIDTH:
        if x[d] != 0:
            k = np.float64(x[d])
            at[K], some[COUNT + K] = d, k
            if 0 < k < KNOWN and k == np.floor(k):
                some[LOG + K], some[LEAST + K] = LOGS[int(k)], LEAST_NLLS[int(k)]
            else:
                some[LOG + K], some[LEAST + K] = np.log(k), log_factorial_rest(k)
            K += 1
        d += 1
    return K, d


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def _poisson_of_some(i: int, some: np.ndarray) -> None:
    """VALUE, the nll, and SLOPE, its slope in MEAN, of the count i."""
    x = some[COUNT + i]
    u = some[MEAN + i] - some[LOG + i]
    e, minus_t = exp_and_expm1(-abs(u))
    up = -minus_t / e
    z = up if u > 0 else minus_t  # exp(u) - 1
    near = -log1pmx(z)
    some[VALUE + i] = some[LEAST + i] + x * (z - u if z < -0.5 else near)
    some[SLOPE + i] = x * z


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
def of_dispersions(log_r: np.ndarray) -> np.ndarray:
    """r, and the two numbers of `rests(r)`, for log_r (D,): what depends on them alone, once for all samples."""
    known = np.empty((3, log_r.size))
    r, rest, slope = known[0], known[1], known[2]
    for d in range(r.size):
        r[d] = np.exp(np.float64(log_r[d]))
    for d in range(r.size):
        rest[d], slope[d] = rests(r[d])
    return known


@kernel(SUMS)
def negative_binomial_values(
    log_mean: np.ndarray,
    log_r: np.ndarray,
    known: np.ndarray,
    x: np.ndarray,
    nll: np.ndarray,
    dlog_mean: np.ndarray,
    dlog_r: np.ndarray,
    shared: bool,
) -> None:
    """nll (N,) and its slopes (N, D) in log_mean and log_r; log_r has N rows, or if shared 1 that serves all.

    known is what `of_dispersions` makes of a shared log_r; else its rows are empty.
    """
    zero, one, small = log_mean.dtype.type(0), log_mean.dtype.type(1), log_mean.dtype.type(1 / 32)
    D = log_mean.shape[1]
    r_of = np.exp(log_r)
    some, at = room()
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
        rest, d = 0.0, 0
        while d < D:
            K, d = gather_counts(xn, d, at, some)
            for i in range(K):
                some[MEAN + i], some[LOG_R + i] = mn[at[i]], ln[at[i]]
                some[R + i] = known[0, at[i]] if shared else np.exp(np.float64(ln[at[i]]))
                if shared:
                    some[REST_R + i], some[SLOPE_R + i] = known[1, at[i]], known[2, at[i]]
            if not shared:
                for i in range(WIDTH):
                    some[REST_R + i], some[SLOPE_R + i] = rests(some[R + i])
            for i in range(WIDTH):
                _negative_binomial_of_some(i, some)
            for i in range(K):
                jn[at[i]], sn[at[i]] = some[SLOPE + i], some[OTHER + i]
                rest += some[VALUE + i]
        nll[n] = total + rest


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def _rest_of_log(q: float, one: float) -> float:
    """(-log(1 - q) - q) / q**2 = 1/2 + q / 3 + q**2 / 4 ... for 0 <= q <= 1/32, right to 2e-13; one has q's dtype."""
    y = one / np.float32(9)
    for k in range(8, 1, -1):
        y = y * q + one / np.float32(k)
    return y


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def _negative_binomial_of_some(i: int, some: np.ndarray) -> None:
    """VALUE, the nll, SLOPE, its slope in MEAN, and OTHER, that in LOG_R, of the count i."""
    x, r = some[COUNT + i], some[R + i]
    a, u = some[MEAN + i] - some[LOG_R + i], some[MEAN + i] - some[LOG + i]
    e = exp_and_expm1(-abs(a))[0]
    larger = 1 / (1 + e)
    smaller = e * larger
    p, q = (smaller if a > 0 else larger), (larger if a > 0 else smaller)
    t = -exp_and_expm1(-abs(u))[1]
    above, below = r * q * t, -x * p * t
    j = above if u > 0 else below
    z_r, z_x = -j / r, j / x
    near_r, near_x = -log1pmx(z_r), -log1pmx(z_x)
    far_r = z_r - (log(larger * (1 + x / r)) - (a if a > 0 else 0.0))  # 1 + z_r = p (1 + x / r)
    far_x = z_x - (log(1 + z_r) + u)
    h_r, h_x = (near_r if z_r >= -0.5 else far_r), (near_x if z_x >= -0.5 else far_x)
    rest, slope = rests(r + x)
    some[VALUE + i] = some[LEAST + i] + r * h_r + x * h_x + (some[REST_R + i] - rest)
    some[SLOPE + i] = j
    some[OTHER + i] = r * (h_r + (some[SLOPE_R + i] - slope))
