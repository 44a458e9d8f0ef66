"""How long is one training step, against PyTorch, against JAX, and against its matrix products alone?

    python benchmarks/speed/step.py                       # all cases but those on real data
    python benchmarks/speed/step.py --case mnist --threads 2 --json step.json
    python benchmarks/speed/step.py --case mnist-real --data-dir DIR
    python benchmarks/speed/step.py --case digits --busy 2         # beside two busy programs

A step is forward, backward and Adam, on a batch that is there already. The floors are the step's dense matrix products
alone, written into existing arrays: by the BLAS inside NumPy (OpenBLAS in its wheels), and by the one inside PyTorch
(MKL). JAX's step is jitted together with its Adam. Before anything is timed, loss and gradients of all contenders are
compared. What is not installed is left out. Each number of threads has a process of its own, which may run on so many
cores: JAX can be told in no other way.

A processor with 512-bit vectors imitates one with 256: set all of

    NPVAE_VECTORS=256 OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
    MKL_ENABLE_INSTRUCTIONS=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import contenders
import numpy as np
from cliffs import busy_programs
from llvmlite.binding import get_host_cpu_features
from rounds import interleaved, machine, summary, table, write_json

import npvae
from npvae.kernels.team import pools

CASES: dict[str, tuple[int, dict[str, Any], tuple[int, ...]]] = {  # batch size, settings of the VAE, thread counts
    "mnist": (128, {"data_dim": 784}, (2, 1)),
    "mnist-real": (128, {"data_dim": 784}, (2, 1)),
    "mnist-512": (512, {"data_dim": 784}, (2, 1)),
    "first-command": (128, {"data_dim": 64, "hidden": (256, 128), "latent_dim": 2}, (2, 1)),  # of the README
    "digits": (100, {"data_dim": 64, "hidden": (128,), "latent_dim": 2}, (2, 1)),
    "two-hidden": (20, {"data_dim": 784, "hidden": (200, 200), "latent_dim": 50, "activation": "tanh"}, (2, 1)),
    "calls": (2, {"data_dim": 2, "hidden": (2,), "latent_dim": 2}, (1,)),  # next to no arithmetic: what Python costs
}
REAL = "mnist-real"
REAL_BATCHES = 20
FLOOR, OTHER_FLOOR = "NumPy's products", "PyTorch's products"
RIVALS = [FLOOR, OTHER_FLOOR, "PyTorch eager", "PyTorch compiled", "JAX"]
NARROWING = {  # how each library is kept to 256-bit vectors
    "npvae": "NPVAE_VECTORS=256",
    "OpenBLAS": "OPENBLAS_CORETYPE=Haswell",
    "PyTorch": "ATEN_CPU_CAPABILITY=avx2",
    "oneDNN": "ONEDNN_MAX_CPU_ISA=AVX2",
    "MKL": "MKL_ENABLE_INSTRUCTIONS=AVX2",
    "XLA": "XLA_FLAGS=--xla_cpu_max_isa=AVX2",
}


def vectors() -> str:
    """How wide everybody's vectors are, and whether that is the processor's own width."""
    if not get_host_cpu_features().get("avx512f"):
        return "native"
    narrowed = {name for name, setting in NARROWING.items() if _is_set(*setting.split("=", 1))}
    if not narrowed:
        return "512 bits, native"
    if narrowed == set(NARROWING):
        return "256 bits, imitated on a processor with 512"
    return f"256 bits for {', '.join(sorted(narrowed))}, 512 for the others: no fair comparison"


def _is_set(variable: str, value: str) -> bool:
    return value.lower() in os.environ.get(variable, "").lower()


def batches_of(name: str, vae: npvae.VAE, data_dir: Path | None) -> contenders.Batches:
    """Random batches, dense; or, for the case on real data, MNIST's first."""
    N, rng = CASES[name][0], np.random.default_rng(0)
    if name != REAL:
        return [(rng.random((N, vae.data_dim), dtype=np.float32), vae.draw_eps(N, rng))]
    train, _ = npvae.load_dataset("mnist", data_dir)
    rows = rng.permutation(len(train))[: N * REAL_BATCHES].reshape(-1, N)
    return [(np.ascontiguousarray(train[np.sort(some)], np.float32), vae.draw_eps(N, rng)) for some in rows]


def installed(library: str) -> Any:
    """The module, or None."""
    try:
        return importlib.import_module(library)
    except ImportError:
        print(f"{library} is not installed: its rows are left out")
        return None


def run_case(name: str, count: int, rounds: int, data_dir: Path | None) -> dict[str, dict[str, float]]:
    """Medians of all contenders with so many threads."""
    settings, default = CASES[name][1], pools.PRODUCTS
    pages = npvae.VAE(**settings, backend="numpy")
    batches = batches_of(name, pages, data_dir)
    wanted = contenders.by_the_pages(pages, batches)
    pools.set_threads(count)
    calls: dict[str, contenders.Call] = {}
    if torch := installed("torch"):
        torch.set_num_threads(count)
        torch._dynamo.reset()  # it gives up compiling after eight models
        calls |= contenders.torch_steps(torch, pages, batches, wanted)
    if jax := installed("jax"):
        calls["JAX"] = contenders.jax_step(jax, pages, batches, wanted)
    for label, products in {"npvae": default, "npvae, BLAS products": "blas"}.items():
        calls[label] = contenders.npvae_step(npvae.VAE(**settings), batches, wanted, products)
    calls["npvae, backend numpy"] = contenders.npvae_step(pages, batches, wanted, None)
    calls[FLOOR] = contenders.numpy_products(pages, batches)
    if torch:
        calls[OTHER_FLOOR] = contenders.torch_products(torch, pages, batches)
    for call in calls.values():
        for _ in range(5):
            call()
    try:
        return summary(interleaved(calls, rounds))
    finally:
        pools.PRODUCTS = default


def in_a_process(count: int, cases: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """The result of this script for one number of threads."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "result.json"
        options = ["--threads", str(count), "--rounds", str(args.rounds), "--json", str(kept), "--busy", str(args.busy)]
        options += ["--data-dir", str(args.data_dir)] * (args.data_dir is not None)
        options += [option for name in cases for option in ("--case", name)]
        subprocess.run([sys.executable, __file__, *options], check=True)
        return json.loads(kept.read_text(encoding="utf-8"))["result"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES, action="append", help=f"default: all, {REAL} if there is --data-dir")
    parser.add_argument("--threads", type=int, action="append", help="default: 2 and 1")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="so many busy programs beside it")
    parser.add_argument("--data-dir", type=Path, help=f"folder with the MNIST files, for {REAL}")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cases = args.case or [name for name in CASES if name != REAL or args.data_dir]
    if REAL in cases and args.data_dir is None:
        parser.error(f"{REAL} needs --data-dir, a folder with the MNIST files")
    result: dict[str, Any] = {}
    counts = args.threads or [2, 1]
    if len(counts) > 1:
        for count in counts:
            here = [name for name in cases if args.threads or count in CASES[name][2]]
            result |= in_a_process(count, here, args) if here else {}
    else:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: counts[0]])
        print(machine())
        for name in cases:
            with busy_programs(args.busy):
                rows = result[f"{name}, {counts[0]} threads"] = run_case(name, counts[0], args.rounds, args.data_dir)
            print(f"\n{name}: {CASES[name][1]}, batch {CASES[name][0]}, {counts[0]} threads; vectors: {vectors()}")
            print(table(rows, "ms", RIVALS))
    write_json(args.json, result | {"vectors": vectors()})


if __name__ == "__main__":
    main()
