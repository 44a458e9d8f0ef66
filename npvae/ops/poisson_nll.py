"""Negative log-likelihood of counts under independent Poissons with the given log-rates, one value per sample, in nats.

Forward
    nll[n] = sum(exp(log_rate[n, d]) - x[n, d] * log_rate[n, d]
                 + sum(log(k) for k in range(2, int(x[n, d]) + 1)) for d in range(D))            (1)
Backward
    dlog_rate[n, d] = dnll[n] * (exp(log_rate[n, d]) - x[n, d])                                  (2)
Derivation
    The probability of the count x is rate**x * exp(-rate) / x! with rate = exp(log_rate); minus its log is (1), whose
    last sum is log(x!). The slope of exp(log_rate) is itself, that of x * log_rate is x: (2) is rate - x.

The rate is mean and variance. At rates of 1e8 the terms of (1) are as large as 2e9 and cancel to about 10, with nothing
left of it in float32. So nll is split into its least value, which x reaches at rate x, and what the rate is off:
    nll = log_factorial_rest(x) + x * (z - log(1 + z))        with z = rate / x - 1 = expm1(log_rate - log(x))
Both terms are at least 0 and keep their digits (see npvae.ops.gamma_functions); (2) is x * z. Where x = 0 both nll and
(2) are the rate. float32 is computed in float64 and rounded. An x that is not whole gets lgamma(x + 1) for log(x!).

Loader (2000), "Fast and accurate computation of binomial probabilities".
"""

import numpy as np

from npvae.ops.gamma_functions import log1pmx, log_factorial_rest
from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def poisson_nll_forward(log_rate: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """log_rate (N, D), counts x (N, D) of at least 0 -> nll (N,), in nats. ValueError if the shapes differ."""
    if log_rate.ndim != 2 or log_rate.shape != x.shape:
        raise shape_error(OP, log_rate, x)
    a, x64, some = log_rate.astype(float), x.astype(float), x != 0  # (N, D) each
    x64_or_1 = np.where(some, x64, 1)
    u = np.where(some, a - np.log(x64_or_1), 0)  # log of rate / x
    z = np.expm1(u)
    off = np.where(z < -0.5, z - u, -log1pmx(np.maximum(z, -0.5)))  # z - log(1 + z)
    residual = np.where(some, x64 * z, np.exp(np.where(some, 0, a)))  # rate - x
    nll = np.where(some, log_factorial_rest(x64_or_1) + x64 * off, residual).sum(axis=1)  # (1)
    return nll.astype(log_rate.dtype), (residual, log_rate.dtype)


def poisson_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dlog_rate (N, D)."""
    residual, dtype = cache
    dlog_rate = (dnll[:, np.newaxis] * residual).astype(dtype)  # (2)
    return dlog_rate


OP = Op(
    poisson_nll_forward,
    poisson_nll_backward,
    args={
        "log_rate": Arg("N D", domain=(-800.0, 80.0)),
        "x": Arg("N D", domain="counts", differentiable=False),
    },
    pure=True,
)
