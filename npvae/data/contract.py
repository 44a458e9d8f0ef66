"""What a data set is: a length, and `batch(rows)`, which gives what a model's forward takes.

    data = as_data(x, model.takes, model.dtype)
    loss, trace = model.forward(data.batch(rows), eps)

Four kinds, named as models name them in their attribute `takes`:

    rows       (B, D) floats
    images     (B, H, W, C) floats
    sequences  `SequenceBatch`: ids (B, T), lengths (B,)
    graph      the graph itself; such a data set has length 1

Training order, batches, evaluation and the checksum that guards a resumed run ask for nothing else, so a new kind of
data is a class with the attributes of `Data` and needs no loop, checkpoint or command line of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from npvae.data.files import DataError
from npvae.data.mapped import mapped_file

KINDS = ("rows", "images", "sequences", "graph")
"""The kinds of data, as a model's `takes` and a data set's `kind` name them."""


@runtime_checkable
class Data(Protocol):
    """N samples of one kind, read by their numbers."""

    @property
    def kind(self) -> str:
        """A name in KINDS."""

    @property
    def sample_shape(self) -> tuple[int | None, ...]:
        """Shape of one sample: rows (D,), images (H, W, C), sequences (None,), whose lengths differ, a graph (V, F)."""

    @property
    def source(self) -> str:
        """Where the data came from, for messages."""

    def __len__(self) -> int:
        """N."""

    def batch(self, rows: Any, /) -> Any:
        """The samples that an index array or a slice names, as a model's forward takes them."""


class Samples:
    """An array, a memory map, Images or anything else with `shape`, `dtype` and rows by index, as rows or as images.

    x      (N, D), or (N, H, W, C) for images; Images and their like may be (N, D) with an `image_shape`
    kind   "rows" or "images"
    dtype  what batches are converted to; None keeps what x gives
    check  called with each batch as it is read: it raises for one that cannot be used. For memory maps, which are too
           large to be looked at beforehand
    """

    def __init__(
        self,
        x: Any,
        kind: str,
        dtype: npt.DTypeLike | None = None,
        check: Callable[[np.ndarray], None] | None = None,
    ) -> None:
        """Take x as it is: nothing is copied."""
        self.x, self.kind, self.check = x, kind, check
        self.dtype = np.dtype(x.dtype if dtype is None else dtype)
        self.sample_shape = _shape_of_images(x) if kind == "images" else tuple(x.shape[1:])
        self.source = getattr(x, "source", "data")
        self.labels: np.ndarray | None = getattr(x, "labels", None)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"Samples({len(self):,} {self.kind} of {self.sample_shape}, {self.dtype})"

    def batch(self, rows: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Rows by index array or slice -> (B, D) or (B, H, W, C); a slice of an array in memory may give a view.

        out  array of the batch's shape and dtype to write into, instead of a fresh one. It is returned.
        """
        found = self._read(rows, out)
        if self.check is not None:
            self.check(found)
        return found

    def _read(self, rows: Any, out: np.ndarray | None) -> np.ndarray:
        if out is not None and hasattr(self.x, "batch"):
            return self.x.batch(rows, out.reshape(len(out), -1)).reshape(out.shape)
        found = np.asarray(self.x[rows]).astype(self.dtype, copy=False).reshape(-1, *self.sample_shape)
        if out is None:
            return found
        np.copyto(out, found)
        return out


def as_data(x: Any, takes: str | None = None, dtype: npt.DTypeLike | None = None) -> Any:
    """Data of the kind that a model takes, made of what a caller has; data of that kind come back as they are.

    x      (N, D) or (N, H, W, C) floats, in memory or mapped; Images, LabelledImages; any `Data`
    takes  a model's `takes`, a name in KINDS; None for the kind that x is by itself
    dtype  the model's, to which batches of floats are converted

    Images are rows or images, as the model takes them. Raises ValueError for anything else that is of another kind
    than the model takes, for integers outside Images (their scale is not known), and DataError for data without rows.

    Example:
        >>> len(npvae.data.as_data(np.zeros((5, 3), np.float32)))
        5
    """
    if takes is not None and takes not in KINDS:
        raise ValueError(f"data of kind {takes!r} are unknown, expected one of {', '.join(KINDS)}")
    if isinstance(x, Samples):
        same = takes in (None, x.kind) and (dtype is None or x.dtype == dtype)
        return x if same else as_data(x.x, takes or x.kind, dtype)
    if isinstance(x, Data):
        if takes in (None, x.kind):
            return x
        raise ValueError(f"the data are of kind {x.kind}, the model takes {takes}: choose a model of that kind")
    return _samples(x, takes, dtype)


def _samples(x: Any, takes: str | None, dtype: npt.DTypeLike | None) -> Samples:
    """An array, or what stands for one, as rows or images."""
    shape, found = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or found is None:
        raise ValueError(f"x is {type(x).__name__}, expected an array or npvae.data.Images: pass np.asarray(x)")
    shaped = getattr(x, "image_shape", None) is not None  # rows that know how they are images
    own = "images" if len(shape) == 4 else "rows"
    kind = takes or own
    if kind not in ("rows", "images"):
        raise ValueError(f"x is an array of shape {tuple(shape)}, the model takes data of kind {kind}")
    if len(shape) != (2 if kind == "rows" or shaped else 4):
        wanted, mend = "(N, D)", "reshape it, or use Images(x)"
        if kind == "images":
            wanted, mend = "(N, H, W, C)", "reshape it, or use Images(x, image_shape=(H, W))"
        raise ValueError(f"x has shape {tuple(shape)}, expected {wanted}: {mend}")
    if np.dtype(found).kind != "f":
        raise ValueError(f"x is {found}, expected floats: Images(x) makes them of pixels")
    if len(x) == 0:
        raise DataError("x has no rows: give at least one")
    return Samples(x, kind, dtype)


def _shape_of_images(x: Any) -> tuple[int, ...]:
    """(H, W, C) of what is (N, H, W, C), or knows its `image_shape`: (H, W) or (H, W, C)."""
    shape = getattr(x, "image_shape", None)
    if shape is None:
        return tuple(x.shape[1:])
    shape = tuple(shape) if len(shape) == 3 else (*shape, 1)
    if math.prod(shape) != x.shape[1]:
        raise ValueError(f"rows of {x.shape[1]} numbers are not images of {shape}: the model takes images alone")
    return shape


def arrays_of(batch: Any) -> list[np.ndarray]:
    """The arrays of a batch, in order: itself, or those among the fields of a `SequenceBatch` or a graph."""
    if isinstance(batch, np.ndarray):
        return [batch]
    return [field for field in vars(batch).values() if isinstance(field, np.ndarray)]


def mapped_array(data: Any) -> np.ndarray | None:
    """The array behind some data if it lies in a file that may be larger than memory, else None.

    Its rows are shuffled by blocks, read ahead, and checked batch by batch.
    """
    x = data.x if isinstance(data, Samples) else data
    x = getattr(x, "pixels", x)
    return x if mapped_file(x) is not None else None
