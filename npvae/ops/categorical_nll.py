"""Negative log-probability of classes under the softmax of logits, one value per sample, in nats.

Forward
    nll[n] = sum(log(sum(exp(logits[n, d, c]) for c in range(C))) - logits[n, d, labels[n, d]]
                 for d in range(D))                                                              (1)
Backward
    p[n, d, c] = exp(logits[n, d, c]) / sum(exp(logits[n, d, j]) for j in range(C))              (2)
    dlogits[n, d, c] = dnll[n] * (p[n, d, c] - (1 if c == labels[n, d] else 0))                  (3)
Derivation
    Let a be the logits of a pixel and p their softmax (2). Then -log p[label] = log(sum(exp(a[j]))) - a[label]: (1).
    The slope of the first term in a[c] is exp(a[c]) / sum(exp(a[j])) = p[c], that of the second is 1 if c is the
    label and 0 if not: (3).

The largest logit is taken out of every exponential, so none overflows and the sum is at least 1.

Bishop (2006), "Pattern Recognition and Machine Learning", equation 4.108.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def categorical_nll_forward(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, tuple]:
    """logits (N, D, C), labels (N, D) integers in 0 .. C - 1 -> nll (N,), in nats. ValueError if shapes do not fit."""
    if logits.ndim != 3 or logits.shape[:2] != labels.shape:
        raise shape_error(OP, logits, labels)
    top = logits.max(axis=2, keepdims=True)  # (N, D, 1)
    e = np.exp(logits - top)  # (N, D, C)
    total = e.sum(axis=2, keepdims=True)  # (N, D, 1)
    chosen = np.take_along_axis(logits, labels[:, :, np.newaxis], axis=2)  # (N, D, 1)
    nll = (np.log(total) + (top - chosen)).sum(axis=(1, 2))  # (1)
    return nll, (e / total, labels)


def categorical_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D, C)."""
    p, labels = cache  # (2)
    one_hot = np.arange(p.shape[2]) == labels[:, :, np.newaxis]  # (N, D, C)
    dlogits = dnll[:, np.newaxis, np.newaxis] * (p - one_hot)  # (3)
    return dlogits


OP = Op(
    categorical_nll_forward,
    categorical_nll_backward,
    args={"logits": Arg("N D C"), "labels": Arg("N D", dtype=int, domain=(0, "C"), differentiable=False)},
    pure=True,
)
