"""Exponential linear unit: the identity above zero, a smooth approach to -alpha below.

Forward
    y[n, d] = x[n, d] if x[n, d] > 0 else alpha * (exp(x[n, d]) - 1)                             (1)
Backward
    dx[n, d] = dy[n, d] * (1 if x[n, d] > 0 else alpha * exp(x[n, d]))                           (2)
Derivation
    The slope of exp(x) is exp(x), so below zero that of y is alpha exp(x).

At x = 0 the slope from the left, alpha, is used; with alpha = 1 there is no kink.
The exponential is taken of min(x, 0) only: exp of a large x would overflow in the branch that is not used.

Clevert, Unterthiner & Hochreiter (2016), "Fast and accurate deep network learning by exponential linear units".
"""

import numpy as np

from npvae.spec import Arg, Op


def elu_forward(x: np.ndarray, alpha: float = 1.0) -> tuple[np.ndarray, tuple]:
    """x of any shape, limit -alpha -> y of the shape of x."""
    y = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))  # (1)
    return y, (x, alpha)


def elu_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    x, alpha = cache
    dy_dx = np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))
    dx = dy * dy_dx  # (2)
    return dx


OP = Op(
    elu_forward,
    elu_backward,
    args={"x": Arg("N D", kinks=[0.0])},
    params={"alpha": [1.0, 0.3]},
    pure=True,
)
