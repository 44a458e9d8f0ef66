"""Every small slip that one equation could have: a sign, a factor, an index, a missing term.

A test of equations is worth what it sees: each mutant of each page must turn it red.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from npvae.pages.check import Arrays, Case, cases, disagreements, run_code
from npvae.pages.read import Page, page_of
from npvae.pages.trees import Tree
from npvae.spec import Law, Op

_OTHER_SIGN = {"+": "-", "-": "+", "*": "/", "/": "*"}
_OTHER_END = {"max": "min", "min": "max"}
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


def survivors(subjects: Sequence[Op | Law], *, numbers: Any = math, seed: int = 0, every: int = 1) -> list[str]:
    """The slips in the page that these ops or laws share which the comparison with their code does not see.

    In float64 at every case of `page_test` at which the page as it stands agrees in float64; at the others with more
    digits, those of `mpmath.mp` say. every = 4 tries each fourth slip.
    """
    page = page_of(subjects[0])
    looked_at = [
        (subject, case, run_code(subject, case, page)) for subject in subjects for case in cases(subject, seed)
    ]
    plain: list[tuple[Op | Law, Case, tuple[Arrays, Arrays]]] = []
    rest: list[tuple[Op | Law, Case, tuple[Arrays, Arrays]]] = []
    for subject, case, ran in looked_at:
        (rest if disagreements(subject, case, ran=ran) else plain).append((subject, case, ran))

    def is_caught(mutant: Page) -> bool:
        if any(disagreements(subject, case, page=mutant, ran=ran) for subject, case, ran in plain):
            return True
        return numbers is not math and any(
            disagreements(subject, case, page=mutant, ran=ran, numbers=numbers) for subject, case, ran in rest
        )

    return [what for what, mutant in islice(mutants_of(page), 0, None, every) if not is_caught(mutant)]


def _slips(tree: Tree, indices: tuple[str, ...]) -> Iterator[tuple[str, Tree]]:
    yield "sign", Tree("negative", "-", (tree,))
    yield from _inside(tree, indices)


def _other_ranges(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """One term less at the end or at the start; without the condition that leaves some out."""
    first, end, *conditions = tree.parts
    one = Tree("number", "1")
    yield "missing term", replace(tree, parts=(first, Tree("binary", "-", (end, one)), *conditions))
    yield "missing term", replace(tree, parts=(Tree("binary", "+", (first, one)), end, *conditions))
    for i in range(len(conditions)):
        yield "condition", replace(tree, parts=(first, end, *conditions[:i], *conditions[i + 1 :]))


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
    elif tree.kind == "compare":
        signs = tree.value.split()
        for i, sign in enumerate(signs):
            yield "condition", replace(tree, value=" ".join([*signs[:i], _OTHER_SIGN[sign], *signs[i + 1 :]]))
    elif tree.kind == "logic" and tree.value != "not":
        yield "condition", replace(tree, value="or" if tree.value == "and" else "and")
    elif tree.kind == "if":
        yield "branch", parts[1]
        yield "branch", parts[2]
    elif tree.kind == "number":
        yield "factor", replace(tree, value=str(int(tree.value) + 1) if tree.value.isdigit() else f"{tree.value}1")
    elif tree.kind == "call" and tree.value in _OTHER_END:
        yield "other end", replace(tree, value=_OTHER_END[tree.value])
    elif tree.kind == "call" and len(parts) == 1 and tree.value not in ("f", "df"):
        yield "missing function", parts[0]
    elif tree.kind == "over":
        if tree.value != "sum":
            yield "other end", replace(tree, value=_OTHER_END[tree.value])
        for i, each in enumerate(parts[1:], start=1):
            for what, changed in _other_ranges(each):
                yield what, replace(tree, parts=(*parts[:i], changed, *parts[i + 1 :]))
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
