"""The pictures of one run, as PNG files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from npvae.data import Links
from npvae.figures.generation import by_label, manifold, prior_samples, traversals
from npvae.figures.graph import nearness
from npvae.figures.images import grey_scale
from npvae.figures.latent_space import latent_regions
from npvae.figures.learning_curves import learning_curves
from npvae.figures.lines import written_lines
from npvae.figures.reconstructions import many_reconstructions, reconstructions
from npvae.figures.style import save_png
from npvae.figures.tables import code_correlations, columns

__all__ = ["write_figures"]

MOST_INPUTS = 2000  # in the latent space: more dots hide each other


def write_figures(
    model: Any,
    history: Sequence[Mapping[str, Any]],
    train: Any,
    test: Any | None,
    folder: str | os.PathLike[str],
    seed: int = 0,
) -> list[Path]:
    """Write every picture that applies to this model into `folder`, made if need be, and return their paths.

    Of a model of sequences learning_curves and lines: what it writes. Of one of a graph learning_curves and, if test
    is its held-out links, nearness. Else learning_curves and latent_regions for every model; columns and
    code_correlations for tables. For images: reconstructions for every model; many_reconstructions, prior_samples and
    traversals where there is a posterior; manifold where it has two latents; for a conditional model by_label instead
    of these. The inputs shown come from `test`, or from `train` if that is None: the first of each label, and in the
    latent space the first 2,000. Their lowest and highest values are black and white in all pictures: see `grey_scale`.

    history  rows as for `learning_curves`; no curves if it is empty.
    train    `npvae.data.Images`, or anything with image_shape, labels and rows of floats by index.
    seed     of the draws from posterior and prior. Same inputs, same bytes.

    Raises ValueError for a plain array in place of a data set, OSError if the folder cannot be written.
    """
    shown = train if test is None else test
    if getattr(model, "takes", "rows") == "sequences":
        figures = {"learning_curves": learning_curves(history, getattr(model, "objective", ""))} if history else {}
        figures["lines"] = written_lines(model, shown[:20], np.random.default_rng(seed))
        return _save(figures, folder)
    if getattr(model, "takes", "rows") == "graph":
        figures = {"learning_curves": learning_curves(history, getattr(model, "objective", ""))} if history else {}
        if isinstance(shown, Links):
            figures["nearness"] = nearness(model, shown)
        return _save(figures, folder)
    if not hasattr(shown, "image_shape"):
        name = "train" if test is None else "test"
        found = f"{name} is a {type(shown).__name__}, expected a data set that knows its image_shape and labels"
        raise ValueError(f"write_figures: {found}: pass npvae.data.Images({name})")
    x, image_shape = shown[:MOST_INPUTS], tuple(shown.image_shape)
    x = x.astype(getattr(model, "dtype", x.dtype), copy=False)
    labels = None if shown.labels is None else np.asarray(shown.labels)[: len(x)]
    chosen = x[one_of_each(labels, 10) if labels is not None else np.arange(min(10, len(x)))]
    one = chosen[min(3, len(chosen) - 1)]

    figures = {}
    if history:
        figures["learning_curves"] = learning_curves(history, getattr(model, "objective", ""))
    names = getattr(shown, "class_names", None)
    figures["latent_regions"] = latent_regions(model, x, labels, names=names)
    if min(image_shape[:2]) == 1 and not model.reads_labels:  # a row of numbers is no image, but a table has columns
        figures["columns"] = columns(model, x)
        figures["code_correlations"] = code_correlations(model, x)
    if min(image_shape[:2]) > 1:
        scale = grey_scale(x[:, : math.prod(image_shape)])  # after these a conditional model's rows have their label
        figures["reconstructions"] = reconstructions(model, chosen, image_shape, scale=scale)
        if model.reads_labels:
            figures["by_label"] = by_label(model, image_shape, np.random.default_rng(seed), scale=scale, names=names)
        elif model.has_posterior:
            rng = np.random.default_rng(seed)
            figures["many_reconstructions"] = many_reconstructions(model, one, image_shape, rng, scale=scale)
            figures["prior_samples"] = prior_samples(model, image_shape, np.random.default_rng(seed), scale=scale)
            figures["traversals"] = traversals(model, one, image_shape, scale=scale)
            if model.latent_dim == 2 and model.decodes_z_alone:
                figures["manifold"] = manifold(model, image_shape, scale=scale)

    return _save(figures, folder)


def _save(figures: Mapping[str, Figure], folder: str | os.PathLike[str]) -> list[Path]:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [save_png(figure, folder / f"{name}.png") for name, figure in figures.items()]


def one_of_each(labels: np.ndarray, n: int) -> np.ndarray:
    """Indices of n inputs in the order of their labels: the first of every label, then the second, ..."""
    rank = np.empty(len(labels), dtype=int)  # how many of the same label came before
    for label in np.unique(labels):
        own = labels == label
        rank[own] = np.arange(own.sum())
    first = np.lexsort((labels, rank))[:n]
    return first[np.argsort(labels[first], kind="stable")]
