"""The KL term with free bits: what a latent costs is counted only above lam nats, on the mean of the batch.

Forward
    kl[l] = sum((exp(logvar[n, l]) + mu[n, l] ** 2 - 1 - logvar[n, l]) / 2 for n in range(N)) / N    (1)
    cost = sum(max(lam, kl[l]) for l in range(L))                                                (2)
Backward
    dmu[n, l] = dcost * mu[n, l] / N if kl[l] > lam else 0                                       (3)
    dlogvar[n, l] = dcost * (exp(logvar[n, l]) - 1) / 2 / N if kl[l] > lam else 0                (4)
Derivation
    kl[l] is the mean over the samples of the terms of gaussian_kl, whose slopes are mu and (exp(logvar) - 1) / 2.
    A max has slope 1 in the larger of its arguments and 0 in the other.

A latent that carries less than lam nats is not pushed further down, so it is not given up before the decoder has
learned to use it. The cost is a surrogate: the bound itself has kl, not max(lam, kl). At kl = lam the gradient 0
is used.

Kingma et al. (2016), "Improved variational inference with inverse autoregressive flow", equation 15.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def free_bits_forward(mu: np.ndarray, logvar: np.ndarray, lam: float = 0.5) -> tuple[np.ndarray, tuple]:
    """mu, logvar (N, L), lam in nats per latent -> cost (), in nats. ValueError if the shapes differ."""
    if mu.ndim != 2 or mu.shape != logvar.shape:
        raise shape_error(OP, mu, logvar)
    var_minus_1 = np.expm1(logvar)  # (N, L)
    kl = (var_minus_1 + mu * mu - logvar).mean(axis=0) / 2  # (1)
    cost = np.maximum(lam, kl).sum()  # (2)
    return np.asarray(cost), (mu, var_minus_1, kl > lam)


def free_bits_backward(dcost: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dcost () -> dmu (N, L), dlogvar (N, L)."""
    mu, var_minus_1, counted = cache
    dkl = dcost * counted / len(mu)  # (L,)
    dkl = dkl.astype(mu.dtype)
    dmu = dkl * mu  # (3)
    dlogvar = dkl * var_minus_1 / 2  # (4)
    return dmu, dlogvar


OP = Op(
    free_bits_forward,
    free_bits_backward,
    args={"mu": Arg("N L"), "logvar": Arg("N L", domain=(-80.0, 80.0))},
    params={"lam": [0.5, 0.0, 2.0]},
    pure=True,
)
