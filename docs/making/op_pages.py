"""The page of an op, made from the page itself: numbered equations, derivation, code, a small case, slopes."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import numpy as np

from making.sources import ROOT
from npvae.cli.explain import tables
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import PALE, PALETTE
from npvae.pages import explain, page_of
from npvae.spec import Law, Op

NUMBER = re.compile(r"\s+\((\d+)\)$")
HEADINGS = re.compile(r"^(Forward|Backward|Step|Equations|Identities|Derivation)$", re.MULTILINE)


def write_all(folder: Path) -> None:
    """Write `ops/*.md` with their pictures, a page per file of npvae, and the list of all of them."""
    by_file: dict[Path, list[Op | Law]] = {}
    rooms = tables()
    for subjects in rooms.values():
        for subject in subjects:
            by_file.setdefault(file_of(subject), []).append(subject)
    (folder / "ops").mkdir(parents=True, exist_ok=True)
    for path, subjects in by_file.items():
        (folder / "ops" / f"{page_name(path)}.md").write_text(page(path, subjects, folder / "ops"), encoding="utf-8")
    (folder / "ops" / "index.md").write_text(contents(rooms), encoding="utf-8")


def file_of(subject: Op | Law) -> Path:
    """The file in which the page of an op or a law stands."""
    return Path(sys.modules[page_of(subject).name].__file__)


def page_name(path: Path) -> str:
    """`relu` for an op; with its room before it, `models_vae`, for a page of another room."""
    *rooms, stem = path.relative_to(ROOT / "npvae").with_suffix("").parts
    return stem if rooms == ["ops"] else "_".join([*rooms, stem])


def contents(rooms: dict[str, list[Op | Law]]) -> str:
    """The list of all pages, by room."""
    lines = ["# Ops and other pages", "", "Each of these is a file of npvae whose equations are executed by a test."]
    lines += ["[The language](language.md) in which they are written fits on one page.", ""]
    listed = []
    for room, subjects in rooms.items():
        lines += [f"## {room}", "", "| page | what it is |", "|---|---|"]
        for subject in subjects:
            name = page_name(file_of(subject))
            listed.append(name)
            lines.append(f"| [{subject.name}]({name}.md) | {escaped(page_of(subject).title)} |")
        lines.append("")
    entries = "\n".join(["language", *dict.fromkeys(listed)])
    return "\n".join(lines) + f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def page(path: Path, subjects: list[Op | Law], folder: Path) -> str:
    """The Markdown of one page."""
    source = path.read_text(encoding="utf-8")
    docstring = inspect.cleandoc(compile(source, str(path), "exec", dont_inherit=True).co_consts[0])
    title, _, rest = docstring.partition("\n")
    relative = path.relative_to(ROOT).as_posix()
    parts = [f"# {', '.join(dict.fromkeys(s.name for s in subjects))}", escaped(title), *sections(rest)]
    for subject in subjects:
        if isinstance(subject, Op) and (picture := slopes(subject, folder)):
            parts += ["## Its slopes", f"![{subject.name} and its slope]({picture})"]
    code = source.split('"""', 2)[2].strip()
    where = f"`{relative}`. A comment `# (1)` stands where the code computes equation (1)."
    parts += ["## Code", where, fenced("python", code)]
    for subject in subjects:
        heading = "## A small case" if len(subjects) == 1 else f"## A small case of {subject.name}"
        text, _ = explain(subject, most=2)
        printed = f"What `npvae explain {subject.name}` prints, two entries of each equation:"
        parts += [heading, printed, fenced("text", text)]
    return "\n\n".join(parts) + "\n"


def sections(text: str) -> list[str]:
    """The rest of a docstring: equations and derivation in fences of their own, all else as paragraphs."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        pieces = HEADINGS.split(block)
        parts += [escaped(pieces[0].strip())] if pieces[0].strip() and not looks_set(pieces[0]) else []
        parts += [fenced("text", inspect.cleandoc(pieces[0]))] if looks_set(pieces[0]) else []
        for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
            body = inspect.cleandoc(body)
            parts += [f"## {heading}", escaped(body) if heading == "Derivation" else fenced("python", numbered(body))]
    return parts


def numbered(body: str) -> str:
    """Equations with their numbers in front, where a narrow page shows them."""
    lines, equation = [], []
    for line in body.splitlines():
        found = NUMBER.search(line)
        equation.append(NUMBER.sub("", line).rstrip())
        if found:
            lines += [f"({found[1]})  {equation[0].strip()}", *(f"     {each}" for each in equation[1:])]
            equation = []
    return "\n".join([*lines, *equation])


def looks_set(text: str) -> bool:
    """Whether a piece is set in columns, which paragraphs would run together."""
    lines = [line for line in text.splitlines() if line.strip()]
    return any(line.startswith("    ") or re.search(r"\S {2,}\S", line) for line in lines)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```"


def escaped(text: str) -> str:
    """Text in which no letter means anything to Markdown."""
    return re.sub(r"([\\`*_\[\]<>|~#{}])", r"\\\1", text)


@style()
def slopes(op: Op, folder: Path) -> str:
    """Draw what an op of one array gives for each number, and its slope, if it is entrywise; the file's name, or ""."""
    if [*op.args] != ["x"] or op.args["x"].axes != ("N", "D") or op.name in ("masked_fill", "repeat"):
        return ""
    low, high = (max(-4.0, op.args["x"].ends({})[0]), min(4.0, op.args["x"].ends({})[1]))
    x = np.linspace(low, high, 401)[None]
    figure = new_figure(2.6)
    left, right = figure.subplots(1, 2)
    (name, values), *_ = op.params.items() if op.params else [("", [None])]
    for colour, value in zip(PALETTE, values, strict=False):
        given = {} if value is None else {name: value}
        y, cache = op.forward(x, **given)
        label = f"{name} = {value}" if name else None
        left.plot(x[0], y[0], color=colour, label=label)
        right.plot(x[0], op.backward(np.ones_like(y), cache)[0], color=colour, label=label)
    left.set(title=f"y = {op.name}(x)", xlabel="x")
    right.set(title="dy / dx", xlabel="x")
    for axes in (left, right):
        axes.axhline(0, color=PALE, linewidth=0.6, zorder=0)
        axes.axvline(0, color=PALE, linewidth=0.6, zorder=0)
    if name:
        left.legend(frameon=False)
    return save_png(figure, folder / f"{op.name}.png", colours=64).name
