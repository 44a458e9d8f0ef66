"""The autoencoder of a graph: vertices become points, and edges are where points are near. No noise, no prior.

It is half of `npvae.models.graph_vae`. Kipf & Welling (2016) call it GAE; on Cora it predicts links no worse.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.data import Graph, Links
from npvae.models.autoencoder import Autoencoder
from npvae.models.checks import check_whole
from npvae.models.contract import Ops
from npvae.models.graphs import (
    NearnessLikelihood,
    Vertices,
    encoder_backward,
    encoder_forward,
    encoder_shapes,
    most_probable,
    prepare,
    scores_of,
    seen_of,
    start_glorot,
    with_shifts,
)
from npvae.models.links import area_under_curve, average_precision
from npvae.models.settings import Option, Settings, activation_setting, check_finite, latent_dim_setting, setting, whole
from npvae.models.trace import AutoencoderTrace
from npvae.params import Params

MOST_VERTICES = 2**24  # whole numbers up to here are float32


def check_vertices(name: str, value: Any) -> None:
    """ValueError for anything but a whole number of vertices that a float32 can count."""
    check_whole(2, **{name: value})
    if value >= MOST_VERTICES:
        raise ValueError(f"{name} is {value}, expected fewer than {MOST_VERTICES}")


def check_edge_weight(name: str, value: Any) -> None:
    """ValueError for anything but None or a finite number above 0."""
    if value is not None:
        check_finite(name, value)
    if value is not None and value <= 0:
        raise ValueError(f"{name} is {value!r}, expected None, which takes it from the graph, or a number above 0")


@dataclass(frozen=True)
class OneGraph:
    """The graph, the layers, and how its pairs are counted."""

    vertices: int = setting(check=check_vertices)
    features: int = setting(0, whole(0))
    hidden_dim: int = setting(
        32,
        whole(),
        Option("--hidden-dim", "width of the state of a recurrence, or of the first graph convolution", "H", int),
    )
    latent_dim: int = latent_dim_setting(16)
    activation: str = activation_setting("relu")
    _: KW_ONLY
    edge_weight: float | None = setting(
        None,
        check_edge_weight,
        Option(
            "--edge-weight",
            "how often an edge counts: 1 for -log p; without it, all edges together as much as all other pairs",
            "W",
            float,
        ),
    )
    shifts: int = setting(
        0, whole(0), Option("--shifts", "pairs per vertex that a step looks at beside the edges; 0 for all", "K", int)
    )

    @property
    def data_dim(self) -> int:
        """Inputs of the first layer: F, or without features V, for then each vertex has an input of its own."""
        return self.features or self.vertices


@dataclass(frozen=True)
class GraphAutoencoderSettings(Settings, OneGraph):
    """Those of the autoencoder of a graph."""


class OfOneGraph:
    """What every model of one graph does alike: it takes the graph whole, and tells edges from other pairs."""

    takes = "graph"
    decodes_z_alone = False  # a graph is of all its z
    settings: Any
    params: Params
    dtype: np.dtype
    ops: Any
    code_width: int
    activation: str
    encode: Any
    _prepared: tuple[Any, Vertices] | None = None

    @property
    def sample_shape(self) -> tuple[int, int]:
        """(V, F) of the graph that it was built for."""
        return self.settings.vertices, self.settings.features

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the two graph convolutions; the decoder has no parameters."""
        chosen = self.settings
        return encoder_shapes(chosen.data_dim, chosen.hidden_dim, chosen.latent_dim * self.code_width)

    def vertices_of(self, x: Any) -> Vertices:
        """A graph as the lines of the model take it; that of the call before is kept."""
        if isinstance(x, Vertices):
            return x
        self.check_batch(x)
        x = seen_of(x)
        if self._prepared is None or self._prepared[0] is not x:
            self._prepared = x, prepare(x, self.dtype, self.settings.edge_weight)
        return self._prepared[1]

    def check_batch(self, x: Any) -> None:
        """Raises ValueError if x is no graph of the vertices and features that the model was built for."""
        who = type(self).__name__
        if not isinstance(x, (Graph, Links, Vertices)):
            raise ValueError(f"{who}: x is a {type(x).__name__}, expected a graph: npvae.data.Graph(edges)")
        if not isinstance(x, Vertices) and x.sample_shape != self.sample_shape:
            raise ValueError(f"{who}: the graph is (V, F) = {x.sample_shape}, expected {self.sample_shape}")

    def check_data(self, data: Any) -> None:
        """Raises ValueError if data are no graph that the model was built for."""
        self.check_batch(data)

    def points(self, x: Any) -> np.ndarray:
        """A graph -> the point (V, L) of each vertex: its code, or the mean of its posterior."""
        code = self.encode(x)
        return code[0] if isinstance(code, tuple) else code

    def held_out(self, links: Links) -> dict[str, float]:
        """Edges that were held out among pairs that are none, scored at the points of the graph that is seen.

        loss and nll are the mean cross-entropy of a pair, in nats, unweighted; auc, ap as in `npvae.models.links`.
        """
        z = self.points(links.graph).astype(np.float64)
        edges, others = scores_of(z, links.edges), scores_of(z, links.non_edges)
        nll = float(np.logaddexp(0, np.concatenate([-edges, others])).mean())
        found = {"auc": area_under_curve(edges, others), "ap": average_precision(edges, others)}
        return {"loss": nll, "nll": nll} | found

    def edge_probabilities(self, x: Any, pairs: np.ndarray) -> np.ndarray:
        """A graph, pairs (P, 2) of its vertices -> the model's probability (P,) of an edge between each."""
        return 1 / (1 + np.exp(-scores_of(self.points(x).astype(np.float64), np.asarray(pairs))))

    def missing_edges(self, x: Any, k: int = 100) -> tuple[np.ndarray, np.ndarray]:
        """The k most probable edges (k, 2) that a graph does not have, and their probabilities (k,).

        Edges that weigh more than they are make probabilities larger than they should be; their order is right.
        """
        check_whole(k=k)
        pairs, logits = most_probable(self.points(x).astype(np.float64), k, seen_of(x).edges)
        return pairs, 1 / (1 + np.exp(-logits))

    def shifts_of(self, rng: np.random.Generator) -> np.ndarray:
        """Noise (V, 1) that says which pairs a step looks at: K shifts, each from 0 to V - 1, and -1 below them."""
        noise = np.full((self.settings.vertices, 1), -1, self.dtype)
        K = min(self.settings.shifts, len(noise))
        noise[:K, 0] = rng.integers(0, len(noise), K)
        return noise

    def _no_rows(self, *_: Any, **__: Any) -> Any:
        """A graph is of pairs: no vertex has a picture of its own."""
        raise ValueError(
            f"a {type(self).__name__} decodes pairs: edge_probabilities(graph, pairs), missing_edges(graph)"
        )

    decode: Any = _no_rows
    sample: Any = _no_rows
    reconstruct: Any = _no_rows

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: not the graph."""
        return super().__getstate__() | {"_prepared": None}  # type: ignore[misc]

    def __repr__(self) -> str:
        V, F = self.sample_shape
        chosen = self.settings
        told = f"{V:,} vertices, {f'{F:,} features' if F else 'no features'}"
        told += f", {chosen.shifts} pairs per vertex" if chosen.shifts else ""
        size = f"{self.params.flat.size:,} parameters, {self.dtype}"
        return f"{type(self).__name__} {chosen.data_dim}-{chosen.hidden_dim}-{chosen.latent_dim}, {told}, {size}"

    def _likelihood_of(self, chosen: Any) -> NearnessLikelihood:
        return NearnessLikelihood()

    def _start(self, rng: np.random.Generator) -> None:
        start_glorot(self.params, rng, self.code_width)


class GraphAutoencoder(OfOneGraph, Autoencoder):
    """Two graph convolutions to a point per vertex; loss = mean over vertices of the cost of their pairs, in nats.

    vertices     V of the graph
    features     F, numbers per vertex; 0 without
    hidden_dim   H, width of the first convolution
    latent_dim   L, dimensions of a point
    activation   a name in npvae.ops.ACTIVATIONS, after the first convolution
    edge_weight  how many times an edge counts; None: all edges together as much as all other pairs
    shifts       K, pairs per vertex that a training step looks at beside the edges, by the page
                 npvae.ops.sampled_inner_product_nll; 0 looks at all pairs

    Raises ValueError for a size that is not a whole number of at least 1, or a name that is unknown.

    Example:
        >>> ring = npvae.data.Graph([(0, 1), (1, 2), (2, 3), (3, 0)])
        >>> model = npvae.GraphAutoencoder(4, hidden_dim=8, latent_dim=2)
        >>> loss, trace = model.forward(ring)
        >>> trace.z.shape
        (4, 2)
    """

    Settings = GraphAutoencoderSettings
    settings: GraphAutoencoderSettings

    def forward(self, x: Any, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """A graph -> loss in nats per vertex, trace. eps (V, 1) says which pairs are looked at; None: all.

        Raises ValueError for another graph than the model was built for.
        """
        ops, x = ops or self.ops, with_shifts(self.vertices_of(x), None if eps is None else eps[:, 0])
        V = len(x)
        z, encoder_cache = encoder_forward(ops, x, self.params, self.activation)  # (V, L)
        nll, nll_cache = self.likelihood.forward(ops, z, x, self.params)  # (V,)
        loss = float(nll.sum()) / V
        return loss, AutoencoderTrace(z, z, nll, np.zeros_like(nll), (encoder_cache, nll_cache), ops)

    def backward(self, trace: Any, grads: Params | None = None) -> Params:
        """Gradients of the loss: forward, read from bottom to top. They are written to `grads`, or to a new array."""
        ops, V = trace.ops, len(trace.nll)
        encoder_cache, nll_cache = trace.caches
        dnll = np.full(V, 1 / V, self.dtype)  # loss = sum(nll) / V
        grads = self.params.like() if grads is None else grads
        dz = self.likelihood.backward(ops, dnll, nll_cache, grads)
        encoder_backward(ops, dz, encoder_cache, grads)
        return grads

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray | None:
        """The pairs that a training step looks at, (V, 1); None for all."""
        return self.shifts_of(rng) if self.settings.shifts else None

    def encode(self, x: Any) -> Any:
        """A graph -> points (V, L)."""
        return encoder_forward(self.ops, self.vertices_of(x), self.params, self.activation)[0].copy()
