"""Sigmoid linear unit (swish): the input weighted by its own sigmoid.

Forward
    y[n, d] = x[n, d] / (1 + exp(-x[n, d]))                                                      (1)
Backward
    s[n, d] = 1 / (1 + exp(-x[n, d]))                                                            (2)
    dx[n, d] = dy[n, d] * s[n, d] * (1 + x[n, d] * (1 - s[n, d]))                                (3)
Derivation
    The product rule on x s, with the slope s (1 - s) of a sigmoid: s + x s (1 - s).

With e = exp(-|x|), which never overflows, s and 1 - s are 1 / (1 + e) and e / (1 + e), the larger one on the
side of the sign of x.

Elfwing, Uchibe & Doya (2018), "Sigmoid-weighted linear units for neural network function approximation".
"""

import numpy as np

from npvae.spec import Arg, Op


def silu_forward(x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x of any shape -> y of the same shape."""
    e = np.exp(-np.abs(x))
    y = x * np.where(x >= 0, 1, e) / (1 + e)  # (1)
    return y, (x, e)


def silu_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    x, e = cache
    s = np.where(x >= 0, 1, e) / (1 + e)  # (2)
    one_minus_s = np.where(x >= 0, e, 1) / (1 + e)
    dx = dy * s * (1 + x * one_minus_s)  # (3)
    return dx


OP = Op(silu_forward, silu_backward, args={"x": Arg("N D")}, pure=True)
