"""Recognises on resume the data that a run was trained on. `npvae.models.entrance` refuses what a model cannot use."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from npvae.data.contract import Samples, arrays_of, as_data

_ROWS = 64  # rows by which a data set is recognised


def describe(x_train: Any, x_test: Any, x_valid: Any) -> dict[str, Any]:
    """A summary of the data: enough to notice on resume that they are others, not enough to restore them."""
    return {"x_train": _describe(x_train), "x_test": _describe(x_test), "x_valid": _describe(x_valid)}


def check_same_data(before: dict[str, Any], now: dict[str, Any], trained_on: str = "") -> None:
    """ValueError if data that training goes on with are not those that it began with; `trained_on` names those."""
    for name in now:
        if before.get(name) != now[name]:
            found, expected = _in_words(now[name]), _in_words(before.get(name))
            of = f" of {trained_on}" if trained_on else ""
            raise ValueError(f"resume: {name} is {found}, the run was started with {expected}{of}: give the same data")


def _describe(x: Any) -> dict[str, Any] | None:
    if x is None:
        return None
    data = as_data(x)
    rows = np.unique(np.linspace(0, len(data) - 1, _ROWS).astype(np.int64))
    checksum = 0
    for array in arrays_of(data.batch(rows)):
        # Floats count as float32, so that the precision in which they are held does not matter.
        values = np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else None)
        checksum = zlib.crc32(values.tobytes(), checksum)
    shape = data.sample_shape
    size = {"columns": math.prod(shape)} if isinstance(data, Samples) else {"kind": data.kind, "shape": list(shape)}
    return {"rows": len(data), **size, "checksum": f"{checksum:08x}"}


def _in_words(data: dict[str, Any] | None) -> str:
    if not data:
        return "not given"
    size = f"rows of {data['columns']}" if "columns" in data else f"samples of kind {data.get('kind')}"
    return f"{data.get('rows')} {size}, checksum {data.get('checksum')}"
