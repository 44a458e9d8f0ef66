"""What the rate is spent on: the aggregate posterior q(z) = mean over the data of q(z|x), taken apart.

Equations
    row[s] = order[s % N]                                                                        (1)
    z[s, l] = mu[row[s], l] + exp(logvar[row[s], l] / 2) * eps[s, l]                             (2)
    log_q[s, n, l] = -((z[s, l] - mu[n, l]) ** 2 * exp(-logvar[n, l]) + logvar[n, l] + log(2 * pi)) / 2    (3)
    own[s] = sum(log_q[s, row[s], l] for l in range(L))                                          (4)
    joint[s] = log(sum(exp(sum(log_q[s, n, l] for l in range(L))) for n in range(N)) / N)        (5)
    each[s, l] = log(sum(exp(log_q[s, n, l]) for n in range(N)) / N)                             (6)
    log_p[s, l] = -(z[s, l] ** 2 + log(2 * pi)) / 2                                              (7)
    mutual_information = sum(own[s] - joint[s] for s in range(S)) / S                            (8)
    total_correlation = sum(joint[s] - sum(each[s, l] for l in range(L)) for s in range(S)) / S  (9)
    kl_per_latent[l] = sum(each[s, l] - log_p[s, l] for s in range(S)) / S                       (10)
    rate = sum(own[s] - sum(log_p[s, l] for l in range(L)) for s in range(S)) / S                (11)
    ceiling = log(N)                                                                             (12)
Identities
    rate = mutual_information + total_correlation + sum(kl_per_latent[l] for l in range(L))      (13)

mutual_information is that of sample and code, E[log q(z|x) - log q(z)]; total_correlation how far the latents depend on
each other, E[log q(z) - sum_l log q(z_l)]; kl_per_latent how far each alone is from the prior.

Hoffman & Johnson (2016), "ELBO surgery"; Chen, Li, Grosse & Duvenaud (2018), equation 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npvae import ops

_BLOCK = 2**21  # log-densities held at a time


@dataclass(frozen=True)
class AggregatePosterior:
    """Estimates in nats. The standard errors are over the draws, and upper bounds: the samples are visited evenly."""

    mutual_information: float
    total_correlation: float
    kl_per_latent: np.ndarray  # (L,), of q(z_l) from the prior
    mutual_information_error: float
    total_correlation_error: float
    ceiling: float  # log N, above which the mutual information of N samples cannot be


def aggregate_posterior(
    mu: np.ndarray, logvar: np.ndarray, rng: np.random.Generator, *, draws: int = 1000
) -> AggregatePosterior:
    """Take the aggregate of N(mu, diag(exp(logvar))), mu and logvar (N, L), apart by `draws` draws from it.

    q(z) is the mixture over exactly the N samples given, so for those N, taken as all there are, the three parts are
    unbiased. As estimates for the source that the samples came from they are not: a sample is in its own mixture, so
    q(z) comes out too high near it, the mutual information too low (never above log N, the `ceiling`: near it, it says
    only "at least") and the total correlation too high by up to as much. More samples reduce both.

    What it cannot tell: a low total correlation is no disentanglement, since independent latents may still mix the
    factors; and the information is that in the code, not that which the decoder uses.

    Raises ValueError for shapes that do not fit.

    Example:
        >>> mu = np.random.default_rng(0).standard_normal((200, 2))
        >>> parts = npvae.evaluation.aggregate_posterior(mu, np.full((200, 2), -2.0), np.random.default_rng(1))
        >>> bool(parts.mutual_information < np.log(200))
        True
    """
    if mu.ndim != 2 or mu.shape != logvar.shape or len(mu) == 0:
        raise ValueError(f"mu has shape {mu.shape}, logvar {logvar.shape}, expected both (N, L)")
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    N, L = mu.shape
    rows = rng.permutation(N)[np.arange(draws) % N]  # (1)
    z = mu[rows] + np.exp(logvar[rows] / 2) * rng.standard_normal((draws, L))  # (2)
    own = _log_densities(z, mu[rows], logvar[rows])  # (draws, L), (4)
    joint, each = np.empty(draws), np.empty((draws, L))
    step = max(1, _BLOCK // N)
    for start in range(0, draws, step):
        part = slice(start, start + step)
        together = np.zeros((len(z[part]), N))
        for l in range(L):
            log_q = _log_densities(z[part, l, np.newaxis], mu[:, l], logvar[:, l])  # (S, N)
            each[part, l] = ops.log_mean_exp_forward(log_q.T)[0]  # (6)
            together += log_q
        joint[part] = ops.log_mean_exp_forward(together.T)[0]  # (5)
    information, correlation = own.sum(axis=1) - joint, joint - each.sum(axis=1)  # (8) (9)
    error = [float(np.std(values) / np.sqrt(draws)) for values in (information, correlation)]
    from_prior = (each - _log_densities(z, np.zeros(L), np.zeros(L))).mean(axis=0)  # (7) (10)
    return AggregatePosterior(
        float(information.mean()), float(correlation.mean()), from_prior, error[0], error[1], float(np.log(N))
    )


def _log_densities(z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """log N(z; mu, exp(logvar)) entry by entry, in nats, the three broadcast against each other."""
    full = np.broadcast_arrays(z, mu, logvar)
    return ops.gaussian_log_density_forward(*(part.reshape(-1, 1) for part in full))[0].reshape(full[0].shape)  # (3)
