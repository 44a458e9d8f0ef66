"""What models promise beside their gradients: shapes, terms, samples, errors, the flat buffer."""

import re

import numpy as np
import pytest

import npvae
from npvae.models import LIKELIHOODS, MODELS
from npvae.models.likelihoods import likelihood_of
from npvae.models.settings import AutoencoderSettings
from npvae.models.small import kinds_that_take, small


@pytest.fixture
def vae():
    return npvae.VAE(12, (8,), 3, dtype="float64")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_parameters_are_views_into_one_flat_array(vae):
    sizes = sum(view.size for view in vae.params.values())
    assert vae.params.flat.shape == (sizes,)
    vae.params["encoder.0.W"][2, 1] = 42.0
    assert (vae.params.flat == 42.0).sum() == 1
    vae.params.flat[:] = 7.0
    assert all((view == 7.0).all() for view in vae.params.values())
    assert list(vae.params)[:2] == ["encoder.0.W", "encoder.0.b"]
    with pytest.raises(KeyError, match=r"no parameter 'W'; there are encoder\.0\.W"):
        vae.params["W"]


def test_initial_weights_have_the_stated_spread_and_depend_on_the_seed_alone():
    a, b, c = (npvae.VAE(784, seed=seed).params for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.flat, b.flat)
    assert (a.flat != c.flat).any()
    W = a["encoder.0.W"]
    limit = 1 / np.sqrt(784)
    assert np.abs(W).max() <= limit
    assert W.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    assert (a["encoder.0.b"] == 0).all()


def test_k_samples_are_the_mean_over_k_single_ones(vae, rng):
    x, eps = rng.random((4, 12)), rng.standard_normal((3, 4, 3))
    loss, trace = vae.forward(x, eps)
    grads = vae.backward(trace).flat
    single = [vae.forward(x, e) for e in eps]
    assert loss == pytest.approx(np.mean([one for one, _ in single]), rel=1e-13)
    np.testing.assert_allclose(grads, np.mean([vae.backward(t).flat for _, t in single], axis=0), atol=1e-14)


def test_nothing_accumulates_and_nothing_is_shared(vae, rng):
    x, eps = rng.random((4, 12)), rng.standard_normal((4, 3))
    _, trace = vae.forward(x, eps)
    first = vae.backward(trace)
    kept = first.flat.copy()
    vae.forward(rng.random((4, 12)), rng.standard_normal((4, 3)))
    again = vae.backward(trace)
    np.testing.assert_array_equal(kept, again.flat)
    np.testing.assert_array_equal(kept, first.flat)
    assert not np.shares_memory(first.flat, again.flat)
    assert not np.shares_memory(first.flat, vae.params.flat)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("kind", "likelihood"),
    [(kind, "bernoulli") for kind in kinds_that_take("rows")]
    + [(k, name) for k in ("vae", "autoencoder") for name in LIKELIHOODS],
)
def test_every_model_keeps_its_dtype_and_shapes(build, kind, likelihood, dtype, rng):
    model, x, eps = build(kind, likelihood, dtype=dtype)
    n = len(x)
    loss, trace = model.forward(x, eps)
    grads = model.backward(trace)
    assert np.isfinite(loss)
    assert trace.nll.shape == trace.kl.shape == (n,)
    assert grads.flat.dtype == trace.output.dtype == trace.nll.dtype == np.dtype(dtype)
    codes = model.encode(x)
    for code in codes if isinstance(codes, tuple) else [codes]:
        assert code.shape == (n, 2)
        assert code.dtype == dtype
    for images in (model.reconstruct(x), model.sample(5, rng), model.sample(5, rng, draw_pixels=True)):
        assert images.reshape(len(images), -1).shape[1] == model.data_dim
        assert images.dtype == dtype
        assert np.isfinite(images).all()


@pytest.mark.parametrize("kind", MODELS)
def test_the_config_of_a_model_builds_it_again(build, kind):
    model, _, _ = build(kind)
    again = MODELS[kind](**model.config)
    assert again.params.shapes == model.params.shapes
    assert again.config == model.config


def test_a_conditional_vae_decodes_the_label_it_is_given(build, rng):
    model, x, _ = build("conditional_vae")
    z = rng.standard_normal((1, 2)).repeat(3, axis=0)
    means = model.decode(z, np.array([0, 1, 2]))
    assert np.abs(means[0] - means[1]).max() > 1e-3
    np.testing.assert_array_equal(model.decode(z), means)
    mu, _ = model.encode(x)
    np.testing.assert_array_equal(model.reconstruct(x), model.decode(mu, x[:, 7:].argmax(axis=1)))
    with pytest.raises(ValueError, match="labels run from 0 to 3, expected 0 to 2"):
        model.decode(z, np.array([0, 1, 3]))
    with pytest.raises(ValueError, match=r"labels are int64 \(2,\), expected integers \(3,\)"):
        model.decode(z, np.array([0, 1]))


