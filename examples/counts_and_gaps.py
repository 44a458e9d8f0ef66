# %% [markdown]
# # Counts and gaps
#
# Most data are not grey pixels. Three things that a Gaussian on everything gets wrong, or cannot do:
#
#     the digits         a pixel counts the ink in a block of 4 × 4: k out of 16. Is that a binomial?
#     counts             0, 1, 2 ...: words, events, cells × genes. Poisson, or negative binomial if they scatter more
#     a table with gaps  a sum over what is observed: no row is thrown away, and what is missing gets a distribution
#
# A density and a probability cannot be ranked together, unless the density is integrated over the interval that a
# count stands for: from k - ½ to k + ½, and all that is beyond for the first and the last. Then both are nats of the
# same event.

# %%
import os
import sys
from math import erfc
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.evaluation import impute
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import INK, PALE, PALETTE

DRAWS = 8  # of z per sample, behind every number of nats
DIGITS = {
    "Gaussian, one σ": {"likelihood": "gaussian_scalar", "logvar": -3.0},
    "Gaussian, a σ per pixel": {"likelihood": "gaussian_pixel", "logvar": -3.0, "logvar_floor": -8.0},
    "binomial": {"likelihood": "binomial", "levels": 17},
    "logistic in steps": {"likelihood": "discretized_logistic", "levels": 17},
    "categorical": {"likelihood": "categorical", "levels": 17},
}
COUNTS = {
    "Gaussian on counts": {"likelihood": "gaussian_pixel"},
    "Gaussian on log(1 + k)": {"likelihood": "gaussian_pixel"},
    "Poisson": {"likelihood": "poisson"},
    "negative binomial": {"likelihood": "negative_binomial"},
}


def fit(x, epochs, latents=8, hidden=64, **choice):
    """A VAE trained on x (N, D) with Adam, batches of 128."""
    vae = npvae.VAE(x.shape[1], (hidden,), latents, dtype="float64", backend="numpy", **choice)
    rng = np.random.default_rng(0)
    adam = npvae.Adam(vae.params, lr=2e-3, backend="numpy")
    for _ in range(epochs):
        for batch in npvae.minibatches(x, 128, rng):
            _, trace = vae.forward(batch, vae.draw_eps(len(batch), rng))
            adam.step(vae.backward(trace))
    return vae


# %% [markdown]
# ## The same event in nats
#
# The mass that a Gaussian gives to an interval is a difference of two tails, taken on the side where they are small.


# %%
def nats(vae, x, below=None, above=None):
    """-ELBO of x (N, D) in nats per sample; of a Gaussian, as the mass between the bounds below and above."""
    rng, total = np.random.default_rng(1), 0.0
    for _ in range(DRAWS):
        _, trace = vae.forward(x, vae.draw_eps(len(x), rng))
        gaussian = "gaussian" in vae.likelihood.name
        nll = gaussian_mass(vae, trace.output, below, above) if gaussian else trace.nll
        total += float(np.mean(nll + trace.kl)) / DRAWS
    return total


def gaussian_mass(vae, mean, below, above):
    """Minus the log of the mass between the bounds, summed over the columns, (N,)."""
    logvar = vae.params["likelihood.logvar"]
    if vae.likelihood.floor is not None:
        logvar = npvae.ops.floored_logvar_forward(logvar, vae.likelihood.floor)[0]
    std = np.exp(logvar / 2)
    low, high = (below - mean) / std, (above - mean) / std
    mirrored = low + high < 0
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    tail = np.vectorize(lambda u: erfc(u / np.sqrt(2)) / 2)
    return -np.log(np.maximum(tail(low) - tail(high), 1e-300)).sum(axis=1)


# %% [markdown]
# ## Counts whose truth is known
#
# 20 columns of words in 2,000 texts: two topics set the log-means, and each count is a negative binomial of r = 2. So
# the variance is mu + mu² / 2, and a mean of 10 has a standard deviation of 7.7, where Poisson says 3.2.


# %%
def words(rng, n=2000):
    """Counts (n, 20), and the nats that their own distribution gives them, (n,)."""
    topics = rng.standard_normal((n, 2))
    log_mean = 1.0 + topics @ (0.7 * np.random.default_rng(7).standard_normal((2, 20)))
    x = rng.poisson(rng.gamma(2.0, np.exp(log_mean) / 2)).astype(float)
    truth, _ = npvae.ops.negative_binomial_nll_forward(log_mean, np.full(20, np.log(2.0)), x)
    return x, truth


# %% [markdown]
# ## A table with gaps
#
# The digits again, with half of all pixels hidden: no row is whole, so nothing could be trained on "complete cases".
# `missing="ignore"` sums -log p over the pixels that are observed. `impute` then estimates p(hidden | observed).


# %%
def hidden_half(x, rng):
    """x (N, D) with half of its entries NaN."""
    return np.where(rng.random(x.shape) < 0.5, np.nan, x)


