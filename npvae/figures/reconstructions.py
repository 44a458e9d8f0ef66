"""Originals beside what the model gives back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from npvae.figures.images import as_images, draw_sheet, grey_scale, in_rows, label_rows, sheet_height
from npvae.figures.posterior import LatentModel, encoded, posterior
from npvae.figures.style import WIDTH, new_figure, style, without_axes

__all__ = ["many_reconstructions", "reconstructions"]

MOST_COLUMNS = 12


@style()
def reconstructions(
    model: LatentModel,
    x: np.ndarray,
    image_shape: Sequence[int],
    n: int = 10,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """The first n of x (N, D) above, beneath each the decoding of its code (of its posterior's mean).

    More than twelve go on in a second pair of rows.

    scale  the values that are black and white, by default 0 and 1, or if the originals go beyond these, their lowest
           and highest. It holds for originals and reconstructions alike.

    Raises ValueError if image_shape does not hold D pixels.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> figure = npvae.figures.reconstructions(vae, npvae.load_dataset("digits")[1][:6], (8, 8))
    """
    x = np.asarray(x)[:n]
    pixels = (
        x if x.ndim > 2 else x[:, : math.prod(image_shape)]
    )  # a conditional model's rows carry their label after them
    originals = as_images(pixels, image_shape, "reconstructions", are_data=True)
    code, _ = encoded(model, x)
    decodings = as_images(model.reconstruct(x), image_shape, "reconstructions")

    pairs = -(-len(x) // MOST_COLUMNS)
    columns = -(-len(x) // pairs)
    above, below = in_rows(originals, columns), in_rows(decodings, columns)
    rows = [row for pair in zip(above, below, strict=True) for row in pair]
    numbers = "one number" if code.shape[1] == 1 else f"{code.shape[1]} numbers"
    figure = new_figure(
        0.45 + sheet_height(len(rows), columns, image_shape, 0.86 * WIDTH),
        f"Above the originals, below what a code of {numbers} gives back",
    )
    axes = figure.subplots()
    draw_sheet(axes, rows, scale or grey_scale(originals))
    label_rows(axes, ["original", "reconstruction"] * pairs, image_shape)
    return figure


@style()
def many_reconstructions(
    model: LatentModel,
    x: np.ndarray,
    image_shape: Sequence[int],
    rng: np.random.Generator,
    n: int = 24,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """One input x (D,) and n of its reconstructions, each from its own z drawn from q(z|x).

    Lower left, the standard deviation of every pixel over those n: where the posterior leaves the image open. In
    colour it is the root of the mean variance of red, green and blue.

    scale  the values that are black and white, by default as in `reconstructions`.

    Raises ValueError if the model has no posterior (an autoencoder) or image_shape does not hold D pixels.
    """
    x = np.asarray(x)[np.newaxis]
    original = as_images(x, image_shape, "many_reconstructions", are_data=True)
    mu, std = posterior(model, x, "many_reconstructions", instead="reconstructions")
    z = mu + std * rng.standard_normal((n, mu.shape[1]))
    images = as_images(model.decode(z), image_shape, "many_reconstructions")

    rows = in_rows(images, columns=8)
    width = 0.8 * WIDTH
    figure = new_figure(
        0.75 + sheet_height(len(rows), 8, image_shape, width),
        f"One input has many reconstructions: {n} draws of z from q(z|x)",
    )
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[WIDTH - width, width])[0]
    above, below = left.subplots(2, 1)
    scale = scale or grey_scale(original)
    draw_sheet(above, [original], scale, tell=False)
    above.set_title("input x")
    variance = images.var(axis=0).reshape(*images.shape[1:3], -1)  # (height, width, 1 or 3)
    spread = below.imshow(np.sqrt(variance.mean(axis=2)), vmin=0, cmap="magma")
    without_axes(below)
    below.set_title("std of a pixel")
    bar = left.colorbar(spread, ax=below, location="bottom", shrink=0.7, aspect=12)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(nbins=2)
    axes = right.subplots()
    draw_sheet(axes, rows, scale)
    axes.set_title("decoded means of z ~ q(z|x)")
    return figure
