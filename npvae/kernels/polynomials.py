"""exp, expm1 and log1p as branch-free polynomials, so that a loop around them becomes vector instructions.

Numba calls the C library for these, one number at a time, at 3 to 29 ns each. In float32 a polynomial in the loop takes
a tenth of that and is more exact than NumPy's ufuncs. In float64, where gradients are checked and speed matters little,
the C library's are used. Only what the stable formulas of `npvae.ops` need is here: exp and expm1 of an x <= 0, log1p
of an e in [0, 1].

exp(x) = 2**k * exp(r) with k the integer nearest to x / ln 2 and r = x - k ln 2, so |r| <= 0.347:
- k comes from adding 1.5 * 2**23: at that size neighbouring float32 are 1 apart, so the sum is rounded to an integer,
  and that integer stands in its low bits;
- k ln 2 is subtracted in two parts (Cody & Waite 1980), the first so short that k times it is exact;
- exp(r) - 1 = r + r**2 Q(r) with Q of degree 4: relative error 8e-9 before rounding;
- 2**k is built by putting k + 127 where a float32 has its exponent.

log1p(e) = e + e**2 S(e) with S of degree 8: relative error 5e-9 before rounding. Q and S are minimax (Remez).

Measured over all of the domain against float64: exp 1.05 ulp, expm1 and log1p below 2 (NumPy 2.4: 2.4, 1.9).
"""

import math

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from npvae.kernels.jit import AS_WRITTEN

f32 = np.float32

EXP_MIN = f32(-87.33)  # below, exp(x) is less than the least normal float32: 0 is returned, and expm1(x) is -1
INV_LN2 = f32(1.4426950408889634)
ROUNDER = f32(1.5 * 2**23)
LN2_HIGH = f32(0.693145751953125)
LN2_LOW = f32(1.4286068203094172e-6)
Q = tuple(
    map(
        f32, (0.5000000027066778, 0.16666576647345838, 0.04166637427324238, 0.008363235068655234, 0.0013941204367253631)
    )
)
S = tuple(
    map(
        f32,
        (
            -0.4999993275870447,
            0.33330511226845627,
            -0.24958586647851214,
            0.19695397225386002,
            -0.1535538826242307,
            0.1068054393265473,
            -0.057664345220296634,
            0.02020453810201178,
            -0.003318463031956474,
        ),
    )
)


@register_jitable(fastmath=AS_WRITTEN)
def _exp_parts(x: np.float32) -> tuple[np.float32, np.float32]:
    """2**k and exp(r) - 1, for EXP_MIN <= x <= 0."""
    rounded = f32(x * INV_LN2 + ROUNDER)
    k = rounded - ROUNDER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    q = (((Q[4] * r + Q[3]) * r + Q[2]) * r + Q[1]) * r + Q[0]
    two_to_k = np.int32((rounded.view(np.int32) + np.int32(127)) << np.int32(23)).view(np.float32)
    return two_to_k, q * r * r + r


@register_jitable(fastmath=AS_WRITTEN)
def _exp_float32(x: np.float32) -> np.float32:
    two_to_k, exp_r_minus_1 = _exp_parts(EXP_MIN if x < EXP_MIN else x)
    return f32(0) if x < EXP_MIN else two_to_k * exp_r_minus_1 + two_to_k


@register_jitable(fastmath=AS_WRITTEN)
def _expm1_float32(x: np.float32) -> np.float32:
    two_to_k, exp_r_minus_1 = _exp_parts(EXP_MIN if x < EXP_MIN else x)
    return two_to_k * exp_r_minus_1 + (two_to_k - f32(1))


@register_jitable(fastmath=AS_WRITTEN)
def _log1p_float32(e: np.float32) -> np.float32:
    s = S[8]
    s = s * e + S[7]
    s = s * e + S[6]
    s = s * e + S[5]
    s = s * e + S[4]
    s = s * e + S[3]
    s = s * e + S[2]
    s = s * e + S[1]
    s = s * e + S[0]
    return s * e * e + e


def exp(x: float) -> float:
    """Exponential of x <= 0; NaN for NaN."""
    return _exp_float32(x) if isinstance(x, np.float32) else np.exp(x)


def expm1(x: float) -> float:
    """exp(x) - 1 for x <= 0; NaN for NaN."""
    return _expm1_float32(x) if isinstance(x, np.float32) else np.expm1(x)


def log1p(e: float) -> float:
    """log(1 + e) for 0 <= e <= 1; NaN for NaN."""
    return _log1p_float32(e) if isinstance(e, np.float32) else np.log1p(e)


@overload(exp, inline="always")
def _compile_exp(x):  # type: ignore[no-untyped-def]
    return (lambda x: _exp_float32(x)) if x == types.float32 else (lambda x: math.exp(x))


@overload(expm1, inline="always")
def _compile_expm1(x):  # type: ignore[no-untyped-def]
    return (lambda x: _expm1_float32(x)) if x == types.float32 else (lambda x: math.expm1(x))


@overload(log1p, inline="always")
def _compile_log1p(e):  # type: ignore[no-untyped-def]
    return (lambda e: _log1p_float32(e)) if e == types.float32 else (lambda e: math.log1p(e))
