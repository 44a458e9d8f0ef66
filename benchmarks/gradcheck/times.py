"""How long does a gradient check take: an op's battery, a whole model, one wrong weight among many?

    python benchmarks/gradcheck/times.py [--rounds 5] [--json FILE]
    python benchmarks/gradcheck/times.py --failing --rounds 1      # a failing check beside a passing one, instead

Warm, one BLAS thread, teeth apart. Every verdict is looked at before anything is timed. The one wrong weight is off by
0.1 % in an entry of ordinary size (at least a tenth of the gradient's rms), somewhere in 784 x 200 of them. The model
is a VAE of 784-400-20-400-784, 653,224 parameters in float64, on the NumPy backend. A failing check is that of each
mistake of the fifth set in its LSTM and its convolutions, where the numbers of a gradient are wrong.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # rounds

import numpy as np
from rounds import interleaved, machine, summary, write_json

from npvae import VAE
from npvae.gradcheck import Report, check_model, check_op, gradcheck
from npvae.ops import OPS

FAILING = ("LSTM", "Conv2d", "conv1d")
NUMBERS = ("algebra", "shapes", "cotangent", "parameters", "kinks")
"""Kinds of mistakes after which there is a gradient to compare; those of state and contract end a check at once."""

HEAVY = {"numba", "matplotlib", "hypothesis", "scipy", "torch", "pytest"}


def battery_of(op: object) -> Callable[[], Report]:
    return lambda: check_op(op)  # type: ignore[arg-type]


def one_wrong_weight(seed: int) -> Callable[[], Report]:
    """A dense layer with one entry of dW wrong; the check, which has to name that entry."""
    rng = np.random.default_rng(seed)
    x, W, b = rng.standard_normal((8, 784)), rng.standard_normal((784, 200)), rng.standard_normal(200)
    dy = 3 * rng.standard_normal((8, 200))
    dW = x.T @ dy
    ordinary = np.flatnonzero(np.abs(dW) > 0.1 * np.sqrt(np.mean(dW**2)))
    place = tuple(map(int, np.unravel_index(rng.choice(ordinary), W.shape)))

    def backward(dy: np.ndarray, cache: tuple) -> tuple:
        x, W = cache
        dW = x.T @ dy
        dW[place] *= 1.001
        return dy @ W.T, dW, dy.sum(axis=0)

    def check() -> Report:
        return gradcheck(lambda x, W, b: (x @ W + b, (x, W)), backward, (x, W, b), dy=dy, seed=seed)

    found = [finding.index for finding in check().findings]
    assert found == [place], f"planted in {place}, found {found}"
    return check


def whole_model() -> Callable[[], Report]:
    """Every gradient of a VAE, away from the small weights of a fresh start."""
    vae = VAE(784, hidden=(400,), latent_dim=20, dtype="float64", backend="numpy")
    rng = np.random.default_rng(0)
    vae.params.flat[...] += 0.02 * rng.standard_normal(vae.params.flat.shape)
    x, eps = rng.random((16, 784)), rng.standard_normal((16, 20))
    return lambda: check_model(vae, x, eps)


def failing_and_passing() -> dict[str, dict[str, Callable[[], Report]]]:
    """Right op -> its check, called "right", and those of its mistakes."""
    import mistakes.fifth  # noqa: F401
    from mistakes.first import MISTAKES
    from mistakes.third import BY_NAME

    found = {}
    for name in FAILING:
        planted = {m.name: m.planted() for m in MISTAKES if m.op == name and m.kind in NUMBERS}
        found[name] = {"right": battery_of(BY_NAME[name])} | {key: battery_of(op) for key, op in planted.items()}
    return found


def print_failing(rounds: int) -> None:
    """A line for each mistake: how long its check takes, that of the right op being 1. Seconds need no warm-up."""
    for name, checks in failing_and_passing().items():
        seconds: dict[str, list[float]] = {key: [] for key in checks}
        for _ in range(rounds):
            for key, check in checks.items():
                start = time.perf_counter()
                report = check()
                seconds[key].append(time.perf_counter() - start)
                assert bool(report) == (key == "right"), f"{key}: {report}"
        right = median(seconds.pop("right"))
        ratios = {key: median(taken) / right for key, taken in seconds.items()}
        print(f"{name}: {right:.2f} s passing; failing {median(ratios.values()):.1f} times as long in the median")
        for key, ratio in ratios.items():
            print(f"    {key:<70} {ratio:5.1f}", flush=True)


def loaded_by_import() -> set[str]:
    """What `import npvae.gradcheck` and its first use load of the heavy packages."""
    code = "from npvae.gradcheck import check_op, check_model, op_test; import sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return HEAVY & set(modules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--failing", action="store_true", help="a failing check beside a passing one, and nothing else")
    args = parser.parse_args()
    print(machine())
    if args.failing:
        return print_failing(args.rounds)
    ops = {op.name: battery_of(op) for op in OPS}
    weights = {f"one wrong weight, seed {seed}": one_wrong_weight(seed) for seed in range(20)}
    model = {"model of 653,224 parameters": whole_model()}
    for name, check in {**ops, **model}.items():
        report = check()
        assert report, f"{name}: {report}"
    rows = summary(interleaved({**ops, **weights, **model}, args.rounds, calls=1, pause=0.0))
    batteries = sorted(rows[name]["median"] for name in ops)
    wrong = [rows[name]["median"] for name in weights]
    found = {
        "an op's default battery, median of the ops, ms": round(median(batteries)),
        "the dearest op, ms": round(batteries[-1]),
        "all ops, s": round(sum(batteries) / 1e3, 1),
        "one wrong weight of 156,800, median, ms": round(median(wrong)),
        "the dearest place of 20, ms": round(max(wrong)),
        "model of 653,224 parameters, s": round(rows["model of 653,224 parameters"]["median"] / 1e3, 2),
        "heavy packages that import npvae.gradcheck loads": ", ".join(sorted(loaded_by_import())) or "none",
    }
    for question, answer in found.items():
        print(f"{question:<52} {answer}")
    for name in sorted(ops, key=lambda name: rows[name]["median"]):
        print(f"    {name:<30} {rows[name]['median']:7.0f} ms")
    write_json(args.json, {"answers": found, "calls": rows})


if __name__ == "__main__":
    main()
