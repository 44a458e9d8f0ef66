"""Evaluates the equations of an op's or a law's page, in float64 or with as many digits as mpmath is set to.

The entry on the left is computed for all values of its indices: n runs to N, l to L, the sizes of the arguments. So a
page is an implementation of its op, written as loops, that shares no line with the NumPy code beneath it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npvae.pages.computation import Computation
from npvae.pages.read import Page, page_of
from npvae.spec import Law, Op, parts_of_axis


def evaluate(
    subject: Op | Law,
    inputs: Mapping[str, Any],
    dy: Any = None,
    *,
    params: Mapping[str, Any] | None = None,
    numbers: Any = math,
    page: Page | None = None,
) -> dict[str, np.ndarray]:
    """Every array that the page of an op or a law defines, by name, computed from its equations alone.

    inputs   the arguments by name; dy the gradient of an op's output, {"dy": ...} for several, None for the forward
    params   an op's keyword arguments, by default the first of each
    numbers  `math` for float64, `mpmath.mp` for as many digits as it is set to
    page     the equations, where they are not those of the subject's own page

    Raises PageError, naming the page, the equation and the column, where an equation cannot be evaluated.

    Example:
        >>> from npvae.ops.relu import OP
        >>> npvae.pages.evaluate(OP, {"x": np.array([[1.0, -2.0]])})["y"]
        array([[1., 0.]])
    """
    page = page or page_of(subject)
    computation = computation_of(subject, page, inputs, dy, params, numbers)
    found: dict[str, np.ndarray] = {}
    for k, equation in enumerate(computation.equations):
        name = equation.name if equation.section != "Identities" else f"({equation.number})"
        found[name] = computation.array(k)
    for name, axes in shared_axes(subject, page, inputs).items():
        if f"d{name}" in found:
            found[f"d{name}"] = np.asarray(found[f"d{name}"].sum(axis=tuple(range(axes))))
    return found


def computation_of(
    subject: Op | Law, page: Page, inputs: Mapping[str, Any], dy: Any, params: Mapping[str, Any] | None, numbers: Any
) -> Computation:
    """The page with these arguments put in.

    An argument of fewer axes than the equations give it is shared along the leading ones: it is spread out before,
    and its gradient is the sum over those that share it.
    """
    equations, called = page.equations, dict[str, Callable[[Any], Any]]()
    chosen: dict[str, Any] = {}
    if isinstance(subject, Op):
        chosen = dict(params or {name: values[0] for name, values in subject.params.items()})
        for inner in functions_of(subject, chosen).values():
            called = _called(inner, numbers)
        if dy is None:
            equations = tuple(e for e in equations if e.section != "Backward")
    sizes = _sizes(subject, page, inputs) | {name: v for name, v in chosen.items() if type(v) is int}
    given = {name: v for name, v in chosen.items() if isinstance(v, (int, float))} | dict(inputs)
    for name, axes in shared_axes(subject, page, inputs).items():
        indices = next(e.indices for e in page.equations if e.name == f"d{name}")
        given[name] = np.broadcast_to(
            inputs[name], [sizes[i.upper()] for i in indices[:axes]] + list(np.shape(inputs[name]))
        )
    if dy is not None:
        given |= dy if isinstance(dy, Mapping) else {f"d{page.output}": dy}
    return Computation(equations, given, sizes, numbers, called)


def shared_axes(subject: Op | Law, page: Page, inputs: Mapping[str, Any]) -> dict[str, int]:
    """How many leading axes the equations give an argument that it does not have: {"logvar": 1}."""
    indices = {e.name: e.indices for e in page.equations if e.section == "Backward"}
    missing = {name: len(indices.get(f"d{name}", ())) - np.ndim(value) for name, value in inputs.items()}
    return {name: axes for name, axes in missing.items() if axes > 0}


def _sizes(subject: Op | Law, page: Page, inputs: Mapping[str, Any]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name, arg in subject.args.items():
        for axis, size in zip(arg.axes, np.shape(inputs[name]), strict=False):
            factor, symbol, more = parts_of_axis(axis)
            if symbol:
                sizes.setdefault(symbol, (size - more) // factor)
    for equation in page.equations:  # an index that no argument names has the size of the gradient's axis it stands on
        name = equation.name.removeprefix("d")
        shape = np.shape(inputs[name]) if name in inputs else None
        if shape is not None and len(shape) == len(equation.indices):
            sizes = {i.upper(): size for i, size in zip(equation.indices, shape, strict=True)} | sizes
    return sizes


def functions_of(subject: Op | Law, params: Mapping[str, Any]) -> Mapping[str, Op]:
    """{"f": op} for a page that leaves f and df to the page of another op; by the `equation_names` of its module."""
    if isinstance(subject, Law):
        return {}
    names = getattr(sys.modules[subject.forward.__module__], "equation_names", None)
    return names(**params) if names else {}


def _called(inner: Op, numbers: Any) -> dict[str, Callable[[Any], Any]]:
    """An op's forward and slope on one number, by its page."""
    (name,) = inner.args
    page = page_of(inner)

    def f(a: Any) -> Any:
        return evaluate(inner, {name: [[a]]}, numbers=numbers, page=page)[page.output][0, 0]

    def df(a: Any) -> Any:
        return evaluate(inner, {name: [[a]]}, [[1]], numbers=numbers, page=page)[f"d{name}"][0, 0]

    return {"f": f, "df": df}
