"""The importance-weighted autoencoder: a VAE trained on the bound of K weighted samples.

Burda, Grosse & Salakhutdinov (2016). Everything is in the VAE and its objectives; this is the name.
"""

from __future__ import annotations

from typing import Any

from npvae.models.vae import VAE


class IWAE(VAE):
    """A VAE whose objective is "iwae" with samples = 5, unless said otherwise. Arguments as for VAE."""

    def __init__(self, *args: Any, objective: str = "iwae", samples: int = 5, **rest: Any) -> None:
        """Build the parameters and draw their start."""
        super().__init__(*args, objective=objective, samples=samples, **rest)
