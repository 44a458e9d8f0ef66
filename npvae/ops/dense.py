"""Dense layer: an affine map of every sample.

Forward
    y[n, o] = sum(x[n, i] * W[i, o] for i in range(I)) + b[o]                                    (1)
Backward
    dx[n, i] = sum(dy[n, o] * W[i, o] for o in range(O))                                         (2)
    dW[i, o] = sum(x[n, i] * dy[n, o] for n in range(N))                                         (3)
    db[o] = sum(dy[n, o] for n in range(N))                                                      (4)
Derivation
    x[n, i] is on a path to y[n, o] for every o, with slope W[i, o]: what comes back on them is summed, (2).
    W[i, o] is on a path to y[n, o] for every sample n, with slope x[n, i]: (3). So is b[o], with slope 1: (4).
    As matrices, dx = dy Wᵀ and dW = xᵀ dy.

W is (I, O), so that the code reads `x @ W + b`: the transpose of what torch.nn.Linear stores.

Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors".
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def dense_forward(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x (N, I), W (I, O), b (O,) -> y (N, O). ValueError if the shapes do not fit."""
    if x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[0] or b.shape != W.shape[1:]:
        raise shape_error(OP, x, W, b)
    y = x @ W + b  # (1)
    return y, (x, W)


def dense_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dy (N, O) -> dx (N, I), dW (I, O), db (O,). dx is None if not needed: the input of a first layer is data."""
    x, W = cache
    dx = dy @ W.T if needs_dx else None  # (2)
    dW = x.T @ dy  # (3)
    db = dy.sum(axis=0)  # (4)
    return dx, dW, db


OP = Op(
    dense_forward,
    dense_backward,
    args={"x": Arg("N I", linear=True), "W": Arg("I O", linear=True), "b": Arg("O", linear=True)},
    pure=True,
)
