"""Pictures of tables: columns against their reconstruction, and the correlation of each latent with each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from npvae.figures.posterior import LatentModel, encoded
from npvae.figures.style import INK, PALE, PALETTE, new_figure, signed, style

__all__ = ["code_correlations", "columns"]

MOST_COLUMNS = 12
MOST_ROWS_SHOWN = 24  # columns of the table, as rows of the picture, that can be read


@style()
def columns(model: LatentModel, x: np.ndarray, names: Sequence[str] | None = None) -> Figure:
    """Each column of x (N, D) against its reconstruction, a dot per row: the twelve columns of the largest variance.

    On the line both are the same. R² is the share of the variance of a column that the reconstruction explains.
    Entries that are missing (NaN) are left out.

    Raises ValueError if names are not D strings.
    """
    x, back = np.asarray(x, float), np.asarray(model.reconstruct(x), float)
    names = _names(names, back.shape[1], "columns")
    x = x[:, : back.shape[1]]  # a conditional model's rows carry their label after the data
    variance = _of_seen(np.nanvar, x)
    shown = np.sort(np.argsort(-variance, kind="stable")[:MOST_COLUMNS])
    across = min(4, len(shown))
    down = -(-len(shown) // across)
    figure = new_figure(0.5 + 2.1 * down, "Columns of the table against their reconstruction")
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for axes, d in zip(panels, shown, strict=False):
        seen = ~np.isnan(x[:, d])
        value, guess = x[seen, d], back[seen, d]
        low, high = min(value.min(), guess.min()), max(value.max(), guess.max())
        axes.plot([low, high], [low, high], color=PALE, linewidth=1)
        axes.plot(value, guess, ".", color=PALETTE[0], markersize=4, alpha=0.5, markeredgewidth=0)
        explained = 1 - np.mean((value - guess) ** 2) / variance[d] if variance[d] > 0 else np.nan
        told = f"R² = {explained:.2f}".replace("-", "\N{MINUS SIGN}") if np.isfinite(explained) else "constant"
        axes.set_title(f"{names[d]}   {told}")
        axes.locator_params(nbins=4)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel("value in the table", fontsize=10, color=INK)
    figure.supylabel("reconstruction", fontsize=10, color=INK)
    return figure


@style()
def code_correlations(model: LatentModel, x: np.ndarray, names: Sequence[str] | None = None) -> Figure:
    """Pearson's correlation of every latent's code with every column of x (N, D), as a coloured table.

    Of more than 24 columns those are shown that any latent is correlated with most. A column or a latent that does not
    vary has no correlation and stays grey. Entries that are missing (NaN) are left out.

    Raises ValueError if names are not D strings.
    """
    code, _ = encoded(model, x)
    D = np.asarray(model.reconstruct(x[:1])).shape[1]
    names = _names(names, D, "code_correlations")
    r = np.array([[_correlation(column, z) for z in code.T] for column in np.asarray(x, float)[:, :D].T])  # (D, L)
    strength = np.nan_to_num(np.abs(r)).max(axis=1)
    shown = np.sort(np.argsort(-strength, kind="stable")[:MOST_ROWS_SHOWN])
    figure = new_figure(1.3 + 0.26 * len(shown), "Correlation of the codes with the columns")
    axes = figure.subplots()
    axes.set_facecolor("#dddddd")
    image = axes.imshow(np.ma.masked_invalid(r[shown]), vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto")
    axes.set_xticks(range(code.shape[1]), [f"z{i}" for i in range(code.shape[1])])
    axes.set_yticks(range(len(shown)), [names[d] for d in shown])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if code.shape[1] <= 12:
        for i, d in enumerate(shown):
            for j, value in enumerate(r[d]):
                if np.isfinite(value):
                    colour = "white" if abs(value) > 0.55 else INK
                    axes.text(j, i, signed(round(value, 2)), ha="center", va="center", fontsize=8, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30)
    bar.outline.set_visible(False)
    return figure


def _names(names: Sequence[str] | None, D: int, caller: str) -> list[str]:
    if names is None:
        return [f"column {d}" for d in range(D)]
    if len(names) != D:
        raise ValueError(f"{caller}: {len(names)} names were given, expected one for each of D = {D} columns")
    return list(names)


def _of_seen(statistic: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """The statistic of each column's seen entries; 0 where there are none."""
    return np.array([statistic(column) if not np.isnan(column).all() else 0.0 for column in x.T])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    seen = ~np.isnan(a)
    a, b = a[seen], b[seen]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return np.nan
    return float(np.mean((a - a.mean()) * (b - b.mean())) / (a.std() * b.std()))
