"""Do the hand-written gradients agree with PyTorch's autograd? Same weights, same noise, float64.

Loss and all gradients are computed twice: by npvae, and by PyTorch from the formulas of the papers through
torch.distributions where it has them, which share no code with npvae's pages. Both models with every likelihood and
every activation, then every objective that is the gradient of its own forward. Printed is the largest relative
difference of loss and gradients, max|a - b| / max|b|; the exit code is 1 if one is above 1e-10.

    python benchmarks/agreement/with_torch.py [--json FILE]
"""

import argparse
import json
import math
import sys

import numpy as np
import torch
import torch.distributions as td
import torch.nn.functional as F

import npvae
from npvae.models import LIKELIHOODS, OBJECTIVES
from npvae.ops import ACTIVATIONS

LIMIT = 1e-10
N, D, HIDDEN, L, BETA, LOGVAR, LEVELS, ALPHA = 7, 12, (9, 8), 3, 0.7, -0.4, 9, 0.3


def mlp(x, params, prefix, depth, activation):
    for i in range(depth):
        x = x @ params[f"{prefix}.{i}.W"] + params[f"{prefix}.{i}.b"]
        if i < depth - 1:
            x = getattr(torch if activation in ("tanh", "sigmoid") else F, activation)(x)
    return x


def nll(name, output, x, params):
    if name == "bernoulli":
        return F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)
    if name == "continuous_bernoulli":
        # not torch.distributions.ContinuousBernoulli: near a mean of one half its own gradient is off by 5e-10
        return (torch.log(torch.expm1(output) / output) - x * output).sum(-1)
    if name == "squared_error":
        return F.mse_loss(output, x, reduction="none").sum(-1) / 2
    if name == "categorical":
        labels = torch.round(x * (LEVELS - 1)).long()
        return -td.Categorical(logits=output.reshape(*output.shape[:-1], D, LEVELS)).log_prob(labels).sum(-1)
    if name == "discretized_logistic":
        mean, scale, half = output[..., :D], torch.exp(output[..., D:]), 0.5 / (LEVELS - 1)
        above = torch.where(x >= 1, 1.0, torch.sigmoid((x + half - mean) / scale))
        below = torch.where(x <= 0, 0.0, torch.sigmoid((x - half - mean) / scale))
        return -torch.log(above - below).sum(-1)
    learned = {
        "gaussian_fixed": lambda: torch.tensor(LOGVAR, dtype=torch.float64),
        "gaussian_decoder": lambda: output[..., D:],
    }.get(name, lambda: params["likelihood.logvar"])()
    return -td.Normal(output[..., :D], torch.exp(learned / 2)).log_prob(x).sum(-1)


def torch_loss(kind, likelihood, activation, objective, model, params, x, eps):
    depth = len(HIDDEN) + 1
    code = mlp(x, params, "encoder", depth, activation)
    if kind == "Autoencoder":
        return nll(likelihood, mlp(code, params, "decoder", depth, activation), x, params).mean()
    q, prior = td.Normal(code[:, :L], torch.exp(code[:, L:] / 2)), td.Normal(torch.zeros(L), torch.ones(L))
    z = q.loc + q.scale * eps
    losses = nll(likelihood, mlp(z, params, "decoder", depth, activation), x.expand(*z.shape[:-1], D), params)
    kl = td.kl_divergence(q, prior)
    if objective == "elbo":
        return (losses + BETA * kl.sum(1)).mean()
    if objective == "free_bits":
        return losses.mean() + BETA * torch.clamp(kl.mean(0), min=model.free_bits).sum()
    if objective == "capacity":
        return losses.mean() + BETA * torch.abs(kl.sum(1).mean() - model.capacity)
    log_w = BETA * (prior.log_prob(z) - q.log_prob(z)).sum(-1) - losses  # (K, N)
    K = len(log_w)
    bound = {
        "elbo_mc": lambda: log_w.mean(0),
        "iwae": lambda: torch.logsumexp(log_w, 0) - math.log(K),
        "renyi": lambda: (torch.logsumexp((1 - ALPHA) * log_w, 0) - math.log(K)) / (1 - ALPHA),
        "vr_max": lambda: log_w.max(0).values,
    }[objective]()
    return -bound.mean()


def compare(kind, likelihood, activation, objective, K, seed=1):
    rng = np.random.default_rng(seed)
    settings = {"beta": BETA, "objective": objective, "samples": K, "alpha": ALPHA} if kind == "VAE" else {}
    settings |= {"free_bits": 0.2, "capacity": 1.0} if kind == "VAE" else {}
    model = getattr(npvae, kind)(
        D, HIDDEN, L, activation, likelihood, logvar=LOGVAR, levels=LEVELS, dtype="float64", backend="numpy", **settings
    )
    model.params.flat[:] += 0.1 * rng.standard_normal(model.params.flat.size)  # no bias at zero, where mistakes hide
    x = rng.integers(0, LEVELS, (N, D)) / (LEVELS - 1)
    eps = model.draw_eps(N, rng)
    loss, trace = model.forward(x, eps)
    grads = model.backward(trace)
    params = {name: torch.tensor(value, requires_grad=True) for name, value in model.params.items()}
    noise = None if eps is None else torch.tensor(eps)
    truth = torch_loss(kind, likelihood, activation, objective, model, params, torch.tensor(x), noise)
    truth.backward()
    worst = abs(loss - truth.item()) / abs(truth.item())
    for name, grad in grads.items():
        expected = params[name].grad.numpy()
        worst = max(worst, np.abs(grad - expected).max() / np.abs(expected).max())
    return float(worst)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the table to this file")
    args = parser.parse_args(argv)
    cases = [("Autoencoder", like, act, "-", 1) for like in LIKELIHOODS for act in ACTIVATIONS]
    cases += [("VAE", like, act, "elbo", 1) for like in LIKELIHOODS for act in ACTIVATIONS]
    cases += [
        ("VAE", "bernoulli", "tanh", name, K)
        for name, row in OBJECTIVES.items()
        if not row.is_estimator
        for K in (2, 5)
    ]
    rows = [dict(zip(("model", "likelihood", "activation", "objective", "K"), case, strict=True)) for case in cases]
    for row in rows:
        row["difference"] = compare(*row.values())
        print("{model:<12} {likelihood:<21} {activation:<11} {objective:<10} {K}  {difference:.1e}".format(**row))
    worst = max(row["difference"] for row in rows)
    print(f"{len(rows)} comparisons with torch {torch.__version__}: largest difference {worst:.1e}, limit {LIMIT:.0e}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
