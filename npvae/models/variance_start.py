"""Where a learned variance starts: at the data's, unless the caller said where.

A Gaussian whose variance starts at 1 before data of variance 0.1 sees noise where the data are: the KL costs more than
the code brings, every latent is given up within a few epochs, and few come back. A constructor sees no data, so
training does this, before its first step:

    start_variance_at_data(model, x_train)

With y = x - mean of its column, v[d] = mean of y[n, d] ** 2 and r[d] the range of column d:

gaussian_scalar    logvar = log(mean of v)
gaussian_pixel     logvar[d] = log(max(v[d], r[d] ** 2 / 100)); the mean of v where a column is constant
gaussian_decoder   the same, as the bias of the decoder's last layer

The range keeps a column that is constant but for a few samples from a variance that would make these all that counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.entrance import data_of

_ROWS = 10_000  # that the variance is taken from, evenly spaced


def start_variance_at_data(model: Any, x: Any) -> float | None:
    """Set the learned log-variance of a new model to that of the data; the mean of what was set, in nats.

    Nothing is changed, and None returned, if the likelihood has no learned variance, if `logvar` was given to the
    model's constructor, if the parameters have moved already, or if the data is constant.

    Example:
        >>> vae = npvae.VAE(3, hidden=(8,), latent_dim=2, likelihood="gaussian_scalar")
        >>> x = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
        >>> bool(abs(npvae.models.start_variance_at_data(vae, x)) < 0.2)  # log of a variance near 1
        True
    """
    likelihood: Any = getattr(model, "likelihood", None)
    likelihood = getattr(likelihood, "inner", likelihood)  # that of the entries that are seen
    of = getattr(likelihood, "of", None) if str(getattr(likelihood, "name", "")).startswith("gaussian") else None
    if of not in ("scalar", "pixel", "decoder") or getattr(model, "logvar_given", True):
        return None
    place = _place(model, of, likelihood.data_dim)
    if place is None:
        return None
    variances = _variances(model, x)
    if variances is None or variances.size != likelihood.data_dim:
        return None
    logvar = np.log(variances.mean() if of == "scalar" else variances)
    place[...] = _under_floor(logvar, likelihood.floor)
    return float(np.mean(logvar))


def _place(model: Any, of: str, data_dim: int) -> np.ndarray | None:
    """Where the log-variance stands among the parameters, if it is still as it was built."""
    if of != "decoder":
        place = model.params["likelihood.logvar"]
        return place if (place == model.dtype.type(model.settings.logvar)).all() else None
    biases = [name for name in model.params if name.startswith("decoder.") and name.endswith("b")]
    bias = model.params[biases[-1]]
    return None if bias.any() or bias.size != 2 * data_dim else bias[data_dim:]


def _variances(model: Any, x: Any) -> np.ndarray | None:
    """The variance of every column (D,), none of them zero; None if all are constant."""
    data = data_of(model, x)
    rows = np.linspace(0, len(data) - 1, min(len(data), _ROWS)).astype(np.intp)
    batch = model.data_of(data.batch(rows)) if hasattr(model, "data_of") else data.batch(rows)
    values = np.asarray(batch, np.float64).reshape(len(rows), -1)
    seen = np.isfinite(values)  # NaN is a missing entry, where a model allows it
    count = np.maximum(seen.sum(axis=0), 1)
    filled = np.where(seen, values, 0.0)
    deviation = np.where(seen, values - filled.sum(axis=0) / count, 0.0)
    variance = (deviation**2).sum(axis=0) / count
    spread = (deviation.max(axis=0) - deviation.min(axis=0)) ** 2 / 100
    constant = variance <= (8 * np.finfo(np.float32).eps * np.abs(filled).max(axis=0)) ** 2
    if constant.all():
        return None
    return np.where(constant, variance.mean(), np.maximum(variance, spread))


def _under_floor(logvar: np.ndarray, floor: float | None) -> np.ndarray:
    """The parameter whose floored value (npvae.ops.floored_logvar) is `logvar`."""
    if floor is None:
        return logvar
    above = np.maximum(logvar - floor, 1e-3)
    return floor + above + np.log(-np.expm1(-above))
