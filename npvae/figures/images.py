"""Rows and columns of images, grey or in colour, one scale for all of them: 0 is dark and 1 is bright, if it fits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from npvae.figures.style import PALETTE, signed, without_axes
from npvae.models.finite import check_result

__all__ = [
    "as_images",
    "draw_sheet",
    "frame_cell",
    "gap",
    "grey_scale",
    "in_rows",
    "label_columns",
    "label_rows",
    "sheet_height",
]


def as_images(x: np.ndarray, image_shape: Sequence[int], caller: str, *, are_data: bool = False) -> np.ndarray:
    """x (N, D) or (N, H, W, C) -> images (N, height, width), or (N, height, width, 3) in colour; a view.

    Raises ValueError if image_shape is not (height, width), perhaps with 1 or 3 colours, or does not hold D pixels,
    NonFiniteError for images that a model gave and that hold NaN or an infinity. `caller` opens the message.
    """
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"{caller}: image_shape is {shape}, expected (height, width) or (height, width, 3)")
    x = np.asarray(x)
    if x.ndim not in (2, 4) or math.prod(x.shape[1:]) != math.prod(shape):
        raise ValueError(
            f"{caller}: x has shape {x.shape}, expected (N, D) with D = {math.prod(shape)} "
            f"pixels taken from image_shape {shape}"
        )
    if not are_data:  # which may have gaps
        check_result(**{f"{caller}: images": x})
    return x.reshape(len(x), *(shape[:2] if shape[2:] == (1,) else shape))


def grey_scale(images: np.ndarray) -> tuple[float, float]:
    """The values to draw black and white: 0 and 1 if all images lie there, else the lowest and the highest."""
    low, high = float(np.nanmin(images)), float(np.nanmax(images))
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def in_rows(images: np.ndarray, columns: int) -> list[np.ndarray]:
    """images (N, height, width) or (N, height, width, 3) in reading order -> rows of at most `columns` images."""
    return [images[start : start + columns] for start in range(0, len(images), columns)]


def gap(image_shape: Sequence[int]) -> int:
    """Pixels of black between neighbours and around them all: an eighth of an image's width, at least one."""
    return max(1, round(image_shape[1] / 8))


def sheet_height(rows: int, columns: int, image_shape: Sequence[int], width: float) -> float:
    """Height in inches of a sheet of images that is `width` inches wide."""
    between = gap(image_shape)
    return width * (rows * (image_shape[0] + between) + between) / (columns * (image_shape[1] + between) + between)


def sheet(rows: Sequence[np.ndarray], black: float = 0.0) -> np.ndarray:
    """Rows of images, each (columns, height, width, ...), the first row at the top -> one image, black between them."""
    height, width, *colours = rows[0].shape[1:]
    between, columns = gap((height, width)), max(len(images) for images in rows)
    page = np.full((len(rows) * (height + between) + between, columns * (width + between) + between, *colours), black)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            top, left = between + row * (height + between), between + column * (width + between)
            page[top : top + height, left : left + width] = image
    return page


def draw_sheet(
    axes: Axes, rows: Sequence[np.ndarray], scale: tuple[float, float] = (0.0, 1.0), tell: bool = True
) -> None:
    """Draw `sheet(rows)`: one unit is a pixel of the data, x from the left and y down from the upper edge.

    scale  the values that are black and white, or in colour dark and bright; what lies beyond is cut off there
    tell   write them above the sheet, at the right, unless they are 0 and 1
    """
    black, white = scale
    page = sheet(rows, black)
    in_colour = page.ndim == 3
    if in_colour:  # matplotlib applies no scale to colours
        page = np.clip((page - black) / (white - black if white > black else 1), 0, 1)
    axes.imshow(page, vmin=black, vmax=white, extent=(0, page.shape[1], page.shape[0], 0))
    without_axes(axes)
    if tell and scale != (0.0, 1.0):
        low, high = (signed(float(f"{value:.3g}")) for value in scale)
        what = f"colours from {low} to {high}" if in_colour else f"black is {low}, white is {high}"
        axes.set_title(what, loc="right", size=9)


def label_rows(
    axes: Axes, labels: Sequence[str], image_shape: Sequence[int], places: Sequence[float] | None = None
) -> None:
    """Write labels to the left of the rows of a sheet.

    places  where, counted in rows from the upper edge: 0.5 is the middle of the first row; by default one per row
    """
    axes.set_yticks(_pixels(places, len(labels), image_shape[0], gap(image_shape)), labels)
    axes.tick_params(axis="y", length=0)


def label_columns(
    axes: Axes, labels: Sequence[str], image_shape: Sequence[int], places: Sequence[float] | None = None
) -> None:
    """Write labels beneath the columns of a sheet: as `label_rows`, counted in columns from the left."""
    axes.set_xticks(_pixels(places, len(labels), image_shape[1], gap(image_shape)), labels)
    axes.tick_params(axis="x", length=0)


def _pixels(places: Sequence[float] | None, count: int, size: int, between: int) -> list[float]:
    places = [number + 0.5 for number in range(count)] if places is None else places
    return [place * (size + between) + between / 2 for place in places]


def frame_cell(axes: Axes, row: int, column: int, image_shape: Sequence[int]) -> None:
    """Draw a coloured frame around one image of a sheet."""
    height, width, between = *image_shape[:2], gap(image_shape)
    corner = (column * (width + between) + between / 2, row * (height + between) + between / 2)
    frame = Rectangle(corner, width + between, height + between, fill=False, edgecolor=PALETTE[1], linewidth=2)
    axes.add_patch(frame)
