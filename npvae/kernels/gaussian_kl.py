"""Twin of `npvae.ops.gaussian_kl`: one loop forward and one backward, after NumPy's expm1.

There are few latents, so the passes over them cost more than the arithmetic: two passes in place of seven.
mu and logvar are halves of one array, so their rows are not next to each other; the loops take them as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.slopes import REFERENCE


def gaussian_kl_forward(mu: np.ndarray, logvar: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """mu (N, L), logvar (N, L) -> kl (N,), in nats. ValueError if the shapes differ."""
    if mu.ndim != 2 or mu.shape != logvar.shape or not one_float_dtype(mu, logvar):
        kl, cache = ops.gaussian_kl_forward(mu, logvar)
        return kl, (REFERENCE, cache)
    kl, var_minus_1 = new(mu.shape[:1], mu.dtype), new(mu.shape, mu.dtype)
    np.expm1(logvar, out=var_minus_1)
    kl_of(mu, logvar, var_minus_1, kl)
    return kl, (var_minus_1, mu)


def gaussian_kl_backward(dkl: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> tuple[np.ndarray, np.ndarray]:
    """dkl (N,) -> dmu (N, L), dlogvar (N, L)."""
    var_minus_1, mu = cache
    if var_minus_1 is REFERENCE:
        return ops.gaussian_kl_backward(dkl, mu)
    dmu, dlogvar = new(mu.shape, mu.dtype), new(mu.shape, mu.dtype)
    kl_gradients(np.asarray(dkl, mu.dtype), mu, var_minus_1, dmu, dlogvar)
    return dmu, dlogvar


@kernel(SUMS)
def kl_of(mu: np.ndarray, logvar: np.ndarray, var_minus_1: np.ndarray, kl: np.ndarray) -> None:
    """kl (N,), half the sum of var_minus_1 + mu**2 - logvar."""
    half = mu.dtype.type(0.5)
    for n in range(mu.shape[0]):
        mn, ln, vn = mu[n], logvar[n], var_minus_1[n]
        total = mu.dtype.type(0)
        for l in range(vn.size):
            total += vn[l] + mn[l] * mn[l] - ln[l]
        kl[n] = half * total


@kernel(SUMS)
def kl_gradients(
    dkl: np.ndarray, mu: np.ndarray, var_minus_1: np.ndarray, dmu: np.ndarray, dlogvar: np.ndarray
) -> None:
    """dmu = dkl mu and dlogvar = dkl expm1(logvar) / 2, each (N, L)."""
    half = mu.dtype.type(0.5)
    for n in range(mu.shape[0]):
        scale, mn, vn, dmn, dln = dkl[n], mu[n], var_minus_1[n], dmu[n], dlogvar[n]
        for l in range(dmn.size):
            dmn[l] = scale * mn[l]
            dln[l] = scale * vn[l] * half
