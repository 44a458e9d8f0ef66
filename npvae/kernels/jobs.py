"""Jobs that several threads do together: how one is published, taken piece by piece, and finished.

The whole state is a row of integers, `words`. To start a job the caller writes what is to be done, and then the ticket:
a number that holds the job's number, and which pieces are left, from `first` to before `end`. The caller takes the
first piece by raising `first`, a helper the last by lowering `end`; whoever changes the ticket has the piece. When none
are left the caller waits for those still in hand. So it never waits for a helper to begin. And of a job that comes
again in every step, each takes about the same half as before, which its cache may still hold.
"""

import numpy as np

from npvae.kernels.atomics import add_one, give_way, read, replace_if, ticks, write
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.products import dot_pieces, outer_pieces
from npvae.kernels.pieces import (
    A_K,
    A_ROW,
    ADAM,
    ADAM_PIECE,
    BERNOULLI,
    CALL,
    COLUMNS,
    DOTS,
    FIFTH,
    FIRST,
    FOURTH,
    KIND,
    OUTER,
    ROWS,
    SECOND,
    SIXTH,
    THIRD,
    K,
    do_piece,
    rows_of_bernoulli_piece,
)

TICKET, DONE, STOP = 0, 8, 16  # where in words; what different threads write lies on different cache lines
ASLEEP = 40  # one word a helper
FIELD = 0xFFFFF  # 20 bits: the ticket is three such fields
PATIENCE = 1_000_000  # clock ticks, about 0.3 ms, that a helper looks for work before it sleeps
WORTH_SHARING = 4_000_000  # floating-point operations: with fewer, handing data over costs more than it saves
HURRY = 300_000  # clock ticks, about 0.1 ms, after which whoever waits lets others have the core


@kernel(AS_WRITTEN)
def take_pieces(words: np.ndarray, helping: bool) -> int:
    """Take pieces of the job, and do them, until none are left. How many it were."""
    taken = 0
    while True:
        ticket = read(words, TICKET)
        first, end = ticket & FIELD, (ticket >> 20) & FIELD
        if first >= end:
            return taken
        if replace_if(words, TICKET, ticket, ticket - (1 << 20) if helping else ticket + 1):
            do_piece(words, end - 1 if helping else first)
            add_one(words, DONE)
            taken += 1


@kernel(AS_WRITTEN)
def help_out(words: np.ndarray, me: int) -> None:
    """A helper's loop: take pieces; after a while without any, fall asleep."""
    quiet_since = ticks()
    while read(words, STOP) == 0:
        if take_pieces(words, True) > 0:
            quiet_since = ticks()
        else:
            quiet_for = ticks() - quiet_since
            if quiet_for > PATIENCE:
                write(words, ASLEEP + me, 1)
                return
            if quiet_for > HURRY:
                give_way()


@kernel(AS_WRITTEN)
def do_job(words: np.ndarray, pieces: int) -> None:
    """Publish the job that stands in words, work on it, and return when all of it is done."""
    job = ((read(words, TICKET) >> 40) + 1) & FIELD
    write(words, DONE, 0)
    write(words, TICKET, job << 40 | pieces << 20)
    take_pieces(words, False)
    waiting_since = ticks()
    while read(words, DONE) < pieces:
        if ticks() - waiting_since > HURRY:
            give_way()


@kernel(AS_WRITTEN)
def do_product(words: np.ndarray, pieces: int) -> None:
    """Do the product that stands in words, together if it is large enough."""
    if 2 * words[ROWS] * words[COLUMNS] * words[K] >= WORTH_SHARING:
        do_job(words, pieces)
    else:
        for piece in range(pieces):
            do_piece(words, piece)


@kernel(AS_WRITTEN)
def outer_product(words: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray, transposed: bool) -> None:
    """out = a @ b, or with `transposed` a.T @ b."""
    words[KIND], words[FIRST], words[SECOND], words[THIRD] = OUTER, out.ctypes.data, a.ctypes.data, b.ctypes.data
    words[ROWS], words[COLUMNS], words[K] = out.shape[0], out.shape[1], b.shape[0]
    words[A_ROW], words[A_K] = (1, a.shape[1]) if transposed else (a.shape[1], 1)
    do_product(words, outer_pieces(out.shape[0], out.shape[1], b.shape[0]))


@kernel(AS_WRITTEN)
def dot_product(words: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a @ b.T."""
    words[KIND], words[FIRST], words[SECOND], words[THIRD] = DOTS, out.ctypes.data, a.ctypes.data, b.ctypes.data
    words[ROWS], words[COLUMNS], words[K] = out.shape[0], out.shape[1], b.shape[1]
    do_product(words, dot_pieces(out.shape[0], out.shape[1], b.shape[1]))


@kernel(AS_WRITTEN)
def adam_step(
    words: np.ndarray,
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    rates: np.ndarray,
    least: np.ndarray,
) -> None:
    """The loop `adam` over the flat buffers, block by block."""
    words[KIND], words[FIRST], words[SECOND], words[THIRD] = ADAM, p.ctypes.data, g.ctypes.data, m.ctypes.data
    words[FOURTH], words[FIFTH], words[SIXTH] = v.ctypes.data, rates.ctypes.data, least.ctypes.data
    words[COLUMNS] = p.size
    do_job(words, (p.size + ADAM_PIECE - 1) // ADAM_PIECE)


@kernel(AS_WRITTEN)
def bernoulli(words: np.ndarray, logits: np.ndarray, x: np.ndarray, nll: np.ndarray, residual: np.ndarray) -> None:
    """The loop `nll_and_residual`, some samples at a time."""
    words[KIND], words[FIRST], words[SECOND] = BERNOULLI, logits.ctypes.data, x.ctypes.data
    words[THIRD], words[FOURTH] = nll.ctypes.data, residual.ctypes.data
    words[ROWS], words[COLUMNS] = logits.shape
    height = rows_of_bernoulli_piece(logits.shape[1])
    do_job(words, (logits.shape[0] + height - 1) // height)


@kernel(AS_WRITTEN)
def call_pieces(words: np.ndarray, function: int, plan: np.ndarray, pieces: int) -> None:
    """Call the compiled function at an address with (the plan's address, piece), for every piece."""
    words[KIND], words[FIRST], words[SECOND] = CALL, function, plan.ctypes.data
    do_job(words, pieces)
