"""Likelihoods of grey levels: probabilities, not densities, so nats (and bits) can be compared between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.contract import Ops
from npvae.models.likelihoods.contract import Likelihood
from npvae.params import Params


class GreyLevels(Likelihood):
    """What the likelihoods of grey levels k / (levels - 1) share: their data."""

    domain = (0.0, 1.0)

    def __init__(self, data_dim: int, levels: int) -> None:
        """`levels` grey levels, 256 for 8-bit images."""
        if levels < 2:
            raise ValueError(f"levels is {levels}, expected at least 2 grey levels")
        self.data_dim, self.levels = data_dim, levels

    def check(self, x: Any) -> None:
        """As for every likelihood, and ValueError if a value (of the first thousand samples) is between two levels."""
        super().check(x)
        values = np.asarray(x[:1000], dtype=float) * (self.levels - 1)
        off = np.abs(values - np.rint(values))
        if off.max() > 1e-3:
            found = np.asarray(x[:1000]).flat[int(off.argmax())]
            raise ValueError(
                f"{self.name} needs grey levels k / {self.levels - 1}, found {found:g}: "
                f"give the number of levels the data has (levels={self.levels})"
            )


class DiscretizedLogistic(GreyLevels):
    """A logistic's mass on every grey level; the decoder gives mean and log of the scale side by side, (N, 2 D)."""

    name = "discretized_logistic"
    outputs_per_pixel = 2
    certain = (-1e4, 0.0)

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output (N, 2 D), x (N, D) -> nll (N,), in nats: a probability, not a density."""
        mean, log_scale = output[:, : self.data_dim], output[:, self.data_dim :]
        return ops.discretized_logistic_nll_forward(mean, log_scale, x, levels=self.levels)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput (N, 2 D)."""
        doutput = np.concatenate(ops.discretized_logistic_nll_backward(dnll, cache), axis=1)
        return doutput

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The mean over the levels, (N, D): the sum of the chances to lie at or above each of them but the first."""
        mean, precision = output[:, : self.data_dim], np.exp(-output[:, self.data_dim :])
        total = np.zeros_like(mean)
        for k in range(1, self.levels):
            total += ops.sigmoid_forward((mean - (k - 0.5) / (self.levels - 1)) * precision)[0]
        return total / (self.levels - 1)

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Draw from the logistic and round to the nearest level: the tails fall on the first and the last."""
        mean, log_scale = output[:, : self.data_dim], output[:, self.data_dim :]
        noise = rng.logistic(size=mean.shape).astype(mean.dtype)
        top = self.levels - 1
        return np.clip(np.rint((mean + np.exp(log_scale) * noise) * top), 0, top) / mean.dtype.type(top)


class Binomial(GreyLevels):
    """How many of levels - 1 trials succeeded, as a grey level; the decoder gives the logits of one trial, (N, D)."""

    name = "binomial"
    op = "binomial_nll"
    certain = (-1e4,)

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Logits (N, D), x (N, D) -> nll (N,), in nats: a probability, not a density."""
        trials = self.levels - 1
        return ops.binomial_nll_forward(output, np.rint(x * x.dtype.type(trials)), trials=trials)

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """sigmoid(logits), (N, D), in grey levels."""
        return ops.sigmoid_forward(output)[0]

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Grey levels, (N, D)."""
        trials = self.levels - 1
        return (rng.binomial(trials, self.mean(ops, output)) / trials).astype(output.dtype)


class Categorical(GreyLevels):
    """A free probability for every grey level; the decoder gives their logits, (N, D * levels)."""

    name = "categorical"
    side_by_side = False

    def __init__(self, data_dim: int, levels: int) -> None:
        """`levels` logits a pixel."""
        super().__init__(data_dim, levels)
        self.outputs_per_pixel = levels

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output (N, D * levels), x (N, D) -> nll (N,), in nats."""
        labels = np.rint(x * (self.levels - 1)).astype(np.intp)
        return ops.categorical_nll_forward(self._logits(output), labels)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput (N, D * levels)."""
        dlogits = ops.categorical_nll_backward(dnll, cache).reshape(len(dnll), -1)
        return dlogits

    def forward_seen(
        self, ops: Ops, output: np.ndarray, x: np.ndarray, missing: np.ndarray, params: Params
    ) -> tuple[np.ndarray, Any]:
        """As for every likelihood; the logits of an entry stand together, and that of level 0 is certain."""
        x_seen, _ = ops.masked_fill_forward(x, missing)
        all_levels = np.repeat(missing, self.levels, axis=1)
        first_level = all_levels & (np.arange(output.shape[1]) % self.levels == 0)
        others, fill_cache = ops.masked_fill_forward(output, all_levels, -1e4)
        seen, _ = ops.masked_fill_forward(others, first_level, 0.0)
        nll, cache = self.forward(ops, seen, x_seen, params)
        return nll, (cache, [fill_cache])

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The mean over the levels, (N, D)."""
        return self._probabilities(output) @ np.linspace(0, 1, self.levels, dtype=output.dtype)

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """One level a pixel, (N, D): the first whose cumulative probability exceeds a uniform draw."""
        below = self._probabilities(output).cumsum(axis=2)[:, :, :-1]
        u = rng.random((*below.shape[:2], 1), dtype=output.dtype)
        return (u >= below).sum(axis=2).astype(output.dtype) / output.dtype.type(self.levels - 1)

    def _logits(self, output: np.ndarray) -> np.ndarray:
        return output.reshape(len(output), self.data_dim, self.levels)

    def _probabilities(self, output: np.ndarray) -> np.ndarray:
        logits = self._logits(output)
        e = np.exp(logits - logits.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)
