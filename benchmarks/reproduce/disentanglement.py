"""Disentanglement against beta, on shapes whose factors are known: MIG, SAP, beta-VAE score, and what they cost.

A VAE 256-200-200-10 with ReLU is trained on all 6,144 generated shapes (npvae.data.shapes) for each beta and seed, Adam
1e-3, batch 128. Measured on the same images, which are all there are of their grid. Higgins et al. (2017) and Chen et
al. (2018) worked on dSprites, whose figures do not carry over to these pictures: what is reproduced is the shape of the
curves - the rate falls with beta, the distortion rises, and the scores peak between - and their spread over seeds.

    python benchmarks/reproduce/disentanglement.py [--betas ...] [--seeds ...] [--epochs 100] [--minutes M] [--quick]
"""

import argparse
import sys

import numpy as np
from resumable import Training, add_options, begin, end, machine

import npvae
from npvae.data.shapes import make_shapes
from npvae.evaluation import (
    active_units,
    aggregate_posterior,
    beta_vae_score,
    mutual_information_gap,
    rate_distortion,
    sap_score,
)

COLUMNS = ("rate", "distortion", "active", "tc", "mig", "sap", "beta_vae")


def measured(vae, shapes):
    """What the table shows, for one model."""
    mu, logvar = vae.encode(shapes.x)
    terms, active = rate_distortion(vae, shapes.x, np.random.default_rng(1)), active_units(mu)
    row = {"rate": terms.rate, "distortion": terms.distortion, "active": int(active.sum())}
    row["tc"] = aggregate_posterior(mu, logvar, np.random.default_rng(2)).total_correlation
    row["mig"] = mutual_information_gap(mu, shapes.factors, logvar, rng=np.random.default_rng(3)).score
    used = mu[:, active] if active.any() else mu
    row["sap"] = sap_score(used, shapes.factors, categorical=shapes.categorical).score
    row["beta_vae"] = beta_vae_score(mu, shapes.factors, np.random.default_rng(4))
    return row


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-disentanglement")
    parser.add_argument("--betas", type=float, nargs="+", default=[0.5, 1, 2, 4, 8, 16])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=100)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    seeds, betas, epochs = (args.seeds[:1], [1, 4], 20) if args.quick else (args.seeds, args.betas, args.epochs)
    shapes, results, unfinished = make_shapes(), [], 0
    for seed in seeds:
        for beta in betas:
            vae = npvae.VAE(256, (200, 200), 10, beta=beta, seed=seed)
            adam = npvae.Adam(vae.params, lr=1e-3)
            training = Training.open(folder / f"beta{beta:g}-seed{seed}.npz", vae, adam, seed)
            while training.epoch < epochs and not clock.over():
                training.run_epoch(shapes.x, 128)
            training.save()
            unfinished += training.epoch < epochs
            row = {"beta": beta, "seed": seed, "epoch": training.epoch, "seconds": training.seconds}
            results.append(row | measured(vae, shapes))
            print(" ".join(f"{name} {value:.3g}" for name, value in results[-1].items()), flush=True)
    print(f"\n{machine()}\n{epochs} epochs, mean ± std over {len(seeds)} seeds; rate, distortion, tc in nats")
    print(f"{'beta':>6}" + "".join(f"{name:>17}" for name in COLUMNS))
    for beta in betas:
        rows = [row for row in results if row["beta"] == beta]
        cells = ((np.mean(v), np.std(v, ddof=1) if len(v) > 1 else 0) for v in ([r[c] for r in rows] for c in COLUMNS))
        print(f"{beta:>6g}" + "".join(f"{mean:>9.3f} ± {std:.3f}" for mean, std in cells))
    todo = f"{unfinished} of {len(results)} trainings have not reached epoch {epochs}" if unfinished else ""
    return end(folder, todo, epochs=epochs, rows=results)


if __name__ == "__main__":
    sys.exit(main())
