"""`npvae warmup`: compile all kernels now, so that no later run waits for it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npvae.steps.second_process import Task

DESCRIPTION = (
    "Compile every kernel and keep it on disk, so that later runs start at once. A run compiles what "
    "it needs by itself; this is for those who build an image, or want to measure the first run."
)


def run(args: argparse.Namespace) -> int:
    """Compile, and say how many kernels were still to be compiled."""
    from npvae.kernels import jit
    from npvae.steps import second_process

    start, compiled = time.perf_counter(), []

    def tell(name: str) -> None:
        compiled.append(name)
        print(f"compiling {name}", flush=True)

    tasks = to_compile()
    with jit.when_compiling(tell):
        if second_process.can_start():
            second_process.compile_with_a_second(to_compile, (), range(len(tasks)), tell)
        else:
            for task in tasks:
                task.compile()
    seconds = time.perf_counter() - start
    folder = jit.cache_folder()
    where = f"kept in {folder}" if folder else "kept nowhere: set NUMBA_CACHE_DIR to a folder that can be written"
    print(f"{len(compiled)} kernels compiled in {seconds:.1f} s, {where}" if compiled else f"nothing to do: {where}")
    return 0


def to_compile() -> list[Task]:
    """Every kernel, and the compiled steps; called in both processes that share the work."""
    from npvae.kernels.warmup import calls
    from npvae.ops import ACTIVATIONS
    from npvae.steps.second_process import Task

    steps: list[Callable[[], object]] = [partial(_take_small_step, activation) for activation in ACTIVATIONS]
    return [Task(call, is_kept=lambda: False) for call in (*steps, *calls())]


def _take_small_step(activation: str) -> None:
    """One step of a small VAE with this activation, where such a step is compiled as a whole."""
    import numpy as np

    import npvae
    from npvae.steps.compiled_vae import CompiledVAEStep, why_not
    from npvae.steps.mlp import skip_zeros

    vae = npvae.VAE(2, (2,), 1, activation)
    if why_not(vae):
        return
    step = CompiledVAEStep(vae, 2)
    _, trace = step.forward(np.zeros((2, 2), np.float32), np.zeros((2, 1), np.float32))
    step.backward(trace)
    skip_zeros(step.calls, True)  # what large products of data with many zeros need
