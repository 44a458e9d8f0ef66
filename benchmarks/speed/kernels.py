"""Is every kernel worth its lines? One row per kernel: the reference, the kernel, how many times faster.

    python benchmarks/speed/kernels.py [--threads N] [--json FILE]

Sizes are those of a training step on MNIST, 784-400-20, batch 128, float32. A kernel below 1.3 goes; the squared norm
is there for another reason, that BLAS would start its threads for it. Each kernel is compared with its reference before
it is timed. The products are measured on existing arrays, by tiles and by BLAS. Last, forward and backward of small
VAEs, op by op and as two compiled functions: up to the size where the ops take over again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rounds import interleaved, machine, summary, write_json

import npvae
from npvae import kernels, ops
from npvae.kernels import optimizers
from npvae.kernels.multiply import multiply
from npvae.kernels.team import pools
from npvae.kernels.updates import sum_of_squares
from npvae.steps.buffers import OverBuffers, aligned_empty
from npvae.steps.compiled_vae import CompiledVAEStep, why_not

N, D, H, L = 128, 784, 400, 20
Pair = tuple[Callable[[], object], Callable[[], object]]


def both_ways(name: str, arguments: tuple, buffers: OverBuffers, **params: object) -> dict[str, Pair]:
    """Forward and backward of one op: the reference, and the kernel as a training loop calls it."""
    reference, kernel = (
        (getattr(module, f"{name}_forward"), getattr(module, f"{name}_backward")) for module in (ops, buffers.ops)
    )
    dy = None

    def cache_of(pair: tuple) -> tuple:
        nonlocal dy
        y, cache = pair[0](*arguments, **params)
        dy = np.ones_like(y) / len(y) if dy is None else dy
        return cache

    caches = cache_of(reference), cache_of((getattr(kernels, f"{name}_forward"), None))
    for found, wanted in zip(
        as_tuple(getattr(kernels, f"{name}_backward")(dy, caches[1])),
        as_tuple(reference[1](dy, caches[0])),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)

    def over_buffers(call: Callable, *arguments: object, **params: object) -> Callable[[], object]:
        def run() -> object:
            buffers.rewind()
            return call(*arguments, **params)

        return run

    label = "-".join([name, *map(str, params.values())])
    return {
        f"{label} forward": (
            lambda: reference[0](*arguments, **params),
            over_buffers(kernel[0], *arguments, **params),
        ),
        f"{label} backward": (lambda: reference[1](dy, caches[0]), over_buffers(kernel[1], dy, caches[1])),
    }


def as_tuple(value: object) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def op_rows() -> dict[str, Pair]:
    """Layers with a small product, so that what follows it shows, and the likelihoods."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    buffers = OverBuffers(npvae.VAE(D))
    x, logits, pixels = array(N, L), array(N, D), rng.random((N, D), dtype=np.float32)
    rows = {}
    for activation in ops.ACTIVATIONS:
        rows |= both_ways("layer", (x, array(L, H), array(H)), buffers, activation=activation)
    rows |= both_ways("dense", (x, array(L, D), array(D)), buffers)
    rows |= both_ways("bernoulli_nll", (logits, pixels), buffers)
    counts = np.rint(16 * pixels)
    rows |= both_ways("binomial_nll", (logits, counts), buffers)
    rows |= both_ways("poisson_nll", (logits, counts), buffers)
    rows |= both_ways("negative_binomial_nll", (logits, array(D), counts), buffers)
    rows |= both_ways("squared_error", (logits, pixels), buffers)
    rows |= both_ways("gaussian_nll", (logits, array(N, D), pixels), buffers)
    head = array(N, 2 * L)
    rows |= both_ways("gaussian_kl", (head[:, :L], head[:, L:]), buffers)
    return rows | sequence_rows(rng, buffers)


def sequence_rows(rng: np.random.Generator, buffers: OverBuffers) -> dict[str, Pair]:
    """Names: sequences of 3 to 15 letters of 27 symbols, as 32 numbers each, a state of 128."""
    T, E, H, C = 16, 32, 128, 27

    def array(*shape: int) -> np.ndarray:
        return 0.1 * rng.standard_normal(shape, dtype=np.float32)

    ids, lengths = rng.integers(0, C, (N, T)), rng.binomial(14, 0.4, N) + 2
    weights = array(E, 3 * H), array(H, 3 * H), array(3 * H), array(3 * H)
    rows = both_ways("embedding", (ids, array(C, E)), buffers)
    rows |= both_ways("gru", (array(N, T, E), array(N, H), lengths, *weights), buffers)
    return rows | both_ways("masked_categorical_nll", (array(N, T, C), ids, lengths), buffers)


