"""Check 6: what to make of an entry that disagrees. A kink, rounding, or a wrong gradient?

Nothing is passed in silence: an entry that cannot be settled is INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npvae.gradcheck.differences import central_slope, one_sided_slope
from npvae.gradcheck.numeric import Tolerance
from npvae.gradcheck.reference import Reference, ends
from npvae.gradcheck.report import FAIL, INCONCLUSIVE, PASS

__all__ = ["UNSEEN", "Ruling", "adjudicate"]

UNSEEN = "UNSEEN"
"""Below the rounding of the forward: nothing can be said of this entry at this point."""

Sides = list[tuple[list[np.ndarray], float]]


@dataclass(frozen=True)
class Ruling:
    """What an entry turned out to be: PASS, FAIL, INCONCLUSIVE or UNSEEN.

    kink  True if its one-sided slopes differ; `reason` says what they allow
    """

    verdict: str
    numeric: float
    error: float
    kink: bool = False
    reason: str = ""


def adjudicate(
    reference: Reference,
    k: int,
    i: int,
    grad: np.ndarray,
    tolerance: Tolerance,
    confirm: Callable[[], bool],
) -> Ruling:
    """Rule on entry i of argument k, whose gradient `grad` disagrees there or could not be compared.

    confirm  checks the same entry with fresh cotangents; True if it disagrees there too
    """
    claim = float(grad.flat[i])
    step = reference.entry_step(k, i)
    sides = one_sided(reference, k, i)
    if step == 0.0 or _apart(sides):
        return _by_sides(reference, sides, claim, tolerance)
    slope = central_slope(reference.along_entry(k, i), step=step)
    noise = reference.noise_of_entry(k, i)
    trembling = 4.0 * noise / max(slope.step, 1e-300)
    difference = abs(slope.value - claim)
    allowed = tolerance.rtol * abs(slope.value) + tolerance.atol
    if difference <= allowed:
        return Ruling(PASS, slope.value, slope.error)
    if difference > allowed + trembling and difference > 4.0 * slope.error:
        return Ruling(FAIL, slope.value, slope.error)
    by_sides = _by_sides(reference, sides, claim, tolerance)
    if by_sides.verdict == PASS and by_sides.error < slope.error:  # the second derivative jumps, the slope does not
        return by_sides
    if difference <= allowed + trembling:
        largest = float(np.max(np.abs(grad), initial=0.0))
        if trembling <= max(1e-3 * abs(slope.value), 10.0 * tolerance.rtol * largest):
            return Ruling(PASS, slope.value, trembling, reason="within the noise of the forward")
        return Ruling(UNSEEN, slope.value, trembling, reason=f"the forward trembles by {noise:.1g}, which hides it")
    if confirm():
        return Ruling(FAIL, slope.value, slope.error)
    return Ruling(INCONCLUSIVE, slope.value, slope.error, reason="the differences do not settle")


def one_sided(reference: Reference, k: int, i: int) -> Sides:
    """Slopes of every output, and their error, from each side of entry i that the domain allows."""
    centre = float(reference.inputs[k].flat[i])
    moved = reference.at_entry(k, i)
    cuts = np.cumsum([y.size for y in reference.here])[:-1]

    def values(distance: float) -> np.ndarray:
        return np.concatenate([y.reshape(-1) for y in moved(distance)])

    arg = reference.args[k]
    limits = ends(arg)
    low, high = min(limits, default=-math.inf), max(limits, default=math.inf)
    if len(limits) == 1:
        low, high = (limits[0], math.inf) if arg.domain[0] == limits[0] else (-math.inf, limits[0])
    sides: Sides = []
    for side, room in ((-1, centre - low), (1, high - centre)):
        if room <= 0:
            continue
        ahead = [side * (kink - centre) for kink in arg.kinks if side * (kink - centre) > 0]
        step = min([reference.first_step * max(1.0, abs(centre)), 0.5 * room, *(0.5 * far for far in ahead)])
        slope, error = one_sided_slope(values, side=side, step=step)
        sides.append((np.split(slope, cuts), error))
    return sides


def _apart(sides: Sides) -> bool:
    """Whether the slopes from the two sides differ by more than their errors."""
    if len(sides) < 2 or not all(math.isfinite(error) for _, error in sides):
        return False
    (left, left_error), (right, right_error) = sides
    gap = max((float(np.max(np.abs(a - b), initial=0.0)) for a, b in zip(left, right, strict=True)), default=0.0)
    size = max((float(np.max(np.abs(a), initial=0.0)) for a in (*left, *right)), default=0.0)
    return gap > 10.0 * (left_error + right_error) + 1e-7 * size


def _by_sides(reference: Reference, sides: Sides, claim: float, tolerance: Tolerance) -> Ruling:
    """At a kink any subgradient will do: for each output on its own, a slope between the two sides."""
    low = high = 0.0
    for j, dy in enumerate(reference.dys):
        weighed = np.stack([dy.reshape(-1) * slopes[j] for slopes, _ in sides])
        low += float(np.sum(np.min(weighed, axis=0)))
        high += float(np.sum(np.max(weighed, axis=0)))
    weight = sum(float(np.sum(np.abs(dy))) for dy in reference.dys)
    error = max(error for _, error in sides) * weight
    nearest = min(max(claim, low), high)
    if not math.isfinite(error):
        return Ruling(INCONCLUSIVE, nearest, error, reason="the one-sided slope does not settle")
    room = max(tolerance.rtol, 1e-7) * max(abs(low), abs(high)) + tolerance.atol + error
    kink = _apart(sides)
    if abs(claim - nearest) <= room:
        return Ruling(PASS, nearest, error, kink)
    reason = f"the slopes from the two sides allow {low:+.4g} to {high:+.4g}" if kink else ""
    return Ruling(FAIL, nearest, error, kink, reason)
