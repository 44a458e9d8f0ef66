import math

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from npvae.figures import draw_regions, latent_regions, new_figure
from npvae.figures.latent_space import ellipses, label_places, principal_plane


@pytest.fixture
def x():
    return np.random.default_rng(1).random((50, 12))


def outlines(axes):
    """Vertices (regions, corners, 2) of the filled ellipses."""
    fill = next(c for c in axes.collections if isinstance(c, PolyCollection))
    return np.array([path.vertices[:-1] for path in fill.get_paths()])


def dots(axes):
    (scatter,) = (c for c in axes.collections if not isinstance(c, (PolyCollection, LineCollection)))
    return scatter


def mahalanobis(points, centre, covariance):
    away = points - centre[:, None]
    return np.sqrt(np.einsum("nci,nij,ncj->nc", away, np.linalg.inv(covariance), away))


@pytest.mark.parametrize("sigmas", [1.0, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_an_ellipse_is_the_outline_at_so_many_sigmas(sigmas, seed):
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal((4, 2))
    root = rng.standard_normal((4, 2, 2)) * 10 ** rng.uniform(-2, 1, (4, 1, 1))
    covariance = root @ root.swapaxes(1, 2) + 1e-6 * np.eye(2)
    corners = ellipses(centre, covariance, sigmas, corners=500)
    np.testing.assert_allclose(mahalanobis(corners, centre, covariance), sigmas, rtol=1e-6)
    # The corners go once all the way round: the area is pi times the product of the half axes.
    x, y = np.moveaxis(corners, 2, 0)
    area = np.abs((x * np.roll(y, 1, axis=1) - y * np.roll(x, 1, axis=1)).sum(axis=1)) / 2
    np.testing.assert_allclose(area, math.pi * sigmas**2 * np.sqrt(np.linalg.det(covariance)), rtol=1e-3)


def test_two_latents_are_drawn_as_they_are(linear, x):
    model = linear(12, 2)
    (axes,) = latent_regions(model, x, sigmas=1.0).axes
    mu, logvar = model.encode(x)
    np.testing.assert_allclose(dots(axes).get_offsets(), mu, rtol=1e-6)
    drawn = outlines(axes)
    shown = np.linspace(0, 49, len(drawn)).round().astype(int)
    np.testing.assert_allclose((drawn.max(axis=1) + drawn.min(axis=1)) / 2, mu[shown], atol=1e-5)
    np.testing.assert_allclose(np.ptp(drawn, axis=1) / 2, np.exp(logvar[shown] / 2), rtol=1e-5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
    assert "1σ, 39% of its mass" in axes.get_title(loc="left")


def test_more_latents_are_projected_with_their_whole_covariance(linear, x):
    model = linear(12, 5)
    (axes,) = latent_regions(model, x, sigmas=2.0, regions=50).axes
    mu, logvar = (part.astype(float) for part in model.encode(x))
    plane = np.linalg.svd(mu - mu.mean(axis=0))[2][:2]  # a way of its own
    plane *= np.sign(plane[[0, 1], np.abs(plane).argmax(axis=1)])[:, None]
    np.testing.assert_allclose(dots(axes).get_offsets(), mu @ plane.T, atol=1e-6)
    covariance = np.array([plane @ np.diag(np.exp(v)) @ plane.T for v in logvar])
    assert np.abs(covariance[:, 0, 1]).max() > 0.01  # tilted ellipses, or the test would see little
    np.testing.assert_allclose(mahalanobis(outlines(axes), mu @ plane.T, covariance), 2, rtol=1e-5)
    share = np.linalg.svd(mu - mu.mean(axis=0))[1] ** 2
    assert f"{share[0] / share.sum():.0%} of their variance" in axes.get_xlabel()
    assert f"{share[1] / share.sum():.0%} of their variance" in axes.get_ylabel()


def test_the_principal_plane_does_not_flip():
    columns = np.random.default_rng(0).standard_normal((100, 4))
    mu = np.linalg.qr(columns - columns.mean(axis=0))[0] * [1, 5, 0.1, 3]  # uncorrelated
    plane, share = principal_plane(mu)
    np.testing.assert_allclose(plane, np.eye(4)[[1, 3]], atol=1e-12)
    np.testing.assert_allclose(share, np.array([25, 9]) / 35.01, rtol=1e-12)
    np.testing.assert_allclose(principal_plane(-mu)[0], plane, atol=1e-12)


def test_a_plane_needs_two_means():
    with pytest.raises(ValueError, match=r"mu has shape \(1, 4\), expected \(N, L\)"):
        principal_plane(np.zeros((1, 4)))


def test_the_prior_is_there_for_scale(linear, x):
    (axes,) = latent_regions(linear(12, 5), x).axes
    circles = [patch for patch in axes.patches if isinstance(patch, Circle)]
    assert [(circle.center, circle.radius) for circle in circles] == [((0, 0), 1), ((0, 0), 2)]
    assert axes.get_aspect() == 1


def test_an_autoencoder_has_points_and_no_prior(linear, x):
    model = linear(12, 2, posterior=False)
    figure = latent_regions(model, x, np.arange(50) % 3)
    (axes,) = figure.axes
    np.testing.assert_allclose(dots(axes).get_offsets(), model.encode(x), rtol=1e-6)
    assert not any(isinstance(c, PolyCollection) for c in axes.collections)
    assert not axes.patches
    assert "region" not in figure.get_suptitle()


@pytest.mark.parametrize("classes", [1, 10, 13])
def test_every_label_has_its_colour_and_its_name(linear, x, classes):
    labels = 3 + 2 * (np.arange(50) % classes)
    (axes,) = latent_regions(linear(12, 2), x, labels, regions=50).axes
    colours = np.array([to_hex(colour) for colour in dots(axes).get_facecolors()])
    assert len(set(colours)) == classes
    assert all(len(set(colours[labels == label])) == 1 for label in labels)
    assert {text.get_text() for text in axes.texts} >= {str(label) for label in labels}
    edges = next(c for c in axes.collections if isinstance(c, PolyCollection) and len(c.get_edgecolors()))
    assert [to_hex(colour) for colour in edges.get_edgecolors()] == colours.tolist()


def test_without_labels_everything_has_one_colour(linear, x):
    (axes,) = latent_regions(linear(12, 2), x).axes
    assert len(np.unique(dots(axes).get_facecolors(), axis=0)) == 1
    assert {text.get_text() for text in axes.texts} == {"prior 1σ", "prior 2σ"}


def test_labels_of_another_length_are_refused(linear, x):
    with pytest.raises(ValueError, match=r"labels has shape \(49,\), expected \(N,\) with N = 50"):
        latent_regions(linear(12, 2), x, np.zeros(49, int))


class Widths:
    """Posteriors all over the prior, all of one width."""

    latent_dim = 2

    def __init__(self, std):
        self.std = std

    def encode(self, x):
        return x[:, :2], np.full((len(x), 2), 2 * math.log(self.std))


@pytest.mark.parametrize(("std", "regions"), [(1.0, 40), (0.2, 100), (0.05, 400), (1e-30, 400)])
def test_wide_posteriors_are_drawn_more_sparsely(std, regions):
    x = np.random.default_rng(0).standard_normal((1000, 2))
    assert len(outlines(latent_regions(Widths(std), x).axes[0])) == regions


def test_two_classes_with_one_centre_are_named_in_two_places():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    ring = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    disc = 0.3 * rng.standard_normal((400, 2))
    places = label_places(np.concatenate([ring, disc]), np.repeat([7, 4], 400))
    assert np.linalg.norm(places[7][0]) == pytest.approx(3)
    assert np.linalg.norm(places[4][0]) < 1


def test_a_rare_label_is_named_too():
    points, labels = np.random.default_rng(0).standard_normal((5000, 2)), np.zeros(5000, int)
    labels[1234] = 1
    np.testing.assert_array_equal(label_places(points, labels)[1], points[[1234]])


def test_one_latent_is_a_stack_of_intervals(linear, x):
    model, labels = linear(12, 1), np.arange(50) % 3
    (axes,) = latent_regions(model, x, labels, sigmas=2.0).axes
    mu, logvar = (part[:, 0] for part in model.encode(x))
    order = np.lexsort((mu, labels))
    (bars,) = (c for c in axes.collections if isinstance(c, LineCollection))
    ends = np.array(bars.get_segments())
    np.testing.assert_allclose(ends[:, :, 0].mean(axis=1), mu[order], atol=1e-5)
    np.testing.assert_allclose(np.ptp(ends[:, :, 0], axis=1) / 2, 2 * np.exp(logvar[order] / 2), rtol=1e-5)
    np.testing.assert_array_equal(ends[:, :, 1], np.repeat(np.arange(50), 2).reshape(50, 2))
    np.testing.assert_allclose(dots(axes).get_offsets()[:, 0], mu[order], rtol=1e-6)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"]


def test_one_code_an_input_and_no_labels(linear, x):
    (axes,) = latent_regions(linear(12, 1, posterior=False), x).axes
    assert not any(isinstance(c, LineCollection) for c in axes.collections)
    assert len(dots(axes).get_offsets()) == 50


def test_a_name_stands_among_its_class_and_not_at_an_outlier():
    rng = np.random.default_rng(0)
    crowd, outlier = 0.3 * rng.standard_normal((200, 2)), [[5.0, 5.0]]
    labels = np.zeros(201, int)
    labels[1::10] = 1  # some of another class in the crowd, none beside the outlier
    places = label_places(np.concatenate([outlier, crowd]), labels)
    assert np.linalg.norm(places[0][0]) < 1


def test_a_name_stands_where_its_class_is_not_outnumbered():
    rng = np.random.default_rng(0)
    here, there = (0.3 * rng.standard_normal((count, 2)) + place for count, place in [(240, [0, 0]), (30, [5, 0])])
    places = label_places(np.concatenate([here, there]), np.repeat([1, 0, 0], [200, 40, 30]))
    assert np.linalg.norm(places[0][0] - [5, 0]) < 1
    assert np.linalg.norm(places[1][0]) < 1


def test_a_class_in_two_clusters_is_named_in_both():
    rng = np.random.default_rng(0)
    clusters = [0.3 * rng.standard_normal((60, 2)) + place for place in ([0, 0], [5, 0], [0, 5])]
    places = label_places(np.concatenate(clusters), np.repeat([1, 1, 2], 60))
    assert sorted(np.round(places[1][:, 0] / 5)) == [0, 1]
    assert len(places[2]) == 1


def test_the_names_of_the_prior_keep_away_from_those_of_the_labels():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    centre = 0.1 * rng.standard_normal((100, 2)) + np.array([[0, 1], [0, 2]])[labels]
    axes = new_figure(4).subplots()
    draw_regions(axes, centre, np.tile(0.01 * np.eye(2), (100, 1, 1)), labels)
    at = {text.get_text(): np.array(text.get_position()) for text in axes.texts}
    for radius in (1, 2):
        name = at[f"prior {radius}σ"]
        assert np.linalg.norm(name) == pytest.approx(radius)
        assert min(np.linalg.norm(name - at[label]) for label in ("0", "1")) > 0.7


@pytest.mark.parametrize("panels", [3, 1])
def test_the_names_of_the_prior_cover_no_other_name(panels):
    """Where the panel is too small for both among the labels, the outer circle alone is named."""
    places = np.array([[0, 1.5], [0, 0.4], [-0.2, 0], [0.9, -0.3], [0, -0.5], [1.8, 0.3], [-1.7, -0.6], [-0.4, -2]])
    axes = np.ravel(new_figure(8.0 / panels).subplots(1, panels))[-1]
    draw_regions(axes, np.repeat(places, 5, 0), np.tile(0.1 * np.eye(2), (40, 1, 1)), np.repeat(np.arange(8), 5))
    axes.figure.canvas.draw()
    boxes = {each.get_text(): each.get_window_extent() for each in axes.texts}
    prior = [name for name in boxes if name.startswith("prior")]
    assert [(a, b) for a in prior for b in boxes if a != b and boxes[a].overlaps(boxes[b])] == []
    assert len(prior) == (2 if panels == 1 else 1)
