"""A graph's decoder and whole epochs beside dense PyTorch, a graph of 100,000 vertices, and how much memory each takes.

    python benchmarks/speed/graphs.py --data-dir DIR [--rounds 15] [--threads 1]

Rounds are interleaved, with a pause before each turn, because the other's threads may still look for work; medians are
printed. PyTorch does what the published code does: target, logits and their gradient as V x V arrays, S as a sparse
tensor. First both are shown to compute the same numbers.
Memory is what a process of its own holds at its peak, less what it holds when the data are read (Linux alone tells).
"""

from __future__ import annotations

import argparse
import multiprocessing
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rounds

import npvae
from npvae import kernels
from npvae.data import Graph, load_graph
from npvae.ops import normalise_adjacency
from npvae.steps import Step

L, H, WEIGHT = 16, 32, 200.0


def ours_decoder(graph: Graph) -> tuple[Callable[[], np.ndarray], Any]:
    """Forward and backward of the cost of all pairs -> dz."""
    pairs, z = normalise_adjacency(graph.edges, graph.vertices), points(graph)
    dnll = np.full(len(z), 1 / len(z), np.float32)

    def run() -> np.ndarray:
        _, cache = kernels.inner_product_nll_forward(pairs.indptr, pairs.indices, z, WEIGHT)
        return kernels.inner_product_nll_backward(dnll, cache)

    return run, None


def torch_decoder(graph: Graph) -> tuple[Callable[[], np.ndarray], Any]:
    """The same in PyTorch, dense."""
    import torch

    z, target = torch.from_numpy(points(graph)).requires_grad_(), torch.from_numpy(dense_target(graph))
    weight = torch.tensor(WEIGHT)

    def run() -> np.ndarray:
        z.grad = None
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z @ z.T, target, pos_weight=weight, reduction="sum")
        (loss / len(z)).backward()
        return z.grad.numpy()

    return run, None


def ours_epoch(graph: Graph, **settings: Any) -> tuple[Callable[[], np.ndarray], Any]:
    """A training step of a GraphVAE, with its Adam."""
    model = npvae.GraphVAE(*graph.sample_shape, hidden_dim=H, latent_dim=L, **settings)
    step, optimizer, rng = Step(model, 1), npvae.Adam(model.params, lr=0.01), np.random.default_rng(0)

    def run() -> np.ndarray:
        _, trace = step.forward(graph, model.draw_eps(1, rng))
        grads = step.backward(trace)
        optimizer.step(grads)
        return grads.flat

    return run, model


def torch_epoch(graph: Graph) -> tuple[Callable[[], np.ndarray], Any]:
    """The same in PyTorch: sparse S and S x, dense pairs, fused Adam."""
    import torch

    warnings.simplefilter("ignore", UserWarning)  # sparse CSR is in beta state, it says
    prepared = npvae.GraphVAE(*graph.sample_shape, hidden_dim=H, latent_dim=L).vertices_of(graph)
    S, Sx = (
        torch.sparse_csr_tensor(
            *map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.values)), size=(graph.vertices, columns)
        )
        for matrix, columns in ((prepared.S, graph.vertices), (prepared.Sx, graph.sample_shape[1] or graph.vertices))
    )
    target, weight = torch.from_numpy(dense_target(graph)), torch.tensor(prepared.weight, dtype=torch.float32)
    W0 = torch.nn.Parameter(0.05 * torch.randn(Sx.shape[1], H))
    W1 = torch.nn.Parameter(0.3 * torch.randn(H, 2 * L))
    optimizer = torch.optim.Adam([W0, W1], lr=0.01, fused=True)

    def run() -> np.ndarray:
        optimizer.zero_grad()
        head = S @ (torch.relu(Sx @ W0) @ W1)
        mu, logvar = head[:, :L], head[:, L:]
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        bce = torch.nn.functional.binary_cross_entropy_with_logits(z @ z.T, target, pos_weight=weight)
        kl = 0.5 / len(z) * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(dim=1).mean()
        (prepared.norm * bce + kl).backward()
        optimizer.step()
        return W1.grad.numpy()

    return run, None


def points(graph: Graph) -> np.ndarray:
    """Points (V, L) about as far out as trained ones."""
    return (0.5 * np.random.default_rng(0).standard_normal((graph.vertices, L))).astype(np.float32)


def dense_target(graph: Graph) -> np.ndarray:
    """Ones for the edges and the diagonal, (V, V)."""
    S = normalise_adjacency(graph.edges, graph.vertices)
    target = np.zeros((graph.vertices, graph.vertices), np.float32)
    target[np.repeat(np.arange(graph.vertices), np.diff(S.indptr)), S.indices] = 1
    return target


def large_graph(vertices: int = 100_000, edges: int = 1_000_000) -> Graph:
    """Edges between vertices of the same of 1,000 groups, mostly; no features."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, vertices, edges)
    second = np.where(rng.random(edges) < 0.8, first // 100 * 100 + rng.integers(0, 100, edges), rng.permutation(first))
    return Graph(np.stack([first, second], axis=1), vertices)


def peak_memory(name: str, data_dir: Path | None) -> float:
    """MB that three steps take at their peak in a process of its own, beyond the data."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (name, data_dir))


def _peak(name: str, data_dir: Path | None) -> float:
    graph = large_graph() if name == "large" else load_graph("cora", data_dir)
    make = {"ours": ours_epoch, "torch": torch_epoch, "large": lambda g: ours_epoch(g, shifts=10)}[name]
    if name == "torch":
        import torch  # noqa: F401
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _megabytes("VmRSS")
    run, _ = make(graph)
    for _ in range(3):
        run()
    return _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main(argv: list[str] | None = None) -> None:
    """Validate, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of cora.npz, or its parent")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    import torch

    torch.set_num_threads(args.threads)
    npvae.set_threads(args.threads)
    graph = load_graph("cora", args.data_dir)
    decoders = {"ours": ours_decoder(graph)[0], "torch": torch_decoder(graph)[0]}
    ours, theirs = (run() for run in decoders.values())
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max(), "the decoders differ"
    epochs = {"ours": ours_epoch(graph)[0], "torch": torch_epoch(graph)[0]}
    for run in epochs.values():
        run()
    print(f"{rounds.machine()}, {args.threads} threads")
    for what, runs in (("decoder", decoders), ("epoch", epochs)):
        rows = rounds.summary(rounds.interleaved(runs, args.rounds, calls=3))
        print(f"\nCora, {what}\n{rounds.table(rows, 'ms', ['torch'])}", flush=True)
    large = ours_epoch(large_graph(), shifts=10)[0]
    large()
    row = rounds.summary(rounds.interleaved({"large": large}, 3, calls=3))["large"]
    print(f"\n100,000 vertices, 1,000,000 edges, 10 shifts: {row['median']:.0f} ms per epoch\n")
    for name in ("ours", "torch", "large"):
        print(f"peak memory beyond the data, {name}: {peak_memory(name, args.data_dir):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
