"""Sparse products without NumPy's add.at: rows are added where they belong, one after the other.

Twins of `npvae.ops.sparse_matmul` and `npvae.ops.gcn`, whose equations are cited. A row of y is added up by the entries
of one row of S; a row of dx by entries all over S, so the backward is one loop, in one thread, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.graph.csr import lies_inside, whole_numbers
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.multiply import multiply
from npvae.ops.gcn import OP as GCN
from npvae.ops.shapes import check_shapes
from npvae.ops.sparse_matmul import OP as SPARSE_MATMUL

REFERENCE = None  # in place of the rows, in a cache that the reference made


def sparse_matmul_forward(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, x: np.ndarray, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """indptr (M + 1,) from 0 to E, indices (E,), values (E,), x (N, F) -> y (M, F). ValueError if shapes do not fit."""
    check_shapes(SPARSE_MATMUL, indptr, indices, values, x)
    if not one_float_dtype(values, x) or not lies_inside(indptr, indices, len(x)):
        y, cache = ops.sparse_matmul_forward(indptr, indices, values, x)
        return y, (REFERENCE, cache)
    indptr, indices = whole_numbers(indptr, indices)
    values, rows = np.ascontiguousarray(values), np.ascontiguousarray(x)
    y = new((len(indptr) - 1, x.shape[1]), x.dtype)
    gather(indptr, indices, values, rows, y)  # (1)
    return y, (indptr, indices, values, rows, x)


def sparse_matmul_backward(
    dy: np.ndarray,
    cache: tuple,
    needs_dvalues: bool = True,
    *,
    new: Callable = np.empty,
    place: Callable = np.empty_like,
) -> tuple[np.ndarray | None, np.ndarray]:
    """dy (M, F) -> dvalues (E,) or None, dx (N, F)."""
    indptr, *arrays = cache
    if indptr is REFERENCE:
        return ops.sparse_matmul_backward(dy, arrays[0], needs_dvalues)
    indices, values, rows, x = arrays
    dy = np.ascontiguousarray(dy, x.dtype)
    dvalues = new(values.shape, x.dtype) if needs_dvalues else None
    if dvalues is not None:
        slopes_of_entries(indptr, indices, dy, rows, dvalues)  # (2)
    dx: np.ndarray = place(x)
    scatter(indptr, indices, values, dy, dx)  # (3)
    return dvalues, dx


def gcn_forward(
    indptr: np.ndarray,
    indices: np.ndarray,
    values: np.ndarray,
    x: np.ndarray,
    W: np.ndarray,
    *,
    new: Callable = np.empty,
) -> tuple[np.ndarray, tuple]:
    """indptr (N + 1,), indices (E,), values (E,), x (N, I), W (I, O) -> y (N, O). ValueError if shapes do not fit."""
    check_shapes(GCN, indptr, indices, values, x, W)
    if not one_float_dtype(values, x, W):
        y, cache = ops.gcn_forward(indptr, indices, values, x, W)
        return y, (REFERENCE, cache, None, None)
    if W.shape[0] <= W.shape[1]:
        p, S_cache = sparse_matmul_forward(indptr, indices, values, x, new=new)  # (1)
        return multiply(p, W, new((len(x), W.shape[1]), x.dtype)), (True, S_cache, p, W)  # (2)
    q = multiply(x, W, new((len(x), W.shape[1]), x.dtype))
    y, S_cache = sparse_matmul_forward(indptr, indices, values, q, new=new)
    return y, (False, S_cache, x, W)


def gcn_backward(
    dy: np.ndarray, cache: tuple, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> tuple[np.ndarray, np.ndarray]:
    """dy (N, O) -> dx (N, I), dW (I, O)."""
    S_first, S_cache, left, W = cache
    if S_first is REFERENCE:
        return ops.gcn_backward(dy, S_cache)
    dW: np.ndarray = place(W)
    if S_first:
        dp = multiply(dy, W.T, new((len(dy), W.shape[0]), W.dtype))  # (3)
        dx = turned_product(dp, S_cache, new)  # (4)
        return dx, multiply(left.T, dy, dW)  # (5)
    dq = turned_product(dy, S_cache, new)
    return multiply(dq, W.T, new((len(dy), W.shape[0]), W.dtype)), multiply(left.T, dq, dW)


def turned_product(dy: np.ndarray, cache: tuple, new: Callable) -> np.ndarray:
    """S.T dy, in a new array."""
    return sparse_matmul_backward(dy, cache, False, place=lambda x: new(x.shape, x.dtype))[1]


@kernel(SUMS)
def gather(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """y[m] = the sum of values[e] * x[indices[e]] over the entries of row m."""
    for m in range(y.shape[0]):
        total = y[m]
        total[:] = 0
        for e in range(indptr[m], indptr[m + 1]):
            value, row = values[e], x[indices[e]]
            for f in range(total.size):
                total[f] += value * row[f]


@kernel(SUMS)
def scatter(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
    """dx[indices[e]] += values[e] * dy[m] for the entries of every row m, from dx = 0 on."""
    dx[:] = 0
    for m in range(dy.shape[0]):
        row = dy[m]
        for e in range(indptr[m], indptr[m + 1]):
            value, total = values[e], dx[indices[e]]
            for f in range(row.size):
                total[f] += value * row[f]


@kernel(SUMS)
def slopes_of_entries(
    indptr: np.ndarray, indices: np.ndarray, dy: np.ndarray, x: np.ndarray, dvalues: np.ndarray
) -> None:
    """dvalues[e] = dy[m] . x[indices[e]] for the entries of every row m."""
    for m in range(dy.shape[0]):
        left = dy[m]
        for e in range(indptr[m], indptr[m + 1]):
            right, total = x[indices[e]], dvalues.dtype.type(0)
            for f in range(left.size):
                total += left[f] * right[f]
            dvalues[e] = total
