"""Burda, Grosse & Salakhutdinov (2016), one stochastic layer on MNIST: VAE k = 1 (86.76 nats), IWAE k = 5 (85.54).

784-200-200-50, tanh, mirrored; fresh binarisation of every minibatch of 20; Adam with eps 1e-4; stage i = 1 .. 8 runs
3**(i - 1) epochs at 1e-4 * round(10**(1 - (i - 1) / 7), 1). The objective is the sampled one, log w, for k = 1 as well.
Their network gives log std, this one log variance, so the same step moves the std half as far; Glorot's uniform start
is taken for each of the two heads by itself; the output bias starts at the logit of the clipped pixel means.

-log p(x) is by 5,000 importance samples on the 10,000 test images, binarised once by a fixed seed. Both trainings go
stage by stage, so that a run that is stopped can be compared at the last stage that both have finished.

    python benchmarks/reproduce/burda.py [--stages 5] [--k 1 5 50] [--seed 0] [--minutes M] [--quick]
"""

import argparse
import sys

import numpy as np
from resumable import Training, add_options, begin, binarized, machine, mean_bound, spread, write_results

import npvae
from npvae.evaluation import active_units, log_p_by_importance

PUBLISHED = {1: 86.76, 5: 85.54, 50: 84.78}


def learning_rate(stage):
    """Of stage 1 .. 8."""
    return 1e-4 * round(10 ** (1 - (stage - 1) / 7), 1)


def last_epoch(stage):
    """The epochs of all stages up to this one: 1, 4, 13, 40, 121, 364, 1093, 3280."""
    return (3**stage - 1) // 2


def network(k, seed, pixel_means):
    """The VAE (k = 1) or IWAE with their start."""
    objective = "elbo_mc" if k == 1 else "iwae"
    vae = npvae.VAE(784, (200, 200), 50, "tanh", objective=objective, samples=k, seed=seed)
    rng = np.random.default_rng(seed)
    for name, W in vae.params.items():
        if name.endswith("W"):
            fan_in, fan_out = W.shape
            heads = 2 if name == f"encoder.{vae.depth - 1}.W" else 1
            limit = np.sqrt(6 / (fan_in + fan_out // heads))
            W[...] = rng.uniform(-limit, limit, W.shape)
    p = np.clip(pixel_means, 0.001, 0.999)
    vae.params[f"decoder.{vae.depth - 1}.b"][...] = np.log(p) - np.log1p(-p)
    return vae


def go_on(training, x, test, stages, clock):
    """Train to the end of the last stage or of the time; a row at the end of every stage."""
    for stage in range(1, stages + 1):
        training.optimizer.lr = learning_rate(stage)
        while training.epoch < last_epoch(stage):
            if clock.over():
                return
            training.run_epoch(x, 20, binarize=True)
            if training.epoch == last_epoch(stage):
                bound = mean_bound(training.model, test, np.random.default_rng(1))
                row = {"stage": stage, "epoch": training.epoch, "bound": bound, "seconds": training.seconds}
                training.rows.append(row)
            training.save()


def measured(training, test, samples, images):
    """-log p(x) at where the training stands, with the standard error of the sampling alone; kept with its rows."""
    row = training.rows[-1]
    if row["epoch"] == training.epoch and row.get("samples") != samples:
        estimate = log_p_by_importance(training.model, spread(test, images), np.random.default_rng(2), samples=samples)
        row |= {"samples": samples, "images": min(images, len(test)), "nll": -float(estimate.log_p.mean())}
        row["error"] = float(np.sqrt((estimate.standard_error**2).sum()) / len(estimate.log_p))
        row["active"] = int(active_units(training.model.encode(test)[0]).sum())
        training.save()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-burda")
    parser.add_argument("--stages", type=int, default=5, help="1 to 8; 5 are 121 epochs, 8 are 3,280")
    parser.add_argument("--k", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=5000)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    stages, samples, images = (2, 100, 500) if args.quick else (args.stages, args.samples, 10_000)
    train, test = npvae.load_dataset("mnist", args.data_dir)
    x, test = train.numpy(), binarized(test.numpy(), np.random.default_rng(0))
    trainings = {}
    for stage in range(1, stages + 1):  # turn by turn, so that what is done compares
        for k in args.k:
            if k not in trainings:
                vae = network(k, args.seed, x.mean(axis=0))
                adam = npvae.Adam(vae.params, lr=1e-3, eps=1e-4)
                trainings[k] = Training.open(folder / f"k{k}-seed{args.seed}.npz", vae, adam, args.seed)
            go_on(trainings[k], x, test, stage, clock)
            if trainings[k].rows and (stage == stages or clock.over()):
                measured(trainings[k], test, samples, images)
    print(f"{machine()}\nnats per image; bound: the training objective on the test images\n")
    print("   k  stage  epoch      bound  -log p(x)        ±  samples  images  active  published    s/epoch")
    for k, training in trainings.items():
        for row in training.rows:
            found = "                                             "
            if "nll" in row:
                found = "{nll:>9.2f}  {error:>7.3f}  {samples:>7}  {images:>6}  {active:>6}".format(**row)
            print(
                f"{k:>4}  {row['stage']:>5}  {row['epoch']:>5}  {row['bound']:>9.2f}  {found}"
                f"  {PUBLISHED.get(k, float('nan')):>9.2f}  {row['seconds'] / row['epoch']:>9.2f}"
            )
        if training.epoch < last_epoch(stages):
            print(f"      stopped after epoch {training.epoch} of {last_epoch(stages)}; the same command goes on")
    for kind, name, sign in (("bound", "its bound", 1), ("nll", "-log p(x)", -1)):
        by_stage = {k: {row["stage"]: row[kind] for row in t.rows if kind in row} for k, t in trainings.items()}
        for stage in sorted(set(by_stage.get(1, {})) & set(by_stage.get(5, {}))):
            gain = sign * (by_stage[5][stage] - by_stage[1][stage])
            print(f"stage {stage}: k = 5 better than k = 1 by {gain:+.2f} nats in {name}")
    write_results(folder, published=PUBLISHED, rows={k: training.rows for k, training in trainings.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
