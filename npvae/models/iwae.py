"""The importance-weighted autoencoder: a VAE trained on the bound of K weighted samples.

Burda, Grosse & Salakhutdinov (2016). Everything is in the VAE and its objectives; this is the name.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from npvae.models.settings import VAESettings, objective_setting, samples_setting
from npvae.models.vae import VAE


@dataclass(frozen=True)
class IWAESettings(VAESettings):
    """Those of the VAE, with five draws per input under the objective "iwae"."""

    _: KW_ONLY
    objective: str = objective_setting("iwae")
    samples: int = samples_setting(5)


class IWAE(VAE):
    """A VAE whose objective is "iwae" with samples = 5, unless said otherwise. Arguments as for VAE.

    Example:
        >>> model = npvae.IWAE(64, hidden=(32,), latent_dim=2, samples=5)
        >>> model.draw_eps(3, np.random.default_rng(0)).shape  # (K, N, L)
        (5, 3, 2)
    """

    Settings = IWAESettings
