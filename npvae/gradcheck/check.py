"""Check a whole op over its battery, or over one sample or one cell of it."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import Sample, battery, named
from npvae.gradcheck.find import address_of
from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import CHECKS, FAIL
from npvae.gradcheck.pair.calls import Broken, Pair, Refused, undisturbed
from npvae.gradcheck.report.join import join
from npvae.gradcheck.report.report import Report
from npvae.gradcheck.report.text import one_of_each
from npvae.gradcheck.verdict.case import Outcome, Settings, check_case
from npvae.spec import Op

__all__ = ["DTYPES", "cells", "check_op", "check_samples"]

DTYPES = ("lenient", "strict")


def check_op(
    op: Op,
    seed: int = 0,
    *,
    level: str = "default",
    sample: str | None = None,
    cell: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: str = "lenient",
    teeth: bool = False,
) -> Report:
    """Check an op over the whole battery, or over one sample or one cell of it.

    op      what to check
    seed    of everything drawn; the same seed gives the same numbers
    level   "smoke", "default" or "exhaustive"
    sample  label of one sample, as reports print it ("4x3-f32")
    cell    one cell, as `cells(op)` lists them ("contract", "numeric-f64", "kink" ...)
    rtol, atol  instead of the defaults (see `npvae.gradcheck.slopes.claim.tolerance_for`)
    dtype   "lenient": a gradient of another dtype than its argument is a line of the report; "strict": it fails
    teeth   if all is well, plant generic mistakes in the backward too and report how many this configuration catches

    Raises ValueError for what is no Op, and for an unknown level, sample, cell or dtype.

    Example:
        >>> from npvae.ops.tanh import OP
        >>> bool(npvae.gradcheck.check_op(OP, level="smoke"))
        True
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
    known = battery(op, level)
    samples: Sequence[Sample] = known if sample is None else (named(op, sample, known),)
    settings = Settings(rtol=rtol, atol=atol, strict=dtype == "strict")
    if cell is not None:
        samples, settings = _of_cell(op, samples, known, settings, cell)
    started = time.perf_counter()
    with undisturbed():
        outcomes = check_samples(op, samples, known[0], seed, settings)
    report = join(op, seed, outcomes, time.perf_counter() - started)
    report = replace(report, reproduce=_how_to_reproduce(op, report, level))
    if teeth and report:
        from npvae.gradcheck.teeth import bite

        return bite(op, report, samples, seed, _as_strict(report, settings))
    if teeth:
        return replace(report, notes=(*report.notes, "teeth are tried once everything passes"))
    return report


def _as_strict(report: Report, settings: Settings) -> Settings:
    """Strict about dtypes, unless the right pair would fail by that already."""
    mixes = any(finding.code == "gradient-dtype" for finding in report.findings)
    return settings if mixes else replace(settings, strict=True)


def cells(op: Op, level: str = "default") -> tuple[str, ...]:
    """The cells of an op: the checks that look at every sample, then the groups of samples, plainest first.

    Example:
        >>> from npvae.ops.tanh import OP
        >>> "contract" in npvae.gradcheck.cells(OP)
        True
    """
    return _cells(op, battery(op, level))


def _cells(op: Op, samples: Sequence[Sample]) -> tuple[str, ...]:
    return CHECKS[:-1] if op.estimator else (*CHECKS[:-1], *dict.fromkeys(sample.cell for sample in samples))


def _how_to_reproduce(op: Op, report: Report, level: str) -> str:
    """A line that shows the first failure again, alone."""
    first = next(iter(one_of_each([f for f in report.findings if f.verdict != "WARNING"])), None)
    if first is None:
        return ""
    at = first.sample if first.sample in report.samples else None
    address = address_of(op)
    if address:
        where = f" --sample {shlex.quote(at)}" if at else f" --level {level}"
        return f"npvae gradcheck {address} --seed {report.seed}{where}"
    where = f", sample={at!r}" if at else f", level={level!r}"
    return f"check_op({op.name}, seed={report.seed}{where})"


