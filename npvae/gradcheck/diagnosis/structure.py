"""Diagnoses from the structure of the inputs: a mask, indices that repeat, steps along an axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Pair

__all__ = ["by_structure"]


def by_structure(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """What no ratio shows: entries that should be zero, rows that are indexed twice, all steps but one."""
    wrong = view.wrong.reshape(view.grad.shape)
    on_kink = view.loss.reach(view.k) == 0.0
    if not view.complete or not np.any(view.seen & ~wrong) or np.all(on_kink[wrong]):
        return
    yield from _repeated(view, wrong) or _masked(view, wrong) or _answered(view, wrong) or _steps(view, wrong)


def _repeated(view: SideBySide, wrong: np.ndarray) -> list[Diagnosis]:
    """Wrong in the rows that an integer argument names more than once, and in no others."""
    rows = np.any(wrong.reshape(wrong.shape[0], -1), axis=1) if wrong.ndim else wrong
    case = view.first_run.case
    for (name, arg), x in zip(case.op.args.items(), case.inputs, strict=True):
        if arg.differentiable or arg.offsets or x.dtype.kind not in "iu" or not x.size:
            continue
        if np.min(x) < 0 or np.max(x) >= rows.size:
            continue
        twice = np.bincount(x.reshape(-1), minlength=rows.size) > 1
        if np.any(twice) and np.any(~twice) and np.array_equal(rows, twice):
            return [("repeated-index", f"only where {name} names a row MORE THAN ONCE: add them up, as np.add.at does")]
    return []


def _masked(view: SideBySide, wrong: np.ndarray) -> list[Diagnosis]:
    """Not zero exactly where the slope is zero; right everywhere else."""
    zero = np.abs(np.nan_to_num(view.numeric)) <= view.tolerance.atol
    count = int(np.sum(wrong))
    if count < t.FEW_ENTRIES or not np.all(zero[wrong]) or not np.any(~zero):
        return []
    there = f"the slope is 0 in all {count} entries that are wrong"
    return [("mask", f"{there}, {view.name} has no part there: is a MASK forgotten?")]


def _answered(view: SideBySide, wrong: np.ndarray) -> list[Diagnosis]:
    """Wrong wherever a boolean argument of the same shape is true, or wherever it is false, and nowhere else."""
    case = view.first_run.case
    for (name, arg), x in zip(case.op.args.items(), case.inputs, strict=True):
        if arg.differentiable or x.dtype.kind != "b" or x.shape != wrong.shape:
            continue
        for answer in (True, False):
            chosen = (x == answer) & ~view.blank
            if np.sum(chosen) >= t.FEW_ENTRIES and np.array_equal(chosen, wrong):
                ratios = view.grad[wrong] / view.numeric[wrong]
                same = bool(np.ptp(ratios) <= view.precision * np.max(np.abs(ratios)))
                ratio = f"; analytic / numeric is {float(np.median(ratios)):.6g} there" if same else ""
                return [("one-answer", f"only where {name} is {answer}{ratio}")]
    return []


def _steps(view: SideBySide, wrong: np.ndarray) -> list[Diagnosis]:
    """Right in the first or the last slice along an axis only, or at both ends of it and wrong between.

    A slice in which every slope is zero (padding, what a stride leaves out) is neither right nor wrong.
    """
    for axis in range(1 if wrong.ndim == 1 else 0, wrong.ndim):
        size = wrong.shape[axis]
        if size < t.FEW_ENTRIES:
            continue
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        share = np.mean(wrong, axis=others)
        right = (share == 0) & ~np.all(view.blank, axis=others)
        for place, word in ((0, "FIRST"), (size - 1, "LAST")):
            rest = np.delete(share, place)
            if right[place] and np.all(rest > t.ONE_RATIO):
                words = f"right in the {word} of {size} along axis {axis} only: are the other STEPS forgotten?"
                return [("one-step", words)]
        inside = np.flatnonzero(share > t.ONE_RATIO)
        if inside.size < 2 or inside.size <= inside[-1] - inside[0] or np.sum(share > 0) > inside.size:
            continue
        first, last = int(inside[0]), int(inside[-1])
        if np.any(right[:first]) and np.any(right[last + 1 :]):
            place = f"right at both ENDS of axis {axis}, wrong from {first} to {last}"
            return [("overlap", f"{place}: do windows OVERLAP there?")]
    return []
