"""b made ready for tiles: a strip of its columns copied so that what a tile reads next lies next to it in memory.

A tile reads a few vectors of every row of b, and these lie a row of b apart, often a page of memory. Copied once, the
strip is read front to back by all rows of a. The copy costs as much as one or two rows of the result; from `PACK_FROM`
rows on (`products.py`) it pays. It is also made where the columns end within a vector, if masks cost a tile registers,
and where b lies transposed: then it is turned on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npvae.kernels.matmul.vectors import (
    FLOAT,
    INT,
    QUARTET,
    at,
    bits_of_others,
    fma,
    lanes_below,
    load,
    load_some,
    side_by_side,
    smaller,
    store,
    store_some,
    turned,
    vector,
    zero,
)


def copy_rows(most: int, lanes: int) -> Callable:
    """Copy rows 0 to before n of b, 1 to `most` vectors of each, to `packed`; zeros beyond the columns that there are.

    The function takes, all integers: the width in vectors; the addresses of packed and b; n; b's step from row to row;
    how many columns are left. It returns whether all that was copied is finite: only then is its sum times 0 not NaN.
    """

    @intrinsic
    def copy(_, width, packed, b, n, b_row, left):  # type: ignore[no-untyped-def]
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            width, packed, b, n, b_row, left = arguments
            packed, b = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (packed, b))
            finite = cgutils.alloca_once(bb, cgutils.bool_t)

            def one(C: int) -> None:
                mask = lanes_below(bb, bb.sub(left, INT((C - 1) * lanes)), lanes)
                nothing = [cgutils.alloca_once(bb, vector(lanes)) for _ in range(C)]
                for total in nothing:
                    bb.store(zero(lanes), total)
                with cgutils.for_range_slice(bb, INT(0), n, INT(1), inc=True) as (k, _):
                    source, target = at(bb, b, bb.mul(k, b_row)), at(bb, packed, bb.mul(k, INT(C * lanes)))
                    for c in range(C):
                        where = at(bb, source, INT(c * lanes))
                        value = load(bb, where, lanes) if c < C - 1 else load_some(bb, where, mask)
                        store(bb, value, at(bb, target, INT(c * lanes)))
                        bb.store(fma(bb, value, zero(lanes), bb.load(nothing[c])), nothing[c])
                found = [bits_of_others(bb, bb.load(total)) for total in nothing]
                bb.store(bb.icmp_signed("==", reduce(bb.or_, found), found[0].type(0)), finite)

            for C in range(most, 0, -1):
                with bb.if_then(bb.icmp_signed("==", width, INT(C))):
                    one(C)
            return bb.load(finite)

        return types.boolean(*[types.int64] * 6), emit

    return copy


def turn_columns(lanes: int) -> Callable:
    """Write entries 0 to before n of `lanes` rows of b side by side: packed[k * packed_row + c] = b[c, k].

    Up to three more k are written, with zeros. Rows of b beyond the last that is left are the last again.
    The function takes, all integers: the addresses of packed and b; n; packed's and b's steps from row to row; how
    many rows of b are left.
    """

    @intrinsic
    def turn(_, packed, b, n, packed_row, b_row, left):  # type: ignore[no-untyped-def]
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            packed, b, n, packed_row, b_row, left = arguments
            packed, b = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (packed, b))
            row = [bb.mul(smaller(bb, INT(c), bb.sub(left, INT(1))), b_row) for c in range(lanes)]

            def four(k, load_four):  # type: ignore[no-untyped-def]
                start = at(bb, b, k)
                quartets = [load_four(at(bb, start, row[c])) for c in range(lanes)]
                for q, column in enumerate(
                    turned(bb, [side_by_side(bb, quartets[r::QUARTET]) for r in range(QUARTET)])
                ):
                    store(bb, column, at(bb, packed, bb.mul(bb.add(k, INT(q)), packed_row)))

            whole = bb.and_(n, INT(-QUARTET))
            with cgutils.for_range_slice(bb, INT(0), whole, INT(QUARTET), inc=True) as (k, _):
                four(k, lambda where: load(bb, where, QUARTET))
            with bb.if_then(bb.icmp_signed("<", whole, n)):
                mask = lanes_below(bb, bb.sub(n, whole), QUARTET)
                four(whole, lambda where: load_some(bb, where, mask))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), emit

    return turn


def hand_over_rows(lanes: int) -> Callable:
    """Copy rows of sums that were kept apart to where they belong, whole vectors without a mask.

    The function takes, all integers: the addresses of out and of the sums; how many rows; the steps of out and of the
    sums from row to row; how many columns are wanted.
    """

    @intrinsic
    def hand_over(_, out, sums, rows, out_row, sums_row, wanted):  # type: ignore[no-untyped-def]
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            out, sums, rows, out_row, sums_row, wanted = arguments
            out, sums = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (out, sums))
            with cgutils.for_range_slice(bb, INT(0), rows, INT(1), inc=True) as (i, _):
                source, target = at(bb, sums, bb.mul(i, sums_row)), at(bb, out, bb.mul(i, out_row))
                with cgutils.for_range_slice(bb, INT(0), wanted, INT(lanes), inc=True) as (c, _):
                    left, value, end = bb.sub(wanted, c), load(bb, at(bb, source, c), lanes), at(bb, target, c)
                    with bb.if_else(bb.icmp_signed(">=", left, INT(lanes))) as (whole, some):
                        with whole:
                            store(bb, value, end)
                        with some:
                            store_some(bb, value, end, lanes_below(bb, left, lanes))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), emit

    return hand_over
