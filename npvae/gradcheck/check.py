"""Check a forward/backward pair: one call at one point, or a whole op over its battery."""

from __future__ import annotations

import inspect
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.gradcheck.calls import Broken, Pair, Refused, undisturbed
from npvae.gradcheck.case import Outcome, Settings, check_case
from npvae.gradcheck.common_ground import in_common
from npvae.gradcheck.drawing import Case, build
from npvae.gradcheck.find import address_of
from npvae.gradcheck.report import CHECKS, FAIL, INCONCLUSIVE, PASS, Finding, Report, Row
from npvae.gradcheck.samples import Sample, battery, named
from npvae.spec import Arg, Op

__all__ = ["cells", "check_op", "gradcheck"]


def check_op(
    op: Op,
    seed: int = 0,
    *,
    level: str = "default",
    sample: str | None = None,
    cell: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    teeth: bool = False,
) -> Report:
    """Check an op over the whole battery, or over one sample or one cell of it.

    op      what to check
    seed    of everything drawn; the same seed gives the same numbers
    level   "smoke", "default" or "exhaustive"
    sample  label of one sample, as reports print it ("4x3-f32")
    cell    one cell, as `cells(op)` lists them ("contract", "numeric-f64", "kink" ...)
    rtol, atol  instead of the defaults (see `npvae.gradcheck.numeric.tolerance_for`)
    teeth   also plant generic mistakes in the backward and report how many this configuration catches

    Raises ValueError for an unknown level, sample or cell.
    """
    samples = battery(op, level)
    if sample is not None:
        samples = (named(op, sample),)
    settings = Settings(rtol=rtol, atol=atol)
    if cell is not None:
        samples, settings = _of_cell(op, samples, settings, cell, level)
    started = time.perf_counter()
    with undisturbed():
        samples, notes = _in_dtypes_taken(op, samples, seed)
        outcomes = [_outcome(op, s, seed, settings) for s in samples]
        outcomes[0].notes += notes
    report = join(op, seed, settings, outcomes, time.perf_counter() - started)
    report = replace(report, reproduce=_how_to_reproduce(op, report, level))
    if teeth:
        from npvae.gradcheck.teeth import bite

        report = bite(op, report, samples, seed, settings)
    return report


def cells(op: Op, level: str = "default") -> tuple[str, ...]:
    """The cells of an op: the checks that look at every sample, then the groups of samples, plainest first."""
    groups = dict.fromkeys(sample.cell for sample in battery(op, level))
    if op.estimator:
        return CHECKS[:-1]
    return (*CHECKS[:-1], *groups)


def gradcheck(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    *,
    params: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    dy: Any = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    seeded: bool = False,
    pure: bool = False,
    args: Mapping[str, Arg] | None = None,
    name: str = "",
) -> Report:
    """Check one call at one point: forward(*inputs, **params) -> (y, cache), backward(dy, cache) -> gradients.

    inputs  an array or a tuple of arrays; floating arrays are expected to have a gradient, integer ones are not
    params  keyword arguments of the forward that are not arrays
    names   what to call the inputs; by default the names of the forward's parameters
    dy      the cotangent; by default 3 N(0, 1) from the seed
    seeded, pure  as in `Op`
    args    name -> Arg, where domains, kinks or linearity are worth declaring
    name    how the report calls it; by default the name of the forward

    Raises TypeError for inputs that are not real arrays.
    """
    names_of_pair = ", ".join(getattr(f, "__name__", "...") for f in (forward, backward))
    return check_given(
        forward, backward, arrays_of(inputs if isinstance(inputs, (tuple, list)) else (inputs,)),
        params=params, names=names, name=name, dy=dy, seed=seed, rtol=rtol, atol=atol, seeded=seeded, pure=pure,
        args=args, reproduce=f"gradcheck({names_of_pair}, inputs, seed={seed})",
    )  # fmt: skip


