"""What the reproductions rest on: a training that goes on bit for bit, and the likelihood of the Frey Faces papers."""

import sys
from pathlib import Path

import numpy as np
import pytest

import npvae

REPRODUCTIONS = Path(__file__).parents[2] / "benchmarks" / "reproduce"


@pytest.fixture(scope="module", autouse=True)
def _reproductions_can_be_imported():
    sys.path.insert(0, str(REPRODUCTIONS))
    yield
    sys.path.remove(str(REPRODUCTIONS))


def start(path, seed=0, lr=1e-3):
    from resumable import Training

    vae = npvae.VAE(64, (8,), 2, objective="iwae", samples=2, seed=0, backend="numpy")
    return Training.open(path, vae, npvae.Adam(vae.params, lr=lr, backend="numpy"), seed)


def test_a_training_that_was_stopped_ends_with_the_same_bits(tmp_path):
    x = npvae.load_dataset("digits")[0][:300]
    whole = start(tmp_path / "whole.npz")
    losses = [whole.run_epoch(x, 64, binarize=True, weight_decay=1e-3) for _ in range(3)]
    stopped = start(tmp_path / "stopped.npz")
    assert stopped.run_epoch(x, 64, binarize=True, weight_decay=1e-3) == losses[0]
    stopped.rows.append({"epoch": 1})
    stopped.save()
    again = start(tmp_path / "stopped.npz")
    assert (again.epoch, again.rows) == (1, [{"epoch": 1}])
    assert [again.run_epoch(x, 64, binarize=True, weight_decay=1e-3) for _ in range(2)] == losses[1:]
    np.testing.assert_array_equal(again.model.params.flat, whole.model.params.flat)
    assert [path.name for path in tmp_path.iterdir()] == ["stopped.npz"]


def test_a_file_begun_with_other_settings_is_refused(tmp_path):
    start(tmp_path / "a.npz").save()
    with pytest.raises(ValueError, match=r"was begun with another lr, seed: choose another --out"):
        start(tmp_path / "a.npz", seed=1, lr=1e-2)


def test_binarised_pixels_are_ones_as_often_as_they_are_bright():
    from resumable import binarized

    grey = np.full((20_000, 3), [0.0, 0.3, 1.0], np.float32)
    found = binarized(grey, np.random.default_rng(0))
    assert found.dtype == np.float32
    assert set(np.unique(found)) == {0, 1}
    np.testing.assert_allclose(found.mean(axis=0), [0, 0.3, 1], atol=0.02)


def test_burdas_schedule_is_the_one_of_the_paper():
    from burda import last_epoch, learning_rate, network

    rates = [learning_rate(stage) * 1e4 for stage in range(1, 9)]
    np.testing.assert_allclose(rates, [10, 7.2, 5.2, 3.7, 2.7, 1.9, 1.4, 1.0])
    assert [last_epoch(stage) for stage in range(1, 9)] == [1, 4, 13, 40, 121, 364, 1093, 3280]
    vae = network(5, 0, np.linspace(0, 1, 784))
    assert (vae.objective, vae.samples, vae.hidden, vae.latent_dim) == ("iwae", 5, (200, 200), 50)
    p = vae.likelihood.mean(vae.ops, vae.params["decoder.2.b"][np.newaxis])[0]
    np.testing.assert_allclose(p, np.clip(np.linspace(0, 1, 784), 0.001, 0.999), atol=1e-6)
    for name, limit in (("encoder.0.W", (6 / 984) ** 0.5), ("encoder.2.W", (6 / 250) ** 0.5)):
        largest = np.abs(vae.params[name]).max()
        assert 0.98 * limit < largest <= limit


def test_the_static_schedule_drops_twice():
    from static_mnist import learning_rate

    found = [learning_rate(epoch) / 1e-4 for epoch in (0, 199, 200, 349, 350, 499)]
    np.testing.assert_allclose(found, [1, 1, 10**-0.2, 10**-0.2, 10**-0.4, 10**-0.4])


def test_the_gaussian_with_a_sigmoid_has_the_right_gradient_and_density():
    from sigmoid_gaussian import SigmoidGaussian, check_gradient

    assert check_gradient() < 1e-7
    grid = np.linspace(-15, 15, 20_001)[:, np.newaxis]
    output = np.tile([0.7, 0.4], (len(grid), 1))  # logit of the mean, log-variance
    likelihood = SigmoidGaussian(1)
    nll, _ = likelihood.forward(npvae.ops, output, grid, {})
    density = np.exp(-nll) * (grid[1, 0] - grid[0, 0])
    assert density.sum() == pytest.approx(1, abs=1e-9)
    assert (density * grid[:, 0]).sum() == pytest.approx(1 / (1 + np.exp(-0.7)), abs=1e-9)
    assert likelihood.mean(npvae.ops, output)[0, 0] == pytest.approx(1 / (1 + np.exp(-0.7)))


