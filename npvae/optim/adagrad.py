"""Adagrad as an object: the recurrence of `npvae.ops.adagrad` with its state, one step over one flat buffer."""

from __future__ import annotations

import numpy as np

from npvae.backend import ops_of
from npvae.optim.checks import check_params, check_positive
from npvae.optim.optimizer import Optimizer
from npvae.params import Params


class Adagrad(Optimizer):
    """One step over the flat buffer.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> adagrad = npvae.Adagrad(vae.params, lr=0.01)
        >>> loss, trace = vae.forward(np.zeros((5, 64), np.float32), np.zeros((5, 2), np.float32))
        >>> adagrad.step(vae.backward(trace))
    """

    kept = ("G",)

    def __init__(self, params: Params, lr: float = 1e-2, eps: float = 1e-10, *, backend: str = "numba") -> None:
        """State starts at zero. ValueError for lr <= 0 or eps <= 0."""
        check_params("Adagrad", params)
        check_positive("Adagrad", lr=lr, eps=eps)
        self.params, self.lr, self.eps = params, lr, eps
        self.G = np.zeros_like(params.flat)
        self.update = ops_of(backend).adagrad_update

    def step_by(self, g: np.ndarray) -> None:
        """One update of the page, in place."""
        self.update(self.params.flat, g, self.G, self.lr, self.eps)
