"""What a decoder's output means: the likelihood p(x|z) that ties a model to its data, chosen by name.

A likelihood says how many numbers a pixel it takes from the decoder, which data it can explain, what parameters it has
of its own, and where nll, its gradient, the mean and a sample come from. The mathematics is in the ops.
"""

from __future__ import annotations

from types import ModuleType
from typing import Literal

import numpy as np

from npvae.models.params import Params


class Likelihood:
    """What every likelihood offers; the three methods that raise are what a new one must bring."""

    name: str
    outputs_per_pixel: int = 1
    domain: tuple[float, float] = (-np.inf, np.inf)

    def start(self) -> dict[str, np.ndarray]:
        """Parameters of its own, by name, with the values at which they start; none by default."""
        return {}

    def forward(self, ops: ModuleType, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, tuple]:
        """Decoder output (N, D * outputs_per_pixel), data x (N, D) -> nll (N,) in nats, cache."""
        raise NotImplementedError

    def backward(self, ops: ModuleType, dnll: np.ndarray, cache: tuple, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput; the gradients of its own parameters go into their places in grads."""
        raise NotImplementedError

    def mean(self, ops: ModuleType, output: np.ndarray) -> np.ndarray:
        """The mean of p(x|z), (N, D), in data units."""
        raise NotImplementedError

    def sample(self, ops: ModuleType, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """One draw x ~ p(x|z), (N, D), in data units."""
        raise NotImplementedError

    def check(self, x: np.ndarray) -> None:
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


class Bernoulli(Likelihood):
    """Pixels in [0, 1]; the decoder gives logits. For grey values see the op's page: a cross-entropy, by custom."""

    name = "bernoulli"
    domain = (0.0, 1.0)

    def forward(self, ops: ModuleType, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, tuple]:
        """Logits (N, D), x (N, D) in [0, 1] -> nll (N,), in nats."""
        return ops.bernoulli_nll_forward(output, x)

    def backward(self, ops: ModuleType, dnll: np.ndarray, cache: tuple, grads: Params) -> np.ndarray:
        """From dnll (N,) to dlogits (N, D)."""
        return ops.bernoulli_nll_backward(dnll, cache)

    def mean(self, ops: ModuleType, output: np.ndarray) -> np.ndarray:
        """sigmoid(logits), (N, D)."""
        return ops.sigmoid_forward(output)[0]

    def sample(self, ops: ModuleType, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Pixels that are 0 or 1, (N, D)."""
        p = self.mean(ops, output)
        return (rng.random(p.shape, dtype=p.dtype) < p).astype(p.dtype)


class SquaredError(Likelihood):
    """½‖x̂ − x‖²: a Gaussian of variance 1 less its constant, so a loss and not a likelihood; the decoder gives x̂."""

    name = "squared_error"

    def forward(self, ops: ModuleType, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, tuple]:
        """Mean (N, D), x (N, D) -> half the squared distance (N,)."""
        return ops.squared_error_forward(output, x)

    def backward(self, ops: ModuleType, dnll: np.ndarray, cache: tuple, grads: Params) -> np.ndarray:
        """From dnll (N,) to dmean (N, D)."""
        return ops.squared_error_backward(dnll, cache)

    def mean(self, ops: ModuleType, output: np.ndarray) -> np.ndarray:
        """The output itself, as a new array."""
        return output.copy()

    def sample(self, ops: ModuleType, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """The mean with noise of variance 1, (N, D)."""
        return output + rng.standard_normal(output.shape, dtype=output.dtype)


class Gaussian(Likelihood):
    """Real-valued pixels of a mean and a log-variance. What has the log-variance is the last part of the name.

    gaussian_fixed    one number, not learned
    gaussian_scalar   one number, learned
    gaussian_pixel    one number a pixel, (D,), learned, the same for every sample
    gaussian_decoder  one number a pixel and sample: the decoder gives it beside the mean, (N, 2 D)
    """

    def __init__(self, of: Literal["fixed", "scalar", "pixel", "decoder"], data_dim: int, logvar: float) -> None:
        """`logvar` is the fixed value, or the one at which a learned parameter starts (unused with "decoder")."""
        self.name = f"gaussian_{of}"
        self.of = of
        self.outputs_per_pixel = 2 if of == "decoder" else 1
        self.data_dim = data_dim
        self.logvar = logvar

    def start(self) -> dict[str, np.ndarray]:
        """The learned log-variance, if it is a parameter: () or (D,)."""
        shape = {"scalar": (), "pixel": (self.data_dim,)}.get(self.of)
        return {} if shape is None else {"likelihood.logvar": np.full(shape, self.logvar)}

    def forward(self, ops: ModuleType, output: np.ndarray, x: np.ndarray, params: Params) -> tuple[np.ndarray, tuple]:
        """Output (N, D), or mean and logvar side by side (N, 2 D), x (N, D) -> nll (N,), in nats."""
        mean, logvar = self._mean_and_logvar(output, params)
        return ops.gaussian_nll_forward(mean, logvar, x)

    def backward(self, ops: ModuleType, dnll: np.ndarray, cache: tuple, grads: Params) -> np.ndarray:
        """From dnll (N,) to doutput; a learned log-variance gets its gradient in grads."""
        dmean, dlogvar = ops.gaussian_nll_backward(dnll, cache)
        if self.of == "decoder":
            return np.concatenate([dmean, dlogvar], axis=1)
        if self.of != "fixed":
            grads["likelihood.logvar"] = dlogvar
        return dmean

    def mean(self, ops: ModuleType, output: np.ndarray) -> np.ndarray:
        """The mean half of the output, (N, D), as a new array."""
        return output[:, : self.data_dim].copy()

    def sample(self, ops: ModuleType, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Mean plus noise of the variance in force, (N, D)."""
        mean, logvar = self._mean_and_logvar(output, params)
        return mean + np.exp(logvar / 2) * rng.standard_normal(mean.shape, dtype=mean.dtype)

    def _mean_and_logvar(self, output: np.ndarray, params: Params) -> tuple[np.ndarray, np.ndarray]:
        if self.of == "decoder":
            return output[:, : self.data_dim], output[:, self.data_dim :]
        if self.of == "fixed":
            return output, np.array(self.logvar, dtype=output.dtype)
        return output, params["likelihood.logvar"]


LIKELIHOODS = ("bernoulli", "squared_error", "gaussian_fixed", "gaussian_scalar", "gaussian_pixel", "gaussian_decoder")


def likelihood_of(name: str, data_dim: int, logvar: float) -> Likelihood:
    """The likelihood of this name for data of D = data_dim. ValueError names the choices."""
    match name:
        case "bernoulli":
            return Bernoulli()
        case "squared_error":
            return SquaredError()
        case "gaussian_fixed" | "gaussian_scalar" | "gaussian_pixel" | "gaussian_decoder":
            return Gaussian(name.removeprefix("gaussian_"), data_dim, logvar)  # type: ignore[arg-type]
    raise ValueError(f"likelihood {name!r} is unknown, choose one of {', '.join(LIKELIHOODS)}")
