"""Grey levels gathered and divided in one pass: `npvae.data.Images` needs two, each over arrays that are not cached."""

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, kernel


@kernel(AS_WRITTEN)
def grey_levels(pixels: np.ndarray, rows: np.ndarray, max_value: float, out: np.ndarray) -> None:
    """out (B, D) = pixels[rows] / max_value, correctly rounded. pixels (N, D) of bytes; rows (B,) are not checked."""
    for i in range(rows.size):
        levels, floats = pixels[rows[i]], out[i]
        for d in range(floats.size):
            floats[d] = np.float32(levels[d]) / max_value
