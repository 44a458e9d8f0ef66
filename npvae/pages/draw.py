"""Draws the arguments of an op or a law inside their domains: a standard deviation is positive, labels are labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from npvae.gradcheck.battery.sets import draw_in_set
from npvae.spec import Arg, as_offsets, parts_of_axis


def draw(args: Mapping[str, Arg], sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One array for each argument, by name; sizes are those of the symbols."""
    return {name: _draw_one(arg, sizes, rng) for name, arg in args.items()}


def symbols_of(args: Mapping[str, Arg]) -> tuple[str, ...]:
    """The symbols of all shapes, in order of first appearance."""
    axes = (axis for arg in args.values() for axis in arg.axes)
    return tuple(dict.fromkeys(symbol for axis in axes if (symbol := parts_of_axis(axis)[1])))


def _draw_one(arg: Arg, sizes: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    shape = arg.sizes(sizes)
    if arg.dtype is not None and np.dtype(arg.dtype).kind in "iub":
        return np.asarray(_whole_numbers(arg, sizes, shape, rng)).astype(arg.dtype)
    if arg.set:
        return draw_in_set(arg.set, shape, rng)
    low, high = (float(end) for end in arg.interval)
    normal = rng.standard_normal(shape)
    if math.isfinite(low) and math.isfinite(high):
        if low < -1.0 < 1.0 < high:
            return np.asarray(np.clip(normal, low, high))
        return np.asarray(low + (high - low) * rng.integers(1, 20, shape) / 20)
    if math.isfinite(low):
        return np.asarray(low + np.exp(0.7 * normal))
    if math.isfinite(high):
        return np.asarray(high - np.exp(0.7 * normal))
    return np.asarray(normal)


def _whole_numbers(arg: Arg, sizes: Mapping[str, int], shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    low, high = arg.ends(sizes)
    first = int(low) if math.isfinite(low) else 0
    last = int(high) if math.isfinite(high) else first + 9
    drawn = rng.integers(first, last, shape, endpoint=True)
    return as_offsets(drawn, first, last) if arg.offsets else drawn
