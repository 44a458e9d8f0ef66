"""Links of a site that lead nowhere, pages and anchors, and whatever would be fetched from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Reader(HTMLParser):
    """What a page leads to, what it fetches, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []  # (target, whether a browser fetches it by itself)
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif value and (name == "href" or (tag, name) in FETCHED):
                self.links.append((value, (tag, name) in FETCHED and ("rel", "canonical") not in attrs))


def dead(site: Path) -> list[str]:
    """A line for each link that leads nowhere, and for each thing that a page would fetch from the network."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = reader = Reader()
        reader.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, reader in pages.items():
        for link, fetched in reader.links:
            if reason := trouble(path, link, fetched, pages):
                found.append(f"{path.relative_to(site).as_posix()}: {link}: {reason}")
    return found


def trouble(path: Path, link: str, fetched: bool, pages: dict[Path, Reader]) -> str:
    """Why a link of the page at `path` is no good, or ""."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https") or parts.netloc:
        return "is fetched from the network" if fetched else ""
    if parts.scheme:
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "no such place on that page"
    return ""
