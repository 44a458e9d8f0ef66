"""Likelihoods of pixels in [0, 1] by one logit each."""

from __future__ import annotations

import numpy as np

from npvae.models.contract import Ops
from npvae.models.likelihoods.contract import Likelihood
from npvae.params import Params


class Bernoulli(Likelihood):
    """Pixels in [0, 1]; the decoder gives logits. For grey values see the op's page: a cross-entropy, by custom."""

    name = "bernoulli"
    op = "bernoulli_nll"
    domain = (0.0, 1.0)
    certain = (-1e4,)

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """sigmoid(logits), (N, D)."""
        return ops.sigmoid_forward(output)[0]

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Pixels that are 0 or 1, (N, D)."""
        p = self.mean(ops, output)
        return (rng.random(p.shape, dtype=p.dtype) < p).astype(p.dtype)


class ContinuousBernoulli(Likelihood):
    """Grey pixels in [0, 1] under a density that is normalised there; the decoder gives logits."""

    name = "continuous_bernoulli"
    op = "continuous_bernoulli_nll"
    domain = (0.0, 1.0)
    certain = (0.0,)  # the uniform density

    def mean(self, ops: Ops, output: np.ndarray) -> np.ndarray:
        """The mean of the density, which is not sigmoid(logits), (N, D)."""
        return ops.continuous_bernoulli_mean(output)

    def sample(self, ops: Ops, output: np.ndarray, params: Params, rng: np.random.Generator) -> np.ndarray:
        """Grey pixels in [0, 1], (N, D), by the inverse of the distribution function, for |logit| and mirrored."""
        t = np.maximum(np.abs(output), np.finfo(output.dtype).tiny)
        u = rng.random(output.shape, dtype=output.dtype)
        above = 1 + np.log1p((1 - u) * np.expm1(-t)) / t
        return np.where(output > 0, above, 1 - above)
