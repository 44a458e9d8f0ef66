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
