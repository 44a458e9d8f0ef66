"""The one style of all pictures: type, greys, colours that do not need colour vision, and how a PNG is written."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["INK", "PALE", "PALETTE", "WIDTH", "class_colours", "new_figure", "save_png", "style"]

WIDTH = 8.0
"""Width of every picture in inches; at 800 pixels a 10-point letter is then 14 pixels high."""

INK, PALE = "#333333", "#8a8a8a"
"""Text and axes; what stands behind the data (the prior, grid values)."""

PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#2f3640",
    "#92dadd",
)
"""Ten colours that stay apart without colour vision: Petroff (2021), "Accessible color sequences for data
visualization", arXiv:2107.02270, but for the ninth. His slate is hard to tell from the grey of the fourth in small
dots, so it is nearly black here."""

STYLE = {
    "figure.dpi": 160,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "text.color": INK,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.8,
    "image.cmap": "gray",
    "savefig.dpi": "figure",
}

_LOCK = threading.RLock()  # matplotlib's settings are one dictionary for all threads


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults with `STYLE` on top inside the block, the caller's own settings again after it.

    Also a decorator: `@style()`. The reader's matplotlibrc has no say, so the same numbers give the same picture
    everywhere. Threads take turns.
    """
    with _LOCK, matplotlib.style.context(STYLE, after_reset=True):
        yield


def new_figure(height: float, title: str = "") -> Figure:
    """An empty figure `WIDTH` by `height` inches with its title at the upper left. pyplot never hears of it.

    Example:
        >>> npvae.figures.new_figure(3.0, "A title").get_size_inches().tolist()
        [8.0, 3.0]
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def without_axes(axes: Axes) -> None:
    """Take ticks and frame away: an image needs none."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def signed(value: float) -> str:
    """A number as axes write it, with a true minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def class_colours(count: int) -> list[str]:
    """One colour per class: the palette for up to ten; for more, `count` steps of viridis, dark to light.

    No more than ten colours can be told apart reliably, so pictures also write each class's label beside it.
    """
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    steps = matplotlib.colormaps["viridis"](np.linspace(0, 0.95, count))
    return [matplotlib.colors.to_hex(step) for step in steps]


@style()
def save_png(figure: Figure, path: str | os.PathLike[str], colours: int | None = None) -> Path:
    """Write the figure as a PNG and return its path: same figure, same bytes (no date, no software version).

    colours  at most 256: a palette of this many, for a file of a third of the size; by default all that there are.
             Every colour that covers an area stays what it is; where edges blend, a pixel may be a shade off. Ten
             classes of pale, overlapping regions need all 256.

    The file appears whole or not at all, also where one stood before. Raises OSError if the folder cannot be
    written.
    """
    path = Path(path)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    if colours is not None:
        from PIL import Image  # matplotlib needs it too

        image = Image.open(png).convert("RGB")
        # Median cut shares the palette out by area, so a pale fill keeps its hue. Maximum coverage has a better worst
        # pixel, paid for by the fills: two classes of one picture once came out in the same grey.
        image = image.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
        png = io.BytesIO()
        image.save(png, format="PNG", optimize=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(png.getvalue())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
