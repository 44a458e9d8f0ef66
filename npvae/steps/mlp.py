"""A multi-layer perceptron in one compiled function each way: `npvae.models.mlp` for small networks.

Compiled code calls the kernels that the ops call, one layer after the other, without Python in between; what each layer
computes is on the page `npvae.ops.layer`, (1) and (2) forward, (3) to (6) backward. It finds what it needs in the table
`layers`, a row of integers for each dense map: its widths, and the addresses of its parameters, gradients and results.
Products and the activation are called at addresses, `product` and `activation`: see `npvae.kernels.matmul.alone`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.activation_calls import activate_at
from npvae.kernels.activations import add_bias, sum_rows, times_slope
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.alone import times, times_transposed, transposed_times
from npvae.kernels.team.atomics import floats_at, integers_at
from npvae.params import Params
from npvae.steps.buffers import aligned_empty

FAN_IN, FAN_OUT, NEEDS_DX = range(3)  # columns of layers: the widths, and whether dx is asked for
WEIGHT, BIAS, DW, DB = range(3, 7)  # addresses of W (I, O) and b (O,), and of their gradients
SLOPE, Y, DA, DX = range(7, 11)  # and of results: a (N, O), which becomes the slope; y, da, dx
COLUMNS = 11


class Layers(NamedTuple):
    """The layers of an MLP as compiled code finds them."""

    table: np.ndarray  # (layers, COLUMNS), of the columns above
    output: np.ndarray  # (N, O) of the last layer
    named: list[np.ndarray]  # every array whose address stands in the table: they must live as long


def layers_of(params: Params, grads: Params, prefix: str, N: int, needs_dx: bool) -> Layers:
    """The layers whose parameters begin with the prefix, with results for at most N samples."""
    rows: list[tuple[int, ...]] = []
    named: list[np.ndarray] = []
    while f"{prefix}.{len(rows)}.W" in params:
        names = [f"{prefix}.{len(rows)}.{name}" for name in "Wb"]
        I, O = params[names[0]].shape
        results = [aligned_empty(shape, params.flat.dtype) for shape in ((N, O), (N, O), (N, O), (N, I))]
        arrays = [part[name] for part in (params, grads) for name in names] + results
        rows.append((I, O, needs_dx or len(rows) > 0, *(array.ctypes.data for array in arrays)))
        named += arrays
    return Layers(np.array(rows, np.int64), results[0], named)  # the last layer has no activation: its output is a


@kernel(AS_WRITTEN)
def layers_at(address: int, count: int) -> np.ndarray:
    """The table of so many layers at an address."""
    return carray(integers_at(address), (count, COLUMNS))


@kernel(AS_WRITTEN)
def matrix(address: int, rows: int, columns: int) -> np.ndarray:
    """The float32 matrix at an address."""
    return carray(floats_at(address), (rows, columns))


@kernel(AS_WRITTEN)
def vector(address: int, size: int) -> np.ndarray:
    """The float32 numbers at an address."""
    return carray(floats_at(address), size)


@kernel(AS_WRITTEN)
def mlp_forward(product: int, activation: int, x: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """x (N, I) through all layers, each but the last followed by the activation -> y (N, O)."""
    N, last = x.shape[0], len(layers) - 1
    for i in range(last + 1):
        layer = layers[i]
        I, O = layer[FAN_IN], layer[FAN_OUT]
        W, b = matrix(layer[WEIGHT], I, O), vector(layer[BIAS], O)
        a, y = matrix(layer[SLOPE], N, O), matrix(layer[Y], N, O)
        times(product, x, W, a)
        if i == last:
            add_bias(a, b)
            x = a
        else:
            activate_at(activation, a, b, y)
            x = y
    return x


@kernel(AS_WRITTEN)
def mlp_backward(product: int, dy: np.ndarray, x: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """dy (N, O) -> dx (N, I), left uninitialised if not needed; the gradients of all weights go into their places."""
    N, last = dy.shape[0], len(layers) - 1
    for i in range(last, -1, -1):
        layer = layers[i]
        I, O = layer[FAN_IN], layer[FAN_OUT]
        dW, db = matrix(layer[DW], I, O), vector(layer[DB], O)
        if i == last:
            da = dy
            sum_rows(da, db)
        else:
            da = matrix(layer[DA], N, O)
            times_slope(dy, matrix(layer[SLOPE], N, O), da, db)
        transposed_times(product, x if i == 0 else matrix(layers[i - 1, Y], N, I), da, dW)
        dy = matrix(layer[DX], N, I)
        if layer[NEEDS_DX]:
            times_transposed(product, da, matrix(layer[WEIGHT], I, O), dy)
    return dy
