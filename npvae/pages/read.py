"""Reads the numbered equations out of a page: the docstring of the module in which an op's forward lives.

They are Python, one per line (or continued on deeper lines), numbered at the end, under the headings Forward and
Backward:

    Forward
        kl[n] = sum(mu[n, l] ** 2 for l in range(L))    (1)
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from types import CodeType

from npvae.spec import Op

HEADINGS = ("Forward", "Backward")
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
            section = line.strip() if line.strip() in HEADINGS else ""
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


def output_name(op: Op) -> str:
    """The name that a page gives to its output: what its last Forward equation defines."""
    return [equation.name for equation in read_equations(page_of(op)) if equation.section == "Forward"][-1]
