"""How does npvae's checker do on one hand-made set alone: mistakes caught, right pairs refused?

    python benchmarks/gradcheck/one_set.py --seeds 10             # the fifth set, about six minutes
    python benchmarks/gradcheck/one_set.py --set "fourth set"

A mistake is planted on seed 0 and caught if some sample of the battery fails; the right pairs, those that were written
for the set, run their whole batteries on each seed from 1 on, strict about dtypes. Every miss and every refusal is
printed. This is how a set is scored blind, before anything in the checker is changed for it.
"""

from __future__ import annotations

import argparse

from score import ALL, RIGHT, caught_by_npvae, hand_made, verdict_of

from npvae.gradcheck.battery.drawing import build
from npvae.gradcheck.battery.samples import battery
from npvae.gradcheck.ground.findings import FAIL, INCONCLUSIVE
from npvae.gradcheck.verdict.case import Settings, check_case


def main() -> int:
    """Print what is missed and what is refused, and the two figures. Exit code 1 if there is any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="fifth set", choices=sorted({wrong.group for wrong in hand_made()}))
    parser.add_argument("--seeds", type=int, default=1, help="seeds for the right pairs")
    args = parser.parse_args()
    ops = [op for wrong in hand_made() if wrong.group == args.set for op in wrong.plant()]
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


if __name__ == "__main__":
    raise SystemExit(main())
