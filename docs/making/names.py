"""The reference of public names: signature, docstring and example of each, in one page per room."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from making.op_pages import escaped, fenced, looks_set

ROOMS = {
    "npvae": "The front: models, optimisers, data, training",
    "npvae.gradcheck": "The gradient checker",
    "npvae.data": "Data sets and how they are read",
    "npvae.evaluation": "What a model has learned, in numbers",
    "npvae.figures": "Pictures",
    "npvae.models": "Models, likelihoods, objectives",
    "npvae.optim": "Optimisers",
    "npvae.pages": "Equations that run",
    "npvae.steps": "How a training step is computed",
    "npvae.training": "Training, runs, checkpoints",
    "npvae.export": "Weights for PyTorch (extra `export`)",
    "npvae.sklearn": "The estimator (extra `sklearn`)",
}
OWN = {
    "npvae.export": ("save", "load", "to_torch", "from_torch"),
    "npvae.sklearn": ("VAE", "ConvVAE"),
    "npvae.steps": ("Step",),
}


@dataclass(frozen=True)
class Name:
    """A public name: where it is taken from, and what it is."""

    room: str
    name: str
    thing: Any

    @property
    def path(self) -> str:
        """The dotted path by which it is imported."""
        return f"{self.room}.{self.name}"

    @property
    def docstring(self) -> str:
        """Its docstring; "" for data, which has none of its own."""
        return inspect.cleandoc(self.thing.__doc__ or "") if callable(self.thing) else ""


def public(room: str) -> list[Name]:
    """The public names of a room, without modules and private ones."""
    module = importlib.import_module(room)
    names = OWN.get(room) or [name for name in module.__all__ if not name.startswith("_")]
    found = [Name(room, name, getattr(module, name)) for name in names]
    return [each for each in found if not inspect.ismodule(each.thing)]


def write_all(folder: Path) -> None:
    """Write `reference/*.md`, a page per room; a name that is public in two rooms is described in the first."""
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    told: dict[int, Name] = {}
    rows, entries = [], []
    for room, what in ROOMS.items():
        page = room.removeprefix("npvae.")
        parts = [f"# {room}", f"{what}.", fenced("python", f"import {room}")]
        for each in public(room):
            first = told.get(id(each.thing)) if callable(each.thing) else None
            if first is None or first.room == room:
                told[id(each.thing)] = each
                parts.append(entry(each))
            else:
                parts.append(f"**{each.name}** is {{py:obj}}`{first.path}`.")
        (folder / "reference" / f"{page}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        entries.append(page)
        rows.append(f"| [{room}]({page}.md) | {what} | {', '.join(f'`{each.name}`' for each in public(room))} |")
    table = "\n".join(["| room | what it has | names |", "|---|---|---|", *rows])
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(entries) + "\n```"
    about = "Every example is executed by the test suite, after `import numpy as np` and `import npvae`."
    index = f"# Reference\n\n{about}\n\n{table}\n\n{tree}\n"
    (folder / "reference" / "index.md").write_text(index, encoding="utf-8")


def entry(each: Name) -> str:
    """A name with its signature and docstring: a directive of Sphinx's Python domain, so that it can be looked up."""
    kind = "class" if inspect.isclass(each.thing) else "function" if callable(each.thing) else "data"
    body = docstring(each.docstring) if each.docstring else value(each.thing)
    if kind == "class":
        body += methods(each)
    return f"````{{py:{kind}}} {each.path}{signature(each.thing) if kind != 'data' else ''}\n\n{body}\n````"


def signature(thing: Any) -> str:
    """`(x, eps=None)`: without types, which the docstring gives as shapes; "" where Python cannot say."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "()"
    empty = inspect.Parameter.empty
    plain = [each.replace(annotation=empty) for each in found.parameters.values() if each.name != "self"]
    text = str(found.replace(parameters=plain, return_annotation=empty))
    return re.sub(r"<[^<>]*>", "...", " ".join(text.split()))


def docstring(text: str) -> str:
    """A docstring: paragraphs as such, columns and examples as they are set."""
    parts = []
    for block in re.split(r"\n\s*\n", text):
        if ">>>" in block:
            head, _, rest = block.partition(">>>")
            parts += [f"**{head.strip().rstrip(':')}**"] if head.strip() else []
            parts.append(fenced("pycon", inspect.cleandoc(">>>" + rest)))
        elif looks_set(block):
            parts.append(fenced("text", inspect.cleandoc(block)))
        else:
            parts.append(escaped(block))
    return "\n\n".join(parts)


def value(thing: Any) -> str:
    """What a public constant holds."""
    keys = list(thing) if isinstance(thing, dict | tuple) else [thing]
    return ", ".join(f"`{key}`" for key in keys)


def methods(each: Name) -> str:
    """The public methods that a class defines itself, one line each."""
    rows = []
    for name, method in vars(each.thing).items():
        method = getattr(method, "__func__", method)
        if name.startswith("_") or not inspect.isfunction(method) or not method.__doc__:
            continue
        first = inspect.cleandoc(method.__doc__).split("\n\n")[0].replace("\n", " ")
        rows.append(f"| `{name}{signature(method)}` | {escaped(first)} |".replace("\\|", "\\|"))
    return "\n\n" + "\n".join(["| method | |", "|---|---|", *rows]) if rows else ""
