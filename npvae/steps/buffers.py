"""Buffers that a training loop reuses: what a step computes is written where the step before wrote it.

Fresh arrays cost more than the arithmetic on them: the system must clear and map new memory, page by page. Buffers own
one array for every array of a step and hand them out in the order of the requests, and the kernels of `npvae.kernels`
take theirs from them. The model's lines stay as they are: they are given other ops.
"""

from __future__ import annotations

import math
from functools import partial
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae import kernels
from npvae.kernels.updates import sum_of_squares
from npvae.params import Params

STALE = "this trace is of an earlier forward, whose buffers the next has written over: call backward before it"
ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class OverBuffers:
    """A model's own forward and backward, with kernels that write to reused buffers, and one place for gradients."""

    def __init__(self, model: Any) -> None:
        """Buffers are made when they are first asked for; the gradients now."""
        self.model, params = model, model.params
        self.grads = params.like(aligned_empty(params.flat.shape, params.flat.dtype))
        self._places = {id(value): self.grads[name] for name, value in params.items()}
        self._params = params  # keeps the parameters alive, so the ids above stay valid
        self._buffers: list[np.ndarray] = []
        self._next = 0
        self._end_of_forward = 0
        self._trace: Any = None
        self.ops: Any = SimpleNamespace(**{name: self._bind(name) for name in kernels.__all__})

    def rewind(self) -> None:
        """The next request gets the first buffer again."""
        self._next = 0

    def forward(self, x: Any, eps: Any) -> tuple[float, Any]:
        """The model's forward, over the buffers of the one before."""
        self.rewind()
        loss, self._trace = self.model.forward(x, eps, self.ops)
        self._end_of_forward = self._next
        return loss, self._trace

    def backward(self, trace: Any) -> Params:
        """The model's backward. A second one of the same trace gets the buffers of the first."""
        if trace.ops is self.ops and trace is not self._trace:
            raise ValueError(STALE)
        self._next = self._end_of_forward
        return self.model.backward(trace, self.grads)

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
        """The op of this name with its results sent to these buffers, if it takes a place for them."""
        function = getattr(kernels, name)
        keywords = [key for key in ("new", "place") if callable(function) and key in signature(function).parameters]
        return partial(function, **{key: getattr(self, key) for key in keywords}) if keywords else function


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array like np.empty's whose first entry lies at a multiple of 64 bytes."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
