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

from npvae.data.contract import Samples, as_data, mapped_array
from npvae.data.mapped import WINDOW_BLOCKS, block_order, read_ahead, rows_per_block
from npvae.scalars import check_whole


def minibatches(
    x: Any,
    batch_size: int,
    rng: np.random.Generator | None = None,
    *,
    order: np.ndarray | None = None,
    start: int = 0,
    out: np.ndarray | None = None,
) -> Iterator[Any]:
    """Iterate once over the samples of x -> batches of B, B = batch_size but for a smaller last one.

    x      Images, an (N, D) float array, anything with `shape`, `dtype` and rows by index array: batches are (B, D)
           floats. Or data of another kind (npvae.data.contract): batches are what a model's forward takes
    rng    shuffles: the order is drawn in this call, before the first batch, by `epoch_order(x, rng)`.
    order  rows to visit in this order, instead of rng. With neither, rows come as they lie: for a test set.
    start  position in the order at which to begin, in rows: the number of rows already seen.
    out    (batch_size, D) array of the batch's dtype to write into: then a batch lives until the next one is asked for.

    Batches are fresh arrays unless `out` is given. Raises ValueError for a batch size below 1, empty data, integer data
    outside Images (their scale is not known), both rng and order, an order or a start outside the data.

    Example:
        >>> batches = npvae.minibatches(np.zeros((5, 3), np.float32), 2, np.random.default_rng(0))
        >>> [x.shape for x in batches]
        [(2, 3), (2, 3), (1, 3)]
    """
    try:
        check_whole(batch_size=batch_size)
        data = as_data(x)
    except ValueError as error:
        raise type(error)(f"minibatches: {error}") from None
    if rng is not None and order is not None:
        raise ValueError("minibatches: both rng and order are given: the order already says how the rows are shuffled")
    if out is not None and not isinstance(data, Samples):
        raise ValueError(f"minibatches: out is given, but batches of kind {data.kind} are no arrays: leave it out")
    if order is None:
        order = np.arange(len(data)) if rng is None else epoch_order(data, rng)
    order, count = np.asarray(order), len(data)
    if order.ndim != 1 or order.dtype.kind not in "iu" or (len(order) and not 0 <= order.min() <= order.max() < count):
        raise ValueError(f"minibatches: order must be a 1-D array of rows 0 ... {count - 1}")
    start = operator.index(start)
    if not 0 <= start <= len(order):
        raise ValueError(f"minibatches: start is {start}, expected 0 to {len(order)}, the rows in the order")
    # The generator is another function, so that mistakes show and the order is drawn now, not at the first next().
    return _batches(data, batch_size, order, start, out)


def _batches(data: Any, batch_size: int, order: np.ndarray, start: int, out: np.ndarray | None) -> Iterator[Any]:
    mapped = mapped_array(data)
    window = 0 if mapped is None else WINDOW_BLOCKS * rows_per_block(mapped)
    ahead = start  # the order up to here has been asked for: always a window more than has been used
    for first in range(start, len(order), batch_size):
        while mapped is not None and ahead <= first + window and ahead < len(order):
            read_ahead(mapped, order[ahead : ahead + window])
            ahead += window
        rows = order[first : first + batch_size]
        yield data.batch(rows) if out is None else data.batch(rows, out[: len(rows)])


def epoch_order(x: Any, rng: np.random.Generator) -> np.ndarray:
    """Draw the order of one epoch: a permutation of the samples of x, int64 (N,).

    In memory every permutation is equally likely. A memory map is shuffled by blocks (`npvae.data.mapped`), so that
    each part of the file is read once and in long runs: blocks of 1 MiB in random order, whose rows are mixed 64 blocks
    at a time. A map of at most 64 MiB is shuffled as if it were in memory.

    Raises ValueError for an rng that is no numpy.random.Generator.

    Example:
        >>> order = npvae.data.epoch_order(np.zeros((5, 2)), np.random.default_rng(0))
        >>> sorted(order.tolist())
        [0, 1, 2, 3, 4]
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"minibatches: rng is {type(rng).__name__}, expected numpy.random.Generator: np.random.default_rng(seed)"
        )
    mapped = mapped_array(x)
    if mapped is None:
        return rng.permutation(len(x))
    return block_order(len(x), rows_per_block(mapped), WINDOW_BLOCKS, rng)
