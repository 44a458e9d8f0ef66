"""Exact truths for one and two latents: log p(x), the true posterior, and the gap between ELBO and log p(x).

Equations
    log_prior[g] = -sum(z[g, l] ** 2 + log(2 * pi) for l in range(L)) / 2                        (1)
    joint[n, g] = log_prior[g] - nll[n, g]                                                       (2)
    log_p[n] = log(sum(exp(joint[n, g]) for g in range(G))) + log_cell                           (3)
    posterior[n, g] = exp(joint[n, g] - log_p[n])                                                (4)
    log_q[n, g] = -sum((z[g, l] - mu[n, l]) ** 2 * exp(-logvar[n, l]) + logvar[n, l] + log(2 * pi)
                       for l in range(L)) / 2                                                    (5)
    q[n, g] = exp(log_q[n, g] + log_cell)                                                        (6)
    gap[n] = sum(q[n, g] * (log_q[n, g] - joint[n, g] + log_p[n]) for g in range(G))             (7)
    elbo[n] = sum(q[n, g] * (joint[n, g] - log_q[n, g]) for g in range(G))                       (8)
Identities
    elbo[n] = log_p[n] * sum(q[n, g] for g in range(G)) - gap[n]                                 (9)

z[g] are the points of a grid, exp(log_cell) the volume for which each stands, nll[n, g] is -log p(x[n]|z[g]). log_p is
log p(x), the log of the integral of p(x|z) N(z; 0, I) over z; gap is KL(q(z|x) || p(z|x)). The sum in (9) is 1 where
the grid sees all of q: ELBO = log p(x) - gap. `elbo_by_quadrature` finds the ELBO without a grid.

The trapezoidal rule on an even grid converges faster than any power of the spacing for smooth functions that die out at
the edges, once the spacing is below the width of the narrowest posterior: `log_marginal` halves it until nothing
changes, and says so if that does not happen. Gauss-Hermite nodes of the prior would miss posteriors that are narrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from npvae import ops
from npvae.models.entrance import admit


@dataclass(frozen=True)
class Grid:
    """Points of an even grid over the latent space, and the volume that each stands for."""

    z: np.ndarray  # (G, L)
    log_cell: float  # log of the volume of a cell
    spacing: float

    @classmethod
    def make(cls, latent_dim: int, spacing: float, half_width: float = 7.0) -> Grid:
        """A grid over [-half_width, half_width]**L. ValueError for more than two latents."""
        if latent_dim not in (1, 2):
            raise ValueError(f"the model has {latent_dim} latents; a grid is for 1 or 2: use importance sampling")
        axis = np.arange(-half_width, half_width + spacing / 2, spacing)
        z = np.stack(np.meshgrid(*[axis] * latent_dim, indexing="ij"), axis=-1).reshape(-1, latent_dim)
        return cls(z, latent_dim * float(np.log(spacing)), spacing)


@dataclass(frozen=True)
class Marginal:
    """log p(x) of every sample, with the grid on which it was found."""

    log_p: np.ndarray  # (N,), nats
    grid: Grid
    change: float  # largest change of log_p by the last halving of the spacing, nats


def log_marginal(
    model: Any, x: np.ndarray, *, tolerance: float = 1e-6, spacing: float = 0.25, most_points: int = 2**20
) -> Marginal:
    """log p(x) (N,) in nats for x (N, D), by a grid that is made finer until no value changes by more than `tolerance`.

    Raises ArithmeticError if that needs more than `most_points`: the posteriors are narrower than such a grid can see.

    Example:
        >>> vae = npvae.VAE(4, hidden=(8,), latent_dim=1, dtype="float64")
        >>> found = npvae.evaluation.log_marginal(vae, np.array([[0.0, 1.0, 1.0, 0.0]]))
        >>> loss, _ = vae.forward(np.array([[0.0, 1.0, 1.0, 0.0]]), np.zeros((1, 1)))
        >>> found.log_p.shape
        (1,)
    """
    grid = Grid.make(model.latent_dim, spacing)
    before = log_p_on(model, x, grid)
    while True:
        grid = Grid.make(model.latent_dim, grid.spacing / 2)
        if len(grid.z) > most_points:
            raise ArithmeticError(f"log p(x) still changes at a spacing of {2 * grid.spacing:g}: raise most_points")
        after = log_p_on(model, x, grid)
        change = float(np.abs(after - before).max())
        if change <= tolerance:
            return Marginal(after, grid, change)
        before = after


def log_p_on(model: Any, x: np.ndarray, grid: Grid) -> np.ndarray:
    """log p(x) (N,), in nats, on a given grid."""
    return np.array([_log_integral(joint, grid) for joint in log_joint_on(model, x, grid)])  # (3)


def log_joint_on(model: Any, x: np.ndarray, grid: Grid) -> Iterator[np.ndarray]:
    """log p(x, z) (G,) on a grid, in nats, one sample after the other."""
    x, z = admit(model, x), grid.z.astype(model.dtype)
    output = model.decoder_output(z)  # (G, ...), the same for every sample
    log_prior, _ = ops.gaussian_log_density_forward(grid.z, np.zeros_like(grid.z), np.zeros_like(grid.z))  # (1)
    for row in x:
        repeated = np.ascontiguousarray(np.broadcast_to(row, (len(z), len(row))))
        nll, _ = model.likelihood.forward(model.ops, output, repeated, model.params)
        yield log_prior - nll  # (2)


def posterior_on(model: Any, x: np.ndarray, grid: Grid) -> np.ndarray:
    """The true posterior density p(z|x) on a grid, (N, G)."""
    joints = np.stack(list(log_joint_on(model, x, grid)))
    return np.exp(joints - np.array([_log_integral(joint, grid) for joint in joints])[:, np.newaxis])  # (4)


def posterior_gap(model: Any, x: np.ndarray, grid: Grid) -> np.ndarray:
    """KL(q(z|x) || p(z|x)) (N,), in nats, from the densities on a grid alone."""
    mu, logvar = model.encode(x)
    gaps = []
    for i, joint in enumerate(log_joint_on(model, x, grid)):
        full = (
            np.broadcast_to(mu[i].astype(float), grid.z.shape),
            np.broadcast_to(logvar[i].astype(float), grid.z.shape),
        )
        log_q, _ = ops.gaussian_log_density_forward(grid.z, *full)  # (5)
        log_posterior = joint - _log_integral(joint, grid)
        q = np.exp(log_q + grid.log_cell)  # (6)
        gaps.append(float((q * (log_q - log_posterior)).sum()))  # (7)
    return np.array(gaps)


def elbo_by_quadrature(model: Any, x: np.ndarray, nodes: int = 24) -> np.ndarray:
    """The ELBO (N,), in nats, from the model's own forward: Gauss-Hermite nodes as its noise, its analytic KL.

    Example:
        >>> vae = npvae.VAE(4, hidden=(8,), latent_dim=1, dtype="float64")
        >>> x = np.array([[0.0, 1.0, 1.0, 0.0]])
        >>> elbo = npvae.evaluation.elbo_by_quadrature(vae, x)
        >>> bool(elbo[0] <= npvae.evaluation.log_marginal(vae, x).log_p[0])
        True
    """
    e, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    x, nll = admit(model, x), np.zeros(len(x))
    for index in product(range(nodes), repeat=model.latent_dim):
        eps = np.tile(e[list(index)], (len(x), 1)).astype(model.dtype)
        _, trace = model.forward(x, eps)
        nll = nll + np.prod(weights[list(index)]) * trace.nll
    return -nll - trace.kl


def _log_integral(joint: np.ndarray, grid: Grid) -> float:
    """The log of the integral over z, in nats, for log p(x, z) (G,) on the grid."""
    log_mean, _ = ops.log_mean_exp_forward(joint[:, np.newaxis])
    return float(log_mean[0]) + float(np.log(len(joint))) + grid.log_cell
