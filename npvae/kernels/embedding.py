"""The gradient of an embedding, row by row: NumPy's add.at takes several times as long.

Twin of `npvae.ops.embedding`. Tables of another dtype than float32 and float64 go to the reference.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.jit import SUMS, kernel


def embedding_forward(ids: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, tuple]:
    """ids (N, T) integers in 0 .. V - 1, table (V, E) -> y (N, T, E). ValueError if the axes are not these."""
    y, _ = ops.embedding_forward(ids, table)
    return y, (ids, table)


def embedding_backward(dy: np.ndarray, cache: tuple, *, place: Callable = np.empty_like) -> np.ndarray:
    """dy (N, T, E) -> dtable (V, E)."""
    ids, table = cache
    if not one_float_dtype(dy, table):
        return ops.embedding_backward(dy, (ids, table.shape))
    dtable: np.ndarray = place(table)
    dtable[:] = 0
    add_rows(np.ascontiguousarray(ids, np.int64).ravel(), np.ascontiguousarray(dy).reshape(-1, table.shape[1]), dtable)
    return dtable


@kernel(SUMS)
def add_rows(ids: np.ndarray, rows: np.ndarray, table: np.ndarray) -> None:
    """table[ids[i]] += rows[i], one after the other."""
    for i in range(ids.size):
        row, total = rows[i], table[ids[i]]
        for e in range(row.size):
            total[e] += row[e]
