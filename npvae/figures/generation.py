"""Images out of the latent space alone: drawn from the prior, over the whole plane, along one latent."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from npvae.figures.images import (
    as_images,
    draw_sheet,
    frame_cell,
    grey_scale,
    in_rows,
    label_columns,
    label_rows,
    sheet_height,
)
from npvae.figures.posterior import LatentModel, encoded, posterior
from npvae.figures.style import WIDTH, new_figure, signed, style

__all__ = ["by_label", "inverse_normal_grid", "manifold", "prior_samples", "traversals"]


@style()
def prior_samples(
    model: LatentModel,
    image_shape: Sequence[int],
    rng: np.random.Generator,
    n: int = 60,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """n new images in reading order: `model.sample(n, rng)`, the decoded means of z ~ N(0, I).

    A conditional model decodes with its labels in turn, which stand beneath the columns if there are at most 16. Of an
    autoencoder the title says that it has no prior.

    scale  the values that are black and white, by default 0 and 1, or if the images go beyond these, their lowest and
           highest.

    Raises ValueError if image_shape does not hold the model's D pixels.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> figure = npvae.figures.prior_samples(vae, (8, 8), np.random.default_rng(0), n=8)
    """
    x = model.sample(n, rng)
    images = as_images(x, image_shape, "prior_samples")
    C = getattr(model, "classes", 0)
    title, columns = "New images: decoded means of z drawn from the prior N(0, I)", n
    if C:
        title = f"New images: z drawn from the prior N(0, I), labels 0 to {C - 1} in turn"
    elif encoded(model, np.zeros_like(x[:1]))[1] is None:
        title = "Decoded draws of z from N(0, I); an autoencoder has no prior"
    if 0 < C <= 16:
        columns = min(n, 16 // C * C)
    elif n > 16:
        # Of 8 to 16 columns, those that leave the fewest cells of the last row empty, and of these the nearest to 12.
        columns = min(range(16, 7, -1), key=lambda c: (-n % c, abs(c - 12)))
    rows = in_rows(images, columns)
    figure = new_figure(0.4 + sheet_height(len(rows), columns, image_shape, WIDTH), title)
    axes = figure.subplots()
    draw_sheet(axes, rows, scale or grey_scale(images))
    if 0 < C <= 16:
        label_columns(axes, [str(column % C) for column in range(columns)], image_shape)
    return figure


@style()
def by_label(
    model: Any,
    image_shape: Sequence[int],
    rng: np.random.Generator,
    n: int = 8,
    scale: tuple[float, float] | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """A conditional model's labels across, n draws z ~ N(0, I) down: one z in a row, decoded with every label.

    scale  the values that are black and white, by default as in `prior_samples`.
    names  of the labels; by default their numbers.

    Raises ValueError if image_shape does not hold the model's D pixels.
    """
    C = model.classes
    z = np.repeat(rng.standard_normal((n, model.latent_dim)), C, axis=0)  # (n * C, L)
    images = as_images(model.decode(z, np.tile(np.arange(C), n)), image_shape, "by_label")
    figure = new_figure(
        min(0.8 + sheet_height(n, C, image_shape, 0.94 * WIDTH), 9),
        "One z in a row, decoded with every label: what z says beside the label",
    )
    axes = figure.subplots()
    draw_sheet(axes, in_rows(images, C), scale or grey_scale(images))
    columns = [str(label) for label in (range(C) if names is None else names)]
    label_columns(axes, columns, image_shape)
    if C * max(map(len, columns)) > 90:  # letters that stand side by side on a page
        axes.tick_params(axis="x", rotation=90)
    axes.set_xlabel("label that the decoder is given")
    return figure


def inverse_normal_grid(n: int) -> np.ndarray:
    """n values (n,), rising, that cut N(0, 1) into equal shares: z[i] = Phi^-1((i + 1/2) / n)."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


