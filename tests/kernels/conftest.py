"""What tests of compiled code share: a fence around what it writes to."""

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
