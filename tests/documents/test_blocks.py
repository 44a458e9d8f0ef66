"""Every block of code and every command of every document runs, in the order in which it stands.

A fence says what its block needs: `sklearn`, `export`, `mpi` an extra; `mnist`, `graph` data; `slow` more than
five seconds; `setup` a machine of its own, which is what `.ci/run` is. The suite shortens each training to one epoch,
without pictures; with `-m deep` everything runs as it is typed.
"""

import contextlib
import importlib.util
import io
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from making.markdown import code_of

from npvae.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("npvae/**/*.md"), *ROOT.glob("*/*.md")])
DOCUMENTS = [path for path in dict.fromkeys(DOCUMENTS) if "_build" not in path.parts]
EXTRAS = {"sklearn": "sklearn", "export": "safetensors", "mpi": "mpi4py", "study": "npvae.study"}
DATA = {"mnist", "graph"}
SHOWN = {"text", "powershell", "json", "equations", "refused", "undefined"}  # output; read by tests of their own
ELSEWHERE = {
    ("docs/guides/gradients.md", "py"),
    ("docs/guides/gradients.md", "console"),
}  # tests/gradcheck/test_guide.py


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def blocks_of(path):
    """(language, what else its fence says, text) of each block that can run."""
    return [
        (block.words[0], set(block.words[1:]), block.text)
        for block in code_of(path.read_text(encoding="utf-8"))
        if block.words and block.words[0] not in SHOWN and (name_of(path), block.words[0]) not in ELSEWHERE
    ]


def test_every_fence_says_its_language():
    bare = [name_of(path) for path in DOCUMENTS for block in code_of(path.read_text("utf-8")) if not block.words]
    assert bare == []


def test_every_language_is_known():
    found = {language for path in DOCUMENTS for language, _, _ in blocks_of(path)}
    assert found <= {"sh", "python"}


def run_command(line, folder, deep):
    """A line of a shell, run here if it is npvae's."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    if words[0] == "npvae":
        short = (
            ["--epochs", "1", "--no-figures"] if words[1] == "train" and "--resume" not in words and not deep else []
        )
        assert main([*words[1:], *short]) == 0, line
    else:
        assert words[0] in ("python", "mpiexec"), f"{line}: say `setup` in the line of the fence"
        words = [sys.executable if word == "python" else word for word in words]
        if "npvae" in words:
            words[words.index("npvae")] = f"{sys.executable} -m npvae"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        command = shlex.split(" ".join(words))
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def run_document(path, folder, deep, data=None):
    """The blocks of a document, in one folder and one namespace."""
    names = {"__name__": "__document__"}
    for language, needs, text in blocks_of(path):
        missing = [EXTRAS[each] for each in needs & set(EXTRAS) if not importlib.util.find_spec(EXTRAS[each])]
        if missing or "setup" in needs or (not deep and needs & {"slow", "mpi", *DATA}) or (needs & DATA and not data):
            continue
        if language == "python":
            first = text.splitlines()[0]
            if first.startswith("# ") and first.endswith(".py"):
                (folder / first[2:]).write_text(text, encoding="utf-8")
            exec(compile(text, f"{path.name}", "exec"), names)
        else:
            for line in text.replace("\\\n", " ").splitlines():
                run_command(line, folder, deep)


RUNNABLE = [path for path in DOCUMENTS if any("setup" not in needs for _, needs, _ in blocks_of(path))]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONBREAKPOINT", "0")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("pictures", "printed"))
    with contextlib.redirect_stdout(io.StringIO()):
        yield tmp_path
    sys.modules.pop("layers", None)


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_document_runs(path, here):
    run_document(path, here, deep=False)


@pytest.mark.deep
@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_document_runs_as_it_is_typed(path, here, request, monkeypatch):
    needed = any(needs & DATA for _, needs, _ in blocks_of(path))
    data = request.getfixturevalue("shared_data") if needed else None
    monkeypatch.setenv("NPVAE_DATA", str(data or here))
    run_document(path, here, deep=True, data=data)


def test_a_block_that_fails_is_found(here):
    (here / "wrong.md").write_text("```python\nx = 1\n```\n\nand\n\n```python\nassert x == 2\n```\n", encoding="utf-8")
    blocks = code_of((here / "wrong.md").read_text(encoding="utf-8"))
    assert [block.text for block in blocks] == ["x = 1\n", "assert x == 2\n"]
    names = {}
    exec(blocks[0].text, names)
    with pytest.raises(AssertionError):
        exec(blocks[1].text, names)
