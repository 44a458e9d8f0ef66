"""Twins of `npvae.ops.gaussian_nll` and `npvae.ops.squared_error`: value and gradient in one pass each.

exp(-logvar) is NumPy's: a log-variance may be of any sign, and often there are only D of them, or one. A shared
log-variance is spread to a row; the gradient of a row is the sum over its samples, of one number the sum of the row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.likelihoods import gaussian_gradients, gaussian_values, half_squares
from npvae.kernels.slopes import REFERENCE, nll_and_slopes, times_slopes


def gaussian_nll_forward(
    mean: np.ndarray, logvar: np.ndarray, x: np.ndarray, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """mean (N, D), logvar (N, D), (D,) or (), x (N, D) -> nll (N,), in nats. ValueError if the shapes do not fit."""
    fits = mean.ndim == 2 and mean.shape == x.shape and logvar.shape == x.shape[x.ndim - logvar.ndim :]
    if not fits or not one_float_dtype(mean, logvar, x):
        nll, cache = ops.gaussian_nll_forward(mean, logvar, x)
        return nll, (REFERENCE, cache)
    nll = new(mean.shape[:1], mean.dtype)
    r = new(mean.shape, mean.dtype)
    rows = mean.shape if logvar.ndim == 2 else (1, mean.shape[1])
    spread = np.ascontiguousarray(np.broadcast_to(logvar, rows))
    precision = np.negative(spread, out=new(rows, mean.dtype))
    np.exp(precision, out=precision)
    gaussian_values(np.ascontiguousarray(mean), spread, precision, np.ascontiguousarray(x), nll, r)
    return nll, (r, (precision, logvar.shape))


def gaussian_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> tuple[np.ndarray, np.ndarray]:
    """dnll (N,) -> dmean (N, D), dlogvar of the shape of logvar."""
    r, rest = cache
    if r is REFERENCE:
        return ops.gaussian_nll_backward(dnll, rest)
    precision, shape = rest
    dmean, dlogvar = new(r.shape, r.dtype), new(precision.shape, r.dtype)
    gaussian_gradients(np.ascontiguousarray(dnll, r.dtype), r, precision, dmean, dlogvar)
    return dmean, dlogvar.reshape(shape) if shape else np.asarray(dlogvar.sum())


def squared_error_forward(x_hat: np.ndarray, x: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """x_hat (N, D), x (N, D) -> nll (N,). ValueError if the shapes differ."""
    return nll_and_slopes(half_squares, ops.squared_error_forward, x_hat, x, new)


def squared_error_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dx_hat (N, D)."""
    return times_slopes(ops.squared_error_backward, dnll, cache, new)
