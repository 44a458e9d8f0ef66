"""Products by the caller alone, called by compiled code: the same pieces, one after the other, so the same bits.

All arrays are C-contiguous. `add_product` takes addresses, and its pieces are whole strips.
"""

from __future__ import annotations

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.products import VECTORS, block, pieces_of, product_piece
from npvae.kernels.matmul.shape import LANES


@kernel(AS_WRITTEN)
def times(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (M, N) = a (M, K) @ b (K, N)."""
    (M, K), N = a.shape, b.shape[1]
    for piece in range(pieces_of(M, N, K)):
        product_piece(piece, out.ctypes.data, a.ctypes.data, b.ctypes.data, M, N, K, K, 1, False)


@kernel(AS_WRITTEN)
def transposed_times(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (M, N) = aᵀ @ b for a (K, M), b (K, N)."""
    (K, M), N = a.shape, b.shape[1]
    for piece in range(pieces_of(M, N, K)):
        product_piece(piece, out.ctypes.data, a.ctypes.data, b.ctypes.data, M, N, K, 1, M, False)


@kernel(AS_WRITTEN)
def times_transposed(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (M, N) = a @ bᵀ for a (M, K), b (N, K)."""
    (M, K), N = a.shape, b.shape[0]
    for piece in range(pieces_of(M, N, K)):
        product_piece(piece, out.ctypes.data, a.ctypes.data, b.ctypes.data, M, N, K, K, 1, True)


@kernel(AS_WRITTEN)
def add_product(out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int) -> None:
    """out (rows, columns) += a @ b for b (k, columns); a_row and a_k are a's steps from row to row and from k to k."""
    for j in range(0, columns, VECTORS * LANES):
        width = min(VECTORS, (columns - j + LANES - 1) // LANES)
        block(0, rows, j, width, out, a, b, rows, columns, k, a_row, a_k, False, True)
