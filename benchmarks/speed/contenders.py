"""The contenders of `step.py`: one training step, each in its own library, from the same weights on the same batches.

A contender is made for a model and a list of batches (x (N, D), eps (N, L)), which it takes in turn. It returns the
step, a function without arguments; `check` compares loss and gradients of the first batch with the pages' beforehand.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from typing import Any

import numpy as np

import npvae
from npvae.kernels.team import pools
from npvae.steps import Step

Batches = list[tuple[np.ndarray, np.ndarray]]
Call = Callable[[], object]
LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8  # Adam's, everywhere


def check(name: str, loss: float, grads: list[Any], wanted: tuple[float, list[np.ndarray]]) -> None:
    """AssertionError unless loss and gradients, in the order of the parameters, are those of the pages."""
    np.testing.assert_allclose(loss, wanted[0], rtol=1e-5, err_msg=name)
    for found, exact in zip(grads, wanted[1], strict=True):
        np.testing.assert_allclose(np.asarray(found), exact, rtol=1e-3, atol=1e-5, err_msg=name)


def by_the_pages(vae: npvae.VAE, batches: Batches) -> tuple[float, list[np.ndarray]]:
    """Loss and gradients of the first batch."""
    loss, trace = vae.forward(*batches[0])
    return loss, list(vae.backward(trace).values())


def npvae_step(vae: npvae.VAE, batches: Batches, wanted: tuple, products: str | None) -> Call:
    """One step of npvae; `products` is "tiles" or "blas", None for the backend without kernels."""
    pools.PRODUCTS = products or pools.PRODUCTS
    adam = npvae.Adam(vae.params, LR, backend=vae.config["backend"])
    way, turn = Step(vae, len(batches[0][0])), cycle(batches)
    loss, trace = way.forward(*batches[0])
    check(f"npvae, {products}", loss, list(way.backward(trace).values()), wanted)

    def step() -> float:
        if products:
            pools.PRODUCTS = products
        loss, trace = way.forward(*next(turn))
        adam.step(way.backward(trace))
        return loss

    return step


def products_of_a_step(vae: npvae.VAE, batches: Batches) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(a, b, out) of every product a @ b of a step, in arrays that exist already; the first layer takes the data."""
    x, rng = batches[0][0], np.random.default_rng(0)
    N, encoder = len(x), [vae.data_dim, *vae.hidden, 2 * vae.latent_dim]
    decoder = [vae.latent_dim, *vae.hidden[::-1], vae.data_dim]  # between the two there is no product

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    for number, (I, O) in enumerate([*pairwise(encoder), *pairwise(decoder)]):
        rows, W, dy = x if number == 0 else array(N, I), array(I, O), array(N, O)
        yield rows, W, array(N, O)
        yield rows.T, dy, array(I, O)
        if number > 0:
            yield dy, W.T, array(N, I)


def numpy_products(vae: npvae.VAE, batches: Batches) -> Call:
    """The products alone, by the BLAS inside NumPy."""
    calls = list(products_of_a_step(vae, batches))

    def multiply() -> None:
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return multiply


def torch_products(torch: Any, vae: npvae.VAE, batches: Batches) -> Call:
    """The products alone, by the BLAS inside PyTorch."""
    calls = [[torch.from_numpy(part) for part in call] for call in products_of_a_step(vae, batches)]

    def multiply() -> None:
        for a, b, out in calls:
            torch.mm(a, b, out=out)

    return multiply


