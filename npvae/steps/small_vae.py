"""A step of a small VAE in two compiled functions: forward and backward of `npvae.models.vae`, as they stand there.

A step is thirty calls from Python, and where the network is small they take as long as its arithmetic. So for the VAE
that is trained most (objective "elbo", one draw, Bernoulli likelihood, float32, products by tiles) compiled code calls
the kernels in the order of the model's lines. It repeats the latent layer's formulas, each cited by its page and
equation; a test checks every step against the pages. It is used while every product is so small that the caller
computes it alone: beyond, calls cost little, and are left in Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npvae.kernels.activations import ACTIVATIONS
from npvae.kernels.gaussian_kl import kl_gradients, kl_of
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.likelihoods import nll_and_residual, times_row
from npvae.kernels.team import pools
from npvae.kernels.team.jobs import WORTH_SHARING
from npvae.kernels.updates import sum_of_squares
from npvae.models.checks import check_noise
from npvae.models.likelihoods.unit_interval import Bernoulli
from npvae.models.trace import VAETrace
from npvae.models.vae import VAE
from npvae.params import Params
from npvae.steps.buffers import STALE, aligned_empty
from npvae.steps.mlp import SLOPE, layers_of, matrix, mlp_backward, mlp_forward

METHODS = frozenset(name for name in dir(VAE) if callable(getattr(VAE, name)))  # a model may be given its own


def why_not(model: Any) -> str:
    """Why steps of this model cannot run as one compiled function, whatever their size; "" if they can."""
    if type(model) is not VAE or not vars(model).keys().isdisjoint(METHODS):
        return f"{type(model).__name__} has lines of its own"
    if model.dtype != np.float32:
        return f"the model computes in {model.dtype}"
    if model.objective != "elbo":
        return f"the objective is {model.objective}"
    if model.samples > 1:
        return f"there are {model.samples} draws per input"
    if model.settings.missing != "error":
        return "data may be missing"
    if type(model.likelihood) is not Bernoulli:
        return f"the likelihood is {model.likelihood.name} ({type(model.likelihood).__name__})"
    if pools.PRODUCTS != "tiles":
        return "matrix products are BLAS's on this processor"
    return ""


def largest_product(model: Any) -> tuple[int, int]:
    """Rows and columns of the largest weight matrix."""
    shapes = (value.shape for value in model.params.values() if value.ndim == 2)
    rows, columns = max(shapes, key=lambda shape: shape[0] * shape[1])
    return rows, columns


def most_samples(model: Any) -> int:
    """The largest batch of which the caller computes every product alone."""
    rows, columns = largest_product(model)
    return (WORTH_SHARING - 1) // (2 * rows * columns)


class Network(NamedTuple):
    """Where compiled code finds the model."""

    params: np.ndarray  # flat
    grads: np.ndarray  # flat
    encoder: np.ndarray  # tables of npvae.steps.mlp
    decoder: np.ndarray
    activation: int  # place in ACTIVATIONS


class Arrays(NamedTuple):
    """What one step on N samples computes; every step writes them anew."""

    buffer: np.ndarray  # flat: the results of every layer
    std: np.ndarray  # (N, L)
    z: np.ndarray  # (N, L)
    var_minus_1: np.ndarray  # (N, L), exp(logvar) - 1
    nll: np.ndarray  # (N,)
    kl: np.ndarray  # (N,)
    residual: np.ndarray  # (N, D), sigmoid(logits) - x
    dlogits: np.ndarray  # (N, D)
    dhead: np.ndarray  # (N, 2 L): dmu and dlogvar

    def first(self, n: int) -> Arrays:
        """The same places for the first n samples."""
        return Arrays._make([self.buffer, *(array[:n] for array in self[1:])])


class CompiledTrace(VAETrace):
    """The trace of a compiled step: it shows the same arrays, and its backward is the step's."""

    @property
    def caches(self) -> tuple:
        """None were made: the compiled backward finds its arrays where the forward put them."""
        raise ValueError(f"this trace is of a compiled step: call backward of the Step that made it. Or {STALE}")

    @caches.setter
    def caches(self, value: tuple) -> None:
        pass