def check_samples(op: Op, samples: Sequence[Sample], plain: Sample, seed: int, settings: Settings) -> list[Outcome]:
    """What came of each sample; in float32 throughout if the pair takes nothing else, or turns everything into it.

    A pure op must keep its dtypes: there a y in float32 for inputs in float64 is a mistake.
    """
    outcomes: list[Outcome] = []
    for sample in samples:
        outcome = _outcome(op, sample, seed, _cheaper(settings, outcomes, sample))
        suspect = outcome.refused or (outcome.dtypes == {"float32"} and not op.pure)
        if not outcomes and sample.dtype == "float64" and suspect:
            what = _only_in_float32(op, plain, seed)
            if what:
                singles = {s.label: s for s in (replace(s, dtype="float32") for s in samples)}
                for single in singles.values():
                    outcomes.append(_outcome(op, single, seed, _cheaper(settings, outcomes, single)))
                outcomes[0].notes.append(f"the pair {what}: every sample is in float32")
                return outcomes
        outcomes.append(outcome)
    _where_it_raises(outcomes)
    if outcomes:
        outcomes[0].notes += _what_was_left_out(outcomes)
    return outcomes


def _cheaper(settings: Settings, outcomes: Sequence[Outcome], sample: Sample) -> Settings:
    """The settings of the next sample: what is known to be wrong is only confirmed, and a slow pair is spared.

    The effort is counted in forwards, never in seconds: a verdict does not depend on how busy the machine is.
    """
    numeric = [f for o in outcomes for f in o.findings if f.check == "numeric" and f.verdict == FAIL]
    wrong, named = Counter(f.arg for f in numeric), {f.arg for f in numeric if f.diagnosis_codes}
    enough = {arg: t.TOLD_ENOUGH if arg in named else t.ASKED_ENOUGH for arg in wrong}
    told = frozenset(arg for arg, count in wrong.items() if arg and count >= enough[arg])
    if outcomes and _is_square(outcomes[0].case.op, sample):
        told &= named  # what no sample could name may be a wrong axis, which shows where shapes forbid none
    if sum(outcome.forwards for outcome in outcomes) > t.FORWARDS_ENOUGH:
        return replace(settings, told=told, entries=0)
    return replace(settings, told=told)


def _is_square(op: Op, sample: Sample) -> bool:
    """Whether it is the sample whose axes are all alike."""
    return sample.sizes == op.within_ranges(dict.fromkeys(op.symbols, t.SQUARE_SIZE))


def _what_was_left_out(outcomes: Sequence[Outcome]) -> list[str]:
    spent, left = 0, list[str]()
    for outcome in outcomes:
        left += [outcome.case.label] * (spent > t.FORWARDS_ENOUGH)
        spent += outcome.forwards
    words = f"after {t.FORWARDS_ENOUGH} forwards only random directions were compared, no single entries"
    return [f"{words}: {', '.join(left)}"] if left else []


def _where_it_raises(outcomes: Sequence[Outcome]) -> None:
    """A forward that raises in some samples is not defined there; one that raises in the plainest is at fault."""
    raised = [_raised(outcome) for outcome in outcomes]
    if not raised or raised[0]:
        return
    for outcome, words in zip(outcomes, raised, strict=True):
        if words:
            outcome.skipped, outcome.findings = f"it is not defined there: {words}", []


def _raised(outcome: Outcome) -> str:
    """In which words the forward raised, before anything else was seen; "" if it did not."""
    raised = [f.message for f in outcome.findings if f.code == "forward-raises" and not outcome.ran]
    return raised[0] if raised else ""


def _only_in_float32(op: Op, plain: Sample, seed: int) -> str:
    """Whether the pair gives float32 and nothing else: in which words, or ""."""
    double, single = (_dtype_of_y(op, replace(plain, dtype=dtype), seed) for dtype in ("float64", "float32"))
    if single != "float32" or (double != "refused" and (double != "float32" or op.pure)):
        return ""
    return "takes float32 only" if double == "refused" else "computes in float32 whatever it is given"


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
    op: Op, samples: Sequence[Sample], known: Sequence[Sample], settings: Settings, cell: str
) -> tuple[tuple[Sample, ...], Settings]:
    cells_of_op = _cells(op, known)
    if cell not in cells_of_op:
        raise ValueError(f"{op.name} has no cell {cell!r}; its cells are {', '.join(cells_of_op)}")
    if cell in CHECKS:
        return tuple(samples), replace(settings, checks=(cell,))
    return tuple(s for s in samples if s.cell == cell), replace(settings, checks=("contract", "numeric"))
