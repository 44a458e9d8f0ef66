"""All pairs as a job of the team: what the reference computes, the same bits for any threads, without N x N memory."""

import tracemalloc

import numpy as np
import pytest

from npvae import kernels, ops
from npvae.kernels.graph import pair_jobs
from npvae.kernels.team import pools

pytestmark = pytest.mark.skipif(pools.PRODUCTS != "tiles", reason="here the caller computes alone")


@pytest.fixture
def of_any_size(monkeypatch):
    """Jobs from one vertex on, in small tiles and few pieces, so that the longest have several rows of tiles."""
    monkeypatch.setattr(pools, "SHARED_FROM", 0)
    monkeypatch.setattr(pair_jobs, "ROWS", 8)
    monkeypatch.setattr(pair_jobs, "COLUMNS", 40)
    monkeypatch.setattr(pair_jobs, "PIECES", 5)


def graph_of(N, L):
    rng = np.random.default_rng(N)
    pairs = ops.normalise_adjacency(rng.integers(0, N, (2 * N, 2)), N)
    return pairs[:2], (rng.standard_normal((N, L)) / np.sqrt(L)).astype(np.float32)


def by_threads(edges, z, dnll):
    """Value and gradient with one thread, two and three."""
    before, results = pools.team.threads, []
    try:
        for threads in (1, 2, 3):
            pools.team.resize(threads)
            nll, cache = kernels.inner_product_nll_forward(*edges, z, 20.0)
            results.append((nll, kernels.inner_product_nll_backward(dnll, cache)))
    finally:
        pools.team.resize(before)
    return results


def check(N, L, equal):
    edges, z = graph_of(N, L)
    assert pair_jobs.suits(z)
    dnll = np.full(N, 0.3, np.float32) if equal else np.random.default_rng(1).standard_normal(N).astype(np.float32)
    wanted, cache = ops.inner_product_nll_forward(*edges, z.astype(float), 20.0)
    dwanted = ops.inner_product_nll_backward(dnll.astype(float), cache)
    results = by_threads(edges, z, dnll)
    nll, dz = results[0]
    np.testing.assert_allclose(nll, wanted, rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(dz, dwanted, rtol=2e-5, atol=2e-5 * np.abs(dwanted).max())
    assert len({nll.tobytes() + dz.tobytes() for nll, dz in results}) == 1


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize(("N", "L"), [(1, 5), (7, 1), (8, 16), (9, 17), (41, 70), (48, 7), (150, 8), (150, 33)])
@pytest.mark.usefixtures("of_any_size")
def test_it_is_the_reference_and_the_same_bits_for_any_number_of_threads(N, L, equal):
    check(N, L, equal)


@pytest.mark.parametrize("N", [700, 1601])  # as many pieces as there are rows of tiles; fewer
def test_so_it_is_in_tiles_of_the_usual_size(N):
    check(N, 16, False)


@pytest.mark.usefixtures("of_any_size")
def test_room_that_held_something_else_is_not_added():
    (indptr, indices), z = graph_of(100, 5)
    wanted = kernels.inner_product_nll_forward(indptr, indices, z)
    filled = lambda shape, dtype: np.full(shape, 7, dtype)  # noqa: E731
    found = kernels.inner_product_nll_forward(indptr, indices, z, new=filled)
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(
        *(kernels.inner_product_nll_backward(np.ones(100, np.float32), c) for _, c in (found, wanted))
    )


def test_there_are_no_more_pieces_for_a_larger_graph():
    edges, z = graph_of(3_000, 4)
    tracemalloc.start()
    kernels.inner_product_nll_forward(*edges, z)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * pair_jobs.PIECES * z.nbytes < z.itemsize * len(z) ** 2 / 10


@pytest.mark.usefixtures("of_any_size")
def test_nan_and_infinity_are_seen():
    edges, z = graph_of(60, 3)
    z[17, 1] = np.nan
    nll, cache = kernels.inner_product_nll_forward(*edges, z)
    assert np.isnan(nll).all()
    assert np.isnan(kernels.inner_product_nll_backward(np.ones(60, np.float32), cache)).all()
