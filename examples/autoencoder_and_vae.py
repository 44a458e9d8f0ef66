# %% [markdown]
# # Autoencoder and VAE: points against regions
#
# An autoencoder turns a digit into a short code and the code into the digit again:
#
#     z = encode(x)                         one number for each latent
#     loss = -log p(x | decode(z))          only the reconstruction
#
# A variational autoencoder gives two numbers for each latent, the mean and the log-variance of a Gaussian, decodes a
# draw from it, and pays for every nat by which that Gaussian differs from the prior N(0, I):
#
#     mu, logvar = encode(x)
#     z = mu + exp(logvar / 2) * eps        eps ~ N(0, I)
#     loss = -log p(x | decode(z)) + KL(N(mu, exp(logvar)) || N(0, I))
#
# So one has points where the other has regions. What follows trains both on the same digits and measures what that
# changes: how smoothly the decoding follows the code, and how much of the latent space decodes to a digit at all.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.figures import draw_regions, new_figure, save_png, style
from npvae.figures.images import draw_sheet, label_rows

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy(), test.numpy()  # (1501, 64), (296, 64), grey values in [0, 1]
IMAGE = (8, 8)

# %% [markdown]
# ## The same loop trains both


# %%
def fit(model, epochs):
    """Train in place with Adam, batches of 128, and return the model."""
    rng = np.random.default_rng(0)
    adam = npvae.Adam(model.params, lr=2e-3, backend="numpy")
    for _ in range(epochs):
        for x in npvae.minibatches(x_train, 128, rng):
            _, trace = model.forward(x, model.draw_eps(len(x), rng))
            grads = model.backward(trace)
            adam.step(grads)
    return model


def codes(model, x):
    """The autoencoder's codes, or the VAE's means: (N, L)."""
    code = model.encode(x)
    return code[0] if isinstance(code, tuple) else code


# %% [markdown]
# ## Two measures
#
# **Continuity.** Move a code by a tenth of the codes' own spread, in a random direction: how far does the image move?
# Measured as a distance in the 64 pixels; two neighbouring digits of the data are about 1 apart.
#
# **Completeness.** Decode draws from N(0, I): for how many does a nearest-neighbour judge say "a digit"? The judge
# asks two things: is the nearest training digit as near as real digits are to each other (95 % of the test digits
# pass), and do the five nearest agree on which digit it is?


# %%
def continuity(model, steps=20):
    """Distances (steps * N,) by which the decoded test digits move."""
    z = codes(model, x_test)
    rng = np.random.default_rng(1)
    direction = rng.standard_normal((steps, *z.shape), dtype=np.float32)
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    step = 0.1 * np.sqrt(z.var(axis=0).sum())
    here = model.decode(z)
    return np.concatenate([np.linalg.norm(model.decode(z + step * d) - here, axis=1) for d in direction])


def distances(a, b):
    """Euclidean distances (N, M) between the rows of a (N, D) and b (M, D)."""
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0))


def judged_digits(images):
    """Share of the images (N, 64) that the judge takes for a digit."""
    threshold = np.quantile(distances(x_test, x_train).min(axis=1), 0.95)
    distance = distances(images, x_train)
    five = train.labels[np.argsort(distance, axis=1)[:, :5]]
    return np.mean((distance.min(axis=1) < threshold) & (five == five[:, :1]).all(axis=1))


