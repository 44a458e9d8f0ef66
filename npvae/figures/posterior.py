"""What a picture needs of a model: codes of data, data from codes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from npvae.models.finite import check_result

__all__ = ["LatentModel", "encoded", "posterior"]


class LatentModel(Protocol):
    """A VAE, an autoencoder, or a model of yours with these methods, which `npvae.models.contract` describes."""

    latent_dim: int

    def encode(self, x: np.ndarray, /) -> Any:
        """x (N, D) -> (mu, logvar), each (N, L); or, without a posterior, the codes (N, L) alone."""

    def decode(self, z: np.ndarray, /) -> np.ndarray:
        """z (N, L) -> the mean of p(x|z), (N, D), in data units."""

    def reconstruct(self, x: np.ndarray, /) -> np.ndarray:
        """x (N, D) -> the decoding of its code, or of its posterior's mean, (N, D)."""

    def sample(self, n: int, rng: np.random.Generator, /) -> np.ndarray:
        """The decoded means (n, D) of n draws z ~ N(0, I)."""


def encoded(model: LatentModel, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, D) -> mu (N, L) and std (N, L) in float64; the codes and None for an autoencoder.

    Raises NonFiniteError if one of them is not finite.
    """
    code = model.encode(x)
    check_result(codes=np.concatenate(code) if isinstance(code, tuple) else code)
    if not isinstance(code, tuple):
        return np.asarray(code, dtype=np.float64), None
    mu, logvar = code
    return np.asarray(mu, dtype=np.float64), np.exp(np.asarray(logvar, dtype=np.float64) / 2)


def posterior(model: LatentModel, x: np.ndarray, caller: str, instead: str) -> tuple[np.ndarray, np.ndarray]:
    """mu and std as `encoded`; raises ValueError that names the picture to use `instead` if there is no posterior."""
    mu, std = encoded(model, x)
    if std is None:
        raise ValueError(f"{caller}: this model gives one code per input, no posterior to draw from; use {instead}")
    return mu, std
