"""Own matrix products against float64: every remainder of the tiles, any layout, any number of threads."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from npvae.kernels.matmul import products
from npvae.kernels.matmul.products import ROWS
from npvae.kernels.multiply import multiply
from npvae.kernels.team import pools
from npvae.kernels.team.jobs import product as team_product
from npvae.kernels.team.team import Team

compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="tiles exist compiled only")


@pytest.fixture(scope="session")
def computed_by_tiles(fenced):
    """The product a @ b for a = x or x.T and b = y or y.T, as `kind` says; nothing around it is written to."""

    def compute(kind, x, y, team):
        rows = x.shape[1] if kind == "TN" else x.shape[0]
        columns = y.shape[0] if kind == "NT" else y.shape[1]
        out, check = fenced((rows, columns))
        team.run(team_product, x, y, out, kind == "TN", kind == "NT")
        check()
        return out

    return compute


def exact(kind, x, y):
    a, b = (x.T if kind == "TN" else x), (y.T if kind == "NT" else y)
    return a.astype(np.float64) @ b, np.abs(a).astype(np.float64) @ np.abs(b)


def factors(kind, M, K, N, rng):
    x = rng.standard_normal((K, M) if kind == "TN" else (M, K), dtype=np.float32)
    y = rng.standard_normal((N, K) if kind == "NT" else (K, N), dtype=np.float32)
    return x, y


def assert_within_rounding(kind, x, y, out):
    """Each fused multiply-add rounds once: |error| <= K eps / 2 * sum |a| |b|, and no entry was left out."""
    wanted, size = exact(kind, x, y)
    K = x.shape[0] if kind == "TN" else x.shape[1]
    bound = (K + 4) * np.finfo(out.dtype).eps / 2 * size
    assert (np.abs(out - wanted) <= bound).all()


@compiled
@pytest.mark.parametrize("kind", ["NN", "TN", "NT"])
def test_every_remainder_of_the_tile(computed_by_tiles, kind):
    rng, team = np.random.default_rng(0), Team(1)
    columns = (1, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 130)
    for M, N, K in product(range(1, 2 * ROWS + 2), columns, (1, 2, 3, 4, 5, 40)):
        x, y = factors(kind, M, K, N, rng)
        assert_within_rounding(kind, x, y, computed_by_tiles(kind, x, y, team))


@compiled
@given(
    kind=st.sampled_from(["NN", "TN", "NT"]),
    M=st.integers(1, 400),
    K=st.integers(1, 400),
    N=st.integers(1, 400),
    seed=st.integers(0, 2**31),
)
def test_sizes_of_all_kinds_are_exact_and_bitwise_the_same_for_one_thread_and_three(
    computed_by_tiles, kind, M, K, N, seed
):
    x, y = factors(kind, M, K, N, np.random.default_rng(seed))
    alone, shared = computed_by_tiles(kind, x, y, ONE), computed_by_tiles(kind, x, y, THREE)
    assert_within_rounding(kind, x, y, alone)
    np.testing.assert_array_equal(alone, shared)


ONE, THREE = Team(1), Team(3)


@compiled
@pytest.mark.parametrize("kind", ["NN", "TN", "NT"])
def test_every_entry_is_one_chain_of_fused_multiply_adds_in_the_order_of_k(computed_by_tiles, kind):
    """So bits depend on no width, tile, packing or thread. In double precision a product is exact, and so is the sum
    of one this small and a total of its size, so that the chain can be followed there.
    """
    rng = np.random.default_rng(3)
    few = (20, products.NEAR + 5, 70), (20, products.OFTEN * products.NEAR + 3, 70)
    for M, K, N in ((13, 7, 37), (40, products.K_BLOCK + 3, 5), *few):
        x, y = (rng.integers(-(2**14), 2**14, a.shape).astype(np.float32) for a in factors(kind, M, K, N, rng))
        a, b = (x.T if kind == "TN" else x), (y.T if kind == "NT" else y)
        total = np.zeros((M, N))
        for k in range(K):
            total = (total + np.outer(a[:, k].astype(float), b[k].astype(float))).astype(np.float32).astype(float)
        assert np.abs(total).max() > 2**24  # beyond, float32 rounds
        np.testing.assert_array_equal(computed_by_tiles(kind, x, y, ONE), total)


@compiled
@pytest.mark.parametrize("kind", ["NN", "TN", "NT"])
@pytest.mark.parametrize("N", [5, 64, 70, 784])
def test_rows_are_the_same_among_few_and_among_many(computed_by_tiles, kind, N):
    """Few rows go through b block by block as it lies, and keep their sums apart; for many it is packed."""
    most, rng = 2 * products.PACK_FROM, np.random.default_rng(4)
    for K, some in product(
        (20, 3 * products.NEAR, products.OFTEN * products.NEAR + 30), (1, 2, 20, products.PACK_FROM - 1)
    ):
        x, y = factors(kind, most, K, N, rng)
        start = most - some  # the rows below are the first that could be written to by mistake
        part = np.ascontiguousarray(x[:, start:]) if kind == "TN" else x[start:]
        wanted = computed_by_tiles(kind, x, y, ONE)[start:]
        for team in (ONE, THREE):
            np.testing.assert_array_equal(computed_by_tiles(kind, part, y, team), wanted)


@compiled
@pytest.mark.parametrize("M", [20, products.PACK_FROM + 4])
@pytest.mark.parametrize("a_turned", [False, True])
def test_a_product_that_is_added_continues_the_chains_of_what_is_there(M, a_turned):
    K, N, rng = (products.OFTEN + 1) * products.NEAR + 3, 70, np.random.default_rng(5)
    a, b = rng.standard_normal((M, K), np.float32), rng.standard_normal((K, N), np.float32)
    x, steps = (np.ascontiguousarray(a.T), (1, M)) if a_turned else (a, (K, 1))
    wanted, found = np.empty((2, M, N), np.float32)
    one_more = np.hstack([np.ones((M, 1), np.float32), a]), np.vstack([np.full((1, N), 0.1, np.float32), b])
    ONE.run(team_product, *one_more, wanted, False, False)
    found[:] = np.float32(0.1)
    products.add_product(found.ctypes.data, x.ctypes.data, b.ctypes.data, M, N, K, *steps)
    np.testing.assert_array_equal(found, wanted)


@compiled
@pytest.mark.parametrize("K", [products.K_BLOCK + 300, 2 * products.K_BLOCK + 5])
@pytest.mark.parametrize("kind", ["NN", "TN", "NT"])
def test_more_k_than_a_block_and_many_pieces(computed_by_tiles, kind, K):
    """K beyond K_BLOCK continues the sums that out holds, with another tile's sums in the registers before."""
    M, N = 163, 330
    x, y = factors(kind, M, K, N, np.random.default_rng(1))
    assert products.pieces_of(M, N, K) > 4
    alone = computed_by_tiles(kind, x, y, ONE)
    assert_within_rounding(kind, x, y, alone)
    for _ in range(20):
        np.testing.assert_array_equal(alone, computed_by_tiles(kind, x, y, THREE))


