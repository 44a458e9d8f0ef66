"""Adam: a running mean of the gradient over the root of a running mean of its square, both corrected for their start.

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    p = p - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)        t = 1, 2, ...

Kingma & Ba (2015), algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from npvae.models.backend import optimizers_of
from npvae.models.params import Params
from npvae.optim.checks import check_gradients, check_positive, copy_state


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
    """Step t of the recurrence, in place on p, m and v."""
    beta1, beta2 = betas
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    p -= lr * m_hat / (np.sqrt(v_hat) + eps)


class Adam:
    """One step over the flat buffer. The first step moves every parameter by about lr, whatever its gradient's size."""

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
        check_positive("Adam", lr=lr, eps=eps)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: betas are {betas}, expected 0 <= beta < 1 for both")
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.m = np.zeros_like(params.flat)
        self.v = np.zeros_like(params.flat)
        self.t = 0
        self.update = optimizers_of(backend).adam_update

    def step(self, grads: Params) -> None:
        """Change params in place. ValueError if grads are not laid out like params."""
        check_gradients("Adam", self.params, grads)
        self.t += 1
        self.update(self.params.flat, grads.flat, self.m, self.v, self.t, self.lr, self.betas, self.eps)

    def state(self) -> dict[str, np.ndarray]:
        """All that changes from step to step, as arrays: m and v themselves, and t as a number of no axes."""
        return {"m": self.m, "v": self.v, "t": np.array(self.t, np.int64)}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where another Adam stood. ValueError if its state does not fit."""
        t = np.array(0, np.int64)
        copy_state("Adam", {"m": self.m, "v": self.v, "t": t}, state)
        self.t = int(t)
