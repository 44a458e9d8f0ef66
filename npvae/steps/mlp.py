"""A multi-layer perceptron in one compiled function each way: `npvae.models.mlp` for small networks.

Compiled code calls the kernels that the ops call, one layer after the other, without Python in between; what each layer
computes is on the page `npvae.ops.layer`, (1) and (2) forward, (3) to (6) backward. It finds what it needs in three
flat arrays: all parameters, all gradients, and `buffer`, which holds the results of every layer. A row of the table
`layers` says for one dense map where.
"""

from __future__ import annotations

import numpy as np

from npvae.kernels.activations import activate, add_bias, sum_rows, times_slope
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.alone import times, times_transposed, transposed_times
from npvae.params import Params

FAN_IN, FAN_OUT, NEEDS_DX = range(3)  # columns of layers: the widths, and whether dx is asked for
WEIGHT, BIAS = 3, 4  # where W (I, O) and b (O,) begin, and their gradients
SLOPE, Y, DA, DX, TURNED = range(5, 10)  # where in buffer: a (N, O), which becomes the slope; y, da, dx; Wᵀ (O, I)


def layers_of(params: Params, prefix: str, N: int, start: int, needs_dx: bool) -> tuple[np.ndarray, int]:
    """The table of an MLP's layers for N samples, with their results in buffer from `start` on; where these end."""
    rows: list[tuple[int, ...]] = []
    while f"{prefix}.{len(rows)}.W" in params:
        W, b = (params[f"{prefix}.{len(rows)}.{name}"] for name in "Wb")
        weights = [(part.ctypes.data - params.flat.ctypes.data) // part.itemsize for part in (W, b)]
        I, O = W.shape
        *results, end = start + np.cumsum([0, N * O, N * O, N * O, N * I, O * I])
        rows.append((I, O, needs_dx or len(rows) > 0, *weights, *results))
        start = int(end)
    return np.array(rows, np.int64), start


@kernel(AS_WRITTEN)
def matrix(flat: np.ndarray, start: int, rows: int, columns: int) -> np.ndarray:
    """A part of a flat array as a matrix."""
    return flat[start : start + rows * columns].reshape((rows, columns))


@kernel(AS_WRITTEN)
def mlp_forward(
    x: np.ndarray, params: np.ndarray, layers: np.ndarray, activation: int, buffer: np.ndarray
) -> np.ndarray:
    """x (N, I) through all layers, each but the last followed by the activation -> y (N, O)."""
    N, last = x.shape[0], len(layers) - 1
    for i in range(last + 1):
        layer = layers[i]
        I, O = layer[FAN_IN], layer[FAN_OUT]
        W, b = matrix(params, layer[WEIGHT], I, O), params[layer[BIAS] : layer[BIAS] + O]
        a, y = matrix(buffer, layer[SLOPE], N, O), matrix(buffer, layer[Y], N, O)
        times(x, W, a)
        if i == last:
            add_bias(a, b)
            x = a
        else:
            activate(activation, a, b, y)
            x = y
    return x


@kernel(AS_WRITTEN)
def mlp_backward(
    dy: np.ndarray, x: np.ndarray, params: np.ndarray, grads: np.ndarray, layers: np.ndarray, buffer: np.ndarray
) -> np.ndarray:
    """dy (N, O) -> dx (N, I), left uninitialised if not needed; the gradients of all weights go into their places."""
    N, last = dy.shape[0], len(layers) - 1
    for i in range(last, -1, -1):
        layer = layers[i]
        I, O = layer[FAN_IN], layer[FAN_OUT]
        dW, db = matrix(grads, layer[WEIGHT], I, O), grads[layer[BIAS] : layer[BIAS] + O]
        if i == last:
            da = dy
            sum_rows(da, db)
        else:
            da = matrix(buffer, layer[DA], N, O)
            times_slope(dy, matrix(buffer, layer[SLOPE], N, O), da, db)
        transposed_times(x if i == 0 else matrix(buffer, layers[i - 1, Y], N, I), da, dW)
        dy = matrix(buffer, layer[DX], N, I)
        if layer[NEEDS_DX]:
            times_transposed(da, matrix(params, layer[WEIGHT], I, O), matrix(buffer, layer[TURNED], O, I), dy)
    return dy
