"""All pairs of points as a job of the team: each piece takes some rows of the upper half of s = z zᵀ.

A pair counts for both its ends, so a piece adds to rows that other pieces have too. Each has totals of its own, from
its first row on, and `add_up` adds them in the order of the pieces: the same bits for any number of threads. There are
at most PIECES of them, however many vertices there are. The first pieces are the longest and the last the shortest,
which is how they are shared evenly: the caller takes them from the front, helpers from the back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.graph.pair_loops import costs_and_probabilities, slopes_of_pairs
from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
from npvae.kernels.matmul.products import add_product, pieces_of, product_piece
from npvae.kernels.team import pools
from npvae.kernels.team.atomics import floats_at, integers_at
from npvae.kernels.team.jobs import call_pieces

ROWS, COLUMNS = 64, 512  # of a tile: 128 KB, which stay in the second-level cache of each core
PIECES = 24  # at most


class Plan(NamedTuple):
    """Sizes and addresses of a job over all pairs."""

    N: int
    L: int
    height: int  # rows of a piece, whole tiles
    rows: int  # of a tile
    columns: int
    z: int  # (N, L)
    dnll: int  # (N,), or 0: then s becomes probabilities and not slopes, and costs are added up
    nlls: int  # (pieces, N), the costs
    pulls: int  # (pieces, N, L), s times z


AT = Plan(*range(len(Plan._fields)))


def suits(z: np.ndarray) -> bool:
    """Whether all pairs of these points (N, L) are the team's: float32, products by tiles, and enough of them."""
    return pools.PRODUCTS == "tiles" and z.dtype == np.float32 and len(z) ** 2 // 2 >= pools.SHARED_FROM


def costs_and_pull(z: np.ndarray, nll: np.ndarray, pull: np.ndarray, new: Callable) -> None:
    """nll[n] = sum(log(1 + exp(s[n]))) and pull = sigmoid(s) z."""
    nlls, pulls, height = do(z, None, new)
    add_up(nlls.reshape(*nlls.shape, 1), height, nll.reshape(-1, 1))
    add_up(pulls, height, pull)


def slopes_times_points(z: np.ndarray, dnll: np.ndarray, dz: np.ndarray, new: Callable) -> None:
    """dz[n] = sum(sigmoid(s[n, n2]) * (dnll[n] + dnll[n2]) * z[n2])."""
    _, pulls, height = do(z, dnll, new)
    add_up(pulls, height, dz)


def do(z: np.ndarray, dnll: np.ndarray | None, new: Callable) -> tuple[np.ndarray, np.ndarray, int]:
    """The totals of every piece, and how many rows a piece has."""
    N, L = z.shape
    height = -(-N // (ROWS * PIECES)) * ROWS
    pieces = -(-N // height)
    nlls, pulls = new((pieces, N), z.dtype), new((pieces, N, L), z.dtype)
    addresses = z.ctypes.data, 0 if dnll is None else dnll.ctypes.data, nlls.ctypes.data, pulls.ctypes.data
    plan = np.array(Plan(N, L, height, ROWS, COLUMNS, *addresses), np.int64)
    pools.team.run(call_pieces, pairs_piece.address, plan, pieces)
    return nlls, pulls, height


@job_piece
def pairs_piece(address: int, piece: int) -> None:
    """The pairs of some rows with themselves and with all later rows, tile by tile."""
    plan = carray(integers_at(address), len(AT))
    N, L = plan[AT.N], plan[AT.L]
    low = piece * plan[AT.height]
    nll, pull = carray(floats_at(plan[AT.nlls] + 4 * piece * N), N), plan[AT.pulls] + 4 * piece * N * L
    dnll = carray(floats_at(plan[AT.dnll]), N if plan[AT.dnll] != 0 else 0)
    nll[low:] = 0
    carray(floats_at(pull), N * L)[low * L :] = 0
    memory = np.empty(plan[AT.rows] * max(plan[AT.rows], plan[AT.columns]), np.float32)
    for first in range(low, min(N, low + plan[AT.height]), plan[AT.rows]):
        after = min(N, first + plan[AT.rows])
        start, end = first, after  # of the columns: a square on the diagonal, then tiles beyond it
        while start < N:
            tile(memory, plan, first, after, start, end, nll, dnll, pull)
            start, end = end, min(N, end + plan[AT.columns])


@kernel(AS_WRITTEN)
def tile(
    memory: np.ndarray, plan: np.ndarray, first: int, after: int, start: int, end: int, nll: np.ndarray,
    dnll: np.ndarray, pull: int,
) -> None:  # fmt: skip
    """The pairs of rows first to before `after` with rows start to before `end`, the same or later ones."""
    L, height, width = plan[AT.L], after - first, end - start
    s = memory[: height * width].reshape(height, width)
    rows, columns = plan[AT.z] + 4 * first * L, plan[AT.z] + 4 * start * L
    for piece in range(pieces_of(height, width, L)):
        product_piece(piece, s.ctypes.data, rows, columns, height, width, L, L, 1, True)
    if dnll.size > 0:
        slopes_of_pairs(s, dnll[first:after], dnll[start:end])
    else:
        costs_and_probabilities(s, nll[first:after], nll[start:end], first == start)
    add_product(pull + 4 * first * L, s.ctypes.data, columns, height, L, width, width, 1)
    if first != start:
        add_product(pull + 4 * start * L, s.ctypes.data, rows, width, L, height, 1, width)


@kernel(AS_WRITTEN)
def add_up(parts: np.ndarray, height: int, total: np.ndarray) -> None:
    """total (N, L) = the sum of parts (pieces, N, L) in order: part k has rows from k * height on."""
    total[:] = parts[0]
    for k in range(1, len(parts)):
        part = parts[k]
        for n in range(k * height, len(total)):
            source, target = part[n], total[n]
            for l in range(target.size):
                target[l] += source[l]
