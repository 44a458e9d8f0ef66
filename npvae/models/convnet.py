"""Convolutional networks as wiring: windows of 4 with stride 2 and padding 1, each of which halves height and width.

An encoder's convolutions end in a small image of many channels, which dense maps take as one row; a decoder's dense
maps give such a row, and transposed convolutions make a large image of it. What a layer computes is on the pages
`npvae.ops.conv2d_layer` and `npvae.ops.conv2d_transpose_layer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from npvae.models.contract import Ops
from npvae.models.mlp import put_gradients
from npvae.ops.windows import positions
from npvae.params import Params

WINDOW, STRIDE, PADDING = 4, 2, 1

Size = tuple[int, int]  # height, width


def sizes_of(size: Size, layers: int) -> list[Size]:
    """Heights and widths from the image to the last convolution's output. ValueError if a layer has too few pixels."""
    sizes = [size]
    for layer in range(layers):
        height, width = sizes[-1]
        if min(height, width) < STRIDE:
            least = STRIDE**layers
            raise ValueError(
                f"images of {size[0]} x {size[1]} are {height} x {width} after {layer} of {layers} convolutions, each "
                f"of which halves them: take images of at least {least} x {least} (the nearest is "
                f"{max(size[0], least)} x {max(size[1], least)}), or fewer channels"
            )
        sizes.append((_halved(height), _halved(width)))
    return sizes


def _halved(size: int) -> int:
    return positions(size, WINDOW, STRIDE, PADDING)


def conv_shapes(prefix: str, channels: Sequence[int], transposed: bool = False) -> dict[str, tuple[int, ...]]:
    """Names and shapes of layers that run through these channels, input first: W (P, Q, C, F), or (P, Q, F, C)."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (before, after) in enumerate(pairwise(channels)):
        shapes[f"{prefix}.{i}.W"] = (WINDOW, WINDOW, *((after, before) if transposed else (before, after)))
        shapes[f"{prefix}.{i}.b"] = (after,)
    return shapes


def conv_forward(
    ops: Ops, x: np.ndarray, params: Params, prefix: str, depth: int, activation: str
) -> tuple[np.ndarray, list[Any]]:
    """x (N, H, W, C) through `depth` convolutional layers -> y (N, H', W', F), caches."""
    caches = []
    for i in range(depth):
        W, b = params[f"{prefix}.{i}.W"], params[f"{prefix}.{i}.b"]
        x, cache = ops.conv2d_layer_forward(x, W, b, activation, STRIDE, PADDING)  # (N, H / 2, W / 2, F)
        caches.append(cache)
    return x, caches


def transposed_forward(
    ops: Ops, x: np.ndarray, params: Params, prefix: str, sizes: Sequence[Size], activation: str
) -> tuple[np.ndarray, list[Any]]:
    """x (N, H', W', F) through a transposed convolution for each of `sizes` but the first, the last without activation.

    sizes  heights and widths, smallest first: an odd one is what 2 * half + 1 makes
    """
    caches = []
    for i, ((height, width), larger) in enumerate(pairwise(sizes)):
        W, b = params[f"{prefix}.{i}.W"], params[f"{prefix}.{i}.b"]
        extra = larger[0] - STRIDE * height, larger[1] - STRIDE * width
        if i < len(sizes) - 2:
            x, cache = ops.conv2d_transpose_layer_forward(x, W, b, activation, STRIDE, PADDING, *extra)
        else:
            x, cache = ops.conv2d_transpose_forward(x, W, b, STRIDE, PADDING, *extra)
        caches.append(cache)
    return x, caches


def transposed_backward(ops: Ops, dy: np.ndarray, caches: list[Any], grads: Params, prefix: str) -> np.ndarray:
    """dy (N, H, W, C) -> dx (N, H', W', F); the gradients go into their places in grads."""
    for i in reversed(range(len(caches))):
        last = i == len(caches) - 1
        backward = ops.conv2d_transpose_backward if last else ops.conv2d_transpose_layer_backward
        dy, dW, db = backward(dy, caches[i])
        put_gradients(grads, prefix, i, dW, db)
    return dy
