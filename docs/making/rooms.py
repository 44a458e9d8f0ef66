"""The plan of the rooms as an SVG, drawn from the table of arrows in CONTRIBUTING, with which a test compares imports.

python docs/making/rooms.py              # writes docs/pictures/rooms.svg anew
"""

from __future__ import annotations

import ast
import re
import sys
from html import escape
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from making.sources import ROOT

PICTURE = ROOT / "docs" / "pictures" / "rooms.svg"
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", re.MULTILINE)
WIDTH, MARGIN, STOREY, GAP = 880, 16, 62, 10
BELOW = "every room of the rows below"


def floors() -> list[tuple[list[str], str]]:
    """(rooms of a row, what they may import), from the top of the table down."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [(re.findall(r"`(\w+)`", rooms), uses.replace("`", "")) for rooms, uses in ROW.findall(text)]


def sentence_of(room: str) -> str:
    """What a room says of itself: the first sentence of its docstring, as far as it fits."""
    path = ROOT / "npvae" / room / "__init__.py"
    path = path if path.exists() else ROOT / "npvae" / f"{room}.py"
    if not path.exists():
        return ""
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    return re.split(r"[.:;] |\.$", first)[0]


def fitted(text: str, width: float, size: float) -> str:
    """A text cut at a word so that it fits into so many pixels, at about half an em per letter."""
    most = int(width / (0.55 * size))
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip(",") + " …"


def drawn() -> str:
    """The picture: a storey per row, a box per room; below each name what the room is and what it may use."""
    rows = floors()
    height = 2 * MARGIN + len(rows) * (STOREY + GAP) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" role="img" aria-label="The rooms of npvae, a floor per row">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for floor, (rooms, uses) in enumerate(rows):
        y, each = MARGIN + floor * (STOREY + GAP), (WIDTH - 2 * MARGIN - GAP * (len(rooms) - 1)) / len(rooms)
        for k, room in enumerate(rooms):
            x = MARGIN + k * (each + GAP)
            parts += box(x, y, each, room, uses)
    foot = "Arrows point down: a room may import those that its last line names, and no file of a room needs itself."
    parts += [text_at(MARGIN, height - 10, 11, "#555", foot), "</svg>", ""]
    return "\n".join(parts)


def box(x: float, y: float, width: float, room: str, uses: str) -> list[str]:
    """One room."""
    uses = {BELOW: "↓ every room below", "nothing": "imports nothing of npvae"}.get(uses, f"↓ {uses}")
    return [
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{STOREY}" rx="6" fill="#eef4fb" stroke="#3f6fa0"/>',
        text_at(x + 10, y + 19, 14, "#1b3a57", room, ' font-weight="bold"'),
        text_at(x + 10, y + 36, 11, "#222", fitted(sentence_of(room), width - 16, 11)),
        text_at(x + 10, y + 53, 11, "#a04000", fitted(uses, width - 16, 11)),
    ]


def text_at(x: float, y: float, size: int, colour: str, text: str, more: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{colour}"{more}>{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")
