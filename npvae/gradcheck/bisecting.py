"""A gradient of too many entries to compare each: what disagrees is found by bisecting, and how far it reaches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from npvae.gradcheck.adjudicate import Ruling
from npvae.gradcheck.numeric import Comparison, bisect, compare_entries
from npvae.gradcheck.report import FAIL

if TYPE_CHECKING:
    from npvae.gradcheck.gradient import Claim

__all__ = ["ENOUGH", "hunt", "look_at_others", "reach", "rest_agrees"]

ENOUGH = 12
"""So many rulings are made before the rest is only counted, once one has failed."""

OTHERS = 24
"""So many other entries are looked at where one was found to be wrong by bisecting."""


def hunt(claim: Claim, v: np.ndarray, rulings: dict[int, Ruling]) -> bool:
    """Find what disagrees along v. Entries that turn out right (kinks) are left out of it, and it is tried again.

    True if that ended in a wrong entry, or in agreement.
    """
    v = v.copy()
    for _ in range(ENOUGH):
        i = bisect(claim.reference, claim.k, claim.grad, v, claim.tolerance)
        if i not in rulings:
            rulings[i] = claim.rule(i)
        if rulings[i].verdict == FAIL:
            return True
        v.flat[i] = 0.0
        if claim.agrees_along(v)[0]:
            return True
    return False


def look_at_others(claim: Claim, rulings: dict[int, Ruling]) -> Comparison:
    """Where one entry was found to be wrong, some others, drawn at random: how far does the mistake reach?

    Differences that did not settle (kinks all around) say nothing. Those that disagree are ruled on until one fails:
    after that the rest is only counted.
    """
    reference, grad = claim.reference, claim.grad
    unknown = claim.finite.reshape(-1).copy()
    unknown[list(rulings)] = False
    entries = np.flatnonzero(unknown)
    if not any(ruling.verdict == FAIL for ruling in rulings.values()):
        entries = entries[:0]
    elif entries.size > OTHERS:
        rng = claim.analytic.case.rng(f"others {claim.k}")
        entries = np.sort(rng.choice(entries, OTHERS, replace=False))
    compared = compare_entries(reference, claim.k, grad, claim.tolerance, entries)
    flat = grad.reshape(-1)
    settled = []
    for i in compared.disagrees:
        if compared.error[i] <= 0.1 * abs(compared.numeric[i] - flat[i]):
            settled.append(i)
        else:
            compared.numeric[i] = math.nan
    compared.disagrees = settled
    for i in settled:
        rulings[i] = claim.rule(i)
        if rulings[i].verdict == FAIL:
            break
    return compared


def rest_agrees(claim: Claim, v: np.ndarray, rulings: dict[int, Ruling]) -> bool:
    """Whether all entries that were not ruled on agree, moved together along v."""
    v = v.copy()
    v.reshape(-1)[list(rulings)] = 0.0
    return claim.agrees_along(v)[0]


def reach(claim: Claim, failed: list[int], looked: int, alone: bool) -> str:
    """How far a mistake found by bisecting reaches, and no more than was seen of it."""
    if alone:
        return (
            f"1 of {claim.grad.size} entries disagrees, found by bisecting; the others agree along a random direction"
        )
    if len(failed) == 1:
        found = f"1 of {looked} entries looked at disagrees, found by bisecting {claim.grad.size}"
        return f"{found}; the others disagree too along a random direction"
    return f"{len(failed)} of {looked} entries looked at disagree; there are {claim.grad.size}"
