"""The cost of all pairs of points in tiles of the upper half: one exponential per pair of vertices, and no N x N array.

Twin of `npvae.ops.inner_product_nll`, whose equations are cited. A tile of s is made by a product, turned into costs
and probabilities where it lies, and multiplied by z again while it is in the cache:

    pull[n] = sum(p[n, n2] * z[n2] for n2 in range(N))

If all dnll are the same number c, as in the mean of a loss, (6) without the edges is 2 c pull, and the backward has
nothing left to do but edges. Else the tiles are computed a second time.

Here the caller computes all tiles, in any dtype. Many pairs in float32 are shared between threads: `pair_jobs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.graph import pair_jobs
from npvae.kernels.graph.csr import lies_inside, whole_numbers
from npvae.kernels.graph.edges import add_edges, add_slopes_of_edges
from npvae.kernels.graph.pair_loops import costs_and_probabilities, slopes_of_pairs
from npvae.kernels.multiply import multiply
from npvae.ops.inner_product_nll import OP
from npvae.ops.shapes import check_shapes

ROWS, COLUMNS = 128, 512  # of a tile: 256 KB in float32, which stay in the second-level cache
REFERENCE = None  # in place of points, in a cache that the reference made


def inner_product_nll_forward(
    indptr: np.ndarray, indices: np.ndarray, z: np.ndarray, weight: float = 1.0, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """indptr (N + 1,), indices (E,) of the edges, z (N, L) -> nll (N,), in nats. ValueError if shapes do not fit."""
    check_shapes(OP, indptr, indices, z)
    if not one_float_dtype(z) or not lies_inside(indptr, indices, len(z)):
        nll, cache = ops.inner_product_nll_forward(indptr, indices, z, weight)
        return nll, (REFERENCE, cache)
    (indptr, indices), dtype = whole_numbers(indptr, indices), z.dtype
    points, pull = new(z.shape, dtype), new(z.shape, dtype)
    nll, slope = new((len(z),), dtype), new((len(indices),), dtype)
    points[:] = z
    if pair_jobs.suits(points):
        pair_jobs.costs_and_pull(points, nll, pull, new)
    else:
        pull[:], nll[:] = 0, 0
        for rows, columns, s, product in tiles(points, new):
            costs_and_probabilities(s, nll[rows], nll[columns], rows == columns)  # (1) (2) (4)
            add_products(s, points, pull, rows, columns, product)  # (6)
    add_edges(indptr, indices, points, dtype.type(weight), nll, slope)  # (3) (5)
    return nll, (points, pull, indptr, indices, slope)


def inner_product_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dz (N, L)."""
    points, *arrays = cache
    if points is REFERENCE:
        return ops.inner_product_nll_backward(dnll, arrays[0])
    pull, indptr, indices, slope = arrays
    dnll, dz = np.ascontiguousarray(dnll, points.dtype), new(points.shape, points.dtype)
    if (dnll == dnll[0]).all():
        np.multiply(pull, 2 * dnll[0], out=dz)
    elif pair_jobs.suits(points):
        pair_jobs.slopes_times_points(points, dnll, dz, new)
    else:
        dz[:] = 0
        for rows, columns, s, product in tiles(points, new):
            slopes_of_pairs(s, dnll[rows], dnll[columns])  # (1) (4) (5), of both orders of a pair
            add_products(s, points, dz, rows, columns, product)  # (6)
    add_slopes_of_edges(indptr, indices, points, dnll, slope, dz)
    return dz


def tiles(z: np.ndarray, new: Callable) -> Iterator[tuple[slice, slice, np.ndarray, np.ndarray]]:
    """The tiles s = z[rows] z[columns].T on and above the diagonal, each in the same memory, and room for a product.

    Tiles on the diagonal are square; those beyond it begin where they end.
    """
    N, L = z.shape
    memory, turned = new((min(ROWS, N) * min(COLUMNS, N),), z.dtype), new((L, N), z.dtype)
    room = new((min(COLUMNS, N), L), z.dtype)
    turned[:] = z.T
    for first in range(0, N, ROWS):
        rows = slice(first, min(N, first + ROWS))
        for start in (first, *range(rows.stop, N, COLUMNS)):
            columns = rows if start == first else slice(start, min(N, start + COLUMNS))
            height, width = rows.stop - rows.start, columns.stop - columns.start
            s = memory[: height * width].reshape(height, width)
            yield rows, columns, multiply(z[rows], turned[:, columns], s), room


def add_products(
    p: np.ndarray, z: np.ndarray, total: np.ndarray, rows: slice, columns: slice, room: np.ndarray
) -> None:
    """total[rows] += p z[columns], and total[columns] += p.T z[rows] unless they are the same."""
    height, width = p.shape
    total[rows] += multiply(p, z[columns], room[:height])
    if rows != columns:
        total[columns] += multiply(p.T, z[rows], room[:width])
