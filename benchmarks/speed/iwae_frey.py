"""IWAE with K = 50 on Frey Faces: seconds per epoch compared with PyTorch's, in one process, in turn.

560-200-200-20-200-200-560, softplus, a Gaussian with the decoder's own variance, batch 100, float32: the setting of
Li & Turner (2016), who report 29.0 s per epoch for IWAE in NumPy on an i7-4930K. First both are shown to compute the
same loss and gradient on the same weights and noise; then rounds of npvae and PyTorch (eager, fused Adam) alternate.

    python benchmarks/speed/iwae_frey.py --data-dir FOLDER [--rounds 5] [--samples 50] [--threads 2] [--json FILE]
"""

import argparse
import json
import math
import statistics
import sys
import time

import numpy as np
import torch

import npvae
from npvae.steps import Step

D, L, HIDDEN, BATCH = 560, 20, (200, 200), 100


def torch_model(vae):
    """The same network as torch parameters, in npvae's layout."""
    return {name: torch.tensor(value.copy(), requires_grad=True) for name, value in vae.params.items()}


def torch_mlp(x, params, prefix):
    for i in range(3):
        x = torch.addmm(params[f"{prefix}.{i}.b"], x, params[f"{prefix}.{i}.W"])
        x = torch.nn.functional.softplus(x) if i < 2 else x
    return x


def torch_loss(params, x, eps):
    K, N, _ = eps.shape
    head = torch_mlp(x, params, "encoder")
    mu, logvar = head[:, :L], head[:, L:]
    z = mu + torch.exp(logvar / 2) * eps
    out = torch_mlp(z.reshape(K * N, L), params, "decoder").reshape(K, N, 2 * D)
    mean, x_logvar = out[..., :D], out[..., D:]
    nll = 0.5 * (math.log(2 * math.pi) + x_logvar + (x - mean) ** 2 * torch.exp(-x_logvar)).sum(-1)
    log_ratio = 0.5 * (logvar + eps**2 - z**2).sum(-1)  # log p(z) - log q(z|x)
    return -(torch.logsumexp(log_ratio - nll, 0) - math.log(K)).mean()


def same(vae, x, eps):
    """Largest relative difference of loss and gradients, float32."""
    params = torch_model(vae)
    truth = torch_loss(params, torch.tensor(x), torch.tensor(eps))
    truth.backward()
    loss, trace = vae.forward(x, eps)
    grads = vae.backward(trace)
    worst = abs(loss - truth.item()) / abs(truth.item())
    for name, grad in grads.items():
        expected = params[name].grad.numpy()
        worst = max(worst, float(np.abs(grad - expected).max() / np.abs(expected).max()))
    return worst


def npvae_epoch(vae, adam, step, x, rng):
    for batch in npvae.minibatches(x, BATCH, rng):
        _, trace = step.forward(batch, vae.draw_eps(len(batch), rng))
        adam.step(step.backward(trace))


def torch_epoch(params, adam, x, K):
    for rows in torch.randperm(len(x)).split(BATCH):
        adam.zero_grad()
        torch_loss(params, x[rows], torch.randn(K, len(rows), L)).backward()
        adam.step()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder with Frey Faces; without it random pixels of the same shape")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=50, help="K")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(0)
    x = npvae.load_dataset("frey", args.data_dir)[0].numpy() if args.data_dir else rng.random((1768, D), np.float32)
    vae = npvae.VAE(D, HIDDEN, L, "softplus", "gaussian_decoder", objective="iwae", samples=args.samples)
    difference = same(vae, x[:BATCH], vae.draw_eps(BATCH, rng))
    print(f"same weights and noise: largest relative difference {difference:.1e} (float32)")
    if not difference < 1e-3:
        return 1
    adam, step = npvae.Adam(vae.params, lr=5e-4), Step(vae, BATCH)
    params, torch_x = torch_model(vae), torch.tensor(x)
    torch_adam = torch.optim.Adam(params.values(), lr=5e-4, fused=True)
    ours, theirs = [], []
    for number in range(args.rounds + 1):
        start = time.perf_counter()
        npvae_epoch(vae, adam, step, x, rng)
        middle = time.perf_counter()
        torch_epoch(params, torch_adam, torch_x, args.samples)
        if number:  # the first round warms up
            ours.append(middle - start)
            theirs.append(time.perf_counter() - middle)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"K = {args.samples}, {len(x):,} faces, {args.threads} threads, medians of {args.rounds} rounds:")
    print(
        f"npvae {statistics.median(ours):.2f} s per epoch, PyTorch {statistics.median(theirs):.2f} s, ratio {ratio:.2f}"
    )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"npvae": ours, "torch": theirs, "ratio": ratio}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
