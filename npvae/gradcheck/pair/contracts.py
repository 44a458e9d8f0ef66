"""Checks 1 to 3: what no comparison of numbers can see. Contract, determinism, isolation."""

from __future__ import annotations

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import FAIL, WARNING
from npvae.gradcheck.pair.calls import Broken, Pair, Refused
from npvae.gradcheck.pair.first_run import Arrays, FirstRun

__all__ = ["check_determinism", "check_isolation", "run"]


def run(pair: Pair, case: Case, dys: Arrays | None = None, *, strict: bool = False) -> FirstRun:
    """Run the pair once and check the contract. Raises Broken where nothing further can be checked.

    strict  a gradient of another dtype than its argument fails; it is worth a line otherwise, and does for a pure op
    """
    inputs = [np.array(x) for x in case.inputs]
    result = pair.forward(case.inputs)
    first_run = FirstRun(pair, case, result, case.cotangents(result.outputs) if dys is None else dys)
    given = first_run.fresh_dys()
    first_run.returned = pair.backward(result.in_form_of_y(given), result.cache)
    first_run.grads = [None if grad is None else np.array(grad) for grad in first_run.returned]
    for name, x, before in zip(case.op.args, case.inputs, inputs, strict=True):
        if x.tobytes() != before.tobytes():
            first_run.add_finding(
                "contract", "mutates-input", f"the pair changed its input {name} in place; work on a copy", name
            )
            x[...] = before
    for dy, before in zip(given, first_run.dys, strict=True):
        if dy.tobytes() != before.tobytes():
            first_run.add_finding("contract", "mutates-dy", "the backward changed dy in place; work on a copy")
    for y, before in zip(result.outputs, first_run.outputs, strict=True):
        if y.tobytes() != before.tobytes():
            first_run.add_finding(
                "contract", "mutates-output", "the backward changed the forward's output y in place; work on a copy"
            )
    _check_form(first_run, FAIL if strict or case.op.pure else WARNING)
    _check_aliases(first_run, given)
    return first_run


def _check_form(first_run: FirstRun, dtype_verdict: str) -> None:
    finite = all(np.all(np.isfinite(y)) for y in first_run.result.outputs)
    inputs = dict(zip(first_run.case.op.args, first_run.case.inputs, strict=True))
    everything = all(grad is None for grad in first_run.grads)
    for name, grad in zip(first_run.case.op.differentiable, first_run.grads, strict=True):
        x = inputs[name]
        if grad is None:
            first_run.add_finding(
                "contract", "gradient-missing",
                ("every gradient is None: is a `return` forgotten in the backward?" if everything else
                 f"the gradient is None: return an array, or declare {name} to have none: "
                 "Arg(..., differentiable=False)"), name,
            )  # fmt: skip
        elif grad.shape != x.shape:
            first_run.add_finding(
                "contract",
                "gradient-shape",
                f"the gradient has shape {grad.shape}, {name} has {x.shape}" + _mend_of_shape(grad.shape, x.shape),
                name,
            )
        elif grad.dtype != x.dtype:
            words = _words_of_dtype(first_run, name, grad.dtype, x.dtype)
            first_run.add_finding("contract", "gradient-dtype", words, name, dtype_verdict)
            if finite and not np.all(np.isfinite(grad)):
                _add_nonfinite(first_run, name, x, grad)
        elif finite and not np.all(np.isfinite(grad)):
            _add_nonfinite(first_run, name, x, grad)


def _words_of_dtype(first_run: FirstRun, name: str, found: np.dtype, wanted: np.dtype) -> str:
    """What happened: the forward mixed dtypes or left its own, or the backward did."""
    words = f"the gradient is {found}, {name} is {wanted}"
    named = zip(first_run.case.op.args, first_run.case.inputs, strict=True)
    others = [other for other, x in named if x.dtype == found and other != name]
    if others:
        return f"{words}, {others[0]} is {found} too: the pair mixes the two"
    if all(y.dtype == found for y in first_run.outputs):
        return f"{words}, y is {found} already, and so is dy: does the forward compute in {found} whatever it is given?"
    if found.itemsize > wanted.itemsize:
        given = ", ".join(dict.fromkeys(y.dtype.name for y in first_run.outputs))
        return f"{words}, y is {given}: does the backward use an array or a NumPy number in {found}?"
    return f"{words}: digits are cut off in the backward"


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


def _add_nonfinite(first_run: FirstRun, name: str, x: np.ndarray, grad: np.ndarray) -> None:
    """An infinite gradient is right where the slope grows without bound (a square root at zero), else wrong."""
    op = first_run.case.op
    k = tuple(op.args).index(name)
    for place in np.argwhere(~np.isfinite(grad))[: t.INFINITE_ENTRIES]:
        where = tuple(int(i) for i in place)
        there = f"{grad[where]} at {list(where)} where {name} = {x[where]:.6g}"
        if _slope_unbounded(first_run, k, where):
            first_run.add_finding(
                "contract", "slope-infinite", f"the gradient is {there}, and so is the slope", name, WARNING
            )
        else:
            first_run.add_finding(
                "contract", "gradient-nonfinite", f"the forward is finite, the gradient is {there}", name
            )
            return


