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
    found = _repeated(view, wrong) or _masked(view, wrong) or _answered(view, wrong)
    yield from found or _steps(view, wrong) or _overlap(view, wrong, pair)


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


def _slices(view: SideBySide, wrong: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each axis along which something may be told, the share of wrong entries in its slices, and which are right.

    A slice in which every slope is zero (padding, what a stride leaves out) is neither right nor wrong.
    """
    for axis in range(1 if wrong.ndim == 1 else 0, wrong.ndim):
        if wrong.shape[axis] >= t.FEW_ENTRIES:
            others = tuple(a for a in range(wrong.ndim) if a != axis)
            share = np.mean(wrong, axis=others)
            yield axis, share, (share == 0) & ~np.all(view.blank, axis=others)


def _steps(view: SideBySide, wrong: np.ndarray) -> list[Diagnosis]:
    """Right in the first or the last slice along an axis only."""
    for axis, share, right in _slices(view, wrong):
        for place, word in ((0, "FIRST"), (share.size - 1, "LAST")):
            if right[place] and np.all(np.delete(share, place) > t.ONE_RATIO):
                words = f"right in the {word} of {share.size} along axis {axis} only"
                return [("one-step", words + _of_the_others(view, wrong, axis))]
    return []


def _of_the_others(view: SideBySide, wrong: np.ndarray, axis: int) -> str:
    """What is seen of the other slices: that they are zero, or lack what goes on through other steps, or are wrong."""
    if not np.any(view.grad[wrong]):
        return ", ZERO in the others"
    i = _worst(view, wrong)
    at = np.unravel_index(i, wrong.shape)[axis]
    own = 0.0  # what reaches the loss through the same slice of the outputs
    for dy, slope in zip(view.loss.dys, _output_slopes(view, i), strict=True):
        if dy.ndim > axis and dy.shape[axis] == wrong.shape[axis]:
            own += float(np.sum((dy * slope).take(at, axis=axis)))
    mistake = abs(view.grad.item(i) - view.numeric.item(i))
    only_own = abs(view.grad.item(i) - own) <= t.EXPLAINED * mistake
    return ": are the other STEPS forgotten?" if only_own else ", wrong in the others"


def _overlap(view: SideBySide, wrong: np.ndarray, pair: Pair) -> list[Diagnosis]:
    """Right at both ends of an axis, wrong between, and nothing there is from outputs that the entry does not move."""
    for axis, share, right in _slices(view, wrong):
        inside = np.flatnonzero(share > t.ONE_RATIO)
        if inside.size < 2 or inside.size <= inside[-1] - inside[0] or np.sum(share > 0) > inside.size:
            continue
        first, last = int(inside[0]), int(inside[-1])
        if np.any(right[:first]) and np.any(right[last + 1 :]):
            place = f"right at both ENDS of axis {axis}, wrong from {first} to {last}"
            if _of_its_own_outputs(view, _worst(view, wrong), pair):
                return [("overlap", f"{place}: do windows OVERLAP there?")]
    return []


def _of_its_own_outputs(view: SideBySide, i: int, pair: Pair) -> bool:
    """Whether the gradient of entry i is the same for a dy that is zero in all outputs that the entry does not move."""
    run = view.first_run
    own = [dy * (slope != 0) for dy, slope in zip(run.dys, _output_slopes(view, i), strict=True)]
    dys = run.fresh_dys(tuple(own))
    result = pair.forward([np.array(x) for x in run.case.inputs])
    returned = pair.backward(result.in_form_of_y(dys), result.cache)[run.case.op.differentiable.index(view.name)]
    if returned is None:
        return False
    grad = view.loss.in_set(view.k, np.asarray(returned, dtype=np.float64))
    return bool(abs(grad.item(i) - view.grad.item(i)) <= t.EXPLAINED * abs(view.grad.item(i) - view.numeric.item(i)))


def _worst(view: SideBySide, wrong: np.ndarray) -> int:
    """The entry (flat) that is furthest off, of those that may move both ways."""
    free = wrong & (view.loss.reach(view.k) > 0)
    return int(np.argmax(np.where(free, np.abs(view.grad - view.numeric), -1.0)))


def _output_slopes(view: SideBySide, i: int) -> list[np.ndarray]:
    """The slope of every output along entry i, to a few digits."""
    step = view.loss.entry_step(view.k, i) / t.NEAR_SHORTER or t.NO_STEP
    moved = view.loss.at_entry(view.k, i)
    return [(plus - minus) / (2.0 * step) for plus, minus in zip(moved(step), moved(-step), strict=True)]
