"""Negative log-probability of grey levels under discretised logistics, one value per sample, in nats.

Forward
    upper[n, d] = (x[n, d] + 1 / 2 / (levels - 1) - mean[n, d]) * exp(-log_scale[n, d])          (1)
    lower[n, d] = (x[n, d] - 1 / 2 / (levels - 1) - mean[n, d]) * exp(-log_scale[n, d])          (2)
    p[n, d] = ((1 if x[n, d] >= 1 else 1 / (1 + exp(-upper[n, d])))
               * (1 if x[n, d] <= 0 else 1 / (1 + exp(lower[n, d])))
               * (1 - exp(lower[n, d] - upper[n, d]) if 0 < x[n, d] < 1 else 1))                 (3)
    nll[n] = -sum(log(p[n, d]) for d in range(D))                                                (4)
Backward
    u[n, d] = 0 if x[n, d] >= 1 else -1 / (1 + exp(upper[n, d]))                                 (5)
    v[n, d] = 0 if x[n, d] <= 0 else 1 / (1 + exp(-lower[n, d]))                                 (6)
    w[n, d] = upper[n, d] - lower[n, d]                                                          (7)
    dmean[n, d] = -dnll[n] * (u[n, d] + v[n, d]) * exp(-log_scale[n, d])                         (8)
    dlog_scale[n, d] = dnll[n] * (-upper[n, d] * u[n, d] - lower[n, d] * v[n, d]
                       + (w[n, d] / (exp(w[n, d]) - 1) if 0 < x[n, d] < 1 else 0))               (9)
Derivation
    With s = sigmoid, the mass of a level is s(upper) - s(lower). In the tails that difference loses all digits and its
    log is -inf; s(upper) s(-lower) (1 - exp(-w)), which is the same and stands in (3), does not. So nll is the sum of
    -log s(upper), -log s(-lower) and -log(1 - exp(-w)). Their slopes in upper, lower and w are -s(-upper), which is
    (5), s(lower), which is (6), and -1 / (exp(w) - 1). In mean, upper and lower both have the slope -exp(-log_scale),
    and w has none: (8). In log_scale, exp(-log_scale) has the slope -exp(-log_scale), so upper, lower and w have
    -upper, -lower and -w: (9). At the first and the last level one sigmoid is 1 and its terms are not there.

The data are grey levels k / (levels - 1). A level gets the mass of a logistic half-way to its neighbours; the first and
the last get the tails, so the probabilities of all levels add to one.

Kingma et al. (2016), appendix; Salimans et al. (2017), "PixelCNN++".
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.ops.softplus import softplus_backward, softplus_forward
from npvae.spec import Arg, Op


def discretized_logistic_nll_forward(
    mean: np.ndarray, log_scale: np.ndarray, x: np.ndarray, levels: int = 256
) -> tuple[np.ndarray, tuple]:
    """mean, log_scale (N, D), x (N, D) in k / (levels - 1) -> nll (N,), in nats. ValueError if the shapes differ."""
    if x.ndim != 2 or not mean.shape == log_scale.shape == x.shape:
        raise shape_error(OP, mean, log_scale, x)
    precision = np.exp(-log_scale)  # (N, D)
    upper = (x - mean + 0.5 / (levels - 1)) * precision  # (1)
    lower = (x - mean - 0.5 / (levels - 1)) * precision  # (2)
    w = precision / (levels - 1)  # (7)
    above, above_cache = softplus_forward(-upper)  # -log sigmoid(upper)
    below, below_cache = softplus_forward(lower)  # -log sigmoid(-lower)
    first, last = x <= 0, x >= 1
    log_p = -np.where(last, 0, above) - np.where(first, 0, below)  # (3)
    log_p = log_p + np.where(first | last, 0, np.log(-np.expm1(-w)))
    nll = -log_p.sum(axis=1)  # (4)
    return nll, (upper, lower, w, precision, first, last, above_cache, below_cache)


def discretized_logistic_nll_backward(dnll: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dnll (N,) -> dmean (N, D), dlog_scale (N, D)."""
    upper, lower, w, precision, first, last, above_cache, below_cache = cache
    one = np.ones_like(w)
    u = np.where(last, 0, -softplus_backward(one, above_cache))  # (5)
    v = np.where(first, 0, softplus_backward(one, below_cache))  # (6)
    dw = np.where(first | last, 0, -w * np.exp(-w) / np.expm1(-w))
    dnll = dnll[:, np.newaxis]  # (N, 1)
    dmean = -dnll * (u + v) * precision  # (8)
    dlog_scale = dnll * (dw - upper * u - lower * v)  # (9)
    return dmean, dlog_scale


OP = Op(
    discretized_logistic_nll_forward,
    discretized_logistic_nll_backward,
    args={
        "mean": Arg("N D"),
        "log_scale": Arg("N D", domain=(-12.0, 12.0)),
        "x": Arg("N D", domain=(0.0, 1.0), differentiable=False),
    },
    params={"levels": [256, 17]},
    pure=True,
)
