"""The shape of most twins of likelihoods: the forward keeps the slopes of nll, the backward multiplies them by dnll.

What a loop does not take (other shapes, dtypes that are not float or not one) goes to the reference, which computes it
or says what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.likelihoods import times_row

REFERENCE = None  # in place of an array, in a cache that the reference made


def nll_and_slopes(
    loop: Callable, reference: Callable, output: np.ndarray, x: np.ndarray, new: Callable
) -> tuple[np.ndarray, tuple]:
    """output (N, D), x (N, D) -> nll (N,), in nats, cache.

    loop  (output, x, nll, slopes): writes nll (N,) and its slopes in the output (N, D)
    """
    if output.ndim != 2 or output.shape != x.shape or not one_float_dtype(output, x):
        nll, cache = reference(output, x)
        return nll, (REFERENCE, cache)
    nll, slopes = new(x.shape[:1], x.dtype), new(x.shape, x.dtype)
    loop(np.ascontiguousarray(output), np.ascontiguousarray(x), nll, slopes)
    return nll, (slopes, None)


def times_slopes(reference: Callable, dnll: np.ndarray, cache: tuple, new: Callable) -> np.ndarray:
    """dnll (N,), and the cache of `nll_and_slopes` with the same reference -> doutput (N, D)."""
    slopes, reference_cache = cache
    if slopes is REFERENCE:
        return reference(dnll, reference_cache)
    return scaled(dnll, slopes, new)


def scaled(dnll: np.ndarray, slopes: np.ndarray, new: Callable) -> np.ndarray:
    """Rows (N, D), each times its dnll (N,)."""
    out = new(slopes.shape, slopes.dtype)
    times_row(np.ascontiguousarray(dnll, slopes.dtype), slopes, out)
    return out
