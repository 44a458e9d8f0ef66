"""A small model of any kind with data and noise that fit: what gradient checks and tests build."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from npvae.models import MODELS, with_labels

SMALL = {
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


def small(
    kind: str, rng: np.random.Generator, *, n: int = 4, spread: float = 0.3, **settings: Any
) -> tuple[Any, np.ndarray, np.ndarray]:
    """A model of MODELS, n samples of grey levels k / 4 (or of counts k) and their noise: what its forward takes.

    spread    standard deviation of what is added to every parameter: weights as small as a fresh start hide mistakes of
              wiring, and zero biases hide more
    settings  go before those of SMALL
    """
    takes = [each.name for each in fields(MODELS[kind].Settings)]
    model: Any = MODELS[kind](**{name: value for name, value in SMALL.items() if name in takes} | settings)
    model.params.flat[:] += (spread * rng.standard_normal(model.params.flat.size)).astype(model.dtype)
    x = (rng.integers(0, 5, (n, model.data_dim)) / (1 if model.likelihood.whole else 4)).astype(model.dtype)
    if model.reads_labels:
        x = with_labels(x, rng.integers(0, model.classes, n), model.classes)
    return model, x, model.draw_eps(n, rng)
