"""Log-density of a diagonal Gaussian, log N(z; mu, diag(exp(logvar))), one value per sample, in nats.

Forward
    logp[n] = -sum((log(2 * pi) + logvar[n, l] + (z[n, l] - mu[n, l]) ** 2 * exp(-logvar[n, l])) / 2
                   for l in range(L))                                                            (1)
Backward
    u[n, l] = (z[n, l] - mu[n, l]) * exp(-logvar[n, l])                                          (2)
    dz[n, l] = -dlogp[n] * u[n, l]                                                               (3)
    dmu[n, l] = dlogp[n] * u[n, l]                                                               (4)
    dlogvar[n, l] = dlogp[n] * ((z[n, l] - mu[n, l]) * u[n, l] - 1) / 2                          (5)
Derivation
    The density is exp(-(z - mu)**2 / (2 var)) / sqrt(2 pi var) with var = exp(logvar); its log is (1).
    The slope of (z - mu)**2 / 2 in z is z - mu, and in mu the opposite: (3), (4). That of exp(-logvar) in logvar is
    -exp(-logvar), that of logvar is 1: (5).

All three arguments have a gradient: in log q(z) - log p(z) with z = mu + std * eps, the loss reaches mu and logvar
both through z and directly, and the two paths are added where they meet.

Bishop (2006), "Pattern Recognition and Machine Learning", equation 2.43.
"""

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op

LOG_2PI = float(np.log(2 * np.pi))


def gaussian_log_density_forward(z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, tuple]:
    """z, mu, logvar (N, L) -> logp (N,), in nats. ValueError if the shapes differ."""
    if z.ndim != 2 or not z.shape == mu.shape == logvar.shape:
        raise shape_error(OP, z, mu, logvar)
    r = z - mu  # (N, L)
    precision = np.exp(-logvar)  # (N, L)
    logp = -(LOG_2PI + logvar + r * r * precision).sum(axis=1) / 2  # (1)
    return logp, (r, precision)


def gaussian_log_density_backward(dlogp: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dlogp (N,) -> dz, dmu, dlogvar (N, L)."""
    r, precision = cache
    dlogp = dlogp[:, np.newaxis]  # (N, 1)
    u = r * precision  # (2)
    dz = -dlogp * u  # (3)
    dmu = dlogp * u  # (4)
    dlogvar = dlogp * (r * u - 1) / 2  # (5)
    return dz, dmu, dlogvar


OP = Op(
    gaussian_log_density_forward,
    gaussian_log_density_backward,
    args={"z": Arg("N L"), "mu": Arg("N L"), "logvar": Arg("N L", domain=(-80.0, 80.0))},
    pure=True,
)
