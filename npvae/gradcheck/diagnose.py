"""What a wrong gradient looks like: the name of the mistake, from the two gradients and a few experiments.

A diagnosis is a code and a few words. Patterns are read from the analytic gradient beside the numeric one; what no
pattern explains is tried again in float64, in C layout, with a small dy: what mends it names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from npvae.gradcheck.calls import Broken, Pair, Refused
from npvae.gradcheck.contracts import Analytic
from npvae.gradcheck.differences import central_slope
from npvae.gradcheck.numeric import Comparison, Tolerance
from npvae.gradcheck.reference import Reference, numeric_gradient

__all__ = ["diagnose"]

Diagnosis = tuple[str, str]


def diagnose(
    pair: Pair,
    analytic: Analytic,
    reference: Reference,
    k: int,
    compared: Comparison,
    failed: Sequence[int],
    tolerance: Tolerance,
) -> tuple[tuple[str, ...], str]:
    """Codes and words for the gradient of argument k, whose entries `failed` are wrong. Empty if nothing fits."""
    name = tuple(analytic.case.op.args)[k]
    grad = analytic.grads[analytic.case.op.differentiable.index(name)]
    assert grad is not None, "only gradients that were compared come here"
    numeric = _all_slopes(reference, k, grad, compared)
    wrong = np.zeros(grad.size, dtype=bool)
    wrong[list(failed)] = True
    view = _View(analytic, reference, k, name, grad.astype(np.float64), numeric, wrong, tolerance)
    found: list[Diagnosis] = []
    try:
        for pattern in (_by_experiment, _by_pattern, _by_place, _by_digits):
            found = list(pattern(view, pair))
            if found:
                break
    except (Broken, Refused):
        pass
    return tuple(code for code, _ in found), "; ".join(words for _, words in found)


class _View:
    """The two gradients side by side, with what is near."""

    def __init__(
        self,
        analytic: Analytic,
        reference: Reference,
        k: int,
        name: str,
        grad: np.ndarray,
        numeric: np.ndarray,
        wrong: np.ndarray,
        tolerance: Tolerance,
    ) -> None:
        self.analytic, self.reference, self.k, self.name = analytic, reference, k, name
        self.grad, self.numeric, self.wrong, self.tolerance = grad, numeric.reshape(grad.shape), wrong, tolerance
        self.seen = np.isfinite(self.numeric) & np.isfinite(grad)
        self.precision = 2e-4 if analytic.case.dtype == np.float32 or reference.low else 1e-6

    def alike(self, found: np.ndarray, expected: np.ndarray) -> bool:
        """Whether two arrays agree where both gradients are known, to the precision of the case."""
        if found.shape != expected.shape or not np.any(self.seen):
            return False
        a, b = found[self.seen], expected[self.seen]
        return bool(np.max(np.abs(a - b)) <= self.precision * np.max(np.abs(b)) + self.tolerance.atol)

    def mends(self, found: np.ndarray) -> bool:
        """Whether hardly anything of the mistake is left in another analytic gradient."""
        if found.shape != self.grad.shape:
            return False
        mistake = float(np.max(np.abs(self.grad - self.numeric)[self.seen]))
        return bool(np.max(np.abs(found - self.numeric)[self.seen]) <= 0.02 * mistake)


def _all_slopes(reference: Reference, k: int, grad: np.ndarray, compared: Comparison) -> np.ndarray:
    """Numeric slopes of every entry if there are few, else of a couple of dozen beside the ones known."""
    numeric = compared.numeric.copy()
    missing = np.flatnonzero(~np.isfinite(numeric))
    if missing.size > 24:
        missing = reference.case.rng("diagnosis").choice(missing, 24, replace=False)
    for i in missing:
        step = reference.entry_step(k, int(i))
        if step > 0:
            claim = float(grad.flat[i])
            slope = central_slope(reference.along_entry(k, int(i)), claim=claim, rtol=1e-7, step=step, levels=6)
            if slope.agrees or slope.error <= 1e-4 * abs(slope.value):
                numeric[i] = slope.value
    return numeric


def _by_pattern(view: _View, pair: Pair) -> Iterator[Diagnosis]:
    """The whole gradient against the whole numeric one."""
    grad, numeric, seen = view.grad, view.numeric, view.seen
    weight = float(np.sum(numeric[seen] ** 2))
    if weight > 0 and not np.any(grad[seen]):
        yield "zero", "the analytic gradient is ZERO everywhere"
        return
    if weight > 0 and (np.sum(seen) > 1 or grad.size == 1):
        ratio = float(np.sum(grad[seen] * numeric[seen])) / weight
        rest = float(np.max(np.abs(grad - ratio * numeric)[seen]))
        # A constant ratio explains the mistake only if little of the mistake remains once it is taken out.
        if rest <= 0.02 * float(np.max(np.abs(grad - numeric)[seen])) and view.alike(grad, ratio * numeric):
            yield _factor(ratio, view)
            return
    other = _transposed(grad)
    if grad.ndim == 2 and min(grad.shape) > 1 and view.alike(other, numeric):
        yield "transposed", "the analytic gradient is the numeric one TRANSPOSED"
        return
    yield from _other_argument(view, pair) or _difference(view)


def _other_argument(view: _View, pair: Pair) -> list[Diagnosis]:
    """The gradient of another argument of the same shape, in the wrong place."""
    case, grad = view.analytic.case, view.grad
    for name, theirs in zip(case.op.differentiable, view.analytic.grads, strict=True):
        if name == view.name or theirs is None or theirs.shape != grad.shape:
            continue
        if np.array_equal(theirs, grad):
            return [("other-argument", f"it is the same as d/d{name}: is one returned in the place of the other?")]
        if view.alike(theirs.astype(np.float64), view.numeric):
            return [("other-argument", f"the numeric slope is what is returned for {name}: are they SWAPPED?")]
        if grad.size <= 64:
            slopes = numeric_gradient(pair, case, view.analytic.dys, tuple(case.op.args).index(name))
            if view.alike(grad, slopes):
                return [("other-argument", f"it is the gradient of {name}: are d/d{view.name} and d/d{name} SWAPPED?")]
    return []


def _factor(ratio: float, view: _View) -> Diagnosis:
    shown = f"1 {ratio - 1.0:+.2g}" if abs(ratio - 1.0) < 1e-3 else f"{ratio:.6g}"
    words = f"analytic / numeric is {shown} everywhere"
    if abs(ratio + 1.0) < view.precision:
        return "sign", "analytic / numeric is -1 everywhere: looks like a SIGN error"
    for symbol, size in view.analytic.case.sizes.items():
        if size > 2 and abs(ratio - size) < view.precision * size:
            return (
                "factor-of-size",
                f"analytic / numeric is {size} = {symbol} everywhere: is a MEAN over {symbol} missing?",
            )
        if size > 2 and abs(ratio * size - 1.0) < view.precision:
            return (
                "factor-of-size",
                f"analytic / numeric is 1/{size} = 1/{symbol} everywhere: is there a MEAN over {symbol} too many?",
            )
    for value, text in ((2.0, "2"), (0.5, "1/2"), (-2.0, "-2"), (-0.5, "-1/2")):
        if abs(ratio - value) < view.precision * abs(value):
            return "factor", f"analytic / numeric is {text} everywhere: looks like a FACTOR of {text}"
    return "factor", f"{words}: a wrong constant FACTOR"


def _transposed(grad: np.ndarray) -> np.ndarray:
    """The gradient read in the other order of its axes, in the shape that it has."""
    return (
        np.ascontiguousarray(grad.T).reshape(grad.shape)
        if grad.shape[0] == grad.shape[-1]
        else grad.reshape(grad.shape[::-1]).T
    )


def _difference(view: _View) -> Iterator[Diagnosis]:
    """What is there too much or too little: a multiple of dy, of an argument, of their product, of one."""
    lacking = view.numeric - view.grad
    if np.sum(view.seen) < 3:
        return
    for words, term in _terms(view, lacking.shape):
        weight = float(np.sum(term[view.seen] ** 2))
        c = float(np.sum(lacking[view.seen] * term[view.seen])) / weight if weight > 0 else 0.0
        rest = np.max(np.abs(lacking - c * term)[view.seen])
        if c == 0.0 or rest > 0.02 * np.max(np.abs(lacking[view.seen])):
            continue
        if words == "dy" and abs(c - 1.0) < 1e-3:
            yield "skip", "numeric - analytic is dy itself: a forgotten SKIP connection?"
        elif words == "dy" and abs(c + 1.0) < 1e-3:
            yield "extra-dy", "analytic - numeric is dy itself: one dy TOO MANY"
        else:
            code = "offset" if words == "1" else "extra-term"
            yield code, f"analytic - numeric is {-c:.4g} times {words} everywhere: a TERM missing, or one too many"
        return


def _terms(view: _View, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """What a forgotten or superfluous term may be made of, in the shape of the gradient."""
    dys = []
    for dy in view.reference.dys:
        if dy.shape == shape:
            dys.append(dy)
        elif dy.ndim < len(shape) and dy.shape == shape[: dy.ndim]:
            dys.append(np.broadcast_to(dy.reshape(dy.shape + (1,) * (len(shape) - dy.ndim)), shape))
    named = zip(view.analytic.case.op.args, view.reference.inputs, strict=True)
    inputs = [(name, np.asarray(x, dtype=np.float64)) for name, x in named if x.shape == shape]
    yield from (("dy", dy) for dy in dys)
    yield from inputs
    yield from ((f"dy * {name}", dy * x) for dy in dys for name, x in inputs)
    yield "1", np.ones(shape)


def _by_place(view: _View, pair: Pair) -> Iterator[Diagnosis]:
    """Where the wrong entries are: in the last rows, in one row or column, on a kink, beyond a threshold."""
    wrong = view.wrong.reshape(view.grad.shape)
    good = view.seen & ~wrong
    x = np.asarray(view.reference.inputs[view.k], dtype=np.float64)
    on_kink = view.reference.reach(view.k) == 0.0
    if view.reference.args[view.k].kinks and np.all(on_kink[wrong]):
        points = sorted({float(v) + 0.0 for v in np.round(x[wrong], 12)})[:3]  # + 0.0 makes -0 into 0
        yield "kink-only", f"only exactly AT THE KINK, {view.name} = {', '.join(f'{p:g}' for p in points)}"
        return
    if not np.any(good):
        return
    blank = (view.grad == 0) & (np.abs(np.nan_to_num(view.numeric)) == 0)  # right by chance, whatever the mistake
    for axis in range(wrong.ndim):
        size = int(wrong.shape[axis])
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        rows = np.flatnonzero(np.any(wrong, axis=others))
        inside = (wrong | blank).take(rows, axis=axis)
        whole = bool(np.all(inside)) and 2 * int(np.sum(wrong)) > inside.size > 1 and 0 < rows.size < size
        what = ("row", "column")[axis] if axis < 2 else f"slice of axis {axis}"
        if whole and rows[-1] == size - 1 and rows.size == size - rows[0]:
            zeros = not np.any(view.grad[wrong])
            where = f"the LAST {what}{'s' * (rows.size > 1)}, from {rows[0]} of {size}"
            yield "tail", f"zeros in {where}: is a tail forgotten?" if zeros else f"only in {where}"
            return
        if whole and rows.size == 1 and size > 2:
            yield "one-row", f"only in {what} {rows[0]}"
            return
    threshold = _threshold(view, pair, wrong, good, x)
    if threshold:
        yield "threshold", threshold
    elif int(np.sum(wrong)) == 1 and view.grad.size > 2:
        yield "one-entry", "every other entry is right: ONE ENTRY is wrong"


def _threshold(view: _View, pair: Pair, wrong: np.ndarray, good: np.ndarray, x: np.ndarray) -> str:
    """A value of the entry beyond which the gradient is wrong, narrowed by moving one wrong entry; "" if none."""
    for words, values in ((view.name, x), (f"|{view.name}|", np.abs(x))):
        bad, fine = values[wrong], values[good]
        if bad.size < 2 or fine.size < 2:
            continue
        if np.min(bad) > np.max(fine):
            sign, i, edge = ">", int(np.flatnonzero(wrong)[np.argmin(bad)]), float(np.max(fine))
        elif np.max(bad) < np.min(fine):
            sign, i, edge = "<", int(np.flatnonzero(wrong)[np.argmax(bad)]), float(np.min(fine))
        else:
            continue
        outer, inner = float(x.flat[i]), math.copysign(edge, x.flat[i]) if words[0] == "|" else edge
        benign = float(x.flat[int(np.flatnonzero(good)[0])])
        for _ in range(16):
            middle = 0.5 * (outer + inner)
            if _wrong_at(view, pair, i, middle, benign):
                outer = middle
            else:
                inner = middle
        last = abs(inner) if words[0] == "|" else inner
        last = 0.0 if abs(last) < 1e-3 else last
        return f"only where {words} {sign} {last:.4g}: a CLIP, or the wrong side of a branch"
    return ""


def _wrong_at(view: _View, pair: Pair, i: int, value: float, benign: float) -> bool:
    """Whether entry i would be wrong if it had this value, and the other wrong entries a harmless one."""
    case, reference, k = view.analytic.case, view.reference, view.k
    inputs = [np.array(x) for x in case.inputs]
    inputs[k].flat[view.wrong] = benign
    inputs[k].flat[i] = value
    kept = reference.inputs[k].copy()
    reference.inputs[k][...] = inputs[k]
    try:
        passed = pair.forward(inputs)
        grads = pair.backward(passed.in_form_of_y(view.analytic.fresh_dys()), passed.cache)
        grad = grads[case.op.differentiable.index(view.name)]
        if grad is None:
            return True
        step = 2e-4 * max(1.0, abs(value))
        claim = float(grad.flat[i])
        return not central_slope(
            reference.along_entry(k, i), claim=claim, rtol=1e-3, atol=view.tolerance.atol, step=step, levels=4
        ).agrees
    finally:
        reference.inputs[k][...] = kept


def _by_experiment(view: _View, pair: Pair) -> Iterator[Diagnosis]:
    """What mends it: another dtype, another layout, a smaller dy."""
    case, analytic = view.analytic.case, view.analytic

    def again(inputs: Sequence[np.ndarray], change: Callable[[np.ndarray], np.ndarray], scale: float) -> bool:
        try:
            passed = pair.forward(inputs)
            dys = [change(np.asarray(dy)) for dy in analytic.dys]
            grads = pair.backward(passed.in_form_of_y(dys), passed.cache)
        except (Broken, Refused):
            return False
        grad = grads[case.op.differentiable.index(view.name)]
        return grad is not None and view.mends(np.asarray(grad, dtype=np.float64) * scale)

    if case.dtype == np.float32 and not view.reference.low:
        doubles = [np.asarray(x, dtype=np.float64) if x.dtype == np.float32 else x for x in case.inputs]
        if again(doubles, lambda dy: np.asarray(dy, dtype=np.float64), 1.0):
            yield "float32-only", "ONLY IN FLOAT32: in float64 the same gradient is right"
            return
    if case.layout != "C" and again(
        [np.array(x, order="C") for x in case.inputs], lambda dy: np.array(dy, order="C"), 1.0
    ):
        yield "layout-only", f"ONLY FOR {case.layout.upper()} arrays: with C-contiguous copies it is right"
        return
    tiny = 2.0**-10
    if again(case.inputs, lambda dy: np.asarray(dy * dy.dtype.type(tiny)), 1.0 / tiny):
        yield "size-of-dy", "for a dy a thousand times smaller it is right: is dy CLIPPED or normalised?"


def _by_digits(view: _View, pair: Pair) -> Iterator[Diagnosis]:
    """How many digits are right, where nothing else is known."""
    case = view.analytic.case
    with np.errstate(all="ignore"):
        relative = np.abs(view.grad - view.numeric)[view.seen] / np.abs(view.numeric)[view.seen]
    relative = relative[np.isfinite(relative)]
    worst = float(np.max(relative, initial=0.0))
    if case.dtype == np.float64 and 0.0 < worst < 3e-7:
        yield "float32-cast", "right to 7 digits only: something is computed in FLOAT32"
    elif 0.0 < worst < 1e-4:
        yield "few-digits", f"right to {int(-math.log10(worst))} digits only: a small constant, or digits CUT OFF?"
