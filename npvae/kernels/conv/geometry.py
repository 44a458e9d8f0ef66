"""The sizes of a convolution, and where in memory its windows and their pixels lie.

A window of P rows and Q columns moves by `stride` over a large image of I rows, J columns and C channels with `padding`
zeros around it. It has U * V places, each one pixel of a small image of F channels. Images lie row by row, a pixel's
channels side by side. So with the large image padded, every pixel of every window is at

    origins[place] + offsets[p, q, c]

two tables of integers that depend on the sizes alone, and a product over windows needs no copy of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

NARROW = 8  # channels: with fewer, a vector of 16 along the channels would be mostly empty
CACHE = 2**18  # bytes that the copies of one block of images may take in the second-level cache
WORK = 16_000_000  # floating-point operations of a block, about 100 microseconds of one core
BLOCKS = 16  # of a forward at least: the last of them keeps one thread alone
PLACES = 512  # of a block that adds to dW: with fewer, adding up the blocks' dW would cost as much as making them


@dataclass(frozen=True)
class Geometry:
    """The sizes of one convolution, from the large image to the small one."""

    I: int
    J: int
    C: int
    P: int
    Q: int
    F: int
    U: int
    V: int
    stride: int
    padding: int

    @property
    def rows(self) -> int:
        """Rows of the padded image, down to the last that a window shows."""
        return self.stride * (self.U - 1) + self.P

    @property
    def columns(self) -> int:
        """Columns of the padded image, up to the last that a window shows."""
        return self.stride * (self.V - 1) + self.Q

    @property
    def places(self) -> int:
        """Places of the window on one image."""
        return self.U * self.V

    @property
    def window(self) -> int:
        """Numbers in one window."""
        return self.P * self.Q * self.C

    @property
    def large(self) -> int:
        """Numbers in one large image."""
        return self.I * self.J * self.C

    @property
    def padded(self) -> int:
        """Numbers in one padded large image."""
        return self.rows * self.columns * self.C

    @property
    def narrow(self) -> bool:
        """Whether `spread` goes by columns: a large image of few channels."""
        return self.C < NARROW

    def images_forward(self, N: int) -> int:
        """Images of a block in a forward: enough that a last tile of few rows is rare, few enough for the cache."""
        each = max(self.padded + self.narrow * self.places * self.window, self.places * self.F) * 4
        return _even(N, max(1, min(CACHE // each, WORK // (2 * self.places * self.window * self.F), N // BLOCKS)))

    def images_backward(self, N: int) -> int:
        """Images of a block in a backward: it makes a dW of its own, which must be worth adding up."""
        return _even(N, -(-PLACES // self.places))


def _even(N: int, most: int) -> int:
    """At most so many, in blocks of nearly equal size."""
    blocks = -(-N // max(1, most))
    return -(-N // max(1, blocks))


def evenly_spaced(n: int, step: int) -> np.ndarray:
    """0, step, 2 step ...: where the rows of a matrix begin."""
    return np.arange(n, dtype=np.int64) * step


@lru_cache(maxsize=256)
def origins(g: Geometry, images: int) -> np.ndarray:
    """Where each window begins in a block of padded images, (images * places,)."""
    n, u, v = np.ix_(range(images), range(g.U), range(g.V))
    return _integers(((n * g.rows + g.stride * u) * g.columns + g.stride * v) * g.C)


@lru_cache(maxsize=256)
def offsets(g: Geometry) -> np.ndarray:
    """Where the pixels of a window lie, from where it begins, (P * Q * C,)."""
    p, q, c = np.ix_(range(g.P), range(g.Q), range(g.C))
    return _integers((p * g.columns + q) * g.C + c)


@dataclass(frozen=True)
class Spread:
    """`spread` as a gather: a pixel of the large image is a sum over the places whose window shows it.

    Which rows of the window show a pixel depends on where it lies between the places: there are stride * stride
    `classes` of pixels, and within one all sums run over the same entries of W and the same neighbouring places. With
    zeros around the small image, (rows, columns) with `before` of them first, no place is an exception.

    table    for each class: where its pixels, offsets and entries of W begin in the arrays below, and how many of each
    starts   for each pixel of each class, where its sum starts in a block of padded small images
    pixels   and where in a block of large images it is written
    offsets  for each term of a class, where it lies from the start
    entries  for each term, and each channel, which entry of W
    """

    rows: int
    columns: int
    before: tuple[int, int]
    table: np.ndarray
    starts: np.ndarray
    pixels: np.ndarray
    offsets: np.ndarray
    entries: np.ndarray


@lru_cache(maxsize=256)
def spread_of(g: Geometry, images: int) -> Spread:
    """The tables of `spread` for a block of images. Pixels of a class come image by image."""
    s, m = g.stride, g.padding
    down = [_axis(g.I, g.P, s, m, first) for first in range(s)]
    across = [_axis(g.J, g.Q, s, m, first) for first in range(s)]
    before = _before(down), _before(across)
    after = [max(0, *(t0 + n - size for _, t0, n in axis)) for axis, size in ((down, g.U), (across, g.V))]
    rows, columns = g.U + before[0] + after[0], g.V + before[1] + after[1]

    table, starts, pixels, shifts, entries = [], [], [], [], []
    sizes = np.zeros(4, np.int64)  # of what the earlier classes have of pixels of one image, terms, entries
    for (first, (A, t0, T)), (second, (B, r0, R)) in ((x, y) for x in enumerate(down) for y in enumerate(across)):
        n, t, r = np.ix_(range(images), range(t0, t0 + T), range(r0, r0 + R))
        starts.append(_integers(((n * rows + t + before[0]) * columns + r + before[1]) * g.F))
        pixels.append(_integers(((n * g.I + first + s * t - m) * g.J + second + s * r - m) * g.C))
        a, b, f = np.ix_(range(A), range(B), range(g.F))
        shifts.append(_integers(f - (a * columns + b) * g.F))
        a, b, f, c = np.ix_(range(A), range(B), range(g.F), range(g.C))
        entries.append(_integers((((first + s * a) * g.Q + second + s * b) * g.C + c) * g.F + f))
        table.append([sizes[0] * images, T * R, sizes[1], A * B * g.F, sizes[2]])
        sizes[:3] += T * R, A * B * g.F, A * B * g.F * g.C
    arrays = (np.concatenate(part) for part in (starts, pixels, shifts, entries))
    return Spread(rows, columns, before, np.array(table, np.int64), *arrays)


PIXELS, EACH, TERMS, DEPTH, ENTRIES = range(5)  # columns of Spread.table; EACH: pixels of one image


def _axis(size: int, window: int, stride: int, padding: int, first: int) -> tuple[int, int, int]:
    """Along one axis, of the pixels that rows first, first + stride ... of windows show.

    How many such rows there are, the place whose row `first` shows the first of the pixels, and how many pixels.
    """
    rows = -(-(window - first) // stride) if first < window else 0
    t0 = -(-(padding - first) // stride)
    pixels = range(first + stride * t0 - padding, size, stride)
    return rows, t0, len(pixels)


def _before(axis: list[tuple[int, int, int]]) -> int:
    """How many places before the first the sums of an axis reach."""
    return max(0, *(rows - 1 - t0 for rows, t0, _ in axis))


def _integers(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.int64).ravel()
