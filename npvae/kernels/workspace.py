"""Buffers that a training loop reuses: what a step computes is written where the step before wrote it.

Fresh arrays cost more than the arithmetic on them: memory that the system hands out anew must be cleared and mapped,
page by page. A workspace owns one array for every array of a step and hands them out in the order of the requests.

    workspace = model.workspace()
    loss, trace = model.forward(x, eps, workspace)
    grads = model.backward(trace)

The trace is valid until the next forward with the same workspace, the gradients until its next backward. Whoever wants
to keep them longer copies them, or does not use a workspace: without one every array is new.
"""

from __future__ import annotations

import math
from functools import partial
from inspect import signature
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae import kernels
from npvae.kernels.small_vae import SmallStep, covers, is_small
from npvae.kernels.updates import sum_of_squares

if TYPE_CHECKING:
    from npvae.models.params import Params

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class Workspace:
    """Reused buffers for one model, the kernels that write to them (`ops`), and the model's gradients (`grads`)."""

    def __init__(self, params: Params) -> None:
        """Buffers are made when they are first asked for; the gradients now."""
        self.grads = params.like(aligned_empty(params.flat.shape, params.flat.dtype))
        self._places = {id(value): self.grads[name] for name, value in params.items()}
        self._params = params  # keeps the ids above true
        self._buffers: list[np.ndarray] = []
        self._next = 0
        self._end_of_forward: int | None = None
        self._small_step: SmallStep | None = None
        self._small_step_for: tuple[int, str] = 0, ""
        self.ops: Any = SimpleNamespace(**{name: self._bind(name) for name in kernels.__all__})

    def start_step(self) -> Any:
        """The ops for a new step, whose first request gets the first buffer again."""
        self._next, self._end_of_forward = 0, None
        return self.ops

    def start_backward(self) -> tuple[Any, Params]:
        """The ops and the gradients for a backward. A second one of the same step gets the buffers of the first."""
        if self._end_of_forward is None:
            self._end_of_forward = self._next
        self._next = self._end_of_forward
        return self.ops, self.grads

    def small_step(self, model: Any, N: int) -> SmallStep | None:
        """A step of this model on N samples as two compiled functions, if it is one that is."""
        if model.params is not self._params or not covers(model):  # settings may change from step to step
            return None
        if self._small_step_for != (N, model.activation):
            self._small_step_for = N, model.activation
            self._small_step = SmallStep(model, N, self.grads) if is_small(self._params, N) else None
        return self._small_step

    def new(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The next buffer, made or made anew if it is not of this shape and dtype."""
        at = self._next
        self._next += 1
        if at == len(self._buffers):
            self._buffers.append(aligned_empty(shape, dtype))
        elif self._buffers[at].shape != shape or self._buffers[at].dtype != dtype:
            self._buffers[at] = aligned_empty(shape, dtype)
        return self._buffers[at]

    def place(self, parameter: np.ndarray) -> np.ndarray:
        """Where the gradient of a parameter of the model goes: its part of `grads`. A new array for any other."""
        found = self._places.get(id(parameter))
        return np.empty_like(parameter) if found is None else found

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients, computed in the caller alone: it is over before a thread has begun."""
        return float(sum_of_squares(grads.flat))

    def _bind(self, name: str) -> Any:
        """The op of this name with its results sent to this workspace, if it can be told where they go."""
        function = getattr(kernels, name)
        keywords = [key for key in ("new", "place") if callable(function) and key in signature(function).parameters]
        return partial(function, **{key: getattr(self, key) for key in keywords}) if keywords else function


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array like np.empty's whose first entry lies at a multiple of 64 bytes."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
