"""Truths about the ops of graphs: dense matrices, permutations, rotations, small graphs counted out, PyTorch."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy import sparse

from npvae import ops

N, L = 150, 3  # more than two blocks of rows, and no multiple of one


def graph(seed=0, N=N, edges=400):
    """Edges (E, 2) of a random graph without loops; the last vertex has none."""
    drawn = np.random.default_rng(seed).integers(0, N - 1, (edges, 2))
    return drawn[drawn[:, 0] != drawn[:, 1]]


def dense(S, N):
    """The matrix of a CSR, by SciPy."""
    return sparse.csr_array((S.values, S.indices, S.indptr), shape=(len(S.indptr) - 1, N)).toarray()


def softplus(s):
    return np.logaddexp(0, s)


def dense_nll(z, target, weight):
    """-log p of every pair, N x N."""
    s = z @ z.T
    return np.where(target > 0, weight * softplus(-s), softplus(s))


def slopes(z, pairs, weight, dnll):
    nll, cache = ops.inner_product_nll_forward(pairs.indptr, pairs.indices, z, weight)
    return nll, ops.inner_product_nll_backward(dnll, cache)


# sparse_matmul, gcn, normalised_adjacency


def test_sparse_products_are_the_dense_ones():
    rng = np.random.default_rng(0)
    S = ops.normalise_adjacency(graph(), N)
    values = rng.standard_normal(len(S.values))  # no longer symmetric
    D, x, dy = dense(S._replace(values=values), N), rng.standard_normal((N, 7)), rng.standard_normal((N, 7))
    y, cache = ops.sparse_matmul_forward(S.indptr, S.indices, values, x)
    dvalues, dx = ops.sparse_matmul_backward(dy, cache)
    np.testing.assert_allclose(y, D @ x, atol=1e-12)
    np.testing.assert_allclose(dx, D.T @ dy, atol=1e-12)
    row = np.repeat(np.arange(N), np.diff(S.indptr))
    np.testing.assert_allclose(dvalues, (dy @ x.T)[row, S.indices], atol=1e-12)


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 4), (4, 7)])  # W first, S first
def test_a_graph_convolution_is_three_dense_matrices(inputs, outputs):
    rng = np.random.default_rng(1)
    S = ops.normalise_adjacency(graph(), N)
    D, x, W = dense(S, N), rng.standard_normal((N, inputs)), rng.standard_normal((inputs, outputs))
    dy = rng.standard_normal((N, outputs))
    y, cache = ops.gcn_forward(*S, x, W)
    dx, dW = ops.gcn_backward(dy, cache)
    np.testing.assert_allclose(y, D @ x @ W, atol=1e-12)
    np.testing.assert_allclose(dx, D.T @ dy @ W.T, atol=1e-12)
    np.testing.assert_allclose(dW, x.T @ D.T @ dy, atol=1e-12)


def test_the_normalised_adjacency_is_symmetric_with_eigenvalues_up_to_1():
    edges = graph()
    S = ops.normalise_adjacency(edges, N)
    D = dense(S, N)
    np.testing.assert_array_equal(D, D.T)
    eigenvalues, degree = np.linalg.eigvalsh(D), np.diff(S.indptr)
    assert eigenvalues[0] > -1
    np.testing.assert_allclose(eigenvalues[-1], 1)
    np.testing.assert_allclose(D @ np.sqrt(degree), np.sqrt(degree))  # the eigenvector of 1
    for same in (edges[::-1], edges[:, ::-1], np.concatenate([edges, edges[:9]])):
        assert all(np.array_equal(a, b) for a, b in zip(S, ops.normalise_adjacency(same, N), strict=True))


def test_a_vertex_without_edges_keeps_what_it_has():
    S = ops.normalise_adjacency(graph(), N)
    np.testing.assert_array_equal(dense(S, N)[-1], np.eye(N)[-1])


def test_a_regular_graph_takes_plain_means():
    ring = np.stack([np.arange(N), (np.arange(N) + 1) % N], axis=1)
    x = np.random.default_rng(0).standard_normal((N, 2))
    y, _ = ops.sparse_matmul_forward(*ops.normalise_adjacency(ring, N), x)
    np.testing.assert_allclose(y, (np.roll(x, 1, axis=0) + x + np.roll(x, -1, axis=0)) / 3, atol=1e-14)


@pytest.mark.parametrize(
    ("edges", "message"),
    [(np.array([[0, 4]]), "name vertices 0 to 4 of 4"), (np.array([0, 1]), r"shape \(2,\), expected \(E, 2\)")],
)
def test_edges_that_are_none_are_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        ops.normalise_adjacency(edges, 4)


# inner_product_nll


@pytest.mark.parametrize("weight", [1.0, 7.5])
def test_the_cost_of_all_pairs_is_the_dense_one(weight):
    rng = np.random.default_rng(2)
    pairs, z, dnll = ops.normalise_adjacency(graph(), N), rng.standard_normal((N, L)), rng.standard_normal(N)
    target = dense(pairs, N) > 0
    nll, dz = slopes(z, pairs, weight, dnll)
    np.testing.assert_allclose(nll, dense_nll(z, target, weight).sum(axis=1), rtol=1e-12)
    p = 1 / (1 + np.exp(-(z @ z.T)))
    ds = dnll[:, np.newaxis] * np.where(target, weight * (p - 1), p)
    np.testing.assert_allclose(dz, (ds + ds.T) @ z, atol=1e-11)


def test_weight_1_is_the_plain_mean_over_all_pairs_and_the_diagonal():
    pairs, z = ops.normalise_adjacency(graph(), N), np.random.default_rng(3).standard_normal((N, L))
    p = 1 / (1 + np.exp(-(z @ z.T)))
    wanted = -np.where(dense(pairs, N) > 0, np.log(p), np.log1p(-p)).mean()
    np.testing.assert_allclose(slopes(z, pairs, 1.0, np.ones(N))[0].sum() / N**2, wanted, rtol=1e-12)


def test_probabilities_of_all_graphs_of_three_vertices_add_up_to_1():
    """512 sets of ordered pairs, loops among them: each is a set of coins that fell so."""
    z, total = np.random.default_rng(4).standard_normal((3, 2)), 0.0
    for coins in product((0, 1), repeat=9):
        S = sparse.csr_array(np.array(coins).reshape(3, 3))
        total += np.exp(-ops.inner_product_nll_forward(S.indptr, S.indices, z)[0].sum())
    np.testing.assert_allclose(total, 1, rtol=1e-12)


def test_permuted_vertices_permute_everything_and_leave_the_loss():
    rng = np.random.default_rng(5)
    edges, z, dnll, order = graph(), rng.standard_normal((N, L)), rng.standard_normal(N), rng.permutation(N)
    nll, dz = slopes(z, ops.normalise_adjacency(edges, N), 5.0, dnll)
    to = np.argsort(order)  # vertex n is called to[n] now
    nll_p, dz_p = slopes(z[order], ops.normalise_adjacency(to[edges], N), 5.0, dnll[order])
    np.testing.assert_allclose(nll_p, nll[order], rtol=1e-12)
    np.testing.assert_allclose(dz_p, dz[order], atol=1e-11)


def test_a_rotation_of_z_leaves_the_loss_and_rotates_its_gradient():
    rng = np.random.default_rng(6)
    pairs, z, dnll = ops.normalise_adjacency(graph(), N), rng.standard_normal((N, L)), rng.standard_normal(N)
    Q, _ = np.linalg.qr(rng.standard_normal((L, L)))
    nll, dz = slopes(z, pairs, 5.0, dnll)
    nll_q, dz_q = slopes(z @ Q, pairs, 5.0, dnll)
    np.testing.assert_allclose(nll_q, nll, rtol=1e-12)
    np.testing.assert_allclose(dz_q, dz @ Q, atol=1e-11)


def test_of_a_complete_graph_equal_points_are_pushed_along_themselves_alone():
    pairs = ops.normalise_adjacency(np.array(list(combinations(range(9), 2))), 9)
    z = np.tile(np.random.default_rng(7).standard_normal(L), (9, 1))
    _, dz = slopes(z, pairs, 1.0, np.ones(9))
    s = z[0] @ z[0]
    np.testing.assert_allclose(dz, -2 * 9 / (1 + np.exp(s)) * z, rtol=1e-12)  # to s = infinity, and to no side


def test_two_cliques_drift_apart_for_ever():
    """Their optimum is at infinity: along the way the loss only falls, to zero."""
    cliques = np.array([pair for first in (0, 4) for pair in combinations(range(first, first + 4), 2)])
    pairs = ops.normalise_adjacency(cliques, 8)
    side = np.repeat([1.0, -1.0], 4)[:, np.newaxis]
    losses = [slopes(far * side, pairs, 1.0, np.ones(8))[0].sum() for far in (0, 0.5, 1, 2, 4, 6)]
    assert losses == sorted(losses, reverse=True)
    np.testing.assert_allclose(losses[0], 64 * np.log(2))
    assert losses[-1] < 1e-10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_that_are_far_away_cost_what_they_cost(dtype):
    pairs = ops.normalise_adjacency(np.array([[0, 1]]), 3)
    z = np.array([[100.0], [-100.0], [100.0]], dtype)
    nll, dz = slopes(z, pairs, 2.0, np.ones(3, dtype))
    np.testing.assert_array_equal(nll, [2e4 + 1e4, 2e4, 1e4])  # an edge between -s = 1e4, none between s = 1e4
    assert nll.dtype == dz.dtype == dtype
    np.testing.assert_array_equal(dz[:, 0], [4 * 100 + 2 * 100, -4 * 100, 2 * 100])


def test_all_shifts_together_are_all_pairs():
    """The estimate is unbiased, value and gradient: its mean over every shift is the exact page."""
    rng = np.random.default_rng(8)
    pairs, z, dnll = ops.normalise_adjacency(graph(), N), rng.standard_normal((N, L)), rng.standard_normal(N)
    nll, dz = slopes(z, pairs, 5.0, dnll)
    values, gradients = [], []
    for shift in range(N):
        value, cache = ops.sampled_inner_product_nll_forward(*pairs[:2], np.array([shift]), z, 5.0)
        values.append(value)
        gradients.append(ops.sampled_inner_product_nll_backward(dnll, cache))
    np.testing.assert_allclose(np.mean(values, axis=0), nll, rtol=1e-12)
    np.testing.assert_allclose(np.mean(gradients, axis=0), dz, atol=1e-11)
    assert np.std(values, axis=0).min() > 0.1  # and a single one is an estimate


def test_graphs_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    S = ops.normalise_adjacency(graph(), N)
    x, W, dnll = (rng.standard_normal(shape) for shape in ((N, 5), (5, L), (N,)))
    D = torch.from_numpy(dense(S, N))
    tx, tW = torch.from_numpy(x).requires_grad_(), torch.from_numpy(W).requires_grad_()
    tz = torch.relu(D @ tx @ tW)
    pos_weight = torch.tensor(5.0, dtype=torch.float64)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        tz @ tz.T, (D > 0).double(), reduction="none", pos_weight=pos_weight
    )
    (loss.sum(dim=1) * torch.from_numpy(dnll)).sum().backward()
    a, gcn_cache = ops.gcn_forward(*S, x, W)
    z, relu_cache = ops.relu_forward(a)
    nll, nll_cache = ops.inner_product_nll_forward(S.indptr, S.indices, z, 5.0)
    da = ops.relu_backward(ops.inner_product_nll_backward(dnll, nll_cache), relu_cache)
    dx, dW = ops.gcn_backward(da, gcn_cache)
    np.testing.assert_allclose(nll, loss.detach().sum(dim=1).numpy(), rtol=1e-12)
    for found, wanted in ((dx, tx.grad), (dW, tW.grad)):
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-12 * float(wanted.abs().max()))
