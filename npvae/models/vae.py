"""The variational autoencoder: an autoencoder whose code is a distribution, held to a prior.

For every sample x the encoder gives a Gaussian q(z|x) = N(mu, diag(exp(logvar))), one draw z from it is decoded, and

    loss = mean over the batch of  nll + beta * kl        nll = -log p(x|z),   kl = KL(q(z|x) || N(0, I))

With beta = 1 and a normalised likelihood, -loss is an unbiased estimate of the evidence lower bound on log p(x), in
nats (Kingma & Welling 2014, equation 10); another beta makes a beta-VAE (Higgins et al. 2017). kl is analytic.

That is the objective "elbo", and what stands on this page. What else kl may cost is in `npvae.models.kl_term`; the
objectives that weigh several samples against each other are in `npvae.models.importance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models import importance
from npvae.models.autoencoder import Autoencoder
from npvae.models.checks import check_whole
from npvae.models.kl_term import kl_term_backward, kl_term_forward
from npvae.models.mlp import mlp_backward, mlp_forward
from npvae.models.params import Params

OBJECTIVES = ("elbo", "free_bits", "capacity", *importance.OBJECTIVES)


@dataclass
class VAETrace:
    """What one forward computed: N samples, L latents, D pixels."""

    mu: np.ndarray  # (N, L)
    logvar: np.ndarray  # (N, L), log of the variance
    std: np.ndarray  # (N, L)
    z: np.ndarray  # (N, L)
    output: np.ndarray  # (N, D), or wider; what the likelihood takes: logits for bernoulli
    nll: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), nats
    caches: tuple
    workspace: Any = None  # whose buffers all of this lies in, if any
    small_step: Any = None  # what computed it all at once, if the step was so small


class VAE(Autoencoder):
    """MLP encoder, one Gaussian latent layer, mirrored MLP decoder. Arguments as for Autoencoder, and more.

    beta       weight of the KL term, at least 0
    objective  what is descended: a name in npvae.models.OBJECTIVES
    samples    K, how many z are drawn for an input in training
    alpha      order of the Rényi bound, for "renyi"
    free_bits  nats that each latent may cost for nothing, for "free_bits"
    capacity   nats that kl is drawn to, for "capacity"
    """

    code_width = 2  # mu and logvar

    def __init__(
        self,
        data_dim: int,
        hidden: Sequence[int] = (400,),
        latent_dim: int = 20,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        *,
        objective: str = "elbo",
        samples: int = 1,
        alpha: float = 0.5,
        free_bits: float = 0.5,
        capacity: float = 10.0,
        **rest: Any,
    ) -> None:
        """Build the parameters and draw their start; `rest` are the keyword arguments of Autoencoder."""
        for name, value in (("beta", beta), ("free_bits", free_bits), ("capacity", capacity)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} is {value}, expected a finite number of at least 0")
        if objective not in OBJECTIVES:
            raise ValueError(f"objective {objective!r} is unknown, choose one of {', '.join(OBJECTIVES)}")
        check_whole(samples=samples)
        if objective == "score_baseline" and samples < 2:
            raise ValueError(f"samples is {samples}, score_baseline needs at least 2: each is held against the others")
        if not np.isfinite(alpha):
            raise ValueError(f"alpha is {alpha}, expected a finite number (the limit at -inf is the objective vr_max)")
        super().__init__(data_dim, hidden, latent_dim, activation, likelihood, **rest)
        self.beta, self.objective, self.samples = beta, objective, samples
        self.alpha, self.free_bits, self.capacity = alpha, free_bits, capacity
        self.config |= {"beta": beta, "objective": objective, "samples": samples, "alpha": alpha}
        self.config |= {"free_bits": free_bits, "capacity": capacity}

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, workspace: Any = None) -> tuple[float, Any]:
        """x (N, D), noise eps (N, L) drawn from N(0, I) -> loss in nats, trace.

        eps (K, N, L) takes K samples an input. They are K rows in place of one: the trace then has K * N rows, the
        first N with the first sample, and the loss is the mean over all.

        With a workspace (see `workspace`) the trace is valid until the next forward with it.

        ValueError if a shape or dtype does not fit.
        """
        eps = self.check_noise(x, eps)
        if workspace is not None and type(self) is VAE and eps.ndim == 2:
            small_step = workspace.small_step(self, len(x))
            if small_step is not None:  # the lines below, compiled as one: see npvae.kernels.small_vae
                loss, parts = small_step.forward(x, eps, self.beta)
                return loss, VAETrace(**parts, caches=(), workspace=workspace, small_step=small_step)
        ops = self.ops_of_step(workspace)
        if self.objective in importance.OBJECTIVES:
            return importance.bound_forward(self, ops, x, eps, workspace)
        x, eps = self._as_one_sample_each(x, eps)
        mu, logvar, posterior_cache = self.posterior_forward(ops, x)  # (N, L) each
        std, std_cache = ops.std_from_logvar_forward(logvar)  # (N, L)
        z, z_cache = ops.reparameterize_forward(mu, std, eps)  # (N, L)
        output, decoder_cache = self.decoder_forward(ops, z, x)  # (N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, self.data_of(x), self.params)  # (N,)
        kl, kl_cost, kl_cache = kl_term_forward(self, ops, mu, logvar)  # (N,); beta * mean(kl)
        loss = float(nll.sum()) / len(nll) + kl_cost
        caches = (posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, kl_cache)
        return loss, VAETrace(mu, logvar, std, z, output, nll, kl, caches, workspace)

    def backward(self, trace: Any) -> Params:
        """Gradients of the loss: forward, read from bottom to top.

        mu and logvar each lie on two paths to the loss; the gradients of both are added where the paths meet.
        """
        ops, grads = self.ops_and_grads(trace.workspace)
        if isinstance(trace, importance.BoundTrace):
            return importance.bound_backward(self, ops, trace, grads)
        if trace.small_step is not None:
            return trace.small_step.backward(self.beta)
        posterior_cache, std_cache, z_cache, decoder_cache, nll_cache, kl_cache = trace.caches
        N = len(trace.nll)
        dnll = np.full(N, 1 / N, self.dtype)  # loss = mean(nll) + kl_cost
        dmu_kl, dlogvar_kl = kl_term_backward(self, ops, kl_cache, N)
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        dz = self.decoder_backward(ops, doutput, decoder_cache, grads)
        dmu_z, dstd = ops.reparameterize_backward(dz, z_cache)
        dlogvar_z = ops.std_from_logvar_backward(dstd, std_cache)
        dmu = dmu_z + dmu_kl
        dlogvar = dlogvar_z + dlogvar_kl
        self.posterior_backward(ops, dmu, dlogvar, posterior_cache, grads)
        return grads

    def posterior_forward(self, ops: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """x (N, D) -> mu (N, L), logvar (N, L) of q(z|x), cache: the two halves of the encoder's output."""
        head, cache = mlp_forward(ops, x, self.params, "encoder", self.depth, self.activation)  # (N, 2 L)
        return head[:, : self.latent_dim], head[:, self.latent_dim :], cache

    def posterior_backward(self, ops: Any, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (N, L) -> the encoder's gradients, into their places."""
        dhead = np.concatenate([dmu, dlogvar], axis=1)  # (N, 2 L)
        mlp_backward(ops, dhead, cache, grads, "encoder", needs_dx=False)

    def decoder_forward(self, ops: Any, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """z (N, L) -> what the likelihood takes, cache. x is there for models that decode with more than z."""
        return mlp_forward(ops, z, self.params, "decoder", self.depth, self.activation)

    def decoder_backward(self, ops: Any, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """Doutput -> dz (N, L); the decoder's gradients go into their places."""
        return mlp_backward(ops, doutput, cache, grads, "decoder")

    def data_of(self, x: np.ndarray) -> np.ndarray:
        """The part of a row that the likelihood explains: all of it, here."""
        return x

    def log_weights(self, x: np.ndarray, eps: np.ndarray) -> np.ndarray:
        """x (N, D), eps (K, N, L) -> log p(x, z) - log q(z|x) (K, N), in nats, for K draws of q(z|x)."""
        eps = self.check_noise(x, eps)
        return importance.log_weights_forward(self, self.ops, x, eps, 1.0)[0]

    @property
    def noise_dim(self) -> int:
        """Numbers of noise that one draw of the latents takes: L."""
        return self.latent_dim

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise that one forward of n inputs takes: (n, L) from N(0, I), or (K, n, L) for K samples of each."""
        shape = (n, self.noise_dim) if self.samples == 1 else (self.samples, n, self.noise_dim)
        return rng.standard_normal(shape, dtype=self.dtype)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (N, D) -> mu (N, L), logvar (N, L) of the posterior q(z|x)."""
        self.check_batch(x)
        mu, logvar, _ = self.posterior_forward(self.ops, x)
        return mu.copy(), logvar.copy()

    def reconstruct(self, x: np.ndarray, eps: np.ndarray | None = None) -> np.ndarray:
        """x (N, D) -> the mean of p(x|z), (N, D), at z = mu, or at z = mu + std * eps if noise (N, L) is given."""
        mu, logvar = self.encode(x)
        return self.decode(mu if eps is None else mu + np.exp(logvar / 2) * self.check_noise(x, eps))

    def check_noise(self, x: np.ndarray, eps: np.ndarray | None) -> np.ndarray:
        """eps as it came. ValueError if x or eps has not the shape or dtype that a forward needs."""
        self.check_batch(x)
        who, wanted = type(self).__name__, (len(x), self.noise_dim)
        if eps is not None and not isinstance(eps, np.ndarray):
            raise ValueError(f"{who}: eps is a {type(eps).__name__}, expected an array of shape (N, L) = {wanted}")
        if eps is None or eps.ndim not in (2, 3) or eps.shape[-2:] != wanted or len(eps) == 0:
            raise ValueError(
                f"{who}: eps has shape {getattr(eps, 'shape', None)}, expected (N, L) = {wanted} or (K, N, L): "
                f"draw it with rng.standard_normal({wanted}, dtype={self.dtype.name!r})"
            )
        if eps.dtype != self.dtype:
            raise ValueError(
                f"{who}: eps is {eps.dtype}, the model computes in {self.dtype}: draw it with dtype={self.dtype.name!r}"
            )
        return eps

    def _as_one_sample_each(self, x: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if eps.ndim == 2:
            return x, eps
        return np.tile(x, (len(eps), 1)), eps.reshape(-1, self.latent_dim)
