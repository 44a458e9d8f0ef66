"""Likelihoods of counts 0, 1, 2 ...: Poisson, and negative binomials, whose variance is larger than their mean."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from npvae.models.contract import Ops
from npvae.models.likelihoods.contract import Likelihood
from npvae.params import Params

OFFSETS = ("none", "row")


class Counts(Likelihood):
    """What the likelihoods of counts share: their data, the encoder's view of it, and the size of a row.

    offset  "row": the decoder gives means relative to the row's own mean count, whose log is added to the log-mean.
            The nll is then conditional on it. A row of zeros counts as one event in all
    """

    domain = (0.0, np.inf)
    whole = True

    def __init__(self, data_dim: int, offset: str = "none") -> None:
        """Data of D = data_dim."""
        self.data_dim, self.offset = data_dim, offset

    def check(self, x: Any) -> None:
        """As for every likelihood, and ValueError if a value (of the first thousand samples) is not whole."""
        super().check(x)
        values = np.asarray(x[:1000], dtype=float)
        off = np.abs(values - np.rint(values))
        if off.max() > 1e-3:
            at = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
            raise ValueError(
                f"{self.name} needs counts 0, 1, 2 ..., found {values[at]:g} at {at}: pass the counts themselves, "
                "neither scaled nor averaged, or choose a gaussian likelihood"
            )

    def encoder_view(self, x: np.ndarray) -> np.ndarray:
        """log(1 + x), (N, D): counts differ by factors. With an offset, of x relative to the row's mean count."""
        return np.log1p(x / np.exp(self.log_size(x)) if self.offset == "row" else x)

    def log_size(self, x: np.ndarray) -> np.ndarray:
        """Log of the mean count of each row over what is seen, (N, 1); zero without an offset."""
        if self.offset == "none":
            return np.zeros((len(x), 1), x.dtype)
        total = np.nansum(x, axis=1, keepdims=True)
        seen = np.maximum((~np.isnan(x)).sum(axis=1, keepdims=True), 1)
        return np.log(np.maximum(total, 1) / seen).astype(x.dtype)

    def mean_beside(self, ops: Ops, output: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The mean for rows of the sizes of x (N, D), in counts."""
        return self.mean(ops, output) * np.exp(self.log_size(x))

    def sample_beside(
        self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params, rng: np.random.Generator
    ) -> np.ndarray:
        """One draw for rows of the sizes of x (N, D), in counts."""
        shifted = output.copy()
        shifted[:, : self.data_dim] += self.log_size(x)
        return self.sample(ops, shifted, params, rng)


class Poisson(Counts):
    """Counts whose variance is their mean; the decoder gives log-rates, (N, D)."""

    name = "poisson"
    op = "poisson_nll"
    certain = (-1e4,)

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Log-rates (N, D), x (N, D) -> nll (N,), in nats. An offset is added to the log-rates: its slope is 1."""
        log_rate = output if self.offset == "none" else output + self.log_size(x)
        return ops.poisson_nll_forward(log_rate, x)

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """exp(log_rate), (N, D)."""
        return np.exp(output)

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Counts, (N, D)."""
        return rng.poisson(np.exp(output)).astype(output.dtype)


class NegativeBinomial(Counts):
    """Counts of variance mu + mu**2 / r; the decoder gives log(mu). What has log(r) is the last part of the name.

    negative_binomial          one number per column, (D,), learned, the same for every sample
    negative_binomial_decoder  one number per column and sample: the decoder gives it beside log(mu), (N, 2 D)
    """

    def __init__(self, of: Literal["column", "decoder"], data_dim: int, offset: str = "none") -> None:
        """r starts at 1."""
        super().__init__(data_dim, offset)
        self.name = "negative_binomial" if of == "column" else "negative_binomial_decoder"
        self.of = of
        self.outputs_per_pixel = 2 if of == "decoder" else 1
        self.certain = (-1e4, 0.0)[: self.outputs_per_pixel]

    def start(self) -> dict[str, np.ndarray]:
        """log(r) per column, if it is a parameter: (D,)."""
        return {"likelihood.log_r": np.zeros(self.data_dim)} if self.of == "column" else {}

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output (N, D), or log(mu) and log(r) side by side (N, 2 D), x (N, D) -> nll (N,), in nats."""
        log_mean, log_r = self._log_mean_and_log_r(output, params)
        if self.offset == "row":
            log_mean = log_mean + self.log_size(x)
        return ops.negative_binomial_nll_forward(log_mean, log_r, x)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput; a learned log(r) gets its gradient in grads."""
        dlog_mean, dlog_r = ops.negative_binomial_nll_backward(dnll, cache)
        if self.of == "decoder":
            doutput = np.concatenate([dlog_mean, dlog_r], axis=1)
            return doutput
        grads["likelihood.log_r"] = dlog_r
        return dlog_mean

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """Mu, (N, D)."""
        return np.exp(output[:, : self.data_dim])

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Counts, (N, D): of a Poisson whose rate is drawn from a gamma density of mean mu and shape r."""
        log_mean, log_r = self._log_mean_and_log_r(output, params)
        r = np.exp(np.broadcast_to(log_r, log_mean.shape).astype(float))
        return rng.poisson(rng.gamma(r, np.exp(log_mean) / r)).astype(output.dtype)

    def _log_mean_and_log_r(self, output: np.ndarray, params: Params) -> tuple[np.ndarray, np.ndarray]:
        if self.of == "decoder":
            return output[:, : self.data_dim], output[:, self.data_dim :]
        return output, params["likelihood.log_r"]
