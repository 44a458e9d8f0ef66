"""Grey levels gathered and divided in one pass: `npvae.data.Images` needs two, each over arrays that are not cached.

Rows of a batch lie anywhere in the data, so each would be waited for; they are asked for a few rows ahead.
"""

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, kernel
from npvae.kernels.matmul.vectors import LINE
from npvae.kernels.team.atomics import address_of, fetch_to_write

AHEAD = 6  # rows


@kernel(AS_WRITTEN)
def grey_levels(pixels: np.ndarray, rows: np.ndarray, max_value: float, out: np.ndarray) -> None:
    """out (B, D) = pixels[rows] / max_value, correctly rounded.

    pixels (N, D) of bytes, C-contiguous; rows (B,), which are not checked.
    """
    B, D = out.shape
    for i in range(B):
        ahead = address_of(pixels) + rows[min(i + AHEAD, B - 1)] * D
        for line in range(ahead, ahead + D, 4 * LINE):
            fetch_to_write(line)
        levels, floats = pixels[rows[i]], out[i]
        for d in range(D):
            floats[d] = np.float32(levels[d]) / max_value
