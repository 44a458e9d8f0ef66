"""Make the site: gather the sources, render ops, lessons and names, run Sphinx, check every link.

    python docs/build.py                     # docs/_build/site/index.html; needs the extra "docs"
    python docs/build.py --out FOLDER

Warnings are errors. Nothing is fetched, neither while it is built nor when it is read.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

for needed in ("sphinx", "myst_parser", "furo", "polib"):
    if importlib.util.find_spec(needed) is None:
        raise SystemExit(f'{needed} is not installed: pip install -e ".[docs]" brings all that the site needs')

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from making import korean, lessons, links, names, op_pages, study  # noqa: E402
from making.sources import ROOT, documents, moved, page_of  # noqa: E402

PLACES = {
    "Begin": ["tour", "study", "lessons/index", "glossary"],
    "Guides": [f"guides/{name}" for name in ("training", "data", "models", "evaluation", "ops", "gradients")]
    + [f"guides/{name}" for name in ("speed", "processes", "libraries")],
    "Look up": ["ops/index", "reference/index"],
    "The project": ["benchmarks/index", "rooms/index", "project/contributing", "project/changelog"],
    "한국어": ["시작 <ko/index>"],
}


def main() -> int:
    """Build the site; 0 if Sphinx had nothing to say and every link leads somewhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "_build" / "site", help="folder of the site")
    out, start = parser.parse_args().out.resolve(), time.perf_counter()
    source = ROOT / "docs" / "_build" / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    gather(source)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-j", "2"]
    done = subprocess.run([*command, "-c", ROOT / "docs", "-d", source.with_name("doctrees"), source, out])
    if done.returncode:
        return done.returncode
    study.put_beside(out)
    dead = links.dead(out)
    for line in dead:
        print(f"dead link: {line}", file=sys.stderr)
    print(f"{out / 'index.html'}: {sum(1 for _ in out.rglob('*.html'))} pages in {time.perf_counter() - start:.0f} s")
    return 1 if dead else 0


def gather(source: Path) -> None:
    """Write every page of the site as Markdown, where Sphinx will read it."""
    op_pages.write_all(source)
    names.write_all(source)
    needed: set[str] = set()
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in documents()}
    pages |= {f"examples/{name}.py": lessons.page(name) for name in lessons.names()}
    for name, text in pages.items():
        needed |= put(source, name, text)
    needed |= korean.write_all(source)
    study.embed(source)
    append(source / "index.md", "\n".join(toctree(caption, entries) for caption, entries in PLACES.items()))
    append(source / "lessons" / "index.md", toctree("", [f"{name}" for name in lessons.names()]))
    append(source / "benchmarks" / "index.md", toctree("", others(source / "benchmarks")))
    (source / "rooms").mkdir(exist_ok=True)
    (source / "rooms" / "index.md").write_text(rooms_index(source), encoding="utf-8")
    written = {page_of(name) for name in pages}
    for name in sorted(needed):
        if (ROOT / name).suffix in (".png", ".svg"):
            target = source / "pictures" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        elif page_of(name) not in written and page_of(name).startswith("source/"):
            show_source(source, name)


def put(source: Path, name: str, text: str) -> set[str]:
    """Write a document where the site has it; the files that it leads to."""
    text, needed = moved(text, name)
    path = source / page_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return needed


def show_source(source: Path, name: str) -> None:
    """A page with a file of the repository as it stands, for documents that lead to it."""
    path = source / page_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    language = {".py": "python", ".json": "json"}.get(Path(name).suffix, "text")
    text = (ROOT / name).read_text(encoding="utf-8")
    path.write_text(f"---\norphan: true\n---\n\n# {name}\n\n~~~~{language}\n{text}\n~~~~\n", encoding="utf-8")


def others(folder: Path) -> list[str]:
    """The pages of a folder but its index."""
    return sorted(path.stem for path in folder.glob("*.md") if path.stem != "index")


def toctree(caption: str, entries: list[str]) -> str:
    """A list of pages for the sidebar, which the page itself does not show."""
    name = f":caption: {caption}\n" if caption else ""
    return f"\n```{{toctree}}\n:hidden:\n{name}\n" + "\n".join(entries) + "\n```\n"


def append(path: Path, text: str) -> None:
    """Add text to a page."""
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def rooms_index(source: Path) -> str:
    """The list of rooms with a page."""
    names = others(source / "rooms")
    lines = "\n".join(f"- [npvae.{name}]({name}.md)" for name in names)
    head = "# Rooms\n\nWhat each folder of `npvae/` is, and in which order to read it."
    return f"{head}\n\n{lines}\n{toctree('', names)}"


if __name__ == "__main__":
    raise SystemExit(main())
