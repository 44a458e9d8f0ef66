"""Products that skip zeros have the bits of those that do not, and skip nothing where that would change one."""

import ctypes
from types import FunctionType

import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numba import config

from npvae.kernels import multiply as rule
from npvae.kernels import zeros
from npvae.kernels.matmul.products import K_ACROSS, K_BLOCK, ROWS
from npvae.kernels.matmul.shape import SHAPES
from npvae.kernels.multiply import by_lists, multiply
from npvae.kernels.team import pools
from npvae.kernels.team.jobs import factors, product
from npvae.kernels.team.pieces import FACTORS
from npvae.kernels.team.team import Team
from npvae.kernels.zeros import FOUND, LOOKS, MOST_NEEDED, SIZE, needed

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="tiles exist compiled only")

ONE, THREE = Team(1), Team(3)


@pytest.fixture(autouse=True)
def tiles(monkeypatch):
    monkeypatch.setattr(pools, "PRODUCTS", "tiles")
    monkeypatch.setattr(pools, "team", ONE)


def sparse(rng, rows, k, share):
    """Mostly zeros, some of them -0, numbers of all sizes between, denormals among them."""
    x = rng.standard_normal((rows, k)) * 10.0 ** rng.integers(-44, 3, (rows, k))
    x = np.where(rng.random((rows, k)) < share, x, 0.0).astype(np.float32)
    x[rng.random((rows, k)) < 0.01] = -0.0
    return x


def assert_same_bits(found, wanted):
    np.testing.assert_array_equal(found.view(np.int32), wanted.view(np.int32))


def dense(a, b):
    out = np.empty((len(a), b.shape[1]), np.float32)
    ONE.run(product, np.ascontiguousarray(a), b, out, False, False)
    return out


def needed_of_all(a):
    """Which share of the k a block of rows needs, over all blocks."""
    return np.mean([a[i : i + ROWS].any(axis=0) for i in range(0, len(a), ROWS)])


@given(
    M=st.integers(1, 150),
    K=st.sampled_from([1, 2, 37, K_ACROSS, K_ACROSS + 22, K_BLOCK - 1, K_BLOCK, K_BLOCK + 1, 2 * K_BLOCK + 5]),
    N=st.sampled_from([1, 7, 8, 9, 16, 20, 33, 64, 65, 130]),
    share=st.sampled_from([0.0, 0.01, 0.05]),
    turned=st.booleans(),
    threads=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**31),
)
def test_skipping_zeros_changes_no_bit(fenced, M, K, N, share, turned, threads, seed):
    rng = np.random.default_rng(seed)
    a, b = sparse(rng, M, K, share), sparse(rng, K, N, 0.9)
    out, check = fenced((M, N))
    pools.team = ONE if threads == 1 else THREE
    assume(needed_of_all(a) <= MOST_NEEDED)  # of the smallest a chance may leave nothing to skip
    assert by_lists(np.asfortranarray(a) if turned and min(M, K) > 1 else a, b, out)
    check()
    assert_same_bits(out, dense(a, b))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("what", "column"), [(np.nan, 7), (np.inf, 40), (-np.inf, 399)], ids=["nan", "inf, second vector", "-inf, last"]
)
def test_what_is_not_finite_in_b_reaches_every_row_because_zero_times_it_is_nan(what, column, turned):
    rng = np.random.default_rng(0)
    a, b = sparse(rng, 200, 300, 0.05), rng.standard_normal((300, 400), np.float32)
    a[:, 100] = 0  # a column of zeros, which no list contains
    b[100, column] = what
    a = np.asfortranarray(a) if turned else a
    out = np.empty((200, 400), np.float32)
    assert by_lists(a, b, out)
    assert_same_bits(out, dense(a, b))
    assert np.isnan(out[:, column]).all()
    assert np.isfinite(np.delete(out, column, axis=1)).all()


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_a_is_no_zero(what):
    rng = np.random.default_rng(0)
    a, b = sparse(rng, 50, 300, 0.02), rng.standard_normal((300, 40), np.float32)
    a[17, 100] = what
    out = np.empty((50, 40), np.float32)
    assert by_lists(a, b, out)
    assert_same_bits(out, dense(a, b))
    assert not np.isfinite(out[17]).any()
    assert np.isfinite(np.delete(out, 17, axis=0)).all()


