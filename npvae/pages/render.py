"""Equations with their numbers put in, `dmu[0, 0] = 1.03 * -0.19 = -0.1957`, to be followed with a calculator."""

from __future__ import annotations

import textwrap
from itertools import product
from typing import Any

import numpy as np

from npvae.pages.computation import Computation, Where
from npvae.pages.trees import Tree, text_of

DIGITS = 5  # significant digits of what is computed; what is given is printed in full
WIDTH = 110


def entry_lines(computation: Computation, k: int, most: int) -> list[str]:
    """Equation k entry by entry, at most so many of them: left side, the numbers put in, the result."""
    equation, shape = computation.equations[k], computation.entries[k].shape
    lines = []
    for place, position in enumerate(product(*map(range, shape))):
        if place == most:
            more = int(np.prod(shape)) - most
            lines.append(f"... and {more} more {'entry' if more == 1 else 'entries'}, in the same way")
            break
        where = dict(zip(equation.indices, position, strict=True))
        left = f"{equation.name}[{', '.join(map(str, position))}]" if position else equation.name
        lines += wrapped(f"{left} = {_right_side(computation, k, where)}")
    return lines


def _right_side(computation: Computation, k: int, where: Where) -> str:
    tree = computation.equations[k].tree
    taken: list[str] = []
    put_in = text_of(_put_in(computation, k, tree, where, taken))
    result = number(computation.entries[k].at(tuple(where.values())))
    reasons = f"    since {', '.join(dict.fromkeys(taken))}" if taken else ""
    return f"{put_in} = {result}{reasons}" if put_in != result else f"{result}{reasons}"


def _put_in(computation: Computation, k: int, tree: Tree, where: Where, taken: list[str]) -> Tree:
    """The tree with a number for each name, the terms of each sum, and of each `if` the branch that is taken."""
    if tree.kind in ("name", "entry"):
        value = computation.value(k, tree, where)
        given = isinstance(computation.source(k, tree.value, tree.parts), np.ndarray) or isinstance(value, int)
        return Tree("number", number(value, 15 if given else DIGITS))
    if tree.kind == "if":
        condition = tree.parts[0]
        is_true = computation.value(k, condition, where)
        said = text_of(_put_in(computation, k, condition, where, []))
        taken.append(said if is_true else f"{said} is false")
        return _put_in(computation, k, tree.parts[1 if is_true else 2], where, taken)
    if tree.kind == "over":
        return _terms(computation, k, tree, where, taken)
    parts = tuple(_put_in(computation, k, part, where, taken) for part in tree.parts)
    return Tree(tree.kind, tree.value, parts)


def _terms(computation: Computation, k: int, tree: Tree, where: Where, taken: list[str]) -> Tree:
    term, *ranges = tree.parts
    places = [where]
    for each in ranges:
        first, end, *conditions = each.parts
        places = [
            inner
            for outer in places
            for value in range(computation.value(k, first, outer), computation.value(k, end, outer))
            for inner in [{**outer, each.value: value}]
            if all(computation.value(k, condition, inner) for condition in conditions)
        ]
    terms = [_put_in(computation, k, term, place, taken) for place in places]
    if tree.value != "sum" and len(terms) > 1:
        return Tree("call", tree.value, tuple(terms))
    together = terms[0] if terms else Tree("number", "0")
    for each in terms[1:]:
        together = Tree("binary", "+", (together, each))
    return together


def wrapped(line: str) -> list[str]:
    """A line broken where it is too long, its rest further in."""
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False) or [""]


def number(value: Any, digits: int = DIGITS) -> str:
    """A number to so many significant digits; whole numbers as they are."""
    return str(value) if isinstance(value, int) else f"{float(value) + 0.0:.{digits}g}"  # + 0.0 makes -0 into 0


def array(x: Any, digits: int = DIGITS) -> str:
    """An array on one line, each number to so many significant digits."""
    text = np.array2string(
        np.asarray(x, dtype=float) + 0.0,
        formatter={"float_kind": lambda value: f"{value:.{digits}g}"},
        separator=", ",
        threshold=10_000,
    )
    return " ".join(text.split())
