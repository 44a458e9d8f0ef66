"""The convolutional VAE on grey MNIST: ten epochs, three seeds, beside PyTorch's from the same run.

Channels 16 and 32 (windows of 4, stride 2), one dense map to 20 latents and one back, ReLU, Bernoulli on logits with
the grey values as targets, Adam 1e-3, batch 128, float32: 112,649 parameters, where the MLP of vae_mnist.py has
652,824.

    python benchmarks/reproduce/conv_mnist.py [--epochs 10] [--seeds 1 2 3] [--no-torch] [--quick]
"""

import sys

from beside_torch import reproduce

import npvae

MEASURED_BEFORE = {1: 125.11, 2: 112.87, 3: 109.48, 5: 106.52, 9: 103.86, 10: 103.71}  # PyTorch, one seed
MLP = {1: 127.2, 5: 108.5, 10: 105.6}  # the MLP's three seeds


def new_vae(seed):
    return npvae.ConvVAE(784, (16, 32), (), 20, seed=seed)


def new_networks():
    from torch import nn

    encoder = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 40)
    )
    decoder = nn.Sequential(
        nn.Linear(20, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1),
    )  # fmt: skip
    return encoder, decoder, (1, 28, 28)


def main(argv=None):
    known = {"PyTorch before": MEASURED_BEFORE, "MLP before": MLP}
    return reproduce(__doc__.splitlines()[0], "reproduce-conv-mnist", new_vae, new_networks, known, 1, argv)


if __name__ == "__main__":
    sys.exit(main())
