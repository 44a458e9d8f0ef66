"""Any likelihood over the entries that are seen: what is NaN in the data is summed over nothing and has no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.contract import Ops
from npvae.models.likelihoods.contract import Likelihood
from npvae.params import Params

WHEN_MISSING = ("error", "ignore", "mask")


class SeenEntries(Likelihood):
    """A likelihood that takes NaN for missing. Value and gradient are those of a model without these entries.

    The encoder gets 0 where an entry is missing, and with tells_mask also which entries are: 1 for these, 0 else.
    See `npvae.ops.masked_fill`, and `Likelihood.certain`.
    """

    def __init__(self, inner: Likelihood, tells_mask: bool = False) -> None:
        """`inner` explains what is seen."""
        self.inner, self.tells_mask = inner, tells_mask
        self.name, self.outputs_per_pixel, self.domain = inner.name, inner.outputs_per_pixel, inner.domain
        self.whole, self.certain = inner.whole, inner.certain
        self.encoder_width = 2 * inner.encoder_width if tells_mask else inner.encoder_width

    def start(self) -> dict[str, np.ndarray]:
        """Those of the inner likelihood."""
        return self.inner.start()

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output, x (N, D) with NaN for missing -> nll (N,) of what is seen, in nats; cache."""
        missing = np.isnan(x)  # (N, D)
        return self.inner.forward_seen(ops, output, x, missing, params)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput, 0 for what is missing."""
        doutput = self.inner.backward_seen(ops, dnll, cache, grads)
        return doutput

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The inner likelihood's, for every entry."""
        return self.inner.mean(ops, output)

    def mean_beside(self, ops: Ops, output: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The inner likelihood's, for every entry."""
        return self.inner.mean_beside(ops, output, x)

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """The inner likelihood's, for every entry."""
        return self.inner.sample(ops, output, params, rng)

    def sample_beside(
        self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params, rng: np.random.Generator
    ) -> np.ndarray:
        """The inner likelihood's, for every entry."""
        return self.inner.sample_beside(ops, output, x, params, rng)

    def encoder_view(self, x: np.ndarray) -> np.ndarray:
        """The inner likelihood's view (N, D), 0 for what is missing; with tells_mask the mask beside it, (N, 2 D)."""
        missing = np.isnan(x)
        view = np.where(missing, x.dtype.type(0), self.inner.encoder_view(x))
        return np.concatenate([view, missing.astype(x.dtype)], axis=1) if self.tells_mask else view

    def check(self, x: Any) -> None:
        """The inner likelihood's, of what is seen. ValueError if that is nothing at all."""
        x = np.asarray(x)
        missing = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
        if missing.all():
            raise ValueError("every entry of the data is missing: there is nothing to learn from")
        self.inner.check(np.where(missing, x[~missing].flat[0], x))
