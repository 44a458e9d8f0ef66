"""How a report reads: one screen, no matrices, which side is analytic and which numeric."""

from __future__ import annotations

import math
from collections.abc import Sequence

from npvae.gradcheck.ground.findings import Finding, Found, Row

__all__ = ["listing", "number", "one_line", "one_of_each", "one_screen"]


def one_screen(report: Found) -> str:
    """The whole report."""
    serious = [f for f in report.findings if f.verdict in ("FAIL", "INCONCLUSIVE")]
    serious.sort(key=lambda f: f.verdict != "FAIL")
    lines: list[str] = []
    if not serious:
        worst = max((row.relative_error for row in report.rows), default=0.0)
        count = len(report.samples)
        compared = sum(row.compared for row in report.rows)
        lines.append(
            f"PASS  {report.name}   {count} sample{'s' * (count != 1)}, {compared} comparisons, "
            f"worst relative error {worst:.1e}, seed {report.seed}, {1000 * report.seconds:.0f} ms"
        )
    shown = one_of_each(serious)
    for finding in shown:
        lines += _finding_lines(report, finding)
    if len(serious) > len(shown):
        others = sorted({f.sample for f in serious} - {f.sample for f in shown})
        if others:
            listed = ", ".join(others[:6]) + (f" and {len(others) - 6} more" if len(others) > 6 else "")
            lines.append(f"  the same in samples: {listed}")
    if serious:
        passed = passes(report)
        lines.append(f"  passes: {', '.join(passed) if passed else 'nothing'}")
        if report.backward:
            lines.append(f"  backward: {report.backward}")
    for finding in one_of_each([f for f in report.findings if f.verdict == "WARNING"]):
        lines.append(f"  warning: {finding.message}")
    lines += _skipped(report)
    lines += [f"  note: {note}" for note in report.notes]
    if report.teeth is not None:
        caught = sum(report.teeth.values())
        planted = f"{caught} of {len(report.teeth)} planted mistakes caught"
        lines.append(f"  teeth: {planted if report.teeth else 'nothing is shown: no mistake could be planted'}")
        missed = [name for name, found in report.teeth.items() if not found]
        if missed:
            lines.append(f"    not caught: {', '.join(missed)}")
    if serious and report.reproduce:
        lines.append(f"  reproduce: {report.reproduce}")
    return "\n".join(lines)


def _skipped(report: Found) -> list[str]:
    """One line per reason, unless the pair takes nothing at all: then that is what there is to say."""
    if report.skipped and any(f.code in ("refused", "forward-raises") for f in report.findings):
        return []
    reasons: dict[str, list[str]] = {}
    for sample, reason in report.skipped.items():
        reasons.setdefault(reason, []).append(sample)
    return [f"  not looked at: {', '.join(samples)}: {reason}" for reason, samples in reasons.items()]


def one_line(report: Found) -> str:
    """The verdict and the first thing that is wrong."""
    first = next((f for f in report.findings if f.verdict == report.verdict), None)
    if first is None:
        return f"{report.verdict} {report.name}, seed {report.seed}"
    subject = f" d/d{first.arg}" if first.arg else ""
    words = "; ".join(part for part in (first.message, first.diagnosis) if part)
    return f"{report.verdict} {report.name}{subject}, sample {first.sample}, seed {report.seed}: {words}"


def passes(report: Found) -> list[str]:
    """Names of the checks and gradients without a finding."""
    bad = [f for f in report.findings if f.verdict != "WARNING"]
    failed = {f.check for f in bad}
    clean = [check for check in report.checks if check not in failed]
    args = {f.arg for f in bad if f.arg and f.check in ("contract", "numeric")}
    if not args:
        return clean
    names = [row.name for row in report.rows if row.verdict == "PASS" and row.name not in args]
    return [*(check for check in clean if check != "numeric"), *(f"d/d{name}" for name in names)]


def one_of_each(findings: Sequence[Finding]) -> list[Finding]:
    """For each check and argument the first finding, or the first that says most of what it is; three at most."""
    chosen: dict[tuple[str, str | None], Finding] = {}
    for finding in findings:
        key = finding.code if finding.check != "numeric" else "numeric", finding.arg
        if key not in chosen or _telling(finding) > _telling(chosen[key]):
            chosen[key] = finding
    return list(chosen.values())[:3]


def _telling(finding: Finding) -> int:
    """How much a diagnosis tells: 0 nothing, 1 where it is wrong, 2 what is wrong."""
    where = {"shape-only", "float32-only", "layout-only", "parameter-only", "regime-only"}
    return bool(finding.diagnosis) + bool(set(finding.diagnosis_codes) - where)


_SAMPLES = {
    "all": "all samples",
    "given": "the inputs given",
    "given-eval": "the inputs given, in eval mode",
    "drawn": "the inputs given, parameters drawn at random",
    "drawn-eval": "the inputs given, parameters drawn at random, in eval mode",
}


def _finding_lines(report: Found, f: Finding) -> list[str]:
    subject = f"  d/d{f.arg}" if f.arg else ""
    where = _SAMPLES.get(f.sample, f"sample {f.sample}")
    lines = [f"{f.verdict}  {report.name}{subject}   {f.dtype}, {where}, seed {report.seed}"]
    if f.index is not None and f.analytic is not None and f.numeric is not None:
        lines.append(
            f"  worst {list(f.index)}   analytic {number(f.analytic)}   numeric {number(f.numeric)} "
            f"+- {f.error or 0.0:.0e} (Ridders)   relative error {_relative(f.relative_error)}"
        )
    elif f.analytic is not None and f.numeric is not None:
        lines.append(
            f"  along a random direction   analytic {number(f.analytic)}   numeric {number(f.numeric)} "
            f"+- {f.error or 0.0:.0e} (Ridders)   relative error {_relative(f.relative_error)}"
        )
    tail = "; ".join(part for part in (f.message, f.diagnosis) if part)
    prefix = "" if f.check == "numeric" else f"{f.check}: "
    if tail:
        lines.append(f"  {prefix}{tail}".replace("?; ", "? "))
    return lines


def listing(rows: Sequence[tuple[str, Row]]) -> str:
    """One row per gradient: op, name, shape, norms, max difference, relative error, verdict."""
    header = ("op", "gradient", "shape", "|analytic|", "|numeric|", "max diff", "rel err", "verdict")
    table = [header]
    for op, row in rows:
        table.append(
            (
                op,
                f"d/d{row.name}",
                "x".join(map(str, row.shape)) or "scalar",
                f"{row.analytic_norm:.3e}",
                f"{row.numeric_norm:.3e}" if math.isfinite(row.numeric_norm) else "directions",
                f"{row.max_difference:.1e}",
                f"{row.relative_error:.1e}",
                row.verdict,
            )
        )
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    right = {3, 4, 5, 6}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    )


def number(value: float) -> str:
    """A number with its sign always shown, because the sign is often the mistake."""
    return f"{value:+.4e}" if math.isfinite(value) else str(value)


def _relative(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if value >= 0.1 else f"{value:.1e}"
