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

__all__ = ["Ruling", "adjudicate"]


@dataclass(frozen=True)
class Ruling:
    """What an entry turned out to be. `kink` if its one-sided slopes differ; they are `low` and `high` then."""

    verdict: str
    numeric: float
    error: float
    kink: bool = False
    low: float = math.nan
    high: float = math.nan
    reason: str = ""


def adjudicate(
    reference: Reference,
    k: int,
    i: int,
    claim: float,
    tolerance: Tolerance,
    confirm: Callable[[], bool],
) -> Ruling:
    """Rule on entry i of argument k, whose analytic gradient is `claim`.

    confirm  checks the same entry with fresh cotangents; True if it disagrees there too
    """
    sides = _sides(reference, k, i)
    if len(sides) == 1 or (len(sides) == 2 and _apart(sides)):
        return _at_kink(reference, sides, claim, tolerance)
    slope = central_slope(
        reference.along_entry(k, i), noise=reference.rounding(k), step=reference.entry_step(k, i) or 2.0**-12
    )
    noise = reference.measure_noise(k)
    trembling = 8.0 * noise / max(slope.step, 1e-300) if math.isfinite(noise) else math.inf
    difference = abs(slope.value - claim)
    allowed = tolerance.rtol * abs(slope.value) + tolerance.atol
    error = max(slope.error, 0.0)
    if difference <= allowed:
        return Ruling(PASS, slope.value, error)
    if difference <= allowed + trembling:
        small = trembling <= 1e-3 * max(abs(slope.value), abs(claim)) or trembling <= 1e3 * tolerance.atol
        if small or reference.low:
            return Ruling(PASS, slope.value, trembling, reason="within the measured noise of the forward")
        return Ruling(
            INCONCLUSIVE, slope.value, trembling,
            reason=f"the forward trembles by {noise:.1g}, too much to see a slope of this size",
        )  # fmt: skip
    if difference > 4.0 * error + trembling:
        return Ruling(FAIL, slope.value, error)
    if confirm():
        return Ruling(FAIL, slope.value, error)
    return Ruling(INCONCLUSIVE, slope.value, error, reason="the differences do not settle")


def _sides(reference: Reference, k: int, i: int) -> list[tuple[list[np.ndarray], float]]:
    """One-sided slopes of every output, from each side that the domain allows, with their errors."""
    centre = float(reference.inputs[k].flat[i])
    moved = reference.at_entry(k, i)
    shapes = [y.shape for y in reference.here]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def values(distance: float) -> np.ndarray:
        return np.concatenate([y.reshape(-1) for y in moved(distance)])

    sides = []
    limits = ends(reference.args[k])
    marks = [*limits, *reference.args[k].kinks]
    for side in (-1, 1):
        ahead = [side * (mark - centre) for mark in marks if side * (mark - centre) > 0]
        if any(centre == end for end in limits if side * (sum(limits) / len(limits) - centre) < 0 or len(limits) == 1):
            at_end = [end for end in limits if end == centre]
            lows, highs = reference.args[k].domain
            if at_end and ((side < 0 and centre == lows) or (side > 0 and centre == highs)):
                continue
        step = min([reference.first_step * max(1.0, abs(centre)), *(0.5 * distance for distance in ahead)])
        slope, error = one_sided_slope(values, side=side, step=step)
        sides.append(([part for part in np.split(slope, cuts)], error))
    return sides


def _apart(sides: list[tuple[list[np.ndarray], float]]) -> bool:
    """Whether the slopes from the two sides differ by more than their errors."""
    (left, left_error), (right, right_error) = sides
    if not (math.isfinite(left_error) and math.isfinite(right_error)):
        return False
    gap = max((float(np.max(np.abs(a - b), initial=0.0)) for a, b in zip(left, right, strict=True)), default=0.0)
    size = max((float(np.max(np.abs(a), initial=0.0)) for a in (*left, *right)), default=0.0)
    return gap > 10.0 * (left_error + right_error) + 1e-7 * size


def _at_kink(
    reference: Reference, sides: list[tuple[list[np.ndarray], float]], claim: float, tolerance: Tolerance
) -> Ruling:
    """Any subgradient will do: for each output on its own, a slope between the two sides."""
    low = high = 0.0
    for j, dy in enumerate(reference.dys):
        weighed = np.stack([dy.reshape(-1) * slopes[j] for slopes, _ in sides])
        low += float(np.sum(np.min(weighed, axis=0)))
        high += float(np.sum(np.max(weighed, axis=0)))
    weight = max((float(np.sum(np.abs(dy))) for dy in reference.dys), default=0.0)
    error = max(error for _, error in sides) * weight
    if not math.isfinite(error):
        return Ruling(INCONCLUSIVE, 0.5 * (low + high), error, reason="the one-sided slope does not settle")
    room = max(tolerance.rtol, 1e-7) * max(abs(low), abs(high)) + tolerance.atol + error
    nearest = min(max(claim, low), high)
    kink = len(sides) == 2
    if abs(claim - nearest) <= room:
        return Ruling(PASS, nearest, error, kink, low, high)
    reason = f"the slopes from the two sides allow {low:+.4g} to {high:+.4g}" if kink else ""
    return Ruling(FAIL, nearest, error, kink, low, high, reason)
