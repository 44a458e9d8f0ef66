"""Markdown as a list of blocks: what is prose and can be translated, and what is code and can be executed.

The documents of npvae are plain: headings, paragraphs, lists, tables, fences, pictures on a line of their own. So a
reader of eighty lines is enough, and what it does not know it keeps as it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCE = re.compile(r"^ {0,3}(```+|~~~+)(.*)$")
ITEM = re.compile(r"^( *)([-*]|\d+\.) +")
HEADING = re.compile(r"^#{1,6} ")
ROW = re.compile(r"^\|")
RULE = re.compile(r"^\|[\s:|-]+\|$")


@dataclass(frozen=True)
class Block:
    """A run of lines of one kind: "prose", "heading", "item", "row", "code", "set" (indented code) or "blank".

    front  what stands before the text of a heading or of an item, or of every line of code
    text   the text of prose, its lines joined; of code its lines; of a row, or of what is set, its line
    words  of code: the language, and what else stands in the line of its fence
    """

    kind: str
    text: str
    front: str = ""
    words: tuple[str, ...] = ()


def read(text: str) -> list[Block]:
    """The blocks of a document, in order. ValueError if a fence is never closed."""
    blocks: list[Block] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence := FENCE.match(line):
            end = next((k for k in range(at + 1, len(lines)) if lines[k].strip() == fence[1]), None)
            if end is None:
                raise ValueError(f"line {at + 1}: the fence {line!r} is never closed")
            code = "".join(f"{each}\n" for each in lines[at + 1 : end])
            blocks.append(Block("code", code, fence[1], tuple(fence[2].split())))
            at = end + 1
        elif not line.strip():
            blocks.append(Block("blank", ""))
            at += 1
        elif line.startswith("    ") and (not blocks or blocks[-1].kind in ("blank", "set")):
            blocks.append(Block("set", line))
            at += 1
        elif ROW.match(line):
            blocks.append(Block("row", line))
            at += 1
        elif HEADING.match(line):
            front, _, rest = line.partition(" ")
            blocks.append(Block("heading", rest, front + " "))
            at += 1
        else:
            item = ITEM.match(line)
            end = at + 1
            while end < len(lines) and goes_on(lines[end]):
                end += 1
            front = item[0] if item else re.match(" *", line)[0]
            joined = " ".join([line[len(front) :].strip(), *(each.strip() for each in lines[at + 1 : end])])
            blocks.append(Block("item" if item else "prose", joined, front))
            at = end
    return blocks


def goes_on(line: str) -> bool:
    """Whether a line belongs to the paragraph above it."""
    return bool(line.strip()) and not any(each.match(line) for each in (FENCE, ITEM, HEADING, ROW))


def code_of(text: str) -> list[Block]:
    """The blocks of code of a document, in order."""
    return [block for block in read(text) if block.kind == "code"]


def cells_of(row: str) -> list[str]:
    """The cells of a table's row, without the blanks around them; a bar behind a backslash is no border."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def written(blocks: list[Block]) -> str:
    """The document of these blocks: `written(read(text))` says what the text says."""
    return "".join(f"{line_of(block)}\n" for block in blocks)


def line_of(block: Block) -> str:
    """A block as text, a paragraph on one line."""
    if block.kind == "code":
        return f"{block.front}{' '.join(block.words)}\n{block.text}{block.front}"
    return f"{block.front}{block.text}"
