"""Twin of `npvae.ops.bernoulli_nll`: nll and the residual sigmoid(logits) - x in one pass over the pixels.

The reference needs seven passes and three transcendental ufuncs; here exp and log1p are polynomials inside the loop.
The backward is then one multiplication.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.polynomials import exp, log1p
from npvae.ops.bernoulli_nll import OP
from npvae.ops.shapes import shape_error

REFERENCE = None  # in place of the residual, in a cache that the reference made


@kernel(SUMS)
def nll_and_residual(logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """nll (N,) and residual = sigmoid(logits) - x (N, D)."""
    zero, one = logits.dtype.type(0), logits.dtype.type(1)
    for n in range(logits.shape[0]):
        an, xn, rn = logits[n], x[n], residual[n]
        total = zero
        for d in range(an.size):
            a = an[d]
            e = exp(-abs(a))
            total += (zero if a <= zero else a) - xn[d] * a + log1p(e)
            larger = one / (one + e)
            rn[d] = (larger if a >= zero else e * larger) - xn[d]
        nll[n] = total


@kernel(SUMS)
def times_row(scale: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """out[n] = scale[n] * rows[n], for rows (N, D) and one scale (N,) each."""
    for n in range(rows.shape[0]):
        s, rn, on = scale[n], rows[n], out[n]
        for d in range(rn.size):
            on[d] = s * rn[d]


def bernoulli_nll_forward(logits: np.ndarray, x: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """logits (N, D), x (N, D) in [0, 1] -> nll (N,), in nats. ValueError if the shapes differ."""
    if logits.ndim != 2 or logits.shape != x.shape:
        raise shape_error(OP, logits, x)
    if not one_float_dtype(logits, x):
        nll, cache = ops.bernoulli_nll_forward(logits, x)
        return nll, (REFERENCE, cache)
    nll = new(logits.shape[:1], logits.dtype)
    residual = new(logits.shape, logits.dtype)
    nll_and_residual(np.ascontiguousarray(logits), np.ascontiguousarray(x), nll, residual)
    return nll, (residual, None)


def bernoulli_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    residual, reference_cache = cache
    if residual is REFERENCE:
        return ops.bernoulli_nll_backward(dnll, reference_cache)
    dlogits = new(residual.shape, residual.dtype)
    times_row(np.ascontiguousarray(dnll, residual.dtype), residual, dlogits)
    return dlogits
