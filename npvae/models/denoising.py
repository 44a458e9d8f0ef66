"""The denoising autoencoder: it sees a corrupted input and has to give the clean one.

Vincent, Larochelle, Bengio & Manzagol (2008), "Extracting and composing robust features with denoising autoencoders".
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from npvae.models.autoencoder import Autoencoder
from npvae.models.settings import AutoencoderSettings, Option, check_at_least_zero, one_of, setting


@dataclass(frozen=True)
class DenoisingAutoencoderSettings(AutoencoderSettings):
    """Those of the autoencoder, and how its input is corrupted."""

    _: KW_ONLY
    corruption: str = setting(
        "masking",
        one_of(("gaussian", "masking")),
        Option("--corruption", "how a denoising autoencoder's input is corrupted: masking or gaussian", "C"),
    )
    amount: float = setting(
        0.3,
        check_at_least_zero,
        Option("--amount", "fraction masked, or standard deviation of the noise", read=float),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.corruption == "masking" and self.amount > 1:
            raise ValueError(f"amount is {self.amount}, expected at least 0, and for masking at most 1")


class DenoisingAutoencoder(Autoencoder):
    """Arguments as for Autoencoder, and how the input is corrupted.

    corruption  "gaussian" adds noise of standard deviation `amount`; "masking" sets a fraction `amount` of the
                numbers to zero

    Raises ValueError for another corruption, or an amount below 0 (of masking: outside [0, 1]).

    Example:
        >>> model = npvae.DenoisingAutoencoder(64, hidden=(32,), latent_dim=2, corruption="masking", amount=0.3)
        >>> model.reconstruct(np.zeros((5, 64), np.float32)).shape
        (5, 64)
    """

    Settings = DenoisingAutoencoderSettings

    @property
    def corruption(self) -> str:
        """How the input is corrupted: "gaussian" or "masking"."""
        return self.settings.corruption

    @property
    def amount(self) -> float:
        """Standard deviation of the noise, or the fraction that is masked."""
        return self.settings.amount

    def draw_eps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The noise that corrupts n inputs, (n, D): N(0, 1), or uniform in [0, 1) for masking."""
        if self.corruption == "gaussian":
            return rng.standard_normal((n, self.data_dim), dtype=self.dtype)
        return rng.random((n, self.data_dim), dtype=self.dtype)

    def encoder_input(self, x: np.ndarray, eps: np.ndarray | None) -> np.ndarray:
        """The corrupted input, (N, D), a new array; x itself without noise. The loss is taken against the clean x."""
        if eps is None:
            return x
        if (getattr(eps, "shape", None), getattr(eps, "dtype", None)) != (x.shape, x.dtype):
            found = f"{eps.dtype} of shape {eps.shape}" if isinstance(eps, np.ndarray) else f"a {type(eps).__name__}"
            raise ValueError(
                f"DenoisingAutoencoder: eps is {found}, expected {x.dtype} of shape {x.shape}, that of x: "
                "draw it with draw_eps"
            )
        if self.corruption == "gaussian":
            return x + self.dtype.type(self.amount) * eps
        return x * (eps >= self.amount)
