"""The variational Rényi bound of order alpha, from K importance weights given by their logs.

Forward
    bound[n] = (log(sum(exp((1 - alpha) * log_w[k, n]) for k in range(K)) / K) / (1 - alpha)
                if alpha != 1 else sum(log_w[k, n] for k in range(K)) / K)                       (1)
Backward
    weight[k, n] = (exp((1 - alpha) * log_w[k, n])
                    / sum(exp((1 - alpha) * log_w[j, n]) for j in range(K)))                     (2)
    dlog_w[k, n] = dbound[n] * weight[k, n]                                                      (3)
Derivation
    With a = 1 - alpha, the slope of log(sum(exp(a log_w[j]))) in log_w[k] is a exp(a log_w[k]) / sum(exp(a log_w[j])).
    The a cancels that in the denominator of (1): (2). At alpha = 1 the mean of the logs has the slope 1 / K, and
    (2), where all exponentials are 1, says the same.

(1) is the log of a power mean of the weights, and falls as alpha grows: alpha = 1 is the ELBO (the mean of the logs,
the limit of the formula), alpha = 0 the importance-weighted bound, alpha -> -inf the largest log-weight (vr_max). In
nats. For alpha < 0 it need not be below log p(x).

Li & Turner (2016), "Rényi divergence variational inference", equations 9 and 15.
"""

import numpy as np

from npvae.ops.log_mean_exp import log_mean_exp_backward, log_mean_exp_forward
from npvae.spec import Arg, Op


def renyi_bound_forward(log_w: np.ndarray, alpha: float = 0.5) -> tuple[np.ndarray, tuple]:
    """log_w (K, N), order alpha -> bound (N,), in nats."""
    power, cache = log_mean_exp_forward((1 - alpha) * log_w)  # (2)
    bound = power / (1 - alpha) if alpha != 1 else log_w.mean(axis=0)  # (1)
    return bound, cache


def renyi_bound_backward(dbound: np.ndarray, cache: tuple) -> np.ndarray:
    """dbound (N,) -> dlog_w (K, N)."""
    dlog_w = log_mean_exp_backward(dbound, cache)  # (3)
    return dlog_w


OP = Op(
    renyi_bound_forward,
    renyi_bound_backward,
    args={"log_w": Arg("K N")},
    params={"alpha": [0.5, 0.0, 1.0, -1.0, 2.0]},
    pure=True,
)
