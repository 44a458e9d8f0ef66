"""Slopes by finite differences: central and one-sided quotients, extrapolated to a step of nothing.

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

__all__ = ["Quotient", "Slope", "central_slope", "noise_level", "one_sided_slope"]

FIRST_STEP = 2.0**-7
"""First step, relative to max(1, |x|): two levels of extrapolation then leave about 1e-11."""


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
    step: float = FIRST_STEP,
    levels: int = 20,
) -> Slope:
    """Slope at zero of a function, from its central quotient at shorter and shorter steps.

    To confirm a claim takes fewer evaluations than to find a slope: the halving stops at the first estimate, at any
    order of extrapolation, that agrees with `claim` within rtol * |estimate| + atol and the rounding of the
    quotient. Halving ends where rounding drowns what is asked for, and no agreement is accepted out there. A
    quotient that is not finite means that the step is too long for the function: the table begins again.
    """
    best, best_error, best_step = math.nan, math.inf, step
    above: list[float] = []
    worse, least_noise = 0, math.inf
    for _ in range(levels):
        found = quotient(step)
        if not math.isfinite(found):
            above, step = [], step / 16
            continue
        row = [found]
        weight = 4.0
        for earlier in above[:5]:
            row.append(row[-1] + (row[-1] - earlier) / (weight - 1.0))
            weight *= 4.0
        for estimate in row:
            if abs(estimate - claim) <= rtol * abs(estimate) + atol:
                return Slope(estimate, abs(estimate - claim), True, step)
        noise = quotient.noise()
        least_noise = min(least_noise, noise)
        asked = rtol * abs(row[-1]) + atol
        forgiven = min(noise, max(least_noise, 0.1 * asked))
        for estimate in row:
            if forgiven <= 1e-3 * abs(estimate) + 1e3 * atol and abs(estimate - claim) <= asked + forgiven:
                return Slope(estimate, abs(estimate - claim), True, step)
        improved = False
        for j in range(1, len(row)):
            error = max(abs(row[j] - row[j - 1]), abs(row[j] - above[j - 1])) + noise
            if error < best_error:
                best, best_error, best_step, improved = row[j], error, step, True
        if math.isnan(best):
            best = found
        worse = 0 if improved else worse + 1
        if math.isnan(claim) and (worse >= 3 or best_error <= 1e-12 * abs(best)):
            break
        if noise > asked and len(above) >= 3 and worse >= 2:
            break
        above, step = row, step / 2
    return Slope(best, best_error, False, best_step)


def one_sided_slope(
    values: Callable[[float], np.ndarray], *, side: int, step: float = FIRST_STEP, levels: int = 7
) -> tuple[np.ndarray, float]:
    """Slopes of an array-valued function at zero from one side (+1 or -1), and the error of the worst entry.

    The error series of a one-sided quotient has every power of the step, so the table divides by 2, 4, 8 ...
    """
    here = values(0.0)
    above: list[np.ndarray] = []
    best, best_error = np.full_like(here, np.nan), math.inf
    for _ in range(levels + 8):
        found = (values(side * step) - here) / (side * step)
        if not np.all(np.isfinite(found)):
            above, step = [], step / 16
            continue
        row = [found]
        weight = 2.0
        for earlier in above[:5]:
            row.append(row[-1] + (row[-1] - earlier) / (weight - 1.0))
            weight *= 2.0
        for j in range(1, len(row)):
            error = float(np.max(np.abs(row[j] - row[j - 1]), initial=0.0))
            error = max(error, float(np.max(np.abs(row[j] - above[j - 1]), initial=0.0)))
            if error < best_error:
                best, best_error = row[j], error
        above, step = row, step / 2
        if len(row) > levels - 2 or best_error == 0.0:
            break
    return best, best_error


def noise_level(function: Callable[[float], float], *, spacing: float, points: int = 9) -> float:
    """Standard deviation of a function's rounding, from a table of differences at equally spaced points.

    Differences of high order kill what is smooth and leave the trembling. `spacing` must be short beside the scale
    on which the function bends and long beside one unit in the last place of the argument.
    """
    values = np.array([function((k - points // 2) * spacing) for k in range(points)])
    if not np.all(np.isfinite(values)):
        return math.inf
    levels = []
    table = values
    factor = 1.0
    for order in range(1, points - 2):
        table = np.diff(table)
        factor *= order / (2.0 * (2.0 * order - 1.0))  # (order!)^2 / (2 order)!
        levels.append(math.sqrt(factor * float(np.mean(table**2))))
    return min(levels[2:])
