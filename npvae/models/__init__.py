"""The models, each a wiring of ops. A backward here is its forward, read from bottom to top."""

from npvae.models.autoencoder import Autoencoder
from npvae.models.conditional import ConditionalVAE, with_labels
from npvae.models.conv_vae import ConvVAE
from npvae.models.denoising import DenoisingAutoencoder
from npvae.models.graph_autoencoder import GraphAutoencoder
from npvae.models.graph_vae import GraphVAE
from npvae.models.iwae import IWAE
from npvae.models.language_model import LanguageModel
from npvae.models.likelihoods import LIKELIHOODS
from npvae.models.linear import LinearVAE
from npvae.models.objectives import OBJECTIVES
from npvae.models.sequence_vae import SequenceVAE
from npvae.models.two_layer import TwoLayerVAE
from npvae.models.vae import VAE
from npvae.models.variance_start import start_variance_at_data
from npvae.params import Params

MODELS = {
    "vae": VAE,
    "autoencoder": Autoencoder,
    "denoising_autoencoder": DenoisingAutoencoder,
    "conditional_vae": ConditionalVAE,
    "iwae": IWAE,
    "linear_vae": LinearVAE,
    "two_layer_vae": TwoLayerVAE,
    "conv_vae": ConvVAE,
    "sequence_vae": SequenceVAE,
    "language_model": LanguageModel,
    "graph_vae": GraphVAE,
    "graph_autoencoder": GraphAutoencoder,
}

__all__ = [
    "IWAE",
    "LIKELIHOODS",
    "MODELS",
    "OBJECTIVES",
    "VAE",
    "Autoencoder",
    "ConditionalVAE",
    "ConvVAE",
    "DenoisingAutoencoder",
    "GraphAutoencoder",
    "GraphVAE",
    "LanguageModel",
    "LinearVAE",
    "Params",
    "SequenceVAE",
    "TwoLayerVAE",
    "start_variance_at_data",
    "with_labels",
]
