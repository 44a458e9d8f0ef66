"""What posterior collapse costs where the price is known: two hidden communities on 8 vertices, log p(x) exact.

    python benchmarks/reproduce/communities.py [--seeds 3] [--rows 100000] [--ways 0 1 2] [--minutes 5] [--quick]

KL(data || model) = E[log p(x)] - E[log p_model(x)], over 10,000 graphs that were not trained on: the first exactly, by
the sum over all ways to take sides, the second by 500 importance samples, which err to the side of a larger KL. Every
edge alone has the same probability, so a decoder that ignores z is a saddle that plain training does not leave. The
remedy: free bits for ten epochs of 25, which let the code be used, then the plain bound, which takes back what the bits
gave away; the last five epochs with a fifth of the step. What was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from resumable import Clock, Finished, add_options, begin, end, trained

import npvae
from npvae.data.communities import log_p_of_communities, make_communities
from npvae.evaluation import log_p_by_importance

HIDDEN, L = (256, 256), 16
WAYS = {  # objective, epochs, learning rate, one after the other
    "plain": [("elbo", 20, 1e-3), ("elbo", 5, 2e-4)],
    "free bits, half a nat per latent": [("free_bits", 20, 1e-3), ("free_bits", 5, 2e-4)],
    "free bits, then plain": [("free_bits", 10, 1e-3), ("elbo", 10, 1e-3), ("elbo", 5, 2e-4)],
}


def run(
    way: str,
    x: np.ndarray,
    x_test: np.ndarray,
    seed: int,
    folder: Path,
    clock: Clock,
    hidden: tuple[int, ...] = HIDDEN,
) -> tuple[float, float, float] | None:
    """Train one way -> -log p of the test graphs in nats, the KL term of the last epoch, seconds; None without time."""
    model, seconds = None, 0.0
    for phase, (objective, epochs, lr) in enumerate(WAYS[way]):

        def start(objective: str = objective, before: npvae.VAE | None = model) -> npvae.VAE:
            new = npvae.VAE(x.shape[1], hidden, L, objective=objective, free_bits=0.5, seed=seed)
            if before is not None:
                new.params.flat[:] = before.params.flat
            return new

        model = trained(folder / f"phase-{phase}", start, x, epochs, clock, lr=lr, seed=1000 * phase + seed)
        if model is None:
            return None
        seconds += sum(row["seconds"] for row in model.history)
    log_p = log_p_by_importance(model, x_test, np.random.default_rng(seed), samples=500).log_p
    return -float(log_p.mean()), float(model.history[-1]["train_kl"]), seconds


def main(argv: list[str] | None = None) -> int:
    """Train every way with every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, "reproduce-communities")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ways", type=int, nargs="+", default=range(len(WAYS)), help="which of the ways, from 0 on")
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, rows, tested = (1, min(args.rows, 2_000), 500) if args.quick else (args.seeds, args.rows, 10_000)
    folder = folder / f"{rows}-rows"
    rng = np.random.default_rng(0)
    x, x_test = (make_communities(count, rng)[0].astype(np.float32) for count in (rows, tested))
    exact = -log_p_of_communities(x_test)
    density = x.mean()
    coins = -(x_test * np.log(density) + (1 - x_test) * np.log(1 - density)).sum(axis=1)
    print(f"-log p(x), exact: {exact.mean():.3f} ± {exact.std() / np.sqrt(len(exact)):.3f} nats per graph")
    print(f"independent edges of one probability: {coins.mean():.3f}, KL(data || model) {(coins - exact).mean():.3f}\n")
    print(f"{'':<36}{'-log p':>8}{'KL(data || model)':>20}{'KL(q || p)':>12}{'s':>8}")
    finished, unfinished = Finished(folder / "finished.json"), 0
    for number in args.ways:
        way, done = list(WAYS)[number], []
        for seed in range(seeds):
            name = f"way-{number}-{seed}"
            result = finished.get(
                name, lambda way=way, seed=seed, name=name: run(way, x, x_test, seed, folder / name, clock)
            )
            done += [] if result is None else [result]
        unfinished += seeds - len(done)
        if not done:
            continue
        found = np.array(done)
        gap = found[:, 0] - exact.mean()
        spread = f"{gap.mean():.3f} ± {gap.std(ddof=1) if len(gap) > 1 else np.nan:.3f}"
        seconds = found[:, 2].mean()
        print(f"{way:<36}{found[:, 0].mean():>8.3f}{spread:>20}{found[:, 1].mean():>12.2f}{seconds:>8.1f}", flush=True)
    told = f"{unfinished} trainings are still to be done" if unfinished else ""
    return end(folder, told, rows=rows, finished=finished.results)


if __name__ == "__main__":
    sys.exit(main())
