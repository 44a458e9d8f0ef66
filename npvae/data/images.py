"""Images as they lie in memory or on disk, and as the floats a model takes, one batch at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npvae.data.files import DataError
from npvae.data.mapped import mapped_file

_CHECK_VALUES = 2**20  # values looked at together when data enters: bounds the memory that takes


class Images:
    """N images of D pixels that stay as they are (uint8, say) and come out as floats: pixels / max_value.

    It stands where an (N, D) float array may stand: `len`, `shape`, `ndim`, `dtype`, `min`, `max`, rows by index,
    slice or index array, `np.asarray`. Every read gives a fresh C-contiguous array of `dtype`, never a view.

        train = Images(pixels)          # (60000, 28, 28) uint8
        train[:128]                     # (128, 784) float32 in [0, 1], correctly rounded pixel / 255

    pixels       (N, D), (N, H, W), (N, H, W, 1) or (N, 1, H, W); uint8, bool or floats. Not copied.
    labels       (N,) integers, or None; kept as int64.
    image_shape  (height, width) with height * width = D. By default taken from the shape of `pixels`; from D alone,
                 a square if D is one, else (1, D).
    max_value    the pixel value that becomes 1.0: by default 255 for uint8, 1 for bool and floats.
    dtype        float32 or float64: what comes out. `pixels` of another float type are converted batch by batch.
    source       named in error messages: the file that the data came from.
    gaps         NaN is a value that is missing, and allowed.

    DataError if the data cannot be used: another dtype or shape, colour, no rows, an integer above max_value, NaN, an
    infinity, a float too large for `dtype` (the message gives the first such row). Floats may otherwise be of any
    size: each likelihood knows its own range. A memory map may be larger than memory, so it is not read here; its
    values are checked in each batch that is read.
    """

    def __init__(
        self,
        pixels: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        image_shape: tuple[int, int] | None = None,
        max_value: float | None = None,
        dtype: npt.DTypeLike = np.float32,
        source: str = "data",
        gaps: bool = False,
    ) -> None:
        self.source, self.gaps = source, gaps
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"Images: dtype is {self.dtype}, expected float32 or float64")
        self.pixels, self.image_shape = _as_rows(np.asarray(pixels), image_shape, source)
        if max_value is None:
            max_value = 255 if self.pixels.dtype == np.uint8 else 1
        self.max_value = float(max_value)
        if not (self.max_value > 0 and math.isfinite(self.max_value)):
            raise ValueError(f"Images: max_value is {max_value}, expected a positive number")
        if self.pixels.dtype == np.bool_:
            self.pixels = self.pixels.view(np.uint8)
        self.labels = None if labels is None else _as_labels(np.asarray(labels), len(self.pixels), source)
        self.mapped = mapped_file(self.pixels) is not None
        self.rows: Sequence[int] | np.ndarray | None = None
        # Only uint8 under a max_value of 255 or more has no wrong value.
        checked = self.pixels.dtype != np.uint8 or self.max_value < 255
        self._checks_batches = checked and self.mapped
        if checked and not self.mapped:
            step = max(1, _CHECK_VALUES // self.shape[1])
            for start in range(0, len(self), step):
                rows = slice(start, start + step)
                self._check(rows, self.pixels[rows], self._as_floats(self.pixels[rows]))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def ndim(self) -> int:
        """2: images are rows."""
        return 2

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else f"{len(np.unique(self.labels))} labels"
        height, width = self.image_shape
        return f"Images({len(self):,} of {height} x {width}, {self.pixels.dtype} / {self.max_value:g}, {labels})"

    def batch(self, rows: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Rows as floats -> (B, D); (D,) for one int. `rows` is what indexes an array's first axis: int, slice, array.

        out  array of the result's shape and dtype to write into, instead of a fresh one. It is returned.

        IndexError for a row that is not there, DataError for a bad value in a memory map, ValueError for an `out` that
        does not fit.
        """
        chosen = self.pixels[rows]
        if isinstance(rows, tuple) or not 1 <= chosen.ndim <= 2:
            raise IndexError("Images takes an int, a slice or a 1-D array of rows: np.asarray(images) for the rest")
        if out is not None and (out.shape != chosen.shape or out.dtype != self.dtype):
            raise ValueError(
                f"Images: out is {out.dtype} {out.shape}, expected {self.dtype} {chosen.shape} for these rows"
            )
        floats = self._as_floats(chosen, out)
        if self._checks_batches:
            self._check(rows, chosen, floats)
        return floats

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self.batch(rows)

    def numpy(self) -> np.ndarray:
        """All images as floats, (N, D). Of a memory map this reads everything."""
        return self.batch(slice(None))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Images: the float array is made when asked for, so copy=False cannot be kept")
        return self.numpy() if dtype is None else self.numpy().astype(dtype, copy=False)

    def min(self) -> float:
        """Lowest value that comes out. Of a memory map this reads everything, though not into memory at once."""
        return float(self.pixels.min()) / self.max_value

    def max(self) -> float:
        """Highest value that comes out. Of a memory map this reads everything, though not into memory at once."""
        return float(self.pixels.max()) / self.max_value

    def astype(self, dtype: npt.DTypeLike) -> Images:
        """The same images, sharing their pixels, that come out as float32 or float64."""
        if np.dtype(dtype) == self.dtype:
            return self
        same = Images(
            self.pixels,
            self.labels,
            image_shape=self.image_shape,
            max_value=self.max_value,
            dtype=dtype,
            source=self.source,
            gaps=self.gaps,
        )
        same.rows = self.rows
        return same

    def as_counts(self) -> Images:
        """The same images with the counts that the pixels are in place of grey levels: 16 stays 16."""
        if self.max_value == 1:
            return self
        counts = Images(
            self.pixels.astype(self.dtype),
            self.labels,
            image_shape=self.image_shape,
            dtype=self.dtype,
            source=self.source,
        )
        counts.rows = self.rows
        return counts

    def subset(self, rows: Any) -> Images:
        """The images of a slice (sharing memory) or of an index array (copied), with their labels, as Images.

        Its `rows` say where each of them stands in the images they were first taken from; those have None there.
        """
        part = copy.copy(self)
        part.pixels = self.pixels[rows]
        if part.pixels.ndim != 2 or len(part.pixels) == 0:
            raise IndexError("Images: a subset takes a slice or a 1-D array of rows, and at least one row")
        part.labels = None if self.labels is None else self.labels[rows]
        part.mapped = mapped_file(part.pixels) is not None
        known = range(len(self)) if self.rows is None else self.rows
        part.rows = known[rows] if isinstance(rows, slice) else np.asarray(known)[rows]
        return part

    def _as_floats(self, chosen: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        with np.errstate(over="ignore"):  # what does not fit into dtype becomes an infinity, and _check refuses it
            if chosen.dtype == np.uint8 or self.max_value != 1:
                # A quotient, not a product with 1 / max_value: that is off by an ulp for 126 of the 256 pixel values.
                return np.divide(chosen, self.max_value, out=out, dtype=self.dtype, order="C")
            if out is not None:
                np.copyto(out, chosen, casting="same_kind")
                return out
            # An index array has made a copy already; a slice has not.
            return chosen.astype(self.dtype, order="C", copy=chosen.base is not None)

    def _check(self, rows: Any, chosen: np.ndarray, floats: np.ndarray) -> None:
        """DataError if `chosen`, which is `pixels[rows]`, or `floats`, made of it, holds a value that may not be."""
        good = chosen <= self.max_value if chosen.dtype == np.uint8 else np.isfinite(floats)
        if self.gaps:
            good |= np.isnan(floats)
        if good.all():
            return
        at = np.argwhere(~np.atleast_2d(good))[0]
        row = np.atleast_1d(np.arange(len(self))[rows])[at[0]]
        value = np.atleast_2d(chosen)[tuple(at)]
        if chosen.dtype == np.uint8:
            mend = f"expected at most max_value = {self.max_value:g}: give the right max_value"
        elif np.isfinite(value):
            mend = f"too large for {self.dtype}: rescale the data"
        else:
            mend = "expected finite numbers: take such rows out, or fill in what is missing"
        raise DataError(f"{self.source}: row {row}, pixel {at[1]} is {value}, {mend}")


def _as_rows(
    pixels: np.ndarray, image_shape: tuple[int, int] | None, source: str
) -> tuple[np.ndarray, tuple[int, int]]:
    """Pixels of any accepted shape -> (N, D) and (height, width)."""
    if pixels.dtype not in (np.uint8, np.bool_) and pixels.dtype.kind != "f":
        raise DataError(f"{source}: pixels are {pixels.dtype}, expected uint8, bool or floats: {_conversion(pixels)}")
    shape = pixels.shape
    if len(shape) == 4 and 1 in (shape[1], shape[3]):
        pixels = pixels[..., 0] if shape[3] == 1 else pixels[:, 0]
    if pixels.ndim not in (2, 3):
        mend = "convert colour to grey first, x.mean(axis=-1)" if len(shape) == 4 else "reshape it"
        raise DataError(f"{source}: pixels have shape {shape}, expected (N, D), (N, H, W) or one channel: {mend}")
    if 0 in shape:
        raise DataError(f"{source}: pixels have shape {shape}, which holds no data: give at least one row")
    guess = pixels.shape[1:] if pixels.ndim == 3 else _guess_shape(pixels.shape[1])
    height, width = guess if image_shape is None else image_shape
    rows = pixels.reshape(len(pixels), -1)
    if height * width != rows.shape[1]:
        raise DataError(f"{source}: image_shape is ({height}, {width}), but an image has {rows.shape[1]} pixels")
    if mapped_file(pixels) is not None and mapped_file(rows) is None:
        raise DataError(f"{source}: this view of a memory map has scattered pixels: save it as a .npy of shape (N, D)")
    return rows, (int(height), int(width))


def _conversion(pixels: np.ndarray) -> str:
    """How to make pixels of these out of an array of another dtype."""
    if pixels.dtype.kind not in "iu" or pixels.size == 0:
        return "for instance x.astype(np.float32)"
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0:
        mend = f"(x + {-low}) / {high - low} lies in [0, 1], for instance"
    elif high in (0, 1, 255):
        mend = "x.astype(np.uint8)"
    elif high > 255:
        mend = f"x / {high} lies in [0, 1], for instance"
    else:
        mend = f"x.astype(np.uint8) if 255 is white, x / {high} if {high} is"
    return f"they lie in [{low}, {high}], {mend}"


def _guess_shape(data_dim: int) -> tuple[int, int]:
    side = math.isqrt(data_dim)
    return (side, side) if side * side == data_dim else (1, data_dim)


def _as_labels(labels: np.ndarray, count: int, source: str) -> np.ndarray:
    if labels.dtype.kind not in "biu" or labels.shape != (count,):
        raise DataError(
            f"{source}: labels are {labels.dtype} of shape {labels.shape}, expected integers of shape ({count},)"
        )
    return labels.astype(np.int64)
