"""A sample of all pairs: every vertex with the one some steps further round the circle, all in order of memory.

Twin of `npvae.ops.sampled_inner_product_nll`, whose equations are cited.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.graph.csr import lies_inside, whole_numbers
from npvae.kernels.graph.edges import add_edges, add_slopes_of_edges
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.polynomials import exp, log1p
from npvae.ops.sampled_inner_product_nll import OP
from npvae.ops.shapes import check_shapes

REFERENCE = None  # in place of points, in a cache that the reference made


def sampled_inner_product_nll_forward(
    indptr: np.ndarray,
    indices: np.ndarray,
    shifts: np.ndarray,
    z: np.ndarray,
    weight: float = 1.0,
    *,
    new: Callable = np.empty,
) -> tuple[np.ndarray, tuple]:
    """indptr (N + 1,), indices (E,), shifts (K,) in 0 .. N - 1, z (N, L) -> nll (N,). ValueError if shapes differ."""
    check_shapes(OP, indptr, indices, shifts, z)
    N, dtype = len(z), z.dtype
    inside = lies_inside(indptr, indices, N) and shifts.min() >= 0 and shifts.max() < N
    if not one_float_dtype(z) or not inside:
        nll, cache = ops.sampled_inner_product_nll_forward(indptr, indices, shifts, z, weight)
        return nll, (REFERENCE, cache)
    indptr, indices, shifts = whole_numbers(indptr, indices, shifts)
    points, p = new(z.shape, dtype), new((len(shifts), N), dtype)
    nll, slope = new((N,), dtype), new((len(indices),), dtype)
    points[:], nll[:] = z, 0
    add_shifted_pairs(shifts, points, dtype.type(N / len(shifts)), nll, p)  # (1) (2)
    add_edges(indptr, indices, points, dtype.type(weight), nll, slope)  # (3) (4) (6)
    return nll, (points, p, shifts, indptr, indices, slope)


def sampled_inner_product_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dz (N, L)."""
    points, *arrays = cache
    if points is REFERENCE:
        return ops.sampled_inner_product_nll_backward(dnll, arrays[0])
    p, shifts, indptr, indices, slope = arrays
    dnll, dz = np.ascontiguousarray(dnll, points.dtype), new(points.shape, points.dtype)
    dz[:] = 0
    add_slopes_of_shifted_pairs(shifts, points, dnll, p, dz)  # (5) (7)
    add_slopes_of_edges(indptr, indices, points, dnll, slope, dz)  # (7)
    return dz


@kernel(SUMS)
def add_shifted_pairs(shifts: np.ndarray, z: np.ndarray, each: float, nll: np.ndarray, p: np.ndarray) -> None:
    """nll[n] += each * log(1 + exp(t)) for t = z[n] . z[n + shift], and p = each * sigmoid(t), its slope."""
    zero, one, N = z.dtype.type(0), z.dtype.type(1), z.shape[0]
    for k in range(shifts.size):
        row, shift = p[k], shifts[k]
        for n in range(N):
            left, right, t = z[n], z[(n + shift) % N], zero
            for l in range(left.size):
                t += left[l] * right[l]
            row[n] = t
        for n in range(N):
            t = row[n]
            e = exp(-abs(t))
            nll[n] += each * ((zero if t <= zero else t) + log1p(e))
            larger = each / (one + e)
            row[n] = larger if t >= zero else e * larger


@kernel(SUMS)
def add_slopes_of_shifted_pairs(
    shifts: np.ndarray, z: np.ndarray, dnll: np.ndarray, p: np.ndarray, dz: np.ndarray
) -> None:
    """The gradient of each pair goes to both its ends."""
    N = z.shape[0]
    for k in range(shifts.size):
        row, shift = p[k], shifts[k]
        for n in range(N):
            m = (n + shift) % N
            dt, left, right, to_left, to_right = dnll[n] * row[n], z[n], z[m], dz[n], dz[m]
            for l in range(left.size):
                to_left[l] += dt * right[l]
                to_right[l] += dt * left[l]
