"""The twins of the four pages of convolution: arguments checked, arrays made, and the work handed to whom it suits.

`new` and `place` say where results are written, as in `npvae.kernels.layer`. Arrays of mixed dtype, of another than
float32 and float64, and empty ones go to the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npvae import ops
from npvae.kernels.activations import sum_rows, times_slope
from npvae.kernels.arrays import one_float_dtype
from npvae.kernels.conv import chunks, jobs
from npvae.kernels.conv.geometry import Geometry
from npvae.ops.conv2d import OP as CONV2D
from npvae.ops.conv2d_transpose import OP as TRANSPOSE
from npvae.ops.shapes import shape_error
from npvae.ops.windows import positions, spread_size

REFERENCE = "reference"  # in place of an activation, in a cache that the reference made
Gradients = tuple[np.ndarray | None, np.ndarray, np.ndarray]


def conv2d_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0, *, new: Callable = np.empty
) -> tuple[np.ndarray, tuple]:
    """x (N, I, J, C), W (P, Q, C, F), b (F,) -> y (N, U, V, F). ValueError if the shapes or the window do not fit."""
    return _forward(x, W, b, "", stride, padding, new)


def conv2d_layer_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str = "relu", stride: int = 1, padding: int = 0,
    *, new: Callable = np.empty,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    """x (N, I, J, C), W (P, Q, C, O), b (O,), activation a name in ACTIVATIONS -> y (N, U, V, O)."""
    return _forward(x, W, b, activation, stride, padding, new)


def conv2d_transpose_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray,
    stride: int = 1, padding: int = 0, extra_rows: int = 0, extra_columns: int = 0, *, new: Callable = np.empty,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    """x (N, I, J, C), W (P, Q, F, C), b (F,) -> y (N, U, V, F). ValueError if the shapes do not fit."""
    return _transpose_forward(x, W, b, "", stride, padding, extra_rows, extra_columns, new)


def conv2d_transpose_layer_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str = "relu",
    stride: int = 1, padding: int = 0, extra_rows: int = 0, extra_columns: int = 0, *, new: Callable = np.empty,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    """x (N, I, J, C), W (P, Q, O, C), b (O,), activation a name in ACTIVATIONS -> y (N, U, V, O)."""
    return _transpose_forward(x, W, b, activation, stride, padding, extra_rows, extra_columns, new)


def conv2d_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> Gradients:
    """dy like y -> dx like x, dW like W, db like b. dx is None if not needed: the input of a first layer is data."""
    return _backward(dy, cache, ops.conv2d_backward, needs_dx, new, place)


def conv2d_layer_backward(
    dy: np.ndarray, cache: tuple, needs_dx: bool = True, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> Gradients:
    """dy like y -> dx like x, dW like W, db like b. dx is None if not needed: the input of a first layer is data."""
    return _backward(dy, cache, ops.conv2d_layer_backward, needs_dx, new, place)


def conv2d_transpose_backward(
    dy: np.ndarray, cache: tuple, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> Gradients:
    """dy like y -> dx like x, dW like W, db like b."""
    return _backward(dy, cache, ops.conv2d_transpose_backward, True, new, place)


def conv2d_transpose_layer_backward(
    dy: np.ndarray, cache: tuple, *, new: Callable = np.empty, place: Callable = np.empty_like
) -> Gradients:
    """dy like y -> dx like x, dW like W, db like b."""
    return _backward(dy, cache, ops.conv2d_transpose_layer_backward, True, new, place)


def _forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str, stride: int, padding: int, new: Callable
) -> tuple[np.ndarray, tuple]:
    if x.ndim != 4 or W.ndim != 4 or x.shape[3] != W.shape[2] or b.shape != W.shape[3:]:
        raise shape_error(CONV2D, x, W, b)
    (N, I, J, C), (P, Q, _, F) = x.shape, W.shape
    U, V = positions(I, P, stride, padding), positions(J, Q, stride, padding)
    if not one_float_dtype(x, W, b) or not x.size * W.size:
        return _by_reference(ops.conv2d_forward, ops.conv2d_layer_forward, x, W, b, activation, stride, padding)
    g = Geometry(I, J, C, P, Q, F, U, V, stride, padding)
    return _run(g, False, (N, U, V, F), x, W, b, activation, new)


def _transpose_forward(
    x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str,
    stride: int, padding: int, extra_rows: int, extra_columns: int, new: Callable,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    if x.ndim != 4 or W.ndim != 4 or x.shape[3] != W.shape[3] or b.shape != W.shape[2:3]:
        raise shape_error(TRANSPOSE, x, W, b)
    (N, U, V, _), (P, Q, C, F) = x.shape, W.shape  # x is the small image: names are those of geometry.py from here on
    I, J = spread_size(U, P, stride, padding, extra_rows), spread_size(V, Q, stride, padding, extra_columns)
    if not one_float_dtype(x, W, b) or not x.size * W.size:
        size = stride, padding, extra_rows, extra_columns
        return _by_reference(
            ops.conv2d_transpose_forward, ops.conv2d_transpose_layer_forward, x, W, b, activation, *size
        )
    g = Geometry(I, J, C, P, Q, F, U, V, stride, padding)
    return _run(g, True, (N, I, J, C), x, W, b, activation, new)


def _by_reference(
    plain: Callable, layer: Callable, x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: str, *size: int
) -> tuple[np.ndarray, tuple]:
    y, cache = layer(x, W, b, activation, *size) if activation else plain(x, W, b, *size)
    return y, (REFERENCE, cache)


def _run(
    g: Geometry, transposed: bool, shape: tuple[int, ...], x: np.ndarray, W: np.ndarray, b: np.ndarray,
    activation: str, new: Callable,
) -> tuple[np.ndarray, tuple]:  # fmt: skip
    x, weights, bias = np.ascontiguousarray(x), np.ascontiguousarray(W), np.ascontiguousarray(b)
    a = new(shape, x.dtype)
    y = new(shape, x.dtype) if activation else a
    if jobs.suits(x.dtype):
        jobs.forward(g, transposed, x, weights, bias, a, y, activation, new)
    else:
        chunks.forward(g, transposed, x, weights.reshape(g.window, g.F), bias, a, y, activation, new)
    slope = a if activation else None  # what the kernels left there
    return y, (activation, slope, g, transposed, x, weights, W, b)


def _backward(
    dy: np.ndarray, cache: tuple, reference: Any, needs_dx: bool, new: Callable, place: Callable
) -> Gradients:
    if cache[0] == REFERENCE:
        return reference(dy, cache[1], needs_dx) if not needs_dx else reference(dy, cache[1])
    activation, slope, g, transposed, x, weights, W, b = cache
    dy = np.ascontiguousarray(dy, x.dtype)
    dx = new(x.shape, x.dtype) if needs_dx else None
    placed, db = place(W), place(b)
    dW = placed if placed.flags.c_contiguous else np.empty(W.shape, W.dtype)
    if jobs.suits(x.dtype):
        jobs.backward(g, transposed, dy, slope, x, weights, dx, dW, db, activation, new)
    else:
        da, rows = dy, (-1, len(b))
        if activation:
            da = new(dy.shape, dy.dtype)
            times_slope(dy.reshape(rows), slope.reshape(rows), da.reshape(rows), db)
        else:
            sum_rows(dy.reshape(rows), db)
        W2, dW2 = (array.reshape(g.window, g.F) for array in (weights, dW))
        chunks.backward(g, transposed, da, x, W2, dW2, dx, new)
    if dW is not placed:
        placed[:] = dW
    return dx, placed, db