class SmallVAEStep:
    """Forward and backward of a small VAE, compiled."""

    def __init__(self, model: VAE, N: int) -> None:
        """Arrays for at most N samples: no more than `most_samples`, and `why_not` has nothing to say of the model."""
        self.model, self.N = model, N
        self.grads = model.params.like(aligned_empty(model.params.flat.shape, model.params.flat.dtype))
        D, L, params = model.data_dim, model.latent_dim, model.params
        encoder, size = layers_of(params, "encoder", N, 0, needs_dx=False)
        decoder, size = layers_of(params, "decoder", N, size, needs_dx=True)
        activation = list(ACTIVATIONS).index(model.activation)
        self.network = Network(params.flat, self.grads.flat, encoder, decoder, activation)
        shapes = ((size,), (N, L), (N, L), (N, L), (N,), (N,), (N, D), (N, D), (N, 2 * L))
        self.arrays = Arrays._make(np.empty(shape, np.float32) for shape in shapes)
        self.arrays_of = {N: self.arrays}
        self.fixed = self._what_is_compiled_in()
        self.inputs: tuple[np.ndarray, np.ndarray] = self.arrays.z, self.arrays.z
        self.trace: Any = None

    def forward(self, x: np.ndarray, eps: np.ndarray) -> tuple[float, Any]:
        """x (N, D), eps (N, L) -> loss in nats, trace. Several draws per input take the model's own lines."""
        check_noise(self.model, x, eps)
        if self._what_is_compiled_in() != self.fixed:
            exchanged = "the model's objective, activation, likelihood, parameters or a method"
            raise ValueError(f"{exchanged} were exchanged: make a new Step of it")
        if eps.ndim == 3:
            return self.model.forward(x, eps)
        N, L = eps.shape
        if N not in self.arrays_of:
            self.arrays_of = {self.N: self.arrays, N: self.arrays.first(N)}
        arrays = self.arrays_of[N]
        x, eps = self.inputs = _as_compiled_for(x), _as_compiled_for(eps)
        nll, kl, head, logits = elbo_forward(x, eps, self.network, arrays)
        mu, logvar = head[:, :L], head[:, L:]
        self.trace = CompiledTrace(mu, logvar, arrays.std, arrays.z, logits, arrays.nll, arrays.kl, (), None)
        return nll + self.model.beta * kl, self.trace  # npvae.models.vae (4)

    def backward(self, trace: Any) -> Params:
        """The gradients of the last forward's loss."""
        if trace is not self.trace:
            return self.model.backward(trace)
        elbo_backward(*self.inputs, float(self.model.beta), self.network, self.arrays_of[len(trace.nll)])
        return self.grads

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients, computed in the caller alone."""
        return float(sum_of_squares(grads.flat))

    def _what_is_compiled_in(self) -> tuple:
        model = self.model
        as_in_the_class = vars(model).keys().isdisjoint(METHODS)
        return model.objective, model.activation, id(model.params), id(model.likelihood), as_in_the_class


def _as_compiled_for(array: np.ndarray) -> np.ndarray:
    """To numba an array that is read-only or not contiguous has another type: such a one is copied."""
    return array if array.flags.carray else np.array(array, order="C")


@kernel(SUMS)
def elbo_forward(
    x: np.ndarray, eps: np.ndarray, network: Network, arrays: Arrays
) -> tuple[float, float, np.ndarray, np.ndarray]:
    """The means of nll and kl over the batch, in nats, the encoder's output (N, 2 L), and the logits (N, D)."""
    N, L = eps.shape
    std, z, var_minus_1, nll, kl = arrays.std, arrays.z, arrays.var_minus_1, arrays.nll, arrays.kl
    head = mlp_forward(x, network.params, network.encoder, network.activation, arrays.buffer)  # mu and logvar
    mu, logvar, half = head[:, :L], head[:, L:], np.float32(0.5)
    for n in range(N):
        for l in range(L):
            std[n, l] = np.exp(half * logvar[n, l])  # npvae.ops.std_from_logvar (1)
            z[n, l] = mu[n, l] + std[n, l] * eps[n, l]  # npvae.ops.reparameterize (1)
            var_minus_1[n, l] = np.expm1(logvar[n, l])
    kl_of(mu, logvar, var_minus_1, kl)  # npvae.ops.gaussian_kl (1)
    logits = mlp_forward(z, network.params, network.decoder, network.activation, arrays.buffer)
    nll_and_residual(logits, x, nll, arrays.residual)  # npvae.ops.bernoulli_nll (1)
    nll_in_all = kl_in_all = 0.0
    for n in range(N):
        nll_in_all += nll[n]
        kl_in_all += kl[n]
    return nll_in_all / N, kl_in_all / N, head, logits


@kernel(SUMS)
def elbo_backward(x: np.ndarray, eps: np.ndarray, beta: float, network: Network, arrays: Arrays) -> None:
    """The gradients of mean(nll) + beta * mean(kl), into their places: forward, from bottom to top."""
    N, L = eps.shape
    dlogits, dhead, std, half = arrays.dlogits, arrays.dhead, arrays.std, np.float32(0.5)
    head = matrix(arrays.buffer, network.encoder[len(network.encoder) - 1, SLOPE], N, 2 * L)
    dmu, dlogvar = dhead[:, :L], dhead[:, L:]
    dnll, dkl = np.full(N, 1 / N, np.float32), np.full(N, beta / N, np.float32)  # npvae.models.vae (5) (6)
    kl_gradients(dkl, head[:, :L], arrays.var_minus_1, dmu, dlogvar)  # npvae.ops.gaussian_kl (2) (3)
    times_row(dnll, arrays.residual, dlogits)  # npvae.ops.bernoulli_nll (2)
    dz = mlp_backward(dlogits, arrays.z, network.params, network.grads, network.decoder, arrays.buffer)
    for n in range(N):
        for l in range(L):
            dmu[n, l] += dz[n, l]  # npvae.models.vae (7)
            dlogvar[n, l] += half * dz[n, l] * eps[n, l] * std[n, l]  # npvae.models.vae (8)
    mlp_backward(dhead, x, network.params, network.grads, network.encoder, arrays.buffer)
