# %% [markdown]
# # One digit, there and back: where each gradient comes from
#
# A trained VAE, one digit, one draw of eps. Every value on the way to the loss, and every gradient on the way back.
#
# The loss is a sum, nll + kl, so every gradient is a sum too: what the reconstruction wants and what the KL wants. The
# backward pass is linear in what it starts from. Started with (dnll, dkl) = (1, 0) it brings back the first part, with
# (0, 1) the second; so both can be followed line by line, down to the weights of the first layer, each compared with
# the finite difference of its own term.

# %%
import os
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.figures import new_figure, save_png, style
from npvae.figures.style import INK, PALETTE, signed, without_axes

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)


def fit(vae, epochs):
    """Train in place with Adam, batches of 128, and return the model."""
    return npvae.train(vae, x_train, epochs=epochs, lr=2e-3, progress=False)


# %% [markdown]
# ## Forward
#
# 64 pixels, 32 hidden units, 2 latents, and the same back. `add` is zero, except when finite differences nudge one
# value to see what the two terms of the loss do.


# %%
def forward(params, x, eps, add=None):
    """x (1, 64), eps (1, 2) -> every value by name."""
    add = defaultdict(float) if add is None else add
    x = x + add["x"]
    a1 = x @ (params["encoder.0.W"] + add["W1"]) + params["encoder.0.b"] + add["a1"]  # (1, 32)
    h1 = np.maximum(a1, 0) + add["h1"]
    head = h1 @ params["encoder.1.W"] + params["encoder.1.b"]  # (1, 4)
    mu = head[:, :2] + add["mu"]
    logvar = head[:, 2:] + add["logvar"]
    std = np.exp(logvar / 2) + add["std"]
    z = mu + std * eps + add["z"]
    a2 = z @ params["decoder.0.W"] + params["decoder.0.b"]  # (1, 32)
    h2 = np.maximum(a2, 0)
    logits = h2 @ params["decoder.1.W"] + params["decoder.1.b"] + add["logits"]  # (1, 64)
    target = x - add["x"]  # the digit is an input and a target; the nudge is to the input
    nll = (np.logaddexp(0, logits) - target * logits).sum()
    kl = (np.exp(logvar) + mu**2 - 1 - logvar).sum() / 2
    return SimpleNamespace(**locals())


# %% [markdown]
# ## Backward
#
# From the bottom up, started with whatever (dnll, dkl) is asked for.


# %%
def backward(params, v, dnll, dkl):
    """Every gradient by name, in the order in which the backward pass reaches it."""
    p = 1 / (1 + np.exp(-v.logits))
    dlogits = dnll * (p - v.target)
    dh2 = dlogits @ params["decoder.1.W"].T
    da2 = dh2 * (v.a2 > 0)
    dz = da2 @ params["decoder.0.W"].T
    dstd = dz * v.eps
    dmu = dz * 1 + dkl * v.mu
    dlogvar = dstd * v.std / 2 + dkl * (np.exp(v.logvar) - 1) / 2
    dhead = np.concatenate([dmu, dlogvar], axis=1)
    dh1 = dhead @ params["encoder.1.W"].T
    da1 = dh1 * (v.a1 > 0)
    dW1 = v.x.T @ da1
    dx = da1 @ params["encoder.0.W"].T
    return {"logits": dlogits, "z": dz, "std": dstd, "mu": dmu, "logvar": dlogvar,
            "h1": dh1, "a1": da1, "W1": dW1, "x": dx}  # fmt: skip


def differences(params, v, name, shape, h=1e-5):
    """Central differences of nll and of kl by one value, each of its shape."""
    dnll, dkl = np.empty(shape), np.empty(shape)
    for index in np.ndindex(shape):
        nudge = np.zeros(shape)
        nudge[index] = h
        up = forward(params, v.target, v.eps, defaultdict(float, {name: nudge}))
        down = forward(params, v.target, v.eps, defaultdict(float, {name: -nudge}))
        dnll[index], dkl[index] = (up.nll - down.nll) / (2 * h), (up.kl - down.kl) / (2 * h)
    return dnll, dkl


# %%
THERE, BACK = INK, PALETTE[6]


# %%
def main(quick=False, folder="pictures"):
    """Train, walk one digit, check every part; returns the numbers."""
    vae = fit(npvae.VAE(64, (32,), 2, dtype="float64", backend="numpy"), 25 if quick else 300)
    eps = np.array([[-0.83, 0.61]])  # one draw, written down
    v = forward(vae.params, x_test[[7]], eps)
    parts = {
        name: (reconstruction, prior)
        for (name, reconstruction), prior in zip(
            backward(vae.params, v, 1, 0).items(), backward(vae.params, v, 0, 1).values(), strict=True
        )
    }
    print(f"nll {v.nll:.4f} + kl {v.kl:.4f} = loss {v.nll + v.kl:.4f} nats\n")
    print(f"{'gradient':<12}{'reconstruction':>15}{'difference':>12}{'KL':>12}{'difference':>12}{'sum':>12}")
    worst = 0.0
    for name, (reconstruction, prior) in parts.items():
        numeric = differences(vae.params, v, name, reconstruction.shape)
        error = max(np.abs(numeric[0] - reconstruction).max(), np.abs(numeric[1] - prior).max())
        worst = max(worst, error / max(np.abs(reconstruction + prior).max(), 1e-3))
        if reconstruction.size == 2:  # entry by entry
            rows = [(f"d{name}[{i}]", *(part[0, i] for part in (reconstruction, numeric[0], prior, numeric[1])))
                    for i in range(2)]  # fmt: skip
        else:  # lengths
            rows = [(f"|d{name}|", *map(np.linalg.norm, (reconstruction, numeric[0], prior, numeric[1])))]
        for label, a, a_numeric, b, b_numeric in rows:
            total = a + b if reconstruction.size == 2 else np.linalg.norm(reconstruction + prior)
            print(f"{label:<12}{a:>15.6f}{a_numeric:>12.6f}{b:>12.6f}{b_numeric:>12.6f}{total:>12.6f}")
    print(f"largest relative error of any entry of any part: {worst:.0e}")

    _, trace = vae.forward(v.x, eps)
    same = float(np.abs(vae.backward(trace)["encoder.0.W"] - sum(parts["W1"])).max())
    print(f"the model's own dW1 differs by {same:.0e}")
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(v, parts), Path(folder) / "one_digit.png", colours=256))
    return {"worst": worst, "same as the model": same, "parts": parts, "mu": v.mu, "logvar": v.logvar}


