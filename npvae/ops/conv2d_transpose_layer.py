"""A layer of transposed convolution: an activation f over it.

Forward
    U = stride * (I - 1) + P - 2 * padding + extra_rows                                          (1)
    V = stride * (J - 1) + Q - 2 * padding + extra_columns                                       (2)
    a[n, u, v, o] = b[o] + sum(x[n, i, j, c] * W[u + padding - stride * i, v + padding - stride * j, o, c]
        for i in range(I) for j in range(J) for c in range(C)
        if 0 <= u + padding - stride * i < P and 0 <= v + padding - stride * j < Q)              (3)
    y[n, u, v, o] = f(a[n, u, v, o])                                                             (4)
Backward
    da[n, u, v, o] = dy[n, u, v, o] * df(a[n, u, v, o])                                          (5)
    dx[n, i, j, c] = sum(da[n, stride * i + p - padding, stride * j + q - padding, o] * W[p, q, o, c]
        for p in range(P) for q in range(Q) for o in range(O)
        if 0 <= stride * i + p - padding < U and 0 <= stride * j + q - padding < V)              (6)
    dW[p, q, o, c] = sum(x[n, i, j, c] * da[n, stride * i + p - padding, stride * j + q - padding, o]
        for n in range(N) for i in range(I) for j in range(J)
        if 0 <= stride * i + p - padding < U and 0 <= stride * j + q - padding < V)              (7)
    db[o] = sum(da[n, u, v, o] for n in range(N) for u in range(U) for v in range(V))            (8)
Derivation
    f is the forward of the activation's own page and df its derivative, from the same page's backward: (5). The rest
    is derived on the page of conv2d_transpose, with da in place of its dy.
"""

from typing import Any

import numpy as np

from npvae.ops import layer
from npvae.ops.conv2d_transpose import conv2d_transpose_backward, conv2d_transpose_forward
from npvae.ops.layer import ACTIVATIONS
from npvae.spec import Arg, Op


def conv2d_transpose_layer_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str = "relu",
    stride: int = 1, padding: int = 0, extra_rows: int = 0, extra_columns: int = 0,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    """x (N, I, J, C), W (P, Q, O, C), b (O,), activation a name in ACTIVATIONS -> y (N, U, V, O)."""
    a, conv_cache = conv2d_transpose_forward(x, W, b, stride, padding, extra_rows, extra_columns)  # (1) (2) (3)
    y, activation_cache = ACTIVATIONS[activation].forward(a)  # (4)
    return y, (conv_cache, activation_cache, activation)


def conv2d_transpose_layer_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dy (N, U, V, O) -> dx (N, I, J, C), dW (P, Q, O, C), db (O,)."""
    conv_cache, activation_cache, activation = cache
    da = ACTIVATIONS[activation].backward(dy, activation_cache)  # (5)
    dx, dW, db = conv2d_transpose_backward(da, conv_cache)  # (6) (7) (8)
    return dx, dW, db


def equation_names(activation: str = "relu", **_: Any) -> dict[str, Op]:
    """What f is in the equations of this page; df is the derivative on the same op's page."""
    return layer.equation_names(activation)


OP = Op(
    conv2d_transpose_layer_forward,
    conv2d_transpose_layer_backward,
    args={"x": Arg("N I J C"), "W": Arg("P Q O C"), "b": Arg("O")},
    params={"activation": list(ACTIVATIONS), "stride": [2], "padding": [2], "extra_rows": [1], "extra_columns": [0]},
    ranges={"N": (1, 4), "I": (3, 4), "J": (3, 4), "C": (1, 3), "P": (2, 3), "Q": (2, 2), "O": (1, 4)},
    pure=True,
)
