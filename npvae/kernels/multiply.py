"""Who computes a product: our own tiles or BLAS. The rule is in `npvae.kernels.team.pools`."""

from __future__ import annotations

import numpy as np

from npvae.kernels.team import blas, pools
from npvae.kernels.team.jobs import dot_product, outer_product

SMALLEST_ROWS = 2  # one row is a vector, for which BLAS has a function of its own
SMALL = 2**18  # multiply-adds: so few OpenBLAS computes in the caller, without its threads, and faster than tiles
LARGEST = 10**12  # multiply-adds: the number of pieces must fit into a ticket


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out (M, N) = a (M, K) @ b (K, N), written to out and returned. Any layout and dtype."""
    fits = out.dtype == np.float32 and len(out) >= SMALLEST_ROWS and SMALL < out.size * len(b) < LARGEST
    if pools.PRODUCTS == "tiles" and fits and out.flags.c_contiguous:
        rows_of_b = b.flags.c_contiguous
        if rows_of_b and a.flags.c_contiguous:
            pools.team.run(outer_product, a, b, out, False)
            return out
        if rows_of_b and a.flags.f_contiguous:
            pools.team.run(outer_product, a.T, b, out, True)
            return out
        if b.flags.f_contiguous and a.flags.c_contiguous and len(b) >= len(a):
            pools.team.run(dot_product, a, b.T, out)
            return out
        if b.flags.f_contiguous and a.flags.c_contiguous:  # turning b is less work than adding up lanes for all of out
            pools.team.run(outer_product, a, np.ascontiguousarray(b), out, False)
            return out
    return blas.matmul(a, b, out)