# %%
def main(quick=False, folder="pictures"):
    """Train four models, print the comparison, draw it; returns the numbers."""
    epochs = 40 if quick else 300
    numbers, models = {}, {}
    print(f"{'':<24}{'test nll':>9}{'KL':>7}{'continuity':>12}{'worst 1%':>10}{'digits from N(0, I)':>21}")
    for latents in (2, 16):
        for name, kind in (("autoencoder", npvae.Autoencoder), ("vae", npvae.VAE)):
            model = fit(kind(64, (128, 64), latents, backend="numpy"), epochs)
            _, trace = model.forward(x_test, model.draw_eps(len(x_test), np.random.default_rng(2)))
            moved = continuity(model)
            numbers[name, latents] = row = {
                "nll": float(trace.nll.mean()),
                "kl": float(trace.kl.mean()),
                "continuity": float(moved.mean()),
                "worst": float(np.quantile(moved, 0.99)),
                "completeness": float(judged_digits(model.sample(2000, np.random.default_rng(3)))),
            }
            models[name, latents] = model
            print(
                f"{name:<12}{latents:>3} latents {row['nll']:>9.2f}{row['kl']:>7.2f}{row['continuity']:>12.3f}"
                f"{row['worst']:>10.3f}{row['completeness']:>20.0%}"
            )
    numbers["real digits"] = float(judged_digits(x_test))
    print(f"nll and KL in nats per image; of real test digits the judge takes {numbers['real digits']:.0%}\n")

    one = x_test[:1]
    (z,), (mu,), (logvar,) = models["autoencoder", 2].encode(one), *models["vae", 2].encode(one)
    print(f"one digit, a {test.labels[0]}: the autoencoder's code is z = {np.round(z, 2)}")
    print(f"the VAE's is mu = {np.round(mu, 2)}, sigma = {np.round(np.exp(logvar / 2), 2)}")

    Path(folder).mkdir(exist_ok=True)
    figure = draw(models["autoencoder", 2], models["vae", 2], models["autoencoder", 16], models["vae", 16])
    print("picture:", save_png(figure, Path(folder) / "autoencoder_and_vae.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - The autoencoder reconstructs better, always: it pays for nothing. The VAE gives up some nats of reconstruction for
#   a code that can be drawn from.
# - A small step in the VAE's space is a small step in the image, and the worst steps above all are shorter: the
#   decoder has seen the whole neighbourhood of every mean, because z was drawn from it.
# - With two latents both decode draws from N(0, I) to digits: in a plane the codes lie so close that there is no room
#   for holes. With sixteen there is nothing but room, and nothing ever told the autoencoder to be near the origin.
#   This is why an autoencoder is not a generator.
# - The regions of the VAE touch and overlap, and together fill the prior's two circles. Where two classes overlap, the
#   decoding is between them: a price of few latents, not of being a VAE.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(ae, vae, ae16, vae16):
    """Both latent spaces above, what comes out of them below."""
    figure = new_figure(6.9, "Same digits, same network: an autoencoder has points, a VAE has regions")
    above, below = figure.subfigures(2, 1, height_ratios=[4, 2.6])
    left, right = above.subplots(1, 2)
    draw_regions(left, codes(ae, x_test).astype(float), None, test.labels)
    left.set_title("autoencoder: a code z for each of 296 digits", size=10)
    mu, logvar = (part.astype(float) for part in vae.encode(x_test))
    covariance = np.exp(logvar)[:, :, None] * np.eye(2)
    draw_regions(right, mu, covariance, test.labels, regions=100)
    right.set_title("VAE: for each digit μ and a region of 2σ", size=10)
    for axes in (left, right):
        axes.set(xlabel="z1", ylabel="z2")

    for axes, model, deep, name in zip(
        below.subplots(1, 2), (ae, vae), (ae16, vae16), ("autoencoder", "VAE"), strict=True
    ):
        rng = np.random.default_rng(4)
        z, n = codes(model, x_test), 8
        zero, one = (z[np.flatnonzero(test.labels == digit)[4]] for digit in (0, 1))
        threes = codes(model, x_train[train.labels == 3])
        spread = z.std(axis=0)
        rows = {
            "a code nudged by\n0.2 of the spread": zero + 0.2 * spread * rng.standard_normal((n, 2)),
            "from the code of a 0\nto that of a 1": zero + np.linspace(0, 1, n)[:, None] * (one - zero),
            "from the region\nof the threes": rng.multivariate_normal(threes.mean(axis=0), np.cov(threes.T), n),
            "z ~ N(0, I),\n2 latents": rng.standard_normal((n, 2)),
            "z ~ N(0, I),\n16 latents": rng.standard_normal((n, 16)),
        }
        images = [(deep if code.shape[1] == 16 else model).decode(code).reshape(n, *IMAGE) for code in rows.values()]
        draw_sheet(axes, images)
        axes.set_title(name)
        if model is ae:
            label_rows(axes, list(rows), IMAGE)
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
