"""Exact log p(x) of a linear decoder that is one circular filter: a truth to compare a convolutional model with.

    z ~ N(0, I) an image (H, W),  x | z ~ N(m + h ⊛ z, s2 I)        h (H, W), ⊛ convolution that wraps round the edges

The covariance of x is then the same between any two pixels at the same distance, and the Fourier transform makes it
diagonal: every frequency f is a Gaussian of its own, of variance |h(f)|² + s2, and log p(x) is a sum over frequencies.
The data enter through their power |x(f)|² / D alone, D = H * W, and with S(f) its mean over the data the best filter
has |h(f)|² = max(S(f) - s2, 0): probabilistic PCA where the principal directions are known beforehand.

It is an oracle for log p(x) and for estimates of it by sampling, not for the ELBO: the posterior of z is correlated
between pixels, which a diagonal q(z|x) is not.

Gray (2006), "Toeplitz and circulant matrices: a review"; Tipping & Bishop (1999).
"""

from __future__ import annotations

import numpy as np


def log_p_circular(x: np.ndarray, h: np.ndarray, s2: float, mean: float | np.ndarray = 0.0) -> np.ndarray:
    """Images x (N, H, W), filter h (H, W), variance s2 of the noise, mean of x -> log p(x) (N,), in nats.

    Raises ValueError if the filter has not the size of the images, or s2 is not positive.
    """
    if x.ndim != 3 or h.shape != x.shape[1:] or not s2 > 0:
        raise ValueError(
            f"x has shape {x.shape}, h {h.shape}, s2 is {s2}; expected (N, H, W), (H, W) and a positive number"
        )
    variance = np.abs(np.fft.fft2(h)) ** 2 + s2  # (H, W), of each frequency
    return -0.5 * (np.log(2 * np.pi * variance) + power(x - mean) / variance).sum(axis=(1, 2))


def power(x: np.ndarray) -> np.ndarray:
    """Images x (N, H, W) -> their power at each frequency, (N, H, W), whose mean over frequencies is that of x**2."""
    return np.abs(np.fft.fft2(x)) ** 2 / (x.shape[1] * x.shape[2])


def best_filter(x: np.ndarray, s2: float, mean: float | np.ndarray = 0.0) -> np.ndarray:
    """The filter h (H, W) under which images x (N, H, W) are most likely, of those that are symmetric about pixel 0.

    Only |h(f)| counts: any phases, such as moving h, give the same log p(x).
    """
    size = np.sqrt(np.maximum(power(x - mean).mean(axis=0) - s2, 0))
    return np.fft.ifft2(size).real
