"""How the encoder's part of a weighted objective gets its gradient: three estimators of one expectation.

Each draw z_k = mu + std * eps_k reaches the loss on two kinds of path: through z, and through the parameters of
log q(z_k|x) themselves. w is the draw's weight among the K of its input, normalised: they sum to 1.

Backward
    u[k, n, l] = (z[k, n, l] - mu[n, l]) * exp(-logvar[n, l])                                    (1)
    s[k, n, l] = ((z[k, n, l] - mu[n, l]) * u[k, n, l] - 1) / 2                                  (2)
    dz[k, n, l] = dz_x[k, n, l] + beta * dlog_w[k, n] * (u[k, n, l] - z[k, n, l])                (3)
    dmu_pathwise[k, n, l] = dz[k, n, l] - beta * dlog_w[k, n] * u[k, n, l]                       (4)
    dlogvar_pathwise[k, n, l] = -beta * dlog_w[k, n] * s[k, n, l]                                (5)
    dstd_pathwise[k, n, l] = dz[k, n, l] * eps[k, n, l]                                          (6)
    w[k, n] = -N * dlog_w[k, n]                                                                  (7)
    dmu_doubly[k, n, l] = dz[k, n, l] * (1 - beta * (1 - w[k, n]))                               (8)
    dstd_doubly[k, n, l] = dmu_doubly[k, n, l] * eps[k, n, l]                                    (9)
    dmu_score[k, n, l] = -log_w[k, n] * u[k, n, l] / (K * N)                                     (10)
    dlogvar_score[k, n, l] = -log_w[k, n] * s[k, n, l] / (K * N)                                 (11)
    others[k, n] = sum(log_w[j, n] for j in range(K) if j != k) / (K - 1)                        (12)
    dmu_baseline[k, n, l] = -(log_w[k, n] - others[k, n]) * u[k, n, l] / (K * N)                 (13)
    dlogvar_baseline[k, n, l] = -(log_w[k, n] - others[k, n]) * s[k, n, l] / (K * N)             (14)

u and s are the slopes of log q(z_k|x) in mu and logvar, z held still. pathwise takes both kinds of path: the derivative
of the forward at hand. doubly_reparameterised takes the path through z alone, each draw by its weight: Tucker et al.
(2019), equation 8 at beta 1. score takes neither: log w_k, less a baseline, times u and s (REINFORCE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.contract import LatentVariableModel, Ops


@dataclass(frozen=True)
class Draws:
    """What comes back to the K * N draws: rows, the draws of one kind after the other."""

    dz_x: np.ndarray  # (K * N, L), from the likelihood
    dlog_w: np.ndarray  # (K * N,), the gradient of each log-weight
    log_w: np.ndarray  # (K, N), the log-weights
    z_cache: Any
    p_cache: Any  # of log p(z)
    q_cache: Any  # of log q(z|x)


Gradients = tuple[np.ndarray, np.ndarray, np.ndarray]  # dmu, dlogvar, dstd, each (K * N, L)


def pathwise(model: LatentVariableModel, ops: Ops, draws: Draws) -> Gradients:
    """Through z and through q's own parameters."""
    dz, dmu_q, dlogvar_q = _both_paths(model, ops, draws)
    dmu_z, dstd = ops.reparameterize_backward(dz, draws.z_cache)  # (6)
    dmu = dmu_z + dmu_q  # (4)
    return dmu, dlogvar_q, dstd


def doubly_reparameterised(model: LatentVariableModel, ops: Ops, draws: Draws) -> Gradients:
    """Through z alone, each draw by its weight."""
    K, N = draws.log_w.shape
    weight = (-N * draws.dlog_w).reshape(K * N, 1)  # (7), normalised: dlog_w is minus it, over N
    dz, dmu_q, dlogvar_q = _both_paths(model, ops, draws)
    dz, dmu_q, dlogvar_q = dz * (1 - model.beta * (1 - weight)), 0 * dmu_q, 0 * dlogvar_q  # (8)
    dmu_z, dstd = ops.reparameterize_backward(dz, draws.z_cache)  # (9)
    dmu = dmu_z + dmu_q
    return dmu, dlogvar_q, dstd


def score(model: LatentVariableModel, ops: Ops, draws: Draws) -> Gradients:
    """The signal log w_k times the slope of log q(z_k|x), z held still."""
    return _score(ops, draws, draws.log_w)  # (10) (11)


def score_with_baseline(model: LatentVariableModel, ops: Ops, draws: Draws) -> Gradients:
    """The same, less the mean of the other draws' log w: the average stays, the variance falls."""
    K, log_w = len(draws.log_w), draws.log_w
    return _score(ops, draws, log_w - (log_w.sum(axis=0) - log_w) / (K - 1))  # (12) (13) (14)


def _both_paths(model: LatentVariableModel, ops: Ops, draws: Draws) -> Gradients:
    """dz from the likelihood, the prior and q, and q's own dmu and dlogvar."""
    dlog_p, dlog_q = model.beta * draws.dlog_w, -model.beta * draws.dlog_w
    dz_p, _, _ = ops.gaussian_log_density_backward(dlog_p, draws.p_cache)
    dz_q, dmu_q, dlogvar_q = ops.gaussian_log_density_backward(dlog_q, draws.q_cache)  # (1) (2) (5)
    dz = draws.dz_x + dz_p + dz_q  # (3)
    return dz, dmu_q, dlogvar_q


def _score(ops: Ops, draws: Draws, signal: np.ndarray) -> Gradients:
    K, N = signal.shape
    _, dmu, dlogvar = ops.gaussian_log_density_backward(-signal.reshape(K * N) / (K * N), draws.q_cache)
    dstd = np.zeros_like(dmu)
    return dmu, dlogvar, dstd
