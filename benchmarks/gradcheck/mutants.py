"""Wrong gradients made by machine: every single edit of the syntax tree of an op's backward, one at a time."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npvae.spec import Op

_OPPOSITE = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
             ast.MatMult: ast.Mult}  # fmt: skip
_COMPARED = {ast.Gt: ast.Lt, ast.GtE: ast.Lt, ast.Lt: ast.Gt, ast.LtE: ast.Gt}
_EDGE = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}
_FUNCTIONS = {"sum": "mean", "mean": "sum", "maximum": "minimum", "minimum": "maximum", "exp": "expm1", "expm1": "exp",
              "log": "log1p", "log1p": "log", "max": "min", "min": "max", "argmax": "argmin"}  # fmt: skip


BLOCKS = {"ROWS": 3}
"""Constants that cut the work into blocks, made small in every mutant, so that the battery comes past the first one."""


@dataclass(frozen=True)
class Mutant:
    """One edit: which backward, of what kind, and the line before and after."""

    op: Op
    kind: str
    before: str
    after: str
    backward: Callable[..., Any]

    @property
    def name(self) -> str:
        """Its identity, as long as the line that it edits stays as it is."""
        return f"{self.op.backward.__name__}: {self.before}  ->  {self.after}"

    def planted(self, op: Op) -> Op:
        """An op with this backward in the place of its own."""
        return Op(op.forward, self.backward, op.args, op.params, f"{op.name}:mutant", op.seeded, op.estimator, op.pure)


def mutants_of(op: Op) -> Iterator[Mutant]:
    """Every edit of the op's backward that runs at all, without repetitions."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(op.backward)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    _strip(function)
    original = ast.unparse(tree)
    seen = {original}
    for kind, edited in _edits(tree):
        ast.fix_missing_locations(edited)
        source = ast.unparse(edited)
        if source in seen:
            continue
        seen.add(source)
        scope = {**vars(inspect.getmodule(op.backward)), **BLOCKS}
        exec(compile(source, f"<mutant of {op.name}>", "exec"), scope)
        before, after = _changed_lines(original, source)
        mutant = Mutant(op, kind, before, after, scope[function.name])
        if _runs(mutant):
            yield mutant


def _strip(function: ast.FunctionDef) -> None:
    """Leave the statements only: no docstring, no annotations, no decorators to edit."""
    if ast.get_docstring(function):
        function.body = function.body[1:]
    function.returns, function.decorator_list = None, []
    for arg in function.args.args:
        arg.annotation = None


def _edits(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """(kind, edited copy) for every edit at every node of the function's body, its docstring left alone."""
    count = len(list(ast.walk(tree)))
    for position in range(count):
        node = _node(tree, position)
        for kind, change in _changes(node, tree):
            edited = copy.deepcopy(tree)
            change(_node(edited, position), edited)
            yield kind, edited


def _node(tree: ast.Module, position: int) -> ast.AST:
    return list(ast.walk(tree))[position]


Change = Callable[[Any, ast.Module], None]


def _changes(node: ast.AST, tree: ast.Module) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.BinOp):
        if type(node.op) in _OPPOSITE:
            yield "sign", lambda n, t: setattr(n, "op", _OPPOSITE[type(n.op)]())
        yield "operand", lambda n, t: _replace(t, n, n.left)
        yield "operand", lambda n, t: _replace(t, n, n.right)
        yield "sign", lambda n, t: _replace(t, n, ast.UnaryOp(ast.USub(), copy.deepcopy(n)))
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
            yield "swapped", _swap_sides
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", lambda n, t: _replace(t, n, n.operand)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        yield "sign", lambda n, t: n.ops.__setitem__(0, _COMPARED[type(n.ops[0])]())
        yield "edge", lambda n, t: n.ops.__setitem__(0, _EDGE[type(n.ops[0])]())
        yield (
            "constant",
            lambda n, t: n.comparators.__setitem__(
                0, ast.BinOp(copy.deepcopy(n.comparators[0]), ast.Add(), ast.Constant(0.01))
            ),
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        for value in (node.value + 1, 0, node.value * 1.001, -node.value if node.value else -1):
            if value != node.value:
                yield "constant", lambda n, t, v=value: setattr(n, "value", v)
    elif isinstance(node, ast.Attribute) and node.attr in _FUNCTIONS:
        yield "function", lambda n, t: setattr(n, "attr", _FUNCTIONS[n.attr])
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "axis", lambda n, t: _replace(t, n, n.value)
    elif isinstance(node, ast.keyword) and node.arg in ("axis", "keepdims"):
        yield "axis", _drop_keyword
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        for i in range(len(node.args) - 1):
            yield "swapped", lambda n, t, i=i: n.args.__setitem__(slice(i, i + 2), n.args[i : i + 2][::-1])
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, (ast.Load, ast.Store)) and len(node.elts) > 1:
        for i in range(len(node.elts) - 1):
            yield "swapped", lambda n, t, i=i: n.elts.__setitem__(slice(i, i + 2), n.elts[i : i + 2][::-1])
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        yield "dropped", lambda n, t: _replace(t, n, ast.Pass())
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for other in sorted(_locals(tree) - {node.id}):
            yield "name", lambda n, t, o=other: setattr(n, "id", o)
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Tuple):
        yield "sign", lambda n, t: setattr(n, "value", ast.UnaryOp(ast.USub(), n.value))


def _locals(tree: ast.Module) -> set[str]:
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    return stored | {function.args.args[0].arg}


def _swap_sides(node: ast.BinOp, tree: ast.Module) -> None:
    node.left, node.right = node.right, node.left


def _drop_keyword(node: ast.keyword, tree: ast.Module) -> None:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and node in call.keywords:
            call.keywords.remove(node)


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return
            if isinstance(value, list) and any(item is old for item in value):
                value[[item is old for item in value].index(True)] = new
                return


def _changed_lines(original: str, edited: str) -> tuple[str, str]:
    """The lines that differ, joined: a dropped statement leaves `pass`."""
    pairs = [(a.strip(), b.strip()) for a, b in zip(original.splitlines(), edited.splitlines(), strict=True) if a != b]
    return "; ".join(a for a, _ in pairs), "; ".join(b for _, b in pairs)


def _runs(mutant: Mutant) -> bool:
    """Whether it gets through one ordinary call: what raises at once needs no checker."""
    from npvae.gradcheck.battery.drawing import build
    from npvae.gradcheck.battery.samples import battery

    op = mutant.op
    case = build(op, battery(op)[0], 0)
    with np.errstate(all="ignore"):
        y, cache = op.forward(*case.inputs, **case.params)
        try:
            mutant.backward(np.ones_like(y), cache)
        except Exception:
            return False
    return True


def equivalent() -> dict[str, str]:
    """Name of a mutant -> why it computes a right gradient all the same, from equivalent.txt."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in Path(__file__).with_name("equivalent.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            reasons[line.strip()] = reason
        elif line and not line.startswith("#"):
            reason = line.rstrip(":")
    return reasons
