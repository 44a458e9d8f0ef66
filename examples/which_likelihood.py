# %% [markdown]
# # Which likelihood?
#
# The reconstruction term is -log p(x|z), and p(x|z) is a choice. The same network, the same digits, six choices:
#
#     ½ Σ (x̂ - x)²              a Gaussian that claims noise of σ = 1 on every pixel, constants left out
#     Σ (x̂ - x)²                the same with σ² = ½. A factor 2 that looks like nothing
#     Gaussian, σ² learned      one number for all pixels, and the data says what it is
#     Gaussian, σ² per pixel     one number for each
#     Bernoulli                 cross-entropy on grey values: a custom, not a density
#     continuous Bernoulli      the same formula with the normaliser that makes it a density
#
# Each prints its loss in nats. Which of these numbers may be compared?

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.figures import new_figure, save_png, style
from npvae.figures.images import draw_sheet, label_rows
from npvae.figures.style import signed

train, test = npvae.load_dataset("digits")
x_train, x_test = train.numpy().astype(np.float64), test.numpy().astype(np.float64)
IMAGE = (8, 8)
CHOICES = {
    "½ Σ (x̂ − x)²": {"likelihood": "gaussian_fixed", "logvar": 0.0},
    "Σ (x̂ − x)²": {"likelihood": "gaussian_fixed", "logvar": np.log(0.5)},
    "Gaussian, σ² learned": {"likelihood": "gaussian_scalar", "logvar": -3.0},
    "Gaussian, σ² per pixel": {"likelihood": "gaussian_pixel", "logvar": -3.0},
    "Bernoulli": {"likelihood": "bernoulli"},
    "continuous Bernoulli": {"likelihood": "continuous_bernoulli"},
}


def new_vae(**choice):
    """64-64-8-64-64 in float64."""
    return npvae.VAE(64, (64,), 8, dtype="float64", backend="numpy", **choice)


def fit(vae, epochs):
    """Train in place with Adam, batches of 128, and return the model."""
    return npvae.train(vae, x_train, epochs=epochs, lr=2e-3, progress=False)


# %% [markdown]
# ## Three traps, as numbers
#
# **The factor 2 is beta.** Σ(x̂ - x)² + KL is twice ½Σ(x̂ - x)² + ½ KL: without the half one trains a beta-VAE of beta
# = ½, to the last digit of the gradient.
#
# **A density depends on the unit.** Give the same pixels as 0 ... 16 in place of 0 ... 1, and the same model with its
# outputs scaled has an nll that is 64 log 16 = 177 nats higher. Nothing has become worse.
#
# **Cross-entropy on grey values is no density.** exp(-nll) should integrate to 1 over a pixel's values; under the
# Bernoulli's formula it integrates to at most ½. That hides at least 64 log 2 = 44 nats.


# %%
def factor_two(rng):
    """Largest difference between the gradients of [Σ(x̂-x)² + KL] and of 2 [½Σ(x̂-x)² + ½ KL], relative."""
    x, eps = x_train[:50], rng.standard_normal((50, 8))
    without_half = new_vae(likelihood="gaussian_fixed", logvar=np.log(0.5))
    with_half = new_vae(likelihood="squared_error", beta=0.5)
    grads = [vae.backward(vae.forward(x, eps)[1]).flat for vae in (without_half, with_half)]
    return float(np.abs(grads[0] - 2 * grads[1]).max() / np.abs(grads[0]).max())


def change_of_unit(vae, rng):
    """By how much the nll of a Gaussian model rises when pixels and outputs are multiplied by 16."""
    eps = rng.standard_normal((len(x_test), 8))
    _, trace = vae.forward(x_test, eps)
    logvar = vae.params["likelihood.logvar"]
    nll, _ = npvae.ops.gaussian_nll_forward(16 * trace.output, logvar + 2 * np.log(16), 16 * x_test)
    return float(np.mean(nll - trace.nll))


