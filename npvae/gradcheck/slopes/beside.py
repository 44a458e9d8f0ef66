"""A second look at an entry that seems wrong: is there a kink so near that no step saw this side of it?

Entries that are sorted, or compared with each other, kink where they are equal. Nearly equal, the slope here holds for
shorter steps than those tried. Equal, any limit of slopes nearby is a gradient (Clarke, 1983), and it need not lie
between the two slopes along the entry: move one of three that are equal, and their median stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.slopes.claim import Claim
from npvae.gradcheck.slopes.differences import Slope, central_slope
from npvae.gradcheck.slopes.line import Line
from npvae.gradcheck.slopes.numeric_loss import NumericLoss

__all__ = ["closeness", "slope_around", "slope_nearby", "slope_nearer"]

Found = TypeVar("Found")


def slope_nearer(claim: Claim, line: Line) -> Slope:
    """The slope along an entry by steps ten thousand times shorter; in float32 there are none."""
    if claim.low:
        return Slope(math.nan, math.inf, False, 0.0)
    step, rtol = claim.loss.entry_step(claim.k, line.i) * t.NEARER, max(claim.tolerance.rtol, t.NEARER_RTOL)
    return central_slope(line.quotient(), claim=claim.of_entry(line.i), rtol=rtol, atol=claim.tolerance.atol, step=step)


def closeness(claim: Claim) -> float:
    """How far apart, relatively, slopes may be that are taken for the same a little beside the entry."""
    return t.CLOSENESS_LOW if claim.low else t.CLOSENESS


def slope_nearby(claim: Claim, i: int) -> bool:
    """Separate the entries tied with entry i by tiny gaps, one order after another: is the claim between the slopes?

    The entry is put before all that are equal to it, after the first, after the second and so on to the end: those in
    its row, those in its column, then all of them.
    """
    claimed, slopes = claim.of_entry(i), list[float]()
    for equal in _equals(claim.loss.inputs[claim.k], i):
        for found, noise in _slopes_among(claim.loss, claim.k, i, equal):
            slopes.append(found)
            allowed = closeness(claim) * max(abs(found), abs(claimed)) + noise
            if min(slopes) - allowed <= claimed <= max(slopes) + allowed:
                return True
    return False


def slope_around(claim: Claim, i: int, off: float) -> bool:
    """Move all arguments off their kinks by tiny random distances: is the claim between the slopes found there?

    A rectifier that gets exactly zero kinks inside the pair: moving entry i alone switches it on in one direction, and
    with two of them no step along the entry sees both switched off, as the backward takes them to be. In float32 there
    are no distances so short; nor are they where the rounding over them is like `off`, by which the claim is wrong.
    """
    claimed, slopes = claim.of_entry(i), list[float]()
    if claim.low or not _kinks_here(claim.loss):
        return False
    for turn in range(t.AROUND_POINTS):
        found, noise = _slope_off(claim.loss, claim.k, i, turn)
        if noise > t.AROUND_NOISE * off:
            return False
        slopes.append(found)
        allowed = closeness(claim) * max(abs(found), abs(claimed)) + noise
        if min(slopes) - allowed <= claimed <= max(slopes) + allowed:
            return True
    return False


def _kinks_here(loss: NumericLoss) -> bool:
    """Whether some output bends at the inputs themselves: two steps far too short for a curve to show."""
    if loss.kinks_here is None:
        ahead, back = (_moved_all(loss, 0, sign, loss.values) for sign in (1.0, -1.0))
        loss.kinks_here = any(
            bool(np.any(np.abs(a + b - 2 * y) > t.AROUND_BEND_ULPS * loss.eps * np.max(np.abs(y), initial=0.0)))
            for a, b, y in zip(ahead, back, loss.here, strict=True)
        )
    return loss.kinks_here


def _slope_off(loss: NumericLoss, k: int, i: int, turn: int) -> tuple[float, float]:
    """The slope along entry i at a point beside the inputs, and its rounding; odd turns go opposite to even ones."""

    def slope() -> tuple[float, float]:
        along = loss.along_entry(k, i)
        return along(t.AROUND_STEP * t.AROUND_GAP), along.noise()

    return _moved_all(loss, turn // 2, 1.0 - 2 * (turn % 2), slope)


def _moved_all(loss: NumericLoss, turn: int, sign: float, found: Callable[[], Found]) -> Found:
    """What is found with all arguments moved by tiny random distances, which `turn` draws, or by their opposites."""
    rng, kept = loss.case.rng(f"around {turn}"), [np.array(x) for x in loss.inputs]
    try:
        for x, arg in zip(loss.inputs, loss.args, strict=True):
            if x.dtype.kind == "f" and not arg.set:
                low, high = (float(end) if not isinstance(end, str) else math.inf for end in arg.interval)
                gap = sign * t.AROUND_GAP * np.maximum(1.0, np.abs(x))
                x[...] = np.clip(x + gap * rng.standard_normal(x.shape), low, high)
        return found()
    finally:
        for x, before in zip(loss.inputs, kept, strict=True):
            x[...] = before


def _equals(x: np.ndarray, i: int) -> Iterator[np.ndarray]:
    """Flat indices of the entries equal to entry i, itself among them, along each axis and in the whole array."""
    same = x == x.flat[i]
    place = np.unravel_index(i, x.shape)
    for axis in reversed(range(x.ndim)):
        line = np.zeros(x.shape, dtype=bool)
        line[tuple(slice(None) if a == axis else at for a, at in enumerate(place))] = True
        yield np.flatnonzero(same & line)
    yield np.flatnonzero(same)


def _slopes_among(loss: NumericLoss, k: int, i: int, equal: np.ndarray) -> Iterator[tuple[float, float]]:
    """Slopes along entry i, and their rounding, with the entry at one place after the other among its equals."""
    others = loss.case.rng("equals").permutation(equal[equal != i])
    flat = loss.inputs[k].reshape(-1)
    kept = flat[equal]  # zeros have signs
    value = float(flat[i])
    gap = (t.TIE_GAP_LOW if loss.low else t.TIE_GAP) * max(1.0, abs(value)) / equal.size
    low, high = (float(end) if not isinstance(end, str) else np.inf for end in loss.args[k].interval)
    apart = np.clip(value + gap * (np.arange(equal.size) - 0.5 * others.size), low, high)
    for rank in np.linspace(0, others.size, min(equal.size, t.TIE_PLACES)).astype(int) if others.size else ():
        flat[np.insert(others, rank, i)] = apart
        try:
            along = loss.along_entry(k, i)
            found = along(t.TIE_STEP * gap), along.noise()
        finally:
            flat[equal] = kept
        yield found
