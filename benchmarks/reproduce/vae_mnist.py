"""The plain VAE on grey MNIST: ten epochs, three seeds, beside PyTorch's from the same run.

784-400-20-400-784, ReLU, Bernoulli on logits with the grey values as targets, analytic KL, Adam 1e-3, batch 128,
float32.

    python benchmarks/reproduce/vae_mnist.py [--epochs 10] [--seeds 1 2 3] [--no-torch] [--quick]
"""

import sys

from beside_torch import reproduce

import npvae

MEASURED_BEFORE = {1: 127.13, 5: 108.44, 10: 105.59}  # PyTorch 2.13 on another day, mean of three seeds
PUBLISHED = (127.30, 115.79, 112.22, 109.64, 108.54, 107.70, 107.07, 106.66, 106.04, 105.56)


def new_vae(seed):
    return npvae.VAE(784, (400,), 20, seed=seed)


def new_networks():
    from torch import nn

    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    return encoder, decoder, (784,)


def main(argv=None):
    known = {"published log": dict(enumerate(PUBLISHED, 1)), "PyTorch before": MEASURED_BEFORE}
    return reproduce(__doc__.splitlines()[0], "reproduce-vae-mnist", new_vae, new_networks, known, 2, argv)


if __name__ == "__main__":
    sys.exit(main())
