"""The VAE as a scikit-learn estimator: a transformer to and from latent codes, and a density with a score.

    codes = make_pipeline(StandardScaler(), npvae.sklearn.VAE(latent_dim=8, random_state=0)).fit_transform(X)

It needs scikit-learn 1.6 or later: the extra `sklearn`.
"""

try:
    import sklearn.base  # noqa: F401
    from sklearn.utils.validation import validate_data  # noqa: F401  (new in 1.6)
except ImportError as error:
    raise ImportError(
        f'npvae.sklearn needs scikit-learn 1.6 or later ({error}): pip install "scikit-learn>=1.6"'
    ) from error

from npvae.sklearn.images import ConvVAE
from npvae.sklearn.vae import VAE

__all__ = ["VAE", "ConvVAE"]
