"""Run the checks, in order, on one case."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from npvae.gradcheck.adjudicate import Ruling, adjudicate
from npvae.gradcheck.calls import Broken, Pair, Refused
from npvae.gradcheck.contracts import Analytic, check_determinism, check_isolation, check_linearity, run
from npvae.gradcheck.numeric import Tolerance, bisect, compare_directions, compare_entries, tolerance_for
from npvae.gradcheck.reference import Reference
from npvae.gradcheck.report import CHECKS, FAIL, INCONCLUSIVE, PASS, Finding, Row
from npvae.gradcheck.samples import Case

__all__ = ["Outcome", "Settings", "check_case"]


@dataclass(frozen=True)
class Settings:
    """What to check and how closely. `entries`: up to this many, every entry of a gradient is compared."""

    rtol: float | None = None
    atol: float | None = None
    checks: tuple[str, ...] = CHECKS
    entries: int = 400


@dataclass
class Outcome:
    """What came of one case."""

    case: Case
    findings: list[Finding] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    skipped: str = ""
    notes: list[str] = field(default_factory=list)


def check_case(case: Case, other: Case, settings: Settings, dys: tuple[np.ndarray, ...] | None = None) -> Outcome:
    """Contract, determinism, isolation, linearity, numeric: what breaks is noted, never raised.

    other  another case of the same op and shapes, for the forward in between
    dys    the cotangents, where they are not to be drawn
    """
    outcome = Outcome(case)
    pair = Pair(case.op, case.params, case.seed)
    check = "contract"
    try:
        analytic = run(pair, case, dys)
        if not all(np.all(np.isfinite(y)) for y in analytic.passed.outputs):
            if case.regime == "generic":
                _hold_nonfinite(outcome, analytic)
            else:
                outcome.skipped = "the forward is not finite there"
            return outcome
        outcome.findings = analytic.findings
        for check, function in (
            ("determinism", lambda: check_determinism(pair, analytic)),
            ("isolation", lambda: check_isolation(pair, analytic, other)),
            ("linearity", lambda: check_linearity(pair, analytic)),
            ("numeric", lambda: _check_numeric(pair, analytic, settings, outcome)),
        ):
            if check in settings.checks and not (check == "numeric" and case.op.estimator):
                function()
    except Broken as broken:
        outcome.findings.append(Finding(check, broken.code, FAIL, str(broken), case.label, case.dtype.name, broken.arg))
    except Refused as refused:
        plain = case.layout == "C" and case.dtype == np.float64 and case.regime == "generic"
        if plain or case.label == "given":
            outcome.findings.append(Finding("contract", "refused", FAIL, str(refused), case.label, case.dtype.name))
        else:
            what = [case.dtype.name] if case.dtype != np.float64 else []
            what += [f"{case.layout} arrays"] if case.layout != "C" else []
            outcome.skipped = f"the pair does not take {' '.join(what) or 'them'}"
    outcome.findings = [f for f in outcome.findings if f.check in settings.checks or f.verdict == FAIL]
    return outcome


def _hold_nonfinite(outcome: Outcome, analytic: Analytic) -> None:
    analytic.hold(
        "contract", "forward-nonfinite",
        "the forward is not finite at ordinary values; declare where it is defined: Arg(..., domain=(low, high))",
        None, INCONCLUSIVE,
    )  # fmt: skip
    outcome.findings = analytic.findings


def _check_numeric(pair: Pair, analytic: Analytic, settings: Settings, outcome: Outcome) -> None:
    case = analytic.case
    reference = Reference(pair, case, analytic.dys)
    if reference.low:
        outcome.notes.append("the forward computes in float32: compared with float32 differences, by measured noise")
    grads = dict(zip(case.op.differentiable, analytic.grads, strict=True))
    for k, name in enumerate(case.op.args):
        grad = grads.get(name)
        broken = {f.code for f in analytic.findings if f.arg == name and f.verdict == FAIL}
        if grad is None or broken & {"gradient-shape", "gradient-nonfinite", "gradient-missing"}:
            continue
        dtype = np.dtype(np.float32) if reference.low or grad.dtype == np.float32 else case.dtype
        tolerance = tolerance_for(grad, analytic.dys, dtype, settings.rtol, settings.atol)
        if reference.low:
            tolerance = Tolerance(
                tolerance.rtol, tolerance.atol + 16.0 * reference.measure_noise(k) / reference.first_step
            )
        _compare(pair, analytic, reference, k, name, grad, tolerance, settings, outcome)


def _compare(
    pair: Pair,
    analytic: Analytic,
    reference: Reference,
    k: int,
    name: str,
    grad: np.ndarray,
    tolerance: Tolerance,
    settings: Settings,
    outcome: Outcome,
) -> None:
    case = analytic.case
    every = grad.size <= settings.entries
    wrong_along, agreed, worst = compare_directions(reference, k, grad, tolerance)
    compared = compare_entries(reference, k, grad, tolerance, None if every else ())
    if not every and wrong_along:
        entries = {bisect(reference, k, grad, v, tolerance) for v in wrong_along}
        compared = compare_entries(reference, k, grad, tolerance, sorted(entries))
    claims = grad.reshape(-1)
    rulings: dict[int, Ruling] = {}
    for i in (*compared.stopped, *compared.disagrees):

        def confirm(i: int = i) -> bool:
            return _disagrees_afresh(pair, analytic, k, i, name, settings)

        rulings[i] = adjudicate(reference, k, i, float(claims[i]), tolerance, confirm)
        compared.numeric[i], compared.error[i] = rulings[i].numeric, rulings[i].error
        if rulings[i].verdict == FAIL and len(rulings) >= 12:
            break
    failed = [i for i, ruling in rulings.items() if ruling.verdict == FAIL]
    failed += [i for i in compared.disagrees if i not in rulings]
    open_ = [i for i, ruling in rulings.items() if ruling.verdict == INCONCLUSIVE]
    with np.errstate(all="ignore"):
        difference = np.abs(compared.numeric - claims)
    looked = np.isfinite(difference)
    verdict = FAIL if failed else INCONCLUSIVE if open_ or (wrong_along and not rulings) else PASS
    if failed or open_:
        chosen = failed or open_
        i = max(chosen, key=lambda i: difference[i] if math.isfinite(difference[i]) else math.inf)
        ruling = rulings.get(i)
        count = f"{len(chosen)} of {int(np.sum(looked))} entries disagree" if every else "found by bisecting"
        code = "unresolved" if not failed else "wrong-at-kink" if ruling and ruling.kink else "wrong-gradient"
        reason = f"; {ruling.reason}" if ruling is not None and ruling.reason else ""
        outcome.findings.append(
            Finding(
                "numeric",
                code,
                verdict, count + reason, case.label, case.dtype.name, name,
                tuple(int(j) for j in np.unravel_index(i, grad.shape)),
                float(claims[i]), float(compared.numeric[i]), float(compared.error[i]),
                len(chosen), int(np.sum(looked)),
            )
        )  # fmt: skip
    elif wrong_along and not rulings:
        outcome.findings.append(
            Finding(
                "numeric", "unresolved", INCONCLUSIVE,
                f"{len(wrong_along)} of 3 random directions disagree, yet no single entry does",
                case.label, case.dtype.name, name,
            )
        )  # fmt: skip
    largest = float(np.max(difference[looked], initial=worst if not every else 0.0))
    size = float(np.max(np.abs(claims), initial=0.0))
    outcome.rows.append(
        Row(
            name, grad.shape, float(np.linalg.norm(claims.astype(np.float64))),
            float(np.linalg.norm(compared.numeric[looked])) if every else math.nan,
            largest, largest / size if size > 0 else 0.0, verdict, int(np.sum(looked)) + agreed,
        )
    )  # fmt: skip


def _disagrees_afresh(pair: Pair, analytic: Analytic, k: int, i: int, name: str, settings: Settings) -> bool:
    """Whether the entry disagrees for two fresh cotangents too."""
    case = analytic.case
    position = case.op.differentiable.index(name)
    for turn in range(2):
        dys = case.cotangents(analytic.passed.outputs, f"fresh {turn}")
        grad = pair.backward(analytic.passed.in_form_of_y(dys), analytic.passed.cache)[position]
        if grad is None:
            return True
        tolerance = tolerance_for(grad, dys, case.dtype, settings.rtol, settings.atol)
        again = compare_entries(Reference(pair, case, dys), k, np.asarray(grad), tolerance, [i])
        if not again.disagrees:
            return False
    return True
