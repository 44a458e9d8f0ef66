"""`npvae warmup`: compile all kernels now, so that no later run waits for it."""

from __future__ import annotations

import argparse
import time

DESCRIPTION = (
    "Compile every kernel and keep it on disk, so that later runs start at once. A run compiles what "
    "it needs by itself; this is for those who build an image, or want to measure the first run."
)


def run(args: argparse.Namespace) -> int:
    """Compile, and say how many kernels were still to be compiled."""
    from npvae.kernels import jit
    from npvae.kernels.warmup import compile_all

    start, compiled = time.perf_counter(), []

    def tell(name: str) -> None:
        compiled.append(name)
        print(f"compiling {name}", flush=True)

    with jit.when_compiling(tell):
        compile_all()
        _take_small_steps()
    seconds = time.perf_counter() - start
    folder = jit.cache_folder()
    where = f"kept in {folder}" if folder else "kept nowhere: set NUMBA_CACHE_DIR to a folder that can be written"
    print(f"{len(compiled)} kernels compiled in {seconds:.1f} s, {where}" if compiled else f"nothing to do: {where}")
    return 0


def _take_small_steps() -> None:
    """One step of a small VAE for every activation, where such a step is compiled as a whole."""
    import numpy as np

    import npvae
    from npvae.ops import ACTIVATIONS
    from npvae.steps.compiled_vae import CompiledVAEStep, why_not
    from npvae.steps.mlp import skip_zeros

    for activation in ACTIVATIONS:
        vae = npvae.VAE(2, (2,), 1, activation)
        if why_not(vae):
            return
        step = CompiledVAEStep(vae, 2)
        _, trace = step.forward(np.zeros((2, 2), np.float32), np.zeros((2, 1), np.float32))
        step.backward(trace)
        skip_zeros(step.calls, True)  # what large products of data with many zeros need
