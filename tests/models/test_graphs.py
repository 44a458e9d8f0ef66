"""Models of one graph: permutations, PyTorch, the sample of pairs, missing edges, and what is refused."""

from itertools import combinations

import numpy as np
import pytest

from npvae.data import Graph, split_links
from npvae.data.links import distinct_edges, keys_of
from npvae.models import VAE, GraphAutoencoder, GraphVAE
from npvae.models.links import area_under_curve, average_precision
from npvae.training.evaluate import evaluate
from npvae.training.processes import Processes

V, F = 20, 4


@pytest.fixture
def graph():
    """Two clusters of ten with a few edges between them; the last vertex has none."""
    rng = np.random.default_rng(0)
    pairs = np.array([(a, b) for a, b in combinations(range(V - 1), 2)])
    inside = (pairs[:, 0] < 10) == (pairs[:, 1] < 10)
    edges = pairs[rng.random(len(pairs)) < np.where(inside, 0.7, 0.05)]
    return Graph(edges, V, rng.standard_normal((V, F)))


def model_of(kind, graph, **settings):
    return kind(*graph.sample_shape, hidden_dim=5, latent_dim=3, dtype="float64", **settings)


@pytest.mark.parametrize("kind", [GraphVAE, GraphAutoencoder])
def test_permuted_vertices_permute_the_points_and_leave_the_loss(graph, kind):
    rng = np.random.default_rng(1)
    order, model = rng.permutation(V), model_of(kind, graph)
    permuted = Graph(np.argsort(order)[graph.edges], V, graph.features[order])
    eps = model.draw_eps(1, rng)
    loss, trace = model.forward(graph, eps)
    loss_p, trace_p = model.forward(permuted, None if eps is None else eps[order])
    np.testing.assert_allclose(loss_p, loss, rtol=1e-12)
    np.testing.assert_allclose(trace_p.nll, trace.nll[order], rtol=1e-12)
    np.testing.assert_allclose(model.points(permuted), model.points(graph)[order], atol=1e-13)
    grads = model.backward(model.forward(graph, eps)[1]).flat.copy()
    np.testing.assert_allclose(model.backward(trace_p).flat, grads, atol=1e-12)


def test_without_features_every_vertex_has_an_input_of_its_own(graph):
    bare, one_hot = Graph(graph.edges, V), Graph(graph.edges, V, np.eye(V))
    a, b = model_of(GraphAutoencoder, bare), model_of(GraphAutoencoder, one_hot)
    assert a.params.shapes == b.params.shapes
    np.testing.assert_allclose(a.forward(bare)[0], b.forward(one_hot)[0], rtol=1e-13)


def test_the_whole_model_agrees_with_pytorch(graph):
    """The published code's loss, times V: weighted mean over V * V pairs with the diagonal, KL over V twice."""
    torch = pytest.importorskip("torch")
    model, rng = model_of(GraphVAE, graph), np.random.default_rng(2)
    eps = model.draw_eps(1, rng)
    loss, trace = model.forward(graph, eps)
    grads = model.backward(trace)
    A = np.zeros((V, V))
    A[graph.edges[:, 0], graph.edges[:, 1]] = A[graph.edges[:, 1], graph.edges[:, 0]] = 1
    target, degree = A + np.eye(V), (A + np.eye(V)).sum(axis=1)
    S, target, x, noise = map(
        torch.from_numpy, (target / np.sqrt(np.outer(degree, degree)), target, graph.features, eps)
    )
    W0, W1 = (torch.from_numpy(model.params[f"encoder.{i}.W"].copy()).requires_grad_() for i in range(2))
    head = S @ (torch.relu(S @ x @ W0) @ W1)
    mu, logvar = head[:, :3], head[:, 3:]
    z = mu + torch.exp(logvar / 2) * noise
    pos_weight = torch.tensor((V * V - A.sum()) / A.sum(), dtype=torch.float64)
    norm = V * V / (2 * (V * V - A.sum()))
    bce = torch.nn.functional.binary_cross_entropy_with_logits(z @ z.T, target, pos_weight=pos_weight)
    kl = 0.5 / V * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1).mean()
    wanted = V * (norm * bce + kl)
    wanted.backward()
    np.testing.assert_allclose(loss, float(wanted.detach()), rtol=1e-12)
    for i, W in enumerate((W0, W1)):
        np.testing.assert_allclose(grads[f"encoder.{i}.W"], W.grad.numpy(), atol=1e-11)


