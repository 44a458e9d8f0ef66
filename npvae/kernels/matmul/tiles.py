"""The tile that every matrix product here is made of: as many sums as the processor has registers.

A core does two fused multiply-adds of a vector in a cycle, and loads two vectors. The plain loop over sum(a * b) loads
two vectors for every multiply-add, and waits four cycles for each before the next may be added to the same sum. A tile
cures both: R rows by C vectors of columns, whose sums stay in registers and do not wait for one another. For every k, C
vectors of b are loaded, then one entry of a for each row, copied to all lanes: R * C multiply-adds for C + R loads. (6
by 4: 24 for 10.)

                            b[k, j : j + 64]   | v0 | v1 | v2 | v3 |
             a[i,     k]                       | += | += | += | += |
             a[i + 1, k]                       | += | += | += | += |     all of this stays in registers
             ...                               | .. | .. | .. | .. |     until the last k

Every entry of a product is one chain of fused multiply-adds in the order of k. So its bits do not depend on the width
of the vectors, on the size of a tile, on whether b was packed, or on the number of threads.

Few matrices end at a multiple of the tile. Columns beyond the last are masked where a tile is written, and where it
reads b if a mask costs no register; else b is made whole first (see `packing.py`). Rows beyond a piece's last are that
row again: it is computed twice and written twice with the same numbers, which needs no code at all.

All indices are in entries. Goto & van de Geijn (2008), "Anatomy of high-performance matrix multiplication", has the
whole story.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npvae.kernels.matmul.shape import MASKS
from npvae.kernels.matmul.vectors import (
    FLOAT,
    INT,
    LINE,
    at,
    copies,
    fetch_to_read,
    fetch_to_write,
    fma,
    lanes_below,
    load,
    load_some,
    smaller,
    store,
    store_some,
    vector,
    zero,
)

Value = Any  # an LLVM value


class Sums:
    """The sums of a tile while its code is emitted: len(ends) rows of C vectors, which LLVM keeps in registers."""

    def __init__(self, bb: Any, ends: Sequence[Value], C: int, lanes: int, left: Value, masks: bool = False) -> None:
        """`ends` says where in memory each row belongs; of its columns, `left` exist, or all if there are more.

        masks  the last vector is always masked: half the code
        """
        self.bb, self.ends, self.C, self.lanes, self.masks = bb, ends, C, lanes, masks
        self.total = [[cgutils.alloca_once(bb, vector(lanes)) for _ in range(C)] for _ in ends]
        self.mask = lanes_below(bb, bb.sub(left, INT((C - 1) * lanes)), lanes)  # of the last vector
        self.whole = bb.icmp_signed(">=", left, INT(C * lanes))

    def fetch(self) -> None:
        """Ask for the memory that `write` will write to: while the sums are made, it comes from afar."""
        for end in self.ends:
            for entry in range(0, self.C * self.lanes, LINE):
                fetch_to_write(self.bb, at(self.bb, end, INT(entry)))

    def start_at_zero(self) -> None:
        """Every sum is 0."""
        for row in self.total:
            for total in row:
                self.bb.store(zero(self.lanes), total)

    def go_on(self) -> None:
        """Every sum is what stands in memory."""
        self._at_both_ends(
            lambda where, total: self.bb.store(load(self.bb, where, self.lanes), total),
            lambda where, total: self.bb.store(load_some(self.bb, where, self.mask), total),
        )

    def add(self, a_of_row: Callable[[int], Value], b_start: Value, masked: bool = False) -> None:
        """Add a times b to every sum: a_of_row gives the entry of a for a row, b_start is where C vectors begin.

        With `masked`, of the last vector of b only columns that exist are read.
        """
        bb, lanes, last = self.bb, self.lanes, self.C - 1
        b_k = [load(bb, at(bb, b_start, INT(c * lanes)), lanes) for c in range(last)]
        where = at(bb, b_start, INT(last * lanes))
        b_k.append(load_some(bb, where, self.mask) if masked else load(bb, where, lanes))
        for r, row in enumerate(self.total):
            a_r = copies(bb, a_of_row(r), lanes)
            for b_c, total in zip(b_k, row, strict=True):
                bb.store(fma(bb, a_r, b_c, bb.load(total)), total)

    def write(self) -> None:
        """Write all sums to memory. Adding 0 makes of -0, which a product that underflows may leave, the usual 0."""
        bb = self.bb

        def value(total: Value) -> Value:
            return bb.fadd(bb.load(total), zero(self.lanes))

        self._at_both_ends(
            lambda where, total: store(bb, value(total), where),
            lambda where, total: store_some(bb, value(total), where, self.mask),
        )

    def _at_both_ends(self, move: Callable[[Value, Value], None], move_some: Callable[[Value, Value], None]) -> None:
        """For every sum: without a mask where all columns exist, because masked stores are slow on some processors."""
        bb, C = self.bb, self.C

        def each(move_last: Callable[[Value, Value], None]) -> None:
            for end, row in zip(self.ends, self.total, strict=True):
                for c, total in enumerate(row):
                    (move_last if c == C - 1 else move)(at(bb, end, INT(c * self.lanes)), total)

        if self.masks:
            each(move_some)
            return
        with bb.if_else(self.whole) as (all_columns, some_columns):
            with all_columns:
                each(move)
            with some_columns:
                each(move_some)


def outer_tile(R: int, most: int, lanes: int, listed: bool = False, as_it_lies: bool = False) -> Callable:
    """Tiles of R rows and 1 to `most` vectors: out[i : i + R, :w] (+)= a[i : i + R, ks] @ b[ks, :w].

    w is width * lanes, or `left` if fewer columns are left. ks are t0 to before t1, or if `listed` the entries t0 to
    before t1 of a table of int64.
    The function takes, all integers: the width in vectors; the addresses of out, a and b, and of the table; i; t0, t1;
    where the rows end; left; a's steps from row to row and from k to k (so that a may lie transposed); b's and out's
    from row to row. The sums start at zero if `first` is 1, otherwise at what out holds.

    as_it_lies  for a b that is not packed: the line of the cache at soon + t * soon_row, which is wanted later, is
                asked for with every t; where masks cost no register no column of b is read beyond the last
    """
    masks = as_it_lies and MASKS

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        _, width, out, a, b, table, i, t0, t1, rows, left, a_row, a_k, b_row, out_row, first, soon, soon_row
    ):
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            width, out, a, b, table, i, t0, t1, rows, left, a_row, a_k, b_row, out_row, first, soon, soon_row = (
                arguments
            )
            out, a, b, soon = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (out, a, b, soon))
            table = bb.inttoptr(table, INT.as_pointer())
            row = [smaller(bb, bb.add(i, INT(r)), bb.sub(rows, INT(1))) for r in range(R)]
            a_start = [at(bb, a, bb.mul(row[r], a_row)) for r in range(R)]
            out_start = [at(bb, out, bb.mul(row[r], out_row)) for r in range(R)]

            def one(C: int) -> None:
                sums = Sums(bb, out_start, C, lanes, left, masks)
                sums.fetch()
                with bb.if_else(bb.icmp_signed("==", first, INT(1))) as (start_at_zero, go_on):
                    with start_at_zero:
                        sums.start_at_zero()
                    with go_on:
                        sums.go_on()
                with cgutils.for_range_slice(bb, t0, t1, INT(1), inc=True) as (t, _):
                    k = bb.load(at(bb, table, t)) if listed else t
                    a_step = bb.mul(k, a_k)
                    if as_it_lies:
                        fetch_to_read(bb, at(bb, soon, bb.mul(t, soon_row)))
                    b_start = at(bb, b, bb.mul(k, b_row))
                    sums.add(lambda r: bb.load(at(bb, a_start[r], a_step)), b_start, masks)
                sums.write()

            for C in range(most, 0, -1):
                with bb.if_then(bb.icmp_signed("==", width, INT(C))):
                    one(C)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 17), emit

    return tile
