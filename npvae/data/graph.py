"""One graph as a data set: it has length 1, and every batch is the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npvae.data.files import DataError


class Graph:
    """V vertices, E undirected edges and, if there are any, F features per vertex.

    edges     (E, 2) whole numbers in 0 .. V - 1
    vertices  V; by default one more than the largest number in `edges`
    features  (V, F) floats, or None
    labels    (V,), or None
    names     of the vertices, where they are no numbers
    source    named in error messages

    Raises DataError for edges that are no pairs of vertices, or features of another length than V.

    Example:
        >>> path = npvae.data.Graph([(0, 1), (1, 2)])
        >>> path.vertices, path.edges.tolist()
        (3, [[0, 1], [1, 2]])
    """

    kind = "graph"

    def __init__(
        self,
        edges: npt.ArrayLike,
        vertices: int | None = None,
        features: npt.ArrayLike | None = None,
        *,
        labels: Any = None,
        names: Sequence[str] | None = None,
        source: str = "graph",
    ) -> None:
        """Keep the edges as int64, and the features as they are."""
        edges = np.asarray(edges)
        if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu" or len(edges) == 0:
            raise DataError(f"{source}: edges are {edges.dtype} of shape {edges.shape}, expected integers (E, 2)")
        self.vertices = int(edges.max()) + 1 if vertices is None else int(vertices)
        if edges.min() < 0 or edges.max() >= self.vertices:
            raise DataError(
                f"{source}: edges name vertices {edges.min()} to {edges.max()}, expected 0 to {self.vertices - 1}"
            )
        self.edges = edges.astype(np.int64)
        self.features = None if features is None else np.asarray(features)
        if self.features is not None and (self.features.ndim != 2 or len(self.features) != self.vertices):
            raise DataError(
                f"{source}: features have shape {self.features.shape}, expected (V, F) with V = {self.vertices}"
            )
        self.labels = None if labels is None else np.asarray(labels)  # (V,)
        if self.labels is not None and self.labels.shape != (self.vertices,):
            raise DataError(f"{source}: labels have shape {self.labels.shape}, expected (V,) with V = {self.vertices}")
        self.names = None if names is None else tuple(names)
        self.source = source
        self.note = ""  # what was read, and what was left out, where there was a choice

    def with_edges(self, edges: np.ndarray) -> Graph:
        """The same vertices with other edges (E, 2)."""
        return Graph(edges, self.vertices, self.features, labels=self.labels, names=self.names, source=self.source)

    @property
    def sample_shape(self) -> tuple[int, int]:
        """(V, F), F = 0 without features."""
        return self.vertices, 0 if self.features is None else self.features.shape[1]

    def __len__(self) -> int:
        return 1

    def batch(self, rows: Any) -> Graph:
        """The graph, whatever the rows."""
        return self
