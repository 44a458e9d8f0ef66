# %% [markdown]
# # The reparameterisation trick
#
# The loss is a mean over random z, and the network decides what z is drawn from. How does a gradient get past a draw?
# Written as z ~ N(mu, std^2) it does not: a draw is not a function of mu. Written as
#
#     eps ~ N(0, 1)            drawn beforehand, beside the path
#     z = mu + std * eps       a plain function: dz/dmu = 1, dz/dstd = eps
#
# it does: z has the same distribution, and everything from mu and std to the loss is ordinary calculus. This lesson
# looks at the values for one digit, compares the gradient with the other estimator that there is (the score function),
# and shows what happens if the backward pass draws its eps anew.

# %%
import os
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae import ops
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import INK, PALE, PALETTE, without_axes
from npvae.models.mlp import mlp_backward, mlp_forward

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
BACK = PALETTE[6]  # the colour of gradients


def fit(vae, epochs):
    """Train in place with Adam, batches of 128, and return the model."""
    return npvae.train(vae, x_train, epochs=epochs, lr=2e-3, progress=False)


def new_vae():
    """64-64-2-64-64 in float64."""
    return npvae.VAE(64, (64,), 2, dtype="float64", backend="numpy")


# %% [markdown]
# ## The gradient that comes back through z
#
# Decoder and likelihood send dz back; what arrives at mu is dz * 1, what arrives at std is dz * eps.


# %%
def through_z(vae, x, eps):
    """One digit x (1, 64) with K draws eps (K, 2): mu, std, z and dz, (K, 2) each, where dz = d nll / dz."""
    K = len(eps)
    mu, logvar = (np.repeat(part, K, axis=0) for part in vae.encode(x))
    std = np.exp(logvar / 2)
    z = mu + std * eps
    logits, decoder_cache = mlp_forward(ops, z, vae.params, "decoder", vae.depth, vae.activation)
    _, nll_cache = ops.bernoulli_nll_forward(logits, np.repeat(x, K, axis=0))
    dlogits = ops.bernoulli_nll_backward(np.ones(K), nll_cache)
    dz = mlp_backward(ops, dlogits, decoder_cache, vae.params.like(), "decoder")
    return mu, std, z, dz


# %% [markdown]
# ## Against the score function
#
# There is a way to differentiate a mean over draws without differentiating the draw: with q = N(mu, std^2),
#
#     d/dmu of mean f(z) = mean of f(z) * d log q(z)/dmu = mean of f(z) * eps / std          score function
#     d/dmu of mean f(z) = mean of df/dz * 1                                                 reparameterised
#
# Both are right on average. Their spread is compared on f(z) = sum of (z - 1)^2 / 2 over L latents, mu = 0, std = 0.5,
# where the gradient is exactly -1 for each. A baseline (the mean of f, taken off f) helps the score function.


# %%
def estimators(latents, draws, rng):
    """Gradients by mu, (draws, latents) each, one row per draw: reparameterised, score function, with a baseline."""
    std = 0.5
    eps = rng.standard_normal((draws, latents))
    z = 0 + std * eps
    f = ((z - 1) ** 2).sum(axis=1, keepdims=True) / 2
    baseline = latents * (1 + std**2) / 2  # the exact mean of f
    return {"reparameterised": z - 1, "score function": f * eps / std, "with a baseline": (f - baseline) * eps / std}


# %% [markdown]
# ## eps drawn anew
#
# A backward pass that draws its own noise multiplies dz by an eps that has nothing to do with it. On average that is
# zero: std gets no gradient from the reconstruction, and only the KL is left to move it, towards 1.


# %%
def with_fresh_noise(vae, rng):
    """The same model, but its backward pass multiplies dz by a new eps."""

    def backward(dz, cache):
        return dz * 1, dz * rng.standard_normal(dz.shape)

    vae.ops = SimpleNamespace(**(vars(ops) | {"reparameterize_backward": backward}))
    return vae


def mean_dlogvar(vae, x, draws, rng, fresh):
    """The reconstruction's part of d loss / d logvar for one digit, averaged over draws, with its standard error."""
    eps = rng.standard_normal((draws, 2))
    _, std, _, dz = through_z(vae, x, eps)
    dstd = dz * (rng.standard_normal(eps.shape) if fresh else eps)
    dlogvar = dstd * std / 2
    return dlogvar.mean(axis=0), dlogvar.std(axis=0) / np.sqrt(draws)


