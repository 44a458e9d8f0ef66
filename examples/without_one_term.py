# %% [markdown]
# # Without the KL, without the reconstruction
#
# The loss of a VAE has two terms, and each alone does something useless:
#
#     reconstruction only   noise in z only hurts: sigma goes to 0, the means spread out, an autoencoder remains
#     KL only               nothing says which digit it was: mu = 0 and sigma = 1 for all, the prior remains
#
# Three runs of the same network from the same start: each term alone, and both. Then, for the run with both, the two
# pulls on every mean: the KL's towards 0, the reconstruction's away from it.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae import ops
from npvae.figures import draw_regions, new_figure, save_png, style
from npvae.figures.style import INK, PALETTE
from npvae.models.mlp import mlp_backward, mlp_forward

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
RUNS = {"reconstruction only": PALETTE[6], "KL only": PALETTE[4], "both": PALETTE[0]}

# %% [markdown]
# ## Leaving out a term
#
# The backward pass is linear: the gradient of the KL alone is the gradient of both terms less that of the
# reconstruction alone, which is beta = 0.


# %%
def gradient(vae, x, eps, run):
    """The gradients of one batch for one of RUNS."""

    def with_beta(beta):
        vae.beta = beta
        _, trace = vae.forward(x, eps)
        return vae.backward(trace)

    if run == "reconstruction only":
        return with_beta(0.0)
    grads = with_beta(1.0)
    if run == "KL only":
        grads.flat[...] -= with_beta(0.0).flat
    return grads


def posterior(vae, x=x_test):
    """mu, sigma and kl of digits x (N, 64), (N, 2) each."""
    mu, logvar = vae.encode(x)
    return mu, np.exp(logvar / 2), (np.exp(logvar) + mu**2 - 1 - logvar) / 2


def fit(run, epochs):
    """Train from the common start -> model, and (epochs, 3, 2): median sigma, spread of mu, mean kl of each latent."""
    vae = npvae.VAE(64, (64,), 2, dtype="float64", backend="numpy")
    rng = np.random.default_rng(0)
    adam = npvae.Adam(vae.params, lr=2e-3, backend="numpy")
    history = []
    for _ in range(epochs):
        for x in npvae.minibatches(x_train, 128, rng):
            adam.step(gradient(vae, x, vae.draw_eps(len(x), rng), run))
        mu, sigma, kl = posterior(vae)
        history.append((np.median(sigma, axis=0), mu.std(axis=0), kl.mean(axis=0)))
    vae.beta = 1.0
    return vae, np.array(history)


# %% [markdown]
# ## The two pulls
#
# Where training ends, two gradients by mu balance on average: what the KL wants (dmu = mu, a spring towards 0) and
# what the reconstruction wants (dmu = dz, averaged over eps). For a single digit they need not cancel, because one
# network serves all digits: over digits their correlation is -0.7, not -1.


# %%
def pulls(vae, draws, rng):
    """For 300 training digits, (300, 2) each: dmu through z, averaged over draws of eps, and dmu of the KL."""
    x = x_train[::5][:300]
    mu, sigma, _ = posterior(vae, x)
    dmu_z = np.zeros_like(mu)
    for _ in range(draws):
        z = mu + sigma * rng.standard_normal(mu.shape)
        logits, cache = mlp_forward(ops, z, vae.params, "decoder", vae.depth, vae.activation)
        _, nll_cache = ops.bernoulli_nll_forward(logits, x)
        dlogits = ops.bernoulli_nll_backward(np.ones(len(mu)), nll_cache)
        dmu_z += mlp_backward(ops, dlogits, cache, vae.params.like(), "decoder") / draws
    return dmu_z, mu


