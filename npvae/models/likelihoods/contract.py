"""What every likelihood offers to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.params import Params


@dataclass(frozen=True)
class Row:
    """A row of LIKELIHOODS: how one is built for a model's settings, and which settings it alone reads."""

    build: Callable[[Any], Likelihood]
    settings: tuple[str, ...] = ()


class Likelihood:
    """What every likelihood offers; the methods that raise are what a new one must bring.

    ops    a module with the forwards and backwards, as `Autoencoder.ops`
    output what the decoder gives, (N, D * outputs_per_pixel); x the data, (N, D)
    """

    name: str
    outputs_per_pixel: int = 1
    side_by_side: bool = True  # first outputs of all pixels, then all second ones; False: those of a pixel together
    domain: tuple[float, float] = (-np.inf, np.inf)

    def start(self) -> dict[str, np.ndarray]:
        """Parameters of its own, by name, with the values at which they start; none by default."""
        return {}

    def forward(self, ops: Any, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output, x -> nll (N,) in nats, cache."""
        raise NotImplementedError

    def backward(self, ops: Any, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput; the gradients of its own parameters go into their places in grads."""
        raise NotImplementedError

    def mean(self, ops: Any, output: np.ndarray) -> np.ndarray:
        """The mean of p(x|z), (N, D), in data units."""
        raise NotImplementedError

    def sample(self, ops: Any, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """One draw x ~ p(x|z), (N, D), in data units."""
        raise NotImplementedError

    def check(self, x: Any) -> None:
        """ValueError if data is not finite or lies outside the domain, with what was found and the mend."""
        low, high = float(x.min()), float(x.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = np.argwhere(~np.isfinite(np.asarray(x)))
            at, value = tuple(int(i) for i in bad[0]), x[tuple(bad[0])]
            raise ValueError(
                f"data holds {len(bad)} values that are not finite, first {value} at {at}: remove those rows"
            )
        if low < self.domain[0] or high > self.domain[1]:
            mend = "divide by 255" if low >= 0 and 1 < high <= 255 else "rescale it or choose a gaussian likelihood"
            wanted = f"[{self.domain[0]:g}, {self.domain[1]:g}]"
            raise ValueError(f"{self.name} needs data in {wanted}, found [{low:g}, {high:g}]: {mend}")
