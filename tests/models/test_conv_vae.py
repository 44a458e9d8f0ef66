"""The convolutional VAE: sizes, images and rows, buffers, a linear one that is a dense one."""

import numpy as np
import pytest

import npvae
from npvae.gradcheck import check_model
from npvae.models import LIKELIHOODS
from npvae.models.convnet import sizes_of
from npvae.steps import Step


def small(shape=(9, 6, 2), likelihood="bernoulli", channels=(3, 4), hidden=(5,), **settings):
    """A model away from its start, images and noise."""
    rng = np.random.default_rng(0)
    settings = {"dtype": "float64", "backend": "numpy", "levels": 5, "activation": "silu", **settings}
    vae = npvae.ConvVAE(shape, channels, hidden, 2, likelihood=likelihood, beta=0.7, logvar=-0.3, **settings)
    vae.params.flat[:] += (0.2 * rng.standard_normal(vae.params.flat.size)).astype(vae.dtype)
    x = (rng.integers(0, 5, (3, *vae.image_shape)) / 4).astype(vae.dtype)
    return vae, x, vae.draw_eps(len(x), rng)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_pixel", "gaussian_decoder", "categorical"])
def test_every_gradient_with_colours_and_odd_sizes(likelihood):
    """One likelihood for each way in which outputs lie: one of a pixel, two side by side, several together."""
    report = check_model(*small((5, 4, 2), likelihood, channels=(3,)))
    assert report, report


@pytest.mark.parametrize("missing", ["ignore", "mask"])
def test_every_gradient_where_data_are_missing(missing):
    """The mask is one more channel for each of the image's."""
    vae, x, eps = small((4, 5, 2), channels=(3,), missing=missing)
    x[0, 1, 2, 1] = x[2, 3, :, 0] = np.nan
    assert vae.params["encoder.conv.0.W"].shape[2] == (4 if missing == "mask" else 2)
    assert check_model(vae, x, eps)
    filled = vae.reconstruct(x)
    assert filled.shape == x.shape
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_backends_and_buffers_agree_with_the_pages(likelihood):
    vae, x, eps = small(likelihood=likelihood)
    loss, trace = vae.forward(x, eps)
    grads = vae.backward(trace)
    twin, _, _ = small(likelihood=likelihood, backend="numba")
    step = Step(twin, 4)
    for _ in range(2):  # the second over the buffers of the first
        found, trace = step.forward(x, eps)
        assert found == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(step.backward(trace).flat, grads.flat, atol=1e-10)
    assert "ConvVAE has lines of its own" in str(step)


def test_images_and_rows_of_the_same_numbers_are_the_same():
    vae, x, eps = small()
    rows = x.reshape(len(x), -1)
    assert vae.forward(rows, eps)[0] == vae.forward(x, eps)[0] == vae.forward(np.asfortranarray(x), eps)[0]
    np.testing.assert_array_equal(vae.encode(rows)[0], vae.encode(x)[0])
    np.testing.assert_array_equal(vae.reconstruct(rows), vae.reconstruct(x))
    k = np.stack([eps, -eps])
    np.testing.assert_array_equal(vae.log_weights(rows, k), vae.log_weights(x, k))
    z, rng = vae.encode(x)[0], np.random.default_rng(0)
    for images in (vae.decode(z), vae.reconstruct(x), vae.sample(3, rng), vae.sample(3, rng, draw_pixels=True)):
        assert images.shape == x.shape


@pytest.mark.parametrize("objective", ["iwae", "dreg", "free_bits", "capacity"])
def test_objectives_that_fit(objective):
    vae, x, _ = small(objective=objective, samples=3 if objective in ("iwae", "dreg") else 1, channels=(3,))
    loss, trace = vae.forward(x, vae.draw_eps(len(x), np.random.default_rng(1)))
    assert np.isfinite(loss)
    assert np.abs(vae.backward(trace)["encoder.conv.0.W"]).min() > 0


def test_without_activation_it_is_the_linear_map_that_its_matrix_is():
    """A decoder without kinks: leaky_relu of slope 1 is not to be had, so all is kept on one side of relu's kink."""
    vae, _, _ = small((8, 8, 1), activation="relu", hidden=())
    rng = np.random.default_rng(0)
    for name, value in vae.params.items():
        if name.startswith("decoder"):
            value[...] = np.abs(value) if name.endswith("W") else 1.0
    z = rng.random((5, 2))
    start = vae.decoder_output(np.zeros((1, 2)))
    matrix = np.concatenate([vae.decoder_output(np.eye(2)[[i]]) - start for i in range(2)])
    np.testing.assert_allclose(vae.decoder_output(z), z @ matrix + start, atol=1e-12)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (28, 20), (31, 6), (11, 13)])
def test_any_size_from_four_on_comes_back(size):
    vae = npvae.ConvVAE(size, (2, 3), (4,), 2)
    x = np.random.default_rng(0).random((2, *size, 1), dtype=np.float32)
    assert vae.reconstruct(x).shape == x.shape
    assert vae.sizes == sizes_of(size, 2)


def test_sizes_that_are_too_small_are_refused_with_the_nearest_that_is_not():
    with pytest.raises(ValueError, match=r"images of 3 x 40 are 1 x 20 after 1 of 2 .*the nearest is 4 x 40"):
        npvae.ConvVAE((3, 40))
    with pytest.raises(ValueError, match=r"image_shape is 30, which is no square grey image"):
        npvae.ConvVAE(30)
    with pytest.raises(ValueError, match=r"image_shape is 'x', expected \(height, width, channels\)"):
        npvae.ConvVAE("x")
    with pytest.raises(ValueError, match="channels in image_shape is 0"):
        npvae.ConvVAE((8, 8, 0))
    with pytest.raises(ValueError, match="channels is empty"):
        npvae.ConvVAE((8, 8), ())
    vae, x, eps = small()
    with pytest.raises(ValueError, match=r"x has shape \(3, 6, 9, 2\), expected \(N, H, W, C\) with H = 9, W = 6"):
        vae.forward(x.transpose(0, 2, 1, 3), eps)
    with pytest.raises(ValueError, match=r"/ 255"):
        vae.forward(x.astype(np.uint8), eps)


def test_the_model_of_the_published_comparison_has_its_parameters():
    vae = npvae.ConvVAE(784, (16, 32), (), 20)
    assert vae.params.flat.size == 112_649
    assert repr(vae) == "ConvVAE 28x28x1-16-32-20-32-16-28x28x1, relu, bernoulli, 112,649 parameters, float32"


def test_it_learns_which_of_two_pictures_it_sees():
    rng = np.random.default_rng(0)
    pictures = np.zeros((2, 8, 8, 1), np.float32)
    pictures[0, :4], pictures[1, :, 4:] = 1, 1
    x = pictures[rng.integers(0, 2, 256)]
    vae = npvae.ConvVAE((8, 8), (4, 8), (16,), 2)
    history = npvae.train(vae, x, epochs=12, batch_size=32, optimizer="adam", lr=1e-2, seed=0, progress=False).history
    assert history[-1]["train_loss"] < 3 < history[0]["train_loss"]
    assert np.abs(vae.reconstruct(pictures) - pictures).max() < 0.2
