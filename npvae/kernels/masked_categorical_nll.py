"""The cost of every letter in one pass, and its gradient in another: padding is not visited.

Twin of `npvae.ops.masked_categorical_nll`, whose equations are cited. Logits of another dtype than float32 and float64
go to the reference, and so do labels that are no class, for it to refuse them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.polynomials import exp
from npvae.ops.masked_categorical_nll import OP as REFERENCE_OP
from npvae.ops.shapes import check_shapes

REFERENCE = None  # in place of probabilities, in a cache that the reference made


def masked_categorical_nll_forward(
    logits: np.ndarray, labels: np.ndarray, lengths: np.ndarray, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """logits (N, T, C), labels (N, T) integers in 0 .. C - 1, lengths (N,) in 0 .. T -> nll (N,), in nats.

    Raises ValueError if the shapes do not fit, IndexError for a label of a letter that is no class.
    """
    check_shapes(REFERENCE_OP, logits, labels, lengths)
    N, T, C = logits.shape
    is_letter = np.arange(T) < lengths[:, np.newaxis]
    in_range = labels.min(initial=0, where=is_letter) >= 0 and labels.max(initial=0, where=is_letter) < C
    if not one_float_dtype(logits) or not in_range:
        nll, cache = ops.masked_categorical_nll_forward(logits, labels, lengths)
        return nll, (REFERENCE, cache)
    labels, lengths = (np.ascontiguousarray(a, np.int64) for a in (labels, np.clip(lengths, 0, T)))
    p, nll = new(logits.shape, logits.dtype), new((N,), logits.dtype)
    cost_of_letters(np.ascontiguousarray(logits), labels, lengths, p, nll)
    return nll, (p, labels, lengths)


def masked_categorical_nll_backward(dnll: np.ndarray, cache: tuple, *, new: Callable = np.empty) -> np.ndarray:
    """dnll (N,) -> dlogits (N, T, C)."""
    p, *rest = cache
    if p is REFERENCE:
        return ops.masked_categorical_nll_backward(dnll, rest[0])
    labels, lengths = rest
    dlogits: np.ndarray = new(p.shape, p.dtype)
    slopes_of_letters(np.ascontiguousarray(dnll, p.dtype), p, labels, lengths, dlogits)
    return dlogits


@kernel(SUMS)
def cost_of_letters(
    logits: np.ndarray, labels: np.ndarray, lengths: np.ndarray, p: np.ndarray, nll: np.ndarray
) -> None:
    """p (N, T, C) where there is a letter, and nll (N,)."""
    one, C = logits.dtype.type(1), logits.shape[2]
    for n in range(logits.shape[0]):
        nll[n] = 0
        for t in range(lengths[n]):
            a, pt = logits[n, t], p[n, t]
            top = a[0]
            for c in range(1, C):
                top = a[c] if a[c] > top else top
            for c in range(C):
                pt[c] = exp(a[c] - top)
            total = pt.dtype.type(0)
            for c in range(C):
                total += pt[c]
            nll[n] += np.log(total) + (top - a[labels[n, t]])  # (1)
            share = one / total
            for c in range(C):
                pt[c] *= share  # (2)


@kernel(SUMS)
def slopes_of_letters(
    dnll: np.ndarray, p: np.ndarray, labels: np.ndarray, lengths: np.ndarray, dlogits: np.ndarray
) -> None:
    """dlogits (N, T, C): 0 where there is no letter."""
    one, C = p.dtype.type(1), p.shape[2]
    for n in range(p.shape[0]):
        for t in range(lengths[n]):
            pt, da = p[n, t], dlogits[n, t]
            for c in range(C):
                da[c] = dnll[n] * pt[c]
            label = labels[n, t]
            da[label] = dnll[n] * (pt[label] - one)  # (3)
        dlogits[n, lengths[n] :] = 0
