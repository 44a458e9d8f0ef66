"""One report from the outcomes of many samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from npvae.gradcheck.diagnosis.common_ground import contradicted, in_common
from npvae.gradcheck.ground.findings import CHECKS, FAIL, INCONCLUSIVE, PASS, WARNING, Finding, Row
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.report.source import line_of
from npvae.gradcheck.verdict.case import Outcome
from npvae.spec import Op

__all__ = ["join"]


def join(op: Op, seed: int, outcomes: Sequence[Outcome], seconds: float) -> Report:
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
    elif not _anything(rows) and _silent(op, outcomes, findings):
        words = "no gradient was compared with anything: declare an argument that has a gradient and at least one entry"
        findings.append(Finding("numeric", "nothing-compared", INCONCLUSIVE, words, "all"))
    return Report(
        op.name, seed, tuple(findings), tuple(_summary(group) for group in rows.values()),
        tuple(check for check in CHECKS if any(check in outcome.ran for outcome in outcomes)),
        samples, skipped, tuple(notes), seconds, backward=line_of(op.backward),
    )  # fmt: skip


def _anything(rows: dict[str, list[Row]]) -> bool:
    """Whether a gradient that has entries was compared with something."""
    return any(row.compared and math.prod(row.shape) for group in rows.values() for row in group)


def _silent(op: Op, outcomes: Sequence[Outcome], findings: Sequence[Finding]) -> bool:
    """Whether numbers were to be compared, and nothing says why none were."""
    serious = any(finding.verdict != WARNING for finding in findings)
    return not serious and not op.estimator and any("numeric" in outcome.ran for outcome in outcomes)


def _located(finding: Finding, outcomes: Sequence[Outcome]) -> Finding:
    """The finding, with what its samples have in common and no other sample has, and without what others rule out."""
    if finding.verdict != FAIL or finding.check == "determinism":  # where chance is at work, so it is in the places
        return finding
    failing, passing, counts, everybody_knows = [], [], list[int](), True
    said = {finding.code}
    for outcome in (o for o in outcomes if not o.skipped):
        serious = [f for f in outcome.findings if f.verdict != WARNING]
        same = [f for f in serious if (f.code, f.arg) == (finding.code, finding.arg)]
        if same:
            failing.append(outcome.case)
            counts += [f.wrong or 0 for f in same]
            said.update(code for f in same for code in f.diagnosis_codes)
        elif finding.check in outcome.ran and not any(f.arg == finding.arg for f in serious):
            passing += [outcome.case] * _would_show(finding, outcome)
        else:  # it broke before it came to that, or something else is wrong with the same argument: nobody knows
            everybody_knows = False
    if contradicted(finding.diagnosis_codes, failing, counts):
        finding = replace(finding, diagnosis="", diagnosis_codes=())
    code, words = in_common(failing, passing) if everybody_knows else ("", "")
    if not code or code in finding.diagnosis_codes:
        return finding
    if code == "regime-only" and said & {"kink-only", "edge-only", "wrong-at-ties"}:
        return finding  # the same, said twice
    if code == "float32-only" and finding.code == "gradient-dtype":
        return finding
    if code == "shape-only" and ("threshold" in said or (words.endswith("> 1") and "factor-of-size" in said)):
        return finding  # few entries are seldom beyond a threshold
    diagnosis = "; ".join(part for part in (finding.diagnosis, words) if part)
    return replace(finding, diagnosis=diagnosis, diagnosis_codes=(*finding.diagnosis_codes, code))


def _would_show(finding: Finding, outcome: Outcome) -> bool:
    """Whether a sample that passes says anything: where a gradient is zero, most mistakes in it are right."""
    if finding.check not in ("numeric", "linearity"):
        return True
    return any(row.name == finding.arg and row.analytic_norm > 0 for row in outcome.rows)


def _summary(rows: Sequence[Row]) -> Row:
    order = {PASS: 0, INCONCLUSIVE: 1, FAIL: 2}
    worst = max(rows, key=lambda row: (order[row.verdict], row.relative_error))
    verdict = worst.verdict
    return Row(
        worst.name, worst.shape, worst.analytic_norm, worst.numeric_norm, worst.max_difference,
        worst.relative_error, verdict, sum(row.compared for row in rows),
    )  # fmt: skip
