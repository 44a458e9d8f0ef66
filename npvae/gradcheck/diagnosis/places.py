"""Diagnoses from where the wrong entries are: the last rows, one row, a kink, beyond a threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.differences import central_slope
from npvae.gradcheck.slopes.numeric_loss import ends

__all__ = ["by_place", "everywhere"]


def by_place(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """Where the wrong entries are: in the last rows, in one row or column, on a kink, beyond a threshold."""
    wrong = view.wrong.reshape(view.grad.shape)
    good = view.seen & ~wrong & ~view.blank
    x = np.asarray(view.loss.inputs[view.k], dtype=np.float64)
    on_kink = view.loss.reach(view.k) == 0.0
    if np.all(on_kink[wrong]) and not np.all(on_kink):
        points = sorted({float(v) + 0.0 for v in np.round(x[wrong], t.POINT_DIGITS)})  # + 0.0 makes -0 into 0
        place = f"{view.name} = {', '.join(f'{p:g}' for p in points[:3])}"
        if set(points) <= set(ends(view.loss.args[view.k])):
            yield "edge-only", f"only exactly AT THE END of the domain, {place}"
        else:
            yield "kink-only", f"only exactly AT THE KINK, {place}"
        return
    if not np.any(good):
        return
    count = int(np.sum(wrong))
    for axis in range(wrong.ndim):
        size = int(wrong.shape[axis])
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        rows = np.flatnonzero(np.any(wrong, axis=others))
        inside = (wrong | view.blank).take(rows, axis=axis)
        enough = t.MOSTLY_WRONG * count > inside.size > 1 or count >= t.ENOUGH_WRONG
        whole = view.complete and enough and bool(np.all(inside)) and 0 < rows.size < size
        what = ("row", "column")[axis] if axis < 2 else f"slice of axis {axis}"
        if whole and rows[-1] == size - 1 and rows.size == size - rows[0]:
            zeros = not np.any(view.grad[wrong])
            where = f"the LAST {what}{'s' * (rows.size > 1)}, from {rows[0]} of {size}"
            yield "tail", f"zeros in {where}: is a tail forgotten?" if zeros else f"only in {where}"
            return
        if whole and rows.size == 1 and size > 2:
            yield "one-row", f"only in {what} {rows[0]}"
            return
    threshold = _threshold(view, pair, wrong, good, x)
    if threshold:
        yield "threshold", threshold
    elif view.alone and view.grad.size > 2:
        at = np.unravel_index(int(np.flatnonzero(view.wrong)[0]), wrong.shape)
        yield "one-entry", f"ONE ENTRY is wrong, {[int(j) for j in at]}"


def everywhere(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """No corner of it, no factor, nothing known: then it is the formula."""
    if any(f.check == "linearity" and f.arg == view.name for f in view.first_run.findings):
        return  # it is what the backward makes of dy
    told = view.told
    if int(np.sum(told)) <= 2 or not np.all(view.wrong.reshape(view.grad.shape)[told]):
        return
    ratios = view.grad[told] / view.numeric[told]
    common = float(np.median(ratios))
    # Among kinks a slope may be wrong and seem sharp: what most entries have in common is not denied for one of them.
    if np.mean(np.abs(ratios - common) <= view.precision * abs(common)) <= t.ONE_RATIO:
        yield "formula", "by no common factor or term: the FORMULA itself"


def _threshold(view: SideBySide, pair: Pair, wrong: np.ndarray, good: np.ndarray, x: np.ndarray) -> str:
    """A value of the entry beyond which the gradient is wrong, narrowed by moving one wrong entry; "" if none."""
    for words, values in ((view.name, x), (f"|{view.name}|", np.abs(x))):
        bad, fine = values[wrong], values[good]
        if bad.size < 2 or fine.size < 2:
            continue
        if np.min(bad) > np.max(fine):
            sign, i, edge = ">", int(np.flatnonzero(wrong)[np.argmin(bad)]), float(np.max(fine))
        elif np.max(bad) < np.min(fine):
            sign, i, edge = "<", int(np.flatnonzero(wrong)[np.argmax(bad)]), float(np.min(fine))
        else:
            continue
        outer, inner = float(x.flat[i]), math.copysign(edge, x.flat[i]) if words[0] == "|" else edge
        benign = float(x.flat[int(np.flatnonzero(good)[0])])
        there = _wrong_at(view, pair, i, inner, benign)
        if there:
            continue  # it is the entry that is wrong, whatever its value
        for _ in range(t.THRESHOLD_HALVINGS if there is False else 0):
            middle = 0.5 * (outer + inner)
            there = _wrong_at(view, pair, i, middle, benign)
            if there is None:
                break
            outer, inner = (middle, inner) if there else (outer, middle)
        last = abs(inner) if words[0] == "|" else inner
        last = 0.0 if abs(last) < t.THRESHOLD_ZERO else last
        return f"only where {words} {sign} {last:.4g}: a CLIP, or the wrong side of a branch"
    return ""


def _wrong_at(view: SideBySide, pair: Pair, i: int, value: float, benign: float) -> bool | None:
    """Whether entry i would be wrong if it had this value, and the other wrong entries a harmless one.

    None where neither gradient sees the entry: at this value it is not the largest of its row any more, say.
    """
    case, loss, k = view.first_run.case, view.loss, view.k
    inputs = [np.array(x) for x in case.inputs]
    inputs[k].flat[view.wrong] = benign
    inputs[k].flat[i] = value
    kept = loss.inputs[k].copy()
    loss.inputs[k][...] = inputs[k]
    try:
        result = pair.forward(inputs)
        grads = pair.backward(result.in_form_of_y(view.first_run.fresh_dys()), result.cache)
        grad = grads[case.op.differentiable.index(view.name)]
        if grad is None:
            return True
        step = t.THRESHOLD_STEP * max(1.0, abs(value))
        claim = float(grad.flat[i])
        slope = central_slope(
            loss.along_entry(k, i),
            claim=claim,
            rtol=t.THRESHOLD_RTOL,
            atol=view.tolerance.atol,
            step=step,
            levels=t.LEVELS_OF_A_GUESS,
        )
        return None if claim == slope.value == 0.0 else not slope.agrees
    finally:
        loss.inputs[k][...] = kept
