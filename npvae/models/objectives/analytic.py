"""What is counted of the KL divergence where it is known in closed form: loss = mean of nll + beta * counted, in nats.

Forward
    kl[n, l] = (exp(logvar[n, l]) + mu[n, l] ** 2 - 1 - logvar[n, l]) / 2                        (1)
    elbo = sum(sum(kl[n, l] for l in range(L)) for n in range(N)) / N                            (2)
    mean[l] = sum(kl[n, l] for n in range(N)) / N                                                (3)
    free_bits = sum(max(lam, mean[l]) for l in range(L))                                         (4)
    capacity = abs(elbo - C)                                                                     (5)
Backward
    dmu_elbo[n, l] = beta / N * mu[n, l]                                                         (6)
    dlogvar_elbo[n, l] = beta / N * (exp(logvar[n, l]) - 1) / 2                                  (7)
    dmu_free_bits[n, l] = dmu_elbo[n, l] if mean[l] > lam else 0                                 (8)
    dlogvar_free_bits[n, l] = dlogvar_elbo[n, l] if mean[l] > lam else 0                         (9)
    dmu_capacity[n, l] = dmu_elbo[n, l] if elbo > C else -dmu_elbo[n, l]                         (10)
    dlogvar_capacity[n, l] = dlogvar_elbo[n, l] if elbo > C else -dlogvar_elbo[n, l]             (11)

elbo counts the KL itself; free_bits no latent that costs less than lam nats (Kingma et al. 2016); capacity how far the
KL is from C nats (Burgess et al. 2018), with the gradient 0 where it is C. Each pair takes the model, for its settings,
and the ops. `dkl` (N,) is what kl's gradient is under elbo, beta / N.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.contract import LatentVariableModel, Ops

Gradients = tuple[np.ndarray, np.ndarray]  # dmu, dlogvar, each (N, L)


def mean_forward(
    model: LatentVariableModel, ops: Ops, kl: np.ndarray, mu: np.ndarray, logvar: np.ndarray
) -> tuple[float, None]:
    """kl (N,) -> its mean, in double precision."""
    return float(kl.sum()) / len(kl), None  # (2)


def mean_backward(model: LatentVariableModel, ops: Ops, dkl: np.ndarray, kl_cache: Any, cache: None) -> Gradients:
    """dkl (N,) -> dmu (N, L), dlogvar (N, L)."""
    dmu, dlogvar = ops.gaussian_kl_backward(dkl, kl_cache)  # (6) (7)
    return dmu, dlogvar


def free_bits_forward(
    model: LatentVariableModel, ops: Ops, kl: np.ndarray, mu: np.ndarray, logvar: np.ndarray
) -> tuple[float, Any]:
    """mu, logvar (N, L) -> what their latents cost above `model.free_bits` nats each."""
    counted, cache = ops.free_bits_forward(mu, logvar, model.free_bits)  # (3) (4)
    return float(counted), cache


def free_bits_backward(model: LatentVariableModel, ops: Ops, dkl: np.ndarray, kl_cache: Any, cache: Any) -> Gradients:
    """From dcounted = beta to dmu (N, L), dlogvar (N, L): a latent below its free bits gets none."""
    dcounted = np.array(model.beta, dkl.dtype)
    dmu, dlogvar = ops.free_bits_backward(dcounted, cache)  # (8) (9)
    return dmu, dlogvar


def capacity_forward(
    model: LatentVariableModel, ops: Ops, kl: np.ndarray, mu: np.ndarray, logvar: np.ndarray
) -> tuple[float, Any]:
    """kl (N,) -> how far its mean is from `model.capacity`."""
    above = float(kl.sum()) / len(kl) - model.capacity
    return abs(above), np.sign(above)  # (5)


def capacity_backward(model: LatentVariableModel, ops: Ops, dkl: np.ndarray, kl_cache: Any, sign: float) -> Gradients:
    """dkl (N,) -> dmu (N, L), dlogvar (N, L): |u| has the slope of u's sign; 0 where the mean is the capacity."""
    dmu, dlogvar = ops.gaussian_kl_backward(dkl.dtype.type(sign) * dkl, kl_cache)  # (10) (11)
    return dmu, dlogvar
