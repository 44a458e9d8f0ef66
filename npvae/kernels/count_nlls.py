"""Twins of `npvae.ops.poisson_nll`, `binomial_nll` and `negative_binomial_nll`: value and slopes in one pass.

A backward is then one multiplication. The references need some hundred passes, most of them for gamma functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache as remember

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.counts import binomial_values, negative_binomial_values, poisson_values
from npvae.kernels.likelihoods import times_row
from npvae.ops.gamma_functions import lgamma

REFERENCE = None  # in place of an array, in a cache that the reference made


def poisson_nll_forward(log_rate: np.ndarray, x: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """log_rate (N, D), counts x (N, D) of at least 0 -> nll (N,), in nats. ValueError if the shapes differ."""
    if log_rate.ndim != 2 or log_rate.shape != x.shape or not one_float_dtype(log_rate, x):
        nll, cache = ops.poisson_nll_forward(log_rate, x)
        return nll, (REFERENCE, cache)
    nll, residual = new(x.shape[:1], x.dtype), new(x.shape, x.dtype)
    poisson_values(np.ascontiguousarray(log_rate), np.ascontiguousarray(x), nll, residual)
    return nll, (residual, None)


def poisson_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlog_rate (N, D)."""
    residual, reference_cache = cache
    if residual is REFERENCE:
        return ops.poisson_nll_backward(dnll, reference_cache)
    return _times(dnll, residual, new)


def binomial_nll_forward(
    logits: np.ndarray, x: np.ndarray, trials: int = 16, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """logits (N, D), counts x (N, D) in [0, trials] -> nll (N,), in nats. ValueError if the shapes differ."""
    if logits.ndim != 2 or logits.shape != x.shape or not one_float_dtype(logits, x):
        nll, cache = ops.binomial_nll_forward(logits, x, trials)
        return nll, (REFERENCE, cache)
    nll, residual = new(x.shape[:1], x.dtype), new(x.shape, x.dtype)
    binomial_values(np.ascontiguousarray(logits), np.ascontiguousarray(x), _log_coefficients(trials), nll, residual)
    return nll, (residual, None)


def binomial_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    residual, reference_cache = cache
    if residual is REFERENCE:
        return ops.binomial_nll_backward(dnll, reference_cache)
    return _times(dnll, residual, new)


def negative_binomial_nll_forward(
    log_mean: np.ndarray, log_r: np.ndarray, x: np.ndarray, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """log_mean (N, D), log_r (N, D) or (D,), counts x (N, D) -> nll (N,), in nats. ValueError if shapes do not fit."""
    fits = log_mean.ndim == 2 and log_mean.shape == x.shape and log_r.shape in (x.shape, x.shape[1:])
    if not fits or not one_float_dtype(log_mean, log_r, x):
        nll, cache = ops.negative_binomial_nll_forward(log_mean, log_r, x)
        return nll, (REFERENCE, cache)
    nll, slope_mean, slope_r = (new(shape, x.dtype) for shape in (x.shape[:1], x.shape, x.shape))
    rows = np.ascontiguousarray(np.atleast_2d(log_r))
    negative_binomial_values(
        np.ascontiguousarray(log_mean), rows, np.ascontiguousarray(x), nll, slope_mean, slope_r, log_r.ndim == 1
    )
    return nll, (slope_mean, (slope_r, log_r.ndim))


def negative_binomial_nll_backward(
    dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty
) -> tuple[np.ndarray, np.ndarray]:
    """dnll (N,) -> dlog_mean (N, D), dlog_r of the shape of log_r."""
    slope_mean, rest = cache
    if slope_mean is REFERENCE:
        return ops.negative_binomial_nll_backward(dnll, rest)
    slope_r, axes = rest
    dlog_mean = _times(dnll, slope_mean, new)
    if axes == 2:
        return dlog_mean, _times(dnll, slope_r, new)
    return dlog_mean, np.matmul(dnll.astype(slope_r.dtype), slope_r, out=new(slope_r.shape[1:], slope_r.dtype))


def _times(dnll: np.ndarray, slopes: np.ndarray, new: Callable) -> np.ndarray:
    out = new(slopes.shape, slopes.dtype)
    times_row(np.ascontiguousarray(dnll, slopes.dtype), slopes, out)
    return out


@remember
def _log_coefficients(trials: int) -> np.ndarray:
    """log C(trials, k) for k = 0 .. trials."""
    log_factorials = lgamma(np.arange(1.0, trials + 2))
    return log_factorials[-1] - log_factorials - log_factorials[::-1]
