"""Jobs that several threads do together: how one is published, taken piece by piece, and finished.

The `state` of a team is a row of integers: the ticket, the flags below, and the job, a function with its plan (see
`pieces.py`). To start a job the caller writes what is to be done, and then the ticket: a number that holds the job's
number, and which pieces are left, from `first` to before `end`. The caller takes the first piece by raising `first`, a
helper the last by lowering `end`; whoever changes the ticket has the piece. When none are left the caller waits for
those still in hand. So it never waits for a helper to begin. And of a job that comes again in every step, each takes
about the same half as before, which its cache may still hold.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
from npvae.kernels.matmul.products import pieces_of
from npvae.kernels.team.atomics import (
    add_one,
    address_of,
    call_at,
    give_way,
    integers_at,
    nanoseconds,
    read,
    replace_if,
    write,
)
from npvae.kernels.team.pieces import (
    ADAM,
    ADAM_PIECE,
    FACTORS,
    NLL,
    adam_of,
    bernoulli_of,
    pieces_of_samples,
    product_of,
)

TICKET, DONE, STOP, FUNCTION, PLAN = 0, 8, 16, 24, 25  # what different threads write lies on different cache lines
ASLEEP = 32  # one integer per helper, behind the job
WHOLE = -1  # in place of a piece, for an epilogue: all of the product
FIELD = 0xFFFFF  # 20 bits: the ticket is three such fields
PATIENCE = 1_000_000  # nanoseconds that a helper looks for work before it sleeps: more than between two steps
WORTH_A_TEAM = 4_000_000  # floating-point operations of a product that the team is called for
WORTH_SHARING = 1_500_000  # with fewer, handing data over costs more than it saves, also for a team that is at work
FOLLOWED = 2**24  # floating-point operations: with fewer, an epilogue is one loop over all, in place of one per piece
HURRY = 100_000  # nanoseconds after which whoever waits lets others have the core


@kernel(AS_WRITTEN)
def take_pieces(state: np.ndarray, helping: bool) -> int:
    """Run pieces of the job until none are left; return how many this thread ran."""
    taken = 0
    while True:
        ticket = read(state, TICKET)
        first, end = ticket & FIELD, (ticket >> 20) & FIELD
        if first >= end:
            return taken
        if replace_if(state, TICKET, ticket, ticket - (1 << 20) if helping else ticket + 1):
            call_at(state[FUNCTION], state[PLAN], end - 1 if helping else first)
            add_one(state, DONE)
            taken += 1


@kernel(AS_WRITTEN)
def help_out(state: np.ndarray, me: int) -> None:
    """A helper's loop: take pieces; after a while without any, fall asleep."""
    quiet_since = nanoseconds()
    while read(state, STOP) == 0:
        if take_pieces(state, True) > 0:
            quiet_since = nanoseconds()
        else:
            quiet_for = nanoseconds() - quiet_since
            if quiet_for > PATIENCE:
                write(state, ASLEEP + me, 1)
                return
            if quiet_for > HURRY:
                give_way()


@kernel(AS_WRITTEN)
def do_job(state: np.ndarray, function: int, plan: int, pieces: int) -> None:
    """Publish a job, work on it, and return when all of it is done: call function(plan, piece) for every piece."""
    state[FUNCTION], state[PLAN] = function, plan
    job = ((read(state, TICKET) >> 40) + 1) & FIELD
    write(state, DONE, 0)
    write(state, TICKET, job << 40 | pieces << 20)
    take_pieces(state, False)
    waiting_since = nanoseconds()
    while read(state, DONE) < pieces:
        if nanoseconds() - waiting_since > HURRY:
            give_way()


@kernel(AS_WRITTEN)
def do_product(state: np.ndarray, function: int, plan: np.ndarray, least: int) -> None:
    """Do the `Product` in a plan, and what follows: together from `least` operations on, else in the caller alone.

    `least` is an np.int64: for each constant it would be compiled anew.
    """
    rows, columns, k, then = plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k], plan[FACTORS.then]
    pieces, address, operations = pieces_of(rows, columns, k), address_of(plan), 2 * rows * columns * k
    whole = then != 0 and operations < FOLLOWED
    if whole:
        plan[FACTORS.then] = 0
    if operations >= least:
        do_job(state, function, address, pieces)
    else:
        for piece in range(pieces):
            call_at(function, address, piece)
    if whole:
        call_at(then, address, WHOLE)
    plan[0] = 0  # numba frees an array after its last use, and does not see that the address is one


