"""What every timing here does: interleaved rounds, medians and ratios, a table, the machine, JSON.

Contenders take turns within one process, so that whatever else the machine does meets them all alike; then their ratios
hold even where milliseconds do not. Before each turn there is a pause: threads of the last contender's pool may still
be looking for work, and would take a core from the next. After it, calls that do not count, until the contender's own
threads are awake.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from types import ModuleType

PAUSE = 0.25  # seconds; OpenBLAS's threads look for work for a tenth of a second
WARM_UP = 0.05  # seconds; a thread that sleeps was seen to take 20 ms to get a core of a virtual machine


def interleaved(
    contenders: Mapping[str, Callable[[], object]], rounds: int = 10, calls: int = 20, pause: float = PAUSE
) -> dict[str, list[float]]:
    """Seconds of every timed call, by contender: `rounds` turns of `calls` calls each, after a WARM_UP."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            time.sleep(pause)
            warm = time.perf_counter() + WARM_UP
            call()
            while time.perf_counter() < warm:
                call()
            for _ in range(calls):
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    return times


def summary(times: Mapping[str, list[float]], unit: float = 1e3) -> dict[str, dict[str, float]]:
    """Median, and the middle half of all calls, in 1 / unit seconds."""
    rows = {}
    for name, seconds in times.items():
        ordered = sorted(seconds)
        quarter = len(ordered) // 4
        rows[name] = {
            "median": round(median(ordered) * unit, 4),
            "low": round(ordered[quarter] * unit, 4),
            "high": round(ordered[-quarter - 1] * unit, 4),
        }
    return rows


def ratio(rows: Mapping[str, Mapping[str, float]], name: str, other: str) -> float:
    """How long one takes, the other being 1."""
    return round(rows[name]["median"] / rows[other]["median"], 3)


def table(rows: Mapping[str, Mapping[str, float]], unit: str, against: list[str]) -> str:
    """One line a contender: median, middle half, ratios to the given others."""
    against = [other for other in against if other in rows]
    head = f"{'':<34}{unit + ' median':>12}{'middle half':>18}" + "".join(f"{'/ ' + other:>22}" for other in against)
    lines = [head]
    for name, row in rows.items():
        spread = f"{row['low']:.3f} - {row['high']:.3f}"
        ratios = "".join(f"{ratio(rows, name, other):>22.2f}" for other in against)
        lines.append(f"{name:<34}{row['median']:>12.3f}{spread:>18}{ratios}")
    return "\n".join(lines)


def use_threads(count: int) -> ModuleType | None:
    """npvae and PyTorch compute with so many threads from now on -> torch, or None where it is not installed."""
    from npvae.kernels.team import pools

    pools.set_threads(count)
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(count)
    return torch


def machine() -> dict[str, str]:
    """What a figure depends on."""
    import numpy as np
    from llvmlite.binding import get_host_cpu_name

    from npvae.kernels import processor
    from npvae.kernels.team import blas

    found = {
        "processor": get_host_cpu_name(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "vectors": processor.description(),
        "blas": blas.description(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    if os.environ.get("OPENBLAS_CORETYPE"):
        found["note"] = f"OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']} holds BLAS to that processor's kernels"
    return found


def write_json(path: Path | None, result: object) -> None:
    """Keep a result beside the machine it was measured on."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), "result": result}, indent=1) + "\n", encoding="utf-8")
