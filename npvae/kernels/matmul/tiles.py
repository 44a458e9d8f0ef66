"""The two tiles that every matrix product here is made of: as many sums as the processor has registers.

A core does two fused multiply-adds of 16 float32 in a cycle, and loads two vectors. The plain loop over sum(a * b)
loads two vectors for every multiply-add, and waits four cycles for each before the next may be added to the same sum.
A tile cures both: it keeps about 25 sums in the 32 registers. They do not wait for one another, and every vector that
was loaded is used in several of them.

outer_tile   R rows by C vectors of 16 columns. For every k: C vectors of b are loaded, then one entry of a for each
             row, copied to 16 lanes: R * C multiply-adds for C + R loads. (6 by 4: 24 for 10.)

                                b[k, j : j + 64]   | v0 | v1 | v2 | v3 |
                 a[i,     k]                       | += | += | += | += |
                 a[i + 1, k]                       | += | += | += | += |     all of this stays in registers
                 ...                               | .. | .. | .. | .. |     until the last k

dot_tile     R rows of a against C rows of b, 16 entries at a time: for a product whose second factor lies transposed in
             memory, so that a row of it is a column of the product. (5 by 5: 25 for 10.) Each sum is then a
             vector of 16 partial sums, added up at the end.

Few matrices end at a multiple of the tile. Columns beyond the last are masked. Rows beyond the last are the last row
again: it is computed twice and written twice with the same numbers, which needs no code at all.

All indices are in entries. Goto & van de Geijn (2008), "Anatomy of high-performance matrix multiplication", has the
whole story; what is left out here, packing the factors into panels, does not pay at the sizes of a training step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npvae.kernels.matmul.vectors import (
    FLOAT,
    INT,
    LANES,
    VECTOR,
    ZERO,
    at,
    copies,
    fma,
    lanes_below,
    load,
    load_some,
    smaller,
    store,
    store_some,
    sums,
)

OUTER_ROWS, OUTER_VECTORS = 6, 4
DOT_ROWS, DOT_COLUMNS = 5, 5


def outer_tile(R: int, C: int) -> Callable:
    """A tile of R rows and C vectors: out[i : i + R, j : j + w] (+)= a[i : i + R, k0 : k1] @ b[k0 : k1, j : j + w].

    w is 16 C, or fewer where the columns end.
    The function takes, all integers: the addresses of out, a and b; i, j; k0, k1; the number of rows and columns of
    out; a's steps from row to row and from k to k (so that a may lie transposed); the width of b's rows, and out's.
    The sums start at zero if k0 is 0, otherwise at what out holds.
    """

    @intrinsic
    def tile(_, out, a, b, i, j, k0, k1, rows, columns, a_row, a_k, width):  # type: ignore[no-untyped-def]
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            out, a, b, i, j, k0, k1, rows, columns, a_row, a_k, width = arguments
            out, a, b = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (out, a, b))
            row = [smaller(bb, bb.add(i, INT(r)), bb.sub(rows, INT(1))) for r in range(R)]
            a_start = [at(bb, a, bb.mul(row[r], a_row)) for r in range(R)]
            b_start = at(bb, b, j)
            out_start = [at(bb, out, bb.add(bb.mul(row[r], width), j)) for r in range(R)]
            mask = lanes_below(bb, bb.sub(columns, bb.add(j, INT((C - 1) * LANES))))  # of the last vector

            def load_row(start: Any) -> list:
                vectors = [load(bb, at(bb, start, INT(c * LANES))) for c in range(C - 1)]
                return [*vectors, load_some(bb, at(bb, start, INT((C - 1) * LANES)), mask)]

            total = [[cgutils.alloca_once(bb, VECTOR) for _ in range(C)] for _ in range(R)]  # become registers
            with bb.if_else(bb.icmp_signed("==", k0, INT(0))) as (start_at_zero, go_on):
                with start_at_zero:
                    for r in range(R):
                        for c in range(C):
                            bb.store(ZERO, total[r][c])
                with go_on:
                    for r in range(R):
                        for c, value in enumerate(load_row(out_start[r])):
                            bb.store(value, total[r][c])

            with cgutils.for_range_slice(bb, k0, k1, INT(1), inc=True) as (k, _):
                b_k = load_row(at(bb, b_start, bb.mul(k, width)))
                a_step = bb.mul(k, a_k)
                for r in range(R):
                    a_k_r = copies(bb, bb.load(at(bb, a_start[r], a_step)))
                    for c in range(C):
                        bb.store(fma(bb, a_k_r, b_k[c], bb.load(total[r][c])), total[r][c])

            for r in range(R):
                for c in range(C - 1):
                    store(bb, bb.load(total[r][c]), at(bb, out_start[r], INT(c * LANES)))
                store_some(bb, bb.load(total[r][C - 1]), at(bb, out_start[r], INT((C - 1) * LANES)), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12), emit

    return tile


def dot_tile(R: int, C: int) -> Callable:
    """A tile of R by C dot products: out[i : i + R, j : j + C] = a[i : i + R] @ b[j : j + C].T, with rows of length k.

    The function takes, all integers: the addresses of out, a and b; i, j; the number of rows and columns of out; k.
    """

    @intrinsic
    def tile(_, out, a, b, i, j, rows, columns, k):  # type: ignore[no-untyped-def]
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            out, a, b, i, j, rows, columns, k = arguments
            out, a, b = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (out, a, b))
            row = [smaller(bb, bb.add(i, INT(r)), bb.sub(rows, INT(1))) for r in range(R)]
            column = [smaller(bb, bb.add(j, INT(c)), bb.sub(columns, INT(1))) for c in range(C)]
            a_start = [at(bb, a, bb.mul(row[r], k)) for r in range(R)]
            b_start = [at(bb, b, bb.mul(column[c], k)) for c in range(C)]
            total = [[cgutils.alloca_once_value(bb, ZERO) for _ in range(C)] for _ in range(R)]  # become registers

            def multiply_add(step: Any, load_16: Callable) -> None:
                a_16 = [load_16(at(bb, a_start[r], step)) for r in range(R)]
                for c in range(C):
                    b_16 = load_16(at(bb, b_start[c], step))
                    for r in range(R):
                        bb.store(fma(bb, a_16[r], b_16, bb.load(total[r][c])), total[r][c])

            whole = bb.and_(k, INT(-LANES))
            with cgutils.for_range_slice(bb, INT(0), whole, INT(LANES), inc=True) as (step, _):
                multiply_add(step, lambda pointer: load(bb, pointer))
            with bb.if_then(bb.icmp_signed("<", whole, k)):
                mask = lanes_below(bb, bb.sub(k, whole))
                multiply_add(whole, lambda pointer: load_some(bb, pointer, mask))

            mask = bb.and_(lanes_below(bb, INT(C)), lanes_below(bb, bb.sub(columns, j)))
            for r in range(R):
                dots = sums(bb, [bb.load(total[r][c]) for c in range(C)])
                store_some(bb, dots, at(bb, out, bb.add(bb.mul(row[r], columns), j)), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), emit

    return tile
