"""lgamma and digamma of x > 0, what Stirling's formula leaves of them, and log1p(z) - z: for likelihoods of counts.

Three ways, by x. Errors are in float64 and in units of u = 2**-52; float32 is computed in float64 and rounded once.

x >= 8, Stirling's series:
    lgamma(x) = (x - 1/2) * log(x) - x + log(2 * pi) / 2 + sum(B[2 k] / (2 k * (2 k - 1) * x**(2 k - 1)), k = 1 .. 8)
    digamma(x) = log(x) - 1 / (2 x) - sum(B[2 k] / (2 k * x**(2 k)), k = 1 .. 9)
    with Bernoulli's numbers B. For x > 0 the error is smaller than the first term left out: 8e-17 and 3e-17 at x = 8.
    Rounding: log(x) is right to u / 2 of itself or a little more, and (x - 1/2) * (log(x) - 1) carries it into a
    result that is at least half as large as x * log(x): below 3 u of lgamma(x).

1/2 <= x < 8 and an integer n nearest to x, t = x - n, which is exact: Taylor's series at 2,
    lgamma(2 + t) = (1 - gamma) * t + sum((-1)**k * (zeta(k) - 1) * t**k / k, k = 2 .. 28)
    digamma(2 + t), its derivative.
    |t| <= 1/2 and zeta(k) - 1 is about 2**-k, so what is left out is below 2**-58 and 2**-57. The recurrences
    gamma(x + 1) = x * gamma(x) and digamma(x + 1) = digamma(x) + 1 / x lead from 2 + t to x, through factors t + k that
    are exact: at most 6, whose product has a relative error of 5 u / 2, which is an absolute one of its log. x near 1
    and near 2, where lgamma is 0, keep all digits: t stands before the series, and log(x) is log1p(t).

x < 1/2: the same, with n = 0 and t = x. -log(x) and -1 / x dominate, and are right to u.

All in all below 4 u * max(1, |value|), as tests/ops/test_gamma_functions.py finds with mpmath.

Abramowitz & Stegun (1964), 6.1.33, 6.1.41, 6.3.14, 6.3.18; Loader (2000), "Fast and accurate computation of binomial
probabilities", for the last two functions.
"""

from collections.abc import Callable, Sequence

import numpy as np

STIRLING_FROM = 8.0
HALF_LOG_2PI = 0.91893853320467274178
ONE_MINUS_GAMMA = 0.42278433509846713939  # Euler's constant gamma

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)  # B[2], B[4], ...

ZETA_MINUS_1 = (  # zeta(k) - 1 for k = 2 .. 28
    0.6449340668482264,
    0.2020569031595943,
    0.08232323371113819,
    0.03692775514336993,
    0.01734306198444914,
    0.008349277381922827,
    0.00407735619794434,
    0.0020083928260822143,
    0.0009945751278180853,
    0.0004941886041194645,
    0.0002460865533080483,
    0.00012271334757848915,
    6.124813505870483e-05,
    3.058823630702049e-05,
    1.528225940865187e-05,
    7.637197637899763e-06,
    3.81729326499984e-06,
    1.908212716553939e-06,
    9.539620338727962e-07,
    4.769329867878064e-07,
    2.38450502727733e-07,
    1.1921992596531106e-07,
    5.960818905125948e-08,
    2.980350351465228e-08,
    1.4901554828365043e-08,
    7.45071178983543e-09,
    3.725334024788457e-09,
)
BLOCK = 6  # powers of x at a time in a polynomial: a third of the passes over an array that Horner's scheme takes


def _in_blocks(coefficients: Sequence[float]) -> np.ndarray:
    """Coefficients, lowest power first, in rows of six, the last filled up with zeros."""
    return np.array([*coefficients, *[0.0] * (-len(coefficients) % BLOCK)]).reshape(-1, BLOCK)


LGAMMA_STIRLING = _in_blocks([b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI[:8], 1)])
DIGAMMA_STIRLING = _in_blocks([b / (2 * k) for k, b in enumerate(BERNOULLI, 1)])
AT_2 = [ONE_MINUS_GAMMA, *((-1) ** k * z for k, z in enumerate(ZETA_MINUS_1, 2))]
DIGAMMA_AT_2 = _in_blocks(AT_2)
LGAMMA_AT_2 = _in_blocks([c / k for k, c in enumerate(AT_2, 1)])  # of lgamma(2 + t) / t
ATANH = _in_blocks([1 / (2 * k + 3) for k in range(10)])  # (atanh(v) - v) / v**3 in powers of v**2
STEPS = np.arange(2.0, 8.0)[:, np.newaxis]  # k of the factors t + k


