"""The Gaussian of the Frey Faces papers: its mean goes through a sigmoid, its log-variance comes from the decoder.

Kingma & Welling (2014), appendix C.2, with the mean constrained to (0, 1) as in their section 5; Li & Turner (2016).
Both gradients are right: that of the log-variance is checked against differences before a run (`check_gradient`).
"""

import numpy as np

import npvae
from npvae.models.likelihoods.gaussian import Gaussian


class SigmoidGaussian(Gaussian):
    """gaussian_decoder whose mean is sigmoid of the decoder's first D outputs; logvar above the floor, if any."""

    def __init__(self, data_dim, floor=None):
        super().__init__("decoder", data_dim, 0.0, floor)

    def forward(self, ops, output, x, params):
        """Output (N, 2 D), x (N, D) -> nll (N,), in nats."""
        mean, sigmoid_cache = ops.sigmoid_forward(np.ascontiguousarray(output[:, : self.data_dim]))
        nll, cache = super().forward(ops, np.concatenate([mean, output[:, self.data_dim :]], axis=1), x, params)
        return nll, (cache, sigmoid_cache)

    def backward(self, ops, dnll, cache, grads):
        """From dnll (N,) to doutput (N, 2 D)."""
        gaussian_cache, sigmoid_cache = cache
        doutput = super().backward(ops, dnll, gaussian_cache, grads)
        dmean = np.ascontiguousarray(doutput[:, : self.data_dim])
        return np.concatenate([ops.sigmoid_backward(dmean, sigmoid_cache), doutput[:, self.data_dim :]], axis=1)

    def mean(self, ops, output):
        """The mean of p(x|z), (N, D)."""
        return ops.sigmoid_forward(np.ascontiguousarray(output[:, : self.data_dim]))[0]


def vae_with_sigmoid_gaussian(data_dim, hidden, latent_dim, activation, *, floor=None, **settings):
    """A VAE with this likelihood; floor is the least log-variance."""
    vae = npvae.VAE(data_dim, hidden, latent_dim, activation, "gaussian_decoder", **settings)
    vae.likelihood = SigmoidGaussian(data_dim, floor)
    return vae


def check_gradient():
    """The largest relative error of the whole gradient in random directions, float64, against central differences."""
    rng, worst, step = np.random.default_rng(0), 0.0, 1e-5
    for floor in (None, -3.0):
        settings = {"objective": "iwae", "samples": 3, "dtype": "float64", "backend": "numpy"}
        vae = vae_with_sigmoid_gaussian(12, (7,), 3, "softplus", floor=floor, **settings)
        vae.params.flat[:] += 0.3 * rng.standard_normal(vae.params.flat.size)
        x, eps = rng.random((5, 12)), rng.standard_normal((3, 5, 3))
        gradient, start = vae.backward(vae.forward(x, eps)[1]).flat.copy(), vae.params.flat.copy()
        for _ in range(5):
            direction = rng.standard_normal(gradient.size)
            losses = []
            for sign in (1, -1):
                vae.params.flat[:] = start + sign * step * direction
                losses.append(vae.forward(x, eps)[0])
            slope = (losses[0] - losses[1]) / (2 * step)
            worst = max(worst, abs(slope - gradient @ direction) / np.linalg.norm(gradient))
    return worst
