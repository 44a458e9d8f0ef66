"""A second look at an entry that seems wrong: is there a kink so near that no step saw this side of it?

Entries that are sorted, or compared with each other, kink where they are equal. Nearly equal, the slope here holds for
shorter steps than those tried. Equal, any limit of slopes nearby is a gradient (Clarke, 1983), and it need not lie
between the two slopes along the entry: move one of three that are equal, and their median stays where it is.
"""

from __future__ import annotations

import math

import numpy as np

from npvae.gradcheck.differences import Slope, central_slope
from npvae.gradcheck.numeric import Tolerance
from npvae.gradcheck.reference import Reference

__all__ = ["slope_nearby", "slope_nearer"]

PLACES = 24
"""So many places among its equals, at most, are tried for an entry."""


def slope_nearer(reference: Reference, k: int, i: int, claim: float, tolerance: Tolerance) -> Slope:
    """The slope along entry i of argument k by steps ten thousand times shorter; in float32 there are none."""
    if reference.low:
        return Slope(math.nan, math.inf, False, 0.0)
    along, step = reference.along_entry(k, i), reference.entry_step(k, i) * 2.0**-14
    return central_slope(along, claim=claim, rtol=max(tolerance.rtol, 1e-6), atol=tolerance.atol, step=step)


def slope_nearby(reference: Reference, k: int, i: int, claim: float) -> bool:
    """Whether the claim lies between slopes along entry i of argument k with equal entries set a little apart.

    The entry is put before all that are equal to it, after the first, after the second and so on to the end.
    """
    flat = reference.inputs[k].reshape(-1)
    value = float(flat[i])
    equal = np.flatnonzero(flat == value)
    kept = flat[equal]  # zeros have signs
    others = equal[equal != i]
    gap = (0.03 if reference.low else 1e-4) * max(1.0, abs(value)) / equal.size
    close = 0.02 if reference.low else 1e-3
    apart = value + gap * (np.arange(equal.size) - 0.5 * others.size)
    low, high = (float(end) if not isinstance(end, str) else np.inf for end in reference.args[k].domain)
    slopes: list[float] = []
    for rank in np.linspace(0, others.size, min(equal.size, PLACES)).astype(int) if others.size else ():
        try:
            flat[np.insert(others, rank, i)] = np.clip(apart, low, high)
            along = reference.along_entry(k, i)
            slopes.append(along(0.25 * gap))
        finally:
            flat[equal] = kept
        allowed = close * max(abs(slopes[-1]), abs(claim)) + along.noise()
        if min(slopes) - allowed <= claim <= max(slopes) + allowed:
            return True
    return False
