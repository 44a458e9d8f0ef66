"""The loops over a tile of s = z zᵀ: one exponential per pair. `npvae.ops.inner_product_nll` has the equations."""

import numpy as np

from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.polynomials import exp, log1p


@kernel(SUMS)
def costs_and_probabilities(s: np.ndarray, of_rows: np.ndarray, of_columns: np.ndarray, on_diagonal: bool) -> None:
    """log(1 + exp(s)) is added to the totals of its row and, off the diagonal, its column; s becomes sigmoid(s)."""
    zero, one = s.dtype.type(0), s.dtype.type(1)
    for n in range(s.shape[0]):
        row, total = s[n], zero
        for m in range(row.size):
            a = row[m]
            e = exp(-abs(a))
            cost = (zero if a <= zero else a) + log1p(e)
            larger = one / (one + e)
            row[m] = larger if a >= zero else e * larger
            total += cost
            if not on_diagonal:
                of_columns[m] += cost
        of_rows[n] += total


@kernel(SUMS)
def slopes_of_pairs(s: np.ndarray, of_rows: np.ndarray, of_columns: np.ndarray) -> None:
    """s becomes sigmoid(s) times the dnll of its row and of its column together."""
    zero, one = s.dtype.type(0), s.dtype.type(1)
    for n in range(s.shape[0]):
        row, dn = s[n], of_rows[n]
        for m in range(row.size):
            a = row[m]
            e = exp(-abs(a))
            larger = one / (one + e)
            row[m] = (larger if a >= zero else e * larger) * (dn + of_columns[m])
