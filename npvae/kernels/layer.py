"""Dense maps and layers: the product is BLAS's or our own, and one pass does the rest.

Twins of `npvae.ops.dense` and `npvae.ops.layer`. Two more keyword arguments say where arrays come from:

new    makes an array of a shape and dtype; np.empty, or reused buffers
place  makes the array for the gradient of a parameter; np.empty_like, or its place in a flat gradient

Arrays of mixed dtype, or of another than float32 and float64, go to the reference.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npvae import ops
from npvae.kernels.activations import ACTIVATIONS, add_bias, sum_rows, times_slope
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.multiply import multiply
from npvae.ops.dense import OP as DENSE
from npvae.ops.shapes import shape_error

REFERENCE = None  # in place of a slope, in a cache that the reference made


def dense_forward(x: np.ndarray, W: np.ndarray, b: np.ndarray, *, new: Callable = np.empty) -> tuple[np.ndarray, tuple]:
    """x (N, I), W (I, O), b (O,) -> y (N, O). ValueError if the shapes do not fit."""
    check(x, W, b)
    if not one_float_dtype(x, W, b):
        y, _ = ops.dense_forward(x, W, b)
        return y, (x, W, b)
    y = multiply(x, W, new((len(x), len(b)), x.dtype))
    add_bias(y, np.ascontiguousarray(b))
    return y, (x, W, b)


def dense_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dy (N, O) -> dx (N, I), dW (I, O), db (O,). dx is None if not needed: the input of a first layer is data."""
    x, W, b = cache
    if not one_float_dtype(dy, x, W, b):
        return ops.dense_backward(dy, (x, W), needs_dx)
    dy = np.ascontiguousarray(dy)
    db = place(b)
    sum_rows(dy, db)
    return *products_backward(dy, x, W, needs_dx, new, place), db


def layer_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str = "relu", *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """x (N, I), W (I, O), b (O,), activation a name in npvae.ops.ACTIVATIONS -> y (N, O)."""
    check(x, W, b)
    if not one_float_dtype(x, W, b):
        y, cache = ops.layer_forward(x, W, b, activation)
        return y, (REFERENCE, cache)
    a = multiply(x, W, new((len(x), len(b)), x.dtype))
    y = new(a.shape, a.dtype)
    ACTIVATIONS[activation](a, np.ascontiguousarray(b), y)
    slope = a  # what the kernel left there
    return y, (slope, (x, W, b))


def layer_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """dy (N, O) -> dx (N, I), dW (I, O), db (O,). dx is None if not needed: the input of a first layer is data."""
    slope, inputs = cache
    if slope is REFERENCE:
        return ops.layer_backward(dy, inputs, needs_dx)
    x, W, b = inputs
    dy = np.ascontiguousarray(dy, slope.dtype)
    da = new(dy.shape, dy.dtype)
    db = place(b)
    times_slope(dy, slope, da, db)
    return *products_backward(da, x, W, needs_dx, new, place), db


def products_backward(
    dy: np.ndarray, x: np.ndarray, W: np.ndarray, needs_dx: bool, new: Callable, place: Callable
) -> tuple[np.ndarray | None, np.ndarray]:
    """The two products of a dense backward: dx = dy Wᵀ and dW = xᵀ dy."""
    dx = multiply(dy, W.T, new(x.shape, x.dtype)) if needs_dx else None
    dW = multiply(x.T, dy, place(W))
    return dx, dW


def check(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> None:
    """The reference's ValueError if the shapes do not fit."""
    if x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[0] or b.shape != W.shape[1:]:
        raise shape_error(DENSE, x, W, b)
