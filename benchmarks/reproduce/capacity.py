"""Hue and orientation in latents of their own: a capacity that grows, and fixed prices, over many seeds.

The data, the models and the measure are those of examples/hue_and_orientation.py, which trains a few of these; here
are more seeds and more prices. The capacity's schedule was chosen on seeds 10 to 14; seeds 0 to 4 came after.

    python benchmarks/reproduce/capacity.py [--ways capacity "β = 30"] [--seeds ...] [--minutes M] [--quick]
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from resumable import add_options, begin, end, machine

sys.path.append(str(Path(__file__).parents[2] / "examples"))
import hue_and_orientation as lesson

lesson.WAYS |= {f"β = {beta}": {"beta": float(beta)} for beta in (10, 60)}
ORDER = ("β = 1", "β = 10", "β = 30", "β = 60", "capacity")


def one(x, factors, way, epochs, seed):
    """What one training comes to, as JSON takes it."""
    begun = time.perf_counter()
    vae, _ = lesson.fit(x, way, epochs, seed)
    run = lesson.judged(vae, x, factors)
    known = run["table"][run["used"]].round(3).tolist()
    numbers = {"rate": float(run["kl"].sum()), "error": run["error"], "in use": len(known), "keep to one": run["pure"]}
    return numbers | {"apart": run["apart"], "known": known, "seconds": time.perf_counter() - begun}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-capacity")
    parser.add_argument("--ways", nargs="+", choices=ORDER, default=list(ORDER))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=400)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, epochs = (args.seeds[:1], 80) if args.quick else (args.seeds, args.epochs)
    kept = folder / f"finished-{epochs}.json"
    finished = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    x, factors = lesson.wedges()
    wanted = [(way, seed) for way in args.ways for seed in seeds]
    for way, seed in wanted:
        key = f"{way}, seed {seed}"
        if key not in finished and not clock.over():
            finished[key] = one(x, factors, way, epochs, seed)
            kept.write_text(json.dumps(finished, ensure_ascii=False), encoding="utf-8")
        if run := finished.get(key):
            known = " ".join(f"({orientation:.1f}, {hue:.1f})" for orientation, hue in np.maximum(run["known"], 0))
            print(f"{key:<18}{'apart' if run['apart'] else '-':<8}{run['seconds']:>5.0f} s   {known}", flush=True)
    print(f"\n{machine()}\n{epochs} epochs, mean ± std over seeds; rate: KL in nats; error: squared, per wedge")
    print(f"{'':<10}{'apart':>10}{'rate':>16}{'error':>16}{'in use':>16}{'keep to one':>16}")
    for way in args.ways:
        rows = [finished[key] for seed in seeds if (key := f"{way}, seed {seed}") in finished]
        if rows:
            cells = (spread([row[name] for row in rows]) for name in ("rate", "error", "in use", "keep to one"))
            apart = f"{sum(row['apart'] for row in rows)} of {len(rows)}"
            print(f"{way:<10}{apart:>10}" + "".join(f"{cell:>16}" for cell in cells))
    missing = sum(f"{way}, seed {seed}" not in finished for way, seed in wanted)
    return end(folder, f"{missing} trainings are still to be done" if missing else "", epochs=epochs, rows=finished)


def spread(values):
    """Mean ± standard deviation."""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.1f}"


if __name__ == "__main__":
    sys.exit(main())
