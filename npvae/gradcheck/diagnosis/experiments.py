"""Diagnoses by trying again: in float64, in C layout, with a small dy. What mends a gradient names its mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from npvae.gradcheck.battery.drawing import in_layout
from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Broken, Pair, Refused

__all__ = ["by_digits", "by_experiment"]


def by_experiment(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """Try another dtype, another layout and a smaller dy; report which one makes the gradient right."""
    case = view.first_run.case

    def again(inputs: Sequence[np.ndarray], change: Callable[[np.ndarray], np.ndarray], scale: float) -> bool:
        try:
            result = pair.forward(inputs)
            dys = [change(np.asarray(dy)) for dy in view.first_run.dys]
            grads = pair.backward(result.in_form_of_y(dys), result.cache)
        except (Broken, Refused):
            return False
        grad = grads[case.op.differentiable.index(view.name)]
        return grad is not None and view.mends(np.asarray(grad, dtype=np.float64) * scale)

    if case.dtype == np.float32 and not view.loss.low:
        doubles = [in_layout(x.astype(np.float64), case.layout) if x.dtype == np.float32 else x for x in case.inputs]
        if again(doubles, lambda dy: in_layout(dy.astype(np.float64), case.layout), 1.0):
            yield "float32-only", "ONLY IN FLOAT32: in float64 the same gradient is right"
            return
    if case.layout != "C" and again(
        [np.array(x, order="C") for x in case.inputs], lambda dy: np.array(dy, order="C"), 1.0
    ):
        yield "layout-only", f"ONLY FOR {case.layout.upper()} arrays: with C-contiguous copies it is right"
        return
    tiny = t.SMALL_DY_AGAIN
    if again(case.inputs, lambda dy: np.asarray(dy * dy.dtype.type(tiny)), 1.0 / tiny):
        yield "size-of-dy", "for a dy a thousand times smaller it is right: is dy CLIPPED or normalised?"


def by_digits(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """How many digits are right, where nothing else is known."""
    case = view.first_run.case
    off, slopes = np.abs(view.grad - view.numeric)[view.seen], np.abs(view.numeric)[view.seen]
    told = off > view.tolerance.atol  # of these, one whose slope is zero has no digit right
    worst = math.inf if np.any(slopes[told] == 0.0) else float(np.max(off[told] / slopes[told], initial=0.0))
    only = "only" if view.complete else f"only {view.everywhere}"
    if case.dtype == np.float64 and 0.0 < worst < t.SEVEN_DIGITS:
        yield "float32-cast", f"right to 7 digits {only}: something is computed in FLOAT32"
    elif 0.0 < worst < t.FEW_DIGITS:
        yield "few-digits", f"right to {int(-math.log10(worst))} digits {only}: a small constant, or digits CUT OFF?"
