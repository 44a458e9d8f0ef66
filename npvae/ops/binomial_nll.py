"""Negative log-likelihood of counts out of `trials` under binomials with the given logits, per sample, in nats.

Forward
    nll[n] = sum(trials * log(1 + exp(logits[n, d])) - x[n, d] * logits[n, d]
                 - sum(log((trials - k) / (k + 1)) for k in range(int(x[n, d]))) for d in range(D))  (1)
Backward
    dlogits[n, d] = dnll[n] * (trials / (1 + exp(-logits[n, d])) - x[n, d])                      (2)
Derivation
    Let a be the logit and p = sigmoid(a), so that log p = a - log(1 + exp(a)) and log(1 - p) = -log(1 + exp(a)).
    The probability of x is C(trials, x) * p**x * (1 - p)**(trials - x), and minus its log is (1): the last sum is the
    log of the binomial coefficient C, factor by factor. The slope of log(1 + exp(a)) is p, that of x * a is x: (2).

trials = 1 is bernoulli_nll, to the last digit. For grey values k / trials the two have the same gradient but for the
factor `trials`: what a Bernoulli makes of grey values is 1 / trials of this, without the coefficient, and so its
beta = 1 is a beta of `trials` here. The page of bernoulli_nll says what is missing; here nothing is.

With e = exp(-|logits|), log(1 + exp(a)) = max(a, 0) + log1p(e), and nothing overflows. An x that is not whole gets
gamma functions for factorials.

Bishop (2006), "Pattern Recognition and Machine Learning", equation 2.9.
"""

import numpy as np

from npvae.ops.gamma_functions import lgamma
from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def binomial_nll_forward(logits: np.ndarray, x: np.ndarray, trials: int = 16) -> tuple[np.ndarray, tuple]:
    """logits (N, D), counts x (N, D) in [0, trials] -> nll (N,), in nats. ValueError if the shapes differ."""
    if logits.ndim != 2 or logits.shape != x.shape:
        raise shape_error(OP, logits, x)
    dtype = logits.dtype.type
    log_factorials = lgamma(np.stack([np.full_like(x, trials), x, trials - x]) + 1.0)  # (3, N, D)
    log_c = log_factorials[0] - log_factorials[1] - log_factorials[2]  # (N, D)
    e = np.exp(-np.abs(logits))  # (N, D)
    nll = dtype(trials) * np.maximum(logits, 0) - x * logits + dtype(trials) * np.log1p(e)
    nll = (nll - log_c).sum(axis=1)  # (1)
    return nll, (logits, x, e, dtype(trials))


def binomial_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    logits, x, e, trials = cache
    p = np.where(logits >= 0, 1, e) / (1 + e)  # sigmoid(logits), (N, D)
    dlogits = dnll[:, np.newaxis] * (trials * p - x)  # (2)
    return dlogits


OP = Op(
    binomial_nll_forward,
    binomial_nll_backward,
    args={"logits": Arg("N D"), "x": Arg("N D", domain="counts", differentiable=False)},
    params={"trials": [16, 255]},
    pure=True,
)
