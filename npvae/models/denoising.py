"""The denoising autoencoder: it sees a spoilt input and has to give the clean one.

Vincent, Larochelle, Bengio & Manzagol (2008), "Extracting and composing robust features with denoising autoencoders".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.autoencoder import Autoencoder, AutoencoderTrace
from npvae.models.mlp import mlp_forward


class DenoisingAutoencoder(Autoencoder):
    """Arguments as for Autoencoder, and how the input is spoilt.

    corruption  "gaussian" adds noise of standard deviation `amount`; "masking" sets a fraction `amount` of the
                numbers to zero

    ValueError for another corruption, or an amount below 0 (of masking: outside [0, 1]).
    """

    def __init__(self, *args: Any, corruption: str = "masking", amount: float = 0.3, **rest: Any) -> None:
        """Build the parameters and draw their start."""
        if corruption not in ("gaussian", "masking"):
            raise ValueError(f"corruption {corruption!r} is unknown, choose one of gaussian, masking")
        if not 0 <= amount <= (1 if corruption == "masking" else np.inf):
            raise ValueError(f"amount is {amount}, expected at least 0, and for masking at most 1")
        super().__init__(*args, **rest)
        self.corruption, self.amount = corruption, amount
        self.config |= {"corruption": corruption, "amount": amount}

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise that spoils n inputs, (n, D): N(0, 1), or uniform in [0, 1) for masking."""
        if self.corruption == "gaussian":
            return rng.standard_normal((n, self.data_dim), dtype=self.dtype)
        return rng.random((n, self.data_dim), dtype=self.dtype)

    def corrupt(self, x: np.ndarray, eps: np.ndarray) -> np.ndarray:
        """The spoilt input, (N, D), a new array."""
        if self.corruption == "gaussian":
            return x + self.dtype.type(self.amount) * eps
        return x * (eps >= self.amount)

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, workspace: Any = None) -> tuple[float, Any]:
        """x (N, D), noise eps (N, D) -> loss in nats against the clean x, trace. Without eps nothing is spoilt."""
        self.check_batch(x)
        if eps is not None and eps.shape != x.shape:
            raise ValueError(f"DenoisingAutoencoder: eps has shape {eps.shape}, expected that of x, {x.shape}")
        ops, params = self.ops_of_step(workspace), self.params
        spoilt = x if eps is None else self.corrupt(x, eps)  # (N, D)
        z, encoder_cache = mlp_forward(ops, spoilt, params, "encoder", self.depth, self.activation)  # (N, L)
        output, decoder_cache = mlp_forward(ops, z, params, "decoder", self.depth, self.activation)  # (N, D)
        nll, nll_cache = self.likelihood.forward(ops, output, x, params)  # (N,)
        loss = float(np.mean(nll))
        caches = (encoder_cache, decoder_cache, nll_cache)
        return loss, AutoencoderTrace(z, output, nll, np.zeros_like(nll), caches, workspace)
