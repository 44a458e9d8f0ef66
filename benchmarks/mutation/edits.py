"""Every small mistake that can be made in a file: what `run.py` lets the tests look for.

An edit swaps an operator, a comparison or the two parts of a tuple, moves a number, negates a condition, drops a
keyword argument or leaves out a statement. Not edited: docstrings, annotations, messages of errors, imports, and the
tables (`OP = Op(...)`), which say what is tested.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SWAPS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
    ast.FloorDiv: (ast.Div,), ast.Mod: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip


def mutants(path: Path) -> Iterator[tuple[str, str]]:
    """Every edit of a file: (its line, what was done, that line before and after), the whole source."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole = ast.unparse(tree)
    for index, node in enumerate(sites(tree)):
        for what, edit in edits(node):
            changed = copy.deepcopy(tree)
            edit(list(sites(changed))[index])
            source = ast.unparse(changed)
            lines = zip(whole.splitlines(), source.splitlines(), strict=False)
            before, after = next(((a.strip(), b.strip()) for a, b in lines if a != b), ("", ""))
            if source == whole:  # both parts of a tuple are alike
                continue
            yield f"{node.lineno}: {what}: {before}  ->  {after}", source


def sites(node: ast.AST) -> Iterator[Any]:
    """The statements and expressions of a tree that may be edited, in a fixed order."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, (ast.JoinedStr, ast.Raise)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.Import, ast.ImportFrom)) or is_table(child):
                continue
            if isinstance(child, (ast.stmt, ast.expr)):
                yield child
            yield from sites(child)


def is_table(node: ast.AST) -> bool:
    """OP = Op(...), __all__ = [...] and docstrings."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").startswith(("OP", "__all__"))


def edits(node: Any) -> Iterator[tuple[str, Any]]:
    """What can be done to a node: (name, function that does it in place)."""
    match node:
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp():
            for op in SWAPS.get(type(node.op), ()):
                yield "operator", lambda n, op=op: setattr(n, "op", op())
        case ast.Compare():
            for op in SWAPS.get(type(node.ops[0]), ()):
                yield "comparison", lambda n, op=op: n.ops.__setitem__(0, op())
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield "sign", lambda n: become(n, n.operand)
        case ast.Constant(value=bool()):
            yield "flag", lambda n: setattr(n, "value", not n.value)
        case ast.Constant(value=int() | float()):
            yield "number", lambda n: setattr(n, "value", n.value + 1)
        case ast.Tuple(elts=[_, _], ctx=ast.Load()):
            yield "order", lambda n: n.elts.reverse()
        case ast.If() | ast.IfExp() | ast.While():
            yield "condition", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
        case ast.Call(keywords=[_, *_]):
            for at, keyword in enumerate(node.keywords):
                yield f"without {keyword.arg}", lambda n, at=at: n.keywords.pop(at)
    if isinstance(node, (ast.Expr, ast.AugAssign, ast.Raise)) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Subscript, ast.Attribute))
    ):
        yield "left out", lambda n: become(n, ast.Pass())


def become(node: ast.AST, other: ast.AST) -> None:
    """Turn a node into another where it stands."""
    place = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
    node.__class__ = other.__class__  # type: ignore[assignment]
    node.__dict__ = {**other.__dict__, **place}