@job_piece
def product_at(plan: int, state: int) -> None:
    """`do_product` for code that is compiled without it; the address of its piece stands behind the `Product`."""
    p = carray(integers_at(plan), len(FACTORS) + 1)
    do_product(carray(integers_at(state), ASLEEP), p[len(FACTORS)], p, np.int64(WORTH_SHARING))


@job_piece
def job_at(job: int, state: int) -> None:
    """`do_job` for code that is compiled without it: of a function, its plan and how many pieces."""
    p = carray(integers_at(job), 3)
    do_job(carray(integers_at(state), ASLEEP), p[0], p[1], p[2])


@kernel(AS_WRITTEN)
def factors(a: np.ndarray, b: np.ndarray, out: np.ndarray, a_turned: bool, b_turned: bool) -> np.ndarray:
    """The plan of out = a @ b; with a_turned a.T in place of a, with b_turned b.T in place of b."""
    (rows, columns), plan = out.shape, np.zeros(len(FACTORS), np.int64)
    k = a.shape[0] if a_turned else a.shape[1]
    plan[FACTORS.out], plan[FACTORS.a], plan[FACTORS.b] = out.ctypes.data, a.ctypes.data, b.ctypes.data
    plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k] = rows, columns, k
    plan[FACTORS.a_row], plan[FACTORS.a_k] = (1, rows) if a_turned else (k, 1)
    plan[FACTORS.turned] = 1 if b_turned else 0
    return plan


def product(state: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray, a_turned: bool, b_turned: bool) -> None:
    """out = a @ b; with a_turned a.T in place of a, with b_turned b.T in place of b."""
    _product(state, product_of.address, a, b, out, a_turned, b_turned)


def adam_step(
    state: np.ndarray,
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    rates: np.ndarray,
    least: np.ndarray,
) -> None:
    """The loop `adam` over the flat buffers, block by block."""
    _adam_step(state, adam_of.address, p, g, m, v, rates, least)


def bernoulli(state: np.ndarray, logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """The loop `nll_and_residual`, some samples at a time."""
    _bernoulli(state, bernoulli_of.address, logits, x, nll, residual)


@kernel(AS_WRITTEN)
def _product(
    state: np.ndarray, function: int, a: np.ndarray, b: np.ndarray, out: np.ndarray, a_turned: bool, b_turned: bool
) -> None:
    do_product(state, function, factors(a, b, out, a_turned, b_turned), np.int64(WORTH_A_TEAM))


@kernel(AS_WRITTEN)
def _adam_step(
    state: np.ndarray, function: int, p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, rates: np.ndarray,
    least: np.ndarray,
) -> None:  # fmt: skip
    plan = np.empty(len(ADAM), np.int64)
    plan[ADAM.p], plan[ADAM.g] = p.ctypes.data, g.ctypes.data
    plan[ADAM.m], plan[ADAM.v] = m.ctypes.data, v.ctypes.data
    plan[ADAM.rates], plan[ADAM.least], plan[ADAM.size] = rates.ctypes.data, least.ctypes.data, p.size
    call_pieces(state, function, plan, (p.size + ADAM_PIECE - 1) // ADAM_PIECE)


@kernel(AS_WRITTEN)
def _bernoulli(
    state: np.ndarray, function: int, logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray
) -> None:
    (samples, pixels), plan = logits.shape, np.empty(len(NLL), np.int64)
    plan[NLL.logits], plan[NLL.x] = logits.ctypes.data, x.ctypes.data
    plan[NLL.nll], plan[NLL.residual] = nll.ctypes.data, residual.ctypes.data
    plan[NLL.samples], plan[NLL.pixels], plan[NLL.pieces] = samples, pixels, pieces_of_samples(samples, pixels)
    call_pieces(state, function, plan, plan[NLL.pieces])


@kernel(AS_WRITTEN)
def call_pieces(state: np.ndarray, function: int, plan: np.ndarray, pieces: int) -> None:
    """Call the compiled function at an address with (the plan's address, piece), for every piece."""
    do_job(state, function, address_of(plan), pieces)
    plan[0] = plan[0]  # numba frees an array after its last use, and does not see that the address is one
