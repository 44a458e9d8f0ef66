"""The state after the last letter of every sequence: what an encoder has read when a sequence ends.

Forward
    y[n, j] = h[n, lengths[n] - 1, j]                                                            (1)
Backward
    dh[n, t, j] = dy[n, j] if t == lengths[n] - 1 else 0                                         (2)
Derivation
    y is a copy of one step of h, so its slope is 1 there and 0 at every other step.

Taking h[:, -1] is right only for sequences of full length, or where the states of finished ones are carried on, as gru
does. Lengths count from 1: the last of five letters stands at 4.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def last_state_forward(h: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, tuple]:
    """h (N, T, H), lengths (N,) integers in 1 .. T -> y (N, H). ValueError if the shapes do not fit."""
    if h.ndim != 3 or lengths.shape != h.shape[:1]:
        raise shape_error(OP, h, lengths)
    rows = np.arange(len(h))
    y = h[rows, lengths - 1]  # (1)
    return y, (rows, lengths, h.shape)


def last_state_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy (N, H) -> dh (N, T, H)."""
    rows, lengths, shape = cache
    dh = np.zeros(shape, dy.dtype)
    dh[rows, lengths - 1] = dy  # (2)
    return dh


OP = Op(
    last_state_forward,
    last_state_backward,
    args={
        "h": Arg("N T H", linear=True),
        "lengths": Arg("N", dtype=int, domain=(1, "T+1"), differentiable=False),
    },
    pure=True,
)
