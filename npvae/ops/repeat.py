"""One value used K times: the same posterior, from which K samples are drawn.

Forward
    y[k, n, l] = x[n, l]                                                                         (1)
Backward
    dx[n, l] = sum(dy[k, n, l] for k in range(K))                                                (2)
Derivation
    y[k, n, l] has slope 1 in x[n, l], for every k.

What forward copies, backward adds up: x is on K paths to the loss, and its gradient is the sum over them.
"""

import numpy as np

from npvae.spec import Arg, Op


def repeat_forward(x: np.ndarray, K: int = 2) -> tuple[np.ndarray, tuple]:
    """x (N, L) -> y (K, N, L), a fresh array."""
    y = np.repeat(x[np.newaxis], K, axis=0)  # (1)
    return y, ()


def repeat_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy (K, N, L) -> dx (N, L)."""
    dx = dy.sum(axis=0)  # (2)
    return dx


OP = Op(repeat_forward, repeat_backward, args={"x": Arg("N L", linear=True)}, params={"K": [2, 1, 5]}, pure=True)
