"""Every activation as one pass over a product: bias added, value written, slope kept for the backward.

A kernel here gets `a` = x @ W, which belongs to the layer, and the bias b. It writes y = f(a + b) and leaves in `a` the
slope f'(a + b). So a layer's backward is one multiplication, the same for all activations (`times_slope`), and
nothing is computed twice. An activation itself is a function of one number, compiled into that loop: v = a + b and its
dtype -> f(v), f'(v). Formulas and kinks are those of the pages in `npvae.ops`. Given j0 and j1, a loop does columns j0
to before j1 alone: an epilogue (`npvae.kernels.epilogues`) has no more than a part of a product.

Loops run over 1-d slices, `for o in range(b.size)`: numba turns those into vector instructions, `y[n, o]` it does not.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, SUMS, inner, kernel
from npvae.kernels.polynomials import exp, expm1, log1p

END = 2**62  # of a slice: all that there is


@inner(SUMS)
def entry_by_entry(activation: Callable, a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int, j1: int) -> None:
    """y = f(a + b), and its slope in a, for a, y (N, O), b (O,) and the activation f, in columns j0 to before j1."""
    dtype = a.dtype.type
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            yn[o], an[o] = activation(an[o] + bj[o], dtype)


@inner(SUMS)
def relu(v: float, dtype: Callable) -> tuple[float, float]:
    """max(v, 0), slope 0 at the kink; a NaN stays one in the value."""
    zero, one = dtype(0), dtype(1)
    return zero if v <= zero else v, one if v > zero else zero


@inner(SUMS)
def leaky_relu(v: float, dtype: Callable) -> tuple[float, float]:
    """v above 0 and a hundredth of it elsewhere, the page's default alpha."""
    slope = dtype(1) if v > dtype(0) else dtype(0.01)
    return slope * v, slope


@inner(SUMS)
def elu(v: float, dtype: Callable) -> tuple[float, float]:
    """v above 0, exp(v) - 1 elsewhere: alpha = 1, the page's default."""
    zero, one = dtype(0), dtype(1)
    below = expm1(zero if v > zero else v)
    return v if v > zero else below, one if v > zero else below + one


@inner(SUMS)
def sigmoids(v: float, dtype: Callable) -> tuple[float, float]:
    """Logistic sigmoid s and 1 - s, with no digit lost where either is near 0."""
    one = dtype(1)
    e = exp(-abs(v))
    larger = one / (one + e)
    smaller = e * larger
    return (larger, smaller) if v >= dtype(0) else (smaller, larger)


@inner(SUMS)
def silu(v: float, dtype: Callable) -> tuple[float, float]:
    """v s with s = sigmoid(v); slope s (1 + v (1 - s))."""
    s, one_minus_s = sigmoids(v, dtype)
    return v * s, s * (dtype(1) + v * one_minus_s)


@inner(SUMS)
def tanh(v: float, dtype: Callable) -> tuple[float, float]:
    """Hyperbolic tangent y: with t = exp(-2 |v|) - 1, |y| = -t / (2 + t); slope 1 - y**2."""
    zero, one, two = dtype(0), dtype(1), dtype(2)
    t = expm1(-two * abs(v))
    size = -t / (two + t)
    return size if v >= zero else -size, one - size * size


@inner(SUMS)
def sigmoid(v: float, dtype: Callable) -> tuple[float, float]:
    """Logistic sigmoid s, slope s (1 - s)."""
    s, one_minus_s = sigmoids(v, dtype)
    return s, s * one_minus_s


@inner(SUMS)
def softplus(v: float, dtype: Callable) -> tuple[float, float]:
    """log(1 + exp(v)), slope sigmoid(v)."""
    zero, one = dtype(0), dtype(1)
    e = exp(-abs(v))
    larger = one / (one + e)
    return (zero if v <= zero else v) + log1p(e), larger if v >= zero else e * larger


def kernel_of(activation: Callable) -> Any:
    """The kernel (a, b, y) of an activation, which bears its name."""

    def over_all(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
        entry_by_entry(activation, a, b, y, 0, END)

    over_all.__name__ = over_all.__qualname__ = activation.__name__
    return kernel(SUMS)(over_all)


FUNCTIONS = (relu, leaky_relu, elu, silu, tanh, sigmoid, softplus)
ACTIVATIONS = {function.__name__: kernel_of(function) for function in FUNCTIONS}
RELU, LEAKY_RELU, ELU, SILU, TANH, SIGMOID, SOFTPLUS = range(len(ACTIVATIONS))


@kernel(AS_WRITTEN)
def activate(activation: int, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """The kernel with this place in ACTIVATIONS."""
    if activation == RELU:
        entry_by_entry(relu, a, b, y, 0, END)
    elif activation == LEAKY_RELU:
        entry_by_entry(leaky_relu, a, b, y, 0, END)
    elif activation == ELU:
        entry_by_entry(elu, a, b, y, 0, END)
    elif activation == SILU:
        entry_by_entry(silu, a, b, y, 0, END)
    elif activation == TANH:
        entry_by_entry(tanh, a, b, y, 0, END)
    elif activation == SIGMOID:
        entry_by_entry(sigmoid, a, b, y, 0, END)
    else:
        entry_by_entry(softplus, a, b, y, 0, END)


@kernel(SUMS)
def add_bias(a: np.ndarray, b: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """a (N, O) += b (O,)."""
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an = a[n, j0:j1]
        for o in range(bj.size):
            an[o] += bj[o]


@kernel(SUMS)
def times_slope(dy: np.ndarray, slope: np.ndarray, da: np.ndarray, db: np.ndarray) -> None:
    """da = dy * slope, all (N, O), and db (O,) the sum of da over the samples."""
    db[:] = 0
    for n in range(dy.shape[0]):
        dyn, sn, dan = dy[n], slope[n], da[n]
        for o in range(db.size):
            dan[o] = dyn[o] * sn[o]
        for o in range(db.size):
            db[o] += dan[o]


@kernel(SUMS)
def sum_rows(dy: np.ndarray, db: np.ndarray) -> None:
    """db (O,) = sum of dy (N, O) over the samples."""
    db[:] = 0
    for n in range(dy.shape[0]):
        dyn = dy[n]
        for o in range(db.size):
            db[o] += dyn[o]
