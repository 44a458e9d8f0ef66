"""Whether the code says anything: a training that gave up every latent ends with one line that says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.data.contract import Samples
from npvae.models.entrance import data_of

_ROWS = 1000  # that are looked at
_TOO_EARLY = 100  # steps, before which a code need not say anything
_IN_USE = 0.01  # variance of mu over the data, as in npvae.evaluation.active_units (Burda et al. 2016, section 5)


def latents_in_use(model: Any, x: Any) -> int | None:
    """How many latents the encoder uses on x; None for a model that has no posterior or takes no arrays."""
    data = data_of(model, x)
    if not getattr(model, "has_posterior", False) or not isinstance(data, Samples) or len(data) < 2:
        return None
    rows = np.linspace(0, len(data) - 1, min(len(data), _ROWS)).astype(np.intp)
    mu, _ = model.encode(data.batch(rows))
    return int((np.var(mu, axis=0, dtype=np.float64) > _IN_USE).sum())


def what_to_try(model: Any, x: Any, step: int) -> str:
    """A line for a person if no latent is in use after so many steps, with what brings them back; "" if one is."""
    if step < _TOO_EARLY or latents_in_use(model, x) != 0:
        return ""
    ways = ["more epochs", "a beta that grows (beta_schedule, --beta-schedule linear:10) or is smaller (beta, --beta)"]
    if model.likelihood.name.startswith("gaussian"):
        ways.insert(0, "a smaller variance (logvar, --logvar -4)")
    return f"no latent is in use: the decoder gives the same for every code. Try {', or '.join(ways)}"
