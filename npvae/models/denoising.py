"""The denoising autoencoder: it sees a spoilt input and has to give the clean one.

Vincent, Larochelle, Bengio & Manzagol (2008), "Extracting and composing robust features with denoising autoencoders".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.autoencoder import Autoencoder


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

    def encoder_input(self, x: np.ndarray, eps: np.ndarray | None) -> np.ndarray:
        """The spoilt input, (N, D), a new array; x itself without noise. The loss is taken against the clean x."""
        if eps is None:
            return x
        if eps.shape != x.shape:
            raise ValueError(f"DenoisingAutoencoder: eps has shape {eps.shape}, expected that of x, {x.shape}")
        if self.corruption == "gaussian":
            return x + self.dtype.type(self.amount) * eps
        return x * (eps >= self.amount)
