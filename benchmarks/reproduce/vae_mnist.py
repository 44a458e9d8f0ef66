"""The plain VAE on grey MNIST: ten epochs, three seeds, beside PyTorch's from the same run.

784-400-20-400-784, ReLU, Bernoulli on logits with the grey values as targets, analytic KL, Adam 1e-3, batch 128,
float32: the mean test loss with one noise sample an image, in nats, after every epoch. Both start as they come (the
same distribution of weights) and draw their own order and noise, so curves agree within the spread of seeds, no closer.
A seed that is finished is kept and not trained again.

    python benchmarks/reproduce/vae_mnist.py [--epochs 10] [--seeds 1 2 3] [--no-torch] [--quick]
"""

import argparse
import sys

import numpy as np
from beside_torch import add_training_options, finished_trainings, torch_training
from resumable import add_options, begin, end, machine

import npvae

MEASURED_BEFORE = {1: 127.13, 5: 108.44, 10: 105.59}  # PyTorch 2.13 on another day, mean of three seeds
PUBLISHED = (127.30, 115.79, 112.22, 109.64, 108.54, 107.70, 107.07, 106.66, 106.04, 105.56)


def with_npvae(train, test, epochs, seed):
    """Test loss and seconds of every epoch."""
    vae = npvae.VAE(784, (400,), 20, seed=seed)
    npvae.train(vae, train, test, epochs=epochs, batch_size=128, lr=1e-3, seed=seed, progress=False)
    return [row["test_loss"] for row in vae.history], [row["seconds"] for row in vae.history]


def with_torch(x_train, x_test, epochs, seed):
    """The same in PyTorch, data in memory, shuffled by a permutation."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    x_train, x_test = torch.tensor(x_train), torch.tensor(x_test)
    return torch_training(encoder, decoder, x_train, x_test, epochs)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-vae-mnist")
    add_training_options(parser)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, epochs = (args.seeds[:1], min(args.epochs, 2)) if args.quick else (args.seeds, args.epochs)
    train, test = npvae.load_dataset("mnist", args.data_dir)
    who = {"npvae": lambda seed: with_npvae(train, test, epochs, seed)}
    if not args.no_torch:
        who["torch"] = lambda seed: with_torch(train.numpy(), test.numpy(), epochs, seed)
    finished = finished_trainings(folder, who, seeds, epochs, clock)
    print(f"\n{machine()}\nmean test loss, nats per image; ± is the standard deviation over seeds")
    print(f"{'epoch':>5}" + "".join(f"{name:>18}" for name in who) + f"{'published log':>16}")
    curves = {name: [finished[f"{name} {s}"]["losses"] for s in seeds if f"{name} {s}" in finished] for name in who}
    for epoch in range(epochs):
        cells = ""
        for curve in curves.values():
            at = [losses[epoch] for losses in curve] or [float("nan")]
            cells += f"{np.mean(at):>10.2f} ± {np.std(at, ddof=1) if len(at) > 1 else 0:.2f}"
        print(f"{epoch + 1:>5}  {cells}{PUBLISHED[epoch] if epoch < len(PUBLISHED) else float('nan'):>16.2f}")
    for name in who:
        times = [t for s in seeds if f"{name} {s}" in finished for t in finished[f"{name} {s}"]["seconds"]]
        if times:
            print(f"{name}: median {np.median(times):.2f} s an epoch with its test")
    if all(len(curve) > 1 for curve in curves.values()) and len(curves) == 2:
        ours, theirs = (np.array([losses[-1] for losses in curve]) for curve in curves.values())
        difference = ours.mean() - theirs.mean()
        error = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / len(ours))
        print(f"last epoch: npvae less PyTorch {difference:+.2f} ± {error:.2f} nats")
        print(
            f"PyTorch's seeds: {theirs.min():.2f} to {theirs.max():.2f}; npvae's: {ours.min():.2f} to {ours.max():.2f}"
        )
    missing = len(seeds) * len(who) - sum(len(curve) for curve in curves.values())
    todo = f"{missing} trainings are still to be done" if missing else ""
    return end(folder, todo, published=PUBLISHED, measured_before=MEASURED_BEFORE, epochs=epochs, curves=curves)


if __name__ == "__main__":
    sys.exit(main())
