"""`npvae doctor`: report the processor, the libraries and the threads in use, time them, and suggest improvements."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

DESCRIPTION = (
    "Print the versions, the processor's vectors, BLAS, threads and the folder of compiled kernels, "
    "measure one matrix product, and list what is worth changing."
)


def run(args: argparse.Namespace) -> int:
    """Print what is in force, then the advice. The exit code is 0 in any case: nothing here is wrong, only slow."""
    import platform

    import llvmlite
    import numba
    import numpy as np

    import npvae
    from npvae.kernels import jit, processor
    from npvae.kernels.team import blas, pools

    rows = {
        "npvae": npvae.__version__,
        "python": f"{platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}, "
        f"llvmlite {llvmlite.__version__}",
        "processor": f"{llvmlite.binding.get_host_cpu_name()}, {cores()} cores for this process",
        "vectors": processor.description(),
        "BLAS": f"{blas.description()}, threads: {blas.threads() or 'unknown'}",
        "products": f"{pools.PRODUCTS}, threads: {pools.team.threads}",
        "threading": "of npvae's own; numba's threading layer is not used",
        **threads_of_steps(),
        "kernels kept in": jit.cache_folder() or "no folder: compiled anew in every process",
        "compiled": "no: NUMBA_DISABLE_JIT is set" if disabled() else "yes",
    }
    for name, value in rows.items():
        print(f"{name:<16} {value}")
    if not disabled():
        print(f"{'one product':<16} {measure()}")
    found = advice()
    print("\n" + ("\n".join(f"- {line}" for line in found) if found else "Nothing to change."))
    return 0


def threads_of_steps() -> dict[str, str]:
    """How many threads compute a step of the digits' model and of MNIST's, and why."""
    import npvae
    from npvae.steps.threads import threads_that_pay

    models = {"a digits step": npvae.VAE(64, (256, 128), 2), "an MNIST step": npvae.VAE(784)}
    return {name: "threads: {} ({})".format(*threads_that_pay(model, 128)) for name, model in models.items()}


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def disabled() -> bool:
    """True if kernels run as plain Python."""
    from numba import config

    return bool(config.DISABLE_JIT)  # type: ignore[attr-defined]


def measure() -> str:
    """128 x 784 by 784 x 400 in float32 by what computes products here, in microseconds, the median of 30.

    Tiles are compared with BLAS. Where BLAS computes, tiles are not timed: nobody would use them.
    """
    import numpy as np

    from npvae.kernels.team import pools
    from npvae.kernels.team.jobs import product
    from npvae.steps.buffers import aligned_empty

    shapes = ((128, 784), (784, 400), (128, 400))
    a, b, out = (aligned_empty(shape, np.dtype(np.float32)) for shape in shapes)
    a[...], b[...] = 0.5, 0.25
    by_blas = f"{median_us(lambda: np.matmul(a, b, out=out)):.0f} us by BLAS"
    which = "128 x 784 x 400, float32"
    if pools.PRODUCTS == "blas":
        return f"{by_blas} ({which})"
    by_tiles = median_us(lambda: pools.team.run(product, a, b, out, False, False))
    return f"{by_tiles:.0f} us by tiles, {by_blas} ({which})"


def median_us(call: Callable[[], object], times: int = 30) -> float:
    """The median time of a call, in microseconds."""
    call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[times // 2] * 1e6


def advice() -> list[str]:
    """What is worth changing, with the reason; empty if nothing is."""
    from npvae.kernels import jit, processor
    from npvae.kernels.team import blas, pools

    found = []
    if disabled():
        found.append("unset NUMBA_DISABLE_JIT, unless you are debugging: kernels run as plain Python loops")
    elif jit.cache_folder() is None:
        found.append("set NUMBA_CACHE_DIR to a folder that can be written: now every process compiles")
    if pools.team.threads < cores():
        names = [n for n in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS") if os.environ.get(n)]
        why = f" ({', '.join(f'{n}={os.environ[n]}' for n in names)})" if names else ""
        found.append(f"{pools.team.threads} of {cores()} cores are used{why}: train with --threads {cores()}")
    if os.environ.get("OPENBLAS_CORETYPE"):
        found.append(
            f"unset OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']}, unless you need the bits of that processor: "
            "it keeps BLAS from using this one's vectors"
        )
    if os.environ.get("NPVAE_PRODUCTS"):
        found.append(f"NPVAE_PRODUCTS={os.environ['NPVAE_PRODUCTS']} overrides the choice that would be made here")
    if processor.BITS < processor.NATIVE:
        found.append(f"unset NPVAE_VECTORS={processor.BITS}, unless you want to see what narrower processors get")
    if blas.threads() is None:
        found.append("NumPy's BLAS is not known here, so --threads does not reach it: set its own variable")
    return found
