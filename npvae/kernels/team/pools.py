"""Which threads compute, and how npvae's pool and BLAS's are kept from running at once.

There are two pools in a process: the one inside BLAS, and the team of `npvae.kernels.team.team`. Threads of both wait
busily for a while after a job, so that the next begins without delay; on the same cores they would take time from each
other, and a step would last ten times as long. So a training step uses one of the two, never both:

- where products are our own tiles (see `npvae.kernels.matmul`), the team computes everything and BLAS is not called;
- where they are BLAS's, it computes the products, and all other kernels run in the caller alone. They are a tenth of a
  step. BLAS's own threads are woken for long products only, or if they were asked for (`blas.matmul` says why).

Which of the two it is follows from the processor alone: tiles where its vectors have 256 bits or more, which is AVX2
with FMA, or AVX-512. A stopwatch would pick the faster one more often, and would make results depend on what else the
machine was doing, because tiles and BLAS round differently and the same seed must give the same bits. What the rule
rests on is measured in benchmarks/speed/kernels.py. `NPVAE_PRODUCTS=blas` or `=tiles` in the environment overrides it.

Numba's own parallel loops are not used at all, so neither its threading layer nor OMP_WAIT_POLICY matters.

By default there are as many threads as NumPy's BLAS would use, which heeds OPENBLAS_NUM_THREADS, OMP_NUM_THREADS and
the cores that the process may run on; of these as many compute as the rules of shapes let (`npvae.steps.threads`).
`set_threads` sets both pools, and BLAS then uses its threads at every size.
"""

from __future__ import annotations

import atexit
import os

import numpy as np
from numba.core import config

from npvae.kernels.processor import BITS
from npvae.kernels.team import blas
from npvae.kernels.team.team import Team

TILES_FROM = 256  # bits of a vector: with narrower ones BLAS is as fast
SHARED_FROM = 50_000  # numbers: below, a loop is over before a helper has begun


def choose() -> str:
    """What this process multiplies with: "tiles" if its vectors are wide enough, else "blas"."""
    wanted = os.environ.get("NPVAE_PRODUCTS", "")
    if wanted not in ("", "blas", "tiles"):
        raise ValueError(f"NPVAE_PRODUCTS is {wanted!r} in the environment, expected 'blas' or 'tiles'")
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return "blas"
    return wanted or ("tiles" if BITS >= TILES_FROM else "blas")


def default_threads() -> int:
    """As many as BLAS has; if that cannot be found out, the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(blas.threads() or cores, cores)


def set_threads(n: int) -> None:
    """Compute with n threads from now on, in BLAS and in npvae's own products. Raises ValueError for n < 1.

    Example:
        >>> npvae.set_threads(1)
    """
    if n < 1:
        raise ValueError(f"threads is {n}, expected at least 1")
    blas.asked = True
    blas.set_threads(n)
    team.resize(n)


def team_computes(array: np.ndarray) -> bool:
    """True if loops over an array like this are the team's and not the caller's alone."""
    return PRODUCTS == "tiles" and array.dtype == np.float32 and array.size >= SHARED_FROM


PRODUCTS = choose()
team = Team(default_threads())
atexit.register(team.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.forget)
