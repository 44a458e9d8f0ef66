"""Logistic sigmoid: a logit becomes a probability.

Forward
    y[n, d] = 1 / (1 + exp(-x[n, d]))                                                            (1)
Backward
    dx[n, d] = dy[n, d] * y[n, d] * (1 - y[n, d])                                                (2)
Derivation
    With e = exp(-x), whose slope is -e, that of y = 1 / (1 + e) is e / (1 + e)**2. The two factors of it, 1 / (1 + e)
    and e / (1 + e), are y and 1 - y.

With e = exp(-|x|), which never overflows, y is 1 / (1 + e) for x >= 0 and e / (1 + e) below, and
y (1 - y) = e / (1 + e)**2 on both sides: no digit is lost where y rounds to 1.

A loss should take logits, not this: see bernoulli_nll.
"""

import numpy as np

from npvae.spec import Arg, Op


def sigmoid_forward(x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x of any shape -> y in [0, 1] of the same shape."""
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)  # (1)
    return y, (e,)


def sigmoid_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    (e,) = cache
    dy_dx = e / (1 + e) ** 2
    dx = dy * dy_dx  # (2)
    return dx


OP = Op(sigmoid_forward, sigmoid_backward, args={"x": Arg("N D")}, pure=True)
