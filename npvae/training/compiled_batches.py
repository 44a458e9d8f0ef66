"""Batches of large grey images, gathered and divided by one compiled pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.data.contract import Samples
from npvae.data.images import Images

PAYS_FROM = 2**15  # numbers in a batch: with fewer, the pass saves less than it takes to compile


class GreyLevels(Samples):
    """Images of bytes in memory, as rows or images of float32: the bits of `Images`, sooner."""

    def __init__(self, data: Samples) -> None:
        """Of data that `compiled` has found to be such."""
        super().__init__(data.x, data.kind, data.dtype)
        from npvae.kernels.grey_levels import grey_levels

        self.read, self.max_value = grey_levels, np.float32(data.x.max_value)

    def batch(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Rows by an index array within the data -> (B, D) or (B, H, W, C)."""
        found = np.empty((len(rows), *self.sample_shape), self.dtype) if out is None else out
        self.read(self.x.pixels, rows, self.max_value, found.reshape(len(rows), self.x.shape[1]))
        return found


def compiled(data: Any, batch_size: int, backend: str) -> Any:
    """The same data, with batches by a compiled pass if they are grey levels in memory and large enough."""
    images = getattr(data, "x", None)
    if backend != "numba" or type(data) is not Samples or type(images) is not Images or images.mapped:
        return data
    of_bytes = images.pixels.dtype == np.uint8 and images.pixels.flags.c_contiguous
    if not of_bytes or not data.dtype == images.dtype == np.float32 or batch_size * images.shape[1] < PAYS_FROM:
        return data
    from numba.core import config

    return data if config.DISABLE_JIT else GreyLevels(data)  # type: ignore[attr-defined]
