"""Text is UTF-8 wherever it is read or written: what a system calls its own encoding differs from place to place."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for room in ("npvae", "benchmarks", "examples") for path in sorted((ROOT / room).rglob("*.py"))]


def without_encoding(source):
    """Lines that open, read or write text and do not say in which encoding."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        keywords = {keyword.arg for keyword in call.keywords}
        modes = [value.value for value in call.args if isinstance(value, ast.Constant) and isinstance(value.value, str)]
        is_file = name in ("read_text", "write_text") or (name == "open" and (not owner or "mode" in keywords or modes))
        is_binary = name == "open" and any("b" in mode for mode in modes[-1:] if len(mode) < 4)
        if is_file and not is_binary and "encoding" not in keywords and owner not in ("os", "Image"):
            found.append(call.lineno)
    return found


def test_the_test_sees_what_it_looks_for():
    for source in ("open(p)", "open(p, 'w')", "p.open('a')", "p.read_text()", "p.write_text(s)"):
        assert without_encoding(source) == [1], source
    for source in ("open(p, 'rb')", "p.open('ab')", "p.read_text(encoding='utf-8')", "os.open(p, 0)"):
        assert without_encoding(source) == [], source


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_file_says_its_encoding(path):
    assert without_encoding(path.read_text(encoding="utf-8")) == []
