"""A product by the caller alone, called by compiled code and added to what is there. Its pieces are whole strips."""

from __future__ import annotations

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.products import VECTORS, block
from npvae.kernels.matmul.shape import LANES


@kernel(AS_WRITTEN)
def add_product(out: int, a: int, b: int, rows: int, columns: int, k: int, a_row: int, a_k: int) -> None:
    """out (rows, columns) += a @ b for b (k, columns); a_row and a_k are a's steps from row to row and from k to k."""
    for j in range(0, columns, VECTORS * LANES):
        width = min(VECTORS, (columns - j + LANES - 1) // LANES)
        block(0, rows, j, width, out, a, b, rows, columns, k, a_row, a_k, False, True)
