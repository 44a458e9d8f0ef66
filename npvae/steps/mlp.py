"""A multi-layer perceptron as compiled code: `npvae.models.mlp` without Python between its layers.

What each layer computes is on the page `npvae.ops.layer`, (1) and (2) forward, (3) to (6) backward. All of it is a row
of products: what follows one, bias and activation, or the slope, or the gradient of a bias, is the product's epilogue
(`npvae.kernels.epilogues`), and the team shares those that are worth it. Compiled code finds what it needs in rows of
integers: `calls` are addresses of functions, so that the long code of the tiles is compiled once; `layers` has a row
for each dense map, with its widths and the addresses of its parameters, gradients and results.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import carray

from npvae.kernels.epilogues import ACTIVATION_AT, bias_at, bias_gradient_at, slope_at
from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.multiply import LEAST_COLUMNS, LOOK_FROM
from npvae.kernels.team.atomics import floats_at, integers_at
from npvae.kernels.team.jobs import do_product
from npvae.kernels.team.pieces import FACTORS, product_of
from npvae.kernels.zeros import listed_product, needed, product_by_lists
from npvae.params import Params
from npvae.steps.buffers import aligned_empty

FAN_IN, FAN_OUT, NEEDS_DX = range(3)  # columns of layers: the widths, and whether dx is asked for
WEIGHT, BIAS, DW, DB = range(3, 7)  # addresses of W (I, O) and b (O,), and of their gradients
SLOPE, Y, DX = range(7, 10)  # and of results: a (N, O), which becomes the slope; y (N, O); dx (N, I), then da below
COLUMNS = 10


class Calls(NamedTuple):
    """Addresses of the functions that compiled code calls."""

    product: int
    activation: int
    bias: int
    slope: int
    bias_gradient: int
    look: int  # for zeros in the data; 0 if there are few
    by_lists: int


AT = Calls(*range(len(Calls._fields)))


def calls_of(activation: str) -> np.ndarray:
    """The `Calls` of networks with this activation, without those for zeros. They are compiled now."""
    found = product_of, ACTIVATION_AT[activation], bias_at, slope_at, bias_gradient_at
    return np.array([*(function.address for function in found), 0, 0], np.int64)


def skip_zeros(calls: np.ndarray, wanted: bool) -> None:
    """Let the products that take the data skip zeros, or not."""
    calls[AT.look], calls[AT.by_lists] = (needed.address, listed_product.address) if wanted else (0, 0)


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
        has_dx = needs_dx or len(rows) > 0
        shapes = ((N, O), (N, O), (N, I) if has_dx else (0, I))
        results = [aligned_empty(shape, params.flat.dtype) for shape in shapes]
        arrays = [part[name] for part in (params, grads) for name in names] + results
        rows.append((I, O, has_dx, *(array.ctypes.data for array in arrays)))
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
def multiply(
    state: np.ndarray, calls: np.ndarray, of_data: bool, out: int, a: int, b: int, rows: int, columns: int, k: int,
    a_row: int, a_k: int, turned: int, then: int, first: int, second: int,
) -> None:  # fmt: skip
    """Do a `Product`, by lists if it is of the data, these have many zeros, and it is large enough."""
    plan = np.empty(len(FACTORS), np.int64)
    plan[FACTORS.out], plan[FACTORS.a], plan[FACTORS.b] = out, a, b
    plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k] = rows, columns, k
    plan[FACTORS.a_row], plan[FACTORS.a_k], plan[FACTORS.turned] = a_row, a_k, turned
    plan[FACTORS.then], plan[FACTORS.first], plan[FACTORS.second] = then, first, second
    large = rows * columns * k >= LOOK_FROM and columns >= LEAST_COLUMNS
    skips = of_data and large and calls[AT.look] != 0
    if not (skips and product_by_lists(state, calls[AT.look], calls[AT.by_lists], plan)):
        do_product(state, calls[AT.product], plan)


@kernel(AS_WRITTEN)
def mlp_forward(state: np.ndarray, calls: np.ndarray, x: int, of_data: bool, N: int, layers: np.ndarray) -> None:
    """The x (N, I) at an address through all layers, each but the last followed by the activation."""
    last = len(layers) - 1
    for i in range(last + 1):
        layer = layers[i]
        I, O, then = layer[FAN_IN], layer[FAN_OUT], calls[AT.bias] if i == last else calls[AT.activation]
        multiply(
            state,
            calls,
            of_data and i == 0,
            layer[SLOPE],
            x,
            layer[WEIGHT],
            N,
            O,
            I,
            I,
            1,
            0,
            then,
            layer[BIAS],
            layer[Y],
        )
        x = layer[Y]


@kernel(AS_WRITTEN)
def mlp_backward(
    state: np.ndarray, calls: np.ndarray, dy: int, x: int, of_data: bool, N: int, layers: np.ndarray
) -> None:
    """The dy (N, O) at an address back to dx (N, I), if it is needed; the gradients of weights go into their places."""
    da = dy  # the last layer has no activation
    for i in range(len(layers) - 1, -1, -1):
        layer = layers[i]
        I, O, below = layer[FAN_IN], layer[FAN_OUT], x if i == 0 else layers[i - 1, Y]
        multiply(
            state,
            calls,
            of_data and i == 0,
            layer[DW],
            below,
            da,
            I,
            O,
            N,
            1,
            I,
            0,
            calls[AT.bias_gradient],
            layer[DB],
            0,
        )
        if layer[NEEDS_DX] != 0:
            then, slope = (0, 0) if i == 0 else (calls[AT.slope], layers[i - 1, SLOPE])
            multiply(state, calls, False, layer[DX], da, layer[WEIGHT], N, I, O, O, 1, 1, then, slope, 0)
        da = layer[DX]
