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

from npvae.kernels.epilogues import ACTIVATION_AT, ADD_BIAS, SUM_BELOW, TIMES, plain_at
from npvae.kernels.jit import AS_WRITTEN, inner
from npvae.kernels.multiply import LEAST_COLUMNS, LOOK_FROM
from npvae.kernels.team.atomics import address_of, call_at, floats_at, integers_at
from npvae.kernels.team.jobs import job_at, product_at
from npvae.kernels.team.pieces import FACTORS, product_of
from npvae.kernels.zeros import listed_product, needed, product_by_lists_at
from npvae.params import Params
from npvae.steps.buffers import aligned_empty

FAN_IN, FAN_OUT, NEEDS_DX = range(3)  # columns of layers: the widths, and whether dx is asked for
WEIGHT, BIAS, DW, DB = range(3, 7)  # addresses of W (I, O) and b (O,), and of their gradients
SLOPE, Y, DX = range(7, 10)  # and of results: a (N, O), which becomes the slope; y (N, O); dx (N, I), then da below
COLUMNS = 10


class Calls(NamedTuple):
    """Addresses of the functions that compiled code calls."""

    product: int
    job: int
    piece: int  # of a product
    activation: int
    plain: int  # the epilogues that are not an activation
    product_of_data: int  # by lists, with its two pieces; or `product`, if there are few zeros
    look: int
    listed: int


AT = Calls(*range(len(Calls._fields)))
BEHIND = len(FACTORS)  # in a plan: where the addresses of the pieces follow


def calls_of(activation: str) -> np.ndarray:
    """The `Calls` of networks with this activation, without those for zeros. They are compiled now."""
    found = product_at, job_at, product_of, ACTIVATION_AT[activation], plain_at
    calls = np.array([*(function.address for function in found), 0, 0, 0], np.int64)
    skip_zeros(calls, False)
    return calls


def skip_zeros(calls: np.ndarray, wanted: bool) -> None:
    """Let the products that take the data skip zeros, or not."""
    lists = (function.address for function in (product_by_lists_at, needed, listed_product))
    calls[AT.product_of_data :] = tuple(lists) if wanted else (calls[AT.product], 0, 0)


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


@inner(AS_WRITTEN)
def layers_at(address: int, count: int) -> np.ndarray:
    """The table of so many layers at an address."""
    return carray(integers_at(address), (count, COLUMNS))


@inner(AS_WRITTEN)
def matrix(address: int, rows: int, columns: int) -> np.ndarray:
    """The float32 matrix at an address."""
    return carray(floats_at(address), (rows, columns))


@inner(AS_WRITTEN)
def vector(address: int, size: int) -> np.ndarray:
    """The float32 numbers at an address."""
    return carray(floats_at(address), size)


@inner(AS_WRITTEN)
def new_plan(calls: np.ndarray) -> np.ndarray:
    """A plan for a `Product`, and behind it the addresses of the pieces."""
    plan = np.empty(BEHIND + 3, np.int64)
    plan[BEHIND], plan[BEHIND + 1], plan[BEHIND + 2] = calls[AT.piece], calls[AT.look], calls[AT.listed]
    return plan


@inner(AS_WRITTEN)
def multiply(state: np.ndarray, calls: np.ndarray, plan: np.ndarray, if_large: int) -> None:
    """Do the `Product` in a plan: by the function at an address if it is large, else by that of all products."""
    rows, columns, k = plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k]
    large = rows * columns * k >= LOOK_FROM and columns >= LEAST_COLUMNS
    call_at(if_large if large else calls[AT.product], address_of(plan), address_of(state))


@inner(AS_WRITTEN)
def mlp_forward(state: np.ndarray, calls: np.ndarray, x: int, product_of_x: int, N: int, layers: np.ndarray) -> None:
    """The x (N, I) at an address through all layers, each but the last followed by the activation.

    product_of_x is the address of the function for large products of x.
    """
    plan, last = new_plan(calls), len(layers) - 1
    plan[FACTORS.rows], plan[FACTORS.a_k], plan[FACTORS.turned] = N, 1, 0
    for i in range(last + 1):
        layer = layers[i]
        plan[FACTORS.out], plan[FACTORS.a], plan[FACTORS.b] = layer[SLOPE], x, layer[WEIGHT]  # a = x @ W
        plan[FACTORS.columns], plan[FACTORS.k], plan[FACTORS.a_row] = layer[FAN_OUT], layer[FAN_IN], layer[FAN_IN]
        plan[FACTORS.then], plan[FACTORS.first], plan[FACTORS.second] = calls[AT.activation], layer[BIAS], layer[Y]
        if i == last:
            plan[FACTORS.then], plan[FACTORS.second] = calls[AT.plain], ADD_BIAS
        multiply(state, calls, plan, product_of_x if i == 0 else calls[AT.product])
        x = layer[Y]
    plan[0] = 0  # numba frees an array after its last use, and does not see that the address is one


@inner(AS_WRITTEN)
def mlp_backward(
    state: np.ndarray, calls: np.ndarray, dy: int, x: int, product_of_x: int, N: int, layers: np.ndarray
) -> None:
    """The dy (N, O) at an address back to dx (N, I), if it is needed; the gradients of weights go into their places.

    product_of_x is the address of the function for large products of x.
    """
    plan, da, plain = new_plan(calls), dy, calls[AT.plain]  # the last layer has no activation
    for i in range(len(layers) - 1, -1, -1):
        layer = layers[i]
        I, O = layer[FAN_IN], layer[FAN_OUT]
        plan[FACTORS.out], plan[FACTORS.a], plan[FACTORS.b] = layer[DW], x, da  # dW = x.T @ da
        if i > 0:
            plan[FACTORS.a] = layers[i - 1, Y]
        plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k] = I, O, N
        plan[FACTORS.a_row], plan[FACTORS.a_k], plan[FACTORS.turned] = 1, I, 0
        plan[FACTORS.then], plan[FACTORS.first], plan[FACTORS.second] = plain, layer[DB], SUM_BELOW
        multiply(state, calls, plan, product_of_x if i == 0 else calls[AT.product])
        if layer[NEEDS_DX] != 0:
            plan[FACTORS.out], plan[FACTORS.a], plan[FACTORS.b] = layer[DX], da, layer[WEIGHT]  # dx = da @ W.T
            plan[FACTORS.rows], plan[FACTORS.columns], plan[FACTORS.k] = N, I, O
            plan[FACTORS.a_row], plan[FACTORS.a_k], plan[FACTORS.turned] = O, 1, 1
            plan[FACTORS.then], plan[FACTORS.first], plan[FACTORS.second] = 0, 0, TIMES
            if i > 0:
                plan[FACTORS.then], plan[FACTORS.first] = plain, layers[i - 1, SLOPE]
            multiply(state, calls, plan, calls[AT.product])
        da = layer[DX]
    plan[0] = 0  # numba frees an array after its last use, and does not see that the address is one
