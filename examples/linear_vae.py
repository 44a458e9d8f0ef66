# %% [markdown]
# # The linear VAE: where the gap closes
#
# One affine map in each direction, and Gaussian noise. It is the one VAE for which everything has a closed form,
# because its decoder is probabilistic PCA (Tipping & Bishop 1999):
#
#     x = z W + m + noise of variance s2        so x ~ N(m, W'W + s2 I), and log p(x) is a formula
#     p(z|x) is a Gaussian                      so q can equal it, and the ELBO can equal log p(x)
#
# The optimum has a closed form in the eigenvalues of the data's covariance. A VAE started anywhere must end there.

# %%
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for matrices this small, one thread is the fastest
import numpy as np

import npvae
from npvae.evaluation import cubature_eps, probabilistic_pca, set_to_ppca
from npvae.figures import new_figure, save_png, style
from npvae.figures.images import label_rows
from npvae.figures.style import INK, PALETTE, without_axes
from npvae.models import LinearVAE

train, _ = npvae.load_dataset("digits")
x = train.numpy()[::5].astype(np.float64)  # (301, 64), grey values from 0 to 1: nats depend on this unit
N, D, L = *x.shape, 2

# %% [markdown]
# ## log p(x), and an ELBO without noise
#
# The loss is quadratic in eps. For such functions the mean over the four points ±√2 along each axis is the mean over
# N(0, I), exactly: passed to the ordinary forward in place of draws, they make the loss and its gradients exact.


# %%
def log_p(model):
    """The mean log-likelihood of the digits under the model's own W, m and s2, in nats."""
    W, m = model.params["decoder.W"], model.params["decoder.b"]
    covariance = W.T @ W + np.exp(model.params["likelihood.logvar"]) * np.eye(D)
    r = x - m
    _, log_det = np.linalg.slogdet(covariance)
    return float(-(D * np.log(2 * np.pi) + log_det + np.mean((r @ np.linalg.inv(covariance) * r).sum(axis=1))) / 2)


def elbo(model):
    """The exact mean ELBO of the digits, in nats, and the model's exact gradients."""
    loss, trace = model.forward(x, cubature_eps(N, L))
    return -loss, model.backward(trace)


def train_it(steps, decay):
    """From a random start by Adam, its step falling by `decay` in all -> model, rows (step, log p, ELBO)."""
    model = LinearVAE(D, L, dtype="float64", backend="numpy", seed=3)
    adam, history = npvae.Adam(model.params, lr=0.03, betas=(0.9, 0.9), backend="numpy"), []
    for step in range(steps + 1):
        bound, grads = elbo(model)
        if step == steps or step % 5 == 0:
            history.append((step, log_p(model), bound))
        adam.lr = 0.03 * decay ** (step / steps)
        adam.step(grads)
    return model, np.array(history)


# %%
def same_plane(W, U):
    """Smallest cosine between the planes that the rows of W and of U span: 1 if they are one plane."""
    a, b = (np.linalg.qr(rows.T)[0] for rows in (W, U))
    return float(np.linalg.svd(a.T @ b, compute_uv=False).min())


