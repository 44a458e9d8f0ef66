"""Check 7: would this configuration notice? Generic mistakes planted in the backward under test."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import Sample
from npvae.gradcheck.ground.findings import FAIL
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.verdict.case import Settings, check_case
from npvae.spec import Op

__all__ = ["TEETH", "bite"]

Grads = list[np.ndarray]
Mistake = Callable[[Grads, np.ndarray, int], Grads]


def bite(op: Op, report: Report, samples: Sequence[Sample], seed: int, settings: Settings) -> Report:
    """The report, with every generic mistake and whether one of the samples caught it.

    A mistake that changes nothing in any sample (two gradients to swap where there is one) is left out. With several
    outputs, those that have to do with dy are planted in the first.
    """
    caught = {}
    for name, mistake in TEETH.items():
        planted = _Planted(op, mistake)
        wrong = replace(op, backward=planted)
        found = any(_fails(wrong, sample, seed, settings) for sample in samples)
        if found or planted.changed:
            caught[name] = found
    return replace(report, teeth=caught)


def _fails(op: Op, sample: Sample, seed: int, settings: Settings) -> bool:
    outcome = check_case(build(op, sample, seed), build(op, sample, seed + 1), settings)
    return any(finding.verdict == FAIL for finding in outcome.findings)


class _Planted:
    """A backward with a mistake put on top, which notes whether the mistake ever changed anything."""

    def __init__(self, op: Op, mistake: Mistake) -> None:
        self.backward, self.mistake = op.backward, mistake
        self.changed = False
        self.__signature__ = inspect.signature(op.backward)  # which tells whether it takes a cache
        self.calls = 0

    def __call__(self, dy: Any, *cache: Any) -> Any:
        result = self.backward(dy, *cache)
        named = isinstance(result, Mapping)
        several = named or isinstance(result, (tuple, list))
        given = list(result.values() if named else result) if several else [result]
        right = [np.asarray(grad) for grad in given]  # a loss is often a NumPy number, and so is its dy
        places = [i for i, grad in enumerate(right) if grad.dtype.kind == "f"]  # None is for what has no gradient
        if not places:
            return result
        first = (
            next(iter(dy.values() if isinstance(dy, Mapping) else dy)) if isinstance(dy, (tuple, list, Mapping)) else dy
        )
        array = np.asarray(first)
        before = array.copy()
        self.calls += 1
        wrong = self.mistake([np.array(right[i]) for i in places], array, self.calls)
        self.changed |= array is first and not np.array_equal(array, before)  # a number cannot be changed in place
        for i, found in zip(places, wrong, strict=True):
            self.changed |= found.shape != right[i].shape or found.dtype != right[i].dtype
            self.changed |= not np.array_equal(found, right[i], equal_nan=True)
            given[i] = found
        if named:
            return dict(zip(result, given, strict=True))
        return tuple(given) if several else given[0]


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Mistake:
    return lambda grads, dy, calls: [change(grad) for grad in grads]


def _entry(change: Callable[[np.ndarray, int], None]) -> Mistake:
    """Change one entry in the middle of the first gradient."""

    def mistake(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
        if grads[0].size:
            change(grads[0].reshape(-1), grads[0].size // 2)
        return grads

    return mistake


def _flip(flat: np.ndarray, i: int) -> None:
    flat[i] = -flat[i]


def _zero(flat: np.ndarray, i: int) -> None:
    flat[i] = 0


def _slightly(flat: np.ndarray, i: int) -> None:
    flat[i] *= flat.dtype.type(1.001)


def _without_last_row(grad: np.ndarray) -> np.ndarray:
    if grad.ndim and grad.shape[0] > 1:
        grad[-1] = 0
    return grad


def _transposed(grad: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(grad.T).reshape(grad.shape) if grad.ndim == 2 else grad


def _swapped(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    for i, a in enumerate(grads):
        for j in range(i + 1, len(grads)):
            if a.shape == grads[j].shape:
                grads[i], grads[j] = grads[j], a
                return grads
    return grads


def _dy_itself(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    return [dy if grad.shape == dy.shape and i == 0 else grad for i, grad in enumerate(grads)]


def _mutates_dy(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    dy *= dy.dtype.type(0.5)
    return grads


def _clips(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    return [np.clip(grad, -50.0, 50.0).astype(grad.dtype) for grad in grads]


def _ignores_size_of_dy(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    largest = float(np.max(np.abs(dy), initial=0.0))
    return [(grad / grad.dtype.type(largest)) if largest else grad for grad in grads]


def _doubles_later(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    return [grad * grad.dtype.type(2) for grad in grads] if calls > 1 else grads


def _keepdims(grads: Grads, dy: np.ndarray, calls: int) -> Grads:
    return [*grads[:-1], grads[-1][np.newaxis]]


TEETH: dict[str, Mistake] = {
    "scale by 1 + 1e-4": _each(lambda g: g * g.dtype.type(1.0 + 1e-4)),
    "negate": _each(np.negative),
    "flip one sign": _entry(_flip),
    "zero one entry": _entry(_zero),
    "one entry off by 0.1 %": _entry(_slightly),
    "drop the last row": _each(_without_last_row),
    "transpose": _each(_transposed),
    "swap two gradients of equal shape": _swapped,
    "one axis too many": _keepdims,
    "round through float32": _each(lambda g: g.astype(np.float32).astype(g.dtype)),
    "float64 for float32": _each(lambda g: g.astype(np.float64)),
    "add 1e-6": _each(lambda g: g + g.dtype.type(1e-6)),
    "NaN for zero": _each(lambda g: np.where(g == 0, g.dtype.type(np.nan), g)),
    "return dy itself": _dy_itself,
    "change dy in place": _mutates_dy,
    "clip at 50": _clips,
    "divide by max |dy|": _ignores_size_of_dy,
    "double from the second call on": _doubles_later,
}