def check_given(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    *,
    params: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    name: str = "",
    dy: Any = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    seeded: bool = False,
    pure: bool = False,
    args: Mapping[str, Arg] | None = None,
    checks: tuple[str, ...] = CHECKS,
    low: bool = False,
    reproduce: str = "",
) -> Report:
    """Check a pair at the arrays given; what `gradcheck` and the adapters have in common."""
    if args is None:
        called = names or parameter_names(forward, len(arrays))
        args = {key: _arg_of(x) for key, x in zip(called, arrays, strict=True)}
    elif len(args) != len(arrays):
        raise ValueError(f"args names {len(args)} inputs ({', '.join(args)}), {len(arrays)} are given")
    started = time.perf_counter()
    with undisturbed():
        op = Op(forward, backward, args, name=name or _name_of(forward), seeded=seeded, pure=pure)
        op, notes = _without_none(op, arrays, dict(params or {}), seed)
        floats = [x.dtype for x in arrays if x.dtype.kind == "f"]
        dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
        case = Case(op, "given", tuple(arrays), dict(params or {}), dtype, seed)
        dys = None if dy is None else tuple(np.asarray(d) for d in (dy if isinstance(dy, (tuple, list)) else (dy,)))
        settings = Settings(rtol, atol, checks, low=low)
        outcome = check_case(case, _between(case), settings, dys)
        outcome.notes += notes
    report = join(op, seed, settings, [outcome], time.perf_counter() - started)
    return replace(report, reproduce=reproduce)


def _without_none(op: Op, arrays: Sequence[np.ndarray], params: Mapping[str, Any], seed: int) -> tuple[Op, list[str]]:
    """The op without the arguments for which its backward returns None: that is how a pair says "no gradient"."""
    pair = Pair(op, params, seed)
    try:
        passed = pair.forward([np.array(x) for x in arrays])
        grads = pair.backward(passed.in_form_of_y([np.array(y) for y in passed.outputs]), passed.cache)
    except (Broken, Refused):
        return op, []  # the check itself will say so
    silent = [key for key, grad in zip(op.differentiable, grads, strict=True) if grad is None]
    if not silent:
        return op, []
    args = {key: replace(arg, differentiable=arg.differentiable and key not in silent) for key, arg in op.args.items()}
    return replace(op, args=args), [f"the backward returns None for {', '.join(silent)}: taken to have no gradient"]


def _how_to_reproduce(op: Op, report: Report, level: str) -> str:
    """A line that shows the first failure again, alone."""
    first = next((f for f in report.findings if f.verdict != "WARNING"), None)
    if first is None:
        return ""
    at = first.sample if first.sample in report.samples else None
    address = address_of(op)
    if address:
        where = f" --sample {shlex.quote(at)}" if at else f" --level {level}"
        return f"npvae gradcheck {address} --seed {report.seed}{where}"
    where = f", sample={at!r}" if at else f", level={level!r}"
    return f"check_op({op.name}, seed={report.seed}{where})"


def _in_dtypes_taken(op: Op, samples: Sequence[Sample], seed: int) -> tuple[tuple[Sample, ...], list[str]]:
    """The samples, in float32 throughout if the pair takes nothing else (numba with explicit signatures, for one)."""
    plain = battery(op)[0]
    in_single = replace(plain, dtype="float32")
    if _takes(op, plain, seed) or not _takes(op, in_single, seed):
        return tuple(samples), []
    singles = {s.label: s for s in (replace(s, dtype="float32") for s in samples)}
    return tuple(singles.values()), ["the pair takes float32 only: every sample is in float32"]


def _takes(op: Op, sample: Sample, seed: int) -> bool:
    case = build(op, sample, seed)
    try:
        Pair(op, case.params, seed).forward(case.inputs)
    except Refused:
        return False
    except Broken:
        return True
    return True


def _outcome(op: Op, sample: Sample, seed: int, settings: Settings) -> Outcome:
    return check_case(build(op, sample, seed), build(op, sample, seed + 1), settings)


def _of_cell(
    op: Op, samples: Sequence[Sample], settings: Settings, cell: str, level: str
) -> tuple[tuple[Sample, ...], Settings]:
    if cell not in cells(op, level):
        raise ValueError(f"{op.name} has no cell {cell!r}; its cells are {', '.join(cells(op, level))}")
    if cell in CHECKS:
        return tuple(samples), Settings(settings.rtol, settings.atol, (cell,))
    return tuple(s for s in samples if s.cell == cell), Settings(settings.rtol, settings.atol, ("contract", "numeric"))


