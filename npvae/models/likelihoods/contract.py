"""What every likelihood offers to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.contract import Ops
from npvae.params import Params


@dataclass(frozen=True)
class Row:
    """A row of LIKELIHOODS: how one is built for a model's settings, and which settings it alone reads.

    counts  its data are counts: whole numbers, not divided by the largest
    """

    build: Callable[[Any], Likelihood]
    settings: tuple[str, ...] = ()
    counts: bool = False


class Likelihood:
    """What every likelihood offers; the methods that raise are what a new one must bring.

    ops    a module with the forwards and backwards, as `Autoencoder.ops`
    output what the decoder gives, (N, D * outputs_per_pixel); x the data, (N, D)
    """

    name: str
    op: str  # what forward and backward call, where a likelihood has none of its own
    outputs_per_pixel: int = 1
    side_by_side: bool = True  # first outputs of all pixels, then all second ones; False: those of a pixel together
    encoder_width: int = 1  # numbers that the encoder gets for one of the data
    domain: tuple[float, float] = (-np.inf, np.inf)
    whole: bool = False  # the data are counts: 0, 1, 2 ...
    certain: tuple[float, ...] = ()
    """For each output of an entry, the value at which x = 0 is certain: its nll is exactly 0, its slope in every
    parameter too. What is missing is replaced by these. Outputs of a kind stand side by side, (N, D) after (N, D)."""

    def start(self) -> dict[str, np.ndarray]:
        """Parameters of its own, by name, with the values at which they start; none by default."""
        return {}

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output, x -> nll (N,) in nats, cache: those of the op, if it takes output and data as they are."""
        return getattr(ops, f"{self.op}_forward")(output, x)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput; the gradients of its own parameters go into their places in grads."""
        doutput = getattr(ops, f"{self.op}_backward")(dnll, cache)
        return doutput

    def forward_seen(
        self, ops: Ops, output: np.ndarray, x: np.ndarray, missing: np.ndarray, params: Params
    ) -> tuple[np.ndarray, Any]:
        """Output, x (N, D), missing (N, D) of bool -> nll (N,) of the entries that are not missing, in nats; cache."""
        x_seen, _ = ops.masked_fill_forward(x, missing)
        parts = np.split(output, self.outputs_per_pixel, axis=1)
        filled = [ops.masked_fill_forward(part, missing, c) for part, c in zip(parts, self.certain, strict=True)]
        seen = filled[0][0] if len(filled) == 1 else np.concatenate([part for part, _ in filled], axis=1)
        nll, cache = self.forward(ops, seen, x_seen, params)
        return nll, (cache, [fill_cache for _, fill_cache in filled])

    def backward_seen(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput, 0 for what is missing."""
        nll_cache, fill_caches = cache
        parts = np.split(self.backward(ops, dnll, nll_cache, grads), len(fill_caches), axis=1)
        doutput = [ops.masked_fill_backward(part, c) for part, c in zip(parts, fill_caches, strict=True)]
        return doutput[0] if len(doutput) == 1 else np.concatenate(doutput, axis=1)

    def encoder_view(self, x: np.ndarray) -> np.ndarray:
        """What the encoder gets of data x (N, D): x itself, (N, D * encoder_width) in general."""
        return x

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The mean of p(x|z), (N, D), in data units."""
        raise NotImplementedError

    def mean_beside(self, ops: Ops, output: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The mean of p(x|z) for the rows x (N, D) that z was encoded from: the same, unless rows have sizes."""
        return self.mean(ops, output)

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """One draw x ~ p(x|z), (N, D), in data units."""
        raise NotImplementedError

    def sample_beside(
        self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params, rng: np.random.Generator
    ) -> np.ndarray:
        """One draw for the rows x (N, D) that z was encoded from: as `sample`, unless rows have sizes."""
        return self.sample(ops, output, params, rng)

    def check(self, x: Any) -> None:
        """ValueError if data is not finite or lies outside the domain, with what was found and the mend."""
        low, high = float(x.min()), float(x.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = np.argwhere(~np.isfinite(np.asarray(x)))
            at, value = tuple(int(i) for i in bad[0]), x[tuple(bad[0])]
            raise ValueError(
                f"data holds {len(bad)} values that are not finite, first {value} at {at}: remove those rows"
                + (", or let them be, missing='ignore'" if np.isnan(value) else "")
            )
        rounding = 4 * np.finfo(x.dtype).eps if x.dtype.kind == "f" else 0.0  # of a scaler: the edge is the edge
        if low < self.domain[0] - rounding or high > self.domain[1] + rounding:
            wanted, found = f"[{self.domain[0]:g}, {self.domain[1]:g}]", f"[{_shown(low)}, {_shown(high)}]"
            raise ValueError(f"{self.name} needs data in {wanted}, found {found}: {_mend(x, low, high)}")


def _shown(value: float) -> str:
    """A number with as many digits as it takes to see that it is not a whole one."""
    return next((text for text in (f"{value:g}", f"{value:.9g}") if float(text) == value), repr(value))


def _mend(x: Any, low: float, high: float) -> str:
    """How data of this range gets into [0, 1]."""
    values = np.asarray(x)
    if low >= 0 and 180 <= high <= 256 and (high > 254 or (values == np.rint(values)).all()):
        return "divide by 255"
    gaussian = "choose a gaussian likelihood, such as gaussian_scalar"
    if low >= 0:
        return f"divide by {_shown(high)}, its largest value, or {gaussian}"
    how = " with (x + 1) / 2" if low >= -1 and high <= 1 else ""
    return f"rescale it{how} or {gaussian}"
