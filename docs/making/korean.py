"""The Korean documents, made from the English ones and a catalogue: `docs/locale/ko/*.po`, a file per document.

A message is a paragraph, a heading, an item of a list or a cell of a table, unless its row is in both languages.
What several lessons say stands once, in `common.po`. If
an English sentence changes, its message is no longer in the catalogue, and a test lists it. Then

    python docs/making/korean.py             # bring the catalogues up to date; what changed is marked fuzzy
    # translate, and take the mark `fuzzy` away
    python docs/making/korean.py             # write README.ko.md and docs/ko/*.md anew
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polib

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from making import lessons
from making.markdown import Block, cells_of, read, written
from making.sources import LINK, ROOT, moved, page_of, resolved

LOCALE = ROOT / "docs" / "locale" / "ko"
COMMON = LOCALE / "common.po"
DOCUMENTS = {
    "README.md": "README.ko.md",
    "docs/tour.md": "docs/ko/tour.md",
    "docs/study.md": "docs/ko/study.md",
    "docs/glossary.md": "docs/ko/glossary.md",
    "examples/README.md": "docs/ko/lessons.md",
}
WORD = re.compile(r"[^\W\d_]{2,}")
HANGUL = re.compile("[가-힣]")
NO_WORDS = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->|[Α-Ωα-ω]")


def sources() -> dict[str, str]:
    """Every document with a Korean side, as Markdown, by its path in the repository."""
    found = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    return found | {f"examples/{name}.py": lessons.page(name) for name in lessons.names()}


def catalogue_of(name: str) -> Path:
    """Where the messages of a document stand: `readme.po`, `lessons/beta.po`."""
    path = Path(name)
    if path.suffix == ".py":
        return LOCALE / "lessons" / f"{path.stem}.po"
    return LOCALE / ("lessons.po" if path.parent.name == "examples" else f"{path.stem.lower()}.po")


def texts_of(block: Block) -> list[str]:
    """What of a block is to be translated."""
    if block.kind in ("prose", "heading", "item"):
        found = [block.text]
    elif block.kind == "row":
        found = [] if HANGUL.search(block.text) else cells_of(block.text)  # a row in both languages is done
    else:
        found = []
    return [text for text in found if WORD.search(NO_WORDS.sub("", text))]


def messages(text: str) -> list[str]:
    """The messages of a document, in order, each once."""
    return list(dict.fromkeys(message for block in read(text) for message in texts_of(block)))


def known(name: str) -> dict[str, str]:
    """Message to translation, of those that are done."""
    entries = [*entries_of(COMMON), *entries_of(catalogue_of(name))]
    return {entry.msgid: entry.msgstr for entry in entries if entry.msgstr and not entry.fuzzy}


def entries_of(path: Path) -> list[polib.POEntry]:
    """What a catalogue holds; nothing if there is none."""
    return list(polib.pofile(str(path))) if path.exists() else []


def shared(texts: dict[str, str]) -> list[str]:
    """The messages that more than one lesson has."""
    count = Counter(message for name, text in texts.items() if name not in DOCUMENTS for message in messages(text))
    return [message for message, times in count.items() if times > 1]


def missing(name: str, text: str) -> list[str]:
    """The messages of a document that have no translation, or one of an older sentence."""
    done = known(name)
    return [message for message in messages(text) if message not in done]


def translated(text: str, done: dict[str, str]) -> str:
    """A document in Korean; what has no translation stays as it is."""
    return written([in_korean(block, done) for block in read(text)])


def in_korean(block: Block, done: dict[str, str]) -> Block:
    """A block in Korean."""
    if block.kind == "row":
        cells = [done.get(cell, cell) if texts_of(block) else cell for cell in cells_of(block.text)]
        return replace(block, text=f"| {' | '.join(cells)} |")
    return replace(block, text=done.get(block.text, block.text)) if texts_of(block) else block


def update(path: Path, wanted: list[str]) -> None:
    """Bring a catalogue up to date: old messages keep their translations, changed ones become fuzzy."""
    old = {entry.msgid: entry for entry in entries_of(path)}
    new = polib.POFile(wrapwidth=110)
    new.metadata = {"Language": "ko", "Content-Type": "text/plain; charset=UTF-8"}
    gone = [message for message in old if message not in wanted and old[message].msgstr]
    for message in wanted:
        entry = polib.POEntry(msgid=message)
        if message in old:
            entry = old[message]
        elif near := difflib.get_close_matches(message, gone, 1, 0.7):
            entry.msgstr, entry.flags, entry.previous_msgid = old[near[0]].msgstr, ["fuzzy"], near[0]
        new.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    new.save(str(path))


def document(name: str, text: str) -> str:
    """A Korean document as it stands in the repository, with links that lead to Korean ones where there are some."""
    target = DOCUMENTS[name]

    def follow(match: re.Match[str]) -> str:
        picture, words, link = match.groups()
        if re.match("https?:|mailto:|#", link):
            return match[0]
        file, anchor = resolved(link, name), link.partition("#")[2]
        file = DOCUMENTS.get(file, file) if file != name or target != "README.ko.md" else file
        file = os.path.relpath(file, os.path.dirname(target) or ".").replace(os.sep, "/")
        return f"{picture}[{words}]({file}{'#' + anchor if anchor else ''})"

    korean = translated(text, known(name))
    parts = re.split(r"(^```.*?^```$)", korean, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if k % 2 else LINK.sub(follow, part) for k, part in enumerate(parts))


def write_all(source: Path) -> set[str]:
    """Write the Korean pages of the site; the files that they lead to."""
    pages = {f"lessons/{name}.md": f"ko/lessons/{name}.md" for name in lessons.names()}
    pages |= {page_of(name): page_of(korean) for name, korean in DOCUMENTS.items() if name != "README.md"}
    needed: set[str] = set()
    for name, text in sources().items():
        if name in DOCUMENTS:
            name, text = DOCUMENTS[name], document(name, text)
            page = page_of(name)
        else:
            text, page = translated(text, known(name)), f"ko/lessons/{Path(name).stem}.md"
        text, leads_to = moved(text, name, page, pages)
        needed |= leads_to
        (source / page).parent.mkdir(parents=True, exist_ok=True)
        (source / page).write_text(text + children(page), encoding="utf-8")
    return needed


def children(page: str) -> str:
    """The list of pages below the two Korean contents, for the sidebar."""
    below = {"ko/index.md": ["tour", "study", "lessons/index", "glossary"], "ko/lessons/index.md": lessons.names()}
    entries = "\n".join(below.get(page, []))
    return f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n" if entries else ""


def main() -> None:
    """Update the catalogues, say what is missing, write the Korean documents."""
    texts = sources()
    everywhere = shared(texts)
    update(COMMON, everywhere)
    for name, text in texts.items():
        update(catalogue_of(name), [each for each in messages(text) if name in DOCUMENTS or each not in everywhere])
        if left := missing(name, text):
            print(f"{name}: {len(left)} messages to translate in {catalogue_of(name).relative_to(ROOT)}")
        if name in DOCUMENTS:
            (ROOT / DOCUMENTS[name]).parent.mkdir(exist_ok=True)
            (ROOT / DOCUMENTS[name]).write_text(document(name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
