"""JSON that every reader takes: NaN and infinities, for which JSON has no word, are refused by name."""

from __future__ import annotations

import json
import math
from typing import Any

from npvae.scalars import plain


def as_json(value: Any, indent: int | None = None) -> str:
    """The value as JSON text. NumPy's scalars are written as numbers.

    Raises ValueError, which says where it is, for a number that is not finite.
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False, default=_plain)
    except ValueError:
        found = list(_not_finite(value, ""))
        if not found:
            raise
        where, number = found[0]
        raise ValueError(f"{where or 'the value'} is {number}, which JSON cannot hold: nothing was written") from None


def _plain(value: Any) -> Any:
    number = plain(value)
    if number is value:
        raise TypeError(f"{value!r} of type {type(value).__name__} cannot be written as JSON")
    return number


def _not_finite(value: Any, where: str) -> Any:
    """The places of numbers that are not finite, as in measures[3].value, with the numbers."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _not_finite(part, f"{where}.{name}" if where else str(name))
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from _not_finite(part, f"{where}[{i}]")
    elif isinstance(number := plain(value), float) and not math.isfinite(number):
        yield where, number
