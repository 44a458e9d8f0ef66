"""A step of a small VAE in two compiled functions: forward and backward of `npvae.models.vae`, as they stand there.

A step is thirty calls from Python, and where the network is small they take as long as its arithmetic. So for the VAE
that is trained most (objective "elbo", one sample, Bernoulli likelihood, float32, products by tiles) compiled code
calls one kernel after the other. The mathematics is theirs; what stands here is what is called with what. It is used
while every product is so small that the caller computes it alone: beyond, calls cost little, and are left in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.kernels.activations import ACTIVATIONS
from npvae.kernels.gaussian_kl import kl_gradients, kl_of
from npvae.kernels.jit import SUMS, kernel
from npvae.kernels.likelihoods import nll_and_residual, times_row
from npvae.kernels.mlp import SLOPE, layers_of, matrix, mlp_backward, mlp_forward
from npvae.kernels.team import pools
from npvae.kernels.team.jobs import WORTH_SHARING

if TYPE_CHECKING:
    from npvae.models.params import Params


def covers(model: Any) -> bool:
    """Whether the model is of the kind whose small steps are compiled as a whole."""
    return (
        pools.PRODUCTS == "tiles"
        and model.dtype == np.float32
        and model.objective == "elbo"
        and model.likelihood.name == "bernoulli"
    )


def is_small(params: Params, N: int) -> bool:
    """Whether the caller computes every product of a step on N samples alone."""
    return 2 * N * max(value.size for value in params.values()) < WORTH_SHARING


class SmallStep:
    """The arrays of a step on N samples; every step writes them anew."""

    def __init__(self, model: Any, N: int, grads: Params) -> None:
        """`grads` is where the gradients go. The model is one that `covers` accepts, and the step `is_small`."""
        D, L, params = model.data_dim, model.latent_dim, model.params
        self.activation = list(ACTIVATIONS).index(model.activation)
        self.params, self.grads = params, grads
        self.encoder, size = layers_of(params, "encoder", N, 0, needs_dx=False)
        self.decoder, size = layers_of(params, "decoder", N, size, needs_dx=True)
        self.buffer = np.empty(size, np.float32)
        self.std, self.z, self.var_minus_1 = np.empty((3, N, L), np.float32)
        self.nll, self.kl = np.empty((2, N), np.float32)
        self.residual, self.dlogits = np.empty((2, N, D), np.float32)
        self.dhead = np.empty((N, 2 * L), np.float32)
        self.inputs: tuple[np.ndarray, np.ndarray] = self.z, self.z

    def forward(self, x: np.ndarray, eps: np.ndarray, beta: float) -> tuple[float, dict[str, Any]]:
        """x (N, D), eps (N, L) -> loss in nats, and what a trace shows, by name."""
        x, eps = self.inputs = self._as_compiled_for(x), self._as_compiled_for(eps)
        nll, kl, head, logits = elbo_forward(
            x, eps, self.params.flat, self.encoder, self.decoder, self.activation, self.buffer,
            self.std, self.z, self.var_minus_1, self.nll, self.kl, self.residual,
        )  # fmt: skip
        L = eps.shape[1]
        parts = {"mu": head[:, :L], "logvar": head[:, L:], "std": self.std, "z": self.z, "output": logits}
        return nll + beta * kl, parts | {"nll": self.nll, "kl": self.kl}

    def backward(self, beta: float) -> Params:
        """The gradients of the last forward's loss."""
        elbo_backward(
            *self.inputs, self.params.flat, self.grads.flat, self.encoder, self.decoder, float(beta), self.buffer,
            self.std, self.var_minus_1, self.z, self.residual, self.dlogits, self.dhead,
        )  # fmt: skip
        return self.grads

    @staticmethod
    def _as_compiled_for(array: np.ndarray) -> np.ndarray:
        """To numba an array that is read-only or not contiguous has another type: such a one is copied."""
        return array if array.flags.carray else np.array(array, order="C")


@kernel(SUMS)
def elbo_forward(
    x: np.ndarray,
    eps: np.ndarray,
    params: np.ndarray,
    encoder: np.ndarray,
    decoder: np.ndarray,
    activation: int,
    buffer: np.ndarray,
    std: np.ndarray,
    z: np.ndarray,
    var_minus_1: np.ndarray,
    nll: np.ndarray,
    kl: np.ndarray,
    residual: np.ndarray,
) -> tuple[float, float, np.ndarray, np.ndarray]:
    """The means of nll and kl over the batch, in nats, the encoder's output (N, 2 L), and the logits (N, D)."""
    N, L = eps.shape
    head = mlp_forward(x, params, encoder, activation, buffer)  # mu and logvar
    mu, logvar, half = head[:, :L], head[:, L:], np.float32(0.5)
    for n in range(N):
        for l in range(L):
            std[n, l] = np.exp(half * logvar[n, l])
            z[n, l] = mu[n, l] + std[n, l] * eps[n, l]
            var_minus_1[n, l] = np.expm1(logvar[n, l])
    kl_of(mu, logvar, var_minus_1, kl)
    logits = mlp_forward(z, params, decoder, activation, buffer)
    nll_and_residual(logits, x, nll, residual)
    nll_in_all = kl_in_all = 0.0
    for n in range(N):
        nll_in_all += nll[n]
        kl_in_all += kl[n]
    return nll_in_all / N, kl_in_all / N, head, logits


@kernel(SUMS)
def elbo_backward(
    x: np.ndarray,
    eps: np.ndarray,
    params: np.ndarray,
    grads: np.ndarray,
    encoder: np.ndarray,
    decoder: np.ndarray,
    beta: float,
    buffer: np.ndarray,
    std: np.ndarray,
    var_minus_1: np.ndarray,
    z: np.ndarray,
    residual: np.ndarray,
    dlogits: np.ndarray,
    dhead: np.ndarray,
) -> None:
    """The gradients of mean(nll) + beta * mean(kl), into their places in grads: forward, from bottom to top."""
    N, L = eps.shape
    head, half = matrix(buffer, encoder[len(encoder) - 1, SLOPE], N, 2 * L), np.float32(0.5)
    dmu, dlogvar = dhead[:, :L], dhead[:, L:]
    kl_gradients(np.full(N, beta / N, np.float32), head[:, :L], var_minus_1, dmu, dlogvar)
    times_row(np.full(N, 1 / N, np.float32), residual, dlogits)
    dz = mlp_backward(dlogits, z, params, grads, decoder, buffer)
    for n in range(N):
        for l in range(L):
            dmu[n, l] += dz[n, l]  # dz / dmu = 1
            dlogvar[n, l] += half * dz[n, l] * eps[n, l] * std[n, l]  # dz / dstd = eps, dstd / dlogvar = std / 2
    mlp_backward(dhead, x, params, grads, encoder, buffer)
