"""Do the hand-written gradients agree with PyTorch's autograd? Same weights, same noise, float64.

For both models, every likelihood and every activation, loss and all gradients are computed twice: by npvae, and by
PyTorch from the formulas of the papers through torch.distributions, which share no code with npvae's pages. Printed is
the largest relative difference of any gradient, max|a - b| / max|b|; the exit code is 1 if one is above 1e-10.

    python benchmarks/agree_with_torch.py [--json FILE]
"""

import argparse
import json
import sys

import numpy as np
import torch
import torch.distributions as td
import torch.nn.functional as F

import npvae
from npvae.models import LIKELIHOODS
from npvae.ops import ACTIVATIONS

LIMIT = 1e-10
N, D, HIDDEN, L, BETA = 7, 12, (9, 8), 3, 0.7


def mlp(x, params, prefix, depth, activation):
    for i in range(depth):
        x = x @ params[f"{prefix}.{i}.W"] + params[f"{prefix}.{i}.b"]
        if i < depth - 1:
            x = getattr(F, activation)(x) if activation not in ("tanh", "sigmoid") else getattr(torch, activation)(x)
    return x


def nll(name, output, x, params, logvar):
    if name == "bernoulli":
        return F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(1)
    if name == "squared_error":
        return F.mse_loss(output, x, reduction="none").sum(1) / 2
    mean, learned = (
        output[:, :D],
        {
            "gaussian_fixed": lambda: torch.tensor(logvar, dtype=torch.float64),
            "gaussian_decoder": lambda: output[:, D:],
        }.get(name, lambda: params["likelihood.logvar"])(),
    )
    return -td.Normal(mean, torch.exp(learned / 2)).log_prob(x).sum(1)


def compare(kind, likelihood, activation, seed):
    rng = np.random.default_rng(seed)
    settings = {"beta": BETA} if kind == "VAE" else {}
    model = getattr(npvae, kind)(
        D, HIDDEN, L, activation, likelihood, logvar=-0.4, dtype="float64", backend="numpy", seed=seed, **settings
    )
    model.params.flat[:] += 0.1 * rng.standard_normal(model.params.flat.size)  # no bias at zero, where mistakes hide
    x = rng.random((N, D))
    eps = rng.standard_normal((N, L)) if kind == "VAE" else None
    loss, trace = model.forward(x, eps)
    grads = model.backward(trace)

    params = {name: torch.tensor(value, requires_grad=True) for name, value in model.params.items()}
    depth, tx = len(HIDDEN) + 1, torch.tensor(x)
    code = mlp(tx, params, "encoder", depth, activation)
    total = torch.zeros(())
    if kind == "VAE":
        q = td.Normal(code[:, :L], torch.exp(code[:, L:] / 2))
        code = q.loc + q.scale * torch.tensor(eps)
        total = BETA * td.kl_divergence(q, td.Normal(torch.zeros(L), torch.ones(L))).sum(1)
    torch_loss = (nll(likelihood, mlp(code, params, "decoder", depth, activation), tx, params, -0.4) + total).mean()
    torch_loss.backward()

    worst = abs(loss - torch_loss.item()) / abs(torch_loss.item())
    for name, grad in grads.items():
        truth = params[name].grad.numpy()
        worst = max(worst, np.abs(grad - truth).max() / np.abs(truth).max())
    return float(worst)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the table to this file")
    args = parser.parse_args(argv)
    rows = [
        {
            "model": kind,
            "likelihood": likelihood,
            "activation": activation,
            "difference": compare(kind, likelihood, activation, 1),
        }
        for kind in ("VAE", "Autoencoder")
        for likelihood in LIKELIHOODS
        for activation in ACTIVATIONS
    ]
    for row in rows:
        print(f"{row['model']:<12} {row['likelihood']:<18} {row['activation']:<12} {row['difference']:.1e}")
    worst = max(row["difference"] for row in rows)
    print(f"{len(rows)} comparisons with torch {torch.__version__}: largest difference {worst:.1e}, limit {LIMIT:.0e}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
