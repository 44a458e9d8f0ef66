"""Which file of the repository becomes which page of the site, and links that follow it there."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]

NAMED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "examples/README.md": "lessons/index.md",
    "README.ko.md": "ko/index.md",
    "docs/ko/lessons.md": "ko/lessons/index.md",
    "npvae/ops": "ops/index.md",
    "npvae/pages/README.md": "ops/language.md",
}
LINK = re.compile(r"(?<!\\)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
ELSEWHERE = re.compile(r"^(https?:|mailto:|#)")


def documents() -> list[str]:
    """The documents that are written by hand and shown on the site, as paths in the repository."""
    patterns = ("*.md", "docs/*.md", "docs/guides/*.md", "benchmarks/**/*.md", "examples/*.md", "npvae/*/README.md")
    found = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(name for name in found if not name.endswith(".ko.md"))


def page_of(name: str) -> str | None:
    """Where a file of the repository is shown on the site, `ops/relu.md`; None if it is a folder without a page."""
    path = PurePosixPath(name)
    if name in NAMED:
        return NAMED[name]
    if path.suffix == ".md" and path.parts[0] == "docs":
        return str(path.relative_to("docs"))
    if path.suffix == ".md" and path.parts[0] == "benchmarks":
        return "benchmarks/index.md" if path.parent.name == "benchmarks" else f"benchmarks/{path.parent.name}.md"
    if path.name == "README.md" and path.parts[0] == "npvae":
        return f"rooms/{path.parts[1]}.md"
    if path.suffix == ".py" and path.parts[0] == "examples":
        return f"lessons/{path.stem}.md"
    if path.suffix == ".py" and path.parts[:2] == ("npvae", "ops") and is_op(path.stem):
        return f"ops/{path.stem}.md"
    return None if (ROOT / name).is_dir() else f"source/{name}.md"


def is_op(stem: str) -> bool:
    """Whether a file of npvae/ops holds an op or a law."""
    text = (ROOT / "npvae" / "ops" / f"{stem}.py").read_text(encoding="utf-8")
    return re.search(r"^(OP|LAW)\b", text, re.MULTILINE) is not None


def targets(text: str, name: str) -> list[tuple[str, str]]:
    """(link as written, path in the repository or "") of each link of a document; "" for one that leaves it."""
    return [(link, "" if ELSEWHERE.match(link) else resolved(link, name)) for _, _, link in LINK.findall(text)]


def resolved(link: str, name: str) -> str:
    """The path in the repository that a relative link of the document `name` leads to."""
    at = os.path.normpath(os.path.join(os.path.dirname(name), link.partition("#")[0]))
    return at.replace(os.sep, "/")


def moved(text: str, name: str, page: str | None = None, pages: dict[str, str] | None = None) -> tuple[str, set[str]]:
    """A document's text with links that lead where things are on the site, and the files that it leads to.

    page   where the text is put, by default where its file is shown
    pages  pages that stand for others, by the page of the file: a Korean one for an English one
    """
    page, pages = page or page_of(name), pages or {}
    needed: set[str] = set()

    def follow(match: re.Match[str]) -> str:
        picture, words, link = match.groups()
        if ELSEWHERE.match(link):
            return match[0]
        file, anchor = resolved(link, name), link.partition("#")[2]
        target = f"pictures/{file}" if picture else page_of(file)
        if target is None:
            return words
        needed.add(file)
        target = pages.get(target, target)
        target = os.path.relpath(target, os.path.dirname(page) or ".").replace(os.sep, "/")
        return f"{picture}[{words}]({target}{'#' + anchor if anchor else ''})"

    return outside_fences(text, lambda prose: LINK.sub(follow, prose)), needed


def outside_fences(text: str, change) -> str:
    """The text with its prose changed, and in the lines of its fences the language alone."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    for k, part in enumerate(parts):
        if k % 2:
            first, _, rest = part.partition("\n")
            language = (first.removeprefix("```").split() or ["text"])[0]
            language = {"equations": "python", "refused": "text", "undefined": "text"}.get(language, language)
            parts[k] = f"```{language}\n{rest}"
        else:
            parts[k] = change(part)
    return "".join(parts)
