"""The convolutional VAE: the VAE's lines between an encoder of convolutions and a decoder of transposed ones.

    encoder  image (H, W, C) -> convolutions -> one row -> dense maps -> mu, logvar
    decoder  z -> dense maps -> one row -> transposed convolutions -> what the likelihood takes of every pixel

Between them stands `npvae.models.vae`, unchanged: to its lines an image is a row of D = H * W * C numbers, pixel by
pixel and in a pixel channel by channel, which is how it lies in memory, so nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_rows, check_whole, check_widths
from npvae.models.contract import Ops
from npvae.models.convnet import (
    conv_forward,
    conv_shapes,
    sizes_of,
    transposed_backward,
    transposed_forward,
)
from npvae.models.mlp import layers_backward, layers_forward, mlp_backward, mlp_forward, mlp_shapes
from npvae.models.settings import (
    KLTerm,
    Option,
    Settings,
    activation_setting,
    hidden_setting,
    latent_dim_setting,
    likelihood_setting,
    setting,
    widths,
)
from npvae.models.vae import VAE
from npvae.params import Params

CHANNELS = "channels of the convolutions, each of which halves height and width"


def check_image_shape(name: str, shape: Any) -> tuple[int, int, int]:
    """(H, W, C) of (H, W, C), of (H, W) for grey images, or of the number of pixels of a square grey one."""
    if isinstance(shape, (int, np.integer)):
        check_whole(**{name: int(shape)})
        side = math.isqrt(shape)
        if side * side != shape:
            raise ValueError(f"{name} is {shape}, which is no square grey image: give (height, width, channels)")
        shape = (side, side)
    if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) not in (2, 3):
        raise ValueError(f"{name} is {shape!r}, expected (height, width, channels), or (height, width) for grey images")
    for part, size in zip(("height", "width", "channels"), shape, strict=False):
        check_whole(**{f"{part} in {name}": size})
    height, width, channels = (*shape, 1)[:3]
    return int(height), int(width), int(channels)


def check_channels(name: str, channels: Any) -> tuple[int, ...]:
    """At least one width, as for hidden layers."""
    found = check_widths(name, channels)
    if not found:
        raise ValueError(f"{name} is empty, expected a width for each convolution, such as (16, 32); VAE has none")
    return found


@dataclass(frozen=True)
class Convolutional:
    """Images, code, and the layers between them."""

    image_shape: Sequence[int] = setting(check=check_image_shape)
    channels: Sequence[int] = setting(
        (16, 32),
        check_channels,
        Option("--channels", CHANNELS, "F[,F...]", widths),
    )
    hidden: Sequence[int] = hidden_setting((128,))
    latent_dim: int = latent_dim_setting(20)
    activation: str = activation_setting("relu")
    likelihood: str = likelihood_setting("bernoulli")


@dataclass(frozen=True)
class ConvVAESettings(KLTerm, Settings, Convolutional):
    """Those of the VAE, with images and channels."""

    _: KW_ONLY

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes_of(self.image_shape[:2], len(self.channels))  # type: ignore[arg-type]

    @property
    def data_dim(self) -> int:
        """D, numbers per image."""
        return math.prod(self.image_shape)


class ConvVAE(VAE):
    """Arguments as for VAE, but for the first two.

    image_shape  (H, W, C) of the images; (H, W) or a number of pixels for grey ones
    channels     of the encoder's convolutions, image side first; the decoder has them in reverse. Each halves height
                 and width, so that n of them need images of at least 2**n by 2**n; odd sizes are taken
    hidden       widths of the dense layers between the convolutions and the code; () for none

    Where VAE takes rows (N, D), this model takes images (N, H, W, C), or the same numbers as rows; it gives images.

    Example:
        >>> model = npvae.ConvVAE((8, 8), channels=(4,), hidden=(16,), latent_dim=2)
        >>> model.sample(3, np.random.default_rng(0)).shape
        (3, 8, 8, 1)
    """

    Settings = ConvVAESettings
    takes = "images"

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Build the parameters and draw their start."""
        super().__init__(*args, **settings)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.settings.image_shape  # type: ignore[attr-defined]

    sample_shape = image_shape

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the encoder's convolutions, image side first."""
        return self.settings.channels  # type: ignore[attr-defined]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Heights and widths from the image to the last convolution's output."""
        return sizes_of(self.image_shape[:2], len(self.channels))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of encoder and decoder, in layer order."""
        C, (height, width) = self.image_shape[2], self.sizes[-1]
        row, outputs = height * width * self.channels[-1], C * self.likelihood.outputs_per_pixel
        return {
            **conv_shapes("encoder.conv", (C * self.likelihood.encoder_width, *self.channels)),
            **mlp_shapes("encoder.dense", (row, *self.hidden, self.latent_dim * self.code_width)),
            **mlp_shapes("decoder.dense", (self.latent_dim, *reversed(self.hidden), row)),
            **conv_shapes("decoder.conv", (*reversed(self.channels), outputs), transposed=True),
        }

    def posterior_forward(self, ops: Ops, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """x (N, D) -> mu (N, L), logvar (N, L) of q(z|x), cache: the two halves of the encoder's output."""
        images = self._as_images(self.encoder_view(x))  # (N, H, W, C)
        features, conv_caches = conv_forward(
            ops, images, self.params, "encoder.conv", len(self.channels), self.activation
        )  # (N, H', W', F)
        row = features.reshape(len(x), -1)  # (N, H' * W' * F)
        head, caches = mlp_forward(ops, row, self.params, "encoder.dense", self.depth, self.activation)  # (N, 2 L)
        mu, logvar = head[:, : self.latent_dim], head[:, self.latent_dim :]
        return mu, logvar, (conv_caches, caches, features.shape)

    def posterior_backward(self, ops: Ops, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (N, L) -> the encoder's gradients, into their places."""
        conv_caches, caches, shape = cache
        dhead = np.concatenate([dmu, dlogvar], axis=1)  # (N, 2 L)
        drow = mlp_backward(ops, dhead, caches, grads, "encoder.dense")
        dfeatures = drow.reshape(shape)
        layers_backward(ops.conv2d_layer_backward, dfeatures, conv_caches, grads, "encoder.conv", needs_dx=False)

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """z (N, L) -> what the likelihood takes, (N, D) or wider; cache."""
        row, caches = layers_forward(ops, z, self.params, "decoder.dense", self.depth, self.activation)
        features = row.reshape(len(z), *self.sizes[-1], self.channels[-1])  # (N, H', W', F)
        outputs, conv_caches = transposed_forward(
            ops, features, self.params, "decoder.conv", self.sizes[::-1], self.activation
        )  # (N, H, W, C), or more channels
        return self._as_output(outputs), (caches, conv_caches, outputs.shape)

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """Doutput -> dz (N, L); the decoder's gradients go into their places."""
        caches, conv_caches, shape = cache
        doutputs = self._from_output(doutput, shape)
        dfeatures = transposed_backward(ops, doutputs, conv_caches, grads, "decoder.conv")
        drow = dfeatures.reshape(len(doutput), -1)
        dz = layers_backward(ops.layer_backward, drow, caches, grads, "decoder.dense")
        return dz

    def _as_images(self, seen: np.ndarray) -> np.ndarray:
        """What the encoder gets (N, D) -> (N, H, W, C); (N, 2 D), data and what is missing, -> (N, H, W, 2 C)."""
        H, W, C = self.image_shape
        k = self.likelihood.encoder_width
        if k == 1:
            return seen.reshape(-1, H, W, C)
        return np.ascontiguousarray(seen.reshape(-1, k, H, W, C).transpose(0, 2, 3, 1, 4)).reshape(-1, H, W, k * C)

    def _as_output(self, outputs: np.ndarray) -> np.ndarray:
        """(N, H, W, k * C) -> (N, k * D): pixel by pixel, or as the likelihood has it, k whole images side by side."""
        k = self.likelihood.outputs_per_pixel
        if k > 1 and self.likelihood.side_by_side:
            N, H, W, _ = outputs.shape
            outputs = outputs.reshape(N, H, W, k, -1).transpose(0, 3, 1, 2, 4)
        return outputs.reshape(len(outputs), -1)

    def _from_output(self, doutput: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The way back of `_as_output`."""
        k = self.likelihood.outputs_per_pixel
        if k > 1 and self.likelihood.side_by_side:
            N, H, W, _ = shape
            return doutput.reshape(N, k, H, W, -1).transpose(0, 2, 3, 1, 4).reshape(shape)
        return doutput.reshape(shape)

    def forward(self, x: np.ndarray, eps: np.ndarray | None = None, ops: Ops | None = None) -> tuple[float, Any]:
        """x (N, H, W, C), noise eps (N, L) or (K, N, L) from N(0, I) -> loss in nats, trace: see VAE.forward."""
        return super().forward(self.as_rows(x), eps, ops)

    def log_weights(self, x: np.ndarray, eps: np.ndarray) -> np.ndarray:
        """x (N, H, W, C), eps (K, N, L) -> log p(x, z) - log q(z|x) (K, N), in nats, for K draws of q(z|x)."""
        return super().log_weights(self.as_rows(x), eps)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (N, H, W, C) -> mu (N, L), logvar (N, L) of the posterior q(z|x)."""
        return super().encode(self.as_rows(x))

    def decode(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> the likelihood's mean, images (N, H, W, C), in data units."""
        return super().decode(z).reshape(-1, *self.image_shape)

    def sample(self, n: int, rng: np.random.Generator, *, draw_pixels: bool = False) -> np.ndarray:
        """n images (n, H, W, C) decoded from z ~ N(0, I): means, or with draw_pixels one draw x ~ p(x|z) each."""
        return super().sample(n, rng, draw_pixels=draw_pixels).reshape(-1, *self.image_shape)

    def reconstruct(self, x: np.ndarray, eps: np.ndarray | None = None) -> np.ndarray:
        """x -> the mean of p(x|z), images (N, H, W, C), at z = mu, or at mu + std * eps if noise (N, L) is given."""
        return super().reconstruct(self.as_rows(x), eps).reshape(-1, *self.image_shape)

    def decoder_output(self, z: np.ndarray) -> np.ndarray:
        """z (N, L) -> what the likelihood takes, (N, D) or wider."""
        z = check_rows(self, z, "z", "L", self.latent_dim)
        return self.decoder_forward(self.ops, z, z)[0]

    def as_rows(self, x: Any) -> Any:
        """Images (N, H, W, C) -> rows (N, D), a view if they lie so; rows as they are. ValueError for other images."""
        if not isinstance(x, np.ndarray) or x.ndim == 2:
            return x  # what is no batch is refused by the check that all models have
        if x.ndim != 4 or x.shape[1:] != self.image_shape:
            wanted = ", ".join(f"{letter} = {size}" for letter, size in zip("HWC", self.image_shape, strict=True))
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}, expected (N, H, W, C) with {wanted}")
        return x.reshape(len(x), -1)

    def __repr__(self) -> str:
        image = "x".join(map(str, self.image_shape))
        inward = "-".join(map(str, (*self.channels, *self.hidden)))
        outward = "-".join(map(str, (*self.hidden[::-1], *self.channels[::-1])))
        how = f"{self.activation}, {self.likelihood.name}"
        through = f"{image}-{inward}-{self.latent_dim}-{outward}-{image}"
        return f"ConvVAE {through}, {how}, {self.params.flat.size:,} parameters, {self.dtype}"