def test_a_denoising_autoencoder_sees_the_corrupted_input_and_answers_for_the_clean_one(build, rng):
    model, x, _ = build("denoising_autoencoder", amount=1.0)
    loss, trace = model.forward(x, model.draw_eps(len(x), rng))
    blank, _ = model.forward(np.zeros_like(x))
    assert np.ptp(trace.z, axis=0).max() == 0, "all masked: every code is the code of nothing"
    assert loss != blank
    model, x, _ = build("denoising_autoencoder", corruption="gaussian", amount=0.0)
    assert model.forward(x, model.draw_eps(len(x), rng))[0] == model.forward(x)[0]
    with pytest.raises(ValueError, match="corruption 'salt' is unknown"):
        build("denoising_autoencoder", corruption="salt")
    with pytest.raises(ValueError, match="amount is 2, expected at least 0, and for masking at most 1"):
        build("denoising_autoencoder", amount=2)


def test_float32_and_float64_agree(rng):
    x, eps = rng.random((5, 12)), rng.standard_normal((5, 3))
    results = []
    for dtype in ("float32", "float64"):
        vae = npvae.VAE(12, (8,), 3, dtype=dtype, seed=5)
        loss, trace = vae.forward(x.astype(dtype), eps.astype(dtype))
        results.append((loss, vae.backward(trace).flat))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=2e-6)


def test_an_autoencoder_needs_no_hidden_layer_and_no_noise(rng):
    model = npvae.Autoencoder(12, (), 3, likelihood="squared_error", dtype="float64")
    x = rng.random((5, 12))
    loss, trace = model.forward(x)
    z = x @ model.params["encoder.0.W"]
    np.testing.assert_allclose(trace.z, z)
    assert loss == pytest.approx(((z @ model.params["decoder.0.W"] - x) ** 2).sum() / 2 / 5)
    np.testing.assert_array_equal(trace.kl, 0)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_drawn_pixels_have_the_mean_and_the_likelihood_of_their_density(name, rng):
    """The mean of many draws is the stated mean; their squared deviations are those that the density implies."""
    model = npvae.VAE(4, (), 2, likelihood=name, logvar=-2.0, levels=9, dtype="float64")
    output = 1.5 * rng.standard_normal((1, 4 * model.likelihood.outputs_per_pixel))
    grid = {"bernoulli": np.array([0.0, 1.0]), "continuous_bernoulli": np.linspace(0, 1, 4001)}.get(name)
    if model.likelihood.whole:
        output, grid = output / 4, np.arange(400.0)
    if name == "discretized_logistic":
        output[:, :4], output[:, 4:] = rng.random(4), -1.5
    draws = model.likelihood.sample(model.ops, output.repeat(60_000, axis=0), model.params, rng)
    mean = model.likelihood.mean(model.ops, output)
    np.testing.assert_allclose(draws.mean(axis=0), mean[0], atol=0.02, rtol=0.02 if model.likelihood.whole else 0)
    if name in ("discretized_logistic", "categorical", "binomial"):
        grid = np.linspace(0, 1, 9)
    if grid is None:
        grid = np.linspace(-12, 12, 24_001)
    for d in range(4):
        x = np.tile(mean, (len(grid), 1))
        x[:, d] = grid
        if name in ("discretized_logistic", "categorical", "binomial"):
            x = np.rint(x * 8) / 8
        nll, _ = model.likelihood.forward(model.ops, output.repeat(len(grid), axis=0), x, model.params)
        density = np.exp(nll.min() - nll)
        density /= density.sum()
        assert (density * grid).sum() == pytest.approx(mean[0, d], abs=1e-3)
        variance = (density * (grid - mean[0, d]) ** 2).sum()
        assert draws[:, d].var() == pytest.approx(variance, rel=0.05, abs=1e-3)


