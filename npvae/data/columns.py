"""Columns of a table in units of their own, made comparable: each less its mean, over its standard deviation.

A network's first weights are made for numbers near 1. A column that goes to 10,000 drowns the others. Pictures, whose
pixels share one unit, keep one scale for all: the root of their mean variance.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.data.images import Images

_LARGE, _SMALL = 10.0, 0.1  # where the largest value lies beyond these, the data are not near 1
_UNLIKE = 10.0  # columns whose standard deviations are this many times apart are of different units


@dataclass(frozen=True)
class Columns:
    """Mean and scale of each of D columns, as config.json keeps them."""

    mean: Sequence[float]
    scale: Sequence[float]

    def apply(self, images: Images) -> Images:
        """(x - mean) / scale, as Images that are otherwise the same."""
        same = copy.copy(images)
        same.pixels = ((images.numpy() - np.array(self.mean)) / np.array(self.scale)).astype(images.dtype)
        same.max_value = 1.0
        return same

    def undo(self, x: np.ndarray) -> np.ndarray:
        """x (N, D) in the units of the data."""
        return (x * np.array(self.scale) + np.array(self.mean)).astype(x.dtype)

    def __str__(self) -> str:
        if min(self.scale) == max(self.scale):
            return f"each column less its mean, over {self.scale[0]:.3g}"
        low, high = min(self.scale), max(self.scale)
        return f"each column less its mean, over its standard deviation ({low:.3g} to {high:.3g})"

    @property
    def units(self) -> str:
        """What 1 is in the numbers that the model sees."""
        same = min(self.scale) == max(self.scale)
        return f"units of {self.scale[0]:.3g} in the data" if same else "standard deviations of a column"

    @classmethod
    def of_run(cls, training: dict[str, Any]) -> Columns | None:
        """What the "training" part of a config.json says; None if it says that data stay as they are."""
        kept = training.get("columns")
        return None if kept is None else cls(kept["mean"], kept["scale"])

    @classmethod
    def needed(cls, images: Images) -> Columns | None:
        """Mean and scale of data whose numbers are far from 1 or of unlike units; None for data that can stay."""
        if images.mapped or images.pixels.dtype.kind != "f":
            return None
        x = images.numpy().astype(np.float64)
        if np.isnan(x).all(axis=0).any():
            return None
        largest, mean, std = float(np.nanmax(np.abs(x))), np.nanmean(x, axis=0), np.nanstd(x, axis=0)
        varies = std > 1e-6 * np.abs(mean)
        if not varies.any():
            return None
        is_table = min(images.image_shape[:2]) == 1
        unlike = is_table and std[varies].max() > _UNLIKE * std[varies].min()
        if _SMALL <= largest <= _LARGE and not unlike:
            return None
        scale = np.where(varies, std, 1.0) if is_table else np.full(len(std), np.sqrt((std**2).mean()))
        return cls(mean.tolist(), scale.tolist())
