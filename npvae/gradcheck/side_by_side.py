"""The analytic gradient and the numeric one, side by side, with what is near: what a diagnosis reads."""

from __future__ import annotations

import numpy as np

from npvae.gradcheck.analytic import Analytic
from npvae.gradcheck.differences import central_slope
from npvae.gradcheck.numeric import Comparison, Tolerance
from npvae.gradcheck.reference import Reference

__all__ = ["Diagnosis", "SideBySide", "all_slopes"]

Diagnosis = tuple[str, str]
"""A stable code, and a few words."""


class SideBySide:
    """The two gradients side by side, with what is near."""

    def __init__(
        self,
        analytic: Analytic,
        reference: Reference,
        k: int,
        name: str,
        grad: np.ndarray,
        numeric: np.ndarray,
        wrong: np.ndarray,
        tolerance: Tolerance,
    ) -> None:
        self.analytic, self.reference, self.k, self.name = analytic, reference, k, name
        self.grad, self.numeric, self.wrong, self.tolerance = grad, numeric.reshape(grad.shape), wrong, tolerance
        self.seen = np.isfinite(self.numeric) & np.isfinite(grad)
        self.precision = 2e-4 if analytic.case.dtype == np.float32 or reference.low else 1e-6

    def alike(self, found: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two arrays agree where both gradients are known, to the precision of the case."""
        if found.shape != expected.shape or not np.any(self.seen):
            return False
        a, b = found[self.seen], expected[self.seen]
        return bool(np.max(np.abs(a - b)) <= self.precision * np.max(np.abs(b)) + self.tolerance.atol)

    def right_beside(self, ratio: float) -> bool:
        """Whether entries are right that would be wrong if all of the gradient were off by a factor."""
        right = self.seen & ~self.wrong.reshape(self.grad.shape) & (np.nan_to_num(self.numeric) != 0)
        off = np.abs((ratio - 1.0) * self.numeric)[right]
        allowed = 10.0 * (self.tolerance.rtol * np.abs(self.numeric) + self.tolerance.atol)[right]
        return bool(np.any(off > allowed)) or int(np.sum(right)) > int(np.sum(self.wrong))

    def mends(self, found: np.ndarray) -> bool:
        """Whether hardly anything of the mistake is left in another analytic gradient."""
        if found.shape != self.grad.shape:
            return False
        mistake = float(np.max(np.abs(self.grad - self.numeric)[self.seen]))
        return bool(np.max(np.abs(found - self.numeric)[self.seen]) <= 0.02 * mistake)


def all_slopes(reference: Reference, k: int, grad: np.ndarray, compared: Comparison) -> np.ndarray:
    """Numeric slopes of every entry if there are few, else of a couple of dozen beside the ones known."""
    numeric = compared.numeric.copy()
    missing = np.flatnonzero(~np.isfinite(numeric))
    if missing.size > 24:
        missing = reference.case.rng("diagnosis").choice(missing, 24, replace=False)
    for i in missing:
        step = reference.entry_step(k, int(i))
        if step > 0:
            claim = float(grad.flat[i])
            slope = central_slope(reference.along_entry(k, int(i)), claim=claim, rtol=1e-7, step=step, levels=6)
            if slope.agrees or slope.error <= 1e-4 * abs(slope.value):
                numeric[i] = slope.value
    return numeric
