"""Standard deviation from the log of the variance.

Forward
    std[n, l] = exp(logvar[n, l] / 2)                                                            (1)
Backward
    dlogvar[n, l] = dstd[n, l] * std[n, l] / 2                                                   (2)
Derivation
    The slope of exp(v) is exp(v), and that of v = logvar / 2 is 1 / 2.

A network may output any real number, a standard deviation must be positive: log(std**2) is free to be any number,
and a step of equal size multiplies std by an equal factor wherever it starts. The half in the exponent is
the half that is most often forgotten: exp(logvar) would be the variance.

Kingma & Welling (2014), appendix C.2.
"""

import numpy as np

from npvae.spec import Arg, Op


def std_from_logvar_forward(logvar: np.ndarray) -> tuple[np.ndarray, tuple]:
    """logvar (N, L), the log of the variance -> std (N, L), positive."""
    std = np.exp(logvar / 2)  # (1)
    return std, (std.copy(),)


def std_from_logvar_backward(dstd: np.ndarray, cache: tuple) -> np.ndarray:
    """dstd (N, L) -> dlogvar (N, L)."""
    (std,) = cache
    dlogvar = dstd * std / 2  # (2)
    return dlogvar


OP = Op(
    std_from_logvar_forward,
    std_from_logvar_backward,
    args={"logvar": Arg("N L", domain=(-160.0, 160.0))},
    pure=True,
)
