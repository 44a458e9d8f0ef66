"""Products touch nothing beside their arrays: each ends, or begins, at a page that may be neither read nor written.

A wrong read gives the right result: what lies there is multiplied, and not written. So only the page can tell, and who
touches it ends with its process. The test runs this file in a process of its own; `main` is what it does there.
"""

import ctypes
import mmap
import subprocess
import sys
from functools import cache
from itertools import product
from types import FunctionType

import numba
import numpy as np
import pytest
from numba import carray, config

from npvae.kernels.matmul import products
from npvae.kernels.matmul.products import NEAR, OFTEN, PACK_FROM, ROWS, pieces_of, room_for
from npvae.kernels.multiply import by_lists
from npvae.kernels.team.atomics import floats_at

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="tiles exist compiled only"),
    pytest.mark.skipif(sys.platform == "win32", reason="pages are guarded by another function there"),
]

HEIGHTS = 1, ROWS + 1, PACK_FROM - 1, PACK_FROM + ROWS + 2  # the last in pieces of few rows, if k is large
WIDTHS = 1, 5, 64, 71, 130  # the last in an odd number of strips, of which one is cut in two
LENGTHS = 1, NEAR + 2, OFTEN * NEAR + 3, 2001  # k


def test_products_touch_nothing_beside_their_arrays():
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert done.returncode == 0, f"ended with {done.returncode} at {done.stdout.splitlines()[-1:]}:\n{done.stderr}"


keep = []  # the regions, which nothing else refers to


@cache
def pages(which):
    """The address of the first page that may be touched, and how many bytes may be: one region for each name."""
    size, page = 2**20, mmap.PAGESIZE
    region = mmap.mmap(-1, size + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(region))
    for guard in (start, start + page + size):
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0) == 0
    keep.append(region)
    return start + page, size


def guarded(which, values, at_end):
    """The values in a region, at its end or its beginning."""
    start, size = pages(which)
    address = start + size - values.nbytes if at_end else start
    array = np.ctypeslib.as_array((ctypes.c_float * values.size).from_address(address)).reshape(values.shape)
    array[...] = values
    return array


def piece_with_a_guarded_room():
    """`product_piece`, whose packed strip and sums kept apart lie in a region too."""
    start, size = pages("room")
    end = start + size

    def guarded_room(k, width):
        n = room_for(k, width).size
        return carray(floats_at(end - 4 * (n - 1)), n)  # of its LINE spare numbers all but the last are lost

    def compiled_with(kernel, **others):
        return numba.njit(FunctionType(kernel.py_func.__code__, vars(products) | others), error_model="numpy")

    return compiled_with(products.product_piece, block=compiled_with(products.block, room_for=numba.njit(guarded_room)))


def main():
    """Multiply at every size, in every layout; say which before each."""
    rng, piece_of = np.random.default_rng(0), piece_with_a_guarded_room()
    for M, N, K, at_end in product(HEIGHTS, WIDTHS, LENGTHS, (True, False)):
        a, b = rng.random((M, K), np.float32), rng.random((K, N), np.float32)
        wanted = a.astype(float) @ b
        for a_turned, b_turned in ((False, False), (True, False), (False, True)):
            print(M, N, K, a_turned, b_turned, at_end, flush=True)
            x, y = guarded("a", a.T if a_turned else a, at_end), guarded("b", b.T if b_turned else b, at_end)
            out = guarded("out", np.full((M, N), np.nan, np.float32), at_end)
            steps = (1, M) if a_turned else (K, 1)
            for piece in range(pieces_of(M, N, K)):
                piece_of(piece, out.ctypes.data, x.ctypes.data, y.ctypes.data, M, N, K, *steps, b_turned)
            np.testing.assert_allclose(out, wanted, rtol=1e-4)
            if not b_turned and min(M, K) > 1:
                print("by lists", flush=True)
                x *= rng.random((K, 1) if a_turned else K) < 0.5
                sparse = x.T if a_turned else x
                if by_lists(sparse, y, out):
                    np.testing.assert_allclose(out, sparse.astype(float) @ y, rtol=1e-4, atol=1e-6)


if __name__ == "__main__":
    main()
