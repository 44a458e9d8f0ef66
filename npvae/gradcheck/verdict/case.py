"""Run the checks, in order, on one case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from npvae.gradcheck.battery.drawing import Case
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import CHECKS, FAIL, INCONCLUSIVE, Finding, Row
from npvae.gradcheck.pair.calls import Broken, Pair, Refused
from npvae.gradcheck.pair.contracts import check_determinism, check_isolation, run
from npvae.gradcheck.pair.first_run import FirstRun
from npvae.gradcheck.pair.linearity import check_linearity
from npvae.gradcheck.slopes.claim import Claim, Tolerance, tolerance_for
from npvae.gradcheck.slopes.numeric_loss import NumericLoss
from npvae.gradcheck.verdict.gradient import compare

__all__ = ["Outcome", "Settings", "check_case"]


_HOPELESS = {"forward-changes", "accumulates", "mutates-input"}
"""After these there is no one gradient to compare."""


@dataclass(frozen=True)
class Settings:
    """What to check and how closely.

    entries     up to this many, every entry of a gradient is compared
    directions  random ones a gradient
    low         the forward computes in float32, whatever dtype its outputs have
    strict      a gradient of another dtype than its argument fails
    told        arguments whose gradient was wrong before: the first wrong entry will do, and no diagnosis
    """

    rtol: float | None = None
    atol: float | None = None
    checks: tuple[str, ...] = CHECKS
    entries: int = t.ENTRIES
    directions: int = t.DIRECTIONS
    low: bool = False
    strict: bool = False
    told: frozenset[str] = frozenset()


@dataclass
class Outcome:
    """What came of one case. `ran` names the checks that came to their end, whatever they found.

    dtypes   of the forward's outputs
    refused  the pair does not take such arrays
    forwards number of calls of the forward
    """

    case: Case
    findings: list[Finding] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    skipped: str = ""
    notes: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    dtypes: frozenset[str] = frozenset()
    refused: bool = False
    forwards: int = 0


@np.errstate(all="ignore")
def check_case(case: Case, other: Case, settings: Settings, dys: tuple[np.ndarray, ...] | None = None) -> Outcome:
    """Contract, determinism, isolation, linearity, numeric: what breaks is noted, never raised.

    other  another case of the same op and shapes, for the forward in between
    dys    the cotangents, where they are not to be drawn
    """
    outcome = Outcome(case)
    if case.op.estimator:
        outcome.notes.append("declared an estimator: its backward is not asked to be the gradient of this forward")
    pair = Pair(case.op, case.params, case.seed)
    check = "contract"
    try:
        first_run = run(pair, case, dys, strict=settings.strict)
        outcome.dtypes = frozenset(y.dtype.name for y in first_run.outputs)
        if not all(np.all(np.isfinite(y)) for y in first_run.result.outputs):
            if case.regime == "generic":
                _add_nonfinite(outcome, first_run)
            else:
                outcome.skipped = "the forward is not finite there"
            return outcome
        outcome.findings = first_run.findings
        outcome.ran.append("contract")
        later: dict[str, Callable[[], None]] = {
            "determinism": lambda: check_determinism(first_run),
            "isolation": lambda: check_isolation(first_run, other),
            "linearity": lambda: check_linearity(first_run),
            "numeric": lambda: _check_numeric(pair, first_run, settings, outcome),
        }
        for check, function in later.items():
            # A pair that keeps state fails everything that calls it again: the first such failure says it all.
            against = [f for f in first_run.findings if f.check in ("determinism", "isolation") and f.verdict == FAIL]
            against += [f for f in first_run.findings if f.code == "mutates-input"]
            if check not in settings.checks or (check == "numeric" and case.op.estimator):
                continue
            if check == "isolation" and pair.keeps_its_cache:  # there is one cache, and the next forward takes it
                continue
            if not against or (check == "numeric" and not {f.code for f in against} & _HOPELESS):
                function()
                outcome.ran.append(check)
    except Broken as broken:
        if broken.code == "forward-raises" and case.regime != "generic" and not outcome.ran:
            outcome.skipped = f"it is not defined there: {broken}"
            return outcome
        outcome.findings.append(Finding(check, broken.code, FAIL, str(broken), case.label, case.dtype.name, broken.arg))
    except Refused as refused:
        outcome.refused = True
        plain = case.layout == "C" and case.dtype == np.float64 and case.regime == "generic"
        if plain or case.label == "given":
            hint = f"{refused}; it was given {', '.join(str(x.dtype) for x in case.inputs)}"
            outcome.findings.append(Finding("contract", "refused", FAIL, hint, case.label, case.dtype.name))
        else:
            what = [case.dtype.name] if case.dtype != np.float64 else []
            what += [f"{case.layout} arrays"] if case.layout != "C" else []
            outcome.skipped = f"the pair does not take {' '.join(what) or 'them'}"
    outcome.findings = [f for f in outcome.findings if f.check in settings.checks or f.verdict == FAIL]
    outcome.forwards = pair.forwards
    return outcome


def _add_nonfinite(outcome: Outcome, first_run: FirstRun) -> None:
    case = first_run.case
    bad = [_not_finite(name, x) for name, x in zip(case.op.args, case.inputs, strict=True)]
    bad = [words for words in bad if words]
    if case.label != "given":
        words = "at ordinary values; declare where it is defined: Arg(..., domain=(low, high))"
    elif bad:
        words = f"and {' and '.join(bad)}: give finite numbers"
    else:
        y = next(words for words in (_not_finite("y", y) for y in first_run.result.outputs) if words)
        words = f"at the inputs given: {y}; give inputs at which it is defined"
    first_run.add_finding("contract", "forward-nonfinite", f"the forward is not finite {words}", None, INCONCLUSIVE)
    outcome.findings = first_run.findings


def _not_finite(name: str, x: np.ndarray) -> str:
    """The first entry that is not finite, in words; "" if there is none."""
    places = np.argwhere(~np.isfinite(x))
    if not len(places):
        return ""
    where = tuple(int(i) for i in places[0])
    return f"{name} holds {x[where]}" + (f" at {list(where)}" if where else "")


def _check_numeric(pair: Pair, first_run: FirstRun, settings: Settings, outcome: Outcome) -> None:
    case = first_run.case
    loss = NumericLoss(pair, case, first_run.dys, low=settings.low)
    if loss.low:
        outcome.notes.append("the forward computes in float32: gradients are compared to the noise of its differences")
    # Where a forward is dear, entry by entry is left to small arguments: directions see the rest as well.
    dear = sum(x.size for x in case.inputs) > t.DEAR_INPUTS
    entries = settings.entries // t.DEAR_ENTRIES if dear else settings.entries
    grads = dict(zip(case.op.differentiable, first_run.grads, strict=True))
    for k, name in enumerate(case.op.args):
        grad = grads.get(name)
        broken = {f.code for f in first_run.findings if f.arg == name and f.verdict == FAIL}
        if grad is None or broken & {"gradient-shape", "gradient-nonfinite", "gradient-missing"}:
            continue
        finite = np.isfinite(grad)
        loss.reach(k)[~finite] = 0.0  # an infinite slope was looked at already: no direction moves that entry
        grad = loss.in_set(k, np.where(finite, grad, 0).astype(grad.dtype))
        if loss.args[k].set == "one-hot":
            outcome.notes.append(f"d/d{name} is compared off its domain: a one-hot array cannot move and stay one-hot")
        dtype = np.dtype(np.float32) if loss.low or case.inputs[k].dtype == np.float32 else case.dtype
        tolerance = tolerance_for(grad, first_run.dys, dtype, settings.rtol, settings.atol)
        if loss.low:
            tolerance = Tolerance(
                tolerance.rtol, tolerance.atol + t.NOISE_IN_ATOL * loss.measure_noise(k) / loss.first_step
            )
        claim = Claim(first_run, loss, k, name, grad, tolerance, finite, settings.rtol, settings.atol)
        row, findings = compare(claim, entries, settings.directions, brief=name in settings.told)
        outcome.rows.append(row)
        outcome.findings += findings