def mass_of_a_pixel(forward, logit):
    """Integral of exp(-nll) over a pixel's grey values 0 to 1, by Gauss-Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    x = (nodes[:, None] + 1) / 2
    nll, _ = forward(np.full_like(x, logit), x)
    return float(weights @ np.exp(-nll) / 2)


# %%
def main(quick=False, folder="pictures"):
    """Train six times, compare, and show what may not be compared; returns the numbers."""
    models, rows = {}, {}
    print(f"{'test digits':<24}{'nll':>9}{'KL':>8}{'loss':>9}{'squared error':>15}{'σ':>16}")
    for name, choice in CHOICES.items():
        models[name] = vae = fit(new_vae(**choice), 40 if quick else 300)
        loss, trace = vae.forward(x_test, vae.draw_eps(len(x_test), np.random.default_rng(2)))
        distance = ((vae.decode(trace.z) - x_test) ** 2).sum(axis=1).mean()
        logvar = vae.params["likelihood.logvar"] if "likelihood.logvar" in vae.params else choice.get("logvar")
        sigma = None if logvar is None else np.exp(np.atleast_1d(logvar) / 2)
        rows[name] = {
            "nll": float(trace.nll.mean()),
            "kl": float(trace.kl.mean()),
            "loss": loss,
            "distance": float(distance),
            "sigma": None if sigma is None else float(np.median(sigma)),
        }
        text = "" if sigma is None else f"{sigma.min():.2f}" + (f" to {sigma.max():.2f}" if len(sigma) > 1 else "")
        print(f"{name:<24}" + "{nll:>9.2f}{kl:>8.2f}{loss:>9.2f}{distance:>15.3f}".format(**rows[name]) + f"{text:>16}")
    print("nll, KL and loss in nats per image; squared error: Σ (x̂ - x)², the one ruler that is the same for all\n")

    rng = np.random.default_rng(5)
    unit = change_of_unit(models["Gaussian, σ² learned"], rng)
    masses = {
        name: [mass_of_a_pixel(forward, logit) for logit in (0.0, 1.0, 3.0, 10.0)]
        for name, forward in (
            ("Bernoulli", npvae.ops.bernoulli_nll_forward),
            ("continuous Bernoulli", npvae.ops.continuous_bernoulli_nll_forward),
        )
    }
    greys = np.clip(x_test, 1e-300, 1)
    entropy = float(
        -(x_test * np.log(greys) + (1 - x_test) * np.log(np.clip(1 - x_test, 1e-300, 1))).sum(axis=1).mean()
    )
    numbers = {"rows": rows, "factor two": factor_two(rng), "unit": unit, "masses": masses, "entropy": entropy}
    print(f"gradient of Σ(x̂-x)² + KL against 2 (½Σ(x̂-x)² + ½KL): relative difference {numbers['factor two']:.0e}")
    print(f"pixels from 0 ... 1 to 0 ... 16: nll rises by {unit:.6f}, and 64 log 16 = {64 * np.log(16):.6f}")
    for name, mass in masses.items():
        print(f"integral of exp(-nll) over one pixel, logits 0, 1, 3, 10, {name:<21}", np.round(mass, 4))
    print(f"Bernoulli nll of a perfect reconstruction (x̂ = x): {entropy:.2f} nats, not 0")
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(models, rows), Path(folder) / "which_likelihood.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - ½ Σ (x̂ - x)² on pixels between 0 and 1 collapses: KL 0.00, one grey image for all z. It believes in noise of σ = 1
#   on every pixel (look at its draws), and under such noise no digit is worth a nat of code. "The KL is too strong" is
#   what people say; the variance is what is wrong.
# - Without the half a little gets through. With σ² learned the data itself says σ = 0.11, the KL rises to 15 nats, and
#   the squared error falls to a fifth. No beta had to be tuned.
# - An nll of -44 is not "better" than 21: a density may be larger than 1, and changes with the unit of a pixel. The
#   Bernoulli on greys is not even a density. Only the Gaussians and the continuous Bernoulli, all densities on the
#   same pixels, may be ranked together.
# - The per-pixel σ is smallest where pixels never change, at the border: there the nll can fall without end, and no
#   picture gets better. The library has a floor for it (see npvae/ops/floored_logvar.py).
# - The draws show what the model really believes. Most papers print the means.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(models, rows):
    """Samples of every choice: the decoder's means, and draws of the pixels themselves."""
    figure = new_figure(2.9, "½ Σ (x̂ − x)² believes in so much noise that no digit is worth coding")
    left, right = figure.subplots(1, 2)
    means, draws = (
        [vae.sample(9, np.random.default_rng(4), draw_pixels=pixels).reshape(-1, *IMAGE) for vae in models.values()]
        for pixels in (False, True)
    )
    draw_sheet(left, means)
    draw_sheet(right, draws)
    labels = [f"{name}\nnll {signed(round(row['nll']))}, KL {row['kl']:.1f} nats" for name, row in rows.items()]
    label_rows(left, labels, IMAGE)
    left.set_title("means of p(x|z), z from the prior")
    right.set_title("draws x ~ p(x|z) at the same z")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
