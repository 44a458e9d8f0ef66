"""A learned variance starts at the data's when training sees them first, and nowhere else than was said."""

import json

import numpy as np
import pytest

import npvae
from npvae.models.variance_start import start_variance_at_data

RNG = np.random.default_rng(0)
X = (0.05 * RNG.standard_normal((400, 6)) * np.array([1, 2, 3, 4, 5, 6]) + 0.3).astype(np.float32)
LEARNED = ("gaussian_scalar", "gaussian_pixel", "gaussian_decoder")


def vae(likelihood, **settings):
    return npvae.VAE(6, (8,), 2, likelihood=likelihood, backend="numpy", **settings)


def variance_in_force(model, x):
    """The variance that samples of p(x|z) have around their mean."""
    output = np.repeat(model.decoder_output(np.zeros((1, 2))), 40_000, axis=0)
    drawn = model.likelihood.sample(model.ops, output, model.params, np.random.default_rng(1))
    return drawn.var(axis=0)


@pytest.mark.parametrize("floor", [None, -7.0])
@pytest.mark.parametrize("likelihood", LEARNED)
def test_samples_vary_as_the_data_do(likelihood, floor):
    model = vae(likelihood, logvar_floor=floor)
    told = start_variance_at_data(model, X)
    expected = X.var(axis=0)
    expected = np.full(6, expected.mean()) if likelihood == "gaussian_scalar" else expected
    assert told == pytest.approx(float(np.log(expected).mean()), abs=1e-3)
    if likelihood != "gaussian_decoder":  # whose output at z = 0 is its bias, but for what the hidden layer adds
        np.testing.assert_allclose(variance_in_force(model, X), expected, rtol=0.05)
    else:
        np.testing.assert_allclose(model.likelihood._mean_and_logvar(
            model.ops, model.params["decoder.1.b"][None], model.params)[1][0], np.log(expected), atol=1e-4)  # fmt: skip


@pytest.mark.parametrize("likelihood", LEARNED)
def test_a_column_that_is_constant_but_for_one_sample(likelihood):
    x = X.copy()
    x[:, 0], x[:, 1] = 0.5, 0
    x[7, 1] = 1
    model = vae(likelihood)
    start_variance_at_data(model, x)
    assert np.isfinite(model.params.flat).all()
    if likelihood == "gaussian_pixel":
        logvar = model.params["likelihood.logvar"]
        assert logvar[1] == pytest.approx(np.log(1 / 100), abs=0.01)
        assert np.log(x.var(axis=0)[1:].min()) < logvar[0] < 0
    assert start_variance_at_data(vae(likelihood), np.zeros((9, 6), np.float32)) is None


@pytest.mark.parametrize("likelihood", LEARNED)
def test_where_it_was_said_it_stays(likelihood):
    for model in (vae(likelihood, logvar=0.0), vae(likelihood, logvar=-3.0), vae("bernoulli"), vae("gaussian_fixed")):
        before = model.params.flat.copy()
        assert start_variance_at_data(model, X) is None
        np.testing.assert_array_equal(model.params.flat, before)
    trained = npvae.train(vae(likelihood), X, epochs=1, progress=False)
    before = trained.params.flat.copy()
    assert start_variance_at_data(trained, X) is None
    np.testing.assert_array_equal(trained.params.flat, before)


def test_training_does_it_and_config_says_so(tmp_path):
    for name, settings in (("new", {}), ("given", {"logvar": 0.0})):
        model = npvae.train(vae("gaussian_scalar", **settings), X, epochs=1, out=tmp_path / name, progress=False)
        kept = json.loads((tmp_path / name / "config.json").read_text())["training"].get("logvar_start")
        assert kept == (None if settings else pytest.approx(np.log(X.var(axis=0).mean()), abs=1e-3))
        again = npvae.train(npvae.load(tmp_path / name), X, epochs=1, progress=False)
        assert again.logvar_given
        np.testing.assert_array_equal(npvae.load(tmp_path / name).params.flat, model.params.flat)


def test_digits_as_floats_use_their_latents(capsys):
    """The README's line for data of one's own: at a variance of 1 both latents were given up, without a word."""
    x = npvae.load_dataset("digits")[0][:]
    settings = {"likelihood": "gaussian_scalar", "seed": 0, "backend": "numpy"}
    model = npvae.train(npvae.VAE(64, (256, 128), 2, **settings), x, epochs=10)
    terms = npvae.evaluation.rate_distortion(model, x, np.random.default_rng(0))
    assert npvae.evaluation.active_units(model.encode(x)[0]).sum() == 2
    assert terms.elbo > -15
    assert "no latent is in use" not in capsys.readouterr().err
    npvae.train(npvae.VAE(64, (256, 128), 2, logvar=0.0, **settings), x, epochs=10)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "latent" in line]
    assert line.startswith("no latent is in use: the decoder gives the same for every code. Try a smaller variance")


@pytest.mark.parametrize("likelihood", LEARNED)
def test_entries_that_are_missing_count_for_nothing(likelihood):
    gaps = X.copy()
    gaps[np.random.default_rng(2).random(X.shape) < 0.3] = np.nan
    model = vae(likelihood, missing="ignore")
    told = start_variance_at_data(model, gaps)
    variance = np.nanvar(gaps, axis=0)
    expected = np.log(variance.mean()) if likelihood == "gaussian_scalar" else np.log(variance).mean()
    assert told == pytest.approx(float(expected), abs=1e-3)
    assert np.isfinite(model.params.flat).all()
