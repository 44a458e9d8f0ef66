"""Half the squared distance between a reconstruction and the data, one value per sample.

Forward
    nll[n] = sum((x_hat[n, d] - x[n, d]) ** 2 / 2 for d in range(D))                             (1)
Backward
    dx_hat[n, d] = dnll[n] * (x_hat[n, d] - x[n, d])                                             (2)
Derivation
    The slope of r**2 / 2 is r, and r = x_hat - x has slope 1 in x_hat.

This is the negative log-likelihood of N(x; x_hat, I), in nats, less its constant D / 2 * log(2 pi): it ranks models as
that likelihood does, but is not one. Without the half it would be that of a variance of 1/2. gaussian_nll keeps
the constant and frees the variance.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def squared_error_forward(x_hat: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """x_hat (N, D), x (N, D) -> nll (N,). ValueError if the shapes differ."""
    if x_hat.ndim != 2 or x_hat.shape != x.shape:
        raise shape_error(OP, x_hat, x)
    r = x_hat - x  # (N, D)
    nll = (r * r).sum(axis=1) / 2  # (1)
    return nll, (r,)


def squared_error_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dx_hat (N, D)."""
    (r,) = cache
    dx_hat = dnll[:, np.newaxis] * r  # (2)
    return dx_hat


OP = Op(
    squared_error_forward,
    squared_error_backward,
    args={"x_hat": Arg("N D"), "x": Arg("N D", differentiable=False)},
    pure=True,
)
