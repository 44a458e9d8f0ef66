"""Diagnoses from several outputs, one after the other: through which of them is the gradient wrong?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.claim import Claim
from npvae.gradcheck.slopes.numeric import compare_entries
from npvae.gradcheck.slopes.numeric_loss import NumericLoss

__all__ = ["by_output"]


def by_output(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """Right for the dy of one output alone and wrong for that of another, or zero for it.

    An output that the argument has no part in is right for nothing, and says nothing.
    """
    dys = view.loss.dys
    if len(dys) < 2:
        return
    right, wrong, zero = list[str](), list[str](), list[str]()
    for j, name in enumerate(view.first_run.result.names):
        claim = _through(view, pair, [dy if i == j else np.zeros_like(dy) for i, dy in enumerate(dys)])
        if claim is None:
            return
        some = bool(np.any(claim.grad))
        entries = np.flatnonzero(view.wrong)[: t.RULINGS_ENOUGH]
        if compare_entries(claim, entries).disagrees:
            (wrong if some else zero).append(name)
        elif some:
            right.append(name)
    if zero and not wrong:
        named = ", ".join(zero)
        yield "one-output", f"it is ZERO for the dy of {named} alone: is what comes from {named} FORGOTTEN?"
    elif wrong and right and not zero:
        yield "one-output", f"right for the dy of {', '.join(right)} alone, wrong for that of {', '.join(wrong)}"


def _through(view: SideBySide, pair: Pair, dys: Sequence[np.ndarray]) -> Claim | None:
    """The claim for other cotangents; None if the backward gives no gradient for them."""
    first_run = view.first_run
    grad = first_run.backward(tuple(dys))[first_run.case.op.differentiable.index(view.name)]
    if grad is None or grad.shape != view.grad.shape or not np.all(np.isfinite(grad)):
        return None
    loss = NumericLoss(pair, first_run.case, tuple(dys), low=view.loss.low)
    grad = loss.in_set(view.k, grad)
    return Claim(first_run, loss, view.k, view.name, grad, view.tolerance, np.ones(grad.shape, dtype=bool))
