"""Layers as jobs of the team: plans filled in, and what the blocks of a backward leave added up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae.kernels.activations import ACTIVATIONS
from npvae.kernels.conv import pieces as at
from npvae.kernels.conv.geometry import Geometry, evenly_spaced, offsets, origins, spread_of
from npvae.kernels.conv.windows import add_up
from npvae.kernels.jit import Callback
from npvae.kernels.team import pools
from npvae.kernels.team.jobs import call_pieces

NUMBERS = {name: number for number, name in enumerate(ACTIVATIONS)} | {"": -1}


def suits(dtype: np.dtype) -> bool:
    """Whether layers of this dtype are the team's: float32, where products are our own tiles."""
    return pools.PRODUCTS == "tiles" and dtype == np.float32


def forward(
    g: Geometry, transposed: bool, x: np.ndarray, W: np.ndarray, b: np.ndarray, a: np.ndarray, y: np.ndarray,
    activation: str, new: Callable,
) -> None:  # fmt: skip
    """x and a, y are the large and the small images, or if transposed the other way round. Leaves the slope in a."""
    plan, keep = plan_of(g, len(x), g.images_forward(len(x)), W, transposed, new)
    plan[at.ACTIVATION] = NUMBERS[activation]
    plan[at.SMALL if transposed else at.LARGE] = x.ctypes.data
    plan[at.A], plan[at.Y], plan[at.BIAS] = a.ctypes.data, y.ctypes.data, b.ctypes.data
    run(at.conv2d_transpose_piece if transposed else at.conv2d_piece, plan)
    del keep  # the arrays whose addresses stand in the plan live until here


def backward(
    g: Geometry, transposed: bool, dy: np.ndarray, slope: np.ndarray | None, x: np.ndarray, W: np.ndarray,
    dx: np.ndarray | None, dW: np.ndarray, db: np.ndarray, activation: str, new: Callable,
) -> None:  # fmt: skip
    """Into dx, dW and db; no dx if it is None."""
    N, images = len(x), g.images_backward(len(x))
    plan, keep = plan_of(g, N, images, W, dx is not None and not transposed, new)
    blocks = blocks_of(plan)
    dWs = new((blocks, dW.size), dW.dtype)
    dbs = new((blocks, db.size), db.dtype)
    plan[at.ACTIVATION], plan[at.NEEDS_DX] = NUMBERS[activation], dx is not None
    plan[at.SMALL if transposed else at.LARGE] = x.ctypes.data
    plan[at.DY], plan[at.DW], plan[at.DB] = dy.ctypes.data, dWs.ctypes.data, dbs.ctypes.data
    if slope is not None:
        plan[at.SLOPE] = slope.ctypes.data
    if dx is not None:
        plan[at.DSMALL if transposed else at.DLARGE] = dx.ctypes.data
    run(at.conv2d_transpose_backward_piece if transposed else at.conv2d_backward_piece, plan)
    add_up(dWs, dW.reshape(-1))
    add_up(dbs, db)
    del keep


def plan_of(
    g: Geometry, N: int, images: int, W: np.ndarray, spreads: bool, new: Callable
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A plan with sizes, W and all tables, and the arrays whose addresses stand in it."""
    plan = np.zeros(at.SIZE, np.int64)
    plan[at.N], plan[at.IMAGES], plan[at.NARROW] = N, images, g.narrow
    plan[at.I : at.PADDING + 1] = (
        g.I, g.J, g.C, g.P, g.Q, g.F, g.U, g.V, g.rows, g.columns, g.stride, g.padding
    )  # fmt: skip
    places = images * g.places
    arrays = {
        at.WEIGHT: W,
        at.ORIGINS: origins(g, images),
        at.OFFSETS: offsets(g),
        at.PLACE_ENDS: evenly_spaced(places, g.F),
        at.TERM_SHIFTS: evenly_spaced(g.F, 1),
        at.COLUMN_ENDS: evenly_spaced(places, g.window),
        at.WEIGHT_ENDS: evenly_spaced(g.window, g.F),
    }
    if spreads and g.narrow:
        arrays[at.TURNED] = turned = new((g.F, g.window), W.dtype)
        turned[:] = W.reshape(g.window, g.F).T
    elif spreads:
        tables = spread_of(g, images)
        plan[at.S_ROWS], plan[at.S_COLUMNS], plan[at.CLASSES] = tables.rows, tables.columns, len(tables.table)
        plan[at.S_BEFORE_I], plan[at.S_BEFORE_J] = tables.before
        arrays |= {at.TABLE: tables.table, at.STARTS: tables.starts, at.ENDS: tables.pixels, at.SHIFTS: tables.offsets}
        arrays[at.TURNED] = turned = new((W.size,), W.dtype)
        np.take(W.reshape(-1), tables.entries, out=turned)
    for where, array in arrays.items():
        plan[where] = array.ctypes.data
    return plan, list(arrays.values())


def blocks_of(plan: np.ndarray) -> int:
    """How many blocks of images, each a piece."""
    return int(-(-plan[at.N] // plan[at.IMAGES]))


def run(piece: Callback, plan: np.ndarray) -> None:
    """Do all pieces of a plan with the team."""
    pools.team.run(call_pieces, piece.address, plan, blocks_of(plan))
