"""Domains that are no intervals: how an array in them is drawn, and which way it may move without leaving them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae.gradcheck.ground import thresholds as t

__all__ = ["THIN", "draw_in_set", "reach_in_set"]

Shape = tuple[int, ...]


def draw_in_set(name: str, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """An ordinary array of a set; the sets of rows are those of the last axis, of matrices those of the last two."""
    return _DRAW[name](shape, rng)


def _one_hot(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    x = np.zeros(shape)
    hot = rng.integers(0, shape[-1], size=(*shape[:-1], 1))
    np.put_along_axis(x, hot, 1.0, axis=-1)
    return x


def _simplex(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    x = t.SIMPLEX_LEAST + rng.exponential(size=shape)
    return np.asarray(x / x.sum(axis=-1, keepdims=True))


def _sorted(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    x = np.cumsum(t.SORTED_GAP + rng.exponential(size=shape), axis=-1)
    return np.asarray(x - x.mean(axis=-1, keepdims=True))


def _distinct(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    return rng.permuted(_sorted(shape, rng), axis=-1)


def _positive_definite(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    x = rng.standard_normal(shape)
    return np.asarray(x @ np.swapaxes(x, -1, -2) / shape[-1] + t.EIGENVALUES[0] * np.eye(shape[-1]))


def _invertible(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    u, s, v = np.linalg.svd(rng.standard_normal(shape))
    return np.asarray((u * np.clip(s, *t.EIGENVALUES)[..., np.newaxis, :]) @ v)


_DRAW: dict[str, Callable[[Shape, np.random.Generator], np.ndarray]] = {
    "one-hot": _one_hot,
    "simplex": _simplex,
    "sorted": _sorted,
    "distinct": _distinct,
    "positive definite": _positive_definite,
    "invertible": _invertible,
    "counts": lambda shape, rng: rng.integers(0, t.MOST_COUNTED, size=shape, endpoint=True).astype(float),
    "probability": lambda shape, rng: rng.uniform(*t.INSIDE_DOMAIN, size=shape),
}

THIN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "simplex": lambda v: np.asarray(v - v.mean(axis=-1, keepdims=True)),
    "positive definite": lambda v: np.asarray(0.5 * (v + np.swapaxes(v, -1, -2))),
}
"""Sets without an inside: what of a direction lies in the set. Only that part of a gradient can be compared."""


def reach_in_set(name: str, x: np.ndarray) -> np.ndarray:
    """How far each entry may go without leaving the set, or coming to where the order of entries changes."""
    if name in ("sorted", "distinct") and x.shape[-1] > 1:
        apart = np.abs(x[..., :, np.newaxis] - x[..., np.newaxis, :])
        apart[..., np.arange(x.shape[-1]), np.arange(x.shape[-1])] = np.inf
        return np.asarray(0.5 * apart.min(axis=-1))
    if name == "simplex":  # the whole row moves with an entry
        return np.asarray(np.broadcast_to(x.min(axis=-1, keepdims=True), x.shape).copy())
    if name == "positive definite":
        least = np.linalg.eigvalsh(x.astype(np.float64))[..., :1, np.newaxis]
        return np.asarray(np.broadcast_to(least, x.shape).copy())
    if name == "invertible":
        least = np.linalg.svd(x.astype(np.float64), compute_uv=False)[..., -1:, np.newaxis]
        return np.asarray(np.broadcast_to(least, x.shape).copy())
    return np.full(x.shape, np.inf)
