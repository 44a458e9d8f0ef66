"""From the text of an equation's right side to its tree. What is not in the language is refused, never executed.

Python's own parser finds the words and their order; `_convert` takes what the language has and nothing else.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence

from npvae.pages.trees import FUNCTIONS, Tree

LONGEST = 2000  # characters of one equation
DEEPEST = 40  # trees within trees
_NUMBER = re.compile(r"\d+(\.\d*)?([eE][+-]?\d+)?")
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**"}
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_OVER = ("sum", "max", "min")
_NO_NAMES = (set(FUNCTIONS) - {"f", "df"}) | {*_OVER, "range"}  # f is an index, too: that of a filter


class Refused(ValueError):
    """Text that is no equation of the language; `column` counts from 1, `reason` says what to write instead."""

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(f"column {column}: {reason}")
        self.column, self.reason = column, reason


def parse(text: str, indices: Sequence[str] = ()) -> Tree:
    """The tree of a right side, in which the indices of the left are known. Raises Refused."""
    if len(text) > LONGEST:
        raise Refused(LONGEST + 1, f"an equation of {len(text):,} characters: {LONGEST:,} are the most")
    for column, letter in enumerate(text, start=1):
        if not " " <= letter <= "~":
            raise Refused(column, f"{letter!r} is not in the language: names and signs are plain ASCII")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of `x is 0` and the like, which is refused below
            node = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise Refused(min(error.offset or 1, len(text) + 1), error.msg) from None
    except (ValueError, RecursionError, MemoryError):
        raise Refused(1, "this is nested too deeply") from None
    return _Converter(text).number(node, tuple(indices), 0)


class _Converter:
    """Turns nodes of Python's parser into trees. `known` holds the indices that are bound where a node stands."""

    def __init__(self, text: str) -> None:
        self.text = text

    def refuse(self, node: ast.AST, reason: str) -> Refused:
        return Refused(getattr(node, "col_offset", 0) + 1, reason)

    def words(self, node: ast.AST) -> str:
        return self.text[node.col_offset : node.end_col_offset]  # type: ignore[attr-defined]

    def tree(self, node: ast.expr, kind: str, value: str, *parts: Tree) -> Tree:
        return Tree(kind, value, parts, (node.col_offset, node.end_col_offset or 0))

    def number(self, node: ast.expr, known: tuple[str, ...], depth: int) -> Tree:
        """What has a number as its value."""
        if depth > DEEPEST:
            raise self.refuse(node, "this is nested too deeply")
        depth += 1
        if isinstance(node, ast.Constant):
            if not _NUMBER.fullmatch(self.words(node)):
                raise self.refuse(node, f"{self.words(node)} is no number of the language: write 2, 0.5 or 1e-8")
            return self.tree(node, "number", self.words(node))
        if isinstance(node, ast.Name):
            return self.tree(node, "name", self.name(node))
        if isinstance(node, ast.Subscript):
            return self.entry(node, known, depth)
        if isinstance(node, ast.Call):
            return self.call(node, known, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self.tree(node, "negative", "-", self.number(node.operand, known, depth))
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            left, right = (self.number(side, known, depth) for side in (node.left, node.right))
            return self.tree(node, "binary", _BINARY[type(node.op)], left, right)
        if isinstance(node, ast.IfExp):
            condition = self.condition(node.test, known, depth)
            then, otherwise = (self.number(branch, known, depth) for branch in (node.body, node.orelse))
            return self.tree(node, "if", "if", condition, then, otherwise)
        if isinstance(node, (ast.Compare, ast.BoolOp)):
            raise self.refuse(node, f"{self.words(node)} is true or false: write `1 if {self.words(node)} else 0`")
        raise self.refuse(node, f"`{self.words(node)}` is not in the language")

    def condition(self, node: ast.expr, known: tuple[str, ...], depth: int) -> Tree:
        """What is true or false."""
        if depth > DEEPEST:
            raise self.refuse(node, "this is nested too deeply")
        depth += 1
        if isinstance(node, ast.Compare) and all(type(sign) in _COMPARE for sign in node.ops):
            sides = (self.number(side, known, depth) for side in (node.left, *node.comparators))
            return self.tree(node, "compare", " ".join(_COMPARE[type(sign)] for sign in node.ops), *sides)
        if isinstance(node, ast.BoolOp):
            sign = "and" if isinstance(node.op, ast.And) else "or"
            return self.tree(node, "logic", sign, *(self.condition(part, known, depth) for part in node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.tree(node, "logic", "not", self.condition(node.operand, known, depth))
        raise self.refuse(node, f"`{self.words(node)}` is no condition: write a comparison, as in x[n, d] > 0")

    def name(self, node: ast.Name) -> str:
        if node.id.startswith("_") or node.id in _NO_NAMES:
            raise self.refuse(node, f"{node.id} is not the name of a number")
        return node.id

    def entry(self, node: ast.Subscript, known: tuple[str, ...], depth: int) -> Tree:
        if not isinstance(node.value, ast.Name):
            raise self.refuse(node, "only a name has indices: x[n, d]")
        places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not places:
            raise self.refuse(node, "an entry needs its indices: x[n, d]")
        return self.tree(node, "entry", self.name(node.value), *(self.number(p, known, depth) for p in places))

    def call(self, node: ast.Call, known: tuple[str, ...], depth: int) -> Tree:
        name = node.func.id if isinstance(node.func, ast.Name) else self.words(node.func)
        if name not in FUNCTIONS and name not in _OVER:
            raise self.refuse(node, f"{name} is not a function of the language, which has sum, {', '.join(FUNCTIONS)}")
        if node.keywords:
            raise self.refuse(node, f"{name} takes no argument by name")
        if name in _OVER and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            return self.over(node, name, node.args[0], known, depth)
        wanted = FUNCTIONS.get(name)
        if wanted is None:
            raise self.refuse(node, "a sum runs over an index: sum(x[n, d] for d in range(D))")
        if len(node.args) != wanted and not (wanted == 2 and len(node.args) > 2):
            raise self.refuse(node, f"{name} has {len(node.args)} arguments, expected {wanted}")
        return self.tree(node, "call", name, *(self.number(argument, known, depth) for argument in node.args))

    def over(self, node: ast.Call, name: str, over: ast.GeneratorExp, known: tuple[str, ...], depth: int) -> Tree:
        ranges = []
        for each in over.generators:
            run = each.iter
            is_range = isinstance(run, ast.Call) and isinstance(run.func, ast.Name) and run.func.id == "range"
            if not isinstance(each.target, ast.Name) or each.is_async or not is_range:
                raise self.refuse(each.target, f"{name} runs over an index: for d in range(D)")
            assert isinstance(run, ast.Call)
            index = self.name(each.target)
            if index in known:
                raise self.refuse(each.target, f"the index {index} is taken already: use another letter")
            if run.keywords or len(run.args) not in (1, 2):
                raise self.refuse(run, "write range(D), or range(1, D) to leave out the first")
            ends = [self.number(end, known, depth) for end in run.args]
            first = [Tree("number", "0")] if len(ends) == 1 else []
            known = (*known, index)
            conditions = [self.condition(condition, known, depth) for condition in each.ifs]
            at = (each.target.col_offset, run.end_col_offset or 0)
            ranges.append(Tree("range", index, (*first, *ends, *conditions), at))
        return self.tree(node, "over", name, self.number(over.elt, known, depth), *ranges)
