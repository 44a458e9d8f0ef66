"""How long is one training step, against PyTorch and against its matrix products alone?

    python benchmarks/speed/step.py                       # all cases
    python benchmarks/speed/step.py --case mnist --threads 2 --json step.json

A step is forward, backward and Adam, on a batch that is there already. The floor are the step's matrix products alone,
by NumPy's BLAS, written into existing arrays. Before anything is timed, loss and gradients of all contenders are
compared. PyTorch's rows are left out where it is not installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
from rounds import interleaved, machine, summary, table, write_json

import npvae
from npvae.kernels.team import pools
from npvae.steps import Step

CASES = {  # name: batch size, settings of the VAE, thread counts
    "mnist": (128, {"data_dim": 784}, (2, 1)),
    "mnist-512": (512, {"data_dim": 784}, (2, 1)),
    "digits": (100, {"data_dim": 64, "hidden": (128,), "latent_dim": 2}, (2, 1)),
    "two-hidden": (20, {"data_dim": 784, "hidden": (200, 200), "latent_dim": 50, "activation": "tanh"}, (2, 1)),
    "calls": (2, {"data_dim": 2, "hidden": (2,), "latent_dim": 2}, (1,)),  # next to no arithmetic: what Python costs
}
FLOOR = "OpenBLAS products alone"


def npvae_step(vae: npvae.VAE, x: np.ndarray, eps: np.ndarray, products: str | None) -> Callable[[], float]:
    """One step of npvae; `products` is "tiles" or "blas", None for the backend without kernels."""
    adam = npvae.Adam(vae.params, backend=vae.config["backend"])
    if products:
        pools.PRODUCTS = products
    way = Step(vae, len(x))

    def step() -> float:
        if products:
            pools.PRODUCTS = products
        loss, trace = way.forward(x, eps)
        adam.step(way.backward(trace))
        return loss

    return step


def products_alone(widths: list[int], latent_dim: int, N: int) -> Callable[[], None]:
    """Every product of a step for the layers I -> O of the network, into arrays that exist already."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    between = (2 * latent_dim, latent_dim)  # from the encoder's output to the decoder's input there is no product
    layers = [pair for pair in pairwise(widths) if pair != between]
    calls = []
    for number, (I, O) in enumerate(layers):
        x, W, y, dy, dW, dx = array(N, I), array(I, O), array(N, O), array(N, O), array(I, O), array(N, I)
        calls.append((x, W, y))
        calls.append((x.T, dy, dW))
        if number > 0:
            calls.append((dy, W.T, dx))

    def multiply() -> None:
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return multiply


def torch_steps(torch: ModuleType, vae: npvae.VAE, x: np.ndarray, eps: np.ndarray) -> dict[str, Callable[[], float]]:
    """PyTorch eager, with fused Adam, and compiled: each a step from the same weights. Checks loss and gradients."""
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

        def forward(self, x: object, eps: object) -> object:
            mu, logvar = self.encoder(x).chunk(2, 1)
            logits = self.decoder(mu + torch.exp(logvar / 2) * eps)
            nll = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            return (nll - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())) / len(x)

    xt, et = torch.tensor(x), torch.tensor(eps)

    def stepper(fused: bool, compiled: bool) -> Callable[[], float]:
        model = TorchVAE()
        adam = torch.optim.Adam(model.parameters(), 1e-3, fused=fused)
        loss_of = torch.compile(model) if compiled else model

        def step() -> float:
            adam.zero_grad()
            loss = loss_of(xt, et)
            loss.backward()
            adam.step()
            return loss.item()

        return step

    model = TorchVAE()
    model(xt, et).backward()
    loss, trace = vae.forward(x, eps)
    np.testing.assert_allclose(loss, model(xt, et).item(), rtol=1e-5)
    for ours, theirs in zip(vae.backward(trace).values(), model.parameters(), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy().T, rtol=1e-3, atol=1e-5)
    return {
        "PyTorch eager": stepper(fused=False, compiled=False),
        "PyTorch eager, fused Adam": stepper(fused=True, compiled=False),
        "torch.compile, fused Adam": stepper(fused=True, compiled=True),
    }


def run_case(name: str, count: int, rounds: int) -> dict[str, dict[str, float]]:
    N, settings, _ = CASES[name]
    rng = np.random.default_rng(0)
    x = rng.random((N, settings["data_dim"]), dtype=np.float32)
    reference = npvae.VAE(**settings, backend="numpy")
    eps = reference.draw_eps(N, rng)
    vaes = {
        "npvae": (npvae.VAE(**settings), default := pools.choose()),
        "npvae, BLAS products": (npvae.VAE(**settings), "blas"),
        "npvae, backend numpy": (reference, None),
    }
    loss, trace = reference.forward(x, eps)
    wanted = reference.backward(trace).flat
    for vae, products in vaes.values():  # the same loss and gradients before anything is timed
        pools.PRODUCTS = products or default
        way = Step(vae, len(x))
        found_loss, found = way.forward(x, eps)
        np.testing.assert_allclose(found_loss, loss, rtol=1e-6)
        np.testing.assert_allclose(way.backward(found).flat, wanted, rtol=1e-3, atol=2e-6)
    contenders: dict[str, Callable[[], object]] = {}
    try:
        import torch

        torch.set_num_threads(count)
        torch._dynamo.reset()  # it gives up compiling after eight models
        contenders |= torch_steps(torch, npvae.VAE(**settings, backend="numpy"), x, eps)
    except ImportError:
        print("PyTorch is not installed: its rows are left out")
    contenders |= {label: npvae_step(vae, x, eps, products) for label, (vae, products) in vaes.items()}
    widths = [settings["data_dim"], *reference.hidden, 2 * reference.latent_dim]
    widths += [reference.latent_dim, *reference.hidden[::-1], settings["data_dim"]]
    contenders[FLOOR] = products_alone(widths, reference.latent_dim, N)
    pools.set_threads(count)
    for call in contenders.values():
        for _ in range(5):
            call()
    try:
        return summary(interleaved(contenders, rounds))
    finally:
        pools.PRODUCTS = default


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--threads", type=int, action="append", help="default: 2 and 1")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(machine())
    result = {}
    for name in args.case or CASES:
        for count in args.threads or CASES[name][2]:
            rows = result[f"{name}, {count} threads"] = run_case(name, count, args.rounds)
            print(f"\n{name}: {CASES[name][1]}, batch {CASES[name][0]}, {count} threads")
            print(table(rows, "ms", [FLOOR, "PyTorch eager", "torch.compile, fused Adam"]))
    write_json(args.json, result)


if __name__ == "__main__":
    main()
