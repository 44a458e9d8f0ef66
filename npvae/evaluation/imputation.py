"""What missing entries may have been: their mean and draws under p(x_missing | x_seen), by importance sampling.

    p(x_missing | x_seen) ~ sum(w_s * p(x_missing | z_s)) / sum(w_s)    w_s = p(x_seen, z_s) / q(z_s | x_seen)

q proposes latents that explain what is seen, the weights mend what q gets wrong. For a draw, one latent is chosen in
proportion to the weights, and the likelihood is drawn from at it: several draws show how uncertain an entry is.

Mattei & Frellsen (2019), "MIWAE: deep generative modelling and imputation of incomplete data sets", equation 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_generator, check_whole
from npvae.models.entrance import admit
from npvae.scalars import check_share


@dataclass(frozen=True)
class Imputation:
    """Data (N, D) without gaps: what was seen is as it was."""

    mean: np.ndarray  # (N, D), data units
    draws: np.ndarray  # (M, N, D), data units


@dataclass(frozen=True)
class HeldOutError:
    """How well entries that were seen, and hidden for the occasion, are imputed: root mean squared errors."""

    of_model: float  # data units
    of_column_means: float
    entries: int  # how many were hidden


def impute(
    model: Any, x: np.ndarray, rng: np.random.Generator, *, samples: int = 100, draws: int = 0, rows: int = 2000
) -> Imputation:
    """Fill the gaps (NaN) of x (N, D) in `draws` ways and by their mean, with `samples` latents per row.

    rows  at most so many latents are decoded at a time

    Raises ValueError for data that training would refuse, and if samples or draws is not a whole number, or samples is
    below 1.

    Example:
        >>> vae = npvae.VAE(4, hidden=(8,), latent_dim=2, likelihood="gaussian_scalar", missing="ignore")
        >>> x = np.array([[0.1, np.nan, 0.3, 0.2]], np.float32)
        >>> bool(np.isfinite(npvae.evaluation.impute(vae, x, rng=np.random.default_rng(0)).mean).all())
        True
    """
    check_whole(samples=samples)
    check_whole(0, draws=draws)
    check_generator(rng)
    x = admit(model, x)
    parts = []
    batch = max(1, rows // samples)
    for start in range(0, len(x), batch):
        parts.append(_impute(model, x[start : start + batch], rng, samples, draws))
    return Imputation(np.concatenate([mean for mean, _ in parts]), np.concatenate([some for _, some in parts], axis=1))


def _impute(model: Any, x: np.ndarray, rng: np.random.Generator, S: int, M: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (N, D) and draws (M, N, D) for the few rows of x."""
    N, likelihood, ops = len(x), model.likelihood, model.ops
    eps = rng.standard_normal((S, N, model.noise_dim), dtype=model.dtype)
    log_w = model.log_weights(x, eps).astype(float)  # (S, N)
    w = np.exp(log_w - log_w.max(axis=0))
    w /= w.sum(axis=0)
    mu, logvar = model.encode(x)
    z = mu + np.exp(logvar / 2) * eps[:, :, : model.latent_dim]  # (S, N, L)

    def output_at(z: np.ndarray) -> np.ndarray:
        return model.decoder_forward(ops, z, x if len(z) == N else np.tile(x, (S, 1)))[0]

    data = model.data_of(x)
    gaps = np.isnan(data)
    means = likelihood.mean_beside(ops, output_at(z.reshape(S * N, -1)), np.tile(data, (S, 1))).reshape(S, N, -1)
    mean = np.where(gaps, np.einsum("sn,snd->nd", w, means), data).astype(model.dtype)
    draws = np.empty((M, *data.shape), model.dtype)
    for draw in draws:
        chosen = (rng.random(N) >= w.cumsum(axis=0)[:-1]).sum(axis=0)  # (N,), in proportion to w
        drawn = likelihood.sample_beside(ops, output_at(z[chosen, np.arange(N)]), data, model.params, rng)
        draw[...] = np.where(gaps, drawn, data)
    return mean, draws


def held_out_error(
    model: Any, x: np.ndarray, rng: np.random.Generator, *, hide: float = 0.1, samples: int = 100
) -> HeldOutError:
    """Hide a share of what is seen of x (N, D), impute it, and compare: with the truth, and with column means.

    Raises ValueError if hide is not between 0 and 1, or hides nothing.
    """
    if getattr(model.settings, "missing", "error") == "error":
        raise ValueError("the model takes NaN as an error and cannot impute: build it with missing='ignore' or 'mask'")
    check_share("hide", hide)
    x = admit(model, x)
    data = model.data_of(x)
    hidden = ~np.isnan(data) & (rng.random(data.shape) < hide)
    if not hidden.any():
        raise ValueError(f"no entry was hidden of {data.size}: give more rows, or a larger share than {hide}")
    gaps = x.copy()
    gaps[:, : data.shape[1]][hidden] = np.nan
    seen = gaps[:, : data.shape[1]]
    count = (~np.isnan(seen)).sum(axis=0)
    means = np.nansum(seen, axis=0, dtype=float) / np.maximum(count, 1)
    found = impute(model, gaps, rng, samples=samples).mean
    errors = [np.sqrt(np.mean((guess - data)[hidden] ** 2)) for guess in (found, np.broadcast_to(means, data.shape))]
    return HeldOutError(float(errors[0]), float(errors[1]), int(hidden.sum()))
