"""Which mean of K importance weights is the bound: pairs log_w (K, N) -> bound (N,), in nats, for one row of a table.

log_mean_exp  log mean_k w_k                          Burda, Grosse & Salakhutdinov (2016)
average       mean_k log w_k                          the ELBO, with the KL estimated from the draws
renyi         log mean_k w_k^(1-alpha) / (1-alpha)    Li & Turner (2016), alpha a setting of the model
vr_max        max_k log w_k                           Li & Turner (2016)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mean:
    """forward(model, ops, log_w) -> bound (N,), cache; backward(ops, dbound, cache) -> dlog_w (K, N)."""

    forward: Callable[[Any, Any, np.ndarray], tuple[np.ndarray, Any]]
    backward: Callable[[Any, np.ndarray, Any], np.ndarray]


LOG_MEAN_EXP = Mean(
    lambda model, ops, log_w: ops.log_mean_exp_forward(log_w),
    lambda ops, dbound, cache: ops.log_mean_exp_backward(dbound, cache),
)
AVERAGE = Mean(
    lambda model, ops, log_w: ops.renyi_bound_forward(log_w, 1.0),  # the Rényi bound of order 1
    lambda ops, dbound, cache: ops.renyi_bound_backward(dbound, cache),
)
RENYI = Mean(
    lambda model, ops, log_w: ops.renyi_bound_forward(log_w, model.alpha),
    lambda ops, dbound, cache: ops.renyi_bound_backward(dbound, cache),
)
VR_MAX = Mean(
    lambda model, ops, log_w: ops.vr_max_forward(log_w),
    lambda ops, dbound, cache: ops.vr_max_backward(dbound, cache),
)
