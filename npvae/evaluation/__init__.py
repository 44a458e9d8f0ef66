"""What training achieved, in numbers: log p(x), rate and distortion, the latent space; and exact truths beside them."""

from npvae.evaluation.aggregate import AggregatePosterior, aggregate_posterior
from npvae.evaluation.circular import best_filter, log_p_circular
from npvae.evaluation.disentanglement import Gap, beta_vae_score, mutual_information_gap, sap_score
from npvae.evaluation.importance import ImportanceEstimate, log_p_by_importance
from npvae.evaluation.imputation import HeldOutError, Imputation, held_out_error, impute
from npvae.evaluation.latent_space import Completeness, Continuity, completeness, continuity
from npvae.evaluation.measures import Measure, measures
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
from npvae.evaluation.rate import RateDistortion, active_units, kl_per_latent, rate_distortion

__all__ = [
    "PPCA",
    "AggregatePosterior",
    "Completeness",
    "Continuity",
    "Gap",
    "Grid",
    "HeldOutError",
    "ImportanceEstimate",
    "Imputation",
    "Marginal",
    "Measure",
    "RateDistortion",
    "active_units",
    "aggregate_posterior",
    "best_filter",
    "beta_vae_score",
    "completeness",
    "continuity",
    "cubature_eps",
    "elbo_by_quadrature",
    "held_out_error",
    "impute",
    "kl_per_latent",
    "log_marginal",
    "log_p_by_importance",
    "log_p_circular",
    "log_p_on",
    "measures",
    "mutual_information_gap",
    "posterior_gap",
    "posterior_on",
    "probabilistic_pca",
    "rate_distortion",
    "sap_score",
    "set_to_ppca",
]
