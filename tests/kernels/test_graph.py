"""The cost of all pairs in several tiles, without an array of all pairs; what is no matrix goes to the reference."""

import sys
import tracemalloc

import numpy as np
import pytest

from npvae import kernels, ops
from npvae.kernels.graph import pairs as pairs_of_points

N, L = 150, 5


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    """Nineteen rows of tiles, with up to four beyond the diagonal: what 2,500 vertices would need."""
    monkeypatch.setattr(pairs_of_points, "ROWS", 8)
    monkeypatch.setattr(pairs_of_points, "COLUMNS", 40)
    monkeypatch.setattr(sys.modules["npvae.ops.inner_product_nll"], "ROWS", 8)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return ops.normalise_adjacency(rng.integers(0, N, (400, 2)), N)


def both(op, arguments, dnll):
    """Value and gradient, by the kernel and by the reference."""
    for room in (kernels, ops):
        nll, cache = getattr(room, f"{op}_forward")(*arguments)
        yield nll, getattr(room, f"{op}_backward")(dnll, cache)


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_tiles_make_up_the_whole(pairs, equal, dtype, rtol):
    rng = np.random.default_rng(1)
    z = rng.standard_normal((N, L)).astype(dtype)
    dnll = np.full(N, 0.3, dtype) if equal else rng.standard_normal(N).astype(dtype)
    (nll, dz), (wanted, dwanted) = both("inner_product_nll", (*pairs[:2], z, 20.0), dnll)
    np.testing.assert_allclose(nll, wanted, rtol=rtol)
    np.testing.assert_allclose(dz, dwanted, rtol=rtol, atol=rtol * np.abs(dwanted).max())


@pytest.mark.parametrize("room", [kernels, ops])
@pytest.mark.parametrize("op", ["inner_product_nll", "sampled_inner_product_nll"])
def test_no_array_of_all_pairs_is_made(room, op):
    N, rng = 600, np.random.default_rng(2)
    pairs = ops.normalise_adjacency(rng.integers(0, N, (N, 2)), N)
    z, dnll = rng.standard_normal((N, L)), np.linspace(0, 1, N)
    shifts = [np.array([3, 70])] * op.startswith("sampled")
    forward, backward = (getattr(room, f"{op}_{direction}") for direction in ("forward", "backward"))
    backward(dnll, forward(*pairs[:2], *shifts, z)[1])  # compiled
    tracemalloc.start()
    backward(dnll, forward(*pairs[:2], *shifts, z)[1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < N * N * z.itemsize / 2


@pytest.mark.parametrize("column", [4, -5])
def test_an_entry_outside_of_the_matrix_is_refused_and_not_read(column):
    indptr, indices, values = np.array([0, 1, 1, 1, 1]), np.array([column]), np.ones(1)
    x = np.ones((4, 2))
    for call in (
        lambda: kernels.sparse_matmul_forward(indptr, indices, values, x),
        lambda: kernels.gcn_forward(indptr, indices, values, x, x.T @ x),
        lambda: kernels.inner_product_nll_forward(indptr, indices, x),
        lambda: kernels.sampled_inner_product_nll_forward(indptr, indices, np.array([1]), x),
    ):
        with pytest.raises(IndexError):
            call()


def test_entries_that_are_not_needed_are_not_computed(pairs):
    x = np.random.default_rng(3).standard_normal((N, L))
    for room in (kernels, ops):
        _, cache = room.sparse_matmul_forward(*pairs, x)
        dvalues, dx = room.sparse_matmul_backward(x, cache, needs_dvalues=False)
        assert dvalues is None
        np.testing.assert_allclose(dx, room.sparse_matmul_forward(*pairs, x)[0], atol=1e-13)  # S is symmetric
