"""Loops over one block of images: into padding and out of it, windows into columns and back. All arrays are flat.

The innermost loops run over slices from 0 on: `y[at + i]` might count from the end, as far as numba knows, and a loop
with that question in it does not become vector instructions (four times as long).
"""

import numpy as np

from npvae.kernels.jit import AS_WRITTEN, kernel


@kernel(AS_WRITTEN)
def copy_row(x: np.ndarray, start: int, n: int, y: np.ndarray, at: int, before: int, size: int) -> None:
    """n numbers of x into the middle of a row of y of this size, zeros around them."""
    zero = x.dtype.type(0)
    left, middle, right = y[at : at + before], y[at + before : at + before + n], y[at + before + n : at + size]
    source = x[start : start + n]
    for i in range(left.size):
        left[i] = zero
    for i in range(source.size):
        middle[i] = source[i]
    for i in range(right.size):
        right[i] = zero


@kernel(AS_WRITTEN)
def pad(x: np.ndarray, padded: np.ndarray, images: int, sizes: tuple, padded_sizes: tuple, before: tuple) -> None:
    """Images of (rows, columns, channels) into the middle of larger or smaller ones, zeros where they do not reach.

    before is where row 0 and column 0 come to lie.
    """
    I, J, C = sizes
    rows, columns = padded_sizes
    left = min(before[1], columns)
    inside = max(0, min(J, columns - left))
    for n in range(images):
        for r in range(rows):
            i = r - before[0]
            shown = inside if 0 <= i < I else 0
            start = (n * I + i) * J * C if shown > 0 else 0
            copy_row(x, start, shown * C, padded, (n * rows + r) * columns * C, left * C, columns * C)


@kernel(AS_WRITTEN)
def unpad(padded: np.ndarray, x: np.ndarray, images: int, sizes: tuple, padded_sizes: tuple, before: tuple) -> None:
    """The middle of padded images; pixels that lie beyond them are zeros: no window shows them."""
    I, J, C = sizes
    rows, columns = padded_sizes
    inside = max(0, min(J, columns - before[1]))
    for n in range(images):
        for i in range(I):
            r = i + before[0]
            shown = inside if r < rows else 0
            start = ((n * rows + r) * columns + before[1]) * C if shown > 0 else 0
            copy_row(padded, start, shown * C, x, (n * I + i) * J * C, 0, J * C)


@kernel(AS_WRITTEN)
def to_columns(
    padded: np.ndarray, origins: np.ndarray, places: int, P: int, step: int, run: int, columns: np.ndarray
) -> None:
    """One row of columns (places, P * run) for each window: P runs of neighbours, a row of the image (`step`) apart."""
    for k in range(places):
        for p in range(P):
            start, at = origins[k] + p * step, (k * P + p) * run
            column, pixels = columns[at : at + run], padded[start : start + run]
            for i in range(run):
                column[i] = pixels[i]


@kernel(AS_WRITTEN)
def add_columns(
    columns: np.ndarray, origins: np.ndarray, places: int, P: int, step: int, run: int, padded: np.ndarray
) -> None:
    """The way back: every row of columns added to the pixels of its window."""
    for k in range(places):
        for p in range(P):
            start, at = origins[k] + p * step, (k * P + p) * run
            column, pixels = columns[at : at + run], padded[start : start + run]
            for i in range(run):
                pixels[i] += column[i]


@kernel(AS_WRITTEN)
def add_up(parts: np.ndarray, total: np.ndarray) -> None:
    """total (size,) = the sum of parts (blocks, size), in order: the same bits for any number of threads."""
    total[:] = parts[0]
    for k in range(1, len(parts)):
        part = parts[k]
        for i in range(total.size):
            total[i] += part[i]
