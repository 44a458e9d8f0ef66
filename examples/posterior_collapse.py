# %% [markdown]
# # Posterior collapse
#
# A latent has collapsed when q(z|x) is the prior for every x: it costs no KL, says nothing, and the decoder ignores
# it. There are two quite different reasons for it.
#
# **Collapse is right.** In the linear VAE with noise of a fixed variance s2, a direction of the data is worth a latent
# exactly if the data vary along it by more than s2 (its eigenvalue is above s2). Below the threshold the best
# posterior is the prior. More noise, fewer latents, whatever the optimiser.
#
# **Collapse comes too early.** In a deep VAE the code is useless while the decoder cannot read it, the KL pushes it
# away, and then the decoder never learns to. Remedies hold the KL back at the start (warm-up), or give each latent
# some nats for nothing (free bits).

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.evaluation import cubature_eps, probabilistic_pca
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import INK, PALETTE
from npvae.models import LinearVAE

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
IN_USE = 0.01  # nats: a latent with less KL than this is counted as collapsed
REMEDIES = {"plain": PALETTE[6], "warm-up over 50 epochs": PALETTE[4], "free bits, ¼ nat a latent": PALETTE[0]}
NETWORKS = {"three layers of 128, ReLU": ((128,) * 3, "relu"), "four layers of 64, tanh": ((64,) * 4, "tanh")}


def kl_of_latents(vae, x):
    """The mean KL of every latent over x, (L,), in nats."""
    mu, logvar = vae.encode(x)
    return ((np.exp(logvar) + mu**2 - 1 - logvar) / 2).mean(axis=0)


# %% [markdown]
# ## The exact threshold
#
# Eight latents, s2 fixed in the middle of a gap between two eigenvalues, training by exact gradients (the mean over
# eps is taken by cubature points). How many latents are in use at the end?


# %%
def linear_run(x, s2, L, steps):
    """KL of each latent (L,) after training a linear VAE under this variance."""
    vae = LinearVAE(64, L, "gaussian_fixed", logvar=np.log(s2), dtype="float64", backend="numpy")
    adam, eps = npvae.Adam(vae.params, lr=0.05, betas=(0.9, 0.9), backend="numpy"), cubature_eps(len(x), L)
    for step in range(steps):
        adam.lr = 0.05 * 0.05 ** (step / steps)
        _, trace = vae.forward(x, eps)
        adam.step(vae.backward(trace))
    return kl_of_latents(vae, x)


# %% [markdown]
# ## The deep ones
#
# The same digits, eight latents, Bernoulli, beta = 1 in the end. The plain ELBO of the test digits is compared,
# whatever the training objective was.


# %%
def deep_run(network, remedy, epochs):
    """KL of each latent after every epoch, (epochs, 8), and the test loss at the end, in nats."""
    hidden, activation = NETWORKS[network]
    free = {"objective": "free_bits", "free_bits": 0.25} if "free" in remedy else {}
    vae = npvae.VAE(64, hidden, 8, activation, dtype="float64", backend="numpy", **free)
    rng, history = np.random.default_rng(0), []
    adam = npvae.Adam(vae.params, lr=2e-3, backend="numpy")
    for epoch in range(1, epochs + 1):
        vae.beta = min(1.0, epoch / 50) if "warm" in remedy else 1.0
        for x in npvae.minibatches(x_train, 128, rng):
            _, trace = vae.forward(x, vae.draw_eps(len(x), rng))
            adam.step(vae.backward(trace))
        history.append(kl_of_latents(vae, x_test))
    _, trace = vae.forward(x_test, vae.draw_eps(len(x_test), np.random.default_rng(1)))
    return np.array(history), float((trace.nll + trace.kl).mean())


