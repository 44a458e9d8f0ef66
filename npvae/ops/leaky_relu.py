"""Rectified linear unit that leaks: a negative input keeps a small slope, so no unit is ever dead.

Forward
    y[n, d] = x[n, d] if x[n, d] > 0 else alpha * x[n, d]                                        (1)
Backward
    dx[n, d] = dy[n, d] if x[n, d] > 0 else alpha * dy[n, d]                                     (2)
Derivation
    Each branch is a straight line through 0, of slope 1 or alpha.

The subgradient used at the kink x = 0 is alpha.

Maas, Hannun & Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".
"""

import numpy as np

from npvae.spec import Arg, Op


def leaky_relu_forward(x: np.ndarray, alpha: float = 0.01) -> tuple[np.ndarray, tuple]:
    """x of any shape, slope alpha -> y of the shape of x. A NaN stays a NaN."""
    y = np.where(x > 0, x, alpha * x)  # (1)
    return y, (x, alpha)


def leaky_relu_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    x, alpha = cache
    dx = np.where(x > 0, dy, alpha * dy)  # (2)
    return dx


OP = Op(
    leaky_relu_forward,
    leaky_relu_backward,
    args={"x": Arg("N D", kinks=[0.0])},
    params={"alpha": [0.01, 0.3]},
    pure=True,
)
