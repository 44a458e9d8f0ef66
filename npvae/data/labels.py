"""Labels as people keep them: numbers, names, columns, one-hot rows. Only models that look at labels insist on them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Labels(NamedTuple):
    """Labels 0, 1, 2 ... of N samples, and their names if they have some."""

    numbers: np.ndarray | None  # (N,) int64; None if they cannot be read
    names: tuple[str, ...] | None
    why_not: str  # why they cannot be read, or empty


def read_labels(labels: npt.ArrayLike, count: int) -> Labels:
    """Labels of `count` samples, of any form that means one label each.

    (N,) or (N, 1) whole numbers, whatever their dtype; (N,) names; (N, C) rows with a single 1.
    """
    array = np.asarray(labels)
    column = array.reshape(len(array)) if array.ndim == 2 and array.shape[1] == 1 else array
    if column.shape == (count,):
        if column.dtype.kind in "biu":
            return Labels(column.astype(np.int64), None, "")
        if column.dtype.kind == "f" and (np.abs(column) < 2**53).all() and (column == np.rint(column)).all():
            return Labels(column.astype(np.int64), None, "")
        if column.dtype.kind in "US" or (column.dtype == object and all(isinstance(name, str) for name in column)):
            texts = np.char.decode(column, "utf-8", "replace") if column.dtype.kind == "S" else column.astype(str)
            names, numbers = np.unique(texts, return_inverse=True)
            return Labels(numbers.astype(np.int64), tuple(names.tolist()), "")
    if array.ndim == 2 and len(array) == count and array.dtype.kind in "biuf":
        one_hot = np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()
        if one_hot:
            return Labels(array.argmax(axis=1).astype(np.int64), None, "")
    found = f"labels are {array.dtype} of shape {array.shape}"
    return Labels(None, None, f"{found}, expected one per sample, ({count},): whole numbers, names, or one-hot rows")
