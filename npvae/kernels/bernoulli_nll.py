"""Twin of `npvae.ops.bernoulli_nll`: nll and the residual sigmoid(logits) - x in one pass over the pixels.

The reference needs seven passes and three transcendental ufuncs; here exp and log1p are polynomials inside the loop.
The backward is then one multiplication.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.likelihoods import nll_and_residual, times_row
from npvae.kernels.team.jobs import bernoulli
from npvae.kernels.team.pools import team, team_computes
from npvae.ops.bernoulli_nll import OP
from npvae.ops.shapes import shape_error

REFERENCE = None  # in place of the residual, in a cache that the reference made


def bernoulli_nll_forward(logits: np.ndarray, x: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """logits (N, D), x (N, D) in [0, 1] -> nll (N,), in nats. ValueError if the shapes differ."""
    if logits.ndim != 2 or logits.shape != x.shape:
        raise shape_error(OP, logits, x)
    if not one_float_dtype(logits, x):
        nll, cache = ops.bernoulli_nll_forward(logits, x)
        return nll, (REFERENCE, cache)
    nll = new(logits.shape[:1], logits.dtype)
    residual = new(logits.shape, logits.dtype)
    logits, x = np.ascontiguousarray(logits), np.ascontiguousarray(x)
    if team_computes(logits):
        team.run(bernoulli, logits, x, nll, residual)
    else:
        nll_and_residual(logits, x, nll, residual)
    return nll, (residual, None)


def bernoulli_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    residual, reference_cache = cache
    if residual is REFERENCE:
        return ops.bernoulli_nll_backward(dnll, reference_cache)
    dlogits = new(residual.shape, residual.dtype)
    times_row(np.ascontiguousarray(dnll, residual.dtype), residual, dlogits)
    return dlogits
