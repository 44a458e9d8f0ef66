"""The importance-weighted bound: the log of the mean of K weights, given their logs.

Forward
    bound[n] = log(sum(exp(log_w[k, n]) for k in range(K)) / K)                                  (1)
Backward
    weight[k, n] = exp(log_w[k, n]) / sum(exp(log_w[j, n]) for j in range(K))                    (2)
    dlog_w[k, n] = dbound[n] * weight[k, n]                                                      (3)
Derivation
    The slope of log(W) is 1 / W, and W = sum(exp(log_w[j])) has in log_w[k] the slope exp(log_w[k]). Divided by K or
    not, the quotient is (2).

With log_w = log p(x, z) - log q(z|x), the mean of the weights is an unbiased estimate of p(x), so its log is on average
a lower bound on log p(x), in nats, tighter for larger K; K = 1 is the ELBO. The gradient passes through the normalised
weights (2): the best of the K samples gets most of it.

The largest log-weight is taken out of every exponential, so none overflows and the sum is at least 1.

Burda, Grosse & Salakhutdinov (2016), equations 8 and 13.
"""

import numpy as np

from npvae.spec import Arg, Op


def log_mean_exp_forward(log_w: np.ndarray) -> tuple[np.ndarray, tuple]:
    """log_w (K, N) -> bound (N,), in nats."""
    top = log_w.max(axis=0)  # (N,)
    e = np.exp(log_w - top)  # (K, N)
    total = e.sum(axis=0)  # (N,)
    bound = top + np.log(total / len(log_w))  # (1)
    return bound, (e / total,)


def log_mean_exp_backward(dbound: np.ndarray, cache: tuple) -> np.ndarray:
    """dbound (N,) -> dlog_w (K, N)."""
    (weight,) = cache  # (2)
    dlog_w = dbound * weight  # (3)
    return dlog_w


OP = Op(log_mean_exp_forward, log_mean_exp_backward, args={"log_w": Arg("K N")}, pure=True)
