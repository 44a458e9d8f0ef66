"""How many small mistakes the tests notice: every mutant is one edit of one file, and the tests of that file are run.

    python benchmarks/mutation.py                      # everything below, in random order; about an hour
    python benchmarks/mutation.py --quick              # 40 mutants
    python benchmarks/mutation.py npvae/ops/dense.py   # these files
    python benchmarks/mutation.py --minutes 10         # as many as fit, an unbiased sample since the order is random

An edit swaps an operator, a comparison or the two parts of a tuple, moves a number, negates a condition, drops a
keyword argument or leaves out a statement. Not edited: docstrings, annotations, messages of errors, imports, and the
tables (`OP = Op(...)`), which say what is tested. A mutant that runs into the time limit counts as noticed.

Each one runs in a fork of this process, which has imported what does not change. The file on disk is never touched:
the child imports its own version of it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core a mutant
os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")  # the same examples each time

ROOT = Path(__file__).parents[1]
SECONDS = 120.0  # for one stage of tests

TESTS = {
    "npvae/ops": [
        ["tests/ops/test_pages.py", "tests/ops/test_values.py", "tests/ops/test_values_likelihoods.py", "-k", "{name}"],
        ["tests/ops/test_gradients.py", "-k", "{name}"],
        ["tests/ops/test_pages.py", "tests/ops/test_values.py", "tests/ops/test_values_likelihoods.py"],
    ],
    "npvae/optim": [["tests/optim"], ["tests/training/test_checkpoint.py", "tests/training/test_resume.py"]],
    "npvae/training/checkpoint.py": [
        ["tests/training/test_checkpoint.py"],
        ["tests/training/test_resume.py"],
        ["tests/training/test_run_folder.py", "tests/training/test_train.py"],
    ],
}
"""For files under each path: stages of pytest arguments, run until one fails. {name} is the file's own name."""

SWAPS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
    ast.FloorDiv: (ast.Div,), ast.Mod: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip


NO_MISTAKES = {
    "np.minimum(x, 1)": "only entries x <= 0 of this branch are taken",
    "np.where(x >= 0, x, alpha": "both branches are 0 at 0",
    "op.backward(np.ones(2), cache)": "an oracle's array, of which one entry is read",
    "t <= 0.5": "formula and series agree at the border",
    "near = np.where(t < 0.5, t, 1)": "the entries put in are not taken",
    "far = np.where(t < 0.5, 2, t)": "the entries put in are not taken",
    "np.array(1, np.int64)": "a place that is written before it is read",
    "softplus.py:29: comparison: dy_dx": "both branches are 1/2 at 0",
    "sum(axis=(2, 1))": "a sum over the same two axes",
    "SERIES = (-691 / 1307674368001": "the coefficient is the same to a part in 1e12, times t**11 < 1e-3",
    "zip(symbols, shape)": "lengths that were compared before",
}
"""Survivors that do what the original does: a part of their line, and why."""


def main() -> int:
    """Run mutants and print who survived; the exit code is 0 if at least 97 % were noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="files to edit (default: all with tests here)")
    parser.add_argument("--quick", action="store_true", help="40 mutants")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    args = parser.parse_args()

    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    warm_up()
    files = args.files or [path for start in TESTS for path in sorted([*Path(start).glob("*.py"), Path(start)])]
    jobs = [(path, number) for path in files if path.suffix == ".py" for number in range(len(list(mutants(path))))]
    random.Random(args.seed).shuffle(jobs)
    if args.quick:
        jobs = jobs[:40]
    one_of_each = {start_of(path): path for path, _ in jobs}
    for path in one_of_each.values():
        if failing := fails(path, path.read_text()):
            sys.exit(f"{path}: its tests fail without any edit ({failing}): mend them first")

    began, done, survivors = time.monotonic(), 0, []
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: what was found so far
        for path, number in jobs:
            if time.monotonic() - began > 60 * args.minutes:
                break
            what, source = list(mutants(path))[number]
            noticed = fails(path, source)
            done += 1
            if not noticed:
                survivors.append(f"{path}:{what}")
                print(f"survived: {path}:{what}", flush=True)
            if done % 50 == 0:
                print(f"{done} of {len(jobs)} done, {len(survivors)} survived", flush=True)
    report(done, len(jobs), survivors)
    print(f"in {(time.monotonic() - began) / 60:.0f} minutes")
    return 0 if done and len(unexplained(survivors)) <= 0.03 * done else 1


def report(done: int, of: int, survivors: list[str]) -> None:
    """Print the figure, and who survived and why."""
    rest = unexplained(survivors)
    print(f"\n{done} of {of} mutants run: {done - len(survivors)} noticed, {len(survivors)} survived")
    print(
        f"{len(survivors) - len(rest)} survivors do what the original does; of the others {len(rest)} are not noticed"
    )
    print(f"noticed, of those that are mistakes: {1 - len(rest) / max(1, done - len(survivors) + len(rest)):.1%}")
    for survivor in sorted(survivors):
        print(f"  {survivor}\n      {reason(survivor) or 'NOT NOTICED'}")


def reason(survivor: str) -> str:
    """Why a mutant is no mistake; "" if nothing is known."""
    return next((why for part, why in NO_MISTAKES.items() if part in survivor), "")


def unexplained(survivors: list[str]) -> list[str]:
    """Survivors that may be mistakes that no test sees."""
    return [survivor for survivor in survivors if not reason(survivor)]


def warm_up() -> None:
    """Import what every child needs and no edit changes."""
    for name in ("numpy", "pytest", "hypothesis", "hypothesis.extra.numpy", "numba", "mpmath", "tqdm.auto", "_pytest"):
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)


def mutants(path: Path) -> Iterator[tuple[str, str]]:
    """Every edit of a file: (its line, what was done, that line before and after), the whole source."""
    tree = ast.parse(path.read_text())
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


class Finder:
    """Imports one module from a source of our own, and everything else as always."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        name = ".".join(path.with_suffix("").parts)
        self.name = name.removesuffix(".__init__")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Called by the import system."""
        if name != self.name:
            return None
        package = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            name, ROOT / self.path, loader=self, submodule_search_locations=package
        )

    def create_module(self, spec: Any) -> None:
        """As by default."""

    def exec_module(self, module: Any) -> None:
        """Run the edited source."""
        exec(compile(self.source, str(ROOT / self.path), "exec"), module.__dict__)


def fails(path: Path, source: str) -> str:
    """The stage of tests that notices that a file has this source; "" if none does."""
    for stage in TESTS[start_of(path)]:
        arguments = [part.format(name=path.stem) for part in stage]
        code = run_in_fork(Finder(path, source), arguments)
        if code not in (0, 5):  # 5: no test has this name
            return f"{' '.join(arguments)}: {code}"
    return ""


def start_of(path: Path) -> str:
    """The entry of TESTS that a file belongs to."""
    return next(start for start in TESTS if path.is_relative_to(start))


def run_in_fork(finder: Finder, arguments: list[str]) -> int:
    """Run pytest in a child that imports through the finder -> its exit code; -9 if it took too long."""
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        signal.alarm(0)
        sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
        import pytest

        code = 99
        try:
            code = int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *arguments]))
        finally:
            os._exit(code)
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main())
