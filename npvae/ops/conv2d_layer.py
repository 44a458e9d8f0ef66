"""A convolutional layer: an activation f over a convolution.

Forward
    U = (I + 2 * padding - P) // stride + 1                                                      (1)
    V = (J + 2 * padding - Q) // stride + 1                                                      (2)
    a[n, u, v, o] = b[o] + sum(x[n, stride * u + p - padding, stride * v + q - padding, c] * W[p, q, c, o]
        for p in range(P) for q in range(Q) for c in range(C)
        if 0 <= stride * u + p - padding < I and 0 <= stride * v + q - padding < J)              (3)
    y[n, u, v, o] = f(a[n, u, v, o])                                                             (4)
Backward
    da[n, u, v, o] = dy[n, u, v, o] * df(a[n, u, v, o])                                          (5)
    dx[n, i, j, c] = sum(da[n, u, v, o] * W[i + padding - stride * u, j + padding - stride * v, c, o]
        for u in range(U) for v in range(V) for o in range(O)
        if 0 <= i + padding - stride * u < P and 0 <= j + padding - stride * v < Q)              (6)
    dW[p, q, c, o] = sum(x[n, stride * u + p - padding, stride * v + q - padding, c] * da[n, u, v, o]
        for n in range(N) for u in range(U) for v in range(V)
        if 0 <= stride * u + p - padding < I and 0 <= stride * v + q - padding < J)              (7)
    db[o] = sum(da[n, u, v, o] for n in range(N) for u in range(U) for v in range(V))            (8)
Derivation
    f is the forward of the activation's own page and df its derivative, from the same page's backward: (5). The rest
    is derived on the page of conv2d, with da in place of its dy.
"""

from typing import Any

import numpy as np

from npvae.ops import layer
from npvae.ops.conv2d import conv2d_backward, conv2d_forward
from npvae.ops.layer import ACTIVATIONS
from npvae.spec import Arg, Op


def conv2d_layer_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str = "relu", stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, tuple]:
    """x (N, I, J, C), W (P, Q, C, O), b (O,), activation a name in ACTIVATIONS -> y (N, U, V, O)."""
    a, conv_cache = conv2d_forward(x, W, b, stride, padding)  # (1) (2) (3)
    y, activation_cache = ACTIVATIONS[activation].forward(a)  # (4)
    return y, (conv_cache, activation_cache, activation)


def conv2d_layer_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dy (N, U, V, O) -> dx (N, I, J, C), dW (P, Q, C, O), db (O,). dx is None if not needed: the input is data."""
    conv_cache, activation_cache, activation = cache
    da = ACTIVATIONS[activation].backward(dy, activation_cache)  # (5)
    dx, dW, db = conv2d_backward(da, conv_cache, needs_dx)  # (6) (7) (8)
    return dx, dW, db


def equation_names(activation: str = "relu", **_: Any) -> dict[str, Op]:
    """What f is in the equations of this page; df is the derivative on the same op's page."""
    return layer.equation_names(activation)


OP = Op(
    conv2d_layer_forward,
    conv2d_layer_backward,
    args={"x": Arg("N I J C"), "W": Arg("P Q C O"), "b": Arg("O")},
    params={"activation": list(ACTIVATIONS), "stride": [2], "padding": [2]},
    ranges={"N": (1, 4), "I": (3, 6), "J": (3, 6), "C": (1, 3), "P": (1, 3), "Q": (1, 2), "O": (1, 4)},
    pure=True,
)
