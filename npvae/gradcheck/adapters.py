"""Other conventions than (forward, backward): layer objects, loss_and_grads, a function and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from npvae.gradcheck.point import arrays_of, check_given, parameter_names
from npvae.gradcheck.report.report import Report

__all__ = ["check_function", "check_layer", "check_loss_and_grads"]


def check_layer(
    layer: Any,
    *inputs: Any,
    params: Any = None,
    grads: Any = None,
    accumulates: bool = False,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
) -> Report:
    """Check a layer object: forward(*inputs) -> y, backward(dy) -> dx, with parameters and their gradients inside.

    params       names of its parameter attributes ("W", "b"); by default `layer.params`, a dict or list of arrays;
                 () for a layer without parameters. They are moved in place and put back
    grads        names of the attributes for their gradients; by default "dW" for "W", or `layer.grads`
    accumulates  True if backward adds to the gradients: they are then set to zero before each backward

    The layer keeps its cache to itself, so that nothing is asked about a second forward in between.

    Raises ValueError if it is not said what the parameters are, or where their gradients.
    """
    holders = _parameters(layer, params)
    where = _gradients(layer, params, grads, list(holders))
    arrays = arrays_of(inputs)
    names = (*parameter_names(layer.forward, len(arrays)), *holders)
    kept = {key: np.array(value) for key, value in holders.items()}

    def put(values: Sequence[np.ndarray]) -> None:
        for holder, value in zip(holders.values(), values, strict=True):
            holder[...] = value

    def forward(*given: np.ndarray) -> tuple[Any, Any]:
        put(given[len(arrays) :])
        return layer.forward(*given[: len(arrays)]), given[len(arrays) :]

    def backward(dy: Any, values: Sequence[np.ndarray]) -> tuple[Any, ...]:
        put(values)
        if accumulates:
            for key in holders:
                found = where(key)
                if found is not None:
                    np.asarray(found)[...] = 0
        dx = layer.backward(dy)
        dxs = list(dx) if isinstance(dx, (tuple, list)) else [dx]
        if len(dxs) == len(arrays):
            dxs = [d for d, x in zip(dxs, arrays, strict=True) if x.dtype.kind == "f"]
        return (*dxs, *(None if where(key) is None else np.array(where(key)) for key in holders))

    backward.__wrapped__ = layer.backward  # type: ignore[attr-defined]
    low = any(value.dtype == np.float32 for value in kept.values())
    checks = ("contract", "determinism", "linearity", "numeric")
    try:
        return check_given(
            forward, backward, (*arrays, *kept.values()),
            names=names, name=type(layer).__name__, seed=seed, rtol=rtol, atol=atol, checks=checks, low=low,
        )  # fmt: skip
    finally:
        put(list(kept.values()))


def _parameters(layer: Any, params: Any) -> dict[str, np.ndarray]:
    if params is not None:
        names = (params,) if isinstance(params, str) else params
        return {name: getattr(layer, name) for name in names}
    found = getattr(layer, "params", None)
    if found is None or callable(found):  # a layer that is not asked for its parameters would pass with any dW
        kind = type(layer).__name__
        has = "no .params" if found is None else "a method .params(), expected a dict or list of arrays"
        raise ValueError(f'{kind} has {has}: name its parameters, params=("W", "b"), or say params=() if it has none')
    if isinstance(found, Mapping):
        return {str(key): value for key, value in found.items()}
    return {f"params[{i}]": value for i, value in enumerate(found)}


def _gradients(layer: Any, params: Any, grads: Any, names: list[str]) -> Callable[[str], Any]:
    """A function: parameter name -> its gradient as it stands after a backward."""
    if params is not None:
        given = (grads,) if isinstance(grads, str) else grads
        attributes = dict(zip(names, given or [f"d{name}" for name in names], strict=True))
        return lambda name: getattr(layer, attributes[name], None)
    if names and not hasattr(layer, "grads"):
        raise ValueError(
            f"{type(layer).__name__} has params but no grads; name the attributes: params=('W',), grads=('dW',)"
        )

    def look_up(name: str) -> Any:
        found = layer.grads
        return found.get(name) if isinstance(found, Mapping) else found[names.index(name)]

    return look_up


def check_loss_and_grads(
    loss_and_grads: Callable[..., tuple[Any, Any]],
    *inputs: Any,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
) -> Report:
    """Check a function that gives a loss and its gradients in one: loss_and_grads(*inputs) -> (loss, grads).

    inputs  arrays, or one dict of arrays by name; grads is then a dict with the same names. Integer arrays are not
            expected to have a gradient, nor is any argument whose gradient is None
    """
    if len(inputs) == 1 and isinstance(inputs[0], MutableMapping):
        names: Sequence[str] | None = [str(key) for key in inputs[0]]
        keys = list(inputs[0])
        given = tuple(inputs[0].values())

        def call(*arrays: np.ndarray) -> tuple[Any, Any]:
            loss, grads = loss_and_grads(dict(zip(keys, arrays, strict=True)))
            return loss, tuple(grads.get(key) for key in keys)

    else:
        names = parameter_names(loss_and_grads, len(inputs))
        given = inputs

        def call(*arrays: np.ndarray) -> tuple[Any, Any]:
            return loss_and_grads(*arrays)

    def backward(dloss: Any, grads: Any) -> Any:
        return _times(dloss, grads)

    backward.__wrapped__ = loss_and_grads  # type: ignore[attr-defined]
    return check_given(
        call, backward, arrays_of(given), names=names, name=_name(loss_and_grads), seed=seed, rtol=rtol, atol=atol,
        checks=("contract", "determinism", "isolation", "numeric"),
    )  # fmt: skip


def check_function(
    f: Callable[..., Any],
    grad_f: Callable[..., Any],
    *inputs: Any,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
) -> Report:
    """Check a function of arrays and its gradient: f(*inputs) -> a number, grad_f(*inputs) -> an array or several."""

    def forward(*arrays: np.ndarray) -> tuple[Any, Any]:
        return f(*arrays), tuple(np.array(x) for x in arrays)

    def backward(dy: Any, arrays: Sequence[np.ndarray]) -> Any:
        return _times(dy, grad_f(*(np.array(x) for x in arrays)))

    backward.__wrapped__ = grad_f  # type: ignore[attr-defined]
    return check_given(
        forward, backward, arrays_of(inputs), names=parameter_names(f, len(inputs)), name=_name(f), seed=seed,
        rtol=rtol, atol=atol, checks=("contract", "determinism", "numeric"),
    )  # fmt: skip


def _times(dloss: Any, grads: Any) -> Any:
    """dloss times every gradient, in the gradient's own dtype; None stays None."""
    if isinstance(grads, (tuple, list)):
        return tuple(_times(dloss, grad) for grad in grads)
    if grads is None:
        return None
    grad = np.asarray(grads)
    return grad * grad.dtype.type(dloss) if grad.dtype.kind == "f" else grads


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
