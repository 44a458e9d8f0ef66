"""The linear VAE: one affine map each way, one variance per latent. Its exact optimum is known: probabilistic PCA.

    encoder  q(z|x) = N(x V + c, diag(d))      d does not depend on x
    decoder  p(x|z) = N(z W + m, s2 I)         with a Gaussian likelihood

Lucas, Tucker, Grosse & Norouzi (2019), "Don't blame the ELBO!"; the closed form is in `npvae.evaluation.ppca`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_rows
from npvae.models.contract import Ops
from npvae.models.settings import Affine, KLTerm, Settings
from npvae.models.vae import VAE
from npvae.params import Params


@dataclass(frozen=True)
class LinearVAESettings(KLTerm, Settings, Affine):
    """Those of the VAE, without hidden layers and activation."""


class LinearVAE(VAE):
    """Arguments as for VAE, without hidden layers and activation; the likelihood is "gaussian_scalar" by default.

    Example:
        >>> model = npvae.LinearVAE(64, latent_dim=2)
        >>> list(model.params)
        ['encoder.W', 'encoder.b', 'encoder.logvar', 'decoder.W', 'decoder.b', 'likelihood.logvar']
    """

    Settings = LinearVAESettings

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """V (D, L), c (L,), log d (L,), W (L, D), m (D,)."""
        D, L = self.data_dim, self.latent_dim
        outputs = D * self.likelihood.outputs_per_pixel
        encoder = {"encoder.W": (self.encoder_dim, L), "encoder.b": (L,), "encoder.logvar": (L,)}
        return encoder | {"decoder.W": (L, outputs), "decoder.b": (outputs,)}

    def posterior_forward(self, ops: Ops, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """x (N, D) -> mu (N, L), logvar (N, L), the same for every sample; cache."""
        mu, cache = ops.dense_forward(self.encoder_view(x), self.params["encoder.W"], self.params["encoder.b"])
        logvar, _ = ops.repeat_forward(self.params["encoder.logvar"], len(x))
        return mu, logvar, cache

    def posterior_backward(self, ops: Ops, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (N, L) -> the encoder's gradients, into their places."""
        grads["encoder.logvar"] = ops.repeat_backward(dlogvar, ())
        _, grads["encoder.W"], grads["encoder.b"] = ops.dense_backward(dmu, cache, needs_dx=False)

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """z (N, L) -> what the likelihood takes, cache."""
        output, cache = ops.dense_forward(z, self.params["decoder.W"], self.params["decoder.b"])
        return output, cache

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """Doutput -> dz (N, L); the decoder's gradients go into their places."""
        dz, grads["decoder.W"], grads["decoder.b"] = ops.dense_backward(doutput, cache)
        return dz

    def decoder_output(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> what the likelihood takes."""
        return self.decoder_forward(self.ops, check_rows(self, z, "z", "L", self.latent_dim), z)[0]
