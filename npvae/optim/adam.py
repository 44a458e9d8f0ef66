"""Adam as an object: the recurrence of `npvae.ops.adam` with its state, one step over one flat buffer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from npvae.backend import ops_of
from npvae.optim.checks import check_fractions, check_params, check_positive
from npvae.optim.optimizer import Optimizer
from npvae.params import Params


class Adam(Optimizer):
    """One step over the flat buffer. The first step moves every parameter by about lr, whatever its gradient's size.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> adam = npvae.Adam(vae.params, lr=1e-3)
        >>> loss, trace = vae.forward(np.zeros((5, 64), np.float32), np.zeros((5, 2), np.float32))
        >>> adam.step(vae.backward(trace))
    """

    kept = ("m", "v")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        backend: str = "numba",
    ) -> None:
        """State starts at zero. ValueError for lr <= 0, eps <= 0 or a beta outside [0, 1)."""
        check_params("Adam", params)
        check_positive("Adam", lr=lr, eps=eps)
        check_fractions("Adam", "betas", betas)
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.m = np.zeros_like(params.flat)
        self.v = np.zeros_like(params.flat)
        self.t = 0
        self.update = ops_of(backend).adam_update

    def step_by(self, g: np.ndarray) -> None:
        """One update of the page, in place."""
        self.t += 1
        self.update(self.params.flat, g, self.m, self.v, self.t, self.lr, self.betas, self.eps)

    def state(self) -> dict[str, np.ndarray]:
        """All that changes from step to step, as arrays: m and v themselves, and t as a number of no axes."""
        return super().state() | {"t": np.array(self.t, np.int64)}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where another Adam stood. ValueError if its state does not fit."""
        super().load_state(state)
        self.t = int(state["t"])
