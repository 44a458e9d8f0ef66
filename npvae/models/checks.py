"""What models and trainings ask of sizes, counts and generators."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np


def check_whole(least: int = 1, **settings: Any) -> None:
    """ValueError for a setting that is not a whole number of at least `least`."""
    for name, value in settings.items():
        if not isinstance(value, Integral):
            raise ValueError(f"{name} is {value!r}, expected a whole number")
        if value < least:
            raise ValueError(f"{name} is {value}, expected at least {least}")


def check_widths(name: str, widths: Any) -> tuple[int, ...]:
    """The widths of hidden layers as a tuple. ValueError if they are not whole numbers of at least 1."""
    if not hasattr(widths, "__iter__") or isinstance(widths, str):
        raise ValueError(f"{name} is {widths!r}, expected the widths of its layers, such as (400,) or (256, 128)")
    for width in (widths := tuple(widths)):
        check_whole(**{f"a width in {name}": width})
    return tuple(int(width) for width in widths)


def check_generator(rng: Any) -> None:
    """ValueError if rng is not a numpy.random.Generator: a seed, say."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}, expected a generator: np.random.default_rng(0)")
