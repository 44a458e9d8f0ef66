"""Images as they lie in memory or on disk, and as the floats a model takes, one batch at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npvae.data.files import DataError
from npvae.data.image_shapes import as_rows, in_words
from npvae.data.labels import Labels, read_labels
from npvae.data.mapped import mapped_file

_CHECK_VALUES = 2**20  # values looked at together when data enters: bounds the memory that takes


class Images:
    """N images of D pixels that stay as they are (uint8, say) and come out as floats: pixels / max_value.

    It stands where an (N, D) float array may stand: `len`, `shape`, `ndim`, `dtype`, `min`, `max`, rows by index,
    slice or index array, `np.asarray`. Every read gives a fresh C-contiguous array of `dtype`, never a view.

        train = Images(pixels)          # (60000, 28, 28) uint8
        train[:128]                     # (128, 784) float32 in [0, 1], correctly rounded pixel / 255

    pixels       (N, D), (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3; uint8, bool or floats. Not copied,
                 but for (N, 3, H, W). In a row of colour, red, green and blue of a pixel stand side by side.
    labels       (N,) or (N, 1) whole numbers, (N,) names, (N, C) one-hot rows, or None; kept as int64 (N,).
    image_shape  (height, width), or (height, width, 3) in colour, whose product is D. By default taken from the shape
                 of `pixels`; from D alone, a square if D is one, else (1, D).
    layout       "NHWC" or "NCHW": where the colours stand. None finds out, where one choice alone is possible.
    max_value    the pixel value that becomes 1.0: by default 255 for uint8, 1 for bool and floats.
    dtype        float32 or float64: what comes out. `pixels` of another float type are converted batch by batch.
    source       named in error messages: the file that the data came from.
    columns      names of the D columns of a table, or None.
    gaps         NaN is a value that is missing, and allowed.

    Raises DataError if the data cannot be used: another dtype or shape, no rows, an integer above max_value, NaN, an
    infinity, a float too large for `dtype` (the message gives the first such row). Floats may otherwise be of any
    size: each likelihood knows its own range. A memory map may be larger than memory, so it is not read here; its
    values are checked in each batch that is read. Raises ValueError for a `dtype` or a `max_value` that cannot be.

    Example:
        >>> pixels = np.array([[[0, 255], [51, 102]]], dtype=np.uint8)
        >>> train = npvae.data.Images(pixels)
        >>> train[:1].dtype.name, (5 * train[:1]).round().tolist()
        ('float32', [[0.0, 5.0, 1.0, 2.0]])
    """

    def __init__(
        self,
        pixels: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        layout: str | None = None,
        max_value: float | None = None,
        dtype: npt.DTypeLike = np.float32,
        columns: Sequence[str] | None = None,
        source: str = "data",
        gaps: bool = False,
    ) -> None:
        self.source, self.gaps = source, gaps
        self.columns = None if columns is None else tuple(columns)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"Images: dtype is {self.dtype}, expected float32 or float64")
        self.pixels, self.image_shape = as_rows(np.asarray(pixels), image_shape, layout, source)
        if max_value is None:
            max_value = 255 if self.pixels.dtype == np.uint8 else 1
        self.max_value = float(max_value)
        if not (self.max_value > 0 and math.isfinite(self.max_value)):
            raise ValueError(f"Images: max_value is {max_value}, expected a positive number")
        if self.pixels.dtype == np.bool_:
            self.pixels = self.pixels.view(np.uint8)
        found = Labels(None, None, "") if labels is None else read_labels(labels, len(self.pixels))
        if found.why_not:
            raise DataError(f"{source}: {found.why_not}")
        self.labels = found.numbers
        self.why_no_labels = ""  # why labels that were there could not be read
        self.mapped = mapped_file(self.pixels) is not None
        self.rows: Sequence[int] | np.ndarray | None = None
        self.note = ""  # one line on what was read and what was left out, where there was a choice
        self.class_names: tuple[str, ...] | None = found.names  # names of the labels 0, 1, 2 ..., if they have names
        self.names: np.ndarray | None = None  # (N,) the file each image came from, if it has one of its own
        # Only uint8 under a max_value of 255 or more has no wrong value.
        checked = self.pixels.dtype != np.uint8 or self.max_value < 255
        self._checks_batches = checked and self.mapped
        if checked and not self.mapped:
            step = max(1, _CHECK_VALUES // self.shape[1])
            for start in range(0, len(self), step):
                rows = slice(start, start + step)
                self._checked(rows, self.pixels[rows])

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
        return (
            f"Images({len(self):,} of {in_words(self.image_shape)}, {self.pixels.dtype} / {self.max_value:g}, {labels})"
        )

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
        return self._checked(rows, chosen, out) if self._checks_batches else self._as_floats(chosen, out)

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
        same.rows, same.note, same.names = self.rows, self.note, self.names
        same.class_names, same.why_no_labels = self.class_names, self.why_no_labels
        return same

    def as_counts(self) -> Images:
        """The same images with the counts that the pixels are in place of grey levels: 16 stays 16."""
        if self.max_value == 1:
            return self
        counts = copy.copy(self)
        counts.pixels, counts.max_value, counts.mapped = self.pixels.astype(self.dtype), 1.0, False
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
        part.names = None if self.names is None else self.names[rows]
        part.mapped = mapped_file(part.pixels) is not None
        known = range(len(self)) if self.rows is None else self.rows
        part.rows = known[rows] if isinstance(rows, slice) else np.asarray(known)[rows]
        return part

    def with_classes(self, names: Sequence[str]) -> Images:
        """The same images with labels that count these names of classes. DataError for a class that is not among them.

        Without names of their own, the labels stay as they are.
        """
        if self.class_names is None or self.labels is None:
            return self
        unknown = [name for name in self.class_names if name not in names]
        if unknown:
            raise DataError(f"{self.source}: class {unknown[0]} is unknown, expected one of {', '.join(names)}")
        same = copy.copy(self)
        same.labels = np.array([names.index(name) for name in self.class_names])[self.labels]
        same.class_names = tuple(names)
        return same

    def _as_floats(self, chosen: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if chosen.dtype == np.uint8 or self.max_value != 1:
            # A quotient, not a product with 1 / max_value: that is off by an ulp for 126 of the 256 pixel values.
            return np.divide(chosen, self.max_value, out=out, dtype=self.dtype, order="C")
        if out is not None:
            np.copyto(out, chosen, casting="same_kind")
            return out
        # An index array has made a copy already; a slice has not.
        return chosen.astype(self.dtype, order="C", copy=chosen.base is not None)

    def _checked(self, rows: Any, chosen: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The floats of `chosen`, which is `pixels[rows]`. DataError if it holds a value that may not be."""
        with np.errstate(over="ignore"):  # what does not fit into dtype becomes an infinity, and _check refuses it
            floats = self._as_floats(chosen, out)
        self._check(rows, chosen, floats)
        return floats

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
            if np.isnan(value):
                mend += ", or train with --missing ignore or mask (missing=)"
        where = f"pixel {at[1]}" if self.columns is None else f"column {self.columns[at[1]]}"
        raise DataError(f"{self.source}: row {row}, {where} is {value}, {mend}")
