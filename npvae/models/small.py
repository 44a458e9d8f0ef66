"""A small model of any kind with data and noise that fit: what gradient checks and tests build."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from npvae.data import Graph, Text
from npvae.models import MODELS, with_labels

LINES = ["abca", "b", "cab", "bb", "acb", "c"]  # for models of sequences, of unequal lengths

EDGES = [(0, 1), (1, 2), (0, 2), (3, 4)]  # of the graph for models of one graph: of 6 vertices the last is alone

SMALL = {
    "vertices": 6,
    "features": 3,
    "alphabet": "abc",
    "max_length": 4,
    "hidden_dim": 4,
    "embedding_dim": 3,
    "data_dim": 6,
    "image_shape": (3, 2, 1),
    "channels": (3,),
    "latent_dim": 2,
    "hidden": (5,),
    "activation": "silu",
    "hidden2": (4,),
    "latent_dim2": 2,
    "classes": 3,
    "levels": 5,
    "dtype": "float64",
    "backend": "numpy",
}


def kinds_that_take(kind: str) -> list[str]:
    """The names in MODELS of the models that take data of this kind, a name in npvae.data.KINDS."""
    return [name for name, model in MODELS.items() if model.takes == kind]


def small(
    kind: str, rng: np.random.Generator, *, n: int = 4, spread: float = 0.3, **settings: Any
) -> tuple[Any, Any, Any]:
    """A model of MODELS, n samples (grey levels k / 4, counts k, short lines), or one graph, and their noise.

    spread    standard deviation of what is added to every parameter: weights as small as a fresh start hide mistakes of
              wiring, and zero biases hide more
    settings  go before those of SMALL
    """
    takes = [each.name for each in fields(MODELS[kind].Settings)]
    model: Any = MODELS[kind](**{name: value for name, value in SMALL.items() if name in takes} | settings)
    model.params.flat[:] += (spread * rng.standard_normal(model.params.flat.size)).astype(model.dtype)
    if model.takes == "sequences":
        return model, Text([LINES[i % len(LINES)] for i in range(n)], "abc").batch(slice(None)), model.draw_eps(n, rng)
    if model.takes == "graph":
        V, F = model.sample_shape
        return model, Graph(EDGES, V, rng.standard_normal((V, F)) if F else None), model.draw_eps(1, rng)
    x = (rng.integers(0, 5, (n, model.data_dim)) / (1 if model.likelihood.whole else 4)).astype(model.dtype)
    if model.reads_labels:
        x = with_labels(x, rng.integers(0, model.classes, n), model.classes)
    return model, x, model.draw_eps(n, rng)
