"""Convolution: a window slides over an image, and what it shows goes through one and the same dense layer everywhere.

x (N, I, J, C) are N images of I rows, J columns and C channels, with `padding` zeros on every side. The window has P
rows and Q columns and moves by `stride`, which gives U * V places.

Forward
    U = (I + 2 * padding - P) // stride + 1                                                      (1)
    V = (J + 2 * padding - Q) // stride + 1                                                      (2)
    y[n, u, v, f] = b[f] + sum(x[n, stride * u + p - padding, stride * v + q - padding, c] * W[p, q, c, f]
        for p in range(P) for q in range(Q) for c in range(C)
        if 0 <= stride * u + p - padding < I and 0 <= stride * v + q - padding < J)              (3)
Backward
    dx[n, i, j, c] = sum(dy[n, u, v, f] * W[i + padding - stride * u, j + padding - stride * v, c, f]
        for u in range(U) for v in range(V) for f in range(F)
        if 0 <= i + padding - stride * u < P and 0 <= j + padding - stride * v < Q)              (4)
    dW[p, q, c, f] = sum(x[n, stride * u + p - padding, stride * v + q - padding, c] * dy[n, u, v, f]
        for n in range(N) for u in range(U) for v in range(V)
        if 0 <= stride * u + p - padding < I and 0 <= stride * v + q - padding < J)              (5)
    db[f] = sum(dy[n, u, v, f] for n in range(N) for u in range(U) for v in range(V))            (6)
Derivation
    The window at u shows the pixel in row i at its own row p = i + padding - stride * u, if it has one; likewise for
    columns. That path to y[n, u, v, f] has slope W[p, q, c, f], and (4) sums over all windows that show the pixel.
    W[p, q, c, f] is on a path from every window of every image, with the pixel that it meets there as slope: (5).
    So is b[f], with slope 1: (6).
    Without b, (3) is linear in x and (4) is its adjoint: sum(conv2d(x) * dy) = sum(x * dx) for every x and dy. The
    page of conv2d_transpose has (4) as its forward, with the same W, and (3) as its backward.

This is correlation, which every library calls convolution: W is not turned round. Written as P * Q products, one for
each place in the window, it needs no array of all windows, which is P * Q / stride**2 times as large as x.

LeCun et al. (1989), "Backpropagation applied to handwritten zip code recognition".
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.ops.windows import positions, windows
from npvae.spec import Arg, Op


def conv2d_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, tuple]:
    """x (N, I, J, C), W (P, Q, C, F), b (F,) -> y (N, U, V, F). ValueError if the shapes or the window do not fit."""
    if x.ndim != 4 or W.ndim != 4 or x.shape[3] != W.shape[2] or b.shape != W.shape[3:]:
        raise shape_error(OP, x, W, b)
    U, V = (positions(x.shape[k], W.shape[k - 1], stride, padding) for k in (1, 2))  # (1) (2)
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    y = np.tile(b, (len(x), U, V, 1))
    for p, q, window in windows(W, U, V, stride):
        y += padded[window] @ W[p, q]  # (3)
    return y, (padded, W, stride, padding)


def conv2d_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dy (N, U, V, F) -> dx (N, I, J, C), dW (P, Q, C, F), db (F,). dx is None if not needed: the input is data."""
    padded, W, stride, padding = cache
    dpadded, dW = np.zeros_like(padded), np.empty_like(W)
    for p, q, window in windows(W, dy.shape[1], dy.shape[2], stride):
        dpadded[window] += dy @ W[p, q].T if needs_dx else 0  # (4)
        dW[p, q] = np.tensordot(padded[window], dy, ([0, 1, 2], [0, 1, 2]))  # (5)
    db = dy.sum(axis=(0, 1, 2))  # (6)
    inside = slice(padding, -padding or None)
    dx = dpadded[:, inside, inside].copy() if needs_dx else None
    return dx, dW, db


OP = Op(
    conv2d_forward,
    conv2d_backward,
    args={"x": Arg("N I J C", linear=True), "W": Arg("P Q C F", linear=True), "b": Arg("F", linear=True)},
    params={"stride": [1, 2, 3], "padding": [0, 1]},
    ranges={"N": (1, 4), "I": (3, 6), "J": (3, 6), "C": (1, 3), "P": (1, 3), "Q": (1, 2), "F": (1, 4)},
    pure=True,
)
