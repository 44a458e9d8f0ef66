"""Two stochastic layers: x is encoded as h1, h1 as h2, and decoded the same way back.

    q(h1|x) q(h2|h1)          p(h2) = N(0, I),  p(h1|h2) Gaussian,  p(x|h1) the likelihood
    log w = log p(x|h1) + beta * (log p(h1|h2) + log p(h2) - log q(h1|x) - log q(h2|h1))

h1 lies on four paths to the loss and h2 on three: the backward adds them up where they meet.

Burda, Grosse & Salakhutdinov (2016), section 2 and the two-layer models of section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npvae.models.checks import check_whole, check_widths
from npvae.models.importance import BoundTrace, mean_of_weights_backward, mean_of_weights_forward
from npvae.models.mlp import mlp_backward, mlp_forward, mlp_shapes
from npvae.models.params import Params
from npvae.models.vae import VAE

OBJECTIVES = ("elbo_mc", "iwae", "renyi", "vr_max")


class TwoLayerVAE(VAE):
    """Arguments as for VAE, where hidden and latent_dim are those next to the data, and more.

    hidden2     widths of the hidden layers between h1 and h2
    latent_dim2 length of h2, the layer under the prior
    objective   one of elbo_mc, iwae, renyi, vr_max

    Noise is (N, L1 + L2) or (K, N, L1 + L2), that of h1 first. `encode` gives q(h1|x); `decode` takes h1; `sample`
    starts at h2.
    """

    def __init__(
        self,
        data_dim: int,
        hidden: Sequence[int] = (200, 200),
        latent_dim: int = 100,
        activation: str = "tanh",
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        *,
        hidden2: Sequence[int] = (100, 100),
        latent_dim2: int = 50,
        objective: str = "iwae",
        **rest: Any,
    ) -> None:
        """Build the parameters and draw their start."""
        if objective not in OBJECTIVES:
            raise ValueError(
                f"objective {objective!r} is not one for two layers, choose one of {', '.join(OBJECTIVES)}"
            )
        check_whole(latent_dim2=latent_dim2)
        self.hidden2, self.latent_dim2 = check_widths("hidden2", hidden2), latent_dim2
        self.depth2 = len(self.hidden2) + 1
        super().__init__(data_dim, hidden, latent_dim, activation, likelihood, beta, objective=objective, **rest)
        self.config |= {"hidden2": list(self.hidden2), "latent_dim2": latent_dim2}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes in layer order: encoder, encoder2, decoder2, decoder."""
        one = super().parameter_shapes()
        L1, L2 = self.latent_dim, self.latent_dim2
        two = mlp_shapes("encoder2", (L1, *self.hidden2, 2 * L2))
        two |= mlp_shapes("decoder2", (L2, *reversed(self.hidden2), 2 * L1))
        encoder = {name: shape for name, shape in one.items() if name.startswith("encoder")}
        return encoder | two | {name: shape for name, shape in one.items() if name not in encoder}

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, workspace: Any = None) -> tuple[float, Any]:
        """x (N, D), eps (N, L1 + L2) or (K, N, L1 + L2) -> loss, minus the mean bound, in nats; trace."""
        eps = self.check_noise(x, eps)
        ops = self.ops_of_step(workspace)
        log_w, parts, caches = self._log_weights_forward(ops, x, eps, self.beta)
        bound, bound_cache = mean_of_weights_forward(self, ops, log_w)
        return -float(np.mean(bound)), BoundTrace(
            **parts, log_w=log_w, caches=(*caches, bound_cache), workspace=workspace
        )

    def _log_weights_forward(
        self, ops: Any, x: np.ndarray, eps: np.ndarray, beta: float
    ) -> tuple[np.ndarray, Any, Any]:
        params, L1, L2 = self.params, self.latent_dim, self.latent_dim2
        eps = eps.reshape(-1, len(x), L1 + L2)
        K, N, _ = eps.shape
        rows = eps.reshape(K * N, L1 + L2)
        mu1, logvar1, encoder_cache = self.posterior_forward(ops, x)  # (N, L1)
        std1, std1_cache = ops.std_from_logvar_forward(logvar1)  # (N, L1)
        mu1_k, logvar1_k, std1_k = (ops.repeat_forward(a, K)[0].reshape(K * N, L1) for a in (mu1, logvar1, std1))
        h1, h1_cache = ops.reparameterize_forward(mu1_k, std1_k, rows[:, :L1])  # (K * N, L1)
        head2, encoder2_cache = mlp_forward(ops, h1, params, "encoder2", self.depth2, self.activation)  # (K * N, 2 L2)
        mu2, logvar2 = head2[:, :L2], head2[:, L2:]
        std2, std2_cache = ops.std_from_logvar_forward(logvar2)
        h2, h2_cache = ops.reparameterize_forward(mu2, std2, rows[:, L1:])  # (K * N, L2)
        prior1, decoder2_cache = mlp_forward(ops, h2, params, "decoder2", self.depth2, self.activation)  # (K * N, 2 L1)
        output, decoder_cache = mlp_forward(ops, h1, params, "decoder", self.depth, self.activation)  # (K * N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, np.tile(x, (K, 1)), params)  # (K * N,)
        zero = np.zeros_like(h2)
        log_p2, p2_cache = ops.gaussian_log_density_forward(h2, zero, zero)  # p(h2)
        log_p1, p1_cache = ops.gaussian_log_density_forward(h1, prior1[:, :L1], prior1[:, L1:])  # p(h1|h2)
        log_q2, q2_cache = ops.gaussian_log_density_forward(h2, mu2, logvar2)  # q(h2|h1)
        log_q1, q1_cache = ops.gaussian_log_density_forward(h1, mu1_k, logvar1_k)  # q(h1|x)
        ratio = log_p1 + log_p2 - log_q1 - log_q2
        log_w = (beta * ratio - nll).reshape(K, N)
        parts = {"mu": mu1, "logvar": logvar1, "std": std1, "z": h1.reshape(K, N, L1), "output": output}
        parts |= {"nll": nll.reshape(K, N).mean(axis=0), "kl": -ratio.reshape(K, N).mean(axis=0)}
        first = (encoder_cache, std1_cache, h1_cache, encoder2_cache, std2_cache, h2_cache)
        return log_w, parts, (*first, decoder2_cache, decoder_cache, nll_cache, p2_cache, p1_cache, q2_cache, q1_cache)

    def backward(self, trace: Any) -> Params:
        """Gradients of the loss: forward, read from bottom to top."""
        ops, grads = self.ops_and_grads(trace.workspace)
        encoder_cache, std1_cache, h1_cache, encoder2_cache, std2_cache, h2_cache, *rest = trace.caches
        decoder2_cache, decoder_cache, nll_cache, p2_cache, p1_cache, q2_cache, q1_cache, bound_cache = rest
        K, N = trace.log_w.shape
        dbound = np.full(N, -1 / N, self.dtype)
        dlog_w = mean_of_weights_backward(self, ops, dbound, bound_cache).reshape(K * N)
        dnll, dlog_p, dlog_q = -dlog_w, self.beta * dlog_w, -self.beta * dlog_w
        dh1_q, dmu1_q, dlogvar1_q = ops.gaussian_log_density_backward(dlog_q, q1_cache)
        dh2_q, dmu2_q, dlogvar2_q = ops.gaussian_log_density_backward(dlog_q, q2_cache)
        dh1_p, dprior_mu, dprior_logvar = ops.gaussian_log_density_backward(dlog_p, p1_cache)
        dh2_p, _, _ = ops.gaussian_log_density_backward(dlog_p, p2_cache)
        doutput = self.likelihood.backward(ops, dnll, nll_cache, grads)
        dh1_x = mlp_backward(ops, doutput, decoder_cache, grads, "decoder")
        dprior1 = np.concatenate([dprior_mu, dprior_logvar], axis=1)
        dh2_h1 = mlp_backward(ops, dprior1, decoder2_cache, grads, "decoder2")
        dh2 = dh2_h1 + dh2_p + dh2_q
        dmu2_z, dstd2 = ops.reparameterize_backward(dh2, h2_cache)
        dmu2 = dmu2_z + dmu2_q
        dlogvar2 = ops.std_from_logvar_backward(dstd2, std2_cache) + dlogvar2_q
        dhead2 = np.concatenate([dmu2, dlogvar2], axis=1)
        dh1_h2 = mlp_backward(ops, dhead2, encoder2_cache, grads, "encoder2")
        dh1 = dh1_x + dh1_p + dh1_q + dh1_h2
        dmu1_z, dstd1_k = ops.reparameterize_backward(dh1, h1_cache)
        dmu1_k = dmu1_z + dmu1_q
        dmu1, dlogvar1_q, dstd1 = (ops.repeat_backward(d.reshape(K, N, -1), ()) for d in (dmu1_k, dlogvar1_q, dstd1_k))
        dlogvar1 = dlogvar1_q + ops.std_from_logvar_backward(dstd1, std1_cache)
        self.posterior_backward(ops, dmu1, dlogvar1, encoder_cache, grads)
        return grads

    @property
    def noise_dim(self) -> int:
        """Numbers of noise that one draw takes: L1 + L2."""
        return self.latent_dim + self.latent_dim2

    def log_weights(self, x: np.ndarray, eps: np.ndarray) -> np.ndarray:
        """x (N, D), eps (K, N, L1 + L2) -> log w (K, N), in nats."""
        return self._log_weights_forward(self.ops, x, self.check_noise(x, eps), 1.0)[0]

    def sample(self, n: int, rng: np.random.Generator, *, draw_pixels: bool = False) -> np.ndarray:
        """n images (n, D): h2 from the prior, h1 drawn from p(h1|h2), then decoded (see Autoencoder.sample)."""
        h2 = rng.standard_normal((n, self.latent_dim2), dtype=self.dtype)
        prior1 = mlp_forward(self.ops, h2, self.params, "decoder2", self.depth2, self.activation)[0]
        mu1, logvar1 = prior1[:, : self.latent_dim], prior1[:, self.latent_dim :]
        h1 = mu1 + np.exp(logvar1 / 2) * rng.standard_normal(mu1.shape, dtype=self.dtype)
        output = self.decoder_output(h1)
        if draw_pixels:
            return self.likelihood.sample(self.ops, output, self.params, rng)
        return self.likelihood.mean(self.ops, output)
