"""Which arrays a kernel takes: float32 or float64, all of one dtype. Others go to the reference."""

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def one_float_dtype(first: np.ndarray, *others: np.ndarray) -> bool:
    """True if all arrays are float32, or all float64, in the machine's byte order."""
    dtype = first.dtype
    if dtype not in FLOATS:
        return False
    for array in others:  # a loop: `all` over a generator takes twice as long, which a small model feels
        if array.dtype != dtype:
            return False
    return True
