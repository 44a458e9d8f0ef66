"""Minibatches: shuffled rows of a data set, as floats, one batch at a time.

    for x in minibatches(train, 128, rng):

An epoch is its `order`, an array of rows, and a position in it. Both can be stored, so an epoch that was interrupted
goes on exactly where it stopped:

    order = epoch_order(train, rng)
    for x in minibatches(train, 128, order=order, start=50 * 128):
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.data.files import DataError
from npvae.data.images import Images
from npvae.data.mapped import WINDOW_BLOCKS, block_order, mapped_file, read_ahead, rows_per_block


def minibatches(
    x: Images | np.ndarray | Any,
    batch_size: int,
    rng: np.random.Generator | None = None,
    *,
    order: np.ndarray | None = None,
    start: int = 0,
    out: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Iterate once over the rows of x -> float arrays (B, D), B = batch_size but for a smaller last one.

    x      Images, an (N, D) float array, or anything with `shape`, `dtype` and rows by index array.
    rng    shuffles: the order is drawn in this call, before the first batch, by `epoch_order(x, rng)`.
    order  rows to visit in this order, instead of rng. With neither, rows come as they lie: for a test set.
    start  position in the order at which to begin, in rows: the number of rows already seen.
    out    (batch_size, D) array of the batch's dtype to write into: then a batch lives until the next one is asked for.

    Batches are fresh arrays unless `out` is given. ValueError for a batch size below 1, empty data, integer data
    outside Images (their scale is not known), both rng and order, an order or a start outside the data.
    """
    batch_size = operator.index(batch_size)
    if batch_size < 1:
        raise ValueError(f"minibatches: batch_size is {batch_size}, expected at least 1")
    _check_rows(x)
    if rng is not None and order is not None:
        raise ValueError("minibatches: both rng and order are given: the order already says how the rows are shuffled")
    if order is None:
        order = np.arange(len(x)) if rng is None else epoch_order(x, rng)
    order = np.asarray(order)
    if order.ndim != 1 or order.dtype.kind not in "iu" or (len(order) and not 0 <= order.min() <= order.max() < len(x)):
        raise ValueError(f"minibatches: order must be a 1-D array of rows 0 ... {len(x) - 1}")
    start = operator.index(start)
    if not 0 <= start <= len(order):
        raise ValueError(f"minibatches: start is {start}, expected 0 to {len(order)}, the rows in the order")
    # The generator is another function, so that mistakes show and the order is drawn now, not at the first next().
    return _batches(x, batch_size, order, start, out)


def _batches(x: Any, batch_size: int, order: np.ndarray, start: int, out: np.ndarray | None) -> Iterator[np.ndarray]:
    pixels = _pixels(x)
    window = 0 if mapped_file(pixels) is None else WINDOW_BLOCKS * rows_per_block(pixels)
    ahead = start  # the order up to here has been asked for: always a window more than has been used
    for first in range(start, len(order), batch_size):
        while window and ahead <= first + window and ahead < len(order):
            read_ahead(pixels, order[ahead : ahead + window])
            ahead += window
        rows = order[first : first + batch_size]
        room = None if out is None else out[: len(rows)]
        if isinstance(x, Images):
            yield x.batch(rows, room)
        elif room is None:
            yield x[rows]
        else:
            np.copyto(room, x[rows])
            yield room


def epoch_order(x: Images | np.ndarray | Any, rng: np.random.Generator) -> np.ndarray:
    """Draw the order of one epoch: a permutation of the rows of x, int64 (N,).

    In memory every permutation is equally likely. A memory map is shuffled by blocks (`npvae.data.mapped`), so that
    each part of the file is read once and in long runs: blocks of 1 MiB in random order, whose rows are mixed 64 blocks
    at a time. A map of at most 64 MiB is shuffled as if it were in memory.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"minibatches: rng is {type(rng).__name__}, expected numpy.random.Generator: np.random.default_rng(seed)"
        )
    pixels = _pixels(x)
    if mapped_file(pixels) is None:
        return rng.permutation(len(x))
    return block_order(len(x), rows_per_block(pixels), WINDOW_BLOCKS, rng)


def _pixels(x: Any) -> Any:
    return getattr(x, "pixels", x)


def _check_rows(x: Any) -> None:
    """ValueError unless x is Images or looks like an (N, D) float array with rows."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        raise ValueError(f"minibatches: x is {type(x).__name__}, expected Images or an (N, D) float array")
    if len(shape) != 2:
        raise ValueError(f"minibatches: x has shape {tuple(shape)}, expected (N, D): reshape it, or use Images(x)")
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"minibatches: x is {dtype}, expected floats: Images(x) makes them of pixels")
    if len(x) == 0:
        raise DataError("minibatches: x has no rows: give at least one")
