"""Other conventions than (forward, backward): a function and its gradient, and both in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.pair.nested import flat_pair, flatten
from npvae.gradcheck.point import arg_of, arrays_of, check_given, parameter_names
from npvae.gradcheck.report.report import Report

__all__ = ["check_function", "check_loss_and_grads"]


def check_loss_and_grads(
    loss_and_grads: Callable[..., tuple[Any, Any]],
    *inputs: Any,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: str = "lenient",
) -> Report:
    """Check a function that gives a loss and its gradients in one: loss_and_grads(*inputs) -> (loss, grads).

    inputs  arrays, or dicts or lists of them; for one dict, grads is a dict with the same names. Integer arrays are not
            expected to have a gradient, nor is any argument whose gradient is None
    seed, rtol, atol, dtype  as in `check_op`

    Example:
        >>> both = lambda x: (float((x * x).sum()), 2 * x)
        >>> bool(npvae.gradcheck.check_loss_and_grads(both, np.array([1.0, -2.0])))
        True
    """
    alone = len(inputs) == 1 and isinstance(inputs[0], Mapping)
    names = [""] if alone else parameter_names(loss_and_grads, len(inputs))

    def backward(dloss: Any, grads: Any) -> Any:
        return _times(dloss, grads)

    backward.__wrapped__ = loss_and_grads  # type: ignore[attr-defined]
    return _check(
        loss_and_grads, backward, inputs, names, name=_name(loss_and_grads), seed=seed, rtol=rtol, atol=atol,
        dtype=dtype, checks=("contract", "determinism", "isolation", "numeric"), loss=True,
    )  # fmt: skip


def check_function(
    f: Callable[..., Any],
    grad_f: Callable[..., Any],
    *inputs: Any,
    wrt: str | Sequence[str] | None = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: str = "lenient",
) -> Report:
    """Check a function of arrays and its gradient: f(*inputs) -> a number, grad_f(*inputs) -> an array or several.

    inputs  arrays, or dicts or lists of them; their gradients then come in the same form
    wrt     names of the arguments that have a gradient, where others have none
    seed, rtol, atol, dtype  as in `check_op`

    Raises ValueError for a name in wrt that is no argument.

    Example:
        >>> f, df = lambda x: float((x * x).sum()), lambda x: 2 * x
        >>> bool(npvae.gradcheck.check_function(f, df, np.array([1.0, -2.0])))
        True
    """
    names = parameter_names(f, len(inputs))

    def forward(*given: Any) -> tuple[Any, Any]:
        return f(*given), given

    def backward(dy: Any, given: Sequence[Any]) -> Any:
        return _times(dy, grad_f(*given))

    backward.__wrapped__ = grad_f  # type: ignore[attr-defined]
    return _check(
        forward, backward, inputs, names, wrt=wrt, name=_name(f), seed=seed, rtol=rtol, atol=atol, dtype=dtype,
        checks=("contract", "determinism", "numeric"), loss=True,
    )  # fmt: skip


def _check(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Sequence[Any],
    names: Sequence[str],
    *,
    wrt: str | Sequence[str] | None = None,
    **options: Any,
) -> Report:
    """Check a pair whose inputs may be dicts and lists; each array in them is an argument."""
    forward, backward = flat_pair(forward, backward, inputs)
    leaves = [leaf for name, x in zip(names, inputs, strict=True) for leaf in flatten(x, name)]
    arrays = arrays_of([x for _, x in leaves])
    called = [name.lstrip(".") for name, _ in leaves]
    args = {name: arg_of(x) for name, x in zip(called, arrays, strict=True)}
    if wrt is not None:
        chosen = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        unknown = [name for name in chosen if name not in args]
        if unknown:
            raise ValueError(f"wrt names {', '.join(unknown)}; the arguments are {', '.join(args)}")
        args = {name: replace(arg, differentiable=name in chosen) for name, arg in args.items()}
    return check_given(forward, backward, arrays, args=args, **options)


def _times(dloss: Any, grads: Any) -> Any:
    """dloss times every gradient, in the gradient's own dtype; None stays None."""
    if isinstance(grads, Mapping):
        return {key: _times(dloss, grad) for key, grad in grads.items()}
    if isinstance(grads, (tuple, list)):
        return tuple(_times(dloss, grad) for grad in grads)
    if grads is None:
        return None
    grad = np.asarray(grads)
    return grad * grad.dtype.type(dloss) if grad.dtype.kind == "f" else grads


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
