"""Negative log-likelihood of grey pixels in [0, 1] under continuous Bernoullis, one value per sample, in nats.

Forward
    nll[n] = sum((log((exp(logits[n, d]) - 1) / logits[n, d]) if logits[n, d] != 0 else 0)
                 - x[n, d] * logits[n, d] for d in range(D))                                     (1)
Backward
    mean[n, d] = 1 / (1 - exp(-logits[n, d])) - 1 / logits[n, d] if logits[n, d] != 0 else 1 / 2 (2)
    dlogits[n, d] = dnll[n] * (mean[n, d] - x[n, d])                                             (3)
Derivation
    Let a be the logit. The integral of exp(a x) over [0, 1] is (exp(a) - 1) / a, the normaliser whose log stands
    in (1). The slope of log(exp(a) - 1) - log(a) is exp(a) / (exp(a) - 1) - 1 / a, which is (2), the mean of x:
    the slope of a log-normaliser is always the mean. That of x a is x: (3).

The density is p(x) = a exp(a x) / (exp(a) - 1) on [0, 1], with a the logit: a Bernoulli's formula with the normaliser
that makes it a density. bernoulli_nll on grey values leaves the normaliser out. Its mean is not sigmoid(a) but (2).

Written naively, (1) and (2) are 0 / 0 at a = 0 and lose all digits near it. With t = |a|, the log in (1) is
max(a, 0) + log((1 - exp(-t)) / t), exact to rounding through expm1; (2) is 1/2 and an odd term, below t = 1/2 a series.

Loaiza-Ganem & Cunningham (2019), "The continuous Bernoulli: fixing a pervasive error in variational autoencoders".
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op

# coth(t / 2) / 2 - 1 / t = t / 12 - t**3 / 720 + ...: B[2 k] / (2 k)! with the Bernoulli numbers B, highest power first
SERIES = (-691 / 1307674368000, 1 / 47900160, -1 / 1209600, 1 / 30240, -1 / 720, 1 / 12)


def continuous_bernoulli_mean(logits: np.ndarray) -> np.ndarray:
    """The mean of x (2), in (0, 1), of the shape of logits."""
    t = np.abs(logits)
    far = np.where(t < 0.5, 1, t)  # the formula below is used where t >= 1/2 only
    odd = -1 / np.expm1(-far) - 1 / far - 0.5
    near = np.where(t < 0.5, t, 0)
    odd = np.where(t < 0.5, near * np.polyval(SERIES, near * near), odd).astype(logits.dtype)
    return 0.5 + np.copysign(odd, logits)  # (2)


def continuous_bernoulli_nll_forward(logits: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """logits (N, D), x (N, D) in [0, 1] -> nll (N,), in nats. ValueError if the shapes differ."""
    if logits.ndim != 2 or logits.shape != x.shape:
        raise shape_error(OP, logits, x)
    t = np.abs(logits)  # (N, D)
    t = np.where(t == 0, np.finfo(t.dtype).tiny, t)
    nll = (np.maximum(logits, 0) - x * logits + np.log(-np.expm1(-t) / t)).sum(axis=1)  # (1)
    return nll, (logits, x)


def continuous_bernoulli_nll_backward(dnll: np.ndarray, cache: tuple) -> np.ndarray:
    """dnll (N,) -> dlogits (N, D)."""
    logits, x = cache
    dlogits = dnll[:, np.newaxis] * (continuous_bernoulli_mean(logits) - x)  # (3)
    return dlogits


OP = Op(
    continuous_bernoulli_nll_forward,
    continuous_bernoulli_nll_backward,
    args={
        "logits": Arg("N D", specials=[-0.5, 0.5, 1e-6]),
        "x": Arg("N D", domain=(0.0, 1.0), differentiable=False),
    },
    pure=True,
)
