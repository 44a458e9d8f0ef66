"""A graph as its model sees it: vertices as points with edges between them, and held-out edges by their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from npvae.figures.style import INK, PALE, PALETTE, new_figure, style, without_axes

__all__ = ["draw_points", "nearness", "on_a_plane"]

MOST_EDGES = 5000  # that are drawn: more would be one grey area


def on_a_plane(points: np.ndarray) -> np.ndarray:
    """Points (V, L) along the two directions in which they vary most, (V, 2); fewer than two are filled up with 0.

    Directions without their mean taken off: an edge is an angle as seen from 0.
    """
    _, _, directions = np.linalg.svd(points, full_matrices=False)
    plane = points @ directions[:2].T
    plane = plane * np.sign(plane.sum(axis=0) + 1e-30)  # a direction and its opposite are the same one
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))


@style()
def nearness(model: Any, links: Any) -> Figure:
    """Left the vertices on a plane, coloured by label, with the edges that are seen; right the held-out pairs.

    links  held-out edges and pairs that are none (npvae.data.Links), with the graph that is seen
    """
    z = model.points(links.graph).astype(np.float64)
    figure = new_figure(4.0, "Vertices as points, edges as nearness")
    left, right = figure.subplots(1, 2)
    draw_points(left, z, links.graph)
    left.set_title("seen from 0 (+), near is a small angle and far out")
    _draw_scores(right, z, links, model.held_out(links))
    return figure


def draw_points(axes: Any, points: np.ndarray, graph: Any) -> None:
    """Points (V, L) on a plane, coloured by the labels of the graph if it has some, with its edges between them."""
    without_axes(axes)
    plane = on_a_plane(points)
    edges = graph.edges[:: max(1, len(graph.edges) // MOST_EDGES)]
    axes.add_collection(LineCollection(plane[edges], colors=PALE, linewidths=0.3, alpha=0.35, zorder=1))
    labels = np.zeros(len(plane), int) if graph.labels is None else np.unique(graph.labels, return_inverse=True)[1]
    colours = np.array(PALETTE)[labels % len(PALETTE)]
    axes.scatter(*plane.T, s=max(2.0, min(40.0, 6000 / len(plane))), c=colours, linewidths=0, zorder=2)
    axes.plot(0, 0, "+", color=INK, zorder=3)
    # A hub far out would leave no room for the others; up to 1,000 points all are inside.
    low, high = np.percentile(plane, 0.1, axis=0, method="lower"), np.percentile(plane, 99.9, axis=0, method="higher")
    middle, half = (low + high) / 2, 0.56 * float((high - low).max()) + 1e-9
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half), aspect="equal")


def _draw_scores(axes: Any, z: np.ndarray, links: Any, found: dict[str, float]) -> None:
    scores = [(z[pairs[:, 0]] * z[pairs[:, 1]]).sum(axis=1) for pairs in (links.edges, links.non_edges)]
    low, high = np.percentile(np.concatenate(scores), [0.5, 99.5])
    bins = np.linspace(low, max(high, low + 1e-9), 40)
    for values, name, colour in zip(scores, ("held-out edges", "pairs that are none"), PALETTE[::6], strict=False):
        axes.hist(np.clip(values, low, high), bins, color=colour, alpha=0.6, label=name)
    axes.set(xlabel="z[n] . z[m], the logit of an edge", ylabel="pairs")
    axes.set_title(f"AUC {found['auc']:.3f}, AP {found['ap']:.3f}")
    axes.legend()
