"""What training achieved, in numbers: estimates of log p(x), and exact truths to hold them against."""

from npvae.evaluation.disentanglement import Gap, beta_vae_score, mutual_information_gap, sap_score
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
    "Gap",
    "Grid",
    "ImportanceEstimate",
    "Marginal",
    "beta_vae_score",
    "cubature_eps",
    "elbo_by_quadrature",
    "log_marginal",
    "log_p_by_importance",
    "log_p_on",
    "mutual_information_gap",
    "posterior_gap",
    "posterior_on",
    "probabilistic_pca",
    "sap_score",
    "set_to_ppca",
]
