"""Check one call of a pair at one point: the arrays given, and no battery."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.ground.findings import CHECKS
from npvae.gradcheck.pair.calls import Broken, Pair, Refused, undisturbed
from npvae.gradcheck.pair.nested import flat_pair, flatten, is_nested
from npvae.gradcheck.report.join import join
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.verdict.case import Settings, check_case
from npvae.spec import Arg, Op

__all__ = ["arg_of", "arrays_of", "between", "check_given", "gradcheck", "parameter_names", "without_none"]


def gradcheck(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    *,
    params: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    dy: Any = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    seeded: bool = False,
    pure: bool = False,
    dtype: str = "lenient",
    detached: Sequence[Any] = (),
    args: Mapping[str, Arg] | None = None,
    name: str = "",
) -> Report:
    """Check one call at one point: forward(*inputs, **params) -> (y, cache), backward(dy, cache) -> gradients.

    inputs  an array or a tuple of arrays, (x, W, b), among which may be dicts or lists of arrays; floating arrays are
            expected to have a gradient, integer ones are not
    params  keyword arguments of the forward that are not arrays
    names   what to call the inputs; by default the names of the forward's parameters
    dy      the cotangent, in the shape of y (a tuple of them for several outputs); by default 3 N(0, 1) from the seed
    seeded, pure, detached  as in `Op`
    dtype   as in `check_op`
    args    name -> Arg, where domains, kinks or linearity are worth declaring
    name    how the report calls it; by default the name of the forward

    Raises TypeError for inputs or a dy that are not real arrays, ValueError for a dy that has not the shape of y.

    Example:
        >>> forward, backward = lambda x: (np.tanh(x), x), lambda dy, x: dy * (1 - np.tanh(x) ** 2)
        >>> bool(npvae.gradcheck.gradcheck(forward, backward, np.array([[0.5, -1.0]])))
        True
    """
    names_of_pair = ", ".join(getattr(f, "__name__", "...") for f in (forward, backward))
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    if any(map(is_nested, given)):
        called = names or parameter_names(forward, len(given))
        name = name or _name_of(forward)
        forward, backward = flat_pair(forward, backward, given)
        leaves = [leaf for key, x in zip(called, given, strict=True) for leaf in flatten(x, key)]
        names, given = [key for key, _ in leaves], tuple(x for _, x in leaves)
    return check_given(
        forward, backward, arrays_of(given),
        params=params, names=names, name=name, dy=dy, seed=seed, rtol=rtol, atol=atol, seeded=seeded, pure=pure,
        dtype=dtype, detached=detached, args=args, reproduce=f"gradcheck({names_of_pair}, inputs, seed={seed})",
    )  # fmt: skip


def check_given(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    *,
    params: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    name: str = "",
    dy: Any = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    seeded: bool = False,
    pure: bool = False,
    dtype: str = "lenient",
    detached: Sequence[Any] = (),
    args: Mapping[str, Arg] | None = None,
    checks: tuple[str, ...] = CHECKS,
    low: bool = False,
    reproduce: str = "",
    loss: bool = False,
) -> Report:
    """Check a pair at the arrays given; what `gradcheck` and the adapters have in common.

    loss  y is one number whose gradient is asked for: its dy is 1, and reports show the gradient as it was returned
    """
    if args is None:
        called = names or parameter_names(forward, len(arrays))
        args = {key: arg_of(x) for key, x in zip(called, arrays, strict=True)}
    elif len(args) != len(arrays):
        raise ValueError(f"args names {len(args)} inputs ({', '.join(args)}), {len(arrays)} are given")
    started = time.perf_counter()
    with undisturbed():
        op = Op(forward, backward, args, name=name or _name_of(forward), seeded=seeded, pure=pure,
                detached=detached)  # fmt: skip
        op, notes = without_none(op, arrays, dict(params or {}), seed)
        floats = [x.dtype for x in arrays if x.dtype.kind == "f"]
        common = np.result_type(*floats) if floats else np.dtype(np.float64)
        case = Case(op, "given", tuple(arrays), dict(params or {}), common, seed)
        dys = None if dy is None and not loss else _cotangents(case, dy)
        settings = Settings(rtol, atol, checks, low=low, strict=dtype == "strict")
        outcome = check_case(case, between(case), settings, dys)
        outcome.notes += notes
    report = join(op, seed, [outcome], time.perf_counter() - started)
    return replace(report, reproduce=reproduce)


def _cotangents(case: Case, dy: Any) -> tuple[np.ndarray, ...] | None:
    """The dy that was given, in the dtypes of y; ones for None. Raises ValueError if it has not the form of y."""
    try:
        result = Pair(case.op, case.params, case.seed).forward([np.array(x) for x in case.inputs])
    except (Broken, Refused):
        return None  # the check itself will say so
    if dy is None:
        return tuple(np.ones_like(y) for y in result.outputs)
    several = isinstance(dy, tuple) or (isinstance(dy, list) and isinstance(result.y, (tuple, list)))
    dys = [_as_array(one, "dy") for one in (dy if several else (dy,))]
    if len(dys) != len(result.outputs):
        raise ValueError(f"{len(dys)} dy for a forward that gives {len(result.outputs)} y: give one for each")
    for found, y in zip(dys, result.outputs, strict=True):
        if found.shape != y.shape:
            raise ValueError(f"dy has shape {found.shape}, expected {y.shape}, the shape of the forward's y")
    return tuple(found.astype(y.dtype, copy=False) for found, y in zip(dys, result.outputs, strict=True))


def without_none(op: Op, arrays: Sequence[np.ndarray], params: Mapping[str, Any], seed: int) -> tuple[Op, list[str]]:
    """The op without the arguments for which its backward returns None: that is how a pair says "no gradient"."""
    pair = Pair(op, params, seed)
    try:
        result = pair.forward([np.array(x) for x in arrays])
        grads = pair.backward(result.in_form_of_y([np.array(y) for y in result.outputs]), result.cache)
    except (Broken, Refused):
        return op, []  # the check itself will say so
    silent = [key for key, grad in zip(op.differentiable, grads, strict=True) if grad is None]
    if not silent or len(silent) == len(op.differentiable):  # None for everything says nothing: the contract fails
        return op, []
    args = {key: replace(arg, differentiable=arg.differentiable and key not in silent) for key, arg in op.args.items()}
    return replace(op, args=args), [f"the backward returns None for {', '.join(silent)}: taken to have no gradient"]


def between(case: Case) -> Case:
    """Other inputs of the same shapes, inside the same domains: the given ones in reverse order."""
    return Case(
        **{**case.__dict__, "inputs": tuple(np.array(x[(slice(None, None, -1),) * x.ndim]) for x in case.inputs)}
    )


def arrays_of(inputs: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """The inputs as arrays of real numbers. Raises TypeError for anything else."""
    return tuple(_as_array(x, f"input {i}") for i, x in enumerate(inputs))


def _as_array(x: Any, name: str) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is complex; complex-valued functions are out of scope")
    if array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} is {array.dtype}; give float64 or float32")
    if array.dtype.kind not in "fbiu":
        raise TypeError(f"{name} is {type(x).__name__} of dtype {array.dtype}, expected an array of numbers")
    return array


def arg_of(x: np.ndarray) -> Arg:
    """An argument of the shape of an array; integers have no gradient, and stay where they are."""
    shape = " ".join(str(size) for size in x.shape)
    if x.dtype.kind == "f":
        return Arg(shape)
    ends = (int(x.min()), int(x.max())) if x.size and x.dtype.kind in "iu" else (-math.inf, math.inf)
    return Arg(shape, domain=ends, differentiable=False, dtype=x.dtype.type)


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return name.removesuffix("_forward") or name


def parameter_names(forward: Callable[..., Any], count: int) -> list[str]:
    """What to call the inputs: the names of the function's parameters if there are enough, else x0, x1 ..."""
    try:
        parameters = list(inspect.signature(getattr(forward, "py_func", forward)).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in kinds]
    return names[:count] if len(names) >= count else [f"x{i}" for i in range(count)]
