"""Draw the arrays of a sample: values of a regime, inside their domains, in a memory layout."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npvae.gradcheck.battery.samples import LAYOUTS, Sample, numbers_in
from npvae.gradcheck.battery.sets import draw_in_set
from npvae.gradcheck.ground import thresholds as t
from npvae.spec import Arg, Op, as_offsets

__all__ = ["Case", "build", "in_layout"]


@dataclass(frozen=True)
class Case:
    """Concrete arrays to look at: the inputs in order, the parameters, and the seed of everything drawn later."""

    op: Op
    label: str
    inputs: tuple[np.ndarray, ...]
    params: Mapping[str, Any]
    dtype: np.dtype
    seed: int
    layout: str = "C"
    regime: str = "generic"
    cell: str = "numeric"
    sizes: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Case({self.op.name}, {self.label}, seed {self.seed})"

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose, so that adding a check moves no other check's numbers."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.label} {purpose}".encode())])

    def cotangents(self, outputs: tuple[np.ndarray, ...], purpose: str = "dy") -> tuple[np.ndarray, ...]:
        """3 N(0, 1) for every output, in its dtype and in the layout of the case. Never ones: they hide mistakes."""
        rng = self.rng(purpose)
        return tuple(
            in_layout((t.DY_SPREAD * rng.standard_normal(y.shape)).astype(y.dtype), self.layout) for y in outputs
        )


def build(op: Op, sample: Sample, seed: int) -> Case:
    """Draw the arrays of a sample. The same op, sample and seed give the same arrays."""
    case = Case(
        op, sample.label, (), sample.params, np.dtype(sample.dtype), seed,
        sample.layout, sample.regime, sample.cell, sample.sizes,
    )  # fmt: skip
    rng = case.rng("inputs")
    inputs = tuple(in_layout(_draw(arg, sample, case.dtype, rng), sample.layout) for arg in op.args.values())
    return Case(**{**case.__dict__, "inputs": inputs})


def _draw(arg: Arg, sample: Sample, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    shape = arg.sizes(sample.sizes)
    low, high = arg.ends(sample.sizes)
    if arg.dtype is not None and np.dtype(arg.dtype).kind in "biu":
        few = sample.regime == "ties"  # the same index again and again
        return _draw_integers(np.dtype(arg.dtype), arg, low, high, shape, rng, few)
    if arg.set and arg.set != "probability":
        return draw_in_set(arg.set, shape, rng).astype(dtype if arg.dtype is None else arg.dtype)
    x = _spread(low, high, shape, rng)
    moved = rng.random(shape) < t.MOVED_SHARE
    regime = sample.regime
    if regime in t.SATURATED:
        far = t.SATURATED[regime] * (1.0 + t.SATURATED_SCATTER * np.abs(rng.standard_normal(shape)))
        if regime == "far800":
            far = far * rng.choice([-1.0, 1.0], size=shape)
        outside = (far < low) | (far > high)
        back = outside & (-far >= low) & (-far <= high)  # the other side is inside the domain
        far = np.where(back, -far, far)
        x = np.where(moved, far, x)
    elif regime == "x30":
        x = t.LARGER * x if not (math.isfinite(low) or math.isfinite(high)) else x
    elif regime == "tiny":
        small = np.where(rng.random(shape) < t.SMALL_SHARE, 10.0 ** rng.uniform(*t.SMALL, size=shape), t.TINY)
        x = np.sign(x) * small * (t.SMALL_SHARE + np.abs(x)) if low <= 0.0 <= high else x
    elif regime == "ties":
        width = high - low
        narrow = width <= t.TIE_GRID
        x = low + np.round(t.TIE_GRID * (x - low) / width) * width / t.TIE_GRID if narrow else np.round(x)
    elif regime in ("kink", "near", "special", "edge"):
        if regime == "special":
            # A floor, a threshold, the width of a Huber loss: parameters are where formulas change.
            candidates = [*arg.specials, *numbers_in(sample.params)]
        elif regime == "edge":
            candidates = [end for end in (low, high) if math.isfinite(end)]
        else:
            candidates = [*arg.kinks] or [0.0]
            candidates += [-0.0] * (0.0 in candidates)
        if candidates:
            chosen = rng.choice(np.array(candidates), size=shape)
            off = 10.0 ** rng.uniform(*t.BESIDE_POINT, size=shape) * rng.choice([-1.0, 1.0], size=shape)
            if regime == "near":
                chosen = chosen + off * np.maximum(1.0, np.abs(chosen))
            elif regime == "special":  # half of them on the spot, half just off it
                chosen = chosen + off * (rng.random(shape) < 0.5)
            x = np.where(moved, chosen, x)
    if arg.set == "probability":
        low, high = t.PROBABILITY_ENDS
    kind = np.dtype(arg.dtype) if arg.dtype is not None else dtype
    x = np.clip(x, low, high).astype(kind)
    # Rounding to float32 may have stepped out of the domain by half a unit in the last place.
    return np.clip(x, kind.type(low), kind.type(high)) if math.isfinite(low) or math.isfinite(high) else x


def _draw_integers(
    dtype: np.dtype,
    arg: Arg,
    low: float,
    high: float,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    few: bool = False,
) -> np.ndarray:
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    first = int(low) if math.isfinite(low) else 0
    last = int(high) if math.isfinite(high) else first + t.INTEGERS_UNBOUNDED
    if arg.offsets:
        return as_offsets(rng.integers(first, max(last, first), size=shape, endpoint=True).astype(dtype), first, last)
    last = max(min(last, first + 1) if few else last, first)
    return rng.integers(first, last, size=shape, endpoint=True).astype(dtype)


def _spread(low: float, high: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Ordinary values: N(0, 1), well inside an interval, or a log-normal distance from its only end."""
    if math.isfinite(low) and math.isfinite(high):
        if high - low > t.WIDE_DOMAIN and low < -1.0 < 1.0 < high:
            return np.clip(rng.standard_normal(shape), low, high)
        return low + (high - low) * rng.uniform(*t.INSIDE_DOMAIN, size=shape)
    if math.isfinite(low):
        return low + np.exp(t.LOG_SPREAD * rng.standard_normal(shape))
    if math.isfinite(high):
        return high - np.exp(t.LOG_SPREAD * rng.standard_normal(shape))
    return rng.standard_normal(shape)


def in_layout(x: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another memory layout."""
    if x.ndim == 0 or layout == "C":
        return np.ascontiguousarray(x).reshape(x.shape)
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "strided":
        room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan if x.dtype.kind == "f" else 0).astype(x.dtype)
        room[..., ::2] = x
        return room[..., ::2]
    if layout == "negative":
        every = (slice(None, None, -1),) * x.ndim
        return np.ascontiguousarray(x[every])[every]
    raise ValueError(f"layout is {layout!r}, expected one of {', '.join(LAYOUTS)}")
