"""What a model of sequences writes, as a picture: lines in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from npvae.figures.style import INK, PALE, new_figure, style, without_axes

__all__ = ["draw_columns", "written_lines"]

ROWS = 8
WIDEST = 18  # letters of a line that are shown


@style()
def written_lines(model: Any, lines: Sequence[str], rng: np.random.Generator) -> Figure:
    """Lines from the prior; of a VAE also lines given back, the way between two codes, and one code written again.

    lines  held-out ones: the first are given back, and the way leads from the first to the second
    """
    columns: dict[str, list[str]] = {"from the prior": model.sample(ROWS, rng)}
    if model.has_posterior:
        given = list(lines[:ROWS])
        again = model.reconstruct(given)
        columns["given"], columns["given back"] = given, again
        if len(given) > 1:
            columns["from one code to another"] = model.interpolate(given[0], given[1], ROWS)
        z = np.repeat(model.encode(given[:1])[0], ROWS, axis=0)
        columns[f"z of {_short(given[0])}, written {ROWS} times"] = model.decode(z, rng)
    else:
        columns["likeliest letters"] = model.sample(1, rng, greedy=True)
    figure = new_figure(0.9 + 0.26 * ROWS, "Written letter by letter")
    draw_columns(figure.subplots(), columns)
    return figure


def draw_columns(axes: Any, columns: Mapping[str, Sequence[str]]) -> None:
    """Columns of lines, each under its title, first line on top."""
    without_axes(axes)
    most = max(len(lines) for lines in columns.values())
    axes.set(xlim=(0, len(columns)), ylim=(most + 0.5, -1.2))
    for x, (title, lines) in enumerate(columns.items()):
        axes.text(x, -0.6, title, color=PALE, fontsize=8, va="center", wrap=False)
        for y, line in enumerate(lines):
            axes.text(x, y + 0.5, _short(line) or "(nothing)", color=INK, family="monospace", fontsize=9, va="center")


def _short(line: str) -> str:
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
