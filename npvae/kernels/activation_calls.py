"""Each activation as a function that compiled code calls at its address: a step compiles the one it needs."""

import numpy as np
from numba import carray

from npvae.kernels.activations import elu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from npvae.kernels.jit import AS_WRITTEN, job_piece, kernel
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


@job_piece
def relu_at(address: int, _: int) -> None:
    """`relu`."""
    a, b, y = arrays_at(address)
    relu(a, b, y)


@job_piece
def leaky_relu_at(address: int, _: int) -> None:
    """`leaky_relu`."""
    a, b, y = arrays_at(address)
    leaky_relu(a, b, y)


@job_piece
def elu_at(address: int, _: int) -> None:
    """`elu`."""
    a, b, y = arrays_at(address)
    elu(a, b, y)


@job_piece
def silu_at(address: int, _: int) -> None:
    """`silu`."""
    a, b, y = arrays_at(address)
    silu(a, b, y)


@job_piece
def tanh_at(address: int, _: int) -> None:
    """`tanh`."""
    a, b, y = arrays_at(address)
    tanh(a, b, y)


@job_piece
def sigmoid_at(address: int, _: int) -> None:
    """`sigmoid`."""
    a, b, y = arrays_at(address)
    sigmoid(a, b, y)


@job_piece
def softplus_at(address: int, _: int) -> None:
    """`softplus`."""
    a, b, y = arrays_at(address)
    softplus(a, b, y)


CALLS = {
    "relu": relu_at,
    "leaky_relu": leaky_relu_at,
    "elu": elu_at,
    "silu": silu_at,
    "tanh": tanh_at,
    "sigmoid": sigmoid_at,
    "softplus": softplus_at,
}
