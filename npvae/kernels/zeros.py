"""Products that skip zeros: a tile's rows need only those k where one of them is not zero.

Data often are zeros: 81 % of MNIST's pixels, nearly all of one-hot columns and of counts. Which k a block of rows needs
is listed once for a product, and the tile goes through the list. A zero adds exactly nothing to a chain of
multiply-adds whose other factor is finite, so the bits are those of `product_piece`; where a packed strip of b has an
infinity or a NaN, which times zero is NaN, nothing of it is skipped. -0 counts as zero, NaN does not.

`product_by_lists` does it all; `needed` and `listed_product` are the pieces of its two jobs, and take the address of a
plan: the integers of a `Product` and of its `Lists`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray, types

from npvae.kernels.jit import AS_WRITTEN, inner, job_piece, kernel
from npvae.kernels.matmul.products import ROWS, VECTORS, begin, k_block_of, pack, pieces_of, place_of, room_for
from npvae.kernels.matmul.shape import LANES
from npvae.kernels.matmul.tiles import outer_tile
from npvae.kernels.matmul.vectors import FLOAT, INT, bits_of_others, lanes_below, load_some
from npvae.kernels.team.atomics import address_of, call_at, fetch_to_write, instruction, integers_at
from npvae.kernels.team.jobs import ASLEEP, WORTH_SHARING, do_job, do_product, factors
from npvae.kernels.team.pieces import FACTORS

MOST_NEEDED = 0.8  # of all k: with more, a list costs what it saves
LOOKS = 8  # pieces of the look at all of a

tile = outer_tile(ROWS, VECTORS, LANES, listed=True)


class Lists(NamedTuple):
    """Which k are needed: addresses of what `needed` finds."""

    lists: int  # (blocks of ROWS rows, k + 1): of each block of k those that are needed, counted from its first
    counts: int  # (blocks of ROWS rows, blocks of k): how many these are


FOUND = Lists(*range(len(FACTORS), len(FACTORS) + len(Lists._fields)))  # where in a plan, behind a Product
SIZE = len(FACTORS) + len(FOUND)


@instruction
def others_than_zero(_, address, left):  # type: ignore[no-untyped-def]
    """Which of the numbers at an address are not zero: bit c for number c, of LANES or as many as are left."""

    def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
        where, left = bb.inttoptr(arguments[0], FLOAT.as_pointer()), arguments[1]
        return bb.zext(bits_of_others(bb, load_some(bb, where, lanes_below(bb, left, LANES))), INT)

    return types.int64(types.int64, types.int64), emit


@inner(AS_WRITTEN)
def list_rows(block: int, plan: np.ndarray) -> None:
    """Which k a block of rows needs."""
    rows, k, a_row, a_k = plan[FACTORS.rows], plan[FACTORS.k], plan[FACTORS.a_row], plan[FACTORS.a_k]
    start, left, k_block = block * ROWS, min(ROWS, rows - block * ROWS), k_block_of(a_k)
    lists, counts = lists_of(block, plan)
    for i, k0 in enumerate(range(0, k, k_block)):
        count, after = 0, min(k, k0 + k_block)
        if a_k == 1:
            for k1 in range(k0, after, LANES):
                bits = 0
                for row in range(start, start + left):
                    fetch_to_write(plan[FACTORS.a] + 4 * ((row + ROWS) * a_row + k1))  # of the next block
                    bits |= others_than_zero(plan[FACTORS.a] + 4 * (row * a_row + k1), after - k1)
                for c in range(LANES):  # no branch: what is not needed is overwritten by the next
                    lists[k0 + count] = k1 - k0 + c
                    count += bits >> c & 1
        else:  # the entries of a block lie together
            for k1 in range(k0, after):
                bits = 0
                for row in range(start, start + left, LANES):
                    bits |= others_than_zero(plan[FACTORS.a] + 4 * (k1 * a_k + row), start + left - row)
                lists[k0 + count] = k1 - k0
                count += int(bits != 0)
        counts[i] = count


@inner(AS_WRITTEN)
def lists_of(block: int, plan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists and the counts of a block of rows."""
    k, k_block = plan[FACTORS.k], k_block_of(plan[FACTORS.a_k])
    k_blocks = (k + k_block - 1) // k_block
    lists = carray(integers_at(plan[FOUND.lists] + 8 * block * (k + 1)), k + 1)
    return lists, carray(integers_at(plan[FOUND.counts] + 8 * block * k_blocks), k_blocks)


