"""What a team can compute together: the plan of each job, and what one piece of it computes.

A job is a compiled function of two integers, the address of its plan and the number of a piece; its plan is a row of
integers, which are the addresses of the job's arrays and their sizes. All arrays are float32 and C-contiguous. A piece
takes 2 to 40 microseconds. Who takes which piece is left to chance; what is computed in it is not, so results are
bitwise the same for any number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import carray

from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
from npvae.kernels.likelihoods import nll_and_residual
from npvae.kernels.matmul.products import product_piece
from npvae.kernels.matmul.vectors import LINE
from npvae.kernels.team.atomics import call_at, fetch_to_write, floats_at, integers_at
from npvae.kernels.updates import adam


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
    then: int  # an epilogue's address, or 0: called with the same two integers when a piece is done
    first: int  # addresses of the epilogue's arrays
    second: int


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
    """The loop `nll_and_residual` over some samples of so many pixels, in so many pieces."""

    logits: int
    x: int
    nll: int
    residual: int
    samples: int
    pixels: int
    pieces: int


# Where in a plan each of these integers stands.
FACTORS = Product(*range(len(Product._fields)))
ADAM = AdamStep(*range(len(AdamStep._fields)))
NLL = Bernoulli(*range(len(Bernoulli._fields)))

RATES, LEAST = 7, 2  # how many numbers `adam` takes of each
ADAM_PIECE = 16_384  # parameters
AT_ONCE, AHEAD = 64, 256  # parameters that Adam goes through before it asks for more, and how far ahead these lie
BERNOULLI_PIECE = 2_048  # pixels that make a piece, in whole samples


@kernel(AS_WRITTEN)
def pieces_of_samples(samples: int, pixels: int) -> int:
    """Into how many pieces of about as many samples a likelihood is cut."""
    return max(1, min(samples, samples * pixels // BERNOULLI_PIECE))


@job_piece
def product_of(address: int, piece: int) -> None:
    """One piece of a `Product`, and of what follows it."""
    p = carray(integers_at(address), len(FACTORS))
    product_piece(
        piece, p[FACTORS.out], p[FACTORS.a], p[FACTORS.b], p[FACTORS.rows], p[FACTORS.columns], p[FACTORS.k],
        p[FACTORS.a_row], p[FACTORS.a_k], p[FACTORS.turned] == 1,
    )  # fmt: skip
    if p[FACTORS.then] != 0:
        call_at(p[FACTORS.then], address, piece)


@job_piece
def adam_of(address: int, piece: int) -> None:
    """One piece of an `AdamStep`.

    The four arrays are larger than a core's own cache, and a step has emptied it: the loop waits for memory, and
    waits less if it asks for what comes next.
    """
    plan = carray(integers_at(address), len(ADAM))
    size = plan[ADAM.size]
    low, high = piece * ADAM_PIECE, min(size, (piece + 1) * ADAM_PIECE)
    p, g = carray(floats_at(plan[ADAM.p]), size), carray(floats_at(plan[ADAM.g]), size)
    m, v = carray(floats_at(plan[ADAM.m]), size), carray(floats_at(plan[ADAM.v]), size)
    rates, least = carray(floats_at(plan[ADAM.rates]), RATES), carray(floats_at(plan[ADAM.least]), LEAST)
    for start in range(low, high, AT_ONCE):
        end = min(high, start + AT_ONCE)
        for i in range(start + AHEAD, start + AHEAD + AT_ONCE, LINE):
            fetch_to_write(plan[ADAM.p] + 4 * i)
            fetch_to_write(plan[ADAM.g] + 4 * i)
            fetch_to_write(plan[ADAM.m] + 4 * i)
            fetch_to_write(plan[ADAM.v] + 4 * i)
        adam(p[start:end], g[start:end], m[start:end], v[start:end], rates, least)


@job_piece
def bernoulli_of(address: int, piece: int) -> None:
    """One piece of a `Bernoulli`."""
    plan = carray(integers_at(address), len(NLL))
    samples, pixels, pieces = plan[NLL.samples], plan[NLL.pixels], plan[NLL.pieces]
    low, high = piece * samples // pieces, (piece + 1) * samples // pieces
    logits = carray(floats_at(plan[NLL.logits]), (samples, pixels))
    x = carray(floats_at(plan[NLL.x]), (samples, pixels))
    nll = carray(floats_at(plan[NLL.nll]), samples)
    residual = carray(floats_at(plan[NLL.residual]), (samples, pixels))
    nll_and_residual(logits[low:high], x[low:high], nll[low:high], residual[low:high])
