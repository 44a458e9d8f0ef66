"""One gradient of one case: compared with differences, ruled on where it disagrees, and put into a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from npvae.gradcheck.adjudicate import BESIDE, UNSEEN, Ruling, adjudicate, adjudicate_ties
from npvae.gradcheck.analytic import Analytic
from npvae.gradcheck.bisecting import ENOUGH, hunt, look_at_others, reach, rest_agrees
from npvae.gradcheck.diagnose import diagnose
from npvae.gradcheck.numeric import (
    Comparison,
    Tolerance,
    along,
    check_linear,
    compare_entries,
    tolerance_for,
)
from npvae.gradcheck.reference import Reference
from npvae.gradcheck.report import FAIL, INCONCLUSIVE, PASS, WARNING, Finding, Row

__all__ = ["Claim", "compare"]


@dataclass(frozen=True)
class Claim:
    """What is claimed: that `grad` is the gradient of the reference with respect to argument k, called `name`.

    finite  where it was before what is not was replaced by zero; only those entries are compared
    """

    analytic: Analytic
    reference: Reference
    k: int
    name: str
    grad: np.ndarray
    tolerance: Tolerance
    finite: np.ndarray
    rtol: float | None = None
    atol: float | None = None

    def agrees_along(self, v: np.ndarray) -> tuple[bool, float]:
        """Whether it agrees along a direction, and the difference."""
        return along(self.reference, self.k, self.grad, v, self.tolerance)

    def disagrees_afresh(self, i: int) -> bool:
        """Whether entry i disagrees for two fresh cotangents too."""
        analytic, case = self.analytic, self.analytic.case
        position = case.op.differentiable.index(self.name)
        for turn in range(2):
            dys = case.cotangents(analytic.passed.outputs, f"fresh {turn}")
            grad = analytic.backward(dys)[position]
            if grad is None:
                return True
            tolerance = tolerance_for(grad, dys, case.dtype, self.rtol, self.atol)
            reference = Reference(analytic.pair, case, dys, low=self.reference.low)
            if not compare_entries(reference, self.k, grad, tolerance, [i]).disagrees:
                return False
        return True

    def rule(self, i: int) -> Ruling:
        """What entry i turns out to be."""
        in_double: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
        if self.grad.dtype == np.float32 and not self.reference.low:
            position = self.analytic.case.op.differentiable.index(self.name)
            doubles, spreads = self.analytic.in_double()
            in_double = doubles[position], spreads[position]
        return adjudicate(
            self.reference, self.k, i, self.grad, self.tolerance, lambda: self.disagrees_afresh(i), in_double
        )


def compare(claim: Claim, entries: int, directions: int) -> tuple[Row, list[Finding]]:
    """The row of a gradient, and what is held against it.

    entries     up to this many, every entry is compared
    directions  random directions before that; with more entries than `entries` they decide, and what disagrees along
                one is found by bisecting
    """
    case, grad = claim.analytic.case, claim.grad
    every = grad.size <= entries
    rng = case.rng(f"directions {claim.k}")
    drawn = [claim.reference.direction(claim.k, rng) for _ in range(directions)]
    outcomes = [claim.agrees_along(v) for v in drawn]
    wrong = [v for v, (agrees, _) in zip(drawn, outcomes, strict=True) if not agrees]
    rulings: dict[int, Ruling] = {}
    settled = True
    if every:
        compared = compare_entries(claim.reference, claim.k, grad, claim.tolerance, np.flatnonzero(claim.finite))
        _rule_on(claim, (*compared.stopped, *compared.disagrees), rulings)
    else:
        for v in wrong:
            if not any(ruling.verdict == FAIL for ruling in rulings.values()):
                settled = hunt(claim, v, rulings) and settled
        compared = look_at_others(claim, rulings)
    for i, ruling in rulings.items():
        compared.numeric[i] = math.nan if ruling.verdict == UNSEEN else ruling.numeric
        compared.error[i] = ruling.error
    found = list(_held(claim, compared, rulings, wrong, settled, every))
    verdicts = {finding.verdict for finding in found}
    verdict = FAIL if FAIL in verdicts else INCONCLUSIVE if INCONCLUSIVE in verdicts else PASS
    agreed = [difference for agrees, difference in outcomes if agrees]
    return _row(claim, compared, verdict, agreed, every), found


def _rule_on(claim: Claim, entries: Sequence[int], rulings: dict[int, Ruling]) -> None:
    for i in entries:
        rulings[i] = claim.rule(i)
        if len(rulings) >= ENOUGH and any(ruling.verdict == FAIL for ruling in rulings.values()):
            return


def _held(
    claim: Claim,
    compared: Comparison,
    rulings: dict[int, Ruling],
    wrong: list[np.ndarray],
    settled: bool,
    every: bool,
) -> Iterator[Finding]:
    """What is held against the gradient: nothing, or one finding (and a warning for what could not be seen)."""
    case = claim.analytic.case
    failed = [i for i, ruling in rulings.items() if ruling.verdict == FAIL]
    failed += [i for i in compared.disagrees if i not in rulings]
    in_doubt = [i for i, ruling in rulings.items() if ruling.verdict == INCONCLUSIVE]
    hidden = [i for i, ruling in rulings.items() if ruling.verdict == UNSEEN]
    if case.regime == "generic" and hidden:
        if claim.reference.low and 2 * len(hidden) <= claim.grad.size:
            message = f"{len(hidden)} of {claim.grad.size} entries of d/d{claim.name} are not compared: "
            yield _finding(claim, "unseen", WARNING, message + rulings[hidden[0]].reason)
        else:
            in_doubt += hidden
    ties = "" if failed or case.regime != "ties" else _too_many(claim, rulings)
    if failed or in_doubt:
        yield _worst(claim, compared, rulings, failed, in_doubt, wrong, every)
    elif ties:
        yield _finding(claim, "wrong-at-ties", FAIL, ties)
    elif not settled:
        yield _finding(
            claim, "unresolved", INCONCLUSIVE,
            f"{len(wrong)} random directions disagree, yet no single entry does: are there kinks everywhere?",
        )  # fmt: skip
    elif claim.reference.args[claim.k].linear:
        code, slope, expected = check_linear(claim.reference, claim.k, claim.grad)
        if code == "not-linear-in-argument":
            yield _finding(
                claim, code, FAIL,
                f"{claim.name} is declared linear, but the forward bends: y(x + v) + y(x - v) is not 2 y(x)",
            )  # fmt: skip
        elif code:
            message = f"the dot-product test of the linear argument {claim.name} is off by more than rounding"
            yield _finding(claim, code, FAIL, message, analytic=expected, numeric=slope, error=0.0)


def _worst(
    claim: Claim,
    compared: Comparison,
    rulings: dict[int, Ruling],
    failed: list[int],
    in_doubt: list[int],
    wrong: list[np.ndarray],
    every: bool,
) -> Finding:
    """The finding for entries that disagree: the worst of them, how many there are, and what it looks like."""
    chosen = failed or in_doubt
    flat = claim.grad.reshape(-1)
    with np.errstate(all="ignore"):
        difference = np.abs(compared.numeric - flat)
    i = max(chosen, key=lambda i: difference[i] if math.isfinite(difference[i]) else math.inf)
    ruling = rulings.get(i)
    looked = int(np.sum(np.isfinite(difference)))
    if not failed:
        message = f"{len(chosen)} of {claim.grad.size} entries cannot be settled"
    else:
        message = f"{len(chosen)} of {looked} entries disagree"
    alone = len(failed) == 1 and looked == claim.grad.size
    if failed and not every:
        alone = len(failed) == 1 and rest_agrees(claim, wrong[0], rulings)
        message = reach(claim, failed, looked, alone)
    message += f"; {ruling.reason}" if ruling and ruling.reason else ""
    if not failed and claim.reference.rounds_to_single():
        message += "; every y is a float32 number: does the forward compute in FLOAT32 inside? Then give it float32"
    codes: tuple[str, ...] = ()
    words = ""
    if failed:
        codes, words = diagnose(
            claim.analytic.pair, claim.analytic, claim.reference, claim.k, compared, failed, alone, claim.tolerance
        )
    code = "unresolved" if not failed else "wrong-at-kink" if ruling and ruling.kink else "wrong-gradient"
    return _finding(
        claim, code, FAIL if failed else INCONCLUSIVE, message,
        index=tuple(int(j) for j in np.unravel_index(i, claim.grad.shape)), analytic=float(flat[i]),
        numeric=ruling.numeric if ruling else float(compared.numeric[i]), error=float(compared.error[i]),
        wrong=len(chosen), compared=looked, diagnosis=words, diagnosis_codes=codes,
    )  # fmt: skip


def _finding(claim: Claim, code: str, verdict: str, message: str, **more: object) -> Finding:
    case = claim.analytic.case
    return Finding("numeric", code, verdict, message, case.label, case.dtype.name, claim.name, **more)  # type: ignore[arg-type]


def _too_many(claim: Claim, rulings: dict[int, Ruling]) -> str:
    """What is wrong with the gradients of entries that are equal, each of them right on its own; "" if nothing."""
    x = claim.reference.inputs[claim.k].reshape(-1)
    for value in sorted({float(x[i]) for i, ruling in rulings.items() if ruling.kink or ruling.reason == BESIDE}):
        tied = np.flatnonzero(x == value)
        ruling = adjudicate_ties(claim.reference, claim.k, claim.grad, tied, claim.tolerance)
        if ruling is not None and ruling.verdict == FAIL:
            return (
                f"{tied.size} entries {claim.name} = {value + 0.0:g} are tied: each has a subgradient, but not all "
                f"together. If they move by the same distance the slope is {ruling.numeric:+.4g}; their gradients add "
                f"up to {float(np.sum(claim.grad.flat[tied])):+.4g}: does every TIE get the whole of it?"
            )
    return ""


def _row(claim: Claim, compared: Comparison, verdict: str, agreed: Sequence[float], every: bool) -> Row:
    flat, tolerance = claim.grad.reshape(-1), claim.tolerance
    with np.errstate(all="ignore"):
        difference = np.abs(compared.numeric - flat)
    looked = np.isfinite(difference)
    largest = float(np.max(difference[looked], initial=0.0 if every else max(agreed, default=0.0)))
    # What counts as nothing for the tolerance counts as nothing here.
    size = max(float(np.max(np.abs(flat), initial=0.0)), tolerance.atol / tolerance.rtol if tolerance.rtol else 0.0)
    return Row(
        claim.name, claim.grad.shape, float(np.linalg.norm(flat.astype(np.float64))),
        float(np.linalg.norm(compared.numeric[looked])) if every else math.nan,
        largest, largest / size if size > 0 else 0.0, verdict, int(np.sum(looked)) + len(agreed),
    )  # fmt: skip
