"""How a model looks in a notebook: a table of its layers, with how its parameters are spread over them."""

from __future__ import annotations

import html
from typing import Any

_BAR = 120  # pixels of the longest bar


def model_html(model: Any) -> str:
    """One row per layer: its name, the shapes of its parameters, how many numbers they are, and a bar as long."""
    layers: dict[str, list[str]] = {}
    for name in model.params:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    sizes = {layer: sum(model.params[name].size for name in names) for layer, names in layers.items()}
    longest = max(sizes.values())
    rows = []
    for layer, names in layers.items():
        shapes = ", ".join(f"{name.rpartition('.')[2]} {model.params[name].shape}" for name in names)
        bar = f'<div style="background:#4477aa;height:0.7em;width:{_BAR * sizes[layer] / longest:.0f}px"></div>'
        cells = (html.escape(layer), html.escape(shapes), f"{sizes[layer]:,}", bar)
        rows.append("<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>")
    head = "".join(f'<th style="text-align:left">{name}</th>' for name in ("layer", "parameters", "numbers", ""))
    return f"<p>{html.escape(repr(model))}</p><table><tr>{head}</tr>{''.join(rows)}</table>"
