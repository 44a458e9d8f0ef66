"""Twins of `npvae.ops.gaussian_nll` and `npvae.ops.squared_error`: value and gradient in one pass each.

exp(-logvar) is NumPy's: a log-variance may be of any sign, and often there are only D of them, or one. A shared
log-variance is spread to a row; the gradient of a row is the sum over its samples, of one number the sum of the row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.bernoulli_nll import times_row
from npvae.kernels.jit import SUMS, kernel
from npvae.ops.gaussian_nll import LOG_2PI
from npvae.ops.shapes import shape_error
from npvae.ops.squared_error import OP as SQUARED_ERROR

REFERENCE = None  # in place of an array, in a cache that the reference made


@kernel(SUMS)
def gaussian_values(
    mean: np.ndarray, logvar: np.ndarray, precision: np.ndarray, x: np.ndarray, nll: np.ndarray, r: np.ndarray
) -> None:
    """nll (N,) and r = x - mean (N, D). logvar and precision have N rows, or 1 that serves all samples."""
    half, constant = mean.dtype.type(0.5), mean.dtype.type(LOG_2PI)
    shared = logvar.shape[0] == 1
    for n in range(mean.shape[0]):
        row = 0 if shared else n
        mn, xn, rn, ln, pn = mean[n], x[n], r[n], logvar[row], precision[row]
        total = mean.dtype.type(0)
        for d in range(mn.size):
            rd = xn[d] - mn[d]
            rn[d] = rd
            total += constant + ln[d] + rd * rd * pn[d]
        nll[n] = half * total


@kernel(SUMS)
def gaussian_gradients(
    dnll: np.ndarray, r: np.ndarray, precision: np.ndarray, dmean: np.ndarray, dlogvar: np.ndarray
) -> None:
    """dmean (N, D); dlogvar of as many rows as precision, summed over the samples if that is 1."""
    half, one = r.dtype.type(0.5), r.dtype.type(1)
    shared = precision.shape[0] == 1
    dlogvar[:] = 0
    for n in range(r.shape[0]):
        row = 0 if shared else n
        rn, pn, dmn, dln = r[n], precision[row], dmean[n], dlogvar[row]
        scale = dnll[n]
        half_scale = half * scale
        for d in range(rn.size):
            u = rn[d] * pn[d]
            dmn[d] = -scale * u
            dln[d] += half_scale * (one - rn[d] * u)


@kernel(SUMS)
def half_squares(x_hat: np.ndarray, x: np.ndarray, nll: np.ndarray, r: np.ndarray) -> None:
    """r = x_hat - x (N, D) and nll (N,), half the sum of its squares."""
    half = x.dtype.type(0.5)
    for n in range(x.shape[0]):
        hn, xn, rn = x_hat[n], x[n], r[n]
        total = x.dtype.type(0)
        for d in range(xn.size):
            rd = hn[d] - xn[d]
            rn[d] = rd
            total += rd * rd
        nll[n] = half * total


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
    precision = np.exp(np.negative(spread, out=new(rows, mean.dtype)), out=new(rows, mean.dtype))
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
    if x_hat.ndim != 2 or x_hat.shape != x.shape:
        raise shape_error(SQUARED_ERROR, x_hat, x)
    if not one_float_dtype(x_hat, x):
        nll, cache = ops.squared_error_forward(x_hat, x)
        return nll, (REFERENCE, cache)
    nll = new(x.shape[:1], x.dtype)
    r = new(x.shape, x.dtype)
    half_squares(np.ascontiguousarray(x_hat), np.ascontiguousarray(x), nll, r)
    return nll, (r, None)


def squared_error_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dx_hat (N, D)."""
    r, reference_cache = cache
    if r is REFERENCE:
        return ops.squared_error_backward(dnll, reference_cache)
    dx_hat = new(r.shape, r.dtype)
    times_row(np.ascontiguousarray(dnll, r.dtype), r, dx_hat)
    return dx_hat
