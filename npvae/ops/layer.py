"""A layer: an activation f over a dense map. The piece that every network here repeats.

Forward
    a[n, o] = sum(x[n, i] * W[i, o] for i in range(I)) + b[o]                                    (1)
    y[n, o] = f(a[n, o])                                                                         (2)
Backward
    da[n, o] = dy[n, o] * df(a[n, o])                                                            (3)
    dx[n, i] = sum(da[n, o] * W[i, o] for o in range(O))                                         (4)
    dW[i, o] = sum(x[n, i] * da[n, o] for n in range(N))                                         (5)
    db[o] = sum(da[n, o] for n in range(N))                                                      (6)

f is the forward of the activation's own page and df its derivative, from the same page's backward. Nothing is
derived here that does not stand there: (1) and (4) to (6) are the page of dense.
"""

from collections.abc import Mapping

import numpy as np

from npvae.ops import elu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from npvae.ops.dense import dense_backward, dense_forward
from npvae.spec import Arg, Op

ACTIVATIONS: Mapping[str, Op] = {
    page.OP.name: page.OP for page in (relu, leaky_relu, elu, silu, tanh, sigmoid, softplus)
}


def layer_forward(x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str = "relu") -> tuple[np.ndarray, tuple]:
    """x (N, I), W (I, O), b (O,), activation a name in ACTIVATIONS -> y (N, O)."""
    a, dense_cache = dense_forward(x, W, b)  # (1)
    y, activation_cache = ACTIVATIONS[activation].forward(a)  # (2)
    return y, (dense_cache, activation_cache, activation)


def layer_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dy (N, O) -> dx (N, I), dW (I, O), db (O,). dx is None if not needed: the input of a first layer is data."""
    dense_cache, activation_cache, activation = cache
    da = ACTIVATIONS[activation].backward(dy, activation_cache)  # (3)
    dx, dW, db = dense_backward(da, dense_cache, needs_dx)  # (4) (5) (6)
    return dx, dW, db


def equation_names(activation: str = "relu") -> dict[str, Op]:
    """What f is in the equations of this page; df is the derivative on the same op's page."""
    return {"f": ACTIVATIONS[activation]}


OP = Op(
    layer_forward,
    layer_backward,
    args={"x": Arg("N I"), "W": Arg("I O"), "b": Arg("O")},
    params={"activation": list(ACTIVATIONS)},
    pure=True,
)
