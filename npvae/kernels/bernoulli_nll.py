"""Twin of `npvae.ops.bernoulli_nll`: nll and the residual sigmoid(logits) - x in one pass over the pixels.

The reference needs seven passes and three transcendental ufuncs; here exp and log1p are polynomials inside the loop.
The backward is then one multiplication.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.likelihoods import nll_and_residual
from npvae.kernels.slopes import nll_and_slopes, times_slopes
from npvae.kernels.team.jobs import bernoulli
from npvae.kernels.team.pools import team, team_computes


def bernoulli_nll_forward(logits: np.ndarray, x: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """logits (N, D), x (N, D) in [0, 1] -> nll (N,), in nats. ValueError if the shapes differ."""
    return nll_and_slopes(_loop, ops.bernoulli_nll_forward, logits, x, new)


def bernoulli_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    return times_slopes(ops.bernoulli_nll_backward, dnll, cache, new)


def _loop(logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    if team_computes(logits):
        team.run(bernoulli, logits, x, nll, residual)
    else:
        nll_and_residual(logits, x, nll, residual)
