"""One training step of a model, and how it is computed: chosen once, told in a line.

    step = Step(model, batch_size=128)
    loss, trace = step.forward(x, eps)
    grads = step.backward(trace)

The numbers are the model's own: `model.forward` and `model.backward` say what is computed, a Step where. It reuses its
arrays, so a trace is valid until the next forward, and the gradients until the next backward: whoever keeps them longer
copies them, or calls the model, where every array is new.
"""

from __future__ import annotations

from typing import Any

from npvae.models.checks import check_whole
from npvae.params import Params


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
        return float(grads.flat @ grads.flat)


class Step:
    """Forward and backward of a model on batches of at most batch_size.

    Beta and what a schedule changes are read at every step. str(step) says which way was chosen, and why.

    Raises ValueError for a batch_size that is not a whole number of at least 1.
    """

    def __init__(self, model: Any, batch_size: int) -> None:
        """Choose the way; arrays are made with the first step, or now."""
        check_whole(batch_size=batch_size)
        self.batch_size = batch_size
        self._way, self._told = _choose(model, batch_size)

    def forward(self, x: Any, eps: Any) -> tuple[float, Any]:
        """A batch and its noise -> loss in nats, trace, valid until the next forward.

        Raises ValueError as the model's forward does, and for a batch of more than batch_size.
        """
        if len(x) > self.batch_size:
            raise ValueError(f"a batch of {len(x)} is too large for a Step of {self.batch_size}: make one of its size")
        return self._way.forward(x, eps)

    def backward(self, trace: Any) -> Params:
        """The gradients of the loss, valid until the next backward. ValueError for the trace of an earlier forward."""
        return self._way.backward(trace)

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients: finite only if all of them are, and their squares."""
        return self._way.square_norm(grads)

    def __str__(self) -> str:
        return self._told


def _choose(model: Any, batch_size: int) -> tuple[Any, str]:
    """The way of computing a step, and the line that tells it."""
    if model.config["backend"] == "numpy":
        return AsWritten(model), "the pages themselves, every array new: the backend is numpy"
    from npvae.steps.buffers import OverBuffers
    from npvae.steps.small_vae import SmallVAEStep, why_not

    reason = why_not(model, batch_size)
    if reason:
        return OverBuffers(model), f"the model's own lines, kernel by kernel over reused buffers: {reason}"
    return SmallVAEStep(model, batch_size), "one compiled function forward and one backward: a VAE as small as this"
