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
    |t| <= 1/2 and zeta(k) - 1 is about 2**-k, so what is left out is below 2**-58 and 2**-57. From 2 + t the recurrences
    gamma(x + 1) = x * gamma(x) and digamma(x + 1) = digamma(x) + 1 / x lead to x, through factors t + k that are exact:
    at most 6, whose product has a relative error of 5 u / 2, which is an absolute one of its log. x near 1 and near 2,
    where lgamma is 0, keep all digits: t stands before the series, and log(x) is log1p(t).

x < 1/2: the same, with n = 0 and t = x. -log(x) and -1 / x dominate, and are right to u.

All in all below 4 u * max(1, |value|), as tests/ops/test_gamma_functions.py finds with mpmath.

Abramowitz & Stegun (1964), 6.1.33, 6.1.41, 6.3.14, 6.3.18; Loader (2000), "Fast and accurate computation of binomial
probabilities", for the last two functions.
"""

import numpy as np

STIRLING_FROM = 8.0
HALF_LOG_2PI = 0.91893853320467274178
ONE_MINUS_GAMMA = 0.42278433509846713939  # Euler's constant gamma

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)  # B[2], B[4], ...
LGAMMA_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI[:8], 1))
DIGAMMA_STIRLING = tuple(b / (2 * k) for k, b in enumerate(BERNOULLI, 1))

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
DIGAMMA_AT_2 = (ONE_MINUS_GAMMA, *((-1) ** k * z for k, z in enumerate(ZETA_MINUS_1, 2)))  # lowest power first
LGAMMA_AT_2 = tuple(c / k for k, c in enumerate(DIGAMMA_AT_2, 1))  # of lgamma(2 + t) / t

ATANH = tuple(1 / (2 * k + 3) for k in range(10))  # (atanh(v) - v) / v**3 in powers of v**2


def lgamma(x: np.ndarray) -> np.ndarray:
    """Log of the gamma function of x > 0 of any shape, in the dtype of x; inf at 0 and at inf."""
    x64, small, n, t = _near_2(x)
    factors = np.ones_like(x64)
    for k in range(2, 8):
        factors *= np.where(n > k, t + k, 1)
    near = t * _polynomial(LGAMMA_AT_2, t) + np.log(factors)
    near -= np.where(n < 2, np.log1p(t), 0) + np.log(np.where(n < 1, x64, 1))
    far = np.where(small, STIRLING_FROM, x64)
    far = (far - 0.5) * (np.log(far) - 1) + (HALF_LOG_2PI - 0.5) + _polynomial(LGAMMA_STIRLING, far**-2.0) / far
    return np.where(small, near, far).astype(np.result_type(x))


def digamma(x: np.ndarray) -> np.ndarray:
    """Derivative of lgamma at x > 0 of any shape, in the dtype of x; -inf at 0."""
    x64, small, near = _digamma_near(x)
    far = np.where(small, STIRLING_FROM, x64)
    return np.where(small, near, np.log(far) + _digamma_rest_far(far)).astype(np.result_type(x))


def lgamma_rest(x: np.ndarray) -> np.ndarray:
    """lgamma(x) - (x * log(x) - x) for x > 0, which tends to log(2 * pi / x) / 2: small where lgamma is huge."""
    x64 = np.asarray(x, float)
    small = x64 < STIRLING_FROM
    near = np.where(small, x64, 1)
    far = np.where(small, STIRLING_FROM, x64)
    far = HALF_LOG_2PI - np.log(far) / 2 + _polynomial(LGAMMA_STIRLING, far**-2.0) / far
    return np.where(small, lgamma(near) - near * (np.log(near) - 1), far).astype(np.result_type(x))


def digamma_rest(x: np.ndarray) -> np.ndarray:
    """digamma(x) - log(x) for x > 0, the derivative of `lgamma_rest`, which tends to -1 / (2 x)."""
    x64, small, near = _digamma_near(x)
    near = near - np.log(np.where(small, x64, 1))
    return np.where(small, near, _digamma_rest_far(np.where(small, STIRLING_FROM, x64))).astype(np.result_type(x))


def log1pmx(z: np.ndarray) -> np.ndarray:
    """log1p(z) - z for z > -1: about -z**2 / 2 near 0, where the difference would lose its digits.

    With v = z / (2 + z), log1p(z) = 2 atanh(v) and z - 2 v = v z.
    """
    v = z / (2 + z)
    near = 2 * v**3 * _polynomial(ATANH, v * v) - v * z
    return np.where(np.abs(z) < 0.25, near, np.log1p(np.where(np.abs(z) < 0.25, 0, z)) - z)


def _near_2(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x in float64, where it is small, and there its nearest integer n and t = x - n (elsewhere 2 and 0)."""
    x64 = np.asarray(x, float)
    small = x64 < STIRLING_FROM
    near = np.where(small, x64, 2)
    n = np.rint(near)
    return x64, small, n, near - n


def _digamma_near(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x64, small, n, t = _near_2(x)
    near = _polynomial(DIGAMMA_AT_2, t)
    for k in range(2, 8):
        near += np.where(n > k, 1 / (t + k), 0)
    near -= np.where(n < 2, 1 / (1 + t), 0) + np.where(n < 1, 1 / np.where(n < 1, x64, 1), 0)
    return x64, small, near


def _digamma_rest_far(x: np.ndarray) -> np.ndarray:
    w = x**-2.0
    return -0.5 / x - w * _polynomial(DIGAMMA_STIRLING, w)


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Horner's scheme; coefficients of the lowest power first."""
    y = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        y *= x
        y += c
    return y
