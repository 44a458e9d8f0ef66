"""Two hidden communities: their probabilities are probabilities, and the sum over sides is the sum over sides."""

from itertools import combinations, product

import numpy as np
import pytest

from npvae.data.communities import BETWEEN, INSIDE, log_p_of_communities, make_communities


def test_probabilities_of_all_graphs_of_four_vertices_add_up_to_1():
    every = np.array(list(product((0, 1), repeat=6)))
    np.testing.assert_allclose(np.exp(log_p_of_communities(every, vertices=4)).sum(), 1, rtol=1e-13)


def test_log_p_is_the_mean_over_all_sides_of_every_vertex():
    """Written out, coin by coin, with opposite sides counted twice."""
    x, _ = make_communities(3, np.random.default_rng(0), vertices=5)
    for graph, log_p in zip(x, log_p_of_communities(x, vertices=5), strict=True):
        total = 0.0
        for side in product((0, 1), repeat=5):
            p = 1.0
            for edge, (a, b) in zip(graph, combinations(range(5), 2), strict=True):
                one = INSIDE if side[a] == side[b] else BETWEEN
                p *= one if edge else 1 - one
            total += p / 2**5
        np.testing.assert_allclose(log_p, np.log(total), rtol=1e-12)


def test_every_edge_alone_has_the_same_probability():
    x, sides = make_communities(40_000, np.random.default_rng(1))
    np.testing.assert_allclose(x.mean(axis=0), (INSIDE + BETWEEN) / 2, atol=0.015)
    same = sides[:, 0] == sides[:, 1]
    np.testing.assert_allclose([x[same, 0].mean(), x[~same, 0].mean()], [INSIDE, BETWEEN], atol=0.015)


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"x has shape \(2, 27\), expected \(N, 28\): the pairs of 8 vertices"):
        log_p_of_communities(np.zeros((2, 27)))
