"""Jobs that several threads do together: how one is published, taken piece by piece, and finished.

The `state` of a team is a row of integers: the ticket, the flags below, and the job, as `pieces.py` lays it out. To
start a job the caller writes what is to be done, and then the ticket: a number that holds the job's number, and which
pieces are left, from `first` to before `end`. The caller takes the first piece by raising `first`, a helper the last by
lowering `end`; whoever changes the ticket has the piece. When none are left the caller waits for those still in hand.
So it never waits for a helper to begin. And of a job that comes again in every step, each takes about the same half as
before, which its cache may still hold.
"""

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.products import pieces_of
from npvae.kernels.team.atomics import add_one, give_way, nanoseconds, read, replace_if, write
from npvae.kernels.team.pieces import (
    ADAM,
    ADAM_PIECE,
    ADAM_STEP,
    BERNOULLI,
    CALL,
    CALLED,
    FACTORS,
    KIND,
    NLL,
    PRODUCT,
    do_piece,
    samples_of_piece,
)

TICKET, DONE, STOP = 0, 8, 16  # where in the state; what different threads write lies on different cache lines
ASLEEP = 40  # one integer per helper, behind the job
FIELD = 0xFFFFF  # 20 bits: the ticket is three such fields
PATIENCE = 300_000  # nanoseconds that a helper looks for work before it sleeps
WORTH_SHARING = 4_000_000  # floating-point operations: with fewer, handing data over costs more than it saves
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
            do_piece(state, end - 1 if helping else first)
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
def do_job(state: np.ndarray, pieces: int) -> None:
    """Publish the job that stands in the state, work on it, and return when all of it is done."""
    job = ((read(state, TICKET) >> 40) + 1) & FIELD
    write(state, DONE, 0)
    write(state, TICKET, job << 40 | pieces << 20)
    take_pieces(state, False)
    waiting_since = nanoseconds()
    while read(state, DONE) < pieces:
        if nanoseconds() - waiting_since > HURRY:
            give_way()


@kernel(AS_WRITTEN)
def do_product(state: np.ndarray, pieces: int, operations: int) -> None:
    """Do the product that stands in the state, with helpers if it has enough operations."""
    if operations >= WORTH_SHARING:
        do_job(state, pieces)
    else:
        for piece in range(pieces):
            do_piece(state, piece)


@kernel(AS_WRITTEN)
def product(state: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray, a_turned: bool, b_turned: bool) -> None:
    """out = a @ b; with a_turned a.T in place of a, with b_turned b.T in place of b."""
    rows, columns = out.shape
    k = a.shape[0] if a_turned else a.shape[1]
    state[KIND] = PRODUCT
    state[FACTORS.out], state[FACTORS.a], state[FACTORS.b] = out.ctypes.data, a.ctypes.data, b.ctypes.data
    state[FACTORS.rows], state[FACTORS.columns], state[FACTORS.k] = rows, columns, k
    state[FACTORS.a_row], state[FACTORS.a_k] = (1, rows) if a_turned else (k, 1)
    state[FACTORS.turned] = 1 if b_turned else 0
    do_product(state, pieces_of(rows, columns, k), 2 * rows * columns * k)


@kernel(AS_WRITTEN)
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
    state[KIND] = ADAM_STEP
    state[ADAM.p], state[ADAM.g] = p.ctypes.data, g.ctypes.data
    state[ADAM.m], state[ADAM.v] = m.ctypes.data, v.ctypes.data
    state[ADAM.rates], state[ADAM.least], state[ADAM.size] = rates.ctypes.data, least.ctypes.data, p.size
    do_job(state, (p.size + ADAM_PIECE - 1) // ADAM_PIECE)


@kernel(AS_WRITTEN)
def bernoulli(state: np.ndarray, logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """The loop `nll_and_residual`, some samples at a time."""
    samples, pixels = logits.shape
    state[KIND] = BERNOULLI
    state[NLL.logits], state[NLL.x] = logits.ctypes.data, x.ctypes.data
    state[NLL.nll], state[NLL.residual] = nll.ctypes.data, residual.ctypes.data
    state[NLL.samples], state[NLL.pixels] = samples, pixels
    height = samples_of_piece(pixels)
    do_job(state, (samples + height - 1) // height)


@kernel(AS_WRITTEN)
def call_pieces(state: np.ndarray, function: int, plan: np.ndarray, pieces: int) -> None:
    """Call the compiled function at an address with (the plan's address, piece), for every piece."""
    state[KIND] = CALL
    state[CALLED.function], state[CALLED.plan] = function, plan.ctypes.data
    do_job(state, pieces)
