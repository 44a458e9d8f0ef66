"""What a team can compute together: the menu of jobs, and what one piece of each computes.

A job is a few integers in the team's state: its kind, and behind it the job's own, which are the addresses of its
arrays and their sizes. All arrays are float32 and C-contiguous. A piece takes some twenty microseconds. Who takes which
piece is left to chance; what is computed in it is not, so results are bitwise the same for any number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.likelihoods import nll_and_residual
from npvae.kernels.matmul.products import product_piece
from npvae.kernels.team.atomics import call_at, floats_at
from npvae.kernels.updates import adam

KIND = 24  # where in the state; the job's own integers follow it
PRODUCT, ADAM_STEP, BERNOULLI, CALL = range(4)  # kinds, one for each job of `jobs.py`


class Product(NamedTuple):
    """out (rows, columns) = a @ b; a_row and a_k are a's steps from row to row and from k to k, in entries.

    b is (k, columns), or where `turned` is 1 (columns, k).
    """

    out: int
    a: int
    b: int
    rows: int
    columns: int
    k: int
    a_row: int
    a_k: int
    turned: int


class AdamStep(NamedTuple):
    """The loop `adam` over `size` parameters."""

    p: int
    g: int
    m: int
    v: int
    rates: int
    least: int
    size: int


class Bernoulli(NamedTuple):
    """The loop `nll_and_residual` over some samples of so many pixels."""

    logits: int
    x: int
    nll: int
    residual: int
    samples: int
    pixels: int


class Call(NamedTuple):
    """A compiled function, called with the address of its plan and the number of the piece: see `jit.job_piece`."""

    function: int
    plan: int


# Where in the state each of these integers stands.
FACTORS = Product(*range(KIND + 1, KIND + 10))
ADAM = AdamStep(*range(KIND + 1, KIND + 8))
NLL = Bernoulli(*range(KIND + 1, KIND + 7))
CALLED = Call(*range(KIND + 1, KIND + 3))

RATES, LEAST = 7, 2  # how many numbers `adam` takes of each
ADAM_PIECE = 32_768  # parameters
BERNOULLI_PIECE = 32_768  # pixels, in whole samples


@kernel(AS_WRITTEN)
def samples_of_piece(pixels: int) -> int:
    """Samples of a piece of the likelihood, for at least one pixel each."""
    return max(1, BERNOULLI_PIECE // pixels)


@kernel(AS_WRITTEN)
def do_piece(state: np.ndarray, piece: int) -> None:
    """Compute one piece of the job in the state."""
    kind = state[KIND]
    if kind == PRODUCT:
        product_piece(
            piece, state[FACTORS.out], state[FACTORS.a], state[FACTORS.b],
            state[FACTORS.rows], state[FACTORS.columns], state[FACTORS.k],
            state[FACTORS.a_row], state[FACTORS.a_k], state[FACTORS.turned] == 1,
        )  # fmt: skip
    elif kind == ADAM_STEP:
        size = state[ADAM.size]
        low, high = piece * ADAM_PIECE, min(size, (piece + 1) * ADAM_PIECE)
        p, g = carray(floats_at(state[ADAM.p]), size), carray(floats_at(state[ADAM.g]), size)
        m, v = carray(floats_at(state[ADAM.m]), size), carray(floats_at(state[ADAM.v]), size)
        rates, least = carray(floats_at(state[ADAM.rates]), RATES), carray(floats_at(state[ADAM.least]), LEAST)
        adam(p[low:high], g[low:high], m[low:high], v[low:high], rates, least)
    elif kind == CALL:
        call_at(state[CALLED.function], state[CALLED.plan], piece)
    else:
        samples, pixels = state[NLL.samples], state[NLL.pixels]
        height = samples_of_piece(pixels)
        low, high = piece * height, min(samples, (piece + 1) * height)
        logits = carray(floats_at(state[NLL.logits]), (samples, pixels))
        x = carray(floats_at(state[NLL.x]), (samples, pixels))
        nll = carray(floats_at(state[NLL.nll]), samples)
        residual = carray(floats_at(state[NLL.residual]), (samples, pixels))
        nll_and_residual(logits[low:high], x[low:high], nll[low:high], residual[low:high])
