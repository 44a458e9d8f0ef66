"""Which sparse matrices a kernel takes: those whose every entry lies inside. Others go to the reference."""

import numpy as np


def lies_inside(indptr: np.ndarray, indices: np.ndarray, columns: int) -> bool:
    """True if rows follow each other from the first entry to the last, and every entry has one of the columns."""
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        return False
    return len(indices) == 0 or bool(indices.min() >= 0 and indices.max() < columns)


def whole_numbers(*arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays as kernels are compiled for them: int64, one entry after the other."""
    return [np.ascontiguousarray(array, np.int64) for array in arrays]
