# %% [markdown]
# # Why log-variance?
#
# The encoder's second output h may be any real number; a standard deviation must be positive. Three ways to read h:
#
#     std = h                     dh = dstd                            std must not reach 0
#     var = h,    std = sqrt(h)   dh = dstd / (2 std)                  var must not reach 0
#     logvar = h, std = exp(h/2)  dh = dstd * std / 2                  h is free
#
# All three describe the same distributions. They differ in what one step of gradient descent does, because the KL
# contains -log(std), whose slope is -1 / std: near 0, a network that outputs std or var makes huge steps; one that
# outputs logvar never gets there.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae import ops
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import PALETTE
from npvae.gradcheck import gradcheck
from npvae.models.mlp import mlp_backward, mlp_forward

train, _ = npvae.load_dataset("digits")
x_train = train.numpy().astype(np.float64)
COLOURS = {"std": PALETTE[6], "var": PALETTE[4], "logvar": PALETTE[0]}

# %% [markdown]
# ## Three readings of h, forward and backward


# %%
def std_forward(h, reading):
    """h (N, L) -> std (N, L)."""
    if reading == "std":
        std = h * 1
    elif reading == "var":
        std = np.sqrt(h)
    else:
        std = np.exp(h / 2)
    return std, (std, reading)


def std_backward(dstd, cache):
    """dstd (N, L) -> dh (N, L)."""
    std, reading = cache
    if reading == "std":
        return dstd * 1
    if reading == "var":
        return dstd / (2 * std)
    return dstd * std / 2


def kl_forward(mu, std):
    """KL(N(mu, std^2) || N(0, I)) in nats, (N,): (std^2 + mu^2 - 1)/2 - log(std), summed over the latents."""
    return ((std**2 + mu**2 - 1) / 2 - np.log(std)).sum(axis=1), (mu, std)


def kl_backward(dkl, cache):
    """dkl (N,) -> dmu, dstd (N, L)."""
    mu, std = cache
    return dkl[:, None] * mu, dkl[:, None] * (std - 1 / std)


def check(reading, rng):
    """Does the way from (mu, h) to the KL agree with finite differences?"""

    def forward(mu, h):
        std, std_cache = std_forward(h, reading)
        kl, kl_cache = kl_forward(mu, std)
        return kl, (std_cache, kl_cache)

    def backward(dkl, cache):
        dmu, dstd = kl_backward(dkl, cache[1])
        return dmu, std_backward(dstd, cache[0])

    return gradcheck(forward, backward, (rng.standard_normal((4, 3)), 0.5 + rng.random((4, 3))))


# %% [markdown]
# ## The same VAE, three times
#
# 64-64-8-64-64, Adam, the digits. The biases of h start so that std starts at 1 in all three, and beta is small, so
# that the posteriors get narrow: which is what you want from a code that says something.


# %%
def train_until_it_breaks(reading, epochs, lr=3e-3, beta=0.1, L=8):
    """(smallest and largest h of every step; step at which the loss is no number, or None; last loss)."""
    params = npvae.VAE(64, (64,), L, dtype="float64", backend="numpy").params  # the network; the rest is below
    rng = np.random.default_rng(0)
    params["encoder.1.b"][L:] = {"std": 1, "var": 1, "logvar": 0}[reading]
    adam, grads, ends = npvae.Adam(params, lr=lr, backend="numpy"), params.like(), []
    loss = np.nan
    for _ in range(epochs):
        for x in npvae.minibatches(x_train, 128, rng):
            N = len(x)
            head, encoder_cache = mlp_forward(ops, x, params, "encoder", 2, "relu")
            mu, h = head[:, :L], head[:, L:]
            ends.append((h.min(), h.max()))
            if reading != "logvar" and h.min() <= 0:  # log and sqrt of it: nan or -inf from here on
                return np.array(ends), len(ends), loss
            std, std_cache = std_forward(h, reading)
            z, z_cache = ops.reparameterize_forward(mu, std, rng.standard_normal((N, L)))
            logits, decoder_cache = mlp_forward(ops, z, params, "decoder", 2, "relu")
            nll, nll_cache = ops.bernoulli_nll_forward(logits, x)
            kl, kl_cache = kl_forward(mu, std)
            loss = float(np.mean(nll + beta * kl))

            dmu_kl, dstd_kl = kl_backward(np.full(N, beta / N), kl_cache)
            dlogits = ops.bernoulli_nll_backward(np.full(N, 1 / N), nll_cache)
            dz = mlp_backward(ops, dlogits, decoder_cache, grads, "decoder")
            dmu_z, dstd_z = ops.reparameterize_backward(dz, z_cache)
            dh = std_backward(dstd_z + dstd_kl, std_cache)
            mlp_backward(ops, np.concatenate([dmu_z + dmu_kl, dh], axis=1), encoder_cache, grads, "encoder")
            adam.step(grads)
    return np.array(ends), None, loss


