"""One gradient of one case: compared with differences, ruled on where it disagrees, and put into a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from npvae.gradcheck.diagnosis.diagnose import diagnose
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import FAIL, INCONCLUSIVE, PASS, WARNING, Finding, Row
from npvae.gradcheck.slopes.adjudicate import adjudicate
from npvae.gradcheck.slopes.bisecting import hunt, look_at_others, reach, rest_agrees
from npvae.gradcheck.slopes.claim import Claim, Comparison
from npvae.gradcheck.slopes.numeric import along, check_linear, compare_entries
from npvae.gradcheck.slopes.ruling import AROUND, BESIDE, UNSEEN, Ruling
from npvae.gradcheck.slopes.sides import adjudicate_ties

__all__ = ["compare"]


def compare(claim: Claim, entries: int, directions: int, brief: bool = False) -> tuple[Row, list[Finding]]:
    """The row of a gradient, and what was found wrong with it.

    entries     up to this many, every entry is compared
    directions  random directions before that; with more entries than `entries` they decide, and what disagrees along
                one is found by bisecting
    brief       this gradient was found wrong and told of before: stop at the first wrong entry
    """
    case, grad = claim.first_run.case, claim.grad
    every = grad.size <= entries
    compared = Comparison(np.full(grad.size, np.nan), np.full(grad.size, np.nan))
    rulings: dict[int, Ruling] = {}
    if brief and every:
        _rule_until_wrong(claim, compared, rulings)
        if any(ruling.verdict == FAIL for ruling in rulings.values()):
            return _wrong_again(claim, compared, rulings, "its first wrong entry", every)
    rng = case.rng(f"directions {claim.k}")
    drawn = [claim.loss.direction(claim.k, rng) for _ in range(directions)]
    outcomes = [along(claim, v) for v in drawn]
    wrong = [v for v, (agrees, _) in zip(drawn, outcomes, strict=True) if not agrees]
    settled = True
    if every:
        if not brief:
            compare_entries(claim, np.flatnonzero(claim.finite), compared)
        _rule_on(claim, compared, rulings)
    else:
        for v in wrong:
            if not any(ruling.verdict == FAIL for ruling in rulings.values()):
                settled = hunt(claim, v, rulings) and settled
        if brief and any(ruling.verdict == FAIL for ruling in rulings.values()):
            return _wrong_again(claim, compared, rulings, "a wrong entry found by bisecting", every)
        compared = look_at_others(claim, rulings)
    _note(compared, rulings)
    found = list(_findings(claim, compared, rulings, wrong, settled, every))
    verdicts = {finding.verdict for finding in found}
    verdict = FAIL if FAIL in verdicts else INCONCLUSIVE if INCONCLUSIVE in verdicts else PASS
    agreed = [difference for agrees, difference in outcomes if agrees]
    return _row(claim, compared, verdict, agreed, every), found


def _rule_until_wrong(claim: Claim, compared: Comparison, rulings: dict[int, Ruling]) -> None:
    """Compare entry after entry, and rule at once on those that disagree, until one is wrong."""
    for i in map(int, np.flatnonzero(claim.finite)):
        compare_entries(claim, [i], compared)
        if compared.disagrees[-1:] == [i]:
            rulings[i] = adjudicate(claim, i, compared.lines.pop(i, None))
            if rulings[i].verdict == FAIL:
                return


def _wrong_again(
    claim: Claim, compared: Comparison, rulings: dict[int, Ruling], which: str, every: bool
) -> tuple[Row, list[Finding]]:
    """The row and the finding of a gradient that was told of before: one wrong entry will do."""
    _note(compared, rulings)
    i, ruling = next((i, ruling) for i, ruling in rulings.items() if ruling.verdict == FAIL)
    looked = int(np.sum(np.isfinite(compared.numeric)))
    finding = _finding(
        claim, "wrong-at-kink" if ruling.kink else "wrong-gradient", FAIL,
        f"wrong in this sample too: {which}, the others are not looked at",
        index=tuple(int(j) for j in np.unravel_index(i, claim.grad.shape)), analytic=claim.of_entry(i),
        numeric=ruling.numeric, error=ruling.error, wrong=1, compared=looked,
    )  # fmt: skip
    return _row(claim, compared, FAIL, (), every), [finding]


def _note(compared: Comparison, rulings: dict[int, Ruling]) -> None:
    """The slopes as they were ruled to be."""
    for i, ruling in rulings.items():
        compared.numeric[i] = math.nan if ruling.verdict == UNSEEN else ruling.numeric
        compared.error[i] = ruling.error


def _rule_on(claim: Claim, compared: Comparison, rulings: dict[int, Ruling]) -> None:
    """Rule on what disagrees, until it is known that some of it is wrong: the rest is only counted."""
    for i in (*compared.stopped, *compared.disagrees):
        if i in rulings:
            continue
        rulings[i] = adjudicate(claim, i, compared.lines.pop(i, None))
        failed = sum(ruling.verdict == FAIL for ruling in rulings.values())
        if failed >= t.FAILED_ENOUGH or (failed and len(rulings) >= t.RULINGS_ENOUGH):
            return


def _findings(
    claim: Claim,
    compared: Comparison,
    rulings: dict[int, Ruling],
    wrong: list[np.ndarray],
    settled: bool,
    every: bool,
) -> Iterator[Finding]:
    """What is wrong with the gradient: nothing, or one finding (and a warning for what could not be seen)."""
    case = claim.first_run.case
    failed = [i for i, ruling in rulings.items() if ruling.verdict == FAIL]
    failed += [i for i in compared.disagrees if i not in rulings]
    in_doubt = [i for i, ruling in rulings.items() if ruling.verdict == INCONCLUSIVE]
    hidden = [i for i, ruling in rulings.items() if ruling.verdict == UNSEEN]
    if case.regime == "generic" and hidden:
        if claim.loss.low and t.UNSEEN_SHARE * len(hidden) <= claim.grad.size:
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
    elif claim.loss.args[claim.k].linear:
        code, slope, expected = check_linear(claim)
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
    if not failed and claim.loss.rounds_to_single():
        message += "; every y is a float32 number: does the forward compute in FLOAT32 inside? Then give it float32"
    codes: tuple[str, ...] = ()
    words = ""
    if failed:
        codes, words = diagnose(claim, compared, failed, alone)
    code = "unresolved" if not failed else "wrong-at-kink" if ruling and ruling.kink else "wrong-gradient"
    return _finding(
        claim, code, FAIL if failed else INCONCLUSIVE, message,
        index=tuple(int(j) for j in np.unravel_index(i, claim.grad.shape)), analytic=float(flat[i]),
        numeric=ruling.numeric if ruling else float(compared.numeric[i]), error=float(compared.error[i]),
        wrong=len(chosen), compared=looked, diagnosis=words, diagnosis_codes=codes,
    )  # fmt: skip


def _finding(claim: Claim, code: str, verdict: str, message: str, **more: object) -> Finding:
    case = claim.first_run.case
    return Finding("numeric", code, verdict, message, case.label, case.dtype.name, claim.name, **more)  # type: ignore[arg-type]


def _too_many(claim: Claim, rulings: dict[int, Ruling]) -> str:
    """What is wrong with the gradients of entries that are equal, each of them right on its own; "" if nothing."""
    x = claim.loss.inputs[claim.k].reshape(-1).copy()
    x[[i for i, ruling in rulings.items() if ruling.reason == AROUND]] = math.nan  # their kinks are not at ties
    for value in sorted({float(x[i]) for i, ruling in rulings.items() if ruling.kink or ruling.reason == BESIDE}):
        tied = np.flatnonzero(x == value)
        ruling = adjudicate_ties(claim, tied)
        if ruling is not None and ruling.verdict == FAIL:
            return (
                f"{tied.size} entries {claim.name} = {value + 0.0:g} are tied: each gradient alone is a subgradient, "
                f"together they are none. If all move by the same distance the slope is {ruling.numeric:+.4g}; the "
                f"gradients add up to {float(np.sum(claim.grad.flat[tied])):+.4g}: does every TIE get the whole of it?"
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
