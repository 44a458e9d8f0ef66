"""Entries that are missing get a constant in place of their value, and no gradient.

Forward
    y[n, d] = fill if missing[n, d] == 1 else x[n, d]                                            (1)
Backward
    dx[n, d] = 0 if missing[n, d] == 1 else dy[n, d]                                             (2)
Derivation
    y is x itself, of slope 1, or a constant, of slope 0: (2).

This is how a likelihood sums over what is seen. Every likelihood of independent entries has an output under which
x = 0 is certain: its term is exactly 0, and so is the gradient of everything in it. For a Bernoulli that is a logit
of -1e4. Where an entry is missing, the decoder's output is replaced by that, and x by 0. Value and gradient are then
those of a model without these entries, whatever the likelihood, and no likelihood has to know of it.

A product with a mask of zeros would not do: 0 * nan is nan.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def masked_fill_forward(x: np.ndarray, missing: np.ndarray, fill: float = 0.0) -> tuple[np.ndarray, tuple]:
    """x (N, D), missing (N, D) of bool -> y (N, D). ValueError if the shapes differ."""
    if x.ndim != 2 or x.shape != missing.shape:
        raise shape_error(OP, x, missing)
    missing = missing.astype(bool)
    y = np.where(missing, x.dtype.type(fill), x)  # (1)
    return y, (missing,)


def masked_fill_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy (N, D) -> dx (N, D)."""
    (missing,) = cache
    dx = np.where(missing, dy.dtype.type(0), dy)  # (2)
    return dx


OP = Op(
    masked_fill_forward,
    masked_fill_backward,
    args={"x": Arg("N D"), "missing": Arg("N D", dtype=bool, differentiable=False)},
    params={"fill": [0.0, -1e4]},
    pure=True,
)
