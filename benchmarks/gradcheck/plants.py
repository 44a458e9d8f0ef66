"""One mistake for each diagnosis of the checker, to be planted in the first gradient of any right op.

A plant takes what a backward has and returns a wrong gradient, or the right one itself where the op has no room for
the mistake: a transpose needs a matrix, a forgotten skip a gradient in the shape of dy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import battery
from npvae.gradcheck.pair.calls import Broken, Pair, Refused, call_backward
from npvae.spec import Arg, Op

__all__ = ["BESIDE", "PLANTS", "Place", "changes", "planted"]


@dataclass(frozen=True)
class Place:
    """What a mistake may be made of.

    g       the right gradient with respect to the first differentiable argument
    grads   the right gradients with respect to all of them
    alone   the first gradient for the dy of the first output alone; None if there are no others
    dy      the cotangent of the first output
    x       the first differentiable argument, and `arg` what is declared of it
    inputs  all arguments; those that are integers may be indices
    """

    g: np.ndarray
    grads: Sequence[np.ndarray]
    alone: np.ndarray | None
    dy: np.ndarray
    x: np.ndarray
    arg: Arg
    inputs: Sequence[np.ndarray]
    params: Mapping[str, Any]
    op: Op


Plant = Callable[[Place], np.ndarray]


def scaled(p: Place, where: Any, factor: float) -> np.ndarray:
    wrong = p.g.copy()
    wrong[where] *= p.g.dtype.type(factor)
    return wrong


def on_rows(rows: slice | int, factor: float) -> Plant:
    return lambda p: scaled(p, rows, factor) if p.g.ndim > 1 and len(p.g) > 2 and p.g[0].size > 1 else p.g


def one_entry(p: Place) -> np.ndarray:
    return scaled(p, np.unravel_index(p.g.size // 2, p.g.shape), 1.5) if p.g.size > 2 else p.g


def with_dy(sign: float) -> Plant:
    return lambda p: p.g + sign * p.dy if p.dy.shape == p.g.shape else p.g


def transposed(p: Place) -> np.ndarray:
    if p.g.ndim < 2 or min(p.g.shape[-2:]) < 2:
        return p.g
    return np.ascontiguousarray(p.g.swapaxes(-1, -2)).reshape(p.g.shape)


def factor_of_argument(p: Place) -> np.ndarray:
    return p.g * p.x if p.x.ndim and p.x.shape == p.g.shape else p.g


def other_argument(p: Place) -> np.ndarray:
    return next((g.copy() for g in p.grads[1:] if g is not None and g.shape == p.g.shape), p.g)


def extra_term(p: Place) -> np.ndarray:
    return p.g + p.g.dtype.type(0.7) * p.dy * p.x if p.dy.shape == p.x.shape == p.g.shape else p.g


def one_step(p: Place) -> np.ndarray:
    return scaled(p, (slice(None), slice(1, None)), 0.0) if p.g.ndim > 1 and p.g.shape[1] > 2 else p.g


def overlap(p: Place) -> np.ndarray:
    return scaled(p, (slice(None), slice(1, -1)), 0.5) if p.g.ndim > 1 and p.g.shape[1] > 3 else p.g


def mask(p: Place) -> np.ndarray:
    there = (p.g == 0) & np.any(p.g != 0)
    return np.where(there, p.dy, p.g) if p.dy.shape == p.g.shape and np.sum(there) > 2 else p.g


def repeated_index(p: Place) -> np.ndarray:
    rows = len(p.g) if p.g.ndim else 0
    for x in p.inputs:
        if x.dtype.kind in "iu" and x.size and np.min(x) >= 0 and np.max(x) < rows:
            twice = np.bincount(x.reshape(-1), minlength=rows) > 1
            if np.any(twice) and np.any(~twice) and np.any(p.g[~twice]):
                return scaled(p, twice, 0.4)
    return p.g


def one_answer(p: Place) -> np.ndarray:
    asked = next((x for x in p.inputs if x.dtype.kind == "b" and x.shape == p.g.shape), None)
    return p.g if asked is None else scaled(p, asked, -1.0)


def one_output(p: Place) -> np.ndarray:
    return p.g if p.alone is None else p.alone


def beyond_subgradients(points: Callable[[Arg], Sequence[float]]) -> Plant:
    def plant(p: Place) -> np.ndarray:
        there = np.isin(p.x, points(p.arg))
        # Linear in dy, and larger than any slope of the op.
        return p.g + there * p.g.dtype.type(50) * np.sum(p.dy) if np.any(there) else p.g

    return plant


def finite_ends(arg: Arg) -> list[float]:
    return [float(end) for end in arg.interval if not isinstance(end, str) and np.isfinite(end)]


def second_value(p: Place) -> np.ndarray:
    choices = [(key, values[1]) for key, values in p.op.params.items() if len(values) > 1]
    if not choices or p.params.get(choices[0][0]) != choices[0][1]:
        return p.g
    return p.g * p.g.dtype.type(1.3)


def tiny_only(p: Place) -> np.ndarray:
    return p.g * p.g.dtype.type(1.3) if p.x.size > 2 and 0 < np.max(np.abs(p.x)) < 0.02 else p.g


PLANTS: dict[str, Plant] = {
    "sign": lambda p: -p.g,
    "factor": lambda p: p.g * p.g.dtype.type(1.7),
    "factor-of-size": lambda p: p.g * len(p.g) if p.g.ndim and len(p.g) > 2 else p.g,
    "factor-of-argument": factor_of_argument,
    "zero": lambda p: np.zeros_like(p.g),
    "transposed": transposed,
    "other-argument": other_argument,
    "skip": with_dy(-1.0),
    "extra-dy": with_dy(1.0),
    "extra-term": extra_term,
    "offset": lambda p: p.g + p.g.dtype.type(0.5),
    "tail": on_rows(slice(-1, None), 0.0),
    "one-row": on_rows(1, 2.0),
    "one-entry": one_entry,
    "one-step": one_step,
    "overlap": overlap,
    "mask": mask,
    "repeated-index": repeated_index,
    "one-output": one_output,
    "reversed": lambda p: np.flip(p.g, 0).copy() if p.g.ndim and len(p.g) > 1 else p.g,
    "one-answer": one_answer,
    "kink-only": beyond_subgradients(lambda arg: list(arg.kinks)),
    "edge-only": beyond_subgradients(finite_ends),
    "threshold": lambda p: np.where(p.x > 0.5, p.g * p.g.dtype.type(1.5), p.g) if p.x.shape == p.g.shape else p.g,
    "float32-cast": lambda p: p.g.astype(np.float32).astype(p.g.dtype),
    "few-digits": lambda p: p.g * (1 + 3e-6 / (1 + np.arange(p.g.size).reshape(p.g.shape) % 5)).astype(p.g.dtype),
    "formula": lambda p: p.g * (1.5 + np.sin(7.0 * np.arange(p.g.size)).reshape(p.g.shape)).astype(p.g.dtype),
    "float32-only": lambda p: p.g * np.float32(1.1) if p.g.dtype == np.float32 else p.g,
    "layout-only": lambda p: p.g * p.g.dtype.type(1.3) if not p.inputs[0].flags.c_contiguous else p.g,
    "size-of-dy": lambda p: p.g * p.g.dtype.type(min(1.0, 2.0 / max(np.max(np.abs(p.dy), initial=0.0), 1e-9))),
    "shape-only": lambda p: p.g * p.g.dtype.type(1.3) if p.g.ndim and len(p.g) % 2 == 0 else p.g,
    "parameter-only": second_value,
    "regime-only": tiny_only,
}
"""Code of a diagnosis -> the mistake that it must name."""

BESIDE = {
    "formula": {"factor-of-argument", "extra-term"},
    "factor": {"few-digits"},
    "factor-of-size": {"factor", "shape-only"},
    "shape-only": {"factor"},
    "layout-only": {"factor"},
    "float32-only": {"factor"},
    "size-of-dy": {"factor"},
    "parameter-only": {"factor"},
    "regime-only": {"factor"},
    "tail": {"shape-only", "one-row", "zero", "one-entry"},
    "one-row": {"shape-only", "tail", "one-entry"},
    "one-entry": {"shape-only"},
    "one-step": {"shape-only", "tail", "zero"},
    "overlap": {"shape-only", "factor"},
    "transposed": {"shape-only"},
    "skip": {"shape-only"},
    "extra-dy": {"shape-only"},
    "extra-term": {"shape-only"},
    "other-argument": {"shape-only"},
    "factor-of-argument": {"shape-only"},
    "mask": {"threshold", "extra-term", "extra-dy", "shape-only", "regime-only", "edge-only", "kink-only"},
    "repeated-index": {"one-row", "shape-only", "factor"},
    "kink-only": {"regime-only"},
    "edge-only": {"regime-only"},
    "threshold": {"regime-only"},
    "zero": {"factor-of-argument"},
    "reversed": {"shape-only"},
    "one-answer": {"mask", "one-row", "one-entry", "sign", "shape-only"},
}
"""Codes that may be true of a mistake besides its own."""


def planted(op: Op, plant: Plant) -> tuple[Op, list[bool]]:
    """The op with a mistake in its first gradient, and whether it ever changed anything."""
    changed = [False]
    name = op.differentiable[0]
    place = list(op.args).index(name)

    def forward(*inputs: np.ndarray, **params: Any) -> tuple[Any, Any]:
        y, cache = op.forward(*inputs, **params)
        return y, (cache, inputs, params)

    def backward(dy: Any, kept: Any) -> Any:
        cache, inputs, params = kept
        grads = call_backward(op.backward, dy, cache)
        several = tuple(grads) if isinstance(grads, (tuple, list)) else (grads,)
        right = np.asarray(several[0])
        dys = list(dy.values()) if isinstance(dy, dict) else list(dy) if isinstance(dy, (tuple, list)) else [dy]
        first, alone = np.asarray(dys[0]), None
        if len(dys) > 1:
            rest = [None if one is None else 0 * one for one in dys[1:]]
            only = dict(zip(dy, [dys[0], *rest], strict=True)) if isinstance(dy, dict) else type(dy)([dys[0], *rest])
            through = call_backward(op.backward, only, cache)
            alone = np.asarray(through[0] if isinstance(through, (tuple, list)) else through)
        there = Place(right, several, alone, first, inputs[place], op.args[name], inputs, params, op)
        with np.errstate(all="ignore"):
            wrong = np.asarray(plant(there)).astype(right.dtype)
        changed[0] |= not np.array_equal(wrong, right, equal_nan=True)
        return (wrong, *several[1:]) if isinstance(grads, (tuple, list)) else wrong

    return replace(op, forward=forward, backward=backward, pure=False), changed


@np.errstate(all="ignore")
def changes(op: Op, plant: Plant, seed: int) -> bool:
    """Whether a mistake changes anything in some sample of the battery: looked at before a whole check is spent."""
    wrong, changed = planted(op, plant)
    for sample in battery(op):
        case = build(wrong, sample, seed)
        pair = Pair(wrong, case.params, seed)
        try:
            result = pair.forward([np.array(x) for x in case.inputs])
            pair.backward(result.in_form_of_y(list(case.cotangents(result.outputs))), result.cache)
        except (Broken, Refused):
            continue
        if changed[0]:
            return True
    return False
