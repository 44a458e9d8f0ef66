"""The estimator for images: rows of numbers to scikit-learn and to the training, images to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npvae import models
from npvae.sklearn.vae import VAE


@dataclass(eq=False, repr=False)
class ConvVAE(VAE):
    """The estimator for images: X is (N, H, W, C), or (N, H, W) for grey ones, and images come back.

    channels  of the encoder's convolutions, each of which halves height and width; the rest as for VAE

    Example:
        >>> from npvae.sklearn import ConvVAE
        >>> X = np.random.default_rng(0).random((12, 8, 8))
        >>> estimator = ConvVAE(latent_dim=2, channels=(4,), hidden=(8,), epochs=1, random_state=0).fit(X)
        >>> estimator.inverse_transform(estimator.transform(X)).shape
        (12, 8, 8, 1)
    """

    channels: Sequence[int] = field(default=(16, 32), kw_only=True)

    def _validated(self, X: Any, reset: bool) -> np.ndarray:
        """Images -> rows (N, D). ValueError for what are no images, or of another shape than those first fitted."""
        shape = _image_shape(X)
        if reset:
            self.image_shape_ = shape
        if shape != self.image_shape_:
            raise ValueError(
                f"ConvVAE: images of shape {np.shape(X)[1:]}, expected {self.image_shape_} as those fitted"
            )
        X = np.asarray(X)
        return super()._validated(X.reshape(len(X), -1), reset)

    def _new_model(self, D: int, dtype: str, seed: int) -> Any:
        """The network for images of the shape of those first fitted."""
        return models.ConvVAE(self.image_shape_, self.channels, self.hidden, **self._settings(dtype, seed))

    def _to_data(self, x: np.ndarray) -> np.ndarray:
        """Rows (..., D) or images of the network -> images in the units of the data."""
        found = super()._to_data(x.reshape(-1, self.n_features_in_))
        several = x.shape[: x.ndim - (3 if x.shape[-3:] == self.image_shape_ else 1)]
        return found.reshape(*several, *self.image_shape_)


def _image_shape(X: Any) -> tuple[int, ...]:
    """(H, W, C) of X. ValueError for what are no images."""
    shape = np.shape(X)
    if len(shape) not in (3, 4) or 0 in shape:
        raise ValueError(f"ConvVAE: X has shape {shape}, expected images (N, H, W, C), or (N, H, W) for grey ones")
    return (*shape[1:], 1)[:3]
