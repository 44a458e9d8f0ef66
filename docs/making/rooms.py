"""The plan of the rooms as an SVG, drawn from the table of arrows in CONTRIBUTING, with which a test compares imports.

python docs/making/rooms.py              # writes docs/pictures/rooms.svg anew
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from html import escape
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from making.sources import ROOT

PICTURE = ROOT / "docs" / "pictures" / "rooms.svg"
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", re.MULTILINE)
WIDTH, MARGIN, STOREY, GAP, LINE = 880, 16, 62, 10, 14
BELOW = "every room of the rows below"


def floors() -> list[tuple[list[str], str]]:
    """(rooms of a row, what they may import), from the top of the table down."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [(re.findall(r"`(\w+)`", rooms), uses.replace("`", "")) for rooms, uses in ROW.findall(text)]


def sentence_of(room: str) -> str:
    """What a room says of itself: the first sentence of its docstring, up to a colon."""
    path = ROOT / "npvae" / room / "__init__.py"
    path = path if path.exists() else ROOT / "npvae" / f"{room}.py"
    if not path.exists():
        return ""
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    return re.split(r"[.:;] |\.$", first)[0]


def fitted(text: str, width: float) -> list[str]:
    """A text in lines that fit into a box so many pixels wide, at about half an em per letter."""
    return textwrap.wrap(text, int((width - 16) / (0.55 * 11))) or [""]


def drawn() -> str:
    """The picture: a storey per row, a box per room; below each name what the room is and what it may use."""
    rows = floors()
    widths = [(WIDTH - 2 * MARGIN - GAP * (len(rooms) - 1)) / len(rooms) for rooms, _ in rows]
    more = [
        max(len(fitted(sentence_of(room), width)) for room in rooms) - 1
        for (rooms, _), width in zip(rows, widths, strict=True)
    ]
    height = 2 * MARGIN + len(rows) * (STOREY + GAP) + LINE * sum(more) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" role="img" aria-label="The rooms of npvae, a floor per row">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for floor, (rooms, uses) in enumerate(rows):
        y = MARGIN + floor * (STOREY + GAP) + LINE * sum(more[:floor])
        for k, room in enumerate(rooms):
            x = MARGIN + k * (widths[floor] + GAP)
            parts += box(x, y, widths[floor], STOREY + LINE * more[floor], room, uses)
    foot = "Arrows point down: a room may import what its last line names; no two files of a room need each other."
    parts += [text_at(MARGIN, height - 10, 11, "#555", foot), "</svg>", ""]
    return "\n".join(parts)


def box(x: float, y: float, width: float, height: float, room: str, uses: str) -> list[str]:
    """One room."""
    uses = {BELOW: "↓ every room below", "nothing": "imports nothing of npvae"}.get(uses, f"↓ {uses}")
    return [
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" rx="6" fill="#eef4fb" stroke="#3f6fa0"/>',
        text_at(x + 10, y + 19, 14, "#1b3a57", room, ' font-weight="bold"'),
        *(
            text_at(x + 10, y + 36 + LINE * k, 11, "#222", line)
            for k, line in enumerate(fitted(sentence_of(room), width))
        ),
        text_at(x + 10, y + height - 9, 11, "#a04000", uses),
    ]


def text_at(x: float, y: float, size: int, colour: str, text: str, more: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{colour}"{more}>{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")
