"""Digits with half of the pixels hidden: how far from the truth are the guesses of a VAE, and of three other ways?

    python benchmarks/reproduce/imputation.py [--seeds 3] [--epochs 300]

1,501 digits to learn from and 296 to judge by, in both half of all pixels hidden, by another mask for each seed. A
guess is judged on the hidden pixels of the 296, whose truth no method has seen: root mean squared error, pixels in
[0, 1].

    column means        of the pixels that are seen in training
    k nearest           scikit-learn's KNNImputer: mean of the k training rows nearest in what both show, the best k
                        of 5, 10, 20, 40 by the judged pixels themselves, which favours it
    IterativeImputer    scikit-learn's: every pixel by ridge regression on all others, in turn, up to 30 rounds
    VAE                 missing="mask", 16 latents, by likelihood; `npvae.evaluation.impute` with 200 latents per row
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

import npvae
from npvae.evaluation import impute

LIKELIHOODS = {
    "VAE, Gaussian, a variance per pixel": {"likelihood": "gaussian_pixel", "logvar": -3.0, "logvar_floor": -8.0},
    "VAE, binomial": {"likelihood": "binomial", "levels": 17},
    "VAE, logistic in steps": {"likelihood": "discretized_logistic", "levels": 17},
}


def by_vae(train, test, seed, epochs, **choice):
    """Train a VAE on train (N, D) with gaps, and fill those of test."""
    vae = npvae.VAE(train.shape[1], (128,), 16, missing="mask", seed=seed, **choice)
    npvae.train(vae, train.astype("f4"), epochs=epochs, batch_size=64, lr=1e-3, seed=seed, progress=False)
    return impute(vae, test.astype("f4"), np.random.default_rng(seed), samples=200).mean


def by_column_means(train, test):
    """The mean of each column's seen entries."""
    return np.where(np.isnan(test), np.nanmean(train, axis=0), test)


def guesses(train, test, truth, seed, epochs):
    """Name and filled-in test rows of every method."""
    yield "column means", by_column_means(train, test)
    hidden = np.isnan(test)
    neighbours = {k: KNNImputer(n_neighbors=k).fit(train).transform(test) for k in (5, 10, 20, 40)}
    yield "k nearest rows", min(neighbours.values(), key=lambda x: np.mean((x - truth)[hidden] ** 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield "IterativeImputer", IterativeImputer(max_iter=30, random_state=seed).fit(train).transform(test)
    for name, choice in LIKELIHOODS.items():
        yield name, by_vae(train, test, seed, epochs, **choice)


def main():
    """One table: mean error over the seeds, and the range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=300)
    args = parser.parse_args()
    whole_train, whole_test = (part.numpy().astype(float) for part in npvae.load_dataset("digits"))
    errors, seconds = {}, {}
    for seed in range(args.seeds):
        rng = np.random.default_rng(seed)
        train, test = (np.where(rng.random(x.shape) < 0.5, np.nan, x) for x in (whole_train, whole_test))
        hidden, start = np.isnan(test), time.perf_counter()
        for name, filled in guesses(train, test, whole_test, seed, args.epochs):
            assert np.allclose(filled[~hidden], test[~hidden], atol=1e-6), "what is seen has to stay"
            errors.setdefault(name, []).append(float(np.sqrt(np.mean((filled - whole_test)[hidden] ** 2))))
            seconds.setdefault(name, []).append(time.perf_counter() - start)
            start = time.perf_counter()
    print(f"hidden half of the pixels of {len(whole_test)} digits, root mean squared error over {args.seeds} seeds")
    for name, found in errors.items():
        print(
            f"{name:<38}{np.mean(found):.4f}   {min(found):.4f} to {max(found):.4f}   {np.mean(seconds[name]):6.1f} s"
        )


if __name__ == "__main__":
    main()
