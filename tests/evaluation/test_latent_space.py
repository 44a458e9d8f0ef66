"""Continuity of decoders whose Hermite series is known; completeness where chance says how much must pass."""

import numpy as np
import pytest

import npvae
from npvae.evaluation import completeness, continuity, probabilistic_pca, set_to_ppca
from npvae.evaluation.latent_space import nearest_distance
from npvae.models import LinearVAE

MANY = 40_000


def share(decode, latent_dim=1):
    return continuity(decode, latent_dim, np.random.default_rng(0), draws=MANY, step=1e-4).share


def test_an_affine_decoder_is_continuous_wholly():
    W, b = np.random.default_rng(1).standard_normal((3, 7)), np.arange(7.0)
    found = continuity(lambda z: z @ W + b, 3, np.random.default_rng(0), draws=MANY, step=0.3)
    assert found.share == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(found.movement, np.linalg.norm(W, axis=1))
    assert found.largest == pytest.approx(1)


@pytest.mark.parametrize(("degree", "hermite"), [(2, lambda z: z**2 - 1), (3, lambda z: z**3 - 3 * z)])
def test_a_hermite_polynomial_has_one_over_its_degree(degree, hermite):
    assert share(hermite) == pytest.approx(1 / degree, rel=0.1)


def test_the_inverse_is_the_mean_degree():
    """f = z1 + a (z2 z1): degrees 1 and 2 with weights 1 and a**2."""
    found = share(lambda z: z[:, :1] + 0.5 * z[:, :1] * z[:, 1:], 2)
    assert found == pytest.approx((1 + 0.25) / (1 + 2 * 0.25), rel=0.03)


@pytest.mark.parametrize("k", [0.3, 1.0, 3.0])
def test_a_wave(k):
    assert share(lambda z: np.sin(k * z)) == pytest.approx(np.tanh(k**2) / k**2, rel=0.03)


def test_a_step_jumps():
    """A sigmoid of slope s: the steeper, the less continuous, and the larger the largest movement."""
    found = [
        continuity(lambda z, s=s: 1 / (1 + np.exp(-s * z)), 1, np.random.default_rng(0), draws=MANY)
        for s in (1, 10, 50)
    ]
    assert found[0].share > 0.95 > 0.35 > found[1].share > found[2].share > 0
    assert found[0].largest < 2 < 9 < found[1].largest < found[2].largest


def test_movement_is_that_of_each_latent_and_an_unused_one_has_none():
    found = continuity(lambda z: z * np.array([3.0, 0.0, 0.5]), 3, np.random.default_rng(0), draws=10)
    np.testing.assert_allclose(found.movement, [3, 0, 0.5], atol=1e-9)
    nothing = continuity(lambda z: np.ones((len(z), 4)), 3, np.random.default_rng(0), draws=10)
    assert np.isnan(nothing.share)
    np.testing.assert_array_equal(nothing.movement, 0)


def test_a_linear_vae_is_continuous_in_float32():
    x = npvae.load_dataset("digits")[0].numpy()
    model = LinearVAE(64, 4, backend="numpy")
    solution = probabilistic_pca(x, 4)
    set_to_ppca(model, solution)
    found = continuity(model.decode, 4, np.random.default_rng(0), draws=3000)
    assert found.share == pytest.approx(1, abs=0.08)
    np.testing.assert_allclose(found.movement, np.linalg.norm(solution.W, axis=1), rtol=1e-3)


def test_samples_of_the_same_source_pass_at_the_level_and_others_do_not():
    rng = np.random.default_rng(0)
    data, held_out, samples = (rng.standard_normal((n, 3)) for n in (1500, 4000, 2000))
    found = completeness(samples, data, held_out, level=0.9)
    assert found.level == pytest.approx(0.9)
    both = np.hypot(found.standard_error, np.sqrt(0.9 * 0.1 / 4000))  # the threshold is a sample's as well
    assert abs(found.share - 0.9) < 4 * both
    assert found.standard_error == pytest.approx(np.sqrt(0.9 * 0.1 / 2000), rel=0.1)
    assert completeness(samples + 20, data, held_out).share == 0
    half = np.where(np.arange(2000)[:, np.newaxis] < 1000, samples, samples + 20)
    assert completeness(half, data, held_out).share == pytest.approx(0.95 / 2, abs=0.03)


def test_the_threshold_is_a_distance_in_the_units_of_the_data():
    """Data at the integers, held out up to a quarter beside them: a sample passes up to the quantile of that."""
    data = np.arange(100.0)[:, np.newaxis]
    held_out = data[:40] + np.linspace(0, 0.25, 40)[:, np.newaxis]
    samples = data[:50] + np.linspace(0, 0.5, 50)[:, np.newaxis]
    found = completeness(samples, data, held_out, level=0.8)
    assert found.threshold == pytest.approx(0.2)
    assert found.share == pytest.approx(np.mean(np.linspace(0, 0.5, 50) <= 0.2))


def test_what_the_page_warns_of_copies_and_the_mean_pass():
    rng = np.random.default_rng(0)
    data, held_out = rng.standard_normal((500, 20)), rng.standard_normal((500, 20))
    assert completeness(data[:50], data, held_out).share == 1
    assert completeness(np.zeros((50, 20)), data, held_out).share == 1


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_nearest_distances_by_blocks_are_those_by_loops(rows):
    rng = np.random.default_rng(0)
    x, data = rng.standard_normal((13, 4)), rng.standard_normal((29, 4))
    truth = [min(np.linalg.norm(a - b) for b in data) for a in x]
    np.testing.assert_allclose(nearest_distance(x, data, rows), truth)
    assert nearest_distance(data[:3], data, rows) == pytest.approx([0, 0, 0], abs=1e-7)


def test_what_cannot_be_judged_is_refused():
    x = np.ones((3, 2))
    with pytest.raises(ValueError, match="level is 1"):
        completeness(x, x, x, level=1)
    with pytest.raises(ValueError, match=r"shapes \(3, 2\), \(3, 1\), \(3, 2\)"):
        completeness(x, x[:, :1], x)
    with pytest.raises(ValueError, match=r"shapes \(0, 2\)"):
        completeness(x[:0], x, x)
