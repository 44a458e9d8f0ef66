import math

import numpy as np
import pytest

import npvae
from npvae.figures import manifold, prior_samples, traversals
from npvae.figures.generation import inverse_normal_grid


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


def test_the_sheet_has_z1_to_the_right_and_z2_upwards(cells):
    n = 5
    (axes,) = manifold(Plane(), (3, 2), n).axes
    images = cells(axes, (3, 2))
    assert len(images) == n * n
    for (row, column), image in images.items():
        z1, z2 = (column + 0.5) / n, (n - 1 - row + 0.5) / n  # row 0 is at the top
        np.testing.assert_allclose(image, [[z1, z2], [z1, z2], [0, 0]], atol=1e-12)


def test_what_is_seen_in_the_corners_of_the_sheet(brightness_at):
    n = 4
    figure = manifold(Plane(), (3, 2), n)
    axes = figure.axes[0]
    for row, column in [(0, 0), (0, n - 1), (n - 1, 0), (n - 1, n - 1)]:
        left, top = 1 + 3 * column, 1 + 4 * row  # 3 x 2 pixels and one between
        places = [(0.5, 0.5), (1.5, 0.5), (0.5, 2.5)]
        seen = [brightness_at(figure, axes, left + across, top + down) for across, down in places]
        assert seen == pytest.approx([(column + 0.5) / n, (n - row - 0.5) / n, 0], abs=0.01)
    lower_left, upper_right = (axes.transData.transform(place) for place in [(1, 13), (10, 1)])
    across, up = upper_right - lower_left
    assert across > 0
    assert up / across == pytest.approx(12 / 9, rel=1e-3)  # pixels are square


def test_ticks_of_the_sheet_stand_where_those_values_are():
    n = 8
    (axes,) = manifold(Plane(), (3, 2), n).axes
    first, last = phi(inverse_normal_grid(n))[[0, -1]]
    middles_of_end_cells = [(axes.xaxis, 1 + 1, 1 + 3 * 7 + 1), (axes.yaxis, 1 + 4 * 7 + 1.5, 1 + 1.5)]
    for axis, low, high in middles_of_end_cells:
        values = [float(label.get_text().replace("\N{MINUS SIGN}", "-")) for label in axis.get_ticklabels()]
        assert {-2, -1, 0, 1, 2} <= set(values)
        wanted = low + (high - low) * (phi(values) - first) / (last - first)
        np.testing.assert_allclose(axis.get_ticklocs(), wanted, atol=1e-9)


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
def test_samples_are_the_models_own_in_reading_order(linear, cells, n, columns):
    model = linear(6, 2)
    (axes,) = prior_samples(model, (3, 2), np.random.default_rng(3), n).axes
    wanted = model.sample(n, np.random.default_rng(3)).reshape(n, 3, 2)
    images = cells(axes, (3, 2))
    assert len(images) == n
    for i in range(n):
        np.testing.assert_array_equal(images[divmod(i, columns)], wanted[i])


def title(figure):
    return figure.get_suptitle()


@pytest.mark.parametrize(("C", "n", "columns"), [(1, 20, 16), (3, 64, 15), (10, 64, 10), (10, 4, 4), (16, 40, 16)])
def test_samples_of_a_conditional_model_stand_above_their_label(cells, C, n, columns):
    model = npvae.models.ConditionalVAE(6, (4,), 2, classes=C, backend="numpy")
    figure = prior_samples(model, (3, 2), np.random.default_rng(3), n)
    (axes,) = figure.axes
    images, names = cells(axes, (3, 2)), [label.get_text() for label in axes.get_xticklabels()]
    assert len(names) == columns
    z = np.random.default_rng(3).standard_normal((n, 2), dtype=np.float32)
    for (row, column), image in images.items():
        i = row * columns + column
        wanted = model.decode(z[i : i + 1], np.array([int(names[column])]))
        np.testing.assert_allclose(image.ravel(), wanted[0], rtol=1e-6)
    assert title(figure) == f"New images: z drawn from the prior N(0, I), labels 0 to {C - 1} in turn"


def test_more_labels_than_columns_are_said_in_the_title():
    model = npvae.models.ConditionalVAE(6, (4,), 2, classes=40, backend="numpy")
    figure = prior_samples(model, (3, 2), np.random.default_rng(3), 60)
    assert "labels 0 to 39 in turn" in title(figure)
    assert not figure.axes[0].get_xticklabels()


def test_only_a_model_with_a_prior_is_said_to_have_one(linear):
    rng = np.random.default_rng(0)
    assert title(prior_samples(linear(6, 2), (3, 2), rng)).endswith("drawn from the prior N(0, I)")
    assert title(prior_samples(linear(6, 2, posterior=False), (3, 2), rng)).endswith("an autoencoder has no prior")


class Known:
    """Three latents: the second says most about x, the third nothing."""

    latent_dim = 3

    def encode(self, x):
        return np.array([[1.2, -2.6, 0.0]]), np.array([[-1.0, -2.0, 0.0]])

    def decode(self, z):
        return np.concatenate([phi(z), np.zeros((len(z), 1))], axis=1)


def test_one_latent_moves_and_the_others_stay(cells):
    values = (-2, 0, 1)
    (axes,) = traversals(Known(), np.zeros(4), (2, 2), values).axes
    images = cells(axes, (2, 2))
    for row, moved in enumerate([0, 1, 2]):
        for column, value in enumerate(values):
            z = np.array([1.2, -2.6, 0.0])
            z[moved] = value
            np.testing.assert_allclose(images[row, column].ravel(), [*phi(z), 0], rtol=1e-12)
    kl = [0.5 * (m * m + math.exp(v) - 1 - v) for m, v in ((1.2, -1.0), (-2.6, -2.0), (0.0, 0.0))]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"z{latent}, KL {nats:.1f}" for latent, nats in zip((1, 2, 3), kl, strict=True)]


def test_the_frame_marks_the_inputs_own_value():
    (axes,) = traversals(Known(), np.zeros(4), (2, 2), (-2, 0, 1)).axes
    corners = [patch.get_xy() for patch in axes.patches]
    np.testing.assert_allclose(corners, [(6.5, 0.5), (0.5, 3.5), (3.5, 6.5)])  # half way to the neighbours
    assert all((patch.get_width(), patch.get_height()) == (3, 3) for patch in axes.patches)


def test_only_the_latents_that_say_most(linear, cells):
    (axes,) = traversals(linear(6, 30), np.ones(6), (3, 2), most_rows=4).axes
    assert len(axes.get_yticklabels()) == 4
    assert len(cells(axes, (3, 2))) == 4 * 13


def test_an_autoencoder_has_no_posterior_to_move_in(linear):
    with pytest.raises(ValueError, match=r"traversals: .* no posterior"):
        traversals(linear(6, 2, posterior=False), np.zeros(6), (3, 2))
