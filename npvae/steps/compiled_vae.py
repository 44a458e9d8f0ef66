"""A step of the plain VAE in two compiled functions: forward and backward of `npvae.models.vae`, as they stand there.

Op by op a step is thirty calls from Python, each with a pass over arrays that another core may have written; at
784-400-20 that is a quarter of it, and where the network is small they take as long as its arithmetic. So for the VAE
that is trained most (objective "elbo", one draw, Bernoulli likelihood, float32, products by tiles) compiled code goes
through the model's lines. Products are shared by the team where they are worth it, and what follows one is done to each
piece at once (`npvae.steps.mlp`). It repeats the latent layer's formulas, each cited by its page and equation; a test
checks every step against the pages.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numba import types

from npvae.kernels.epilogues import ACTIVATION_AT, plain_at
from npvae.kernels.gaussian_kl import kl_gradients, kl_of
from npvae.kernels.jit import SUMS, Callback, inner, is_kept, kernel
from npvae.kernels.multiply import LEAST_COLUMNS, LOOK_FROM, mostly_zeros
from npvae.kernels.polynomials import exp, expm1
from npvae.kernels.team import pools
from npvae.kernels.team.atomics import address_of
from npvae.kernels.team.jobs import WORTH_A_TEAM, help_out, job_at, product_at
from npvae.kernels.team.pieces import product_of
from npvae.kernels.team.team import new_state
from npvae.kernels.updates import sum_of_squares
from npvae.kernels.zeros import listed_product, needed, product_by_lists_at
from npvae.models.checks import check_noise
from npvae.models.likelihoods.unit_interval import Bernoulli
from npvae.models.trace import VAETrace
from npvae.models.vae import VAE
from npvae.params import Params
from npvae.steps.buffers import STALE, aligned_empty
from npvae.steps.likelihood import likelihood, nll_of
from npvae.steps.mlp import AT as CALLS
from npvae.steps.mlp import (
    DX,
    SLOPE,
    calls_of,
    layers_at,
    layers_of,
    matrix,
    mlp_backward,
    mlp_forward,
    skip_zeros,
    vector,
)
from npvae.steps.second_process import Task, compile_ahead

LOOK_EVERY = 16  # steps: whether the data are mostly zeros; a look waits for memory
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


def shared(model: Any, N: int) -> bool:
    """Whether the team computes a step on N samples, and not the caller alone: its largest product is worth it."""
    rows, columns = largest_product(model)
    return 2 * N * rows * columns >= WORTH_A_TEAM


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
    dlogits: int  # (N, D)
    dhead: int  # (N, 2 L): dmu and dlogvar


AT = Plan(*range(len(Plan._fields)))  # where in the plan


class CompiledTrace(VAETrace):
    """The trace of a compiled step: it shows the same arrays, and its backward is the step's."""

    means: tuple[float, float]  # of nll and kl over the batch, in nats

    @property
    def caches(self) -> tuple:
        """None were made: the compiled backward finds its arrays where the forward put them."""
        raise ValueError(f"this trace is of a compiled step: call backward of the Step that made it. Or {STALE}")

    @caches.setter
    def caches(self, value: tuple) -> None:
        pass


