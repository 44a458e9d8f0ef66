"""What a decoder's output means: the likelihood p(x|z) that ties a model to its data, chosen by name.

A likelihood says how many numbers a pixel it takes from the decoder, which data it can explain, what parameters it has
of its own, and where nll, its gradient, the mean and a sample come from. The mathematics is in the ops. A new one is
one file beside this one and one row here.
"""

from __future__ import annotations

from typing import Any

from npvae.models.likelihoods.contract import Likelihood, Row
from npvae.models.likelihoods.counts import OFFSETS, NegativeBinomial, Poisson
from npvae.models.likelihoods.gaussian import Gaussian, SquaredError
from npvae.models.likelihoods.grey_levels import Binomial, Categorical, DiscretizedLogistic
from npvae.models.likelihoods.missing import WHEN_MISSING, SeenEntries
from npvae.models.likelihoods.unit_interval import Bernoulli, ContinuousBernoulli

LIKELIHOODS: dict[str, Row] = {
    "bernoulli": Row(lambda s: Bernoulli()),
    "continuous_bernoulli": Row(lambda s: ContinuousBernoulli()),
    "squared_error": Row(lambda s: SquaredError()),
    "gaussian_fixed": Row(lambda s: Gaussian("fixed", s.data_dim, s.logvar, s.logvar_floor), ("logvar",)),
    "gaussian_scalar": Row(lambda s: Gaussian("scalar", s.data_dim, s.logvar, s.logvar_floor), ("logvar",)),
    "gaussian_pixel": Row(lambda s: Gaussian("pixel", s.data_dim, s.logvar, s.logvar_floor), ("logvar",)),
    "gaussian_decoder": Row(lambda s: Gaussian("decoder", s.data_dim, s.logvar, s.logvar_floor)),
    "discretized_logistic": Row(lambda s: DiscretizedLogistic(s.data_dim, s.levels)),
    "categorical": Row(lambda s: Categorical(s.data_dim, s.levels)),
    "binomial": Row(lambda s: Binomial(s.data_dim, s.levels)),
    "poisson": Row(lambda s: Poisson(s.data_dim, s.offset), ("offset",), counts=True),
    "negative_binomial": Row(lambda s: NegativeBinomial("column", s.data_dim, s.offset), ("offset",), counts=True),
    "negative_binomial_decoder": Row(
        lambda s: NegativeBinomial("decoder", s.data_dim, s.offset), ("offset",), counts=True
    ),
}


def likelihood_of(settings: Any) -> Likelihood:
    """The likelihood that a model's settings name, built for them. Settings it does not take are ignored."""
    likelihood = LIKELIHOODS[settings.likelihood].build(settings)
    if settings.missing == "error":
        return likelihood
    return SeenEntries(likelihood, tells_mask=settings.missing == "mask")


__all__ = ["LIKELIHOODS", "OFFSETS", "WHEN_MISSING", "Likelihood", "Row", "likelihood_of"]