def lgamma(x: np.ndarray) -> np.ndarray:
    """Log of the gamma function of x > 0 of any shape, in the dtype of x; inf at 0 and at inf."""
    return _by_size(x, _lgamma_near, lambda x: (x - 0.5) * (np.log(x) - 1) + (HALF_LOG_2PI - 0.5) + _binet(x))


def digamma(x: np.ndarray) -> np.ndarray:
    """Derivative of lgamma at x > 0 of any shape, in the dtype of x; -inf at 0."""
    return _by_size(x, _digamma_near, lambda x: np.log(x) + _digamma_rest_far(x))


def lgamma_rest(x: np.ndarray) -> np.ndarray:
    """lgamma(x) - (x * log(x) - x) for x > 0, which tends to log(2 * pi / x) / 2: small where lgamma is huge."""
    return _by_size(
        x,
        lambda x: _lgamma_near(x) - x * (np.log(x) - 1),
        lambda x: HALF_LOG_2PI - np.log(x) / 2 + _binet(x),
    )


def log_factorial_rest(x: np.ndarray) -> np.ndarray:
    """lgamma(x + 1) - (x * log(x) - x) for x > 0, which tends to log(2 * pi * x) / 2: `lgamma_rest` and log(x).

    Their sum would lose digits for x below 1, where each is large.
    """
    return _by_size(
        x,
        lambda x: lgamma(x + 1) - x * (np.log(x) - 1),
        lambda x: HALF_LOG_2PI + np.log(x) / 2 + _binet(x),
    )


def digamma_rest(x: np.ndarray) -> np.ndarray:
    """digamma(x) - log(x) for x > 0, the derivative of `lgamma_rest`, which tends to -1 / (2 x)."""
    return _by_size(x, lambda x: _digamma_near(x) - np.log(x), _digamma_rest_far)


def log1pmx(z: np.ndarray) -> np.ndarray:
    """log1p(z) - z for z > -1: about -z**2 / 2 near 0, where the difference would lose its digits.

    With v = z / (2 + z), log1p(z) = 2 atanh(v) and z - 2 v = v z.
    """
    small = np.abs(z) < 0.25
    near = np.where(small, z, 0)
    v = near / (2 + near)
    series = 2 * v**3 * _polynomial(ATANH, (v * v).ravel()).reshape(v.shape) - v * near
    return np.where(small, series, np.log1p(z) - z).astype(np.result_type(z), copy=False)


def _by_size(x: np.ndarray, near: Callable, far: Callable) -> np.ndarray:
    """near(x) where x < 8, far(x) elsewhere, computed in float64 and for those entries alone, in the dtype of x."""
    x64 = np.asarray(x, float).ravel()
    small = x64 < STIRLING_FROM
    if small.all():
        y = near(x64)
    else:
        y = np.empty_like(x64)
        y[small], y[~small] = near(x64[small]), far(x64[~small])
    return y.reshape(np.shape(x)).astype(np.result_type(x), copy=False)


def _lgamma_near(x: np.ndarray) -> np.ndarray:
    n = np.rint(x)
    t = x - n
    factors = np.where(n > STEPS, t + STEPS, 1).prod(axis=0)
    below = np.where(n < 2, np.log1p(t), 0) + np.log(np.where(n < 1, x, 1))
    return t * _polynomial(LGAMMA_AT_2, t) + (np.log(factors) - below)


def _digamma_near(x: np.ndarray) -> np.ndarray:
    n = np.rint(x)
    t = x - n
    above = np.where(n > STEPS, 1 / (t + STEPS), 0).sum(axis=0)
    below = np.where(n < 2, 1 / (1 + t), 0) + np.where(n < 1, 1 / x, 0)
    return _polynomial(DIGAMMA_AT_2, t) + above - below


def _binet(x: np.ndarray) -> np.ndarray:
    return _polynomial(LGAMMA_STIRLING, x**-2.0) / x


def _digamma_rest_far(x: np.ndarray) -> np.ndarray:
    w = x**-2.0
    return -0.5 / x - w * _polynomial(DIGAMMA_STIRLING, w)


def _polynomial(blocks: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The polynomial of these coefficients at x (M,): all blocks at once, then Horner's scheme in x**6."""
    powers = np.empty((BLOCK, x.size))
    powers[0] = 1
    for k in range(1, BLOCK):
        np.multiply(powers[k - 1], x, out=powers[k])
    sums = blocks @ powers
    y, x6 = sums[-1], powers[-1] * x
    for block in sums[-2::-1]:
        y = y * x6 + block
    return y
