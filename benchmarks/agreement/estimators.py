"""How much do the estimators of the encoder's gradient scatter, on the same model and batch?

A VAE on the digits is trained for a moment, then for each objective the encoder's gradient is drawn many times on one
batch. Printed are the length of the mean gradient, the total standard deviation of one draw, and for the two
estimators with an exact counterpart the largest deviation of the means in standard errors beside the bound that chance
would exceed with a probability of 1e-6 (see tests/models/test_objectives.py).

    python benchmarks/agreement/estimators.py [--draws 2000] [--samples 8] [--json FILE]
"""

import argparse
import json
import sys

import numpy as np

import npvae

PAIRS = {"elbo_mc": None, "score": "elbo_mc", "score_baseline": "elbo_mc", "iwae": None, "dreg": "iwae"}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000, help="gradients drawn for each objective")
    parser.add_argument("--samples", type=int, default=8, help="K")
    parser.add_argument("--json", help="write the table to this file")
    args = parser.parse_args(argv)
    train, _ = npvae.load_dataset("digits")
    settings = {"activation": "tanh", "dtype": "float64", "backend": "numpy"}
    start = npvae.train(npvae.VAE(64, (32,), 4, **settings), train.astype("float64"), epochs=20, progress=False)
    x, rows, kept = train[:32].astype(float), [], {}
    encoder = sum(view.size for name, view in start.params.items() if name.startswith("encoder"))
    for seed, (objective, exact) in enumerate(PAIRS.items()):
        vae = npvae.VAE(64, (32,), 4, objective=objective, samples=args.samples, **settings)
        vae.params.flat[:] = start.params.flat
        rng = np.random.default_rng(seed)
        draws = [vae.backward(vae.forward(x, vae.draw_eps(len(x), rng))[1]).flat[:encoder] for _ in range(args.draws)]
        mean, variance = np.mean(draws, axis=0), np.var(draws, axis=0)
        kept[objective] = mean, variance
        row = {"objective": objective, "mean": float(np.linalg.norm(mean)), "sd": float(np.sqrt(variance.sum()))}
        if exact:
            other, spread = kept[exact]
            error = np.sqrt((variance + spread) / args.draws)
            moves = error > 0  # the weights of pixels that are never inked have no gradient and no scatter
            row |= {"deviation": float((np.abs(mean - other)[moves] / error[moves]).max()), "of": exact}
            row["variance_ratio"] = float(variance.sum() / spread.sum())
        rows.append(row)
    bound = float(np.sqrt(2 * np.log(2 * encoder / 1e-6)))
    print(
        f"K = {args.samples}, {args.draws} draws, {encoder:,} entries; chance stays below {bound:.2f} standard errors\n"
    )
    print(f"{'objective':<16}{'|mean|':>9}{'sd of a draw':>14}   variance and deviation against the exact gradient")
    for row in rows:
        against = f"{row['variance_ratio']:.3g} x {row['of']}, {row['deviation']:.2f}" if "of" in row else ""
        print(f"{row['objective']:<16}{row['mean']:>9.3f}{row['sd']:>14.3f}   {against}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"bound": bound, "rows": rows}, file, indent=1)
    return int(any(row.get("deviation", 0) > bound for row in rows))


if __name__ == "__main__":
    sys.exit(main())
