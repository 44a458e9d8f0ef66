"""How the weight of the KL term grows while a model trains: a pure function of the position, in epochs.

Equations
    constant = 1                                                                                 (1)
    linear = min(1, epochs / E)                                                                  (2)
    cyclical = min(1, 2 * (epochs % E) / E)                                                      (3)

constant     the whole of it from the first step
linear:E     from 0 to the whole in E epochs, then constant            (Bowman et al. 2016; Sønderby et al. 2016)
cyclical:E   anew in every E epochs: linear over the first half, constant over the second     (Fu et al. 2019)

A schedule scales beta; under the objective "capacity" it scales the capacity, and beta stays (Burgess et al. 2018).
Losses on held-out data are always taken at the whole weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from npvae.models import OBJECTIVES
from npvae.spec import Arg, Law


def read_schedule(text: str) -> Callable[[float], float]:
    """The schedule of this name: position in epochs -> fraction in [0, 1]. ValueError says how they are written."""
    kind, _, length = text.partition(":") if isinstance(text, str) else ("", "", "")
    if text == "constant":
        return lambda epochs: 1.0  # (1)
    try:
        E = float(length)
    except ValueError:
        E = 0.0
    if kind not in ("linear", "cyclical") or not 0 < E < float("inf"):
        raise ValueError(f"beta_schedule is {text!r}, expected constant, linear:E or cyclical:E with E > 0 epochs")
    if kind == "linear":
        return lambda epochs: min(1.0, epochs / E)  # (2)
    return lambda epochs: min(1.0, 2 * (epochs % E) / E)  # (3)


def _at(epochs: Any, E: Any) -> dict[str, float]:
    texts = {"constant": "constant", "linear": f"linear:{float(E)!r}", "cyclical": f"cyclical:{float(E)!r}"}
    return {name: read_schedule(text)(float(epochs)) for name, text in texts.items()}


LAW = Law(
    _at,
    name="schedules",
    args={
        "epochs": Arg(domain=(0.0, math.inf), specials=[1e-6, 0.5, 1e6]),
        "E": Arg(domain=(0.1, math.inf), specials=[2.0, 1e6]),
    },
)


def set_fraction(model: Any, fraction: float) -> None:
    """Scale what its objective schedules, beta or the capacity, to this fraction of the configured value."""
    row = OBJECTIVES.get(model.config.get("objective", ""))
    if row is not None:
        setattr(model, row.scheduled, fraction * model.config[row.scheduled])
