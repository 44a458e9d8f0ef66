"""A tile whose rows and terms lie anywhere: `outer_tile` of npvae.kernels.matmul, with tables in place of steps.

    out[i : i + R, j : j + w] = sum over t of a[starts[i : i + R] + shifts[t]] * b[t, j : j + w]

With the tables of geometry.py the rows are windows in a padded image and the terms are pixels in a window, or the other
way round. So all three products of a convolution run at the speed of a matrix product, without columns, and whatever
the window, its stride and its padding are. A term costs one more load than in `outer_tile`, of its shift; 24
multiply-adds hide it.

Rows beyond the last are the last row again, as there. Weights are few and read again and again: they are not packed,
and where the columns end within a vector they are masked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.shape import LANES, SHAPE
from npvae.kernels.matmul.tiles import Sums
from npvae.kernels.matmul.vectors import FLOAT, INT, at, smaller

VECTORS = SHAPE.vectors
HEIGHTS = SHAPE.window_rows  # rows of a tile of 1, 2, 3 and 4 vectors: they fill the registers


def window_tile(R: int, C: int, lanes: int) -> Callable:
    """A tile of R rows and C vectors, the last of them masked.

    The function takes, all integers: the addresses of out, a, b, starts, shifts and ends (where each row of out
    begins); i; j; how many rows, terms and columns there are.
    """

    @intrinsic
    def tile(_, out, a, b, starts, shifts, ends, i, j, rows, terms, columns):  # type: ignore[no-untyped-def]
        def emit(context, bb, signature, arguments):  # type: ignore[no-untyped-def]
            out, a, b, starts, shifts, ends, i, j, rows, terms, columns = arguments
            out, a, b = (bb.inttoptr(address, FLOAT.as_pointer()) for address in (out, a, b))
            starts, shifts, ends = (bb.inttoptr(address, INT.as_pointer()) for address in (starts, shifts, ends))
            row = [smaller(bb, bb.add(i, INT(r)), bb.sub(rows, INT(1))) for r in range(R)]
            a_start = [at(bb, a, bb.load(at(bb, starts, row[r]))) for r in range(R)]
            out_start = [at(bb, out, bb.add(bb.load(at(bb, ends, row[r])), j)) for r in range(R)]
            sums = Sums(bb, out_start, C, lanes, bb.sub(columns, j))
            sums.start_at_zero()

            def add_all(masked: bool) -> None:
                with cgutils.for_range_slice(bb, INT(0), terms, INT(1), inc=True) as (t, _):
                    shift = bb.load(at(bb, shifts, t))
                    sums.add(
                        lambda r: bb.load(at(bb, a_start[r], shift)), at(bb, b, bb.add(j, bb.mul(t, columns))), masked
                    )

            with bb.if_else(sums.whole) as (all_columns, some_columns):
                with all_columns:
                    add_all(False)
                with some_columns:
                    add_all(True)
            sums.write()
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11), emit

    return tile


tile_1, tile_2, tile_3, tile_4 = (window_tile(R, min(C + 1, VECTORS), LANES) for C, R in enumerate(HEIGHTS))


@kernel(AS_WRITTEN)
def window_product(
    out: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    starts: np.ndarray,
    shifts: np.ndarray,
    ends: np.ndarray,
    columns: int,
) -> None:
    """out[ends[i] + j] = sum over t of a[starts[i] + shifts[t]] * b[t * columns + j], for all i and j < columns."""
    rows, terms = starts.size, shifts.size
    vectors = (columns + LANES - 1) // LANES
    strips = (vectors + VECTORS - 1) // VECTORS
    o, x, w = out.ctypes.data, a.ctypes.data, b.ctypes.data
    s, d, e = starts.ctypes.data, shifts.ctypes.data, ends.ctypes.data
    for strip in range(strips):
        first, after = strip * vectors // strips, (strip + 1) * vectors // strips
        j, width = first * LANES, after - first
        if width == 4:
            for i in range(0, rows, HEIGHTS[3]):
                tile_4(o, x, w, s, d, e, i, j, rows, terms, columns)
        elif width == 3:
            for i in range(0, rows, HEIGHTS[2]):
                tile_3(o, x, w, s, d, e, i, j, rows, terms, columns)
        elif width == 2:
            for i in range(0, rows, HEIGHTS[1]):
                tile_2(o, x, w, s, d, e, i, j, rows, terms, columns)
        else:
            for i in range(0, rows, HEIGHTS[0]):
                tile_1(o, x, w, s, d, e, i, j, rows, terms, columns)
