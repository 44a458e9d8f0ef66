"""The loops of the optimisers: one pass over the flat buffer, without denormal numbers.

NumPy walks the buffers once per operation, fourteen times for Adam; here they are walked once, and only memory is
waited for. Numbers below the least normal one (1e-38 in float32) are a trap: the moments of a unit that has died decay
into them, and arithmetic on them takes up to a hundred cycles per number. So a mean below `least` becomes 0, a mean
square below it becomes `least`, and a gradient below its root does not enter the mean square. Against the epsilon of
the denominator all three are far below one rounding.
"""

import numpy as np

from npvae.kernels.jit import SUMS, kernel


@kernel(SUMS)
def adam(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, rates: np.ndarray, least: np.ndarray) -> None:
    """One step, in place. rates: beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1**t), 1 / (1 - beta2**t), eps."""
    beta1, rest1, beta2, rest2, lr, unbias, eps = rates[0], rates[1], rates[2], rates[3], rates[4], rates[5], rates[6]
    zero, least_m, least_g = p.dtype.type(0), least[0], least[1]
    for i in range(p.size):
        gi = zero if abs(g[i]) < least_m else g[i]
        mi = beta1 * m[i] + rest1 * gi
        mi = zero if abs(mi) < least_m else mi
        square = zero if abs(gi) < least_g else gi * gi
        vi = beta2 * v[i] + rest2 * square
        vi = least_m if vi < least_m else vi
        m[i] = mi
        v[i] = vi
        p[i] -= lr * (mi / (np.sqrt(vi * unbias) + eps))


@kernel(SUMS)
def adagrad(p: np.ndarray, g: np.ndarray, G: np.ndarray, rates: np.ndarray, least: np.ndarray) -> None:
    """One step, in place. rates = (lr, eps)."""
    lr, eps, zero, least_g = rates[0], rates[1], p.dtype.type(0), least[1]
    for i in range(p.size):
        square = zero if abs(g[i]) < least_g else g[i] * g[i]
        total = G[i] + square
        G[i] = total
        p[i] -= lr * (g[i] / (np.sqrt(total) + eps))


@kernel(SUMS)
def sum_of_squares(g: np.ndarray) -> float:
    """Sum of g**2: inf or NaN if an entry is, or its square. Blocks of 4096 add up in g's dtype, these in float64."""
    total = np.float64(0)
    for start in range(0, g.size, 4096):
        block = g[start : start + 4096]
        part = g.dtype.type(0)
        for i in range(block.size):
            part += block[i] * block[i]
        total += part
    return total
