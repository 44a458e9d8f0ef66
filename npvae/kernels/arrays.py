"""Which arrays a kernel takes: float32 or float64, all of one dtype. Others go to the reference."""

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def one_float_dtype(first: np.ndarray, *others: np.ndarray) -> bool:
    """True if all arrays are float32, or all float64, in the machine's byte order."""
    return first.dtype in FLOATS and all(array.dtype == first.dtype for array in others)
