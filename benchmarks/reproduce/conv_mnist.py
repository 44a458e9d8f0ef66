"""The convolutional VAE on grey MNIST: ten epochs, three seeds, beside PyTorch's from the same run.

Channels 16 and 32 (windows of 4, stride 2), one dense map to 20 latents and one back, ReLU, Bernoulli on logits with
the grey values as targets, Adam 1e-3, batch 128, float32: 112,649 parameters, where the MLP of vae_mnist.py has
652,824. The mean test loss with one noise sample per image, in nats, after every epoch. Weights start from the same
distribution; PyTorch draws biases too. A seed that is finished is kept and not trained again.

    python benchmarks/reproduce/conv_mnist.py [--epochs 10] [--seeds 1 2 3] [--no-torch] [--quick]
"""

import argparse
import json
import sys
import time

import numpy as np
from resumable import add_options, begin, machine, write_results

import npvae

MEASURED_BEFORE = {1: 125.11, 2: 112.87, 3: 109.48, 5: 106.52, 9: 103.86, 10: 103.71}  # PyTorch, one seed
MLP = {1: 127.2, 5: 108.5, 10: 105.6}  # the MLP's three seeds


def with_npvae(train, test, epochs, seed):
    """Test loss and seconds of every epoch."""
    vae = npvae.ConvVAE(784, (16, 32), (), 20, seed=seed)
    npvae.train(vae, train, test, epochs=epochs, batch_size=128, lr=1e-3, seed=seed, progress=False)
    return [row["test_loss"] for row in vae.history], [row["seconds"] for row in vae.history]


def with_torch(x_train, x_test, epochs, seed):
    """The same in PyTorch, data in memory, shuffled by a permutation."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 40)
    )
    decoder = nn.Sequential(
        nn.Linear(20, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1),
    )  # fmt: skip
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    x_train, x_test = (torch.tensor(x).reshape(-1, 1, 28, 28) for x in (x_train, x_test))

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


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-conv-mnist")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--no-torch", action="store_true", help="npvae alone")
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, epochs = (args.seeds[:1], min(args.epochs, 1)) if args.quick else (args.seeds, args.epochs)
    train, test = npvae.load_dataset("mnist", args.data_dir)
    who = {"npvae": lambda seed: with_npvae(train, test, epochs, seed)}
    if not args.no_torch:
        who["torch"] = lambda seed: with_torch(train.numpy(), test.numpy(), epochs, seed)
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
    print(f"\n{machine()}\nmean test loss, nats per image; ± is the standard deviation over seeds")
    print(f"{'epoch':>5}" + "".join(f"{name:>18}" for name in who) + f"{'PyTorch before':>18}{'MLP before':>12}")
    curves = {name: [finished[f"{name} {s}"]["losses"] for s in seeds if f"{name} {s}" in finished] for name in who}
    for epoch in range(epochs):
        cells = ""
        for curve in curves.values():
            at = [losses[epoch] for losses in curve] or [float("nan")]
            cells += f"{np.mean(at):>10.2f} ± {np.std(at, ddof=1) if len(at) > 1 else 0:.2f}"
        before, mlp = (table.get(epoch + 1, float("nan")) for table in (MEASURED_BEFORE, MLP))
        print(f"{epoch + 1:>5}  {cells}{before:>18.2f}{mlp:>12.2f}")
    if all(len(curve) > 1 for curve in curves.values()) and len(curves) == 2:
        ours, theirs = (np.array([losses[-1] for losses in curve]) for curve in curves.values())
        error = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / len(ours))
        print(f"last epoch: npvae less PyTorch {ours.mean() - theirs.mean():+.2f} ± {error:.2f} nats")
    missing = len(seeds) * len(who) - sum(len(curve) for curve in curves.values())
    if missing:
        print(f"{missing} trainings are still to be done; the same command goes on")
    write_results(folder, measured_before=MEASURED_BEFORE, epochs=epochs, curves=curves)
    return 0


if __name__ == "__main__":
    sys.exit(main())
