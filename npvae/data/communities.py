"""Whole small graphs with two hidden communities, drawn: log p(x) is exact, so KL(data || model) can be computed.

Every vertex is on one of two sides, by a fair coin; then every pair is an edge with probability INSIDE on one side and
BETWEEN across. Edges are independent given the sides and not without them. By symmetry each alone has the same
probability, 0.475: a model of independent edges learns that number and nothing else. Graphs are rows of V (V - 1) / 2
zeros and ones, in the order of `np.triu_indices(V, 1)`.

Equations
    log_p[n] = log(sum(2 ** (1 - V) * exp(log_given[n, a]) for a in range(A)))
with one term for each of A = 2 ** (V - 1) ways to take sides: a side and its opposite are the same graph.
"""

from __future__ import annotations

import numpy as np

INSIDE, BETWEEN = 0.85, 0.10
VERTICES = 8


def make_communities(
    count: int, rng: np.random.Generator, *, vertices: int = VERTICES, inside: float = INSIDE, between: float = BETWEEN
) -> tuple[np.ndarray, np.ndarray]:
    """Draw graphs -> x (count, V (V - 1) / 2) uint8, zeros and ones, and sides (count, V) uint8."""
    sides = rng.integers(0, 2, (count, vertices), dtype=np.uint8)
    a, b = np.triu_indices(vertices, 1)
    p = np.where(sides[:, a] == sides[:, b], inside, between)
    return (rng.random(p.shape) < p).astype(np.uint8), sides


def log_p_of_communities(
    x: np.ndarray, *, vertices: int = VERTICES, inside: float = INSIDE, between: float = BETWEEN
) -> np.ndarray:
    """Graphs x (N, V (V - 1) / 2) of zeros and ones -> exact log p(x) (N,), in nats.

    Raises ValueError for rows of another length.
    """
    a, b = np.triu_indices(vertices, 1)
    if x.ndim != 2 or x.shape[1] != len(a):
        raise ValueError(f"x has shape {x.shape}, expected (N, {len(a)}): the pairs of {vertices} vertices")
    A = 2 ** (vertices - 1)
    side = np.arange(A)[:, np.newaxis] >> np.arange(vertices) & 1  # (A, V); the last vertex is always on side 0
    p = np.where(side[:, a] == side[:, b], inside, between)  # (A, D)
    x = x.astype(np.float64)
    log_given = x @ np.log(p).T + (1 - x) @ np.log1p(-p).T  # (N, A)
    top = log_given.max(axis=1, keepdims=True)
    return (top[:, 0] + np.log(np.exp(log_given - top).sum(axis=1))) - np.log(A)
