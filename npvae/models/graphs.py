"""What models of one large graph share: the graph as they take it, the encoder, edges as nearness, missing edges.

A graph is prepared once, outside the loop: S, the first layer's S x (which no step changes), the pairs that count as
edges, and how much they weigh.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae.data import Graph, Links
from npvae.data.links import keys_of
from npvae.models.contract import Ops
from npvae.ops import CSR, normalise_adjacency, sparse_matmul_forward
from npvae.params import Params

ROWS = 256  # of scores at a time


@dataclass(frozen=True)
class Vertices:
    """The V vertices of a graph, as the models of this file take them."""

    S: CSR  # (V, V), how much each neighbour counts; its entries are the pairs that count as edges, loops among them
    Sx: CSR  # (V, F), features as their neighbourhood has them; S itself where there are none
    weight: float  # how many times an edge counts
    norm: float  # what the cost of all ordered pairs is multiplied by
    shifts: np.ndarray | None = None  # (K,), the sample of pairs that is taken in place of all

    def __len__(self) -> int:
        """V."""
        return len(self.S.indptr) - 1


def prepare(graph: Graph, dtype: np.dtype, edge_weight: float | None) -> Vertices:
    """A graph as a model takes it. edge_weight None: edges weigh as much as all other pairs together.

    With A ones for the edges in both orders, of V * V pairs, an edge then counts (V * V - A) / A times, and everything
    is multiplied by V * V / (V * V - A) / 2: about a half, so that each pair of vertices counts once. Rows of features
    are taken as they are: to make them sum to 1 costs 4 points of AUC on Cora.
    """
    V = graph.vertices
    S = normalise_adjacency(graph.edges, V, dtype)
    edges, pairs = len(S.indices) - V, float(V) * V
    norm = 0.5 if pairs == edges else pairs / (pairs - edges) / 2
    weight = edge_weight if edge_weight is not None else (pairs - edges) / max(edges, 1)
    Sx = S
    if graph.features is not None:
        product, _ = sparse_matmul_forward(*S, np.asarray(graph.features, dtype))  # (V, F)
        row, column = np.nonzero(product)
        Sx = CSR(np.concatenate([[0], np.cumsum(np.bincount(row, minlength=V))]), column, product[row, column])
    return Vertices(S, Sx, float(weight), norm if edge_weight is None else 0.5)


def encoder_shapes(inputs: int, hidden: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of two graph convolutions, which have no biases."""
    return {"encoder.0.W": (inputs, hidden), "encoder.1.W": (hidden, outputs)}


def start_glorot(params: Params, rng: np.random.Generator, heads: int) -> None:
    """W ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)): Glorot & Bengio (2010), equation 16. The last map has `heads`."""
    for name, W in params.items():
        outputs = W.shape[1] // (heads if name == "encoder.1.W" else 1)
        a = np.sqrt(6 / (W.shape[0] + outputs))
        W[...] = rng.uniform(-a, a, W.shape)


def encoder_forward(ops: Ops, x: Vertices, params: Params, activation: str) -> tuple[np.ndarray, Any]:
    """The vertices of a graph -> the head of the encoder (V, outputs), cache: S f(S x W0) W1."""
    a, a_cache = ops.sparse_matmul_forward(*x.Sx, params["encoder.0.W"])  # (V, H)
    h, h_cache = getattr(ops, f"{activation}_forward")(a)  # (V, H)
    head, head_cache = ops.gcn_forward(*x.S, h, params["encoder.1.W"])  # (V, outputs)
    return head, (a_cache, activation, h_cache, head_cache)


def encoder_backward(ops: Ops, dhead: np.ndarray, cache: Any, grads: Params) -> None:
    """Dhead (V, outputs) -> the encoder's gradients, into their places."""
    a_cache, activation, h_cache, head_cache = cache
    dh, grads["encoder.1.W"] = ops.gcn_backward(dhead, head_cache)
    da = getattr(ops, f"{activation}_backward")(dh, h_cache)
    _, grads["encoder.0.W"] = ops.sparse_matmul_backward(da, a_cache, needs_dvalues=False)


class NearnessLikelihood:
    """p(graph|z): every pair is an edge with probability sigmoid(z[n] . z[m]); edges may weigh more than they are."""

    name = "nearness"

    def start(self) -> dict[str, np.ndarray]:
        """It has no parameters of its own."""
        return {}

    def forward(self, ops: Ops, output: np.ndarray, x: Vertices, params: Params) -> tuple[np.ndarray, Any]:
        """Points (V, L), the vertices -> nll (V,) in nats, cache."""
        if x.shifts is None:
            nll, cache = ops.inner_product_nll_forward(*x.S[:2], output, weight=x.weight)
        else:
            nll, cache = ops.sampled_inner_product_nll_forward(*x.S[:2], x.shifts, output, weight=x.weight)
        return nll * output.dtype.type(x.norm), (x, cache)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (V,) to the gradient of the points (V, L)."""
        x, cache = cache
        backward = ops.inner_product_nll_backward if x.shifts is None else ops.sampled_inner_product_nll_backward
        return backward(dnll * dnll.dtype.type(x.norm), cache)


def with_shifts(x: Vertices, noise: np.ndarray | None) -> Vertices:
    """The vertices, with the pairs to look at that stand in the noise (V,): the shifts in front, -1 after them."""
    return x if noise is None else replace(x, shifts=noise[noise >= 0].astype(np.int64))


def scores_of(z: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """z (V, L), pairs (P, 2) -> logits (P,) of an edge between each."""
    return (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(axis=1)


def most_probable(z: np.ndarray, k: int, without: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The k pairs (k, 2) of vertices with the largest logits (k,), largest first; `without` (E, 2) are left out.

    Pairs are looked at in blocks of rows, so that memory grows with V and not with V squared.
    """
    V, taken = len(z), np.unique(keys_of(np.sort(without, axis=1), len(z)))
    best, logits = np.empty(0, np.int64), np.empty(0, z.dtype)
    for keys, found in _upper_half(z):
        worth = found >= (logits.min() if len(logits) == k else -np.inf)
        keys, found = keys[worth], found[worth]
        if len(found) > k + len(taken):  # more than can be left when the edges are gone
            top = np.argpartition(-found, k + len(taken))[: k + len(taken)]
            keys, found = keys[top], found[top]
        new = ~np.isin(keys, taken)
        best, logits = np.concatenate([best, keys[new]]), np.concatenate([logits, found[new]])
        order = np.lexsort((best, -logits))[:k]
        best, logits = best[order], logits[order]
    return np.stack([best // V, best % V], axis=1), logits


def _upper_half(z: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs n < m as keys n * V + m, and their logits, in blocks of rows."""
    V = len(z)
    for first in range(0, V, ROWS):
        s = z[first : first + ROWS] @ z[first:].T
        row, column = np.triu_indices(len(s), 1, V - first)
        yield (row + first) * V + column + first, s[row, column]


def seen_of(x: Graph | Links) -> Graph:
    """The graph that is encoded: of held-out links what is seen of theirs."""
    return x.graph if isinstance(x, Links) else x
