"""Twins of `npvae.ops.gamma_functions`, one number at a time and in float64, for the loops of counts."""

import numpy as np
from numba.extending import register_jitable

from npvae.kernels.jit import AS_WRITTEN
from npvae.kernels.polynomials64 import log
from npvae.ops import gamma_functions as reference
from npvae.ops.gamma_functions import HALF_LOG_2PI, STIRLING_FROM

LGAMMA_AT_2 = tuple(reference.LGAMMA_AT_2.ravel()[27::-1])  # highest power first, as Horner's scheme takes them
LGAMMA_STIRLING = tuple(reference.LGAMMA_STIRLING.ravel()[7::-1])
DIGAMMA_STIRLING = tuple(reference.DIGAMMA_STIRLING.ravel()[8::-1])
E_TO_MINUS_8 = float(np.exp(-8.0))
ATANH = tuple(reference.ATANH.ravel()[9::-1])


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    y = 0.0
    for c in coefficients:
        y = y * x + c
    return y


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def lgamma(x: float) -> float:
    """Log of the gamma function of x > 0."""
    if not x < STIRLING_FROM:
        return (x - 0.5) * (np.log(x) - 1) + (HALF_LOG_2PI - 0.5) + _polynomial(LGAMMA_STIRLING, 1 / (x * x)) / x
    n = np.rint(x)
    t = x - n
    factors = 1.0
    for k in range(2, 8):
        factors *= t + k if k < n else 1.0
    y = t * _polynomial(LGAMMA_AT_2, t)
    if n > 2:
        y += np.log(factors)
    elif n < 2:
        y -= np.log1p(t)
    return y - np.log(x) if n < 1 else y


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def rests(x: float) -> tuple[float, float]:
    """lgamma(x) - (x * log(x) - x) and its derivative, digamma(x) - log(x), for x > 0.

    Below 8 by Stirling's series at y = x + 8 and the recurrences over eight steps: Taylor's long series, whose terms
    wait for each other, would take three times as long. What is large there cancels inside a logarithm,
        rest(x) = rest(y) + x * log(y / x) + log((y / e)**8 / (x (x + 1) ... (x + 7))),
    whose slope in y is that of rest(y) and 1: it mends what rounding took from y. Both ways are always computed and
    one is taken, so that a loop around this becomes vector instructions.
    """
    far = not x < STIRLING_FROM
    near = 1.0 if far else x
    y = x if far else x + 8
    w = 1 / (y * y)
    v = near * (near + 7)  # (x + k) (x + 7 - k) = v + k (7 - k)
    b = (v + 10) * (v + 12)
    inner = (v + 6) * b
    product = v * inner  # x (x + 1) ... (x + 7)
    steps = (2 * near + 7) * (b + (v + 6) * (2 * v + 22)) / inner + 1 / (near + 7)  # 1 / (x + 1) + ... + 1 / (x + 7)
    y_4 = y * y * (y * y)
    root = np.sqrt(y)
    log_of_steps = log(1 / root if far else E_TO_MINUS_8 * y_4 * (y_4 / (product * root)))
    log_of_ratio = log(y / near)
    lgamma_of_y = HALF_LOG_2PI + log_of_steps + _polynomial(LGAMMA_STIRLING, w) / y
    digamma_of_y = -0.5 / y - w * _polynomial(DIGAMMA_STIRLING, w)
    lgamma_of_x = lgamma_of_y + (x * log_of_ratio + (x - (y - 8)) * (1 + digamma_of_y))
    digamma_of_x = digamma_of_y + ((log_of_ratio - 1 / near) - steps)
    return (lgamma_of_y if far else lgamma_of_x), (digamma_of_y if far else digamma_of_x)


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def log_factorial_rest(x: float) -> float:
    """lgamma(x + 1) - (x * log(x) - x) for x > 0."""
    if not x < STIRLING_FROM:
        return rests(x)[0] + np.log(x)
    return lgamma(x + 1) - x * (np.log(x) - 1)


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def log1pmx(z: float) -> float:
    """log1p(z) - z for z > -1."""
    v = z / (2 + z)
    series = 2 * v * v * v * _polynomial(ATANH, v * v) - v * z
    rest = log(1 + z) - z
    return series if abs(z) < 0.25 else rest
