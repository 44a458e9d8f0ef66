"""Shapes with known factors: the same for a seed, different for different factors, and where the factors say."""

import hashlib

import numpy as np
import pytest

from npvae.data.shapes import SHAPES, make_shapes


@pytest.fixture(scope="module")
def everything():
    return make_shapes()


def centroids(shapes):
    """x, y of the mean of the ink, in pixels, (N, 2)."""
    images = shapes.x.reshape(len(shapes.x), *shapes.image_shape).astype(float)
    ink = images.sum(axis=(1, 2))
    at = np.arange(images.shape[1])
    return np.stack([(images.sum(axis=1) * at).sum(axis=1) / ink, (images.sum(axis=2) * at).sum(axis=1) / ink], axis=1)


def test_all_combinations_come_once_and_no_two_look_alike(everything):
    assert everything.x.shape == (6144, 256)
    assert everything.x.dtype == np.float32
    assert everything.levels == (3, 4, 8, 8, 8)
    assert everything.names == ("shape", "scale", "rotation", "x", "y")
    assert len(np.unique(everything.factors, axis=0)) == 6144
    assert (everything.factors.max(axis=0) + 1 == everything.levels).all()
    assert len(np.unique(everything.x, axis=0)) == 6144
    assert everything.x.min() == 0
    assert everything.x.max() == 1


def test_x_and_y_move_the_shape_by_a_pixel_a_level(everything):
    """Averaged over a full turn of the other factors, the centre of the ink moves as far as the factor says."""
    mean = [[centroids(everything)[everything.factors[:, f] == k, f - 3].mean() for k in range(8)] for f in (3, 4)]
    np.testing.assert_allclose(np.diff(mean, axis=1), 16 * (1 - 2 * 0.28) / 7, atol=0.05)


def test_scale_makes_it_larger_in_proportion_to_the_square_of_the_radius(everything):
    ink = [everything.x[everything.factors[:, 1] == k].sum(axis=1).mean() for k in range(4)]
    radius = np.linspace(0.16, 0.28, 4)
    np.testing.assert_allclose(ink / ink[0], (radius / radius[0]) ** 2, rtol=0.04)


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_rotation_is_a_rotation_of_the_picture(shape):
    """Two levels on of eight is a quarter-turn, which np.rot90 does exactly to pixels."""
    shapes = make_shapes(size=32, levels=(3, 1, 8, 1, 1))
    images = shapes.x[shapes.factors[:, 0] == shape].reshape(8, 32, 32)
    for k in range(8):
        turned = np.rot90(images[k], -1)  # rows count downwards, so a positive angle turns clockwise
        assert np.abs(turned - images[(k + 2) % 8]).sum() < 0.01 * images[k].sum()
        assert np.abs(images[(k + 1) % 8] - images[k]).sum() > 0.2 * images[k].sum()


def test_hue_colours_what_is_there_without_it():
    grey = make_shapes(levels=(3, 2, 4, 2, 2))
    shapes = make_shapes(levels=(3, 2, 4, 2, 2, 6), hue=True)
    assert shapes.names[5] == "hue"
    assert shapes.image_shape == (48, 16)
    planes = shapes.x.reshape(-1, 6, 3, 256)
    np.testing.assert_array_equal(planes.max(axis=2), np.repeat(grey.x[:, np.newaxis], 6, axis=1))
    brightest = planes.max(axis=3)[0]
    expected = [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    np.testing.assert_allclose(brightest / brightest.max(), expected, atol=1e-6)


def test_a_seed_chooses_and_the_same_seed_chooses_the_same(everything):
    one, same, other = make_shapes(50, seed=3), make_shapes(50, seed=3), make_shapes(50, seed=4)
    np.testing.assert_array_equal(one.x, same.x)
    assert not np.array_equal(one.factors, other.factors)
    assert len(np.unique(one.factors, axis=0)) == 50
    rows = np.ravel_multi_index(tuple(one.factors.T), one.levels)
    np.testing.assert_array_equal(one.x, everything.x[rows])
    assert hashlib.sha256(make_shapes(50, seed=3).factors.astype("<i8").tobytes()).hexdigest()[:8] == "20a5839e"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n is 0, expected 1 to 6,144"),
        ({"n": 7000}, "n is 7000, expected 1 to 6,144"),
        ({"size": 3}, "size is 3"),
        ({"levels": (3, 4, 8, 8)}, "expected one at least 1 for each of shape, scale, rotation, x, y"),
        ({"levels": (4, 4, 8, 8, 8)}, "shape at most 3"),
        ({"levels": (3, 0, 8, 8, 8)}, "at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_shapes(**settings)
