"""What the KL divergence costs in the loss of an analytic objective: beta times it, with free bits, or to a capacity.

elbo       beta * mean over the batch of kl(n)
free_bits  beta * sum over latents of max(free_bits, mean over the batch of kl(n, l))    (Kingma et al. 2016)
capacity   beta * |mean over the batch of kl(n) - capacity|                              (Burgess et al. 2018)
"""

from __future__ import annotations

from typing import Any

import numpy as np


def kl_term_forward(model: Any, ops: Any, mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, float, Any]:
    """mu, logvar (N, L) -> kl (N,) in nats, the divergence itself; its cost in the loss; cache."""
    kl, cache = ops.gaussian_kl_forward(mu, logvar)
    if model.objective == "free_bits":
        counted, cache = ops.free_bits_forward(mu, logvar, model.free_bits)
        return kl, model.beta * float(counted), cache
    mean = float(kl.sum()) / len(kl)
    if model.objective == "capacity":
        return kl, model.beta * abs(mean - model.capacity), (cache, np.sign(mean - model.capacity))
    return kl, model.beta * mean, cache


def kl_term_backward(model: Any, ops: Any, cache: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """From the cost's own gradient, 1, to dmu (N, L), dlogvar (N, L)."""
    if model.objective == "free_bits":
        return ops.free_bits_backward(np.array(model.beta, model.dtype), cache)
    dmean = model.beta
    if model.objective == "capacity":
        cache, side = cache
        dmean = model.beta * side
    dkl = np.full(n, dmean / n, model.dtype)
    return ops.gaussian_kl_backward(dkl, cache)
