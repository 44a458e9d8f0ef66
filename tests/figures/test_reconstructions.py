import numpy as np
import pytest

from npvae.figures import many_reconstructions, reconstructions
from npvae.figures.images import as_images, gap

SHAPE = (4, 3)


@pytest.fixture
def x():
    return np.random.default_rng(1).random((40, 12), dtype=np.float32)


@pytest.mark.parametrize("posterior", [True, False])
def test_each_reconstruction_stands_beneath_its_original(linear, cells, x, posterior):
    model = linear(12, 2, posterior)
    (axes,) = reconstructions(model, x, SHAPE, n=7).axes
    grid = cells(axes, SHAPE)
    mu = model.encode(x[:7])[0] if posterior else model.encode(x[:7])
    assert len(grid) == 14
    for n in range(7):
        np.testing.assert_array_equal(grid[0, n], x[n].reshape(SHAPE))
        np.testing.assert_allclose(grid[1, n], model.decode(mu)[n].reshape(SHAPE), rtol=1e-6)


def test_many_go_on_in_further_pairs_of_rows(linear, cells, x):
    model = linear(12, 2)
    (axes,) = reconstructions(model, x, SHAPE, n=30).axes
    grid = cells(axes, SHAPE)
    mu, _ = model.encode(x[:30])
    for n in range(30):
        pair, column = divmod(n, 10)
        np.testing.assert_array_equal(grid[2 * pair, column], x[n].reshape(SHAPE))
        np.testing.assert_allclose(grid[2 * pair + 1, column], model.decode(mu)[n].reshape(SHAPE), rtol=1e-6)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["original", "reconstruction"] * 3


def test_fewer_inputs_than_asked_for(linear, cells, x):
    assert len(cells(reconstructions(linear(12, 2), x[:1], SHAPE).axes[0], SHAPE)) == 2


@pytest.mark.parametrize(("low", "high"), [(-3, 2), (0, 255)])
def test_data_outside_0_to_1_is_neither_all_black_nor_all_white(linear, brightness_at, low, high):
    x = np.full((2, 12), (low + high) / 2, dtype=np.float32)
    x[0, 0], x[1, 0] = low, high
    figure = reconstructions(linear(12, 2), x, SHAPE)
    axes = figure.axes[0]
    pixels = [(1.5, 1.5), (5.5, 1.5), (2.5, 1.5)]  # the first pixel of either original, a middle one of the first
    assert [brightness_at(figure, axes, *at) for at in pixels] == pytest.approx([0, 1, 0.5], abs=0.01)
    assert brightness_at(figure, axes, 0.5, 0.5) == pytest.approx(0, abs=0.01)  # between them


def test_images_are_drawn_upright(linear, brightness_at):
    x = np.zeros((2, 12), dtype=np.float32)
    x[1, 0] = 1  # the second input: its upper left pixel is white
    figure = reconstructions(linear(12, 2), x, SHAPE)
    axes = figure.axes[0]
    left, top = 1 + 3 + 1, 1  # a black pixel between images
    assert brightness_at(figure, axes, left + 0.5, top + 0.5) == pytest.approx(1, abs=0.01)
    for across, down in [(-0.5, 0.5), (1.5, 0.5), (0.5, -0.5), (0.5, 1.5), (0.5, 3.5)]:
        assert brightness_at(figure, axes, left + across, top + down) == pytest.approx(0, abs=0.01)


def test_draws_from_the_posterior_and_their_spread(linear, cells, x):
    model = linear(12, 3)
    above, below, bar, grid = many_reconstructions(model, x[5], SHAPE, np.random.default_rng(7), n=20).axes
    mu, logvar = (part[0].astype(float) for part in model.encode(x[5:6]))
    eps = np.random.default_rng(7).standard_normal((20, 3))
    images = np.stack([model.decode(mu + np.exp(logvar / 2) * e).reshape(SHAPE) for e in eps])
    np.testing.assert_array_equal(cells(above, SHAPE)[0, 0], x[5].reshape(SHAPE))
    np.testing.assert_allclose(below.images[0].get_array(), images.std(axis=0), atol=1e-6)
    drawn = cells(grid, SHAPE)
    assert len(drawn) == 20
    for n, image in enumerate(images):
        np.testing.assert_allclose(drawn[divmod(n, 8)], image, rtol=1e-5)
    assert bar.get_label() == "<colorbar>"


def test_an_autoencoder_has_no_posterior_to_draw_from(linear, x):
    with pytest.raises(ValueError, match=r"many_reconstructions: .* no posterior.* use reconstructions"):
        many_reconstructions(linear(12, 2, posterior=False), x[0], SHAPE, np.random.default_rng(0))


def test_an_image_shape_that_does_not_fit_is_refused(linear, x):
    model = linear(12, 2)
    wrong = r"x has shape \(10, 12\), expected \(N, D\) with D = 15 pixels taken from image_shape \(5, 3\)"
    with pytest.raises(ValueError, match=f"reconstructions: {wrong}"):
        reconstructions(model, x, (5, 3))
    with pytest.raises(ValueError, match=r"many_reconstructions: x has shape \(1, 12\)"):
        many_reconstructions(model, x[0], (5, 3), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"image_shape is \(2, 3, 2\), expected \(height, width\)"):
        as_images(x, (2, 3, 2), "f")


@pytest.mark.parametrize(("image_shape", "pixels"), [((2, 2), 1), ((8, 8), 1), ((28, 16), 2), ((28, 28), 4)])
def test_neighbours_are_an_eighth_of_an_image_apart(image_shape, pixels):
    assert gap(image_shape) == pixels
