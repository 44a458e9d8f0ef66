"""Diagnoses from the whole gradient: a sign, a factor, a transpose, another argument, a term too many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from npvae.gradcheck.diagnosis.side_by_side import Diagnosis, SideBySide
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.pair.calls import Pair
from npvae.gradcheck.slopes.numeric_loss import numeric_gradient

__all__ = ["by_factor", "by_pattern"]


def by_pattern(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """The whole gradient against the whole numeric one."""
    grad, numeric, seen = view.grad, view.numeric, view.seen
    weight = float(np.sum(numeric[seen] ** 2))
    if weight > 0 and not np.any(grad[seen]):
        yield "zero", f"the analytic gradient is ZERO {view.everywhere if np.any(grad) else 'everywhere'}"
        return
    ratio = _ratio(view)
    if ratio is not None and (factor := _factor_of_size(ratio, view) or _factor(ratio, view)):
        yield factor
        return
    if grad.ndim == 2 and min(grad.shape) > 1 and view.explains(_transposed(grad), numeric):
        yield "transposed", "the analytic gradient is the numeric one TRANSPOSED"
        return
    if grad.ndim > 2 and (order := _other_order(view)):
        yield "transposed", f"the analytic gradient is the numeric one with its axes in the order {order}: TRANSPOSED"
        return
    for axis in range(grad.ndim) if view.complete else ():
        if grad.shape[axis] > 1 and view.explains(np.flip(grad, axis), numeric):
            yield "reversed", f"the analytic gradient is the numeric one REVERSED along axis {axis}"
            return
    yield from _other_argument(view, pair) or _factor_of_argument(view) or _difference(view)


def by_factor(view: SideBySide, pair: Pair) -> Iterator[Diagnosis]:
    """A constant factor that is no size, though it looked like one here."""
    ratio = _ratio(view)
    if ratio is not None and (factor := _factor(ratio, view)):
        yield factor


def _ratio(view: SideBySide) -> float | None:
    """analytic / numeric, if that is one number wherever both are known; else None."""
    grad, numeric, seen = view.grad, view.numeric, view.seen
    weight = float(np.sum(numeric[seen] ** 2))
    if not weight > 0 or not (np.sum(seen) > 1 or grad.size == 1):
        return None
    ratio = float(np.sum(grad[seen] * numeric[seen])) / weight
    return ratio if view.explains(grad, ratio * numeric) and not view.right_beside(ratio) else None


def _other_argument(view: SideBySide, pair: Pair) -> list[Diagnosis]:
    """The gradient of another argument of the same shape, in the wrong place."""
    case, grad = view.first_run.case, view.grad
    for name, theirs in zip(case.op.differentiable, view.first_run.grads, strict=True):
        if name == view.name or theirs is None or theirs.shape != grad.shape:
            continue
        if np.array_equal(theirs, grad):
            return [("other-argument", f"it is the same as d/d{name}: is one returned in the place of the other?")]
        if view.explains(theirs.astype(np.float64), view.numeric):
            return [("other-argument", f"what is returned for {name} would be right here: are they SWAPPED?")]
        if grad.size <= t.SLOPES_OF_ANOTHER:
            slopes = numeric_gradient(pair, case, view.first_run.dys, tuple(case.op.args).index(name))
            if view.explains(grad, slopes):
                return [("other-argument", f"it is the gradient of {name}: are d/d{view.name} and d/d{name} SWAPPED?")]
    return []


def _factor_of_argument(view: SideBySide) -> list[Diagnosis]:
    """An argument that the gradient lacks as a factor, or has once too often; a row or a column of it may do."""
    grad, numeric = view.grad, view.numeric
    for name, x in zip(view.first_run.case.op.args, view.loss.inputs, strict=True):
        for factor in _spread_over(np.asarray(x, dtype=np.float64), grad.shape):
            if np.ptp(factor) == 0:
                continue
            if view.explains(grad * factor, numeric):
                words = f"numeric / analytic is {name} {view.everywhere}: a FACTOR {name} forgotten?"
                return [("factor-of-argument", words)]
            if view.explains(numeric * factor, grad):
                words = f"analytic / numeric is {name} {view.everywhere}: a FACTOR {name} too many, or not divided by?"
                return [("factor-of-argument", words)]
    return []


def _spread_over(x: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """An array in a shape: as it is, the same in every row, or the same in every column."""
    if x.shape == shape:
        yield x
    elif x.ndim == 1 and len(shape) == 2:
        if x.size == shape[1]:
            yield np.broadcast_to(x, shape)
        if x.size == shape[0]:
            yield np.broadcast_to(x[:, np.newaxis], shape)


def _factor_of_size(ratio: float, view: SideBySide) -> Diagnosis | None:
    """A constant ratio that is the length of an axis, or one over it."""
    for symbol, size in view.first_run.case.sizes.items():
        if size >= t.LEAST_SIZE and abs(ratio - size) < view.precision * size:
            return (
                "factor-of-size",
                f"analytic / numeric is {size} = {symbol} {view.everywhere}: is a MEAN over {symbol} missing?",
            )
        if size >= t.LEAST_SIZE and abs(ratio * size - 1.0) < view.precision:
            return (
                "factor-of-size",
                f"analytic / numeric is 1/{size} = 1/{symbol} {view.everywhere}: a MEAN over {symbol} too many?",
            )
    for name, axis, size in _lengths(view):
        counted = f"{name} has {size} entries" + (f" along axis {axis}" if axis is not None else "")
        if abs(ratio - size) < view.precision * size:
            found = f"analytic / numeric is {size} {view.everywhere}, and {counted}"
            return "factor-of-size", f"{found}: is a MEAN over them missing?"
        if abs(ratio * size - 1.0) < view.precision:
            found = f"analytic / numeric is 1/{size} {view.everywhere}, and {counted}"
            return "factor-of-size", f"{found}: a MEAN over them too many?"
    return None


def _factor(ratio: float, view: SideBySide) -> Diagnosis | None:
    """What a constant ratio says. Of one entry there always is one: then only a number that tells something counts."""
    shown = f"1 {ratio - 1.0:+.2g}" if abs(ratio - 1.0) < t.SAME_FACTOR else f"{ratio:.6g}"
    words = f"analytic / numeric is {shown} {view.everywhere}"
    if abs(ratio + 1.0) < view.precision:
        return "sign", f"analytic / numeric is -1 {view.everywhere}: looks like a SIGN error"
    for value, text in ((2.0, "2"), (0.5, "1/2"), (-2.0, "-2"), (-0.5, "-1/2")):
        if abs(ratio - value) < view.precision * abs(value):
            return "factor", f"analytic / numeric is {text} {view.everywhere}: looks like a FACTOR of {text}"
    case = view.first_run.case
    single = {name: x.flat[0] for name, x in zip(case.op.args, view.loss.inputs, strict=True) if x.size == 1}
    known = {**single, **{name: v for name, v in case.params.items() if isinstance(v, (int, float))}}
    for name, value in known.items():
        if abs(ratio - value) < view.precision * abs(value):
            return "factor-of-argument", f"{words}, which is {name}: a FACTOR {name} too many, or not divided by?"
        if value and abs(ratio * value - 1.0) < view.precision:
            return "factor-of-argument", f"{words}, which is 1/{name}: a FACTOR {name} forgotten, or divided by twice?"
    if np.sum(view.told) < 2:
        return None
    return "factor", f"{words}: a " + (
        "constant in FLOAT32?" if abs(ratio - 1.0) < t.FLOAT32_FACTOR else "wrong constant FACTOR"
    )


def _lengths(view: SideBySide) -> Iterator[tuple[str, int | None, int]]:
    """Name, axis and length of every axis that no symbol stands for: at inputs given, or where shapes are numbers."""
    case = view.first_run.case
    for (name, arg), x in zip(case.op.args.items(), case.inputs, strict=True):
        for axis, length in enumerate(arg.axes):
            if length.isdigit() and int(length) >= t.LEAST_SIZE:
                yield name, axis if x.ndim > 1 else None, int(length)


def _transposed(grad: np.ndarray) -> np.ndarray:
    """The gradient read in the other order of its axes, in the shape that it has."""
    return (
        np.ascontiguousarray(grad.T).reshape(grad.shape)
        if grad.shape[0] == grad.shape[-1]
        else grad.reshape(grad.shape[::-1]).T
    )


def _other_order(view: SideBySide) -> tuple[int, ...] | None:
    """An order of the axes in which the analytic gradient would be right; only where shapes allow it."""
    shape = view.grad.shape
    for order in itertools.permutations(range(len(shape))):
        moved = tuple(shape[axis] for axis in order)
        if (
            order != tuple(range(len(shape)))
            and moved == shape
            and view.explains(view.grad.transpose(order), view.numeric)
        ):
            return order
    return None


def _difference(view: SideBySide) -> Iterator[Diagnosis]:
    """What is there too much or too little: a multiple of dy, of an argument, of their product, of one."""
    lacking = view.numeric - view.grad
    if np.sum(view.seen) < t.FEW_ENTRIES:
        return
    for words, term in _terms(view, lacking.shape):
        weight = float(np.sum(term[view.seen] ** 2))
        c = float(np.sum(lacking[view.seen] * term[view.seen])) / weight if weight > 0 else 0.0
        rest = np.max(np.abs(lacking - c * term)[view.seen])
        if c == 0.0 or rest > t.EXPLAINED * np.max(np.abs(lacking[view.seen])):
            continue
        whole = words == "dy" and abs(abs(c) - 1.0) < t.WHOLE_DY
        if words != "1" and not whole and np.ptp(term[view.seen]) <= t.EXPLAINED * np.max(np.abs(term[view.seen])):
            continue  # the same everywhere: it cannot be told from a constant
        if whole and c > 0:
            yield "skip", "numeric - analytic is dy itself: a forgotten SKIP connection?"
        elif whole:
            yield "extra-dy", "analytic - numeric is dy itself: one dy TOO MANY"
        else:
            if words == "1":
                yield "offset", f"analytic - numeric is {-c:.4g} {view.everywhere}: a CONSTANT too many, or missing"
                return
            found = f"analytic - numeric is {-c:.4g} times {words} {view.everywhere}"
            yield "extra-term", f"{found}: a TERM missing, or one too many"
        return


def _terms(view: SideBySide, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """What a forgotten or superfluous term may be made of, in the shape of the gradient."""
    dys = []
    for dy in view.loss.dys:
        if dy.shape == shape:
            dys.append(dy)
        elif dy.ndim < len(shape) and dy.shape == shape[: dy.ndim]:
            dys.append(np.broadcast_to(dy.reshape(dy.shape + (1,) * (len(shape) - dy.ndim)), shape))
    named = zip(view.first_run.case.op.args, view.loss.inputs, strict=True)
    inputs = [(name, np.asarray(x, dtype=np.float64)) for name, x in named if x.shape == shape]
    yield from (("dy", dy) for dy in dys)
    yield "1", np.ones(shape)
    yield from inputs
    yield from ((f"dy * {name}", dy * x) for dy in dys for name, x in inputs)
    grads = zip(view.first_run.case.op.differentiable, view.first_run.grads, strict=True)
    others = [(name, g) for name, g in grads if name != view.name and g is not None and g.shape == shape]
    yield from ((f"d/d{name}", g.astype(np.float64)) for name, g in others)
