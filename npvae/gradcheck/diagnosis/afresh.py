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
        self._views: dict[tuple[int, str], SideBySide | None] = {}

    def confirms(self, pattern: Pattern, said: Diagnosis) -> bool:
        """Whether a diagnosis cannot be chance, or its pattern says the same of two more samples; True if none exist.

        A place is the same only in the same words: chance finds a last row twice, but not the same one. What names a
        size must follow it to another size, if the pair takes that: many a number is some size by chance. A sample that
        is hardly wrong, or in which the pair breaks, says nothing for or against a pattern, and another is drawn.
        """
        claim, (code, _) = self.claim, said
        confirmed = 0
        given = claim.first_run.case.label.startswith(("given", "drawn"))
        if code not in BY_CHANCE or given or claim.grad.size > t.ENTRIES:
            return True
        for turn in range(1, 1 + t.DRAWN_AFRESH):
            try:
                again = self._view(turn, _symbol_of(said) if turn <= t.RESIZED_AFRESH else "")
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

    def _view(self, turn: int, resized: str) -> SideBySide | None:
        if (turn, resized) not in self._views:
            self._views[turn, resized] = _view(self.claim, _redrawn(self.claim.first_run.case, turn, resized))
        return self._views[turn, resized]


def _same(said: Diagnosis, again: Diagnosis) -> bool:
    """Whether two samples look the same: by code, by the place where it is a place, by the number where it is one."""
    (code, words), (other, others) = said, again
    if code != other or code in PLACES:
        return said == again
    if symbol := _symbol_of(said):
        return symbol == _symbol_of(again)
    if code not in NUMBERS:
        return True
    number, another = (_NUMBER.search(one) for one in (words, others))
    if number is None or another is None:
        return number is another
    value = float(number[1])
    return abs(value - float(another[1])) <= t.SAME_NUMBER * abs(value)


_NUMBER = re.compile(r" is (?:1 )?([-+]?[\d.]+(?:e[-+]?\d+)?)")


def _symbol_of(said: Diagnosis) -> str:
    """The symbol whose size a factor is said to be; "" if there is none."""
    code, words = said
    found = _SYMBOL.search(words) if code == "factor-of-size" else None
    return found[1] if found else ""


_SYMBOL = re.compile(r" is (?:1/)?\d+ = (?:1/)?(\w+) ")


def _redrawn(case: Case, turn: int, resized: str) -> Case:
    """The case with other values, and with another size of one symbol, which no other symbol has, if one is named."""
    sizes = dict(case.sizes)
    other = [n for n in t.BASE_SIZES[turn:] + t.BASE_SIZES[:turn] if n not in sizes.values()]
    if resized and other:
        sizes = case.op.within_ranges({**sizes, resized: other[0]})
    sample = Sample(case.cell, sizes, case.dtype.name, case.layout, case.regime, case.params)
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
