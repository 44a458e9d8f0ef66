"""The edges of a graph as near points: their cost in place of that of no edge, and what they do to the points."""

import numpy as np

from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.polynomials import exp, log1p


@kernel(SUMS)
def add_edges(
    indptr: np.ndarray, indices: np.ndarray, z: np.ndarray, weight: float, nll: np.ndarray, slope: np.ndarray
) -> None:
    """nll[n] += weight log(1 + exp(-s)) - log(1 + exp(s)) for each edge, and its slope in s, (1 - weight) p(-s) - 1."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for n in range(z.shape[0]):
        left = z[n]
        for e in range(indptr[n], indptr[n + 1]):
            right, s = z[indices[e]], zero
            for l in range(left.size):
                s += left[l] * right[l]
            small = exp(-abs(s))
            tail = log1p(small)
            above, below = (zero if s <= zero else s) + tail, (zero if s >= zero else -s) + tail
            nll[n] += weight * below - above
            larger = one / (one + small)
            slope[e] = (one - weight) * (small * larger if s >= zero else larger) - one


@kernel(SUMS)
def add_slopes_of_edges(
    indptr: np.ndarray, indices: np.ndarray, z: np.ndarray, dnll: np.ndarray, slope: np.ndarray, dz: np.ndarray
) -> None:
    """The gradient of each edge goes to both its ends."""
    for n in range(z.shape[0]):
        left, to_left = z[n], dz[n]
        for e in range(indptr[n], indptr[n + 1]):
            ds, right, to_right = dnll[n] * slope[e], z[indices[e]], dz[indices[e]]
            for l in range(left.size):
                to_left[l] += ds * right[l]
                to_right[l] += ds * left[l]
