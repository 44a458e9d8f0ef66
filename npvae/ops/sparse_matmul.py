"""A sparse matrix S (M, N), stored row by row, times a dense one: only the entries that are there are multiplied.

Row m of S has the entries from indptr[m] up to indptr[m + 1]; entry e stands in column indices[e] (the CSR format).

Forward
    y[m, f] = sum(values[e] * x[indices[e], f] for e in range(indptr[m], indptr[m + 1]))         (1)
Backward
    dvalues[e] = sum(dy[m, f] * x[indices[e], f] for m in range(M) for f in range(F)
                     if indptr[m] <= e < indptr[m + 1])                                          (2)
    dx[n, f] = sum(values[e] * dy[m, f] for m in range(M) for e in range(indptr[m], indptr[m + 1])
                   if indices[e] == n)                                                           (3)
Derivation
    Entry e is used once for each f, in its own row m, with slope x[indices[e], f]: (2). x[n, f] is used by every entry
    of column n, with slope values[e], and the paths are added: (3), which is dx = S.T dy. Like (1) it runs over rows of
    S, but where (1) gathers rows of x, (3) scatters rows of dy. Only for a symmetric S is dx = S dy.

Made dense, S would be N / (entries per row) times as large: for the citations of Cora 500 times. Two entries at one
place count as their sum.

Gustavson (1978), "Two Fast Algorithms for Sparse Matrices: Multiplication and Permuted Transposition".
"""

import numpy as np

from npvae.ops.shapes import check_shapes
from npvae.spec import Arg, Op


def sparse_matmul_forward(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, tuple]:
    """indptr (M + 1,) from 0 to E, indices (E,) in 0 .. N - 1, values (E,), x (N, F) -> y (M, F).

    Raises ValueError if the shapes do not fit.
    """
    check_shapes(OP, indptr, indices, values, x)
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))  # (E,)
    y = np.zeros((len(indptr) - 1, x.shape[1]), x.dtype)
    np.add.at(y, row, values[:, np.newaxis] * x[indices])  # (1)
    return y, (row, indices, values, x)


def sparse_matmul_backward(
    dy: np.ndarray, cache: tuple, needs_dvalues: bool = True
) -> tuple[np.ndarray | None, np.ndarray]:
    """dy (M, F) -> dvalues (E,), dx (N, F). dvalues is None if not needed: the matrix of a graph is data."""
    row, indices, values, x = cache
    dvalues = (dy[row] * x[indices]).sum(axis=1) if needs_dvalues else None  # (2)
    dx = np.zeros_like(x)
    np.add.at(dx, indices, values[:, np.newaxis] * dy[row])  # (3)
    return dvalues, dx


INDPTR = Arg("M+1", dtype=int, domain=(0, "E+1"), differentiable=False, offsets=True)
INDICES = Arg("E", dtype=int, domain=(0, "N"), differentiable=False)
OP = Op(
    sparse_matmul_forward,
    sparse_matmul_backward,
    args={"indptr": INDPTR, "indices": INDICES, "values": Arg("E", linear=True), "x": Arg("N F", linear=True)},
    pure=True,
)
