"""A history is a list that draws itself."""

import json
import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure

import npvae
from npvae.training import History
from npvae.training.state import mean_of


@pytest.fixture(scope="module")
def history(x):
    return npvae.train(npvae.VAE(12, (7,), 2, backend="numpy"), x[:30], x[30:], epochs=8, progress=False).history


def test_it_is_a_list_of_rows(history):
    assert isinstance(history, History)
    assert isinstance(history, list)
    assert json.loads(json.dumps(history)) == history == pickle.loads(pickle.dumps(history))
    assert history.interrupted == ""


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_the_loss_is_nll_and_beta_times_kl(x, backend):
    model = npvae.VAE(12, (7,), 2, beta=4.0, backend=backend)
    for row in npvae.train(model, x[:30], x[30:], epochs=2, progress=False).history:
        for part in ("train", "test"):
            loss = row[f"{part}_nll"] + 4 * row[f"{part}_kl"]
            assert row[f"{part}_loss"] == pytest.approx(loss, rel=1e-5)
            assert row[f"{part}_kl"] < row[f"{part}_nll"]


def test_it_plots_itself(history):
    assert isinstance(history.plot(), Figure)
    assert history.plot().axes[0].get_title(loc="left") == "loss = nll + beta · kl"
    with pytest.raises(ValueError, match="history is empty"):
        History().plot()


def test_a_notebook_shows_curves_and_the_last_rows(history):
    html = history._repr_html_()
    assert html.startswith('<img src="data:image/png;base64,iVBORw0KGgo')
    assert html.count("<tr>") == 1 + 5
    assert "<th>epoch</th><th>train_loss</th><th>test_loss</th><th>seconds</th>" in html
    last = history[-1]
    assert f"<tr><td>8</td><td>{last['train_loss']:.3f}</td><td>{last['test_loss']:.3f}</td>" in html
    assert "<td>3</td>" not in html
    assert History()._repr_html_() == "<p>No epoch has been finished yet.</p>"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_of_an_epoch_are_numpys_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    for size in [1, 7, 8, 100, 127, 128, 250, 1000] * 20:
        values = (100 * rng.standard_normal(size)).astype(dtype)
        assert mean_of(values) == float(values.mean())
    broken = np.array([1, np.nan], dtype)
    assert np.isnan(mean_of(broken))
