"""log p(x) by importance sampling: many samples of q(z|x), their weights averaged, in bounded memory.

Equations
    log_p[n] = log(sum(exp(log_w[s, n]) for s in range(S)) / S)                                  (1)
    w[s, n] = exp(log_w[s, n] - log_p[n])                                                        (2)
    variance[n] = sum((w[s, n] - 1) ** 2 for s in range(S)) / S / max(S - 1, 1)                  (3)
    standard_error[n] = sqrt(variance[n])                                                        (4)
    effective_samples[n] = S ** 2 / sum(w[s, n] ** 2 for s in range(S))                          (5)

log_w are the logs of p(x, z_s) / q(z_s|x) for z_s ~ q(z|x); w are the weights over their mean.

The mean of the weights is unbiased; its log is, on average, below log p(x), the less the more samples. What it cannot
tell: if q misses a part of the posterior, no weight says so, and the estimate is low with a small standard error.

Burda, Grosse & Salakhutdinov (2016), section 5; the standard error is that of a log of a mean (delta method).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.models.checks import check_generator, check_whole
from npvae.models.entrance import admit


@dataclass(frozen=True)
class ImportanceEstimate:
    """One estimate per sample x, (N,) each."""

    log_p: np.ndarray  # nats
    standard_error: np.ndarray  # of log_p, nats
    effective_samples: np.ndarray  # (sum w)**2 / sum w**2, between 1 and S

    def __str__(self) -> str:
        error = np.sqrt((self.standard_error**2).sum()) / len(self.log_p)
        ess = np.median(self.effective_samples)
        return f"-log p(x) = {-self.log_p.mean():.3f} ± {error:.3f} nats, median effective samples {ess:.0f}"


def log_p_by_importance(
    model: Any, x: np.ndarray, rng: np.random.Generator, *, samples: int = 5000, rows: int = 1000
) -> ImportanceEstimate:
    """Estimate log p(x) for x (N, D) with `samples` draws each, at most `rows` decoded at a time.

    The sums are carried along with the largest log-weight taken out, so memory does not depend on `samples`.

    Raises ValueError for data that training would refuse.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2)
        >>> x = npvae.load_dataset("digits")[1][:3]
        >>> npvae.evaluation.log_p_by_importance(vae, x, np.random.default_rng(0), samples=10).log_p.shape
        (3,)
    """
    check_whole(samples=samples, rows=rows)
    check_generator(rng)
    if getattr(model, "takes", "") in ("rows", "images"):  # of other kinds the model checks each batch
        x = admit(model, x)
    top = np.full(len(x), -np.inf)
    total, squares = np.zeros(len(x)), np.zeros(len(x))
    batch = max(1, min(len(x), rows // samples))  # few images, many draws of each: they are encoded once a visit
    for start in range(0, len(x), batch):
        part = slice(start, start + batch)
        done, n = 0, len(x[part])
        while done < samples:
            K = min(samples - done, rows)  # n K <= rows: n is more than 1 only where all samples fit at once
            log_w = model.log_weights(x[part], rng.standard_normal((K, n, model.noise_dim)).astype(model.dtype))
            higher = np.maximum(top[part], log_w.max(axis=0))
            shrink = np.exp(top[part] - higher)
            w = np.exp(log_w.astype(np.float64) - higher)
            total[part] = total[part] * shrink + w.sum(axis=0)
            squares[part] = squares[part] * shrink**2 + (w * w).sum(axis=0)
            top[part], done = higher, done + K
    mean = total / samples
    variance = np.maximum(squares / samples - mean**2, 0) / max(samples - 1, 1)  # (3), of the mean weight
    return ImportanceEstimate(top + np.log(mean), np.sqrt(variance) / mean, total**2 / squares)  # (1) (4) (5)
