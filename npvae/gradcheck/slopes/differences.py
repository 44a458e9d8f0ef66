"""Slopes by finite differences: central and one-sided quotients, extrapolated to a step of zero length.

Everything here works on a function of one number, the distance walked from the point; what is walked along, one
entry or a whole direction, is the caller's affair.

Ridders (1982), "Accurate computation of F'(x) and F'(x) F''(x)": halve the step, extrapolate, and let the
agreement between neighbours in the table say how far the result can be trusted.
More & Wild (2011), "Estimating computational noise": how much a function trembles, from a table of differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from npvae.gradcheck.ground import thresholds as t

__all__ = ["Quotient", "Slope", "central_slope", "noise_level", "one_sided_slope"]


class Quotient(Protocol):
    """A central quotient: (f(h) - f(-h)) / 2h at a step h, and the rounding in the last one taken."""

    def __call__(self, step: float) -> float: ...  # noqa: D102

    def noise(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class Slope:
    """A slope found by differences.

    value   the best estimate
    error   how far it may be off, by Ridders' estimate and the noise of the quotient
    agrees  True if an estimate came within the tolerance of the claim
    step    the step of the quotient that it came from
    """

    value: float
    error: float
    agrees: bool
    step: float


def central_slope(
    quotient: Quotient,
    *,
    claim: float = math.nan,
    rtol: float = 0.0,
    atol: float = 0.0,
    forgive: float = 0.0,
    step: float = t.FIRST_STEP,
    levels: int = t.LEVELS,
) -> Slope:
    """Slope at zero of a function, from its central quotient at shorter and shorter steps.

    To confirm a claim takes fewer evaluations than to find a slope: the shortening stops at the first estimate, at any
    order of extrapolation, that agrees with `claim` within rtol * |estimate| + atol and the rounding of the quotient.
    It stops as well once the slope has settled as closely as that, and clearly elsewhere.
    Rounding is forgiven up to its least value so far, or up to `forgive` where longer steps do not settle (kinks), but
    not out where steps are so short that anything would agree. A quotient that is not finite means that the step is
    too long: the table begins again.
    """
    best, best_error, best_step = math.nan, math.inf, step
    above: list[float] = []
    steps: list[float] = []
    worse, least_noise = 0, math.inf
    for level in range(levels):
        found = quotient(step)
        if not math.isfinite(found):
            above, steps, step = [], [], step / t.TOO_LONG
            continue
        row, steps = [found], [*steps, step]
        for j, earlier in enumerate(above[: t.ORDERS]):
            ratio = (steps[-2 - j] / step) ** 2
            row.append(row[-1] + (row[-1] - earlier) / (ratio - 1.0))
        asked = rtol * abs(row[-1]) + atol
        agreed = _agreeing(row, above, claim, asked)
        if math.isnan(agreed):
            noise = quotient.noise()
            least_noise = min(least_noise, noise)
            settled = best_error < min(t.SETTLED_SHARE * abs(best - claim), t.SETTLED_ATOL * asked)
            forgiven = min(noise, max(least_noise, t.FORGIVEN_SHARE * asked, 0.0 if settled else forgive))
            if forgiven <= t.FORGIVEN_RTOL * abs(row[-1]) + max(t.FORGIVEN_ATOL * atol, forgive):
                before = above if settled or not forgive else row  # past a kink, any order will do
                agreed = _agreeing(row, before, claim, asked + forgiven)
        if not math.isnan(agreed):
            return Slope(agreed, abs(agreed - claim), True, step)
        improved = False
        for j in range(1, len(row)):
            error = max(abs(row[j] - row[j - 1]), abs(row[j] - above[j - 1])) + noise
            if error < best_error:
                best, best_error, best_step, improved = row[j], error, step, True
        if math.isnan(best):
            best = found
        if best_error <= asked and abs(best - claim) > t.CLEARLY_OFF * asked:
            break
        worse = 0 if improved else worse + 1
        if math.isnan(claim) and (worse >= t.WORSE_ENOUGH or best_error <= t.SETTLED_RTOL * abs(best)):
            break
        if (
            noise > max(asked, 0.0 if settled else forgive)
            and len(above) >= t.ORDERS_ENOUGH
            and worse >= t.WORSE_ENOUGH_NOISY
        ):
            break
        above, step = row, step / (t.SHORTER[level] if level < len(t.SHORTER) else t.SHORTER_STILL)
    return Slope(best, best_error, False, best_step)


def _agreeing(row: list[float], above: list[float], claim: float, within: float) -> float:
    """The estimate of a row that agrees with a claim; NaN if none does.

    The one of highest order is asked, and lower ones that have settled: what is still on its way may pass by the claim.
    """
    if abs(row[-1] - claim) <= within:
        return row[-1]
    for here, before in zip(row[:-1], above, strict=False):
        if abs(here - claim) <= within and abs(here - before) <= within:
            return here
    return math.nan


def one_sided_slope(
    values: Callable[[float], np.ndarray], *, side: int, eps: float, step: float = t.FIRST_STEP
) -> tuple[np.ndarray, np.ndarray, float]:
    """Slopes of an array-valued function at zero from one side (+1 or -1), their errors, and the step they came from.

    The error series of a one-sided quotient has every power of the step, so the table divides by 2, 4, 8 ... The step
    is halved until the slope has settled, or is known well and no longer gets better. `eps` is the relative rounding of
    a value.
    """
    here = values(0.0)
    above: list[np.ndarray] = []
    best, best_error, best_step = np.full(here.shape, np.nan), np.full(here.shape, np.inf), step
    worse = 0
    for _ in range(t.LEVELS_OF_A_SIDE):
        there = values(side * step)
        found = (there - here) / (side * step)
        if not np.all(np.isfinite(found)):
            above, step = [], step / t.TOO_LONG
            continue
        row = [found]
        weight = 2.0
        for earlier in above[: t.ORDERS]:
            row.append(row[-1] + (row[-1] - earlier) / (weight - 1.0))
            weight *= 2.0
        noise = t.QUOTIENT_ULPS * eps * (np.abs(there) + np.abs(here)) * (there != here) / step
        worse += 1
        for j in range(1, len(row)):
            error = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - above[j - 1])) + noise
            if np.max(error, initial=0.0) < np.max(best_error, initial=0.0):
                best, best_error, best_step, worse = row[j], error, step, 0
        above, step = row, step / 2
        off, size = np.max(best_error, initial=0.0), np.max(np.abs(best), initial=0.0)
        # Over steps much longer than what it bends on, a quotient gets worse before it settles.
        done = off <= t.SIDE_SETTLED_RTOL * size or (worse >= t.WORSE_ENOUGH_NOISY and off <= t.SIDE_TOO_NOISY * size)
        if not here.size or (len(row) > t.ORDERS and done):
            break
    return best, best_error, best_step


def noise_level(
    function: Callable[[float], float], *, spacing: float, side: int = 0, points: int = t.NOISE_POINTS
) -> float:
    """Standard deviation of a function's rounding, from a table of differences at equally spaced points.

    Differences of high order kill what is smooth and leave the trembling. `spacing` must be short beside the scale
    on which the function bends and long beside one unit in the last place of the argument. `side` is 0 for points
    around zero, +1 or -1 for points on one side of it.
    """
    places = side * np.arange(points) if side else np.arange(points) - points // 2
    values = np.array([function(float(place) * spacing) for place in places])
    if not np.all(np.isfinite(values)):
        return math.inf
    levels = []
    table = values
    factor = 1.0
    for order in range(1, points - 2):
        table = np.diff(table)
        factor *= order / (2.0 * (2.0 * order - 1.0))  # (order!)^2 / (2 order)!
        levels.append(math.sqrt(factor * float(np.mean(table**2))))
    return max(levels[t.NOISE_FIRST_ORDER :])