def torch_steps(torch: Any, vae: npvae.VAE, batches: Batches, wanted: tuple) -> dict[str, Call]:
    """PyTorch eager; with fused Adam; and by torch.compile, with fused Adam."""
    nn = torch.nn
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[vae.activation]

    class TorchVAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [vae.data_dim, *vae.hidden]
            layers = [part for I, O in pairwise(widths) for part in (nn.Linear(I, O), activation())]
            self.encoder = nn.Sequential(*layers, nn.Linear(widths[-1], 2 * vae.latent_dim))
            widths = [vae.latent_dim, *vae.hidden[::-1]]
            layers = [part for I, O in pairwise(widths) for part in (nn.Linear(I, O), activation())]
            self.decoder = nn.Sequential(*layers, nn.Linear(widths[-1], vae.data_dim))
            for ours, theirs in zip(vae.params.values(), self.parameters(), strict=True):
                theirs.data = torch.tensor(np.ascontiguousarray(ours.T))

        def forward(self, x: Any, eps: Any) -> Any:
            mu, logvar = self.encoder(x).chunk(2, 1)
            logits = self.decoder(mu + torch.exp(logvar / 2) * eps)
            nll = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            return (nll - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())) / len(x)

    tensors = [(torch.tensor(x), torch.tensor(eps)) for x, eps in batches]
    if os.environ.get("ATEN_CPU_CAPABILITY") == "avx2":  # its compiler would still take 512 bits, and then sum wrongly
        importlib.import_module("torch._inductor.config").cpp.simdlen = 256

    def stepper(name: str, fused: bool, compiled: bool) -> Call:
        model, turn = TorchVAE(), cycle(tensors)
        adam = torch.optim.Adam(model.parameters(), LR, (BETA1, BETA2), EPS, fused=fused)
        loss_of = torch.compile(model) if compiled else model
        loss = loss_of(*tensors[0])
        loss.backward()
        check(name, loss.item(), [theirs.grad.numpy().T for theirs in model.parameters()], wanted)

        def step() -> float:
            adam.zero_grad()
            loss = loss_of(*next(turn))
            loss.backward()
            adam.step()
            return loss.item()

        return step

    ways = {
        "PyTorch eager": (False, False),
        "PyTorch, fused Adam": (True, False),
        "PyTorch compiled": (True, True),
    }
    return {name: stepper(name, *way) for name, way in ways.items()}


def jax_step(jax: Any, vae: npvae.VAE, batches: Batches, wanted: tuple) -> Call:
    """JAX: loss, gradients and Adam jitted as one function, parameters and Adam's state donated to it."""
    jnp = jax.numpy
    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[vae.activation]
    depth, L = len(vae.hidden) + 1, vae.latent_dim

    def mlp(x: Any, weights: list) -> Any:
        for i in range(0, len(weights), 2):
            x = x @ weights[i] + weights[i + 1]
            x = x if i + 2 == len(weights) else activation(x)
        return x

    def loss_of(params: list, x: Any, eps: Any) -> Any:
        head = mlp(x, params[: 2 * depth])
        mu, logvar = head[:, :L], head[:, L:]
        logits = mlp(mu + jnp.exp(logvar / 2) * eps, params[2 * depth :])
        nll = jnp.sum(jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits))))
        return (nll - 0.5 * jnp.sum(1 + logvar - mu * mu - jnp.exp(logvar))) / len(x)

    def update(state: tuple, x: Any, eps: Any) -> tuple:
        params, m, v, t = state
        loss, grads = jax.value_and_grad(loss_of)(params, x, eps)
        t = t + 1
        m = [BETA1 * mi + (1 - BETA1) * g for mi, g in zip(m, grads, strict=True)]
        v = [BETA2 * vi + (1 - BETA2) * g * g for vi, g in zip(v, grads, strict=True)]
        lr, unbias = LR / (1 - BETA1**t), 1 / (1 - BETA2**t)
        params = [p - lr * mi / (jnp.sqrt(vi * unbias) + EPS) for p, mi, vi in zip(params, m, v, strict=True)]
        return loss, (params, m, v, t)

    params = [jnp.array(value) for value in vae.params.values()]
    arrays = [(jnp.array(x), jnp.array(eps)) for x, eps in batches]
    check("JAX", *jax.jit(jax.value_and_grad(loss_of))(params, *arrays[0]), wanted)
    state = (params, *([jnp.zeros_like(p) for p in params] for _ in "mv"), jnp.float32(0))
    compiled, turn = jax.jit(update, donate_argnums=0), cycle(arrays)

    def step() -> float:
        nonlocal state
        loss, state = compiled(state, *next(turn))
        jax.block_until_ready(state)
        return float(loss)

    return step
