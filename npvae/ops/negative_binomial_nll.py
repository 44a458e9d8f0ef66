"""Negative log-likelihood of counts under negative binomials, variance mu + mu**2 / r, one value per sample, in nats.

Forward
    mu[n, d] = exp(log_mean[n, d])                                                               (1)
    r[n, d] = exp(log_r[n, d])                                                                   (2)
    nll[n] = sum((r[n, d] + x[n, d]) * log(1 + mu[n, d] / r[n, d]) - x[n, d] * (log_mean[n, d] - log_r[n, d])
                 - sum(log((r[n, d] + k) / (k + 1)) for k in range(int(x[n, d]))) for d in range(D))  (3)
Backward
    dlog_mean[n, d] = dnll[n] * r[n, d] * (mu[n, d] - x[n, d]) / (r[n, d] + mu[n, d])            (4)
    dlog_r[n, d] = dnll[n] * r[n, d] * (log(1 + mu[n, d] / r[n, d]) + (x[n, d] - mu[n, d]) / (r[n, d] + mu[n, d])
                                        - sum(1 / (r[n, d] + k) for k in range(int(x[n, d]))))   (5)
Derivation
    A Poisson whose rate is drawn from a gamma density of mean mu and shape r gives x the probability
    r (r + 1) ... (r + x - 1) / x! * q**x * p**r with p = r / (r + mu) and q = mu / (r + mu). Minus its log is (3).
    In mu, -r log(p) - x log(q) has the slope (r + x) / (r + mu) - x / mu = r (mu - x) / (mu (r + mu)); times mu: (4).
    In r, -r log(p) has the slope log(1 + mu / r) - mu / (r + mu), -x log(q) has x / (r + mu), log(r + k) has
    1 / (r + k); times r: (5).

log_r may be of shape (N, D), or (D,), one per feature, whose gradient is the sum of (5). As r grows, this is Poisson.

At mu, r or x of 1e8 the terms cancel. So again (see poisson_nll) the least value and what mu is off: with
h(z) = z - log(1 + z), j = r (mu - x) / (r + mu), and R, R' for lgamma_rest and its derivative digamma_rest,
    nll = R(r) - R(r + x) + log_factorial_rest(x) + r h(-j / r) + x h(j / x);  (5) is r (h(-j / r) + R'(r) - R'(r + x)).
With u = log(mu / x) and t = 1 - exp(-|u|), j = r q t or -x p t. Where x = 0, nll is -r log(p). As on that page,
float32 is computed in float64, and an x that is not whole gets gamma functions.

Lawless (1987); Robinson & Smyth (2008); Loader (2000), "Fast and accurate computation of binomial probabilities".
"""

from dataclasses import replace

import numpy as np

from npvae.ops.gamma_functions import digamma_rest, lgamma_rest, log1pmx, log_factorial_rest
from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def negative_binomial_nll_forward(log_mean: np.ndarray, log_r: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """log_mean (N, D), log_r (N, D) or (D,), counts x (N, D) -> nll (N,), in nats. ValueError if shapes do not fit."""
    if log_mean.ndim != 2 or log_mean.shape != x.shape or log_r.shape not in (x.shape, x.shape[1:]):
        raise shape_error(OP_FEATURE if log_r.ndim == 1 else OP, log_mean, log_r, x)
    a, r = log_mean - log_r.astype(float), np.exp(log_r.astype(float))  # log of (1) / (2), (2)
    e, some, x64 = np.exp(-np.abs(a)), x != 0, x.astype(float)
    p, q = np.where(a > 0, e, 1) / (1 + e), np.where(a > 0, 1, e) / (1 + e)
    x64_or_1 = np.where(some, x64, 1)
    u = np.where(some, log_mean - np.log(x64_or_1), np.inf)
    j = np.where(u > 0, r * q, -x64 * p) * -np.expm1(-np.abs(u))  # (4)
    z_r, z_x = -j / r, j / x64_or_1  # one is positive, the other between -1 and 0
    log_p = -np.maximum(a, 0) - np.log1p(e)
    near_r, near_x = np.maximum([z_r, z_x], -0.5)
    h_r = np.where(z_r < -0.5, z_r - (log_p + np.log1p(x64 / r)), -log1pmx(near_r))
    h_x = np.where(z_x < -0.5, z_x - (np.log1p(near_r) + u), -log1pmx(near_x))
    rests = lgamma_rest(r) - lgamma_rest(r + x64) + log_factorial_rest(x64_or_1)
    nll = (r * h_r + np.where(some, x64 * h_x + rests, j)).sum(axis=1)  # (3)
    return nll.astype(log_mean.dtype), (j, r, h_r, x64, log_mean.dtype)


def negative_binomial_nll_backward(dnll: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dnll (N,) -> dlog_mean (N, D), dlog_r of the shape of log_r."""
    j, r, h_r, x64, dtype = cache
    dlog_mean = (dnll[:, np.newaxis] * j).astype(dtype)  # (4)
    dlog_r = dnll[:, np.newaxis] * r * (h_r + digamma_rest(r) - digamma_rest(r + x64))  # (5)
    dlog_r = (dlog_r if r.ndim == 2 else dlog_r.sum(axis=0)).astype(dtype)
    return dlog_mean, dlog_r


OP = Op(
    negative_binomial_nll_forward,
    negative_binomial_nll_backward,
    args={
        "log_mean": Arg("N D"),
        "log_r": Arg("N D", domain=(-40.0, 40.0)),
        "x": Arg("N D", domain="counts", differentiable=False),
    },
    pure=True,
)
OP_FEATURE = replace(OP, name=OP.name + "_feature", args={**OP.args, "log_r": Arg("D", domain=(-40.0, 40.0))})
