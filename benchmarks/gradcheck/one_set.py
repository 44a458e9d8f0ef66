"""How does npvae's checker do on one hand-made set alone: mistakes caught, right pairs refused?

    python benchmarks/gradcheck/one_set.py --seeds 10             # the fifth set, about six minutes
    python benchmarks/gradcheck/one_set.py --set "seventh set" --seeds 10           # about six minutes, too
    python benchmarks/gradcheck/one_set.py --rivals               # other people's checkers on the same set instead
    python benchmarks/gradcheck/one_set.py --set "sixth set" --parts --seeds 3       # with each part off, on this set

A mistake is planted on seed 0 and caught if some sample of the battery fails; the right pairs, those that were written
for the set, run their whole batteries on each seed from 1 on, strict about dtypes. Every miss and every refusal is
printed. This is how a set is scored blind, before anything in the checker is changed for it. With --rivals each of the
other checkers is driven over the same ops and layers, as `score.py` does: over one random array, and over npvae's
samples, where a catch counts only if it accepts the right pair there.
"""

from __future__ import annotations

import argparse

from parts import PARTS, verdict_of, what_parts_buy
from rivals import rivals
from score import ALL, ONE, RIGHT, caught_by, caught_by_npvae, hand_made, rival_false_alarms

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import battery
from npvae.gradcheck.ground.findings import FAIL, INCONCLUSIVE
from npvae.gradcheck.verdict.case import Settings, check_case
from npvae.spec import Op


def main() -> int:
    """Print what is missed and what is refused, and the two figures. Exit code 1 if there is any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="fifth set", choices=sorted({wrong.group for wrong in hand_made()}))
    parser.add_argument("--seeds", type=int, default=1, help="seeds for the right pairs")
    parser.add_argument("--rivals", action="store_true", help="score the other checkers on the set")
    parser.add_argument("--parts", action="store_true", help="what is missed and refused with each part off")
    args = parser.parse_args()
    if args.parts:
        wrong = {wrong.name: wrong.plant for wrong in hand_made() if wrong.group == args.set}
        names = dict.fromkeys(op.name.split(":")[0] for plant in wrong.values() for op in plant())
        what_parts_buy(PARTS, wrong, [RIGHT[name] for name in names], range(1, args.seeds + 1), None)
        return 0
    ops = [op for wrong in hand_made() if wrong.group == args.set for op in wrong.plant()]
    if args.rivals:
        return print_rivals(ops)
    missed = [op.name for op in ops if not caught_by_npvae(op, ALL)]
    for name in missed:
        print(f"missed: {name}", flush=True)
    names = dict.fromkeys(op.name.split(":")[0] for op in ops)
    print(f"caught {len(ops) - len(missed)} of {len(ops)} mistakes in {len(names)} ops and layers", flush=True)
    counts = {FAIL: 0, INCONCLUSIVE: 0, "PASS": 0}
    for seed in range(1, args.seeds + 1):
        for name in names:
            for sample in battery(RIGHT[name]):
                case, other = (build(RIGHT[name], sample, s) for s in (seed, seed + 1))
                outcome = check_case(case, other, Settings(strict=True))
                if outcome.skipped:
                    continue
                verdict = verdict_of(outcome)
                counts[verdict] += 1
                if verdict != "PASS":
                    print(f"{verdict}: right {name}, sample {sample.label}, seed {seed}", flush=True)
    print(f"right ones refused: {counts[FAIL]} of {sum(counts.values())} cases, {counts[INCONCLUSIVE]} inconclusive")
    return 1 if missed or counts[FAIL] else 0


def print_rivals(ops: list[Op]) -> int:
    """A row for each of the other checkers, over one sample and over the battery."""
    right = {op.name.split(":")[0]: RIGHT[op.name.split(":")[0]] for op in ops}
    print(f"| checker, driven over | caught, of {len(ops)} | right ones refused |\n|---|---|---|")
    for name, accepts in rivals().items():
        alarms = rival_false_alarms(accepts, list(right.values()))
        for label, samples in (("one sample", ONE), ("battery", ALL)):
            cries_wolf: dict = {}
            caught = sum(caught_by(accepts, op, right[op.name.split(":")[0]], samples, cries_wolf) for op in ops)
            print(f"| {name}, {label} | {caught} | {alarms[label]} of {alarms[f'of {label}']} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
