"""SGD as an object: the recurrence of `npvae.ops.sgd` with its state, one step over one flat buffer."""

import numpy as np

from npvae.backend import ops_of
from npvae.optim.checks import check_params, check_positive
from npvae.optim.optimizer import Optimizer
from npvae.params import Params
from npvae.scalars import is_number


class SGD(Optimizer):
    """One step over the flat buffer. momentum in [0, 1); 0 is plain gradient descent.

    Raises ValueError for lr <= 0 or momentum outside [0, 1).

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> sgd = npvae.SGD(vae.params, lr=0.1, momentum=0.9)
        >>> loss, trace = vae.forward(np.zeros((5, 64), np.float32), np.zeros((5, 2), np.float32))
        >>> sgd.step(vae.backward(trace))
    """

    kept = ("v",)

    def __init__(self, params: Params, lr: float = 1e-2, momentum: float = 0.0, *, backend: str = "numba") -> None:
        """State starts at zero."""
        check_params("SGD", params)
        check_positive("SGD", lr=lr)
        if not is_number(momentum) or not 0 <= momentum < 1:
            raise ValueError(f"SGD: momentum is {momentum!r}, expected 0 <= momentum < 1")
        self.params, self.lr, self.momentum = params, lr, momentum
        self.v = np.zeros_like(params.flat)
        self.update = ops_of(backend).sgd_update

    def step_by(self, g: np.ndarray) -> None:
        """One update of the page, in place."""
        self.update(self.params.flat, g, self.v, self.lr, self.momentum)
