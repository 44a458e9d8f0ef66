"""What follows a product in a step that is compiled as a whole: loops over the part that a piece has just computed.

An epilogue is done by the thread that did the piece, while its cache holds the numbers, and needs no job of its own. It
is a compiled function that finds its arrays in the product's plan (`npvae.kernels.team.pieces.Product`): out, and the
addresses `first` and `second`. A step compiles those that it needs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import carray

from npvae.kernels.activations import FUNCTIONS, add_bias, entry_by_entry
from npvae.kernels.jit import AS_WRITTEN, SUMS, Callback, inner, job_piece
from npvae.kernels.matmul.products import place_of
from npvae.kernels.matmul.shape import LANES
from npvae.kernels.team.atomics import floats_at, integers_at
from npvae.kernels.team.jobs import WHOLE
from npvae.kernels.team.pieces import FACTORS

ADD_BIAS, TIMES, SUM_BELOW = range(3)


@inner(AS_WRITTEN)
def part_of(address: int, piece: int) -> tuple[np.ndarray, int, int, int, int]:
    """The product's plan, and what a piece covers: its first row and the one behind its last, its columns likewise."""
    p = carray(integers_at(address), len(FACTORS))
    rows, columns = p[FACTORS.rows], p[FACTORS.columns]
    if piece == WHOLE:
        return p, 0, rows, 0, columns
    i0, i1, j0, width = place_of(piece, rows, columns, p[FACTORS.k])
    return p, i0, i1, j0, min(columns, j0 + width * LANES)


@inner(AS_WRITTEN)
def rows_of(p: np.ndarray, which: int, i0: int, i1: int) -> np.ndarray:
    """Rows i0 to before i1 of an array like out."""
    columns = p[FACTORS.columns]
    return carray(floats_at(p[which] + 4 * i0 * columns), (i1 - i0, columns))


@inner(AS_WRITTEN)
def bias_of(p: np.ndarray) -> np.ndarray:
    """The first array as b (columns,)."""
    return carray(floats_at(p[FACTORS.first]), p[FACTORS.columns])


@inner(SUMS)
def scale(slope: np.ndarray, dy: np.ndarray, j0: int, j1: int) -> None:
    """dy *= slope, both (N, O), in columns j0 to before j1."""
    for n in range(dy.shape[0]):
        sn, dyn = slope[n, j0:j1], dy[n, j0:j1]
        for o in range(dyn.size):
            dyn[o] *= sn[o]


@inner(SUMS)
def sum_columns(da: np.ndarray, db: np.ndarray, j0: int, j1: int) -> None:
    """db (O,) = sum of da (N, O) over the samples, in columns j0 to before j1."""
    dbj = db[j0:j1]
    dbj[:] = 0
    for n in range(da.shape[0]):
        dan = da[n, j0:j1]
        for o in range(dbj.size):
            dbj[o] += dan[o]


@job_piece
def plain_at(address: int, piece: int) -> None:
    """One of three, as `second` says, with the first array.

    ADD_BIAS   out (N, O) += b (O,)
    TIMES      out (N, I), which is dx, times the slope (N, I) of the layer below: what that layer's da is
    SUM_BELOW  for out = xᵀ da: db (O,) is da (N, O) summed over the samples, by the pieces that have row 0
    """
    p, i0, i1, j0, j1 = part_of(address, piece)
    kind = p[FACTORS.second]
    if kind == ADD_BIAS:
        add_bias(rows_of(p, FACTORS.out, i0, i1), bias_of(p), j0, j1)
    elif kind == TIMES:
        scale(rows_of(p, FACTORS.first, i0, i1), rows_of(p, FACTORS.out, i0, i1), j0, j1)
    elif i0 == 0:
        sum_columns(rows_of(p, FACTORS.b, 0, p[FACTORS.k]), bias_of(p), j0, j1)


def epilogue_of(activation: Callable) -> Callback:
    """The activation of out + b, its slope in out: b (O,) is the first array, y (N, O) the second."""

    def at_address(address: int, piece: int) -> None:
        p, i0, i1, j0, j1 = part_of(address, piece)
        a, y = rows_of(p, FACTORS.out, i0, i1), rows_of(p, FACTORS.second, i0, i1)
        entry_by_entry(activation, a, bias_of(p), y, j0, j1)

    at_address.__name__ = at_address.__qualname__ = f"{activation.__name__}_at"
    return job_piece(at_address)


ACTIVATION_AT = {function.__name__: epilogue_of(function) for function in FUNCTIONS}
