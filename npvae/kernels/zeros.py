"""Products that skip zeros: a tile's rows need only those k where one of them is not zero.

Data often are zeros: 81 % of MNIST's pixels, nearly all of one-hot columns and of counts. Which k a block of rows needs
is listed once for a product, and the tile goes through the list. A zero adds exactly nothing to a chain of
multiply-adds whose other factor is finite, so the bits are those of `product_piece`; where b has an infinity or a NaN,
which times zero is NaN, nothing may be skipped, and `needed` says so. -0 counts as zero, NaN does not.

`product_by_lists` does it all; `needed` and `listed_product` are the pieces of its two jobs, and take the address of a
plan: the integers of a `Product` and of its `Lists`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.jit import AS_WRITTEN, SUMS, inner, job_piece, kernel
from npvae.kernels.matmul.products import K_BLOCK, ROWS, VECTORS, begin, pack, pieces_of, place_of, room_for
from npvae.kernels.matmul.shape import LANES
from npvae.kernels.matmul.tiles import outer_tile
from npvae.kernels.team.atomics import address_of, call_at, floats_at, integers_at
from npvae.kernels.team.jobs import ASLEEP, WORTH_SHARING, do_job, do_product, factors
from npvae.kernels.team.pieces import FACTORS

MOST_NEEDED = 0.8  # of all k: with more, a list costs what it saves
LOOKS = 8  # pieces of the look at all of a and b

tile = outer_tile(ROWS, VECTORS, LANES, listed=True)


class Lists(NamedTuple):
    """Which k are needed: addresses of what `needed` finds."""

    lists: int  # (blocks of ROWS rows, k): for each block of K_BLOCK k the k that are needed, counted from its first
    counts: int  # (blocks of ROWS rows, blocks of K_BLOCK k): how many these are
    finite: int  # (LOOKS,): 1 if a piece's share of b is finite


FOUND = Lists(*range(len(FACTORS), len(FACTORS) + len(Lists._fields)))  # where in a plan, behind a Product
SIZE = len(FACTORS) + len(FOUND)


@inner(AS_WRITTEN)
def add_magnitudes(row: np.ndarray, total: np.ndarray) -> None:
    """total += |row|: what stays 0 was 0 in every row, and NaN stays NaN."""
    for t in range(total.size):
        total[t] += abs(row[t])


@inner(AS_WRITTEN)
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


@inner(AS_WRITTEN)
def list_rows(a: np.ndarray, i: int, plan: np.ndarray) -> None:
    """Which k the block of rows that begins with row i needs; a is flat."""
    rows, k, a_row, a_k = plan[FACTORS.rows], plan[FACTORS.k], plan[FACTORS.a_row], plan[FACTORS.a_k]
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


@inner(SUMS)
def times_nothing(b: np.ndarray) -> float:
    """0 times the sum of b: 0 if all of it is finite, else NaN."""
    total, nothing = np.float32(0), np.float32(0)
    for i in range(b.size):
        total += b[i] * nothing
    return total


@job_piece
def needed(address: int, piece: int) -> None:
    """Lists for a share of the rows of a, and whether a share of b is finite."""
    plan = carray(integers_at(address), SIZE)
    rows, k, columns, pieces = plan[FACTORS.rows], plan[FACTORS.k], plan[FACTORS.columns], LOOKS
    a = carray(floats_at(plan[FACTORS.a]), rows * k)
    blocks = (rows + ROWS - 1) // ROWS
    for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
        list_rows(a, block * ROWS, plan)
    size = k * columns
    start, end = piece * size // pieces, (piece + 1) * size // pieces
    share = times_nothing(carray(floats_at(plan[FACTORS.b] + 4 * start), end - start))
    carray(integers_at(plan[FOUND.finite]), pieces)[piece] = int(share == 0)


@job_piece
def listed_product(address: int, piece: int) -> None:
    """One piece of out = a @ b, as `product_piece` cuts it, by what is listed."""
    plan = carray(integers_at(address), SIZE)
    rows, columns, k = plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k]
    a_row, a_k, turned = plan[FACTORS.a_row], plan[FACTORS.a_k], plan[FACTORS.turned] == 1
    i0, i1, j, width = place_of(piece, rows, columns, k)
    left, target = columns - j, plan[FACTORS.out] + 4 * j
    blocks = (k + K_BLOCK - 1) // K_BLOCK
    counts = carray(integers_at(plan[FOUND.counts]), (rows + ROWS - 1) // ROWS * blocks)
    room = room_for(min(k, K_BLOCK), width)
    w, w_row = begin(room), width * LANES
    for block in range(blocks):
        k0 = block * K_BLOCK
        first = 1 if k0 == 0 else 0
        pack(w, plan[FACTORS.b] + 4 * (k0 * columns + j), width, min(k - k0, K_BLOCK), columns, turned, left)
        x = plan[FACTORS.a] + 4 * k0 * a_k
        for i in range(i0, i1, ROWS):
            ks, n = plan[FOUND.lists] + 8 * (i // ROWS * k + k0), counts[i // ROWS * blocks + block]
            tile(width, target, x, w, ks, i, 0, n, rows, left, a_row, a_k, w_row, columns, first, 0, 0)
    room[0] = 0  # numba frees an array after its last use, and does not see that `w` points into it
    if plan[FACTORS.then] != 0:
        call_at(plan[FACTORS.then], address, piece)


@kernel(AS_WRITTEN)
def product_by_lists(state: np.ndarray, look: int, multiply: int, product: np.ndarray) -> bool:
    """Do the `Product` in a plan by tiles that skip zeros; False, and nothing done, if that does not pay or may not be.

    `look` and `multiply` are the addresses of `needed` and `listed_product`; b may not lie transposed.
    """
    rows, columns, k = product[FACTORS.rows], product[FACTORS.columns], product[FACTORS.k]
    blocks, k_blocks = (rows + ROWS - 1) // ROWS, (k + K_BLOCK - 1) // K_BLOCK
    lists, counts = np.empty(blocks * k, np.int64), np.empty(blocks * k_blocks, np.int64)
    finite, plan = np.empty(LOOKS, np.int64), np.empty(SIZE, np.int64)
    for i in range(len(FACTORS)):
        plan[i] = product[i]
    plan[FOUND.lists], plan[FOUND.counts] = address_of(lists), address_of(counts)
    plan[FOUND.finite] = address_of(finite)
    do_job(state, look, address_of(plan), finite.size)
    in_all, all_finite = 0, True
    for i in range(counts.size):
        in_all += counts[i]
    for i in range(LOOKS):
        all_finite = all_finite and finite[i] != 0
    pays = all_finite and in_all <= MOST_NEEDED * blocks * k
    if pays:
        do_job(state, multiply, address_of(plan), pieces_of(rows, columns, k))
    lists[0] = counts[0] = finite[0] = plan[0] = 0  # they live until here: numba frees an array after its last use
    return pays


@job_piece
def product_by_lists_at(plan: int, state: int) -> None:
    """`product_by_lists`, or else `do_product`, for code that is compiled without them.

    Behind the `Product` in the plan stand the addresses of its piece, of `needed` and of `listed_product`.
    """
    p, team = carray(integers_at(plan), len(FACTORS) + 3), carray(integers_at(state), ASLEEP)
    piece, look, multiply = p[len(FACTORS)], p[len(FACTORS) + 1], p[len(FACTORS) + 2]
    if not product_by_lists(team, look, multiply, p):
        do_product(team, piece, p, WORTH_SHARING)


@kernel(AS_WRITTEN)
def try_lists(
    state: np.ndarray, look: int, multiply: int, a: np.ndarray, b: np.ndarray, out: np.ndarray, a_turned: bool
) -> bool:
    """`product_by_lists` of arrays."""
    return product_by_lists(state, look, multiply, factors(a, b, out, a_turned, False))
