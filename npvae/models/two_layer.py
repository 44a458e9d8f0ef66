"""Two stochastic layers: x is encoded as h1, h1 as h2, and decoded the same way back.

    q(h1|x) q(h2|h1)          p(h2) = N(0, I),  p(h1|h2) Gaussian,  p(x|h1) the likelihood
    log w = log p(x|h1) + beta * (log p(h1|h2) + log p(h2) - log q(h1|x) - log q(h2|h1))

h1 lies on four paths to the loss and h2 on three: the backward adds them up where they meet.

Burda, Grosse & Salakhutdinov (2016), section 2 and the two-layer models of section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_generator, check_noise, check_whole, check_widths
from npvae.models.contract import Ops
from npvae.models.entrance import admit
from npvae.models.mlp import mlp_backward, mlp_forward, mlp_shapes
from npvae.models.objectives import OBJECTIVES, Weighing
from npvae.models.objectives.means import Mean
from npvae.models.settings import (
    Option,
    VAESettings,
    activation_setting,
    hidden_setting,
    latent_dim_setting,
    objective_setting,
    one_of,
    setting,
    whole,
    widths,
)
from npvae.models.trace import BoundTrace
from npvae.models.vae import VAE
from npvae.params import Params

OF_TWO_LAYERS = ("elbo_mc", "iwae", "renyi", "vr_max")


@dataclass(frozen=True)
class TwoLayerVAESettings(VAESettings):
    """Those of the VAE with the defaults of Burda et al., and the second layer's."""

    hidden: Sequence[int] = hidden_setting((200, 200))
    latent_dim: int = latent_dim_setting(100)
    activation: str = activation_setting("tanh")
    _: KW_ONLY
    objective: str = objective_setting("iwae", one_of(OF_TWO_LAYERS, "is not one for two layers"))
    hidden2: Sequence[int] = setting(
        (100, 100),
        check_widths,
        Option("--hidden2", "widths between the two latent layers", "H[,H...]", widths),
    )
    latent_dim2: int = setting(50, whole(), Option("--latent2", "number of latents on top", "L", int))


class TwoLayerVAE(VAE):
    """Arguments as for VAE, where hidden and latent_dim are those next to the data, and more.

    hidden2     widths of the hidden layers between h1 and h2
    latent_dim2 length of h2, the layer under the prior
    objective   one of elbo_mc, iwae, renyi, vr_max

    Noise is (N, L1 + L2) or (K, N, L1 + L2), that of h1 first. `encode` gives q(h1|x); `decode` takes h1; `sample`
    starts at h2.

    Example:
        >>> model = npvae.TwoLayerVAE(64, hidden=(32,), latent_dim=8, hidden2=(16,), latent_dim2=4)
        >>> model.sample(3, np.random.default_rng(0)).shape
        (3, 64)
    """

    Settings = TwoLayerVAESettings
    settings: TwoLayerVAESettings
    has_analytic_kl = False
    decodes_z_alone = False  # h1 is drawn, given h2

    @property
    def hidden2(self) -> Sequence[int]:
        """Widths of the hidden layers between h1 and h2."""
        return self.settings.hidden2

    @property
    def latent_dim2(self) -> int:
        """L2, length of h2."""
        return self.settings.latent_dim2

    @property
    def depth2(self) -> int:
        """Dense maps between h1 and h2, and as many back."""
        return len(self.hidden2) + 1

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes in layer order: encoder, encoder2, decoder2, decoder."""
        one = super().parameter_shapes()
        L1, L2 = self.latent_dim, self.latent_dim2
        two = mlp_shapes("encoder2", (L1, *self.hidden2, 2 * L2))
        two |= mlp_shapes("decoder2", (L2, *reversed(self.hidden2), 2 * L1))
        encoder = {name: shape for name, shape in one.items() if name.startswith("encoder")}
        return encoder | two | {name: shape for name, shape in one.items() if name not in encoder}

    @property
    def _mean(self) -> Mean:
        objective = OBJECTIVES[self.objective]
        assert isinstance(objective, Weighing)  # the settings take no other
        return objective.mean

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """x (N, D), eps (N, L1 + L2) or (K, N, L1 + L2) -> loss, minus the mean bound, in nats; trace."""
        eps, ops = check_noise(self, x, eps), ops or self.ops
        log_w, parts, caches = self._log_weights_forward(ops, x, eps, self.beta)  # (K, N)
        bound, bound_cache = self._mean.forward(self, ops, log_w)  # (N,)
        loss = -float(np.mean(bound))
        return loss, BoundTrace(**parts, log_w=log_w, caches=(*caches, bound_cache), ops=ops)

    def _log_weights_forward(
        self, ops: Ops, x: np.ndarray, eps: np.ndarray, beta: float
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

    def backward(self, trace: Any, grads: Params | None = None) -> Params:
        """Gradients of the loss: forward, read from bottom to top. They are written to `grads`, or to a new array."""
        ops = trace.ops
        encoder_cache, std1_cache, h1_cache, encoder2_cache, std2_cache, h2_cache, *rest = trace.caches
        decoder2_cache, decoder_cache, nll_cache, p2_cache, p1_cache, q2_cache, q1_cache, bound_cache = rest
        K, N = trace.log_w.shape
        dbound = np.full(N, -1 / N, self.dtype)
        dlog_w = self._mean.backward(ops, dbound, bound_cache).reshape(K * N)
        dnll, dlog_p, dlog_q = -dlog_w, self.beta * dlog_w, -self.beta * dlog_w
        dh1_q, dmu1_q, dlogvar1_q = ops.gaussian_log_density_backward(dlog_q, q1_cache)
        dh2_q, dmu2_q, dlogvar2_q = ops.gaussian_log_density_backward(dlog_q, q2_cache)
        dh1_p, dprior_mu, dprior_logvar = ops.gaussian_log_density_backward(dlog_p, p1_cache)
        dh2_p, _, _ = ops.gaussian_log_density_backward(dlog_p, p2_cache)
        grads = self.params.like() if grads is None else grads
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
        x = admit(self, x)
        return self._log_weights_forward(self.ops, x, check_noise(self, x, eps), 1.0)[0]

    def sample(self, n: int, rng: np.random.Generator, *, draw_pixels: bool = False) -> np.ndarray:
        """n images (n, D): h2 from the prior, h1 drawn from p(h1|h2), then decoded (see Autoencoder.sample)."""
        check_whole(n=n)
        check_generator(rng)
        h2 = rng.standard_normal((n, self.latent_dim2), dtype=self.dtype)
        prior1 = mlp_forward(self.ops, h2, self.params, "decoder2", self.depth2, self.activation)[0]
        mu1, logvar1 = prior1[:, : self.latent_dim], prior1[:, self.latent_dim :]
        h1 = mu1 + np.exp(logvar1 / 2) * rng.standard_normal(mu1.shape, dtype=self.dtype)
        output = self.decoder_output(h1)
        if draw_pixels:
            return self.likelihood.sample(self.ops, output, self.params, rng)
        return self.likelihood.mean(self.ops, output)
