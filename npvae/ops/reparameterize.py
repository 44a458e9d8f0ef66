"""The reparameterisation trick: a sample of N(mu, std**2) as a smooth function of mu and std.

Forward
    z[n, l] = mu[n, l] + std[n, l] * eps[n, l]                                                   (1)
Backward
    dmu[n, l] = dz[n, l] * 1                                                                     (2)
    dstd[n, l] = dz[n, l] * eps[n, l]                                                            (3)
Derivation
    z is a straight line in mu, of slope 1, and in std, of slope eps. That a gradient through z is one of the mean of
    a function f over z ~ N(mu, std**2) follows from (1): it is the mean of f(mu + std * eps) over eps ~ N(0, 1), whose
    density holds neither mu nor std, so the derivative may be taken inside the mean, draw by draw.

The noise eps ~ N(0, I) is an argument: it was drawn before, depends on no parameter and so has no gradient. All
that is random is beside the path from mu and std to the loss, not on it, and the local derivatives are
dz/dmu = 1 and dz/dstd = eps. Backward uses the same eps as forward.

Kingma & Welling (2014), section 2.4; Rezende, Mohamed & Wierstra (2014).
"""

import math

import numpy as np

from npvae.ops.shapes import shape_error
from npvae.spec import Arg, Op


def reparameterize_forward(mu: np.ndarray, std: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, tuple]:
    """mu, std, eps of one shape, (N, L) or (K, N, L) -> z of that shape. ValueError if the shapes differ."""
    if not mu.shape == std.shape == eps.shape:
        raise shape_error(OP, mu, std, eps)
    z = mu + std * eps  # (1)
    return z, (eps,)


def reparameterize_backward(dz: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dz -> dmu, dstd, all of one shape."""
    (eps,) = cache
    dmu = dz * 1  # (2)  a new array: dz itself would be an alias
    dstd = dz * eps  # (3)
    return dmu, dstd


OP = Op(
    reparameterize_forward,
    reparameterize_backward,
    args={
        "mu": Arg("N L", linear=True),
        "std": Arg("N L", domain=(0.0, math.inf), linear=True),
        "eps": Arg("N L", differentiable=False),
    },
    pure=True,
)
