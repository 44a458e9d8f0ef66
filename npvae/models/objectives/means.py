"""Which mean of K importance weights is the bound: pairs log_w (K, N) -> bound (N,), in nats, for one row of a table.

Forward
    log_mean_exp[n] = log(sum(exp(log_w[k, n]) for k in range(K)) / K)                           (1)
    average[n] = sum(log_w[k, n] for k in range(K)) / K                                          (2)
    renyi[n] = log(sum(exp((1 - alpha) * log_w[k, n]) for k in range(K)) / K) / (1 - alpha)      (3)
    vr_max[n] = max(log_w[k, n] for k in range(K))                                               (4)
Backward
    to_log_mean_exp[k, n] = dbound[n] * exp(log_w[k, n] - log_mean_exp[n]) / K                   (5)
    to_average[k, n] = dbound[n] / K                                                             (6)
    to_renyi[k, n] = dbound[n] * exp((1 - alpha) * (log_w[k, n] - renyi[n])) / K                 (7)
    to_vr_max[k, n] = dbound[n] if log_w[k, n] == vr_max[n] else 0                               (8)

(1) is the bound of Burda, Grosse & Salakhutdinov (2016); (2) the ELBO with the KL estimated from the draws; (3) and (4)
are of Li & Turner (2016), alpha a setting of the model. Of equal log-weights only the first has the gradient (8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.contract import LatentVariableModel, Ops


@dataclass(frozen=True)
class Mean:
    """forward(model, ops, log_w) -> bound (N,), cache; backward(ops, dbound, cache) -> dlog_w (K, N)."""

    forward: Callable[[LatentVariableModel, Ops, np.ndarray], tuple[np.ndarray, Any]]
    backward: Callable[[Ops, np.ndarray, Any], np.ndarray]


LOG_MEAN_EXP = Mean(
    lambda model, ops, log_w: ops.log_mean_exp_forward(log_w),  # (1)
    lambda ops, dbound, cache: ops.log_mean_exp_backward(dbound, cache),  # (5)
)
AVERAGE = Mean(
    lambda model, ops, log_w: ops.renyi_bound_forward(log_w, 1.0),  # (2), the Rényi bound of order 1
    lambda ops, dbound, cache: ops.renyi_bound_backward(dbound, cache),  # (6)
)
RENYI = Mean(
    lambda model, ops, log_w: ops.renyi_bound_forward(log_w, model.alpha),  # (3)
    lambda ops, dbound, cache: ops.renyi_bound_backward(dbound, cache),  # (7)
)
VR_MAX = Mean(
    lambda model, ops, log_w: ops.vr_max_forward(log_w),  # (4)
    lambda ops, dbound, cache: ops.vr_max_backward(dbound, cache),  # (8)
)
