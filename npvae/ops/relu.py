"""Rectified linear unit.

Forward
    y[n, d] = x[n, d] if x[n, d] > 0 else 0                                                      (1)
Backward
    dx[n, d] = dy[n, d] if x[n, d] > 0 else 0                                                    (2)
Derivation
    Each branch is a straight line, of slope 1 or 0.

The subgradient used at the kink x = 0 is 0.

Nair & Hinton (2010), "Rectified linear units improve restricted Boltzmann machines".
"""

import numpy as np

from npvae.spec import Arg, Op


def relu_forward(x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x of any shape -> y of the same shape. A NaN stays a NaN."""
    y = np.maximum(x, 0)  # (1)
    return y, (x,)


def relu_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    (x,) = cache
    dx = dy * (x > 0)  # (2)
    return dx


OP = Op(relu_forward, relu_backward, args={"x": Arg("N D", kinks=[0.0])}, pure=True)
