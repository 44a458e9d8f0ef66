"""The convolutional VAE on grey MNIST: ten epochs, three seeds, beside PyTorch's from the same run.

Channels 16 and 32 (windows of 4, stride 2), one dense map to 20 latents and one back, ReLU, Bernoulli on logits with
the grey values as targets, Adam 1e-3, batch 128, float32: 112,649 parameters, where the MLP of vae_mnist.py has
652,824. The mean test loss with one noise sample per image, in nats, after every epoch. Weights start from the same
distribution; PyTorch draws biases too. A seed that is finished is kept and not trained again.

    python benchmarks/reproduce/conv_mnist.py [--epochs 10] [--seeds 1 2 3] [--no-torch] [--quick]
"""

import argparse
import sys

import numpy as np
from beside_torch import add_training_options, finished_trainings, torch_training
from resumable import add_options, begin, end, machine

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

    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 40)
    )
    decoder = nn.Sequential(
        nn.Linear(20, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1),
    )  # fmt: skip
    x_train, x_test = (torch.tensor(x).reshape(-1, 1, 28, 28) for x in (x_train, x_test))
    return torch_training(encoder, decoder, x_train, x_test, epochs)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-conv-mnist")
    add_training_options(parser)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, epochs = (args.seeds[:1], min(args.epochs, 1)) if args.quick else (args.seeds, args.epochs)
    train, test = npvae.load_dataset("mnist", args.data_dir)
    who = {"npvae": lambda seed: with_npvae(train, test, epochs, seed)}
    if not args.no_torch:
        who["torch"] = lambda seed: with_torch(train.numpy(), test.numpy(), epochs, seed)
    finished = finished_trainings(folder, who, seeds, epochs, clock)
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
    todo = f"{missing} trainings are still to be done" if missing else ""
    return end(folder, todo, measured_before=MEASURED_BEFORE, epochs=epochs, curves=curves)


if __name__ == "__main__":
    sys.exit(main())
