"""A layer block by block, with columns and NumPy's products: for float64, and where products are BLAS's.

The same three products as in pieces.py. All arrays are C-contiguous and of one dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from npvae.kernels.activations import ACTIVATIONS, add_bias
from npvae.kernels.conv.geometry import CACHE, Geometry, origins
from npvae.kernels.conv.windows import add_columns, pad, to_columns, unpad
from npvae.kernels.multiply import multiply


@dataclass
class Block:
    """Room for one block of images: padded, and their windows as columns."""

    g: Geometry
    images: int
    padded: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, g: Geometry, N: int, dtype: np.dtype, new: Callable) -> Block:
        """As many images as keep the columns in the cache."""
        images = max(1, min(N, CACHE // (g.places * g.window * dtype.itemsize)))
        columns = new((images * g.places, g.window), dtype)
        return cls(g, images, new((images * g.padded,), dtype), columns)

    def over(self, N: int) -> Iterator[slice]:
        """The blocks of N images."""
        for first in range(0, N, self.images):
            yield slice(first, min(N, first + self.images))

    def windows_of(self, x: np.ndarray) -> np.ndarray:
        """Large images (n, I, J, C) -> their windows (n * places, window)."""
        g, places = self.g, len(x) * self.g.places
        pad(x.reshape(-1), self.padded, len(x), (g.I, g.J, g.C), (g.rows, g.columns), (g.padding, g.padding))
        table, step = origins(g, self.images), g.columns * g.C
        to_columns(self.padded, table, places, g.P, step, g.Q * g.C, self.columns.reshape(-1))
        return self.columns[:places]

    def spread(self, small: np.ndarray, W: np.ndarray, large: np.ndarray) -> None:
        """Every small pixel times Wᵀ, laid over its window: small (n, U, V, F) -> large (n, I, J, C)."""
        g, places = self.g, len(small) * self.g.places
        multiply(small.reshape(places, g.F), W.T, self.columns[:places])
        padded = self.padded[: len(small) * g.padded]
        padded[:] = 0
        add_columns(self.columns.reshape(-1), origins(g, self.images), places, g.P, g.columns * g.C, g.Q * g.C, padded)
        sizes, before = (g.I, g.J, g.C), (g.padding, g.padding)
        unpad(padded, large.reshape(-1), len(small), sizes, (g.rows, g.columns), before)


def finish(a: np.ndarray, b: np.ndarray, y: np.ndarray, activation: str) -> None:
    """y = f(a + b) and the slope in a; y = a + b in place where there is no activation."""
    rows = a.reshape(-1, len(b))
    if activation:
        ACTIVATIONS[activation](rows, b, y.reshape(-1, len(b)))
    else:
        add_bias(rows, b)


def forward(
    g: Geometry, transposed: bool, x: np.ndarray, W: np.ndarray, b: np.ndarray, a: np.ndarray, y: np.ndarray,
    activation: str, new: Callable,
) -> None:  # fmt: skip
    """x large, a and y small; transposed, x small, a and y large. W (window, F)."""
    block = Block.of(g, len(x), x.dtype, new)
    for some in block.over(len(x)):
        if transposed:
            block.spread(x[some], W, a[some])
        else:
            multiply(block.windows_of(x[some]), W, a[some].reshape(-1, g.F))
        finish(a[some], b, y[some], activation)


def backward(
    g: Geometry, transposed: bool, da: np.ndarray, x: np.ndarray, W: np.ndarray, dW: np.ndarray,
    dx: np.ndarray | None, new: Callable,
) -> None:  # fmt: skip
    """da small, x and dx large; transposed, da large, x and dx small. W, dW (window, F)."""
    block, part = Block.of(g, len(x), x.dtype, new), new(W.shape, W.dtype)
    for some in block.over(len(x)):
        large, small = (da, x) if transposed else (x, da)
        columns = block.windows_of(large[some])
        add_product(columns.T, small[some].reshape(-1, g.F), dW, part, some.start)
        if dx is not None and transposed:
            multiply(columns, W, dx[some].reshape(-1, g.F))
        elif dx is not None:
            block.spread(da[some], W, dx[some])


def add_product(a: np.ndarray, b: np.ndarray, total: np.ndarray, part: np.ndarray, start: int) -> None:
    """total += a b, or = for the first block."""
    multiply(a, b, part if start else total)
    if start:
        total += part
