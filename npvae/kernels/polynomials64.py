"""exp, expm1 and log in float64 as branch-free polynomials, for loops whose terms cancel too much for float32.

They are `npvae.kernels.polynomials` once more with longer series (Taylor's, so that every coefficient can be read) and
a logarithm, which the gamma functions need. A loop around them becomes vector instructions, at about a fifth of the
time of the C library's functions, which are called one number at a time.

exp(x) = 2**k * exp(r) as there, |r| <= 0.347, with a series to r**13: its rest is below 5e-18.

log(y) = k ln 2 + log(m) with y = m 2**k and m in [sqrt(1/2), sqrt(2)), and log(m) = 2 atanh(v), v = (m - 1) / (m + 1),
with |v| <= 0.172 and a series to v**23: its rest is below 4e-19.

Measured against the C library's: exp and expm1 below 2 ulp, log below 2.
"""

import math

import numpy as np
from numba.extending import register_jitable

from npvae.kernels.jit import AS_WRITTEN

f64 = np.float64

EXP_MIN = f64(-708.39)  # below, exp(x) is less than the least normal float64: 0 is returned, and expm1(x) is -1
INV_LN2 = f64(1.4426950408889634074)
ROUNDER = f64(1.5 * 2**52)
LN2_HIGH = f64(0.693147180369123816490)  # its last 32 bits are 0, so k times it is exact
LN2_LOW = f64(1.90821492927058770002e-10)
EXP = tuple(f64(1 / math.factorial(k)) for k in range(13, 1, -1))  # of (exp(r) - 1 - r) / r**2, highest power first
ATANH = tuple(f64(1 / k) for k in range(23, 2, -2))  # of (atanh(v) - v) / v**3 in v**2
SQRT_HALF = np.int64(0x3FE6A09E667F3BCD)  # its bits
INFINITY = f64(np.inf)
EXPONENT = np.int64(52)  # where in a float64 it begins


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def _series(coefficients: tuple[float, ...], x: float) -> float:
    """Horner's scheme. LLVM unrolls it for up to thirteen coefficients; a loop around more is not vectorised."""
    y = f64(0)
    for c in coefficients:
        y = y * x + c
    return y


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def _exp_parts(x: float) -> tuple[float, float]:
    """2**k and exp(r) - 1, for EXP_MIN <= x <= 0."""
    rounded = f64(x * INV_LN2 + ROUNDER)
    k = rounded - ROUNDER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    two_to_k = np.int64((rounded.view(np.int64) + np.int64(1023)) << EXPONENT).view(np.float64)
    return two_to_k, _series(EXP, r) * r * r + r


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def exp_and_expm1(x: float) -> tuple[float, float]:
    """exp(x) and exp(x) - 1 for x <= 0; NaN for NaN."""
    two_to_k, exp_r_minus_1 = _exp_parts(EXP_MIN if x < EXP_MIN else x)
    scaled = two_to_k * exp_r_minus_1
    return f64(0) if x < EXP_MIN else scaled + two_to_k, scaled + (two_to_k - f64(1))


@register_jitable(fastmath=AS_WRITTEN, forceinline=True)
def log(y: float) -> float:
    """Natural logarithm of a normal y > 0 or infinity; NaN for NaN. What it gives for others means nothing."""
    bits = f64(y).view(np.int64)
    k = np.int64(bits - SQRT_HALF) >> EXPONENT
    m = np.int64(bits - (k << EXPONENT)).view(np.float64)
    v = (m - f64(1)) / (m + f64(1))
    w = v * v
    log_y = k * LN2_HIGH + (k * LN2_LOW + f64(2) * (v + v * w * _series(ATANH, w)))
    return log_y if y < INFINITY else y
