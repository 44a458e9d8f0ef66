"""The Bernoulli likelihood of a compiled step: value and gradient of each piece of samples in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.jit import AS_WRITTEN, inner, job_piece
from npvae.kernels.likelihoods import nll_and_residual
from npvae.kernels.team.atomics import address_of, call_at, integers_at
from npvae.kernels.team.pieces import pieces_of_samples
from npvae.steps.mlp import matrix, vector


class Likelihood(NamedTuple):
    """The plan of `nll_of`."""

    logits: int
    x: int
    nll: int
    dlogits: int
    samples: int
    pixels: int
    pieces: int


NLL = Likelihood(*range(len(Likelihood._fields)))


@job_piece
def nll_of(address: int, piece: int) -> None:
    """nll (N,) and dlogits (N, D), for dnll = 1 / N, of some samples."""
    p = carray(integers_at(address), len(NLL))
    N, D, pieces = p[NLL.samples], p[NLL.pixels], p[NLL.pieces]
    low, high = piece * N // pieces, (piece + 1) * N // pieces
    n, start = high - low, 4 * low * D  # bytes
    logits, x = matrix(p[NLL.logits] + start, n, D), matrix(p[NLL.x] + start, n, D)
    nll, dlogits = vector(p[NLL.nll] + 4 * low, n), matrix(p[NLL.dlogits] + start, n, D)
    nll_and_residual(logits, x, nll, dlogits)  # npvae.ops.bernoulli_nll (1)
    dnll = np.float32(1 / N)  # npvae.models.vae (5)
    entries = vector(p[NLL.dlogits] + start, n * D)
    for i in range(entries.size):
        entries[i] *= dnll  # npvae.ops.bernoulli_nll (2)


@inner(AS_WRITTEN)
def likelihood(
    state: np.ndarray, job_at: int, function: int, logits: int, x: int, nll: int, dlogits: int, N: int, D: int
) -> None:
    """`nll_of` for all samples."""
    plan, pieces = np.empty(len(NLL), np.int64), pieces_of_samples(N, D)
    plan[NLL.logits], plan[NLL.x], plan[NLL.nll], plan[NLL.dlogits] = logits, x, nll, dlogits
    plan[NLL.samples], plan[NLL.pixels], plan[NLL.pieces] = N, D, pieces
    job = np.empty(3, np.int64)
    job[0], job[1], job[2] = function, address_of(plan), pieces
    call_at(job_at, address_of(job), address_of(state))
    plan[0] = job[0] = 0  # numba frees an array after its last use, and does not see that the address is one