@pytest.mark.parametrize("turned", [False, True])
def test_a_block_that_needs_every_k_leaves_the_next_lists_alone_whoever_makes_them_first(turned):
    rows, k = 20 * ROWS, 40
    a = np.ones((rows, k), np.float32, order="F" if turned else "C")
    plan = np.zeros(SIZE, np.int64)
    plan[: len(FACTORS)] = factors(a.T if turned else a, a, np.empty((rows, 8), np.float32), turned, False)
    lists, counts = np.full((20, k + 1), -1), np.full(20, -1)
    plan[FOUND.lists], plan[FOUND.counts] = lists.ctypes.data, counts.ctypes.data
    look = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(needed.address)
    for piece in reversed(range(LOOKS)):
        look(plan.ctypes.data, piece)
    np.testing.assert_array_equal(lists[:, :k], np.tile(np.arange(k), (20, 1)))
    np.testing.assert_array_equal(counts, k)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("lanes", [shape.lanes for shape in SHAPES.values()])
def test_lists_are_right_for_vectors_of_any_width(monkeypatch, lanes, turned):
    """The narrowest have fewer numbers than a block has rows."""
    rows, k, width = 3 * ROWS + 5, 2 * K_BLOCK + 5, K_ACROSS if turned else K_BLOCK
    a = sparse(np.random.default_rng(0), rows, k, 0.05)
    a[5 : ROWS + 2] = 0  # the last row of a block, and rows of the next
    a[5, 3] = a[ROWS - 1, 4] = 1
    plan = np.zeros(SIZE, np.int64)
    x = np.ascontiguousarray(a.T) if turned else a
    plan[: len(FACTORS)] = factors(x, a, np.empty((rows, 8), np.float32), turned, False)
    lists, counts = np.full((4, k + 1), -1), np.full((4, -(-k // width)), -1)
    plan[FOUND.lists], plan[FOUND.counts] = lists.ctypes.data, counts.ctypes.data
    monkeypatch.setattr(zeros, "LANES", lanes)
    look = numba.njit(FunctionType(zeros.list_rows.__code__, vars(zeros) | {"LANES": lanes}))
    for block in reversed(range(4)):
        look(block, plan)
        for i, k0 in enumerate(range(0, k, width)):
            found = lists[block, k0 : k0 + counts[block, i]]
            part = a[block * ROWS : (block + 1) * ROWS, k0 : k0 + width]
            np.testing.assert_array_equal(found, np.flatnonzero(part.any(axis=0)))


def test_a_product_that_underflows_to_minus_zero_is_zero_either_way():
    a, b = np.zeros((6, 8), np.float32), np.ones((8, 16), np.float32)
    a[0, 3], b[3] = -1e-30, 1e-30
    out = np.empty((6, 16), np.float32)
    assert by_lists(a, b, out)
    for found in (out, dense(a, b)):
        assert not np.signbit(found).any()
        assert not found.any()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("share", "columns", "skips"),
    [(0.02, 400, True), (0.1, 400, True), (0.3, 400, False), (1.0, 400, False), (0.1, 128, False)],
    ids=["2 %", "10 %", "30 %", "dense", "few columns, for which a list costs more than it saves"],
)
def test_zeros_are_skipped_where_that_pays(monkeypatch, share, columns, skips, turned):
    rng, jobs = np.random.default_rng(0), []
    a, b = sparse(rng, 128, 784, share), rng.standard_normal((784, columns), np.float32)
    monkeypatch.setattr(ONE, "run", lambda job, *arguments: [jobs.append(job), Team.run(ONE, job, *arguments)][1])
    out = np.empty((128, columns), np.float32)
    multiply(np.asfortranarray(a) if turned else a, b, out)
    assert (product in jobs) != skips
    np.testing.assert_allclose(out, a @ b, rtol=1e-4, atol=1e-3)


def test_small_products_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(rule, "mostly_zeros", lambda x: pytest.fail("looked"))
    a, b = np.zeros((100, 100), np.float32), np.ones((100, 200), np.float32)
    multiply(a, b, np.empty((100, 200), np.float32))
    with pytest.raises(pytest.fail.Exception, match="looked"):
        multiply(np.zeros((512, 784), np.float32), np.ones((784, 400), np.float32), np.empty((512, 400), np.float32))


def test_a_step_on_data_of_zeros_has_the_bits_of_a_step_that_does_not_skip(monkeypatch):
    import npvae
    from npvae.steps import Step

    rng, results = np.random.default_rng(0), []
    x = sparse(rng, 128, 784, 0.05) > 0
    for looks in (True, False):
        if not looks:
            monkeypatch.setattr(rule, "mostly_zeros", lambda x: False)
        vae = npvae.VAE(784)
        step = Step(vae, 128)
        loss, trace = step.forward(x.astype(np.float32), vae.draw_eps(128, np.random.default_rng(1)))
        results.append((loss, step.backward(trace).flat.copy()))
    assert results[0][0] == results[1][0]
    assert_same_bits(results[0][1], results[1][1])