# %%
def main(quick=False, folder="pictures"):
    """Show that the readings agree, and where they part; returns the numbers."""
    numbers = {}
    rng = np.random.default_rng(1)
    print("one posterior, mu = 0.3, std = 0.2, in three readings; five draws with the same eps")
    eps = rng.standard_normal(5)
    for reading, h in (("std", 0.2), ("var", 0.2**2), ("logvar", np.log(0.2**2))):
        std, _ = std_forward(np.array([[h]]), reading)
        draws = 0.3 + std[0, 0] * eps
        numbers[reading] = {"draws": draws, "gradient": bool(check(reading, rng))}
        print(
            f"  h = {reading:<7}{h:+8.3f}   z", np.round(draws, 3), "  gradient checked:", numbers[reading]["gradient"]
        )

    print("\ndKL/dh at a given std")
    stds = np.array([1e-3, 1e-2, 0.1, 1.0, 10.0])
    print(f"  {'std':<10}" + "".join(f"{s:>12g}" for s in stds))
    for reading in COLOURS:
        numbers[reading]["pull"] = std_backward(stds - 1 / stds, (stds, reading))
        print(f"  h = {reading:<6}" + "".join(f"{g:>12.4g}" for g in numbers[reading]["pull"]))

    print("\nthe same VAE trained with each")
    runs = {}
    for reading in COLOURS:
        runs[reading] = train_until_it_breaks(reading, 20 if quick else 200)
        ends, broken, loss = runs[reading]
        numbers[reading] |= {"broken": broken, "steps": len(ends), "loss": loss}
        end = (
            f"h = {ends[-1, 0]:.3f} at step {broken}: no log, no root"
            if broken
            else f"runs to the end, {len(ends)} steps"
        )
        print(f"  h = {reading:<7} {end}, last loss {loss:.2f}")
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(runs), Path(folder) / "why_log_variance.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - The three readings give the same draws, to the last digit. It is not about which posteriors there are, but about
#   how a step moves between them.
# - At std = 0.001 the KL pulls with -1,000 on std, with half a million on var, and with -1/2 on logvar: a step of
#   equal size multiplies std by an equal factor, wherever it starts.
# - With h = std or var, one step of Adam is as long near the wall as far from it, and some step crosses it. What
#   people then do (abs, a clip, + 1e-6, a softplus) are all ways of not having a wall there.
# - A network that outputs logvar and is read as log-std differs by the factor 2 in the exponent. Both train. The
#   lesson on bugs shows what tells them apart.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(runs):
    """The pull of the KL on h in the three readings; the smallest std of every step."""
    figure = new_figure(3.6, "The same posterior, three outputs: only log σ² cannot run into a wall")
    left, right = figure.subplots(1, 2)
    std = np.geomspace(0.003, 4, 300)
    for reading, text, place in (
        ("std", "σ", (0.02, 70)),
        ("var", "σ²", (0.035, 2500)),
        ("logvar", "log σ²", (0.02, 0.9)),
    ):
        dh = std_backward(std - 1 / std, (std, reading))
        left.loglog(std, np.abs(dh), color=COLOURS[reading])
        left.annotate(f"h = {text}", place, color=COLOURS[reading])
    left.set(xlabel="σ", ylabel="|dKL/dh|", title="the KL's pull on the output h", ylim=(1e-2, 1e5))

    for reading, (ends, broken, _) in runs.items():
        smallest = np.exp(ends[:, 0] / 2) if reading == "logvar" else np.maximum(ends[:, 0], 0)
        smallest = np.sqrt(smallest) if reading == "var" else smallest
        steps = np.arange(1, len(ends) + 1)
        right.plot(steps, smallest, color=COLOURS[reading], linewidth=1.2)
        if broken:
            right.plot(broken, 0, "X", color=COLOURS[reading], markersize=10, clip_on=False, zorder=3)
    last = len(runs["logvar"][0])
    for i, (reading, text) in enumerate((("std", "σ"), ("var", "σ²"), ("logvar", "log σ²"))):
        broken = runs[reading][1]
        end = f"breaks at step {broken}" if broken else f"still trains at step {last}"
        right.text(
            0.98, 0.93 - 0.08 * i, f"h = {text}: {end}", color=COLOURS[reading], ha="right", transform=right.transAxes
        )
    right.set(xscale="log", xlabel="training step", ylabel="smallest σ of the batch", ylim=(0, 1.5))
    right.set_title("training: where h leaves what it may be")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