@job_piece
def needed(address: int, piece: int) -> None:
    """The lists of a share of the rows of a."""
    plan = carray(integers_at(address), SIZE)
    blocks = (plan[FACTORS.rows] + ROWS - 1) // ROWS
    for block in range(piece * blocks // LOOKS, (piece + 1) * blocks // LOOKS):
        list_rows(block, plan)


@job_piece
def listed_product(address: int, piece: int) -> None:
    """One piece of out = a @ b, as `product_piece` cuts it, by what is listed."""
    plan = carray(integers_at(address), SIZE)
    rows, columns, k = plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k]
    a_row, a_k, k_block = plan[FACTORS.a_row], plan[FACTORS.a_k], k_block_of(plan[FACTORS.a_k])
    i0, i1, j, width = place_of(piece, rows, columns, k)
    left, target = columns - j, plan[FACTORS.out] + 4 * j
    room, every = room_for(min(k, k_block), width), np.empty(min(k, k_block), np.int64)
    for t in range(every.size):
        every[t] = t
    w, w_row = begin(room), width * LANES
    for block, k0 in enumerate(range(0, k, k_block)):
        first, size = 1 if k0 == 0 else 0, min(k - k0, k_block)
        finite = pack(w, plan[FACTORS.b] + 4 * (k0 * columns + j), width, size, columns, False, left)
        x = plan[FACTORS.a] + 4 * k0 * a_k
        for i in range(i0, i1, ROWS):
            lists, counts = lists_of(i // ROWS, plan)
            ks, n = address_of(lists) + 8 * k0, counts[block]
            if not finite:
                ks, n = address_of(every), size
            tile(width, target, x, w, ks, i, 0, n, i1, left, a_row, a_k, w_row, columns, first, 0, 0)
    room[0] = every[0] = 0  # numba frees an array after its last use, and does not see that addresses point into it
    if plan[FACTORS.then] != 0:
        call_at(plan[FACTORS.then], address, piece)


@kernel(AS_WRITTEN)
def product_by_lists(state: np.ndarray, look: int, multiply: int, product: np.ndarray) -> bool:
    """Do the `Product` in a plan by tiles that skip zeros; False, and nothing done, if that does not pay.

    `look` and `multiply` are the addresses of `needed` and `listed_product`; b may not lie transposed.
    """
    rows, columns, k = product[FACTORS.rows], product[FACTORS.columns], product[FACTORS.k]
    blocks, k_block = (rows + ROWS - 1) // ROWS, k_block_of(product[FACTORS.a_k])
    k_blocks = (k + k_block - 1) // k_block
    lists, counts = np.empty(blocks * (k + 1), np.int64), np.empty(blocks * k_blocks, np.int64)
    plan = np.empty(SIZE, np.int64)
    for i in range(len(FACTORS)):
        plan[i] = product[i]
    plan[FOUND.lists], plan[FOUND.counts] = address_of(lists), address_of(counts)
    do_job(state, look, address_of(plan), np.int64(LOOKS))  # a constant would be compiled for as such
    in_all = 0
    for i in range(counts.size):
        in_all += counts[i]
    pays = in_all <= MOST_NEEDED * blocks * k
    if pays:
        do_job(state, multiply, address_of(plan), pieces_of(rows, columns, k))
    lists[0] = counts[0] = plan[0] = 0  # they live until here: numba frees an array after its last use
    return pays


@job_piece
def product_by_lists_at(plan: int, state: int) -> None:
    """`product_by_lists`, or else `do_product`, for code that is compiled without them.

    Behind the `Product` in the plan stand the addresses of its piece, of `needed` and of `listed_product`.
    """
    p, team = carray(integers_at(plan), len(FACTORS) + 3), carray(integers_at(state), ASLEEP)
    piece, look, multiply = p[len(FACTORS)], p[len(FACTORS) + 1], p[len(FACTORS) + 2]
    if not product_by_lists(team, look, multiply, p):
        do_product(team, piece, p, np.int64(WORTH_SHARING))


@kernel(AS_WRITTEN)
def try_lists(
    state: np.ndarray, look: int, multiply: int, a: np.ndarray, b: np.ndarray, out: np.ndarray, a_turned: bool
) -> bool:
    """`product_by_lists` of arrays."""
    return product_by_lists(state, look, multiply, factors(a, b, out, a_turned, False))
