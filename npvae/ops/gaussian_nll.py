"""Negative log-likelihood of data under N(mean, diag(exp(logvar))), one value per sample, in nats.

Forward
    nll[n] = sum((log(2 * pi) + logvar[n, d] + (x[n, d] - mean[n, d]) ** 2 * exp(-logvar[n, d])) / 2
                 for d in range(D))                                                              (1)
Backward
    dmean[n, d] = -dnll[n] * (x[n, d] - mean[n, d]) * exp(-logvar[n, d])                         (2)
    dlogvar[n, d] = dnll[n] * (1 - (x[n, d] - mean[n, d]) ** 2 * exp(-logvar[n, d])) / 2         (3)
Derivation
    The density is exp(-(x - mean)**2 / (2 var)) / sqrt(2 pi var) with var = exp(logvar); minus its log is (1).
    The slope of (x - mean)**2 / 2 in mean is -(x - mean): (2). That of exp(-logvar) in logvar is -exp(-logvar), that
    of logvar is 1: (3).

logvar may be of shape (N, D), one for every pixel of every sample, as a decoder gives it; (D,), one for every pixel,
shared by the samples; or (), one for all. Shared, its gradient is the sum of (3) over all that share it, and at the
optimum exp(logvar) is the mean of (x - mean)**2 over them. A fixed variance is one whose gradient is not used.

A density has no upper bound: where x can be matched exactly, logvar runs to minus infinity and nll with it. The
resolution of the data sets the floor.

Bishop (2006), "Pattern Recognition and Machine Learning", equation 2.43.
"""

from dataclasses import replace

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op

LOG_2PI = float(np.log(2 * np.pi))


def gaussian_nll_forward(mean: np.ndarray, logvar: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple]:
    """mean (N, D), logvar (N, D), (D,) or (), x (N, D) -> nll (N,), in nats. ValueError if the shapes do not fit."""
    if mean.ndim != 2 or mean.shape != x.shape or logvar.shape != x.shape[x.ndim - logvar.ndim :]:
        raise shape_error(_BY_AXES.get(logvar.ndim, OP), mean, logvar, x)
    r = x - mean  # (N, D)
    precision = np.exp(-logvar)  # the shape of logvar
    nll = (LOG_2PI + logvar + r * r * precision).sum(axis=1) / 2  # (1)
    return nll, (r, precision)


def gaussian_nll_backward(dnll: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dnll (N,) -> dmean (N, D), dlogvar of the shape of logvar."""
    r, precision = cache
    dnll = dnll[:, np.newaxis]  # (N, 1)
    dmean = -dnll * r * precision  # (2)
    dlogvar = dnll * (1 - r * r * precision) / 2  # (3)
    shared = tuple(range(dlogvar.ndim - precision.ndim))  # the axes along which one logvar serves many
    dlogvar = np.asarray(dlogvar.sum(axis=shared))
    return dmean, dlogvar


OP = Op(
    gaussian_nll_forward,
    gaussian_nll_backward,
    args={
        "mean": Arg("N D"),
        "logvar": Arg("N D", domain=(-80.0, 80.0)),
        "x": Arg("N D", differentiable=False),
    },
    pure=True,
)
OP_PIXEL = replace(OP, name="gaussian_nll_pixel", args={**OP.args, "logvar": Arg("D", domain=(-80.0, 80.0))})
OP_SCALAR = replace(OP, name="gaussian_nll_scalar", args={**OP.args, "logvar": Arg("", domain=(-80.0, 80.0))})
_BY_AXES = {1: OP_PIXEL, 0: OP_SCALAR}
