import math

import numpy as np
import pytest

from npvae.figures import manifold, prior_samples, traversals
from npvae.figures.generation import inverse_normal_grid
from npvae.figures.images import GAP


def phi(z):
    return (1 + np.vectorize(math.erf)(np.asarray(z) / math.sqrt(2))) / 2


class Plane:
    """Images of 3 x 2 pixels that say where they come from: left column Phi(z1), right column Phi(z2), foot 0."""

    latent_dim = 2

    def decode(self, z):
        left, right = phi(z).T
        return np.stack([left, right, left, right, 0 * left, 0 * left], axis=1)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_the_grid_cuts_the_prior_into_equal_shares(n):
    np.testing.assert_allclose(phi(inverse_normal_grid(n)), (np.arange(n) + 0.5) / n, rtol=1e-12)


def test_the_sheet_has_z1_to_the_right_and_z2_upwards():
    n = 5
    (axes,) = manifold(Plane(), (3, 2), n).axes
    (image,) = axes.images
    sheet = image.get_array()
    assert sheet.shape == (3 * n, 2 * n)
    for row in range(n):
        for column in range(n):
            cell = sheet[3 * row : 3 * row + 3, 2 * column : 2 * column + 2]
            z1, z2 = (column + 0.5) / n, (n - 1 - row + 0.5) / n  # row 0 of an array is drawn at the top
            np.testing.assert_allclose(cell, [[z1, z2], [z1, z2], [0, 0]], atol=1e-12)
    assert image.get_clim() == (0, 1)


def test_what_is_seen_in_the_corners_of_the_sheet(brightness_at):
    n = 4
    figure = manifold(Plane(), (3, 2), n)
    axes = figure.axes[0]
    for z1, z2 in [(0, 0), (0, n - 1), (n - 1, 0), (n - 1, n - 1)]:
        left, right = (z1 + 0.25) / n, (z1 + 0.75) / n
        upper, foot = (z2 + 5 / 6) / n, (z2 + 1 / 6) / n
        assert brightness_at(figure, axes, left, upper) == pytest.approx((z1 + 0.5) / n, abs=0.01)
        assert brightness_at(figure, axes, right, upper) == pytest.approx((z2 + 0.5) / n, abs=0.01)
        assert brightness_at(figure, axes, left, foot) == pytest.approx(0, abs=0.01)


def test_ticks_of_the_sheet_stand_where_those_values_are():
    (axes,) = manifold(Plane(), (3, 2), 8).axes
    for axis in (axes.xaxis, axes.yaxis):
        values = [float(label.get_text().replace("\N{MINUS SIGN}", "-")) for label in axis.get_ticklabels()]
        assert {-2, -1, 0, 1, 2} <= set(values)
        np.testing.assert_allclose(axis.get_ticklocs(), phi(values), atol=1e-12)


def test_pixels_of_the_sheet_are_square(brightness_at):
    figure = manifold(Plane(), (3, 2), 4)
    brightness_at(figure, figure.axes[0], 0.5, 0.5)  # lays the page out
    box = figure.axes[0].get_window_extent()
    assert box.height / box.width == pytest.approx(3 / 2, rel=1e-3)


@pytest.mark.parametrize("latents", [1, 3, 20])
def test_a_sheet_needs_two_latents(linear, latents):
    with pytest.raises(ValueError, match=rf"L = {latents} latents and a sheet shows 2: use traversals"):
        manifold(linear(6, latents), (3, 2))


def test_an_image_shape_that_does_not_fit_is_refused(linear):
    model, rng = linear(6, 2), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"manifold: x has shape \(400, 6\), expected \(N, D\) with D = 9"):
        manifold(model, (3, 3))
    with pytest.raises(ValueError, match=r"prior_samples: x has shape \(60, 6\)"):
        prior_samples(model, (3, 3), rng)
    with pytest.raises(ValueError, match=r"traversals: x has shape \(1, 6\)"):
        traversals(model, np.zeros(6), (3, 3))


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (10, 10), (16, 16), (60, 12), (64, 16), (100, 10), (97, 14)])
def test_samples_are_the_models_own_in_reading_order(linear, n, columns):
    model = linear(6, 2)
    (axes,) = prior_samples(model, (3, 2), np.random.default_rng(3), n).axes
    wanted = model.sample(n, np.random.default_rng(3)).reshape(n, 3, 2)
    assert len(axes.images) == n
    for i, image in enumerate(axes.images):
        np.testing.assert_array_equal(image.get_array(), wanted[i])
        left, _, _, top = image.get_extent()
        row, column = divmod(i, columns)
        assert (left, top) == pytest.approx((column * (1 + GAP), row * (1.5 + GAP)))


class Known:
    """Three latents: the second says most about x, the third nothing."""

    latent_dim = 3

    def encode(self, x):
        return np.array([[1.2, -2.6, 0.0]]), np.array([[-1.0, -2.0, 0.0]])

    def decode(self, z):
        return np.concatenate([phi(z), np.zeros((len(z), 1))], axis=1)


def test_one_latent_moves_and_the_others_stay():
    values = (-2, 0, 1)
    (axes,) = traversals(Known(), np.zeros(4), (2, 2), values).axes
    images = np.array([image.get_array() for image in axes.images]).reshape(3, 3, 4)[..., :3]  # rows, columns, latents
    for row, moved in enumerate([1, 0, 2]):  # by KL
        for column, value in enumerate(values):
            z = np.array([1.2, -2.6, 0.0])
            z[moved] = value
            np.testing.assert_allclose(images[row, column], phi(z), rtol=1e-12)
    kl = [0.5 * (m * m + math.exp(v) - 1 - v) for m, v in ((-2.6, -2.0), (1.2, -1.0), (0.0, 0.0))]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"z{latent}: {nats:.1f} nats" for latent, nats in zip((2, 1, 3), kl, strict=True)]


def test_the_frame_marks_the_inputs_own_value():
    (axes,) = traversals(Known(), np.zeros(4), (2, 2), (-2, 0, 1)).axes
    corners = [patch.get_xy() for patch in axes.patches]
    np.testing.assert_allclose(corners, [(0, 0), (2 * (1 + GAP), 1 + GAP), (1 + GAP, 2 * (1 + GAP))])


def test_only_the_latents_that_say_most(linear):
    (axes,) = traversals(linear(6, 30), np.ones(6), (3, 2), most_rows=4).axes
    assert len(axes.get_yticklabels()) == 4
    assert len(axes.images) == 4 * 13


def test_an_autoencoder_has_no_posterior_to_move_in(linear):
    with pytest.raises(ValueError, match=r"traversals: .* no posterior"):
        traversals(linear(6, 2, posterior=False), np.zeros(6), (3, 2))