# %% [markdown]
# ## What to notice
#
# - The KL's part of dmu is mu itself: it pulls every mean to 0 like a spring. Its part of dlogvar is (var - 1) / 2: it
#   asks for a larger variance wherever there is less than 1, and never with more than half a nat.
# - The reconstruction's part changes with eps: of dmu it is dz, whatever the draw, of dlogvar it is dz * eps * std /
#   2.
# - The decoder gets nothing from the KL, and dlogits is simply the predicted pixel minus the true one: p - x.
# - From mu and logvar down, both parts run through the same weights, and only their sum is ever computed. If a path is
#   forgotten (say, dmu without its KL part), the loss still falls; only finite differences notice.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(v, parts):
    """The whole journey above; the two parts of dmu and dlogvar below."""
    figure = new_figure(6.3, "One digit's way to the loss, and the gradient's way back")
    above, below = figure.subfigures(2, 1, height_ratios=[3.6, 2.7])
    axes = above.subplots()
    axes.set(xlim=(0, 12), ylim=(0, 5.2))
    without_axes(axes)
    whole = {name: reconstruction + prior for name, (reconstruction, prior) in parts.items()}

    def image(x, y, values, **how):
        inset = axes.inset_axes((x - 0.8, y - 0.9, 1.6, 1.8), transform=axes.transData)
        inset.imshow(values.reshape(8, 8), **how)
        without_axes(inset)

    def numbers(x, y, rows, colour):
        lines = [f"{name} = ({signed(round(a, 2))}, {signed(round(b, 2))})" for name, ((a, b),) in rows]
        axes.text(x, y, "\n".join(lines), ha="center", va="center", color=colour, size=8.5)

    columns = {"input x": 0.9, "encode": 3.36, "z = μ + σε": 6.24, "decode": 8.7, "loss, in nats": 11.1}
    for title, place in columns.items():
        axes.text(place, 4.95, title, ha="center", weight="bold")
    x, code, draw_z, decoded, loss = columns.values()
    image(x, 3.7, v.x, vmin=0, vmax=1)
    numbers(code, 3.7, [("μ", v.mu), ("log σ²", v.logvar), ("σ", v.std)], THERE)
    numbers(draw_z, 3.7, [("ε", v.eps), ("z", v.z)], THERE)
    image(decoded, 3.7, 1 / (1 + np.exp(-v.logits)), vmin=0, vmax=1)
    text = f"nll {v.nll:.2f}\n+ kl {v.kl:.2f}\n= {v.nll + v.kl:.2f}"
    axes.text(loss, 3.7, text, ha="center", va="center", color=THERE)

    axes.text(loss, 1.2, "dnll = 1\ndkl = 1", ha="center", va="center", color=BACK)
    for place, name, caption in ((decoded, "logits", "dlogits = p − x"), (x, "x", "dx")):
        far = np.abs(whole[name]).max()
        image(place, 1.2, whole[name], cmap="PuOr", vmin=-far, vmax=far)
        axes.text(place, -0.1, caption, ha="center", color=BACK)
    numbers(draw_z, 1.2, [("dz", whole["z"]), ("dσ = dz·ε", whole["std"])], BACK)
    numbers(code, 1.2, [("dμ", whole["mu"]), ("dlog σ²", whole["logvar"])], BACK)
    for left, right in ((1.8, 2.15), (4.6, 4.95), (7.5, 7.85), (9.65, 10.2)):
        for (start, end), y, colour in (((left, right), 3.7, THERE), ((right, left), 1.2, BACK)):
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4}
            axes.annotate("", (end, y), (start, y), arrowprops=arrow)

    left, right = below.subplots(1, 2, width_ratios=[1.4, 1])
    names = ("dμ1", "dμ2", "dlog σ²1", "dlog σ²2")
    bars = [np.concatenate([parts["mu"][i][0], parts["logvar"][i][0]]) for i in range(2)]
    for i, (values, label) in enumerate(zip([*bars, sum(bars)], ("reconstruction", "KL", "sum"), strict=True)):
        left.bar(np.arange(4) + 0.27 * (i - 1), values, 0.25, color=(PALETTE[0], PALETTE[1], INK)[i], label=label)
    left.axhline(0, color=INK, linewidth=0.8)
    left.margins(y=0.3)
    left.set_xticks(range(4), names)
    left.set(title="each gradient is the sum of two wishes", ylabel="nats per unit")
    left.legend(frameon=False, ncols=3, loc="upper right", columnspacing=1.2)

    places = ("mu", "logvar", "h1", "W1", "x")
    for i, label in enumerate(("reconstruction", "KL")):
        norms = [np.linalg.norm(parts[name][i]) for name in places]
        right.barh(np.arange(5) + 0.2 * (2 * i - 1), norms, 0.36, color=(PALETTE[0], PALETTE[1])[i], label=label)
    right.set_yticks(range(5), [f"d{name}" for name in places])
    right.invert_yaxis()
    right.set(title="both parts go down to the pixels", xlabel="length of the gradient")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
