"""How much each neighbour counts in a graph convolution: the edges, a loop at every vertex, all divided by degrees.

Equations
    A[n, n2] = max(1 if n == n2 or edges[e, 0] == n and edges[e, 1] == n2 or edges[e, 0] == n2 and edges[e, 1] == n
                   else 0 for e in range(E))                                                     (1)
    degree[n] = sum(A[n, n2] for n2 in range(N))                                                 (2)
    S[n, n2] = A[n, n2] / sqrt(degree[n] * degree[n2])                                           (3)

S = D^(-1/2) (A + I) D^(-1/2). A plain mean over neighbours would be A[n, n2] / degree[n]; this one is symmetric, S.T is
S, and its eigenvalues lie between -1 and 1, so that layer after layer nothing grows. A vertex without edges is
left as it is: its row of S is that of the identity. An edge that is given twice, or in both directions, counts once.

There is no gradient: the graph is data.

Kipf & Welling (2017), "Semi-Supervised Classification with Graph Convolutional Networks", section 2.2.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from npvae.spec import Arg, Law


class CSR(NamedTuple):
    """A sparse matrix (M, N), row by row: row m has the entries indptr[m] up to indptr[m + 1]."""

    indptr: np.ndarray  # (M + 1,) int64
    indices: np.ndarray  # (E,) int64, ascending in each row: the columns of the entries
    values: np.ndarray  # (E,) floats


def normalise_adjacency(edges: np.ndarray, N: int, dtype: npt.DTypeLike = np.float64) -> CSR:
    """edges (E, 2) integers in 0 .. N - 1, in any order and either direction -> S (N, N), symmetric, with N loops.

    Raises ValueError if edges are not of this shape, or name a vertex that is not there.
    """
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(f"normalise_adjacency: edges has shape {edges.shape}, expected (E, 2)")
    if edges.size and not (edges.min() >= 0 and edges.max() < N):
        raise ValueError(f"normalise_adjacency: edges name vertices {edges.min()} to {edges.max()} of {N}")
    a, b, loop = edges[:, 0].astype(np.int64), edges[:, 1].astype(np.int64), np.arange(N)
    place = np.unique(np.concatenate([a * N + b, b * N + a, loop * N + loop]))  # (1), as n * N + m
    row, column = place // N, place % N
    degree = np.bincount(row, minlength=N)  # (2)
    values = (1 / np.sqrt(degree[row] * degree[column].astype(float))).astype(dtype)  # (3)
    return CSR(np.concatenate([[0], np.cumsum(degree)]), column, values)


def _dense(edges: np.ndarray, N: np.ndarray) -> dict[str, np.ndarray]:
    S = normalise_adjacency(edges, int(N))
    dense = np.zeros((int(N), int(N)))
    dense[np.repeat(np.arange(int(N)), np.diff(S.indptr)), S.indices] = S.values
    return {"S": dense, "degree": np.diff(S.indptr)}


LAW = Law(
    _dense,
    name="normalised_adjacency",
    args={"edges": Arg("E 2", dtype=int, domain=(0, 3)), "N": Arg(dtype=int, domain=(4, 6))},
)