# %%
def main(quick=False, folder="pictures"):
    """Train three times and compare; returns the numbers."""
    numbers, models, histories = {}, {}, {}
    print(f"{'':<22}{'sigma':>8}{'spread of mu':>14}{'sigma/spread':>14}{'kl, nats':>10}{'test nll':>10}{'loss':>9}")
    for run in RUNS:
        models[run], histories[run] = vae, history = fit(run, 40 if quick else 300)
        loss, trace = vae.forward(x_test, vae.draw_eps(len(x_test), np.random.default_rng(2)))
        sigma, spread, kl = history[-1]
        numbers[run] = row = {
            "sigma": float(sigma.max()), "spread": float(spread.mean()), "ratio": float((sigma / spread).mean()),
            "kl": float(kl.sum()), "nll": float(trace.nll.mean()), "loss": loss,
        }  # fmt: skip
        print(
            f"{run:<22}" + "{sigma:>8.4f}{spread:>14.4f}{ratio:>14.4g}{kl:>10.4f}{nll:>10.2f}{loss:>9.2f}".format(**row)
        )

    dmu_z, dmu_kl = pulls(models["both"], 50 if quick else 500, np.random.default_rng(3))
    slope = float((dmu_z * dmu_kl).sum() / (dmu_kl**2).sum())
    correlation = float(np.corrcoef(dmu_z.ravel(), dmu_kl.ravel())[0, 1])
    numbers |= {"slope": slope, "correlation": correlation}
    print(f"\nboth: the reconstruction's pull on mu is {slope:.2f} times the KL's, correlation {correlation:.2f}")
    Path(folder).mkdir(exist_ok=True)
    picture = draw(models, histories, dmu_z, dmu_kl)
    print("picture:", save_png(picture, Path(folder) / "without_one_term.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - Without the KL, sigma falls tenfold whenever the number of epochs grows tenfold, without end, while the means move
#   apart. What counts is their ratio: points, as in an autoencoder. The KL, which costs nothing here, reaches 80 nats.
# - Without the reconstruction, mu = 0 and sigma = 1 to three digits, and the decoder is never trained: an nll of 44.5
#   nats is 64 pixels at log 2 each.
# - With both, sigma settles where a wider posterior would cost as much reconstruction as it saves KL.
# - The spring of the KL, dmu = mu, is balanced by the reconstruction on average: the points lie along the dashed line,
#   and scatter about it, because the network cannot give every digit the mean that would be best for it.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(models, histories, dmu_z, dmu_kl):
    """The three latent spaces above; sigma and KL through training, and the two pulls, below."""
    figure = new_figure(6.2, "Each term alone is useless: σ goes to 0, or everything becomes the prior")
    above, below = figure.subfigures(2, 1, height_ratios=[3, 3])
    for axes, (run, vae) in zip(above.subplots(1, 3), models.items(), strict=True):
        mu, sigma, _ = posterior(vae)
        draw_regions(
            axes, mu, sigma[:, :, None] ** 2 * np.eye(2), None if run == "KL only" else test.labels, regions=40
        )
        if run == "KL only":
            axes.annotate("all digits:\none region,\nthe prior", (0, 0), ha="center", va="center", color="white")
        axes.set_title(run, color=RUNS[run])
        axes.set(xlabel="z1", ylabel="z2" if run == "reconstruction only" else "")
    widths, costs, balance = below.subplots(1, 3)
    for run, history in histories.items():
        epochs = np.arange(1, len(history) + 1)
        for latent, line in enumerate(("-", "--")):
            widths.loglog(epochs, history[:, 0, latent], line, color=RUNS[run], linewidth=1.4)
            costs.loglog(epochs, history[:, 2, latent], line, color=RUNS[run], linewidth=1.4)
    widths.set(xlabel="epoch", title="median σ of z1 and z2 (dashed)")
    costs.set(xlabel="epoch", title="mean KL, nats: z1 and z2 (dashed)", ylim=(1e-5, None))
    far = np.abs(dmu_kl).max() * 1.05
    balance.plot([-far, far], [far, -far], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    balance.scatter(dmu_kl, dmu_z, s=4, color=RUNS["both"], linewidths=0)
    balance.set(xlabel="KL: dμ = μ", title="both: two pulls on μ balance")
    balance.set_ylabel("reconstruction: mean dμ", labelpad=0)
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