def _slope_unbounded(first_run: FirstRun, k: int, where: tuple[int, ...]) -> bool:
    """Whether the quotients of y grow and grow as the step shrinks by thousands."""
    inputs = [np.array(x, dtype=np.float64) if x.dtype.kind == "f" else x for x in first_run.case.inputs]
    centre = float(inputs[k][where])
    for side in (1.0, -1.0):
        steepness = []
        for step in t.INFINITE_SLOPE_STEPS:
            inputs[k][where] = centre + side * step * max(1.0, abs(centre))
            try:
                there = first_run.pair.forward(inputs).outputs
            except (Broken, Refused):
                break
            with np.errstate(all="ignore"):
                rises = [np.abs(a - b) for a, b in zip(there, first_run.result.outputs, strict=True)]
            steepness.append(max(float(np.max(rise, initial=0.0)) for rise in rises) / step)
        rising = np.diff(steepness)
        if (
            len(steepness) == len(t.INFINITE_SLOPE_STEPS)
            and np.all(np.isfinite(steepness))
            and np.all(rising > 0)
            and rising[-1] > t.INFINITE_SLOPE_GROWTH * rising[0]
        ):
            return True
    return False


def _check_aliases(first_run: FirstRun, given: Arrays) -> None:
    """Shared memory: an error where the op is declared pure, else a warning. What does harm fails other checks."""
    case = first_run.case
    verdict = FAIL if case.op.pure else WARNING

    def shared(code: str, words: str, name: str | None) -> None:
        first_run.add_finding("contract", code, words, name, verdict)

    grads = [(n, g) for n, g in zip(case.op.differentiable, first_run.returned, strict=True) if g is not None]
    inputs = list(zip(case.op.args, case.inputs, strict=True))
    for i, (name, grad) in enumerate(grads):
        if any(_shared(grad, dy) for dy in given):
            shared("alias-dy", f"d{name} shares memory with dy: return a copy", name)
        for other, x in inputs:
            if _shared(grad, x):
                shared("alias-input", f"d{name} shares memory with the input {other}: return a copy", name)
        for other, later in grads[i + 1 :]:
            if _shared(grad, later):
                shared("alias-gradient", f"d{name} and d{other} share memory: return a copy of one", name)
        if any(_shared(grad, y) for y in first_run.result.outputs):
            shared("alias-output", f"d{name} shares memory with y: return a copy", name)
    for other, x in inputs:
        if any(_shared(y, x) for y in first_run.result.outputs):
            shared("alias-input", f"y shares memory with the input {other}: return a copy", None)


def _shared(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    if a.flags.c_contiguous and b.flags.c_contiguous:
        return True  # two solid blocks that overlap
    return bool(np.shares_memory(a, b))


def check_determinism(first_run: FirstRun) -> None:
    """Check 2: the same forward and the same backward again, bitwise equal, and the first gradients untouched."""
    repeated = first_run.pair.forward(first_run.case.inputs).outputs
    if not all(_same(a, b, False) for a, b in zip(first_run.outputs, repeated, strict=True)):
        first_run.add_finding(
            "determinism", "forward-changes",
            "the same forward, run twice, gives two different y; if it draws noise of its own, declare seeded=True",
        )  # fmt: skip
        return
    again = first_run.backward()
    for name in first_run.overwritten():
        first_run.add_finding(
            "determinism", "gradient-overwritten",
            f"a second backward changed the d{name} of the first: its memory is used again; return a new array", name,
        )  # fmt: skip
    changed = [row for row in first_run.beside(again) if not _same(row[1], row[2], first_run.case.op.pure)]
    third = {name: grad for name, _, grad in first_run.beside(first_run.backward())} if changed else {}
    for name, first, second in changed:
        if _adds_up(first, second, third[name]):
            first_run.add_finding(
                "determinism", "accumulates",
                f"each backward adds to the d{name} of the one before: gradients ACCUMULATE; return a new array", name,
            )  # fmt: skip
        else:
            first_run.add_finding(
                "determinism", "changes-on-repeat",
                f"the same backward, run twice, gives two different d{name}: it keeps state or changes its cache", name,
            )  # fmt: skip


def _adds_up(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> bool:
    """Whether every call gave as much more as the one before."""
    if not first.shape == second.shape == third.shape:
        return False
    rise, again = second.astype(np.float64) - first, third.astype(np.float64) - second
    return bool(
        np.any(rise)
        and np.allclose(again, rise, rtol=t.ACCUMULATES_RTOL, atol=t.ACCUMULATES_ATOL * float(np.max(np.abs(rise))))
    )


def check_isolation(first_run: FirstRun, other: Case) -> None:
    """Check 3: another forward and backward in between changes no earlier output, cache or gradient.

    Nothing is said where the other forward raises away from ordinary values: it is not defined there.
    """
    kept = [y.tobytes() for y in first_run.result.outputs]
    try:
        between = first_run.pair.forward(other.inputs)
    except Broken as broken:
        if broken.code == "forward-raises" and other.regime != "generic":
            return
        raise
    first_run.pair.backward(between.in_form_of_y(other.cotangents(between.outputs, "between")), between.cache)
    if [y.tobytes() for y in first_run.result.outputs] != kept:
        first_run.add_finding(
            "isolation",
            "output-overwritten",
            "another forward changed an earlier output y: a reused buffer; return a new array",
        )
    for name in first_run.overwritten():
        first_run.add_finding(
            "isolation", "gradient-overwritten",
            f"another backward changed an earlier d{name}: its memory is used again; return a new array", name,
        )  # fmt: skip
    for name, first, second in first_run.beside(first_run.backward()):
        if not _same(first, second, first_run.case.op.pure):
            first_run.add_finding(
                "isolation", "cache-overwritten",
                f"after another forward the same dy and cache give another d{name}: the calls share state", name,
            )  # fmt: skip


def _same(first: np.ndarray, second: np.ndarray, strictly: bool) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.tobytes() == second.tobytes():
        return True
    if strictly or first.dtype.kind != "f":
        return bool(np.array_equal(first, second, equal_nan=True))  # -0.0 for 0.0, or NaN with another payload
    room = t.REPEAT_ULPS * np.finfo(first.dtype).eps * float(np.max(np.abs(first), initial=0.0))
    return bool(np.allclose(first, second, rtol=0.0, atol=room, equal_nan=True))
