"""The two terms of the ELBO on held-out data, what each latent costs, and which latents are in use.

Equations
    kl[n, l] = (exp(logvar[n, l]) + mu[n, l] ** 2 - 1 - logvar[n, l]) / 2                        (1)
    rate_per_latent[l] = sum(kl[n, l] for n in range(N)) / N                                     (2)
    rate = sum(rate_per_latent[l] for l in range(L))                                             (3)
    distortion = sum(nll[n] for n in range(N)) / N                                               (4)
    elbo = -(rate + distortion)                                                                  (5)
    cost[n] = nll[n] + sum(kl[n, l] for l in range(L))                                           (6)
    elbo_error = sqrt(sum((cost[n] + elbo) ** 2 for n in range(N)) / N / max(N - 1, 1))          (7)

The rate is KL(q(z|x) || p(z)), the nats that the code spends on a sample; the distortion, with nll a draw of
-log p(x|z), the nats that are then still missing. Neither depends on the beta that the model was trained with.

Alemi et al. (2018), "Fixing a broken ELBO"; active units: Burda, Grosse & Salakhutdinov (2016), section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae import ops
from npvae.models.checks import check_generator, check_whole
from npvae.models.entrance import admit


@dataclass(frozen=True)
class RateDistortion:
    """Means over N samples, in nats."""

    rate: float
    distortion: float
    elbo_error: float  # standard error of the ELBO: the data are N draws, and so is the noise
    rate_per_latent: np.ndarray | None  # (L,), sums to the rate; None where the KL is not a sum over latents

    @property
    def elbo(self) -> float:
        """Minus rate less distortion, in nats."""
        return -(self.rate + self.distortion)  # (5)


def rate_distortion(
    model: Any, x: Any, rng: np.random.Generator, *, draws: int = 1, batch_size: int = 1000
) -> RateDistortion:
    """Rate and distortion of a VAE on x (N, D), the distortion over `draws` draws of q(z|x) for each sample.

    The rate is analytic, but for two stochastic layers, where it is averaged over the same draws. Both are unbiased.

    What they cannot tell: a low rate is a good code or a decoder that ignores it; a low distortion may be had by a
    learned variance alone. Where the likelihood is not normalised (squared_error, bernoulli on grey values) their sum
    is no bound on -log p(x), and only models with the same likelihood compare.

    Raises ValueError for a model without a posterior, and for data that training would refuse.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> x = npvae.load_dataset("digits")[1][:20]
        >>> terms = npvae.evaluation.rate_distortion(vae, x, np.random.default_rng(0))
        >>> bool(abs(terms.elbo + terms.rate + terms.distortion) < 1e-3)
        True
    """
    if not model.has_posterior:
        raise ValueError(f"{type(model).__name__} has no posterior, so no rate: this measure is for VAEs")
    check_whole(draws=draws, batch_size=batch_size)
    check_generator(rng)
    x = admit(model, x)
    per_latent = np.zeros(model.latent_dim)
    rates, distortions = [], []
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        nll, kl = np.zeros(len(batch)), np.zeros(len(batch))
        for _ in range(draws):
            _, trace = model.forward(batch, rng.standard_normal((len(batch), model.noise_dim), dtype=model.dtype))
            nll += trace.nll / draws
            kl += trace.kl / draws  # of a sampled objective it is one of the draws, elsewhere it is analytic
        if model.has_analytic_kl:
            each = kl_per_latent(*model.encode(batch))
            per_latent += each.sum(axis=0) / len(x)  # (2)
            kl = each.sum(axis=1)
        rates.append(kl)
        distortions.append(nll)
    rate, distortion = np.concatenate(rates), np.concatenate(distortions)
    error = float(np.std(rate + distortion) / np.sqrt(max(len(x) - 1, 1)))  # (6) (7)
    latents = per_latent if model.has_analytic_kl else None
    return RateDistortion(float(rate.mean()), float(distortion.mean()), error, latents)  # (3) (4)


def kl_per_latent(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """mu, logvar (N, L) -> KL(N(mu, exp(logvar)) || N(0, 1)) of every latent alone, (N, L) float64, in nats.

    Example:
        >>> npvae.evaluation.kl_per_latent(np.array([[1.0, 0.0]]), np.zeros((1, 2)))
        array([[0.5, 0. ]])
    """
    columns = (part.astype(np.float64).reshape(-1, 1) for part in (mu, logvar))
    return ops.gaussian_kl_forward(*columns)[0].reshape(mu.shape)  # (1)


def active_units(mu: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Posterior means mu (N, L) -> which latents are in use, (L,) bool: variance of mu over the data > threshold.

    What it cannot tell: whether the decoder looks at the latent; and near the threshold it is a matter of the
    threshold, which is in units of the prior's variance.

    Example:
        >>> npvae.evaluation.active_units(np.array([[1.0, 0.0], [-1.0, 0.0]]))
        array([ True, False])
    """
    return np.var(mu, axis=0, dtype=np.float64) > threshold