def test_decode_of_a_vae_gives_probabilities_and_reconstruct_takes_noise(vae, rng):
    x = rng.random((3, 12))
    mu, logvar = vae.encode(x)
    np.testing.assert_array_equal(vae.reconstruct(x), vae.decode(mu))
    eps = rng.standard_normal(mu.shape)
    np.testing.assert_array_equal(vae.reconstruct(x, eps), vae.decode(mu + np.exp(logvar / 2) * eps))
    assert (vae.decode(100 * eps) <= 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda v: v.forward(np.ones((2, 5)), np.ones((2, 3))),
            "x has shape (2, 5), expected (N, D) with N >= 1, D = 12",
        ),
        (lambda v: v.forward(np.ones((0, 12)), np.ones((0, 3))), "x has shape (0, 12), expected (N, D) with N >= 1"),
        (lambda v: v.forward(np.ones((2, 12), np.uint8), np.ones((2, 3))), "x is uint8, the model computes in float64"),
        (lambda v: v.forward(np.ones((2, 12))), "eps has shape None, expected (N, L) = (2, 3)"),
        (lambda v: v.forward(np.ones((2, 12)), np.ones((1, 3))), "eps has shape (1, 3), expected (N, L) = (2, 3)"),
        (lambda v: v.forward(np.ones((2, 12)), np.ones((2, 3), np.float32)), "eps is float32"),
        (lambda v: v.decode(np.ones((2, 4))), "z has shape (2, 4), expected (N, L) with L = 3"),
        (lambda v: npvae.VAE(0), "data_dim is 0, expected at least 1"),
        (lambda v: npvae.VAE(3, (4, 0)), "a width in hidden is 0, expected at least 1"),
        (lambda v: npvae.VAE(3, (4.5,)), "a width in hidden is 4.5, expected a whole number"),
        (lambda v: npvae.VAE(3, 4), "hidden is 4, expected the widths of its layers, such as (400,)"),
        (lambda v: npvae.VAE(3, seed=-1), "seed is -1, expected at least 0"),
        (lambda v: npvae.VAE(3, samples=2.5), "samples is 2.5, expected a whole number"),
        (lambda v: npvae.VAE(3, logvar=np.nan, likelihood="gaussian_fixed"), "logvar is nan, expected a finite number"),
        (lambda v: npvae.models.TwoLayerVAE(3, hidden2=5), "hidden2 is 5, expected the widths of its layers"),
        (lambda v: npvae.models.TwoLayerVAE(3, latent_dim2=0), "latent_dim2 is 0, expected at least 1"),
        (lambda v: npvae.models.ConditionalVAE(3, classes=0), "classes is 0, expected at least 1"),
        (
            lambda v: v.encode([[0.0] * 12]),
            "x is a list, expected an array or npvae.data.Images: pass np.asarray(x, 'float64')",
        ),
        (lambda v: v.forward(np.ones((2, 12)), [[0.0] * 3] * 2), "VAE: eps is a list, expected an array of shape"),
        (lambda v: v.reconstruct(np.ones((2, 12)), np.ones((1, 3))), "eps has shape (1, 3), expected (N, L) = (2, 3)"),
        (lambda v: v.sample(3, 0), "rng is 0, expected a generator: np.random.default_rng(0)"),
        (lambda v: v.sample(0, np.random.default_rng(0)), "n is 0, expected at least 1"),
        (lambda v: npvae.train(v, [[0.0] * 12]), "x_train is a list, expected an array or npvae.data.Images: pass"),
        (lambda v: npvae.VAE(3, beta=-1.0), "beta is -1.0, expected a finite number of at least 0"),
        (lambda v: npvae.VAE(3, beta=float("nan")), "beta is nan"),
        (lambda v: npvae.VAE(3, activation="swish"), "activation 'swish' is unknown, choose one of relu,"),
        (lambda v: npvae.VAE(3, likelihood="student"), "likelihood 'student' is unknown, choose one of bernoulli,"),
        (lambda v: npvae.VAE(3, dtype="float16"), "dtype 'float16' is not supported, choose float32 or float64"),
        (lambda v: npvae.VAE(3, backend="cuda"), "backend 'cuda' is unknown, choose one of numba, numpy"),
    ],
)
def test_wrong_calls_say_what_was_found_and_how_to_mend_it(vae, call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(vae)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, 255.0]]), "bernoulli needs data in [0, 1], found [0, 255]: divide by 255"),
        (np.array([[-1.0, 1.0]]), "bernoulli needs data in [0, 1], found [-1, 1]: rescale it with (x + 1) / 2 or"),
        (np.array([[0.0, 1.0], [np.nan, np.inf]]), "2 values that are not finite, first nan at (1, 0)"),
    ],
)
def test_a_likelihood_refuses_data_that_it_cannot_explain(values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        likelihood_of(AutoencoderSettings(2)).check(values)


def test_a_gaussian_takes_any_finite_data():
    likelihood_of(AutoencoderSettings(2, likelihood="gaussian_scalar")).check(np.array([[-1e6, 1e6]]))


@pytest.mark.parametrize("kind", MODELS)
def test_a_printed_trace_is_a_table_in_columns(kind):
    model, x, eps = small(kind, np.random.default_rng(0))
    head, *rows = repr(model.forward(x, eps)[1]).splitlines()
    assert len(rows) >= 4
    assert {len(row) for row in rows} == {len(head)}
    assert head.split()[1:] == ["shape", "mean", "least", "largest"]
