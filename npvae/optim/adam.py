"""Adam: a running mean of the gradient over the root of a running mean of its square, both corrected for their start.

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    p = p - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)        t = 1, 2, ...

Kingma & Ba (2015), algorithm 1.
"""

import numpy as np

from npvae.models.params import Params
from npvae.optim.checks import check_gradients, check_positive


class Adam:
    """One step over the flat buffer. The first step moves every parameter by about lr, whatever its gradient's size."""

    def __init__(
        self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        """State starts at zero. ValueError for lr <= 0, eps <= 0 or a beta outside [0, 1)."""
        check_positive("Adam", lr=lr, eps=eps)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: betas are {betas}, expected 0 <= beta < 1 for both")
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.m = np.zeros_like(params.flat)
        self.v = np.zeros_like(params.flat)
        self.t = 0

    def step(self, grads: Params) -> None:
        """Change params in place. ValueError if grads are not laid out like params."""
        check_gradients("Adam", self.params, grads)
        g, (beta1, beta2) = grads.flat, self.betas
        self.t += 1
        self.m *= beta1
        self.m += (1 - beta1) * g
        self.v *= beta2
        self.v += (1 - beta2) * g * g
        m_hat = self.m / (1 - beta1**self.t)
        v_hat = self.v / (1 - beta2**self.t)
        self.params.flat -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
