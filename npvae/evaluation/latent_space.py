"""Two things one wants of a latent space, as numbers: near codes decode alike, and every code decodes to something.

    continuity    tr Cov[f(z)] / E ||J(z)||^2,  z ~ N(0, I),  f the decoder's mean, J (D, L) its Jacobian

is the share of the decoder's movement that leads anywhere. By the Gaussian Poincaré inequality it is at most 1, and 1
exactly for an affine decoder; for a polynomial of Hermite degree n it is 1/n, and for sin(k z) tanh(k^2) / k^2. Its
inverse is the mean Hermite degree of f, weighted by variance: how often the decoding turns on its way through the
prior. (With f = sum of c_n h_n, orthonormal: Cov = sum of c_n^2 and E||J||^2 = sum of n c_n^2 over n >= 1.)

    completeness  share of samples whose nearest neighbour in the data is as near as held-out data's nearest neighbour

is 0.95 for a perfect generator if "as near" is the 95 % quantile of the held-out distances. It is the precision of
Kynkäänniemi et al. (2019), judged by one radius for all, in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Continuity:
    """How the decoder moves under the prior. D data units."""

    share: float  # in (0, 1], 1 for an affine decoder; nan if the decoder does not move at all
    movement: np.ndarray  # (L,): root mean square of ||df/dz_l||, data units for a unit of z_l
    largest: float  # largest ||J(z)||^2 met, over its mean: far above 1 where the decoding jumps


def continuity(
    decode: Callable[[np.ndarray], np.ndarray],
    latent_dim: int,
    rng: np.random.Generator,
    *,
    draws: int = 1000,
    step: float = 0.01,
) -> Continuity:
    """Continuity of decode, z (N, L) -> (N, D), such as a model's `decode`, from `draws` draws of z ~ N(0, I).

    Derivatives are central differences over ±step along each latent, which costs 2 L decodings a draw. A step of 0.01
    suits float32; a jump narrower than the step is seen as one of the step's width. The share is a ratio of two
    averages and scatters by about 1/sqrt(draws), so it can come out a little above 1.

    What it cannot tell: whether the decodings look like anything (see `completeness`), or whether the movement is along
    what the data vary in. A decoder that ignores a latent is smooth in it. For an autoencoder N(0, I) is not where its
    codes are, and the figure says how it behaves there all the same.

    Example:
        >>> smooth = npvae.evaluation.continuity(lambda z: 2.0 * z, 2, np.random.default_rng(0))
        >>> bool(abs(smooth.share - 1) < 0.1)
        True
    """
    z = rng.standard_normal((draws, latent_dim))
    f = np.asarray(decode(z), np.float64)
    squared = np.empty((draws, latent_dim))
    for l in range(latent_dim):
        moved = step * np.eye(latent_dim)[l]
        difference = np.asarray(decode(z + moved), np.float64) - np.asarray(decode(z - moved), np.float64)
        squared[:, l] = ((difference / (2 * step)) ** 2).sum(axis=1)
    norm = squared.sum(axis=1)  # (draws,), of the Jacobian, squared
    movement = np.sqrt(squared.mean(axis=0))
    if not norm.any():
        return Continuity(float("nan"), movement, float("nan"))
    variance = f.var(axis=0, ddof=1).sum()
    return Continuity(float(variance / norm.mean()), movement, float(norm.max() / norm.mean()))


@dataclass(frozen=True)
class Completeness:
    """What a nearest-neighbour judge says of samples."""

    share: float  # of the samples that are accepted
    standard_error: float  # of the share, over the samples alone
    level: float  # share of the held-out data that are accepted: what a perfect generator would have
    threshold: float  # distance up to which is accepted, data units


def completeness(samples: np.ndarray, data: np.ndarray, held_out: np.ndarray, *, level: float = 0.95) -> Completeness:
    """Judge samples (M, D) by data (N, D), with the threshold taken from held-out data (H, D).

    A sample is accepted if its Euclidean distance to the nearest of the data is at most the `level` quantile of that
    distance over the held-out data.

    What it cannot tell: decoder means, smoother than data, lie near everything and pass (how leniently they are judged
    is seen from the share of the held-out data's reconstructions that passes); so do copies of the training data, and
    one good picture drawn every time. Distances in pixels take a small shift for a large difference. With the roles of
    samples and data exchanged it says how much of the data the samples cover.

    Raises ValueError for shapes that do not fit or a level outside (0, 1).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> data, held_out, samples = rng.standard_normal((3, 200, 2))
        >>> judged = npvae.evaluation.completeness(samples, data, held_out)
        >>> bool(judged.share > 0.9)
        True
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, expected a share between 0 and 1")
    widths = {np.shape(part)[1:] for part in (samples, data, held_out)}
    if len(widths) > 1 or len(widths.pop()) != 1 or not min(len(samples), len(data), len(held_out)):
        shapes = ", ".join(str(np.shape(part)) for part in (samples, data, held_out))
        raise ValueError(f"samples, data and held_out have shapes {shapes}, expected (M, D), (N, D) and (H, D)")
    known = nearest_distance(held_out, data)
    threshold = float(np.quantile(known, level))
    share = float(np.mean(nearest_distance(samples, data) <= threshold))
    error = float(np.sqrt(share * (1 - share) / len(samples)))
    return Completeness(share, error, float(np.mean(known <= threshold)), threshold)


def nearest_distance(x: np.ndarray, data: np.ndarray, rows: int = 1000) -> np.ndarray:
    """Euclidean distance from each of x (M, D) to the nearest of data (N, D), (M,); `rows` of both at a time.

    Through squares and products, so a distance is good to about 3e-4 of the norms in float32, 1e-8 in float64.
    """
    best = np.full(len(x), np.inf)
    for i in range(0, len(x), rows):
        part = x[i : i + rows]
        for j in range(0, len(data), rows):
            others = data[j : j + rows]
            squared = (part**2).sum(axis=1)[:, np.newaxis] + (others**2).sum(axis=1) - 2 * part @ others.T
            best[i : i + rows] = np.minimum(best[i : i + rows], squared.min(axis=1))
    return np.sqrt(np.maximum(best, 0))
