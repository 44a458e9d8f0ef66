"""Check 6: what to make of an entry that disagrees. A kink, rounding, or a wrong gradient?

Nothing is passed in silence: an entry that cannot be settled is INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from npvae.gradcheck.beside import closeness, slope_nearby, slope_nearer
from npvae.gradcheck.differences import central_slope, one_sided_slope
from npvae.gradcheck.numeric import Tolerance
from npvae.gradcheck.reference import Reference, ends
from npvae.gradcheck.report import FAIL, INCONCLUSIVE, PASS

__all__ = ["BESIDE", "UNSEEN", "Ruling", "adjudicate", "adjudicate_ties"]

BESIDE = "it is the slope beside a kink"
UNSEEN = "UNSEEN"
"""Below the rounding of the forward: nothing can be said of this entry at this point."""


@dataclass(frozen=True)
class Side:
    """Slopes of every output from one side of an entry, their errors, and the step that they came from."""

    sign: int
    slopes: list[np.ndarray]
    errors: list[np.ndarray]
    step: float


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
    in_double: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> Ruling:
    """Rule on entry i of argument k, whose gradient `grad` disagrees there or could not be compared.

    confirm    checks the same entry with fresh cotangents; True if it disagrees there too
    in_double  where `grad` is in float32: what the same backward gives in float64, and how far that moves when the
               last bit of the float32 inputs does
    """
    claim = float(grad.flat[i])
    ruling = _adjudicate(reference, k, i, grad, claim, tolerance, confirm)
    ruling = _second_look(reference, k, i, claim, tolerance, ruling)
    doubles, spread = in_double
    if ruling.verdict not in (FAIL, INCONCLUSIVE) or doubles is None or spread is None or doubles.shape != grad.shape:
        return ruling
    # In float64 the same lines may be right here: then only as much is wrong as float32 leaves, or something else is.
    double = float(doubles.flat[i])
    if abs(double - ruling.numeric) > 1e-3 * abs(claim - ruling.numeric) + 4.0 * ruling.error:
        step = reference.entry_step(k, i)
        again = central_slope(
            reference.along_entry(k, i), claim=double, rtol=1e-6, atol=tolerance.atol, step=step or reference.first_step
        )
        if step == 0.0 or not again.agrees:
            return ruling
    eps = float(np.finfo(np.float32).eps)
    largest = max((float(np.max(np.abs(x), initial=1.0)) for x in reference.inputs), default=1.0)
    if reference.case.regime != "generic":
        largest **= 2  # two large inputs may meet in one product (the scores of attention), and all but cancel
    most = max((float(np.max(np.abs(dy), initial=0.0)) for dy in reference.dys), default=0.0)
    rounding = 4.0 * eps * (float(np.max(np.abs(doubles), initial=0.0)) + most * largest)
    if abs(claim - double) <= rounding + 4.0 * float(spread.flat[i]):
        return Ruling(PASS, ruling.numeric, ruling.error, reason="within the rounding of float32")
    return ruling


def _second_look(reference: Reference, k: int, i: int, claim: float, tolerance: Tolerance, ruling: Ruling) -> Ruling:
    """A PASS if the claim is a slope beside the entry, where kinks are nearer than steps or entries are equal."""
    if ruling.verdict == PASS or reference.entry_step(k, i) == 0.0:
        return ruling
    # What is slightly off everywhere is slightly off beside it too: only what is far off is looked at again.
    size = max(abs(claim), abs(ruling.numeric))
    off = abs(claim - ruling.numeric)
    near = slope_nearer(reference, k, i, claim, tolerance)
    if near.agrees and (off > 1e-5 * size or ruling.verdict != FAIL):
        return Ruling(PASS, near.value, near.error, reason=BESIDE)
    if ruling.verdict == FAIL and off > 10.0 * closeness(reference) * size and slope_nearby(reference, k, i, claim):
        return Ruling(PASS, claim, near.error, reason=BESIDE)
    if ruling.verdict == FAIL and near.error < 1e-3 * min(ruling.error, abs(near.value)):
        return replace(ruling, numeric=near.value, error=near.error)
    return ruling


def _adjudicate(
    reference: Reference,
    k: int,
    i: int,
    grad: np.ndarray,
    claim: float,
    tolerance: Tolerance,
    confirm: Callable[[], bool],
) -> Ruling:
    step = reference.entry_step(k, i)
    if step == 0.0:
        return _by_sides(reference, k, i, one_sided(reference, k, i), claim, tolerance)
    largest = float(np.max(np.abs(grad), initial=0.0))
    noise = reference.noise_of_entry(k, i)
    along = reference.along_entry(k, i)
    along.floor = noise
    slope = central_slope(along, step=step)
    difference = abs(slope.value - claim)
    unsettled = slope.error > max(0.01 * difference, 16.0 * noise / slope.step)
    bends = reference.low and _bends(reference, k, i, step, noise)
    if unsettled or bends:
        # Not for rounding: a kink may be near, and short steps see this side of it.
        near = central_slope(
            along,
            claim=claim,
            rtol=tolerance.rtol,
            atol=tolerance.atol,
            forgive=(0.05 if reference.low else 1e-3) * max(abs(claim), abs(slope.value), 1e-3 * largest),
            step=step / (4.0 if reference.low else 128.0),
        )
        if near.agrees:
            return Ruling(PASS, near.value, near.error, reason="a kink is near")
        if bends:
            return Ruling(UNSEEN, near.value, near.error, reason="a kink is nearer than float32 can look")
        if near.error < slope.error:
            slope, difference = near, abs(near.value - claim)
    sides = one_sided(reference, k, i)
    if _apart(sides):
        return _by_sides(reference, k, i, sides, claim, tolerance)
    trembling = 4.0 * noise / max(slope.step, 1e-300)
    allowed = tolerance.rtol * abs(slope.value) + tolerance.atol
    if difference <= allowed:
        return Ruling(PASS, slope.value, slope.error)
    if difference > allowed + trembling and difference > 20.0 * slope.error:
        return Ruling(FAIL, slope.value, slope.error)
    by_sides = _by_sides(reference, k, i, sides, claim, tolerance)
    if by_sides.verdict == PASS and by_sides.error < slope.error:  # the second derivative jumps, the slope does not
        return by_sides
    if difference <= allowed + trembling:
        if trembling <= max(1e-3 * abs(slope.value), 10.0 * tolerance.rtol * largest):
            return Ruling(PASS, slope.value, trembling, reason="within the noise of the forward")
        return Ruling(UNSEEN, slope.value, trembling, reason=f"the forward is uncertain by {noise:.1g}, which hides it")
    if difference > 4.0 * slope.error and confirm():
        return Ruling(FAIL, slope.value, slope.error)
    return Ruling(INCONCLUSIVE, slope.value, slope.error, reason="the differences do not settle")


def _bends(reference: Reference, k: int, i: int, step: float, noise: float) -> bool:
    """Whether the curvature along entry i is not the same at long steps and at short ones, as beside a kink."""
    moved, here = reference.at_entry(k, i), reference.here
    lengths = (step, step / 2, step / 4, step / 8)
    curvatures = [abs(reference.dot(moved(h), here) + reference.dot(moved(-h), here)) / h**2 for h in lengths]
    return any(
        abs(near - far) > 0.3 * max(near, far) + 10.0 * noise / h**2
        for far, near, h in zip(curvatures, curvatures[1:], lengths, strict=False)
    )


def adjudicate_ties(
    reference: Reference, k: int, grad: np.ndarray, tied: np.ndarray, tolerance: Tolerance
) -> Ruling | None:
    """Rule on entries of argument k that are equal: move them all by the same distance.

    Each gradient of a maximum among equals may be anything from 0 to 1, but if all rise together the maximum rises as
    they do: gradients of 1 for each of them are too many. None if there is nothing to say.
    """
    if tied.size < 2:
        return None
    v = np.zeros(grad.size)
    v[tied] = 1.0
    sides = _sides_of(reference, reference.at_direction(k, v), [(-1, reference.first_step), (1, reference.first_step)])
    return _between(reference, sides, float(np.sum(grad.flat[tied])), tolerance, lambda side: math.inf)


def one_sided(reference: Reference, k: int, i: int) -> list[Side]:
    """Slopes of every output, and their error, from each side of entry i that the domain allows."""
    centre = float(reference.inputs[k].flat[i])
    arg = reference.args[k]
    limits = ends(arg)
    low, high = min(limits, default=-math.inf), max(limits, default=math.inf)
    if len(limits) == 1:
        low, high = (limits[0], math.inf) if arg.domain[0] == limits[0] else (-math.inf, limits[0])
    steps = []
    for side, room in ((-1, centre - low), (1, high - centre)):
        ahead = [side * (kink - centre) for kink in arg.kinks if side * (kink - centre) > 0]
        step = min([reference.first_step * max(1.0, abs(centre)), 0.5 * room, *(0.5 * far for far in ahead)])
        if step > 0:
            steps.append((side, step))
    return _sides_of(reference, reference.at_entry(k, i), steps)


def _sides_of(
    reference: Reference, moved: Callable[[float], tuple[np.ndarray, ...]], steps: list[tuple[int, float]]
) -> list[Side]:
    cuts = np.cumsum([y.size for y in reference.here])[:-1]

    def values(distance: float) -> np.ndarray:
        return np.concatenate([y.reshape(-1) for y in moved(distance)])

    sides = []
    for side, step in steps:
        slope, error, best_step = one_sided_slope(values, side=side, eps=reference.eps, step=step)
        sides.append(Side(side, np.split(slope, cuts), np.split(error, cuts), best_step))
    return sides


def _apart(sides: list[Side]) -> bool:
    """Whether the slopes of some output from the two sides differ by more than their errors."""
    if len(sides) < 2:
        return False
    left, right = sides
    size = max((float(np.max(np.abs(a), initial=0.0)) for a in (*left.slopes, *right.slopes)), default=0.0)
    for a, b, a_error, b_error in zip(left.slopes, right.slopes, left.errors, right.errors, strict=True):
        if np.any(np.abs(a - b) > 10.0 * (a_error + b_error) + 1e-7 * size):
            return True
    return False


def _by_sides(reference: Reference, k: int, i: int, sides: list[Side], claim: float, tolerance: Tolerance) -> Ruling:
    return _between(reference, sides, claim, tolerance, lambda side: reference.noise_of_entry(k, i, side))


def _between(
    reference: Reference,
    sides: list[Side],
    claim: float,
    tolerance: Tolerance,
    noise_from: Callable[[int], float],
) -> Ruling:
    """At a kink any subgradient will do: for each output on its own, a slope between the two sides."""
    low = high = error = 0.0
    for j, dy in enumerate(reference.dys):
        weighed = np.stack([dy.reshape(-1) * side.slopes[j] for side in sides])
        low += float(np.sum(np.min(weighed, axis=0)))
        high += float(np.sum(np.max(weighed, axis=0)))
        error += float(np.sum(np.abs(dy.reshape(-1)) * np.max([side.errors[j] for side in sides], axis=0)))
    nearest = min(max(claim, low), high)
    if not math.isfinite(error):
        return Ruling(INCONCLUSIVE, nearest, error, reason="the one-sided slope does not settle")
    kink = _apart(sides)
    asked = max(tolerance.rtol, 1e-7) * max(abs(low), abs(high)) + tolerance.atol
    if abs(claim - nearest) > asked + error:
        noise = max(noise_from(side.sign) / side.step for side in sides)
        error += 8.0 * noise if math.isfinite(noise) else 0.0
    if abs(claim - nearest) > asked + error:
        reason = f"the slopes from the two sides allow {low:+.4g} to {high:+.4g}" if kink else ""
        return Ruling(FAIL, nearest, error, kink, reason)
    if error > 1e-3 * max(abs(low), abs(high), abs(claim)) + 1e3 * tolerance.atol:
        return Ruling(UNSEEN, nearest, error, kink, "the forward is too noisy there")
    return Ruling(PASS, nearest, error, kink)
