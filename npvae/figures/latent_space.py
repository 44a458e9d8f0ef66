"""The latent space as regions: every input is a Gaussian there, not a point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from npvae.figures.posterior import LatentModel, encoded
from npvae.figures.style import INK, PALE, PALETTE, class_colours, new_figure, style

__all__ = ["draw_intervals", "draw_regions", "ellipses", "label_places", "latent_regions", "principal_plane"]

HALO = [withStroke(linewidth=3, foreground="white")]
"""Keeps text readable over whatever lies beneath."""

DASHED = (0, (4, 3))

APART, FAINT = 10.0, 0.5
"""When a class is named twice: this many widths of a bump between the places, and this share of the first's weight."""


LETTER, LINE = 0.08, 0.2
"""Inches that a letter of the prior's names takes in width, and a name in height, with the space around it."""


@style()
def latent_regions(
    model: LatentModel,
    x: np.ndarray,
    labels: np.ndarray | None = None,
    sigmas: float = 2.0,
    regions: int | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Where the inputs x (N, D) live in the latent space: posterior means and ellipses, coloured by label.

    An ellipse is the outline of q(z|x) at `sigmas` standard deviations. With more than two latents the picture is the
    projection onto the two directions P in which the means vary most, where a posterior has the covariance
    P diag(std^2) P^T. With one latent, inputs are stacked by label, each an interval. An autoencoder has codes and no
    regions: points only.

    labels   (N,) integers, or None for one colour.
    regions  how many inputs, evenly spread over x, have their ellipse drawn (all have their mean). By default as many
             as can be told apart: ellipses that together cover four times the area of the prior's, 40 to 400.
    names    of the labels 0, 1, 2 ...; by default their numbers.

    Raises ValueError if labels and x differ in length, or N is 1 with more than two latents.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> train, test = npvae.load_dataset("digits")
        >>> figure = npvae.figures.latent_regions(vae, test[:], test.labels)
    """
    mu, std = encoded(model, x)
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != (len(mu),):
            raise ValueError(
                f"latent_regions: labels has shape {labels.shape}, expected (N,) with N = {len(mu)} taken from x"
            )
    kind = "point" if std is None else "region"
    figure = new_figure(7.6, f"The latent space: every input is a {kind}")
    axes = figure.subplots()
    if mu.shape[1] == 1:
        draw_intervals(axes, mu[:, 0], None if std is None else std[:, 0], labels, sigmas, names)
        return figure

    plane, axis_names = np.eye(2), ["z1", "z2"]
    if mu.shape[1] > 2:
        plane, share = principal_plane(mu)
        axis_names = [f"direction {i + 1} of the means ({share[i]:.0%} of their variance)" for i in range(2)]
    centre = mu @ plane.T  # not centred on the means, so that the prior stays at the origin
    covariance = None if std is None else (plane * std[:, None, :] ** 2) @ plane.T  # (N, 2, 2)
    draw_regions(axes, centre, covariance, labels, sigmas, regions, names)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    return figure


def principal_plane(mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two directions in which the means mu (N, L) vary most.

    Returns P (2, L) with orthonormal rows, largest variance first, and the share (2,) of the means' variance along
    each. Each row's largest entry is positive, so that the picture does not flip from run to run. Raises ValueError
    if there are fewer than two means or two latents.
    """
    if mu.shape[0] < 2 or mu.shape[1] < 2:
        raise ValueError(f"principal_plane: mu has shape {mu.shape}, expected (N, L) with N and L at least 2")
    variance, directions = np.linalg.eigh(np.cov(mu, rowvar=False))  # ascending
    plane = directions[:, [-1, -2]].T
    largest = np.abs(plane).argmax(axis=1)
    plane *= np.sign(plane[[0, 1], largest])[:, None]
    return plane, variance[[-1, -2]] / max(variance.sum(), np.finfo(float).tiny)


def ellipses(centre: np.ndarray, covariance: np.ndarray, sigmas: float, corners: int = 60) -> np.ndarray:
    """Outlines (N, corners, 2) at Mahalanobis distance `sigmas` from centre (N, 2) under covariance (N, 2, 2)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (corners, 2)
    variance, axis = np.linalg.eigh(covariance)  # any root of the covariance turns the circle into the ellipse
    root = axis * np.sqrt(np.maximum(variance, 0))[:, None, :]
    return centre[:, None, :] + sigmas * circle @ root.swapaxes(1, 2)


def draw_regions(
    axes: Axes,
    centre: np.ndarray,
    covariance: np.ndarray | None,
    labels: np.ndarray | None = None,
    sigmas: float = 2.0,
    regions: int | None = None,
    names: Sequence[str] | None = None,
) -> None:
    """Draw means (N, 2) and the ellipses of their covariance (N, 2, 2) into axes: the inside of `latent_regions`.

    With a covariance the prior N(0, I) is there too, as circles of one and of two standard deviations.
    """
    colour = _colours(labels, len(centre))
    taken: list[tuple[float, float, int]] = []  # where a name of a label stands, and how many letters it has
    if covariance is not None:
        area = np.sqrt(np.maximum(np.linalg.det(covariance), 0)).mean()  # of an ellipse, in units of the prior's
        many = regions or round(float(np.clip(4 / max(area, 1e-9), 40, 400)))
        shown = _evenly(len(centre), many)
        outlines = ellipses(centre[shown], covariance[shown], sigmas)
        axes.add_collection(PolyCollection(list(outlines), facecolors=colour[shown], edgecolors="none", alpha=0.13))
        axes.add_collection(PolyCollection(list(outlines), facecolors="none", edgecolors=colour[shown], linewidths=1))
        axes.set_title(
            f"dots: means of q(z|x) for {len(centre)} inputs; ellipses: q(z|x) for {len(shown)} of them, "
            f"{sigmas:g}σ, {1 - math.exp(-(sigmas**2) / 2):.0%} of its mass",
            size=9,
        )
        for radius in (1, 2):
            axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=INK, linestyle=DASHED, zorder=3))
    axes.scatter(centre[:, 0], centre[:, 1], s=_dot_size(len(centre)), c=colour, linewidths=0, zorder=2)
    if labels is not None:
        size = 15 if max(map(len, names or ("0",))) < 4 else 11
        for label, places in label_places(centre, labels).items():
            for x, y in places:
                name = _name(label, names)
                axes.text(x, y, name, size=size, weight="bold", ha="center", va="center", path_effects=HALO)
                taken.append((x, y, len(name)))
    if covariance is not None:
        _name_the_prior(axes, taken, float(np.ptp(centre, axis=0).max()))
    axes.set_aspect("equal", adjustable="datalim")
    axes.autoscale_view()


def draw_intervals(
    axes: Axes,
    mu: np.ndarray,
    std: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    sigmas: float = 2.0,
    names: Sequence[str] | None = None,
) -> None:
    """One latent: every input a horizontal bar mu ± sigmas * std, all (N,), stacked by label and then by mu."""
    order = np.lexsort((mu, np.zeros(len(mu)) if labels is None else labels))
    height = np.arange(len(mu))
    colour = _colours(labels, len(mu))[order]
    axes.scatter(mu[order], height, s=_dot_size(len(mu)), c=colour, linewidths=0, zorder=2)
    axes.set_xlabel("z1")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if std is not None:
        ends = (mu[:, None] + sigmas * std[:, None] * [-1, 1])[order]  # (N, 2)
        bars = np.stack([ends, np.broadcast_to(height[:, None], ends.shape)], axis=2)
        axes.add_collection(LineCollection(list(bars), colors=colour, linewidths=0.8, alpha=0.45))
        axes.set_title(f"dots: means of q(z|x) for {len(mu)} inputs; bars: {sigmas:g}σ to either side", size=9)
        axes.set_xlabel("z1 (dashed: the prior's mean, 1σ and 2σ)")
        for z in (-2, -1, 0, 1, 2):
            axes.axvline(z, color=PALE, linestyle=DASHED, linewidth=0.8, zorder=0)
    if labels is not None:
        middles = {_name(label, names): height[labels[order] == label].mean() for label in np.unique(labels)}
        axes.set_yticks(list(middles.values()), list(middles))
        axes.set_ylabel("label")
        axes.tick_params(axis="y", length=0, labelsize=12)


def _name(label: int, names: Sequence[str] | None) -> str:
    return str(label) if names is None else names[label]


def _name_the_prior(axes: Axes, taken: list[tuple[float, float, int]], extent: float) -> None:
    """Write the names of the prior's circles on them, away from the names (x, y, letters) that stand there already.

    extent  of the means: where the circles are small in it, the outer one alone has a name. So it is where the inner
            one has no place for a name.
    """
    angle = np.pi / 2 + np.linspace(0, 2 * np.pi, 36, endpoint=False)
    shown = 1.4 * max(extent, 4.0)  # about what the axes will show, in units of z; 4 is the outer circle
    inch = shown * axes.figure.dpi / min(axes.bbox.width, axes.bbox.height)
    for radius in (2, 1) if extent < 12 else (2,):
        name = f"prior {radius}σ"
        room = np.full(len(angle), np.inf)  # to the nearest name; below 1 they overlap
        places = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (36, 2), the top first
        for x, y, letters in taken:
            dx, dy = np.abs(places - (x, y)).T
            width = (len(name) + letters) / 2 * LETTER
            room = np.minimum(room, np.maximum(dx / (width * inch), dy / (LINE * inch)))
        best = np.minimum(room, 1.5).argmax()
        if radius == 1 and room[best] < 1:
            continue
        x, y = places[best]
        axes.text(x, y, name, size=9, ha="center", va="center", path_effects=HALO, zorder=3)
        taken.append((x, y, len(name)))


def label_places(points: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    """For each label the points (P, 2) of its own at which its class is dense and has the place to itself.

    They maximise density * (share of all density there), where density is a sum of Gaussian bumps, one per point and
    0.15 of the points' spread wide; so two classes with one centre still get two places. A class in two clusters has
    P = 2, if the second counts at least FAINT of the first and is APART widths away. At most about a thousand points
    have a say, of every label at least one.
    """
    some = np.union1d(_evenly(len(points), 1000), np.unique(labels, return_index=True)[1])
    points, labels = points[some], labels[some]
    width = 0.15 * points.std(axis=0).mean() + np.finfo(float).tiny
    distance = np.linalg.norm((points[:, None, :] - points[None, :, :]) / width, axis=2)
    bump = np.exp(-(distance**2) / 2)
    places = {}
    for label in np.unique(labels):
        own = labels == label
        density = bump[own][:, own].sum(axis=1)
        share = density / bump[own].sum(axis=1)
        best = (density * share).argmax()
        far = distance[own][:, own][best] > APART
        second = np.where(far, density * share, 0.0).argmax()
        two = far[second] and (density * share)[second] > FAINT * (density * share)[best]
        places[int(label)] = points[own][[best, second] if two else [best]]
    return places


def _evenly(count: int, most: int) -> np.ndarray:
    """At most `most` indices, spread evenly over range(count)."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


def _dot_size(count: int) -> float:
    """Area of a dot in square points: few inputs get large dots."""
    return float(np.clip(6000 / count, 6, 20))


def _colours(labels: np.ndarray | None, count: int) -> np.ndarray:
    if labels is None:
        return np.full(count, PALETTE[0])
    classes, which = np.unique(labels, return_inverse=True)
    return np.array(class_colours(len(classes)))[which]
