"""Check 5: the backward against differences of the forward, in random directions and then entry by entry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from npvae.gradcheck.differences import central_slope
from npvae.gradcheck.reference import Reference

__all__ = [
    "Comparison",
    "Tolerance",
    "bisect",
    "check_linear",
    "compare_entries",
    "tolerance_for",
]


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


def along(
    reference: Reference,
    k: int,
    grad: np.ndarray,
    v: np.ndarray,
    tolerance: Tolerance,
    span: tuple[int, int] | None = None,
    levels: int = 12,
) -> tuple[bool, float]:
    """Whether <grad, v> is the slope along v, and the difference; of v only the entries of a span, if one is given."""
    chosen = slice(*span) if span else slice(None)
    part = v.reshape(-1)[chosen]
    products = grad.reshape(-1)[chosen].astype(np.float64, copy=False) * part
    claim = float(np.sum(products))
    # The size that such a sum has when its terms come with random signs: small by luck is no reason to fail.
    expected = math.sqrt(float(np.dot(products, products)))
    spread = math.sqrt(float(np.dot(part, part)))
    first = reference.first_step / max(1.0, spread / 64.0)
    slope = central_slope(
        reference.along(k, part, chosen),
        claim=claim,
        atol=tolerance.rtol * max(expected, abs(claim)) + tolerance.atol * max(1.0, spread),
        forgive=1e-6 * expected,
        step=min(first, 16.0 * reference.good_step.get(k, math.inf)),
        levels=levels,
    )
    if slope.agrees:  # a network of rectifiers needs short steps: the next direction need not find that out again
        reference.good_step[k] = slope.step
    return slope.agrees, abs(slope.value - claim)


def check_linear(reference: Reference, k: int, grad: np.ndarray) -> tuple[str, float, float]:
    """The dot-product test of an argument declared linear: <dy, y(x + v) - y(x - v)> / 2 = <grad, v>, to rounding.

    Nothing is truncated, however long the step. Returns a code ("" if all is well), the slope found and the claim.
    """
    rng = reference.case.rng(f"linear {k}")
    v = reference.direction(k, rng)
    step = 1.0 if np.all(np.isinf(reference.reach(k))) else reference.first_step
    moved = reference.at_direction(k, v.reshape(-1))
    plus, minus = moved(step), moved(-step)
    bend = bulk = 0.0
    for dy, p, y, m in zip(reference.dys, plus, reference.here, minus, strict=True):
        bend = max(bend, float(np.max(np.abs(dy * (p + m - 2.0 * y)), initial=0.0)))
        bulk += float(np.sum(np.abs(dy) * (np.abs(p) + np.abs(y) + np.abs(m))))
    if bend > 1e4 * reference.eps * bulk:
        return "not-linear-in-argument", bend, 0.0
    products = grad.astype(np.float64) * v
    claim, slope = float(np.sum(products)), reference.dot(plus, minus) / (2.0 * step)
    eps = max(reference.eps, float(np.finfo(grad.dtype).eps))
    rounding = 64.0 * eps * (bulk / step + float(np.sum(np.abs(products))))
    return ("wrong-gradient" if abs(claim - slope) > rounding else ""), slope, claim


def compare_entries(
    reference: Reference, k: int, grad: np.ndarray, tolerance: Tolerance, entries: Sequence[int] | np.ndarray
) -> Comparison:
    """The given entries of the gradient of argument k beside their numeric slopes.

    `stopped` lists the entries that stand on a declared kink or on an end of the domain: they have no slope from
    both sides.
    """
    claims = grad.reshape(-1)
    found = Comparison(np.full(claims.size, np.nan), np.full(claims.size, np.nan))
    for i in map(int, entries):
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
    """Index of an entry to blame for a direction that disagrees, by halving the span of entries that move.

    What is not in the first half is taken to be in the second: whoever asked looks at the entry itself.
    """
    first, last = 0, v.size
    while last - first > 1:
        middle = (first + last) // 2
        if along(reference, k, grad, v, tolerance, span=(first, middle), levels=4)[0]:
            first = middle
        else:
            last = middle
    return first
