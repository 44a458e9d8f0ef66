"""What a decoder's output means: the likelihood p(x|z) that ties a model to its data, chosen by name.

A likelihood says how many numbers a pixel it takes from the decoder, which data it can explain, what parameters it has
of its own, and where nll, its gradient, the mean and a sample come from. The mathematics is in the ops.
"""

from __future__ import annotations

from npvae.models.likelihoods.contract import Likelihood
from npvae.models.likelihoods.gaussian import Gaussian, SquaredError
from npvae.models.likelihoods.grey_levels import Categorical, DiscretizedLogistic
from npvae.models.likelihoods.unit_interval import Bernoulli, ContinuousBernoulli

__all__ = ["LIKELIHOODS", "Likelihood", "likelihood_of"]

LIKELIHOODS = (
    "bernoulli",
    "continuous_bernoulli",
    "squared_error",
    "gaussian_fixed",
    "gaussian_scalar",
    "gaussian_pixel",
    "gaussian_decoder",
    "discretized_logistic",
    "categorical",
)


def likelihood_of(
    name: str, data_dim: int, *, logvar: float = 0.0, logvar_floor: float | None = None, levels: int = 256
) -> Likelihood:
    """The likelihood of this name for data of D = data_dim; settings it does not take are ignored.

    ValueError names the choices.
    """
    match name:
        case "bernoulli":
            return Bernoulli()
        case "continuous_bernoulli":
            return ContinuousBernoulli()
        case "squared_error":
            return SquaredError()
        case "gaussian_fixed" | "gaussian_scalar" | "gaussian_pixel" | "gaussian_decoder":
            return Gaussian(name.removeprefix("gaussian_"), data_dim, logvar, logvar_floor)  # type: ignore[arg-type]
        case "discretized_logistic":
            return DiscretizedLogistic(data_dim, levels)
        case "categorical":
            return Categorical(data_dim, levels)
    raise ValueError(f"likelihood {name!r} is unknown, choose one of {', '.join(LIKELIHOODS)}")
