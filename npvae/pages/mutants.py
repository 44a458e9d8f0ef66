"""Every small slip that one equation could have: a sign, a factor, an index, a missing term.

A test of equations is worth what it sees: each mutant of each page must turn it red.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from npvae.pages.check import cases, disagreements
from npvae.pages.read import Page
from npvae.pages.trees import Tree
from npvae.spec import Law, Op

_OTHER_SIGN = {"+": "-", "-": "+", "*": "/", "/": "*"}
_OTHER_SIGN |= {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def mutants_of(page: Page) -> Iterator[tuple[str, Page]]:
    """(what was changed, the page with that change), one for each slip in each equation."""
    for k, equation in enumerate(page.equations):
        if equation.origin:
            continue  # taken over from another page, whose mutants these are
        for what, tree in _slips(equation.tree, equation.indices):
            changed = replace(equation, tree=tree, text=str(tree))
            equations = (*page.equations[:k], changed, *page.equations[k + 1 :])
            yield f"{what}: {changed}", replace(page, equations=equations)


def is_caught(subject: Op | Law, page: Page, *, numbers: Any = math, seed: int = 0) -> bool:
    """Whether the comparison of `page_test` sees that these are not the equations of the subject.

    In float64 at ordinary values and kinks; with more digits at specials and ends of domains, too.
    """
    looked_at = cases(subject, seed, extremes=numbers is not math)
    return any(disagreements(subject, case, numbers=numbers, page=page) for case in looked_at)


def _slips(tree: Tree, indices: tuple[str, ...]) -> Iterator[tuple[str, Tree]]:
    yield "sign", Tree("negative", "-", (tree,))
    yield from _inside(tree, indices)


def _inside(tree: Tree, known: tuple[str, ...]) -> Iterator[tuple[str, Tree]]:
    parts = tree.parts
    if tree.kind == "binary" and tree.value in "+-":
        yield "sign", replace(tree, value=_OTHER_SIGN[tree.value])
        yield "missing term", parts[0]
        yield "missing term", parts[1] if tree.value == "+" else Tree("negative", "-", (parts[1],))
    elif tree.kind == "binary" and tree.value in ("*", "/", "**"):
        if parts[1] != Tree("number", "1"):
            yield "missing factor", parts[0]
        if tree.value == "*":
            yield "missing factor", parts[1]
        if tree.value == "/" and parts[0] != Tree("number", "1"):
            yield "missing factor", replace(tree, parts=(Tree("number", "1"), parts[1]))
        if tree.value in _OTHER_SIGN and parts[1] != Tree("number", "1"):
            yield "factor", replace(tree, value=_OTHER_SIGN[tree.value])
    elif tree.kind == "negative":
        yield "sign", parts[0]
    elif tree.kind == "compare" and len(parts) == 2:
        yield "condition", replace(tree, value=_OTHER_SIGN[tree.value])
    elif tree.kind == "if":
        yield "branch", parts[1]
        yield "branch", parts[2]
    elif tree.kind == "number":
        yield "factor", replace(tree, value=str(int(tree.value) + 1) if tree.value.isdigit() else f"{tree.value}1")
    elif tree.kind == "call" and len(parts) == 1 and tree.value not in ("f", "df"):
        yield "missing function", parts[0]
    elif tree.kind == "over" and tree.value == "sum":
        first, *ranges = parts
        end = Tree("binary", "-", (ranges[0].parts[1], Tree("number", "1")))
        shorter = replace(ranges[0], parts=(ranges[0].parts[0], end, *ranges[0].parts[2:]))
        yield "missing term", replace(tree, parts=(first, shorter, *ranges[1:]))
    if tree.kind == "entry":
        for i, part in enumerate(parts):
            if part.kind == "name":
                for other in known:
                    if other != part.value:
                        index = replace(part, value=other)
                        yield "index", replace(tree, parts=(*parts[:i], index, *parts[i + 1 :]))
            if (part.kind, part.value) != ("number", "0"):
                yield "index", replace(tree, parts=(*parts[:i], Tree("number", "0"), *parts[i + 1 :]))
        return
    if tree.kind == "over":
        known = (*known, *(part.value for part in parts[1:]))
    for i, part in enumerate(parts):
        if tree.kind == "range" and i < 2:
            continue  # the ends of a range: see the missing term above
        for what, changed in _inside(part, known):
            yield what, replace(tree, parts=(*parts[:i], changed, *parts[i + 1 :]))
