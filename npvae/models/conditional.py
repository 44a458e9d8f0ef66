"""The conditional VAE: encoder and decoder see the label, so z carries what the label does not say.

    loss = mean of  -log p(x|z, y) + beta * KL(q(z|x, y) || N(0, I)),   z ~ q(z|x, y)

A row of its data is the pixels followed by the label as a one-hot vector: see `with_labels`.

Kingma, Rezende, Mohamed & Welling (2014); Sohn, Lee & Yan (2015).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_rows
from npvae.models.contract import Ops
from npvae.models.mlp import mlp_backward, mlp_forward, mlp_shapes
from npvae.models.settings import VAESettings, setting, whole
from npvae.models.vae import VAE
from npvae.params import Params


def with_labels(x: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """x (N, D), labels (N,) in 0 .. classes - 1 -> (N, D + classes) of x's dtype: pixels, then one-hot labels.

    Raises ValueError for a label outside the range, or another number of labels than of samples.

    Example:
        >>> npvae.models.with_labels(np.zeros((2, 3), np.float32), np.array([0, 1]), 2).shape
        (2, 5)
    """
    x, labels = np.asarray(x), np.asarray(labels)
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, expected integers ({len(x)},), one per sample")
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    return np.concatenate([x, np.eye(classes, dtype=x.dtype)[labels]], axis=1)


@dataclass(frozen=True)
class ConditionalVAESettings(VAESettings):
    """Those of the VAE, and classes: C, how many labels there are."""

    _: KW_ONLY
    classes: int = setting(10, whole())


class ConditionalVAE(VAE):
    """Arguments as for VAE, and classes: C, how many labels there are. Rows of x are (D + C,), from `with_labels`.

    Example:
        >>> model = npvae.ConditionalVAE(64, hidden=(32,), latent_dim=2, classes=10)
        >>> model.decode(np.zeros((3, 2)), np.array([0, 1, 2])).shape
        (3, 64)
    """

    Settings = ConditionalVAESettings
    reads_labels = True
    decodes_z_alone = False  # but z and a label

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Build the parameters and draw their start."""
        super().__init__(*args, **settings)
        self.input_dim = self.data_dim + self.classes

    @property
    def classes(self) -> int:
        """C, how many labels there are."""
        return self.settings.classes  # type: ignore[attr-defined]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """As the VAE's, with the label beside what enters encoder and decoder."""
        C, outputs = self.classes, self.data_dim * self.likelihood.outputs_per_pixel
        encoder = mlp_shapes("encoder", (self.encoder_dim + C, *self.hidden, 2 * self.latent_dim))
        return encoder | mlp_shapes("decoder", (self.latent_dim + C, *reversed(self.hidden), outputs))

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """z (N, L), x (N, D + C), of which the label is used -> what the likelihood takes, cache."""
        zy = np.concatenate([z, x[:, self.data_dim :]], axis=1)  # (N, L + C)
        output, cache = mlp_forward(ops, zy, self.params, "decoder", self.depth, self.activation)
        return output, cache

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """Doutput -> dz (N, L): the label is data and its part of the gradient is not used."""
        dzy = mlp_backward(ops, doutput, cache, grads, "decoder")
        dz = dzy[:, : self.latent_dim].copy()
        return dz

    def data_of(self, x: np.ndarray) -> np.ndarray:
        """The pixels of a row."""
        return np.ascontiguousarray(x[:, : self.data_dim])

    def decoder_output(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """z (N, L), labels (N,) -> what the likelihood takes. Without labels they are 0, 1, 2 ... in turn."""
        z = check_rows(self, z, "z", "L", self.latent_dim)
        labels = np.arange(len(z)) % self.classes if labels is None else labels
        zy = with_labels(z, labels, self.classes)
        return mlp_forward(self.ops, zy, self.params, "decoder", self.depth, self.activation)[0]

    def decode(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """z (N, L), labels (N,) -> the likelihood's mean (N, D). Without labels they are 0, 1, 2 ... in turn."""
        return self.likelihood.mean(self.ops, self.decoder_output(z, labels))

    def decode_beside(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        """z (N, L), and rows with labels (N, D + C) -> the mean of p(x|z, y), (N, D), with those labels."""
        output = self.decoder_output(z, x[:, self.data_dim :].argmax(axis=1))
        return self.likelihood.mean_beside(self.ops, output, self.data_of(x))
