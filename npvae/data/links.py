"""Held-out edges of a graph, and as many pairs that are none: what link prediction is measured on.

The published protocol: of the edges 10 % are for testing, 5 % for validation; the rest is the graph that is trained on
and, at a test, encoded. Vertices and features stay. Pairs that are no edges are drawn once, uniformly; they avoid every
edge of the whole graph, held-out ones too, and each other. A model that encoded the held-out edges, too, would be
tested on its input (AUC 0.98 on Cora, where 0.91 is right).

Kipf & Welling (2016), "Variational Graph Auto-Encoders", section 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npvae.data.files import DataError
from npvae.data.graph import Graph

TEST, VALID = 0.10, 0.05  # of the edges


class Links:
    """Pairs of vertices to be told apart: edges that were held out, and pairs that are no edges.

    graph      what is seen of the graph: all vertices, the other edges
    edges      (P, 2) held-out edges
    non_edges  (Q, 2) pairs that are no edges
    """

    kind = "graph"

    def __init__(self, graph: Graph, edges: np.ndarray, non_edges: np.ndarray) -> None:
        """Keep them; the edges that are seen stand in `seen`, so that a checksum covers them."""
        self.graph, self.edges, self.non_edges, self.seen = graph, edges, non_edges, graph.edges
        self.source = graph.source

    @property
    def sample_shape(self) -> tuple[int, int]:
        """(V, F) of the graph."""
        return self.graph.sample_shape

    def __len__(self) -> int:
        return 1

    def batch(self, rows: Any) -> Links:
        """All of it, whatever the rows."""
        return self


class Split(NamedTuple):
    """One graph in three parts."""

    train: Graph
    valid: Links
    test: Links


def distinct_edges(graph: Graph) -> np.ndarray:
    """The edges (E, 2) of a graph, the smaller vertex first, each once, without loops, in order."""
    pairs = np.sort(graph.edges, axis=1)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    return pairs_of(np.unique(keys_of(pairs, graph.vertices)), graph.vertices)


def split_links(graph: Graph, seed: int = 0, *, test: float = TEST, valid: float = VALID) -> Split:
    """Hold out edges of a graph for testing and validation; the same seed gives the same split.

    test, valid  shares of the edges, rounded down, at least one edge each

    Raises DataError for a graph with too few edges, or so many that pairs without an edge are hard to find.

    Example:
        >>> ring = npvae.data.Graph([(k, (k + 1) % 40) for k in range(40)])
        >>> split = npvae.data.split_links(ring, seed=0)
        >>> len(split.test.edges), len(split.valid.edges)
        (4, 2)
    """
    edges, rng = distinct_edges(graph), np.random.default_rng(seed)
    tests, valids = max(1, int(len(edges) * test)), max(1, int(len(edges) * valid))
    rest, V = len(edges) - tests - valids, graph.vertices
    if rest < 1:
        raise DataError(f"{graph.source}: {len(edges)} edges cannot be split into three parts: give at least 3")
    if V * (V - 1) // 2 - len(edges) < 2 * (tests + valids):
        raise DataError(
            f"{graph.source}: nearly all pairs of its {V} vertices are edges: there are not enough others to test by"
        )
    order = rng.permutation(len(edges))
    others = _non_edges(edges, V, tests + valids, rng)
    train = graph.with_edges(edges[np.sort(order[tests + valids :])])
    held_out = edges[order[:tests]], edges[order[tests : tests + valids]]
    return Split(train, Links(train, held_out[1], others[tests:]), Links(train, held_out[0], others[:tests]))


def keys_of(pairs: np.ndarray, vertices: int) -> np.ndarray:
    """Pairs (E, 2) as one number each."""
    return pairs[:, 0].astype(np.int64) * vertices + pairs[:, 1]


def pairs_of(keys: np.ndarray, vertices: int) -> np.ndarray:
    """Numbers as pairs (E, 2)."""
    return np.stack([keys // vertices, keys % vertices], axis=1)


def _non_edges(edges: np.ndarray, vertices: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """So many pairs (count, 2), the smaller vertex first, different from each other and from the edges."""
    taken, found = keys_of(edges, vertices), np.empty(0, np.int64)
    while len(found) < count:
        pairs = np.sort(rng.integers(0, vertices, (2 * count, 2)), axis=1)
        keys = keys_of(pairs[pairs[:, 0] < pairs[:, 1]], vertices)
        found = np.concatenate([found, keys[~np.isin(keys, taken)]])
        _, first = np.unique(found, return_index=True)
        found = found[np.sort(first)]
    return pairs_of(found[:count], vertices)
