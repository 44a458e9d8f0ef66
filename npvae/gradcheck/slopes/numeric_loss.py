"""The loss sum(dy * y) around one point, in float64, seen along one entry or along a direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.battery.sets import THIN, reach_in_set
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Broken, Pair, Refused
from npvae.gradcheck.slopes.differences import central_slope, noise_level
from npvae.spec import Arg

__all__ = ["Along", "NumericLoss", "ends", "numeric_gradient"]


class NumericLoss:
    """L(x) = sum(dy * y(x)) near the inputs of a case, in float64 wherever the forward takes it.

    A forward that takes float32 only (numba with explicit signatures), or that computes in float32 whatever it is
    given, is taken as it is: `low` is True then, steps are longer, and its noise is measured for the tolerance.
    """

    def __init__(self, pair: Pair, case: Case, dys: Sequence[np.ndarray], low: bool = False) -> None:
        self.pair, self.case = pair, case
        self.dys = [np.asarray(dy, dtype=np.float64) for dy in dys]
        self._shapes = [dy.shape for dy in self.dys]
        self.args = tuple(case.op.args.values())
        self.inputs = self._copies(case.dtype if low else np.dtype(np.float64))
        try:
            outputs = pair.forward(self.inputs).outputs
            self.low = low or any(y.dtype != np.float64 for y in outputs)
        except Refused:
            self.inputs = self._copies(case.dtype)
            self.low = low or case.dtype != np.float64
            outputs = pair.forward(self.inputs).outputs
        self.here = self._copied(outputs)
        self.small = sum(y.size for y in self.here) <= t.KEPT_OUTPUTS
        self.eps = float(np.finfo(np.float32 if self.low else np.float64).eps)
        self.first_step = t.FIRST_STEP_LOW if self.low else t.FIRST_STEP
        self.good_step: dict[int, float] = {}
        self.kinks_here: bool | None = None  # whether outputs bend at the inputs themselves, once somebody has looked
        self._reach: dict[int, np.ndarray] = {}
        self._noise: dict[int, float] = {}

    def _copies(self, dtype: np.dtype) -> list[np.ndarray]:
        copies = []
        for x, arg in zip(self.case.inputs, self.args, strict=True):
            follows = x.dtype.kind == "f" and arg.dtype is None
            copies.append(np.array(x, dtype=dtype if follows else x.dtype, order="C"))
        return copies

    def values(self) -> tuple[np.ndarray, ...]:
        """The outputs at the inputs as they stand, copied: a forward may reuse its buffers."""
        return self._copied(self.pair.forward(self.inputs).outputs)

    def _copied(self, outputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        copies = tuple([np.array(y, dtype=np.float64) for y in outputs])
        shapes = [y.shape for y in copies]
        if shapes != self._shapes:
            here, nearby = (", ".join(map(str, found)) for found in (shapes, self._shapes))
            raise Broken("forward-output", f"y has shape {here} here and {nearby} for inputs of the same shapes nearby")
        return copies

    def rounds_to_single(self) -> bool:
        """Whether the outputs, in float64, are all float32 numbers, and neither round ones nor mere rounding."""
        y = np.concatenate([y.reshape(-1) for y in self.here])
        few_bits = np.frexp(y)[0] * 2.0**t.FEW_BITS
        y = y[few_bits != np.rint(few_bits)]
        fine = np.any(y * t.FINE_GRID != np.rint(y * t.FINE_GRID))
        return not self.low and bool(fine) and bool(np.all(y == y.astype(np.float32)))

    def reach(self, k: int) -> np.ndarray:
        """How far each entry of argument k may go both ways without meeting a kink or an end of the domain."""
        if k not in self._reach:
            x = np.asarray(self.inputs[k], dtype=np.float64)
            reach = np.full(x.shape, np.inf)
            if self.args[k].set:
                reach = reach_in_set(self.args[k].set, x)
            for point in (*ends(self.args[k]), *self.args[k].kinks):
                if math.isfinite(point):
                    reach = np.asarray(np.minimum(reach, np.abs(x - point)))
            self._reach[k] = reach
        return self._reach[k]

    def entry_step(self, k: int, i: int) -> float:
        """First step for entry i of argument k; 0 on a kink or on an end of the domain."""
        x = abs(self.inputs[k].item(i))
        return min(self.first_step * max(1.0, x), t.DIRECTION_REACH * self.reach(k).item(i))

    def at_entry(self, k: int, i: int) -> Callable[[float], tuple[np.ndarray, ...]]:
        """A function: the outputs with entry i of argument k moved by a distance."""
        flat = self.inputs[k].reshape(-1)
        centre = flat[i]
        if self.args[k].set in THIN:  # the entry alone would leave the set
            return self.at_direction(k, np.ones(1), slice(i, i + 1))

        def moved(distance: float) -> tuple[np.ndarray, ...]:
            flat[i] = centre + distance
            try:
                return self.values()
            finally:
                flat[i] = centre

        return moved

    def along_entry(self, k: int, i: int) -> Along:
        """The central quotient of L with respect to entry i of argument k."""
        if self.args[k].set in THIN:
            return Along(self, self.at_entry(k, i), 0.0, np.dtype(np.float64))
        return Along(self, self.at_entry(k, i), float(self.inputs[k].reshape(-1)[i]), self.inputs[k].dtype)

    def at_direction(
        self, k: int, v: np.ndarray, span: slice = slice(None)
    ) -> Callable[[float], tuple[np.ndarray, ...]]:
        """A function: the outputs with a span of argument k, all by default, moved a distance along v (flat)."""
        if self.args[k].set in THIN:
            whole = np.zeros(self.inputs[k].size)
            whole[span] = v
            v, span = self.in_set(k, whole.reshape(self.inputs[k].shape)).reshape(-1), slice(None)
        flat = self.inputs[k].reshape(-1)[span]
        start = flat.copy()

        def moved(distance: float) -> tuple[np.ndarray, ...]:
            np.multiply(v, distance, out=flat, casting="same_kind")
            np.add(flat, start, out=flat)
            try:
                return self.values()
            finally:
                flat[...] = start

        return moved

    def along(self, k: int, v: np.ndarray, span: slice = slice(None)) -> Along:
        """The central quotient of L along v (flat) in a span of argument k."""
        return Along(self, self.at_direction(k, v, span), 0.0, np.dtype(np.float64))

    def in_set(self, k: int, v: np.ndarray) -> np.ndarray:
        """What of a direction in argument k, or of its gradient, lies in its domain: all of it, unless that is thin."""
        project = THIN.get(self.args[k].set)
        return v if project is None else project(v).astype(v.dtype)

    def dot(self, plus: Sequence[np.ndarray], minus: Sequence[np.ndarray]) -> float:
        """sum(dy * (plus - minus)): outputs that did not move cancel exactly and bring no noise."""
        total = 0.0
        for dy, p, m in zip(self.dys, plus, minus, strict=True):
            total += float(np.vdot(dy, p - m))
        return total

    def rounding(self, plus: Sequence[np.ndarray], minus: Sequence[np.ndarray]) -> float:
        """The trembling of `dot` to expect if each output that moved is right to a unit in its last place.

        If none moved, the step may have been too short to move them: any of them may hide something then.
        """
        moved = [p != m for p, m in zip(plus, minus, strict=True)]
        some = any(part.any() for part in moved)
        squares = 0.0
        for dy, p, m, part in zip(self.dys, plus, minus, moved, strict=True):
            weighed = dy * (np.abs(p) + np.abs(m))
            if some:
                weighed *= part
            squares += float(np.vdot(weighed, weighed))
        return t.QUOTIENT_ULPS * self.eps * math.sqrt(squares)

    def measure_noise(self, k: int) -> float:
        """The trembling of L measured along one random direction in argument k."""
        if k not in self._noise:
            moved = self.at_direction(k, self.direction(k, self.case.rng(f"noise {k}")).reshape(-1))
            self._noise[k] = noise_level(
                lambda distance: self.dot(moved(distance), self.here), spacing=t.NOISE_SPACING_LOW * self.eps
            )
        return self._noise[k]

    def direction(self, k: int, rng: np.random.Generator) -> np.ndarray:
        """A Gaussian direction, longer where the entry is large, shorter where a kink or an end is near."""
        x = np.asarray(self.inputs[k], dtype=np.float64)
        v = rng.standard_normal(x.shape) * np.maximum(1.0, np.abs(x))
        longest = t.DIRECTION_REACH * self.reach(k) / self.first_step
        return np.sign(v) * np.minimum(np.abs(v), longest)


class Along:
    """A central quotient of L along a path, and the rounding in the last one taken.

    floor  the trembling of L, once it has been measured: rounding is not taken to be less
    """

    def __init__(
        self,
        loss: NumericLoss,
        moved: Callable[[float], tuple[np.ndarray, ...]],
        centre: float,
        dtype: np.dtype,
    ) -> None:
        self.loss, self.moved, self.centre, self.type = loss, moved, centre, dtype.type
        self.floor = 0.0
        self.plus: tuple[np.ndarray, ...] = ()
        self.minus: tuple[np.ndarray, ...] = ()
        self.width = 1.0

    def __call__(self, step: float) -> float:
        """(L(x + h) - L(x - h)) / 2h, where h is what the step becomes once it is added to the entry and rounded."""
        self.width = float(self.type(self.centre + step)) - float(self.type(self.centre - step))
        if self.width <= 0:
            return math.nan
        self.plus, self.minus = self.moved(step), self.moved(-step)
        return self.loss.dot(self.plus, self.minus) / self.width

    def noise(self) -> float:
        """The rounding to expect in the last quotient."""
        return max(self.loss.rounding(self.plus, self.minus), t.FLOOR_ULPS * self.floor) / self.width


def ends(arg: Arg) -> tuple[float, ...]:
    """The finite ends of a float argument's domain."""
    return tuple(float(end) for end in arg.interval if not isinstance(end, str) and math.isfinite(end))


@np.errstate(all="ignore")
def numeric_gradient(
    pair: Pair, case: Case, dys: Sequence[np.ndarray], k: int, claim: np.ndarray | None = None
) -> np.ndarray:
    """d sum(dy * y) / d argument k by differences, entry by entry; NaN on a kink or on an end of the domain.

    claim  what it should be: where differences at long steps do not settle on it, shorter ones are tried, which do
           not reach over a kink nearby
    """
    found = np.full(case.inputs[k].shape, np.nan)
    claimed, within = (np.full_like(found, np.nan), 0.0) if claim is None else (claim, t.NUMERIC_RTOL)
    loss = NumericLoss(pair, case, dys)
    for i in range(found.size):
        step = loss.entry_step(k, i)
        if step > 0:
            quotient, expected = loss.along_entry(k, i), float(claimed.flat[i])
            found.flat[i] = central_slope(quotient, claim=expected, rtol=within, atol=within, step=step).value
    return found
