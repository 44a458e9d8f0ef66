# %% [markdown]
# # Why not maximise the likelihood directly?
#
# A decoder and a prior are a model of the data already: draw z from N(0, I), draw x from p(x|z). The probability of an
# image under that model is an average,
#
#     p(x) = sum over all z of p(x|z) p(z)  ~  mean of p(x|z_k) over K draws z_k from the prior
#
# and it could be maximised as it stands, without an encoder, if the average were not so hopeless: for one given digit,
# nearly all z decode to something else, and contribute nothing. An encoder q(z|x) says where to look, and weights
# correct for having looked there:
#
#     p(x)  ~  mean of p(x|z_k) p(z_k) / q(z_k|x) over K draws z_k from q(z|x)
#
# With two latents there is also a third way, a grid over the whole plane: p(x) ~ sum of p(x|z_i) p(z_i) * area of a
# cell. It is exact to many digits, so it tells who is right. With ten latents it would need 200 ** 10 points.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import INK, PALETTE, without_axes
from npvae.models.mlp import mlp_forward

train, test = npvae.load_dataset("digits")
x_train, x_test = ((images.numpy() > 0.5).astype(np.float32) for images in (train, test))  # 0 or 1: a true Bernoulli


# %%
def fit(model, epochs):
    """Train in place with Adam, batches of 128, and return the model."""
    return npvae.train(model, x_train, epochs=epochs, lr=2e-3, progress=False)


# %% [markdown]
# ## Three estimates of log p(x)
#
# All in logarithms: p(x) of a digit is about e^-20, p(x|z) at a wrong z about e^-100.


# %%
def log_mean_exp(a):
    """log(mean(exp(a))) over the last axis, without overflow."""
    top = a.max(axis=-1, keepdims=True)
    return np.log(np.exp(a - top).mean(axis=-1)) + top[..., 0]


def log_likelihood(model, x, z):
    """log p(x|z) (K,) of one image x (64,) at K codes z (K, L), in nats."""
    logits, _ = mlp_forward(npvae.ops, z, model.params, "decoder", model.depth, model.activation)  # (K, 64)
    nll, _ = npvae.ops.bernoulli_nll_forward(logits, np.broadcast_to(x, logits.shape))
    return -nll


def log_normal(z, mu=0.0, logvar=0.0):
    """log N(z; mu, exp(logvar)) summed over the latents, (K,)."""
    return -0.5 * np.sum(np.log(2 * np.pi) + logvar + (z - mu) ** 2 / np.exp(logvar), axis=-1)


def log_weights(model, x, K, rng, look="q"):
    """log p(x|z) p(z) / (where z was drawn from), (K,), for K draws from the prior or from q(z|x)."""
    eps = rng.standard_normal((K, model.latent_dim))
    if look == "prior":
        return log_likelihood(model, x, eps)  # p(z) / p(z) = 1
    mu, logvar = (part[0].astype(float) for part in model.encode(x[None]))
    z = mu + np.exp(logvar / 2) * eps
    return log_likelihood(model, x, z) + log_normal(z) - log_normal(z, mu, logvar)


def log_p_on_a_grid(model, x, points, edge=5.0):
    """log p(x) by a grid of points x points cells over [-edge, edge]^2."""
    cell = 2 * edge / points
    side = -edge + cell * (np.arange(points) + 0.5)
    z = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    a = log_likelihood(model, x, z) + log_normal(z) + 2 * np.log(cell)
    return float(log_mean_exp(a) + np.log(len(a)))


def estimates(model, x, K, repeats, look):
    """`repeats` independent estimates of log p(x), each from K draws."""
    rng = np.random.default_rng(1)
    return np.array([log_mean_exp(log_weights(model, x, K, rng, look)) for _ in range(repeats)])


def share_that_counts(log_w):
    """Effective sample size over K: 1 if all draws weigh the same, 1 / K if one has all the weight."""
    w = np.exp(log_w - log_w.max())
    return float(w.sum() ** 2 / (w**2).sum() / len(w))


# %% [markdown]
# ## A second trap: what a Gaussian finds close
#
# The other reason why p(x) is hard: it needs a p(x|z), and under the most convenient one, N(x; decoded, sigma^2 I),
# close means close pixel by pixel. Take each grey digit, once with its lower half erased, once moved by one pixel.


