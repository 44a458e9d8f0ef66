"""Rows and columns of grey images, one scale for all of them: 0 is black, 1 is white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from npvae.figures.style import PALETTE, without_axes

__all__ = ["as_images", "draw_rows", "frame_cell", "in_rows", "label_columns", "label_rows", "rows_height"]

GAP = 0.06  # of an image's width, between neighbours


def as_images(x: np.ndarray, image_shape: Sequence[int], caller: str) -> np.ndarray:
    """x (N, D) -> images (N, height, width), a view.

    Raises ValueError if image_shape is not (height, width) or does not hold D pixels. `caller` opens the message.
    """
    shape = tuple(image_shape)
    if len(shape) != 2:
        raise ValueError(f"{caller}: image_shape is {shape}, expected (height, width): one grey value a pixel")
    height, width = shape
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != height * width:
        raise ValueError(
            f"{caller}: x has shape {x.shape}, expected (N, D) with D = {height * width} "
            f"pixels taken from image_shape {shape}"
        )
    return x.reshape(len(x), height, width)


def in_rows(images: np.ndarray, columns: int) -> list[np.ndarray]:
    """images (N, height, width) in reading order -> rows of at most `columns` images."""
    return [images[start : start + columns] for start in range(0, len(images), columns)]


def rows_height(rows: int, columns: int, image_shape: Sequence[int], width: float) -> float:
    """Height in inches of rows of images that are `width` inches wide."""
    height_of_cell = image_shape[0] / image_shape[1] + GAP
    return width * rows * height_of_cell / (columns * (1 + GAP))


def draw_rows(axes: Axes, rows: Sequence[np.ndarray]) -> None:
    """Draw rows of images, each (columns, height, width), the first row at the top.

    One unit of x is an image's width; y runs down, in the same unit. The upper left corner of an image stands at
    x = column * (1 + GAP), y = row * (height / width + GAP).
    """
    height = rows[0].shape[1] / rows[0].shape[2]
    columns = max(len(images) for images in rows)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            left, top = column * (1 + GAP), row * (height + GAP)
            axes.imshow(image, vmin=0, vmax=1, extent=(left, left + 1, top + height, top))
    axes.set(xlim=(0, columns * (1 + GAP) - GAP), ylim=(len(rows) * (height + GAP) - GAP, 0))
    without_axes(axes)


def label_rows(axes: Axes, labels: Sequence[str], image_shape: Sequence[int]) -> None:
    """Write one label to the left of each row drawn by `draw_rows`."""
    height = image_shape[0] / image_shape[1]
    axes.set_yticks([row * (height + GAP) + height / 2 for row in range(len(labels))], labels)
    axes.tick_params(axis="y", length=0)


def label_columns(axes: Axes, labels: Sequence[str]) -> None:
    """Write one label beneath each column drawn by `draw_rows`."""
    axes.set_xticks([column * (1 + GAP) + 0.5 for column in range(len(labels))], labels)
    axes.tick_params(axis="x", length=0)


def frame_cell(axes: Axes, row: int, column: int, image_shape: Sequence[int]) -> None:
    """Draw a coloured frame around one image drawn by `draw_rows`."""
    height = image_shape[0] / image_shape[1]
    corner = (column * (1 + GAP), row * (height + GAP))
    axes.add_patch(Rectangle(corner, 1, height, fill=False, edgecolor=PALETTE[1], linewidth=2.2, clip_on=False))