@compiled
@pytest.mark.parametrize("kind", ["NN", "TN", "NT"])
def test_nan_and_infinity_reach_their_rows_and_columns_and_no_others(computed_by_tiles, kind):
    x, y = factors(kind, 13, 21, 37, np.random.default_rng(2))
    (x.T if kind == "TN" else x)[4, 3] = np.nan
    (y.T if kind == "NT" else y)[5, 36] = np.inf
    out = computed_by_tiles(kind, x, y, ONE)
    with np.errstate(invalid="ignore"):
        wanted = exact(kind, x, y)[0]
    np.testing.assert_array_equal(np.isnan(out), np.isnan(wanted))
    np.testing.assert_array_equal(np.isinf(out), np.isinf(wanted))


@pytest.mark.parametrize("products_by", ["tiles", "blas"])
@given(
    M=st.sampled_from([0, 1, 2, 7, 70]),
    K=st.sampled_from([0, 1, 17, 48, 49, 70]),
    N=st.sampled_from([0, 1, 16, 50, 200]),
    dtype=st.sampled_from([np.float32, np.float64]),
    layouts=st.tuples(*[st.sampled_from(["C", "F", "strided"])] * 2),
    seed=st.integers(0, 2**31),
)
def test_multiply_takes_any_size_layout_and_dtype(laid_out, products_by, M, K, N, dtype, layouts, seed):
    rng = np.random.default_rng(seed)
    a, b = laid_out(rng.standard_normal((M, K)).astype(dtype), layouts[0]), rng.standard_normal((K, N)).astype(dtype)
    b, out = laid_out(b, layouts[1]), np.full((M, N), np.nan, dtype)
    before = pools.PRODUCTS
    pools.PRODUCTS = "blas" if config.DISABLE_JIT else products_by
    try:
        assert multiply(a, b, out) is out
    finally:
        pools.PRODUCTS = before
    assert_within_rounding("NN", a, b, out)


@compiled
@pytest.mark.parametrize("layouts", list(product(["C", "F", "strided"], repeat=2)), ids="-".join)
def test_large_products_of_contiguous_factors_are_by_tiles_and_right(monkeypatch, laid_out, layouts):
    rng, jobs = np.random.default_rng(0), []
    a, b = rng.standard_normal((70, 69), np.float32), rng.standard_normal((69, 200), np.float32)

    def note(job, *arguments):
        jobs.append(job)
        ONE.run(job, *arguments)

    monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    monkeypatch.setattr(pools.team, "run", note)
    out = np.full((70, 200), np.nan, np.float32)
    assert multiply(laid_out(a, layouts[0]), laid_out(b, layouts[1]), out) is out
    assert_within_rounding("NN", a, b, out)
    assert jobs == ([] if "strided" in layouts else [team_product])


@compiled
def test_small_products_and_vectors_are_left_to_blas_and_no_others(monkeypatch):
    done = []
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    monkeypatch.setattr(pools.team, "run", lambda job, *arguments: done.append(job))
    for M, K, N, by_tiles in ((64, 64, 64, False), (64, 64, 65, True), (1, 1000, 1000, False), (2, 1000, 1000, True)):
        done.clear()
        a, b, out = (np.zeros(shape, np.float32) for shape in ((M, K), (K, N), (M, N)))
        multiply(a, b, out)
        assert bool(done) == by_tiles


@pytest.mark.parametrize(("bits", "wanted"), [(512, "tiles"), (256, "tiles"), (128, "blas")])
def test_tiles_are_chosen_by_the_width_of_the_vectors(monkeypatch, bits, wanted):
    monkeypatch.delenv("NPVAE_PRODUCTS", raising=False)
    monkeypatch.setattr(pools, "BITS", bits)
    assert pools.choose() == ("blas" if config.DISABLE_JIT else wanted)


def test_the_environment_overrides_the_choice_and_is_checked(monkeypatch):
    for choice in ("blas", "tiles"):
        monkeypatch.setenv("NPVAE_PRODUCTS", choice)
        assert pools.choose() == ("blas" if config.DISABLE_JIT else choice)
    monkeypatch.setenv("NPVAE_PRODUCTS", "mkl")
    with pytest.raises(ValueError, match="NPVAE_PRODUCTS is 'mkl' in the environment, expected 'blas' or 'tiles'"):
        pools.choose()
