"""What follows a product in a compiled step: the sums below dW = xᵀ da, and the squares of both, piece by piece."""

import numpy as np
import pytest
from numba import config

from npvae.kernels.epilogues import SUM_BELOW, plain_at
from npvae.kernels.matmul.products import most_pieces
from npvae.kernels.team.jobs import WORTH_SHARING, do_product, factors
from npvae.kernels.team.pieces import FACTORS, product_of
from npvae.kernels.team.team import Team

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="pieces exist compiled only")
SHAPES = [(1, 1, 1), (5, 3, 2), (7, 130, 9), (90, 70, 65), (331, 200, 130), (784, 400, 128), (20, 700, 600)]


def sums_below(x, da, threads=1):
    """dW (I, O), db (O,), and the squares of each piece, for x (N, I) and da (N, O)."""
    I, O = x.shape[1], da.shape[1]
    dW, db, squares = np.empty((I, O), np.float32), np.empty(O, np.float32), np.zeros(most_pieces(I, O), np.float32)
    plan = factors(x, da, dW, True, False)
    plan[FACTORS.then], plan[FACTORS.second] = plain_at.address, SUM_BELOW
    plan[FACTORS.first], plan[FACTORS.third] = db.ctypes.data, squares.ctypes.data
    team = Team(threads)
    team.run(do_product, product_of.address, plan, WORTH_SHARING)
    team.stop()
    return dW, db, squares


def drawn(I, O, N):
    rng = np.random.default_rng(I)
    return rng.standard_normal((N, I), np.float32), rng.standard_normal((N, O), np.float32)


@pytest.mark.parametrize(("I", "O", "N"), SHAPES)
def test_sums_and_squares_are_those_of_the_whole_and_the_same_for_any_number_of_threads(I, O, N):
    x, da = drawn(I, O, N)
    dW, db, squares = sums_below(x, da)
    np.testing.assert_allclose(dW, x.T.astype(float) @ da, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(db, da.sum(axis=0, dtype=float), rtol=1e-4, atol=1e-3)
    wanted = np.square(dW, dtype=float).sum() + np.square(db, dtype=float).sum()
    assert squares.sum(dtype=float) == pytest.approx(wanted, rel=1e-5)
    for again in sums_below(x, da, threads=2)[2], sums_below(x, da, threads=2)[2]:
        np.testing.assert_array_equal(again, squares)


@pytest.mark.parametrize(("I", "O", "N"), SHAPES[1:])
@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e25])
def test_one_row_of_dW_that_cannot_be_squared_is_seen(I, O, N, poison):
    x, da = drawn(I, O, N)
    for i in {0, I // 3, I - 1}:
        corrupted = x.copy()
        corrupted[N // 2, i] = poison
        with np.errstate(all="ignore"):
            assert not np.isfinite(sums_below(corrupted, da)[2].sum(dtype=float))


@pytest.mark.parametrize(("I", "O", "N"), SHAPES[1:])
@pytest.mark.parametrize("large", [1e20, 1e25])
def test_one_entry_of_db_that_cannot_be_squared_is_seen_though_dW_is_zero(I, O, N, large):
    x, da = drawn(I, O, N)
    for o in {0, O // 3, O - 1}:
        da[:, o] = large
        dW, _, squares = sums_below(0 * x, da)
        assert not dW.any()
        assert np.isinf(squares.sum(dtype=float))
        da[:, o] = 1
