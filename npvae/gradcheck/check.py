"""Check a whole op over its battery, or over one sample or one cell of it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import Sample, battery, named
from npvae.gradcheck.find import address_of
from npvae.gradcheck.ground.findings import CHECKS
from npvae.gradcheck.pair.calls import Broken, Pair, Refused, undisturbed
from npvae.gradcheck.report.join import join
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.verdict.case import Outcome, Settings, check_case
from npvae.spec import Op

__all__ = ["cells", "check_op"]


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
    rtol, atol  instead of the defaults (see `npvae.gradcheck.slopes.numeric.tolerance_for`)
    teeth   if all is well, plant generic mistakes in the backward too and report how many this configuration catches

    Raises ValueError for what is no Op, and for an unknown level, sample or cell.
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
    report = join(op, seed, outcomes, time.perf_counter() - started)
    report = replace(report, reproduce=_how_to_reproduce(op, report, level))
    if teeth and report:
        from npvae.gradcheck.teeth import bite

        return bite(op, report, samples, seed, settings)
    if teeth:
        return replace(report, notes=(*report.notes, "teeth are tried once everything passes"))
    return report


def cells(op: Op, level: str = "default") -> tuple[str, ...]:
    """The cells of an op: the checks that look at every sample, then the groups of samples, plainest first."""
    groups = dict.fromkeys(sample.cell for sample in battery(op, level))
    if op.estimator:
        return CHECKS[:-1]
    return (*CHECKS[:-1], *groups)


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
    """The samples, in float32 throughout if the pair refuses anything else, or turns everything into float32.

    A pure op is held to its dtypes: there a y in float32 for inputs in float64 is a mistake.
    """
    plain = battery(op)[0]
    double, single = (_dtype_of_y(op, replace(plain, dtype=dtype), seed) for dtype in ("float64", "float32"))
    if single != "float32" or (double != "refused" and (double != "float32" or op.pure)):
        return tuple(samples), []
    what = "takes float32 only" if double == "refused" else "computes in float32 whatever it is given"
    singles = {s.label: s for s in (replace(s, dtype="float32") for s in samples)}
    return tuple(singles.values()), [f"the pair {what}: every sample is in float32"]


def _dtype_of_y(op: Op, sample: Sample, seed: int) -> str:
    case = build(op, sample, seed)
    try:
        outputs = Pair(op, case.params, seed).forward(case.inputs).outputs
    except Refused:
        return "refused"
    except Broken:
        return "broken"
    return " ".join(sorted({y.dtype.name for y in outputs}))


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
