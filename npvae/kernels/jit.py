"""Compiles kernels: one set of options for all of them, cached on disk, never at import.

A kernel is compiled when it is first called with a new dtype, and then kept in a file, so that the next process loads
it in a few milliseconds. Where no folder can be written, or a file there is damaged, it is compiled again: a cache may
cost time, never a result. `NUMBA_DISABLE_JIT=1` leaves plain Python functions, to be stepped through in a debugger.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property, wraps
from pathlib import Path
from threading import Lock
from typing import Any

import numba
from numba import types
from numba.core import config, event
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.ccallback import CFunc
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.typing import signature
from numba.extending import register_jitable

from npvae.kernels import processor  # before the first kernel: it may narrow what numba compiles for

BITS = processor.BITS
ROOMS = ("kernels", "steps")  # of npvae: a kernel stands in one of these, or the cache does not see its edits
# All of fastmath but "nnan" and "ninf": with those, isnan(nan) is false and a broken loss goes on unseen.
SUMS = {"nsz", "arcp", "contract", "afn", "reassoc"}
# Inside a polynomial or where a rounding is meant as written, sums may not be reordered.
AS_WRITTEN = {"contract"}


def kernel(fastmath: set[str], merged: bool = False) -> Callable[[Callable], Any]:
    """Decorator: compile for the dtypes of the call, release the GIL, follow IEEE on division by zero, cache.

    A kernel called by another is optimised once more with it, which may put sums in another order, and a copy of it
    that is in the process already is called in its place. So kernels with SUMS are always inlined: else a process that
    compiles gives other last bits than one that finds the caller on disk.

    merged  put its lines into a kernel that calls it before either is compiled: for long code with few callers, which
            is otherwise optimised and emitted at every level of calls. Not for what is called more than once in a
            caller, or short: numba's own work on its lines then takes longer than LLVM's does
    """

    def compile_lazily(function: Callable) -> Any:
        options: dict[str, Any] = {
            "nogil": True,
            "error_model": "numpy",
            "fastmath": fastmath,
            "forceinline": fastmath == SUMS,
            "inline": "always" if merged else "never",
            "no_cfunc_wrapper": True,  # nobody calls a kernel from C; `job_piece` is for that
        }
        dispatcher: Any = numba.njit(**options)(function)
        if not config.DISABLE_JIT:  # type: ignore[attr-defined]
            dispatcher._cache = LateCache(function)
            dispatcher.compile = without_collecting(dispatcher.compile)
        return dispatcher

    return compile_lazily


def inner(fastmath: set[str]) -> Callable[[Callable], Any]:
    """Decorator: what only kernels call is compiled with each of them, with no way in from Python or C, and no file.

    Not for what several kernels of a run call: that would be compiled once for each process that lacks one of them.
    """
    return register_jitable(error_model="numpy", fastmath=fastmath, forceinline=fastmath == SUMS, no_cfunc_wrapper=True)


def without_collecting(compile: Callable) -> Callable:
    """The same function, during which Python does not look for cycles among the many objects of a compiler.

    That is a tenth of the time of compiling.
    """

    @wraps(compile)
    def run(*arguments: Any, **keywords: Any) -> Any:
        if not gc.isenabled():
            return compile(*arguments, **keywords)
        gc.disable()
        try:
            return compile(*arguments, **keywords)
        finally:
            gc.enable()

    return run


class Callback:
    """A function of two integers, compiled when its address is first asked for, for a job of the team."""

    def __init__(self, function: Callable[[int, int], None]) -> None:
        self.function, self.cache = function, LateCache(function)
        self._lock = Lock()
        self._compiled: Any = None

    @cached_property
    def address(self) -> int:
        """Where the compiled function begins; it stays there as long as the process lives."""
        with self._lock:
            if self._compiled is None:
                options = {"nopython": True, "error_model": "numpy", "fastmath": AS_WRITTEN}
                compiled: Any = CFunc(
                    self.function, (types.void(types.int64, types.int64).args, types.void), {}, options
                )
                compiled._cache = self.cache
                without_collecting(compiled.compile)()
                self._compiled = compiled
        return int(self._compiled.address)

    def is_kept(self) -> bool:
        """Whether it is on disk, compiled for this processor."""
        return bool(self.cache.has(signature(types.void, types.int64, types.int64)))


def is_kept(compiled: Any, argument_types: tuple) -> bool:
    """Whether a kernel is on disk for these types of arguments, compiled for this processor."""
    return bool(compiled._cache.has(argument_types))


def job_piece(function: Callable[[int, int], None]) -> Callback:
    """Decorator: what a piece of a job does, called with the address of the job's plan and the number of the piece."""
    return Callback(function)


