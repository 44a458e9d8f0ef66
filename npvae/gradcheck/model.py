"""Whole models, through their flat parameter vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from npvae.gradcheck.check import gradcheck
from npvae.gradcheck.report import Report

__all__ = ["check_model", "taylor_test"]


def check_model(
    model: Any, *inputs: Any, seed: int = 0, rtol: float | None = None, atol: float | None = None
) -> Report:
    """Check a model's gradient with respect to its flat parameter vector.

    model   has `params.flat` (one array, changed in place and put back), `forward(*inputs) -> (loss, trace)` and
            `backward(trace) -> grads` with `grads.flat`
    inputs  what forward takes: `check_model(vae, x, eps)`
    """
    flat = model.params.flat

    def forward(theta: np.ndarray) -> tuple[float, Any]:
        kept = flat.copy()
        flat[...] = theta
        try:
            loss, trace = model.forward(*inputs)
            grads = np.array(model.backward(trace).flat)
        finally:
            flat[...] = kept
        return loss, grads

    def backward(dloss: float, grads: np.ndarray) -> np.ndarray:
        return dloss * grads

    return gradcheck(forward, backward, (flat.copy(),), names=("flat",), seed=seed, rtol=rtol, atol=atol)


def taylor_test(
    loss: Callable[[np.ndarray], float],
    gradient: np.ndarray,
    theta: np.ndarray,
    direction: np.ndarray | None = None,
    *,
    seed: int = 0,
    steps: int = 6,
    first_step: float = 2.0**-6,
) -> np.ndarray:
    """Orders of the Taylor remainder |loss(theta + h v) - loss(theta) - h <g, v>|, halving h: near 2 for a right g.

    loss       the flat parameter vector -> loss
    gradient   its claimed gradient at theta
    direction  v; by default Gaussian, of the length of theta's rms scale
    Returns `steps - 1` observed orders; 1 means that the gradient is wrong, 2 that it is right. An order of inf means
    that the remainder vanished.
    """
    if direction is None:
        direction = np.random.default_rng(seed).standard_normal(theta.shape)
        direction = direction / max(1.0, math.sqrt(theta.size) / 8.0)
    here = float(loss(theta))
    slope = float(np.sum(gradient.astype(np.float64) * direction))
    remainders = []
    for j in range(steps):
        h = first_step / 2.0**j
        remainders.append(abs(float(loss(theta + h * direction)) - here - h * slope))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.array(remainders)
        return np.where(r[1:] > 0, np.log2(r[:-1] / r[1:]), np.inf)
