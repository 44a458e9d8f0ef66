"""Negative log-probability of sequences of classes, each of its own length: one value per sequence, in nats.

Forward
    nll[n] = sum(log(sum(exp(logits[n, t, c]) for c in range(C))) - logits[n, t, labels[n, t]]
                 for t in range(T) if t < lengths[n])                                            (1)
Backward
    p[n, t, c] = exp(logits[n, t, c]) / sum(exp(logits[n, t, j]) for j in range(C))              (2)
    dlogits[n, t, c] = dnll[n] * (p[n, t, c] - (1 if c == labels[n, t] else 0)) if t < lengths[n] else 0
                                                                                                 (3)
Derivation
    The chain rule of probability: p(x) is the product of p(letter t | the letters before it), so that -log p(x) is the
    sum of what categorical_nll derives for one letter: (1), (3). What follows the last letter is padding, of which
    nothing depends: neither its labels nor its logits are looked at, and its gradient is exactly 0.

The sum over letters, never their mean. The mean divides -log p(x), and not the KL divergence beside it, by the length:
it is a bound on nothing, and long sequences pay many times over for their code. Letters are added in the order of t,
so that more padding changes no bit of the sum.

Bishop (2006), "Pattern Recognition and Machine Learning", equations 1.11 (product rule) and 4.108.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def masked_categorical_nll_forward(
    logits: np.ndarray, labels: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, tuple]:
    """logits (N, T, C), labels (N, T) integers in 0 .. C - 1, lengths (N,) in 0 .. T -> nll (N,), in nats.

    Raises ValueError if the shapes do not fit.
    """
    if logits.ndim != 3 or labels.shape != logits.shape[:2] or lengths.shape != logits.shape[:1]:
        raise shape_error(OP, logits, labels, lengths)
    is_letter = np.arange(logits.shape[1]) < lengths[:, np.newaxis]  # (N, T)
    a, label = logits[is_letter], labels[is_letter, np.newaxis]  # (S, C), (S, 1) for the S letters of all sequences
    top = a.max(axis=1, keepdims=True)  # (S, 1)
    e = np.exp(a - top)  # (S, C)
    total = e.sum(axis=1, keepdims=True)  # (S, 1)
    of_letter = np.zeros(logits.shape[:2], logits.dtype)  # (N, T)
    of_letter[is_letter] = (np.log(total) + (top - np.take_along_axis(a, label, axis=1)))[:, 0]
    nll = np.add.accumulate(of_letter, axis=1)[:, -1].copy()  # (1)
    return nll, (e / total, label, is_letter)


def masked_categorical_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dlogits (N, T, C)."""
    p, label, is_letter = cache  # (2)
    row, _ = np.nonzero(is_letter)  # (S,): the sequence of each letter
    dlogits = np.zeros((*is_letter.shape, p.shape[1]), p.dtype)
    dlogits[is_letter] = dnll[row, np.newaxis] * (p - (np.arange(p.shape[1]) == label))  # (3)
    return dlogits


OP = Op(
    masked_categorical_nll_forward,
    masked_categorical_nll_backward,
    args={
        "logits": Arg("N T C"),
        "labels": Arg("N T", dtype=int, domain=(0, "C"), differentiable=False),
        "lengths": Arg("N", dtype=int, domain=(0, "T+1"), differentiable=False),
    },
    pure=True,
)