# %%
def moved(images, down, right):
    """Images (N, 8, 8) moved by whole pixels, black moving in."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1 - down : 9 - down, 1 - right : 9 - right]


def trap():
    """Squared distances (N,) from each of all digits to its half-erased self, and to itself moved right, and down."""
    images = np.concatenate([train.numpy(), test.numpy()]).reshape(-1, 8, 8)
    erased = images.copy()
    erased[:, 4:] = 0
    others = {"erased": erased, "right": moved(images, 0, 1), "down": moved(images, 1, 0)}
    return images, others, {name: ((other - images) ** 2).sum(axis=(1, 2)) for name, other in others.items()}


# %%
def main(quick=False, folder="pictures"):
    """Train, estimate three ways, count the trap; returns the numbers."""
    epochs, repeats = (40, 10) if quick else (300, 40)
    counts = (1, 10, 100, 1000) if quick else (1, 10, 100, 1000, 10_000)
    x, label = x_test[8], test.labels[8]
    numbers, curves = {"counts": counts}, {}
    truth = None
    for latents in (2, 10):
        model = fit(npvae.VAE(64, (128,), latents, backend="numpy"), epochs)
        print(f"{latents} latents: log p(x) of one {label}, in nats, from K draws ({repeats} times, ± their spread)")
        if latents == 2:
            truth, coarse = (log_p_on_a_grid(model, x, points) for points in (400, 200))
            numbers |= {"grid": truth, "grid error": abs(truth - coarse)}
            print(f"  grid of 400 x 400: {truth:.4f}  (200 x 200 differs by {abs(truth - coarse):.0e})")
        print(f"  {'K':>8}{'prior':>20}{'q(z|x)':>20}")
        for look in ("prior", "q"):
            all_of_them = [estimates(model, x, K, repeats, look) for K in counts]
            mean, std = (np.array([f(e) for e in all_of_them]) for f in (np.mean, np.std))
            curves[latents, look] = counts, mean, std
            numbers[latents, look] = {"mean": mean, "std": std}
            log_w = log_weights(model, x, 20_000, np.random.default_rng(2), look)
            numbers[latents, look]["share that counts"] = share_that_counts(log_w)
        for i, K in enumerate(counts):
            row = (f"{curves[latents, look][1][i]:.2f} ± {curves[latents, look][2][i]:.2f}" for look in ("prior", "q"))
            print(f"  {K:>8}" + "".join(f"{cell:>20}" for cell in row))
        shares = (numbers[latents, look]["share that counts"] for look in ("prior", "q"))
        print("  effective share of the draws: prior {:.2%}, q {:.0%}\n".format(*shares))

    images, _, distance = trap()
    for way in ("right", "down"):
        numbers[way] = float(np.mean(distance["erased"] < distance[way]))
        print(f"half erased is closer than moved {way} by one pixel: {numbers[way]:.0%} of {len(images)} digits")
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(curves, truth), Path(folder) / "likelihood_by_sampling.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - From the prior, the estimate is too low until some draw happens to hit: the logarithm of an average that misses its
#   largest terms. Of twenty thousand draws about a hundred count with two latents, with ten about twenty.
# - From q, ten draws are as good as a thousand from the prior. That is what an encoder is for: to say where p(x|z) is
#   not zero. A loss that needs one draw per image instead of thousands is the whole point of the ELBO.
# - One draw from q, on average, gives the ELBO itself: the mean of log w at K = 1. The line from there up to log p(x)
#   is the gap that the lesson on the ELBO measures.
# - A digit with half of it gone is closer, under a Gaussian, than the digit moved aside by a pixel, for nine of ten.
#   (Moved down it is four of ten: strokes run downwards.) To make the wrong one unlikely sigma must be small, and then
#   nearly every draw from the prior is far away: the two halves of this lesson are one problem.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(curves, truth):
    """The trap's three images above; estimate against number of draws below."""
    figure = new_figure(5.4, "Draws from the prior miss the digit; draws from q find it")
    above, below = figure.subfigures(2, 1, height_ratios=[1.7, 3.7])
    images, others, distance = trap()
    one = int(np.argmax(distance["right"] - distance["erased"]))
    panels = above.subplots(1, 4, width_ratios=[1, 1, 1, 1.5])
    shown = (images[one], others["erased"][one], others["right"][one])
    titles = ("a digit", f"erased: {distance['erased'][one]:.1f}", f"moved: {distance['right'][one]:.1f}")
    for axes, image, title in zip(panels, shown, titles, strict=False):
        axes.imshow(image, vmin=0, vmax=1)
        axes.set_title(title)
        without_axes(axes)
    text = "Squared distances to the digit.\nA Gaussian finds half a digit closer\nthan the digit one pixel aside."
    panels[3].text(0, 0.5, text, va="center")
    without_axes(panels[3])

    for axes, latents in zip(below.subplots(1, 2), (2, 10), strict=True):
        for look, colour in (("prior", PALETTE[6]), ("q", PALETTE[0])):
            K, mean, std = curves[latents, look]
            axes.errorbar(K, mean, std, color=colour, capsize=3, marker="o", markersize=4)
            place = (K[2], mean[2] - std[2]) if look == "prior" else (K[1], mean[1])
            axes.annotate(
                "z from the prior" if look == "prior" else "z from q(z|x)",
                place,
                xytext=(12, -12) if look == "prior" else (0, 10),
                textcoords="offset points",
                color=colour,
            )
        if latents == 2:
            axes.axhline(truth, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
            axes.annotate("grid", (1e4, truth), xytext=(0, 5), textcoords="offset points", size=9, ha="right")
        axes.set_xscale("log")
        axes.set(title=f"{latents} latents", xlabel="draws K (bars: ±1 standard deviation)")
        axes.margins(y=0.12)
    below.axes[0].set_ylabel("estimate of log p(x), nats")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
