"""The thread count of the BLAS that NumPy has loaded, read and set through the library's own functions."""

from __future__ import annotations

import ctypes
import re
from functools import cache
from pathlib import Path

import numpy as np

# (to read, to set), as OpenBLAS is built by NumPy, by distributions and by conda, then MKL, then BLIS
_FUNCTIONS = [
    *(
        (f"{prefix}openblas_get_num_threads{suffix}", f"{prefix}openblas_set_num_threads{suffix}")
        for prefix in ("scipy_", "")
        for suffix in ("64_", "_64", "")
    ),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
]

WORTH_WAITING = 300_000_000  # floating-point operations: about 4 ms of one core
SMALLEST = 2**19  # operations: up to so many OpenBLAS computes without its threads, however many it may use
asked = False  # whether somebody chose the number of threads


def threads() -> int | None:
    """How many threads a product uses; None if the library is unknown."""
    found = _library()
    return int(getattr(found[0], found[1])()) if found else None


def set_threads(n: int) -> bool:
    """Use n threads from now on. False if the library is unknown."""
    found = _library()
    if found:
        getattr(found[0], found[2])(ctypes.c_int(n))
    return bool(found)


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out (M, N) = a (M, K) @ b (K, N), in the caller alone unless the product is long or threads were asked for.

    BLAS's threads wait busily for each other. Where another program is at work, one of them has no core until the
    system's next slice of time, some milliseconds, and the others wait as long, at every product: a step then takes ten
    times as long, not twice. From WORTH_WAITING on a product takes longer than such a slice.
    """
    operations = 2 * out.size * a.shape[-1]
    before = threads() or 1 if SMALLEST < operations < WORTH_WAITING and not asked else 1
    if before == 1:
        return np.matmul(a, b, out=out)
    set_threads(1)
    try:
        return np.matmul(a, b, out=out)
    finally:
        set_threads(before)


def description() -> str:
    """The library's name for itself, with the processor that it computes for: "OpenBLAS 0.3 ... SkylakeX"."""
    found = _library()
    if not found:
        return "unknown"
    library, reader, _ = found
    if "openblas" not in reader:
        return "MKL" if "MKL" in reader else "BLIS"
    texts = []
    for what in ("config", "corename"):
        function = getattr(library, reader.replace("get_num_threads", f"get_{what}"))
        function.restype = ctypes.c_char_p
        texts.append(function().decode())
    return f"{texts[0]} running as {texts[1]}"


@cache
def _library() -> tuple[ctypes.CDLL, str, str] | None:
    """The loaded library with the names of its two functions."""
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for reader, setter in _FUNCTIONS:
            if hasattr(library, reader) and hasattr(library, setter):
                return library, reader, setter
    return None


def _candidates() -> list[str]:
    """Files that may be the BLAS in use: those mapped into this process, then those that came with NumPy."""
    maps, numpy = Path("/proc/self/maps"), Path(np.__file__).parent
    text = maps.read_text(encoding="utf-8", errors="replace") if maps.exists() else ""
    mapped = re.findall(r"/\S*(?:blas|mkl_rt|blis)\S*", text)
    brought = [*numpy.parent.glob("numpy.libs/*openblas*"), *numpy.glob(".dylibs/*openblas*")]
    inside = sorted(dict.fromkeys(mapped), key=lambda path: "numpy" not in path)  # NumPy's own before, say, SciPy's
    return [path for path in [*inside, *map(str, brought)] if re.search(r"\.(so|dylib|dll)", path)]
