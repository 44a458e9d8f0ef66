"""How long do a convolutional layer and a whole step of the convolutional VAE take, beside PyTorch?

    python benchmarks/speed/convolution.py --threads 1 --threads 2 --json convolution.json

A layer is forward and backward, all gradients, with relu. PyTorch runs in both of its memory layouts, and the ratios
are taken to the better one; its whole step has Adam fused. Before a layer is timed, outputs and gradients are compared.
The floor is the layer's three matrix products alone, by NumPy, on columns that are there already.

    python benchmarks/speed/convolution.py --memory

says what a step at batch 128 takes at its peak beyond one at batch 1, a process for each contender.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from rounds import interleaved, machine, summary, table, write_json

import npvae
from npvae import kernels
from npvae.kernels.team import pools
from npvae.steps import Step
from npvae.steps.buffers import aligned_empty

N = 128
LAYERS = {
    "1 -> 32 at 28": (28, 1, 32),
    "32 -> 64 at 14": (14, 32, 64),
    "16 -> 32 at 14": (14, 16, 32),
    "3 -> 32 at 64": (64, 3, 32),
}
STEPS = {
    "28 x 28, channels 16, 32, 20 latents": ((28, 28, 1), (16, 32), ()),
    "28 x 28, channels 32, 64, dense 256": ((28, 28, 1), (32, 64), (256,)),
    "32 x 32 x 3, channels 32, 64, dense 256": ((32, 32, 3), (32, 64), (256,)),
}
FLOOR, BEST = "products alone", "PyTorch, its better layout"


class Buffers:
    """Arrays that are handed out again from the first on."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.next = 0

    def new(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The next one, made when it is first asked for."""
        if self.next == len(self.arrays):
            self.arrays.append(aligned_empty(shape, dtype))
        self.next += 1
        return self.arrays[self.next - 1]

    @property
    def bytes(self) -> int:
        """What all of them hold."""
        return sum(array.nbytes for array in self.arrays)


def array(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(len(shape)).standard_normal(shape)).astype(np.float32)


def our_layer(I: int, C: int, F: int, transposed: bool) -> tuple[Callable[[], list[np.ndarray]], Buffers]:
    """Forward and backward; what it gives, and where it writes."""
    buffers = Buffers()
    W, large, small = array(4, 4, C, F, scale=0.05), array(N, I, I, C), array(N, I // 2, I // 2, F)
    x, dy, b = (small, large, np.zeros(C, np.float32)) if transposed else (large, small, np.zeros(F, np.float32))
    name = "conv2d_transpose_layer" if transposed else "conv2d_layer"
    forward, backward = getattr(kernels, f"{name}_forward"), getattr(kernels, f"{name}_backward")

    def run() -> list[np.ndarray]:
        buffers.next = 0
        y, cache = forward(x, W, b, "relu", 2, 1, new=buffers.new)
        return [y, *backward(dy, cache, new=buffers.new)]

    return run, buffers


def torch_layer(
    torch: ModuleType, I: int, C: int, F: int, transposed: bool, layout: str
) -> Callable[[], list[np.ndarray]]:
    """The same in PyTorch."""
    kind = torch.channels_last if layout == "NHWC" else torch.contiguous_format
    W, large, small = array(4, 4, C, F, scale=0.05), array(N, I, I, C), array(N, I // 2, I // 2, F)
    x, dy = (small, large) if transposed else (large, small)
    layer = (torch.nn.ConvTranspose2d(F, C, 4, 2, 1) if transposed else torch.nn.Conv2d(C, F, 4, 2, 1)).to(
        memory_format=kind
    )
    layer.weight.data.copy_(torch.tensor(W).permute(3, 2, 0, 1))
    layer.bias.data.zero_()
    there = torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=kind).requires_grad_()
    gradient = torch.tensor(dy).permute(0, 3, 1, 2).contiguous(memory_format=kind)

    def run() -> list[np.ndarray]:
        there.grad = layer.weight.grad = layer.bias.grad = None
        y = torch.relu(layer(there))
        y.backward(gradient)
        return [y, there.grad, layer.weight.grad, layer.bias.grad]

    return run


def products(I: int, C: int, F: int) -> Callable[[], None]:
    """The three products of the layer."""
    rows, window = N * (I // 2) ** 2, 16 * C
    columns, W, small = array(rows, window), array(window, F), array(rows, F)
    y, dW, dcolumns = np.empty_like(small), np.empty_like(W), np.empty_like(columns)

    def run() -> None:
        np.matmul(columns, W, out=y)
        np.matmul(columns.T, small, out=dW)
        np.matmul(small, W.T, out=dcolumns)

    return run


def layer_case(torch: ModuleType | None, name: str, transposed: bool, rounds: int) -> dict[str, Any]:
    """Times of one layer, and the memory of our buffers."""
    I, C, F = LAYERS[name]
    ours, buffers = our_layer(I, C, F, transposed)
    contenders: dict[str, Callable[[], Any]] = {"npvae": ours, FLOOR: products(I, C, F)}
    if torch is not None:
        for layout in ("NCHW", "NHWC"):
            run = contenders[f"PyTorch {layout}"] = torch_layer(torch, I, C, F, transposed, layout)
            y, dx, dW, db = (tensor.detach() for tensor in run())
            theirs = [y.permute(0, 2, 3, 1), dx.permute(0, 2, 3, 1), dW.permute(2, 3, 1, 0), db]
            for a, t in zip(ours(), theirs, strict=True):
                # relu's kink may turn single entries, and one of them is 1e-3 of a db, whose other terms cancel
                off = np.linalg.norm(a - t.numpy()) / np.linalg.norm(t.numpy())
                assert off < 1e-2, f"{name}: off by {off:.1e} from PyTorch"
    rows = with_best(summary(interleaved(contenders, rounds)))
    print(f"\n{'transposed ' if transposed else ''}{name}, batch {N}: our buffers hold {buffers.bytes / 2**20:.1f} MiB")
    print(table(rows, "ms", [FLOOR, BEST]))
    return rows | {"bytes": buffers.bytes}


def torch_step(torch: ModuleType, vae: npvae.ConvVAE, x: np.ndarray, eps: np.ndarray, layout: str) -> Callable:
    """A step of the same model in PyTorch, with fused Adam."""
    nn, kind = torch.nn, torch.channels_last if layout == "NHWC" else torch.contiguous_format
    C, channels, hidden, L = vae.image_shape[2], vae.channels, vae.hidden, vae.latent_dim
    size, outs, ins, before = vae.sizes[-1], [], [], C
    for width in channels:
        outs += [nn.Conv2d(before, width, 4, 2, 1), nn.ReLU()]
        ins = [nn.ConvTranspose2d(width, before, 4, 2, 1), nn.ReLU(), *ins]
        before = width
    row, dense, back = size[0] * size[1] * before, [], []
    widths = [row, *hidden, 2 * L]
    for i, (I, O) in enumerate(pairwise(widths)):
        dense += [nn.Linear(I, O), *([nn.ReLU()] if i < len(hidden) else [])]
    widths = [L, *hidden[::-1], row]
    for I, O in pairwise(widths):
        back += [nn.Linear(I, O), nn.ReLU()]
    encoder = nn.Sequential(*outs, nn.Flatten(), *dense)
    decoder = nn.Sequential(*back, nn.Unflatten(1, (before, *size)), *ins[:-1])
    model = nn.ModuleList([encoder, decoder]).to(memory_format=kind)
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    there = torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=kind)
    noise = torch.tensor(eps)

    def step() -> float:
        adam.zero_grad()
        mu, logvar = encoder(there).chunk(2, 1)
        logits = decoder(mu + torch.exp(logvar / 2) * noise)
        nll = nn.functional.binary_cross_entropy_with_logits(logits, there, reduction="sum")
        loss = (nll - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())) / len(x)
        loss.backward()
        adam.step()
        return loss.item()

    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == vae.params.flat.size, f"{count} parameters there, {vae.params.flat.size} here"
    return step


def step_case(torch: ModuleType | None, name: str, rounds: int) -> dict[str, Any]:
    """Times of a whole step. That both compute the same is the test of npvae.export, gradient by gradient."""
    shape, channels, hidden = STEPS[name]
    rng = np.random.default_rng(0)
    vae = npvae.ConvVAE(shape, channels, hidden, 20)
    x, eps = rng.random((N, *shape), dtype=np.float32), vae.draw_eps(N, rng)
    adam, step = npvae.Adam(vae.params, lr=1e-3), Step(vae, N)

    def ours() -> float:
        loss, trace = step.forward(x, eps)
        grads = step.backward(trace)
        step.square_norm(grads)
        adam.step(grads)
        return loss

    contenders: dict[str, Callable[[], Any]] = {"npvae": ours}
    if torch is not None:
        for layout in ("NCHW", "NHWC"):
            contenders[f"PyTorch {layout}"] = torch_step(torch, vae, x, eps, layout)
    rows = with_best(summary(interleaved(contenders, rounds)))
    held = sum(buffer.nbytes for buffer in step._way._buffers)
    print(f"\nwhole step, {name}: {vae.params.flat.size:,} parameters, our buffers hold {held / 2**20:.1f} MiB")
    print(table(rows, "ms", [BEST]))
    return rows | {"bytes": held}


def peak(name: str, who: str) -> float:
    """MiB by which ten steps at batch 128 raise the peak of this process above that of a step at batch 1."""
    import resource  # not on Windows

    shape, channels, hidden = STEPS[name]
    rng = np.random.default_rng(0)
    vae = npvae.ConvVAE(shape, channels, hidden, 20)
    x, eps = rng.random((N, *shape), dtype=np.float32), vae.draw_eps(N, rng)
    before = 0
    for size, times in ((1, 1), (N, 10)):
        if who == "npvae":
            step, adam = Step(vae, size), npvae.Adam(vae.params, lr=1e-3)
            for _ in range(times):
                adam.step(step.backward(step.forward(x[:size], eps[:size])[1]))
        else:
            import torch

            run = torch_step(torch, vae, x[:size], eps[:size], who.removeprefix("PyTorch "))
            for _ in range(times):
                run()
        before = before or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def memory_of_steps() -> dict[str, Any]:
    """The peaks of every step and contender, each in a process of its own."""
    found: dict[str, Any] = {}
    for name in STEPS:
        found[name] = {}
        for who in ("npvae", "PyTorch NCHW", "PyTorch NHWC"):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found[name][who] = pool.apply(peak, (name, who))
            print(f"{name}: {who} {found[name][who]:.0f} MiB", flush=True)
    return found


def with_best(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The rows, with the better of PyTorch's two again under its own name."""
    theirs = [row for name, row in rows.items() if name.startswith("PyTorch")]
    return rows | ({BEST: min(theirs, key=lambda row: row["median"])} if theirs else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, action="append", help="default: 2 and 1")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", choices=("layers", "steps"))
    parser.add_argument("--memory", action="store_true", help="peaks of memory in place of times")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.memory:
        write_json(args.json, memory_of_steps())
        return
    try:
        import torch
    except ImportError:
        torch = None
        print("PyTorch is not installed: its rows are left out")
    print(machine())
    result: dict[str, Any] = {}
    for count in args.threads or (2, 1):
        pools.set_threads(count)
        if torch is not None:
            torch.set_num_threads(count)
        print(f"\n{count} thread{'s' * (count > 1)}")
        if args.only != "steps":
            for name in LAYERS:
                for transposed in (False, True):
                    key = f"{'transposed ' if transposed else ''}{name}, {count}"
                    result[key] = layer_case(torch, name, transposed, args.rounds)
        if args.only != "layers":
            for name in STEPS:
                result[f"step {name}, {count}"] = step_case(torch, name, args.rounds)
    write_json(args.json, result)


if __name__ == "__main__":
    main()
