"""Adam and Adagrad with the loops of `npvae.kernels.updates`: twins of `npvae.ops.adam` and `npvae.ops.adagrad`."""

from functools import cache

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.team.jobs import adam_step
from npvae.kernels.team.pools import team, team_computes
from npvae.kernels.updates import adagrad, adam

LEAST = {np.dtype(np.float32): 1e-34, np.dtype(np.float64): 1e-280}
ADAM_SHARED_FROM = 2**17  # parameters: with fewer, the rest of the step loses more than Adam gains
LEAST_EPS = 1e-10  # a smaller epsilon goes to the reference; beside a larger one sqrt(LEAST) is nothing


def adam_update(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """Twin of `npvae.ops.adam_update`."""
    if not one_float_dtype(p, g, m, v) or eps < LEAST_EPS:
        return ops.adam_update(p, g, m, v, t, lr, betas, eps)
    beta1, beta2 = betas
    rates = np.array([beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1**t), 1 / (1 - beta2**t), eps], p.dtype)
    if team_computes(p) and p.size >= ADAM_SHARED_FROM:
        team.run(adam_step, p, g, m, v, rates, least_of(p.dtype))
    else:
        adam(p, g, m, v, rates, least_of(p.dtype))


def adagrad_update(p: np.ndarray, g: np.ndarray, G: np.ndarray, lr: float, eps: float) -> None:
    """Twin of `npvae.ops.adagrad_update`."""
    if not one_float_dtype(p, g, G) or eps < LEAST_EPS:
        return ops.adagrad_update(p, g, G, lr, eps)
    adagrad(p, g, G, np.array([lr, eps], p.dtype), least_of(p.dtype))


@cache
def least_of(dtype: np.dtype) -> np.ndarray:
    """The least mean or mean square that is kept, and the least gradient that is squared."""
    return np.array([LEAST[dtype], LEAST[dtype] ** 0.5], dtype)
