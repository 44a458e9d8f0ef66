"""One forward and one backward of a case, kept so that later calls can be compared with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npvae.gradcheck.battery.drawing import Case, in_layout
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import FAIL, Finding
from npvae.gradcheck.pair.calls import Broken, ForwardResult, Pair, Refused

__all__ = ["Arrays", "FirstRun", "Returned"]

Arrays = tuple[np.ndarray, ...]
Returned = Sequence[np.ndarray | None]


class FirstRun:
    """One forward and one backward of a case: outputs, cotangents, gradients, and the findings so far.

    dys      the cotangents as drawn; every call gets copies, so a pair that overwrites its dy affects one call only
    outputs  copies of y, taken at once
    returned the gradients as the first backward returned them
    grads    copies of them, taken at once
    """

    def __init__(self, pair: Pair, case: Case, result: ForwardResult, dys: Arrays) -> None:
        self.pair, self.case, self.result, self.dys = pair, case, result, dys
        self.outputs = [np.array(y) for y in result.outputs]
        self.findings: list[Finding] = []
        self.returned: Returned = ()
        self.grads: Returned = ()
        self._double: tuple[Returned, Returned, Returned] | None = None

    def fresh_dys(self, dys: Arrays | None = None) -> Arrays:
        """Copies of the cotangents (or of others) in the layout of the case."""
        return tuple(in_layout(np.array(dy), self.case.layout) for dy in (self.dys if dys is None else dys))

    def backward(self, dys: Arrays | None = None) -> Returned:
        """The backward with copies of the cotangents, and copies of what it returns."""
        grads = self.pair.backward(self.result.in_form_of_y(self.fresh_dys(dys)), self.result.cache)
        return [None if grad is None else np.array(grad) for grad in grads]

    def in_double(self) -> tuple[Returned, Returned, Returned]:
        """The gradients of the same pair at the same point in float64, and how far float32 may be from them.

        Both distances are measured beside the inputs. The second is how far the gradient in float64 moves with their
        last bit; the third how much the distance between float32 and float64 scatters: rounding is there by chance, a
        mistake stays. None for each if the pair does not go that far.
        """
        if self._double is None:
            exact = self._at(self._nudged(0), np.float64)
            self._double = exact, exact, exact
            if all(grad is not None for grad in exact):
                self._double = exact, self._moved(exact), self._scatter(exact)
        return self._double

    def _moved(self, exact: Returned) -> Returned:
        nearby = [self._at(self._nudged(turn), np.float64) for turn in range(1, 1 + t.NUDGES)]
        moved = []
        for k, grad in enumerate(exact):
            distances = [np.abs(np.subtract(g[k], grad)) for g in nearby if g[k] is not None]  # type: ignore[arg-type]
            moved.append(np.max([np.zeros(np.shape(grad)), *distances], axis=0))  # type: ignore[arg-type]
        return moved

    def _scatter(self, exact: Returned) -> Returned:
        ordinary = self.case.regime == "generic"
        points = [self._moved_by_chance(turn) if ordinary else self._nudged(turn) for turn in range(1, 1 + t.NUDGES)]
        rows = [(self._at(point, np.float32), self._at(point, np.float64)) for point in points]
        scatter = []
        for k, grad in enumerate(exact):
            apart = [np.subtract(s[k], d[k]) for s, d in rows if s[k] is not None and d[k] is not None]  # type: ignore[arg-type]
            scatter.append(np.std(apart, axis=0) if len(apart) > 1 else np.zeros(np.shape(grad)))  # type: ignore[arg-type]
        return scatter

    def _nudged(self, turn: int) -> list[np.ndarray]:
        """The inputs, from turn 1 on with the last bit of each float32 moved up or down."""
        rng = self.case.rng(f"last bit {turn}")
        inputs = []
        for x in self.case.inputs:
            towards = np.where(rng.random(x.shape) < 0.5, -np.inf, np.inf).astype(x.dtype) if x.dtype.kind == "f" else x
            inputs.append(np.asarray(np.nextafter(x, towards)) if turn and x.dtype == np.float32 else np.array(x))
        return inputs

    def _moved_by_chance(self, turn: int) -> list[np.ndarray]:
        """The inputs moved a little: where a small one is added to 1 inside, its last bit would be lost."""
        rng = self.case.rng(f"by chance {turn}")
        return [
            (x * (1.0 + t.NUDGE_FAR * rng.standard_normal(x.shape))).astype(x.dtype) if x.dtype == np.float32 else x
            for x in self.case.inputs
        ]

    def _at(self, inputs: Sequence[np.ndarray], dtype: type) -> Returned:
        """The gradients at other inputs, computed in a dtype."""
        given = [x.astype(dtype) if x.dtype == np.float32 else x for x in inputs]
        try:
            result = self.pair.forward(given)
            dys: list[np.ndarray] = [np.asarray(dy, dtype=dtype) for dy in self.dys]
            return self.pair.backward(result.in_form_of_y(dys), result.cache)
        except (Broken, Refused):
            return [None] * len(self.case.op.differentiable)

    def add_finding(self, check: str, code: str, message: str, arg: str | None = None, verdict: str = FAIL) -> None:
        """Note a finding."""
        case = self.case
        self.findings.append(Finding(check, code, verdict, message, case.label, case.dtype.name, arg))

    def beside(self, later: Returned) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """(name, first gradient, gradient of a later call), where there are both."""
        rows = []
        for name, first, second in zip(self.case.op.differentiable, self.grads, later, strict=True):
            if (first is None) != (second is None):
                raise Broken("gradient-missing", f"d{name} is None in one call and an array in another", name)
            if first is not None and second is not None:
                rows.append((name, first, second))
        return rows

    def overwritten(self) -> list[str]:
        """Names of the gradients whose memory, as first returned, has been written to since."""
        rows = zip(self.case.op.differentiable, self.grads, self.returned, strict=True)
        return [n for n, kept, now in rows if kept is not None and now is not None and kept.tobytes() != now.tobytes()]
