"""Twins of `npvae.ops.poisson_nll`, `binomial_nll` and `negative_binomial_nll`: value and slopes in one pass.

A backward is then one multiplication. The references need about a hundred passes, most of them for gamma functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache as remember
from functools import partial

import numpy as np

from npvae import ops
from npvae.kernels import count_jobs
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.counts import binomial_values, negative_binomial_values, of_dispersions, poisson_values
from npvae.kernels.slopes import REFERENCE, nll_and_slopes, scaled, times_slopes
from npvae.kernels.team.pools import team_computes
from npvae.ops.gamma_functions import lgamma


def poisson_nll_forward(log_rate: np.ndarray, x: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """log_rate (N, D), counts x (N, D) of at least 0 -> nll (N,), in nats. ValueError if the shapes differ."""
    loop = count_jobs.poisson if team_computes(x) else poisson_values
    return nll_and_slopes(loop, ops.poisson_nll_forward, log_rate, x, new)


def poisson_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlog_rate (N, D)."""
    return times_slopes(ops.poisson_nll_backward, dnll, cache, new)


def binomial_nll_forward(
    logits: np.ndarray, x: np.ndarray, trials: int = 16, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """logits (N, D), counts x (N, D) in [0, trials] -> nll (N,), in nats. ValueError if the shapes differ."""

    def loop(logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
        binomial_values(logits, x, _log_coefficients(trials), nll, residual)

    return nll_and_slopes(loop, partial(ops.binomial_nll_forward, trials=trials), logits, x, new)


def binomial_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    return times_slopes(ops.binomial_nll_backward, dnll, cache, new)


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
    known = of_dispersions(rows[0] if log_r.ndim == 1 else rows[0, :0])
    loop = count_jobs.negative_binomial if team_computes(x) else negative_binomial_values
    loop(
        np.ascontiguousarray(log_mean), rows, known, np.ascontiguousarray(x), nll, slope_mean, slope_r, log_r.ndim == 1
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
    dlog_mean = scaled(dnll, slope_mean, new)
    if axes == 2:
        return dlog_mean, scaled(dnll, slope_r, new)
    return dlog_mean, np.matmul(dnll.astype(slope_r.dtype), slope_r, out=new(slope_r.shape[1:], slope_r.dtype))


@remember
def _log_coefficients(trials: int) -> np.ndarray:
    """log C(trials, k) for k = 0 .. trials."""
    log_factorials = lgamma(np.arange(1.0, trials + 2))
    return log_factorials[-1] - log_factorials - log_factorials[::-1]
