"""The analytic gradient and the numeric one, side by side, with what is near: what a diagnosis reads."""

from __future__ import annotations

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.slopes.claim import Claim, Comparison

__all__ = ["Diagnosis", "SideBySide"]

Diagnosis = tuple[str, str]
"""A stable code, and a few words."""


class SideBySide:
    """The two gradients side by side, with what is near.

    seen      where both are known, to a precision in which a pattern would show (among kinks slopes do not settle)
    complete  True if both are known everywhere, to whatever precision
    wrong     the entries, of those seen, that are wrong; flat
    alone     True if one entry is wrong and all others were seen to agree
    """

    def __init__(self, claim: Claim, compared: Comparison, wrong: np.ndarray, alone: bool) -> None:
        self.first_run, self.loss, self.k, self.name = claim.first_run, claim.loss, claim.k, claim.name
        self.tolerance = claim.tolerance
        returned = claim.first_run.grads[claim.position]
        assert returned is not None, "only gradients that were compared come here"
        grad = self.loss.in_set(self.k, returned.astype(np.float64))
        self.grad, self.numeric = grad, compared.numeric.reshape(grad.shape)
        self.wrong, self.alone = wrong, alone
        low = claim.first_run.case.dtype == np.float32 or claim.low
        self.precision = t.PATTERN_LOW if low else t.PATTERN
        known = np.isfinite(self.numeric) & np.isfinite(grad)
        self.complete = bool(np.all(known))
        size = np.maximum(np.abs(self.numeric), float(np.max(np.abs(grad), initial=0.0, where=known)))
        blurred = known & wrong.reshape(grad.shape) & ~(compared.error.reshape(grad.shape) <= self.precision * size)
        self.seen = known & ~blurred if np.any(known & ~blurred & wrong.reshape(grad.shape)) else known

    @property
    def everywhere(self) -> str:
        """What holds in every entry seen holds "everywhere" only if that was all of them."""
        return "everywhere" if np.all(self.seen) else f"in all {int(np.sum(self.seen))} entries compared"

    def alike(self, found: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two arrays agree where both gradients are known, to the precision of the case."""
        if found.shape != expected.shape or not np.any(self.seen):
            return False
        a, b = found[self.seen], expected[self.seen]
        return bool(np.max(np.abs(a - b)) <= self.precision * np.max(np.abs(b)) + self.tolerance.atol)

    def explains(self, found: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two arrays are alike and hardly differ beside the mistake: a small one makes most things alike."""
        if not self.alike(found, expected):
            return False
        mistake = float(np.max(np.abs(self.grad - self.numeric)[self.seen]))
        return bool(np.max(np.abs(found - expected)[self.seen]) <= t.EXPLAINED * mistake)

    def right_beside(self, ratio: float) -> bool:
        """Whether entries are right that would be wrong if all of the gradient were off by a factor."""
        right = self.seen & ~self.wrong.reshape(self.grad.shape) & (np.nan_to_num(self.numeric) != 0)
        off = np.abs((ratio - 1.0) * self.numeric)[right]
        allowed = t.NOT_EXCUSED * (self.tolerance.rtol * np.abs(self.numeric) + self.tolerance.atol)[right]
        return bool(np.any(off > allowed)) or int(np.sum(right)) > int(np.sum(self.wrong))

    @property
    def blank(self) -> np.ndarray:
        """Where the analytic gradient and the slope are both zero: right by chance, whatever the mistake."""
        return (self.grad == 0) & (np.nan_to_num(self.numeric) == 0)

    @property
    def told(self) -> np.ndarray:
        """Where the slope is known and not zero: what shows a factor."""
        return self.seen & (np.nan_to_num(self.numeric) != 0)

    def mends(self, found: np.ndarray) -> bool:
        """Whether hardly anything of the mistake is left in another analytic gradient."""
        if found.shape != self.grad.shape:
            return False
        mistake = float(np.max(np.abs(self.grad - self.numeric)[self.seen]))
        return bool(np.max(np.abs(found - self.numeric)[self.seen]) <= t.EXPLAINED * mistake)
