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
        self.args = tuple(case.op.args.values())
        self.inputs = self._copies(case.dtype if low else np.dtype(np.float64))
        self.low = low
        if not low:
            try:
                outputs = pair.forward(self.inputs).outputs
                self.low = any(y.dtype != np.float64 for y in outputs)
            except Refused:
                self.inputs = self._copies(case.dtype)
                self.low = case.dtype != np.float64
        self.eps = float(np.finfo(np.float32 if self.low else np.float64).eps)
        self.first_step = t.FIRST_STEP_LOW if self.low else t.FIRST_STEP
        self.here = self.values()
        self.good_step: dict[int, float] = {}
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
        outputs = tuple(np.array(y, dtype=np.float64) for y in self.pair.forward(self.inputs).outputs)
        for y, dy in zip(outputs, self.dys, strict=False):
            if y.shape != dy.shape or len(outputs) != len(self.dys):
                raise Broken(
                    "forward-output", f"y has shape {y.shape} here and {dy.shape} for inputs of the same shapes nearby"
                )
        return outputs

    def rounds_to_single(self) -> bool:
        """Whether the outputs, in float64, are all float32 numbers, and neither round ones nor mere rounding."""
        y = np.concatenate([y.reshape(-1) for y in self.here])
        largest = max((float(np.max(np.abs(x), initial=0.0)) for x in self.inputs), default=0.0)
        y = np.where(np.abs(y) <= t.ONLY_ROUNDING * self.eps * largest, 0.0, y)
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
        x = abs(float(self.inputs[k].flat[i]))
        return min(self.first_step * max(1.0, x), t.DIRECTION_REACH * float(self.reach(k).flat[i]))

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
            with np.errstate(all="ignore"):
                total += float(np.vdot(dy, p - m))
        return total

    def rounding(self, plus: Sequence[np.ndarray], minus: Sequence[np.ndarray]) -> float:
        """The trembling of `dot` to expect if each output that moved is right to a unit in its last place.

        If none moved, the step may have been too short to move them: any of them may hide something then.
        """
        moved = [p != m for p, m in zip(plus, minus, strict=True)]
        none = not any(np.any(part) for part in moved)
        squares = 0.0
        for dy, p, m, part in zip(self.dys, plus, minus, moved, strict=True):
            squares += float(np.sum((dy * (np.abs(p) + np.abs(m)) * (part | none)) ** 2))
        return t.QUOTIENT_ULPS * self.eps * math.sqrt(squares)

    def noise_of_entry(self, k: int, i: int, side: int = 0) -> float:
        """The trembling of L when entry i of argument k moves: what rounding allows, or more if more is measured."""
        return max(self.noise_nearby(k, i, side), self.noise_further(k, i, side))

    def noise_nearby(self, k: int, i: int, side: int = 0) -> float:
        """The same, measured over the shortest spacing alone, a third of the effort.

        Which outputs the entry has a part in is asked with a NaN: those that are large may hide the entry wholly.
        """
        moved = self.at_entry(k, i)
        try:
            probed = moved(math.nan)
            part = [~np.isfinite(p) | (p != y) for p, y in zip(probed, self.here, strict=True)]
        except (Broken, Refused):
            part = [np.ones(y.shape, dtype=bool) for y in self.here]
        squares = sum(float(np.sum((dy * y * of) ** 2)) for dy, y, of in zip(self.dys, self.here, part, strict=True))
        spacing = (t.NOISE_SPACING_LOW if self.low else t.NOISE_SPACING) * self.eps
        measured = self._noise_over(k, i, spacing, side)
        # What is inside the forward may be as large as what goes in, and leave no trace outside but its rounding.
        weight = max(
            (float(np.max(np.abs(dy[of]), initial=0.0)) for dy, of in zip(self.dys, part, strict=True)), default=0.0
        )
        inner = self.eps * weight * max(1.0, float(np.max(np.abs(self.inputs[k]), initial=0.0)))
        return max(t.ENTRY_ULPS * self.eps * math.sqrt(squares), measured, inner)

    def noise_further(self, k: int, i: int, side: int = 0) -> float:
        """The trembling measured over longer spacings: what is quantised inside may stand still over the shortest.

        Points beyond a kink would see it, not rounding: there, and in float32, nothing is measured and this is 0.
        """
        scale = max(1.0, abs(float(self.inputs[k].flat[i])))
        room = math.inf if side else float(self.reach(k).flat[i]) / t.NOISE_POINTS
        spacings = [] if self.low else [spacing for spacing in t.NOISE_SPACINGS_MORE if spacing * scale <= room]
        return max((self._noise_over(k, i, spacing, side) for spacing in spacings), default=0.0)

    def _noise_over(self, k: int, i: int, spacing: float, side: int) -> float:
        """The trembling at points along entry i, so far apart relative to its size."""
        moved, scale = self.at_entry(k, i), max(1.0, abs(float(self.inputs[k].flat[i])))
        return noise_level(lambda distance: self.dot(moved(distance), self.here), spacing=spacing * scale, side=side)

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


def numeric_gradient(
    pair: Pair, case: Case, dys: Sequence[np.ndarray], k: int, claim: np.ndarray | None = None
) -> np.ndarray:
    """d sum(dy * y) / d argument k by differences, entry by entry; NaN on a kink or on an end of the domain.

    claim  what it should be: where differences at long steps do not settle on it, shorter ones are tried, which do
           not reach over a kink nearby
    """
    loss = NumericLoss(pair, case, dys)
    found = np.full(case.inputs[k].shape, np.nan)
    claimed, within = (np.full_like(found, np.nan), 0.0) if claim is None else (claim, t.NUMERIC_RTOL)
    for i in range(found.size):
        step = loss.entry_step(k, i)
        if step > 0:
            quotient, expected = loss.along_entry(k, i), float(claimed.flat[i])
            found.flat[i] = central_slope(quotient, claim=expected, rtol=within, atol=within, step=step).value
    return found
