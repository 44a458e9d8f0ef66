"""Products that skip zeros: a tile's rows need only those k where one of them is not zero.

Data often are zeros: 81 % of MNIST's pixels, nearly all of one-hot columns and of counts. Which k a block of rows needs
is listed once for a product, and the tile goes through the list. A zero adds exactly nothing to a chain of
multiply-adds whose other factor is finite, so the bits are those of `product_piece`; where b has an infinity or a NaN,
which times zero is NaN, nothing may be skipped, and `needed` says so. -0 counts as zero, NaN does not.

`needed` and `listed_product` take the team's plan: the integers of a `Product` and of its `Lists`, as an array.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.jit import AS_WRITTEN, SUMS, job_piece, kernel
from npvae.kernels.matmul.products import K_BLOCK, ROWS, begin, pack, place_of, room_for
from npvae.kernels.matmul.shape import LANES, SHAPE
from npvae.kernels.matmul.tiles import outer_tile
from npvae.kernels.team.atomics import floats_at, integers_at
from npvae.kernels.team.pieces import Product

tile_1, tile_2, tile_3, tile_4 = (outer_tile(ROWS, min(c, SHAPE.vectors), LANES, listed=True) for c in (1, 2, 3, 4))


class Lists(NamedTuple):
    """Which k are needed: addresses of what `needed` finds."""

    lists: int  # (blocks of ROWS rows, k): for each block of K_BLOCK k the k that are needed, counted from its first
    counts: int  # (blocks of ROWS rows, blocks of K_BLOCK k): how many these are
    finite: int  # (pieces,): 1 if a piece's share of b is finite
    pieces: int  # of `needed`


AT = Product(*range(len(Product._fields)))  # where in the plan
FOUND = Lists(*range(len(AT), len(AT) + len(Lists._fields)))


@kernel(AS_WRITTEN)
def add_magnitudes(row: np.ndarray, total: np.ndarray) -> None:
    """total += |row|: what stays 0 was 0 in every row, and NaN stays NaN."""
    for t in range(total.size):
        total[t] += abs(row[t])


@kernel(AS_WRITTEN)
def magnitudes(a: np.ndarray, i: int, last: int, k0: int, a_row: int, a_k: int, total: np.ndarray) -> None:
    """total[t] = the sum of |a| over rows i to before `last`, at k0 + t; a is flat."""
    n = total.size
    if a_k == 1:
        total[:] = 0
        for r in range(i, last):
            add_magnitudes(a[r * a_row + k0 : r * a_row + k0 + n], total)
    elif last - i == ROWS:  # neighbours in memory, and a constant number of them
        for t in range(n):
            start, one = (k0 + t) * a_k + i, np.float32(0)
            for r in range(ROWS):
                one += abs(a[start + r])
            total[t] = one
    else:
        for t in range(n):
            one = np.float32(0)
            for r in range(i, last):
                one += abs(a[(k0 + t) * a_k + r])
            total[t] = one


@kernel(AS_WRITTEN)
def list_rows(a: np.ndarray, i: int, plan: np.ndarray) -> None:
    """Which k the block of rows that begins with row i needs; a is flat."""
    rows, k, a_row, a_k = plan[AT.rows], plan[AT.k], plan[AT.a_row], plan[AT.a_k]
    blocks = (k + K_BLOCK - 1) // K_BLOCK
    lists = carray(integers_at(plan[FOUND.lists] + 8 * (i // ROWS) * k), k)
    counts = carray(integers_at(plan[FOUND.counts] + 8 * (i // ROWS) * blocks), blocks)
    total = np.empty(K_BLOCK, np.float32)
    for block in range(blocks):
        k0, count = block * K_BLOCK, 0
        n = min(k - k0, K_BLOCK)
        magnitudes(a, i, min(rows, i + ROWS), k0, a_row, a_k, total[:n])
        for t in range(n):
            lists[k0 + count] = t
            count += int(total[t] != 0)
        counts[block] = count


@kernel(SUMS)
def times_nothing(b: np.ndarray) -> float:
    """0 times the sum of b: 0 if all of it is finite, else NaN."""
    total, nothing = np.float32(0), np.float32(0)
    for i in range(b.size):
        total += b[i] * nothing
    return total


@job_piece
def needed(address: int, piece: int) -> None:
    """Lists for a share of the rows of a, and whether a share of b is finite."""
    plan = carray(integers_at(address), len(AT) + len(FOUND))
    rows, k, columns, pieces = plan[AT.rows], plan[AT.k], plan[AT.columns], plan[FOUND.pieces]
    a = carray(floats_at(plan[AT.a]), rows * k)
    blocks = (rows + ROWS - 1) // ROWS
    for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
        list_rows(a, block * ROWS, plan)
    size = k * columns
    start, end = piece * size // pieces, (piece + 1) * size // pieces
    share = times_nothing(carray(floats_at(plan[AT.b] + 4 * start), end - start))
    carray(integers_at(plan[FOUND.finite]), pieces)[piece] = int(share == 0)


@job_piece
def listed_product(address: int, piece: int) -> None:
    """One piece of out = a @ b, as `product_piece` cuts it, by what is listed."""
    plan = carray(integers_at(address), len(AT) + len(FOUND))
    rows, columns, k, a_row, a_k = plan[AT.rows], plan[AT.columns], plan[AT.k], plan[AT.a_row], plan[AT.a_k]
    i0, i1, j, width = place_of(piece, rows, columns, k)
    left, target = columns - j, plan[AT.out] + 4 * j
    blocks = (k + K_BLOCK - 1) // K_BLOCK
    counts = carray(integers_at(plan[FOUND.counts]), (rows + ROWS - 1) // ROWS * blocks)
    room = room_for(k, width)
    w, w_row = begin(room), width * LANES
    for block in range(blocks):
        k0 = block * K_BLOCK
        first = 1 if k0 == 0 else 0
        pack(w, plan[AT.b] + 4 * (k0 * columns + j), width, min(k - k0, K_BLOCK), columns, False, left)
        x = plan[AT.a] + 4 * k0 * a_k
        for i in range(i0, i1, ROWS):
            ks, n = plan[FOUND.lists] + 8 * (i // ROWS * k + k0), counts[i // ROWS * blocks + block]
            if width == 4:
                tile_4(target, x, w, ks, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
            elif width == 3:
                tile_3(target, x, w, ks, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
            elif width == 2:
                tile_2(target, x, w, ks, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
            else:
                tile_1(target, x, w, ks, i, 0, n, rows, left, a_row, a_k, w_row, columns, first)
    room[0] = 0  # numba frees an array after its last use, and does not see that `w` points into it
