"""The pages of this room, and the code that each is checked against: LAWS lists them.

The models' own lines run; what they call, the networks and the likelihood, is given: what it would have returned.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae import ops
from npvae.models import wiring
from npvae.models.objectives import OBJECTIVES, analytic, means, paths
from npvae.models.objectives.importance import Weighing
from npvae.models.objectives.means import Mean
from npvae.models.vae import VAE
from npvae.spec import Arg, Law

Values = dict[str, Any]


class _Alone(VAE):
    """A VAE whose networks and likelihood return preset values; the gradients that reach them are kept in `seen`."""

    def __init__(self, mu: np.ndarray, logvar: np.ndarray, nll: np.ndarray, dz: np.ndarray, beta: float) -> None:
        super().__init__(1, (1,), mu.shape[1], beta=beta, dtype="float64", backend="numpy")
        self.posterior, self.dz, self.seen = (mu, logvar), dz, dict[str, Any]()

        def nll_backward(ops: Any, dnll: np.ndarray, cache: Any, grads: Any) -> None:
            self.seen["dnll"] = dnll

        self.likelihood: Any = SimpleNamespace(forward=lambda *given: (nll, None), backward=nll_backward)

    def posterior_forward(self, *given: Any) -> Any:
        return *self.posterior, None

    def posterior_backward(self, ops: Any, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Any) -> None:
        self.seen |= {"dmu": dmu, "dlogvar": dlogvar}

    def decoder_forward(self, ops: Any, z: np.ndarray, x: np.ndarray) -> Any:
        return z, None

    def decoder_backward(self, *given: Any) -> Any:
        return self.dz


def _vae(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, nll: np.ndarray, dz: np.ndarray, beta: Any) -> Values:
    model = _Alone(mu, logvar, nll, dz, float(beta))
    loss, trace = model.forward(np.zeros((len(mu), 1)), eps)
    model.backward(trace)
    return {"std": trace.std, "z": trace.z, "kl": trace.kl, "loss": loss, **model.seen}


def _importance(
    mu: np.ndarray,
    logvar: np.ndarray,
    eps: np.ndarray,
    nll: np.ndarray,
    bound: np.ndarray,
    dlog_w: np.ndarray,
    beta: Any,
) -> Values:
    K, N, L = eps.shape
    seen: Values = {}

    def mean_backward(ops: Any, dbound: np.ndarray, cache: Any) -> np.ndarray:
        seen["dbound"] = dbound
        return dlog_w

    def no_paths(model: Any, ops: Any, draws: Any) -> Any:
        return np.zeros((3, K * N, L))

    mean = Mean(lambda model, ops, log_w: (bound, None), mean_backward)
    objective = Weighing("given", mean=mean, paths=no_paths)
    model = _Alone(mu, logvar, nll.reshape(K * N), np.zeros((K * N, L)), float(beta))
    loss, trace = objective.forward(model, ops, np.zeros((N, 1)), eps)
    objective.backward(model, trace, model.params.like())
    return {
        "z": trace.z,
        "log_w": trace.log_w,
        "loss": loss,
        "dbound": seen["dbound"],
        "dnll": model.seen["dnll"].reshape(K, N),
    }


def _analytic(mu: np.ndarray, logvar: np.ndarray, lam: Any, C: Any, beta: Any) -> Values:
    model = SimpleNamespace(free_bits=float(lam), capacity=float(C), beta=float(beta))
    kl, kl_cache = ops.gaussian_kl_forward(mu, logvar)
    dkl = np.full(len(mu), model.beta / len(mu))
    found: Values = {}
    for name in ("elbo", "free_bits", "capacity"):
        row = OBJECTIVES[name]
        found[name], cache = row.counted_forward(model, ops, kl, mu, logvar)
        found[f"dmu_{name}"], found[f"dlogvar_{name}"] = row.counted_backward(model, ops, dkl, kl_cache, cache)
    return found


_MEANS = {"log_mean_exp": "iwae", "average": "elbo_mc", "renyi": "renyi", "vr_max": "vr_max"}


def _means(log_w: np.ndarray, dbound: np.ndarray, alpha: Any) -> Values:
    found: Values = {}
    for name, objective in _MEANS.items():
        row: Any = OBJECTIVES[objective]
        found[name], cache = row.mean.forward(SimpleNamespace(alpha=float(alpha)), ops, log_w)
        found[f"to_{name}"] = row.mean.backward(ops, dbound, cache)
    return found


_PATHS = {"pathwise": "iwae", "doubly": "dreg", "score": "score", "baseline": "score_baseline"}


def _paths(
    z: np.ndarray,
    mu: np.ndarray,
    logvar: np.ndarray,
    eps: np.ndarray,
    dz_x: np.ndarray,
    log_w: np.ndarray,
    dlog_w: np.ndarray,
    beta: Any,
) -> Values:
    K, N, L = z.shape
    mu_k, logvar_k = (np.tile(part, (K, 1)) for part in (mu, logvar))
    rows = z.reshape(K * N, L)
    _, q_cache = ops.gaussian_log_density_forward(rows, mu_k, logvar_k)
    _, p_cache = ops.gaussian_log_density_forward(rows, np.zeros_like(rows), np.zeros_like(rows))
    draws = paths.Draws(
        dz_x.reshape(K * N, L), dlog_w.reshape(K * N), log_w, (eps.reshape(K * N, L),), p_cache, q_cache
    )
    found: Values = {}
    for name, objective in _PATHS.items():
        row: Any = OBJECTIVES[objective]
        grads = row.paths(SimpleNamespace(beta=float(beta)), ops, draws)
        for what, grad in zip(("dmu", "dlogvar", "dstd"), grads, strict=True):
            found[f"{what}_{name}"] = grad.reshape(K, N, L)
    nothing = ("dlogvar_doubly", "dstd_score", "dstd_baseline")
    assert not any(found.pop(name).any() for name in nothing), "these paths are not taken"
    return found


_LOGVAR = Arg("N L", domain=(-40.0, 40.0))
_OF_DRAWS = Arg("N L", domain=(-10.0, 10.0))  # beyond, (z - mu) / std has lost its digits in z
_BETA = Arg(domain=(0.0, 4.0))
LAWS = (
    wiring.LAW,
    Law(
        _vae,
        name="elbo",
        module="npvae.models.vae",
        args={
            "mu": Arg("N L", specials=[-1e3]),
            "logvar": _LOGVAR,
            "eps": Arg("N L"),
            "nll": Arg("N", domain=(0.0, np.inf), specials=[1e4]),
            "dz": Arg("N L"),
            "beta": _BETA,
        },
    ),
    Law(
        _analytic,
        name="objectives.analytic",
        module=analytic.__name__,
        args={
            "mu": Arg("N L"),
            "logvar": _LOGVAR,
            "beta": _BETA,
            "lam": Arg(domain=(0.0, 1.0)),
            "C": Arg(domain=(0.0, 4.0), specials=[1e3]),
        },
    ),
    Law(
        _importance,
        name="objectives.importance",
        module="npvae.models.objectives.importance",
        args={
            "mu": Arg("N L"),
            "logvar": _OF_DRAWS,
            "eps": Arg("K N L"),
            "nll": Arg("K N", domain=(0.0, np.inf), specials=[1e4]),
            "bound": Arg("N", specials=[-1e4]),
            "dlog_w": Arg("K N"),
            "beta": _BETA,
        },
    ),
    Law(
        _means,
        name="objectives.means",
        module=means.__name__,
        args={
            "log_w": Arg("K N", specials=[-1e4, -800.0, 800.0]),
            "dbound": Arg("N"),
            "alpha": Arg(domain=(-0.9, 0.9), specials=[-20.0, 20.0]),
        },
    ),
    Law(
        _paths,
        name="objectives.paths",
        module=paths.__name__,
        args={
            "z": Arg("K N L", specials=[1e3]),
            "mu": Arg("N L"),
            "logvar": _OF_DRAWS,
            "eps": Arg("K N L"),
            "dz_x": Arg("K N L"),
            "log_w": Arg("K N", specials=[-1e4]),
            "dlog_w": Arg("K N"),
            "beta": _BETA,
        },
        least={"K": 2},
    ),
)
