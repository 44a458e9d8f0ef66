"""How long is a step on counts, a negative binomial on 2,000 columns, over its products and against PyTorch?

    python benchmarks/speed/counts.py
    python benchmarks/speed/counts.py --threads 1 --json counts.json

Batch 128, 2,000 columns, 128 hidden, 10 latents, r per column, row sizes as offset: the shape of a single-cell table.
Zeros cost least, so there are two tables, of which 7 % and 60 % of the entries are not 0. Before anything is timed,
loss and gradients are compared with PyTorch's. PyTorch's rows are left out where it is not installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from contenders import numpy_products
from rounds import interleaved, machine, summary, table, use_threads, write_json
from step import FLOOR

import npvae
from npvae.steps import Step

N, D, H, L = 128, 2000, 128, 10
TABLES = {"7 % not 0": 0.1, "60 % not 0": 2.0}  # name: mean count


def counts(mean: float) -> np.ndarray:
    """A batch (N, D) of gamma-Poisson counts whose columns and rows differ by factors."""
    rng = np.random.default_rng(0)
    rates = mean * np.exp(rng.standard_normal(D) - 0.5) * np.exp(0.3 * rng.standard_normal((N, 1)))
    return rng.poisson(rng.gamma(1.0, rates)).astype(np.float32)


def new_vae(likelihood: str) -> npvae.VAE:
    """2000-128-10-128-2000."""
    return npvae.VAE(D, (H,), L, likelihood=likelihood, offset="none" if likelihood == "bernoulli" else "row")


def npvae_step(vae: npvae.VAE, x: np.ndarray, eps: np.ndarray) -> Callable[[], float]:
    """Forward, backward and Adam."""
    adam, way = npvae.Adam(vae.params), Step(vae, len(x))

    def step() -> float:
        loss, trace = way.forward(x, eps)
        adam.step(way.backward(trace))
        return loss

    return step


def likelihood_alone(vae: npvae.VAE, x: np.ndarray, eps: np.ndarray) -> Callable[[], object]:
    """The likelihood's forward and backward, at the decoder's output."""
    _, trace = vae.forward(x, eps)
    output, grads, dnll = trace.output, vae.params.like(), np.full(N, 1 / N, np.float32)

    def both() -> object:
        _, cache = vae.likelihood.forward(vae.ops, output, x, vae.params)
        return vae.likelihood.backward(vae.ops, dnll, cache, grads)

    return both


def torch_step(torch: ModuleType, vae: npvae.VAE, x: np.ndarray, eps: np.ndarray) -> Callable[[], float]:
    """PyTorch eager with fused Adam, from the same weights. Checks loss and gradients first."""
    weights = [torch.tensor(np.array(value), requires_grad=True) for value in vae.params.values()]
    xt, et = torch.tensor(x), torch.tensor(eps)
    seen = torch.tensor(vae.likelihood.encoder_view(x))
    log_size = torch.tensor(vae.likelihood.log_size(x))
    log_factorial = torch.lgamma(xt + 1)  # of the data alone: once, in PyTorch's favour
    F = torch.nn.functional

    def loss_of() -> object:
        V0, c0, V1, c1, W0, b0, W1, b1, log_r = weights
        mu, logvar = (torch.relu(seen @ V0 + c0) @ V1 + c1).chunk(2, 1)
        z = mu + torch.exp(logvar / 2) * et
        log_mean = torch.relu(z @ W0 + b0) @ W1 + b1 + log_size
        a, r = log_mean - log_r, torch.exp(log_r)
        nll = torch.lgamma(r) - torch.lgamma(r + xt) + log_factorial + r * F.softplus(a) + xt * F.softplus(-a)
        kl = 0.5 * (logvar.exp() + mu * mu - 1 - logvar)
        return (nll.sum() + kl.sum()) / N

    loss = loss_of()
    loss.backward()
    ours, trace = vae.forward(x, eps)
    np.testing.assert_allclose(ours, loss.item(), rtol=1e-4)
    for name, gradient, weight in zip(vae.params, vae.backward(trace).values(), weights, strict=True):
        scale = float(np.abs(gradient).max())
        np.testing.assert_allclose(gradient, weight.grad.numpy(), rtol=1e-2, atol=1e-3 * scale, err_msg=name)
    adam = torch.optim.Adam(weights, 1e-3, fused=True)

    def step() -> float:
        adam.zero_grad()
        loss = loss_of()
        loss.backward()
        adam.step()
        return loss.item()

    return step


def main() -> None:
    """One table for each data table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch = use_threads(args.threads)
    print(machine())
    results = {}
    for name, mean in TABLES.items():
        x, rng = counts(mean), np.random.default_rng(1)
        eps = rng.standard_normal((N, L), dtype=np.float32)
        contenders: dict[str, Callable[[], object]] = {FLOOR: numpy_products(new_vae("bernoulli"), [(x, eps)])}
        contenders["npvae, bernoulli"] = npvae_step(new_vae("bernoulli"), np.minimum(x, 1), eps)
        for likelihood in ("poisson", "negative_binomial"):
            contenders[f"npvae, {likelihood}"] = npvae_step(new_vae(likelihood), x, eps)
            contenders[f"  {likelihood} alone"] = likelihood_alone(new_vae(likelihood), x, eps)
        if torch is not None:
            contenders["PyTorch eager, negative_binomial"] = torch_step(torch, new_vae("negative_binomial"), x, eps)
        results[name] = summary(interleaved(contenders, args.rounds))
        print(f"\n{name} ({(x != 0).mean():.0%} measured), {args.threads} threads")
        print(table(results[name], "ms", [FLOOR, "PyTorch eager, negative_binomial"]))
    write_json(args.json, results)


if __name__ == "__main__":
    main()
