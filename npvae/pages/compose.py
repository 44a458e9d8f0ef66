"""A page made of other pages: the equations of the ops that a model calls, in the model's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from npvae.pages.read import Equation, Page, page_of, read_equation
from npvae.spec import Op

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Call:
    """One op that a model calls: its page's names -> the model's, its indices and sizes among them.

    names  {"x": "h1", "i": "h", "I": "H"}: what is not named keeps its name. With "x" go its gradient, "dx".
    grads  the names of gradients that differ from it: {"dmu": "dmu_kl"}, one of two paths
    """

    op: Op
    names: Mapping[str, str] = field(default_factory=dict)
    grads: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()  # what the model has no use for: the gradient of the data

    def of(self, section: str) -> list[Equation]:
        """The equations of one section, renamed."""
        names = {f"d{old}": f"d{new}" for old, new in self.names.items()} | dict(self.names) | dict(self.grads)
        left_out = set(self.without)
        return [renamed(e, names, self.op.name) for e in page_of(self.op).of(section) if e.name not in left_out]


def renamed(equation: Equation, names: Mapping[str, str], of: str) -> Equation:
    """The equation with other names, all else letter for letter."""
    text = _WORD.sub(lambda word: names.get(word[0], word[0]), f"{equation.left} = {equation.text}")
    found = read_equation(text, equation.number, equation.section, equation.page)
    return replace(found, origin=f"{of} ({equation.number})")


def composed(name: str, title: str, parts: Sequence[Equation | Call], derivation: str = "") -> Page:
    """One page: the forwards of all parts in order, then the backwards from the last part to the first.

    An equation among the parts is a line of the model's own, in the section that it says. All are numbered anew, and
    so are the numbers of the model's own lines in the derivation.
    """
    forward: list[Equation] = []
    backward: list[Equation] = []
    for part in parts:
        forward += part.of("Forward") if isinstance(part, Call) else [part] if part.section == "Forward" else []
    for part in reversed(parts):
        backward += part.of("Backward") if isinstance(part, Call) else [part] if part.section == "Backward" else []
    lines = [replace(equation, page=name, number=k) for k, equation in enumerate([*forward, *backward], start=1)]
    before = enumerate([*forward, *backward], start=1)
    now = {f"({equation.number})": f"({k})" for k, equation in before if not equation.origin}
    cited = re.sub(r"\(\d+\)", lambda number: now.get(number[0], number[0]), derivation)
    return Page(name, title, tuple(lines), cited)
