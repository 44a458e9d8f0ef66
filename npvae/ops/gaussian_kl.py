"""KL divergence from the posterior q = N(mu, diag(exp(logvar))) to the prior N(0, I), one value per sample, in nats.

Forward
    kl[n] = sum((exp(logvar[n, l]) + mu[n, l] ** 2 - 1 - logvar[n, l]) / 2 for l in range(L))    (1)
Backward
    dmu[n, l] = dkl[n] * mu[n, l]                                                                (2)
    dlogvar[n, l] = dkl[n] * (exp(logvar[n, l]) - 1) / 2                                         (3)
Derivation
    KL(q || p) is the mean over z ~ q of log q(z) - log p(z). For one latent, with var = exp(logvar),
    log q(z) = -(log(2 pi) + logvar + (z - mu)**2 / var) / 2 and log p(z) = -(log(2 pi) + z**2) / 2. The mean of
    (z - mu)**2 is var, so that its term is 1; the mean of z**2 is var + mu**2. What is left is
    (var + mu**2 - 1 - logvar) / 2: (1). The slope of mu**2 / 2 is mu: (2). That of exp(logvar) is itself: (3).

(2) pulls every mean to 0, (3) every variance to 1: where nothing pulls back, the posterior is the prior.
exp(logvar) - 1 is computed as expm1(logvar), which keeps its digits near logvar = 0, where training lives.

Kingma & Welling (2014), appendix B.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def gaussian_kl_forward(mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, tuple]:
    """mu (N, L), logvar (N, L) -> kl (N,), in nats. ValueError if the shapes differ."""
    if mu.ndim != 2 or mu.shape != logvar.shape:
        raise shape_error(OP, mu, logvar)
    var_minus_1 = np.expm1(logvar)  # (N, L)
    kl = (var_minus_1 + mu * mu - logvar).sum(axis=1) / 2  # (1)
    return kl, (mu, var_minus_1)


def gaussian_kl_backward(dkl: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dkl (N,) -> dmu (N, L), dlogvar (N, L)."""
    mu, var_minus_1 = cache
    dkl = dkl[:, np.newaxis]  # (N, 1)
    dmu = dkl * mu  # (2)
    dlogvar = dkl * var_minus_1 / 2  # (3)
    return dmu, dlogvar


OP = Op(
    gaussian_kl_forward,
    gaussian_kl_backward,
    args={"mu": Arg("N L"), "logvar": Arg("N L", domain=(-80.0, 80.0))},
    pure=True,
)
