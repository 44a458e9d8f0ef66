"""A log-variance that cannot fall below a floor: the variance exp(floor) is always added.

Forward
    y[n, d] = log(exp(x[n, d]) + exp(floor))                                                     (1)
Backward
    dx[n, d] = dy[n, d] / (1 + exp(floor - x[n, d]))                                             (2)
Derivation
    The slope of log(v) is 1 / v and that of exp(x) is exp(x): together exp(x) / (exp(x) + exp(floor)), the part of
    the variance that is x's own. Divided by exp(x) above and below: (2).

Data rounded to steps of delta carry a rounding error of variance delta**2 / 12, which no model can be surer than.
Without a floor the likelihood of data that can be matched exactly has no bound: the variance runs to 0. Clipping would
stop it too, but a clipped variance has no gradient and never comes back.

For 8-bit pixels scaled to [0, 1], delta = 1 / 255 and floor = log(delta**2 / 12) = -13.57.
"""

import numpy as np

from npvae.spec import Arg, Op


def floored_logvar_forward(x: np.ndarray, floor: float = -13.57) -> tuple[np.ndarray, tuple]:
    """x of any shape, floor the least log-variance -> y > floor, of the shape of x."""
    y = np.logaddexp(x, x.dtype.type(floor))  # (1)
    return np.asarray(y), (x, floor)


def floored_logvar_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy -> dx, both of the shape of x."""
    x, floor = cache
    e = np.exp(-np.abs(x - floor))
    dy_dx = np.where(x >= floor, 1, e) / (1 + e)
    dx = np.asarray(dy * dy_dx)  # (2)
    return dx


OP = Op(
    floored_logvar_forward,
    floored_logvar_backward,
    args={"x": Arg("N D", domain=(-160.0, 160.0))},
    params={"floor": [-13.57, -2.0, 0.5]},
    pure=True,
)
