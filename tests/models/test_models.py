"""What models promise beside their gradients: shapes, terms, samples, errors, the flat buffer."""

import re

import numpy as np
import pytest
from scipy import stats

import npvae
from npvae.models import LIKELIHOODS, MODELS
from npvae.models.likelihoods import likelihood_of


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


def test_loss_is_the_mean_of_nll_and_beta_kl(rng):
    x, eps = rng.random((5, 12)), rng.standard_normal((5, 3))
    for beta in (0.0, 1.0, 4.0):
        vae = npvae.VAE(12, (8,), 3, beta=beta, dtype="float64")
        loss, trace = vae.forward(x, eps)
        assert isinstance(loss, float)
        assert loss == pytest.approx((trace.nll + beta * trace.kl).mean(), rel=1e-14)
        truth = stats.norm.logpdf(trace.z, trace.mu, trace.std)
        np.testing.assert_allclose(trace.std, np.exp(trace.logvar / 2))
        assert np.isfinite(truth).all()


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
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("kind", MODELS)
def test_every_model_keeps_its_dtype_and_shapes(kind, likelihood, dtype, rng):
    model = MODELS[kind](12, (8, 6), 3, "elu", likelihood, dtype=dtype)
    x = rng.random((5, 12)).astype(dtype)
    loss, trace = model.forward(x, model.draw_eps(5, rng))
    grads = model.backward(trace)
    assert np.isfinite(loss)
    assert trace.nll.shape == trace.kl.shape == (5,)
    assert grads.flat.dtype == trace.output.dtype == trace.nll.dtype == np.dtype(dtype)
    codes = model.encode(x)
    for code in codes if kind == "vae" else [codes]:
        assert code.shape == (5, 3)
        assert code.dtype == dtype
    for images in (model.reconstruct(x), model.sample(5, rng), model.sample(5, rng, draw_pixels=True)):
        assert images.shape == (5, 12)
        assert images.dtype == dtype


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
def test_drawn_pixels_have_the_mean_and_spread_of_the_likelihood(name, rng):
    model = npvae.VAE(4, (), 2, likelihood=name, logvar=-2.0, dtype="float64")
    output = np.repeat(rng.standard_normal((1, 4 * model.likelihood.outputs_per_pixel)), 40_000, axis=0)
    draws = model.likelihood.sample(model.ops, output, model.params, rng)
    mean = model.likelihood.mean(model.ops, output[:1])
    np.testing.assert_allclose(draws.mean(axis=0), mean[0], atol=0.06)
    var = {
        "bernoulli": mean[0] * (1 - mean[0]),
        "squared_error": np.ones(4),
        "gaussian_decoder": np.exp(output[0, 4:]),
    }.get(name, np.full(4, np.exp(-2.0)))
    np.testing.assert_allclose(draws.var(axis=0), var, rtol=0.05)


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
        (lambda v: npvae.VAE(0), "data_dim is 0, a width must be at least 1"),
        (lambda v: npvae.VAE(3, (4, 0)), "hidden is 0, a width must be at least 1"),
        (lambda v: npvae.VAE(3, beta=-1.0), "beta is -1.0, expected a number of at least 0"),
        (lambda v: npvae.VAE(3, beta=float("nan")), "beta is nan"),
        (lambda v: npvae.VAE(3, activation="swish"), "activation 'swish' is unknown, choose one of relu,"),
        (lambda v: npvae.VAE(3, likelihood="poisson"), "likelihood 'poisson' is unknown, choose one of bernoulli,"),
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
        (np.array([[-1.0, 1.0]]), "bernoulli needs data in [0, 1], found [-1, 1]: rescale it or choose a gaussian"),
        (np.array([[0.0, 1.0], [np.nan, np.inf]]), "2 values that are not finite, first nan at (1, 0)"),
    ],
)
def test_a_likelihood_refuses_data_that_it_cannot_explain(values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        likelihood_of("bernoulli", 2, 0.0).check(values)


def test_a_gaussian_takes_any_finite_data():
    likelihood_of("gaussian_scalar", 2, 0.0).check(np.array([[-1e6, 1e6]]))