class CompiledVAEStep:
    """Forward and backward of a VAE, compiled."""

    def __init__(self, model: VAE, N: int) -> None:
        """Arrays for at most N samples of a model for which `why_not` is ""."""
        self.model, self.N, params = model, N, model.params
        self.grads = params.like(aligned_empty(params.flat.shape, params.flat.dtype))
        D, L = model.data_dim, model.latent_dim
        self.encoder = layers_of(params, self.grads, "encoder", N, needs_dx=False)
        self.decoder = layers_of(params, self.grads, "decoder", N, needs_dx=True)
        shapes = ((N, L), (N, L), (N, L), (N,), (N,), (N, D), (N, 2 * L))
        self.arrays = [aligned_empty(shape, params.flat.dtype) for shape in shapes]
        encoder, decoder = self.encoder.table, self.decoder.table
        tables = encoder.ctypes.data, len(encoder), decoder.ctypes.data, len(decoder)
        self.plan = np.array(Plan(*tables, *(array.ctypes.data for array in self.arrays)), np.int64)
        head, logits, (std, z, _, nll, kl, *_) = self.encoder.output, self.decoder.output, self.arrays
        self.shown: Any = head[:, :L], head[:, L:], std, z, logits, nll, kl
        self.shown_of: dict[int, Any] = {N: self.shown}
        self.fixed = self._what_is_compiled_in()
        self.shared, self.alone = bool(shared(model, N)), new_state()
        first = encoder[0]
        self.looks = N * first[0] * first[1] >= LOOK_FROM and first[1] >= LEAST_COLUMNS
        self.inputs: tuple[np.ndarray, np.ndarray] = z, z
        self.trace: Any = None
        self.passed: tuple | None = None
        self.steps = 0

    def forward(self, x: np.ndarray, eps: np.ndarray) -> tuple[float, Any]:
        """x (N, D), eps (N, L) -> loss in nats, trace. Several draws per input take the model's own lines."""
        kind = _kind(x, eps)
        if kind is None or kind != self.passed:
            check_noise(self.model, x, eps)
            self.passed = kind
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
        if self.looks and self.steps % LOOK_EVERY == 0:
            skip_zeros(self.calls, mostly_zeros(x))
        self.steps += 1
        nll, kl = self._run(elbo_forward, x, eps, self.plan, self.calls, nll_of.address)
        mu, logvar, std, z, logits, nll_shown, kl_shown = self.shown_of[N]
        self.trace = CompiledTrace(mu, logvar, std, z, logits, nll_shown, kl_shown, (), None)
        self.trace.means = nll, kl
        return nll + self.model.beta * kl, self.trace  # npvae.models.vae (4)

    def backward(self, trace: Any) -> Params:
        """The gradients of the last forward's loss."""
        if trace is not self.trace:
            return self.model.backward(trace)
        self._run(elbo_backward, *self.inputs, float(self.model.beta), self.plan, self.calls)
        return self.grads

    def square_norm(self, grads: Params) -> float:
        """The squared norm of gradients, computed in the caller alone."""
        return float(sum_of_squares(grads.flat))

    @cached_property
    def calls(self) -> np.ndarray:
        """Addresses of functions, which the first step compiles."""
        skips_zeros = bool(self.looks) and mostly_zeros(self.inputs[0])
        compile_ahead(to_compile, self.model.activation, skips_zeros, self.shared)
        return calls_of(self.model.activation)

    def _run(self, job: Any, *arguments: Any) -> Any:
        """Do it with the team, or where all products are short with a team of nobody else."""
        return pools.team.run(job, *arguments) if self.shared else job(self.alone, *arguments)

    def _what_is_compiled_in(self) -> tuple:
        model = self.model
        as_in_the_class = vars(model).keys().isdisjoint(METHODS)
        return model.objective, model.activation, id(model.params), id(model.likelihood), as_in_the_class


def to_compile(activation: str, skips_zeros: bool, is_shared: bool) -> list[Task]:
    """What a step compiles, in an order in which two processes meet in the middle with little compiled in both.

    The first takes what calls and shares, the second the long code of the tiles and what follows them.
    """
    integers, row, matrices = types.int64[::1], types.float32[::1], types.float32[:, ::1]
    kernels: list[tuple[Any, tuple]] = [
        (elbo_forward, (integers, matrices, matrices, integers, integers, types.int64)),
        (elbo_backward, (integers, matrices, matrices, types.float64, integers, integers)),
        (sum_of_squares, (row,)),
        *([(help_out, (integers, types.int64))] if is_shared else []),
    ]
    first: list[Callback] = [nll_of, product_at, job_at]
    skipping = [product_by_lists_at, listed_product, needed] if skips_zeros else []
    last: list[Callback] = [*skipping, plain_at, ACTIVATION_AT[activation], product_of]
    return [
        *(Task(partial(kernel.compile, kinds), partial(is_kept, kernel, kinds)) for kernel, kinds in kernels),
        *(Task(partial(getattr, piece, "address"), piece.is_kept) for piece in (*first, *last)),
    ]


def _kind(x: Any, eps: Any) -> tuple | None:
    """All that `check_noise` asks of two arrays: what has passed once passes again. None if they are not arrays."""
    if type(x) is not np.ndarray or type(eps) is not np.ndarray:
        return None
    return x.shape, x.dtype, eps.shape, eps.dtype


def _as_compiled_for(array: np.ndarray) -> np.ndarray:
    """To numba an array that is read-only or not contiguous has another type: such a one is copied."""
    return array if array.flags.carray else np.array(array, order="C")


