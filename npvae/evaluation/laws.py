"""The pages of this room, and the code that each is checked against: LAWS lists them.

Where the code draws noise or asks a model, its page has the noise and what the model says as arguments.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae.evaluation.aggregate import aggregate_posterior
from npvae.evaluation.importance import log_p_by_importance
from npvae.evaluation.ppca import probabilistic_pca
from npvae.evaluation.quadrature import Grid, log_p_on, posterior_gap, posterior_on
from npvae.evaluation.rate import rate_distortion
from npvae.spec import Arg, Law

Values = dict[str, Any]


class _Given:
    """In place of a generator: the noise and the order that it would have drawn."""

    def __init__(self, eps: np.ndarray, order: np.ndarray) -> None:
        self.eps, self.order = eps, order

    def permutation(self, n: int) -> np.ndarray:
        return self.order

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return self.eps.reshape(shape)


def _stand_in(**says: Any) -> Any:
    """In place of a model, for functions that ask it for little: what it says, and what every model has."""
    return SimpleNamespace(**{"params": None, "forward": None, "backward": None, **says})


def _ppca(x: np.ndarray, L: np.ndarray, fixed_s2: np.ndarray) -> Values:
    found = probabilistic_pca(x, int(L), float(fixed_s2) or None)
    named = {name: getattr(found, name) for name in ("mean", "W", "V", "s2", "posterior_var", "log_likelihood")}
    return {**named, "lam": found.eigenvalues, "U": found.eigenvectors}


def _rate(mu: np.ndarray, logvar: np.ndarray, nll: np.ndarray) -> Values:
    model = _stand_in(has_posterior=True, has_analytic_kl=True, latent_dim=mu.shape[1], noise_dim=1)
    model.dtype = np.dtype(np.float64)
    model.encode = lambda x: (mu, logvar)
    model.forward = lambda x, eps: (0.0, SimpleNamespace(nll=nll, kl=np.zeros_like(nll)))
    found = rate_distortion(model, np.zeros((len(mu), 1)), np.random.default_rng(0))
    return {name: getattr(found, name) for name in ("rate", "rate_per_latent", "distortion", "elbo", "elbo_error")}


def _aggregate(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, order: np.ndarray) -> Values:
    rng: Any = _Given(eps, order)
    found = aggregate_posterior(mu, logvar, rng, draws=len(eps))
    return {
        name: getattr(found, name) for name in ("mutual_information", "total_correlation", "kl_per_latent", "ceiling")
    }


def _quadrature(z: np.ndarray, mu: np.ndarray, logvar: np.ndarray, nll: np.ndarray, log_cell: np.ndarray) -> Values:
    def row_of_nll(ops: Any, output: np.ndarray, row: np.ndarray, params: Any) -> Any:
        return nll[int(row[0, 0])], None

    model = _stand_in(dtype=np.dtype(np.float64), ops=None, decoder_output=lambda z: z)
    model.likelihood = SimpleNamespace(forward=row_of_nll)
    model.encode = lambda x: (mu, logvar)
    numbers, grid = np.arange(len(mu))[:, np.newaxis], Grid(z, float(log_cell), 1.0)
    return {
        "log_p": log_p_on(model, numbers, grid),
        "posterior": posterior_on(model, numbers, grid),
        "gap": posterior_gap(model, numbers, grid),
    }


def _importance(log_w: np.ndarray) -> Values:
    S, N = log_w.shape
    model = _stand_in(noise_dim=1, dtype=np.float64, log_weights=lambda x, eps: log_w)
    found = log_p_by_importance(model, np.zeros((N, 1)), np.random.default_rng(0), samples=S, rows=S * N)
    return {name: getattr(found, name) for name in ("log_p", "standard_error", "effective_samples")}


LAWS = (
    Law(
        _ppca,
        name="ppca",
        module="npvae.evaluation.ppca",
        args={
            "x": Arg("N D"),
            "L": Arg(dtype=int, domain=(2, 3)),
            "fixed_s2": Arg(domain=(0.0, 1.0)),
        },
        least={"N": 7, "D": 5},
    ),
    Law(
        _rate,
        name="rate",
        module="npvae.evaluation.rate",
        args={
            "mu": Arg("N L", specials=[-1e3]),
            "logvar": Arg("N L", domain=(-40.0, 8.0)),  # above, the spread over the samples is lost in rounding
            "nll": Arg("N", domain=(0.0, np.inf), specials=[1e4]),
        },
    ),
    Law(
        _aggregate,
        name="aggregate",
        module="npvae.evaluation.aggregate",
        args={
            "mu": Arg("N L", specials=[-1e3]),
            "logvar": Arg("N L", domain=(-20.0, 20.0)),
            "eps": Arg("S L"),
            "order": Arg("N", dtype=int, domain=(0, "N")),
        },
    ),
    Law(
        _quadrature,
        name="quadrature",
        module="npvae.evaluation.quadrature",
        args={
            "z": Arg("G L", specials=[7.0]),
            "mu": Arg("N L"),
            "logvar": Arg("N L", domain=(-5.0, 5.0)),
            "nll": Arg("N G", domain=(0.0, np.inf), specials=[800.0]),
            "log_cell": Arg(),
        },
    ),
    Law(
        _importance,
        name="importance",
        module="npvae.evaluation.importance",
        args={"log_w": Arg("S N", specials=[-1e4, -800.0, 800.0])},
    ),
)
