"""Checks 1 to 3: what no comparison of numbers can see. Contract, determinism, isolation."""

from __future__ import annotations

import numpy as np

from npvae.gradcheck.analytic import Analytic, Arrays
from npvae.gradcheck.calls import Broken, Pair, Refused
from npvae.gradcheck.drawing import Case
from npvae.gradcheck.report import FAIL, WARNING

__all__ = ["check_determinism", "check_isolation", "run"]


def run(pair: Pair, case: Case, dys: Arrays | None = None) -> Analytic:
    """Run the pair once and check the contract. Raises Broken where nothing further can be checked."""
    inputs = [np.array(x) for x in case.inputs]
    passed = pair.forward(case.inputs)
    analytic = Analytic(pair, case, passed, case.cotangents(passed.outputs) if dys is None else dys)
    given = analytic.fresh_dys()
    analytic.returned = pair.backward(passed.in_form_of_y(given), passed.cache)
    analytic.grads = [None if grad is None else np.array(grad) for grad in analytic.returned]
    for name, x, before in zip(case.op.args, case.inputs, inputs, strict=True):
        if x.tobytes() != before.tobytes():
            analytic.hold(
                "contract", "mutates-input", f"the pair changed its input {name} in place; work on a copy", name
            )
            x[...] = before
    for dy, before in zip(given, analytic.dys, strict=True):
        if dy.tobytes() != before.tobytes():
            analytic.hold("contract", "mutates-dy", "the backward changed dy in place; work on a copy")
    for y, before in zip(passed.outputs, analytic.outputs, strict=True):
        if y.tobytes() != before.tobytes():
            analytic.hold(
                "contract", "mutates-output", "the backward changed the forward's output y in place; work on a copy"
            )
    _check_form(analytic)
    _check_aliases(analytic, given)
    return analytic


def _check_form(analytic: Analytic) -> None:
    finite = all(np.all(np.isfinite(y)) for y in analytic.passed.outputs)
    inputs = dict(zip(analytic.case.op.args, analytic.case.inputs, strict=True))
    for name, grad in zip(analytic.case.op.differentiable, analytic.grads, strict=True):
        x = inputs[name]
        if grad is None:
            analytic.hold(
                "contract", "gradient-missing",
                f"the gradient is None; if {name} has no gradient, declare it: Arg(..., differentiable=False)", name,
            )  # fmt: skip
        elif grad.shape != x.shape:
            analytic.hold(
                "contract",
                "gradient-shape",
                f"the gradient has shape {grad.shape}, {name} has {x.shape}" + _mend_of_shape(grad.shape, x.shape),
                name,
            )
        elif grad.dtype != x.dtype:
            words = f"the gradient is {grad.dtype}, {name} is {x.dtype}"
            if grad.dtype.itemsize > x.dtype.itemsize:
                words += f": an array or a NumPy number in {grad.dtype} inside?"
            elif all(y.dtype == grad.dtype for y in analytic.outputs):
                words += f", y is {grad.dtype} too: does the pair compute in {grad.dtype} whatever it is given?"
            analytic.hold("contract", "gradient-dtype", words, name)
        elif finite and not np.all(np.isfinite(grad)):
            _hold_nonfinite(analytic, name, x, grad)


