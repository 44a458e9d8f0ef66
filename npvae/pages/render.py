"""Equations with their numbers put in, `dmu[0, 0] = 1.03 * -0.19 = -0.1957`, to be followed with a calculator."""

from __future__ import annotations

import textwrap
from itertools import product
from typing import Any

import numpy as np

from npvae.pages.computation import Computation, Where
from npvae.pages.trees import Tree, text_of

DIGITS = 5  # significant digits of what is computed; what is given is printed in full
MORE_DIGITS = (5, 6, 7, 8, 10, 12, 15)  # of what is put in, where the result would not follow from five
NOTHING = 1e-14  # what is left where numbers cancel
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
    exact = computation.entries[k].at(tuple(where.values()))
    result = number(exact)
    for digits in MORE_DIGITS:
        taken: list[str] = []
        tree = _put_in(computation, k, where, digits, taken)
        followed = computation.value(k, tree, {})
        if abs(followed - exact) <= 0.5 * 10.0**-DIGITS * abs(exact) + NOTHING:
            break
    put_in = text_of(tree)
    reasons = f"    since {', '.join(dict.fromkeys(taken))}" if taken else ""
    return f"{put_in} = {result}{reasons}" if put_in != result else f"{result}{reasons}"


def _put_in(
    computation: Computation, k: int, where: Where, digits: int, taken: list[str], tree: Tree | None = None
) -> Tree:
    """The tree with a number for each name, the terms of each sum, and of each `if` the branch that is taken.

    digits  of numbers that are longer; taken collects which conditions decided
    """
    tree = tree or computation.equations[k].tree

    def inside(part: Tree, at: Where = where, into: list[str] = taken) -> Tree:
        return _put_in(computation, k, at, digits, into, part)

    if tree.kind in ("name", "entry"):
        return Tree("number", number(computation.value(k, tree, where), digits))
    if tree.kind == "if":
        condition = tree.parts[0]
        is_true = computation.value(k, condition, where)
        said = text_of(inside(condition, where, []))
        taken.append(said if is_true else f"{said} is false")
        return inside(tree.parts[1 if is_true else 2])
    if tree.kind == "over":
        terms = [inside(tree.parts[0], place) for place in _places(computation, k, tree, where)]
        if tree.value != "sum" and len(terms) > 1:
            return Tree("call", tree.value, tuple(terms))
        together = terms[0] if terms else Tree("number", "0")
        for each in terms[1:]:
            together = Tree("binary", "+", (together, each))
        return together
    parts = tuple(inside(part) for part in tree.parts)
    return Tree(tree.kind, tree.value, parts)


def _places(computation: Computation, k: int, tree: Tree, where: Where) -> list[Where]:
    """The values of the indices for each term of a sum."""
    places = [where]
    for each in tree.parts[1:]:
        first, end, *conditions = each.parts
        places = [
            inner
            for outer in places
            for value in range(computation.value(k, first, outer), computation.value(k, end, outer))
            for inner in [{**outer, each.value: value}]
            if all(computation.value(k, condition, inner) for condition in conditions)
        ]
    return places


def wrapped(line: str) -> list[str]:
    """A line broken where it is too long, its rest further in."""
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False) or [""]


def number(value: Any, digits: int = DIGITS) -> str:
    """A number to so many significant digits; whole numbers as they are."""
    if isinstance(value, int):
        return str(value)
    return "0" if abs(value) < NOTHING else f"{float(value):.{digits}g}"


def array(x: Any, digits: int = DIGITS) -> str:
    """An array on one line, each number to so many significant digits."""
    text = np.array2string(
        np.asarray(x, dtype=float),
        formatter={"float_kind": lambda value: number(float(value), digits)},
        separator=", ",
        threshold=10_000,
    )
    return " ".join(text.split())
