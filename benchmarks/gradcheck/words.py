"""Are the checker's diagnoses true? Each is planted in many right ops: how often is it named, how often said wrongly?

    python benchmarks/gradcheck/words.py [--every 1] [--seed 0] [--json FILE]

A mistake of each kind is planted in the first gradient of every op of the benchmark in which it changes anything and
can be told from its neighbours (a transpose needs a matrix, a forgotten skip a gradient in the shape of dy). "named" is
the share of these reports that have the code among their diagnoses; "said wrongly" the share of the reports on all
other kinds of mistakes that have it too. Codes that may rightly stand beside the planted one are not counted as wrong.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from score import RIGHT

from npvae.gradcheck import check_op
from npvae.spec import Op

Change = Callable[[np.ndarray, np.ndarray, Sequence[np.ndarray]], np.ndarray]
"""A wrong gradient from the right one, dy (the first, if there are several) and the inputs."""


def on_rows(rows: slice | int, factor: float) -> Change:
    def change(g: np.ndarray, dy: np.ndarray, inputs: Sequence[np.ndarray]) -> np.ndarray:
        wrong = g.copy()
        if g.ndim and len(g) > 2:
            wrong[rows] *= factor
        return wrong

    return change


def one_entry(g: np.ndarray, dy: np.ndarray, inputs: Sequence[np.ndarray]) -> np.ndarray:
    wrong = g.copy()
    wrong.reshape(-1)[g.size // 2] *= 1.5
    return wrong


def with_dy(sign: float) -> Change:
    return lambda g, dy, inputs: g + sign * dy if dy.shape == g.shape else g


def transposed(g: np.ndarray, dy: np.ndarray, inputs: Sequence[np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(g.T).reshape(g.shape) if g.ndim == 2 else g


PLANTS: dict[str, Change] = {
    "sign": lambda g, dy, inputs: -g,
    "factor": lambda g, dy, inputs: g * g.dtype.type(1.7),
    "factor-of-size": lambda g, dy, inputs: g * len(g) if g.ndim and len(g) > 2 else g,
    "zero": lambda g, dy, inputs: np.zeros_like(g),
    "transposed": transposed,
    "skip": with_dy(-1.0),
    "extra-dy": with_dy(1.0),
    "tail": on_rows(slice(-1, None), 0.0),
    "one-row": on_rows(1, 2.0),
    "one-entry": one_entry,
    "float32-cast": lambda g, dy, inputs: g.astype(np.float32).astype(g.dtype),
    "few-digits": lambda g, dy, inputs: g * (1 + g.dtype.type(3e-6) * np.tanh(np.arange(g.size).reshape(g.shape) % 5)),
    "formula": lambda g, dy, inputs: g * (1.5 + np.sin(7.0 * np.arange(g.size)).reshape(g.shape)).astype(g.dtype),
    "float32-only": lambda g, dy, inputs: g * np.float32(1.1) if g.dtype == np.float32 else g,
    "layout-only": lambda g, dy, inputs: g * g.dtype.type(1.3) if not inputs[0].flags.c_contiguous else g,
    "size-of-dy": lambda g, dy, inputs: g * g.dtype.type(min(1.0, 2.0 / max(np.max(np.abs(dy), initial=0.0), 1e-9))),
    "shape-only": lambda g, dy, inputs: g * g.dtype.type(1.3) if g.ndim and len(g) % 2 == 0 else g,
}

BESIDE = {
    "formula": {"one-step", "factor-of-argument", "extra-term"},
    "factor": {"few-digits"},
    "factor-of-size": {"factor", "shape-only"},
    "shape-only": {"factor"},
    "layout-only": {"factor"},
    "float32-only": {"factor"},
    "size-of-dy": {"factor"},
    "tail": {"shape-only", "one-row", "zero", "one-entry"},
    "one-row": {"shape-only", "tail", "one-entry"},
    "one-entry": {"shape-only"},
}
"""Codes that are true of a mistake besides its own."""


def planted(op: Op, change: Change) -> tuple[Op, list[bool]]:
    """The op with a mistake in its first gradient, and whether it ever changed anything."""
    changed = [False]

    def forward(*inputs: np.ndarray, **params: Any) -> tuple[Any, Any]:
        y, cache = op.forward(*inputs, **params)
        return y, (cache, inputs)

    def backward(dy: Any, cache: Any) -> Any:
        grads = op.backward(dy, cache[0])
        several = isinstance(grads, (tuple, list))
        right = np.asarray(grads[0] if several else grads)
        first = np.asarray(dy[0] if isinstance(dy, (tuple, list)) else dy)
        wrong = np.asarray(change(right, first, cache[1])).astype(right.dtype)
        changed[0] |= not np.array_equal(wrong, right, equal_nan=True)
        return (wrong, *grads[1:]) if several else wrong

    return replace(op, forward=forward, backward=backward, pure=False), changed


def main() -> None:
    """Plant, check, count, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every n-th op")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too, as JSON")
    args = parser.parse_args()
    said: dict[str, list[set[str]]] = {code: [] for code in PLANTS}
    for op in list(RIGHT.values())[:: args.every]:
        for code, change in PLANTS.items():
            wrong, changed = planted(op, change)
            report = check_op(wrong, args.seed)
            if changed[0] and report.verdict == "FAIL" and not op.estimator:
                said[code].append({one for finding in report.findings for one in finding.diagnosis_codes})
    rows = []
    for code, reports in said.items():
        others = [found for other, many in said.items() if other != code and code not in BESIDE.get(other, ())
                  for found in many]  # fmt: skip
        rows.append({"code": code, "planted": len(reports), "named": sum(code in found for found in reports),
                     "others": len(others), "said wrongly": sum(code in found for found in others),
                     "instead": Counter(one for found in reports if code not in found for one in found or {"nothing"})
                     .most_common(3)})  # fmt: skip
    print("| code | named | said wrongly | said instead |\n|---|---|---|---|")
    for row in rows:
        instead = ", ".join(f"{one} {count}" for one, count in row["instead"])
        cells = f"{row['named']} of {row['planted']} | {row['said wrongly']} of {row['others']}"
        print(f"| {row['code']} | {cells} | {instead} |")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
