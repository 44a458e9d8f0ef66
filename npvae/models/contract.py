"""What the rooms ask of a model, in types. Every model of this folder is a `Model`; one of your own may be as well.

A model's forward and backward know nothing of how they are run: `npvae.steps.Step` runs them over reused buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from npvae.params import Params


class Ops(Protocol):
    """Where every `..._forward` and `..._backward` comes from: `npvae.ops`, `npvae.kernels`, or a step's own."""

    def __getattr__(self, name: str, /) -> Callable[..., Any]:
        """The function of this name."""


class Trace(Protocol):
    """What a forward leaves behind for its backward, with the terms of the loss per sample."""

    nll: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), nats
    ops: Any  # where it was computed
    caches: tuple


class Model(Protocol):
    """What training, evaluation and the checker call.

    takes              the kind of data, a name in npvae.data.KINDS
    has_posterior      encode gives mu and logvar of q(z|x), and not one code
    has_analytic_kl    trace.kl of its ELBO is the closed form, and splits into the latents
    reads_labels       rows of x carry a one-hot label (`npvae.models.with_labels`)
    decodes_z_alone    a sample is f(z) of one z ~ N(0, I), so that moving z says everything
    """

    params: Params
    dtype: np.dtype
    config: dict[str, Any]
    latent_dim: int
    takes: str
    has_posterior: bool
    has_analytic_kl: bool
    reads_labels: bool
    decodes_z_alone: bool

    def forward(self, x: Any, eps: Any = None, ops: Ops | None = None) -> tuple[float, Any]:
        """x, noise eps -> loss in nats, trace. `ops`: where to compute, by default the model's backend."""

    def backward(self, trace: Any, grads: Params | None = None) -> Params:
        """The gradients of the loss, written to `grads`, by default a new array."""

    def draw_eps(self, n: int, rng: np.random.Generator) -> Any:
        """The noise that one forward of n samples takes."""


class LatentVariableModel(Model, Protocol):
    """What an objective calls: a model with one latent layer, or with several that it joins itself."""

    beta: float
    alpha: float
    free_bits: float
    capacity: float
    likelihood: Any

    def posterior_forward(self, ops: Ops, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """x (N, D) -> mu (N, L), logvar (N, L) of q(z|x), cache."""

    def posterior_backward(self, ops: Ops, dmu: np.ndarray, dlogvar: np.ndarray, cache: Any, grads: Params) -> None:
        """dmu, dlogvar (N, L) -> the encoder's gradients, into their places."""

    def decoder_forward(self, ops: Ops, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """z (N, L) -> what the likelihood takes, cache."""

    def decoder_backward(self, ops: Ops, doutput: np.ndarray, cache: Any, grads: Params) -> np.ndarray:
        """Doutput -> dz (N, L); the decoder's gradients go into their places."""

    def data_of(self, x: np.ndarray) -> np.ndarray:
        """The part of x that the likelihood explains."""

    def tiled(self, x: Any, K: int) -> Any:
        """The N samples of x, K times over: one for each draw."""
