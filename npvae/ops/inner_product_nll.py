"""Negative log-probability of a graph whose edges are near points: p(edge n, j) = sigmoid(z[n] . z[j]), in nats.

Every ordered pair of vertices is a coin, n with itself too. `indptr` and `indices` list the pairs that are edges, row
by row, as sparse_matmul stores a matrix; an edge counts `weight` times, because there are so few. One value per vertex.

Forward
    s[n, n2] = sum(z[n, l] * z[n2, l] for l in range(L))                                         (1)
    every[n] = sum(log(1 + exp(s[n, n2])) for n2 in range(N))                                    (2)
    nll[n] = every[n] + sum(weight * log(1 + exp(-s[n, indices[e]])) - log(1 + exp(s[n, indices[e]]))
                            for e in range(indptr[n], indptr[n + 1]))                            (3)
Backward
    p[n, n2] = 1 / (1 + exp(-s[n, n2]))                                                          (4)
    ds[n, n2] = dnll[n] * (p[n, n2] + sum((1 - weight) * (1 - p[n, n2]) - 1
                           for e in range(indptr[n], indptr[n + 1]) if indices[e] == n2))        (5)
    dz[n, l] = sum((ds[n, n2] + ds[n2, n]) * z[n2, l] for n2 in range(N))                        (6)
Derivation
    -log(1 - sigmoid(s)) = log(1 + exp(s)), of slope p: the cost of no edge, taken for all pairs in (2). Where there is
    an edge (3) puts weight times -log(sigmoid(s)) = log(1 + exp(-s)), of slope p - 1, in its place: the slope changes
    by weight (p - 1) - p = (1 - weight)(1 - p) - 1: (5). s[n, n2] is the product of z[n] and z[n2], and z[n] is in row
    n and in column n of s: (6). Since s is symmetric, the pairs of (2) are computed once for both orders.

Written naively, target, logits and their gradient are N x N: 29 MB each for the 2,708 papers of Cora, 40 GB each for
100,000 vertices. Here rows are taken in blocks, from the diagonal on, and nothing larger than a block is kept.

Kipf & Welling (2016), "Variational Graph Auto-Encoders", equation 2; the weight is of their code.
"""

import numpy as np

from npvae.ops.gcn import INDPTR
from npvae.ops.shapes import check_shapes
from npvae.ops.sigmoid import sigmoid_forward
from npvae.ops.softplus import softplus_forward
from npvae.ops.sparse_matmul import INDICES
from npvae.spec import Arg, Op

ROWS = 64  # of a block


def inner_product_nll_forward(
    indptr: np.ndarray, indices: np.ndarray, z: np.ndarray, weight: float = 1.0
) -> tuple[np.ndarray, tuple]:
    """indptr (N + 1,), indices (E,) of the edges, z (N, L) -> nll (N,), in nats. ValueError if shapes do not fit."""
    check_shapes(OP, indptr, indices, z)
    nll, row = np.zeros(len(z), z.dtype), np.repeat(np.arange(len(z)), np.diff(indptr))  # (N,), (E,)
    for n in range(0, len(z), ROWS):
        below = n + ROWS
        cost, _ = softplus_forward(z[n:below] @ z[n:].T)  # (ROWS, N - n): (1) (2)
        nll[n:below] += cost.sum(axis=1)
        nll[below:] += cost[:, ROWS:].sum(axis=0)
    s = (z[row] * z[indices]).sum(axis=1)  # (E,)
    np.add.at(nll, row, weight * softplus_forward(-s)[0] - softplus_forward(s)[0])  # (3)
    return nll, (row, indices, z, s, weight)


def inner_product_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dz (N, L)."""
    row, indices, z, s, weight = cache
    dz = np.zeros_like(z)
    for n in range(0, len(z), ROWS):
        below = n + ROWS
        p, _ = sigmoid_forward(z[n:below] @ z[n:].T)  # (ROWS, N - n): (4)
        ds = p * (dnll[n:below, np.newaxis] + dnll[n:])  # (5), of both orders of a pair
        dz[n:below] += ds @ z[n:]  # (6)
        dz[below:] += ds[:, ROWS:].T @ z[n:below]
    ds_edge = (dnll[row] * ((1 - weight) * sigmoid_forward(-s)[0] - 1))[:, np.newaxis]  # (E, 1)
    np.add.at(dz, row, ds_edge * z[indices])
    np.add.at(dz, indices, ds_edge * z[row])
    return dz


OP = Op(
    inner_product_nll_forward,
    inner_product_nll_backward,
    args={"indptr": INDPTR, "indices": INDICES, "z": Arg("N L")},
    params={"weight": [1.0, 7.5]},
    pure=True,
)
