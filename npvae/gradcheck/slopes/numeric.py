"""Check 5: the backward against differences of the forward, in random directions and then entry by entry."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.slopes.claim import Claim, Comparison
from npvae.gradcheck.slopes.differences import central_slope
from npvae.gradcheck.slopes.line import Line

__all__ = ["along", "bisect", "check_linear", "compare_entries"]


def along(
    claim: Claim, v: np.ndarray, span: tuple[int, int] | None = None, levels: int = t.LEVELS
) -> tuple[bool, float]:
    """Whether <grad, v> is the slope along v, and the difference; of v only the entries of a span, if one is given."""
    loss, tolerance = claim.loss, claim.tolerance
    chosen = slice(*span) if span else slice(None)
    part = v.reshape(-1)[chosen]
    products = claim.grad.reshape(-1)[chosen].astype(np.float64, copy=False) * part
    claimed = float(np.sum(products))
    # The size that such a sum has when its terms come with random signs: small by luck is no reason to fail.
    expected = math.sqrt(float(np.dot(products, products)))
    spread = math.sqrt(float(np.dot(part, part)))
    first = loss.first_step / max(1.0, spread / t.LONG_DIRECTION)
    slope = central_slope(
        loss.along(claim.k, part, chosen),
        claim=claimed,
        atol=tolerance.rtol * max(expected, abs(claimed)) + tolerance.atol * max(1.0, spread),
        forgive=t.FORGIVE_ALONG * expected,
        step=min(first, t.GOOD_STEP_AGAIN * loss.good_step.get(claim.k, math.inf)),
        levels=levels,
    )
    if slope.agrees:  # a network of rectifiers needs short steps: the next direction need not find that out again
        loss.good_step[claim.k] = slope.step
    return slope.agrees, abs(slope.value - claimed)


def check_linear(claim: Claim) -> tuple[str, float, float]:
    """The dot-product test of an argument declared linear: <dy, y(x + v) - y(x - v)> / 2 = <grad, v>, to rounding.

    Nothing is truncated, however long the step. Returns a code ("" if all is well), the slope found and the claim.
    """
    loss, k, grad = claim.loss, claim.k, claim.grad
    v = loss.direction(k, loss.case.rng(f"linear {k}"))
    step = 1.0 if np.all(np.isinf(loss.reach(k))) else loss.first_step
    moved = loss.at_direction(k, v.reshape(-1))
    plus, minus = moved(step), moved(-step)
    bend = bulk = 0.0
    for dy, p, y, m in zip(loss.dys, plus, loss.here, minus, strict=True):
        bend = max(bend, float(np.max(np.abs(dy * (p + m - 2.0 * y)), initial=0.0)))
        bulk += float(np.sum(np.abs(dy) * (np.abs(p) + np.abs(y) + np.abs(m))))
    if bend > t.BEND_ULPS * loss.eps * bulk:
        return "not-linear-in-argument", bend, 0.0
    products = grad.astype(np.float64) * v
    claimed, slope = float(np.sum(products)), loss.dot(plus, minus) / (2.0 * step)
    eps = max(loss.eps, float(np.finfo(grad.dtype).eps))
    rounding = t.DOT_ULPS * eps * (bulk / step + float(np.sum(np.abs(products))))
    return ("wrong-gradient" if abs(claimed - slope) > rounding else ""), slope, claimed


def compare_entries(claim: Claim, entries: Sequence[int] | np.ndarray, found: Comparison | None = None) -> Comparison:
    """The given entries (flat) of the gradient with their numeric slopes.

    found  what was compared before, to be added to

    Once many disagree the others are only counted: their slopes are looked for at fewer steps.
    """
    if found is None:
        found = Comparison(np.full(claim.grad.size, np.nan), np.full(claim.grad.size, np.nan))
    for i in map(int, entries):
        step = claim.loss.entry_step(claim.k, i)
        if step == 0.0:
            found.stopped.append(i)
            continue
        line, counts = Line(claim.loss, claim.k, i), len(found.disagrees) >= t.RULINGS_ENOUGH
        slope = central_slope(
            line.quotient(),
            claim=claim.of_entry(i),
            rtol=claim.tolerance.rtol,
            atol=claim.tolerance.atol,
            step=step,
            levels=t.LEVELS_OF_A_COUNT if counts else t.LEVELS,
        )
        found.numeric[i], found.error[i] = slope.value, slope.error
        if not slope.agrees:
            found.disagrees.append(i)
            if not counts:
                found.lines[i] = line
    return found


def bisect(claim: Claim, v: np.ndarray) -> int:
    """Index of an entry to blame for a direction that disagrees, by halving the span of entries that move.

    What is not in the first half is taken to be in the second: whoever asked looks at the entry itself.
    """
    first, last = 0, v.size
    while last - first > 1:
        middle = (first + last) // 2
        if along(claim, v, span=(first, middle), levels=t.LEVELS_OF_A_GUESS)[0]:
            first = middle
        else:
            last = middle
    return first
