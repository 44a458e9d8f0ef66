"""Every activation as one pass over a product: bias added, value written, slope kept for the backward.

A kernel here gets `a` = x @ W, which belongs to the layer, and the bias b. It writes y = f(a + b) and leaves in `a` the
slope f'(a + b). So a layer's backward is one multiplication, the same for all activations (`times_slope`), and
nothing is computed twice. Formulas and kinks are those of the pages in `npvae.ops`. Given j0 and j1, it does columns j0
to before j1 alone: an epilogue (`npvae.kernels.epilogues`) has no more than a part of a product.

Loops run over 1-d slices, `for o in range(b.size)`: numba turns those into vector instructions, `y[n, o]` it does not.
"""

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, SUMS, kernel
from npvae.kernels.polynomials import exp, expm1, log1p

END = 2**62  # of a slice: all that there is


@kernel(SUMS)
def add_bias(a: np.ndarray, b: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """a (N, O) += b (O,)."""
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an = a[n, j0:j1]
        for o in range(bj.size):
            an[o] += bj[o]


@kernel(SUMS)
def relu(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """y = max(a + b, 0), slope 0 at the kink; a NaN stays one in y."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            yn[o] = zero if v <= zero else v
            an[o] = one if v > zero else zero


@kernel(SUMS)
def leaky_relu(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """y = a + b above 0 and a hundredth of it elsewhere, the page's default alpha."""
    zero, one, alpha = a.dtype.type(0), a.dtype.type(1), a.dtype.type(0.01)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            slope = one if v > zero else alpha
            yn[o] = slope * v
            an[o] = slope


@kernel(SUMS)
def elu(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """y = a + b above 0, exp(a + b) - 1 elsewhere: alpha = 1, the page's default."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            below = expm1(zero if v > zero else v)
            yn[o] = v if v > zero else below
            an[o] = one if v > zero else below + one


@kernel(SUMS)
def silu(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """y = v s with v = a + b and s = sigmoid(v); slope s (1 + v (1 - s))."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            e = exp(-abs(v))
            larger = one / (one + e)
            smaller = e * larger
            s = larger if v >= zero else smaller
            one_minus_s = smaller if v >= zero else larger
            yn[o] = v * s
            an[o] = s * (one + v * one_minus_s)


@kernel(SUMS)
def tanh(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """Hyperbolic tangent: with t = exp(-2 |v|) - 1, y = tanh |v| = -t / (2 + t), with the sign of v; slope 1 - y**2."""
    zero, one, two = a.dtype.type(0), a.dtype.type(1), a.dtype.type(2)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            t = expm1(-two * abs(v))
            size = -t / (two + t)
            yn[o] = size if v >= zero else -size
            an[o] = one - size * size


@kernel(SUMS)
def sigmoid(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """Logistic sigmoid y, slope y (1 - y), with no digit lost where y is near 1."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            e = exp(-abs(v))
            larger = one / (one + e)
            smaller = e * larger
            yn[o] = larger if v >= zero else smaller
            an[o] = larger * smaller


@kernel(SUMS)
def softplus(a: np.ndarray, b: np.ndarray, y: np.ndarray, j0: int = 0, j1: int = END) -> None:
    """y = log(1 + exp(a + b)), slope sigmoid(a + b)."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    bj = b[j0:j1]
    for n in range(a.shape[0]):
        an, yn = a[n, j0:j1], y[n, j0:j1]
        for o in range(bj.size):
            v = an[o] + bj[o]
            e = exp(-abs(v))
            larger = one / (one + e)
            yn[o] = (zero if v <= zero else v) + log1p(e)
            an[o] = larger if v >= zero else e * larger


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


ACTIVATIONS = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "silu": silu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
}
RELU, LEAKY_RELU, ELU, SILU, TANH, SIGMOID, SOFTPLUS = range(len(ACTIVATIONS))


@kernel(AS_WRITTEN)
def activate(activation: int, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """The kernel with this place in ACTIVATIONS."""
    if activation == RELU:
        relu(a, b, y)
    elif activation == LEAKY_RELU:
        leaky_relu(a, b, y)
    elif activation == ELU:
        elu(a, b, y)
    elif activation == SILU:
        silu(a, b, y)
    elif activation == TANH:
        tanh(a, b, y)
    elif activation == SIGMOID:
        sigmoid(a, b, y)
    else:
        softplus(a, b, y)