def optimizer_rows(size: int = 653_224) -> dict[str, Pair]:
    """One step over all parameters of the network."""
    rng = np.random.default_rng(0)
    p, g = rng.standard_normal((2, size), dtype=np.float32)
    m, v, m2, v2 = np.zeros((4, size), np.float32)
    settings = 5, 1e-3, (0.9, 0.999), 1e-8
    q = p.copy()
    ops.adam_update(p, g, m, v, *settings)
    optimizers.adam_update(q, g, m2, v2, *settings)
    np.testing.assert_allclose(p, q, rtol=1e-6, atol=1e-9)
    return {
        "adam": (
            lambda: ops.adam_update(p, g, m, v, *settings),
            lambda: optimizers.adam_update(q, g, m2, v2, *settings),
        ),
        "adagrad": (
            lambda: ops.adagrad_update(p, g, v, 1e-2, 1e-10),
            lambda: optimizers.adagrad_update(q, g, v2, 1e-2, 1e-10),
        ),
        "squared norm of the gradients": (lambda: g @ g, lambda: sum_of_squares(g)),
    }


def product_rows() -> dict[str, Pair]:
    """The products of a step: BLAS first, tiles second."""

    def array(*shape: int) -> np.ndarray:
        out = aligned_empty(shape, np.dtype(np.float32))
        out[...] = np.random.default_rng(0).standard_normal(shape)
        return out

    rows = {}
    for rows_of, I, O in ((N, D, H), (N, H, D), (N, H, 2 * L), (N, L, H), (512, D, H)):
        x, W, y, dy, dW, dx = (
            array(*s) for s in ((rows_of, I), (I, O), (rows_of, O), (rows_of, O), (I, O), (rows_of, I))
        )
        for label, a, b, out in (("x W", x, W, y), ("xT dy", x.T, dy, dW), ("dy WT", dy, W.T, dx)):

            def by(products: str, a: np.ndarray = a, b: np.ndarray = b, out: np.ndarray = out) -> Callable[[], object]:
                def run() -> object:
                    pools.PRODUCTS = products
                    return multiply(a, b, out)

                return run

            by("tiles")()
            np.testing.assert_allclose(out, a @ b, rtol=1e-3, atol=1e-3)
            rows[f"{label:<6} {rows_of} x {I} x {O}"] = by("blas"), by("tiles")
    return rows


def both_halves(way: OverBuffers | CompiledVAEStep, x: np.ndarray, eps: np.ndarray) -> object:
    """Forward and backward."""
    return way.backward(way.forward(x, eps)[1])


def step_rows() -> dict[str, Pair]:
    """Forward and backward of VAEs: op by op first, compiled as a whole second."""
    rows = {}
    for rows_of, data_dim, hidden in (
        (2, 2, (2,)),
        (100, 64, ()),
        (16, 64, (128,)),
        (100, 64, (128,)),
        (100, 784, (24,)),
        (128, 64, (256, 128)),
        (128, 784, (400,)),
    ):
        vae, rng = npvae.VAE(data_dim, hidden, 2), np.random.default_rng(0)
        x, eps = rng.random((rows_of, data_dim), dtype=np.float32), vae.draw_eps(rows_of, rng)
        if why_not(vae):
            continue  # products are BLAS's here
        by_ops, compiled = OverBuffers(vae), CompiledVAEStep(vae, rows_of)
        pair = partial(both_halves, by_ops, x, eps), partial(both_halves, compiled, x, eps)
        for halves in pair:
            halves()
        np.testing.assert_allclose(compiled.grads.flat, by_ops.grads.flat, rtol=1e-3, atol=1e-5)
        rows[f"{'-'.join(map(str, (data_dim, *hidden, 2)))}, batch {rows_of}"] = pair
    return rows


def show(title: str, rows: dict[str, Pair], first: str, second: str, rounds: int) -> dict[str, dict[str, float]]:
    """Time the pairs, print a table, return it."""
    print(f"\n{title}\n{'':<34}{first + ', us':>16}{second + ', us':>16}{'times faster':>14}")
    result = {}
    for name, (one, other) in rows.items():
        for call in (one, other) * 2:
            call()
        found = summary(interleaved({first: one, second: other}, rounds), 1e6)
        a, b = found[first]["median"], found[second]["median"]
        result[name] = {first: a, second: b, "times": round(a / b, 2)}
        print(f"{name:<34}{a:>16.1f}{b:>16.1f}{a / b:>14.2f}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=pools.team.threads)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pools.set_threads(args.threads)
    default = pools.PRODUCTS
    print(machine(), f"{args.threads} threads")
    result = show("kernels", op_rows() | optimizer_rows(), "reference", "kernel", args.rounds)
    result |= show("products", product_rows(), "BLAS", "tiles", args.rounds)
    pools.PRODUCTS = default
    result |= show("VAEs, forward and backward", step_rows(), "op by op", "compiled", args.rounds)
    write_json(args.json, result)


if __name__ == "__main__":
    main()
