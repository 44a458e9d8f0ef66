"""Every number by which the checker decides has a name and a reason, in one file."""

import ast
from pathlib import Path

import pytest

from npvae.gradcheck.ground import thresholds

ROOMS = Path(thresholds.__file__).parents[1]
LINES = Path(thresholds.__file__).read_text(encoding="utf-8").splitlines()
PLAIN = {0, 1, 2, 3, 0.5, 10}
"""Numbers that decide nothing: ends of ranges, a half, a square, a power of ten."""

NAMES = [
    node.id
    for node in ast.walk(ast.parse("\n".join(LINES)))
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
]


def files():
    return [path for path in ROOMS.rglob("*.py") if path != Path(thresholds.__file__)]


def test_each_has_a_reason():
    bare = [line for line in LINES if line[:1].isupper() and " = " in line and "  # " not in line]
    assert not bare


def test_each_is_used():
    used = "\n".join(path.read_text(encoding="utf-8") for path in files())
    assert not [name for name in NAMES if f"t.{name}" not in used]


@pytest.mark.parametrize("room", ["battery", "pair", "slopes", "diagnosis", "verdict"])
def test_no_room_has_numbers_of_its_own(room):
    own = []
    for path in (ROOMS / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and type(node.value) in (int, float) and abs(node.value) not in PLAIN:
                own.append(f"{path.name}:{node.lineno} {node.value}")
    assert not own
