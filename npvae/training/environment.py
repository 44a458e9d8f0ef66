"""What the last bits of a run depend on besides its settings: versions, machine, threads."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class EnvironmentWarning(UserWarning):
    """A run goes on where its last bits may come out differently."""


def environment(backend: str, processes: int = 1) -> dict[str, str]:
    """Everything here being equal, the same settings and data give the same bits."""
    import npvae

    build: Any = np.show_config(mode="dicts")
    blas = build.get("Build Dependencies", {}).get("blas", {})
    simd = build.get("SIMD Extensions", {})
    found = {
        "npvae": npvae.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "machine": f"{platform.system()} {platform.machine()}",
        "simd": " ".join((*simd.get("baseline", ()), *simd.get("found", ()))),
        "cpus": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "backend": backend,
    }
    if processes > 1:
        found["processes"] = str(processes)
    if backend == "numba":
        found["numba"] = _version("numba")
        found["llvmlite"] = _version("llvmlite")
        from npvae.kernels import processor
        from npvae.kernels.team import pools

        found["products"] = pools.PRODUCTS
        if processor.BITS < processor.NATIVE:
            found["vectors"] = processor.description()
    return found | {name: os.environ.get(name, "not set") for name in _THREAD_VARIABLES}


def differences(before: dict[str, str], now: dict[str, str]) -> str:
    """What has changed since, in words; "" if nothing has."""
    before, now = {"processes": "1"} | before, {"processes": "1"} | now
    changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    return ", ".join(f"{name} was {before.get(name, 'unknown')} and is {now.get(name, 'unknown')}" for name in changed)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
