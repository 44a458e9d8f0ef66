"""What does a loop of one's own cost against the one in `npvae.train`? Seconds per epoch, and ratios.

    python benchmarks/speed/loops.py [--threads N] [--rounds 10] [--busy 0] [--json FILE]

The README's loop takes those of a `Step`, which reuses its arrays; with the model's own forward and backward every
array is new. `npvae.train` adds its guard against NaN, means and progress. All draw the same batches and noise, and
must end at the same loss. `--busy 2` computes beside two busy programs, for which PyTorch's and JAX's loops are in
step.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cliffs import busy_programs
from rounds import machine, summary, table, write_json

import npvae
from npvae.kernels.team import pools
from npvae.steps import Step

BATCH = 128
CASES: dict[str, tuple[int, dict[str, Any]]] = {  # rows of an epoch, settings
    "64-256-128-2": (1501, {"data_dim": 64, "hidden": (256, 128), "latent_dim": 2}),
    "784-400-20": (5120, {"data_dim": 784}),
}
OURS = "npvae.train"


def own_loop(vae: npvae.VAE, x: np.ndarray, way: Any) -> Callable[[], float]:
    """One epoch as the README has it: the mean loss of its batches."""
    adam, rng = npvae.Adam(vae.params), np.random.default_rng(0)

    def epoch() -> float:
        losses = []
        for batch in npvae.minibatches(x, BATCH, rng):
            eps = rng.standard_normal((len(batch), vae.latent_dim), dtype=np.float32)
            loss, trace = way.forward(batch, eps)
            grads = way.backward(trace)
            adam.step(grads)
            losses.append(loss)
        return float(np.mean(losses))

    return epoch


def our_loop(vae: npvae.VAE, x: np.ndarray, epochs: int) -> list[tuple[float, float]]:
    """Seconds and loss of each epoch within one call of npvae.train."""
    npvae.train(vae, x, epochs=epochs, batch_size=BATCH, progress=False)
    return [(row["seconds"], row["train_loss"]) for row in vae.history]


def run_case(name: str, rounds: int) -> dict[str, dict[str, float]]:
    rows, settings = CASES[name]
    x = np.random.default_rng(1).random((rows, settings["data_dim"]), dtype=np.float32)
    times: dict[str, list[float]] = {}
    last: dict[str, float] = {}
    loops = {}
    for label in ("own loop, the model's arrays", "own loop, a Step"):
        vae = npvae.VAE(**settings)
        loops[label] = own_loop(vae, x, vae if "model" in label else Step(vae, BATCH))
        loops[label]()
    npvae.train(npvae.VAE(**settings), x, epochs=1, batch_size=BATCH, progress=False)  # compiled, from here on
    for _ in range(rounds):
        for label, epoch in loops.items():
            time.sleep(0.1)
            for _ in range(2):
                start = time.perf_counter()
                last[label] = epoch()
                times.setdefault(label, []).append(time.perf_counter() - start)
        time.sleep(0.1)
        found = our_loop(npvae.VAE(**settings), x, 3)[1:]
        times.setdefault(OURS, []).extend(seconds for seconds, _ in found)
    last[OURS] = our_loop(npvae.VAE(**settings), x, 1 + 2 * rounds)[-1][1]
    assert max(last.values()) - min(last.values()) < 0.01 * last[OURS], f"not the same training: {last}"
    return summary(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--busy", type=int, default=0, help="busy programs beside it")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.threads:
        pools.set_threads(args.threads)
    print(machine(), f"{pools.team.threads} threads, products: {pools.PRODUCTS}, {args.busy} busy programs")
    result = {}
    with busy_programs(args.busy):
        for name in CASES:
            result[name] = run_case(name, args.rounds)
            print(f"\n{name}, batch {BATCH}, {CASES[name][0]} rows per epoch")
            print(table(result[name], "ms", [OURS]))
    write_json(args.json, result)


if __name__ == "__main__":
    main()
