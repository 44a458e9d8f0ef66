"""Kingma & Welling (2014), figure 2: the bound on train and test against samples seen, for several sizes of z.

One hidden layer of 500 (MNIST) or 200 (Frey Faces), tanh, one noise sample, batch 100, Adagrad, all weights and biases
from N(0, 0.01) (a variance: std 0.1), weight decay of the prior N(0, I) on the parameters: theta / N beside the mean
gradient. MNIST with its grey values as Bernoulli targets; Frey Faces in [0, 1], Gaussian with the mean through a
sigmoid. The step of Adagrad is chosen from {0.01, 0.02, 0.1} for each network, as in the paper by how training begins:
by the bound on training data after 20,000 samples.

Written are the picture in the paper's axes and the table of its numbers, which the paper does not print. What is to be
seen: the bound rises, more latents are better up to some number, and superfluous ones do not overfit.

    python benchmarks/reproduce/figure2.py [--samples 1e7] [--data mnist frey] [--minutes M] [--quick]
"""

import argparse
import json
import sys

import numpy as np
from resumable import Training, add_options, begin, end, machine, mean_bound, spread
from sigmoid_gaussian import vae_with_sigmoid_gaussian

import npvae
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import PALETTE

LATENTS = {"mnist": (3, 5, 10, 20, 200), "frey": (2, 5, 10, 20)}
AXES = {"mnist": ((1e5, 1e8), (-150, -90)), "frey": ((1e5, 1e8), (0, 1600))}
POINTS = 5  # a decade
STEPS, TRIED_ON = (0.01, 0.02, 0.1), 20_000


def network(data, latents, seed):
    """The VAE of the figure, all parameters drawn from N(0, 0.01)."""
    if data == "mnist":
        vae = npvae.VAE(784, (500,), latents, "tanh", seed=seed)
    else:
        vae = vae_with_sigmoid_gaussian(560, (200,), latents, "tanh", seed=seed)
    vae.params.flat[:] = 0.1 * np.random.default_rng(seed).standard_normal(vae.params.flat.size)
    return vae


def epochs_of_points(total, n):
    """The epochs nearest to evenly spaced decimal logarithms of the samples seen, from 1e4 to the total."""
    seen = 10 ** np.arange(4, np.log10(total) + 1e-9, 1 / POINTS)
    return sorted({max(1, round(s / n)) for s in [*seen, total]})


def best_step(path, data, latents, seed, train):
    """The step of Adagrad with which training begins best; kept in a file, since a run may be stopped."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    name = f"{data}-{latents}-seed{seed}"
    if name not in kept:
        bounds = []
        for lr in STEPS:
            vae, rng = network(data, latents, seed), np.random.default_rng([seed, 2])
            adagrad, seen = npvae.Adagrad(vae.params, lr=lr), 0
            while seen < TRIED_ON:
                for batch in npvae.minibatches(train, 100, rng):
                    grads = vae.backward(vae.forward(batch, vae.draw_eps(len(batch), rng))[1])
                    grads.flat[:] += vae.params.flat / len(train)
                    adagrad.step(grads)
                    seen += len(batch)
                    if seen >= TRIED_ON:
                        break
            bound = mean_bound(vae, spread(train, 2000), np.random.default_rng(1))
            bounds.append(bound if np.isfinite(bound) else -np.inf)
        kept[name] = STEPS[int(np.argmax(bounds))]
        path.write_text(json.dumps(kept), encoding="utf-8")
    return kept[name]


@style()
def picture(curves):
    """Bound against samples seen, train dashed, test solid, in the paper's axes."""
    figure = new_figure(3.6, "The bound against the samples seen")
    for axes, data in zip(np.atleast_1d(figure.subplots(1, len(curves))), curves, strict=True):
        for colour, (latents, rows) in zip(PALETTE, curves[data].items(), strict=False):
            seen = [row["samples"] for row in rows]
            axes.plot(seen, [row["test"] for row in rows], color=colour, label=f"{latents} latents")
            axes.plot(seen, [row["train"] for row in rows], color=colour, linestyle=(0, (3, 2)), linewidth=1)
        axes.set(xscale="log", xlim=AXES[data][0], ylim=AXES[data][1], title=f"{data}: test solid, train dashed")
        axes.set_xlabel("training samples seen")
        axes.legend(frameon=False, fontsize=8)
    figure.axes[0].set_ylabel("bound, nats per sample")
    return figure


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-figure2")
    parser.add_argument("--samples", type=float, default=1e7, help="training samples seen")
    parser.add_argument("--data", nargs="+", default=["mnist", "frey"], choices=["mnist", "frey"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    total = 3e5 if args.quick else args.samples
    curves, unfinished = {}, []
    for data in args.data:
        train, test = (part.numpy() for part in npvae.load_dataset(data, args.data_dir))
        points = epochs_of_points(total, len(train))
        curves[data] = {}
        for latents in LATENTS[data]:
            vae = network(data, latents, args.seed)
            lr = best_step(folder / "steps.json", data, latents, args.seed, train)
            adagrad = npvae.Adagrad(vae.params, lr=lr)
            training = Training.open(folder / f"{data}-{latents}-seed{args.seed}.npz", vae, adagrad, args.seed)
            while training.epoch < points[-1] and not clock.over():
                training.run_epoch(train, 100, weight_decay=1 / len(train))
                if training.epoch in points:
                    bounds = (mean_bound(vae, part, np.random.default_rng(1)) for part in (spread(train, 10_000), test))
                    row = dict(zip(("train", "test"), bounds, strict=True))
                    training.rows.append({"samples": training.epoch * len(train), "seconds": training.seconds} | row)
                    training.save()
            if training.epoch < points[-1]:
                unfinished.append(f"{data} {latents}")
            curves[data][latents] = training.rows
            if training.rows:
                print(f"{data} {latents:>3} latents, step {lr}: ", end="")
                print(
                    "{samples:.1e} samples, train {train:.2f}, test {test:.2f}, {seconds:.0f} s".format(
                        **training.rows[-1]
                    )
                )
    print(f"\n{machine()}\nbound on test data, nats per sample")
    for data, by_latents in curves.items():
        counts = sorted({row["samples"] for rows in by_latents.values() for row in rows})
        print(f"{data + ': samples':<18}" + "".join(f"{latents:>10}" for latents in by_latents))
        for count in counts:
            tests = ({row["samples"]: row["test"] for row in rows} for rows in by_latents.values())
            cells = [test.get(count, np.nan) for test in tests]
            print(f"{count:<18,}" + "".join(f"{cell:>10.2f}" for cell in cells))
    print(save_png(picture(curves), folder / "figure2.png"))
    todo = f"stopped before {total:.0e} samples: {', '.join(unfinished)}" if unfinished else ""
    return end(folder, todo, samples=total, curves=curves)


if __name__ == "__main__":
    sys.exit(main())
