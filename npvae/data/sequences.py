"""Sequences of unequal length: ids in one flat array, and where each sequence begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.data.files import DataError


@dataclass(frozen=True)
class SequenceBatch:
    """B sequences side by side: what a sequence model's forward takes."""

    ids: np.ndarray  # (B, T) int64, T the longest length of the batch; 0 after a sequence's end
    lengths: np.ndarray  # (B,) int64, at least 1

    def __len__(self) -> int:
        """B."""
        return len(self.lengths)


class Sequences:
    """N sequences of ids. `batch(rows)` pads them to the longest of the batch.

    ids     one sequence of whole numbers at least 0 per sample, each at least one long
    source  named in error messages

    Raises DataError if there is no sequence, an empty one, or an id that is no whole number of at least 0.

    Example:
        >>> names = npvae.data.Sequences([[3, 1, 2], [5]])
        >>> batch = names.batch(np.array([0, 1]))
        >>> batch.lengths.tolist()
        [3, 1]
    """

    kind = "sequences"
    sample_shape = (None,)

    def __init__(
        self, ids: Iterable[Sequence[int] | np.ndarray], *, labels: Any = None, source: str = "sequences"
    ) -> None:
        """Copy the ids into one array."""
        parts = [np.asarray(one) for one in ids]
        if not parts:
            raise DataError(f"{source}: no sequences: give at least one")
        for row, part in enumerate(parts):
            if part.ndim != 1 or part.size == 0 or part.dtype.kind not in "iu" or part.min() < 0:
                raise DataError(
                    f"{source}: sequence {row} is {part.dtype} of shape {part.shape}, expected at least one id, "
                    "a whole number of at least 0"
                )
        self.ids = np.concatenate(parts).astype(np.int64)  # all sequences, one after the other
        self.starts = np.cumsum([0, *map(len, parts)])  # (N + 1,): sequence i is ids[starts[i] : starts[i + 1]]
        self.labels = None if labels is None else np.asarray(labels)
        self.source = source

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(N,)."""
        return np.diff(self.starts)

    def batch(self, rows: Any) -> SequenceBatch:
        """Sequences by index array or slice -> ids (B, T) and lengths (B,), fresh arrays."""
        chosen = np.arange(len(self))[rows]
        starts, lengths = self.starts[chosen], self.lengths[chosen]
        steps = np.arange(lengths.max(initial=0))
        inside = steps < lengths[:, np.newaxis]  # (B, T)
        places = np.where(inside, starts[:, np.newaxis] + steps, 0)
        return SequenceBatch(np.where(inside, self.ids[places], 0), lengths)
