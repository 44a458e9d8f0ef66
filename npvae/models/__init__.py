"""The models: wiring over the ops. A backward here is its forward, read from bottom to top."""

from npvae.models.autoencoder import Autoencoder
from npvae.models.likelihoods import LIKELIHOODS
from npvae.models.params import Params
from npvae.models.vae import VAE

MODELS = {"vae": VAE, "autoencoder": Autoencoder}

__all__ = ["LIKELIHOODS", "MODELS", "VAE", "Autoencoder", "Params"]