def test_a_training_that_is_finished_is_kept_and_one_without_time_is_left(tmp_path, capsys):
    from beside_torch import finished_trainings, show
    from resumable import Clock

    calls = []
    who = {name: lambda seed, name=name: (calls.append((name, seed)), ([9.0, 8.0 + seed], [1.0]))[1] for name in "ab"}
    first = finished_trainings(tmp_path, who, [1], 2, Clock(None))
    again = finished_trainings(tmp_path, who, [1, 2], 2, Clock(None))
    assert calls == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert first.items() <= again.items()
    assert finished_trainings(tmp_path, who, [1, 2, 3], 2, Clock(0)) == again
    capsys.readouterr()
    show({name: [again[f"{name} {seed}"]["losses"] for seed in (1, 2)] for name in "ab"}, {"before": {2: 7.5}}, 2)
    *_, last_epoch, difference, _ = capsys.readouterr().out.splitlines()
    assert last_epoch.split() == ["2", "9.50", "±", "0.71", "9.50", "±", "0.71", "7.50"]
    assert difference == "last epoch: npvae less PyTorch +0.00 ± 0.71 nats"


class Ticks:
    """A clock that is over after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def over(self):
        self.looks -= 1
        return self.looks < 0


def test_a_run_that_the_clock_ends_or_a_kill_goes_on_with_the_same_bits(tmp_path):
    from resumable import trained

    def new():
        return npvae.VAE(64, (8,), 2, seed=0, backend="numpy")

    x, options = npvae.load_dataset("digits")[0][:300], {"chunk": 2, "batch_size": 64, "seed": 3}
    whole = trained(tmp_path / "whole", new, x, 5, Ticks(9), **options)
    uninterrupted = npvae.train(new(), x, epochs=5, batch_size=64, seed=3, progress=False)
    np.testing.assert_array_equal(whole.params.flat, uninterrupted.params.flat)
    assert trained(tmp_path / "none", new, x, 5, Ticks(0), **options) is None
    assert trained(tmp_path / "run", new, x, 5, Ticks(2), **options) is None
    assert len(npvae.load(tmp_path / "run").history) == 4
    kept = (tmp_path / "run" / "checkpoint.npz").read_bytes()
    assert trained(tmp_path / "run", new, x, 5, Ticks(9), **options) is not None
    (tmp_path / "run" / "checkpoint.npz").write_bytes(kept)  # as if killed before the checkpoint of the last epoch
    again = trained(tmp_path / "run", new, x, 5, Ticks(9), **options)
    np.testing.assert_array_equal(again.params.flat, whole.params.flat)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.json").write_text("{", encoding="utf-8")
    begun = trained(tmp_path / "begun", new, x, 5, Ticks(9), **options)
    np.testing.assert_array_equal(begun.params.flat, whole.params.flat)


def test_the_links_of_papers_go_on_where_they_were_stopped(tmp_path, monkeypatch, capsys):
    import cora

    from npvae.data import Graph

    rng = np.random.default_rng(0)
    graph = Graph(rng.integers(0, 40, (90, 2)), 40, rng.random((40, 5)))
    monkeypatch.setattr(cora, "load_graph", lambda *_: graph)
    options = ["--splits", "2", "--epochs", "3", "--models", "graph_vae"]
    assert cora.main([*options, "--out", str(tmp_path / "a"), "--minutes", "1e-9"]) == 0
    assert "4 trainings are still to be done; the same command goes on" in capsys.readouterr().out
    assert cora.main([*options, "--out", str(tmp_path / "a")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert sum(row.startswith("graph_vae") for row in rows) == 2
    monkeypatch.setattr(cora, "run", None)  # nothing is computed again
    assert cora.main([*options, "--out", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.splitlines() == rows


def test_the_price_of_collapse_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    import communities

    monkeypatch.setattr(communities, "WAYS", {"both": [("free_bits", 1, 1e-3), ("elbo", 1, 1e-3)]})
    x = communities.make_communities(200, np.random.default_rng(0))[0].astype(np.float32)
    whole = communities.run("both", x, x[:20], 0, tmp_path / "whole", Ticks(9), (8,))
    assert communities.run("both", x, x[:20], 0, tmp_path / "run", Ticks(1), (8,)) is None
    assert communities.run("both", x, x[:20], 0, tmp_path / "run", Ticks(9), (8,))[:2] == whole[:2]
    by_hand = npvae.VAE(x.shape[1], (8,), communities.L, free_bits=0.5, seed=0)
    for phase, objective in enumerate(("free_bits", "elbo")):
        by_hand.objective = objective
        npvae.train(by_hand, x, epochs=1, lr=1e-3, seed=1000 * phase, progress=False)
    assert npvae.load(tmp_path / "run" / "phase-1").params.flat.tobytes() == by_hand.params.flat.tobytes()
    monkeypatch.setattr(communities, "HIDDEN", (8,))
    options = ["--quick", "--out", str(tmp_path / "c"), "--ways", "0"]
    assert communities.main([*options, "--minutes", "1e-9"]) == 0
    assert "1 trainings are still to be done" in capsys.readouterr().out
    assert communities.main(options) == 0
    assert "\nboth" in capsys.readouterr().out
