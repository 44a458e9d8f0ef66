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

    Below 8 by Stirling's series at x + 8 and the recurrences over eight steps: Taylor's long series, whose terms wait
    for each other, would take three times as long. The error is then absolute, below 2e-14, and not relative. Both
    ways are always computed and one is taken, so that a loop around this becomes vector instructions.
    """
    far = not x < STIRLING_FROM
    y = x if far else x + 8
    log_y = log(y)
    w = 1 / (y * y)
    lgamma_of_y = HALF_LOG_2PI - 0.5 * log_y + _polynomial(LGAMMA_STIRLING, w) / y
    digamma_of_y = -0.5 / y - w * _polynomial(DIGAMMA_STIRLING, w)
    near = 1.0 if far else x
    product, slope = near, 1.0  # x (x + 1) ... (x + 7)
    for k in range(1, 8):
        slope = slope * (near + k) + product
        product *= near + k
    log_x = log(near)
    lgamma_of_x = lgamma_of_y + x * (log_y - log_x) + 8 * (log_y - 1) - log(product)
    digamma_of_x = digamma_of_y + (log_y - log_x) - slope / product
    return (lgamma_of_y if far else lgamma_of_x), (digamma_of_y if far else digamma_of_x)


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def lgamma_rest(x: float) -> float:
    """lgamma(x) - (x * log(x) - x) for x > 0."""
    return rests(x)[0]


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def log1pmx(z: float) -> float:
    """log1p(z) - z for z > -1."""
    v = z / (2 + z)
    series = 2 * v * v * v * _polynomial(ATANH, v * v) - v * z
    rest = log(1 + z) - z
    return series if abs(z) < 0.25 else rest
