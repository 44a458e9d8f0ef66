"""A gradient of too many entries to compare each: what disagrees is found by bisecting, and how wide it is."""

from __future__ import annotations

import math

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import FAIL
from npvae.gradcheck.slopes.adjudicate import Ruling, adjudicate
from npvae.gradcheck.slopes.claim import Claim, Comparison
from npvae.gradcheck.slopes.numeric import along, bisect, compare_entries

__all__ = ["hunt", "look_at_others", "reach", "rest_agrees"]


def hunt(claim: Claim, v: np.ndarray, rulings: dict[int, Ruling]) -> bool:
    """Find what disagrees along v. Entries that turn out right (kinks) are left out of it, and it is tried again.

    True if that ended in a wrong entry, or in agreement: at the end, of parts of v.
    """
    v = v.copy()
    for _ in range(t.RULINGS_ENOUGH):
        i = bisect(claim, v)
        if i not in rulings:
            rulings[i] = adjudicate(claim, i)
        if rulings[i].verdict == FAIL:
            return True
        v.flat[i] = 0.0
        if along(claim, v)[0]:
            return True
    return _agrees_in_parts(claim, v, rulings)


def _agrees_in_parts(claim: Claim, v: np.ndarray, rulings: dict[int, Ruling]) -> bool:
    """Whether every part of v agrees, or an entry is wrong: along all of it, kinks may be nearer than any step."""
    spans = [(0, v.size)]
    for _ in range(t.PARTS_LOOKED_AT):
        first, last = spans.pop()
        if not along(claim, v, span=(first, last))[0]:
            middle = (first + last) // 2
            if middle > first:
                spans += [(first, middle), (middle, last)]
                continue
            if first not in rulings:
                rulings[first] = adjudicate(claim, first)
            if rulings[first].verdict == FAIL:
                return True
        if not spans:
            return True
    return False


def look_at_others(claim: Claim, rulings: dict[int, Ruling]) -> Comparison:
    """Where one entry was found to be wrong, some others, drawn at random: how far does the mistake reach?

    Differences that did not settle (kinks all around) say nothing. Those that disagree are ruled on until one fails:
    after that the rest is only counted.
    """
    unknown = claim.finite.reshape(-1).copy()
    unknown[list(rulings)] = False
    entries = np.flatnonzero(unknown)
    if not any(ruling.verdict == FAIL for ruling in rulings.values()):
        entries = entries[:0]
    elif entries.size > t.OTHERS_LOOKED_AT:
        rng = claim.first_run.case.rng(f"others {claim.k}")
        entries = np.sort(rng.choice(entries, t.OTHERS_LOOKED_AT, replace=False))
    compared = compare_entries(claim, entries)
    flat = claim.grad.reshape(-1)
    settled = []
    for i in compared.disagrees:
        if compared.error[i] <= t.OTHERS_SETTLED * abs(compared.numeric[i] - flat[i]):
            settled.append(i)
        else:
            compared.numeric[i] = math.nan
    compared.disagrees = settled
    for i in settled:
        rulings[i] = adjudicate(claim, i, compared.lines.get(i))
        if rulings[i].verdict == FAIL:
            break
    return compared


def rest_agrees(claim: Claim, v: np.ndarray, rulings: dict[int, Ruling]) -> bool:
    """Whether all entries that were not ruled on agree, moved together along v."""
    v = v.copy()
    v.reshape(-1)[list(rulings)] = 0.0
    return along(claim, v)[0]


def reach(claim: Claim, failed: list[int], looked: int, alone: bool) -> str:
    """How far a mistake found by bisecting reaches, and no more than was seen of it."""
    if alone:
        return (
            f"1 of {claim.grad.size} entries disagrees, found by bisecting; the others agree along a random direction"
        )
    if len(failed) == 1:
        found = f"1 of {looked} entries looked at disagrees, found by bisecting {claim.grad.size}"
        return f"{found}; the others disagree too along a random direction"
    if looked == claim.grad.size:
        return f"{len(failed)} of {looked} entries disagree"
    return f"{len(failed)} of {looked} entries looked at disagree; there are {claim.grad.size}"
