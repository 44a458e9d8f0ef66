"""Matrix products."""

import numpy as np


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out (M, N) = a (M, K) @ b (K, N)."""
    return np.matmul(a, b, out=out)
