"""Hangul by a convolutional VAE: syllables never seen, and arithmetic on their codes whose answers are known.

All 11,172 syllables, 28 x 28, of which one in ten is held out: `npvae.data.hangul`. Bernoulli on the grey values,
32 latents, Adam at 1e-3, then 3e-4, then 1e-4, batch 128. What is measured:

- the bound on the held-out syllables, nats; the cross-entropy of the greys with themselves is its floor, 104.37
- how many reconstructions are nearest, of all 11,172 pictures, to the syllable they came from: seen and held out
- arithmetic: code(강) - code(가) + code(나) should decode to 낭. For each of the three parts two syllables a, b are
  drawn of which b differs in that part alone, and a third, c, with a's part; the answer d is c with b's part. Counted
  are whole syllables that are right (of 11,172; chance 0.009 %); that part alone; the other two parts; and whole
  syllables where all four blocks are divided alike, so that each part keeps its place and size. Sums of the pixels
  themselves, which need no model, are counted in the same way.

    python benchmarks/reproduce/hangul.py [--epochs 50] [--channels 32 64] [--mlp] [--typeface serif] [--minutes 30]
"""

import argparse
import sys

import numpy as np
from resumable import Training, add_options, begin, machine, write_results

import npvae
from npvae.data.hangul import COUNT, FACTORS, LEVELS, held_out, read_hangul

RATES = ((0.6, 1e-3), (0.85, 3e-4), (1.0, 1e-4))  # up to which share of the epochs
MEASURES = ("whole syllable", "that part", "the other two", "one layout")
MEASURED_BEFORE = (
    "an MLP 784-400-32-400-784, one seed: bound 171.9, recognised 98.2 % and 98.1 %, arithmetic 17.7, 16.0 and 47.9 %"
)


def rate_at(epoch, epochs):
    """Adam's rate in this epoch, the first being 1."""
    return next(rate for share, rate in RATES if epoch <= share * epochs or share == 1)


def nearest(pictures, all_pictures):
    """The row of the picture nearest to each, by squared distance, (N,)."""
    squares = (all_pictures**2).sum(axis=1)
    parts = np.array_split(pictures, max(1, len(pictures) // 500))
    return np.concatenate([(squares - 2 * part @ all_pictures.T).argmin(axis=1) for part in parts])


def recognised(vae, x, rows):
    """The share of reconstructions of these rows that are nearest to their own picture."""
    return float((nearest(vae.reconstruct(x[rows]).reshape(len(rows), -1), x) == rows).mean())


def questions(part, n, rng):
    """Rows a, b, c and the answer d, (n,) each: a and b differ in one part, c has a's and d has b's."""
    a, c = (np.stack([rng.integers(0, levels, n) for levels in LEVELS]) for _ in range(2))
    b = a.copy()
    b[part] = (a[part] + rng.integers(1, LEVELS[part], n)) % LEVELS[part]
    c[part] = a[part]
    d = c.copy()
    d[part] = b[part]
    return tuple((r[0] * LEVELS[1] + r[1]) * LEVELS[2] + r[2] for r in (a, b, c, d))


def arithmetic(codes, decode, x, hangul, n=4000, seed=0):
    """For each part, four shares of the answers: MEASURES."""
    found = {}
    for part, name in enumerate(FACTORS):
        a, b, c, d = questions(part, n, np.random.default_rng([seed, part]))
        answer = nearest(decode(codes[b] - codes[a] + codes[c]).reshape(n, -1), x)
        right = hangul.factors[answer] == hangul.factors[d]  # (n, 3)
        alike = (hangul.layout[a] == [hangul.layout[row] for row in (b, c, d)]).all(axis=0)
        kept = np.delete(right, part, axis=1).all(axis=1)
        shares = right.all(axis=1), right[:, part], kept, right[alike].all(axis=1)
        found[name] = dict(zip(MEASURES, (float(share.mean()) for share in shares), strict=True))
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-hangul")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--beta", type=float, default=1.0)
    parser.add_argument("--channels", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--hidden", type=int, nargs="*", default=[256])
    parser.add_argument("--mlp", action="store_true", help="the MLP with 400 hidden units in place of convolutions")
    parser.add_argument("--typeface", choices=("sans", "serif"), default="sans")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    epochs = min(args.epochs, 2) if args.quick else args.epochs
    hangul = read_hangul(args.typeface)
    x, out = (hangul.pixels / 255).astype(np.float32), held_out()
    if args.mlp:
        vae = npvae.VAE(784, (400,), args.latent, beta=args.beta, seed=args.seed)
    else:
        vae = npvae.ConvVAE(784, args.channels, args.hidden, args.latent, beta=args.beta, seed=args.seed)
    print(f"{vae}\n{machine()}")
    name = "mlp" if args.mlp else "-".join(map(str, [*args.channels, "dense", *args.hidden]))
    path = folder / f"{args.typeface}-{name}-{args.latent}-{args.beta:g}-{args.seed}.npz"
    training = Training.open(path, vae, npvae.Adam(vae.params, lr=1e-3), args.seed, epochs=epochs)
    while training.epoch < epochs and not clock.over():
        training.optimizer.lr = rate_at(training.epoch + 1, epochs)
        loss = training.run_epoch(x[~out], 128)
        training.optimizer.lr = 1e-3  # what a resumed run is compared by
        training.rows.append({"epoch": training.epoch, "train": loss})
        training.save()
        if training.epoch % 5 == 0 or training.epoch == epochs:
            print(f"epoch {training.epoch:>3}: train {loss:.2f} nats, {training.seconds:.0f} s", flush=True)
    found = measured(vae, x, hangul, out, args)
    print(f"\nafter {training.epoch} of {epochs} epochs; before, {MEASURED_BEFORE}")
    if training.epoch < epochs:
        print("the same command goes on")
    write_results(folder, model=repr(vae), epochs=training.epoch, **found)
    return 0


def measured(vae, x, hangul, out, args):
    """All numbers, printed."""
    vae.beta = 1.0
    test = npvae.training.evaluate(vae, npvae.data.Images(x[out]), np.random.default_rng(1))
    print(f"held out: bound {test['loss']:.2f} nats = {test['nll']:.2f} + {test['kl']:.2f}")
    seen = np.flatnonzero(~out)[:: 4 if not args.quick else 40]
    shares = {"seen": recognised(vae, x, seen), "held out": recognised(vae, x, np.flatnonzero(out))}
    print(f"recognised among {COUNT:,}: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items()))
    codes = np.concatenate([vae.encode(part)[0] for part in np.array_split(x, 12)])
    spaces = {"codes": (codes, vae.decode), "pixels": (x, lambda pictures: pictures)}
    sums = {name: arithmetic(*space, x, hangul, 500 if args.quick else 4000) for name, space in spaces.items()}
    print(f"{'right, % of sums':<24}" + "".join(f"{name:>16}" for name in MEASURES))
    for name, parts in sums.items():
        for part, row in parts.items():
            print(f"of {name + ', ' + part:<21}" + "".join(f"{100 * row[measure]:>16.1f}" for measure in MEASURES))
    return {"test": test, "recognised": shares, "arithmetic": sums}


if __name__ == "__main__":
    sys.exit(main())
