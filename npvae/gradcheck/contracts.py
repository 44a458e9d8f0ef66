"""Checks 1 to 4: what no comparison of numbers can see. Contract, determinism, isolation, linearity in dy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npvae.gradcheck.calls import Broken, Pair, Passed
from npvae.gradcheck.report import FAIL, WARNING, Finding
from npvae.gradcheck.samples import Case

__all__ = ["Analytic", "check_determinism", "check_isolation", "check_linearity", "run"]

Grads = tuple[np.ndarray, ...]


class Analytic:
    """One forward and one backward of a case: outputs, cotangents, copies of the gradients, and what broke."""

    def __init__(self, case: Case, passed: Passed, dys: Grads, returned: Sequence[np.ndarray | None]) -> None:
        self.case, self.passed, self.dys, self.returned = case, passed, dys, returned
        self.dy = passed.in_form_of_y(dys)
        self.grads = [None if g is None else np.array(g) for g in returned]
        self.findings: list[Finding] = []

    def hold(self, check: str, code: str, message: str, arg: str | None = None, verdict: str = FAIL) -> None:
        """Note a finding."""
        case = self.case
        self.findings.append(Finding(check, code, verdict, message, case.label, case.dtype.name, arg))


def run(pair: Pair, case: Case, dys: Grads | None = None) -> Analytic:
    """Run the pair once and check the contract. Raises Broken where nothing further can be checked."""
    before = [x.tobytes() for x in case.inputs]
    passed = pair.forward(case.inputs)
    kept = [y.tobytes() for y in passed.outputs]
    if dys is None:
        dys = case.cotangents(passed.outputs)
    given = [dy.tobytes() for dy in dys]
    returned = pair.backward(passed.in_form_of_y(dys), passed.cache)
    analytic = Analytic(case, passed, dys, returned)
    for name, x, bytes_before in zip(case.op.args, case.inputs, before, strict=True):
        if x.tobytes() != bytes_before:
            analytic.hold("contract", "mutates-input", f"the pair changed its input {name} in place", name)
    for dy, bytes_before in zip(dys, given, strict=True):
        if dy.tobytes() != bytes_before:
            analytic.hold("contract", "mutates-dy", "the backward changed dy in place; work on a copy")
    for y, bytes_before in zip(passed.outputs, kept, strict=True):
        if y.tobytes() != bytes_before:
            analytic.hold("contract", "mutates-output", "the backward changed the forward's output y in place")
    _check_form(analytic, kept=all(np.all(np.isfinite(y)) for y in passed.outputs))
    _check_aliases(analytic)
    return analytic


def _check_form(analytic: Analytic, kept: bool) -> None:
    case = analytic.case
    inputs = dict(zip(case.op.args, case.inputs, strict=True))
    for name, grad in zip(case.op.differentiable, analytic.returned, strict=True):
        x = inputs[name]
        if grad is None:
            analytic.hold(
                "contract", "gradient-missing",
                f"the gradient is None; if {name} has no gradient, declare it: Arg(..., differentiable=False)", name,
            )  # fmt: skip
        elif grad.shape != x.shape:
            analytic.hold(
                "contract", "gradient-shape", f"the gradient has shape {grad.shape}, {name} has {x.shape}", name
            )
        elif grad.dtype != x.dtype:
            analytic.hold("contract", "gradient-dtype", f"the gradient is {grad.dtype}, {name} is {x.dtype}", name)
        elif kept and not np.all(np.isfinite(grad)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(grad))[0])
            analytic.hold(
                "contract", "gradient-nonfinite",
                f"the forward is finite, the gradient is {grad[where]} at {list(where)} "
                f"where {name} = {x[where]:.6g}", name,
            )  # fmt: skip


def _check_aliases(analytic: Analytic) -> None:
    case = analytic.case
    verdict = FAIL if case.op.pure else WARNING
    grads = [(n, g) for n, g in zip(case.op.differentiable, analytic.returned, strict=True) if g is not None]
    outputs = [("y", y) for y in analytic.passed.outputs]
    inputs = list(zip(case.op.args, case.inputs, strict=True))
    for i, (name, grad) in enumerate(grads):
        for dy in analytic.dys:
            if _shared(grad, dy):
                analytic.hold("contract", "alias-dy", f"d{name} shares memory with dy: return a copy", name, verdict)
        for other, x in inputs:
            if _shared(grad, x):
                analytic.hold("contract", "alias-input", f"d{name} shares memory with the input {other}", name, verdict)
        for other, later in grads[i + 1 :]:
            if _shared(grad, later):
                analytic.hold("contract", "alias-gradient", f"d{name} and d{other} share memory", name, verdict)
        for _, y in outputs:
            if _shared(grad, y):
                analytic.hold("contract", "alias-output", f"d{name} shares memory with y", name, verdict)
    for _, y in outputs:
        for other, x in inputs:
            if _shared(y, x):
                analytic.hold("contract", "alias-input", f"y shares memory with the input {other}", None, verdict)


def _shared(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    if a.flags.c_contiguous and b.flags.c_contiguous:
        return True  # two solid blocks that overlap
    return bool(np.shares_memory(a, b))


def check_determinism(pair: Pair, analytic: Analytic) -> None:
    """Check 2: the same backward again, bitwise equal, and the first gradients untouched."""
    again = pair.backward(analytic.dy, analytic.passed.cache)
    for name, first, now, second in _named(analytic, again):
        if now.tobytes() != first.tobytes():
            analytic.hold(
                "determinism", "gradient-overwritten",
                f"a second backward changed the d{name} of the first: the buffer is used again", name,
            )  # fmt: skip
        if _same(first, second, analytic.case.op.pure):
            continue
        if first.shape == second.shape and np.allclose(second, 2.0 * first, rtol=1e-6):
            analytic.hold(
                "determinism", "accumulates",
                f"the second backward gives exactly twice the first d{name}: gradients accumulate", name,
            )  # fmt: skip
        else:
            analytic.hold(
                "determinism", "changes-on-repeat",
                f"the same backward twice gives another d{name}: state is kept, or the cache was consumed", name,
            )  # fmt: skip


def check_isolation(pair: Pair, analytic: Analytic, other: Case) -> None:
    """Check 3: another forward and backward in between changes no earlier output, cache or gradient."""
    kept = [y.tobytes() for y in analytic.passed.outputs]
    between = pair.forward(other.inputs)
    pair.backward(between.in_form_of_y(other.cotangents(between.outputs, "between")), between.cache)
    if [y.tobytes() for y in analytic.passed.outputs] != kept:
        analytic.hold("isolation", "output-overwritten", "another forward changed an earlier output y")
    again = pair.backward(analytic.dy, analytic.passed.cache)
    for name, first, now, second in _named(analytic, again):
        if now.tobytes() != first.tobytes():
            analytic.hold(
                "isolation", "gradient-overwritten",
                f"another backward changed an earlier d{name}: the buffer is used again", name,
            )  # fmt: skip
        if not _same(first, second, analytic.case.op.pure):
            analytic.hold(
                "isolation", "cache-overwritten",
                f"after another forward the earlier cache gives another d{name}: state is shared between calls", name,
            )  # fmt: skip


def check_linearity(pair: Pair, analytic: Analytic) -> None:
    """Check 4: the backward is linear in dy, at |dy| of 1e3 and of 0.3, and gives zero for zero."""
    case, cache = analytic.case, analytic.passed.cache
    form = analytic.passed.in_form_of_y

    def backward(factor: float) -> Sequence[np.ndarray | None]:
        return pair.backward(form([np.asarray(dy * dy.dtype.type(factor)) for dy in analytic.dys]), cache)

    eps = float(np.finfo(case.dtype).eps)
    blamed = set()
    # Powers of two scale without rounding; 3 N(0, 1) becomes about 1e3 and about 0.3. The sign turns with the first.
    for factor in (-512.0, 0.125):
        for name, first, _, scaled in _named(analytic, backward(factor)):
            expected = factor * first.astype(np.float64)
            room = 64.0 * eps * float(np.max(np.abs(expected), initial=0.0)) + 1e3 * np.finfo(case.dtype).tiny
            if name not in blamed and not _within(expected, scaled, room, case.dtype):
                blamed.add(name)
                analytic.hold(
                    "linearity", "not-linear-in-dy",
                    f"dy times {factor:g} does not give d{name} times {factor:g}: d{name} depends on |dy|", name,
                )  # fmt: skip
    for name, _, _, zero in _named(analytic, backward(0.0)):
        if np.any(zero != 0):
            analytic.hold(
                "linearity", "not-zero-at-zero",
                f"for dy = 0 the backward gives d{name} = {np.max(np.abs(zero)):.3g} instead of 0", name,
            )  # fmt: skip
    fresh = case.cotangents(analytic.passed.outputs, "fresh")
    both = pair.backward(form([np.asarray(a + b) for a, b in zip(analytic.dys, fresh, strict=True)]), cache)
    alone = pair.backward(form(fresh), cache)
    others = {name: grad for name, _, _, grad in _named(analytic, alone)}
    for name, first, _, total in _named(analytic, both):
        other = others[name]
        if other.shape != first.shape or name in blamed:
            continue
        expected = first.astype(np.float64) + other
        size = np.max(np.abs(first), initial=0.0) + np.max(np.abs(other), initial=0.0)
        dy_size = max((float(np.max(np.abs(dy), initial=0.0)) for dy in (*analytic.dys, *fresh)), default=0.0)
        if not _within(expected, total, 64.0 * eps * float(size + dy_size), case.dtype):
            analytic.hold(
                "linearity", "not-linear-in-dy", f"d{name} for dy + dy' is not d{name} for dy plus that for dy'", name
            )


def _within(expected: np.ndarray, found: np.ndarray, room: float, dtype: np.dtype) -> bool:
    if found.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        fits = np.abs(expected) < 0.5 * np.finfo(dtype).max  # what overflows says nothing about linearity
        return bool(np.all(np.abs(found - expected)[fits] <= room))


def _named(
    analytic: Analytic, again: Sequence[np.ndarray | None]
) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(name, first gradient as copied, the same array as it is now, the gradient of the later call)."""
    names = analytic.case.op.differentiable
    rows = zip(names, analytic.grads, analytic.returned, again, strict=True)
    found = []
    for name, first, now, later in rows:
        if (first is None) != (later is None):
            raise Broken("gradient-missing", f"d{name} is None in one call and an array in another", name)
        if first is not None and now is not None and later is not None:
            found.append((name, first, now, later))
    return found


def _same(first: np.ndarray, second: np.ndarray, strictly: bool) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.tobytes() == second.tobytes():
        return True
    if strictly or first.dtype.kind != "f":
        return bool(np.array_equal(first, second, equal_nan=True))  # -0.0 for 0.0, or NaN with another payload
    room = 4.0 * np.finfo(first.dtype).eps * float(np.max(np.abs(first), initial=0.0))
    return bool(np.allclose(first, second, rtol=0.0, atol=room, equal_nan=True))
