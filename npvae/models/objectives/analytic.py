"""What is counted of the KL divergence where it is known in closed form: loss = mean of nll + beta * counted, in nats.

elbo       counted = mean over the batch of kl[n]
free_bits  counted = sum over latents of max(free_bits, mean over the batch of kl[n, l])      (Kingma et al. 2016)
capacity   counted = |mean over the batch of kl[n] - capacity|                                (Burgess et al. 2018)

Each pair takes the model, for its settings, and the ops. `dkl` (N,) is what kl's gradient is under elbo, beta / N.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Gradients = tuple[np.ndarray, np.ndarray]  # dmu, dlogvar, each (N, L)


def mean_forward(model: Any, ops: Any, kl: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> tuple[float, None]:
    """kl (N,) -> its mean, in double precision."""
    return float(kl.sum()) / len(kl), None


def mean_backward(model: Any, ops: Any, dkl: np.ndarray, kl_cache: Any, cache: None) -> Gradients:
    """dkl (N,) -> dmu (N, L), dlogvar (N, L)."""
    dmu, dlogvar = ops.gaussian_kl_backward(dkl, kl_cache)
    return dmu, dlogvar


def free_bits_forward(model: Any, ops: Any, kl: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> tuple[float, Any]:
    """mu, logvar (N, L) -> what their latents cost above `model.free_bits` nats each."""
    counted, cache = ops.free_bits_forward(mu, logvar, model.free_bits)
    return float(counted), cache


def free_bits_backward(model: Any, ops: Any, dkl: np.ndarray, kl_cache: Any, cache: Any) -> Gradients:
    """From dcounted = beta to dmu (N, L), dlogvar (N, L): a latent below its free bits gets none."""
    dcounted = np.array(model.beta, dkl.dtype)
    dmu, dlogvar = ops.free_bits_backward(dcounted, cache)
    return dmu, dlogvar


def capacity_forward(model: Any, ops: Any, kl: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> tuple[float, Any]:
    """kl (N,) -> how far its mean is from `model.capacity`."""
    above = float(kl.sum()) / len(kl) - model.capacity
    return abs(above), np.sign(above)


def capacity_backward(model: Any, ops: Any, dkl: np.ndarray, kl_cache: Any, sign: float) -> Gradients:
    """dkl (N,) -> dmu (N, L), dlogvar (N, L): |u| has the slope of u's sign; 0 where the mean is the capacity."""
    dmu, dlogvar = ops.gaussian_kl_backward(dkl.dtype.type(sign) * dkl, kl_cache)
    return dmu, dlogvar
