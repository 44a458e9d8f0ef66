"""Probabilistic PCA in closed form: the exact optimum of the linear VAE, where the ELBO is log p(x).

    z ~ N(0, I),  x | z ~ N(z W + m, s2 I)       z (L,), W (L, D), as in the decoder of npvae.models.LinearVAE

With lam the eigenvalues of the covariance of the data, largest first, and U the eigenvectors, (14) and (15):

Equations
    mean[d] = sum(x[n, d] for n in range(N)) / N                                                 (1)
    cov[d1, d2] = sum(x[n, d1] * x[n, d2] for n in range(N)) / N - mean[d1] * mean[d2]           (2)
    s2 = fixed_s2 if fixed_s2 > 0 else sum(lam[d] for d in range(L, D)) / (D - L)                (3)
    explained[l] = max(lam[l] - s2, 0)                                                           (4)
    total[l] = explained[l] + s2                                                                 (5)
    W[l, d] = sqrt(explained[l]) * U[d, l]                                                       (6)
    V[d, l] = U[d, l] * sqrt(explained[l]) / total[l]                                            (7)
    posterior_var[l] = s2 / total[l]                                                             (8)
    trace = sum(lam[l] / total[l] for l in range(L)) + sum(lam[d] for d in range(L, D)) / s2     (9)
    log_det = sum(log(total[l]) for l in range(L)) + (D - L) * log(s2)                           (10)
    log_likelihood = -(D * log(2 * pi) + log_det + trace) / 2                                    (11)
    stretched[d1, d2] = sum(cov[d1, d] * U[d, d2] for d in range(D))                             (12)
    turned[d1, d2] = sum(U[d, d1] * U[d, d2] for d in range(D))                                  (13)
Identities
    stretched[d1, d2] = lam[d2] * U[d1, d2]                                                      (14)
    turned[d1, d2] = 1 if d1 == d2 else 0                                                        (15)

The posterior of z is N((x - m) V, diag(posterior_var)), and log_likelihood the mean over the data. Where s2 is not
fixed it is the mean of the eigenvalues that are left, total[l] is lam[l], and trace is D.

Tipping & Bishop (1999); for the linear VAE Lucas, Tucker, Grosse & Norouzi (2019), "Don't blame the ELBO!".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PPCA:
    """The maximum-likelihood solution: L latents, D data."""

    mean: np.ndarray  # (D,)
    W: np.ndarray  # (L, D)
    V: np.ndarray  # (D, L)
    s2: float  # variance of the noise
    posterior_var: np.ndarray  # (L,)
    eigenvalues: np.ndarray  # (D,), of the covariance of the data, largest first
    log_likelihood: float  # mean over the data, in nats per sample
    eigenvectors: np.ndarray  # (D, D), columns in the order of the eigenvalues


def probabilistic_pca(x: np.ndarray, latent_dim: int, s2: float | None = None) -> PPCA:
    """The closed form for data x (N, D). With s2 given, the optimum under that fixed variance of the noise.

    Under a fixed s2 exactly the directions with an eigenvalue above s2 are used; the others have W = 0 and the prior as
    their posterior. Raises ValueError unless 1 <= latent_dim < D and the covariance leaves some variance for the noise.

    Example:
        >>> x = np.random.default_rng(0).standard_normal((200, 5))
        >>> npvae.evaluation.probabilistic_pca(x, 2).W.shape
        (2, 5)
    """
    N, D = x.shape
    if not 1 <= latent_dim < D:
        raise ValueError(f"latent_dim is {latent_dim}, expected 1 <= latent_dim < D = {D}")
    mean = x.mean(axis=0, dtype=np.float64)  # (1)
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / N)  # (2)
    lam, U = np.maximum(values[::-1], 0), vectors[:, ::-1]
    fixed = s2 is not None
    noise = float(lam[latent_dim:].mean()) if s2 is None else float(s2)  # (3)
    if not noise > 0:
        raise ValueError(f"{latent_dim} latents explain all the variance of the data: use fewer, or give s2")
    explained = np.maximum(lam[:latent_dim] - noise, 0)  # (4)
    total = explained + noise  # (5), the model's variance along each latent's direction
    W = np.sqrt(explained)[:, np.newaxis] * U[:, :latent_dim].T  # (6)
    V = U[:, :latent_dim] * (np.sqrt(explained) / total)  # (7)
    log_det = np.log(total).sum() + (D - latent_dim) * np.log(noise)  # (10)
    trace = (lam[:latent_dim] / total).sum() + lam[latent_dim:].sum() / noise  # (9)
    log_likelihood = -0.5 * (D * np.log(2 * np.pi) + log_det + (trace if fixed else D))  # (11)
    return PPCA(mean, W, V, noise, noise / total, lam, float(log_likelihood), U)


def set_to_ppca(model: Any, solution: PPCA) -> None:
    """Put the closed form into the parameters of a LinearVAE, in place."""
    params = model.params
    params["encoder.W"][...] = solution.V
    params["encoder.b"][...] = -solution.mean @ solution.V
    params["encoder.logvar"][...] = np.log(solution.posterior_var)
    params["decoder.W"][...] = solution.W
    params["decoder.b"][...] = solution.mean
    if "likelihood.logvar" in params:
        params["likelihood.logvar"][...] = np.log(solution.s2)


def cubature_eps(n: int, latent_dim: int, dtype: Any = np.float64) -> np.ndarray:
    """Noise (2 L, n, L) under which the mean of anything quadratic in eps is its expectation: ±sqrt(L) along each axis.

    Given to a linear VAE's forward, loss and gradients are exact, not estimates: one random draw is not (gradients of
    0.1 to 0.3 remain at the optimum). The third-degree spherical rule (Stroud 1971).
    """
    points = np.sqrt(latent_dim) * np.concatenate([np.eye(latent_dim), -np.eye(latent_dim)])
    return np.repeat(points[:, np.newaxis], n, axis=1).astype(dtype)
