"""Frey Faces with a learned variance: Li & Turner (2016) report a test log-likelihood of 1322.96 (VAE), 1380.30 (IWAE).

560-200-200-20, softplus, K = 5, Adam 5e-4, batch 100; the mean through a sigmoid, the log-variance from the decoder,
its gradient checked first. Pixels are v / 255, in [0, 1]; a density of 8-bit values, so nothing is added to them. VAE
is their alpha = 1: the mean of log w over the K samples, not the analytic KL.

What the number rests on, and is varied one at a time:

    floor   least log-variance: without one, pixels that hardly change are given ever less variance, and the density has
            no bound above; "level" is that of the rounding, (1/255)**2 / 12
    split   a tenth is tested on. The faces are frames of one film: drawn at random, each test face has near twins in
            the train set; "end" holds out the end of the film

log p(x) is by 5,000 importance samples, for the last epoch; the bound on test faces is printed every --every epochs, so
it is seen where it turns down.

    python benchmarks/reproduce/frey.py [--epochs 1000] [--seeds 0 1 2] [--conventions none/random ...] [--quick]
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from resumable import Training, add_options, begin, end, machine, mean_bound
from sigmoid_gaussian import check_gradient, vae_with_sigmoid_gaussian

import npvae
from npvae.data import read_npz
from npvae.data.files import find_file
from npvae.evaluation import log_p_by_importance

PUBLISHED = {"elbo_mc": 1322.96, "iwae": 1380.30}
NAMES = {"elbo_mc": "VAE", "iwae": "IWAE"}
FLOORS = {"none": None, "level": float(np.log((1 / 255) ** 2 / 12)), "-6": -6.0}
CONVENTIONS = ("none/random", "level/random", "-6/random", "none/end")  # floor/split


def faces(split, seed, data_dir):
    """Train and test faces, (1769, 560) and (196, 560) in [0, 1], in the order of the film before they are split."""
    path = find_file(Path(data_dir or os.environ.get("NPVAE_DATA", ".")), ("frey",), ("frey.npz",))
    if path is None:
        raise SystemExit("frey.npz is not there: point --data-dir or NPVAE_DATA at the folder that holds it")
    images = read_npz(path)["X"].reshape(-1, 560)
    order = np.arange(len(images)) if split == "end" else np.random.default_rng(seed).permutation(len(images))
    x = (images / 255).astype(np.float32)
    tests = len(x) // 10
    return np.ascontiguousarray(x[order[:-tests]]), np.ascontiguousarray(x[order[-tests:]])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-frey")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--every", type=int, default=50, help="epochs between the bounds that are printed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of split, weights, order and noise")
    parser.add_argument("--conventions", nargs="+", default=CONVENTIONS, choices=CONVENTIONS, help="floor/split")
    parser.add_argument("--samples", type=int, default=5000)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    epochs, every, samples = (60, 20, 500) if args.quick else (args.epochs, args.every, args.samples)
    seeds, conventions = (args.seeds[:1], CONVENTIONS[:1]) if args.quick else (args.seeds, args.conventions)
    error = check_gradient()
    print(f"gradient against differences, float64: {error:.1e}")
    if error > 1e-8:
        return 1
    results, unfinished = [], 0
    for floor, split in (convention.split("/") for convention in conventions):
        for seed in seeds:
            train, test = faces(split, seed, args.data_dir)
            for objective in PUBLISHED:
                settings = {"objective": objective, "samples": 5, "seed": seed, "floor": FLOORS[floor]}
                vae = vae_with_sigmoid_gaussian(560, (200, 200), 20, "softplus", **settings)
                path = folder / f"{NAMES[objective]}-floor-{floor}-{split}-seed{seed}.npz"
                adam = npvae.Adam(vae.params, lr=5e-4)
                training = Training.open(path, vae, adam, seed, floor=floor, split=split)
                while training.epoch < epochs and not clock.over():
                    training.run_epoch(train, 100)
                    if training.epoch % every == 0 or training.epoch == epochs:
                        bound = mean_bound(vae, test, np.random.default_rng(1))
                        training.rows.append({"epoch": training.epoch, "bound": bound})
                        training.save()
                unfinished += training.epoch < epochs
                row = {"model": NAMES[objective], "floor": floor, "split": split, "seed": seed}
                row |= {"epoch": training.epoch, "seconds": training.seconds, "curve": training.rows}
                if training.epoch:
                    estimate = log_p_by_importance(vae, test, np.random.default_rng(2), samples=samples)
                    row |= {"log_p": float(estimate.log_p.mean()), "published": PUBLISHED[objective]}
                    row["spread"] = float(estimate.log_p.std() / np.sqrt(len(test)))
                    row["ess"] = float(np.median(estimate.effective_samples))
                    print(
                        "{model:<5} floor {floor:<6} split {split:<7} seed {seed}  epoch {epoch:>5}  ".format(**row),
                        end="",
                    )
                    print("log p {log_p:8.2f} ± {spread:.2f}  (published {published:.2f})  ".format(**row), end="")
                    print(
                        f"effective {row['ess']:.0f} of {samples}  {row['seconds'] / row['epoch']:.2f} s/epoch",
                        flush=True,
                    )
                    best = max(training.rows, key=lambda r: r["bound"], default=None)
                    if best:
                        print(f"      best bound {best['bound']:.2f} at epoch {best['epoch']}")
                results.append(row)
    print(f"\n{machine()}\nnats a face, mean over the test faces; ± is their standard error")
    todo = f"{unfinished} of {len(results)} trainings have not reached epoch {epochs}" if unfinished else ""
    return end(folder, todo, samples=samples, epochs=epochs, rows=results)


if __name__ == "__main__":
    sys.exit(main())
