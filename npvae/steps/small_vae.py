"""A step of a small VAE in two compiled functions: forward and backward of `npvae.models.vae`, as they stand there.

A step is thirty calls from Python, which take as long as the arithmetic where the network is small. So for the VAE that
is trained most (objective "elbo", one draw, Bernoulli likelihood, float32, products by tiles) compiled code calls the
kernels in the order of the model's lines. It repeats the latent layer's formulas, each cited by its page and equation;
a test checks every step against the pages. The caller computes every product alone. So it is used while products are
small: beyond, calls cost little, and sharing products between threads saves more.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from npvae.kernels.activation_calls import CALLS
from npvae.kernels.alone import product_alone
from npvae.kernels.gaussian_kl import kl_gradients, kl_of
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.likelihoods import nll_and_residual, times_row
from npvae.kernels.team import pools
from npvae.kernels.updates import sum_of_squares
from npvae.models.checks import check_noise
from npvae.models.likelihoods.unit_interval import Bernoulli
from npvae.models.trace import VAETrace
from npvae.models.vae import VAE
from npvae.params import Params
from npvae.steps.buffers import STALE, aligned_empty
from npvae.steps.mlp import SLOPE, layers_at, layers_of, matrix, mlp_backward, mlp_forward, vector

LARGEST = 2**24  # floating-point operations of a product: up to here one thread without calls is as fast as two with
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
    return LARGEST // (2 * rows * columns)


class Plan(NamedTuple):
    """What compiled code finds in the plan of a step, one integer each: addresses of arrays that are made once."""

    encoder: int  # a table of npvae.steps.mlp
    encoder_layers: int
    decoder: int
    decoder_layers: int
    std: int  # (N, L)
    z: int  # (N, L)
    var_minus_1: int  # (N, L), exp(logvar) - 1
    nll: int  # (N,)
    kl: int  # (N,)
    residual: int  # (N, D), sigmoid(logits) - x
    dlogits: int  # (N, D)
    dhead: int  # (N, 2 L): dmu and dlogvar


AT = Plan(*range(len(Plan._fields)))  # where in the plan


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
        """Arrays for at most N samples: no more than `most_samples`, and only for a model for which `why_not` is ""."""
        self.model, self.N, params = model, N, model.params
        self.grads = params.like(aligned_empty(params.flat.shape, params.flat.dtype))
        D, L = model.data_dim, model.latent_dim
        self.encoder = layers_of(params, self.grads, "encoder", N, needs_dx=False)
        self.decoder = layers_of(params, self.grads, "decoder", N, needs_dx=True)
        shapes = ((N, L), (N, L), (N, L), (N,), (N,), (N, D), (N, D), (N, 2 * L))
        self.arrays = [aligned_empty(shape, params.flat.dtype) for shape in shapes]
        encoder, decoder = self.encoder.table, self.decoder.table
        tables = encoder.ctypes.data, len(encoder), decoder.ctypes.data, len(decoder)
        self.plan = np.array(Plan(*tables, *(array.ctypes.data for array in self.arrays)), np.int64)
        head, logits, (std, z, _, nll, kl, *_) = self.encoder.output, self.decoder.output, self.arrays
        self.shown: Any = head[:, :L], head[:, L:], std, z, logits, nll, kl
        self.shown_of: dict[int, Any] = {N: self.shown}
        self.fixed = self._what_is_compiled_in()
        self.inputs: tuple[np.ndarray, np.ndarray] = z, z
        self.trace: Any = None

    def forward(self, x: np.ndarray, eps: np.ndarray) -> tuple[float, Any]:
        """x (N, D), eps (N, L) -> loss in nats, trace. Several draws per input take the model's own lines."""
        check_noise(self.model, x, eps)
        if self._what_is_compiled_in() != self.fixed:
            exchanged = "the model's objective, activation, likelihood, parameters or a method"
            raise ValueError(f"{exchanged} were exchanged: make a new Step of it")
        if eps.ndim == 3:
            return self.model.forward(x, eps)
        N = len(x)
        if N not in self.shown_of:
            if N > self.N:
                raise ValueError(f"a batch of {N} is too large for arrays of {self.N}")
            self.shown_of = {self.N: self.shown, N: tuple(array[:N] for array in self.shown)}
        x, eps = self.inputs = _as_compiled_for(x), _as_compiled_for(eps)
        nll, kl = elbo_forward(x, eps, self.plan, *self.called)
        mu, logvar, std, z, logits, nll_shown, kl_shown = self.shown_of[N]
        self.trace = CompiledTrace(mu, logvar, std, z, logits, nll_shown, kl_shown, (), None)
        return nll + self.model.beta * kl, self.trace  # npvae.models.vae (4)

    def backward(self, trace: Any) -> Params:
        """The gradients of the last forward's loss."""
        if trace is not self.trace:
            return self.model.backward(trace)
        elbo_backward(*self.inputs, float(self.model.beta), self.plan, self.called[0])
        return self.grads

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients, computed in the caller alone."""
        return float(sum_of_squares(grads.flat))

    @cached_property
    def called(self) -> tuple[int, int]:
        """Addresses of the product and the activation, which the first step compiles."""
        return product_alone.address, CALLS[self.model.activation].address

    def _what_is_compiled_in(self) -> tuple:
        model = self.model
        as_in_the_class = vars(model).keys().isdisjoint(METHODS)
        return model.objective, model.activation, id(model.params), id(model.likelihood), as_in_the_class


def _as_compiled_for(array: np.ndarray) -> np.ndarray:
    """To numba an array that is read-only or not contiguous has another type: such a one is copied."""
    return array if array.flags.carray else np.array(array, order="C")


@kernel(SUMS)
def elbo_forward(
    x: np.ndarray, eps: np.ndarray, plan: np.ndarray, product: int, activation: int
) -> tuple[float, float]:
    """The means of nll and kl over the batch, in nats."""
    (N, D), L = x.shape, eps.shape[1]
    std, z, var_minus_1 = matrix(plan[AT.std], N, L), matrix(plan[AT.z], N, L), matrix(plan[AT.var_minus_1], N, L)
    nll, kl = vector(plan[AT.nll], N), vector(plan[AT.kl], N)
    encoder = layers_at(plan[AT.encoder], plan[AT.encoder_layers])
    decoder = layers_at(plan[AT.decoder], plan[AT.decoder_layers])
    head = mlp_forward(product, activation, x, encoder)  # mu and logvar
    mu, logvar, half = head[:, :L], head[:, L:], np.float32(0.5)
    for n in range(N):
        for l in range(L):
            std[n, l] = np.exp(half * logvar[n, l])  # npvae.ops.std_from_logvar (1)
            z[n, l] = mu[n, l] + std[n, l] * eps[n, l]  # npvae.ops.reparameterize (1)
            var_minus_1[n, l] = np.expm1(logvar[n, l])
    kl_of(mu, logvar, var_minus_1, kl)  # npvae.ops.gaussian_kl (1)
    logits = mlp_forward(product, activation, z, decoder)
    nll_and_residual(logits, x, nll, matrix(plan[AT.residual], N, D))  # npvae.ops.bernoulli_nll (1)
    nll_in_all = kl_in_all = 0.0
    for n in range(N):
        nll_in_all += nll[n]
        kl_in_all += kl[n]
    return nll_in_all / N, kl_in_all / N


@kernel(SUMS)
def elbo_backward(x: np.ndarray, eps: np.ndarray, beta: float, plan: np.ndarray, product: int) -> None:
    """The gradients of mean(nll) + beta * mean(kl), into their places: forward, from bottom to top."""
    (N, D), L, half = x.shape, eps.shape[1], np.float32(0.5)
    encoder = layers_at(plan[AT.encoder], plan[AT.encoder_layers])
    decoder = layers_at(plan[AT.decoder], plan[AT.decoder_layers])
    std, z, var_minus_1 = matrix(plan[AT.std], N, L), matrix(plan[AT.z], N, L), matrix(plan[AT.var_minus_1], N, L)
    head, dhead = matrix(encoder[len(encoder) - 1, SLOPE], N, 2 * L), matrix(plan[AT.dhead], N, 2 * L)
    dmu, dlogvar, dlogits = dhead[:, :L], dhead[:, L:], matrix(plan[AT.dlogits], N, D)
    dnll, dkl = np.full(N, 1 / N, np.float32), np.full(N, beta / N, np.float32)  # npvae.models.vae (5) (6)
    kl_gradients(dkl, head[:, :L], var_minus_1, dmu, dlogvar)  # npvae.ops.gaussian_kl (2) (3)
    times_row(dnll, matrix(plan[AT.residual], N, D), dlogits)  # npvae.ops.bernoulli_nll (2)
    dz = mlp_backward(product, dlogits, z, decoder)
    for n in range(N):
        for l in range(L):
            dmu[n, l] += dz[n, l]  # npvae.models.vae (7)
            dlogvar[n, l] += half * dz[n, l] * eps[n, l] * std[n, l]  # npvae.models.vae (8)
    mlp_backward(product, dhead, x, encoder)