@style()
def manifold(
    model: LatentModel, image_shape: Sequence[int], n: int = 20, scale: tuple[float, float] | None = None
) -> Figure:
    """The decoded plane of two latents: n x n images, z1 rising to the right and z2 upwards.

    Every image stands for the same share of the prior: the grid is even after Phi, the normal distribution
    function. Kingma & Welling (2014), appendix A and figure 4.

    scale  the values that are black and white, by default as in `prior_samples`.

    Raises ValueError if the model has not two latents or image_shape does not hold its D pixels.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> figure = npvae.figures.manifold(vae, (8, 8), n=4)
    """
    if model.latent_dim != 2:
        raise ValueError(
            f"manifold: the model has L = {model.latent_dim} latents and a sheet shows 2: "
            "use traversals, or train with latent_dim=2"
        )
    grid, phi = inverse_normal_grid(n), NormalDist().cdf
    z1, z2 = np.meshgrid(grid, grid[::-1])  # the first row of images is the top one: the largest z2
    z = np.stack([z1.ravel(), z2.ravel()], axis=1)  # (n * n, 2)
    images = as_images(model.decode(z), image_shape, "manifold")

    height = min(0.4 + sheet_height(n, n, image_shape, 0.92 * WIDTH), 9)
    figure = new_figure(height, "Every place of the latent plane, decoded")
    axes = figure.subplots()
    draw_sheet(axes, in_rows(images, n), scale or grey_scale(images))
    ticks = [-2, -1, -0.5, 0, 0.5, 1, 2]
    label_columns(axes, [signed(tick) for tick in ticks], image_shape, [n * phi(tick) for tick in ticks])
    label_rows(axes, [signed(tick) for tick in ticks], image_shape, [n * (1 - phi(tick)) for tick in ticks])
    axes.tick_params(length=4)
    axes.set(xlabel="z1 (every image has the same prior probability)", ylabel="z2")
    return figure


@style()
def traversals(
    model: LatentModel,
    x: np.ndarray,
    image_shape: Sequence[int],
    values: Sequence[float] = (-3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3),
    most_rows: int = 10,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """One latent per row, moved through `values`, all others held at the posterior mean of one input x (D,).

    At most `most_rows` latents, in their order: those that say most about x, by their KL to the prior, in nats.

    scale  the values that are black and white, by default as in `prior_samples`.

    Raises ValueError if the model has no posterior (an autoencoder) or image_shape does not hold D pixels.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=3)
        >>> figure = npvae.figures.traversals(vae, npvae.load_dataset("digits")[1][0], (8, 8))
    """
    x = np.asarray(x)[np.newaxis]
    as_images(x, image_shape, "traversals", are_data=True)
    mu, std = posterior(model, x, "traversals", instead="decode on codes of your own")
    kl = 0.5 * (std**2 + mu**2 - 1 - 2 * np.log(std))[0]  # (L,)
    latents = np.sort(np.argsort(-kl, kind="stable")[:most_rows])
    z = np.tile(mu, (len(latents), len(values), 1))  # (rows, columns, L)
    for row, latent in enumerate(latents):
        z[row, :, latent] = values
    images = as_images(model.decode(z.reshape(-1, mu.shape[1])), image_shape, "traversals")

    figure = new_figure(
        0.88 + sheet_height(len(latents), len(values), image_shape, 0.87 * WIDTH),
        "One latent moved at a time, the others held at q's mean for one input",
    )
    axes = figure.subplots()
    draw_sheet(axes, in_rows(images, len(values)), scale or grey_scale(images))
    label_rows(axes, [f"z{latent + 1}, KL {kl[latent]:.1f}" for latent in latents], image_shape)
    label_columns(axes, [signed(value) for value in values], image_shape)
    for row, latent in enumerate(latents):
        nearest = np.abs(np.asarray(values) - mu[0, latent]).argmin()
        frame_cell(axes, row, int(nearest), image_shape)
    axes.set_xlabel("value of that latent (framed: nearest to the input's own); KL from the prior, in nats")
    return figure
