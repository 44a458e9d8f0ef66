"""Check 5: the backward against differences of the forward, in random directions and then entry by entry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from npvae.gradcheck.differences import central_slope
from npvae.gradcheck.reference import Reference

__all__ = ["Comparison", "Tolerance", "bisect", "compare_directions", "compare_entries", "tolerance_for"]


@dataclass(frozen=True)
class Tolerance:
    """|analytic - numeric| <= rtol * |numeric| + atol."""

    rtol: float
    atol: float


@dataclass
class Comparison:
    """Entries of one gradient beside their numeric slopes. NaN where an entry was not looked at."""

    numeric: np.ndarray
    error: np.ndarray
    disagrees: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)


def tolerance_for(
    grad: np.ndarray, dys: Sequence[np.ndarray], dtype: np.dtype, rtol: float | None, atol: float | None
) -> Tolerance:
    """The defaults: rtol 1e-8 in float64, 3e-5 in float32; atol 4 eps (max|g| + max|dy|), eps of the dtype."""
    low = dtype == np.float32
    eps = float(np.finfo(dtype).eps)
    if rtol is None:
        rtol = 3e-5 if low else 1e-8
    if atol is None:
        largest = float(np.max(np.abs(grad), initial=0.0))
        atol = 4.0 * eps * (largest + max((float(np.max(np.abs(dy), initial=0.0)) for dy in dys), default=0.0))
    return Tolerance(rtol, atol)


def compare_directions(
    reference: Reference, k: int, grad: np.ndarray, tolerance: Tolerance, count: int = 3
) -> tuple[list[np.ndarray], int, float]:
    """Directions along which the gradient of argument k disagrees, how many agreed, and the worst |difference|."""
    rng = reference.case.rng(f"directions {k}")
    wrong, agreed, worst = [], 0, 0.0
    for _ in range(count):
        v = reference.direction(k, rng)
        agrees, difference = along(reference, k, grad, v, tolerance)
        if agrees:
            agreed, worst = agreed + 1, max(worst, difference)
        else:
            wrong.append(v)
    return wrong, agreed, worst


def along(reference: Reference, k: int, grad: np.ndarray, v: np.ndarray, tolerance: Tolerance) -> tuple[bool, float]:
    """Whether <grad, v> is the slope along v, and the difference."""
    products = grad.astype(np.float64, copy=False) * v
    claim = float(np.sum(products))
    # The size that such a sum has when its terms come with random signs: small by luck is no reason to fail.
    expected = float(np.sqrt(np.sum(products**2)))
    spread = float(np.sqrt(np.sum(v**2)))
    first = reference.first_step / max(1.0, spread / 64.0)
    slope = central_slope(
        reference.along(k, v),
        claim=claim,
        atol=tolerance.rtol * max(expected, abs(claim)) + tolerance.atol * max(1.0, spread),
        forgive=1e-6 * expected,
        step=min(first, 16.0 * reference.good_step.get(k, math.inf)),
    )
    if slope.agrees:  # a network of rectifiers needs short steps: the next direction need not find that out again
        reference.good_step[k] = slope.step
    return slope.agrees, abs(slope.value - claim)


def compare_entries(
    reference: Reference, k: int, grad: np.ndarray, tolerance: Tolerance, entries: Sequence[int] | None = None
) -> Comparison:
    """Every entry of the gradient of argument k (or the given ones) beside its numeric slope.

    `stopped` lists the entries that stand on a declared kink or on an end of the domain: they have no slope from
    both sides.
    """
    claims = grad.reshape(-1)
    found = Comparison(np.full(claims.size, np.nan), np.full(claims.size, np.nan))
    for i in range(claims.size) if entries is None else entries:
        step = reference.entry_step(k, i)
        if step == 0.0:
            found.stopped.append(i)
            continue
        slope = central_slope(
            reference.along_entry(k, i),
            claim=float(claims[i]),
            rtol=tolerance.rtol,
            atol=tolerance.atol,
            step=step,
        )
        found.numeric[i], found.error[i] = slope.value, slope.error
        if not slope.agrees:
            found.disagrees.append(i)
    return found


def bisect(reference: Reference, k: int, grad: np.ndarray, v: np.ndarray, tolerance: Tolerance) -> int:
    """Index of an entry to blame for a direction that disagrees, by halving the direction."""
    blamed = np.flatnonzero(v)
    while blamed.size > 1:
        halves = np.array_split(blamed, 2)
        results = []
        for half in halves:
            w = np.zeros(v.size)
            w[half] = v.reshape(-1)[half]
            results.append(along(reference, k, grad, w.reshape(v.shape), tolerance))
            if not results[0][0]:
                break
        if not results[0][0]:
            blamed = halves[0]
        elif not results[1][0]:
            blamed = halves[1]
        else:
            blamed = halves[int(results[1][1] > results[0][1])]
    return int(blamed[0])
