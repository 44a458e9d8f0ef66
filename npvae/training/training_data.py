"""Data that training is given: refused before anything is computed if it cannot be used, recognised on resume."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from npvae.data.mapped import mapped_file

_HEAD = 1000  # rows of a memory map that are looked at beforehand; its batches are checked as they are read
_ROWS = 64  # rows that a data set is recognised by


def is_mapped(x: Any) -> bool:
    """True if x, an array or Images, lies in a file that may be larger than memory."""
    return mapped_file(getattr(x, "pixels", x)) is not None


def check_data(model: Any, x: Any, name: str) -> None:
    """ValueError if x is not (N, D) data that the model and its likelihood can explain."""
    if not hasattr(x, "dtype"):
        mend = f"np.asarray({name}, {model.dtype.name!r})"
        raise ValueError(f"{name} is a {type(x).__name__}, expected an array or npvae.data.Images: pass {mend}")
    shape = tuple(x.shape)
    if len(shape) != 2 or shape[0] == 0 or shape[1] != model.input_dim:
        mend = f": pass {name}.reshape(len({name}), -1)" if len(shape) > 2 else ""
        raise ValueError(f"{name} has shape {shape}, expected (N, D) with N >= 1 and D = {model.input_dim}{mend}")
    try:
        model.likelihood.check(x[:_HEAD] if is_mapped(x) else x)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None
    if x.dtype.kind != "f":
        mend = f"pass {name}.astype({model.dtype.name!r}), or npvae.data.Images({name})"
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
    rows = np.unique(np.linspace(0, len(x) - 1, _ROWS).astype(np.int64))
    values = np.ascontiguousarray(np.asarray(x[rows]), np.float32)
    return {"rows": len(x), "columns": x.shape[1], "checksum": f"{zlib.crc32(values.tobytes()):08x}"}


def _in_words(data: dict[str, Any] | None) -> str:
    return "{rows} rows of {columns}, checksum {checksum}".format(**data) if data else "not given"
