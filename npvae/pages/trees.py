"""What an equation is after it was read: a small tree of plain data, which nothing can be hidden in.

A tree has a kind, a value (text), parts (trees), and the place of its text in the right side of its equation:

    kind      value                     parts
    number    "0.5"                     -
    name      "beta", "n", "N", "pi"    -                             a number, an index, a size
    entry     "mu"                      one tree per index            mu[n, l]
    call      "exp"                     the arguments                 one of FUNCTIONS
    over      "sum", "max", "min"       the term, then the ranges     sum(mu[n, l] for l in range(L))
    range     "l"                       first, end, conditions        l runs from first to the last before end
    negative  "-"                       one
    binary    "+ - * / // % **"         two
    compare   "<" or "< <="             two or more                   0 < x <= 1
    logic     "and", "or", "not"        conditions
    if        "if"                      condition, then, otherwise

`as_data` makes nested lists of it, which JSON can carry to another language; `from_data` reads them back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FUNCTIONS = {
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "tanh": 1,
    "abs": 1,
    "lgamma": 1,
    "digamma": 1,
    "int": 1,
    "max": 2,
    "min": 2,
    "f": 1,
    "df": 1,
}  # and how many arguments they take; max and min take more, too; f and df are what a page says they are

_BINDS = {"if": 0, "or": 1, "and": 2, "not": 3, "compare": 4, "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "**": 8}
_NEGATIVE, _ATOM = 7, 9


@dataclass(frozen=True)
class Tree:
    """A number, a name, or something made of smaller trees; see the table above."""

    kind: str
    value: str = ""
    parts: tuple[Tree, ...] = ()
    at: tuple[int, int] = field(default=(0, 0), compare=False)  # first and end column of its text, from 0

    def __str__(self) -> str:
        return text_of(self)


def walk(tree: Tree) -> Iterator[Tree]:
    """The tree and all trees in it."""
    yield tree
    for part in tree.parts:
        yield from walk(part)


def as_data(tree: Tree) -> list[Any]:
    """The tree as [kind, value, [parts], [first column, end column]]: lists, text and whole numbers alone."""
    return [tree.kind, tree.value, [as_data(part) for part in tree.parts], list(tree.at)]


def from_data(data: list[Any]) -> Tree:
    """The tree that `as_data` gave."""
    kind, value, parts, (first, end) = data
    return Tree(kind, value, tuple(from_data(part) for part in parts), (first, end))


def text_of(tree: Tree) -> str:
    """The tree as text that reads back as the same tree, with no more parentheses than it takes."""
    parts = tree.parts
    if tree.kind in ("number", "name"):
        return tree.value
    if tree.kind == "entry":
        return f"{tree.value}[{', '.join(map(text_of, parts))}]"
    if tree.kind == "call":
        return f"{tree.value}({', '.join(map(text_of, parts))})"
    if tree.kind == "over":
        return f"{tree.value}({_inside(parts[0], 1)} {' '.join(map(text_of, parts[1:]))})"
    if tree.kind == "range":
        first, end, *conditions = parts
        start = "" if first == Tree("number", "0") else f"{text_of(first)}, "
        return f"for {tree.value} in range({start}{text_of(end)})" + "".join(f" if {_inside(c, 1)}" for c in conditions)
    if tree.kind == "negative":
        part = _inside(parts[0], _NEGATIVE)
        return f"-({part})" if part.startswith("-") else f"-{part}"
    if tree.kind == "if":
        return f"{_inside(parts[1], 1)} if {_inside(parts[0], 1)} else {text_of(parts[2])}"
    if tree.kind == "compare":
        pairs = zip(tree.value.split(), parts[1:], strict=True)
        return _inside(parts[0], 5) + "".join(f" {sign} {_inside(part, 5)}" for sign, part in pairs)
    binds = _BINDS[tree.value]
    if tree.kind == "logic":
        if tree.value == "not":
            return f"not {_inside(parts[0], binds)}"
        return f" {tree.value} ".join(_inside(part, binds + 1) for part in parts)
    left, right = parts
    if tree.value == "**":
        return f"{_inside(left, binds + 1)} ** {_inside(right, _NEGATIVE)}"
    after = _inside(right, binds + 1)
    if tree.value in "+-" and after.startswith("-"):
        after = f"({after})"  # a - (-b) is read more easily than a - -b
    return f"{_inside(left, binds)} {tree.value} {after}"


def _inside(tree: Tree, at_least: int) -> str:
    text = text_of(tree)
    return text if _binding(tree) >= at_least else f"({text})"


def _binding(tree: Tree) -> int:
    if tree.kind == "number" and tree.value.startswith("-"):
        return _NEGATIVE
    if tree.kind == "negative":
        return _NEGATIVE
    return _BINDS.get(tree.kind if tree.kind in ("if", "compare") else tree.value, _ATOM)
