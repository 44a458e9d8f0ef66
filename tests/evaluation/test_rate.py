"""Rate, distortion and active units, on probabilistic PCA where they are known, and on every kind of VAE."""

import numpy as np
import pytest

import npvae
from npvae.evaluation import (
    active_units,
    kl_per_latent,
    log_p_by_importance,
    probabilistic_pca,
    rate_distortion,
    set_to_ppca,
)
from npvae.models import IWAE, ConditionalVAE, LinearVAE, TwoLayerVAE, with_labels


@pytest.fixture(scope="module")
def digits():
    return npvae.load_dataset("digits")[0].numpy().astype(np.float64)


def at_optimum(x, q, s2=None):
    settings = {} if s2 is None else {"likelihood": "gaussian_fixed", "logvar": float(np.log(s2))}
    solution = probabilistic_pca(x, q, s2)
    model = LinearVAE(x.shape[1], q, dtype="float64", backend="numpy", **settings)
    set_to_ppca(model, solution)
    return model, solution


def test_at_the_optimum_of_ppca_each_latent_costs_half_the_log_of_signal_to_noise(digits):
    model, solution = at_optimum(digits, 5)
    found = rate_distortion(model, digits, np.random.default_rng(0), draws=4, batch_size=400)
    cost = 0.5 * np.log(solution.eigenvalues[:5] / solution.s2)
    np.testing.assert_allclose(found.rate_per_latent, cost, rtol=1e-9)
    assert found.rate == pytest.approx(cost.sum(), rel=1e-9)
    scatter = found.elbo_error  # of data and noise; the data are those that the truth is for, so it is an upper bound
    assert abs(found.elbo - solution.log_likelihood) < 4 * scatter


def test_the_distortion_is_unbiased_in_the_noise(digits):
    model, solution = at_optimum(digits, 2)
    rng = np.random.default_rng(1)
    runs = [rate_distortion(model, digits, rng).elbo for _ in range(30)]
    assert abs(np.mean(runs) - solution.log_likelihood) < 5 * np.std(runs) / np.sqrt(30)


def test_the_stated_error_is_the_scatter_over_data():
    """On data drawn anew from the model itself."""
    x = np.random.default_rng(0).standard_normal((2000, 6)) * np.arange(1, 7)
    model, _ = at_optimum(x, 5)
    rng = np.random.default_rng(2)
    runs = [rate_distortion(model, rng.standard_normal((100, 6)) * np.arange(1, 7), rng) for _ in range(200)]
    assert np.mean([run.elbo_error for run in runs]) == pytest.approx(np.std([run.elbo for run in runs]), rel=0.2)


def test_exactly_the_directions_above_a_fixed_noise_are_active(digits):
    values = probabilistic_pca(digits, 10).eigenvalues
    s2 = float(values[5:7].mean())
    model, _ = at_optimum(digits, 10, s2)
    mu, logvar = model.encode(digits)
    active = active_units(mu)
    np.testing.assert_array_equal(active, values[:10] > s2)
    assert active.sum() == 6
    np.testing.assert_allclose(mu.var(axis=0)[:6], 1 - s2 / values[:6])
    found = rate_distortion(model, digits, np.random.default_rng(0))
    np.testing.assert_allclose(found.rate_per_latent[6:], 0, atol=1e-12)
    assert (found.rate_per_latent[:6] > 0).all()
    np.testing.assert_allclose(kl_per_latent(mu, logvar).mean(axis=0), found.rate_per_latent)


def test_active_units_follow_the_threshold_and_not_the_mean():
    rng = np.random.default_rng(0)
    mu = rng.standard_normal((10_000, 3)) * np.sqrt([0.02, 0.008, 0.0]) + np.array([0.0, 5.0, 5.0])
    np.testing.assert_array_equal(active_units(mu), [True, False, False])
    np.testing.assert_array_equal(active_units(mu, threshold=0.005), [True, True, False])
    shifted = np.float32(1000) + np.float32(0.05) * rng.standard_normal((1000, 1), dtype=np.float32)
    assert not active_units(shifted).any(), "float32 with a large mean"


def test_kl_of_a_latent_is_that_of_two_normals():
    mu, logvar = np.array([[0.5, 0.0]], np.float32), np.array([[0.0, np.log(4.0)]], np.float32)
    np.testing.assert_allclose(kl_per_latent(mu, logvar), [[0.125, 0.5 * (4 - 1 - np.log(4))]], rtol=1e-6)
    assert kl_per_latent(mu, logvar).dtype == np.float64


@pytest.mark.parametrize("objective", ["elbo", "free_bits", "iwae", "vr_max"])
def test_neither_objective_nor_beta_enter(digits, objective):
    x = digits[:50]
    models = [
        npvae.VAE(64, (8,), 3, dtype="float64", backend="numpy", objective=kind, beta=beta, samples=2)
        for kind, beta in (("elbo", 1.0), (objective, 3.0))
    ]
    plain, other = (rate_distortion(model, x, np.random.default_rng(0)) for model in models)
    assert other.rate == pytest.approx(plain.rate)
    assert other.distortion == pytest.approx(plain.distortion)


def test_every_kind_of_vae_is_measured(digits):
    x, rng = digits[:200].astype(np.float32), np.random.default_rng(0)
    settings = {"backend": "numpy"}
    one = IWAE(64, (8,), 3, **settings)
    two = TwoLayerVAE(64, (8,), 3, hidden2=(6,), latent_dim2=2, **settings)
    told = ConditionalVAE(64, (8,), 3, classes=10, **settings)
    for model, data in ((one, x), (two, x), (told, with_labels(x, np.arange(200) % 10, 10))):
        found = rate_distortion(model, data, rng, draws=20)
        bound = log_p_by_importance(model, data, rng, samples=200).log_p.mean()
        assert found.elbo < bound
        assert found.elbo == pytest.approx(bound, rel=0.1)
    assert rate_distortion(two, x, rng).rate_per_latent is None


def test_an_autoencoder_has_no_rate():
    with pytest.raises(ValueError, match="Autoencoder has no posterior"):
        rate_distortion(npvae.Autoencoder(4, (3,), 2, backend="numpy"), np.ones((2, 4)), np.random.default_rng(0))
