"""What a team can compute together: the menu of jobs, and how each is cut into pieces.

A job is written into `words` as integers: its kind, the addresses of its arrays, its sizes. All arrays are float32 and
C-contiguous. A piece takes some twenty microseconds. Who takes which piece is left to chance; what is computed in it is
not, so results are bitwise the same for any number of threads.
"""

import numpy as np
from numba import carray

from npvae.kernels.atomics import call_at, floats_at
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.likelihoods import nll_and_residual
from npvae.kernels.matmul.products import dot_piece, outer_piece
from npvae.kernels.updates import adam

OUTER, DOTS, ADAM, BERNOULLI, CALL = range(5)  # kinds of job; CALL: FIRST is a function's address, SECOND its plan's
KIND, FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = range(24, 31)  # where in words: the kind, addresses of arrays
ROWS, COLUMNS, K, A_ROW, A_K = range(32, 37)  # and sizes

ADAM_PIECE = 32_768  # parameters
BERNOULLI_PIECE = 32_768  # pixels, in whole samples


@kernel(AS_WRITTEN)
def rows_of_bernoulli_piece(columns: int) -> int:
    """Samples of a piece, for at least one column."""
    return max(1, BERNOULLI_PIECE // columns)


@kernel(AS_WRITTEN)
def do_piece(words: np.ndarray, piece: int) -> None:
    """Compute one piece of the job in words."""
    kind, rows, columns = words[KIND], words[ROWS], words[COLUMNS]
    first, second, third, fourth = words[FIRST], words[SECOND], words[THIRD], words[FOURTH]
    if kind == OUTER:
        outer_piece(piece, first, second, third, rows, columns, words[K], words[A_ROW], words[A_K])
    elif kind == DOTS:
        dot_piece(piece, first, second, third, rows, columns, words[K])
    elif kind == ADAM:
        low, high = piece * ADAM_PIECE, min(columns, (piece + 1) * ADAM_PIECE)
        p, g = carray(floats_at(first), columns), carray(floats_at(second), columns)
        m, v = carray(floats_at(third), columns), carray(floats_at(fourth), columns)
        rates, least = carray(floats_at(words[FIFTH]), 7), carray(floats_at(words[SIXTH]), 2)
        adam(p[low:high], g[low:high], m[low:high], v[low:high], rates, least)
    elif kind == CALL:
        call_at(first, second, piece)
    else:
        height = rows_of_bernoulli_piece(columns)
        low, high = piece * height, min(rows, (piece + 1) * height)
        logits, x = carray(floats_at(first), (rows, columns)), carray(floats_at(second), (rows, columns))
        nll, residual = carray(floats_at(third), rows), carray(floats_at(fourth), (rows, columns))
        nll_and_residual(logits[low:high], x[low:high], nll[low:high], residual[low:high])