class LateCache:
    """A kernel's cache, opened when the kernel is first wanted: most are inlined into others, or never called."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    @cached_property
    def opened(self) -> Any:
        """The cache on disk, or none."""
        try:
            return RoomCache(self.function)
        except RuntimeError:  # no folder that can be written
            return Nowhere()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.opened, name)


class Nowhere(NullCache):
    """No cache: every process compiles."""

    def has(self, sig: Any) -> bool:
        """Nothing is kept."""
        return False


class RoomCache(FunctionCache):
    """Numba's cache on disk, made to survive damage and to see an edit in any file of the rooms that have kernels.

    Numba's own looks at the file of the kernel alone, not at those whose functions were inlined into it, and raises
    EOFError or UnpicklingError on a file that was cut short.
    """

    def __init__(self, function: Callable) -> None:
        """RuntimeError if there is no folder that can be written."""
        super().__init__(function)
        self._cache_file = FilePerSignature(self._cache_path, self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or None if it is not there or cannot be read.

        Numba first loads all that it can compile, SciPy's linear algebra with it. A kernel that is compiled needs only
        the functions by which it allocates arrays; if it is not there, compiling loads the rest.
        """
        try:
            rtsys.initialize(target_context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Exception:  # whatever a damaged pickle raises
            with suppress(OSError):
                self._cache_file.forget(self._index_key(sig, target_context.codegen()))
            return None

    def has(self, sig: Any) -> bool:
        """Whether the kernel is on disk for this signature."""
        return self._cache_file.has(self._index_key(sig, cpu_target.target_context.codegen()))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled kernel if the folder can be written."""
        with suppress(OSError):  # a full or read-only disk
            super().save_overload(sig, data)


class FilePerSignature:
    """Where the compiled signatures of one function are kept: an index and a file of code for each of them.

    Numba keeps one index per function, and numbers the files of code. Two processes that compile different signatures
    at once then lose one of the two, or give both files the same number, and what is loaded is the wrong code.
    """

    def __init__(self, folder: str, name: str) -> None:
        """`name` is the function's, as the beginning of the names of files."""
        self.folder, self.name = folder, name

    def load(self, key: tuple) -> Any:
        """What was saved under a key (signature, processor, hash of the bytecode), or None."""
        return self._file(key).load(key)

    def save(self, key: tuple, data: Any) -> None:
        """The code first: who finds the index finds no code of before an edit."""
        file = self._file(key)
        code = file._data_name(1)
        file._save_data(code, data)
        file._save_index({key: code})

    def has(self, key: tuple) -> bool:
        """Whether anything was saved under the key, by this version of the rooms."""
        try:
            return key in self._file(key)._load_index()
        except Exception:  # whatever a damaged pickle raises
            return False

    def forget(self, key: tuple) -> None:
        """Nothing is saved under the key any more."""
        self._file(key).flush()

    def _file(self, key: tuple) -> IndexDataCacheFile:
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return IndexDataCacheFile(self.folder, f"{self.name}-{digest}", room_stamp())


def cache_folder() -> str | None:
    """Where compiled kernels are kept; None if no folder can be written."""
    try:
        return str(RoomCache(cache_folder).cache_path)
    except RuntimeError:
        return None


@cache
def room_stamp() -> str:
    """A hash of the source of all kernels."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def when_compiling(tell: Callable[[str], None]) -> Iterator[None]:
    """Within this context, call tell(name) as each kernel starts to be compiled (not when it is loaded from disk)."""

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            function = event.data["dispatcher"].py_func
            if function.__module__.startswith("npvae.") and not function.__name__.startswith(("_", "<")):
                tell(function.__name__)

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield
