"""Reading and writing one integer between threads, as instructions: what numba does not offer.

Each function works on entry i of `state`, a 1-d array of int64. Emitted as LLVM's atomic operations, which say to the
compiler and to the processor what may not be moved across them.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from npvae.kernels.matmul import vectors

_INT64 = ir.IntType(64)


def instruction(emitter: Callable) -> Any:
    """A function that numba replaces by what the emitter emits."""
    return intrinsic(emitter)


@instruction
def read(_, state, i):  # type: ignore[no-untyped-def]
    """state[i], and no later read may move before it."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        return b.load_atomic(_address(context, b, signature, arguments), "acquire", 8)

    return types.int64(state, types.int64), emit


@instruction
def write(_, state, i, value):  # type: ignore[no-untyped-def]
    """state[i] = value, and no earlier write may move behind it."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        b.store_atomic(arguments[2], _address(context, b, signature, arguments), "release", 8)
        return context.get_dummy_value()

    return types.void(state, types.int64, types.int64), emit


@instruction
def add_one(_, state, i):  # type: ignore[no-untyped-def]
    """state[i] += 1, undivided."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        return b.atomic_rmw("add", _address(context, b, signature, arguments), _INT64(1), "acq_rel")

    return types.int64(state, types.int64), emit


@instruction
def replace_if(_, state, i, old, new):  # type: ignore[no-untyped-def]
    """Set state[i] to new if it is old, undivided; True if it was."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        address = _address(context, b, signature, arguments)
        found = b.cmpxchg(address, arguments[2], arguments[3], "acq_rel", "acquire")
        return b.extract_value(found, 1)

    return types.boolean(state, *[types.int64] * 3), emit


@instruction
def nanoseconds(_):  # type: ignore[no-untyped-def]
    """The system's steady clock. Not the processor's cycle counter: ARM forbids it to ordinary programs."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        if sys.platform == "win32":
            return _windows_clock(b)
        timespec = ir.LiteralStructType([_INT64, _INT64])  # seconds, nanoseconds
        now = cgutils.alloca_once(b, timespec)
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), timespec.as_pointer()])
        clock = cgutils.get_or_insert_function(b.module, kind, "clock_gettime")
        b.call(clock, [ir.IntType(32)(time.CLOCK_MONOTONIC), now])
        seconds, rest = (b.load(cgutils.gep_inbounds(b, now, 0, i)) for i in (0, 1))
        return b.add(b.mul(seconds, _INT64(10**9)), rest)

    return types.int64(), emit


def _windows_clock(b: Any) -> Any:
    """Windows' steady clock, in nanoseconds: it counts at a rate that is fixed when the machine starts."""
    rate = ctypes.c_int64()
    ctypes.windll.kernel32.QueryPerformanceFrequency(ctypes.byref(rate))  # type: ignore[attr-defined]
    now = cgutils.alloca_once(b, _INT64)
    kind = ir.FunctionType(ir.IntType(32), [_INT64.as_pointer()])
    b.call(cgutils.get_or_insert_function(b.module, kind, "QueryPerformanceCounter"), [now])
    return b.mul(b.load(now), _INT64(max(1, 10**9 // rate.value)))


@instruction
def give_way(_):  # type: ignore[no-untyped-def]
    """Let another thread have this core, if one waits for it."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        b.call(cgutils.get_or_insert_function(b.module, ir.FunctionType(ir.IntType(32), []), name), [])
        return context.get_dummy_value()

    return types.void(), emit


def _address(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, b, arguments[0])
    return b.gep(array.data, [arguments[1]])


@register_jitable
def address_of(array: np.ndarray) -> int:
    """Where an array begins, as an int64: what NumPy and numba give is unsigned, and beside an int64 becomes a float.

    Numba compiles a function anew for each kind of integer, and for each constant: addresses are of one kind.
    """
    return np.int64(array.ctypes.data)


@instruction
def floats_at(_, address):  # type: ignore[no-untyped-def]
    """A pointer to float32, from an address."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        return b.inttoptr(arguments[0], ir.FloatType().as_pointer())

    return types.CPointer(types.float32)(types.int64), emit


@instruction
def integers_at(_, address):  # type: ignore[no-untyped-def]
    """A pointer to int64, from an address."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        return b.inttoptr(arguments[0], _INT64.as_pointer())

    return types.CPointer(types.int64)(types.int64), emit


@instruction
def fetch_to_write(_, address):  # type: ignore[no-untyped-def]
    """Ask for the line of the cache at an address, which will be written to; nothing waits for it, wherever it lies."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        vectors.fetch_to_write(b, b.inttoptr(arguments[0], ir.IntType(8).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64), emit


@instruction
def call_at(_, function, first, second):  # type: ignore[no-untyped-def]
    """Call the function at an address with two integers: for jobs that are compiled only when they are needed."""

    def emit(context, b, signature, arguments):  # type: ignore[no-untyped-def]
        kind = ir.FunctionType(ir.VoidType(), [_INT64, _INT64])
        b.call(b.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit
