"""Two loops of `counts.py` as jobs of the team: each piece takes some samples."""

from __future__ import annotations

import numpy as np
from numba import carray

from npvae.kernels.counts import negative_binomial_values, poisson_values
from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
from npvae.kernels.team.atomics import floats_at, integers_at
from npvae.kernels.team.jobs import call_pieces
from npvae.kernels.team.pools import team

PIECE = 32_768  # entries, in whole samples

# What stands where in a plan: sizes, then addresses, of float32 but for KNOWN's float64.
SAMPLES, FEATURES, HEIGHT, SHARED, OUTPUT, LOG_R, X, NLL, SLOPE, OTHER, KNOWN = range(11)
SIZE = 11


def poisson(log_rate: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """`poisson_values`, by the team."""
    plan = plan_of(x, {OUTPUT: log_rate, X: x, NLL: nll, SLOPE: residual})
    team.run(call_pieces, poisson_piece.address, plan, pieces_of(plan))


def negative_binomial(
    log_mean: np.ndarray, log_r: np.ndarray, known: np.ndarray, x: np.ndarray, nll: np.ndarray,
    dlog_mean: np.ndarray, dlog_r: np.ndarray, shared: bool,
) -> None:  # fmt: skip
    """`negative_binomial_values`, by the team."""
    arrays = {OUTPUT: log_mean, LOG_R: log_r, KNOWN: known, X: x, NLL: nll, SLOPE: dlog_mean, OTHER: dlog_r}
    plan = plan_of(x, arrays)
    plan[SHARED] = shared
    team.run(call_pieces, negative_binomial_piece.address, plan, pieces_of(plan))


def plan_of(x: np.ndarray, arrays: dict[int, np.ndarray]) -> np.ndarray:
    """A plan with the sizes of x (N, D) and the arrays' addresses."""
    plan = np.zeros(SIZE, np.int64)
    plan[SAMPLES], plan[FEATURES], plan[HEIGHT] = *x.shape, max(1, PIECE // x.shape[1])
    for where, array in arrays.items():
        plan[where] = array.ctypes.data
    return plan


def pieces_of(plan: np.ndarray) -> int:
    """How many pieces a plan has."""
    return int(-(-plan[SAMPLES] // plan[HEIGHT]))


@kernel(AS_WRITTEN)
def rows(plan: np.ndarray, at: int, piece: int) -> np.ndarray:
    """The samples of a piece, of an array (N, D)."""
    low = piece * plan[HEIGHT]
    height = min(plan[HEIGHT], plan[SAMPLES] - low)
    return carray(floats_at(plan[at] + 4 * low * plan[FEATURES]), (height, plan[FEATURES]))


@kernel(AS_WRITTEN)
def nlls(plan: np.ndarray, piece: int) -> np.ndarray:
    """The samples of a piece, of nll (N,)."""
    low = piece * plan[HEIGHT]
    return carray(floats_at(plan[NLL] + 4 * low), min(plan[HEIGHT], plan[SAMPLES] - low))


@job_piece
def poisson_piece(address: int, piece: int) -> None:
    """Some samples of `poisson_values`."""
    plan = carray(integers_at(address), SIZE)
    poisson_values(rows(plan, OUTPUT, piece), rows(plan, X, piece), nlls(plan, piece), rows(plan, SLOPE, piece))


@job_piece
def negative_binomial_piece(address: int, piece: int) -> None:
    """Some samples of `negative_binomial_values`."""
    plan = carray(integers_at(address), SIZE)
    D, shared = plan[FEATURES], plan[SHARED] != 0
    known = carray(integers_at(plan[KNOWN]), (3, D if shared else 0)).view(np.float64)
    log_r = carray(floats_at(plan[LOG_R]), (1, D)) if shared else rows(plan, LOG_R, piece)
    negative_binomial_values(
        rows(plan, OUTPUT, piece), log_r, known, rows(plan, X, piece), nlls(plan, piece),
        rows(plan, SLOPE, piece), rows(plan, OTHER, piece), shared,
    )  # fmt: skip
