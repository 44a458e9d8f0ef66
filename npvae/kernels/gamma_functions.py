"""Twins of `npvae.ops.gamma_functions`, one number at a time and in float64, for the loops of counts."""

import numpy as np
from numba.extending import register_jitable

from npvae.kernels.jit import AS_WRITTEN
from npvae.ops import gamma_functions as reference
from npvae.ops.gamma_functions import HALF_LOG_2PI, STIRLING_FROM

LGAMMA_AT_2 = tuple(reference.LGAMMA_AT_2.ravel()[::-1])  # highest power first, as Horner's scheme takes them
DIGAMMA_AT_2 = tuple(reference.DIGAMMA_AT_2.ravel()[::-1])
LGAMMA_STIRLING = tuple(reference.LGAMMA_STIRLING.ravel()[::-1])
DIGAMMA_STIRLING = tuple(reference.DIGAMMA_STIRLING.ravel()[::-1])
ATANH = tuple(reference.ATANH.ravel()[::-1])


@register_jitable(fastmath=AS_WRITTEN)
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    y = 0.0
    for c in coefficients:
        y = y * x + c
    return y


@register_jitable(fastmath=AS_WRITTEN)
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


@register_jitable(fastmath=AS_WRITTEN)
def lgamma_rest(x: float) -> float:
    """lgamma(x) - (x * log(x) - x) for x > 0."""
    if x < STIRLING_FROM:
        return lgamma(x) - x * (np.log(x) - 1)
    return HALF_LOG_2PI - np.log(x) / 2 + _polynomial(LGAMMA_STIRLING, 1 / (x * x)) / x


@register_jitable(fastmath=AS_WRITTEN)
def digamma_rest(x: float) -> float:
    """digamma(x) - log(x) for x > 0."""
    if not x < STIRLING_FROM:
        w = 1 / x / x
        return -0.5 / x - w * _polynomial(DIGAMMA_STIRLING, w)
    n = np.rint(x)
    t = x - n
    y = _polynomial(DIGAMMA_AT_2, t)
    for k in range(2, 8):
        y += 1 / (t + k) if k < n else 0.0
    if n < 2:
        y -= 1 / (1 + t)
    if n < 1:
        y -= 1 / x
    return y - np.log(x)


@register_jitable(fastmath=AS_WRITTEN)
def log1pmx(z: float) -> float:
    """log1p(z) - z for z > -1."""
    if abs(z) < 0.25:
        v = z / (2 + z)
        return 2 * v * v * v * _polynomial(ATANH, v * v) - v * z
    return np.log1p(z) - z
