"""What a forward leaves behind: every named array of it, and what its backward needs."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(repr=False)
class Trace:
    """The arrays of one forward by name. Printed, it is a table of them, a line each."""

    def __repr__(self) -> str:
        names = [field.name for field in fields(self) if field.name not in ("caches", "ops")]
        rows = [_row(name, getattr(self, name)) for name in names]
        head = f"{type(self).__name__:<18}{'shape':>16} {'mean':>12} {'least':>12} {'largest':>12}"
        return "\n".join([head, *rows])

    def __deepcopy__(self, memo: dict[int, Any]) -> Trace:
        """A trace of new arrays, computed in the same place: it lasts when those of the first are written anew."""
        kept = copy(self)
        kept.__dict__ |= {name: deepcopy(value, memo) for name, value in vars(self).items() if name != "ops"}
        return kept


@dataclass(repr=False)
class AutoencoderTrace(Trace):
    """What one forward of an autoencoder computed: N samples, L latents, D pixels."""

    z: np.ndarray  # (N, L)
    output: np.ndarray  # (N, D), or wider; what the likelihood takes: logits for bernoulli
    nll: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), zero: there is no prior to be far from
    caches: tuple
    ops: Any  # where it was computed


@dataclass(repr=False)
class VAETrace(Trace):
    """What one forward of a VAE computed: N samples, L latents, D pixels."""

    mu: np.ndarray  # (N, L)
    logvar: np.ndarray  # (N, L), log of the variance
    std: np.ndarray  # (N, L)
    z: np.ndarray  # (N, L)
    output: np.ndarray  # (N, D), or wider; what the likelihood takes: logits for bernoulli
    nll: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), nats
    caches: tuple
    ops: Any  # where it was computed


@dataclass(repr=False)
class BoundTrace(VAETrace):
    """What one forward with K weighted draws computed.

    z is (K, N, L), output (K * N, D); nll and kl (N,) are means over the draws, kl of log q(z|x) - log p(z).
    """

    log_w: np.ndarray  # (K, N), nats


def _row(name: str, values: np.ndarray) -> str:
    numbers = (values.mean(), values.min(), values.max()) if values.size else (np.nan,) * 3
    return f"  {name:<16}{values.shape!s:>16}" + "".join(f" {float(number):>12.5g}" for number in numbers)
