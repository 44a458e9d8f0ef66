"""Evaluates the equations of an op's page, entry by entry.

The entry on the left is computed for all values of its indices: n runs to N, l to L, the sizes of the arguments. So a
page is an implementation of its op, written as loops, that shares no line with the NumPy code beneath it. With
`numbers=mpmath.mp` it is also exact far beyond float64, and thereby the truth for extreme inputs.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from npvae.pages.read import HEADINGS, Equation, output_name, page_of, read_equations
from npvae.spec import Op


def evaluate(
    op: Op,
    inputs: Mapping[str, Any],
    dy: Any = None,
    *,
    params: Mapping[str, Any] | None = None,
    numbers: Any = math,
) -> dict[str, np.ndarray]:
    """Every array that the page of an op defines, by name, computed from its equations alone.

    inputs   the op's arguments by name; dy the gradient of the forward's output, or None for the forward alone
    params   the op's keyword arguments
    numbers  where exp, log, tanh, pi come from: `math` for float64, `mpmath.mp` for as many digits as it is set to

    An argument of fewer axes than the equations give it is shared along the leading ones: it is spread out before,
    and its gradient is the sum over those that share it.
    """
    page = page_of(op)
    params = dict(params or {})
    if not params:
        params = {name: values[0] for name, values in op.params.items()}
    equations = read_equations(page)
    entry = float if numbers is math else numbers.mpf
    sizes = _sizes(op, inputs, params)
    scope: dict[str, Any] = {n: getattr(numbers, n) for n in ("exp", "log", "sqrt", "tanh", "pi")}
    scope |= params | sizes
    names = getattr(sys.modules[op.forward.__module__], "equation_names", None)
    scope |= names(**params) if names else {}
    index_of = {equation.name: equation.indices for equation in equations}

    shared: dict[str, int] = {}
    for name, value in inputs.items():
        array = _entries(value, entry)
        indices = index_of.get(f"d{name}", ())
        if len(indices) > array.ndim:
            shared[f"d{name}"] = len(indices) - array.ndim
            array = np.broadcast_to(array, [sizes[i.upper()] for i in indices])
        scope[name] = array

    found: dict[str, np.ndarray] = {}
    for section in HEADINGS:
        chosen = [equation for equation in equations if equation.section == section]
        if section == "Backward":
            if dy is None:
                break
            scope[f"d{output_name(op)}"] = _entries(dy, entry)
        for equation in chosen:
            found[equation.name] = scope[equation.name] = _fill(equation, scope, sizes)
    for name, axes in shared.items():
        if name in found:
            found[name] = found[name].sum(axis=tuple(range(axes)))
    return {name: np.asarray(array) for name, array in found.items()}


def _sizes(op: Op, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, int]:
    sizes = {name: value for name, value in params.items() if isinstance(value, int)}
    for name, arg in op.args.items():
        sizes |= {s: n for s, n in zip(arg.axes, np.shape(inputs[name]), strict=True) if not s.isdigit()}
    return sizes


def _entries(value: Any, entry: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        return array  # labels: they are indices, not numbers
    kind = object if entry is not float else float
    out = np.empty(array.shape, dtype=kind)
    for index in np.ndindex(array.shape):
        out[index] = entry(float(array[index]))
    return out


def _fill(equation: Equation, scope: dict[str, Any], sizes: Mapping[str, int]) -> np.ndarray:
    shape = tuple(sizes[index.upper()] for index in equation.indices)
    code, values = equation.code, {}
    for position in product(*(range(size) for size in shape)):
        scope.update(zip(equation.indices, position, strict=True))
        values[position] = eval(code, scope)  # the page's own text, compiled above
    exact = any(not isinstance(value, (int, float)) for value in values.values())
    array = np.empty(shape, dtype=object if exact else float)
    for position, value in values.items():
        array[position] = value
    return array
