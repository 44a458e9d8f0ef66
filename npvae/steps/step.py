"""One training step of a model, and how it is computed: chosen once, said in one line.

    step = Step(model, batch_size=128)
    loss, trace = step.forward(x, eps)
    grads = step.backward(trace)

The numbers are the model's own: `model.forward` and `model.backward` say what is computed, a Step where. It reuses its
arrays, so a trace is valid until the next forward, and the gradients until the next backward: whoever keeps them longer
copies them (`copy.deepcopy`), or calls the model, where every array is new.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npvae.models.checks import check_whole
from npvae.params import Params

_KERNEL_BY_KERNEL = "the model's own lines, kernel by kernel, over reused buffers"


class AsWritten:
    """The pages themselves: every array new, every line to be stepped through."""

    def __init__(self, model: Any) -> None:
        """Nothing is kept."""
        self.model = model

    def forward(self, x: Any, eps: Any) -> tuple[float, Any]:
        """The model's forward."""
        return self.model.forward(x, eps)

    def backward(self, trace: Any) -> Params:
        """The model's backward."""
        return self.model.backward(trace)

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients."""
        with np.errstate(over="ignore", invalid="ignore"):  # inf or NaN is the answer then
            return float(grads.flat @ grads.flat)


class Step:
    """Forward and backward of a model on batches of at most batch_size.

    Beta and what a schedule changes are read at every step. str(step) says which way was chosen, and why.

    Raises ValueError for a batch_size that is not a whole number of at least 1.

    Example:
        >>> vae = npvae.VAE(64, hidden=(8,), latent_dim=2, backend="numpy")
        >>> step = npvae.steps.Step(vae, batch_size=5)
        >>> loss, trace = step.forward(np.zeros((5, 64), np.float32), np.zeros((5, 2), np.float32))
        >>> step.backward(trace) is not None
        True
    """

    def __init__(self, model: Any, batch_size: int) -> None:
        """Choose the way; its arrays are made now, or with the first step."""
        check_whole(batch_size=batch_size)
        self.model, self.batch_size = model, batch_size
        self._way, self._told = _choose(model, batch_size)

    def forward(self, x: Any, eps: Any) -> tuple[float, Any]:
        """A batch and its noise -> loss in nats, trace, valid until the next forward.

        Raises ValueError as the model's forward does, and for a batch of more than batch_size.
        """
        try:
            n = len(x)
        except TypeError:  # no batch: the model's forward will say so
            n = 1
        if n > self.batch_size:
            raise ValueError(f"a batch of {n} is too large for a Step of {self.batch_size}: make one of its size")
        return self._way.forward(x, eps)

    def backward(self, trace: Any) -> Params:
        """The gradients of the loss, valid until the next backward. ValueError for the trace of an earlier forward."""
        return self._way.backward(trace)

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients: finite only if all of them are, and their squares."""
        return self._way.square_norm(grads)

    def __str__(self) -> str:
        return self._told

    def __reduce__(self) -> tuple:
        """Copied and pickled as a new Step of the model, which is copied with it: the buffers stay with their owner."""
        return Step, (self.model, self.batch_size)


def _choose(model: Any, batch_size: int) -> tuple[Any, str]:
    """The way of computing a step, and the line that tells it."""
    if model.config["backend"] == "numpy":
        return AsWritten(model), "the pages themselves, every array new: the backend is numpy"
    from npvae import kernels

    if getattr(model, "ops", kernels) is not kernels:
        return AsWritten(model), "as written, every array new: the model has been given ops of its own"
    from npvae.steps.buffers import OverBuffers
    from npvae.steps.compiled_vae import CompiledVAEStep, largest_product, shared, why_not

    if reason := why_not(model):
        return OverBuffers(model), f"{_KERNEL_BY_KERNEL}: {reason}"
    compiled, (rows, columns) = "one compiled function forward, one backward", largest_product(model)
    told = "is shared between threads" if shared(model, batch_size) else "is too short to be worth sharing"
    return CompiledVAEStep(
        model, batch_size
    ), f"{compiled}: the largest product, {batch_size} x {rows} x {columns}, {told}"
