"""From arrays of every shape in which people keep images to rows (N, D) and the shape of one image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from npvae.data.files import DataError
from npvae.data.mapped import mapped_file

LAYOUTS = ("NHWC", "NCHW")
"""Where the colours stand: (N, H, W, C) or (N, C, H, W)."""


def as_rows(
    pixels: np.ndarray, image_shape: Sequence[int] | None, layout: str | None, source: str
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Pixels of any accepted shape -> (N, D) and (height, width), or (height, width, 3) in colour.

    DataError for a dtype or a shape that is no images, and for four axes of which two could be the colours.
    """
    if layout not in (None, *LAYOUTS):
        raise ValueError(f"Images: layout is {layout!r}, expected 'NHWC', 'NCHW' or None")
    if 0 in pixels.shape:
        mend = "row" if len(pixels) == 0 else "number per row"
        raise DataError(f"{source}: pixels have shape {pixels.shape}, which holds no data: give at least one {mend}")
    if pixels.dtype not in (np.uint8, np.bool_) and pixels.dtype.kind != "f":
        raise DataError(f"{source}: pixels are {pixels.dtype}, expected uint8, bool or floats: {_conversion(pixels)}")
    shape = pixels.shape
    if pixels.ndim == 4:
        pixels = _channels_last(pixels, layout, source)
    if pixels.ndim not in (2, 3, 4):
        raise DataError(
            f"{source}: pixels have shape {shape}, expected (N, D), (N, H, W), or one or three channels: reshape it"
        )
    guess = guess_shape(pixels.shape[1]) if pixels.ndim == 2 else pixels.shape[1:]
    wanted = tuple(int(size) for size in (guess if image_shape is None else image_shape))
    rows = pixels.reshape(len(pixels), -1)
    if len(wanted) not in (2, 3) or wanted[2:] not in ((), (1,), (3,)) or math.prod(wanted) != rows.shape[1]:
        raise DataError(f"{source}: image_shape is {wanted}, but an image has {rows.shape[1]} pixels")
    if mapped_file(pixels) is not None and mapped_file(rows) is None:
        raise DataError(f"{source}: this view of a memory map has scattered pixels: save it as a .npy of shape (N, D)")
    return rows, wanted[:2] if wanted[2:] == (1,) else wanted


def _channels_last(pixels: np.ndarray, layout: str | None, source: str) -> np.ndarray:
    """(N, H, W, C) or (N, C, H, W) -> (N, H, W) if C is 1, (N, H, W, 3) if it is 3."""
    shape = pixels.shape
    possible = {"NHWC": shape[3], "NCHW": shape[1]}
    if layout is None:
        for wanted in (1, 3):  # one channel is never a choice: (N, 1, H, 1) has the same pixels in the same order
            fits = [place for place, count in possible.items() if count == wanted]
            if len(fits) == 2 and wanted == 3:
                raise DataError(
                    f"{source}: of shape {shape}, either axis of 3 could be the colours: say layout='NHWC' for "
                    "(N, H, W, C) or layout='NCHW' for (N, C, H, W) (--layout)"
                )
            if fits:
                layout = fits[0]
                break
        else:
            mend = "take three, x[..., :3]" if 4 in possible.values() else "give grey or red, green and blue"
            raise DataError(
                f"{source}: pixels have shape {shape}, expected (N, H, W, C) or (N, C, H, W) with C = 1 or 3: {mend}"
            )
    if possible[layout] not in (1, 3):
        raise DataError(f"{source}: of shape {shape}, layout {layout} means C = {possible[layout]}, not 1 or 3")
    if possible[layout] == 1:
        return pixels[..., 0] if layout == "NHWC" else pixels[:, 0]
    if layout == "NHWC":
        return pixels
    if mapped_file(pixels) is not None:
        raise DataError(
            f"{source}: a memory map of shape {shape} has its colours far apart: save it as (N, H, W, C), "
            "x.transpose(0, 2, 3, 1)"
        )
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def in_words(image_shape: Sequence[int]) -> str:
    """28 x 28, or 32 x 32 in colour."""
    height, width = image_shape[:2]
    return f"{height} x {width}" + (" in colour" if len(image_shape) == 3 else "")


def guess_shape(data_dim: int) -> tuple[int, int]:
    """(height, width) of rows of D numbers: a square if D is one, else a single line."""
    side = math.isqrt(data_dim)
    return (side, side) if side * side == data_dim else (1, data_dim)


def _conversion(pixels: np.ndarray) -> str:
    """How to make pixels of these out of an array of another dtype."""
    if pixels.dtype.kind not in "iu" or pixels.size == 0:
        return "for instance x.astype(np.float32)"
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0:
        mend = f"(x + {-low}) / {high - low} lies in [0, 1], for instance"
    elif high in (0, 1, 255):
        mend = "x.astype(np.uint8)"
    elif high > 255:
        mend = f"x / {high} lies in [0, 1], for instance"
    else:
        mend = f"x.astype(np.uint8) if 255 is white, x / {high} if {high} is"
    return f"they lie in [{low}, {high}], {mend}"
