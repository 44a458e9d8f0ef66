"""The variational autoencoder: an autoencoder whose code is a distribution near a prior.

For every sample x the encoder gives a Gaussian q(z|x) = N(mu, diag(exp(logvar))), one draw z from it is decoded, and
the loss is the mean over the batch of nll = -log p(x|z) and beta * kl, where kl = KL(q(z|x) || N(0, I)) is analytic.
With beta = 1 and a normalised likelihood, -loss is an unbiased estimate of the evidence lower bound on log p(x), in
nats (Kingma & Welling 2014, equation 10); another beta makes a beta-VAE (Higgins et al. 2017).

Forward
    std[n, l] = exp(logvar[n, l] / 2)                                                            (1)
    z[n, l] = mu[n, l] + std[n, l] * eps[n, l]                                                   (2)
    kl[n] = sum((exp(logvar[n, l]) + mu[n, l] ** 2 - 1 - logvar[n, l]) / 2 for l in range(L))    (3)
    loss = sum(nll[n] + beta * kl[n] for n in range(N)) / N                                      (4)
Backward
    dnll[n] = 1 / N                                                                              (5)
    dkl[n] = beta / N                                                                            (6)
    dmu[n, l] = dz[n, l] * 1 + dkl[n] * mu[n, l]                                                 (7)
    dlogvar[n, l] = dz[n, l] * eps[n, l] * std[n, l] / 2 + dkl[n] * (exp(logvar[n, l]) - 1) / 2  (8)

mu and logvar each lie on two paths to the loss, through z and through kl: their gradients are added where the paths
meet. dz is what the decoder gives back. Each factor has a page of its own: `npvae.ops.std_from_logvar`,
`reparameterize`, `gaussian_kl`, and the likelihood's.

That is the objective "elbo". What else may be counted of the KL, and the objectives that weigh several draws against
each other, are in `npvae.models.objectives`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.autoencoder import Autoencoder
from npvae.models.checks import check_noise
from npvae.models.contract import Ops
from npvae.models.entrance import admit
from npvae.models.mlp import mlp_backward, mlp_forward
from npvae.models.objectives import OBJECTIVES, log_weights_forward
from npvae.models.settings import VAESettings
from npvae.models.trace import VAETrace
from npvae.params import Params


class VAE(Autoencoder):
    """MLP encoder, one Gaussian latent layer, mirrored MLP decoder. Arguments as for Autoencoder, and more.

    beta       weight of the KL term, at least 0
    objective  what is descended: a name in npvae.models.OBJECTIVES
    samples    K, how many z are drawn for an input in training
    alpha      order of the Rényi bound, for "renyi"
    free_bits  nats that each latent may cost for nothing, for "free_bits"
    capacity   nats that kl is drawn to, for "capacity"

    Example:
        >>> vae = npvae.VAE(64, hidden=(32,), latent_dim=2)
        >>> x, eps = np.full((5, 64), 0.5, np.float32), np.zeros((5, 2), np.float32)
        >>> loss, trace = vae.forward(x, eps)
        >>> trace.mu.shape, vae.backward(trace)["encoder.0.W"].shape
        ((5, 2), (64, 32))
    """

    Settings: type = VAESettings
    settings: VAESettings
    code_width = 2  # mu and logvar
    has_posterior = True
    has_analytic_kl = True

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Build the parameters and draw their start."""
        super().__init__(*args, **settings)
        chosen = self.settings
        self.beta, self.objective, self.samples = chosen.beta, chosen.objective, chosen.samples
        self.alpha, self.free_bits, self.capacity = chosen.alpha, chosen.free_bits, chosen.capacity

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """x (N, D), noise eps (N, L) drawn from N(0, I) -> loss in nats, trace.

        eps (K, N, L) takes K draws per input. They are K rows in place of one: the trace then has K * N rows, the first
        N with the first draw, and the loss is the mean over all.

        ops  where the lines are computed; by default the model's backend

        Raises ValueError if a shape or dtype does not fit.
        """
        eps = check_noise(self, x, eps)
        ops, objective = ops or self.ops, OBJECTIVES[self.objective]
        if objective.weighs_samples:
            return objective.forward(self, ops, x, eps)
        x, eps = self._as_one_draw_each(x, eps)
        N = len(x)
        mu, logvar, posterior_cache = self.posterior_forward(ops, x)  # (N, L) each
        std, std_cache = ops.std_from_logvar_forward(logvar)  # (N, L), (1)
        z, z_cache = ops.reparameterize_forward(mu, std, eps)  # (N, L), (2)
        output, decoder_cache = self.decoder_forward(ops, z, x)  # (N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, self.data_of(x), self.params)  # (N,)
        kl, kl_cache = ops.gaussian_kl_forward(mu, logvar)  # (N,), (3)
        counted, counted_cache = objective.counted_forward(self, ops, kl, mu, logvar)  # the mean of kl
        loss = float(nll.sum()) / N + self.beta * counted  # (4)
        caches = (posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, kl_cache, counted_cache)
        return loss, VAETrace(mu, logvar, std, z, output, nll, kl, caches, ops)

    def backward(self, trace: Any, grads: Params | None = None) -> Params:
        """Gradients of the loss: forward, read from bottom to top. They are written to `grads`, or to a new array."""
        ops, N, objective = trace.ops, len(trace.nll), OBJECTIVES[self.objective]
        if objective.weighs_samples:
            return objective.backward(self, trace, self.params.like() if grads is None else grads)
        posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, kl_cache, counted_cache = trace.caches
        dnll = np.full(N, 1 / N, self.dtype)  # (5)
        dkl = np.full(N, self.beta / N, self.dtype)  # (6)
        dmu_kl, dlogvar_kl = objective.counted_backward(self, ops, dkl, kl_cache, counted_cache)  # through kl
        grads = self.params.like() if grads is None else grads
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        dz = self.decoder_backward(ops, doutput, decoder_cache, grads)
        dmu_z, dstd = ops.reparameterize_backward(dz, z_cache)  # through z
        dlogvar_z = ops.std_from_logvar_backward(dstd, std_cache)
        dmu = dmu_z + dmu_kl  # (7)
        dlogvar = dlogvar_z + dlogvar_kl  # (8)
        self.posterior_backward(ops, dmu, dlogvar, posterior_cache, grads)
        return grads

    def posterior_forward(self, ops: Ops, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """x (N, D) -> mu (N, L), logvar (N, L) of q(z|x), cache: the two halves of the encoder's output."""
        seen = self.encoder_view(x)  # (N, D)
        head, cache = mlp_forward(ops, seen, self.params, "encoder", self.depth, self.activation)  # (N, 2 L)
        mu, logvar = head[:, : self.latent_dim], head[:, self.latent_dim :]
        return mu, logvar, cache

    def posterior_backward(self, ops: Ops, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (N, L) -> the encoder's gradients, into their places."""
        dhead = np.concatenate([dmu, dlogvar], axis=1)  # (N, 2 L)
        mlp_backward(ops, dhead, cache, grads, "encoder", needs_dx=False)

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """z (N, L) -> what the likelihood takes, cache. x is there for models that decode with more than z."""
        output, cache = mlp_forward(ops, z, self.params, "decoder", self.depth, self.activation)
        return output, cache

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """Doutput -> dz (N, L); the decoder's gradients go into their places."""
        dz = mlp_backward(ops, doutput, cache, grads, "decoder")
        return dz

    def data_of(self, x: np.ndarray) -> np.ndarray:
        """The part of a row that the likelihood explains: all of it, here."""
        return x

    def tiled(self, x: Any, K: int) -> Any:
        """The N samples of x, K times over: one for each draw."""
        return np.tile(x, (K, 1))

    def log_weights(self, x: np.ndarray, eps: np.ndarray) -> np.ndarray:
        """x (N, D), eps (K, N, L) -> log p(x, z) - log q(z|x) (K, N), in nats, for K draws of q(z|x)."""
        x = admit(self, x)
        eps = check_noise(self, x, eps)
        return log_weights_forward(self, self.ops, x, eps, 1.0)[0]

    @property
    def noise_dim(self) -> int:
        """Numbers of noise that one draw of the latents takes: L."""
        return self.latent_dim

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise that one forward of n inputs takes: (n, L) from N(0, I), or (K, n, L) for K draws of each."""
        shape = (n, self.noise_dim) if self.samples == 1 else (self.samples, n, self.noise_dim)
        return rng.standard_normal(shape, dtype=self.dtype)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (N, D) -> mu (N, L), logvar (N, L) of q(z|x). Raises ValueError for data that training would refuse."""
        x = admit(self, x)
        mu, logvar, _ = self.posterior_forward(self.ops, x)
        return mu.copy(), logvar.copy()

    def reconstruct(self, x: np.ndarray, eps: np.ndarray | None = None) -> np.ndarray:
        """x (N, D) -> the mean of p(x|z), (N, D), at z = mu, or at z = mu + std * eps if noise (N, L) is given."""
        x = admit(self, x)
        mu, logvar = self.encode(x)
        z = mu if eps is None else mu + np.exp(logvar / 2) * check_noise(self, x, eps, one_draw_of=self.latent_dim)
        return self.decode_beside(z, x)

    def decode_beside(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        """z (N, L), and the rows x that it was encoded from -> the likelihood's mean (N, D)."""
        return self.likelihood.mean_beside(self.ops, self.decoder_output(z), x)

    def _as_one_draw_each(self, x: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if eps.ndim == 2:
            return x, eps
        return self.tiled(x, len(eps)), eps.reshape(-1, self.latent_dim)
