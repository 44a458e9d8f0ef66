"""Products by the caller alone, called by compiled code: the same pieces, one after the other, so the same bits.

All arrays are C-contiguous. `product` is `product_alone.address`: so the tiles, whose code is long, are compiled once,
and not again within every function that multiplies. `add_product` takes addresses, and its pieces are whole strips.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
from npvae.kernels.matmul.products import VECTORS, block, pieces_of, product_piece
from npvae.kernels.matmul.shape import LANES
from npvae.kernels.team.atomics import call_at, integers_at

ARGUMENTS = 9  # of `product_piece`, behind the piece


@job_piece
def product_alone(address: int, _: int) -> None:
    """All pieces of the product whose integers, as `product_piece` takes them, stand at an address."""
    p = carray(integers_at(address), ARGUMENTS)
    for piece in range(pieces_of(p[3], p[4], p[5])):
        product_piece(piece, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8] != 0)


@kernel(AS_WRITTEN)
def multiply_at(
    product: int, out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int, turned: int
) -> None:
    """out (rows, columns) = a @ b, as `product_piece` takes them."""
    p = np.empty(ARGUMENTS, np.int64)
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8] = out, a, b, rows, columns, k, a_row, a_k, turned
    call_at(product, p.ctypes.data, 0)
    p[0] = 0  # numba frees an array after its last use, and does not see that the address is one


@kernel(AS_WRITTEN)
def times(product: int, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (M, N) = a (M, K) @ b (K, N)."""
    (M, K), N = a.shape, b.shape[1]
    multiply_at(product, out.ctypes.data, a.ctypes.data, b.ctypes.data, M, N, K, K, 1, 0)


@kernel(AS_WRITTEN)
def transposed_times(product: int, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (M, N) = aᵀ @ b for a (K, M), b (K, N)."""
    (K, M), N = a.shape, b.shape[1]
    multiply_at(product, out.ctypes.data, a.ctypes.data, b.ctypes.data, M, N, K, 1, M, 0)


@kernel(AS_WRITTEN)
def times_transposed(product: int, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (M, N) = a @ bᵀ for a (M, K), b (N, K)."""
    (M, K), N = a.shape, b.shape[0]
    multiply_at(product, out.ctypes.data, a.ctypes.data, b.ctypes.data, M, N, K, K, 1, 1)


@kernel(AS_WRITTEN)
def add_product(out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int) -> None:
    """out (rows, columns) += a @ b for b (k, columns); a_row and a_k are a's steps from row to row and from k to k."""
    for j in range(0, columns, VECTORS * LANES):
        width = min(VECTORS, (columns - j + LANES - 1) // LANES)
        block(0, rows, j, width, out, a, b, rows, columns, k, a_row, a_k, False, True)
