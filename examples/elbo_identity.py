# %% [markdown]
# # The ELBO, line by line, as numbers
#
# The whole derivation of the ELBO is an identity. For any q(z), any model and any x,
#
#     log p(x) = ELBO + KL(q(z) || p(z|x))
#
# and since the KL is never negative, the ELBO is a lower bound. With two latents every integral in it is a sum over a
# fine grid of the plane, the true posterior p(z|x) = p(x|z) p(z) / p(x) included. So each line of the derivation can
# be evaluated, for one digit under a trained model, and must give the same number as the line before.

# %%
import itertools
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae import ops
from npvae.evaluation import Grid, elbo_by_quadrature, log_marginal, log_p_on, posterior_gap, posterior_on
from npvae.figures import new_figure, save_png, style
from npvae.figures.latent_space import ellipses
from npvae.figures.style import INK, PALETTE

train, test = npvae.load_dataset("digits")
x_train, x_test = ((images.numpy() > 0.5).astype(np.float64) for images in (train, test))  # 0 or 1: a true Bernoulli
GRID = Grid.make(2, 0.1, half_width=6.0)  # 121 x 121 points
CELL = 0.1**2

# %% [markdown]
# ## The derivation
#
# E[...] is the mean over q, here the sum over the grid of q(z_i) times the area of a cell.


# %%
def derivation(vae, x):
    """For one digit x (1, 64): the parts, and the lines (name, value) that must all be KL(q || p(z|x)), in nats."""
    z = GRID.z
    mu, logvar = (np.broadcast_to(part, z.shape) for part in vae.encode(x))
    zero = np.zeros_like(z)
    log_q, _ = ops.gaussian_log_density_forward(z, mu, logvar)
    log_prior, _ = ops.gaussian_log_density_forward(z, zero, zero)
    log_lik = -ops.bernoulli_nll_forward(vae.decoder_output(z), np.repeat(x, len(z), axis=0))[0]
    log_joint = log_lik + log_prior
    log_p = np.log(np.exp(log_joint).sum() * CELL)
    log_posterior = log_joint - log_p

    def mean(values):  # E[...]
        return float((np.exp(log_q) * values).sum() * CELL)

    kl_prior = mean(log_q - log_prior)
    lines = [
        ("E[log q(z) - log p(z|x)]", mean(log_q - log_posterior)),
        ("E[log q(z)] - E[log p(z|x)]", mean(log_q) - mean(log_posterior)),
        ("E[log q(z)] - E[log p(x,z)] + log p(x)                        Bayes", mean(log_q) - mean(log_joint) + log_p),
        ("E[log q(z)] - E[log p(x|z)] - E[log p(z)] + log p(x)          p(x,z) = p(x|z) p(z)",
         mean(log_q) - mean(log_lik) - mean(log_prior) + log_p),
        ("KL(q || p(z)) - E[log p(x|z)] + log p(x)                      the two log-densities of z together",
         kl_prior - mean(log_lik) + log_p),
        ("log p(x) - ELBO,   ELBO = E[log p(x|z)] - KL(q || p(z))", float(log_p - (mean(log_lik) - kl_prior))),
    ]  # fmt: skip
    return {"log p": float(log_p), "log lik": mean(log_lik), "kl prior": kl_prior, "mass of q": mean(1.0)}, lines


def three_forms(vae, x):
    """The ELBO (N,) three times, by ways that share nothing but the model."""
    _, logvar = vae.encode(x)
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()
    entropy = (logvar + np.log(2 * np.pi * np.e)).sum(axis=1) / 2  # of q, in nats
    joint = np.zeros(len(x))
    for a, wa in zip(nodes, weights, strict=True):
        for b, wb in zip(nodes, weights, strict=True):
            _, trace = vae.forward(x, np.tile([a, b], (len(x), 1)))
            zero = np.zeros_like(trace.z)
            joint += wa * wb * (ops.gaussian_log_density_forward(trace.z, zero, zero)[0] - trace.nll)
    return {
        "E[log p(x,z)] + entropy of q": joint + entropy,
        "E[log p(x|z)] - KL(q || p(z))": elbo_by_quadrature(vae, x),  # the KL from its formula
        "log p(x) - KL(q || p(z|x))": log_p_on(vae, x, GRID) - posterior_gap(vae, x, GRID),  # both on the grid
    }


# %% [markdown]
# ## Through training


# %%
def fit_and_watch(epochs, moments, watched):
    """Train 64-64-2 with tanh; returns the model and, at each moment, log p, gap, and what the picture shows."""
    vae = npvae.VAE(64, (64,), 2, "tanh", dtype="float64", backend="numpy")
    rng = np.random.default_rng(0)
    adam = npvae.Adam(vae.params, lr=3e-3, backend="numpy")
    history = []
    for epoch in itertools.count():
        if epoch in moments:
            log_p, gap = log_p_on(vae, watched, GRID), posterior_gap(vae, watched, GRID)
            mu, logvar = vae.encode(watched)
            history.append({"epoch": epoch, "log p": log_p, "gap": gap, "mu": mu, "var": np.exp(logvar),
                            "posterior": posterior_on(vae, watched[:1], GRID)[0]})  # fmt: skip
        if epoch == epochs:
            return vae, history
        for x in npvae.minibatches(x_train, 128, rng):
            _, trace = vae.forward(x, vae.draw_eps(len(x), rng))
            adam.step(vae.backward(trace))


