"""Data that training is given: refused before anything is computed if it cannot be used, recognised on resume."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from npvae.data.contract import Data, Samples, arrays_of, as_data, mapped_array

_HEAD = 1000  # rows of a memory map that are looked at beforehand; its batches are checked as they are read
_ROWS = 64  # rows that a data set is recognised by


def data_of(model: Any, x: Any) -> Any:
    """What training is given, as data of the kind that the model takes: its attribute `takes`, or rows."""
    return as_data(x, model.takes, model.dtype)


def check_data(model: Any, x: Any, name: str) -> None:
    """ValueError if x is not data that the model and its likelihood can explain."""
    if model.takes == "rows" and not isinstance(x, Data):
        _check_rows(model, x, name)
    try:
        data = data_of(model, x)
        expected = getattr(model, "sample_shape", data.sample_shape)
        if data.sample_shape != expected:
            raise ValueError(f"samples have shape {data.sample_shape}, the model was built for {expected}")
        if hasattr(model, "check_data"):
            model.check_data(data)
        elif isinstance(data, Samples):
            model.likelihood.check(data.x if mapped_array(data) is None else data.batch(slice(_HEAD)))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None


def _check_rows(model: Any, x: Any, name: str) -> None:
    """ValueError, with the mend, for what people pass in place of (N, D) floats."""
    if not hasattr(x, "dtype"):
        mend = f"np.asarray({name}, {model.dtype.name!r})"
        raise ValueError(f"{name} is a {type(x).__name__}, expected an array or npvae.data.Images: pass {mend}")
    shape = tuple(x.shape)
    if len(shape) != 2 or shape[0] == 0 or shape[1] != model.input_dim:
        mend = f": pass {name}.reshape(len({name}), -1)" if len(shape) > 2 else ""
        raise ValueError(f"{name} has shape {shape}, expected (N, D) with N >= 1 and D = {model.input_dim}{mend}")
    if x.dtype.kind != "f":
        mend = f"pass {name}.astype({model.dtype.name!r}), or npvae.data.Images({name})"
        try:
            model.likelihood.check(x)  # of grey levels it says what to divide by
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
        raise ValueError(f"{name} holds {x.dtype}, expected floats: {mend}")


def describe(x_train: Any, x_test: Any, x_valid: Any) -> dict[str, Any]:
    """What data look like: enough to notice on resume that others are given, not enough to restore them."""
    return {"x_train": _describe(x_train), "x_test": _describe(x_test), "x_valid": _describe(x_valid)}


def check_same_data(before: dict[str, Any], now: dict[str, Any]) -> None:
    """ValueError if data that training goes on with are not those that it began with."""
    for name in now:
        if before.get(name) != now[name]:
            found, expected = _in_words(now[name]), _in_words(before.get(name))
            raise ValueError(f"resume: {name} is {found}, the run was started with {expected}: give the same data")


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