# %%
def main(quick=False, folder="pictures"):
    """Check the closed form, train to it, compare; returns the numbers."""
    solution = probabilistic_pca(x, L)
    exact = LinearVAE(D, L, dtype="float64", backend="numpy")
    set_to_ppca(exact, solution)
    bound, grads = elbo(exact)
    numbers = {
        "best": solution.log_likelihood,
        "gap at closed form": log_p(exact) - bound,
        "gradient at closed form": float(np.abs(grads.flat).max()),
    }
    one_draw, trace = exact.forward(x, exact.draw_eps(N, np.random.default_rng(0)))
    numbers["gradient of one draw"] = float(np.abs(exact.backward(trace).flat).max())
    print(f"the closed form: log p(x) = {solution.log_likelihood:.9f} nats per digit, s2 = {solution.s2:.6f}")
    print(
        f"  the VAE there: log p(x) = {log_p(exact):.9f}, ELBO = {bound:.9f}, gap {numbers['gap at closed form']:.0e}"
    )
    print(f"  largest gradient, exact over eps: {numbers['gradient at closed form']:.0e}; "
          f"with one draw of eps: {numbers['gradient of one draw']:.2f}, and -ELBO {one_draw:.3f}")  # fmt: skip

    model, history = train_it(500, 0.1) if quick else train_it(2500, 0.003)
    for row in (0, 10, 25, len(history) // 3, len(history) - 1):
        step, at, bound = history[row]
        print(f"trained, step {step:5.0f}: log p(x) {at:12.6f}   ELBO {bound:12.6f}   gap {at - bound:.1e}")
    numbers |= {
        "gap": float(history[-1, 1] - history[-1, 2]),
        "first gap": float(history[0, 1] - history[0, 2]),
        "below best": float(solution.log_likelihood - history[-1, 1]),
        "bound holds": bool((history[:, 2] <= history[:, 1] + 1e-9).all()),
        "cosine": same_plane(model.params["decoder.W"], solution.W),
        "s2": float(np.exp(model.params["likelihood.logvar"])),
        "best s2": solution.s2,
    }
    print(f"below the closed form by {numbers['below best']:.1e} nats; s2 = {numbers['s2']:.6f}; "
          f"the plane of W agrees to a cosine of {numbers['cosine']:.9f}")  # fmt: skip
    Path(folder).mkdir(exist_ok=True)
    print("picture:", save_png(draw(history, model, solution), Path(folder) / "linear_vae.png", colours=256))
    return numbers


# %% [markdown]
# ## What to notice
#
# - At the closed form every gradient is zero to 14 digits, and the ELBO is log p(x) to 14 digits: nothing is lost by
#   q, because the true posterior is a Gaussian along the axes for this W. That is as far as a bound can go.
# - One random draw of eps leaves gradients of 0.4 at the very optimum. Noise, not error; but a test that says "the
#   gradient is zero here" needs the exact mean over eps.
# - From a random start it takes a while: the plane of the two directions is found early; turning them within the
#   plane, until the posterior lies along the axes, is what closes the last gap.
# - The learned rows of W are the principal components, up to order and sign. A linear autoencoder finds the same plane
#   and stops there, in any basis: the KL is what turns them.

# %% [markdown]
# ## Drawing
#
# The rest of the script draws the picture.


# %%
@style()
def draw(history, model, solution):
    """ELBO and log p through training, their gap, and the learned directions beside the closed form's."""
    figure = new_figure(3.4, "The linear VAE: the ELBO reaches log p(x), and both the best there is")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.2, 1, 0.9])
    step, log_likelihood, bound = history.T
    left.axhline(solution.log_likelihood, color=PALETTE[6], linewidth=1)
    left.plot(step, log_likelihood, color=INK)
    left.plot(step, bound, color=PALETTE[0])
    best = solution.log_likelihood
    left.set(ylim=(best - 40, best + 6), xlim=(-10, 400), xlabel="step", title="nats per digit")
    left.text(0.97, 0.92, "closed form", color=PALETTE[6], ha="right", transform=left.transAxes)
    left.text(0.97, 0.62, "log p(x)", color=INK, ha="right", transform=left.transAxes)
    left.text(0.97, 0.52, "ELBO", color=PALETTE[0], ha="right", transform=left.transAxes)
    middle.semilogy(step, log_likelihood - bound, color=PALETTE[0])
    middle.semilogy(step, np.maximum(best - log_likelihood, 1e-12), color=INK)
    middle.text(0.95, 0.9, "gap: log p(x) − ELBO", color=PALETTE[0], ha="right", transform=middle.transAxes)
    middle.text(0.95, 0.8, "closed form − log p(x)", color=INK, ha="right", transform=middle.transAxes)
    middle.set(xlabel="step", title="both gaps close, nats", ylim=(1e-10, 1e5))
    W = model.params["decoder.W"]
    W = W[np.argsort(-np.linalg.norm(W, axis=1))]
    W = W * np.sign((W * solution.W).sum(axis=1, keepdims=True))  # order and sign are free
    rows = [row.reshape(8, 8) for row in (*W, *solution.W)]
    far = max(np.abs(row).max() for row in rows)
    page = np.full((18, 18), np.nan)
    for i, row in enumerate(rows):
        page[9 * (i // 2) : 9 * (i // 2) + 8, 9 * (i % 2) : 9 * (i % 2) + 8] = row
    right.imshow(page, cmap="PuOr", vmin=-far, vmax=far)
    without_axes(right)
    label_rows(right, ["learned", "closed\nform"], (8, 8))
    right.set_title("rows of W")
    return figure


# %%
if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(quick, folder="quick" if quick else "pictures")
