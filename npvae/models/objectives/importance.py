"""Objectives that weigh K draws of an input against each other, for any model with one latent layer.

Forward
    z[k, n, l] = mu[n, l] + exp(logvar[n, l] / 2) * eps[k, n, l]                                 (1)
    log_p[k, n] = -sum(z[k, n, l] ** 2 + log(2 * pi) for l in range(L)) / 2                      (2)
    log_q[k, n] = -sum(eps[k, n, l] ** 2 + logvar[n, l] + log(2 * pi) for l in range(L)) / 2     (3)
    log_w[k, n] = beta * (log_p[k, n] - log_q[k, n]) - nll[k, n]                                 (4)
    loss = -sum(bound[n] for n in range(N)) / N                                                  (5)
Backward
    dbound[n] = -1 / N                                                                           (6)
    dnll[k, n] = -dlog_w[k, n]                                                                   (7)

Each draw z_k ~ q(z|x) has a weight, log w_k = log p(x|z_k) + beta * (log p(z_k) - log q(z_k|x)), and the loss is minus
a mean of some kind over them, in nats, averaged over the batch: which mean is in `means`, and which gradient the
encoder gets in `paths`. A row of OBJECTIVES joins one of each.

Where the encoder's gradient is an estimator, the backward is right on average and is not the derivative of this forward
for the noise at hand. What forward returns is always the bound itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from npvae.models.contract import LatentVariableModel, Ops
from npvae.models.objectives.contract import Objective
from npvae.models.objectives.means import LOG_MEAN_EXP, Mean
from npvae.models.objectives.paths import Draws, pathwise
from npvae.models.trace import BoundTrace
from npvae.params import Params


@dataclass(frozen=True)
class Weighing(Objective):
    """loss = minus the batch's mean of `mean` over the K draws; the encoder's gradient by `paths`."""

    mean: Mean = LOG_MEAN_EXP
    paths: Callable = pathwise

    weighs_samples: ClassVar[bool] = True

    @property
    def is_estimator(self) -> bool:  # type: ignore[override]
        """Whether the encoder's gradient is right on average only."""
        return self.paths is not pathwise

    def forward(self, model: LatentVariableModel, ops: Ops, x: np.ndarray, eps: np.ndarray) -> tuple[float, BoundTrace]:
        """x (N, D), eps (N, L) or (K, N, L) -> loss, minus the mean of the bound over the batch, in nats; trace."""
        log_w, parts, caches = log_weights_forward(model, ops, x, eps, model.beta)  # (K, N)
        bound, bound_cache = self.mean.forward(model, ops, log_w)  # (N,)
        loss = -float(np.mean(bound))  # (5)
        return loss, BoundTrace(**parts, log_w=log_w, caches=(*caches, bound_cache), ops=ops)

    def backward(self, model: LatentVariableModel, trace: BoundTrace, grads: Params) -> Params:
        """Gradients of the loss (of an estimator: its estimate of them): forward, read from bottom to top."""
        ops = trace.ops
        posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, p_cache, q_cache, bound_cache = trace.caches
        K, N = trace.log_w.shape
        dbound = np.full(N, -1 / N, model.dtype)  # (6)
        dlog_w = self.mean.backward(ops, dbound, bound_cache).reshape(K * N)
        dnll = -dlog_w  # (7)
        doutput = model.likelihood.backward(ops, dnll, nll_cache, grads)
        dz_x = model.decoder_backward(ops, doutput, decoder_cache, grads)
        draws = Draws(dz_x, dlog_w, trace.log_w, z_cache, p_cache, q_cache)
        dmu_k, dlogvar_k, dstd_k = self.paths(model, ops, draws)  # (K * N, L)
        dmu, dlogvar_q, dstd = (ops.repeat_backward(d.reshape(K, N, -1), ()) for d in (dmu_k, dlogvar_k, dstd_k))
        dlogvar = dlogvar_q + ops.std_from_logvar_backward(dstd, std_cache)
        model.posterior_backward(ops, dmu, dlogvar, posterior_cache, grads)
        return grads


def log_weights_forward(
    model: LatentVariableModel, ops: Ops, x: np.ndarray, eps: np.ndarray, beta: float
) -> tuple[np.ndarray, Any, Any]:
    """log w (K, N), the parts that a trace shows, caches. The K draws are K * N rows for the decoder."""
    eps = eps.reshape(-1, len(x), model.latent_dim)
    K, N, L = eps.shape
    x_k = model.tiled(x, K)  # (K * N, D)
    mu, logvar, posterior_cache = model.posterior_forward(ops, x)  # (N, L)
    std, std_cache = ops.std_from_logvar_forward(logvar)  # (N, L)
    mu_k, logvar_k, std_k = (ops.repeat_forward(part, K)[0].reshape(K * N, L) for part in (mu, logvar, std))
    z, z_cache = ops.reparameterize_forward(mu_k, std_k, eps.reshape(K * N, L))  # (K * N, L), (1)
    output, decoder_cache = model.decoder_forward(ops, z, x_k)  # (K * N, D)
    nll, nll_cache = model.likelihood.forward(ops, output, model.data_of(x_k), model.params)  # (K * N,)
    zero = np.zeros_like(z)
    log_p, p_cache = ops.gaussian_log_density_forward(z, zero, zero)  # (K * N,), of the prior, (2)
    log_q, q_cache = ops.gaussian_log_density_forward(z, mu_k, logvar_k)  # (K * N,), (3)
    log_w = (beta * (log_p - log_q) - nll).reshape(K, N)  # (4)
    parts = {"mu": mu, "logvar": logvar, "std": std, "z": z.reshape(K, N, L), "output": output}
    parts |= {"nll": nll.reshape(K, N).mean(axis=0), "kl": (log_q - log_p).reshape(K, N).mean(axis=0)}
    return log_w, parts, (posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, p_cache, q_cache)
