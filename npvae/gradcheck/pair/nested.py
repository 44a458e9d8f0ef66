"""An argument that is a list or a dict of arrays: taken apart into arrays with names, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from npvae.gradcheck.pair.calls import call_backward, keeps_its_cache

__all__ = ["flat_pair", "flatten", "is_nested", "pack"]


def is_nested(x: Any) -> bool:
    """Whether an input is a dict, list or tuple of arrays, and not an array written as a list of numbers."""
    if isinstance(x, Mapping):
        return True
    return isinstance(x, (list, tuple)) and any(isinstance(part, np.ndarray) or is_nested(part) for part in x)


def flatten(x: Any, name: str) -> list[tuple[str, Any]]:
    """(name, array) of every array in it: "p.W" in a dict called p, "p[0]" in a list."""
    if isinstance(x, Mapping):
        return [leaf for key, part in x.items() for leaf in flatten(part, f"{name}.{key}")]
    if is_nested(x):
        return [leaf for i, part in enumerate(x) for leaf in flatten(part, f"{name}[{i}]")]
    return [(name, x)]


def pack(form: Any, arrays: list[Any]) -> Any:
    """The arrays, taken from the front of the list, in the form of an input."""
    if isinstance(form, Mapping):
        return {key: pack(part, arrays) for key, part in form.items()}
    if is_nested(form):
        return type(form)([pack(part, arrays) for part in form])
    return arrays.pop(0)


def flat_pair(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The pair as one that takes every array of the inputs by itself, and gives each its gradient."""

    def flat_forward(*arrays: np.ndarray, **params: Any) -> Any:
        left = list(arrays)
        return forward(*[pack(form, left) for form in inputs], **params)

    def flat(grads: Any) -> Any:
        if grads is None:
            return None
        if len(inputs) == 1 or isinstance(grads, np.ndarray):
            grads = [grads]
        if len(grads) != len(inputs):  # inputs without a gradient were left out
            return grads
        return [leaf for form, grad in zip(inputs, grads, strict=True) for leaf in _leaves(form, grad)]

    if keeps_its_cache(backward):

        def flat_backward(dy: Any) -> Any:
            return flat(backward(dy))
    else:

        def flat_backward(dy: Any, cache: Any) -> Any:  # type: ignore[misc]
            return flat(call_backward(backward, dy, cache))

    flat_backward.__wrapped__ = backward  # type: ignore[attr-defined]
    return flat_forward, flat_backward


def _leaves(form: Any, grad: Any) -> list[Any]:
    """The gradients of one input, in the order of its arrays; None for those that are not there."""
    if isinstance(form, Mapping):
        found = grad if isinstance(grad, Mapping) else {}
        return [leaf for key, part in form.items() for leaf in _leaves(part, found.get(key))]
    if is_nested(form):
        parts = list(grad) if isinstance(grad, (list, tuple)) else []
        parts += [None] * (len(form) - len(parts))
        return [leaf for part, g in zip(form, parts, strict=False) for leaf in _leaves(part, g)]
    return [grad]