def _mend_of_shape(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """What would make one shape of the other, if it is a plain thing; "" otherwise."""
    more = len(found) - len(wanted)
    if found.count(1) > wanted.count(1) and [n for n in found if n != 1] == [n for n in wanted if n != 1]:
        return ": an axis of size 1 too many, keepdims=True?"
    if more > 0 and found[more:] == wanted:
        return f": sum over the first {'axis' if more == 1 else f'{more} axes'}"
    if sorted(found) == sorted(wanted) and len(wanted) > 1:
        return ": transposed?"
    return ""


def _hold_nonfinite(analytic: Analytic, name: str, x: np.ndarray, grad: np.ndarray) -> None:
    """An infinite gradient is right where the slope grows without bound (a square root at zero), else wrong."""
    op = analytic.case.op
    k = tuple(op.args).index(name)
    for place in np.argwhere(~np.isfinite(grad))[:4]:
        where = tuple(int(i) for i in place)
        there = f"{grad[where]} at {list(where)} where {name} = {x[where]:.6g}"
        if _slope_unbounded(analytic, k, where):
            analytic.hold(
                "contract", "slope-infinite", f"the slope is infinite there: the gradient is {there}", name, WARNING
            )
        else:
            analytic.hold("contract", "gradient-nonfinite", f"the forward is finite, the gradient is {there}", name)
            return


def _slope_unbounded(analytic: Analytic, k: int, where: tuple[int, ...]) -> bool:
    """Whether the quotients of y grow and grow as the step shrinks by thousands."""
    inputs = [np.array(x, dtype=np.float64) if x.dtype.kind == "f" else x for x in analytic.case.inputs]
    centre = float(inputs[k][where])
    for side in (1.0, -1.0):
        steepness = []
        for step in (1e-4, 1e-7, 1e-10, 1e-13):
            inputs[k][where] = centre + side * step * max(1.0, abs(centre))
            try:
                there = analytic.pair.forward(inputs).outputs
            except (Broken, Refused):
                break
            with np.errstate(all="ignore"):
                rises = [np.abs(a - b) for a, b in zip(there, analytic.passed.outputs, strict=True)]
            steepness.append(max(float(np.max(rise, initial=0.0)) for rise in rises) / step)
        rising = np.diff(steepness)
        if (
            len(steepness) == 4
            and np.all(np.isfinite(steepness))
            and np.all(rising > 0)
            and rising[2] > 0.5 * rising[0]
        ):
            return True
    return False


def _check_aliases(analytic: Analytic, given: Arrays) -> None:
    """Shared memory: an error where the op is declared pure, else a warning. What does harm fails other checks."""
    case = analytic.case
    verdict = FAIL if case.op.pure else WARNING
    grads = [(n, g) for n, g in zip(case.op.differentiable, analytic.returned, strict=True) if g is not None]
    inputs = list(zip(case.op.args, case.inputs, strict=True))
    for i, (name, grad) in enumerate(grads):
        if any(_shared(grad, dy) for dy in given):
            analytic.hold("contract", "alias-dy", f"d{name} shares memory with dy: return a copy", name, verdict)
        for other, x in inputs:
            if _shared(grad, x):
                analytic.hold(
                    "contract",
                    "alias-input",
                    f"d{name} shares memory with the input {other}: return a copy",
                    name,
                    verdict,
                )
        for other, later in grads[i + 1 :]:
            if _shared(grad, later):
                analytic.hold(
                    "contract",
                    "alias-gradient",
                    f"d{name} and d{other} share memory: return an array each",
                    name,
                    verdict,
                )
        if any(_shared(grad, y) for y in analytic.passed.outputs):
            analytic.hold("contract", "alias-output", f"d{name} shares memory with y: return a copy", name, verdict)
    for other, x in inputs:
        if any(_shared(y, x) for y in analytic.passed.outputs):
            analytic.hold(
                "contract", "alias-input", f"y shares memory with the input {other}: return a copy", None, verdict
            )


def _shared(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    if a.flags.c_contiguous and b.flags.c_contiguous:
        return True  # two solid blocks that overlap
    return bool(np.shares_memory(a, b))


def check_determinism(analytic: Analytic) -> None:
    """Check 2: the same forward and the same backward again, bitwise equal, and the first gradients untouched."""
    repeated = analytic.pair.forward(analytic.case.inputs).outputs
    if not all(_same(a, b, False) for a, b in zip(analytic.outputs, repeated, strict=True)):
        analytic.hold(
            "determinism", "forward-changes",
            "the same forward twice gives another y; if it draws noise of its own, declare seeded=True",
        )  # fmt: skip
        return
    again = analytic.backward()
    for name in analytic.overwritten():
        analytic.hold(
            "determinism", "gradient-overwritten",
            f"a second backward changed the d{name} of the first: its memory is used again; return a new array", name,
        )  # fmt: skip
    changed = [row for row in analytic.beside(again) if not _same(row[1], row[2], analytic.case.op.pure)]
    third = {name: grad for name, _, grad in analytic.beside(analytic.backward())} if changed else {}
    for name, first, second in changed:
        if _adds_up(first, second, third[name]):
            analytic.hold(
                "determinism", "accumulates",
                f"each backward adds to the d{name} before it: gradients ACCUMULATE", name,
            )  # fmt: skip
        else:
            analytic.hold(
                "determinism", "changes-on-repeat",
                f"the same backward twice gives another d{name}: state is kept, or the cache was consumed", name,
            )  # fmt: skip


def _adds_up(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> bool:
    """Whether every call gave as much more as the one before."""
    if not first.shape == second.shape == third.shape:
        return False
    rise, again = second.astype(np.float64) - first, third.astype(np.float64) - second
    return bool(np.any(rise) and np.allclose(again, rise, rtol=1e-4, atol=1e-6 * float(np.max(np.abs(rise)))))


def check_isolation(analytic: Analytic, other: Case) -> None:
    """Check 3: another forward and backward in between changes no earlier output, cache or gradient."""
    kept = [y.tobytes() for y in analytic.passed.outputs]
    between = analytic.pair.forward(other.inputs)
    analytic.pair.backward(between.in_form_of_y(other.cotangents(between.outputs, "between")), between.cache)
    if [y.tobytes() for y in analytic.passed.outputs] != kept:
        analytic.hold(
            "isolation",
            "output-overwritten",
            "another forward changed an earlier output y: a reused buffer; return a new array",
        )
    for name in analytic.overwritten():
        analytic.hold(
            "isolation", "gradient-overwritten",
            f"another backward changed an earlier d{name}: its memory is used again; return a new array", name,
        )  # fmt: skip
    for name, first, second in analytic.beside(analytic.backward()):
        if not _same(first, second, analytic.case.op.pure):
            analytic.hold(
                "isolation", "cache-overwritten",
                f"after another forward the earlier cache gives another d{name}: state is shared between calls", name,
            )  # fmt: skip


def _same(first: np.ndarray, second: np.ndarray, strictly: bool) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.tobytes() == second.tobytes():
        return True
    if strictly or first.dtype.kind != "f":
        return bool(np.array_equal(first, second, equal_nan=True))  # -0.0 for 0.0, or NaN with another payload
    room = 4.0 * np.finfo(first.dtype).eps * float(np.max(np.abs(first), initial=0.0))
    return bool(np.allclose(first, second, rtol=0.0, atol=room, equal_nan=True))