@inner(SUMS)
def latent_forward(head: np.ndarray, eps: np.ndarray, std: np.ndarray, z: np.ndarray, var_minus_1: np.ndarray) -> None:
    """head (N, 2 L), which is mu and logvar, and eps (N, L) -> std, z and exp(logvar) - 1, each (N, L)."""
    L, half, one = eps.shape[1], np.float32(0.5), np.float32(1)
    for n in range(len(eps)):
        mun, lvn, en, sn, zn, vn = head[n, :L], head[n, L:], eps[n], std[n], z[n], var_minus_1[n]
        for l in range(en.size):
            lv = lvn[l]
            small = exp(-abs(half * lv))
            s = one / small if lv > 0 else small  # npvae.ops.std_from_logvar (1)
            sn[l] = s
            zn[l] = mun[l] + s * en[l]  # npvae.ops.reparameterize (1)
            below = expm1(-abs(lv))
            vn[l] = -below / exp(-abs(lv)) if lv > 0 else below


@inner(SUMS)
def latent_backward(dz: np.ndarray, eps: np.ndarray, std: np.ndarray, dhead: np.ndarray) -> None:
    """dhead (N, 2 L), which is dmu and dlogvar, += what dz (N, L) gives."""
    L, half = eps.shape[1], np.float32(0.5)
    for n in range(len(eps)):
        dzn, en, sn, dmun, dlvn = dz[n], eps[n], std[n], dhead[n, :L], dhead[n, L:]
        for l in range(en.size):
            dmun[l] += dzn[l]  # npvae.models.vae (7)
            dlvn[l] += half * dzn[l] * en[l] * sn[l]  # npvae.models.vae (8)


@kernel(SUMS)
def elbo_forward(
    state: np.ndarray, x: np.ndarray, eps: np.ndarray, plan: np.ndarray, calls: np.ndarray, nll_piece: int
) -> tuple[float, float]:
    """The means of nll and kl over the batch, in nats."""
    (N, D), L = x.shape, eps.shape[1]
    std, z, var_minus_1 = matrix(plan[AT.std], N, L), matrix(plan[AT.z], N, L), matrix(plan[AT.var_minus_1], N, L)
    nll, kl = vector(plan[AT.nll], N), vector(plan[AT.kl], N)
    encoder = layers_at(plan[AT.encoder], plan[AT.encoder_layers])
    decoder = layers_at(plan[AT.decoder], plan[AT.decoder_layers])
    mlp_forward(state, calls, address_of(x), calls[CALLS.product_of_data], N, encoder)
    head = matrix(encoder[len(encoder) - 1, SLOPE], N, 2 * L)  # mu and logvar
    latent_forward(head, eps, std, z, var_minus_1)
    kl_of(head[:, :L], head[:, L:], var_minus_1, kl)  # npvae.ops.gaussian_kl (1)
    mlp_forward(state, calls, plan[AT.z], calls[CALLS.product], N, decoder)
    logits = decoder[len(decoder) - 1, SLOPE]
    likelihood(state, calls[CALLS.job], nll_piece, logits, address_of(x), plan[AT.nll], plan[AT.dlogits], N, D)
    nll_in_all = kl_in_all = 0.0
    for n in range(N):
        nll_in_all += nll[n]
        kl_in_all += kl[n]
    return nll_in_all / N, kl_in_all / N


@kernel(SUMS)
def elbo_backward(
    state: np.ndarray, x: np.ndarray, eps: np.ndarray, beta: float, plan: np.ndarray, calls: np.ndarray
) -> None:
    """The gradients of mean(nll) + beta * mean(kl), into their places: forward, from bottom to top."""
    N, L = eps.shape
    encoder = layers_at(plan[AT.encoder], plan[AT.encoder_layers])
    decoder = layers_at(plan[AT.decoder], plan[AT.decoder_layers])
    std, var_minus_1 = matrix(plan[AT.std], N, L), matrix(plan[AT.var_minus_1], N, L)
    head, dhead = matrix(encoder[len(encoder) - 1, SLOPE], N, 2 * L), matrix(plan[AT.dhead], N, 2 * L)
    dkl = np.full(N, beta / N, np.float32)  # npvae.models.vae (6)
    kl_gradients(dkl, head[:, :L], var_minus_1, dhead[:, :L], dhead[:, L:])  # npvae.ops.gaussian_kl (2) (3)
    mlp_backward(state, calls, plan[AT.dlogits], plan[AT.z], calls[CALLS.product], N, decoder)
    latent_backward(matrix(decoder[0, DX], N, L), eps, std, dhead)
    mlp_backward(state, calls, plan[AT.dhead], address_of(x), calls[CALLS.product_of_data], N, encoder)
