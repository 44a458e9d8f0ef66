"""How well scores tell edges from pairs that are none: area under the ROC curve, and average precision.

auc  the probability that an edge has a higher score than a pair that is none, a tie counting half (Mann & Whitney 1947)
ap   the mean, over the edges, of the share of edges among all pairs with at least the same score
"""

from __future__ import annotations

import numpy as np


def area_under_curve(edges: np.ndarray, others: np.ndarray) -> float:
    """Scores (P,) of edges and (Q,) of other pairs -> AUC in [0, 1]."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, edges, "left"), np.searchsorted(ordered, edges, "right")
    return float((below + up_to).mean() / (2 * len(others)))


def average_precision(edges: np.ndarray, others: np.ndarray) -> float:
    """Scores (P,) of edges and (Q,) of other pairs -> AP in [0, 1]."""
    P, Q = len(edges), len(others)
    edges_above = P - np.searchsorted(np.sort(edges), edges, "left")  # with at least this score, itself among them
    others_above = Q - np.searchsorted(np.sort(others), edges, "left")
    return float((edges_above / (edges_above + others_above)).mean())
