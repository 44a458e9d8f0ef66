"""Run the checks, in order, on one case."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from npvae.gradcheck.adjudicate import UNSEEN, Ruling, adjudicate, adjudicate_ties
from npvae.gradcheck.calls import Broken, Pair, Refused
from npvae.gradcheck.contracts import Analytic, check_determinism, check_isolation, check_linearity, run
from npvae.gradcheck.diagnose import diagnose
from npvae.gradcheck.numeric import (
    Comparison,
    Tolerance,
    along,
    bisect,
    compare_directions,
    compare_entries,
    tolerance_for,
)
from npvae.gradcheck.reference import Reference
from npvae.gradcheck.report import CHECKS, FAIL, INCONCLUSIVE, PASS, Finding, Row
from npvae.gradcheck.samples import Case

__all__ = ["Outcome", "Settings", "check_case"]


@dataclass(frozen=True)
class Settings:
    """What to check and how closely.

    entries     up to this many, every entry of a gradient is compared
    directions  random ones a gradient
    low         the forward computes in float32, whatever dtype its outputs have
    """

    rtol: float | None = None
    atol: float | None = None
    checks: tuple[str, ...] = CHECKS
    entries: int = 400
    directions: int = 3
    low: bool = False


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
        later: dict[str, Callable[[], None]] = {
            "determinism": lambda: check_determinism(analytic),
            "isolation": lambda: check_isolation(analytic, other),
            "linearity": lambda: check_linearity(analytic),
            "numeric": lambda: _check_numeric(pair, analytic, settings, outcome),
        }
        for check, function in later.items():
            # A pair that keeps state fails everything that calls it again: the first such failure says it all.
            stateful = any(f.check in ("determinism", "isolation") and f.verdict == FAIL for f in analytic.findings)
            if check not in settings.checks or (check == "numeric" and case.op.estimator):
                continue
            if not stateful or check == "numeric":
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
    reference = Reference(pair, case, analytic.dys, low=settings.low)
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
    wrong_along, agreed, worst = compare_directions(reference, k, grad, tolerance, settings.directions)
    if every:
        compared = compare_entries(reference, k, grad, tolerance)
    else:
        blamed = sorted({bisect(reference, k, grad, v, tolerance) for v in wrong_along})
        compared = compare_entries(reference, k, grad, tolerance, blamed)
    rulings = _rule(pair, analytic, reference, k, name, grad, tolerance, settings, compared)
    claims = grad.reshape(-1)
    failed = [i for i, ruling in rulings.items() if ruling.verdict == FAIL]
    failed += [i for i in compared.disagrees if i not in rulings]
    hidden = [i for i, ruling in rulings.items() if ruling.verdict == UNSEEN]
    compared.numeric[hidden] = math.nan
    in_doubt = [i for i, ruling in rulings.items() if ruling.verdict == INCONCLUSIVE]
    in_doubt += hidden if case.regime == "generic" else []
    with np.errstate(all="ignore"):
        difference = np.abs(compared.numeric - claims)
    looked = np.isfinite(difference)
    verdict = FAIL if failed else INCONCLUSIVE if in_doubt or (wrong_along and not every and not rulings) else PASS
    if failed or in_doubt:
        chosen = failed or in_doubt
        i = max(chosen, key=lambda i: difference[i] if math.isfinite(difference[i]) else math.inf)
        ruling = rulings.get(i)
        message = (
            f"{len(chosen)} of {int(np.sum(looked))} entries disagree"
            if every
            else _spread(reference, k, grad, tolerance, wrong_along, i)
        )
        message += f"; {ruling.reason}" if ruling and ruling.reason else ""
        codes: tuple[str, ...] = ()
        words = ""
        if failed:
            codes, words = diagnose(pair, analytic, reference, k, compared, failed, tolerance)
        outcome.findings.append(
            Finding(
                "numeric",
                "unresolved" if not failed else "wrong-at-kink" if ruling and ruling.kink else "wrong-gradient",
                verdict, message, case.label, case.dtype.name, name,
                tuple(int(j) for j in np.unravel_index(i, grad.shape)),
                float(claims[i]), float(compared.numeric[i]), float(compared.error[i]),
                len(chosen), int(np.sum(looked)), words, codes,
            )
        )  # fmt: skip
    elif case.regime == "ties" and (ties := _too_many(reference, k, grad, tolerance, rulings)):
        verdict = FAIL
        outcome.findings.append(Finding("numeric", "wrong-at-ties", FAIL, ties, case.label, case.dtype.name, name))
    elif verdict == INCONCLUSIVE:
        outcome.findings.append(
            Finding(
                "numeric", "unresolved", verdict,
                f"{len(wrong_along)} of {settings.directions} random directions disagree, yet no single entry does",
                case.label, case.dtype.name, name,
            )
        )  # fmt: skip
    largest = float(np.max(difference[looked], initial=0.0 if every else worst))
    # What counts as nothing for the tolerance counts as nothing here.
    size = max(float(np.max(np.abs(claims), initial=0.0)), tolerance.atol / tolerance.rtol if tolerance.rtol else 0.0)
    outcome.rows.append(
        Row(
            name, grad.shape, float(np.linalg.norm(claims.astype(np.float64))),
            float(np.linalg.norm(compared.numeric[looked])) if every else math.nan,
            largest, largest / size if size > 0 else 0.0, verdict, int(np.sum(looked)) + agreed,
        )
    )  # fmt: skip


def _too_many(reference: Reference, k: int, grad: np.ndarray, tolerance: Tolerance, rulings: dict[int, Ruling]) -> str:
    """What is wrong with the gradients of entries that are tied, each of them right on its own; "" if nothing."""
    ruling = adjudicate_ties(reference, k, grad, np.array([i for i, r in rulings.items() if r.kink], int), tolerance)
    if ruling is None or ruling.verdict != FAIL:
        return ""
    count = sum(r.kink for r in rulings.values())
    return (
        f"each of {count} entries on a kink is a subgradient, but not all together: if they move by the same distance "
        f"the slope is {ruling.numeric:+.4g}, their gradients add up to another: does every TIE get the whole of it?"
    )


def _rule(
    pair: Pair,
    analytic: Analytic,
    reference: Reference,
    k: int,
    name: str,
    grad: np.ndarray,
    tolerance: Tolerance,
    settings: Settings,
    compared: Comparison,
) -> dict[int, Ruling]:
    """Rule on every entry that disagrees or could not be compared; enough once a dozen are settled and one fails."""
    rulings: dict[int, Ruling] = {}
    in_double = None
    if grad.dtype == np.float32 and not reference.low and (compared.stopped or compared.disagrees):
        in_double = analytic.in_double()[analytic.case.op.differentiable.index(name)]
    for i in (*compared.stopped, *compared.disagrees):

        def confirm(i: int = i) -> bool:
            return _disagrees_afresh(pair, analytic, k, i, name, settings)

        rulings[i] = adjudicate(reference, k, i, grad, tolerance, confirm, in_double)
        compared.numeric[i], compared.error[i] = rulings[i].numeric, rulings[i].error
        if rulings[i].verdict == FAIL and len(rulings) >= 12:
            break
    return rulings


def _spread(
    reference: Reference, k: int, grad: np.ndarray, tolerance: Tolerance, wrong_along: list[np.ndarray], i: int
) -> str:
    """How far a mistake found by bisecting reaches: is everything right once that entry is left out?"""
    v = wrong_along[0].copy()
    v.flat[i] = 0.0
    if along(reference, k, grad, v, tolerance)[0]:
        return f"1 of {grad.size} entries disagrees"
    return f"found by bisecting {grad.size} entries; others disagree too"


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
        again = compare_entries(Reference(pair, case, dys, low=settings.low), k, np.asarray(grad), tolerance, [i])
        if not again.disagrees:
            return False
    return True