def join(op: Op, seed: int, settings: Settings, outcomes: Sequence[Outcome], seconds: float) -> Report:
    """One report from the outcomes of many samples."""
    findings: list[Finding] = []
    rows: dict[str, list[Row]] = {}
    skipped: dict[str, str] = {}
    notes: dict[str, None] = {}
    for outcome in outcomes:
        findings += [_located(finding, outcomes) for finding in outcome.findings]
        for row in outcome.rows:
            rows.setdefault(row.name, []).append(row)
        if outcome.skipped:
            skipped[outcome.case.label] = outcome.skipped
        notes.update(dict.fromkeys(outcome.notes))
    samples = tuple(outcome.case.label for outcome in outcomes if not outcome.skipped)
    if not samples:
        reason = next(iter(skipped.values()), "there are no samples")
        findings.append(Finding("contract", "nothing-checked", INCONCLUSIVE, f"nothing was checked: {reason}", "all"))
    return Report(
        op.name, seed, tuple(findings), tuple(_summary(group) for group in rows.values()),
        tuple(check for check in CHECKS if any(check in outcome.ran for outcome in outcomes)),
        samples, skipped, tuple(notes), seconds,
    )  # fmt: skip


def _located(finding: Finding, outcomes: Sequence[Outcome]) -> Finding:
    """The finding, with what its samples have in common and no other sample has."""
    if finding.verdict != FAIL:
        return finding
    code, words = in_common(
        [o.case for o in outcomes if any((f.code, f.arg) == (finding.code, finding.arg) for f in o.findings)],
        [o.case for o in outcomes if not o.skipped and not any(f.arg == finding.arg for f in o.findings)],
    )
    if not code or code in finding.diagnosis_codes:
        return finding
    diagnosis = "; ".join(part for part in (finding.diagnosis, words) if part)
    return replace(finding, diagnosis=diagnosis, diagnosis_codes=(*finding.diagnosis_codes, code))


def _summary(rows: Sequence[Row]) -> Row:
    order = {PASS: 0, INCONCLUSIVE: 1, FAIL: 2}
    worst = max(rows, key=lambda row: (order[row.verdict], row.relative_error))
    verdict = worst.verdict
    return Row(
        worst.name, worst.shape, worst.analytic_norm, worst.numeric_norm, worst.max_difference,
        worst.relative_error, verdict, sum(row.compared for row in rows),
    )  # fmt: skip


def _between(case: Case) -> Case:
    """Other inputs of the same shapes, inside the same domains: the given ones in reverse order."""
    return Case(
        **{**case.__dict__, "inputs": tuple(np.array(x[(slice(None, None, -1),) * x.ndim]) for x in case.inputs)}
    )


def arrays_of(inputs: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """The inputs as arrays of real numbers. Raises TypeError for anything else."""
    return tuple(_as_input(x, i) for i, x in enumerate(inputs))


def _as_input(x: Any, position: int) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype.kind == "c":
        raise TypeError(f"input {position} is complex; complex-valued functions are out of scope")
    if array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64):
        raise TypeError(f"input {position} is {array.dtype}; give float64 or float32")
    if array.dtype.kind not in "fbiu":
        raise TypeError(f"input {position} is {type(x).__name__} of dtype {array.dtype}, expected an array of numbers")
    return array


def _arg_of(x: np.ndarray) -> Arg:
    shape = " ".join(str(size) for size in x.shape)
    if x.dtype.kind == "f":
        return Arg(shape)
    return Arg(shape, differentiable=False, dtype=x.dtype.type)


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return name.removesuffix("_forward") or name


def parameter_names(forward: Callable[..., Any], count: int) -> list[str]:
    """What to call the inputs: the names of the function's parameters if there are enough, else x0, x1 ..."""
    try:
        parameters = list(inspect.signature(getattr(forward, "py_func", forward)).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in kinds]
    return names[:count] if len(names) >= count else [f"x{i}" for i in range(count)]