# %%
def main(quick=False, folder="pictures"):
    """Look at one digit, compare the estimators, draw eps anew; returns the numbers."""
    numbers = {}
    epochs, draws = (25, 2000) if quick else (200, 20_000)
    rng = np.random.default_rng(7)
    vae, x = fit(new_vae(), epochs), x_test[[7]]
    eps = np.array([[-0.83, 0.61]])  # one draw, written down
    mu, std, z, dz = through_z(vae, x, eps)
    print("one digit, one draw, two latents")
    for name, value in {"eps": eps, "mu": mu, "std": std, "z": z, "dz": dz, "dmu": dz * 1, "dstd": dz * eps}.items():
        print(f"  {name:<6}{value[0, 0]:+8.3f}{value[0, 1]:+8.3f}")

    print("\nvariance of one draw's d/dmu, a latent (the gradient itself is -1)")
    spread = {}
    for latents in (1, 3, 10, 30, 100):
        for name, values in estimators(latents, draws, rng).items():
            spread.setdefault(name, {})[latents] = float(values.var(axis=0).mean())
            off = (values.mean(axis=0) + 1) / (values.std(axis=0) / np.sqrt(draws))
            numbers.setdefault("worst z-score", []).append(float(np.abs(off).max()))
    for name, values in spread.items():
        print(f"  {name:<16}" + "".join(f"   L = {latents}: {value:<9.3g}" for latents, value in values.items()))
    numbers["variance"] = spread

    print("\nd loss / d logvar through z, mean over draws of eps ± standard error")
    for name, fresh in (("the same eps", False), ("drawn anew", True)):
        mean, error = mean_dlogvar(vae, x, 10 * draws, np.random.default_rng(8), fresh)
        numbers[name] = {"mean": mean, "error": error}
        print(f"  {name:<14}" + "".join(f"   {m:+.4f} ± {e:.4f}" for m, e in zip(mean, error, strict=True)))
    wrong = fit(with_fresh_noise(new_vae(), np.random.default_rng(3)), epochs)
    models = {"the same eps": vae, "drawn anew": wrong}
    widths = {name: np.exp(model.encode(x_test)[1] / 2).ravel() for name, model in models.items()}
    for name, model in models.items():
        loss, _ = model.forward(x_test, np.random.default_rng(5).standard_normal((len(x_test), 2)))
        numbers[name] |= {"loss": loss, "sigma": float(np.median(widths[name]))}
        print(f"  trained with {name:<14} median sigma {np.median(widths[name]):.2f}   test loss {loss:.2f}")

    Path(folder).mkdir(exist_ok=True)
    values = [float(part[0, 0]) for part in (mu, std, eps, z, dz)]
    print("picture:", save_png(draw(values, spread, widths), Path(folder) / "reparameterisation.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - dz/dmu = 1 and dz/dstd = eps: dmu through z is dz itself, and dstd is dz times the noise that made this z.
# - One reparameterised draw has the same variance for any number of latents. The score function multiplies the whole
#   loss into every latent's gradient, so with 100 latents it needs tens of thousands of draws for what one draw gives.
# - With eps drawn anew the loss still falls, and nothing crashes. But sigma gets no gradient from the reconstruction,
#   goes to 1 where the KL wants it, and the codes drown in noise. A gradient check notices at once.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
def node(axes, x, y, text, colour=INK):
    """A word in a box."""
    style_of_box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": colour}
    axes.text(x, y, text, ha="center", va="center", bbox=style_of_box, size=9.5, zorder=3)


def arrow(axes, start, end, colour=INK):
    """An arrow from one place to another."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.4})


def draw_graph(axes, title, values=None, blocked=False):
    """One of the three graphs: with the draw in the way, with eps beside the path, or with values of one latent."""
    axes.set(xlim=(0, 4), ylim=(-0.2, 3.2))
    without_axes(axes)
    axes.set_title(title)
    names = ["μ, σ", "z ~ N(μ, σ²)" if blocked else "z = μ + σε", "loss"]
    if values is not None:
        mu, std, eps, z, dz = values
        names = [f"μ {mu:.2f}\nσ {std:.2f}", f"z {z:.2f}", "loss"]
    places = (0.5, 2.0, 3.55)
    for place, name in zip(places, names, strict=True):
        node(axes, place, 1.6, name)
    left, right = (0.95, 1.3), (2.72, 3.2)  # between the boxes, with air at both ends
    arrow(axes, (left[0], 1.75), (left[1], 1.75))
    arrow(axes, (right[0], 1.75), (right[1], 1.75))
    arrow(axes, (right[1], 1.42), (right[0], 1.42), BACK)
    if blocked:
        axes.text(1.13, 1.4, "✗", color=BACK, ha="center", va="center", size=16)
        axes.text(2, 0.5, "a draw has no derivative:\nthe way back ends at z", ha="center", color=BACK)
        return
    arrow(axes, (left[1], 1.42), (left[0], 1.42), BACK)
    node(axes, 2.0, 2.85, "ε ~ N(0, 1)" if values is None else f"ε {eps:.2f}", PALE)
    arrow(axes, (2.0, 2.55), (2.0, 2.0))
    text = "∂z/∂μ = 1\n∂z/∂σ = ε"
    if values is not None:
        text = f"dz = {dz:.2f}\ndμ = dz · 1 = {dz:.2f}\ndσ = dz · ε = {dz * eps:.2f}"
    axes.text(1.9, 0.95, text, ha="center", va="top", color=BACK)


@style()
def draw(values, spread, widths):
    """Three graphs; the spread of the estimators; what fresh noise does to sigma."""
    figure = new_figure(5.6, "With eps beside the path, the gradient passes the draw and comes back quiet")
    above, below = figure.subfigures(2, 1, height_ratios=[2.2, 3.2])
    graphs = above.subplots(1, 3)
    draw_graph(graphs[0], "sampling in the way", blocked=True)
    draw_graph(graphs[1], "eps beside the path")
    draw_graph(graphs[2], "one latent of one digit", values)
    left, right = below.subplots(1, 2, width_ratios=[1.3, 1])
    for (name, variance), colour in zip(spread.items(), (PALETTE[0], PALETTE[2], PALETTE[4]), strict=True):
        left.loglog(list(variance), list(variance.values()), color=colour, marker="o", markersize=4)
        end = list(variance.items())[-1]
        left.annotate(name, end, xytext=(-6, 8), textcoords="offset points", color=colour, ha="right")
    left.set(xlabel="latents L", ylabel="variance of d/dμ, one draw", title="the score function drowns as L grows")
    left.margins(y=0.15)
    for name, colour, place in (("the same eps", PALETTE[0], (0.06, 0.6)), ("drawn anew", BACK, (0.35, 0.85))):
        right.hist(widths[name], np.linspace(0, 1.3, 40), color=colour, alpha=0.8)
        text = f"{name}:\nmedian σ {np.median(widths[name]):.2f}"
        right.text(*place, text, color=colour, transform=right.transAxes)
    right.set(xlabel="σ of the test digits", ylabel="latents", title="eps drawn anew in backward: σ goes to 1")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
