"""What the reproductions on MNIST share: trainings here and in PyTorch, kept once finished, and their table.

Mean test loss with one noise sample per image, in nats, after every epoch. Both libraries start as they come (the same
distribution of weights; PyTorch draws biases too) and draw their own order and noise, so curves agree within the spread
of seeds, no closer. A seed that is finished is kept and not trained again.
"""

import argparse
import json
import time

import numpy as np
from resumable import add_options, begin, end, machine

import npvae


def npvae_training(vae, train, test, epochs, seed):
    """Test loss and seconds of every epoch: Adam 1e-3, batch 128."""
    npvae.train(vae, train, test, epochs=epochs, batch_size=128, lr=1e-3, seed=seed, progress=False)
    return [row["test_loss"] for row in vae.history], [row["seconds"] for row in vae.history]


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


def reproduce(summary, out, new_vae, new_networks, known, quick_epochs, argv=None):
    """Train a VAE for several seeds beside PyTorch's and print the table; the exit code.

    new_vae       seed -> the model
    new_networks  () -> encoder and decoder in PyTorch, and the shape of what they take: (784,) or (1, 28, 28)
    known         {title: {epoch: nats}}, columns of figures to compare with
    quick_epochs  of --quick, which trains one seed
    """
    parser = argparse.ArgumentParser(description=summary)
    add_options(parser, out)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--no-torch", action="store_true", help="npvae alone")
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, epochs = (args.seeds[:1], min(args.epochs, quick_epochs)) if args.quick else (args.seeds, args.epochs)
    train, test = npvae.load_dataset("mnist", args.data_dir)

    def with_torch(seed):
        import torch

        torch.manual_seed(seed)
        encoder, decoder, shape = new_networks()
        x_train, x_test = (torch.tensor(part.numpy()).reshape(-1, *shape) for part in (train, test))
        return torch_training(encoder, decoder, x_train, x_test, epochs)

    who = {"npvae": lambda seed: npvae_training(new_vae(seed), train, test, epochs, seed)}
    if not args.no_torch:
        who["torch"] = with_torch
    finished = finished_trainings(folder, who, seeds, epochs, clock)
    curves = {name: [finished[f"{name} {s}"]["losses"] for s in seeds if f"{name} {s}" in finished] for name in who}
    show(curves, known, epochs)
    missing = len(seeds) * len(who) - sum(len(curve) for curve in curves.values())
    todo = f"{missing} trainings are still to be done" if missing else ""
    return end(folder, todo, known=known, epochs=epochs, curves=curves)


def show(curves, known, epochs):
    """The table, and how far npvae's last epoch is from PyTorch's."""
    print(f"\n{machine()}\nmean test loss, nats per image; ± is the standard deviation over seeds")
    print(f"{'epoch':>5}" + "".join(f"{name:>18}" for name in (*curves, *known)))
    for epoch in range(epochs):
        cells = ""
        for curve in curves.values():
            at = [losses[epoch] for losses in curve] or [float("nan")]
            cells += f"{np.mean(at):>11.2f} ± {np.std(at, ddof=1) if len(at) > 1 else 0:.2f}"
        cells += "".join(f"{table.get(epoch + 1, float('nan')):>18.2f}" for table in known.values())
        print(f"{epoch + 1:>5}{cells}")
    if len(curves) == 2 and all(len(curve) > 1 for curve in curves.values()):
        ours, theirs = (np.array([losses[-1] for losses in curve]) for curve in curves.values())
        error = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / len(ours))
        print(f"last epoch: npvae less PyTorch {ours.mean() - theirs.mean():+.2f} ± {error:.2f} nats")
        ranges = f"{theirs.min():.2f} to {theirs.max():.2f}; npvae's: {ours.min():.2f} to {ours.max():.2f}"
        print(f"PyTorch's seeds: {ranges}")
