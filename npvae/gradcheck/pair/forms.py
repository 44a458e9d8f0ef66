"""The forms in which outputs and gradients come: an array, a number, a tuple, a list, a dict by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.spec import Op

__all__ = ["Broken", "ForwardResult", "Refused", "read_gradients", "read_outputs"]


class Broken(Exception):
    """The pair broke its contract so badly that nothing further can be checked. `code` is stable."""

    def __init__(self, code: str, message: str, arg: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.arg = arg


class Refused(Exception):
    """The pair does not take arrays of this dtype or layout (numba with explicit signatures, for one)."""


@dataclass(slots=True)
class ForwardResult:
    """What one forward gave.

    outputs  those that have a gradient, as arrays
    cache    what the backward takes
    y        the outputs as they came: an array, a number, a tuple, a list or a dict of them
    without  places or keys of the outputs that have no gradient
    """

    outputs: tuple[np.ndarray, ...]
    cache: Any
    y: Any
    without: tuple[Any, ...] = ()

    @property
    def names(self) -> list[str]:
        """What to call each of the outputs: y, y[1], y['var'], y.var."""
        if isinstance(self.y, Mapping):
            return [f"y[{key!r}]" for key in self.y if key not in self.without]
        if not isinstance(self.y, (tuple, list)):
            return ["y"]
        fields = getattr(self.y, "_fields", ())
        called = [f"y.{fields[i]}" if fields else f"y[{i}]" for i in range(len(self.y))]
        return [name for i, name in enumerate(called) if i not in self.without]

    def in_form_of_y(self, arrays: Sequence[np.ndarray]) -> Any:
        """Cotangents in the form of y. An output without gradient gets zeros, None if it is of integers."""
        left = iter(arrays)

        def one(place: Any, y: Any) -> Any:
            if place not in self.without:
                return _like(next(left), y)
            return np.zeros_like(y) if np.asarray(y).dtype.kind == "f" else None

        if isinstance(self.y, Mapping):
            return {key: one(key, y) for key, y in self.y.items()}
        if not isinstance(self.y, (tuple, list)):
            return _like(arrays[0], self.y)
        dys = [one(i, y) for i, y in enumerate(self.y)]
        return type(self.y)(*dys) if hasattr(self.y, "_fields") else type(self.y)(dys)


def read_outputs(y: Any, cache: Any, detached: Sequence[Any]) -> ForwardResult:
    """The outputs of a forward. Raises Broken if they are no real floating-point numbers."""
    if type(y) is np.ndarray and y.dtype.kind == "f":  # at every step of every difference
        return ForwardResult((y,), cache, y)
    if isinstance(y, np.ndarray) or not isinstance(y, (tuple, list, Mapping)):
        return ForwardResult((_real(y),), cache, y)
    named = list(y.items() if isinstance(y, Mapping) else enumerate(y))
    without = tuple(place for place, value in named if place in detached or _is_integer(value))
    outputs = tuple(_real(value) for place, value in named if place not in without)
    if not outputs:
        raise Broken("forward-output", "none of the forward's outputs has a gradient: they are integers or detached")
    return ForwardResult(outputs, cache, y, without)


def _is_integer(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, int)) and np.asarray(value).dtype.kind in "biu"


def _real(value: Any) -> np.ndarray:
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        raise Broken(
            "forward-output",
            f"the forward's y is a {type(value).__name__}; it must be a NumPy array, a number, or a tuple of them",
        )
    array = np.asarray(value)
    if array.dtype.kind == "c":
        raise Broken("complex", "the forward returned complex values; complex-valued functions are out of scope")
    if array.dtype.kind != "f":
        raise Broken(
            "forward-output",
            f"the forward's y has dtype {array.dtype}; there is a gradient only if it is float32 or float64",
        )
    return array


def _like(array: np.ndarray, y: Any) -> Any:
    if isinstance(y, np.ndarray):
        return array
    return float(array) if isinstance(y, float) and not isinstance(y, np.generic) else array.dtype.type(array)


def read_gradients(result: Any, op: Op, dtypes: Mapping[str, np.dtype]) -> tuple[np.ndarray | None, ...]:
    """One gradient for each differentiable argument, in order, from what a backward returned. Raises Broken.

    A dict goes by name: "W", "dW", "grad_W", "W_grad" or "d_W" is the gradient of W, in whatever order.
    """
    wanted = op.differentiable
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, Mapping):
        grads = _by_name(result, wanted)
    elif isinstance(result, (tuple, list)):
        grads = list(result)
    elif result is None or isinstance(result, (np.ndarray, np.generic, float, int)):
        grads = [result]
    else:
        raise Broken(
            "gradient-type",
            f"the backward returned {type(result).__name__}; it must return an array, or a tuple of arrays "
            f"for ({', '.join(wanted)})",
        )
    if result is None:
        grads = [None] * len(wanted)  # nothing was returned, which is not one gradient too few
    elif len(grads) == len(op.args) != len(wanted):  # the other convention: None for those without
        grads = [g for g, arg in zip(grads, op.args.values(), strict=True) if arg.differentiable]
    if len(grads) != len(wanted):
        raise Broken(
            "gradient-count",
            f"the backward returned {len(grads)} gradient{'s' * (len(grads) != 1)}, expected {len(wanted)}: "
            f"one for each of ({', '.join(wanted)}), in that order",
        )
    return tuple(_gradient(g, name, dtypes.get(name)) for g, name in zip(grads, wanted, strict=True))


def _by_name(found: Mapping[Any, Any], wanted: Sequence[str]) -> list[Any]:
    grads = []
    for name in wanted:
        keys = [key for key in (name, f"d{name}", f"grad_{name}", f"{name}_grad", f"d_{name}") if key in found]
        if not keys:
            raise Broken(
                "gradient-count",
                f"the backward returned a dict with {', '.join(map(str, found)) or 'nothing'}; "
                f'expected a key for {name}: "{name}" or "d{name}"',
                name,
            )
        grads.append(found[keys[0]])
    return grads


def _gradient(found: Any, name: str, dtype: np.dtype | None) -> np.ndarray | None:
    if found is None:
        return None
    if not isinstance(found, (np.ndarray, np.generic, float, int)):
        raise Broken(
            "gradient-type", f"the gradient d/d{name} is a {type(found).__name__}, expected a NumPy array", name
        )
    array = np.asarray(found, dtype=dtype if type(found) in (float, int) else None)  # Python's numbers have no dtype
    if array.dtype.kind != "f":
        raise Broken("gradient-dtype", f"the gradient d/d{name} has dtype {array.dtype}, expected a float", name)
    return array
