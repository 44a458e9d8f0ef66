"""Arrays that are mapped from a file and may be larger than memory: shuffled by blocks, read ahead."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

BLOCK_BYTES = 2**20
"""Bytes that lie together in a memory map and stay together when it is shuffled."""

WINDOW_BLOCKS = 64
"""Blocks whose rows are mixed with each other: 64 MiB of the map are at work at a time."""


def mapped_file(x: Any) -> mmap.mmap | None:
    """The memory map behind an array, if it is a numpy.memmap or a view of one, else None."""
    while isinstance(x, np.ndarray):
        x = x.base
    return x if isinstance(x, mmap.mmap) else None


def rows_per_block(x: np.ndarray) -> int:
    """Rows of an (N, D) or (N, H, W, C) array that make up BLOCK_BYTES, at least one."""
    return max(1, BLOCK_BYTES // (math.prod(x.shape[1:]) * x.itemsize))


def block_order(count: int, block_rows: int, window_blocks: int, rng: np.random.Generator) -> np.ndarray:
    """Permutation of `count` rows that stays local, int64 (count,).

    Blocks of `block_rows` consecutive rows come in random order, and the rows of each `window_blocks` blocks in turn
    are shuffled among themselves. So no more than a window of the data is at work at a time, and each block is read
    once.
    """
    starts = rng.permutation(np.arange(0, count, block_rows))
    order = np.empty(count, dtype=np.int64)
    filled = 0
    for first in range(0, len(starts), window_blocks):
        blocks = [np.arange(s, min(s + block_rows, count)) for s in starts[first : first + window_blocks]]
        window = rng.permutation(np.concatenate(blocks))
        order[filled : filled + len(window)] = window
        filled += len(window)
    return order


def read_ahead(x: np.ndarray, rows: np.ndarray) -> None:
    """Ask the operating system to fetch the blocks of a mapped array in which these rows lie.

    A hint that does not wait; it does nothing where the system takes no hints (Windows). Without it the step waits for
    each page in turn. Rows scattered over more than two windows are left alone: it would fetch the whole file.
    """
    file = mapped_file(x)
    if file is None or x.strides[0] <= 0 or not hasattr(mmap, "MADV_WILLNEED"):
        return
    block_rows = rows_per_block(x)
    blocks = np.unique(rows // block_rows)
    if len(blocks) > 2 * WINDOW_BLOCKS:
        return
    origin = x.ctypes.data - np.frombuffer(file, dtype=np.uint8, count=1).ctypes.data
    block_bytes = block_rows * x.strides[0]
    for block in blocks.tolist():
        start = origin + block * block_bytes
        page = start - start % mmap.PAGESIZE
        file.madvise(mmap.MADV_WILLNEED, page, min(start + block_bytes, len(file)) - page)