# %%
def main(quick=False, folder="pictures"):
    """Count latents under five variances; train the deep ones with every remedy; returns the numbers."""
    x = x_train[::20]
    L, steps, counts = (5, 400, (0, 3)) if quick else (8, 800, (0, 1, 3, 4, 7))
    eigenvalues = probabilistic_pca(x, L).eigenvalues
    print(f"eigenvalues of {len(x)} digits:", np.round(eigenvalues[:9], 3))
    linear, expected, error = {}, {}, 0.0
    for k in counts:
        s2 = float((eigenvalues[k - 1] + eigenvalues[k]) / 2) if k else 1.2 * float(eigenvalues[0])
        kl = np.sort(linear_run(x, s2, L, steps))[::-1]
        on_paper = np.log(np.maximum(eigenvalues[:L] / s2, 1)) / 2
        error = max(error, float(np.abs(kl - on_paper).max()))
        linear[s2], expected[s2] = int((kl > IN_USE).sum()), int((eigenvalues[:L] > s2).sum())
        print(f"s2 = {s2:.3f}: {expected[s2]} eigenvalues above it, {linear[s2]} latents in use")
        print(f"  KL of each latent           {np.round(kl, 3)}\n  on paper, log(lam / s2) / 2 {np.round(on_paper, 3)}")

    deep, numbers = {}, {}
    for network in list(NETWORKS)[:1] if quick else NETWORKS:
        deep[network] = {}
        print(f"\n{network:<32}{'KL at epoch 20':>15}{'at 40':>8}{'at the end':>12}{'in use':>8}{'test loss':>11}")
        for remedy in REMEDIES:
            history, loss = deep[network][remedy] = deep_run(network, remedy, 40 if quick else 100)
            kl = history.sum(axis=1)
            in_use = int((history[-1] > IN_USE).sum())
            print(f"  {remedy:<30}{kl[19]:>15.2f}{kl[39]:>8.2f}{kl[-1]:>12.2f}{in_use:>8}{loss:>11.2f}")
            numbers[network, remedy] = {"kl": kl, "in use": in_use, "loss": loss}
    Path(folder).mkdir(exist_ok=True)
    picture = draw(eigenvalues, linear, deep)
    print("picture:", save_png(picture, Path(folder) / "posterior_collapse.png", colours=256))
    return numbers | {"linear": linear, "expected": expected, "error": error}


# %% [markdown]
# ## What to notice
#
# - In the linear VAE the number of latents in use is the number of eigenvalues above s2, and the KL of each is log(lam
#   / s2) / 2 nats. No training trick changes that, because it is the optimum. ½ Σ (x̂ - x)² on pixels from 0 to 1
#   means s2 = 1, above every eigenvalue of the digits: all collapse, rightly.
# - In the deep ones collapse is a place to get stuck in. The ReLU network is at KL 0 for fifty epochs and then climbs
#   out; the tanh network never does. Both have better optima, as the other curves show.
# - Warm-up gives the decoder time to learn to read the code. For the first network that is all it needs; in the second
#   the KL comes back before anything has been learned, and takes all.
# - Free bits never let the KL push a latent below ¼ nat, so all eight stay alive. That is not free: some carry their
#   quarter of a nat only because it costs nothing, and the loss is above that of the best warm-up.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(eigenvalues, linear, deep):
    """The exact threshold and what training does; the KL through training of the deep ones."""
    figure = new_figure(3.3, "Collapse: by an exact threshold in the linear VAE, by a bad start in deep ones")
    threshold, *panels = figure.subplots(1, 1 + len(deep), width_ratios=[1.1] + [1] * len(deep))
    s2 = np.geomspace(0.1, 1, 400)
    exact = (eigenvalues[: max(8, *linear.values()), None] > s2).sum(axis=0)
    threshold.plot(s2, exact, color=INK, linewidth=1.2)
    threshold.plot(list(linear), list(linear.values()), "o", color=PALETTE[0], markersize=7)
    threshold.text(0.97, 0.92, "eigenvalues above σ²", color=INK, ha="right", transform=threshold.transAxes)
    threshold.text(0.97, 0.82, "latents in use, trained", color=PALETTE[0], ha="right", transform=threshold.transAxes)
    threshold.set(
        xscale="log",
        xlabel="fixed variance of the noise, σ²",
        ylabel="count",
        title="the linear VAE",
        ylim=(-0.5, 10.5),
        yticks=range(0, 9, 2),
    )
    threshold.set_xticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
    threshold.minorticks_off()
    for axes, (network, runs) in zip(panels, deep.items(), strict=True):
        for i, (remedy, (history, loss)) in enumerate(runs.items()):
            colour = REMEDIES[remedy]
            axes.plot(np.arange(1, len(history) + 1), history.sum(axis=1), color=colour)
            text = f"{remedy.split(',')[0]}: {loss:.1f}"
            axes.text(0.97, 0.97 - 0.08 * i, text, color=colour, ha="right", va="top", transform=axes.transAxes, size=9)
        axes.set(xlabel="epoch", ylim=(-0.1, 5.2), title=network)
    panels[0].set_ylabel("KL, nats (numbers: test loss)")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
