"""Hyperbolic tangent.

Forward
    y[n, d] = tanh(x[n, d])                                                                      (1)
Backward
    dx[n, d] = dy[n, d] * (1 - y[n, d] ** 2)                                                     (2)
Derivation
    tanh = sinh / cosh, of which each is the slope of the other. The quotient rule gives
    (cosh**2 - sinh**2) / cosh**2 = 1 - tanh**2.

LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", on why its zero mean helps.
"""

import numpy as np

from npvae.spec import Arg, Op


def tanh_forward(x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x of any shape -> y in [-1, 1] of the same shape."""
    y = np.tanh(x)  # (1)
    return y, (y.copy(),)


def tanh_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    (y,) = cache
    dx = dy * (1 - y * y)  # (2)
    return dx


OP = Op(tanh_forward, tanh_backward, args={"x": Arg("N D")}, pure=True)
