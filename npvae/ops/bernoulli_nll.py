"""Negative log-likelihood of pixels under independent Bernoullis with the given logits, one value per sample, in nats.

Forward
    nll[n] = sum(log(1 + exp(logits[n, d])) - x[n, d] * logits[n, d] for d in range(D))          (1)
Backward
    dlogits[n, d] = dnll[n] * (1 / (1 + exp(-logits[n, d])) - x[n, d])                           (2)
Derivation
    Let a be the logit and p = sigmoid(a). Then log p = a - log(1 + exp(a)) and log(1 - p) = -log(1 + exp(a)),
    so -(x log p + (1 - x) log(1 - p)) = log(1 + exp(a)) - x a: (1). The slope of log(1 + exp(a)) is
    exp(a) / (1 + exp(a)) = p, that of x a is x: (2) is p - x.

For x in {0, 1} this is -log p(x) with p = sigmoid(logits): binary cross-entropy, summed over pixels.
For grey values x in (0, 1) it is the cross-entropy still, whose least value is not 0 but the entropy of x, and it is
not the likelihood of a density on [0, 1]: exp(-nll) integrates over x to less than 1. The missing normaliser depends on
the logits (Loaiza-Ganem & Cunningham, 2019); training ignores it by custom.

With e = exp(-|logits|), which never overflows, log(1 + exp(a)) = max(a, 0) + log1p(e): right for any finite logit,
and nothing is clipped.

Kingma & Welling (2014), appendix C.1.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def bernoulli_nll_forward(logits: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """logits (N, D), x (N, D) in [0, 1] -> nll (N,), in nats. ValueError if the shapes differ."""
    if logits.ndim != 2 or logits.shape != x.shape:
        raise shape_error(OP, logits, x)
    e = np.exp(-np.abs(logits))  # (N, D)
    nll = (np.maximum(logits, 0) - x * logits + np.log1p(e)).sum(axis=1)  # (1)
    return nll, (logits, x, e)


def bernoulli_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    logits, x, e = cache
    p = np.where(logits >= 0, 1, e) / (1 + e)  # sigmoid(logits), (N, D)
    dlogits = dnll[:, np.newaxis] * (p - x)  # (2)
    return dlogits


OP = Op(
    bernoulli_nll_forward,
    bernoulli_nll_backward,
    args={"logits": Arg("N D"), "x": Arg("N D", domain=(0.0, 1.0), differentiable=False)},
    pure=True,
)
