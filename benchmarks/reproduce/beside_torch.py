"""What the reproductions on MNIST share: a VAE's training in PyTorch, and trainings that are kept once finished."""

import json
import time

import numpy as np


def torch_training(encoder, decoder, x_train, x_test, epochs):
    """Test loss and seconds of every epoch of a VAE of these modules: Adam 1e-3, batch 128, analytic KL.

    Data in memory, shuffled by a permutation; Bernoulli on logits, in nats per image.
    """
    import torch
    from torch.nn import functional as F

    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def loss_of(x):
        mu, logvar = encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        nll = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        return (nll - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())) / len(x)

    losses, seconds = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        for rows in torch.randperm(len(x_train)).split(128):
            adam.zero_grad()
            loss_of(x_train[rows]).backward()
            adam.step()
        with torch.no_grad():
            losses.append(float(np.mean([loss_of(part).item() for part in x_test.split(1000)])))
        seconds.append(time.perf_counter() - start)
    return losses, seconds


def finished_trainings(folder, who, seeds, epochs, clock):
    """{"npvae 1": {"losses", "seconds"}}: those of earlier runs, and as many more as the clock allows."""
    kept = folder / f"finished-{epochs}.json"
    finished = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for seed in seeds:
        for name, run in who.items():
            if f"{name} {seed}" in finished or clock.over():
                continue
            losses, seconds = run(seed)
            finished[f"{name} {seed}"] = {"losses": losses, "seconds": seconds}
            kept.write_text(json.dumps(finished), encoding="utf-8")
            print(f"{name} seed {seed}: {losses[-1]:.2f} nats after {epochs} epochs, {np.median(seconds):.2f} s each")
    return finished


def add_training_options(parser):
    """--epochs, --seeds, --no-torch."""
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--no-torch", action="store_true", help="npvae alone")
