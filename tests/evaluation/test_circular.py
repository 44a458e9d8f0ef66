"""A linear convolutional VAE with a circular filter against its exact log p(x), which a Fourier transform gives."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from npvae.evaluation import log_p_by_importance
from npvae.evaluation.circular import best_filter, log_p_circular, power
from npvae.gradcheck import check_model
from npvae.models import VAE

H, W = 3, 4
D, S2 = H * W, 0.3


class CircularVAE(VAE):
    """A VAE whose decoder is one conv2d over z, wrapped round: weights (H, W, 1, 1), a window as large as the image."""

    def parameter_shapes(self):
        """The MLP's encoder without a hidden layer, and the window."""
        return {"encoder.0.W": (D, 2 * D), "encoder.0.b": (2 * D,), "decoder.W": (H, W, 1, 1), "decoder.b": (1,)}

    def decoder_forward(self, ops, z, x):
        """Z (N, D) as images, repeated to the right and below, under the window."""
        wrapped = np.tile(z.reshape(-1, H, W, 1), (1, 2, 2, 1))[:, : 2 * H - 1, : 2 * W - 1]
        y, cache = ops.conv2d_forward(wrapped, self.params["decoder.W"], self.params["decoder.b"])
        return y.reshape(len(z), D), cache

    def decoder_backward(self, ops, doutput, cache, grads):
        """What comes back to the copies of a pixel is added up."""
        dwrapped, grads["decoder.W"], grads["decoder.b"] = ops.conv2d_backward(doutput.reshape(-1, H, W, 1), cache)
        dz = np.zeros((len(doutput), H, W))
        for down, across in np.ndindex(2, 2):
            part = dwrapped[:, down * H : (down + 1) * H, across * W : (across + 1) * W, 0]
            dz[:, : part.shape[1], : part.shape[2]] += part
        return dz.reshape(len(doutput), D)

    def decoder_output(self, z):
        """Z (N, D) -> means (N, D)."""
        return self.decoder_forward(self.ops, z, z)[0]


@pytest.fixture(params=["numpy", "numba"])
def vae(request):
    model = CircularVAE(
        D, (), D, likelihood="gaussian_fixed", logvar=float(np.log(S2)), dtype="float64", backend=request.param
    )
    rng = np.random.default_rng(0)
    model.params.flat[:] = 0.2 * rng.standard_normal(model.params.flat.size)
    return model


def exact(vae, x):
    """Log p(x) by the Fourier transform, of the model's own weights."""
    window, mean = vae.params["decoder.W"][:, :, 0, 0], float(vae.params["decoder.b"][0])
    return log_p_circular(x.reshape(-1, H, W), window[::-1, ::-1], S2, mean)


def test_the_fourier_transform_makes_the_covariance_of_the_decoder_diagonal(vae):
    x = np.random.default_rng(1).standard_normal((5, D))
    start = vae.decoder_output(np.zeros((1, D)))
    matrix = vae.decoder_output(np.eye(D)) - start
    truth = multivariate_normal(start[0], matrix.T @ matrix + S2 * np.eye(D)).logpdf(x)
    np.testing.assert_allclose(exact(vae, x), truth, atol=1e-11)


def test_importance_sampling_finds_it_and_the_elbo_stays_below(vae):
    """With an encoder that knows the exact posterior's mean and variances, but not its correlations."""
    x = np.random.default_rng(2).standard_normal((3, D))
    start = vae.decoder_output(np.zeros((1, D)))[0]
    matrix = vae.decoder_output(np.eye(D)) - start
    covariance = np.linalg.inv(np.eye(D) + matrix @ matrix.T / S2)
    gain = matrix.T @ covariance / S2  # mean of z = (x - start) gain
    vae.params["encoder.0.W"][...] = np.concatenate([gain, np.zeros((D, D))], axis=1)
    vae.params["encoder.0.b"][...] = np.concatenate([-start @ gain, np.log(np.diag(covariance))])
    truth = exact(vae, x)
    found = log_p_by_importance(vae, x, np.random.default_rng(3), samples=20_000, rows=20_000)
    assert (found.standard_error < 0.05).all()
    assert (np.abs(found.log_p - truth) < 4 * found.standard_error).all()
    bound = np.mean([-vae.forward(x, eps)[0] for eps in np.random.default_rng(4).standard_normal((400, 3, D))])
    assert bound < truth.mean() - 0.02


def test_its_gradients(vae):
    rng = np.random.default_rng(5)
    report = check_model(vae, rng.standard_normal((2, D)), rng.standard_normal((2, D)))
    assert report, report


def test_the_best_filter_has_the_power_of_the_data_less_the_noise():
    rng = np.random.default_rng(6)
    h = rng.standard_normal((H, W))
    z = rng.standard_normal((4000, H, W))
    x = np.fft.ifft2(np.fft.fft2(h) * np.fft.fft2(z)).real + np.sqrt(S2) * rng.standard_normal(z.shape)
    best = best_filter(x, S2)
    top = log_p_circular(x, best, S2).mean()
    assert top > log_p_circular(x, h, S2).mean()  # the truth fits this sample a little worse
    for _ in range(20):
        assert log_p_circular(x, best + 0.05 * rng.standard_normal((H, W)), S2).mean() < top
    np.testing.assert_allclose(np.abs(np.fft.fft2(best)), np.abs(np.fft.fft2(h)), atol=0.12)
    np.testing.assert_allclose(power(x).mean(axis=(1, 2)), (x * x).mean(axis=(1, 2)))
    np.testing.assert_allclose(log_p_circular(x, np.roll(best, (1, 2), (0, 1)), S2).mean(), top)


def test_shapes_that_do_not_fit_are_refused():
    x = np.zeros((2, H, W))
    for bad in ((x, np.zeros((W, H)), 1.0), (x[0], np.zeros((H, W)), 1.0), (x, np.zeros((H, W)), 0.0)):
        with pytest.raises(ValueError, match=r"expected \(N, H, W\), \(H, W\) and a positive number"):
            log_p_circular(*bad)
