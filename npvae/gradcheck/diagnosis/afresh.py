"""A diagnosis is said only if other inputs, drawn afresh, give it too: one sample may look like anything by chance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from npvae.gradcheck.battery.drawing import Case, build
from npvae.gradcheck.battery.samples import Sample
from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Broken, Pair, Refused
from npvae.gradcheck.pair.contracts import run
from npvae.gradcheck.slopes.claim import Claim, tolerance_for
from npvae.gradcheck.slopes.numeric import compare_entries
from npvae.gradcheck.slopes.numeric_loss import NumericLoss

__all__ = ["Afresh"]

BY_CHANCE = {
    "tail", "one-row", "one-entry", "threshold", "float32-cast", "few-digits", "one-step", "overlap", "mask",
    "repeated-index", "one-answer", "factor", "factor-of-size", "factor-of-argument", "other-argument", "extra-term",
    "offset", "reversed",
}  # fmt: skip
"""What a single sample may look like without being it."""

PLACES = {"tail", "one-row", "one-entry", "one-step", "overlap"}
"""Of these, what is said to be wrong at fixed indices, whatever the values."""

NUMBERS = {"factor", "offset", "extra-term"}
"""And what says a number, which is the same whatever the values: one entry is off by some factor in any case."""

Pattern = Callable[[SideBySide, Pair], Iterable[Diagnosis]]


class Afresh:
    """The same claim on other inputs of the same kind; each sample is compared once, whatever is asked of it."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._views: dict[int, SideBySide | None] = {}

    def confirms(self, pattern: Pattern, said: Diagnosis) -> bool:
        """Whether a diagnosis cannot be chance, or its pattern says the same of two more samples; True if none exist.

        A place is the same only in the same words: chance finds a last row twice, but not the same one. A sample that
        is hardly wrong, or in which the pair breaks, says nothing for or against a pattern, and another is drawn.
        """
        claim, (code, _) = self.claim, said
        confirmed = 0
        given = claim.first_run.case.label.startswith(("given", "drawn"))
        if code not in BY_CHANCE or given or claim.grad.size > t.ENTRIES:
            return True
        for turn in range(1, 1 + t.DRAWN_AFRESH):
            try:
                again = self._view(turn)
                found = [] if again is None else list(pattern(again, again.first_run.pair))
            except (Broken, Refused):
                continue
            if code not in PLACES and (again is None or np.sum(again.wrong) < min(t.FEW_ENTRIES, claim.grad.size)):
                continue
            if not any(_same(said, one) for one in found):
                return False
            confirmed += 1
            if confirmed == t.TRIED_AFRESH:
                return True
        return False

    def _view(self, turn: int) -> SideBySide | None:
        if turn not in self._views:
            self._views[turn] = _view(self.claim, _redrawn(self.claim.first_run.case, turn))
        return self._views[turn]


def _same(said: Diagnosis, again: Diagnosis) -> bool:
    """Whether two samples look the same: by code, by the place where it is a place, by the number where it is one."""
    (code, words), (other, others) = said, again
    if code != other or code in PLACES:
        return said == again
    if code not in NUMBERS:
        return True
    number, another = (_NUMBER.search(one) for one in (words, others))
    if number is None or another is None:
        return number is another
    value = float(number[1])
    return abs(value - float(another[1])) <= t.SAME_NUMBER * abs(value)


_NUMBER = re.compile(r" is (?:1 )?([-+]?[\d.]+(?:e[-+]?\d+)?)")


def _redrawn(case: Case, turn: int) -> Case:
    sample = Sample(case.cell, case.sizes, case.dtype.name, case.layout, case.regime, case.params)
    return build(case.op, sample, case.seed + turn * t.ANOTHER_SEED)


def _view(claim: Claim, case: Case) -> SideBySide | None:
    """The two gradients of another case side by side; None if they agree there, or cannot be compared."""
    pair = Pair(case.op, case.params, case.seed)
    first_run = run(pair, case)
    grad = first_run.grads[claim.position]
    if grad is None or grad.shape != case.inputs[claim.k].shape or not np.all(np.isfinite(grad)):
        return None
    loss = NumericLoss(pair, case, first_run.dys, low=claim.low)
    grad = loss.in_set(claim.k, grad)
    tolerance = tolerance_for(grad, first_run.dys, case.dtype, claim.rtol, claim.atol)
    finite = np.ones(grad.shape, dtype=bool)
    other = replace(claim, first_run=first_run, loss=loss, grad=grad, tolerance=tolerance, finite=finite)
    compared = compare_entries(other, np.arange(grad.size))
    wrong = np.zeros(grad.size, dtype=bool)
    wrong[compared.disagrees] = True
    if not np.any(wrong):
        return None
    return SideBySide(other, compared, wrong, alone=len(compared.disagrees) == 1)
