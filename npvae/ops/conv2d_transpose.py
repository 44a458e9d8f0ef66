"""Transposed convolution: every pixel is a dense layer away from a window, and the windows are laid over one another.

It is the adjoint of conv2d: it makes images larger where that one makes them smaller. x (N, I, J, C) has a pixel for
each place of the window. W (P, Q, F, C) is the W of the conv2d from F channels to C that it turns round. That one makes
I rows of `stride` different sizes U; `extra_rows` and `extra_columns` (0 to stride - 1) say which is meant.

Forward
    U = stride * (I - 1) + P - 2 * padding + extra_rows                                          (1)
    V = stride * (J - 1) + Q - 2 * padding + extra_columns                                       (2)
    y[n, u, v, f] = b[f] + sum(x[n, i, j, c] * W[u + padding - stride * i, v + padding - stride * j, f, c]
        for i in range(I) for j in range(J) for c in range(C)
        if 0 <= u + padding - stride * i < P and 0 <= v + padding - stride * j < Q)              (3)
Backward
    dx[n, i, j, c] = sum(dy[n, stride * i + p - padding, stride * j + q - padding, f] * W[p, q, f, c]
        for p in range(P) for q in range(Q) for f in range(F)
        if 0 <= stride * i + p - padding < U and 0 <= stride * j + q - padding < V)              (4)
    dW[p, q, f, c] = sum(x[n, i, j, c] * dy[n, stride * i + p - padding, stride * j + q - padding, f]
        for n in range(N) for i in range(I) for j in range(J)
        if 0 <= stride * i + p - padding < U and 0 <= stride * j + q - padding < V)              (5)
    db[f] = sum(dy[n, u, v, f] for n in range(N) for u in range(U) for v in range(V))            (6)
Derivation
    x[n, i, j, c] reaches row u of y through the window's row p = u + padding - stride * i, so u = stride * i + p -
    padding; likewise for columns. The slope is W[p, q, f, c]: (4) sums what comes back from the window. W[p, q, f, c]
    has the slope x[n, i, j, c] towards that pixel of y, for every n, i and j: (5). b[f] has slope 1 everywhere: (6).
    (3) and (4) without b are (4) and (3) of conv2d: each of the two ops is the other's adjoint, so that
    sum(conv2d_transpose(x) * y) = sum(x * conv2d(y)) for every x and y, with one W.

Where P is no multiple of the stride, neighbouring pixels are covered by unequally many windows: a checkerboard.

Zeiler et al. (2010), "Deconvolutional networks"; Odena, Dumoulin & Olah (2016) on checkerboards.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.ops.windows import spread_size, windows
from npvae.spec import Arg, Op


def conv2d_transpose_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray,
    stride: int = 1, padding: int = 0, extra_rows: int = 0, extra_columns: int = 0,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    """x (N, I, J, C), W (P, Q, F, C), b (F,) -> y (N, U, V, F). ValueError if the shapes do not fit."""
    if x.ndim != 4 or W.ndim != 4 or x.shape[3] != W.shape[3] or b.shape != W.shape[2:3]:
        raise shape_error(OP, x, W, b)
    (N, I, J, _), (P, Q, F, _) = x.shape, W.shape
    U, V = spread_size(I, P, stride, padding, extra_rows), spread_size(J, Q, stride, padding, extra_columns)  # (1) (2)
    padded = np.zeros((N, U + 2 * padding, V + 2 * padding, F), x.dtype)
    for p, q, window in windows(W, I, J, stride):
        padded[window] += x @ W[p, q].T  # (3)
    return padded[:, padding : padding + U, padding : padding + V] + b, (x, W, stride, padding)


def conv2d_transpose_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dy (N, U, V, F) -> dx (N, I, J, C), dW (P, Q, F, C), db (F,)."""
    x, W, stride, padding = cache
    dpadded = np.pad(dy, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dx, dW = np.zeros_like(x), np.empty_like(W)
    for p, q, window in windows(W, x.shape[1], x.shape[2], stride):
        dx += dpadded[window] @ W[p, q]  # (4)
        dW[p, q] = np.tensordot(dpadded[window], x, ([0, 1, 2], [0, 1, 2]))  # (5)
    db = dy.sum(axis=(0, 1, 2))  # (6)
    return dx, dW, db


OP = Op(
    conv2d_transpose_forward,
    conv2d_transpose_backward,
    args={"x": Arg("N I J C", linear=True), "W": Arg("P Q F C", linear=True), "b": Arg("F", linear=True)},
    params={"stride": [1, 2, 3], "padding": [0, 1], "extra_rows": [0], "extra_columns": [0]},
    ranges={"N": (1, 4), "I": (2, 4), "J": (2, 4), "C": (1, 3), "P": (2, 3), "Q": (2, 2), "F": (1, 4)},
    pure=True,
)
