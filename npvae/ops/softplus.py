"""Softplus: a smooth relu, and a map from any number to a positive one.

Forward
    y[n, d] = log(1 + exp(x[n, d]))                                                              (1)
Backward
    dx[n, d] = dy[n, d] / (1 + exp(-x[n, d]))                                                    (2)
Derivation
    The slope of log(v) is 1 / v, that of 1 + exp(x) is exp(x): exp(x) / (1 + exp(x)), which is (2).

With e = exp(-|x|), which never overflows, y = max(x, 0) + log1p(e), and the sigmoid in (2) is 1 / (1 + e) or
e / (1 + e).

Dugas et al. (2001), "Incorporating second-order functional knowledge for better option pricing".
"""

import numpy as np

from npvae.spec import Arg, Op


def softplus_forward(x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x of any shape -> y >= 0 of the same shape."""
    e = np.exp(-np.abs(x))
    y = np.maximum(x, 0) + np.log1p(e)  # (1)
    return y, (x, e)


def softplus_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    x, e = cache
    dy_dx = np.where(x >= 0, 1, e) / (1 + e)
    dx = dy * dy_dx  # (2)
    return dx


OP = Op(softplus_forward, softplus_backward, args={"x": Arg("N D")}, pure=True)