# %%
def main(quick=False, folder="pictures"):
    """Train, evaluate every line, watch the gap; returns the numbers."""
    epochs, count = (20, 6) if quick else (300, 40)
    moments = [m for m in (0, 1, 2, 4, 8, 12, 20, 35, 60, 100, 170, 300) if m <= epochs]
    watched = x_test[17 : 17 + count]  # the first is a typical one: its gap is near the mean through all of training
    vae, history = fit_and_watch(epochs, moments, watched)
    x = watched[:1]
    parts, lines = derivation(vae, x)
    print(f"one digit: log p(x) = {parts['log p']:.6f}, E[log p(x|z)] = {parts['log lik']:.6f}, "
          f"KL(q || p(z)) = {parts['kl prior']:.6f} nats")  # fmt: skip
    print("KL(q || p(z|x)), line by line:")
    for text, value in lines:
        print(f"  {value:12.9f} = {text}")
    forms = three_forms(vae, watched)
    print(f"\nthe ELBO in three forms, mean over {count} digits")
    for text, values in forms.items():
        print(f"  {values.mean():12.6f} = {text}")
    values = np.array(list(forms.values()))
    spread = float(np.ptp(values, axis=0).max())
    marginal = log_marginal(vae, watched[:4], tolerance=1e-6)
    moved = float(np.abs(marginal.log_p - history[-1]["log p"][:4]).max())
    print(f"largest difference for any digit: {spread:.0e} nats; a finer grid moves log p(x) by {moved:.0e}")
    gaps = [float(moment["gap"].mean()) for moment in history]
    print("\nmean gap through training: " + ", ".join(f"{m}: {g:.3f}" for m, g in zip(moments, gaps, strict=True)))
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(history), Path(folder) / "elbo_identity.png", colours=256))
    return {
        "parts": parts,
        "lines": [value for _, value in lines],
        "spread": spread,
        "moved": moved,
        "gaps": gaps,
        "smallest gap": float(min(moment["gap"].min() for moment in history)),
        "log p": [float(moment["log p"].mean()) for moment in history],
    }


# %% [markdown]
# ## What to notice
#
# - Every line is the same number. Nothing in the derivation is approximate, and nothing asks q to be good: a bad q has
#   a large KL and a low ELBO, and they still add up to log p(x).
# - Three forms, one value: with the joint and the entropy of q, with the reconstruction and the KL to the prior, and
#   as log p(x) minus the gap. A program that computes two of them can test itself.
# - To raise the ELBO is to raise log p(x) or to close the gap. log p(x) alone cannot be computed; the gap alone would
#   not train the decoder. Both come out of one gradient.
# - The true posterior narrows as the decoder learns, and need not be an ellipse along the axes; q must be. Late in
#   training the gap on test digits grows again: the decoder has become sharper than the encoder can follow on digits
#   that it has not seen.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(history):
    """The true posterior of one digit with q's ellipse, at five moments; log p, ELBO and gap through training."""
    figure = new_figure(5.3, "log p(x) = ELBO + KL(q || p(z|x)): the gap is how far q is from the true posterior")
    above, below = figure.subfigures(2, 1, height_ratios=[2.4, 2.9])
    shown = [history[i] for i in np.unique(np.linspace(0, len(history) - 1, 5).round().astype(int))]
    side = np.unique(GRID.z[:, 0])
    for axes, moment in zip(above.subplots(1, len(shown), sharey=True), shown, strict=True):
        density = moment["posterior"].reshape(len(side), len(side)).T
        axes.contourf(side, side, density / density.max(), levels=[0.05, 0.2, 0.4, 0.6, 0.8, 1.01], cmap="Greys")
        for sigmas in (1, 2):
            (outline,) = ellipses(moment["mu"][:1], np.diag(moment["var"][0])[None], sigmas)
            axes.plot(*np.vstack([outline, outline[:1]]).T, color=PALETTE[0], linewidth=1.4)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="z1")
        axes.set_title(f"epoch {moment['epoch']}, gap {moment['gap'][0]:.2f}", size=9)
    above.axes[0].set_ylabel("z2")
    curve, gap = below.subplots(1, 2)
    epochs = [max(moment["epoch"], 0.5) for moment in history]
    log_p = np.array([moment["log p"].mean() for moment in history])
    gaps = np.array([moment["gap"].mean() for moment in history])
    curve.plot(epochs, log_p, color=INK)
    curve.plot(epochs, log_p - gaps, color=PALETTE[0])
    curve.fill_between(epochs, log_p - gaps, log_p, color=PALETTE[0], alpha=0.2, linewidth=0)
    curve.text(0.95, 0.32, "log p(x)", color=INK, transform=curve.transAxes, ha="right")
    curve.text(0.95, 0.2, "ELBO", color=PALETTE[0], transform=curve.transAxes, ha="right")
    curve.set(
        xscale="log", xlabel="epoch (0 drawn at ½)", ylabel="nats", title="the bound and what it bounds, test digits"
    )
    gap.plot(epochs, gaps, color=PALETTE[0])
    gap.set(xscale="log", xlabel="epoch", ylim=(0, None), title="the gap, mean over test digits, nats")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
