"""A lesson as a page: its text, its code, what it prints and its picture.

What a lesson prints in full is kept in `examples/printed/NAME.txt`, because to run all of them takes five minutes:

    python docs/making/lessons.py            # run those whose code has changed since
    python docs/making/lessons.py beta       # or these, whatever they say

The first line of such a file is a fingerprint of the lesson's code. A test compares it: a lesson that was changed is
run again before the site shows what it no longer prints.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PRINTED = EXAMPLES / "printed"
CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)


def names() -> list[str]:
    """The lessons in reading order, as examples/README.md gives it; what stands there without a number comes last."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(re.findall(r"\]\((\w+)\.py\)", text)))


def cells(source: str) -> list[tuple[str, str]]:
    """(kind, text) of each cell of a script in percent format; kind is "text" or "code"."""
    parts = CELL.split(source)[1:]
    found = []
    for head, body in zip(parts[::2], parts[1::2], strict=True):
        body = body.strip("\n")
        if "[markdown]" in head:
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines())
        found.append(("text" if "[markdown]" in head else "code", body))
    return [(kind, body) for kind, body in found if body.strip()]


def fingerprint(source: str) -> str:
    """Of the code alone: comments, docstrings and text may change without another run."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def printed(name: str) -> tuple[str, str]:
    """The fingerprint of the code that ran, and what it printed; two empty texts if it never did."""
    path = PRINTED / f"{name}.txt"
    first, _, rest = path.read_text(encoding="utf-8").partition("\n") if path.exists() else ("", "", "")
    return first.removeprefix("code ").strip(), rest


def page(name: str) -> str:
    """The page of a lesson in Markdown, links and pictures as they are in examples/."""
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    parts = [f"{body}\n" if kind == "text" else f"```python\n{body}\n```\n" for kind, body in cells(source)]
    _, output = printed(name)
    picture = EXAMPLES / "pictures" / f"{name}.png"
    shown = [f"![The picture that this lesson draws](pictures/{name}.png)\n"] if picture.exists() else []
    if output:
        shown += ["## What it prints\n", f"```text\n{output.strip()}\n```\n"]
    return "\n".join([parts[0], *parts[1:], *shown])


def run(name: str) -> None:
    """Run a lesson in full and keep what it prints; its picture is drawn where it is kept."""
    folder = EXAMPLES
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, f"{name}.py"], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}.py failed:\n{done.stderr}")
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    PRINTED.mkdir(exist_ok=True)
    (PRINTED / f"{name}.txt").write_text(f"code {fingerprint(source)}\n{done.stdout}", encoding="utf-8")


def stale() -> list[str]:
    """The lessons whose code is not the one that ran."""
    sources = {name: (EXAMPLES / f"{name}.py").read_text(encoding="utf-8") for name in names()}
    return [name for name, source in sources.items() if printed(name)[0] != fingerprint(source)]


if __name__ == "__main__":
    for each in sys.argv[1:] or stale():
        print(each, flush=True)
        run(each)
