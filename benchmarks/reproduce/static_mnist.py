"""A VAE on statically binarised MNIST: 89.78 nats in a public reproduction of the 89.9 of Rezende & Mohamed (2015).

784-400-40-400-784, ReLU, Bernoulli, analytic KL, Adam 1e-4, batch 100, 500 epochs, the step divided by 10**(1/5) at
epochs 200 and 350; trained on the 50,000 images of the train part. -log p(x) by 200 importance samples on the 10,000
test images. The figure that is reproduced is that of the settings; Rezende & Mohamed's network was another.

    python benchmarks/reproduce/static_mnist.py [--seeds 0] [--hidden 400] [--epochs 500] [--minutes M] [--quick]
"""

import argparse
import sys

import numpy as np
from resumable import Training, add_options, begin, machine, mean_bound, spread, write_results

import npvae
from npvae.evaluation import active_units, log_p_by_importance

PUBLISHED, EPOCHS, DROPS = 89.78, 500, (200, 350)


def learning_rate(epoch):
    """Of the epoch that comes after so many."""
    return 1e-4 * 10 ** (-sum(epoch >= drop for drop in DROPS) / 5)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-static-mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--hidden", type=int, nargs="+", default=[400])
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    epochs, images = (5, 1000) if args.quick else (args.epochs, 10_000)
    train, test = (part.numpy() for part in npvae.load_dataset("binarized-mnist", args.data_dir))
    results = []
    for seed in args.seeds[:1] if args.quick else args.seeds:
        vae = npvae.VAE(784, args.hidden, 40, seed=seed)
        name = f"seed{seed}.npz" if args.hidden == [400] else f"hidden-{'-'.join(map(str, args.hidden))}-seed{seed}.npz"
        training = Training.open(folder / name, vae, npvae.Adam(vae.params, lr=1e-4), seed)
        while training.epoch < epochs and not clock.over():
            training.optimizer.lr = learning_rate(training.epoch)
            loss = training.run_epoch(train, 100)
            row = {"epoch": training.epoch, "train": -loss}
            if training.epoch % 10 == 0 or training.epoch == epochs:
                row["test"] = mean_bound(vae, test, np.random.default_rng(1))
                print(f"seed {seed} epoch {training.epoch}: ELBO train {-loss:.2f}, test {row['test']:.2f}", flush=True)
            training.rows.append(row)
            training.save()
        estimate = log_p_by_importance(vae, spread(test, images), np.random.default_rng(2), samples=args.samples)
        active = int(active_units(vae.encode(test)[0]).sum())
        nll = -float(estimate.log_p.mean())
        results.append({"seed": seed, "epoch": training.epoch, "nll": nll, "active": active, "images": images})
        results[-1] |= {"seconds": training.seconds, "rows": training.rows}
        print(f"seed {seed}, epoch {training.epoch} of {epochs}: -log p(x) = {nll:.2f} nats (published {PUBLISHED})")
        print(f"    {args.samples} samples, {images} images, {active} of 40 latents active, {training.seconds:.0f} s")
    print(machine())
    write_results(folder, published=PUBLISHED, samples=args.samples, rows=results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
