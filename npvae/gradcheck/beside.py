"""A second look at an entry that seems wrong: is there a kink so near that no step saw this side of it?

Entries that are sorted, or compared with each other, kink where they are equal. Nearly equal, the slope here holds for
shorter steps than those tried. Equal, any limit of slopes nearby is a gradient (Clarke, 1983), and it need not lie
between the two slopes along the entry: move one of three that are equal, and their median stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from npvae.gradcheck.differences import Slope, central_slope
from npvae.gradcheck.numeric import Tolerance
from npvae.gradcheck.reference import Reference

__all__ = ["closeness", "slope_nearby", "slope_nearer"]

PLACES = 100
"""So many places among its equals, at most, are tried for an entry."""


def slope_nearer(reference: Reference, k: int, i: int, claim: float, tolerance: Tolerance) -> Slope:
    """The slope along entry i of argument k by steps ten thousand times shorter; in float32 there are none."""
    if reference.low:
        return Slope(math.nan, math.inf, False, 0.0)
    along, step = reference.along_entry(k, i), reference.entry_step(k, i) * 2.0**-14
    return central_slope(along, claim=claim, rtol=max(tolerance.rtol, 1e-6), atol=tolerance.atol, step=step)


def closeness(reference: Reference) -> float:
    """How far apart, relatively, slopes may be that are taken for the same a little beside the entry."""
    return 0.02 if reference.low else 1e-4


def slope_nearby(reference: Reference, k: int, i: int, claim: float) -> bool:
    """Whether the claim lies between slopes along entry i of argument k with equal entries set a little apart.

    The entry is put before all that are equal to it, after the first, after the second and so on to the end: those in
    its row, those in its column, then all of them.
    """
    slopes: list[float] = []
    for equal in _equals(reference.inputs[k], i):
        for found, noise in _slopes_among(reference, k, i, equal):
            slopes.append(found)
            allowed = closeness(reference) * max(abs(found), abs(claim)) + noise
            if min(slopes) - allowed <= claim <= max(slopes) + allowed:
                return True
    return False


def _equals(x: np.ndarray, i: int) -> Iterator[np.ndarray]:
    """Flat indices of the entries equal to entry i, itself among them, along each axis and in the whole array."""
    same = x == x.flat[i]
    place = np.unravel_index(i, x.shape)
    for axis in reversed(range(x.ndim)):
        line = np.zeros(x.shape, dtype=bool)
        line[tuple(slice(None) if a == axis else at for a, at in enumerate(place))] = True
        yield np.flatnonzero(same & line)
    yield np.flatnonzero(same)


def _slopes_among(reference: Reference, k: int, i: int, equal: np.ndarray) -> Iterator[tuple[float, float]]:
    """Slopes along entry i, and their rounding, with the entry at one place after the other among its equals."""
    others = reference.case.rng("equals").permutation(equal[equal != i])
    flat = reference.inputs[k].reshape(-1)
    kept = flat[equal]  # zeros have signs
    value = float(flat[i])
    gap = (0.03 if reference.low else 1e-5) * max(1.0, abs(value)) / equal.size
    low, high = (float(end) if not isinstance(end, str) else np.inf for end in reference.args[k].domain)
    apart = np.clip(value + gap * (np.arange(equal.size) - 0.5 * others.size), low, high)
    for rank in np.linspace(0, others.size, min(equal.size, PLACES)).astype(int) if others.size else ():
        flat[np.insert(others, rank, i)] = apart
        try:
            along = reference.along_entry(k, i)
            found = along(0.25 * gap), along.noise()
        finally:
            flat[equal] = kept
        yield found
