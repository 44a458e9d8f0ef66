"""What tests of compiled code share: a fence around what it writes to, and arrays in any memory layout."""

import numpy as np
import pytest

FENCE = 64  # numbers on either side


@pytest.fixture(scope="session")
def fenced():
    """A function: shape -> a C-contiguous array of NaN inside a larger one, and a check that nothing else changed."""

    def make(shape):
        size = int(np.prod(shape))
        whole = np.full(size + 2 * FENCE, np.float32(7e7))
        whole[FENCE : FENCE + size] = np.nan

        def check():
            assert (whole[:FENCE] == 7e7).all()
            assert (whole[-FENCE:] == 7e7).all()

        return whole[FENCE : FENCE + size].reshape(shape), check

    return make


@pytest.fixture(scope="session")
def laid_out():
    """A function: array, layout -> the same numbers in another memory layout."""

    def lay(a, layout):
        if a.ndim == 0:
            return a
        if layout == "F":
            return np.asfortranarray(a)
        if layout == "strided":
            return np.repeat(a, 2, axis=-1)[..., ::2]
        if layout == "reversed":
            return a[::-1].copy()[::-1]
        if layout == "offset":  # aligned to its own size and no more
            raw = np.empty(a.size + 1, a.dtype)
            raw[1:] = a.ravel()
            return raw[1:].reshape(a.shape)
        return np.ascontiguousarray(a)

    return lay
