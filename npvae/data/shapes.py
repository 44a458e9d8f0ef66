"""Small pictures of one shape each, drawn from known factors: shape, scale, rotation, x, y, and a hue if wanted.

They stand in for dSprites (Matthey, Higgins, Hassabis & Lerchner 2017) where a measure needs to know what made an
image. No shape has a rotational symmetry, so unlike there no two combinations of factors make the same picture.
Rotation and hue run round a circle: their last level is next to their first, which no single latent can say smoothly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npvae.data.images import Images
from npvae.data.split import hold_out

FACTORS = ("shape", "scale", "rotation", "x", "y", "hue")
SHAPES = ("wedge", "ell", "heart")
LEVELS = (3, 4, 8, 8, 8, 6)  # of the factors
_RADIUS = (0.16, 0.28)  # smallest and largest circumscribed circle, in sides of the picture
_POINTS = 4  # points per pixel, along each side
_ROWS = 512  # pictures drawn at a time


@dataclass(frozen=True)
class Shapes:
    """N pictures and what they were drawn from. F is 5, or 6 with a hue."""

    x: np.ndarray  # (N, D) float32 in [0, 1]; D = size * size, with a hue 3 * size * size: red, green, blue planes
    factors: np.ndarray  # (N, F) int64, level of each factor, from 0
    levels: tuple[int, ...]  # how many levels each factor has
    names: tuple[str, ...]  # of the factors
    image_shape: tuple[int, int]  # (height, width); with a hue the three planes stand one above the other
    categorical: tuple[int, ...] = (0,)  # columns of factors whose levels have no order: the shape


def make_shapes(
    n: int | None = None, *, size: int = 16, hue: bool = False, levels: Sequence[int] | None = None, seed: int = 0
) -> Shapes:
    """Draw n pictures with different factors, chosen and ordered by the seed; None draws all combinations, in order.

    n       how many; there are 3 * 4 * 8 * 8 * 8 = 6,144 combinations, with a hue six times as many
    size    width and height in pixels
    hue     colour the shape by a sixth factor (full saturation and brightness)
    levels  how many levels each factor has: shape (at most 3), scale, rotation, x, y, and hue if it is asked for;
            a scale or position with one level stands in the middle of its range

    ValueError for a size below 4, wrong levels, or more pictures than there are combinations.
    """
    names = FACTORS if hue else FACTORS[:-1]
    levels = tuple(LEVELS[: len(names)] if levels is None else (int(level) for level in levels))
    if len(levels) != len(names) or min(levels) < 1 or levels[0] > len(SHAPES):
        raise ValueError(f"levels is {levels}, expected one at least 1 for each of {', '.join(names)}; shape at most 3")
    if size < 4:
        raise ValueError(f"size is {size}, expected at least 4 pixels")
    total = math.prod(levels)
    if n is not None and not 1 <= n <= total:
        raise ValueError(f"n is {n}, expected 1 to {total:,}, the number of combinations: more levels make more")
    chosen = np.arange(total)
    if n is not None:  # the raw stream of a bit generator is the same in every NumPy; permutation need not be (NEP 19)
        chosen = np.argsort(np.random.PCG64(seed).random_raw(total), kind="stable")[:n]
    factors = np.stack(np.unravel_index(chosen, levels), axis=1).astype(np.int64)
    x = np.concatenate([_draw(factors[i : i + _ROWS], levels, size) for i in range(0, len(factors), _ROWS)])
    if hue:
        colours = _colours(factors[:, 5] / levels[5])  # (N, 3)
        x = (colours[:, :, np.newaxis] * x[:, np.newaxis]).reshape(len(x), -1)
    return Shapes(x, factors, levels, names, ((3 if hue else 1) * size, size))


def load_shapes() -> tuple[Images, Images]:
    """All pictures that `make_shapes` draws by default -> (train, test): 5,530 and 614 Images, labelled by shape."""
    shapes = make_shapes()
    pixels = np.rint(shapes.x * _POINTS**2).astype(np.uint8)
    return hold_out(Images(pixels, shapes.factors[:, 0], max_value=_POINTS**2, source="shapes"))


def _draw(factors: np.ndarray, levels: Sequence[int], size: int) -> np.ndarray:
    """The share of each pixel that the shape covers, (N, size * size): multiples of 1/16."""
    position = [factors[:, i] / (levels[i] - 1) if levels[i] > 1 else np.full(len(factors), 0.5) for i in range(5)]
    radius = _RADIUS[0] + position[1] * (_RADIUS[1] - _RADIUS[0])
    angle = 2 * np.pi * factors[:, 2] / levels[2]
    centre = [_RADIUS[1] + position[i] * (1 - 2 * _RADIUS[1]) for i in (3, 4)]
    side = (np.arange(size * _POINTS) + 0.5) / (size * _POINTS)
    dx, dy = ((side - at[:, np.newaxis]) / radius[:, np.newaxis] for at in centre)  # (N, P)
    cos, sin = np.cos(angle)[:, np.newaxis], np.sin(angle)[:, np.newaxis]
    # (N, P, P), in the shape's own directions; float32 for speed
    u = (cos * dx).astype(np.float32)[:, np.newaxis, :] + (sin * dy).astype(np.float32)[:, :, np.newaxis]
    v = (cos * dy).astype(np.float32)[:, :, np.newaxis] - (sin * dx).astype(np.float32)[:, np.newaxis, :]
    inside = np.empty(u.shape, bool)
    for shape, name in enumerate(SHAPES):
        rows = factors[:, 0] == shape
        inside[rows] = _inside(name, u[rows], v[rows])
    covered = inside.reshape(len(factors), size, _POINTS, size, _POINTS).mean(axis=(2, 4), dtype=np.float32)
    return covered.reshape(len(factors), -1)


def _inside(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which points lie in a shape that fits the unit circle; v points down."""
    if name == "wedge":  # a triangle, its apex up
        return (v < 0.7) & (np.abs(u) < 0.4 * (v + 1))
    if name == "ell":
        return (np.abs(u) < 0.6) & (np.abs(v) < 0.8) & ((u < -0.1) | (v > 0.3))
    s, t = 1.5 * u, -1.5 * v
    ss, tt = s * s, t * t
    rim = ss + tt - 1
    return rim * rim * rim < ss * tt * t


def _colours(hue: np.ndarray) -> np.ndarray:
    """Hue (N,) in turns -> red, green, blue (N, 3) of full saturation and brightness."""
    distance = np.abs((hue[:, np.newaxis] - np.array([0, 1, 2]) / 3 + 0.5) % 1 - 0.5)  # turns to each primary
    return np.clip(2 - 6 * distance, 0, 1).astype(np.float32)
