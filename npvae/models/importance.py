"""Objectives that weigh K samples of an input against each other, for any model with one latent layer.

Each draw z_k ~ q(z|x) has a weight, log w_k = log p(x|z_k) + beta * (log p(z_k) - log q(z_k|x)), and the loss is minus
a mean of some kind over them, in nats, averaged over the batch:

elbo_mc         mean_k log w_k                          the ELBO with the KL estimated from the samples
iwae            log mean_k w_k                          Burda, Grosse & Salakhutdinov (2016)
dreg            the same bound; for the encoder the doubly reparameterised gradient of Tucker et al. (2019)
renyi           log mean_k w_k^(1-alpha) / (1-alpha)    Li & Turner (2016)
vr_max          max_k log w_k                           Li & Turner (2016)
score           the ELBO; for the encoder the score-function gradient (REINFORCE), noise not differentiated through
score_baseline  the same, less the mean of the other samples' log w (leave one out)

`dreg`, `score` and `score_baseline` are estimators: their backward is right on average and is not the derivative of
this forward for the noise at hand. What forward returns is always the bound itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.params import Params

OBJECTIVES = ("elbo_mc", "iwae", "dreg", "renyi", "vr_max", "score", "score_baseline")
ESTIMATORS = ("dreg", "score", "score_baseline")
_ORDER = {"elbo_mc": 1.0, "score": 1.0, "score_baseline": 1.0}  # alpha at which the Rényi bound is this objective's


@dataclass
class BoundTrace:
    """What one forward computed: K draws, N samples, L latents, D pixels."""

    mu: np.ndarray  # (N, L)
    logvar: np.ndarray  # (N, L), log of the variance
    std: np.ndarray  # (N, L)
    z: np.ndarray  # (K, N, L)
    output: np.ndarray  # (K * N, D), or wider; what the likelihood takes
    nll: np.ndarray  # (N,), nats, mean over the draws
    kl: np.ndarray  # (N,), nats, mean over the draws of log q(z|x) - log p(z)
    log_w: np.ndarray  # (K, N), nats
    caches: tuple
    workspace: Any = None


def bound_forward(model: Any, ops: Any, x: np.ndarray, eps: np.ndarray, workspace: Any) -> tuple[float, BoundTrace]:
    """x (N, D), eps (N, L) or (K, N, L) -> loss, minus the mean of the bound over the batch, in nats; trace."""
    log_w, parts, caches = log_weights_forward(model, ops, x, eps, model.beta)  # (K, N)
    bound, bound_cache = mean_of_weights_forward(model, ops, log_w)  # (N,)
    loss = -float(np.mean(bound))
    return loss, BoundTrace(**parts, log_w=log_w, caches=(*caches, bound_cache), workspace=workspace)


def log_weights_forward(
    model: Any, ops: Any, x: np.ndarray, eps: np.ndarray, beta: float
) -> tuple[np.ndarray, Any, Any]:
    """log w (K, N), the parts that a trace shows, caches. The K draws are K * N rows for the decoder."""
    eps = eps.reshape(-1, len(x), model.latent_dim)
    K, N, L = eps.shape
    x_k = np.tile(x, (K, 1))  # (K * N, D)
    mu, logvar, posterior_cache = model.posterior_forward(ops, x)  # (N, L)
    std, std_cache = ops.std_from_logvar_forward(logvar)  # (N, L)
    mu_k, logvar_k, std_k = (ops.repeat_forward(part, K)[0].reshape(K * N, L) for part in (mu, logvar, std))
    z, z_cache = ops.reparameterize_forward(mu_k, std_k, eps.reshape(K * N, L))  # (K * N, L)
    output, decoder_cache = model.decoder_forward(ops, z, x_k)  # (K * N, D)
    nll, nll_cache = model.likelihood.forward(ops, output, model.data_of(x_k), model.params)  # (K * N,)
    zero = np.zeros_like(z)
    log_p, p_cache = ops.gaussian_log_density_forward(z, zero, zero)  # (K * N,), of the prior
    log_q, q_cache = ops.gaussian_log_density_forward(z, mu_k, logvar_k)  # (K * N,)
    log_w = (beta * (log_p - log_q) - nll).reshape(K, N)
    parts = {"mu": mu, "logvar": logvar, "std": std, "z": z.reshape(K, N, L), "output": output}
    parts |= {"nll": nll.reshape(K, N).mean(axis=0), "kl": (log_q - log_p).reshape(K, N).mean(axis=0)}
    return log_w, parts, (posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, p_cache, q_cache)


def bound_backward(model: Any, ops: Any, trace: BoundTrace, grads: Params) -> Params:
    """Gradients of the loss (of an estimator: its estimate of them): forward, read from bottom to top."""
    posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, p_cache, q_cache, bound_cache = trace.caches
    K, N = trace.log_w.shape
    dbound = np.full(N, -1 / N, model.dtype)  # loss = -sum(bound) / N
    dlog_w = mean_of_weights_backward(model, ops, dbound, bound_cache)  # (K, N): minus the normalised weights, over N
    weight = (-N * dlog_w).reshape(K * N, 1)  # the normalised weights, for dreg
    dlog_w = dlog_w.reshape(K * N)
    dnll, dlog_p, dlog_q = -dlog_w, model.beta * dlog_w, -model.beta * dlog_w
    doutput = model.likelihood.backward(ops, dnll, nll_cache, grads)
    dz_x = model.decoder_backward(ops, doutput, decoder_cache, grads)
    if model.objective in ("score", "score_baseline"):
        dmu_k, dlogvar_k = _score(model, ops, trace, q_cache)
        dstd_k = np.zeros_like(dmu_k)
    else:
        dz_p, _, _ = ops.gaussian_log_density_backward(dlog_p, p_cache)
        dz_q, dmu_q, dlogvar_q = ops.gaussian_log_density_backward(dlog_q, q_cache)
        dz = dz_x + dz_p + dz_q
        if model.objective == "dreg":  # no path from q's own parameters, but through z: equation 8 (there beta = 1)
            dz, dmu_q, dlogvar_q = dz * (1 - model.beta * (1 - weight)), 0 * dmu_q, 0 * dlogvar_q
        dmu_z, dstd_k = ops.reparameterize_backward(dz, z_cache)
        dmu_k, dlogvar_k = dmu_z + dmu_q, dlogvar_q
    dmu, dlogvar_q, dstd = (ops.repeat_backward(d.reshape(K, N, -1), ()) for d in (dmu_k, dlogvar_k, dstd_k))
    dlogvar = dlogvar_q + ops.std_from_logvar_backward(dstd, std_cache)
    model.posterior_backward(ops, dmu, dlogvar, posterior_cache, grads)
    return grads


def _score(model: Any, ops: Any, trace: BoundTrace, q_cache: Any) -> tuple[np.ndarray, np.ndarray]:
    """The score function's estimate: (log w - baseline) times the gradient of log q(z|x) with z held still."""
    K, N = trace.log_w.shape
    signal = trace.log_w
    if model.objective == "score_baseline":
        signal = signal - (signal.sum(axis=0) - signal) / (K - 1)
    _, dmu, dlogvar = ops.gaussian_log_density_backward(-signal.reshape(K * N) / (K * N), q_cache)
    return dmu, dlogvar


def mean_of_weights_forward(model: Any, ops: Any, log_w: np.ndarray) -> tuple[np.ndarray, Any]:
    """log_w (K, N) -> the objective's bound (N,), in nats."""
    if model.objective in ("iwae", "dreg"):
        return ops.log_mean_exp_forward(log_w)
    if model.objective == "vr_max":
        return ops.vr_max_forward(log_w)
    return ops.renyi_bound_forward(log_w, _ORDER.get(model.objective, model.alpha))


def mean_of_weights_backward(model: Any, ops: Any, dbound: np.ndarray, cache: Any) -> np.ndarray:
    """dbound (N,) -> dlog_w (K, N)."""
    if model.objective in ("iwae", "dreg"):
        return ops.log_mean_exp_backward(dbound, cache)
    if model.objective == "vr_max":
        return ops.vr_max_backward(dbound, cache)
    return ops.renyi_bound_backward(dbound, cache)
