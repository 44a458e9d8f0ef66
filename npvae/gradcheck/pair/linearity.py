"""Check 4: whatever the forward is, the backward is linear in dy."""

from __future__ import annotations

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.first_run import FirstRun, Returned

__all__ = ["check_linearity"]


def check_linearity(first_run: FirstRun) -> None:
    """Check 4: the backward is linear in dy, at |dy| of 1e3 and of 0.3, and gives zero for zero."""
    # Powers of two scale without rounding: 3 N(0, 1) becomes about 1e3 and about 0.3. The sign turns with the first.
    large, small, nothing = (_scaled(first_run, factor) for factor in (t.LARGE_DY, t.SMALL_DY, 0.0))
    fresh = first_run.case.cotangents(first_run.result.outputs, "fresh")
    alone = first_run.backward(fresh)
    both = first_run.backward(tuple(np.asarray(a + b) for a, b in zip(first_run.dys, fresh, strict=True)))
    rows = zip(*(first_run.beside(later) for later in (large, small, nothing, alone, both)), strict=True)
    for (name, first, a), (_, _, b), (_, _, zero), (_, _, other), (_, _, total) in rows:
        code, words = _bent(first_run, name, first, a, b, zero, other, total)
        if code:
            first_run.add_finding("linearity", code, words, name)


def _scaled(first_run: FirstRun, factor: float) -> Returned:
    return first_run.backward(tuple(np.asarray(dy * dy.dtype.type(factor)) for dy in first_run.dys))


def _bent(
    first_run: FirstRun,
    name: str,
    first: np.ndarray,
    large: np.ndarray,
    small: np.ndarray,
    zero: np.ndarray,
    other: np.ndarray,
    total: np.ndarray,
) -> tuple[str, str]:
    """How a gradient fails to be linear in dy; ("", "") if it is."""
    dtype = first_run.case.dtype
    eps = max(float(np.finfo(one).eps) for one in (dtype, first.dtype, *(dy.dtype for dy in first_run.dys)))
    # Where the slope is infinite (a square root at zero) infinity times dy says nothing.
    blank = ~np.isfinite(first)
    if np.any(blank):
        same = [
            np.where(blank, 0, g) if g.shape == first.shape else g for g in (first, large, small, zero, other, total)
        ]
        first, large, small, zero, other, total = same
    grad = first.astype(np.float64)
    size = float(np.max(np.abs(grad), initial=0.0))
    if np.array_equal(first, zero) and np.array_equal(first, large) and np.any(first):
        return "ignores-dy", f"d{name} is the same whatever dy is: dy is IGNORED"
    if zero.shape == first.shape and np.any(zero != 0):
        return "not-zero-at-zero", f"for dy = 0 the backward gives d{name} = {np.max(np.abs(zero)):.3g} instead of 0"
    # A backward in logarithms, as for sums of exponentials, is only as exact as its exponents are small.
    inputs = [x for x in first_run.case.inputs if x.dtype.kind == "f"]
    largest = max((float(np.max(np.abs(x), initial=1.0, where=np.isfinite(x))) for x in inputs), default=1.0)
    room = t.LINEAR_ULPS * eps * size * largest + t.LINEAR_TINY * float(np.finfo(dtype).tiny)
    large_fits = _within(t.LARGE_DY * grad, large, -t.LARGE_DY * room, dtype)
    small_fits = _within(t.SMALL_DY * grad, small, room, dtype)
    if not large_fits and _within(-t.LARGE_DY * grad, large, -t.LARGE_DY * room, dtype):
        return "not-linear-in-dy", f"-dy gives the same d{name} as dy: the SIGN OF dy is lost"
    grown = float(np.max(np.abs(large), initial=0.0)) > t.HARDLY_GROWN * abs(t.LARGE_DY) * size
    if not large_fits and small_fits and not grown:
        return "not-linear-in-dy", f"d{name} does not grow with dy: is dy CLIPPED or normalised?"
    if not (large_fits and small_fits):
        factor = f"{t.SMALL_DY:g}" if large_fits or not small_fits else f"{t.LARGE_DY:g}"
        return (
            "not-linear-in-dy",
            f"dy times {factor} does not give d{name} times {factor}: d{name} depends on the size or the SIGN of dy",
        )
    regime = first_run.case.regime
    if regime in (*t.SATURATED, "x30") or (regime != "generic" and largest >= t.LARGER):
        return "", ""  # sums round as scaling by two does not, and there by any amount
    # Elsewhere too only what is grossly not additive counts.
    size += float(np.max(np.abs(other), initial=0.0))
    size += max((float(np.max(np.abs(dy), initial=0.0)) for dy in first_run.dys), default=0.0)
    if other.shape == first.shape and not _within(grad + other, total, t.ADDITIVE_ULPS * eps * size, dtype):
        words = f"d{name} for dy + dy' is not d{name} for dy plus that for dy'"
        if _within(grad + other, total, t.ADDITIVE_FLOAT32_ULPS * float(np.finfo(np.float32).eps) * size, dtype):
            return "not-linear-in-dy", f"{words} beyond 7 digits: is dy rounded to FLOAT32 on its way?"
        return "not-linear-in-dy", f"{words}: is dy used more than once?"
    return "", ""


def _within(expected: np.ndarray, found: np.ndarray, room: float, dtype: np.dtype) -> bool:
    if found.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        if np.max(np.abs(expected), initial=0.0) > t.OVERFLOWING * np.finfo(dtype).max:
            return True  # what overflows on the way says nothing about linearity
        return bool(np.all(np.abs(found - expected) <= room))
