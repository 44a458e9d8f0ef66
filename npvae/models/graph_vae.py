"""The VAE of one graph: every vertex is a point of which only a Gaussian is known, and edges are where points are near.

Encoder  two graph convolutions: S f(S x W0) W1 -> mu, logvar of every vertex
Decoder  p(edge n, m) = sigmoid(z[n] . z[m]), without parameters

The loss is the VAE's, line by line (`npvae.models.vae`), with a vertex in place of a sample: the mean over V vertices
of nll, the cost of the pairs that begin at it, and of kl. Each pair of vertices is counted in both orders, and the sum
multiplied by about a half (`npvae.models.graphs.prepare`); an edge counts as often as there are other pairs per edge.
Divided by V this is what Kipf & Welling descend: the mean over V * V pairs, and the KL terms of V vertices over V * V.

With edge_weight = 1 nothing is counted more often than it is, and V * loss is the expected bound on -log p(graph), in
nats, but for the diagonal: V coins that fall for every vertex with itself, at half their cost.

Kipf & Welling (2016), "Variational Graph Auto-Encoders".
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_whole
from npvae.models.contract import Ops
from npvae.models.graph_autoencoder import OfOneGraph, OneGraph
from npvae.models.graphs import Vertices, encoder_backward, encoder_forward, with_shifts
from npvae.models.objectives import OBJECTIVES
from npvae.models.settings import Option, Settings, check_at_least_zero, objective_setting, setting
from npvae.models.vae import VAE
from npvae.params import Params


def check_one_draw(name: str, value: Any) -> None:
    """ValueError for an objective that weighs several draws: the vertices of a graph are not drawn one by one."""
    analytic = [row_name for row_name, row in OBJECTIVES.items() if not row.weighs_samples]
    if value not in analytic:
        raise ValueError(f"{name} {value!r} is not for one graph, choose one of {', '.join(analytic)}")


@dataclass(frozen=True)
class GraphVAESettings(Settings, OneGraph):
    """Those of the VAE of a graph: one draw of all its points, so no objective that weighs several."""

    _: KW_ONLY
    beta: float = setting(1.0, check_at_least_zero, Option("--beta", "weight of the KL term", read=float))
    objective: str = objective_setting("elbo", check_one_draw)
    free_bits: float = setting(
        0.5, check_at_least_zero, Option("--free-bits", "what a latent may cost for nothing", "NATS", float)
    )
    capacity: float = setting(
        10.0, check_at_least_zero, Option("--capacity", "what the KL term is drawn to", "NATS", float)
    )

    @property
    def samples(self) -> int:
        """One."""
        return 1

    @property
    def alpha(self) -> float:
        """Of no objective here."""
        return 0.5


class GraphVAE(OfOneGraph, VAE):
    """Two graph convolutions, a Gaussian per vertex, edges as nearness. Arguments as for GraphAutoencoder, and more.

    beta, objective, free_bits, capacity  as for VAE; only objectives of one draw

    Noise is (V, L), N(0, 1). With `shifts`, training appends a column that says which pairs are looked at: without it
    all are.

    Example:
        >>> ring = npvae.data.Graph([(0, 1), (1, 2), (2, 3), (3, 0)])
        >>> model = npvae.GraphVAE(4, hidden_dim=8, latent_dim=2)
        >>> loss, trace = model.forward(ring, model.draw_eps(4, np.random.default_rng(0)))
        >>> trace.kl.shape, model.backward(trace).flat.shape == model.params.flat.shape
        ((4,), True)
    """

    Settings = GraphVAESettings
    settings: GraphVAESettings  # type: ignore[assignment]

    def forward(self, x: Any, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """A graph, noise -> loss in nats per vertex, trace: the VAE's forward, over a sample of pairs if so asked."""
        x, noise = self.vertices_of(x), None
        if eps is not None and self.settings.shifts and eps.shape[-1] == self.latent_dim + 1:
            eps, noise = np.ascontiguousarray(eps[:, :-1]), eps[:, -1]
        return super().forward(with_shifts(x, noise), eps, ops)  # type: ignore[arg-type]

    def posterior_forward(self, ops: Ops, x: Any) -> tuple[np.ndarray, np.ndarray, Any]:
        """The vertices of a graph -> mu (V, L), logvar (V, L) of q(z|graph), cache."""
        head, cache = encoder_forward(ops, self.vertices_of(x), self.params, self.activation)  # (V, 2 L)
        return head[:, : self.latent_dim], head[:, self.latent_dim :], cache

    def posterior_backward(self, ops: Ops, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (V, L) -> the encoder's gradients, into their places."""
        encoder_backward(ops, np.concatenate([dmu, dlogvar], axis=1), cache, grads)

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: Vertices) -> tuple[np.ndarray, Any]:  # type: ignore[override]
        """z (V, L): the points are what the likelihood takes."""
        return z, None

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """The gradient of the points is that of z."""
        return doutput

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise of a training step: N(0, 1) for the points, and with `shifts` which pairs are looked at."""
        eps = self.draw_test_eps(n, rng)
        return np.concatenate([eps, self.shifts_of(rng)], axis=1) if self.settings.shifts else eps

    def draw_test_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise of the points alone, (V, L): all pairs are looked at."""
        check_whole(n=n)
        return rng.standard_normal((self.settings.vertices, self.latent_dim), dtype=self.dtype)
