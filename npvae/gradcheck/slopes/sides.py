"""Slopes from one side: at a kink, any number between the two of them is a gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import FAIL, INCONCLUSIVE, PASS
from npvae.gradcheck.slopes.claim import Claim
from npvae.gradcheck.slopes.differences import Slope, one_sided_slope
from npvae.gradcheck.slopes.line import Line
from npvae.gradcheck.slopes.numeric_loss import NumericLoss, ends
from npvae.gradcheck.slopes.ruling import UNSEEN, Ruling

__all__ = [
    "Side", "adjudicate_ties", "apart", "by_sides", "error_of", "hides_nothing", "one_sided", "sides_against",
]  # fmt: skip


@dataclass(frozen=True)
class Side:
    """Slopes of every output from one side of an entry, their errors, and the step that they came from."""

    sign: int
    slopes: list[np.ndarray]
    errors: list[np.ndarray]
    step: float


def one_sided(line: Line) -> list[Side]:
    """Slopes of every output, and their error, from each side of an entry that the domain allows."""
    loss, centre = line.loss, line.centre
    arg = loss.args[line.k]
    limits = ends(arg)
    low, high = min(limits, default=-math.inf), max(limits, default=math.inf)
    if len(limits) == 1:
        low, high = (limits[0], math.inf) if arg.interval[0] == limits[0] else (-math.inf, limits[0])
    steps = []
    for side, room in ((-1, centre - low), (1, high - centre)):
        ahead = [side * (kink - centre) for kink in arg.kinks if side * (kink - centre) > 0]
        free = t.DIRECTION_REACH * min([room, *ahead])
        step = min(loss.first_step * max(1.0, abs(centre)), free)
        if step > 0:
            steps.append((side, step))
    return _sides_of(loss, line, steps)


def _sides_of(
    loss: NumericLoss, moved: Callable[[float], tuple[np.ndarray, ...]], steps: list[tuple[int, float]]
) -> list[Side]:
    cuts = np.cumsum([y.size for y in loss.here])[:-1]

    def values(distance: float) -> np.ndarray:
        return np.concatenate([y.reshape(-1) for y in moved(distance)])

    sides = []
    for side, step in steps:
        slope, error, best_step = one_sided_slope(values, side=side, eps=loss.eps, step=step)
        sides.append(Side(side, np.split(slope, cuts), np.split(error, cuts), best_step))
    return sides


def apart(sides: list[Side]) -> bool:
    """Whether the slopes of some output from the two sides differ by more than their errors."""
    if len(sides) < 2:
        return False
    left, right = sides
    size = max((float(np.max(np.abs(a), initial=0.0)) for a in (*left.slopes, *right.slopes)), default=0.0)
    for a, b, a_error, b_error in zip(left.slopes, right.slopes, left.errors, right.errors, strict=True):
        if np.any(np.abs(a - b) > t.APART_ERRORS * (a_error + b_error) + t.APART_RTOL * size):
            return True
    return False


def by_sides(claim: Claim, line: Line, sides: list[Side]) -> Ruling:
    """Rule on an entry by its slopes from the sides."""
    noises = (lambda side: line.rounding, line.noise_nearby, line.noise_further)  # each dearer than the one before
    return _between(claim, sides, claim.of_entry(line.i), noises)


def sides_against(claim: Claim, line: Line, sides: list[Side], slope: Slope) -> Ruling | None:
    """The ruling of sides that settle on the claim and far off a slope found by steps to both at once; else None."""
    ruling = _between(claim, sides, claim.of_entry(line.i))
    nearest = _between(claim, sides, slope.value).numeric
    denied = abs(slope.value - nearest) > t.DENIED_ERRORS * (ruling.error + slope.error)
    return ruling if denied and ruling.verdict in (PASS, UNSEEN) else None


def hides_nothing(claim: Claim) -> float:
    """An uncertainty so small beside the largest entry, or beside the tolerance, that it hides no mistake of size."""
    largest = float(np.max(np.abs(claim.grad), initial=0.0))
    least = 0.0 if claim.low else t.FORGIVEN_ATOL * claim.tolerance.atol  # which is noise itself in float32
    return max(t.HIDDEN_RTOLS * claim.tolerance.rtol * largest, least)


def error_of(claim: Claim, sides: list[Side]) -> float:
    """How far the slopes of the loss from the sides may be off."""
    errors = (np.max([side.errors[j] for side in sides], axis=0) for j in range(len(claim.loss.dys)))
    return sum(float(np.sum(np.abs(dy.reshape(-1)) * error)) for dy, error in zip(claim.loss.dys, errors, strict=True))


def adjudicate_ties(claim: Claim, tied: np.ndarray) -> Ruling | None:
    """Rule on entries that are equal: move them all by the same distance.

    Each gradient of a maximum among equals may be anything from 0 to 1, but if all rise together the maximum rises as
    they do: gradients of 1 for each of them are too many. None if there is nothing to say, as of entries that each
    kink on their own.
    """
    if tied.size < 2:
        return None
    v = np.zeros(claim.grad.size)
    v[tied] = 1.0
    loss = claim.loss
    sides = _sides_of(loss, loss.at_direction(claim.k, v), [(-1, loss.first_step), (1, loss.first_step)])
    ruling = _between(claim, sides, float(np.sum(claim.grad.flat[tied])))
    return None if ruling.verdict == FAIL and _on_their_own(loss, claim.k, tied, sides) else ruling


def _on_their_own(loss: NumericLoss, k: int, tied: np.ndarray, together: list[Side]) -> bool:
    """Whether entries that move together do what each does alone: then any subgradient of each will do."""
    alone = [one_sided(Line(loss, k, int(i))) for i in tied]
    if any(len(sides) != len(together) for sides in alone):
        return False  # at an end of the domain
    for turn, side in enumerate(together):
        for j, (slope, error) in enumerate(zip(side.slopes, side.errors, strict=True)):
            total = sum(sides[turn].slopes[j] for sides in alone)
            off = error + sum(sides[turn].errors[j] for sides in alone)
            size = float(np.max(np.abs(slope), initial=0.0))
            if not np.all(np.abs(slope - total) <= t.APART_ERRORS * off + t.APART_RTOL * size):
                return False
    return True


def _between(claim: Claim, sides: list[Side], claimed: float, noises: Sequence[Callable[[int], float]] = ()) -> Ruling:
    """At a kink any subgradient will do: for each output on its own, a slope between the two sides.

    noises  the trembling of the loss on a side, by one measurement after another until the claim is excused
    """
    low, high, error = 0.0, 0.0, error_of(claim, sides)
    for j, dy in enumerate(claim.loss.dys):
        weighed = np.stack([dy.reshape(-1) * side.slopes[j] for side in sides])
        low += float(np.sum(np.min(weighed, axis=0)))
        high += float(np.sum(np.max(weighed, axis=0)))
    nearest = min(max(claimed, low), high)
    if not math.isfinite(error):
        return Ruling(INCONCLUSIVE, nearest, error, reason="the one-sided slope does not settle")
    kink = apart(sides)
    asked = max(claim.tolerance.rtol, t.SIDE_RTOL) * max(abs(low), abs(high)) + claim.tolerance.atol
    off, settled = abs(claimed - nearest), error
    for noise_from in noises if off > asked + settled else ():
        noise = max(noise_from(side.sign) / side.step for side in sides)
        error = max(error, settled + (t.SIDE_NOISE * noise if math.isfinite(noise) else 0.0))
        if off <= asked + error:
            break
    if off > asked + error:
        reason = f"the slopes from the two sides allow {low:+.4g} to {high:+.4g}" if kink else ""
        return Ruling(FAIL, nearest, error, kink, reason)
    size = max(abs(low), abs(high), abs(claimed))
    if error > t.SIDE_TOO_NOISY * size + max(t.FORGIVEN_ATOL * claim.tolerance.atol, hides_nothing(claim)):
        return Ruling(UNSEEN, nearest, error, kink, "the forward is too noisy there")
    return Ruling(PASS, nearest, error, kink)
