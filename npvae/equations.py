"""Reads the numbered equations out of an op's page and evaluates them, entry by entry.

A page is the docstring of the module in which an op's forward lives. Its equations are Python, one a line (or
continued on deeper lines), numbered at the end, under the headings Forward and Backward:

    Forward
        kl[n] = sum(mu[n, l] ** 2 for l in range(L))    (1)

The entry on the left is computed for all values of its indices: n runs to N, l to L, the sizes of the arguments, or to
a size that an equation of its own gives, U = I + 1 - P. So a page is an implementation of its op, written as loops,
that shares no line with the NumPy code beneath it. With `numbers=mpmath.mp` it is also exact far beyond float64, and
thereby the truth for extreme inputs.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import CodeType
from typing import Any

import numpy as np

from npvae.spec import Op

_HEADINGS = ("Forward", "Backward")
_NUMBERED = re.compile(r"^(?P<text>.*?)\s*\((?P<number>\d+)\)$", re.DOTALL)
_LEFT = re.compile(r"^(?P<name>\w+)(\[(?P<indices>[\w, ]+)\])?$")


@dataclass(frozen=True)
class Equation:
    """One numbered line of a page: `name[indices] = expression    (number)`."""

    section: str  # "Forward" or "Backward"
    number: int
    name: str
    indices: tuple[str, ...]
    expression: str

    @property
    def code(self) -> CodeType:
        """The right side, compiled."""
        return compile(self.expression, f"<equation ({self.number})>", "eval")

    def __str__(self) -> str:
        left = f"{self.name}[{', '.join(self.indices)}]" if self.indices else self.name
        return f"{left} = {self.expression}    ({self.number})"


def page_of(op: Op) -> str:
    """The page of an op: the docstring of the module that holds its forward."""
    return sys.modules[op.forward.__module__].__doc__ or ""


def read_equations(page: str) -> tuple[Equation, ...]:
    """All equations of a page, in order. ValueError says which line cannot be read."""
    equations: list[Equation] = []
    section, pending = "", ""
    for line in page.splitlines():
        if line.strip() and not line.startswith(" "):
            if pending:
                raise ValueError(f"equation without a number at its end: {pending.strip()!r}")
            section = line.strip() if line.strip() in _HEADINGS else ""
        elif section and line.strip():
            pending = f"{pending} {line.strip()}".strip()
            match = _NUMBERED.match(pending)
            if match:
                equations.append(_parse(section, int(match["number"]), match["text"]))
                pending = ""
    if pending:
        raise ValueError(f"equation without a number at its end: {pending!r}")
    return tuple(equations)


def _parse(section: str, number: int, text: str) -> Equation:
    left, equals, right = (part.strip() for part in text.partition(" = "))
    match = _LEFT.match(left)
    if not equals or not match:
        raise ValueError(f"equation ({number}): expected `name[indices] = expression`, found {text!r}")
    try:
        ast.parse(right, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"equation ({number}): {error.msg} in {right!r}") from None
    indices = tuple(i.strip() for i in match["indices"].split(",")) if match["indices"] else ()
    return Equation(section, number, match["name"], indices, right)


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
    for section in _HEADINGS:
        chosen = [equation for equation in equations if equation.section == section]
        if section == "Backward":
            if dy is None:
                break
            scope[f"d{_output(equations)}"] = _entries(dy, entry)
        for equation in chosen:
            found[equation.name] = scope[equation.name] = _fill(equation, scope, sizes)
            if not equation.indices and equation.name.isupper():  # a size, for the indices of later equations
                sizes[equation.name] = scope[equation.name] = int(found[equation.name])
    for name, axes in shared.items():
        if name in found:
            found[name] = found[name].sum(axis=tuple(range(axes)))
    return {name: np.asarray(array) for name, array in found.items()}


def output_name(op: Op) -> str:
    """The name that a page gives to its output: what its last Forward equation defines."""
    return _output(read_equations(page_of(op)))


def _output(equations: tuple[Equation, ...]) -> str:
    return [equation.name for equation in equations if equation.section == "Forward"][-1]


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
