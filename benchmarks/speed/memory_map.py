"""What a step costs when the data lie in a file larger than memory may be, beside the same step from memory.

    python benchmarks/speed/memory_map.py [--rows N]

A sparse .npy of 4 GB is trained on through its memory map, in shuffled blocks, beside 60,000 images in memory. Steps of
both are interleaved in one process, 20 at a time, and their medians are compared. A sparse file has no blocks on the
disk, so this is the cost of paging, shuffling and converting, not that of a slow disk.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

import npvae
from npvae.data import Images, minibatches, read_npy
from npvae.steps import Step

BATCH, ROUND, ROUNDS = 128, 20, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4 * 2**30 // 784, help="rows of 784 bytes (default: 4 GB)")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(args.rows, 784))
        in_memory = Images(np.zeros((60_000, 784), np.uint8))
        mapped = Images(read_npy(path, mmap=True))
        assert mapped.mapped
        assert len(mapped) == args.rows
        vae = npvae.VAE(784, (400,), 20)
        adam, step = npvae.Adam(vae.params), Step(vae, BATCH)
        before = anonymous()
        seconds: dict[str, list[float]] = {"in memory": [], "mapped": []}
        sources = {"in memory": stream(in_memory, rng), "mapped": stream(mapped, rng)}
        for name in seconds:  # compile, and read ahead for the first time
            timed_steps(vae, adam, step, sources[name], rng, ROUND)
        for _ in range(ROUNDS):
            for name in seconds:
                seconds[name] += timed_steps(vae, adam, step, sources[name], rng, ROUND)
        medians = {name: 1e3 * statistics.median(times) for name, times in seconds.items()}
        means = {name: 1e3 * statistics.fmean(times) for name, times in seconds.items()}
        print(f"{args.rows:,} rows, {path.stat().st_size / 2**30:.1f} GB; a step of {BATCH}: median (mean) ms")
        for name in seconds:
            print(f"  {name:<10} {medians[name]:6.2f} ({means[name]:.2f})")
        ratios = [numbers["mapped"] / numbers["in memory"] for numbers in (medians, means)]
        print(f"  ratio      {ratios[0]:6.2f} ({ratios[1]:.2f})")
        print(f"anonymous memory: {before:.0f} MB before, {anonymous():.0f} MB after")


def stream(x: Images, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches without end."""
    while True:
        yield from minibatches(x, BATCH, rng)


def timed_steps(vae, adam, step, source, rng, count) -> list[float]:
    seconds, last = [], time.perf_counter()
    for x in islice(source, count):
        eps = vae.draw_eps(len(x), rng)
        _, trace = step.forward(x, eps)
        adam.step(step.backward(trace))
        now = time.perf_counter()
        seconds.append(now - last)  # with the time that the batch took to come
        last = now
    return seconds


def anonymous() -> float:
    """MB of memory that is not pages of a file (Linux)."""
    status = Path("/proc/self/status")
    found = re.search(r"RssAnon:\s+(\d+)", status.read_text(encoding="utf-8")) if status.exists() else None
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    main()
