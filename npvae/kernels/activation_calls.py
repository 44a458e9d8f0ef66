"""Each activation as a function that compiled code calls at its address: a step compiles the one it needs."""

from collections.abc import Callable

import numpy as np
from numba import carray

from npvae.kernels.activations import FUNCTIONS, entry_by_entry
from npvae.kernels.jit import AS_WRITTEN, Callback, job_piece, kernel
from npvae.kernels.team.atomics import call_at, floats_at, integers_at

SIZE = 5  # what stands at the address: N, O, and the addresses of a (N, O), b (O,), y (N, O)


@kernel(AS_WRITTEN)
def activate_at(activation: int, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """The activation with this address in CALLS: y = f(a + b), and its slope in a. All C-contiguous, float32."""
    p = np.empty(SIZE, np.int64)
    p[0], p[1], p[2], p[3], p[4] = len(a), len(b), a.ctypes.data, b.ctypes.data, y.ctypes.data
    call_at(activation, p.ctypes.data, 0)
    p[0] = 0  # numba frees an array after its last use, and does not see that the address is one


@kernel(AS_WRITTEN)
def arrays_at(address: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arrays a (N, O), b (O,) and y (N, O) of a plan."""
    p = carray(integers_at(address), SIZE)
    N, O = p[0], p[1]
    return carray(floats_at(p[2]), (N, O)), carray(floats_at(p[3]), O), carray(floats_at(p[4]), (N, O))


def call_of(activation: Callable) -> Callback:
    """The activation with what stands at an address, `entry_by_entry`."""

    def at_address(address: int, _: int) -> None:
        a, b, y = arrays_at(address)
        entry_by_entry(activation, a, b, y)

    at_address.__name__ = at_address.__qualname__ = f"{activation.__name__}_at"
    return job_piece(at_address)


CALLS = {function.__name__: call_of(function) for function in FUNCTIONS}
