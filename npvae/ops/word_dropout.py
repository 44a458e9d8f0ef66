"""Some letters hidden from the decoder: their vectors are replaced by one that stands for an unknown letter.

Forward
    y[n, t, e] = x[n, t, e] if keep[n, t] == 1 else unknown[e]                                   (1)
Backward
    dx[n, t, e] = dy[n, t, e] if keep[n, t] == 1 else 0                                          (2)
    dunknown[e] = sum(0 if keep[n, t] == 1 else dy[n, t, e] for n in range(N) for t in range(T)) (3)
Derivation
    y is a copy of x where a letter is kept and of the one vector `unknown` elsewhere: slopes 1 and 0, and the gradient
    of what was copied to many places is the sum over them.

The mask is an argument, drawn before, as the noise of the reparameterisation is: backward uses the same one as forward.
Nothing is scaled by 1 / (share kept): a hidden letter is not a weaker one, it is another symbol. With `keep` false
everywhere the decoder is inputless: all that it learns about a sequence, it learns from z.

Bowman et al. (2016), "Generating Sentences from a Continuous Space", section 3.1.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def word_dropout_forward(x: np.ndarray, keep: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x (N, T, E), keep (N, T) bool, unknown (E,) -> y (N, T, E). ValueError if the shapes do not fit."""
    if x.ndim != 3 or keep.shape != x.shape[:2] or unknown.shape != x.shape[2:]:
        raise shape_error(OP, x, keep, unknown)
    y = np.where(keep[:, :, np.newaxis], x, unknown)  # (1)
    return y, (keep,)


def word_dropout_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dy (N, T, E) -> dx (N, T, E), dunknown (E,)."""
    keep = cache[0][:, :, np.newaxis]  # (N, T, 1)
    dx = np.where(keep, dy, 0)  # (2)
    dunknown = np.where(keep, 0, dy).sum(axis=(0, 1))  # (3)
    return dx, dunknown


OP = Op(
    word_dropout_forward,
    word_dropout_backward,
    args={
        "x": Arg("N T E", linear=True),
        "keep": Arg("N T", dtype=bool, domain=(0, 1), differentiable=False),
        "unknown": Arg("E", linear=True),
    },
    pure=True,
)
