"""What training achieved, in numbers: estimates of log p(x), and exact truths to hold them against."""

from npvae.evaluation.importance import ImportanceEstimate, log_p_by_importance
from npvae.evaluation.ppca import PPCA, cubature_eps, probabilistic_pca, set_to_ppca
from npvae.evaluation.quadrature import (
    Grid,
    Marginal,
    elbo_by_quadrature,
    log_marginal,
    log_p_on,
    posterior_gap,
    posterior_on,
)

__all__ = [
    "PPCA",
    "Grid",
    "ImportanceEstimate",
    "Marginal",
    "cubature_eps",
    "elbo_by_quadrature",
    "log_marginal",
    "log_p_by_importance",
    "log_p_on",
    "posterior_gap",
    "posterior_on",
    "probabilistic_pca",
    "set_to_ppca",
]
