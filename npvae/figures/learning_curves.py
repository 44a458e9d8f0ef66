"""Learning curves: the loss and its two terms, on training and on test data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from npvae.figures.style import PALETTE, new_figure, style
from npvae.models import OBJECTIVES

__all__ = ["learning_curves"]

TERMS = {
    "loss": "loss",
    "nll": "nll: to give the data back",
    "kl": "kl: what the code costs",
}
MANY_EPOCHS = 30  # epochs: from here on the axis is logarithmic, because most happens in the first few
TRAIN, TEST = PALETTE[0], PALETTE[6]


@style()
def learning_curves(history: Sequence[Mapping[str, Any]], objective: str = "") -> Figure:
    """One panel per term, train and test in each, in nats per sample.

    history    one row per epoch, as in `metrics.jsonl`: epoch, train_loss, train_nll, train_kl and test_loss, test_nll,
               test_kl, which may be None or absent. A term that is zero or absent throughout (the kl of an
               autoencoder) gets no panel.
    objective  what the loss is, one of npvae.models.OBJECTIVES: written above its panel. Only some are a sum of nll
               and kl, so by default "loss" stands there and no more.

    Raises ValueError if history is empty.
    """
    if not history:
        raise ValueError("learning_curves: history is empty; it needs one row for each finished epoch")
    terms = [term for term in TERMS if any(row.get(f"{part}_{term}") for row in history for part in ("train", "test"))]
    if "kl" not in terms:
        terms = ["loss"]
    figure = new_figure(2.9, "Learning: the loss, nll and kl" if len(terms) > 1 else "Learning")
    titles = TERMS | ({"loss": OBJECTIVES[objective].loss} if objective in OBJECTIVES else {})
    panels = figure.subplots(1, len(terms), squeeze=False)[0]
    for axes, term in zip(panels, terms, strict=True):
        _draw_term(axes, history, term)
        axes.set_title(titles[term])
    panels[0].set_ylabel("nats per sample")
    return figure


def _draw_term(axes: Axes, history: Sequence[Mapping[str, Any]], term: str) -> None:
    ends = {}
    # The training curve is broad and pale, the test curve narrow on top of it: neither hides the other.
    for part, colour, width in (("train", TRAIN, 4.0), ("test", TEST, 1.4)):
        rows = [row for row in history if row.get(f"{part}_{term}") is not None]
        if not rows:
            continue
        epochs, values = [row["epoch"] for row in rows], [row[f"{part}_{term}"] for row in rows]
        marker = "o" if len(rows) == 1 else ""
        alpha = 0.55 if part == "train" else 1.0
        axes.plot(epochs, values, color=colour, linewidth=width, alpha=alpha, marker=marker, label=part)
        ends[part] = (epochs[-1], values[-1], colour)
    # Each curve bears its name and last value at its end, the higher one above that height and the lower one
    # beneath it, so that curves that end together do not write over each other.
    highest = max(ends, key=lambda part: ends[part][1])
    for part, (epoch, value, colour) in ends.items():
        axes.annotate(
            f"{part}\n{_three_digits(value)}",
            (epoch, value),
            xytext=(5, 0),
            textcoords="offset points",
            ha="left",
            va="center" if len(ends) == 1 else "bottom" if part == highest else "top",
            color=colour,
            size=9,
            linespacing=1.0,
        )
    axes.margins(x=0, y=0.1)  # the axis ends where the curves do: their names stand to the right of it
    axes.set_xlabel("epoch")
    last = max(epoch for epoch, _, _ in ends.values())
    if len(history) == 1:  # points, whose names stand inside
        axes.margins(y=0.4)
        axes.set_xticks([last])
    elif last >= MANY_EPOCHS:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda epoch, _: f"{epoch:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def _three_digits(value: float) -> str:
    """At least three significant digits: 0.735, 23.9, 1326.4."""
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:#.3g}"
