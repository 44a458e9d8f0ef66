# %% [markdown]
# # Codes for a classifier
#
# A VAE as a scikit-learn transformer. Handwritten digits of 8 x 8 pixels become L numbers each, without their labels:
# once by PCA, once by a VAE. Then a classifier is trained on the numbers. Which numbers are better?
#
# PCA is the best *linear* code for reconstruction. A VAE's encoder and decoder are curved, so as many numbers can say
# more. The fewer there are, the more that matters.
#
# Needs the extra `sklearn`: `pip install -e ".[sklearn]"` in a clone. As a script: `python examples/sklearn_codes.py`
# (half a minute), or with `--quick`.

# %%
import sys

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import npvae
from npvae.sklearn import VAE

digits = npvae.data.load_digits()
X = np.concatenate([part.numpy() for part in digits])  # (1797, 64) float32 in [0, 1]
y = np.concatenate([part.labels for part in digits])

# %% [markdown]
# ## One pipeline, two codes
#
# `VAE` has a Gaussian likelihood by default, so it takes any data; with "bernoulli" it would want data in [0, 1]. To
# see what a code keeps, decode it: `inverse_transform`.

# %%
CLASSIFIERS = {"logistic regression": LogisticRegression(max_iter=2000), "5 nearest": KNeighborsClassifier(5)}


def accuracies(latent_dim, seed):
    """Test accuracy of both classifiers on both codes, for one split of the data: {classifier: (pca, vae)}."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y)
    codes = [
        (code.fit_transform(X_train), code.transform(X_test))
        for code in (PCA(latent_dim, random_state=seed), VAE(latent_dim, random_state=seed))
    ]
    return {
        name: tuple(
            make_pipeline(StandardScaler(), clone(classifier)).fit(train, y_train).score(test, y_test)
            for train, test in codes
        )
        for name, classifier in CLASSIFIERS.items()
    }


def compare(latent_dims, seeds):
    """Print a row for every length of code and classifier; return {(L, classifier): accuracies (seeds, 2)}."""
    print(f"accuracy on held-out digits, mean and standard deviation over {len(seeds)} splits and seeds\n")
    print(f"{'L':>2}  {'classifier':<20} {'PCA':>15} {'VAE':>15}   VAE better in")
    table = {}
    for latent_dim in latent_dims:
        runs = [accuracies(latent_dim, seed) for seed in seeds]
        for name in CLASSIFIERS:
            both = np.array([run[name] for run in runs])
            (pca, vae), (pca_sd, vae_sd) = both.mean(axis=0), both.std(axis=0)
            wins = int(np.sum(both[:, 1] > both[:, 0]))
            print(
                f"{latent_dim:>2}  {name:<20} {pca:>7.3f} ± {pca_sd:.3f} {vae:>7.3f} ± {vae_sd:.3f}"
                f"   {wins} of {len(seeds)}"
            )
            table[latent_dim, name] = both
    return table


# %% [markdown]
# ## A setting chosen by its score
#
# `score` is the bound on log p(x) in nats, whatever beta the model was trained with: a number that a grid search can
# compare without any labels.


# %%
def choose(quick=False):
    """The number of latents that gives held-out digits the highest bound, by cross-validation."""
    rows = slice(None, 300 if quick else 900)
    search = GridSearchCV(
        VAE(epochs=10 if quick else 100, random_state=0), {"latent_dim": [1, 4] if quick else [1, 2, 4, 8, 16]}, cv=3
    )
    search.fit(X[rows])
    print("\nbound on held-out digits, in nats")
    for setting, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        print(f"{setting['latent_dim']:>2} latents  {score:8.2f}")
    return search.best_params_["latent_dim"]


# %%
def main(quick=False):
    """Compare the codes, then choose a length; return the table of `compare`."""
    table = compare((2, 5), range(1)) if quick else compare((2, 5, 8, 16), range(5))
    print(f"\nchosen by the bound: {choose(quick)} latents")
    return table


# %% [markdown]
# ## What to notice
#
# - With few numbers the VAE's codes are better for both classifiers. With 16 both codes keep what matters, and nearest
#   neighbours do as well on PCA's.
# - The logistic regression gains more: the encoder has already done the bending that a linear classifier cannot.
# - The VAE has not seen a label. The bound that chose its size has not either.

# %%
if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