@pytest.mark.parametrize("kind", [GraphVAE, GraphAutoencoder])
def test_the_gradient_over_a_sample_of_pairs_is_unbiased(graph, kind):
    """Its mean over all shifts is the gradient over all pairs, for the same noise of the points."""
    model, rng = model_of(kind, graph, shifts=1), np.random.default_rng(3)
    eps = model.draw_eps(1, rng)
    all_pairs = eps[:, :-1] if kind is GraphVAE else None
    loss, trace = model.forward(graph, all_pairs)
    wanted, losses, gradients = model.backward(trace).flat.copy(), [], []
    for shift in range(V):
        eps[0, -1] = shift
        sampled, trace = model.forward(graph, eps)
        losses.append(sampled)
        gradients.append(model.backward(trace).flat.copy())
    np.testing.assert_allclose(np.mean(losses), loss, rtol=1e-12)
    np.testing.assert_allclose(np.mean(gradients, axis=0), wanted, atol=1e-12)
    assert np.ptp(losses) > 1e-3


def test_shifts_are_drawn_from_all_there_are(graph):
    model = model_of(GraphAutoencoder, graph, shifts=3)
    drawn = np.concatenate([model.draw_eps(1, np.random.default_rng(seed))[:, 0] for seed in range(100)])
    assert set(drawn) == {-1, *range(V)}
    assert (drawn >= 0).sum() == 300


def test_missing_edges_are_the_most_probable_of_those_that_are_not_there(graph, monkeypatch):
    monkeypatch.setattr("npvae.models.graphs.ROWS", 3)
    model = model_of(GraphVAE, graph)
    pairs, probability = model.missing_edges(graph, 12)
    z, taken = model.points(graph), keys_of(distinct_edges(graph), V)
    everything = np.array(list(combinations(range(V), 2)))
    rest = everything[~np.isin(keys_of(everything, V), taken)]
    p = 1 / (1 + np.exp(-(z @ z.T)[rest[:, 0], rest[:, 1]]))
    np.testing.assert_allclose(probability, np.sort(p)[::-1][:12], rtol=1e-12)
    np.testing.assert_allclose(model.edge_probabilities(graph, pairs), probability)
    assert not np.isin(keys_of(pairs, V), taken).any()
    assert len(model.missing_edges(graph, 1000)[0]) == len(rest)


def test_auc_and_ap_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    for spread in (1.0, 0.0):
        edges, others = np.round(rng.normal(spread, 1, 90), 1), np.round(rng.normal(0, 1, 110), 1)  # with ties
        truth, scores = np.repeat([1, 0], [90, 110]), np.concatenate([edges, others])
        np.testing.assert_allclose(area_under_curve(edges, others), metrics.roc_auc_score(truth, scores))
        np.testing.assert_allclose(average_precision(edges, others), metrics.average_precision_score(truth, scores))


def test_held_out_links_are_scored_at_the_graph_that_is_seen(graph):
    split = split_links(graph, 0)
    model = model_of(GraphVAE, graph)
    blind = model.held_out(split.test)
    told = model.held_out(type(split.test)(graph, split.test.edges, split.test.non_edges))
    assert blind["nll"] != told["nll"]
    np.testing.assert_array_equal(model.points(split.test), model.points(split.train))


def test_evaluated_terms_add_up_to_the_loss(graph):
    """Whatever one loss is the mean of: samples, several draws of each, the vertices of a graph."""
    x = np.random.default_rng(6).random((7, 5))
    for model, data in (
        (model_of(GraphVAE, graph), graph),
        (VAE(5, (4,), 2, dtype="float64"), x),
        (VAE(5, (4,), 2, samples=3, dtype="float64"), x),
    ):
        found = evaluate(model, data, np.random.default_rng(0), batch_size=4)
        np.testing.assert_allclose(found["nll"] + found["kl"], found["loss"], rtol=1e-12)


def test_several_processes_do_not_share_one_graph(graph):
    together = Processes()
    together.size = 2
    with pytest.raises(ValueError, match="one graph is one sample, which 2 processes cannot share"):
        together.check_model(model_of(GraphVAE, graph))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vertices": 1}, "vertices is 1, expected at least 2"),
        ({"vertices": 2**24}, "expected fewer than 16777216"),
        ({"edge_weight": 0}, "edge_weight is 0, expected None"),
        ({"shifts": -1}, "shifts is -1, expected at least 0"),
        ({"activation": "sine"}, "activation 'sine' is unknown"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GraphAutoencoder(**{"vertices": 5} | settings)


def test_an_objective_of_several_draws_is_refused():
    with pytest.raises(ValueError, match="objective 'iwae' is not for one graph, choose one of elbo, free_bits"):
        GraphVAE(5, objective="iwae")


def test_another_graph_is_refused(graph):
    model = model_of(GraphVAE, graph)
    with pytest.raises(ValueError, match=r"the graph is \(V, F\) = \(20, 0\), expected \(20, 4\)"):
        model.encode(Graph(graph.edges, V))
    with pytest.raises(ValueError, match="x is a ndarray, expected a graph"):
        model.encode(np.zeros((V, F)))
    with pytest.raises(ValueError, match="a GraphVAE decodes pairs"):
        model.sample(3, np.random.default_rng(0))
