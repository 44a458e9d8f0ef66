"""Reads the numbered equations out of a page: the docstring that the reader sees.

They stand one per line (or continued on deeper lines), numbered at the end, under one of the HEADINGS:

    Forward
        kl[n] = sum(mu[n, l] ** 2 for l in range(L))    (1)

README.md of this room describes the language.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from npvae.pages.parse import Refused, parse
from npvae.pages.trees import Tree, as_data
from npvae.spec import Law, Op

HEADINGS = ("Forward", "Backward", "Step", "Equations", "Identities")
_NUMBERED = re.compile(r"^(?P<text>.*?)\s*\((?P<number>\d+)\)$", re.DOTALL)
_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_LEFT = re.compile(rf"(?P<name>{_NAME})(\[(?P<indices>{_NAME}(, *{_NAME})*)\])?")


class PageError(ValueError):
    """A page that cannot be read or evaluated; the message names the page, the equation and the column."""


@dataclass(frozen=True)
class Equation:
    """One numbered line of a page: `name[indices] = text    (number)`."""

    page: str  # "npvae.ops.gaussian_kl"
    section: str  # one of HEADINGS
    number: int
    name: str
    indices: tuple[str, ...]
    text: str  # the right side, letter for letter
    tree: Tree
    origin: str = ""  # "reparameterize (1)", for an equation that was taken over from another page

    @property
    def left(self) -> str:
        """The left side."""
        return f"{self.name}[{', '.join(self.indices)}]" if self.indices else self.name

    def __str__(self) -> str:
        return f"{self.left} = {self.text}    ({self.number})"

    def error(self, reason: str, tree: Tree | None = None) -> PageError:
        """What is wrong here, with a mark under the place."""
        column = len(self.left) + 4 + (tree.at[0] if tree else -3 - len(self.left))
        return page_error(self.page, self.number, f"{self.left} = {self.text}", column, reason)


@dataclass(frozen=True)
class Page:
    """What a docstring holds: its name, its first sentence, its equations, and how the backward is derived."""

    name: str
    title: str
    equations: tuple[Equation, ...]
    derivation: str  # "" where there is none

    def of(self, *sections: str) -> tuple[Equation, ...]:
        """The equations of these sections, in order."""
        return tuple(equation for equation in self.equations if equation.section in sections)

    @property
    def output(self) -> str:
        """The name of the output: what the last equation of Forward defines."""
        return self.outputs(1)[0]

    def outputs(self, count: int) -> tuple[str, ...]:
        """The names of so many outputs: what the last equations of Forward define."""
        names = tuple(dict.fromkeys(equation.name for equation in self.of("Forward")))
        if len(names) < count:
            raise PageError(f"{self.name}: {len(names)} names are defined under Forward, the code has {count} outputs")
        return names[-count:]

    def as_data(self) -> dict[str, Any]:
        """Everything on the page, for JSON: dicts, lists, text and whole numbers; trees as `trees.as_data` has them."""
        return {
            "name": self.name,
            "title": self.title,
            "derivation": self.derivation,
            "equations": [
                {
                    "section": e.section,
                    "number": e.number,
                    "name": e.name,
                    "indices": list(e.indices),
                    "text": e.text,
                    "tree": as_data(e.tree),
                    "origin": e.origin,
                }
                for e in self.equations
            ],
        }


def page_error(page: str, number: int | str, text: str, column: int, reason: str) -> PageError:
    """The one form of all complaints about an equation."""
    return PageError(f"{page}, equation ({number}), column {column}: {reason}\n    {text}\n    {' ' * (column - 1)}^")


def page_of(subject: Op | Law) -> Page:
    """The page of an op or a law: the docstring of its module, or of its function where that has the equations.

    Example:
        >>> from npvae.ops.relu import OP
        >>> npvae.pages.page_of(OP).output
        'y'
    """
    if isinstance(subject, Law) and isinstance(subject.page, Page):
        return subject.page
    function: Callable[..., Any] = subject.forward if isinstance(subject, Op) else subject.run
    name = module_of(subject)
    for owner in (sys.modules[name], function):
        page = read_page(getattr(owner, "__doc__", None) or "", name)
        if page.equations:
            return page
    return page


def module_of(subject: Op | Law) -> str:
    """The name of the module whose docstring is the page."""
    if isinstance(subject, Op):
        return subject.forward.__module__
    return subject.module or subject.run.__module__


@lru_cache(maxsize=256)
def read_page(text: str, name: str = "page") -> Page:
    r"""The page in a text. Raises PageError, naming the equation and the column, for what is not in the language.

    Example:
        >>> page = npvae.pages.read_page("A square.\n\nForward\n    y[n] = x[n] ** 2    (1)\n")
        >>> str(page.equations[0])
        'y[n] = x[n] ** 2    (1)'
    """
    title = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Page(name, title, read_equations(text, name), _block(text, "Derivation"))


def read_equations(text: str, page: str = "page") -> tuple[Equation, ...]:
    """All equations of a text, in order. Raises PageError for a line that cannot be read."""
    equations: list[Equation] = []
    section, pending = "", ""
    lines = text.splitlines()
    margin = _margin(lines)
    for line in lines:
        if line.strip() and not line[margin:].startswith(" "):
            if pending:
                break
            section = line.strip() if line.strip() in HEADINGS else ""
        elif section and line.strip():
            pending = f"{pending} {line.strip()}".strip()
            match = _NUMBERED.match(pending)
            if match:
                equations.append(read_equation(match["text"], int(match["number"]), section, page))
                pending = ""
    if pending:
        raise PageError(f"{page}: equation without a number at its end: {pending!r}")
    numbers = [equation.number for equation in equations]
    for number in numbers:
        if numbers.count(number) > 1:
            raise PageError(f"{page}: two equations have the number ({number})")
    return tuple(equations)


def read_equation(text: str, number: int, section: str, page: str = "page") -> Equation:
    """One equation, `name[indices] = expression`. Raises PageError."""
    left, equals, right = (part.strip() for part in text.partition(" = "))
    match = _LEFT.fullmatch(left)
    if not equals or not match:
        raise page_error(page, number, text, 1, f"expected `name[indices] = expression`, found {text!r}")
    indices = tuple(index.strip() for index in match["indices"].split(",")) if match["indices"] else ()
    if len(set(indices)) < len(indices):
        raise page_error(page, number, text, 1, f"an index stands twice on the left: {left}")
    try:
        tree = parse(right, indices)
    except Refused as refused:
        column = len(left) + 3 + refused.column
        raise page_error(page, number, f"{left} = {right}", column, refused.reason) from None
    return Equation(page, section, number, match["name"], indices, right, tree)


def _margin(lines: list[str]) -> int:
    """How far the headings are indented: a function's docstring keeps its code's indentation."""
    return min((len(line) - len(line.lstrip()) for line in lines if line.strip() in HEADINGS), default=0)


def _block(text: str, heading: str) -> str:
    """The indented lines under a heading, without their indentation."""
    lines = text.splitlines()
    margin, found, inside = _margin(lines), [], False
    for line in lines:
        if line.strip() and not line[margin:].startswith(" "):
            inside = line.strip() == heading
        elif inside:
            found.append(line.strip())
    return "\n".join(found).strip()