# %%
def main(quick=False, folder="pictures"):
    """Train on digits, on words, on digits with gaps; returns the numbers."""
    train, test = npvae.load_dataset("digits")
    x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
    numbers, models = {"digits": {}, "words": {}}, {}
    print("test digits, the probability of all 64 counts out of 16: nats per image")
    for name, choice in DIGITS.items():
        models[name] = fit(x_train, 30 if quick else 150, **choice)
        below, above = np.where(x_test == 0, -np.inf, x_test - 1 / 32), np.where(x_test == 1, np.inf, x_test + 1 / 32)
        numbers["digits"][name] = nats(models[name], x_test, below, above)
        print(f"  {name:<26}{numbers['digits'][name]:>8.2f}")

    x, truth = words(np.random.default_rng(3))
    scales = {"Gaussian on counts": lambda k: k / x.std(), "Gaussian on log(1 + k)": np.log1p}
    print("\ntest texts, the probability of all 20 counts: nats per text")
    for name, choice in COUNTS.items():
        scale = scales.get(name, np.asarray)
        vae = fit(scale(x[:1500]), 40 if quick else 150, latents=2, hidden=32, **choice)
        below, above = np.where(x[1500:] == 0, -np.inf, scale(x[1500:] - 0.5)), scale(x[1500:] + 0.5)
        numbers["words"][name] = nats(vae, scale(x[1500:]), below, above)
        print(f"  {name:<26}{numbers['words'][name]:>8.2f}")
        if name == "negative binomial":
            numbers["r"] = np.exp(vae.params["likelihood.log_r"])
    numbers["truth"] = float(truth[1500:].mean())
    print(f"  {'given the true log-means':<26}{numbers['truth']:>8.2f}")
    print(f"r, learned for 20 columns: {numbers['r'].min():.2f} to {numbers['r'].max():.2f}; the truth is 2")

    rng = np.random.default_rng(4)
    gaps_train, gaps = hidden_half(x_train, rng), hidden_half(x_test, rng)
    vae = fit(gaps_train, 30 if quick else 150, likelihood="binomial", levels=17, missing="mask")
    found = impute(vae, gaps, rng, samples=50, draws=2 if quick else 20)
    hidden = np.isnan(gaps)
    for name, guess in (("column means", np.nanmean(gaps_train, axis=0) + 0 * x_test), ("this VAE", found.mean)):
        numbers[name] = float(np.sqrt(np.mean((guess - x_test)[hidden] ** 2)))
        print(f"hidden half of the test pixels, root mean squared error of {name:<14}{numbers[name]:.3f}")
    numbers["spread"] = float(np.sqrt(found.draws.var(axis=0, ddof=1)[hidden].mean()))
    print(f"spread of the draws at hidden pixels: {numbers['spread']:.3f}; where one is seen: 0")

    rows = {"digits: nats per image": numbers["digits"], "words: nats per text": numbers["words"]}
    ten = [int(np.flatnonzero(test.labels == label)[0]) for label in range(10)]
    Path(folder).mkdir(exist_ok=True)
    figure = draw(rows, x_test[ten], gaps[ten], found.mean[ten], found.draws[:2, ten])
    print("picture:", save_png(figure, Path(folder) / "counts_and_gaps.png", colours=64))
    return numbers


# %% [markdown]
# ## What to notice
#
# - On the words, the Gaussian on counts costs 6.7 nats per text more than the negative binomial, and Poisson 9.2: its
#   variance is its mean, and these counts scatter more. The negative binomial learns r near the truth, 2, and is 2.4
#   nats above what the true log-means would cost: that is the price of having to infer them.
# - Taking logs before the Gaussian saves most of it. Its number may be compared here only because its density was
#   integrated over the interval of each count: the density itself changes with the transformation.
# - A pixel of the digits counts ink, k out of 16, and still is no binomial. Ink is clumped: a block under a stroke's
#   edge is often full or empty, and 16 independent trials hardly ever are. The binomial has the right support, and one
#   number per pixel; a scale of its own per pixel (the logistic) is worth 23 nats.
# - With half of the pixels hidden, no digit is whole. The VAE trains on what is observed. Its guesses are off by 0.19,
#   those of the column means by 0.27.
# - The draws differ from each other by 0.09, less than their error: the binomial is overconfident here, too. Where a
#   draw has to be as uncertain as the world, the likelihood has to be right.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(rows, whole, gaps, filled, draws):
    """Nats of the choices; below them digits with gaps, filled in by the mean and by draws."""
    figure = new_figure(6.2, "What the same counts cost in nats; digits whose hidden half is filled in")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
    for axes, (title, values) in zip(above.subplots(1, 2), rows.items(), strict=True):
        places = np.arange(len(values))[::-1]
        axes.barh(places, list(values.values()), color=[PALETTE[0] if "Gauss" in n else PALETTE[1] for n in values])
        axes.set_yticks(places, list(values))
        axes.set_xlim(0, 1.18 * max(values.values()))
        for place, value in zip(places, values.values(), strict=True):
            axes.text(value, place, f" {value:.1f}", va="center", color=INK, fontsize=9)
        axes.set_title(title)
        axes.spines["left"].set_color(PALE)
    sheets = {"hidden half": gaps, "mean": filled, "a draw": draws[0], "another": draws[1], "the truth": whole}
    axes = below.subplots(len(sheets), 10, gridspec_kw={"wspace": 0.05, "hspace": 0.05})
    for line, (name, images) in zip(axes, sheets.items(), strict=True):
        for place, image in zip(line, images, strict=True):
            place.imshow(image.reshape(8, 8), vmin=0, vmax=1)
            place.set_facecolor("#b9d4ee")
            place.set(xticks=[], yticks=[])
            place.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
