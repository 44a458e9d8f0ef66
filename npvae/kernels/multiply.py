"""Who computes a product: our own tiles or BLAS, and whether the tiles skip zeros.

Tiles or BLAS follows from the processor and the shape alone (see `npvae.kernels.team.pools`), because the two round
differently. Zeros do not change a bit, so there the data may decide.
"""

from __future__ import annotations

import numpy as np

from npvae.kernels.team import blas, pools
from npvae.kernels.team.jobs import product
from npvae.kernels.zeros import listed_product, needed, try_lists

SMALLEST_ROWS = 2  # one row is a vector, for which BLAS has a function of its own
SMALL = 2**18  # multiply-adds: up to so many OpenBLAS computes in the caller without threads, faster than tiles
LARGEST = 10**12  # multiply-adds: the number of pieces must fit into a ticket

LOOK_FROM = 2**23  # multiply-adds that are worth a look for zeros
LEAST_COLUMNS = 192  # of b: a list costs what some 70 of them cost, and half of the k are a good saving
SAMPLE, MOST_OTHERS = 64, 24  # entries that are looked at first, and how many of them may be other than zero


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out (M, N) = a (M, K) @ b (K, N), written to out and returned. Any layout and dtype."""
    work = out.size * len(b)
    fits = out.dtype == np.float32 and len(out) >= SMALLEST_ROWS and SMALL < work < LARGEST
    if pools.PRODUCTS == "tiles" and fits and out.flags.c_contiguous:
        a_turned, b_turned = not a.flags.c_contiguous, not b.flags.c_contiguous
        if (a.flags.f_contiguous or not a_turned) and (b.flags.f_contiguous or not b_turned):
            x = a.T if a_turned else a
            worth_a_look = work >= LOOK_FROM and out.shape[1] >= LEAST_COLUMNS and not b_turned
            if not (worth_a_look and mostly_zeros(x) and by_lists(a, b, out)):
                pools.team.run(product, x, b.T if b_turned else b, out, a_turned, b_turned)
            return out
    return blas.matmul(a, b, out)


def mostly_zeros(x: np.ndarray) -> bool:
    """Whether a few entries, spread over a C-contiguous array, say that a look at all of them is worth it."""
    spread = x.reshape(-1)[:: x.size // SAMPLE | 1]
    return bool(np.count_nonzero(spread) <= MOST_OTHERS)


def by_lists(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> bool:
    """out = a @ b by tiles that skip zeros; False, and nothing done, if that does not pay or is not allowed."""
    a_turned = not a.flags.c_contiguous
    x = a.T if a_turned else a
    return pools.team.run(try_lists, needed.address, listed_product.address, x, b, out, a_turned)
