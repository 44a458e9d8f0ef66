"""The lines of the page: the equations of `npvae.models.wiring`, each with where it stands and whose gradient it is.

The equations are those of the op pages with the model's names put in, letter for letter. What is added here is where a
reader finds them: a backward line stands in the row of the forward line that it is the backward of.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from npvae.models import wiring
from npvae.models.wiring import page_of_small_vae, parts_of_small_vae
from npvae.ops import OPS
from npvae.ops.adam import LAW as ADAM
from npvae.pages.compose import Call
from npvae.pages.read import Equation, page_of
from npvae.pages.trees import as_data

BLOCKS = {
    "encoder": ("a1", "h1", "J", "head"),
    "reparameterisation": ("mu", "logvar", "std", "z"),
    "decoder": ("a2", "h2", "logits"),
    "loss": ("nll", "kl", "loss"),
}
_FROM_THE_LOSS = ("dnll", "dkl")  # the backward of the line `loss`, though they are the gradients of nll and kl
_OF_OP = re.compile(r"(?P<op>\w+) \((?P<number>\d+)\)")


@dataclass(frozen=True)
class Line:
    """One equation of the model and its place on the page.

    row  the forward line beside which it stands; of a forward line, itself
    of   what it is the gradient of, "" for a forward line
    via  the forward line through which alone, for the gradient of one path of two; else ""
    """

    equation: Equation
    row: str
    of: str = ""
    via: str = ""

    def as_data(self) -> dict[str, Any]:
        """Everything that the page knows of a line, for JSON."""
        e = self.equation
        found = _OF_OP.fullmatch(e.origin)
        op, number = (found["op"], int(found["number"])) if found else ("", 0)
        kind = "op" if op else "size" if not e.indices and e.name.isupper() else "own"
        return equation_as_data(e) | {
            "kind": kind,
            "op": op,
            "op_number": number,
            "code": code_of(op, number) if op else "",
            "block": next(block for block, rows in BLOCKS.items() if self.row in rows),
            "row": self.row,
            "of": self.of,
            "via": self.via,
            "sum": kind == "own" and self.of in ("mu", "logvar"),
        }


@lru_cache(maxsize=1)
def lines_of_page() -> tuple[Line, ...]:
    """All lines, in the order in which they run."""
    places: dict[str, tuple[str, str, str]] = {}
    for part in parts_of_small_vae():
        if isinstance(part, Call):
            (output,) = {e.name for e in part.of("Forward")}
            gradients = {f"d{part.names.get(name, name)}": name for name in part.op.args}
            paths = {new: old for old, new in part.grads.items()}
            for equation in part.of("Backward"):
                name = equation.name
                of = paths[name].removeprefix("d") if name in paths else name.removeprefix("d")
                assert name in paths or name in gradients, name
                places[name] = (output, of, output if name in paths else "")
        elif part.section == "Backward":
            of = part.name.removeprefix("d")
            places[part.name] = ("loss" if part.name in _FROM_THE_LOSS else of, of, "")
    return tuple(
        Line(e, e.name) if e.section == "Forward" else Line(e, *places[e.name]) for e in page_of_small_vae().equations
    )


def given_as_data() -> dict[str, dict[str, Any]]:
    """What no line computes: the parameters, with the shapes of their gradients, the data, the noise and beta."""
    shapes = {line.of: line.as_data()["shape"] for line in lines_of_page() if line.of}
    found: dict[str, dict[str, Any]] = {
        "x": {"kind": "data", "shape": ["N", "D"]},
        "eps": {"kind": "noise", "shape": ["N", "L"]},
        "eps_again": {"kind": "noise", "shape": ["N", "L"]},
        "beta": {"kind": "given", "shape": []},
    }
    parameters = [name for name in wiring.LAW.args if name not in found]
    return found | {name: {"kind": "parameter", "shape": shapes[name]} for name in parameters}


def code_of(op: str, number: int) -> str:
    """The line of NumPy of an op's page that cites this equation."""
    module = sys.modules[next(each for each in OPS if each.name == op).forward.__module__]
    source = inspect.getsource(module).replace(module.__doc__ or "", "")
    return next(line.strip() for line in source.splitlines() if f"# ({number})" in line)


def pages_as_data() -> dict[str, dict[str, str]]:
    """Title, derivation and module of every page that a line comes from, by name."""
    used = {line.as_data()["op"] for line in lines_of_page()} - {""}
    pages = {op.name: page_of(op) for op in OPS if op.name in used}
    pages |= {"wiring": page_of_small_vae(), "adam": page_of(ADAM)}
    return {
        name: {"title": page.title, "derivation": page.derivation, "module": page.name} for name, page in pages.items()
    }


def adam_as_data() -> list[dict[str, Any]]:
    """The lines of Adam's page."""
    return [equation_as_data(equation) for equation in page_of(ADAM).equations]


def equation_as_data(equation: Equation) -> dict[str, Any]:
    """What the engine needs to run an equation, and the page to show it. Its name is its id."""
    return {
        "id": equation.name,
        "name": equation.name,
        "indices": list(equation.indices),
        "shape": [index.upper() for index in equation.indices],
        "text": equation.text,
        "tree": as_data(equation.tree),
        "number": equation.number,
        "section": equation.section,
    }
