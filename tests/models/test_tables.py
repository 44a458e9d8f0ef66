"""A new objective or likelihood is one file and one row: it trains, is checked, resumes, and is in the help."""

import numpy as np
import pytest

import npvae
from npvae.cli import main
from npvae.gradcheck import check_model
from npvae.models import LIKELIHOODS, OBJECTIVES
from npvae.models.likelihoods import Likelihood, Row
from npvae.models.objectives import Objective
from npvae.models.small import small


def root_forward(model, ops, kl, mu, logvar):
    """Counted: the root of the mean of kl."""
    root = (float(kl.sum()) / len(kl)) ** 0.5
    return root, root


def root_backward(model, ops, dkl, kl_cache, root):
    dmu, dlogvar = ops.gaussian_kl_backward(dkl / dkl.dtype.type(2 * root), kl_cache)
    return dmu, dlogvar


class Doubled(Likelihood):
    """Twice the squared error: a Gaussian of variance one quarter, less its constant."""

    name = "doubled"

    def forward(self, ops, output, x, params):
        nll, cache = ops.squared_error_forward(output, x)
        return 4 * nll, cache

    def backward(self, ops, dnll, cache, grads):
        doutput = ops.squared_error_backward(4 * dnll, cache)
        return doutput

    def mean(self, ops, output):
        return output.copy()

    def sample(self, ops, output, params, rng):
        return output + rng.standard_normal(output.shape, dtype=output.dtype) / 2


TOYS = {
    "objective": ("root", OBJECTIVES, Objective("the root of the mean KL", "loss = nll + beta · √kl",
                                                root_forward, root_backward, bends_the_mean=True)),
    "likelihood": ("doubled", LIKELIHOODS, Row(lambda settings: Doubled())),
}  # fmt: skip


@pytest.fixture(params=TOYS)
def toy(request, monkeypatch):
    """("objective", "root") or ("likelihood", "doubled"), with its row in the table."""
    name, table, row = TOYS[request.param]
    monkeypatch.setitem(table, name, row)
    return request.param, name


def test_its_gradient_is_checked_like_any_other(toy):
    what, name = toy
    model, x, eps = small("vae", np.random.default_rng(0), **{what: name})
    report = check_model(model, x, eps)
    assert report, report


def test_it_trains_and_resumes_from_python(toy, tmp_path):
    what, name = toy
    x = np.random.default_rng(0).random((40, 6), np.float32)
    whole = npvae.VAE(6, (5,), 2, **{what: name})
    npvae.train(whole, x, epochs=4, batch_size=10, progress=False)
    part = npvae.VAE(6, (5,), 2, **{what: name})
    npvae.train(part, x, epochs=2, batch_size=10, out=tmp_path / "run", progress=False)
    resumed = npvae.resume(tmp_path / "run", x, epochs=4, progress=False)
    np.testing.assert_array_equal(resumed.params.flat, whole.params.flat)
    assert whole.history[-1]["train_loss"] < whole.history[0]["train_loss"]
    assert npvae.load(tmp_path / "run").config[what] == name


def test_the_command_line_knows_it(toy, tmp_path, monkeypatch, capsys):
    what, name = toy
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert name in capsys.readouterr().out
    options = ["--epochs", "1", "--hidden", "4", "--no-figures", "--quiet", "--out", "r"]
    assert main(["train", f"--{what}", name, *options]) == 0
    assert npvae.load("r").config[what] == name
