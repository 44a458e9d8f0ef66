"""The parts of the checker that can be switched off, to see what each buys: `score.py --without PART`.

Some parts catch (a check, a group of samples), others prevent that a right gradient is refused (a second look at kinks,
measured noise). Each is off for the time of a `with` block; the checker itself knows of no switches.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import Sample, battery
from npvae.gradcheck.ground import thresholds
from npvae.gradcheck.ground.findings import CHECKS, FAIL, INCONCLUSIVE
from npvae.gradcheck.pair import contracts, first_run
from npvae.gradcheck.slopes import adjudicate, line
from npvae.gradcheck.slopes.differences import Slope
from npvae.gradcheck.verdict import gradient
from npvae.gradcheck.verdict.case import Outcome, Settings, check_case
from npvae.spec import Op

__all__ = ["PARTS", "Plant", "verdict_of", "what_parts_buy"]

CELLS = ("params", "shapes", "layouts", "kink", "saturation", "scale", "domain", "specials", "numeric-f32")
SAMPLES = (*CELLS, "long sizes", "even sizes")
COMPARING = ("entries", "directions", "strict dtype")
RULINGS: dict[str, tuple[Any, str, Any]] = {
    "equal entries together": (gradient, "_too_many", lambda claim, rulings: ""),
    "linear arguments": (gradient, "check_linear", lambda claim: ("", 0.0, 0.0)),
    "slopes from each side": (adjudicate, "apart", lambda sides: False),
    "bends in float32": (adjudicate, "_bends", lambda claim, line, step, noise: False),
    "float64 beside float32": (adjudicate, "_in_float64", lambda claim, line, ruling: ruling),
    "scatter of float32": (first_run.FirstRun, "_scatter", lambda self, exact: [0.0 * grad for grad in exact]),
    "steps nearer the entry": (adjudicate, "slope_nearer", lambda claim, line: Slope(math.nan, math.inf, False, 0.0)),
    "equal entries set apart": (adjudicate, "slope_nearby", lambda claim, i: False),
    "points around": (adjudicate, "slope_around", lambda claim, i, size: False),
    "noise measured": (line, "noise_level", lambda along, **how: 0.0),
    "infinite slopes": (contracts, "_slope_unbounded", lambda first_run, k, where: False),
}
"""Name -> what is replaced, and by what, while the part is off."""
PARTS = (*CHECKS, *SAMPLES, *COMPARING, *RULINGS)
"""What can be switched off: a check, a group of samples, a way of comparing, a way of ruling on what disagrees."""

Plant = Callable[[], Sequence[Op]]
"""What plants a mistake afresh (it may keep state), and on which ops."""


def verdict_of(outcome: Outcome, without: str = "") -> str:
    """PASS, FAIL or INCONCLUSIVE, from all checks on one case, or from all but one."""
    verdicts = {finding.verdict for finding in outcome.findings if finding.check != without}
    return next((v for v in (FAIL, INCONCLUSIVE) if v in verdicts), "PASS")


@contextlib.contextmanager
def without(part: str) -> Iterator[Settings]:
    """The settings with a part off; a ruling is off inside the block. "" for everything on."""
    settings = Settings(strict=part != "strict dtype", checks=tuple(check for check in CHECKS if check != part))
    settings = replace(settings, entries=0 if part == "entries" else settings.entries)
    settings = replace(settings, directions=0 if part == "directions" else settings.directions)
    with mock.patch.object(*RULINGS[part]) if part in RULINGS else contextlib.nullcontext():
        yield settings


def left_of(samples: Sequence[Sample], part: str) -> list[Sample]:
    """The samples that are left with a part off."""
    kept = [sample for sample in samples if sample.cell != part]
    if part == "long sizes":
        kept = [sample for sample in kept if max(sample.sizes.values(), default=0) <= thresholds.LONG_SIZE - 1]
    if part == "even sizes":
        plain = samples[0].sizes
        kept = [s for s in kept if all(n in (1, 3, plain[key]) or n > 32 for key, n in s.sizes.items())]
    return kept


@dataclass(frozen=True)
class Seen:
    """What came of one case with everything on: the verdict, which checks and codes failed, which rulings were asked.

    place  where the case is: which of the ops with this mistake, and which sample
    """

    place: tuple[int, Sample]
    verdict: str
    failed: frozenset[str]
    codes: frozenset[str]
    asked: frozenset[str]

    def depends_on(self, part: str) -> bool:
        """Whether the verdict may be another with a part off, were the sample still looked at."""
        if part in RULINGS:
            return part in self.asked
        if part in CHECKS:
            return self.failed == {part}
        if part == "strict dtype":
            return self.codes == {"gradient-dtype"}
        return part in COMPARING and self.failed <= {"numeric"}


def look(op: Op, place: tuple[int, Sample], seed: int) -> Seen:
    """Run one case with everything on, and watch which rulings are asked for."""
    asked: set[str] = set()
    with contextlib.ExitStack() as stack:
        for part, (where, name, _) in RULINGS.items():
            stack.enter_context(mock.patch.object(where, name, _watched(part, getattr(where, name), asked)))
        outcome = check_case(build(op, place[1], seed), build(op, place[1], seed + 1), Settings(strict=True))
    bad = [finding for finding in outcome.findings if finding.verdict == FAIL]
    failed, codes = frozenset(f.check for f in bad), frozenset(f.code for f in bad)
    return Seen(place, verdict_of(outcome), failed, codes, frozenset(asked))


def _watched(part: str, function: Callable[..., Any], asked: set[str]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        asked.add(part)
        return function(*args, **kwargs)

    return call


def verdict(op: Op, sample: Sample, seed: int, part: str) -> str:
    """Of one case, with a part off."""
    with without(part) as settings:
        return verdict_of(check_case(build(op, sample, seed), build(op, sample, seed + 1), settings), part)


def caught(plant: Plant) -> Seen | None:
    """The first case that catches a mistake with everything on; None if none does."""
    for turn, op in enumerate(plant()):
        for sample in battery(op):
            seen = look(op, (turn, sample), 0)
            if seen.verdict == FAIL:
                return seen
    return None


def caught_without(part: str, plant: Plant, seen: Seen) -> bool:
    """Whether a mistake is caught with a part off: where it was caught with everything on, or elsewhere."""
    turn, sample = seen.place
    left = sample in left_of(battery(plant()[turn]), part)
    if left and (not seen.depends_on(part) or verdict(plant()[turn], sample, 0, part) == FAIL):
        return True
    return any(verdict(op, other, 0, part) == FAIL for op in plant() for other in left_of(battery(op), part))


def what_parts_buy(
    parts: Sequence[str], wrong: dict[str, Plant], right: Sequence[Op], seeds: Sequence[int], path: Path | None
) -> None:
    """Print a row for each part: what is missed and what is refused with it off, beside what is with everything on.

    A case is run again only where the part has a say in it. Fewer checks or samples refuse no more than all of them.
    """
    print("| off | caught | right ones refused | inconclusive |\n|---|---|---|---|")
    found = {name: caught(plant) for name, plant in wrong.items()}
    cases = [(op, look(op, (0, s), seed), seed) for seed in seeds for op in right for s in battery(op)]
    rows = []
    for part in ("", *parts):
        missed = [name for name, seen in found.items() if seen is None or not caught_without(part, wrong[name], seen)]
        verdicts = [(op, seen.place[1], seed, seen.verdict if not seen.depends_on(part) or part in CHECKS else
                     verdict(op, seen.place[1], seed, part)) for op, seen, seed in cases]  # fmt: skip
        refused = [f"{op.name} {sample.label}, seed {seed}" for op, sample, seed, said in verdicts if said == FAIL]
        doubtful = [f"{op.name} {s.label}, seed {seed}" for op, s, seed, said in verdicts if said == INCONCLUSIVE]
        rows.append({"part": part or "nothing", "caught": len(wrong) - len(missed), "of": len(wrong), "missed": missed,
                     "right_cases": len(cases), "refused": refused, "inconclusive": doubtful})  # fmt: skip
        cells = f"{len(wrong) - len(missed)} of {len(wrong)} | {len(refused)} of {len(cases)} | {len(doubtful)}"
        print(f"| {part or 'nothing'} | {cells} |", flush=True)
        if path:
            path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
