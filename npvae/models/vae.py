"""The variational autoencoder: an autoencoder whose code is a distribution, held to a prior.

For every sample x the encoder gives a Gaussian q(z|x) = N(mu, diag(exp(logvar))), one draw z from it is decoded, and

    loss = mean over the batch of  nll + beta * kl        nll = -log p(x|z),   kl = KL(q(z|x) || N(0, I))

With beta = 1 and a normalised likelihood, -loss is an unbiased estimate of the evidence lower bound on log p(x), in
nats (Kingma & Welling 2014, equation 10); another beta makes a beta-VAE (Higgins et al. 2017). kl is analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.autoencoder import Autoencoder
from npvae.models.mlp import mlp_backward, mlp_forward
from npvae.models.params import Params


@dataclass
class VAETrace:
    """What one forward computed: N samples, L latents, D pixels."""

    mu: np.ndarray  # (N, L)
    logvar: np.ndarray  # (N, L), log of the variance
    std: np.ndarray  # (N, L)
    z: np.ndarray  # (N, L)
    output: np.ndarray  # (N, D), or (N, 2 D) for gaussian_decoder; what the likelihood takes: logits for bernoulli
    nll: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), nats
    caches: tuple
    workspace: Any = None  # whose buffers all of this lies in, if any


class VAE(Autoencoder):
    """MLP encoder, one Gaussian latent layer, mirrored MLP decoder. Arguments as for Autoencoder, and beta >= 0."""

    code_width = 2  # mu and logvar

    def __init__(
        self,
        data_dim: int,
        hidden: Sequence[int] = (400,),
        latent_dim: int = 20,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        **rest: Any,
    ) -> None:
        """Build the parameters and draw their start; `rest` are the keyword arguments of Autoencoder."""
        if not beta >= 0:
            raise ValueError(f"beta is {beta}, expected a number of at least 0")
        super().__init__(data_dim, hidden, latent_dim, activation, likelihood, **rest)
        self.beta = beta
        self.config["beta"] = beta

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, workspace: Any = None) -> tuple[float, VAETrace]:
        """x (N, D), noise eps (N, L) drawn from N(0, I) -> loss in nats, trace.

        eps (K, N, L) takes K samples an input. They are K rows in place of one: the trace then has K * N rows, the
        first N with the first sample, and the loss is the mean over all.

        With a workspace (see `workspace`) the trace is valid until the next forward with it.

        ValueError if a shape or dtype does not fit.
        """
        x, eps = self._check_noise(x, eps)
        ops, params, L = self._ops_of_step(workspace), self.params, self.latent_dim
        head, encoder_cache = mlp_forward(ops, x, params, "encoder", self.depth, self.activation)  # (N, 2 L)
        mu, logvar = head[:, :L], head[:, L:]  # (N, L) each
        std, std_cache = ops.std_from_logvar_forward(logvar)  # (N, L)
        z, z_cache = ops.reparameterize_forward(mu, std, eps)  # (N, L)
        output, decoder_cache = mlp_forward(ops, z, params, "decoder", self.depth, self.activation)  # (N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, x, params)  # (N,)
        kl, kl_cache = ops.gaussian_kl_forward(mu, logvar)  # (N,)
        loss = float(np.mean(nll + self.beta * kl))
        caches = (encoder_cache, std_cache, z_cache, decoder_cache, nll_cache, kl_cache)
        return loss, VAETrace(mu, logvar, std, z, output, nll, kl, caches, workspace)

    def backward(self, trace: VAETrace) -> Params:
        """Gradients of the loss: forward, read from bottom to top.

        mu and logvar each lie on two paths to the loss; the gradients of both are added where the paths meet.
        """
        ops, grads = self._ops_and_grads(trace.workspace)
        encoder_cache, std_cache, z_cache, decoder_cache, nll_cache, kl_cache = trace.caches
        N = len(trace.nll)
        dnll = np.full(N, 1 / N, self.dtype)  # loss = sum(nll + beta * kl) / N
        dkl = np.full(N, self.beta / N, self.dtype)
        dmu_kl, dlogvar_kl = ops.gaussian_kl_backward(dkl, kl_cache)
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        dz = mlp_backward(ops, doutput, decoder_cache, grads, "decoder")
        dmu_z, dstd = ops.reparameterize_backward(dz, z_cache)
        dlogvar_z = ops.std_from_logvar_backward(dstd, std_cache)
        dmu = dmu_z + dmu_kl
        dlogvar = dlogvar_z + dlogvar_kl
        dhead = np.concatenate([dmu, dlogvar], axis=1)
        mlp_backward(ops, dhead, encoder_cache, grads, "encoder", needs_dx=False)
        return grads

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise that one forward of n samples takes: (n, L) from N(0, I)."""
        return rng.standard_normal((n, self.latent_dim), dtype=self.dtype)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (N, D) -> mu (N, L), logvar (N, L) of the posterior q(z|x)."""
        head = super().encode(x)
        return head[:, : self.latent_dim].copy(), head[:, self.latent_dim :].copy()

    def reconstruct(self, x: np.ndarray, eps: np.ndarray | None = None) -> np.ndarray:
        """x (N, D) -> the mean of p(x|z), (N, D), at z = mu, or at z = mu + std * eps if noise (N, L) is given."""
        mu, logvar = self.encode(x)
        return self.decode(mu if eps is None else mu + np.exp(logvar / 2) * eps)

    def _check_noise(self, x: np.ndarray, eps: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        self.check_batch(x)
        wanted = (len(x), self.latent_dim)
        if eps is None or eps.ndim not in (2, 3) or eps.shape[-2:] != wanted or len(eps) == 0:
            raise ValueError(
                f"VAE: eps has shape {getattr(eps, 'shape', None)}, expected (N, L) = {wanted} or (K, N, L): "
                f"draw it with rng.standard_normal({wanted}, dtype={self.dtype.name!r})"
            )
        if eps.dtype != self.dtype:
            raise ValueError(
                f"VAE: eps is {eps.dtype}, the model computes in {self.dtype}: draw it with dtype={self.dtype.name!r}"
            )
        if eps.ndim == 3:
            x, eps = np.tile(x, (len(eps), 1)), eps.reshape(-1, self.latent_dim)
        return x, eps
