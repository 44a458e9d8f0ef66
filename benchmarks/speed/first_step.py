"""How soon does training start? Seconds from the start of Python to the end of the first step, Adam's included.

    python benchmarks/speed/first_step.py --data-dir DIR [--against TREE] [--repeat 7] [--cold 1]

Each start is a program of its own: interpreter, imports, reading the data, one step of 784-400-20 on MNIST or of
64-128-2 on the digits. First with nothing compiled yet, in an empty folder each time, where a second process may
compile too, as under `npvae train`; then as every start after the first: kernels are on disk, and so is Python's
bytecode. Medians of both. With --against, another checkout of npvae takes turns with this one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rounds import machine

HERE = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, time
import npvae
data, data_dir, sizes, N = sys.argv[1], sys.argv[2], [int(size) for size in sys.argv[3].split("-")], int(sys.argv[4])
train, test = npvae.load_dataset(data, data_dir)
vae = npvae.VAE(sizes[0], sizes[1:-1], sizes[-1], seed=0)
import numpy as np
from npvae.steps import Step
try:
    from npvae.steps.second_process import permitted
except ImportError:  # another checkout, from before there was one
    from contextlib import nullcontext as permitted
adam, step, x = npvae.Adam(vae.params), Step(vae, N), train[:N].astype(np.float32)
with permitted():
    _, trace = step.forward(x, vae.draw_eps(N, np.random.default_rng(0)))
    adam.step(step.backward(trace))
print(time.time())
"""
CASES = {"mnist": ("784-400-20", "128"), "digits": ("64-128-2", "100")}


def first_step(tree: Path, data: str, data_dir: Path, cache: Path) -> float:
    """Seconds of one start of the npvae in `tree`, with the caches in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"NUMBA_CACHE_DIR": str(cache / "kernels"), "PYTHONPYCACHEPREFIX": str(cache / "bytecode")}
    command = [sys.executable, "-c", PROGRAM, data, str(data_dir.resolve()), *CASES[data]]
    start = time.time()
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout) - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the MNIST files")
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--repeat", type=int, default=7, help="starts with everything compiled")
    parser.add_argument("--cold", type=int, default=1, help="starts with nothing compiled")
    args = parser.parse_args()
    print(machine())
    trees = [HERE, *([args.against] if args.against else [])]
    print(f"{'':<46}{'nothing compiled':>18}{'median':>9}{'least':>9}{'most':>9}")
    for data, (sizes, _) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            empty = [Path(folder) / str(turn) for turn in range(args.cold)]
            turns = [*empty, *[empty[-1]] * args.repeat]
            cases = [(tree, str(i)) for i, tree in enumerate(trees)]
            rounds = [[first_step(tree, data, args.data_dir, turn / i) for tree, i in cases] for turn in turns]
        for tree, seconds in zip(trees, zip(*rounds, strict=True), strict=True):
            cold, others = median(seconds[: args.cold]), seconds[args.cold :]
            name = f"{data} {sizes}, {tree.name}"
            print(f"{name:<46}{cold:>18.2f}{median(others):>9.2f}{min(others):>9.2f}{max(others):>9.2f}")


if __name__ == "__main__":
    main()
