"""Colour made grey, and grey made colour."""

from __future__ import annotations

import numpy as np

from npvae.data.files import DataError
from npvae.data.images import Images
from npvae.data.mapped import mapped_file


def luma(pixels: np.ndarray) -> np.ndarray:
    """Colours (..., 3) -> grey (...): 0.299 R + 0.587 G + 0.114 B (ITU-R 601), of uint8 rounded as Pillow does."""
    if pixels.dtype == np.uint8:
        red, green, blue = np.moveaxis(pixels.astype(np.uint32), -1, 0)
        return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
    return (pixels @ np.array([0.299, 0.587, 0.114], pixels.dtype)).astype(pixels.dtype)


def to_colours(images: Images, colour: str) -> Images:
    """Images as `Reading.colour` wants them: "keep", "grey" or "rgb"."""
    is_coloured = len(images.image_shape) == 3
    if colour == "keep" or (colour == "rgb") == is_coloured:
        return images
    if mapped_file(images.pixels) is not None:
        raise DataError(
            f"{images.source}: is mapped, so its colours cannot be changed: save it with the colours you want"
        )
    pixels = images.pixels.reshape(len(images), *images.image_shape)
    pixels = luma(pixels) if is_coloured else np.repeat(pixels[..., np.newaxis], 3, axis=-1)
    return Images(
        pixels, images.labels, max_value=images.max_value, dtype=images.dtype, source=images.source, layout="NHWC"
    )
