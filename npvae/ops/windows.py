"""Windows that slide over images: where they fit, and which pixels they meet. What the pages of convolution share."""

from collections.abc import Iterator

import numpy as np


def positions(size: int, window: int, stride: int, padding: int) -> int:
    """At how many places a window fits along one axis.

    Raises ValueError if it fits nowhere, for a stride below 1 and for a padding below 0.
    """
    check_step(stride, padding)
    if size + 2 * padding < window:
        raise ValueError(
            f"conv2d: a window of {window} does not fit into {size} pixels with padding {padding}: "
            f"use padding {-(-(window - size) // 2)}"
        )
    return (size + 2 * padding - window) // stride + 1


def spread_size(size: int, window: int, stride: int, padding: int, extra: int) -> int:
    """How many pixels one axis has of which `positions` makes `size`; the largest has extra = stride - 1.

    Raises ValueError if there are none, and for an extra outside 0 ... stride - 1.
    """
    check_step(stride, padding)
    pixels = stride * (size - 1) + window - 2 * padding + extra
    if not 0 <= extra < stride or pixels < 1:
        raise ValueError(
            f"conv2d_transpose: {size} places of a window of {window} with stride {stride}, padding {padding} and "
            f"{extra} extra make {pixels} pixels; expected at least 1, and extra from 0 to stride - 1"
        )
    return pixels


def check_step(stride: int, padding: int) -> None:
    """ValueError unless stride >= 1 and padding >= 0."""
    if stride < 1 or padding < 0:
        raise ValueError(f"stride is {stride} and padding {padding}, expected stride >= 1 and padding >= 0")


def windows(W: np.ndarray, rows: int, columns: int, stride: int) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
    """Every place (p, q) of the window W (P, Q, ...), and the index of the pixels it meets in padded images.

    `padded[index]` is a view (N, rows, columns, C): one pixel for each of the rows * columns places of the window.
    """
    for p, q in np.ndindex(W.shape[:2]):
        down, across = (slice(at, at + stride * (n - 1) + 1, stride) for at, n in ((p, rows), (q, columns)))
        yield p, q, (slice(None), down, across)
