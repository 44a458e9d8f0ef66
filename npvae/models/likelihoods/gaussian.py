"""Likelihoods of real-valued pixels: squared error, and Gaussians by where their variance comes from."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from npvae.models.contract import Ops
from npvae.models.likelihoods.contract import Likelihood
from npvae.ops.gaussian_nll import LOG_2PI
from npvae.params import Params


class SquaredError(Likelihood):
    """½‖x̂ − x‖²: a Gaussian of variance 1 less its constant, so a loss and not a likelihood; the decoder gives x̂."""

    name = "squared_error"
    op = "squared_error"
    certain = (0.0,)

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The output itself, as a new array."""
        return output.copy()

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """The mean with noise of variance 1, (N, D)."""
        return output + rng.standard_normal(output.shape, dtype=output.dtype)


class Gaussian(Likelihood):
    """Real-valued pixels of a mean and a log-variance. The last part of the name says what shares one log-variance.

    gaussian_fixed    one number, not learned
    gaussian_scalar   one number, learned
    gaussian_pixel    one number per pixel, (D,), learned, the same for every sample
    gaussian_decoder  one number per pixel and sample: the decoder gives it beside the mean, (N, 2 D)

    A learned one is kept above `floor` by npvae.ops.floored_logvar, unless floor is None.
    """

    def __init__(
        self, of: Literal["fixed", "scalar", "pixel", "decoder"], data_dim: int, logvar: float, floor: float | None
    ) -> None:
        """`logvar` is the fixed value, or the one at which a learned parameter starts (unused with "decoder").

        ValueError if logvar or floor is not finite.
        """
        for name, value in (("logvar", logvar), ("logvar_floor", floor)):
            if value is not None and not np.isfinite(value):
                raise ValueError(f"{name} is {value}, expected a finite number")
        self.name = f"gaussian_{of}"
        self.of = of
        self.outputs_per_pixel = 2 if of == "decoder" else 1
        self.data_dim = data_dim
        self.logvar = logvar
        self.floor = None if of == "fixed" else floor

    def start(self) -> dict[str, np.ndarray]:
        """The learned log-variance, if it is a parameter: () or (D,)."""
        if self.of in ("fixed", "decoder"):
            return {}
        return {"likelihood.logvar": np.full((self.data_dim,) if self.of == "pixel" else (), self.logvar)}

    def forward(self, ops: Ops, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, Any]:
        """Output (N, D), or mean and logvar side by side (N, 2 D), x (N, D) -> nll (N,), in nats."""
        mean, logvar, floor_cache = self._mean_and_logvar(ops, output, params)
        nll, cache = ops.gaussian_nll_forward(mean, logvar, x)
        return nll, (cache, floor_cache)

    def backward(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput; a learned log-variance gets its gradient in grads."""
        nll_cache, floor_cache = cache
        dmean, dlogvar = ops.gaussian_nll_backward(dnll, nll_cache)
        doutput = self._join(ops, dmean, dlogvar, floor_cache, grads)
        return doutput

    def _join(self, ops: Ops, dmean: np.ndarray, dlogvar: np.ndarray, floor_cache: Any, grads: Params) -> np.ndarray:
        """From dmean (N, D) and dlogvar, of the shape in which it is learned, to doutput."""
        if floor_cache is not None:
            dlogvar = ops.floored_logvar_backward(dlogvar, floor_cache)
        if self.of == "decoder":
            doutput = np.concatenate([dmean, dlogvar], axis=1)
            return doutput
        if self.of != "fixed":
            grads["likelihood.logvar"] = dlogvar
        return dmean

    def forward_seen(
        self, ops: Ops, output: np.ndarray, x: np.ndarray, missing: np.ndarray, params: Params
    ) -> tuple[np.ndarray, Any]:
        """As for every likelihood. A density of 1 at x = mean has the log-variance -log(2 pi): each entry gets its own.

        A log-variance that is shared is spread to all entries before, and its gradient summed over those that are seen.
        """
        mean, logvar, floor_cache = self._mean_and_logvar(ops, output, params)
        x_seen, _ = ops.masked_fill_forward(x, missing)
        mean_seen, fill_cache = ops.masked_fill_forward(mean, missing)
        spread = np.broadcast_to(logvar, mean.shape)
        logvar_seen, _ = ops.masked_fill_forward(spread, missing, -LOG_2PI)
        nll, cache = ops.gaussian_nll_forward(mean_seen, logvar_seen, x_seen)
        return nll, (cache, fill_cache, floor_cache, mean.ndim - logvar.ndim)

    def backward_seen(self, ops: Ops, dnll: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput, 0 for what is missing."""
        nll_cache, fill_cache, floor_cache, shared_axes = cache
        dmean, dlogvar = (
            ops.masked_fill_backward(part, fill_cache) for part in ops.gaussian_nll_backward(dnll, nll_cache)
        )
        dlogvar = np.asarray(dlogvar.sum(axis=tuple(range(shared_axes))))
        doutput = self._join(ops, dmean, dlogvar, floor_cache, grads)
        return doutput

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The mean half of the output, (N, D), as a new array."""
        return output[:, : self.data_dim].copy()

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Mean plus noise of the variance in force, (N, D)."""
        mean, logvar, _ = self._mean_and_logvar(ops, output, params)
        return mean + np.exp(logvar / 2) * rng.standard_normal(mean.shape, dtype=mean.dtype)

    def _mean_and_logvar(self, ops: Ops, output: np.ndarray, params: Params) -> tuple[np.ndarray, np.ndarray, Any]:
        mean, logvar, floor_cache = output, np.array(self.logvar, dtype=output.dtype), None
        if self.of == "decoder":
            mean, logvar = output[:, : self.data_dim], output[:, self.data_dim :]
        elif self.of != "fixed":
            logvar = params["likelihood.logvar"]
        if self.floor is not None:
            logvar, floor_cache = ops.floored_logvar_forward(logvar, self.floor)
        return mean, logvar, floor_cache
